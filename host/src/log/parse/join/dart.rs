//! Unhandled exceptions of Dart.

use super::trace::{About, Before, Machine, Start, Step, digits, is_blank};

/// How many lines a message may have before the first frame.
const MESSAGE_LINES: u8 = 12;

/// Follows a stack trace.
#[derive(Debug)]
pub(super) struct Trace {
    /// Lines of the message so far; `None` once a frame was seen.
    message: Option<u8>,
}

/// `Unhandled exception:`, the error on the lines that follow.
pub(super) fn start(line: &[u8]) -> Option<Start> {
    let unhandled = line.trim_ascii_end() == b"Unhandled exception:";
    unhandled.then(|| Start::weak(Trace { message: Some(0) }))
}

/// The first frame, with the line before it.
pub(super) fn frames(before: &Before<'_>, line: &[u8]) -> Option<Start> {
    let lines = before.last().is_some_and(|last| !is_blank(last));
    let first = line.starts_with(b"#0  ") && is_frame(line);
    first.then(|| Start::strong(Trace { message: None }, usize::from(lines)))
}

/// `#0      function (file:///a.dart:15:20)`.
fn is_frame(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"#") else { return false };
    let len = digits(rest);
    len > 0 && rest[len..].starts_with(b"  ") && line.ends_with(b")") && line.contains(&b'(')
}

impl Machine for Trace {
    fn next(&mut self, line: &[u8], _: About) -> Step {
        if is_frame(line) {
            self.message = None;
            return Step::Take;
        }
        match &mut self.message {
            Some(lines) if *lines < MESSAGE_LINES => {
                *lines += 1;
                Step::Take
            }
            None if line == b"<asynchronous suspension>" => Step::Take,
            _ => Step::Refuse,
        }
    }

    fn is_certain(&self) -> bool {
        self.message.is_none()
    }

    fn is_complete(&self) -> bool {
        self.message.is_none()
    }

    fn language(&self) -> &'static str {
        "dart"
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;

    #[test]
    fn message_frames_and_suspensions_are_one_record() {
        check(
            "\
             = Unhandled exception:\n\
             = FormatException: Invalid base64 data (at line 3, character 8)\n\
             = this is not valid\n\
             =        ^\n\
             = \n\
             = #0      main.<anonymous closure> (file:///path/dartFile.dart:24:20)\n\
             = <asynchronous suspension>\n\
             = #1      _startIsolate.<anonymous closure> (dart:isolate-patch/isolate_patch.dart:265)\n\
             - next\n",
        );
    }
}
