//! The rules of a rule file, walked over a piece of their own: who has none pays nothing.

use super::Finder;
use super::number::quotes_at;
use crate::custom::{Automaton, Customs, Match, is_behind_escape, is_in_escape, judge};
use crate::ending::Quote;
use crate::place::Kind;
use crate::scan::{BLOCK, classify_at};
use std::ops::Range;

/// The longest escape: `\u00e9`.
const ESCAPE_MAX: usize = 6;

impl Finder<'_> {
    /// Judges every place from `from` on at which a match could begin.
    pub(super) fn custom(&mut self, customs: &Customs, from: usize) {
        let bytes = self.text.bytes();
        let limit = self.limit();
        let mut found = std::mem::take(&mut self.found.matches);
        // Of what is still open only the first place counts.
        let mut open = usize::MAX;
        let mut before = u64::from(self.text.before(from, 1).is_ascii_alphanumeric());
        let mut at = from;
        while at < limit && at < open {
            let alnum = classify_at(bytes, at).alnum;
            let mut begins = if customs.inside { alnum } else { alnum & !(alnum << 1 | before) };
            before = alnum >> (BLOCK - 1);
            while begins != 0 {
                let start = at + begins.trailing_zeros() as usize;
                begins &= begins - 1;
                self.begin(customs, start, &mut open, &mut found);
            }
            at += BLOCK;
        }
        // Behind escapes words begin that the classes of bytes do not show.
        let end = limit.min(bytes.len());
        let rest = bytes.get(from..end).unwrap_or_default();
        let first = from.saturating_sub(ESCAPE_MAX);
        let escapes = bytes.get(first..end).unwrap_or_default();
        for escape in memchr::memchr2_iter(b'\\', b'%', escapes).map(|index| first + index) {
            for start in [2, 3, ESCAPE_MAX].map(|width| escape + width) {
                let glued = self.text.before(start, 1).is_ascii_alphanumeric();
                if (from..end).contains(&start) && glued && is_behind_escape(&self.text, start) {
                    self.begin(customs, start, &mut open, &mut found);
                }
            }
        }
        match customs.others[..] {
            [] => {}
            [one] => {
                self.begin_at(customs, memchr::memchr_iter(one, rest), from, &mut open, &mut found)
            }
            [one, two] => {
                self.begin_at(
                    customs,
                    memchr::memchr2_iter(one, two, rest),
                    from,
                    &mut open,
                    &mut found,
                );
            }
            _ => {
                let mut wanted = [false; 256];
                customs.others.iter().for_each(|byte| wanted[usize::from(*byte)] = true);
                let hits = rest.iter().enumerate().filter(|(_, byte)| wanted[usize::from(**byte)]);
                self.begin_at(customs, hits.map(|(at, _)| at), from, &mut open, &mut found);
            }
        }
        if open != usize::MAX {
            self.hold(open);
        }
        self.found.matches = found;
    }

    fn begin_at(
        &mut self,
        customs: &Customs,
        starts: impl Iterator<Item = usize>,
        from: usize,
        open: &mut usize,
        found: &mut Vec<Match>,
    ) {
        for start in starts {
            self.begin(customs, from + start, open, found);
        }
    }

    /// Asks the automata what matches from `start` on.
    #[inline]
    fn begin(&mut self, customs: &Customs, start: usize, open: &mut usize, found: &mut Vec<Match>) {
        let bytes = self.text.bytes();
        let Some(&one) = bytes.get(start) else { return };
        for automaton in &customs.automata {
            let may_begin = match bytes.get(start + 1) {
                Some(&two) => automaton.may_begin(one, two),
                None => automaton.may_begin_with(one),
            };
            if may_begin {
                self.ask(customs, automaton, start, open, found);
            }
        }
    }

    #[inline(never)]
    fn ask(
        &mut self,
        customs: &Customs,
        automaton: &Automaton,
        start: usize,
        open: &mut usize,
        found: &mut Vec<Match>,
    ) {
        self.text.forget();
        found.clear();
        // A sign of a number goes with it.
        let earliest = start - usize::from(self.text.before(start, 1) == b'-');
        if is_in_escape(&self.text, start) || self.is_part(start) {
            if self.text.is_open() {
                *open = earliest.min(*open);
            }
            return;
        }
        automaton.matches(&self.text, start, found);
        if self.text.is_open() {
            *open = earliest.min(*open);
            return;
        }
        for one in found.iter() {
            let Some(rule) = customs.rules.get(one.rule) else { continue };
            if !self.engine.is_on(rule.id) {
                continue;
            }
            self.text.forget();
            if !rule.selection.has(self.found.place, &self.text, start) {
                continue;
            }
            let hit = judge(rule, self.engine, &self.text, start..one.end);
            let Some(range) = hit else {
                if self.text.is_open() {
                    *open = earliest.min(*open);
                }
                continue;
            };
            let Some((range, wrap)) = self.fitted(range) else {
                if self.text.is_open() {
                    *open = earliest.min(*open);
                }
                continue;
            };
            if self.text.is_open() {
                *open = earliest.min(*open);
                continue;
            }
            self.add(rule.id, range, wrap);
        }
    }

    /// Whether what begins at `start` is part of something that this engine wrote, or the exponent
    /// of a number.
    fn is_part(&self, start: usize) -> bool {
        let text = &self.text;
        let before = text.before(start, 1);
        before == b'*'
            || (matches!(before, b'+' | b'-')
                && matches!(text.before(start, 2), b'e' | b'E')
                && text.before(start, 3).is_ascii_digit())
            || self.engine.is_in_own_token(text, start)
            || (before == b':' && self.engine.is_own_token(text, start - 1))
    }

    /// Makes a hit one that leaves JSON as it is: numbers get quotes, structure is none.
    fn fitted(&self, range: Range<usize>) -> Option<(Range<usize>, Option<Quote>)> {
        let text = &self.text;
        let value = text.slice(range.start, range.end);
        if matches!(value, b"true" | b"false" | b"null") {
            return None;
        }
        let sign = |byte: u8| matches!(byte, b'{' | b'}' | b'[' | b']' | b':' | b',');
        if self.kind != Kind::Form && value.iter().any(|byte| sign(*byte)) {
            let (first, last) = (text.at(range.start), text.before(range.end, 1));
            let closed = matches!(text.before(range.start, 1), b'"' | b'}' | b']' | b'e' | b'l')
                || text.before(range.start, 1).is_ascii_digit();
            let opens = matches!(text.at(range.end), b'"' | b'{' | b'[' | b'-')
                || text.at(range.end).is_ascii_digit();
            let brackets = value.iter().any(|byte| matches!(byte, b'{' | b'}' | b'[' | b']'));
            if (sign(first) && closed)
                || (sign(last) && opens)
                || (brackets && self.kind == Kind::Json)
            {
                return None;
            }
        }
        let is_number = value.iter().all(|byte| {
            byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E' | b',')
        });
        if !is_number || self.kind == Kind::Form {
            return Some((range, None));
        }
        let start = range.start - usize::from(text.before(range.start, 1) == b'-');
        let wrap = quotes_at(text, self.kind, start, range.end);
        let start = if wrap.is_some() { start } else { range.start };
        Some((start..range.end, wrap))
    }
}
