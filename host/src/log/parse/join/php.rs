//! Uncaught exceptions of PHP, and what Monolog and Laravel make of them.

use super::trace::{About, Before, Machine, Start, Step, contains, digits, is_blank};

/// How many lines a message may have before `Stack trace:`.
const MESSAGE_LINES: u8 = 12;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The exception was seen, `Stack trace:` was not: message lines so far.
    Message(u8),
    Frames,
    /// `#1 {main}` was seen; a blank line may have been held.
    Main {
        blank: bool,
    },
    /// The numbered list of xdebug.
    List,
}

/// Follows a stack trace.
#[derive(Debug)]
pub(super) struct Trace {
    state: State,
    certain: bool,
}

/// `PHP Fatal error:  Uncaught Type: message`.
pub(super) fn header(line: &[u8]) -> Option<Start> {
    let text = line.strip_prefix(b"PHP ").unwrap_or(line);
    let uncaught = text.starts_with(b"Fatal error: ") && contains(text, b"Uncaught ");
    uncaught.then(|| Start::weak(Trace { state: State::Message(0), certain: false }))
}

/// `Stack trace:`, `[stacktrace]` or the first frame, with the line before it.
pub(super) fn frames(before: &Before<'_>, line: &[u8]) -> Option<Start> {
    let lines = before.last().is_some_and(|last| !is_blank(last));
    if matches!(line, b"Stack trace:" | b"[stacktrace]") && lines {
        return Some(Start::strong(Trace { state: State::Frames, certain: false }, 1));
    }
    if line == b"PHP Stack trace:" && lines {
        return Some(Start::strong(Trace { state: State::List, certain: false }, 1));
    }
    let first = line.starts_with(b"#0 ") && is_frame(line) && !line.starts_with(b"#0  ");
    first.then(|| Start::strong(Trace { state: State::Frames, certain: true }, usize::from(lines)))
}

/// `#0 /srv/a.php(5): call()`, `#1 [internal function]: call()`, `#2 {main}`.
fn is_frame(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"#") else { return false };
    let len = digits(rest);
    let Some(place) = rest[len..].strip_prefix(b" ") else { return false };
    len > 0
        && (place.starts_with(b"{main}")
            || place.starts_with(b"[internal function]")
            || contains(place, b"): "))
}

impl Machine for Trace {
    fn next(&mut self, line: &[u8], _: About) -> Step {
        match self.state {
            State::Message(lines) => {
                if line == b"Stack trace:" {
                    self.state = State::Frames;
                    self.certain = true;
                    return Step::Take;
                }
                if lines >= MESSAGE_LINES {
                    return Step::Refuse;
                }
                self.state = State::Message(lines + 1);
                if self.certain { Step::Hold } else { Step::Take }
            }
            State::Frames | State::Main { .. } => {
                if is_frame(line) {
                    self.certain = true;
                    let main = contains(line, b" {main}");
                    self.state = if main { State::Main { blank: false } } else { State::Frames };
                    return Step::Take;
                }
                if !self.certain {
                    return Step::Refuse;
                }
                if line.starts_with(b"  thrown in ") || line.starts_with(b"\"} ") || line == b"\"}"
                {
                    return Step::Last;
                }
                let blank = self.state == State::Main { blank: true };
                if is_blank(line) && !blank {
                    self.state = State::Main { blank: true };
                    return Step::Hold;
                }
                let next = blank && line.starts_with(b"Next ")
                    || line.starts_with(b"[previous exception] ");
                if next {
                    self.state = State::Message(0);
                    return Step::Take;
                }
                let again = matches!(line, b"[stacktrace]" | b"Stack trace:");
                if again && !blank { Step::Take } else { Step::Refuse }
            }
            State::List => {
                let listed =
                    line.strip_prefix(b"PHP ").map(<[u8]>::trim_ascii_start).is_some_and(|rest| {
                        let len = digits(rest);
                        len > 0 && rest[len..].starts_with(b". ")
                    });
                self.certain |= listed;
                if listed { Step::Take } else { Step::Refuse }
            }
        }
    }

    fn is_certain(&self) -> bool {
        self.certain
    }

    fn language(&self) -> &'static str {
        "php"
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;

    #[test]
    fn the_outer_exception_is_printed_last() {
        check(
            "\
             = PHP Fatal error:  Uncaught InvalidArgumentException: invalid amount\n\
             = of two lines in /srv/shop/orders.php:4\n\
             = Stack trace:\n\
             = #0 /srv/shop/orders.php(5): parseAmount('12,50')\n\
             = #1 {main}\n\
             = \n\
             = Next PaymentError: could not charge in /srv/shop/orders.php:6\n\
             = Stack trace:\n\
             = #0 [internal function]: Orders->view(Array)\n\
             = #1 {main}\n\
             =   thrown in /srv/shop/orders.php on line 6\n\
             - next\n",
        );
    }

    #[test]
    fn loggers_put_it_into_their_context() {
        check(
            "\
             = [2026-11-22 07:34:03] app.ERROR: failed {\"exception\":\"[object] (Exception(code: 0): failed at /srv/a.php:5)\n\
             = [stacktrace]\n\
             = #0 /srv/a.php(9): run()\n\
             = #1 {main}\n\
             = \"} \n\
             - [2026-11-22 07:34:04] app.INFO: done\n",
        );
        check(
            "\
             = [22-Nov-2026 07:34:03 UTC] PHP Fatal error:  Uncaught Exception: no in /srv/a.php:5\n\
             = Stack trace:\n\
             = #0 {main}\n\
             =   thrown in /srv/a.php on line 5\n\
             - [22-Nov-2026 07:34:04 UTC] PHP Warning:  odd\n",
        );
    }

    #[test]
    fn one_line_is_one_record() {
        check(
            "\
             - PHP Warning:  Undefined array key \"missing\" in /srv/a.php on line 18\n\
             - Stack trace:\n\
             - #1 on the list\n\
             - # comment\n",
        );
    }
}
