//! A text in lines, and those among them that a traceback may open with.

use super::{CAUSE, CONTEXT, GROUP_HEADER, HEADER, frame};

/// What a traceback opens with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// Its header, perhaps behind other text on the line.
    Header,
    /// The header of a group.
    Group,
    /// A place: a file that does not parse has no traceback.
    Place,
    /// An exception that was made and never raised.
    Bare,
}

pub(super) struct Start {
    /// Index of the line.
    pub(super) line: usize,
    /// Columns in front of all lines.
    pub(super) indent: usize,
    pub(super) kind: Opening,
    /// Where it begins, in bytes.
    pub(super) begin: usize,
}

pub(super) struct Line<'a> {
    pub(super) text: &'a str,
    start: usize,
    pub(super) end: usize,
}

pub(super) struct Lines<'a> {
    pub(super) all: Vec<Line<'a>>,
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let mut start = 0;
        let all = text
            .split('\n')
            .map(|line| {
                let end = start + line.len();
                let line = Line { text: line.strip_suffix('\r').unwrap_or(line), start, end };
                start = end + 1;
                line
            })
            .collect();
        Self { all }
    }

    /// The next line that a traceback may open with.
    pub(super) fn start_from(&self, from: usize) -> Option<Start> {
        (from..self.all.len()).find_map(|line| {
            let text = self.all[line].text.trim_end();
            let indent = text.len() - text.trim_start().len();
            let begin = self.all[line].start;
            let start = |indent, kind, begin| Some(Start { line, indent, kind, begin });
            if let Some(before) = text.strip_suffix(GROUP_HEADER) {
                // `  + Exception Group Traceback`, moved as a whole by two columns less.
                let bar = before.trim_start() == "+ " && indent >= 2;
                return if bar { start(indent - 2, Opening::Group, begin) } else { None };
            }
            if let Some(before) = text.strip_suffix(HEADER) {
                return match before.trim_start() {
                    "" => start(indent, Opening::Header, begin),
                    // A member of a group whose beginning is lost.
                    bar if bar.trim_end() == "|" => None,
                    // Behind the head of a logger, or a word of the application.
                    _ => start(0, Opening::Header, begin + before.len()),
                };
            }
            if matches!(text, CAUSE | CONTEXT) {
                // What comes before has no traceback, or it would have been met.
                let before = (from..line).rev().find(|&at| !self.all[at].text.trim().is_empty())?;
                let bare = frame::exception(self.all[before].text).is_some();
                let begin = self.all[before].start;
                return bare.then_some(Start {
                    line: before,
                    indent: 0,
                    kind: Opening::Bare,
                    begin,
                });
            }
            let place =
                indent >= 2 && frame::place(text).is_some_and(|frame| frame.function.is_empty());
            if place { start(indent - 2, Opening::Place, begin) } else { None }
        })
    }
}
