//! Credentials behind the name of a scheme: `Bearer …`, `Basic …`.

use crate::bytes::{self, TOKEN};
use crate::text::Text;
use std::ops::Range;

/// The fewest characters of a bearer token in free text.
const BEARER_MIN: usize = 12;
/// How many bytes of a token are read before it is condemned; what follows need not be read.
pub(crate) const PROOF: usize = 512;

/// A scheme that is followed by one token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scheme {
    Bearer,
    Basic,
}

/// Whether the name of a scheme may end with this byte.
#[inline(always)]
pub(crate) fn may_end_scheme(last: u8) -> bool {
    matches!(last | 0x20, b'r' | b'c' | b'n')
}

/// The scheme whose word ends right before the blank before `start`, and where the word begins.
#[inline]
pub(crate) fn scheme_before(text: &Text<'_>, start: usize) -> Option<(Scheme, usize)> {
    if text.before(start, 1) != b' ' || !may_end_scheme(text.before(start, 2)) {
        return None;
    }
    let words = [("bearer", Scheme::Bearer), ("basic", Scheme::Basic), ("token", Scheme::Bearer)];
    let found = words.iter().find(|(word, _)| text.ends_with_word(start - 1, word.as_bytes()))?;
    let word = start - 1 - found.0.len();
    let border = text.before(word, 1);
    (!border.is_ascii_alphanumeric() && border != b'_' && border != b'-').then_some((found.1, word))
}

/// Behind the characters of a token that begins at `start`, or behind the first [`PROOF`] of them.
pub(crate) fn end(text: &Text<'_>, start: usize) -> usize {
    let mut end = start;
    while end < start + PROOF && bytes::is(text.at(end), TOKEN) {
        end += 1;
    }
    while end < start + PROOF && text.at(end) == b'=' {
        end += 1;
    }
    if end < start + PROOF {
        // The full stop of a sentence.
        while end > start && text.at(end - 1) == b'.' {
            end -= 1;
        }
    }
    end
}

/// Finds the credentials that begin at `start` in free text. They may go on behind [`PROOF`] bytes.
pub(crate) fn find(text: &Text<'_>, start: usize, scheme: Scheme) -> Option<Range<usize>> {
    let end = end(text, start);
    let token = text.slice(start, end);
    let holds = match scheme {
        Scheme::Bearer => token.len() >= BEARER_MIN && is_random(token),
        Scheme::Basic => is_basic(token),
    };
    holds.then_some(start..end)
}

/// Whether this is no word or name: it has digits, or both cases beyond a first capital.
pub(crate) fn is_random(token: &[u8]) -> bool {
    let digit = token.iter().any(u8::is_ascii_digit);
    let upper = token[1..].iter().filter(|b| b.is_ascii_uppercase()).count();
    let lower = token.iter().filter(|b| b.is_ascii_lowercase()).count();
    digit || (upper > 1 && lower > 1 && token.len() >= 20)
}

/// Whether the token decodes to `user:password`.
fn is_basic(token: &[u8]) -> bool {
    let mut colon = false;
    let mut count = 0;
    let fine = decode(token, |byte| {
        colon |= byte == b':';
        count += 1;
        (0x20..0x7f).contains(&byte) || byte >= 0x80
    });
    fine && colon && count >= 3
}

/// Decodes base64 in either alphabet byte by byte; false when it is none, or `each` says stop.
pub(crate) fn decode(text: &[u8], mut each: impl FnMut(u8) -> bool) -> bool {
    let text = text.trim_ascii_end();
    let end = text.iter().rposition(|&b| b != b'=').map_or(0, |last| last + 1);
    let mut bits = 0u32;
    let mut have = 0;
    for &byte in &text[..end] {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return false,
        };
        bits = bits << 6 | u32::from(value);
        have += 6;
        if have >= 8 {
            have -= 8;
            if !each((bits >> have) as u8) {
                return false;
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: Option<&str>) {
        let text = Text::new(input.as_bytes(), true);
        let found = (1..input.len()).find_map(|at| {
            scheme_before(&text, at).and_then(|(scheme, _)| find(&text, at, scheme))
        });
        assert_eq!(found.map(|range| &input[range]), expected, "in `{input}`");
    }

    #[test]
    fn tokens_behind_their_scheme() {
        check("auth: bearer abc123def456ghi.x", Some("abc123def456ghi.x"));
        check("Bearer abc123def456ghi.", Some("abc123def456ghi"));
        check("Basic YW15OnMzY3JldA==", Some("YW15OnMzY3JldA=="));
        check("Basic authentication", None);
        check("bearer token-authentication", None);
        check("forbearer abc123def456ghi", None);
        check("Bearer abc1", None);
    }
}
