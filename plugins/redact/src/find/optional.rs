//! Candidates of packs: words with digits, and folders of users in paths.

use super::Finder;
use crate::candidate::{NUMBER, positions};
use crate::pack::path;

impl Finder<'_> {
    /// Judges the words that begin at the bits of a mask.
    #[inline(never)]
    pub(super) fn optional(&mut self, mask: u64, at: usize) {
        let engine = self.engine;
        let Some(packs) = engine.packs() else { return };
        for start in positions(mask, at) {
            self.text.forget();
            // The end of a token of ours is no value.
            if self.text.before(start, 1) == b':' && engine.is_own_token(&self.text, start - 1) {
                continue;
            }
            let found = packs.find(&self.text, self.kind, start);
            let wrap = found.as_ref().and_then(|hit| {
                super::number::quotes_of_number(
                    &self.text,
                    self.kind,
                    hit.range.start,
                    hit.range.end,
                )
            });
            if self.text.is_open() {
                self.hold(start);
            } else if let Some(hit) = found {
                self.add(hit.rule, hit.range, wrap);
            }
        }
    }

    /// Words that the end of a piece cuts off before their first digit.
    pub(super) fn hold_words(&mut self) {
        let (text, len) = (&self.text, self.text.len());
        let begins = |at: &usize| {
            text.at(*at).is_ascii_alphanumeric() && !text.before(*at, 1).is_ascii_alphanumeric()
        };
        let first = (len.saturating_sub(NUMBER)..len).find(begins);
        if let Some(first) = first {
            self.hold(first);
        }
    }

    /// Names of users in paths, from where the walk began to where it ended.
    pub(super) fn paths(&mut self, from: usize) {
        let Some(rule) = self.engine.packs().and_then(|packs| packs.paths) else { return };
        let bytes = self.text.bytes();
        for (at, byte) in bytes[..self.limit()].iter().enumerate().skip(from) {
            if matches!(byte, b'/' | b'\\') {
                self.judge(rule, at, |text| path::find(text, at));
            }
        }
    }
}
