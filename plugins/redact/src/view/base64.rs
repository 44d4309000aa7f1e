//! Runs of base64 and of hexadecimal digits that hold a text.
//!
//! Most long words are neither: ids, hashes, names. The first characters tell, since those of a
//! text have few of the values that random ones have.

use crate::bytes::{self, BASE64, HEX, NEXT64, TEXT16, TEXT64, WORD};
use crate::text::Text;
use crate::value::token;

/// The shortest run, in characters.
const LEAST: usize = 16;
/// The shortest run of hexadecimal digits.
const HEX_LEAST: usize = 24;
/// How much of a run is read, in characters. Of a longer one the beginning decides.
pub(crate) const MOST: usize = 2048;

/// How a text is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// Both alphabets; a slash may also be the end.
    Base64,
    /// Two digits to a byte.
    Hex,
}

/// A run, or the first [`MOST`] characters of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Behind its last character, what fills it up included.
    pub(crate) end: usize,
    /// Whether it may go on.
    pub(crate) goes_on: bool,
}

/// Whether the word that begins with these bytes may be an encoded text. False for nearly every word.
#[inline(always)]
pub(crate) fn may_begin_with(known: &[u8; 12]) -> bool {
    // Ids are random, so it is decided once, and nearly always in the same way.
    let first = bytes::shared([known[0], known[4]]) & TEXT64;
    let next = bytes::shared([known[1], known[5]]) & NEXT64;
    let hex = bytes::shared([known[0], known[2], known[4], known[6], known[8]]) & TEXT16;
    first & (next >> 2) | hex != 0
}

/// How the word at `start` may be encoded, if it may.
pub(crate) fn may_begin(text: &Text<'_>, start: usize) -> Option<Coding> {
    let known = text.bytes().get(start..)?.first_chunk::<12>()?;
    if !may_begin_with(known) {
        return None;
    }
    let is = |index: usize, class: u16| bytes::is(known[index], class);
    let coding = if is(0, TEXT64) && is(4, TEXT64) && is(8, TEXT64) && is(9, NEXT64) {
        Coding::Base64
    } else if [0, 2, 4, 6, 8, 10].iter().all(|&index| is(index, TEXT16)) {
        Coding::Hex
    } else {
        return None;
    };
    // In the middle of a run everything is shifted; parts of tokens have rules of their own.
    let before = text.before(start, 1);
    (!matches!(before, b'+' | b'-' | b'_' | b'.')).then_some(coding)
}

/// The run that begins at `start`; up to a slash if `part`. `None` when it is too short.
pub(crate) fn run(text: &Text<'_>, start: usize, coding: Coding, part: bool) -> Option<Run> {
    let (class, least) = match coding {
        Coding::Base64 => (BASE64 | WORD, LEAST),
        Coding::Hex => (HEX, HEX_LEAST),
    };
    let mut end = start;
    while end < start + MOST && bytes::is(text.at(end), class) && !(part && text.at(end) == b'/') {
        end += 1;
    }
    let goes_on = end == start + MOST;
    let length = end - start;
    if coding == Coding::Hex && (bytes::is(text.at(end), WORD) || length % 2 == 1) && !goes_on {
        return None;
    }
    for _ in 0..2 {
        if coding == Coding::Base64 && !goes_on && text.at(end) == b'=' {
            end += 1;
        }
    }
    (length >= least).then_some(Run { end, goes_on })
}

/// Decodes a run. False when it holds anything but text, nine characters of ten.
pub(crate) fn decode(run: &[u8], coding: Coding, out: &mut Vec<u8>) -> bool {
    out.clear();
    let mut strange = 0;
    let mut each = |byte: u8| {
        let seen =
            (0x20..0x7f).contains(&byte) || matches!(byte, b'\n' | b'\r' | b'\t') || byte >= 0x80;
        strange += usize::from(!seen);
        out.push(byte);
        strange <= 1 + out.len() / 10
    };
    let whole = match coding {
        Coding::Base64 => token::decode(run, each),
        Coding::Hex => run
            .as_chunks::<2>()
            .0
            .iter()
            .all(|two| bytes::unhex(two[0], two[1]).is_some_and(&mut each)),
    };
    // Cut in a character, what is left of it is strange, too.
    let valid = match std::str::from_utf8(out) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    whole && valid && strange * 10 <= out.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: Option<&str>) {
        let text = Text::new(input.as_bytes(), true);
        let mut out = Vec::new();
        let holds = may_begin(&text, 0).is_some_and(|coding| {
            run(&text, 0, coding, false)
                .is_some_and(|run| decode(&input.as_bytes()[..run.end], coding, &mut out))
        });
        assert_eq!(holds.then(|| String::from_utf8_lossy(&out)).as_deref(), expected, "`{input}`");
    }

    #[test]
    fn texts_are_told_from_ids() {
        check("amFuZUBleGFtcGxlLmNvbQ==", Some("jane@example.com"));
        check("amFuZUBleGFtcGxlLmNvbQ", Some("jane@example.com"));
        check("6a616e65406578616d706c652e636f6d", Some("jane@example.com"));
        check("4bf92f3577b34da6a3ce929d0e0e4736", None);
        check("550e8400-e29b-41d4-a716-446655440000", None);
        check("authentication_failed_for_user", None);
        check("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ", None);
        check("amFuZUBl", None);
    }
}
