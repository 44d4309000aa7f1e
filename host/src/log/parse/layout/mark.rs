//! The pieces of a head: severities, brackets, names.

use memchr::memchr;

use super::Head;
use crate::filter::value::Severity;

/// The severity at the start of `text`, in capitals, and the length of the word.
pub(super) fn capital_level(text: &[u8]) -> Option<(Severity, usize)> {
    let len = text.iter().take(10).take_while(|byte| byte.is_ascii_uppercase()).count();
    let ends = text.get(len).is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
    if len < 3 || !ends {
        return None;
    }
    Some((level(&text[..len])?, len))
}

/// The severity at the start of `text`, in any case, when what follows shows that it is meant
/// as one.
pub(super) fn marked_level(text: &[u8]) -> Option<(Severity, usize)> {
    if let Some(found) = capital_level(text) {
        return Some(found);
    }
    let len = text.iter().take(12).take_while(|byte| byte.is_ascii_alphabetic()).count();
    if len < 3
        || !matches!(text.get(len), Some(b':' | b'\t' | b'|')) && !text[len..].starts_with(b" |")
    {
        return None;
    }
    Some((level(&text[..len])?, len))
}

/// The severity that `word` is, in any case.
pub(super) fn level(word: &[u8]) -> Option<Severity> {
    // The longest name has thirteen letters.
    if !(2..=13).contains(&word.len()) {
        return None;
    }
    let name = std::str::from_utf8(word).ok()?;
    Severity::from_name(name).or(match name {
        // Serilog's three letters.
        "FTL" => Some(Severity::Fatal),
        "VRB" => Some(Severity::Trace),
        _ => None,
    })
}

/// The text between the brackets at the start of `text`, and the length with them.
pub(super) fn bracket(text: &[u8]) -> Option<(&[u8], usize)> {
    let inside = text.strip_prefix(b"[")?;
    let end = memchr(b']', &inside[..inside.len().min(200)])?;
    let inside = &inside[..end];
    (!inside.contains(&b'\n') && !inside.contains(&b'[')).then_some((inside, end + 2))
}

/// The number of blanks at the start of `text`.
pub(super) fn blanks(text: &[u8]) -> usize {
    text.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

/// The word at the start of `text`: everything up to a blank.
pub(super) fn word(text: &[u8]) -> &[u8] {
    let len = text.iter().take_while(|byte| !byte.is_ascii_whitespace()).count();
    &text[..len]
}

/// Whether `text` could be the name of a logger, module, class or category.
pub(super) fn is_name(text: &[u8]) -> bool {
    text.len() <= 120
        && matches!(text.first(), Some(b'A'..=b'Z' | b'a'..=b'z' | b'_'))
        && text.iter().all(|byte| {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b'_' | b'.' | b'$' | b'-' | b'/' | b':' | b'[' | b']' | b'@')
        })
}

/// Whether a name that is followed by a colon is more than a word of the message.
pub(super) fn is_plain_name(text: &[u8]) -> bool {
    is_name(text)
        && text.last() != Some(&b':')
        && (text.contains(&b'.')
            || text.windows(2).any(|pair| pair == b"::")
            || text
                .iter()
                .all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'0'..=b'9')))
        && level(text).is_none()
}

pub(super) fn is_number(text: &[u8]) -> bool {
    (1..=20).contains(&text.len()) && text.iter().all(u8::is_ascii_digit)
}

/// Whether `text` has the shape of a request id: long, no blanks, digits in it.
fn is_request_id(text: &[u8]) -> bool {
    (16..=128).contains(&text.len())
        && text.iter().any(u8::is_ascii_digit)
        && text.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-')
}

/// Puts what stands in a pair of brackets where it belongs.
pub(super) fn place<'a>(inside: &'a [u8], head: &mut Head<'a>) {
    let inside = inside.trim_ascii();
    if inside.is_empty() || inside == b"-" {
        return;
    }
    if head.severity.is_none()
        && let Some(severity) = level(inside)
    {
        head.severity = Some(severity);
        head.level = Some(inside);
    } else if is_number(inside) {
        let slot = if head.process.is_none() { &mut head.process } else { &mut head.thread };
        *slot = Some(inside);
    } else if let Some(user) = inside.strip_prefix(b"user:") {
        if user != b"-" && user != b"None" && !user.is_empty() {
            head.fields.push(("user.id", user));
        }
    } else if let Some(process) = inside.strip_prefix(b"pid ") {
        match memchr(b':', process) {
            Some(colon) => {
                head.process = Some(&process[..colon]);
                head.thread = process[colon + 1..].strip_prefix(b"tid ");
            }
            None => head.process = Some(process),
        }
    } else if let Some(client) = inside.strip_prefix(b"client ") {
        head.fields.push(("client.address", client));
    } else if is_request_id(inside) && head.request_id.is_none() {
        head.request_id = Some(inside);
    } else if let Some((name, line)) = named_line(inside) {
        head.logger = Some(name);
        head.fields.push(("code.line.number", line));
    } else if let Some(colon) = memchr(b':', inside)
        && head.severity.is_none()
        && let Some(severity) = level(&inside[colon + 1..])
    {
        head.logger = Some(&inside[..colon]);
        head.severity = Some(severity);
        head.level = Some(&inside[colon + 1..]);
    } else if head.thread.is_none() {
        head.thread = Some(inside);
    } else {
        head.fields.push(("log.context", inside));
    }
}

/// `shop.orders:90` as name and line.
pub(super) fn named_line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = text.iter().rposition(|&byte| byte == b':')?;
    let (name, line) = (&text[..colon], &text[colon + 1..]);
    (is_name(name) && is_number(line)).then_some((name, line))
}
