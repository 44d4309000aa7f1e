//! Which entities may have one of their words near a value: a quick look, before anybody reads words.
//!
//! Most numbers of a text have no such word beside them, and those that have are few. So the first
//! three letters of every word are noted once, with a bit for its entity; a word of the text costs
//! one look into the table. The answer says too much at times and never too little.

use super::words::{BEFORE, BEHIND, WORD_MAX, is_of_word};
use crate::text::Text;
use crate::value::context::is_border;

/// Places in the table, a power of two. With 600 words about a quarter of it is in use.
const PLACES: usize = 2048;
/// How much further than its first run of letters and digits a value may go, in bytes.
const REST: usize = 32;

/// Words by their first three letters.
pub(super) struct Near {
    table: Vec<u64>,
}

/// The bit of an entity; those whose places are 64 apart share one.
pub(super) fn bit(row: usize) -> u64 {
    1 << (row % 64)
}

/// What a byte before a value may be.
const OTHER: u8 = 0;
const WORD: u8 = 1;
const CAPITAL: u8 = 2;
const LINE_END: u8 = 3;
/// Perhaps a border, see [`is_border`].
const BORDER: u8 = 4;

const CLASSES: [u8; 256] = {
    let mut table = [OTHER; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'A'..=b'Z' => CAPITAL,
            b'0'..=b'9' | b'a'..=b'z' | 0x80.. => WORD,
            b'\n' | b'\r' => LINE_END,
            b'{' | b'}' | b'&' | b';' | b'@' | b']' | b'*' | b',' | 0 => BORDER,
            _ => OTHER,
        };
        byte += 1;
    }
    table
};

fn place(first: u8, second: u8, third: u8) -> usize {
    let [first, second, third] = [first, second, third].map(usize::from);
    (first << 6 ^ second << 3 ^ third) % PLACES
}

impl Near {
    pub(super) fn new() -> Near {
        Near { table: vec![0; PLACES] }
    }

    /// Notes the words of an entity.
    pub(super) fn add(&mut self, row: u64, phrases: &[&str]) {
        for phrase in phrases {
            let word = phrase.split(' ').next().unwrap_or(phrase);
            let stem = word.strip_suffix('*').unwrap_or(word);
            let letter = |index: usize| stem.as_bytes().get(index).map(|byte| byte | 0x20);
            match (letter(0), letter(1), letter(2)) {
                (Some(first), Some(second), Some(third)) => {
                    self.table[place(first, second, third)] |= row;
                }
                // Short words end there, or anything may follow.
                (Some(first), second, _) if word.len() == stem.len() => {
                    self.table[place(first, second.unwrap_or(0), 0)] |= row;
                }
                _ => self.table.iter_mut().for_each(|place| *place |= row),
            }
        }
    }

    /// The entities that may have a word before or behind the value that begins at `start`, and
    /// whose first run of letters and digits ends before `end`.
    pub(super) fn look(&self, text: &Text<'_>, start: usize, end: usize) -> u64 {
        let mut rows = 0;
        let bytes = text.bytes();
        let floor = start.saturating_sub(BEFORE);
        let last = floor.saturating_sub(WORD_MAX + 1);
        let mut at = start;
        while at > last {
            at -= 1;
            let byte = bytes.get(at).copied().unwrap_or(0);
            let before = || at.checked_sub(1).and_then(|at| bytes.get(at)).copied().unwrap_or(0);
            match CLASSES[usize::from(byte)] {
                // Whether a comma is one depends on what is around it.
                BORDER if byte != b',' => break,
                WORD if !is_of_word(before()) => rows |= self.at(text, at),
                CAPITAL if begins(before(), byte) => rows |= self.at(text, at),
                WORD | CAPITAL => {}
                // A label may stand on the line above.
                LINE_END if before() == b':' || text.before(at, 2) == b':' => return u64::MAX,
                LINE_END => break,
                OTHER if at < floor => break,
                OTHER => {}
                _ if at < floor || is_border(text, at) => break,
                _ => {}
            }
        }
        let far = end + BEHIND + REST;
        let mut at = end;
        while at < far + WORD_MAX {
            let byte = text.at(at);
            if is_of_word(byte) {
                if at == end || begins(text.before(at, 1), byte) {
                    rows |= self.at(text, at);
                }
            } else if at >= far
                || matches!(byte, b'[' | b'"' | b'\'' | b'\\' | b'%' | b',')
                || is_border(text, at)
            {
                break;
            }
            at += 1;
        }
        rows
    }

    /// The entities of the words that may begin at `at`.
    #[inline]
    fn at(&self, text: &Text<'_>, at: usize) -> u64 {
        let [first, second, third] = match text.bytes().get(at..).and_then(<[u8]>::first_chunk) {
            Some(three) => *three,
            None => [0, 1, 2].map(|distance| text.at(at + distance)),
        };
        let lower = |byte: u8| if is_of_word(byte) { byte | 0x20 } else { 0 };
        let (a, b) = (lower(first), lower(second));
        let mut rows = self.table[place(a, b, if b == 0 { 0 } else { lower(third) })];
        // Where a capital letter begins the next word, this one may end.
        if second.is_ascii_uppercase() || third.is_ascii_uppercase() {
            if b != 0 && begins(first, second) {
                rows |= self.table[place(a, 0, 0)];
            } else if b != 0 && begins(second, third) {
                rows |= self.table[place(a, b, 0)];
            }
        }
        rows
    }
}

/// Whether a word, or a part of one that is written in camelCase, begins with `byte`.
fn begins(before: u8, byte: u8) -> bool {
    !is_of_word(before) || (before.is_ascii_lowercase() && byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: bool) {
        let mut near = Near::new();
        near.add(bit(3), &["passport*", "tax id", "sn", "id"]);
        let text = Text::new(input.as_bytes(), true);
        let at = input.find('#').expect("the value is marked");
        assert_eq!(near.look(&text, at, at + 1) == bit(3), expected, "in `{input}`");
    }

    #[test]
    fn words_are_seen_wherever_they_may_count() {
        check("passport #", true);
        check("\"passportNo\":\"#", true);
        check("myTaxId=#", true);
        check("sn: #", true);
        check("snNumber: #", true);
        check("# is my passport", true);
        check("# 123 456 789 is my id", true);
        check("order #", false);
        check("snow: #", false);
        check("passport; #", false);
        check("{\"id\":1,\"order\":\"#\"}", false);
    }
}
