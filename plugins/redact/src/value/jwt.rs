//! JSON web tokens: three or five parts in base64url, the first of which names an algorithm.

use super::token;
use crate::bytes::{self, WORD};
use crate::text::Text;
use std::ops::Range;

/// The longest header that is read, in bytes.
pub(crate) const HEADER_MAX: usize = 4096;

/// Finds the proven beginning of a token that begins at `start`: its header, a point, and the first
/// bytes of the claims. It goes on as far as there are characters of a token.
pub(crate) fn find(text: &Text<'_>, start: usize, word_end: usize) -> Option<Range<usize>> {
    if text.at(start) != b'e'
        || text.at(start + 1) != b'y'
        || text.at(word_end) != b'.'
        || word_end - start > HEADER_MAX
    {
        return None;
    }
    let behind = word_end + 1;
    // Claims begin like the header, with an opening brace; an encrypted key need not.
    let claims = text.at(behind) == b'e' && text.at(behind + 1) == b'y';
    if !claims && !bytes::is(text.at(behind), WORD) {
        return None;
    }
    names_algorithm(text.slice(start, word_end), claims).then_some(start..behind + 1)
}

/// Whether this is a JSON object with `"alg"`, and for an encrypted token also `"enc"`.
fn names_algorithm(header: &[u8], claims: bool) -> bool {
    let mut window = [0u8; 5];
    let mut first = None;
    let (mut alg, mut enc) = (false, false);
    let whole = token::decode(header, |byte| {
        first.get_or_insert(byte);
        window.rotate_left(1);
        window[4] = byte;
        alg |= window == *b"\"alg\"";
        enc |= window == *b"\"enc\"";
        true
    });
    whole && first == Some(b'{') && alg && (claims || enc)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjMifQ.c2lnbmF0dXJl";

    #[test]
    fn the_header_proves_it() {
        let text = Text::new(TOKEN.as_bytes(), true);
        let dot = TOKEN.find('.').expect("there are parts");
        assert_eq!(find(&text, 0, dot), Some(0..dot + 2));
        let other = TOKEN.replace("eyJhbGci", "eyJhbGcj");
        assert_eq!(find(&Text::new(other.as_bytes(), true), 0, dot), None, "no `alg`");
        assert_eq!(find(&Text::new(b"eyJhbGciOiJIUzI1NiJ9 x", true), 0, 20), None);
    }
}
