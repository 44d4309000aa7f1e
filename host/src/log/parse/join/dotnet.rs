//! Stack traces of .NET and Mono, and the records of .NET's console logger.
//!
//! Inner exceptions stand in the first line behind an arrow, their frames come first.

use super::trace::{About, Before, Machine, Name, Start, Step, indent, is_blank};

/// How many lines a message may have before the first frame.
const MESSAGE_LINES: u8 = 12;
/// The console logger puts everything but the category this far in.
const CONSOLE_INDENT: usize = 6;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The exception was seen, its frames were not: message lines so far.
    Message(u8),
    Frames {
        blank: bool,
    },
    /// A record of the console logger.
    Console,
}

/// Follows a stack trace.
#[derive(Debug)]
pub(super) struct Trace {
    state: State,
    certain: bool,
}

/// A frame, with the line before it.
pub(super) fn frames(before: &Before<'_>, line: &[u8]) -> Option<Start> {
    if !is_frame(line) {
        return None;
    }
    let lines = before.last().is_some_and(|last| !is_blank(last));
    let state = State::Frames { blank: false };
    Some(Start::strong(Trace { state, certain: true }, usize::from(lines)))
}

/// `Unhandled exception. Namespace.Exception: message`, `Unhandled Exception:`.
pub(super) fn start(line: &[u8]) -> Option<Start> {
    let rest = line.strip_prefix(b"Unhandled ")?;
    let words = [&b"exception. "[..], b"exception: ", b"Exception: "]
        .iter()
        .any(|words| rest.starts_with(words));
    (words || rest.trim_ascii_end() == b"Exception:").then(message)
}

/// `Namespace.Exception: message`, perhaps with ` ---> ` and the inner one behind it.
pub(super) fn header(name: &Name<'_>) -> Option<Start> {
    let is_header = name.dot.is_some_and(|dot| dot > 0)
        && name.text().first().is_some_and(u8::is_ascii_uppercase)
        && name.last().ends_with(b"Exception")
        && (name.after.is_none() || name.line[name.len..].starts_with(b": "));
    is_header.then(message)
}

/// `info: Category[14]`, the message on the lines that follow.
pub(super) fn console(line: &[u8]) -> Option<Start> {
    // Looks at six letters before it looks at more.
    let level = matches!(line.get(..6)?, b"crit: " | b"dbug: " | b"info: " | b"warn: ");
    (level && is_category(&line[6..]))
        .then(|| Start::weak(Trace { state: State::Console, certain: false }))
}

/// As [`console`], for the severities that begin with a letter other languages use, too.
pub(super) fn console_failure(line: &[u8]) -> Option<Start> {
    let level = matches!(line.get(..6)?, b"fail: " | b"trce: ");
    (level && is_category(&line[6..]))
        .then(|| Start::weak(Trace { state: State::Console, certain: false }))
}

fn is_category(text: &[u8]) -> bool {
    text.ends_with(b"]") && !text.contains(&b' ') && text.contains(&b'[')
}

fn message() -> Start {
    Start::weak(Trace { state: State::Message(0), certain: false })
}

/// `   at Namespace.Class.Method(Type name) in file:line 12`, or Mono's
/// `  at Class.Method (Type name) [0x00000] in <file>:0`.
fn is_frame(line: &[u8]) -> bool {
    let text = line.trim_ascii();
    let Some(call) = text.strip_prefix(b"at ") else { return false };
    let Some(open) = call.iter().position(|&byte| byte == b'(') else { return false };
    let Some(close) = call.iter().rposition(|&byte| byte == b')') else { return false };
    let method = call[..open].trim_ascii_end();
    let rest = &call[(close + 1).max(open)..];
    let ends = rest.is_empty()
        || [&b" in "[..], b" [0x", b" <0x"].iter().any(|words| rest.starts_with(words))
        // A place with brackets of its own.
        || memchr::memmem::find(call, b") in ").is_some()
        || memchr::memmem::find(call, b") [0x").is_some();
    indent(line) > 0
        && open < close
        && ends
        && method.contains(&b'.')
        && !method.contains(&b' ') | method.contains(&b'[')
        && method
            .first()
            .is_some_and(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'<' | b'('))
}

fn is_separator(line: &[u8]) -> bool {
    line.trim_ascii().starts_with(b"--- End of ")
}

impl Machine for Trace {
    fn next(&mut self, line: &[u8], _: About) -> Step {
        if self.state == State::Console {
            let inside = indent(line) >= CONSOLE_INDENT && !is_blank(line);
            self.certain |= inside;
            return if inside { Step::Take } else { Step::Refuse };
        }
        let text = line.trim_ascii_start();
        if is_frame(line) || is_separator(line) {
            self.state = State::Frames { blank: false };
            self.certain = true;
            return Step::Take;
        }
        let inner = text.starts_with(b"---> ");
        match self.state {
            State::Message(lines) => {
                if lines >= MESSAGE_LINES {
                    return Step::Refuse;
                }
                self.state = State::Message(lines + 1);
                if self.certain { Step::Hold } else { Step::Take }
            }
            State::Frames { .. } if inner => {
                self.state = State::Message(0);
                Step::Take
            }
            State::Frames { blank: false } if is_blank(line) => {
                self.state = State::Frames { blank: true };
                Step::Hold
            }
            // Frames without a namespace, once it is clear what this is.
            State::Frames { blank: false }
                if text.len() < line.len() && text.starts_with(b"at ") && text.contains(&b'(') =>
            {
                Step::Take
            }
            State::Frames { .. } | State::Console => Step::Refuse,
        }
    }

    fn is_certain(&self) -> bool {
        self.certain
    }

    fn language(&self) -> &'static str {
        "dotnet"
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;

    #[test]
    fn inner_exceptions_and_separators_are_part_of_the_trace() {
        check(
            "\
             = Unhandled exception. Shop.PaymentException: could not charge\n\
             =  ---> System.FormatException: Input string was not\n\
             = in a correct format.\n\
             =    at Shop.Orders.Parse(String s) in /srv/Orders.cs:line 5\n\
             =    --- End of inner exception stack trace ---\n\
             =    at Shop.Orders.<View>d__2`1.MoveNext()\n\
             = --- End of stack trace from previous location ---\n\
             =    at Shop.Program.Main(String[] args)\n\
             - done\n",
        );
    }

    #[test]
    fn records_of_the_console_are_one() {
        check(
            "\
             = info: Shop.Orders[14]\n\
             =       order received\n\
             + fail: Shop.Orders[0]\n\
             +       charge failed\n\
             +       System.InvalidOperationException: no\n\
             +          at Shop.Orders.Charge() in /srv/Orders.cs:line 5\n\
             - info: that is all\n\
             -       not inside\n",
        );
    }

    #[test]
    fn what_only_looks_like_one_is_given_back() {
        check(
            "\
             - System.InvalidOperationException: handled\n\
             - next\n\
             -    at (noon)\n\
             -    at the. end (of it)\n",
        );
    }
}
