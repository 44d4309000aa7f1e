//! Standard output and standard error of a guest: cut into lines, each one a record.
//!
//! A line that is longer than a record may be is cut there and its rest is dropped. The
//! beginning of a line waits for its end, at most until the next call or the end of the
//! instance. What a Rust guest prints as it panics is kept for the text of the trap.

use crate::filter::Severity;
use crate::plugin::imports::MAX_MESSAGE;
use crate::plugin::sandbox::{Sandbox, Stage};

/// Longest text that is kept of a panic, in bytes.
const MAX_PANIC: usize = 1024;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Error,
}

impl Stream {
    fn name(self) -> &'static str {
        match self {
            Self::Out => "stdout",
            Self::Error => "stderr",
        }
    }

    fn severity(self) -> Severity {
        match self {
            Self::Out => Severity::Info,
            Self::Error => Severity::Warn,
        }
    }
}

/// The lines of both streams that are not complete yet.
#[derive(Debug, Default)]
pub struct Output {
    out: Line,
    error: Line,
}

impl Output {
    fn line(&mut self, stream: Stream) -> &mut Line {
        match stream {
            Stream::Out => &mut self.out,
            Stream::Error => &mut self.error,
        }
    }
}

/// The beginning of a line.
#[derive(Debug, Default)]
struct Line {
    bytes: Vec<u8>,
}

impl Line {
    /// Takes bytes in and hands out the lines that are complete with them.
    fn push(&mut self, bytes: &[u8], mut complete: impl FnMut(&[u8])) {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            let (text, ends) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            let room = MAX_MESSAGE.saturating_sub(self.bytes.len());
            self.bytes.extend_from_slice(&text[..text.len().min(room)]);
            if ends {
                self.finish(&mut complete);
            }
        }
    }

    /// Hands out what there is, unless it is nothing.
    fn finish(&mut self, mut complete: impl FnMut(&[u8])) {
        let line = self.bytes.strip_suffix(b"\r").unwrap_or(&self.bytes);
        if !line.is_empty() {
            complete(line);
        }
        self.bytes.clear();
    }
}

impl Sandbox {
    /// Takes what a guest printed.
    pub(super) fn print(&mut self, stream: Stream, bytes: &[u8]) {
        let mut lines = Vec::new();
        self.output.line(stream).push(bytes, |line| lines.push(text(line)));
        for line in lines {
            self.printed(stream, line);
        }
    }

    /// Writes down the lines that were begun and never ended.
    pub fn finish_output(&mut self) {
        for stream in [Stream::Out, Stream::Error] {
            let mut last = None;
            self.output.line(stream).finish(|line| last = Some(text(line)));
            if let Some(line) = last {
                self.printed(stream, line);
            }
        }
    }

    fn printed(&mut self, stream: Stream, line: String) {
        if stream == Stream::Error {
            self.watch_for_panic(&line);
        }
        // Whoever describes itself has no effect on anything.
        if self.stage != Stage::Describing {
            let attributes = vec![("log.iostream".to_owned(), stream.name().into())];
            self.record(stream.severity(), line, attributes);
        }
    }

    /// The standard library says where on one line, and what on those after it.
    fn watch_for_panic(&mut self, line: &str) {
        let text = match self.take_panic() {
            None => match line.find("panicked at ") {
                Some(at) => line[at..].to_owned(),
                None => return,
            },
            Some(begun) if line.starts_with("note: ") || begun.len() > MAX_PANIC => begun,
            Some(begun) if begun.ends_with(':') => format!("{begun} {line}"),
            Some(begun) => format!("{begun}; {line}"),
        };
        self.note_panic(text);
    }
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(pieces: &[&[u8]]) -> Vec<String> {
        let (mut line, mut found) = (Line::default(), Vec::new());
        for piece in pieces {
            line.push(piece, |line| found.push(text(line)));
        }
        line.finish(|line| found.push(text(line)));
        found
    }

    #[test]
    fn output_becomes_lines_wherever_it_is_cut() {
        assert_eq!(lines(&[b"one\ntw", b"o\r\n\nthree"]), ["one", "two", "three"]);
        assert_eq!(lines(&[b"", b"\n\n"]), [""; 0], "an empty line says nothing");
        assert_eq!(lines(&[b"\xff\n"]), ["\u{fffd}"]);
    }

    #[test]
    fn a_line_without_end_is_cut_and_its_rest_dropped() {
        let long = vec![b'a'; 3 * MAX_MESSAGE];
        let found = lines(&[&long, &long, b"b\nnext\n"]);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].len(), MAX_MESSAGE);
        assert_eq!(found[1], "next");
    }

    proptest! {
        #[test]
        fn the_cuts_do_not_matter(text in "[ab\n\r]{0,40}", cut in 0usize..40) {
            let cut = cut.min(text.len());
            let whole = lines(&[text.as_bytes()]);
            prop_assert_eq!(whole, lines(&[&text.as_bytes()[..cut], &text.as_bytes()[cut..]]));
        }
    }
}
