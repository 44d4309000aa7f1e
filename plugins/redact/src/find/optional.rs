//! Candidates of packs: words with digits, and folders of users in paths.

use super::Finder;
use crate::candidate::{NUMBER, positions};
use crate::pack::{Head, Hit, RUN_MAX, path};
use crate::scan::{BLOCK, Masks};

impl Finder<'_> {
    /// Judges the words that begin at the bits of a mask of the block at `at`.
    #[inline(always)]
    pub(super) fn optional(&mut self, mask: u64, at: usize, here: &Masks, next: &Masks) {
        let engine = self.engine;
        let Some(packs) = engine.packs().filter(|packs| packs.has_shapes()) else { return };
        let alnum = u128::from(here.alnum) | u128::from(next.alnum) << BLOCK;
        let digit = u128::from(here.digit) | u128::from(next.digit) << BLOCK;
        for start in positions(mask, at) {
            let bit = start - at;
            let mut length = (!(alnum >> bit)).trailing_zeros() as usize;
            self.text.forget();
            if bit + length == 2 * BLOCK || start + length == self.text.len() {
                while length <= RUN_MAX && self.text.at(start + length).is_ascii_alphanumeric() {
                    length += 1;
                }
            }
            let next = self.next_run(alnum, at, start + length + 1);
            let head = Head { start, length, digits: (digit >> bit) as u64, next };
            let found = packs.find(&self.text, self.kind, head);
            if found.is_some() || self.text.is_open() {
                self.settle_optional(start, found);
            }
        }
    }

    /// How long the run at `start` is, as a bit, from the mask of the two blocks at `at`; all bits
    /// where it does not say so.
    #[inline(always)]
    fn next_run(&self, alnum: u128, at: usize, start: usize) -> u64 {
        let Some(rest) = alnum.checked_shr((start - at) as u32) else { return u64::MAX };
        let length = (!rest).trailing_zeros() as usize;
        let end = start + length;
        if length > 63 || end >= self.text.len() || end - at == 2 * BLOCK {
            return u64::MAX;
        }
        match (length, self.text.at(end)) {
            (0, b'(' | b')') => 1,
            // The second byte of a no-break space.
            (0, 0x80..) => u64::MAX,
            (0, _) => 0,
            _ => 1 << length,
        }
    }

    #[inline(never)]
    fn settle_optional(&mut self, start: usize, found: Option<Hit>) {
        // The end of a token of ours is no value.
        if self.text.before(start, 1) == b':' && self.engine.is_own_token(&self.text, start - 1) {
            return;
        }
        let wrap = found.as_ref().and_then(|hit| {
            super::number::quotes_of_number(&self.text, self.kind, hit.range.start, hit.range.end)
        });
        if self.text.is_open() {
            self.hold(start);
        } else if let Some(hit) = found {
            self.add(hit.rule, hit.range, wrap);
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
        let engine = self.engine;
        let Some(paths) = engine.packs().and_then(|packs| packs.paths.as_ref()) else { return };
        let (bytes, limit) = (self.text.bytes(), self.limit());
        for at in paths.candidates(bytes, from).filter(|at| *at < limit) {
            self.judge(paths.rule, at, |text| path::find(text, at));
        }
    }
}
