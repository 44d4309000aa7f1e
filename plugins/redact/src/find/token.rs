//! Candidates of words: tokens that are known by their prefix, and those behind a scheme.

use super::Finder;
use super::mode::Then;
use super::spelled::VIEWS;
use crate::bytes::{self, ALNUM, TOKEN, WORD};
use crate::ending::Ending;
use crate::pair::Value;
use crate::rule::{self, RuleId};
use crate::span::Role;
use crate::text::Text;
use crate::value::{self, token::Scheme};
use crate::view::base64;
use std::ops::Range;

/// Letters, digits, `-`, `_`, and points between them.
const JWT_RUN: u16 = TOKEN | WORD;

/// Whether a word shows in its first bytes or by what stands before it that it may be a token.
#[inline(always)]
pub(super) fn may_be_one(text: &Text<'_>, start: usize) -> bool {
    // A candidate has twelve characters.
    let Some(&[before2, before, ref word @ ..]) =
        text.bytes().get(start.saturating_sub(2)..).and_then(|bytes| bytes.first_chunk::<14>())
    else {
        return true;
    };
    let [first, second, ..] = *word;
    start < 2
        || (before == b' ' && value::token::may_end_scheme(before2))
        || value::secret::may_begin(first, second)
        || matches!(before, b'.' | b'/' | b'~')
        || (matches!(before, b'-' | b'_') && !bytes::is(before2, ALNUM))
        // Behind a colon a number of JSON is the commonest, and `AA` the only word that is known.
        || (before == b':' && first == b'A')
        || matches!(first, b'M' | b'N' | b'O')
        || base64::may_begin_with(word)
}

impl Finder<'_> {
    /// A word that may be a token, by its own prefix or by what stands before it.
    #[inline(never)]
    pub(super) fn token(&mut self, start: usize) {
        let text = &self.text;
        let (first, second) = (text.at(start), text.at(start + 1));
        text.forget();
        if text.before(start, 1) == b' ' && self.credentials(start) {
            return;
        }
        if self.depth <= VIEWS
            && let Some(coding) = base64::may_begin(&self.text, start)
            && self.encoded(start, coding)
        {
            return;
        }
        self.text.forget();
        let text = &self.text;
        if !value::secret::may_begin(first, second) && !value::secret::is_led(text, start) {
            return;
        }
        let earliest = value::secret::earliest(text, start);
        let jwt = if first == b'e' && second == b'y' && self.engine.is_on(rule::JWT) {
            let word_end = self.word_end(start, value::jwt::HEADER_MAX + 1);
            value::jwt::find(&self.text, start, word_end)
        } else {
            None
        };
        let text = &self.text;
        let found = match jwt {
            Some(range) => Some((rule::JWT, range, JWT_RUN)),
            None => {
                value::secret::find(text, start).map(|found| (found.rule, found.range, found.class))
            }
        };
        if text.is_open() {
            self.hold(earliest);
            return;
        }
        let Some((rule, range, class)) = found else { return };
        let goes_on = rule == rule::JWT || (class != 0 && range.len() >= value::secret::PROOF);
        self.run_on(rule, range, class, goes_on);
    }

    /// Behind the word that holds `start`, or where it is longer than `most`. A word is read once
    /// however many candidates are in it.
    pub(super) fn word_end(&mut self, start: usize, most: usize) -> usize {
        let limit = start + most;
        if self.word_end < start {
            self.word_end = start;
        }
        while self.word_end < limit && bytes::is(self.text.at(self.word_end), WORD) {
            self.word_end += 1;
        }
        // What ends the word has to be seen by each of its candidates.
        self.text.at(self.word_end.min(limit));
        self.word_end.min(limit)
    }

    /// The token behind `Bearer` or `Basic`. False when there is none.
    #[inline]
    pub(super) fn credentials(&mut self, start: usize) -> bool {
        let Some((scheme, word)) = value::token::scheme_before(&self.text, start) else {
            return false;
        };
        let rule = if scheme == Scheme::Basic { rule::BASIC } else { rule::BEARER };
        if !self.engine.is_on(rule) || self.engine.is_behind_marker(&self.text, word) {
            return false;
        }
        let found = value::token::find(&self.text, start, scheme);
        if self.text.is_open() {
            self.hold(start);
            return true;
        }
        let Some(range) = found else { return false };
        let goes_on = range.len() >= value::token::PROOF;
        self.run_on(rule, range, TOKEN, goes_on);
        true
    }

    /// A proven token, which may be longer than what was read of it.
    pub(super) fn run_on(&mut self, rule: RuleId, range: Range<usize>, class: u16, goes_on: bool) {
        if !self.engine.is_on(rule) {
            return;
        }
        let is_free = range.start >= self.state.floor.max(self.state.settled) && self.cut.is_none();
        if self.engine.is_behind_marker(&self.text, range.start) {
            return;
        }
        if goes_on && is_free && !self.engine.is_report(rule) {
            let value = Value::new(range.start, Ending::Run(class));
            if self.has_to_wait(rule, &value) {
                return;
            }
            self.take(rule, value.start, value, Role::Named, Then::Open);
        } else {
            self.add(rule, range, None);
        }
    }
}
