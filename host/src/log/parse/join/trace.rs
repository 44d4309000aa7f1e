//! What the languages have in common: a machine that is shown line after line, and the
//! questions that several of them ask of a line.
//!
//! A machine decides on shapes alone. It keeps no text and knows neither time nor streams.

use std::fmt;

use super::{dart, dotnet, go, java, node, pem, php, python, ruby, rust};

/// What a machine says about the next line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It belongs to the trace.
    Take,
    /// It belongs to the trace and is its last line.
    Last,
    /// The lines to come decide. What is held belongs to the trace if one of them is taken.
    Hold,
    /// Somebody else's line in the middle of the trace, which goes on.
    Foreign,
    /// The trace ended before it. The machine is as it was.
    Refuse,
}

/// What a machine may know about the record besides its lines.
#[derive(Debug, Clone, Copy)]
pub(super) struct About {
    /// The trace follows the head of a logger, and this source writes hardly a line without
    /// one: what has none is part of the record.
    pub(super) logged: bool,
}

/// Follows one trace.
pub(super) trait Machine: fmt::Debug + Send {
    /// Whether the next line belongs to the trace.
    fn next(&mut self, line: &[u8], about: About) -> Step;

    /// Whether what was taken is a trace beyond doubt. Until then it may be given back.
    fn is_certain(&self) -> bool;

    /// Whether the trace may end here; as soon as it is certain, for most.
    fn is_complete(&self) -> bool {
        self.is_certain()
    }

    /// The value of the attribute `log.joined`.
    fn language(&self) -> &'static str;
}

/// The beginning of a trace.
#[derive(Debug)]
pub(super) struct Start {
    /// Follows the lines to come.
    pub(super) machine: Box<dyn Machine>,
    /// How many of the lines before this one belong to the trace itself.
    pub(super) before: usize,
    /// The line can be nothing else. It then ends a trace that is not certain yet.
    pub(super) strong: bool,
}

impl Start {
    pub(super) fn strong(machine: impl Machine + 'static, before: usize) -> Self {
        Self { machine: Box::new(machine), before, strong: true }
    }

    pub(super) fn weak(machine: impl Machine + 'static) -> Self {
        Self { machine: Box::new(machine), before: 0, strong: false }
    }
}

/// The lines before the one in question, oldest first, without colours.
pub(super) type Before<'a> = [&'a [u8]];

/// Whether a line that begins like this may begin a trace. Most lines of most logs do not,
/// and are spared all further looks.
pub(super) fn may_begin(line: &[u8]) -> bool {
    match line.first() {
        None => true,
        Some(b'A'..=b'Z' | b'a'..=b'z' | b' ' | b'\t' | b'/' | b'#' | b'.' | 0x1b) => true,
        Some(b'[') if line.len() <= 12 => true,
        Some(_) => match line.last() {
            Some(b':') => python::ends_in_traceback(line),
            Some(b'-') => pem::start(line).is_some(),
            _ => false,
        },
    }
}

/// The trace that `line` begins, given the lines before it.
pub(super) fn start(before: &Before<'_>, line: &[u8]) -> Option<Start> {
    // Wherever a key begins, it is no trace.
    if line.last() == Some(&b'-')
        && let Some(key) = pem::start(line)
    {
        return Some(key);
    }
    match *line.first()? {
        b' ' | b'\t' => {
            let text = line.trim_ascii_start();
            match text.first()? {
                // A frame of Rust has two lines, of which the second looks like one of V8.
                b'a' if before.last().is_some_and(|last| rust::is_numbered(last)) => None,
                b'a' => java::frames(before, line)
                    .or_else(|| node::frames(before, line))
                    .or_else(|| dotnet::frames(before, line)),
                b'+' | b'F' => python::start(line),
                b'e' => node::frames(before, line),
                _ => ruby::indented(before, line),
            }
        }
        b'#' => php::frames(before, line).or_else(|| dart::frames(before, line)),
        b'[' if line.len() <= 12 => php::frames(before, line),
        _ if line.last() == Some(&b':') && python::ends_in_traceback(line) => python::start(line),
        first if first.is_ascii_alphabetic() || matches!(first, b'/' | b'.') => {
            named(first, before, line)
        }
        _ => None,
    }
}

/// A line that begins with a word or a path.
fn named(first: u8, before: &Before<'_>, line: &[u8]) -> Option<Start> {
    let by_word = match first {
        b'C' => python::start(line).or_else(|| rust::causes(before, line)),
        b'F' => python::start(line).or_else(|| php::header(line)),
        b'T' => python::start(line),
        b'S' => python::start(line)
            .or_else(|| php::frames(before, line))
            .or_else(|| go::start(before, line)),
        b'U' => dart::start(line).or_else(|| dotnet::start(line)),
        b'P' => php::header(line).or_else(|| php::frames(before, line)),
        b'E' => java::start(line),
        b'p' | b'g' | b'r' => go::start(before, line),
        b'f' => go::start(before, line)
            .or_else(|| node::excerpt(line))
            .or_else(|| dotnet::console_failure(line)),
        b't' => rust::start(line).or_else(|| dotnet::console_failure(line)),
        b'n' => node::excerpt(line),
        b'c' | b'd' | b'i' | b'w' => dotnet::console(line),
        _ => None,
    };
    if by_word.is_some() {
        return by_word;
    }
    let name = Name::of(line);
    match name.after {
        // `file:12…`
        Some(b':') if line.get(name.len + 1).is_some_and(u8::is_ascii_digit) => {
            ruby::start(before, line)
                .or_else(|| python::warning(line))
                .or_else(|| node::excerpt(line))
        }
        Some(b' ') if first.is_ascii_uppercase() && is_month(line) => java::util_logging(line),
        Some(b':' | b' ') | None => java::header(&name)
            .or_else(|| dotnet::header(&name))
            .or_else(|| node::header(&name))
            .or_else(|| python::remote(&name))
            .or_else(|| ruby::rails(line)),
        _ => None,
    }
}

fn is_month(line: &[u8]) -> bool {
    line.len() > 20 && crate::log::parse::time::take_named(line).is_some()
}

/// The word at the start of a line, with what it is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name<'a> {
    pub(super) line: &'a [u8],
    pub(super) len: usize,
    /// The byte behind it.
    pub(super) after: Option<u8>,
    /// Where its last dot is.
    pub(super) dot: Option<usize>,
}

impl<'a> Name<'a> {
    pub(super) fn of(line: &'a [u8]) -> Self {
        let mut dot = None;
        let mut len = 0;
        for &byte in line {
            match byte {
                b'.' => dot = Some(len),
                b'A'..=b'Z'
                | b'a'..=b'z'
                | b'0'..=b'9'
                | b'_'
                | b'$'
                | b'/'
                | b'-'
                | b'@'
                | b'~'
                | b'+' => {}
                _ => break,
            }
            len += 1;
        }
        Self { line, len, after: line.get(len).copied(), dot }
    }

    pub(super) fn text(&self) -> &'a [u8] {
        &self.line[..self.len]
    }

    /// The part behind the last dot.
    pub(super) fn last(&self) -> &'a [u8] {
        &self.text()[self.dot.map_or(0, |dot| dot + 1)..]
    }

    /// Whether this is what exceptions are called in most languages.
    pub(super) fn is_exception(&self) -> bool {
        let last = self.last();
        last.first().is_some_and(u8::is_ascii_uppercase)
            && [&b"Exception"[..], b"Error", b"Throwable", b"Failure", b"Fault"]
                .iter()
                .any(|end| last.ends_with(end))
    }
}

/// How many bytes of white space a line begins with.
pub(super) fn indent(line: &[u8]) -> usize {
    line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

pub(super) fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

pub(super) fn contains(line: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(line, part).is_some()
}

/// The number of digits at the start of `text`.
pub(super) fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// Whether `text` ends with `:12:34`, as places in JavaScript do.
pub(super) fn ends_with_line_and_column(text: &[u8]) -> bool {
    let tail = |text: &'_ [u8]| {
        let len = text.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let rest = text.len() - len;
        (len > 0 && rest > 0 && text[rest - 1] == b':').then_some(rest - 1)
    };
    tail(text).and_then(|at| tail(&text[..at])).is_some()
}

/// `... 12 more` and its relatives, leading blanks taken off.
pub(super) fn is_omission(text: &[u8]) -> bool {
    text.strip_prefix(b"... ").is_some_and(|rest| {
        let len = digits(rest);
        len > 0 && rest.get(len) == Some(&b' ')
    })
}
