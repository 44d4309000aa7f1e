//! Tracebacks of Python: chains, groups, threads, syntax errors, faults of the interpreter.
//!
//! A traceback is frames, each an indented place with lines of source and markers below, then
//! one line that is not indented: the exception. What follows may still be part of its
//! message, a cause, or nothing of it; that is where most joiners go wrong.

use super::trace::{About, Machine, Name, Start, Step, contains, digits, is_blank};

const TRACEBACK: &[u8] = b"Traceback (most recent call last):";
const GROUP: &[u8] = b"Exception Group Traceback (most recent call last):";
const STACK: &[u8] = b"Stack (most recent call last):";
const CONNECTORS: [&[u8]; 2] = [
    b"The above exception was the direct cause of the following exception:",
    b"During handling of the above exception, another exception occurred:",
];

/// How many lines behind the exception may belong to its message in a log whose every record
/// has a head.
const MESSAGE_LINES: u32 = 200;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The line that says so was seen; `place` once the first frame was, too.
    Frames { place: bool },
    /// The exception was seen.
    Tail { blanks: u8 },
    /// The exception of another process, whose traceback comes between lines of `"""`.
    Remote,
    /// Between those lines.
    Quoted,
    /// Between two tracebacks of a chain.
    Connected,
    /// Behind bars, a group.
    Group,
    /// A stack that ends in no exception.
    Stack { place: bool },
    /// A report of the interpreter itself, blank lines in it.
    Fault { blank: bool },
    /// A place without traceback: the file does not parse.
    Syntax,
    /// A warning, whose source line may follow.
    Warning,
}

/// Follows a traceback.
#[derive(Debug)]
pub(super) struct Traceback {
    state: State,
    certain: bool,
    /// The exception says that there is more to come.
    announced: bool,
    /// A line without indent was held, and belongs to the message if an indented one follows.
    held: bool,
    tail: u32,
}

impl Traceback {
    fn new(state: State) -> Self {
        Self { state, certain: false, announced: false, held: false, tail: 0 }
    }
}

/// Whether a line ends with the words that open a traceback.
pub(super) fn ends_in_traceback(line: &[u8]) -> bool {
    line.ends_with(b"(most recent call last):")
        && (line.ends_with(TRACEBACK) || line.ends_with(STACK))
}

/// The traceback that `line` opens.
pub(super) fn start(line: &[u8]) -> Option<Start> {
    let line = line.trim_ascii_end();
    let text = line.trim_ascii_start();
    if line == TRACEBACK {
        return Some(Start::strong(Traceback::new(State::Frames { place: false }), 0));
    }
    if line == STACK {
        return Some(Start::strong(Traceback::new(State::Stack { place: false }), 0));
    }
    if text.strip_prefix(b"+ ").is_some_and(|text| text == GROUP) && text.len() < line.len() {
        return Some(Start::strong(Traceback::new(State::Group), 0));
    }
    if ends_in_traceback(line) {
        // Behind the head of a logger, or a word of the application. In a sentence it would
        // not stand at the end, and in quotation marks not without them.
        let prefix = line[..line.len() - TRACEBACK.len().min(line.len())].trim_ascii_end();
        let head = prefix
            .last()
            .is_some_and(|byte| matches!(byte, b':' | b']' | b'-' | b'|' | b'>' | b'}'));
        return head.then(|| Start::weak(Traceback::new(State::Frames { place: false })));
    }
    if is_place(line) && !contains(line, b", in ") && line.last().is_some_and(u8::is_ascii_digit) {
        return Some(Start::weak(Traceback::new(State::Syntax)));
    }
    if line.starts_with(b"Fatal Python error: ") || is_thread(line) {
        return Some(Start::strong(Traceback::new(State::Fault { blank: false }), 0));
    }
    None
}

/// `path:12: DeprecationWarning: text`, which the line of source follows.
pub(super) fn warning(line: &[u8]) -> Option<Start> {
    let colon = memchr::memmem::find(line, b": ")?;
    let place = &line[..colon];
    let rest = &line[colon + 2..];
    let at = place.iter().rposition(|&byte| byte == b':')?;
    let end = rest.iter().position(|&byte| byte == b':')?;
    let warning = digits(&place[at + 1..]) == place.len() - at - 1
        && rest[..end].ends_with(b"Warning")
        && rest[..end].iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'.');
    warning.then(|| Start::weak(Traceback::new(State::Warning)))
}

/// `concurrent.futures.process._RemoteTraceback: `, which has no first line of its own.
pub(super) fn remote(name: &Name<'_>) -> Option<Start> {
    let remote = name.last().ends_with(b"RemoteTraceback") && name.dot.is_some();
    remote.then(|| Start::weak(Traceback::new(State::Remote)))
}

/// Whether `line`, the one before a traceback, speaks of it.
pub(super) fn leads(line: &[u8]) -> bool {
    const WORDS: [&[u8]; 10] = [
        b"Exception in thread ",
        b"Exception ignored in",
        b"Exception in ",
        b"Unhandled exception",
        b"Task exception was never retrieved",
        b"future: <",
        b"--- Logging error ---",
        b"Internal Server Error: ",
        b"Error handling request",
        b"Exception on ",
    ];
    WORDS.iter().any(|words| line.starts_with(words))
}

/// Whether `line` stands between the line `before` and its traceback.
pub(super) fn is_between(before: &[u8], line: &[u8]) -> bool {
    line.starts_with(b"future: <") && before.ends_with(b"exception was never retrieved")
}

/// `  File "path", line 12`.
fn is_place(line: &[u8]) -> bool {
    let text = line.trim_ascii_start();
    text.len() < line.len() && text.starts_with(b"File \"") && contains(text, b"\", line ")
}

fn is_thread(line: &[u8]) -> bool {
    (line.starts_with(b"Current thread 0x") || line.starts_with(b"Thread 0x"))
        && line.ends_with(b"(most recent call first):")
}

/// Whether a line is an exception: a name, then nothing or a colon and the message.
fn is_exception(line: &[u8]) -> bool {
    let len = line
        .iter()
        .take_while(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.') || **byte >= 0x80
        })
        .count();
    // `module.<locals>.Name` of classes made in functions.
    if let Some(rest) = line[len..].strip_prefix(b"<locals>") {
        return rest.first() == Some(&b'.') && is_exception(&rest[1..]);
    }
    let name = &line[..len];
    let starts = name
        .first()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_' || *byte >= 0x80);
    match &line[len..] {
        [] => {
            let last =
                name.iter().rposition(|&byte| byte == b'.').map_or(name, |dot| &name[dot + 1..]);
            starts && (last.len() < len || last.first().is_some_and(u8::is_ascii_uppercase))
        }
        [b':'] | [b':', b' ', ..] => starts,
        _ => false,
    }
}

/// Lines that belong to the messages of well-known libraries.
fn is_message(line: &[u8]) -> bool {
    const WORDS: [&[u8]; 9] = [
        b"DETAIL:",
        b"HINT:",
        b"CONTEXT:",
        b"LINE ",
        b"[SQL: ",
        b"[parameters: ",
        b"(Background on this error at: ",
        b"QUERY:",
        b"PL/pgSQL function",
    ];
    WORDS.iter().any(|words| line.starts_with(words))
}

fn is_indented(line: &[u8]) -> bool {
    matches!(line, [b' ', b' ', ..] | [b'\t', ..])
}

/// Whether a line is of the drawing of a group.
fn is_bar(line: &[u8]) -> bool {
    is_indented(line) && matches!(line.trim_ascii_start().first(), Some(b'|' | b'+'))
}

impl Traceback {
    fn frames(&mut self, line: &[u8], place: bool) -> Step {
        if !place {
            let frame = is_place(line) || line.starts_with(b"> File \"");
            if frame {
                self.state = State::Frames { place: true };
                self.certain = true;
            }
            return if frame { Step::Take } else { Step::Refuse };
        }
        if is_indented(line) || line.starts_with(b"> File \"") {
            return Step::Take;
        }
        // Some loggers put blank lines between frames.
        if is_blank(line) {
            return Step::Hold;
        }
        if line == TRACEBACK {
            return Step::Refuse;
        }
        if is_exception(line) {
            self.exception(line);
            return Step::Take;
        }
        Step::Foreign
    }

    fn exception(&mut self, line: &[u8]) {
        self.state = State::Tail { blanks: 0 };
        self.certain = true;
        self.held = false;
        self.tail = 0;
        self.announced =
            line.ends_with(b":") && line.contains(&b' ') || contains(line, b"validation error");
    }

    fn tail(&mut self, line: &[u8], blanks: u8, about: About) -> Step {
        if is_blank(line) {
            if blanks >= 2 {
                return Step::Refuse;
            }
            self.state = State::Tail { blanks: blanks + 1 };
            return Step::Hold;
        }
        if CONNECTORS.iter().any(|connector| line.starts_with(connector)) {
            self.state = State::Connected;
            return Step::Take;
        }
        let other = line == TRACEBACK
            || is_place(line)
            || line.trim_ascii_start().starts_with(b"+ Exception Group");
        if other {
            return Step::Refuse;
        }
        self.tail += 1;
        let step = if line == b"\"\"\"" && blanks == 0 {
            self.state = State::Quoted;
            return Step::Take;
        } else if line == STACK || line == b"Call stack:" {
            self.state = State::Stack { place: false };
            return Step::Take;
        } else if is_message(line) {
            Step::Take
        } else if self.tail > MESSAGE_LINES {
            Step::Refuse
        } else if about.logged || self.held && is_indented(line) {
            self.held = false;
            Step::Take
        } else if blanks > 0 || self.held {
            Step::Refuse
        } else if is_indented(line) {
            Step::Take
        } else if self.announced {
            self.held = true;
            Step::Hold
        } else {
            Step::Refuse
        };
        match step {
            Step::Take => self.state = State::Tail { blanks: 0 },
            Step::Refuse => self.tail -= 1,
            _ => {}
        }
        step
    }

    fn stack(&mut self, line: &[u8], place: bool, about: About) -> Step {
        if is_indented(line) && (place || is_place(line)) {
            self.state = State::Stack { place: true };
            self.certain = true;
            return Step::Take;
        }
        if !place {
            return Step::Refuse;
        }
        // The report of a logging call that failed itself.
        if line.starts_with(b"Message: ") || line.starts_with(b"Arguments: ") {
            return Step::Take;
        }
        if about.logged && !is_blank(line) && self.tail < MESSAGE_LINES {
            self.tail += 1;
            return Step::Take;
        }
        Step::Refuse
    }

    fn fault(&mut self, line: &[u8], blank: bool) -> Step {
        const WORDS: [&[u8]; 5] = [
            b"Python runtime state:",
            b"Extension modules:",
            b"Current thread's C stack trace",
            b"<no Python frame>",
            b"Fatal Python error: ",
        ];
        if is_blank(line) {
            if blank {
                return Step::Refuse;
            }
            self.state = State::Fault { blank: true };
            return Step::Hold;
        }
        if is_place(line) || is_thread(line) {
            self.certain = true;
        }
        let belongs = is_indented(line)
            || is_thread(line)
            || WORDS.iter().any(|words| line.starts_with(words))
            || line.starts_with(b"ModuleNotFoundError: ");
        if !belongs {
            return Step::Refuse;
        }
        self.state = State::Fault { blank: false };
        Step::Take
    }
}

impl Machine for Traceback {
    fn next(&mut self, line: &[u8], about: About) -> Step {
        match self.state {
            State::Frames { place } => self.frames(line, place),
            State::Tail { blanks } => self.tail(line, blanks, about),
            State::Remote => {
                if line != b"\"\"\"" {
                    return Step::Refuse;
                }
                self.state = State::Quoted;
                self.certain = true;
                Step::Take
            }
            State::Quoted => {
                if line.ends_with(b"\"\"\"") {
                    self.state = State::Tail { blanks: 0 };
                }
                Step::Take
            }
            State::Connected => {
                if is_blank(line) {
                    return Step::Take;
                }
                if line == TRACEBACK {
                    self.state = State::Frames { place: false };
                    return Step::Take;
                }
                if is_bar(line) {
                    self.state = State::Group;
                    return Step::Take;
                }
                // A cause without frames is its exception alone.
                if is_exception(line) {
                    self.exception(line);
                    return Step::Take;
                }
                Step::Refuse
            }
            State::Group => {
                if is_bar(line) {
                    self.certain = true;
                    return Step::Take;
                }
                if !self.certain {
                    return Step::Refuse;
                }
                self.state = State::Tail { blanks: 0 };
                let step = self.tail(line, 0, about);
                if step == Step::Refuse {
                    self.state = State::Group;
                }
                step
            }
            State::Stack { place } => self.stack(line, place, about),
            State::Fault { blank } => self.fault(line, blank),
            State::Syntax => {
                if is_indented(line) {
                    return Step::Take;
                }
                let named = [&b"SyntaxError"[..], b"IndentationError", b"TabError"];
                if named.iter().any(|name| line.starts_with(name)) && is_exception(line) {
                    self.exception(line);
                    return Step::Take;
                }
                Step::Refuse
            }
            State::Warning => {
                if is_indented(line) && !is_blank(line) && !is_place(line) {
                    self.certain = true;
                    return Step::Last;
                }
                Step::Refuse
            }
        }
    }

    fn is_certain(&self) -> bool {
        self.certain
    }

    fn is_complete(&self) -> bool {
        !matches!(
            self.state,
            State::Frames { .. } | State::Remote | State::Quoted | State::Connected | State::Syntax
        )
    }

    fn language(&self) -> &'static str {
        "python"
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;

    #[test]
    fn a_traceback_is_one_record() {
        check(
            "\
             = Traceback (most recent call last):\n\
             =   File \"a.py\", line 1, in f\n\
             =     g()\n\
             =     ^^^\n\
             =   File \"a.py\", line 2, in g\n\
             = ValueError: bad\n\
             - next\n\
             - more\n",
        );
    }

    #[test]
    fn chains_stay_together_and_blank_lines_that_are_not_theirs_do_not() {
        check(
            "\
             = Traceback (most recent call last):\n\
             =   File \"a.py\", line 1, in f\n\
             = KeyError: 'a'\n\
             = \n\
             = During handling of the above exception, another exception occurred:\n\
             = \n\
             = Traceback (most recent call last):\n\
             =   File \"a.py\", line 3, in f\n\
             = shop.errors.Missing\n\
             - \n\
             - next\n",
        );
    }

    #[test]
    fn two_tracebacks_without_a_connector_are_two_records() {
        check(
            "\
             = Traceback (most recent call last):\n\
             =   File \"a.py\", line 1, in f\n\
             = ValueError: bad\n\
             + Traceback (most recent call last):\n\
             +   File \"b.py\", line 1, in g\n\
             + TypeError: worse\n",
        );
    }

    #[test]
    fn messages_of_several_lines_stay_whole() {
        check(
            "\
             = Traceback (most recent call last):\n\
             =   File \"a.py\", line 1, in f\n\
             = pydantic_core._pydantic_core.ValidationError: 2 validation errors for Order\n\
             = amount\n\
             =   Field required [type=missing, input_value={}, input_type=dict]\n\
             =     For further information visit https://errors.pydantic.dev/2.5/v/missing\n\
             = customer\n\
             =   Field required [type=missing, input_value={}, input_type=dict]\n\
             - next\n",
        );
        check(
            "\
             = Traceback (most recent call last):\n\
             =   File \"a.py\", line 1, in f\n\
             = sqlalchemy.exc.IntegrityError: (psycopg2.errors.UniqueViolation) duplicate key\n\
             = DETAIL:  Key (id)=(1841) already exists.\n\
             = \n\
             = [SQL: INSERT INTO orders (id) VALUES (%(id)s)]\n\
             = [parameters: {'id': 1841}]\n\
             = (Background on this error at: https://sqlalche.me/e/20/gkpj)\n\
             - next\n",
        );
    }

    #[test]
    fn the_traceback_of_another_process_is_part_of_the_message() {
        check(
            "\
             = multiprocessing.pool.RemoteTraceback: \n\
             = \"\"\"\n\
             = Traceback (most recent call last):\n\
             =   File \"a.py\", line 1, in f\n\
             = ValueError: bad\n\
             = \"\"\"\n\
             = \n\
             = The above exception was the direct cause of the following exception:\n\
             = \n\
             = Traceback (most recent call last):\n\
             =   File \"b.py\", line 1, in g\n\
             = ValueError: bad\n\
             - next\n",
        );
    }

    #[test]
    fn groups_are_followed_to_their_end() {
        check(
            "\
             = \x20 + Exception Group Traceback (most recent call last):\n\
             = \x20 |   File \"a.py\", line 1, in f\n\
             = \x20 | ExceptionGroup: batch (1 sub-exception)\n\
             = \x20 +-+---------------- 1 ----------------\n\
             = \x20   | ValueError: bad a\n\
             = \x20   +------------------------------------\n\
             - next\n",
        );
    }

    #[test]
    fn the_line_of_the_logger_leads_it() {
        check(
            "\
             - 2026-11-22 07:34:03,305 INFO order received\n\
             = 2026-11-22 07:34:03,306 ERROR charge failed\n\
             = Traceback (most recent call last):\n\
             =   File \"a.py\", line 1, in f\n\
             = ValueError: bad\n\
             - 2026-11-22 07:34:03,307 INFO done\n",
        );
        check(
            "\
             = ERROR:asyncio:Task exception was never retrieved\n\
             = future: <Task finished name='Task-1' coro=<f() done>>\n\
             = Traceback (most recent call last):\n\
             =   File \"a.py\", line 1, in f\n\
             = ValueError: bad\n\
             - INFO:root:done\n",
        );
        check(
            "\
             = 2026-11-22 07:34:03,306 ERROR app: Traceback (most recent call last):\n\
             =   File \"a.py\", line 1, in f\n\
             = ValueError: bad\n\
             - next\n",
        );
    }

    #[test]
    fn a_file_that_does_not_parse_needs_no_traceback() {
        check(
            "\
             =   File \"a.py\", line 3\n\
             =     def f(:\n\
             =           ^\n\
             = SyntaxError: invalid syntax\n\
             - next\n",
        );
    }

    #[test]
    fn stacks_faults_and_warnings_are_records_too() {
        check(
            "\
             = WARNING:root:look\n\
             = Stack (most recent call last):\n\
             =   File \"a.py\", line 1, in f\n\
             =     g()\n\
             - INFO:root:done\n",
        );
        check(
            "\
             = Fatal Python error: Segmentation fault\n\
             = \n\
             = Current thread 0x00007f1 (most recent call first):\n\
             =   File \"a.py\", line 1 in f\n\
             = \n\
             = Extension modules: numpy.core (total: 1)\n\
             - next\n",
        );
        check(
            "\
             = /srv/a.py:12: DeprecationWarning: old\n\
             =   import imp\n\
             - next\n",
        );
    }

    #[test]
    fn mentions_of_tracebacks_are_none() {
        check(
            "\
             - see \"Traceback (most recent call last):\" in the FAQ\n\
             - what Traceback (most recent call last):\n\
             - Traceback (most recent call last):\n\
             - not a frame\n\
             -   File names are indented\n",
        );
    }

    #[test]
    fn the_lines_of_other_threads_are_let_through() {
        check(
            "\
             = Traceback (most recent call last):\n\
             =   File \"a.py\", line 1, in f\n\
             - 2026-11-22 07:34:03,305 INFO from another thread\n\
             - order 17 printed\n\
             =     g()\n\
             = ValueError: bad\n\
             - next\n",
        );
    }
}
