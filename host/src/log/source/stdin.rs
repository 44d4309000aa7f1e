//! The standard input as a source of lines, for `tamis logs` at the end of a pipe.
//!
//! It is read on a thread of its own, since a read that waits cannot be called off; the
//! thread ends with the input, or with the process. The input is patient: when the corridor
//! has no room, nothing is read, and whoever writes has to wait.

use std::io::{self, Read};

use tokio::sync::mpsc;

use super::LineIntake;
use super::lines::{Lines, Stream};
use crate::log::Clock;

/// How much is read at once, in bytes.
const READ: usize = 64 * 1024;

/// Reads `input` to its end and passes its lines on; then the source has ended.
///
/// Dropping the future leaves the thread waiting for input, with at most three reads that were
/// not passed on.
///
/// # Errors
///
/// When no thread can be started, or reading fails; what was read before is passed on.
pub async fn read(
    input: impl Read + Send + 'static,
    intake: LineIntake,
    clock: Clock,
) -> io::Result<()> {
    let (sender, mut received) = mpsc::channel(2);
    std::thread::Builder::new().name("log-stdin".into()).spawn(move || pump(input, &sender))?;
    let mut lines = Lines::new(Stream::Only);
    let mut chunks = Vec::new();
    let mut result = Ok(());
    while let Some(read) = received.recv().await {
        match read {
            Ok(bytes) => {
                let bytes: Vec<u8> = bytes;
                lines.push(&bytes, clock.now(), |chunk| chunks.push(chunk));
            }
            Err(error) => result = Err(error),
        }
        for chunk in chunks.drain(..) {
            intake.push(chunk).await;
        }
    }
    lines.finish(clock.now(), |chunk| chunks.push(chunk));
    for chunk in chunks {
        intake.push(chunk).await;
    }
    result
}

fn pump(mut input: impl Read, sender: &mpsc::Sender<io::Result<Vec<u8>>>) {
    let mut buffer = vec![0; READ];
    loop {
        let read = match input.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => Ok(buffer[..count].to_vec()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let failed = read.is_err();
        // Nobody takes it: the process is about to end.
        if sender.blocking_send(read).is_err() || failed {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use super::*;
    use crate::filter::queue::Bound;
    use crate::log::ledger::Balance;
    use crate::log::source::{Inlet, Item, Wait};

    fn inlet(items: usize) -> Arc<Inlet> {
        Arc::new(Inlet::new("stdin".into(), Wait::Endless, Bound { items, weight: 1 << 24 }))
    }

    async fn texts(inlet: &Inlet) -> String {
        let mut text = Vec::new();
        while let Some(Item::Chunk(chunk, _)) = inlet.queue.pop().await {
            text.extend(chunk.bytes);
        }
        String::from_utf8(text).unwrap()
    }

    #[tokio::test]
    async fn it_is_read_to_its_end_and_the_last_line_needs_none() {
        let inlet = inlet(100);
        let intake = LineIntake::new(Arc::clone(&inlet));
        read(&b"one\ntwo\nthree"[..], intake, Clock::fixed(5)).await.unwrap();
        assert_eq!(inlet.snapshot().lines.received, 3);
        assert_eq!(texts(&inlet).await, "one\ntwo\nthree");
    }

    #[tokio::test]
    async fn whoever_writes_waits_when_there_is_no_room() {
        let inlet = inlet(1);
        let intake = LineIntake::new(Arc::clone(&inlet));
        let (reader, mut writer) = io::pipe().unwrap();
        let line = "x".repeat(999);
        let writing = std::thread::spawn(move || {
            for _ in 0..5000 {
                writeln!(writer, "{line}").unwrap();
            }
        });
        let (done, text) = tokio::join!(read(reader, intake, Clock::fixed(5)), texts(&inlet));
        done.unwrap();
        writing.join().unwrap();
        assert_eq!(text.len(), 5_000_000);
        let lines = inlet.snapshot().lines;
        assert_eq!(
            lines,
            Balance { received: 5000, inside: 5000, ..Balance::default() },
            "none is lost"
        );
    }

    #[tokio::test]
    async fn an_input_that_fails_is_passed_on_up_to_there() {
        struct Failing(bool);
        impl Read for Failing {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                if std::mem::replace(&mut self.0, true) {
                    return Err(io::Error::other("gone"));
                }
                buffer[..4].copy_from_slice(b"one\n");
                Ok(4)
            }
        }
        let inlet = inlet(100);
        let error =
            read(Failing(false), LineIntake::new(Arc::clone(&inlet)), Clock::fixed(5)).await;
        assert_eq!(error.unwrap_err().to_string(), "gone");
        assert_eq!(texts(&inlet).await, "one\n");
    }
}
