//! Panics of Rust, with a backtrace or without, and the reports of anyhow.

use super::trace::{About, Before, Machine, Start, Step, contains, digits, indent, is_blank};

/// How many lines a message may have before the note or the backtrace.
const MESSAGE_LINES: u8 = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The place was seen; message lines so far, and whether some of them are held.
    Message {
        lines: u8,
        held: bool,
    },
    Frames,
    /// The causes of a report.
    Causes {
        blank: bool,
    },
}

/// Follows a panic.
#[derive(Debug)]
pub(super) struct Panic {
    state: State,
    certain: bool,
}

/// `thread 'main' panicked at src/main.rs:4:77:`, with the number of the thread or without.
pub(super) fn start(line: &[u8]) -> Option<Start> {
    let rest = line.strip_prefix(b"thread '")?;
    let at = memchr::memmem::find(rest, b" panicked at ")?;
    contains(&rest[..at], b"'").then(|| {
        // Until 1.72 the message stood in quotes before the place.
        let old = rest[at + 13..].starts_with(b"'");
        Start::strong(
            Panic { state: State::Message { lines: u8::from(old), held: false }, certain: old },
            0,
        )
    })
}

/// `Caused by:` below `Error: …` and a blank line.
pub(super) fn causes(before: &Before<'_>, line: &[u8]) -> Option<Start> {
    if line != b"Caused by:" {
        return None;
    }
    let error = before.iter().rposition(|line| line.starts_with(b"Error: "))?;
    let lines = before.len() - error;
    let trace = Panic { state: State::Causes { blank: false }, certain: false };
    (lines <= 4 && is_blank(before.last()?)).then(|| Start::strong(trace, lines))
}

/// Whether `line` is the first of the two lines of a frame.
pub(super) fn is_numbered(line: &[u8]) -> bool {
    indent(line) > 0 && is_frame(line.trim_ascii_start())
}

/// `   4: crate::function`, or with an address behind the number.
fn is_frame(text: &[u8]) -> bool {
    let len = digits(text);
    len > 0 && text[len..].starts_with(b": ")
}

impl Machine for Panic {
    fn next(&mut self, line: &[u8], _: About) -> Step {
        let text = line.trim_ascii_start();
        match self.state {
            State::Message { lines, held } => {
                if line.starts_with(b"note: ") && lines > 0 {
                    return Step::Last;
                }
                if line == b"stack backtrace:" {
                    self.state = State::Frames;
                    self.certain = true;
                    return Step::Take;
                }
                // Only the first panic of a process ends with a note.
                if lines >= MESSAGE_LINES || start(line).is_some() {
                    return Step::Refuse;
                }
                self.state = State::Message { lines: lines + 1, held };
                if lines == 0 {
                    self.certain = true;
                    return Step::Take;
                }
                // `  left: 1` and the like.
                if !held && indent(line) > 0 && !is_blank(line) {
                    return Step::Take;
                }
                self.state = State::Message { lines: lines + 1, held: true };
                Step::Hold
            }
            State::Frames => {
                if line.starts_with(b"note: ") {
                    return Step::Last;
                }
                let frame = indent(line) > 0
                    && (is_frame(text) || text.starts_with(b"at ") || text.starts_with(b"["));
                if frame { Step::Take } else { Step::Refuse }
            }
            State::Causes { blank } => {
                if line == b"Stack backtrace:" && blank {
                    self.state = State::Frames;
                    return Step::Take;
                }
                if blank {
                    return Step::Refuse;
                }
                if is_blank(line) {
                    self.state = State::Causes { blank: true };
                    return Step::Hold;
                }
                if indent(line) >= 4 {
                    self.certain = true;
                    return Step::Take;
                }
                Step::Refuse
            }
        }
    }

    fn is_certain(&self) -> bool {
        self.certain
    }

    fn language(&self) -> &'static str {
        "rust"
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;

    #[test]
    fn a_panic_ends_with_its_note() {
        check(
            "\
             = thread 'main' (10619) panicked at src/main.rs:4:77:\n\
             = assertion `left == right` failed\n\
             =   left: 1\n\
             =  right: 2\n\
             = stack backtrace:\n\
             =    0: shop::main\n\
             =              at ./src/main.rs:12:82\n\
             = note: Some details are omitted\n\
             - next\n",
        );
        check(
            "\
             = thread 'worker' panicked at src/main.rs:4:77:\n\
             = first line\n\
             = second line\n\
             = note: run with `RUST_BACKTRACE=1`\n\
             - next\n",
        );
    }

    #[test]
    fn without_a_note_the_message_is_one_line() {
        check(
            "\
             = thread 'main' panicked at 'no', src/main.rs:4:5\n\
             - next\n",
        );
        check(
            "\
             = thread 'main' panicked at src/main.rs:4:5:\n\
             = no\n\
             - next\n\
             - more\n",
        );
    }

    #[test]
    fn panics_one_after_the_other_stay_apart() {
        check(
            "\
             = thread 'a' panicked at src/main.rs:4:77:\n\
             = multi\n\
             - line\n\
             - \n\
             + thread 'b' panicked at src/main.rs:5:77:\n\
             + assertion failed\n\
             +   left: 1\n\
             + stack backtrace:\n\
             +    0: shop::main\n\
             +              at ./src/main.rs:12:82\n\
             + note: Some details are omitted\n",
        );
        check(
            "\
             -    0: shop::main\n\
             -              at ./src/main.rs:12:82\n",
        );
    }

    #[test]
    fn reports_of_anyhow_are_one() {
        check(
            "\
             = Error: could not charge order 1841\n\
             = \n\
             = Caused by:\n\
             =     0: invalid amount\n\
             =     1: invalid digit found in string\n\
             = \n\
             = Stack backtrace:\n\
             =    0: shop::charge\n\
             =              at ./src/main.rs:12:82\n\
             - next\n",
        );
        check(
            "\
             - Error: could not charge\n\
             - \n\
             - next\n",
        );
    }
}
