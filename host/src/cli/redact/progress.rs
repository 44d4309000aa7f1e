//! How far a long file is: a line on a terminal that is written over, and gone at the end.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::config::ByteSize;

/// How often it is written, at most.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a file has to take before it is worth a word.
const PATIENCE: Duration = Duration::from_millis(400);
/// The bar, in columns.
const BAR: u64 = 24;
/// Back to the beginning of the line, and nothing is left of it.
const CLEAR: &[u8] = b"\r\x1b[K";

/// One file on its way through.
pub(super) struct Progress<'a> {
    talk: Option<&'a mut (dyn Write + Send)>,
    file: String,
    size: u64,
    done: u64,
    begun: Instant,
    written: Option<Instant>,
}

impl<'a> Progress<'a> {
    /// Of a file of this size in bytes, told on `talk`; nobody is told without one.
    pub(super) fn new(talk: Option<&'a mut (dyn Write + Send)>, file: &str, size: u64) -> Self {
        let (file, begun) = (file.to_owned(), Instant::now());
        Self { talk, file, size, done: 0, begun, written: None }
    }

    /// Of something whose size nobody knows, or that nobody watches.
    pub(super) fn hidden() -> Self {
        Self::new(None, "", 0)
    }

    /// So many bytes more.
    pub(super) fn add(&mut self, bytes: u64) {
        self.done += bytes;
        let Some(talk) = &mut self.talk else { return };
        let now = Instant::now();
        let due = match self.written {
            Some(written) => now.duration_since(written) >= PAUSE,
            None => now.duration_since(self.begun) >= PATIENCE,
        };
        if due {
            self.written = Some(now);
            let line = line(&self.file, self.done, self.size, now.duration_since(self.begun));
            // That nobody listens is no failure.
            let _ = talk.write_all(CLEAR).and_then(|()| talk.write_all(line.as_bytes()));
            let _ = talk.flush();
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if let (Some(talk), Some(_)) = (&mut self.talk, self.written) {
            let _ = talk.write_all(CLEAR).and_then(|()| talk.flush());
        }
    }
}

/// `app.log ████████░░░░ 42 %, 1.2 GiB, 310 MB/s, 5 s left`.
fn line(file: &str, done: u64, size: u64, spent: Duration) -> String {
    // A file that grows meanwhile is never more than all of it.
    let size = size.max(done).max(1);
    let filled = usize::try_from(done * BAR / size).unwrap_or(0);
    let bar: String = (0..BAR as usize).map(|at| if at < filled { '█' } else { '░' }).collect();
    let rate = done as f64 / spent.as_secs_f64().max(1e-6);
    let left = ((size - done) as f64 / rate.max(1.0)).ceil();
    format!(
        "{file} {bar} {} %, {}, {:.0} MB/s, {left:.0} s left",
        done * 100 / size,
        ByteSize(done),
        rate / 1e6,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_how_far_how_fast_and_how_long() {
        let text = line("a.log", 50_000_000, 200_000_000, Duration::from_secs(1));
        assert!(text.starts_with("a.log ██████░░"), "{text}");
        assert!(
            text.contains("25 %") && text.contains("50 MB/s") && text.ends_with("3 s left"),
            "{text}"
        );
        let text = line("a.log", 10, 5, Duration::ZERO);
        assert!(text.contains("100 %") && text.ends_with("0 s left"), "{text}");
    }

    #[test]
    fn short_files_are_not_worth_a_word() {
        let mut talk = Vec::new();
        let mut progress = Progress::new(Some(&mut talk), "a.log", 10);
        progress.add(10);
        drop(progress);
        assert!(talk.is_empty());
    }

    #[test]
    fn nothing_is_left_of_it() {
        let mut talk = Vec::new();
        let mut progress = Progress::new(Some(&mut talk), "a.log", 10);
        progress.begun = Instant::now().checked_sub(PATIENCE * 2).unwrap_or_else(Instant::now);
        progress.add(5);
        drop(progress);
        assert!(talk.ends_with(CLEAR), "{talk:?}");
    }
}
