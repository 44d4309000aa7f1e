//! The end of a piece: what of it has to stay in sight.
//!
//! A candidate that was seen holds its own beginning. This is about those that are not candidates
//! yet, because what would make them one has not come: digits without enough digits behind them, a
//! name without its `@`.

use crate::text::Text;
use crate::value;

/// As [`start`], of the text that ends before `at`.
pub(super) fn start_at(text: &Text<'_>, at: usize) -> usize {
    start(&Text::new(&text.bytes()[..at.min(text.len())], false), false)
}

/// Where the last bytes of a text begin that may be part of a hit that goes on.
pub(super) fn start(text: &Text<'_>, pairs: bool) -> usize {
    const SOLID: usize = 72;
    const GROUPS: usize = 64;
    const GROUP: usize = 24;
    const PAIR: usize = 128;
    let len = text.len();
    let border = |byte: u8| {
        matches!(
            byte,
            0..=b' ' | b'"' | b'`' | b',' | b';' | b'<' | b'>' | b'&' | b'=' | b'|' | b'?' | b'\\'
        )
    };
    let mut start = len;
    while start > len.saturating_sub(SOLID) && !border(text.before(start, 1)) {
        start -= 1;
    }
    // Groups with blanks between them: numbers of cards, phones, accounts.
    let mut at = start;
    while at > len.saturating_sub(GROUPS) && text.before(at, 1) == b' ' {
        let end = at - 1;
        at = end;
        while at > len.saturating_sub(GROUPS) && !border(text.before(at, 1)) {
            at -= 1;
        }
        // Of a long word the end may be a group of its own.
        let group = at.max(end.saturating_sub(GROUP));
        if text.slice(group, end).iter().any(u8::is_ascii_digit) {
            start = group;
        } else if end - at > 4 || at == end {
            break;
        }
        if group > at {
            break;
        }
    }
    if let Some(authority) = value::userinfo::authority_start(text, len) {
        start = start.min(authority);
    }
    if pairs {
        let mut at = len;
        while at > len.saturating_sub(PAIR) && !matches!(text.before(at, 1), b'{' | b'?' | b'\n') {
            at -= 1;
            if matches!(text.at(at), b',' | b'&' | b';') {
                start = start.min(at);
                break;
            }
        }
        start = start.min(at);
    }
    start
}
