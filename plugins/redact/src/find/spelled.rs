//! Candidates in other spellings: characters that are encoded, escaped, or of another script.
//!
//! The text is divided into cells that end with their line. The first character of a cell that
//! counts has the cell looked at: decoded, with what stands around it, and searched like a text of
//! its own. So a text costs the same for each cell however many such characters are in it, and what
//! is found depends on the text alone.

use super::{Finder, Found, State, find_in, tail};
use crate::bytes::{self, BASE64, HEX, NAME as NAME_BYTES, TOKEN, WORD};
use crate::ending::{Ending, Quote};
use crate::place::Kind;
use crate::rule::{self, RuleId};
use crate::span::{Role, Span};
use crate::text::Text;
use crate::view::base64::{self, Coding};
use crate::view::unit::UNIT_MAX;
use crate::view::{self, View};
use std::ops::Range;

/// In what is so deep nothing is decoded once more but base64.
pub(super) const VIEWS: usize = 2;
/// How far before a value its name may be written in another way, in bytes.
const NAME: usize = 96;
/// The length of a cell, in bytes.
pub(crate) const CELL: usize = 1024;
/// How far before the first character that counts a view begins, in bytes.
pub(crate) const LEFT: usize = 192;
/// How far behind the last one it ends.
const RIGHT: usize = 288;
/// The longest rest of a value behind its view, in bytes; one with a longer rest is none.
const LONG: usize = 2816;
/// How much of what stands around a value may say what it is, in bytes.
const CONTEXT: usize = 64;

/// Rules that are found by the names before their values.
const BY_NAME: [RuleId; 5] =
    [rule::PASSWORD, rule::COOKIE, rule::URL_SIGNATURE, rule::BEARER, rule::BASIC];

/// What looking into a view takes. Kept for its memory.
#[derive(Default)]
pub(crate) struct Inner {
    view: View,
    found: Found,
    /// Where characters that count stand in the cell.
    marks: Vec<usize>,
    /// What a run of base64 holds.
    decoded: Vec<u8>,
}

impl Finder<'_> {
    /// A character that may be written in another way.
    pub(super) fn coded(&mut self, at: usize) {
        let separates = self.kind == Kind::Form && self.text.at(at) == b'&';
        if self.depth >= VIEWS || separates {
            return;
        }
        self.text.forget();
        let counts = view::counts(&self.text, self.engine.names(), at);
        if self.text.is_open() {
            self.hold(tail::start_at(&self.text, at));
            return;
        }
        if counts {
            self.cell(at);
        }
    }

    /// Looks at the cell around `at`.
    fn cell(&mut self, at: usize) {
        let bytes = self.text.bytes();
        let cell = at.saturating_sub((at + self.state.origin) % CELL);
        let cell_end = cell + CELL - if cell == 0 { self.state.origin } else { 0 };
        let line_end = |from: usize, to: usize| {
            let to = to.min(bytes.len());
            bytes[from.min(to)..to].iter().position(|&b| b == b'\n').map(|found| from + found)
        };
        let start =
            bytes[cell..at].iter().rposition(|&b| b == b'\n').map_or(cell, |nl| cell + nl + 1);
        let end = line_end(at, cell_end).unwrap_or(cell_end);
        self.looked_at = end;

        let mut inner = std::mem::take(&mut self.found.inner).unwrap_or_default();
        self.text.forget();
        inner.marks.clear();
        let known = &bytes[..end.min(bytes.len())];
        for (index, byte) in known.iter().enumerate().skip(start) {
            if matches!(byte, b'%' | b'\\' | b'&' | 0xc2..)
                && !(*byte == b'&' && self.kind == Kind::Form)
                && view::counts(&self.text, self.engine.names(), index)
            {
                inner.marks.push(index);
            }
        }
        if let (Some(&first), Some(&last)) = (inner.marks.first(), inner.marks.last()) {
            let (to, cut) = view_end(&self.text, last);
            let in_sight = bytes.len() >= to.max(end) && !self.text.is_open();
            let earliest = tail::start_at(&self.text, first);
            if self.text.is_last() || in_sight {
                let from = earliest.saturating_sub(CONTEXT).max(first.saturating_sub(LEFT));
                self.look(&mut inner, from..to.min(bytes.len()), cut && to < bytes.len());
            } else {
                self.hold(earliest);
            }
        }
        self.found.inner = Some(inner);
    }

    /// Searches a part of the text, decoded.
    fn look(&mut self, inner: &mut Inner, mut part: Range<usize>, cut: bool) {
        let bytes = self.text.bytes();
        let cut_before = part.start > 0;
        while part.start < part.end && bytes[part.start] & 0xc0 == 0x80 {
            part.start += 1;
        }
        inner.view.read(bytes, part, self.kind == Kind::Form);
        let text = Text::new(inner.view.bytes(), true);
        let mut state = State::default();
        find_in(self.engine, Kind::Text, text, &mut state, &mut inner.found, self.depth + VIEWS);
        let length = inner.view.bytes().len();
        for span in &inner.found.spans {
            let elsewhere = matches!(span.role, Role::Rest | Role::Region);
            if elsewhere || (span.start == 0 && cut_before) {
                continue;
            }
            let is_cut = span.end == length && cut;
            let Some(range) = inner.view.origin(span.start..span.end) else { continue };
            // What stands behind a plain name was read where it stands.
            let by_name = !span.role.is_value() && BY_NAME.contains(&span.rule);
            let claimed = is_behind(bytes, &inner.marks, &range) && !span.role.is_value()
                || !by_name && self.is_ours(&inner.marks, &range);
            if !claimed || (is_cut && span.role.is_value()) {
                continue;
            }
            self.keep(span, range, is_cut);
        }
    }

    /// A run that may hold a text: one with a hit in it goes as a whole. Answers whether it was
    /// judged, or has to wait.
    pub(super) fn encoded(&mut self, start: usize, coding: Coding) -> bool {
        // Declared as data: an image, a font.
        if self.text.ends_with_word(start, b"base64,") {
            return false;
        }
        // Behind a slash the whole run was judged from its beginning.
        let parts: &[bool] =
            if self.text.before(start, 1) == b'/' { &[true] } else { &[false, true] };
        for &part in parts {
            self.text.forget();
            let run = base64::run(&self.text, start, coding, part);
            if self.text.is_open() {
                self.hold(start);
                return true;
            }
            let Some(run) = run else { return false };
            let written = self.text.slice(start, run.end);
            if part && parts.len() > 1 && self.text.at(run.end) != b'/' {
                return false;
            }
            let mut inner = std::mem::take(&mut self.found.inner).unwrap_or_default();
            let rule = base64::decode(written, coding, &mut inner.decoded)
                .then(|| self.rule_in(&mut inner))
                .flatten();
            self.found.inner = Some(inner);
            let Some(rule) = rule else { continue };
            let class = if coding == Coding::Hex { HEX } else { BASE64 | WORD };
            self.run_on(rule, start..run.end, class, run.goes_on);
            return true;
        }
        false
    }

    /// The first rule with a hit in what was decoded, one that only reports behind the others.
    fn rule_in(&self, inner: &mut Inner) -> Option<RuleId> {
        let text = Text::new(&inner.decoded, true);
        let mut state = State::default();
        find_in(self.engine, Kind::Text, text, &mut state, &mut inner.found, self.depth + 1);
        let hits = inner.found.spans.iter().filter(|span| span.role != Role::Region);
        let rules = || hits.clone().map(|span| span.rule);
        rules().find(|rule| !self.engine.is_report(*rule)).or_else(|| rules().next())
    }

    /// Whether a hit holds a character that counts, or begins behind one; and whether the text would
    /// have been kept back for it.
    fn is_ours(&self, marks: &[usize], range: &Range<usize>) -> bool {
        let near = range.start.saturating_sub(UNIT_MAX);
        for &mark in &marks[marks.partition_point(|&mark| mark < near)..] {
            if mark >= range.end {
                break;
            }
            if mark >= range.start {
                return range.start >= tail::start_at(&self.text, mark);
            }
            if mark + view::unit::read(&self.text, mark).length == range.start {
                return true;
            }
        }
        false
    }

    fn keep(&mut self, span: &Span, range: Range<usize>, goes_on: bool) {
        let settled = self.state.settled;
        let is_settled = range.end <= settled || (range.start < settled && range.start < self.base);
        if is_settled {
            return;
        }
        let start = range.start.max(settled);
        let mut end = range.end;
        if goes_on {
            // What is seen of it goes, and the rest as far as it is written plainly.
            let most = (end + LONG).min(self.text.len());
            let all = self.text.is_last() && most == self.text.len();
            let mut ending = self.ending_at(start);
            let progress = ending.advance(&self.text.bytes()[end..most], all);
            if !progress.ended {
                if most < end + LONG {
                    self.hold(start);
                }
                return;
            }
            end += progress.taken;
        }
        let wrap = span.wrap.filter(|_| self.is_json_value(start));
        let is_report = self.engine.is_report(span.rule);
        let role = if is_report { Role::Reported } else { Role::Value };
        self.push(Span { start, end, rule: span.rule, wrap, role });
    }

    /// How a value that goes on behind its view ends, by the quote before it.
    fn ending_at(&self, start: usize) -> Ending {
        let sign = self.text.before(start, 1);
        let backslashes =
            (2..10).take_while(|distance| self.text.before(start, *distance) == b'\\').count();
        match Quote::written(sign, backslashes) {
            Some(quote) if matches!(sign, b'"' | b'\'') => {
                Ending::quoted(quote, self.kind != Kind::Json)
            }
            _ => Ending::Run(TOKEN),
        }
    }

    /// Whether the name before a value stands in plain quotes, so that a marker may, too.
    fn is_json_value(&self, start: usize) -> bool {
        let mut sign = start;
        while start - sign < 8 && matches!(self.text.before(sign, 1), b' ' | b'\t') {
            sign -= 1;
        }
        self.text.before(sign, 1) == b':' && self.text.before(sign, 2) == b'"'
    }
}

/// Where a view whose last mark is at `mark` ends, and whether a value may go on behind that.
fn view_end(text: &Text<'_>, mark: usize) -> (usize, bool) {
    let bytes = text.bytes();
    let most = mark + RIGHT;
    for at in mark..most.min(bytes.len()) {
        let next = bytes.get(at + 1).copied();
        match bytes[at] {
            b'\n' => return (at, false),
            b' ' if next.is_none_or(|b| b.is_ascii_alphabetic()) => {
                return (most.min(at + CONTEXT), true);
            }
            b'"' if matches!(next, None | Some(b',' | b'}')) => {
                return (most.min(at + CONTEXT), true);
            }
            _ => {}
        }
    }
    (most, true)
}

/// Whether the name of a value, or what stands between the two, is written in another way.
fn is_behind(text: &[u8], marks: &[usize], range: &Range<usize>) -> bool {
    let near = range.start.saturating_sub(NAME)..range.start;
    let before = marks.partition_point(|&mark| mark < range.start);
    let Some(mark) = marks[..before].last().filter(|mark| near.contains(mark)) else {
        return false;
    };
    // The mark may be the sign, or stand in the name before one.
    let trimmed = |mut written: &[u8], signs: &[u8]| {
        while let [rest @ .., last] = written
            && signs.contains(last)
        {
            written = rest;
        }
        written.len()
    };
    let written = &text[*mark..range.start];
    let name = &written[..trimmed(written, b" \t\"'\\")];
    let name = &name[..trimmed(name, b":=")];
    let count = |signs: &[u8]| name.iter().filter(|byte| signs.contains(byte)).count();
    let in_name = |byte: &u8| bytes::is(*byte, NAME_BYTES) || b"&#;\\\"':=".contains(byte);
    count(b"\"'") <= 1 && count(b":=") <= 1 && name.iter().all(in_name)
}
