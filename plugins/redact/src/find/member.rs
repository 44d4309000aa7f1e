//! Pairs that are taken out whole: a member of an object with its comma, a pair of a query.

use super::Finder;
use crate::ending::Quote;
use crate::pair::{Name, Value};
use crate::place::Kind;
use crate::span::Role;
use crate::text::Text;

/// The most bytes between the beginning of a pair and its value.
const MAX: usize = 100;

/// What is left of a member when its value has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Close {
    /// The quote that closes the value.
    pub(super) quote: Option<Quote>,
    /// The sign before the next member, which goes with this one.
    pub(super) separator: Option<u8>,
}

impl Close {
    /// Reads on at `at`: behind the member, or as far as there is and what is left then.
    pub(super) fn read(mut self, text: &Text<'_>, mut at: usize) -> Result<usize, (usize, Close)> {
        if let Some(quote) = self.quote {
            let length = quote.backslashes() + 1;
            if text.at(at + length - 1) == quote.sign {
                at += length;
            } else if text.is_open() {
                return Err((at, self));
            }
            self.quote = None;
        }
        if let Some(separator) = self.separator {
            while matches!(text.at(at), b' ' | b'\t') {
                at += 1;
            }
            if text.at(at) == separator {
                at += 1;
            } else if text.is_open() {
                return Err((at, self));
            }
        }
        Ok(at)
    }
}

/// Where a pair begins, and whether the separator behind it goes with it.
pub(super) struct Pair {
    pub(super) start: usize,
    pub(super) separator: Option<u8>,
}

impl Finder<'_> {
    /// The pair around a value, with the separator before it, or with the one behind it where it is
    /// the first. `None` where the name is no part of anything that could be taken out.
    pub(super) fn pair_around(&self, name: &Name, value: &Value) -> Option<Pair> {
        let text = &self.text;
        if name.in_query {
            return self.delimited(name.start, b'&', value.start);
        }
        let quote = name.quote.filter(|quote| quote.sign == b'"')?;
        let mut start = name.start.checked_sub(quote.backslashes() + 1)?;
        let first = start;
        let newline = self.kind == Kind::Json;
        while first - start < MAX
            && (matches!(text.before(start, 1), b' ' | b'\t')
                || (newline && matches!(text.before(start, 1), b'\n' | b'\r')))
        {
            start -= 1;
        }
        match text.before(start, 1) {
            b',' => self.delimited(start, b',', value.start),
            b'{' => self.delimited(first, b',', value.start),
            _ => None,
        }
    }

    /// A pair that begins at `start`, perhaps behind a separator.
    fn delimited(&self, start: usize, separator: u8, value: usize) -> Option<Pair> {
        let leads =
            self.text.before(start, 1) == separator && start > 0 && !self.is_dropped(start - 1);
        let start = if leads { start - 1 } else { start };
        (value - start <= MAX && start >= self.state.settled.max(self.state.floor))
            .then_some(Pair { start, separator: (!leads).then_some(separator) })
    }

    /// Whether the separator at `at` went with the pair before it.
    fn is_dropped(&self, at: usize) -> bool {
        self.state.dropped.contains(&at)
            || self.found.spans.iter().any(|span| {
                matches!(span.role, Role::Dropped | Role::Rest)
                    && (span.start..span.end).contains(&at)
            })
    }

    /// Where a hit of this pair begins at the earliest.
    pub(super) fn earliest_of_pair(&self, name: &Name, sign: usize) -> usize {
        let begin = (sign + 1).min(self.text.len());
        if !self.engine.drops_pairs() {
            return begin;
        }
        let mut start = name.start.saturating_sub(1);
        while start > 0
            && sign - start < MAX
            && matches!(self.text.at(start), b' ' | b'\t' | b'\n' | b'\r' | b'"' | b'\\')
        {
            start -= 1;
        }
        start.min(begin)
    }
}
