//! Values in other spellings: a small part of a text, decoded, and where each byte of it came from.
//!
//! A view is made only around a character that is written in another way and may be part of a
//! value, [`counts`] says which. The ordinary verifiers read it, and what they find is replaced in
//! the text itself, whole characters at a time.

pub(crate) mod base64;
pub(crate) mod unit;

use crate::bytes::{self, ALNUM, WORD};
use crate::names::Names;
use crate::rule::{self, RuleId};
use crate::text::Text;
use crate::value;
use std::borrow::Cow;
use std::ops::Range;

/// A part of a text, decoded. Kept for its memory.
#[derive(Default)]
pub(crate) struct View {
    bytes: Vec<u8>,
    /// Where the character of each byte begins and ends in the text.
    origins: Vec<(u32, u32)>,
    base: usize,
}

impl View {
    /// Decodes the part of `text`. `form` says that `+` is a blank, and `&` stands between pairs.
    pub(crate) fn read(&mut self, text: &[u8], part: Range<usize>, form: bool) {
        self.bytes.clear();
        self.origins.clear();
        self.base = part.start;
        self.bytes.reserve(part.len());
        self.origins.reserve(part.len());
        let text = Text::new(&text[..part.end], true);
        let mut at = part.start;
        while at < part.end {
            let byte = text.at(at);
            let plain = match byte {
                b'+' if form => Some(b' '),
                b'&' if form => Some(byte),
                b'%' | b'\\' | b'&' | 0x80.. => None,
                _ => Some(byte),
            };
            if let Some(byte) = plain {
                self.push_byte(byte, at, at + 1);
                at += 1;
                continue;
            }
            let unit = unit::read(&text, at);
            let end = (at + unit.length).min(part.end);
            match unit.stands_for {
                Some(char::REPLACEMENT_CHARACTER) if !unit.coded => self.push_byte(byte, at, end),
                Some(character @ '\0'..'\u{80}') => self.push_byte(character as u8, at, end),
                Some(character) => {
                    self.push(character.encode_utf8(&mut [0; 4]).as_bytes(), at, end);
                }
                None => {}
            }
            at = end;
        }
    }

    fn push_byte(&mut self, decoded: u8, start: usize, end: usize) {
        self.bytes.push(decoded);
        self.origins.push(((start - self.base) as u32, (end - self.base) as u32));
    }

    fn push(&mut self, decoded: &[u8], start: usize, end: usize) {
        let origin = ((start - self.base) as u32, (end - self.base) as u32);
        self.bytes.extend_from_slice(decoded);
        self.origins.extend(std::iter::repeat_n(origin, decoded.len()));
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where in the text a part of the view, which is not empty, came from.
    pub(crate) fn origin(&self, part: Range<usize>) -> Option<Range<usize>> {
        let (start, _) = self.origins.get(part.start)?;
        let (_, end) = self.origins.get(part.end.checked_sub(1)?)?;
        Some(self.base + *start as usize..self.base + *end as usize)
    }
}

/// Whether the character at `at` is written in another way, and what that may matter for: a value
/// that it is a part of, or one that begins behind it.
pub(crate) fn counts(text: &Text<'_>, names: &Names, at: usize) -> bool {
    let written = text.at(at);
    // The commonest ones that do not count, and nothing else.
    if written == b'&' && !matches!(text.at(at + 1), b'#' | b'a'..=b'z') {
        return false;
    }
    if written == b'\\' && matches!(text.at(at + 1), b'"') {
        return false;
    }
    let unit = unit::read(text, at);
    if !unit.coded {
        return false;
    }
    let before = text.before(at, 1);
    let behind = at + unit.length;
    let next = text.at(behind);
    let Some(character) = unit.stands_for else {
        return joins(before) && joins(next) || (before.is_ascii_digit() && next.is_ascii_digit());
    };
    match character {
        '@' => return written != b'%' || unit.length != 3 || is_encoded_around(text, at),
        '0'..='9' if written >= 0x80 => {
            // In prose of its own script a single one is a single one.
            let is_digit = |c: char| c.is_ascii_digit();
            return unit::read(text, behind).stands_for.is_none_or(is_digit)
                || unit::plain(text.char_before(at).0).is_some_and(is_digit);
        }
        '0'..='9' | 'a'..='z' | 'A'..='Z' => return written < 0x80 || joins(before) || joins(next),
        ' ' | '-' | '.' | '+' | '_' | '(' | ')'
            if before.is_ascii_digit() && next.is_ascii_digit() && is_dense(text, at, behind) =>
        {
            return true;
        }
        '-' | '.' | '+' | '_' | '\'' if written != b'%' && joins(before) && joins(next) => {
            return true;
        }
        '=' | ':' | '"' | '\'' if is_behind_name(text, names, at, behind) => return true,
        ':' if next.is_ascii_hexdigit() && text.at(behind + 1).is_ascii_hexdigit() => {
            return is_dense(text, at, behind) || begins_value(text, behind);
        }
        '/' if written == b'\\' && before == b':' => return true,
        _ if !character.is_ascii() => return false,
        _ => {}
    }
    begins_value(text, behind)
}

/// How far around a gap its groups of digits are counted, in bytes.
const AROUND: usize = 12;
/// The fewest digits of a number with gaps.
const DENSE: usize = 7;
/// How much of an address is looked through before and behind its `@`, in bytes.
const LOCAL: usize = 64;
const DOMAIN: usize = 96;

/// Whether there are digits enough around a gap for any number that has gaps.
fn is_dense(text: &Text<'_>, at: usize, behind: usize) -> bool {
    let count = |around: &[u8; AROUND]| around.iter().filter(|b| b.is_ascii_digit()).count();
    let after = text.bytes().get(behind..).and_then(|bytes| bytes.first_chunk::<AROUND>());
    let ahead = text.bytes().get(..at).and_then(|bytes| bytes.last_chunk::<AROUND>());
    if let (Some(ahead), Some(after)) = (ahead, after) {
        return count(ahead) + count(after) >= DENSE;
    }
    // Near the ends what is missing counts as not known yet.
    count(&std::array::from_fn(|index| text.before(at, index + 1)))
        + count(&std::array::from_fn(|index| text.at(behind + index)))
        >= DENSE
}

/// Whether anything but the `%40` at `at` is encoded in what may be an address around it. A plain
/// address with nothing else is read where it stands.
fn is_encoded_around(text: &Text<'_>, at: usize) -> bool {
    let coded = |byte: u8| matches!(byte, b'%' | b'\\' | b';' | 0x80..);
    let mut start = at;
    while at - start < LOCAL && bytes::is(text.before(start, 1), bytes::LOCAL) {
        start -= 1;
    }
    let mut end = at + 3;
    while end < at + DOMAIN
        && (bytes::is(text.at(end), ALNUM) || matches!(text.at(end), b'-' | b'.'))
    {
        end += 1;
    }
    coded(text.before(start, 1))
        || coded(text.at(end))
        || (text.at(end) == b'&' && matches!(text.at(end + 1), b'#' | b'a'..=b'z'))
}

/// Whether a byte may stand beside another character inside an address.
fn joins(byte: u8) -> bool {
    bytes::is(byte, ALNUM) || matches!(byte, b'@' | b'.' | b'_' | b'-' | b'%' | b'\\' | b';')
}

/// Whether a value that has to stand behind a border may begin at `at`.
fn begins_value(text: &Text<'_>, at: usize) -> bool {
    let (first, second) = (text.at(at), text.at(at + 1));
    if first.is_ascii_digit() {
        let mut digits = 0;
        let mut points = 0;
        for index in 0..AROUND {
            match text.at(at + index) {
                b'0'..=b'9' => digits += 1,
                b'.' | b':' => points += 1,
                _ => {}
            }
        }
        return digits >= 7 || (points > 0 && digits >= 4);
    }
    if !first.is_ascii_alphabetic() {
        return false;
    }
    let account = second.is_ascii_alphabetic()
        && text.at(at + 2).is_ascii_digit()
        && text.at(at + 3).is_ascii_digit();
    account
        || (value::secret::may_begin(first, second)
            && (2..12).all(|index| bytes::is(text.at(at + index), WORD)))
}

/// Quotes and brackets behind a name, in other spellings.
const CLOSING: [&[u8]; 8] =
    [b"%22", b"%27", b"%5D", b"\\u0022", b"&quot;", b"&#34;", b"&#39;", b"%2522"];

/// Whether a sign or a quote at `at` ends what may be the name of a secret.
fn is_behind_name(text: &Text<'_>, names: &Names, at: usize, behind: usize) -> bool {
    let quote = matches!(unit::read(text, at).stands_for, Some('"' | '\''));
    if quote {
        let sign = unit::read(text, behind).stands_for;
        if !matches!(sign, Some(':' | '=' | ' ')) {
            return false;
        }
    }
    // A quote or a bracket in any spelling may stand before the sign.
    let mut end = at;
    for _ in 0..2 {
        match text.before(end, 1) {
            b'"' | b'\'' | b'\\' | b']' | b' ' => end -= 1,
            b'2' | b'7' | b'd' | b'D' | b';' => {
                let closing = CLOSING.iter().find(|closing| text.ends_with_word(end, closing));
                end -= closing.map_or(0, |closing| closing.len());
            }
            _ => {}
        }
    }
    names.may_end_with_two(text.before(end, 2), text.before(end, 1))
        || text.before(end, 1) >= 0x80
        || text.before(end, 1).is_ascii_digit()
}

/// A value as it would be written in plain letters. Only for rules that know how their values are
/// built: what a password means is not for us to say.
pub(crate) fn plain(rule: RuleId, value: &[u8]) -> Cow<'_, [u8]> {
    let built = matches!(
        rule,
        rule::EMAIL | rule::CARD | rule::IBAN | rule::US_SSN | rule::PHONE | rule::IP | rule::MAC
    );
    let coded = |byte: &u8| matches!(byte, b'%' | b'\\' | b'&' | 0x80..);
    if !built || !value.iter().any(coded) {
        return Cow::Borrowed(value);
    }
    let mut view = View::default();
    view.read(value, 0..value.len(), false);
    Cow::Owned(view.bytes)
}
