//! Backtraces of Ruby and Rails.

use super::trace::{
    About, Before, Machine, Start, Step, contains, digits, indent, is_blank, is_omission,
};
use crate::filter::value::Severity;
use crate::log::parse::layout;

/// How many lines may stand between the message and the first frame.
const MESSAGE_LINES: u8 = 12;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The error was seen, its frames were not: lines so far.
    Message(u8),
    /// `from` in front of each frame.
    From,
    /// Frames with nothing in front.
    Bare { blank: bool },
}

/// Follows a backtrace.
#[derive(Debug)]
pub(super) struct Backtrace {
    state: State,
    certain: bool,
}

/// ``file.rb:8:in `method': message (Type)``, or a frame alone with the line before it.
pub(super) fn start(before: &Before<'_>, line: &[u8]) -> Option<Start> {
    let rest = place(line)?;
    if rest.starts_with(b": ") {
        return Some(Start::weak(Backtrace { state: State::Message(0), certain: false }));
    }
    bare(before, rest)
}

/// A frame of Rails, which is indented, with the line before it.
pub(super) fn indented(before: &Before<'_>, line: &[u8]) -> Option<Start> {
    let text = line.trim_ascii_start();
    if text.first().is_some_and(u8::is_ascii_uppercase) {
        return rails(text);
    }
    bare(before, place(text)?)
}

/// `NoMethodError (undefined method):`, the frames on the lines that follow.
pub(super) fn rails(line: &[u8]) -> Option<Start> {
    let rest = line.trim_ascii_end().strip_suffix(b"):")?;
    let open = memchr::memmem::find(rest, b" (")?;
    let name = &rest[..open];
    let is_class = name.first()?.is_ascii_uppercase()
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':'))
        && [&b"Error"[..], b"Exception", b"NotFound", b"Invalid", b"Missing", b"Timeout"]
            .iter()
            .any(|end| name.ends_with(end));
    is_class.then(|| Start::weak(Backtrace { state: State::Message(0), certain: false }))
}

fn bare(before: &Before<'_>, rest: &[u8]) -> Option<Start> {
    if !rest.is_empty() {
        return None;
    }
    let last = *before.last()?;
    // The line before is the message unless it says that all is well.
    let mild = layout::read(last)
        .is_some_and(|head| head.severity.is_some_and(|severity| severity < Severity::Warn));
    let lines = usize::from(!is_blank(last) && !mild);
    Some(Start::strong(Backtrace { state: State::Bare { blank: false }, certain: true }, lines))
}

/// What follows ``file.rb:8:in `method'``.
fn place(line: &[u8]) -> Option<&[u8]> {
    let at = memchr::memmem::find(line, b":in ")?;
    let number = line[..at].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let colon = at.checked_sub(number + 1)?;
    if number == 0 || line[colon] != b':' || colon == 0 {
        return None;
    }
    let quoted = &line[at + 4..];
    if !matches!(quoted.first()?, b'`' | b'\'') {
        return None;
    }
    let end = quoted[1..].iter().position(|&byte| byte == b'\'')?;
    Some(&quoted[end + 2..])
}

/// A place without a method: `config.ru:3`.
fn is_short_place(text: &[u8]) -> bool {
    memchr::memmem::find(text, b".rb:").is_some_and(|at| {
        let number = digits(&text[at + 4..]);
        number > 0 && at + 4 + number == text.len()
    })
}

impl Machine for Backtrace {
    fn next(&mut self, line: &[u8], _: About) -> Step {
        let text = line.trim_ascii();
        let from = indent(line) > 0
            && text
                .strip_prefix(b"from ")
                .is_some_and(|rest| place(rest).is_some() || is_short_place(rest));
        match self.state {
            State::Message(lines) => {
                if from {
                    self.state = State::From;
                    self.certain = true;
                    return Step::Take;
                }
                if place(text) == Some(b"") {
                    self.state = State::Bare { blank: false };
                    self.certain = true;
                    return Step::Take;
                }
                if lines >= MESSAGE_LINES {
                    return Step::Refuse;
                }
                self.state = State::Message(lines + 1);
                if self.certain { Step::Hold } else { Step::Take }
            }
            State::From => {
                if from || indent(line) > 0 && is_omission(text) {
                    return Step::Take;
                }
                // The cause is printed behind, in the same form.
                if place(line).is_some_and(|rest| rest.starts_with(b": ")) && contains(line, b" (")
                {
                    return Step::Take;
                }
                Step::Refuse
            }
            State::Bare { blank } => {
                if place(text) == Some(b"") || is_short_place(text) {
                    self.state = State::Bare { blank: false };
                    return Step::Take;
                }
                if is_blank(line) && !blank {
                    self.state = State::Bare { blank: true };
                    return Step::Hold;
                }
                if blank && text == b"Causes:" {
                    self.state = State::Message(0);
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
        "ruby"
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;

    #[test]
    fn the_cause_is_printed_behind() {
        check(
            "\
             = t.rb:8:in `rescue in view': could not charge (PaymentError)\n\
             = \tfrom t.rb:5:in `view'\n\
             = t.rb:3:in `Integer': invalid value (ArgumentError)\n\
             = \tfrom t.rb:3:in `parse_amount'\n\
             = \t ... 12 levels...\n\
             = \tfrom t.rb:18:in `<main>'\n\
             - hello world\n",
        );
        check(
            "\
             = t.rb:3:in 'Object#foo': undefined local variable 'bar' (NameError)\n\
             = \n\
             = bar\n\
             = ^^^\n\
             = Did you mean?  baz\n\
             = \tfrom t.rb:5:in '<main>'\n\
             - next\n",
        );
    }

    #[test]
    fn loggers_and_rails_print_bare_frames() {
        check(
            "\
             - I, [2026-11-22T07:42:09.614302 #32695]  INFO -- : order received\n\
             = E, [2026-11-22T07:42:09.614506 #32695] ERROR -- : could not charge (PaymentError)\n\
             = t.rb:8:in `rescue in view'\n\
             = t.rb:5:in `view'\n\
             - I, [2026-11-22T07:42:09.614532 #32695]  INFO -- : done\n",
        );
        check(
            "\
             =  ActionController::RoutingError (No route matches [GET] \"/settings\"):\n\
             =   \n\
             =   actionpack (5.1.4) lib/action_dispatch/debug.rb:63:in `call'\n\
             =   app/controllers/a.rb:12:in `index'\n\
             - next\n",
        );
    }

    #[test]
    fn what_only_looks_like_one_is_given_back() {
        check(
            "\
             - a.rb:8:in `view': all is well\n\
             - next\n\
             - Error (what):\n\
             - more\n",
        );
    }
}
