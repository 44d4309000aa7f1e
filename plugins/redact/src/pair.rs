//! A name, a sign, a value: how the two are written, read from the sign.
//!
//! One reading serves JSON, logfmt, query strings, forms, `key: value` and `key => value` in text,
//! and the reprs of scripting languages, at any depth of strings in strings: the quotes around the
//! name say what to expect of the value. No document is parsed, so broken and cut ones are read as
//! well as others.

use crate::bytes::{self, ALNUM, DIGIT, LETTER, NAME};
use crate::ending::{Ending, Quote};
use crate::names::{Family, NAME_MAX, Names};
use crate::place::Kind;
use crate::text::Text;

/// The most blanks between a name, the sign and the value.
const BLANKS: usize = 8;
/// The same in a JSON document, where lines may end between them.
const SPACE: usize = 64;
/// The most calls around a value, and the longest name of one.
const WRAPPERS: usize = 3;
const WRAPPER_MAX: usize = 24;

/// The name before a sign.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Quotes around it.
    pub(crate) quote: Option<Quote>,
    pub(crate) family: Family,
    /// Stands behind `?` or `&`, or in a form.
    pub(crate) in_query: bool,
}

/// A value that has to go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value {
    /// Where what is replaced begins.
    pub(crate) start: usize,
    pub(crate) ending: Ending,
    /// Quotes that a marker needs, since it stands for something that is not a string.
    pub(crate) wrap: Option<Quote>,
    /// Quotes around it that stay.
    pub(crate) quote: Option<Quote>,
    /// Stands in the brackets of a call or a type.
    pub(crate) wrapped: bool,
}

impl Value {
    /// A value with nothing around it.
    pub(crate) fn new(start: usize, ending: Ending) -> Value {
        Value { start, ending, wrap: None, quote: None, wrapped: false }
    }
}

/// Whether a name may end before the sign at `sign` whose value is a secret.
///
/// Every colon and every equals sign of a text comes by here, so the four bytes that end the name
/// decide nearly always.
#[inline(always)]
pub(crate) fn may_follow_name(text: &[u8], names: &Names, sign: usize) -> bool {
    let Some(eight) = text.get(..=sign).and_then(|known| known.last_chunk::<8>()) else {
        return true;
    };
    let [.., before2, before, last, sign] = *eight;
    let eight = u64::from_le_bytes(*eight);
    // Without branches, which no processor could foresee here.
    let quoted = (last == b'"') & (before != b'\\');
    let hit = names.may_end_with(if quoted { eight >> 16 } else { eight >> 24 } as u32);
    // Brackets may end a name of a form, so their names are looked at.
    let in_quotes = hit | (before == b']');
    let clock = bytes::is(last, DIGIT) & bytes::is(before, DIGIT) & (sign == b':');
    let bare = !clock & (hit | is_encoded_bracket(before2, before, last));
    if quoted {
        in_quotes
    } else if bytes::is(last, ALNUM) {
        bare
    } else {
        // What is skipped on the way to a name, and letters of other alphabets.
        matches!(last, b' ' | b'\t' | b'"' | b'\'' | b']' | 0x80..)
            || (last == b':' && sign == b'=')
    }
}

/// Reads the name before the sign at `sign`, if its value is a secret.
pub(crate) fn name_before(text: &Text<'_>, names: &Names, kind: Kind, sign: usize) -> Option<Name> {
    if may_follow_name(text.bytes(), names, sign) { name_at(text, names, kind, sign) } else { None }
}

/// The same where [`may_follow_name`] has said that one may.
pub(crate) fn name_at(text: &Text<'_>, names: &Names, kind: Kind, sign: usize) -> Option<Name> {
    let end = skip_to_name(text, sign)?;
    if !may_end(text, names, end) {
        return None;
    }
    read_name(text, names, kind, sign)
}

fn is_encoded_bracket(first: u8, second: u8, third: u8) -> bool {
    (first == b'%') & (second == b'5') & (third | 0x20 == b'd')
}

/// Back over blanks, quotes and brackets to what may be the last byte of a name.
fn skip_to_name(text: &Text<'_>, sign: usize) -> Option<usize> {
    let mut end = sign;
    match (text.at(sign), text.before(sign, 1)) {
        (b':', b':') | (b'=', b'=' | b'!' | b'<' | b'>' | b'~' | b'+' | b'*') => return None,
        (b'=', b':') => end -= 1,
        _ => {}
    }
    let blank = |end: usize| matches!(text.before(end, 1), b' ' | b'\t');
    for _ in 0..BLANKS {
        if !blank(end) {
            break;
        }
        end -= 1;
    }
    if matches!(text.before(end, 1), b'"' | b'\'') {
        end -= 1;
        for _ in 0..7 {
            if text.before(end, 1) != b'\\' {
                break;
            }
            end -= 1;
        }
    }
    if text.before(end, 1) == b']' {
        end -= 1;
    } else if text.ends_with_word(end, b"%5d") {
        end -= 3;
    }
    Some(end)
}

fn may_end(text: &Text<'_>, names: &Names, mut end: usize) -> bool {
    if bytes::is(text.before(end, 1), LETTER) {
        return names.may_end(last_eight(text, end));
    }
    let mut digits = 0;
    while digits < 2 && text.before(end, 1).is_ascii_digit() && text.before(end, 2) != 0 {
        // `cvv2` is a name of its own.
        if digits == 0 && names.may_end(last_eight(text, end)) {
            return true;
        }
        end -= 1;
        digits += 1;
    }
    names.may_end(last_eight(text, end))
}

#[inline]
fn last_eight(text: &Text<'_>, end: usize) -> u64 {
    match text.bytes().get(..end).and_then(|before| before.last_chunk::<8>()) {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => {
            (1..=8).fold(0, |value, distance| value << 8 | u64::from(text.before(end, distance)))
        }
    }
}

#[inline(never)]
fn read_name(text: &Text<'_>, names: &Names, kind: Kind, sign: usize) -> Option<Name> {
    let mut end = sign;
    if text.at(sign) == b'=' && text.before(sign, 1) == b':' {
        end -= 1;
    }
    for _ in 0..BLANKS {
        if !matches!(text.before(end, 1), b' ' | b'\t') {
            break;
        }
        end -= 1;
    }
    let sign_byte = text.before(end, 1);
    if matches!(sign_byte, b'"' | b'\'') {
        let mut backslashes = 0;
        while backslashes < 8 && text.before(end - 1, backslashes + 1) == b'\\' {
            backslashes += 1;
        }
        let quote = Quote::written(sign_byte, backslashes)?;
        // A form may be JSON under a wrong name, but it is no script.
        if kind == Kind::Form && sign_byte != b'"' {
            return None;
        }
        let end = end - 1 - backslashes;
        let mut start = end;
        while start > 0
            && end - start < NAME_MAX
            && is_in_quoted_name(text.before(start, 1), sign_byte)
        {
            start -= 1;
        }
        let family = names.find(text.slice(start, end))?;
        return Some(Name { start, end, quote: Some(quote), family, in_query: false });
    }
    let mut start = bare_start(text, end);
    let border = text.before(start, 1);
    if border == b'\\' && matches!(text.at(start), b'n' | b'r' | b't') && start + 1 < end {
        start += 1;
    }
    let in_query = matches!(border, b'?' | b'&') || matches!(kind, Kind::Form);
    if kind == Kind::Form && text.at(sign) == b':' {
        return None;
    }
    // `/token:10` is a place in a file.
    if text.at(sign) == b':'
        && matches!(border, b'/' | b'\\' | b'@')
        && start == bare_start(text, end)
    {
        return None;
    }
    let family = names.find(text.slice(start, end)).or_else(|| {
        // Names in other letters: `contraseña: …`.
        let wide = wide_start(text, end);
        let found = if wide < start { names.find(text.slice(wide, end)) } else { None };
        if found.is_some() {
            start = wide;
        }
        found
    });
    let family = family.or_else(|| {
        // Names of several words: `api key: …`.
        let mut longer = start;
        for _ in 0..2 {
            if text.before(longer, 1) != b' ' || !bytes::is(text.before(longer, 2), bytes::LETTER) {
                break;
            }
            longer = bare_start(text, longer - 1);
        }
        let family = if longer < start { names.find(text.slice(longer, end)) } else { None };
        start = longer;
        family
    })?;
    Some(Name { start, end, quote: None, family, in_query })
}

fn is_in_quoted_name(byte: u8, quote: u8) -> bool {
    byte != quote && !matches!(byte, b'\n' | b'\r' | b'{' | b'}' | b',' | b'\\')
}

fn bare_start(text: &Text<'_>, end: usize) -> usize {
    let mut start = end;
    while start > 0 && end - start < NAME_MAX && bytes::is(text.before(start, 1), NAME) {
        start -= 1;
    }
    start
}

/// As [`bare_start`], over letters that are not ASCII as well.
fn wide_start(text: &Text<'_>, end: usize) -> usize {
    let mut start = end;
    while start > 0
        && end - start < NAME_MAX
        && (bytes::is(text.before(start, 1), NAME) || text.before(start, 1) >= 0x80)
    {
        start -= 1;
    }
    start
}

/// Reads where the value behind the sign begins and how it ends. `None` when there is none.
pub(crate) fn value_behind(text: &Text<'_>, kind: Kind, name: &Name, sign: usize) -> Option<Value> {
    let mut start = sign + 1;
    if text.at(sign) == b'=' && text.at(start) == b'=' {
        return None;
    }
    if text.at(sign) == b'=' && text.at(start) == b'>' {
        start += 1;
    }
    if name.in_query {
        let ending = if kind == Kind::Form { Ending::Pair } else { Ending::in_query() };
        return Some(Value::new(start, ending));
    }
    let begin = start;
    // `password= user=x`: a sign without a blank before it has none before its value.
    let tight =
        text.at(sign) == b'=' && start == sign + 1 && name.quote.is_none() && name.end == sign;
    let most = match kind {
        _ if tight => 0,
        Kind::Json => SPACE,
        _ => BLANKS,
    };
    while start - begin < most {
        match text.at(start) {
            b' ' | b'\t' => {}
            b'\n' | b'\r' if kind == Kind::Json && name.quote.is_some() => {}
            _ => break,
        }
        start += 1;
    }
    if text.at(sign) == b':' && text.at(start) == b':'
        || text.at(start) == b'/' && text.at(start + 1) == b'/'
    {
        return None;
    }
    let line = kind != Kind::Json;
    let wrapped = name.quote.is_none().then(|| behind_wrappers(text, start)).flatten();
    if let Some(inside) = wrapped {
        return match opening_quote(text, inside) {
            Some(quote) => {
                let start = inside + quote.backslashes() + 1;
                Some(Value {
                    quote: Some(quote),
                    wrapped: true,
                    ..Value::new(start, Ending::quoted(quote, line))
                })
            }
            None => Some(Value { wrapped: true, ..Value::new(inside, Ending::bare()) }),
        };
    }
    if let Some(quote) = opening_quote(text, start) {
        let inside = start + quote.backslashes() + 1;
        let opens = match name.quote {
            Some(outer) => quote.sign != outer.sign || quote.level == outer.level,
            // A quote before something that separates closes a string around the pair.
            None => !closes(text.at(inside)),
        };
        return opens.then_some(Value {
            quote: Some(quote),
            ..Value::new(inside, Ending::quoted(quote, line))
        });
    }
    let first = text.at(start);
    match name.quote {
        Some(quote) if first == b'{' || first == b'[' => {
            // Over several lines of text: each line is judged for itself.
            let opens = !line || !matches!(text.at(start + 1), b'\n' | b'\r');
            opens.then_some(Value {
                wrap: Some(quote),
                ..Value::new(start, Ending::container(quote.level, line))
            })
        }
        Some(quote) if first.is_ascii_digit() || first == b'-' || is_word(text, start) => {
            Some(Value { wrap: Some(quote), ..Value::new(start, Ending::Scalar) })
        }
        _ => {
            let list = matches!(name.family, Family::Cookie | Family::SetCookie);
            let next = start > begin && !list && is_next_pair(text, start);
            let empty = is_separator(first) || first == b' ' || next;
            (!empty).then_some(Value::new(start, Ending::bare()))
        }
    }
}

/// Whether a quote before this byte is more likely the end of a string than its beginning.
pub(crate) fn closes(next: u8) -> bool {
    matches!(
        next,
        b',' | b'}' | b']' | b')' | b'>' | b':' | b';' | b' ' | b'\n' | b'\r' | b'\t' | b'\\' | 0
    )
}

/// The quote that opens a string at `start`.
pub(crate) fn opening_quote(text: &Text<'_>, start: usize) -> Option<Quote> {
    let mut backslashes = 0;
    while backslashes < 8 && text.at(start + backslashes) == b'\\' {
        backslashes += 1;
    }
    match text.at(start + backslashes) {
        sign @ (b'"' | b'\'' | b'`') => Quote::written(sign, backslashes),
        _ => None,
    }
}

/// Behind the brackets of what some languages print around a value: `Some("x")`, `Token[x]`.
fn behind_wrappers(text: &Text<'_>, start: usize) -> Option<usize> {
    let mut inside = None;
    let mut at = start;
    for _ in 0..WRAPPERS {
        if !text.at(at).is_ascii_uppercase() {
            break;
        }
        let mut end = at;
        while end < at + WRAPPER_MAX && bytes::is(text.at(end), LETTER) {
            end += 1;
        }
        if !matches!(text.at(end), b'(' | b'[') {
            break;
        }
        at = end + 1;
        inside = Some(at);
    }
    inside
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, 0 | b'\n' | b'\r' | b'&' | b',' | b';' | b'|' | b'>' | b')' | b']' | b'}')
}

/// `true` and `false` in their spellings; `null` stays.
fn is_word(text: &Text<'_>, start: usize) -> bool {
    [b"true".as_slice(), b"false"].iter().any(|word| {
        text.has_word(start, word) && !bytes::is(text.at(start + word.len()), bytes::ALNUM)
    })
}

/// Behind `password= user=x`: the next pair, not a value.
fn is_next_pair(text: &Text<'_>, start: usize) -> bool {
    let mut at = start;
    while at < start + NAME_MAX && bytes::is(text.at(at), NAME) {
        at += 1;
    }
    at > start && text.at(at) == b'=' && text.at(at + 1) != b'='
}

/// Behind the scheme and its blank, where the value of an `authorization` begins with one.
pub(crate) fn behind_scheme(text: &Text<'_>, start: usize) -> Option<usize> {
    const SCHEMES: &[&str] = &[
        "bearer",
        "basic",
        "token",
        "digest",
        "negotiate",
        "ntlm",
        "apikey",
        "api-key",
        "hmac",
        "dpop",
        "hoba",
        "mutual",
        "aws4-hmac-sha256",
        "key",
        "jwt",
        "oauth",
        "scram-sha-256",
        "vapid",
        "sharedkey",
    ];
    let scheme = SCHEMES.iter().find(|scheme| {
        text.has_word(start, scheme.as_bytes()) && text.at(start + scheme.len()) == b' '
    })?;
    let mut behind = start + scheme.len();
    while behind < start + scheme.len() + BLANKS && text.at(behind) == b' ' {
        behind += 1;
    }
    Some(behind)
}
