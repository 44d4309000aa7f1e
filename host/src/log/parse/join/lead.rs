//! Which lines lead a trace, and which begin a record of their own.

use super::{python, trace};
use crate::filter::value::Severity;
use crate::log::parse::layout::{self, Head};

/// Whether the lines of a lane have heads, judged by samples.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Habit {
    lines: u32,
    seen: u32,
    headed: u32,
    timed: u32,
}

impl Habit {
    /// The first lines are looked at, then one in 64. What announces a trace says nothing
    /// about the others, nor does a blank line.
    pub(super) fn look(&mut self, text: &[u8]) {
        if trace::is_blank(text) || python::leads(text) {
            return;
        }
        self.lines = self.lines.wrapping_add(1);
        if self.lines > 32 && !self.lines.is_multiple_of(64) {
            return;
        }
        let Some(head) = layout::read(text) else {
            self.seen += 1;
            return;
        };
        self.seen += 1;
        self.headed += 1;
        self.timed += u32::from(head.time.is_some());
        if self.seen >= 1024 {
            self.seen /= 2;
            self.headed /= 2;
            self.timed /= 2;
        }
    }

    /// Few lines without a head.
    pub(super) fn is_headed(self) -> bool {
        self.headed >= 4 && self.headed * 5 >= self.seen * 4
    }

    /// Hardly a head without a time.
    pub(super) fn is_timed(self) -> bool {
        self.timed >= 4 && self.timed * 10 >= self.headed * 9
    }
}

/// Whether the name of a severity that says so may be in a head. Looks at little, since it is
/// asked of most lines of some logs.
pub(super) fn mentions_trouble(line: &[u8]) -> bool {
    line[..line.len().min(96)].windows(3).any(|three| {
        matches!(
            three,
            b"ERR" | b"WAR" | b"CRI" | b"FAT" | b"SEV" | b"err" | b"war" | b"Err" | b"War"
        )
    })
}

/// How many of the last lines of `before` lead a trace: the line of a logger or a word of the
/// runtime, perhaps with a blank line, one more or the rest of a message behind it.
pub(super) fn leading(before: &[&[u8]]) -> usize {
    match before {
        // More than two lines are held only if they belong to the first.
        [first, _, _, ..] if leads(first) => before.len(),
        [first, second] if leads(first) && layout::read(second).is_none() => 2,
        [.., first, second] if trace::is_blank(second) && leads(first) => 2,
        [.., first, second] if python::is_between(first, second) => 2,
        [.., last] if leads(last) => 1,
        _ => 0,
    }
}

/// Whether `line` announces a trace: a logger says that something went wrong, or the words
/// are those of a runtime.
pub(super) fn leads(line: &[u8]) -> bool {
    if trace::is_blank(line) {
        return false;
    }
    match layout::read(line) {
        Some(head) if head.access => false,
        Some(head) => match head.severity {
            Some(severity) => {
                severity >= Severity::Warn || speaks_of_failure(&line[head.message..])
            }
            None => speaks_of_failure(&line[head.message..]),
        },
        None => python::leads(line),
    }
}

fn speaks_of_failure(message: &[u8]) -> bool {
    const WORDS: [&[u8]; 6] = [b"xception", b"raceback", b"panic", b"rror", b"failed", b"Failed"];
    let message = &message[..message.len().min(1024)];
    WORDS.iter().any(|word| trace::contains(message, word))
}

/// The head of `line`, if with it a new record begins.
pub(super) fn begins_record(line: &[u8], habit: Habit) -> Option<Head<'_>> {
    match line.first()? {
        b'0'..=b'9' | b'[' | b'<' | b'A'..=b'Z' | b'a'..=b'z' | b':' => {
            let head = layout::read(line)?;
            let counts = head.time.is_some() || !habit.is_timed();
            counts.then_some(head)
        }
        // Records of JSON have one line each.
        b'{' if line.starts_with(b"{\"") && line.ends_with(b"}") => Some(Head::default()),
        _ => None,
    }
}
