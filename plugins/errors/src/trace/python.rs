//! Tracebacks of Python: chains, groups, threads, syntax errors, loguru's, structlog's tables.
//!
//! A traceback is a list of frames, each a place with lines of source and markers below, then one
//! line that is not indented: the exception. Its message may go on for several lines. A group has
//! its members drawn behind bars, each a chain of its own, two columns deeper.

mod build;
mod frame;
mod lines;
mod structlog;

pub(crate) use frame::{cut, library_of_python};
pub(crate) use structlog::structured;

use tamis_sdk::errors::{Exception, Frame};

use super::Trace;
use build::{Chain, Raised, Relation};
use lines::{Line, Lines, Opening};

const PLATFORM: &str = "python";
const HEADER: &str = "Traceback (most recent call last):";
const GROUP_HEADER: &str = "Exception Group Traceback (most recent call last):";
const STACK: &str = "Stack (most recent call last):";
const CAUSE: &str = "The above exception was the direct cause of the following exception:";
const CONTEXT: &str = "During handling of the above exception, another exception occurred:";

/// Members of groups of groups of groups: deeper ones are not read.
const DEEPEST: usize = 16;
/// In front of the bars of the deepest.
const BLANKS: &str = "                                        ";
/// Of one message.
const MOST_MESSAGE_LINES: usize = 200;

/// The first traceback in a text.
pub(super) fn find(text: &str) -> Option<Trace> {
    let lines = Lines::of(text);
    let mut at = 0;
    while let Some(start) = lines.start_from(at) {
        let mut reader = Reader { lines: &lines.all[start.line..], at: 0, indent: start.indent };
        let chain = reader.chain(0, start.kind, 0);
        if !chain.is_empty() {
            let end = reader.lines[..reader.at].last().map_or(text.len(), |line| line.end);
            let mut exceptions = build::exceptions(chain);
            let begin = thread(text, start.begin, &mut exceptions);
            return Some(Trace { platform: PLATFORM, exceptions, start: begin, end });
        }
        at = start.line + 1;
    }
    None
}

/// Takes in the line in front that names the thread; answers where the trace begins.
fn thread(text: &str, begin: usize, exceptions: &mut [Exception]) -> usize {
    let before = text[..begin].trim_end_matches(['\n', '\r', ' ']);
    let line = before.rfind('\n').map_or(0, |at| at + 1);
    let Some(at) = before[line..].find("Exception in thread ") else { return begin };
    let name = before[line + at + "Exception in thread ".len()..].trim_end_matches(':');
    for exception in exceptions {
        exception.thread = Some(name.to_owned());
        exception.handled = Some(false);
    }
    line + at
}

/// What stands in front of the members of a group, and behind the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    Member,
    End,
}

struct Reader<'l, 'a> {
    lines: &'l [Line<'a>],
    at: usize,
    indent: usize,
}

impl<'a> Reader<'_, 'a> {
    /// The line at an index, without the columns in front of all.
    fn raw(&self, at: usize) -> Option<&'a str> {
        let text = self.lines.get(at)?.text;
        let blanks = text.len() - text.trim_start_matches(' ').len();
        Some(&text[blanks.min(self.indent)..])
    }

    /// The line at an index, if it is of this depth, without the bar.
    fn text_at(&self, at: usize, depth: usize) -> Option<&'a str> {
        let raw = self.raw(at)?;
        if depth == 0 {
            return Some(raw);
        }
        let behind = raw.strip_prefix(BLANKS.get(..2 * depth)?)?;
        match behind.strip_prefix('|') {
            Some(text) => Some(text.strip_prefix(' ').unwrap_or(text)),
            None => behind.strip_prefix("+ ").filter(|text| text.starts_with(GROUP_HEADER)),
        }
    }

    fn text(&self, depth: usize) -> Option<&'a str> {
        self.text_at(self.at, depth)
    }

    /// The rule at this line that belongs to members of this depth.
    fn rule(&self, depth: usize) -> Option<Rule> {
        let raw = self.raw(self.at)?;
        let dashes = raw.trim_start_matches(' ');
        let columns = raw.len() - dashes.len();
        let dashes = if columns + 2 == 2 * depth {
            dashes.strip_prefix("+-+-")?
        } else if columns == 2 * depth {
            dashes.strip_prefix("+-")?
        } else {
            return None;
        };
        let name = dashes.trim_matches('-').trim();
        let drawn = dashes.starts_with("---") && dashes.trim_end().ends_with("---");
        drawn.then_some(if name.is_empty() { Rule::End } else { Rule::Member })
    }

    /// A chain of exceptions, the cause first, as far as it goes.
    fn chain(&mut self, depth: usize, opening: Opening, level: usize) -> Chain {
        let mut chain = Chain::new();
        let mut opening = Some(opening);
        loop {
            let Some(raised) = self.raised(depth, opening.take(), level) else { return chain };
            chain.push(raised);
            let after = self.skip_blanks(depth);
            let relation = match self.text_at(after, depth).map(str::trim_end) {
                Some(CAUSE) => Relation::Cause,
                Some(CONTEXT) => Relation::Context,
                _ => return chain,
            };
            let end = self.at;
            self.at = after + 1;
            self.at = self.skip_blanks(depth);
            if !self.opens(depth) {
                // The rest is cut off.
                self.at = end;
                return chain;
            }
            if let Some(raised) = chain.last_mut() {
                raised.relation = Some(relation);
            }
        }
    }

    fn skip_blanks(&self, depth: usize) -> usize {
        let mut at = self.at;
        while self.text_at(at, depth).is_some_and(|text| text.trim().is_empty()) {
            at += 1;
        }
        at
    }

    /// Whether an exception begins at this line.
    fn opens(&self, depth: usize) -> bool {
        self.text(depth).is_some_and(|text| {
            text.trim_end() == HEADER
                || text.starts_with(GROUP_HEADER)
                || depth == 0
                    && self.text_at(self.at, 1).is_some_and(|text| text.starts_with(GROUP_HEADER))
                || frame::exception(text).is_some()
        })
    }

    /// One exception with its frames and members.
    fn raised(&mut self, depth: usize, opening: Option<Opening>, level: usize) -> Option<Raised> {
        let mut depth = depth;
        let opening = match opening {
            Some(opening) => opening,
            None => {
                let text = self.text(depth)?;
                if depth == 0 && self.text(1).is_some_and(|text| text.starts_with(GROUP_HEADER)) {
                    Opening::Group
                } else if text.trim_end() == HEADER || text.starts_with(GROUP_HEADER) {
                    Opening::Header
                } else if frame::place(text).is_some() {
                    Opening::Place
                } else {
                    Opening::Bare
                }
            }
        };
        match opening {
            Opening::Header => self.at += 1,
            Opening::Group => {
                depth = depth.max(1);
                self.at += 1;
            }
            Opening::Place | Opening::Bare => {}
        }
        let frames = self.frames(depth);
        if frames.is_empty() && matches!(opening, Opening::Header | Opening::Group) {
            return None;
        }
        let mut exception = self.exception(depth, opening, &frames)?;
        exception.frames = frames;
        let members = if level < DEEPEST { self.members(depth + 1, level + 1) } else { Vec::new() };
        exception.group = !members.is_empty() || exception.name.ends_with("ExceptionGroup");
        Some(Raised { exception, members, relation: None })
    }

    fn frames(&mut self, depth: usize) -> Vec<Frame> {
        let mut frames: Vec<Frame> = Vec::new();
        // Behind a blank line only another frame goes on with the traceback.
        while let Some(text) = self.text(depth) {
            if let Some(frame) = frame::place(text) {
                frames.push(frame);
            } else if text.trim().is_empty() {
                let next = self.skip_blanks(depth);
                let goes_on =
                    self.text_at(next, depth).is_some_and(|text| frame::place(text).is_some());
                if frames.is_empty() || !goes_on {
                    break;
                }
                self.at = next;
                continue;
            } else if text.starts_with("  ") || text.starts_with('\t') {
                if let Some(frame) = frames.last_mut() {
                    frame::source(frame, text);
                }
            } else {
                break;
            }
            self.at += 1;
        }
        super::cut_middle(&mut frames);
        frames
    }

    /// The line that names the exception, and what follows of its message.
    fn exception(&mut self, depth: usize, opening: Opening, frames: &[Frame]) -> Option<Exception> {
        let blank = self.skip_blanks(depth);
        let line = self.text_at(blank, depth).and_then(frame::exception);
        let Some((module, name, first)) = line else {
            // Cut off behind its frames: where it happened is known, if not what.
            let known = !frames.is_empty() && opening != Opening::Place;
            return known.then(|| Exception { name: "Exception".to_owned(), ..plain() });
        };
        if opening == Opening::Place && depth == 0 && !is_of_syntax(name) {
            return None;
        }
        self.at = blank + 1;
        let mut message = first.to_owned();
        for _ in 0..MOST_MESSAGE_LINES {
            let next = self.skip_blanks(depth);
            let Some(text) = self.text_at(next, depth) else { break };
            let ends = matches!(text.trim_end(), CAUSE | CONTEXT | HEADER | STACK)
                || text.starts_with(GROUP_HEADER)
                || depth == 0
                    && self.text_at(next, 1).is_some_and(|text| text.starts_with(GROUP_HEADER))
                || (depth > 0 || name.ends_with("ExceptionGroup")) && self.is_ruled(next, depth);
            if ends {
                break;
            }
            let blanks = next - self.at;
            self.at = next + 1;
            if text.trim_end() == "\"\"\"" {
                // The end of a traceback from another process.
                break;
            }
            message.extend(std::iter::repeat_n('\n', blanks + 1));
            message.push_str(text.trim_end());
        }
        Some(Exception {
            name: name.to_owned(),
            module: module.map(str::to_owned),
            message,
            ..plain()
        })
    }

    fn is_ruled(&self, at: usize, depth: usize) -> bool {
        let there = Reader { lines: self.lines, at, indent: self.indent };
        there.rule(depth + 1).is_some() || there.rule(depth).is_some()
    }

    fn members(&mut self, depth: usize, level: usize) -> Vec<Chain> {
        let mut members = Vec::new();
        while self.rule(depth) == Some(Rule::Member) {
            self.at += 1;
            let chain = self.chain(depth, self.member_opening(depth), level);
            if chain.is_empty() {
                // `and 3 more exceptions`, or groups that are not drawn any deeper.
                while self.text(depth).is_some() {
                    self.at += 1;
                }
            } else {
                members.push(chain);
            }
        }
        if self.rule(depth) == Some(Rule::End) {
            self.at += 1;
        }
        members
    }

    fn member_opening(&self, depth: usize) -> Opening {
        let header = self
            .text(depth)
            .is_some_and(|text| text.trim_end() == HEADER || text.starts_with(GROUP_HEADER));
        if header { Opening::Header } else { Opening::Bare }
    }
}

fn plain() -> Exception {
    Exception { mechanism: "log".to_owned(), ..Exception::default() }
}

fn is_of_syntax(name: &str) -> bool {
    matches!(name, "SyntaxError" | "IndentationError" | "TabError")
}

#[cfg(test)]
mod tests;
