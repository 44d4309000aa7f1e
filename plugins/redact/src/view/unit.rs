//! One character in any spelling: percent-encoded, escaped, an entity, a digit of another script.
//!
//! The spellings that are known, alone and in each other:
//! `%40`, `%2540`, `%u0040` · `\u0040`, `\x40`, with the backslash doubled by each string around ·
//! `&#64;`, `&#x40;`, `&commat;`, `&amp;#64;` · full-width forms, decimal digits of other scripts,
//! blanks of any width, characters without any.

use crate::bytes;
use crate::text::Text;

/// The longest spelling of one character, in bytes. Longer ones are read byte by byte.
pub(crate) const UNIT_MAX: usize = 24;
/// Strings in strings: each doubles the backslashes.
const BACKSLASHES: usize = 8;
/// How often `%25` or `&amp;` may stand before what it encodes.
const NESTED: usize = 3;

/// A character as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    /// What it stands for, in ASCII where there is such a form; `None` for what cannot be seen.
    pub(crate) stands_for: Option<char>,
    /// How many bytes it is written with, at least 1.
    pub(crate) length: usize,
    /// Whether it stands for anything but itself.
    pub(crate) coded: bool,
}

impl Unit {
    fn coded(character: char, length: usize) -> Unit {
        Unit { stands_for: plain(character), length, coded: true }
    }
}

/// The character that begins at `at`.
#[inline]
pub(crate) fn read(text: &Text<'_>, at: usize) -> Unit {
    match text.bytes().get(at..).and_then(|rest| rest.first_chunk::<3>()) {
        // The commonest spelling.
        Some(&[b'%', high, low]) if (high, low) != (b'2', b'5') => {
            if let Some(byte @ 0..0x80) = bytes::unhex(high, low) {
                return Unit { stands_for: Some(byte as char), length: 3, coded: true };
            }
        }
        // A digit in full width.
        Some(&[0xef, 0xbc, last @ 0x90..=0x99]) => {
            return Unit { stands_for: Some((last - 0x60) as char), length: 3, coded: true };
        }
        _ => {}
    }
    read_any(text, at)
}

fn read_any(text: &Text<'_>, at: usize) -> Unit {
    let byte = text.at(at);
    let coded = match byte {
        b'%' => percent(text, at),
        b'\\' => escape(text, at),
        b'&' => entity(text, at),
        0..0x80 => None,
        _ => {
            let (character, length) = short(text, at).unwrap_or_else(|| text.char_at(at));
            let stands_for = plain(character);
            let coded = stands_for != Some(character);
            return Unit { stands_for, length, coded };
        }
    };
    coded.unwrap_or(Unit { stands_for: Some(byte as char), length: 1, coded: false })
}

/// A character of two or three bytes, which nearly all are.
#[inline]
fn short(text: &Text<'_>, at: usize) -> Option<(char, usize)> {
    let bytes = text.bytes().get(at..)?;
    let tail = |byte: u8| (byte & 0xc0 == 0x80).then_some(u32::from(byte & 0x3f));
    match *bytes {
        [first @ 0xc2..=0xdf, second, ..] => {
            Some((char::from_u32(u32::from(first & 0x1f) << 6 | tail(second)?)?, 2))
        }
        [first @ 0xe1..=0xef, second, third, ..] => {
            let code = u32::from(first & 15) << 12 | tail(second)? << 6 | tail(third)?;
            Some((char::from_u32(code)?, 3))
        }
        _ => None,
    }
}

/// `%40`, `%2540`, `%u0040`; several of them for a character beyond ASCII.
fn percent(text: &Text<'_>, at: usize) -> Option<Unit> {
    if matches!(text.at(at + 1), b'u' | b'U') {
        let code = hex(text, at + 2, 4)?;
        return Some(Unit::coded(char::from_u32(code)?, 6));
    }
    let (first, mut length) = percent_byte(text, at)?;
    if first < 0x80 {
        return Some(Unit::coded(first as char, length));
    }
    let count = match first {
        0xc2..0xe0 => 2,
        0xe0..0xf0 => 3,
        0xf0..0xf5 => 4,
        _ => return None,
    };
    let mut bytes = [first, 0, 0, 0];
    for byte in &mut bytes[1..count] {
        let (next, size) = percent_byte(text, at + length)?;
        *byte = next;
        length += size;
    }
    let character = std::str::from_utf8(&bytes[..count]).ok()?.chars().next()?;
    Some(Unit::coded(character, length))
}

fn percent_byte(text: &Text<'_>, at: usize) -> Option<(u8, usize)> {
    if text.at(at) != b'%' {
        return None;
    }
    let mut digits = at + 1;
    for _ in 0..NESTED {
        let again = text.at(digits) == b'2'
            && text.at(digits + 1) == b'5'
            && text.at(digits + 2).is_ascii_hexdigit()
            && text.at(digits + 3).is_ascii_hexdigit();
        if !again {
            break;
        }
        digits += 2;
    }
    let byte = bytes::unhex(text.at(digits), text.at(digits + 1))?;
    Some((byte, digits + 2 - at))
}

/// `\u0040`, `\x40`, `\n`, `\/`, behind one, two, four or eight backslashes.
fn escape(text: &Text<'_>, at: usize) -> Option<Unit> {
    let mut behind = at;
    while behind < at + BACKSLASHES && text.at(behind) == b'\\' {
        behind += 1;
    }
    let (character, size) = match text.at(behind) {
        b'u' => (char::from_u32(hex(text, behind + 1, 4)?)?, 5),
        b'x' => (char::from_u32(hex(text, behind + 1, 2)?)?, 3),
        b'n' | b'r' => ('\n', 1),
        b't' => ('\t', 1),
        b'/' => ('/', 1),
        _ => return None,
    };
    Some(Unit::coded(character, behind + size - at))
}

fn hex(text: &Text<'_>, at: usize, digits: usize) -> Option<u32> {
    (at..at + digits)
        .try_fold(0, |value, at| Some(value * 16 + (text.at(at) as char).to_digit(16)?))
}

/// The named ones that stand in or around values.
const ENTITIES: &[(&[u8], char)] = &[
    (b"commat;", '@'),
    (b"quot;", '"'),
    (b"apos;", '\''),
    (b"nbsp;", ' '),
    (b"period;", '.'),
    (b"colon;", ':'),
    (b"equals;", '='),
    (b"lowbar;", '_'),
    (b"hyphen;", '-'),
    (b"dash;", '-'),
    (b"plus;", '+'),
    (b"sol;", '/'),
    (b"lt;", '<'),
    (b"gt;", '>'),
    (b"thinsp;", ' '),
    (b"ensp;", ' '),
    (b"emsp;", ' '),
    (b"shy;", '\u{ad}'),
    (b"zwnj;", '\u{200c}'),
    (b"zwj;", '\u{200d}'),
];

fn entity(text: &Text<'_>, at: usize) -> Option<Unit> {
    let mut name = at + 1;
    for _ in 0..NESTED {
        if !is(text, name, b"amp;") {
            break;
        }
        name += 4;
    }
    let (character, end) = if text.at(name) == b'#' {
        numeric(text, name + 1)?
    } else {
        let found = ENTITIES.iter().find(|(entity, _)| is(text, name, entity));
        match found {
            Some((entity, character)) => (*character, name + entity.len()),
            None if name > at + 1 => ('&', name),
            None => return None,
        }
    };
    Some(Unit::coded(character, end - at))
}

fn is(text: &Text<'_>, at: usize, word: &[u8]) -> bool {
    word.iter().enumerate().all(|(index, &byte)| text.at(at + index) == byte)
}

/// The digits behind `&#`, with the sign that closes it if it is there.
fn numeric(text: &Text<'_>, at: usize) -> Option<(char, usize)> {
    let (radix, start) = if matches!(text.at(at), b'x' | b'X') { (16, at + 1) } else { (10, at) };
    let mut end = start;
    let mut code = 0;
    while end < start + 7
        && let Some(digit) = (text.at(end) as char).to_digit(radix)
    {
        code = code * radix + digit;
        end += 1;
    }
    let closed = text.at(end) == b';';
    if end == start || (!closed && text.at(end).is_ascii_alphanumeric()) {
        return None;
    }
    Some((char::from_u32(code)?, end + usize::from(closed)))
}

/// A character in ASCII where it has such a form, itself where it has none, `None` where it cannot
/// be seen.
#[inline]
pub(crate) fn plain(character: char) -> Option<char> {
    let code = u32::from(character);
    if code < 0x80 {
        return Some(character);
    }
    // The zeros of the decimal digits that are in use, by Unicode 16.
    let zero = match code {
        0xad | 0x34f | 0x180e | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x2069 | 0xfeff => {
            return None;
        }
        0xa0 | 0x2000..=0x200a | 0x202f | 0x205f | 0x3000 => return Some(' '),
        0x2010..=0x2015 | 0x2212 | 0xfe63 => return Some('-'),
        0xfe6b => return Some('@'),
        0xfe52 => return Some('.'),
        0xff01..=0xff5e => return char::from_u32(code - 0xfee0),
        0x660..=0x669 => 0x660,
        0x6f0..=0x6f9 => 0x6f0,
        0x7c0..=0x7c9 => 0x7c0,
        0x966..=0x96f => 0x966,
        0x9e6..=0x9ef => 0x9e6,
        0xa66..=0xa6f => 0xa66,
        0xae6..=0xaef => 0xae6,
        0xb66..=0xb6f => 0xb66,
        0xbe6..=0xbef => 0xbe6,
        0xc66..=0xc6f => 0xc66,
        0xce6..=0xcef => 0xce6,
        0xd66..=0xd6f => 0xd66,
        0xe50..=0xe59 => 0xe50,
        0xed0..=0xed9 => 0xed0,
        0xf20..=0xf29 => 0xf20,
        0x1040..=0x1049 => 0x1040,
        0x17e0..=0x17e9 => 0x17e0,
        0x1810..=0x1819 => 0x1810,
        0x1d7ce..=0x1d7ff => return char::from_digit((code - 0x1d7ce) % 10, 10),
        _ => return Some(character),
    };
    char::from_digit(code - zero, 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: &str) {
        let text = Text::new(input.as_bytes(), true);
        let (mut at, mut got) = (0, String::new());
        while at < input.len() {
            let unit = read(&text, at);
            assert!(unit.length <= UNIT_MAX, "`{input}`");
            got.extend(unit.stands_for);
            at += unit.length;
        }
        assert_eq!(got, expected, "`{input}`");
    }

    #[test]
    fn characters_in_every_spelling() {
        for at in [
            "%40",
            "%2540",
            "%252540",
            "%u0040",
            "\\u0040",
            "\\\\u0040",
            "\\x40",
            "&#64;",
            "&#x40;",
            "&#0064;",
            "&commat;",
            "&amp;#64;",
            "&#64",
            "＠",
            "﹫",
            "%EF%BC%A0",
            "\\uff20",
        ] {
            check(at, "@");
        }
        check("４１%EF%BC%94٤۴४", "414444");
        check("a\u{200b}b%E2%80%8Bc\\u200bd&shy;e", "abcde");
        check("1\u{a0}2%C2%A03&nbsp;4\u{2009}5%205", "1 2 3 4 5 5");
        check("\\nx\\ty\\/z", "\nx\ty/z");
    }

    #[test]
    fn what_is_no_spelling_stays() {
        for text in
            ["%zz", "%4", "100%", "\\", "\\q", "\\\"", "&", "&x=1", "&#;", "&#x;", "ü", "邮", "a+b"]
        {
            check(text, text);
        }
    }
}
