//! Panics and fatal errors of Go, with all their goroutines.

use super::trace::{About, Before, Machine, Start, Step, contains, digits, is_blank};

/// How many lines a message may have before the first goroutine.
const MESSAGE_LINES: u8 = 12;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The panic was seen, no goroutine was: message lines so far.
    Message(u8),
    /// Between a function and the next.
    Frames { blank: bool },
    /// A function was held, its place must follow.
    Place,
}

/// Follows a panic.
#[derive(Debug)]
pub(super) struct Panic {
    state: State,
    certain: bool,
}

/// `panic: …`, `fatal error: …`, a signal, or the first goroutine with the line before it.
pub(super) fn start(before: &Before<'_>, line: &[u8]) -> Option<Start> {
    const WORDS: [&[u8]; 5] = [
        b"panic: ",
        b"fatal error: ",
        b"runtime: goroutine stack exceeds",
        b"SIGQUIT: quit",
        b"SIGABRT: abort",
    ];
    if WORDS.iter().any(|words| line.starts_with(words)) {
        return Some(Start::weak(Panic { state: State::Message(0), certain: false }));
    }
    if !is_goroutine(line) {
        return None;
    }
    let announced = before.last().is_some_and(|last| contains(last, b"panic"));
    let state = State::Frames { blank: false };
    Some(Start::strong(Panic { state, certain: true }, usize::from(announced)))
}

/// `goroutine 1 [running]:`.
fn is_goroutine(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"goroutine ") else { return false };
    let len = digits(rest);
    len > 0 && rest[len..].starts_with(b" ") && contains(rest, b"[") && rest.ends_with(b"]:")
}

/// `package.(*Type).Method(arguments)`: no blank before the bracket, a dot in the name.
fn is_call(line: &[u8]) -> bool {
    let Some(open) = line.iter().rposition(|&byte| byte == b'(') else { return false };
    let ends = line.ends_with(b")") || line.ends_with(b"...");
    let first = line.iter().position(|&byte| byte == b' ').unwrap_or(line.len());
    // Blanks stand between arguments only.
    let name = &line[..open.min(first)];
    ends && name.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
        && (name.contains(&b'.') || line.starts_with(b"panic("))
        && line[..first].contains(&b'(')
}

/// What the runtime prints beside goroutines.
fn is_extra(line: &[u8]) -> bool {
    const WORDS: [&[u8]; 8] = [
        b"runtime stack:",
        b"...additional frames elided...",
        b"[originating from goroutine",
        b"goroutine running on other thread",
        b"PC=",
        b"m=",
        b"r0 ",
        b"lr ",
    ];
    let register = line.len() < 40
        && line.contains(&b' ')
        && contains(line, b" 0x")
        && line
            .first()
            .is_some_and(|byte| matches!(byte, b'r' | b'c' | b'f' | b'g' | b'e' | b's' | b'p'))
        && line.iter().take(7).take_while(|byte| byte.is_ascii_alphanumeric()).count() >= 2;
    register || WORDS.iter().any(|words| line.starts_with(words))
}

impl Machine for Panic {
    fn next(&mut self, line: &[u8], _: About) -> Step {
        if is_goroutine(line) && self.state != State::Place {
            self.state = State::Frames { blank: false };
            self.certain = true;
            return Step::Take;
        }
        match self.state {
            State::Message(lines) => {
                if line == b"runtime stack:" {
                    self.state = State::Frames { blank: false };
                    return Step::Take;
                }
                if lines >= MESSAGE_LINES {
                    return Step::Refuse;
                }
                self.state = State::Message(lines + 1);
                Step::Take
            }
            State::Frames { blank } => {
                if is_blank(line) {
                    if blank {
                        return Step::Refuse;
                    }
                    self.state = State::Frames { blank: true };
                    return Step::Hold;
                }
                if is_extra(line) || line.starts_with(b"\t") && !blank {
                    self.state = State::Frames { blank: false };
                    return Step::Take;
                }
                if blank {
                    return Step::Refuse;
                }
                if is_call(line) || line.starts_with(b"created by ") {
                    self.state = State::Place;
                    return Step::Hold;
                }
                Step::Refuse
            }
            State::Place => {
                if line.starts_with(b"\t") {
                    self.state = State::Frames { blank: false };
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
        "go"
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;

    #[test]
    fn all_goroutines_are_part_of_one_panic() {
        check(
            "\
             = panic: first [recovered]\n\
             = \tpanic: second\n\
             = [signal SIGSEGV: segmentation violation]\n\
             = \n\
             = goroutine 5 [running]:\n\
             = main.(*Orders).Charge(0xc000?, {0x6b?, 0x7f?})\n\
             = \t/srv/shop/main.go:29 +0x25\n\
             = panic({0x675c60, 0xc00})\n\
             = \t/usr/lib/go/panic.go:884 +0x212\n\
             = created by main.main in goroutine 1\n\
             = \t/srv/shop/main.go:38 +0x477\n\
             = \n\
             = goroutine 1 [chan receive, 3 minutes]:\n\
             = main.main()\n\
             = \t/srv/shop/main.go:53 +0x265\n\
             - exit status 2\n\
             - done(1)\n",
        );
    }

    #[test]
    fn the_server_says_it_in_a_line_of_its_log() {
        check(
            "\
             - 2019/01/15 07:48:04 listening\n\
             = 2019/01/15 07:48:05 http: panic serving [::1]:54143: test panic\n\
             = goroutine 24 [running]:\n\
             = net/http.(*conn).serve.func1(0xc0)\n\
             = \t/usr/local/go/src/net/http/server.go:1746 +0xd0\n\
             - 2019/01/15 07:48:06 next\n",
        );
    }

    #[test]
    fn what_only_looks_like_one_is_given_back() {
        check(
            "\
             - panic: not at all\n\
             - 2019/01/15 07:48:06 next\n\
             - goroutine 17\n",
        );
    }
}
