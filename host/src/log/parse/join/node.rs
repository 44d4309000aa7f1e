//! Stack traces of V8: Node, Deno, browsers.
//!
//! Uncaught errors print the source with a caret first; errors with properties print those in
//! braces behind the last frame; causes stand inside the braces.

use super::trace::{
    About, Before, Machine, Name, Start, Step, contains, digits, ends_with_line_and_column, indent,
    is_blank, is_omission,
};

/// How many lines a message may have before the first frame.
const MESSAGE_LINES: u8 = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The place was seen; lines of source so far.
    Excerpt(u8),
    /// The caret was seen.
    Caret,
    /// The error was seen, its frames were not: message lines so far.
    Message(u8),
    Frames {
        blank: bool,
    },
    /// Between the braces behind a frame.
    Properties,
}

/// Follows a stack trace.
#[derive(Debug)]
pub(super) struct Trace {
    state: State,
    certain: bool,
}

/// A frame, with the line before it.
pub(super) fn frames(before: &Before<'_>, line: &[u8]) -> Option<Start> {
    if !is_sure_frame(line) {
        return None;
    }
    let lines = before.last().is_some_and(|last| !is_blank(last));
    let mut trace = Trace { state: State::Frames { blank: false }, certain: true };
    trace.frame(line);
    Some(Start::strong(trace, usize::from(lines)))
}

/// `TypeError: message`, `Error [CODE]: message`, perhaps behind `Uncaught`.
pub(super) fn header(name: &Name<'_>) -> Option<Start> {
    let name = match name.line.strip_prefix(b"Uncaught ") {
        Some(rest) => Name::of(rest),
        None => *name,
    };
    let rest = &name.line[name.len..];
    let ends = rest.is_empty() || rest.starts_with(b": ") || rest.starts_with(b" [");
    let is_error = name.dot.is_none() && name.is_exception() && ends;
    is_error.then(|| Start::weak(Trace { state: State::Message(0), certain: false }))
}

/// `/srv/shop/orders.js:12`, the source on the lines that follow.
pub(super) fn excerpt(line: &[u8]) -> Option<Start> {
    let colon = line.iter().rposition(|&byte| byte == b':')?;
    let path = &line[..colon];
    let number = digits(&line[colon + 1..]);
    let is_place = number > 0
        && colon + 1 + number == line.len()
        && !path.contains(&b' ')
        && (path.starts_with(b"/") || path.starts_with(b"node:") || path.starts_with(b"file:///"));
    is_place.then(|| Start::weak(Trace { state: State::Excerpt(0), certain: false }))
}

/// A frame that cannot be anything else, for lines that nothing announced.
fn is_sure_frame(line: &[u8]) -> bool {
    let text = line.trim_ascii();
    let text = text.strip_suffix(b" {").unwrap_or(text);
    let place = |text: &[u8]| {
        let inside = text.strip_suffix(b")").unwrap_or(text);
        ends_with_line_and_column(inside.strip_suffix(b")").unwrap_or(inside))
            || [&b"(native)"[..], b"(<anonymous>)", b"(unknown location)"]
                .iter()
                .any(|end| text.ends_with(end))
    };
    let named = text.strip_prefix(b"at ").is_some_and(|call| !call.is_empty()) && place(text);
    let evaluated = text.starts_with(b"eval at ") && contains(text, b" (") && place(text);
    indent(line) > 0 && (named || evaluated)
}

/// A frame, once it is clear what this is.
fn is_frame(line: &[u8]) -> bool {
    let text = line.trim_ascii_start();
    text.len() < line.len()
        && (text.starts_with(b"at ") || is_omission(text) || is_sure_frame(line))
}

impl Trace {
    fn frame(&mut self, line: &[u8]) {
        self.certain = true;
        let opens = line.trim_ascii_end().ends_with(b" {");
        self.state = if opens { State::Properties } else { State::Frames { blank: false } };
    }
}

impl Machine for Trace {
    fn next(&mut self, line: &[u8], _: About) -> Step {
        match self.state {
            State::Excerpt(lines) => {
                let text = line.trim_ascii();
                let caret =
                    !text.is_empty() && text.iter().all(|byte| matches!(byte, b'^' | b'~' | b' '));
                if lines > 0 && caret {
                    self.state = State::Caret;
                } else if lines >= 3 {
                    return Step::Refuse;
                } else {
                    self.state = State::Excerpt(lines + 1);
                }
                Step::Take
            }
            State::Caret => {
                if is_blank(line) {
                    // Nothing else prints a place, a source, a caret and a blank line.
                    self.certain = true;
                    return Step::Take;
                }
                if !self.certain {
                    return Step::Refuse;
                }
                self.state = State::Message(0);
                Step::Take
            }
            State::Message(_) if is_sure_frame(line) || self.certain && is_frame(line) => {
                self.frame(line);
                Step::Take
            }
            State::Message(_) if line.starts_with(b"Node.js v") && self.certain => Step::Last,
            State::Message(lines) => {
                if lines >= MESSAGE_LINES {
                    return Step::Refuse;
                }
                self.state = State::Message(lines + 1);
                if self.certain { Step::Hold } else { Step::Take }
            }
            State::Frames { blank } => {
                if line.starts_with(b"Node.js v") && blank {
                    return Step::Last;
                }
                if blank {
                    return Step::Refuse;
                }
                if is_frame(line) {
                    self.frame(line);
                    return Step::Take;
                }
                if is_blank(line) {
                    self.state = State::Frames { blank: true };
                    return Step::Hold;
                }
                let more = line.starts_with(b"Emitted '")
                    || line == b"Thrown at:"
                    || line.starts_with(b"caused by: ");
                if more { Step::Take } else { Step::Refuse }
            }
            State::Properties => {
                if line.starts_with(b"}") {
                    self.state = State::Frames { blank: false };
                    return Step::Take;
                }
                if indent(line) > 0 || is_blank(line) { Step::Take } else { Step::Refuse }
            }
        }
    }

    fn is_certain(&self) -> bool {
        self.certain
    }

    fn is_complete(&self) -> bool {
        self.certain && self.state != State::Properties
    }

    fn language(&self) -> &'static str {
        "node"
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;

    #[test]
    fn an_uncaught_error_begins_with_its_source_and_ends_with_the_version() {
        check(
            "\
             = /srv/shop/orders.js:12\n\
             = function parse(o){ return o.amount.value; }\n\
             =                              ^\n\
             = \n\
             = TypeError: Cannot read properties of undefined\n\
             =     at parse (/srv/shop/orders.js:12:42)\n\
             =     at node:internal/main/run_main_module:28:49\n\
             = \n\
             = Node.js v20.20.2\n\
             - next\n",
        );
        check(
            "\
             = node:internal/process/promises:288\n\
             =             triggerUncaughtException(err, true /* fromPromise */);\n\
             =             ^\n\
             = \n\
             = [UnhandledPromiseRejection: This error originated] {\n\
             =   code: 'ERR_UNHANDLED_REJECTION'\n\
             = }\n\
             = \n\
             = Node.js v20.20.2\n",
        );
    }

    #[test]
    fn causes_and_properties_stay_in_their_braces() {
        check(
            "\
             - info order received\n\
             = charge failed PaymentError: could not charge\n\
             =     at Object.charge (/srv/shop/orders.js:18:107)\n\
             =     ... 5 lines matching cause stack trace ...\n\
             =     at node:internal/main/run_main_module:28:49 {\n\
             =   code: 'E_CHARGE',\n\
             =   [cause]: TypeError: Cannot read properties\n\
             =       at parse (/srv/shop/orders.js:12:48)\n\
             = }\n\
             - info done\n",
        );
    }

    #[test]
    fn a_message_of_several_lines_is_held_until_the_first_frame() {
        check(
            "\
             = AssertionError [ERR_ASSERTION]: Expected values to be equal:\n\
             = \n\
             = 1 !== 2\n\
             = \n\
             =     at Object.<anonymous> (/srv/a.js:1:8)\n\
             - next\n",
        );
    }

    #[test]
    fn what_only_looks_like_one_is_given_back() {
        check(
            "\
             - TypeError: handled\n\
             - one\n\
             - /srv/shop:12\n\
             - two\n\
             -   at 10:00 the job ends\n",
        );
    }
}
