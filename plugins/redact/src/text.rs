//! A text as far as it is known, read so that a verdict never depends on where it was cut.
//!
//! Whoever judges a candidate asks for bytes through [`Text::at`]. Asking for one behind the end of
//! a text that goes on leaves a trace, and the verdict counts as open until more has come. So no
//! rule has to remember that texts arrive in pieces.
//!
//! To the left the text is a copy of what went before, long enough for every rule
//! ([`crate::stream`] sees to that); rules look back a limited distance only.

use crate::value::context::Memory;
use std::cell::Cell;

/// How far rules may look back from what made them look, in bytes.
pub(crate) const LOOK_BACK: usize = 320;

/// A text, and whether it ends where its bytes end.
pub(crate) struct Text<'a> {
    bytes: &'a [u8],
    last: bool,
    records: bool,
    touched: Cell<bool>,
    memory: Memory,
}

impl<'a> Text<'a> {
    /// `last` says that nothing follows.
    pub(crate) fn new(bytes: &'a [u8], last: bool) -> Text<'a> {
        Text { bytes, last, records: false, touched: Cell::new(false), memory: Memory::default() }
    }

    /// Whole records of a log. Others may follow, but only a private key goes over several.
    pub(crate) fn of_records(bytes: &'a [u8]) -> Text<'a> {
        Text {
            bytes,
            last: true,
            records: true,
            touched: Cell::new(false),
            memory: Memory::default(),
        }
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    pub(crate) fn is_records(&self) -> bool {
        self.records
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    pub(crate) fn is_last(&self) -> bool {
        self.last
    }

    /// The byte at `index`; NUL behind the end, which borders on everything and matches nothing.
    #[inline]
    pub(crate) fn at(&self, index: usize) -> u8 {
        match self.bytes.get(index) {
            Some(&byte) => byte,
            None => {
                self.touched.set(true);
                0
            }
        }
    }

    /// The byte `distance` before `index`; NUL before the beginning.
    #[inline]
    pub(crate) fn before(&self, index: usize, distance: usize) -> u8 {
        match index.checked_sub(distance) {
            Some(at) => self.at(at),
            None => 0,
        }
    }

    /// The bytes of a range, cut to what there is.
    pub(crate) fn slice(&self, start: usize, end: usize) -> &'a [u8] {
        if end > self.bytes.len() {
            self.touched.set(true);
        }
        let end = end.min(self.bytes.len());
        &self.bytes[start.min(end)..end]
    }

    /// Whether `word` stands at `index`, ASCII case ignored.
    pub(crate) fn has_word(&self, index: usize, word: &[u8]) -> bool {
        word.iter().enumerate().all(|(i, b)| self.at(index + i).eq_ignore_ascii_case(b))
    }

    /// Whether `word` stands right before `index`, ASCII case ignored.
    pub(crate) fn ends_with_word(&self, index: usize, word: &[u8]) -> bool {
        index >= word.len() && self.has_word(index - word.len(), word)
    }

    /// Begins a new verdict.
    #[inline]
    pub(crate) fn forget(&self) {
        self.touched.set(false);
    }

    /// Whether the verdict may change when more of the text arrives.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        !self.last && self.touched.get()
    }

    /// The character that begins at `index`, with its length in bytes; a byte that begins none
    /// counts as U+FFFD of length 1.
    pub(crate) fn char_at(&self, index: usize) -> (char, usize) {
        let first = self.at(index);
        let length = match first {
            0..0x80 => return (first as char, 1),
            0xc2..0xe0 => 2,
            0xe0..0xf0 => 3,
            0xf0..0xf5 => 4,
            _ => return (char::REPLACEMENT_CHARACTER, 1),
        };
        match std::str::from_utf8(self.slice(index, index + length)) {
            Ok(one) => (one.chars().next().unwrap_or(char::REPLACEMENT_CHARACTER), length),
            Err(_) => (char::REPLACEMENT_CHARACTER, 1),
        }
    }

    /// The character that ends before `index`, with its length in bytes.
    pub(crate) fn char_before(&self, index: usize) -> (char, usize) {
        let last = self.before(index, 1);
        if last < 0x80 {
            return (last as char, 1);
        }
        for length in 2..=4.min(index) {
            let (found, size) = self.char_at(index - length);
            if size == length {
                return (found, length);
            }
        }
        (char::REPLACEMENT_CHARACTER, 1)
    }
}
