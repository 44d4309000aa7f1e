//! Stack traces of Java, Kotlin, Scala and their relatives, and the two-line records of
//! `java.util.logging`.

use super::trace::{About, Before, Machine, Name, Start, Step, digits, is_blank, is_omission};
use crate::log::parse::time;

/// How many lines a message may have before the first frame.
const MESSAGE_LINES: u8 = 12;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The exception was seen, its frames were not: message lines so far.
    Message(u8),
    Frames {
        blank: bool,
    },
    /// The first of two lines of `java.util.logging`.
    Level,
    /// The second of them; `grave` if an exception may follow.
    Logged {
        grave: bool,
    },
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

/// `Exception in thread "main" …`.
pub(super) fn start(line: &[u8]) -> Option<Start> {
    let rest = line.strip_prefix(b"Exception in thread \"")?;
    let end = rest.iter().position(|&byte| byte == b'"')?;
    rest.get(end + 1)?;
    Some(Start::weak(Trace { state: State::Message(0), certain: false }))
}

/// `package.Exception` or `package.Exception: message`.
pub(super) fn header(name: &Name<'_>) -> Option<Start> {
    is_header(name).then(|| Start::weak(Trace { state: State::Message(0), certain: false }))
}

/// `Jul 09, 2015 3:23:29 PM class method`, and the level on the next line.
pub(super) fn util_logging(line: &[u8]) -> Option<Start> {
    let (_, len) = time::take_named(line)?;
    let half = matches!(line.get(len - 2..len)?, b"AM" | b"PM");
    let place = line[len..].trim_ascii();
    let named = !place.is_empty() && place.len() < 300 && !place.contains(&b':');
    (half && named).then(|| Start::weak(Trace { state: State::Level, certain: false }))
}

fn is_header(name: &Name<'_>) -> bool {
    name.dot.is_some_and(|dot| dot > 0)
        && name.text().first().is_some_and(u8::is_ascii_lowercase)
        && name.is_exception()
        && (name.after.is_none() || name.after == Some(b':'))
}

/// `\tat package.Class.method(File.java:12)`, perhaps with the archive behind it.
fn is_frame(line: &[u8]) -> bool {
    let text = line.trim_ascii_start();
    let Some(call) = text.strip_prefix(b"at ") else { return false };
    if text.len() == line.len() {
        return false;
    }
    let Some(open) = call.iter().position(|&byte| byte == b'(') else { return false };
    let Some(len) = call[open..].iter().position(|&byte| byte == b')') else { return false };
    let method = &call[..open];
    let place = &call[open + 1..open + len];
    let rest = call[open + len + 1..].trim_ascii();
    let archive = rest.is_empty() || rest.starts_with(b"~[") || rest.starts_with(b"[");
    archive
        && method.contains(&b'.')
        && method.iter().all(|byte| {
            byte.is_ascii_alphanumeric()
                || matches!(
                    byte,
                    b'.' | b'_' | b'$' | b'<' | b'>' | b'/' | b'@' | b'-' | b'~' | b'+'
                )
                || *byte >= 0x80
        })
        && is_location(place)
}

/// What stands in the brackets of a frame.
fn is_location(place: &[u8]) -> bool {
    if matches!(
        place,
        b"Native Method" | b"Unknown Source" | b"<generated>" | b"<eval>" | b"Redefined"
    ) {
        return true;
    }
    let file = match place.iter().rposition(|&byte| byte == b':') {
        Some(colon) if digits(&place[colon + 1..]) == place.len() - colon - 1 => &place[..colon],
        Some(_) => return false,
        None => place,
    };
    !file.is_empty()
        && file.iter().all(|byte| {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b'.' | b'_' | b'$' | b'-')
                || *byte >= 0x80
        })
        && (file.contains(&b'.') || file.len() < place.len())
}

impl Machine for Trace {
    fn next(&mut self, line: &[u8], _: About) -> Step {
        let text = line.trim_ascii();
        if is_frame(line) || is_omission(text) && text.len() < line.len() {
            if self.state == State::Level {
                return Step::Refuse;
            }
            self.state = State::Frames { blank: false };
            self.certain = true;
            return Step::Take;
        }
        let chained = [&b"Caused by: "[..], b"Suppressed: ", b"Wrapped by: "]
            .iter()
            .any(|words| text.starts_with(words));
        match self.state {
            State::Message(lines) => {
                if lines >= MESSAGE_LINES {
                    return Step::Refuse;
                }
                self.state = State::Message(lines + 1);
                // What is not certain yet can be given back whole.
                if self.certain { Step::Hold } else { Step::Take }
            }
            State::Frames { .. } if chained => {
                self.state = State::Message(0);
                Step::Take
            }
            State::Frames { blank: false } if is_blank(line) => {
                self.state = State::Frames { blank: true };
                Step::Hold
            }
            State::Frames { blank } => {
                let belongs = text.starts_with(b"[CIRCULAR REFERENCE")
                    || text.len() < line.len()
                        && (text.starts_with(b"- locked <") || text.starts_with(b"- waiting "));
                if belongs && !blank { Step::Take } else { Step::Refuse }
            }
            State::Level => {
                let len = text.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
                let levels: [&[u8]; 7] =
                    [b"SEVERE", b"WARNING", b"INFO", b"CONFIG", b"FINE", b"FINER", b"FINEST"];
                if !levels.contains(&&text[..len]) || !text[len..].starts_with(b":") {
                    return Step::Refuse;
                }
                self.state =
                    State::Logged { grave: matches!(&text[..len], b"SEVERE" | b"WARNING") };
                self.certain = true;
                Step::Take
            }
            State::Logged { grave } => {
                if !grave || !is_header(&Name::of(line)) {
                    return Step::Refuse;
                }
                self.state = State::Message(0);
                Step::Hold
            }
        }
    }

    fn is_certain(&self) -> bool {
        self.certain
    }

    fn language(&self) -> &'static str {
        "java"
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;

    #[test]
    fn causes_and_suppressed_ones_are_part_of_the_trace() {
        check(
            "\
             = Exception in thread \"main\" shop.PaymentException: could not charge\n\
             = \tat shop.App.view(App.java:7)\n\
             = \tat java.base/java.lang.Thread.run(Thread.java:840) ~[shop.jar:1.2]\n\
             = \tSuppressed: java.lang.IllegalStateException: close failed\n\
             = \t\tat shop.App$Res.close(App.java:8)\n\
             = \t\t... 1 more\n\
             = Caused by: shop.DataException: two lines\n\
             = of message\n\
             = \tat shop.App.read(Unknown Source)\n\
             = \t... 2 common frames omitted\n\
             = Caused by: java.io.IOException\n\
             - single line\n",
        );
    }

    #[test]
    fn a_message_of_several_lines_is_held_until_the_first_frame() {
        check(
            "\
             = java.lang.RuntimeException: Invalid Addresses;\n\
             =   nested exception is:\n\
             = com.sun.mail.smtp.SMTPAddressFailedException: 550\n\
             = \n\
             = \tat shop.Mail.send(Mail.java:236)\n\
             - next\n",
        );
    }

    #[test]
    fn what_only_looks_like_one_is_given_back_line_by_line() {
        check(
            "\
             - java.lang.NullPointerException: handled\n\
             - one\n\
             - two\n\
             - 2026-11-22 07:34:03 INFO done\n\
             -   at 09:00 the job starts\n\
             -   at the end (of time)\n\
             -   at home.\n",
        );
    }

    #[test]
    fn the_line_of_the_logger_leads_it_across_one_blank_line() {
        check(
            "\
             - 2026-11-22 07:36:01.113  INFO 1 --- [exec-1] c.e.Orders : received\n\
             = 2026-11-22 07:36:01.120 ERROR 1 --- [exec-1] o.a.c.C : Servlet.service() threw\n\
             = \n\
             = java.lang.NumberFormatException: For input string: \"12,50\"\n\
             = \tat java.base/java.lang.Integer.parseInt(Integer.java:668)\n\
             - 2026-11-22 07:36:01.130  INFO 1 --- [exec-1] c.e.Orders : done\n",
        );
    }

    #[test]
    fn two_line_records_are_one() {
        check(
            "\
             = Jul 09, 2015 3:23:29 PM shop.Orders charge\n\
             = SEVERE: charge failed\n\
             = java.lang.IllegalStateException: no\n\
             = \tat shop.Orders.charge(Orders.java:5)\n\
             + Jul 09, 2015 3:23:30 PM shop.Orders charge\n\
             + INFO: done\n\
             - Jul 09, 2015 3:23:30 PM is late\n",
        );
        check(
            "\
             = Jul 09, 2015 3:23:29 PM shop.Orders charge\n\
             = INFO: done\n\
             + java.lang.IllegalStateException: printed by somebody else\n\
             + \tat shop.Orders.charge(Orders.java:5)\n",
        );
    }
}
