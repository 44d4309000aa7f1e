//! Values that stand where a secret would, and are none: masks, variables, our own markers.
//!
//! Only what is short can be a placeholder, so a value is judged after its first [`MAX`] bytes.

/// The longest placeholder, in bytes. A longer value is none, whatever it begins with.
pub(crate) const MAX: usize = 64;

const WORDS: &[&str] = &[
    "null",
    "nil",
    "none",
    "undefined",
    "redacted",
    "filtered",
    "masked",
    "hidden",
    "changeme",
    "removed",
    "your-password",
    "your_password",
    "...",
    "…",
];

/// Whether a whole value is a placeholder. `json` says that a bare word of JSON stays what it is.
pub(crate) fn is_placeholder(value: &[u8]) -> bool {
    if value.is_empty() {
        return true;
    }
    if value.len() > MAX {
        return false;
    }
    is_mask(value)
        || is_wrapped(value)
        || WORDS.iter().any(|word| value.eq_ignore_ascii_case(word.as_bytes()))
        || value.windows(7).any(|window| window == b"EXAMPLE")
}

/// Whether a value is our marker, as it stands in text or in a query.
pub(crate) fn is_marker(value: &[u8], marker: &[u8]) -> bool {
    behind_marker(value, marker).is_some_and(<[u8]>::is_empty)
}

/// Whether a value begins with one of our markers or masks, and goes on with a sign.
pub(crate) fn begins_as_ours<'a>(value: &[u8], mut markers: impl Iterator<Item = &'a str>) -> bool {
    let ends = |rest: &[u8]| rest.first().is_none_or(|b| !b.is_ascii_alphanumeric());
    let stars = value.iter().take_while(|&&b| b == b'*').count();
    let shown = value[stars..].iter().take_while(|b| b.is_ascii_alphanumeric()).count();
    if stars == 10 && (shown == 0 || shown == 4) {
        return true;
    }
    markers.any(|marker| behind_marker(value, marker.as_bytes()).is_some_and(ends))
}

/// Whether a value begins as one of which `first` characters at most are shown at the beginning, or
/// `last` at the end, and goes on with a sign.
pub(crate) fn is_partly_shown(value: &[u8], first: usize, last: usize) -> bool {
    let shown = |value: &[u8]| value.iter().take_while(|b| b.is_ascii_alphanumeric()).count();
    let start = shown(value);
    let masked = &value[start..];
    let stars = masked.iter().take_while(|&&b| b == b'*').count();
    let end = shown(&masked[stars..]);
    stars == 10 && ((start == 0 && end <= last) || (start <= first && end == 0))
}

/// What stands behind a marker at the beginning of a value.
fn behind_marker<'a>(value: &'a [u8], marker: &[u8]) -> Option<&'a [u8]> {
    let mut rest = value;
    for &byte in marker {
        let encoded = [b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
        if let Some(behind) = rest.strip_prefix(&[byte]) {
            rest = behind;
        } else if rest.len() >= 3 && rest[..3].eq_ignore_ascii_case(&encoded) {
            rest = &rest[3..];
        } else {
            return None;
        }
    }
    Some(rest)
}

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// `****`, `%2A%2A`, `xxxx`, and ten stars with the end of a value behind.
fn is_mask(value: &[u8]) -> bool {
    let stars = value.iter().take_while(|&&b| b == b'*').count();
    if stars == value.len() || (stars >= 10 && value.len() - stars <= 4) {
        return true;
    }
    if value.len().is_multiple_of(3)
        && value.chunks(3).all(|chunk| chunk.eq_ignore_ascii_case(b"%2A"))
    {
        return true;
    }
    let same = |sign: u8| value.len() >= 3 && value.iter().all(|b| b.eq_ignore_ascii_case(&sign));
    same(b'x')
        || same(b'.')
        || same(b'-')
        || same(b'_')
        || same(b'#')
        || same(b'?')
        || std::str::from_utf8(value)
            .is_ok_and(|text| text.chars().all(|c| matches!(c, '•' | '●' | '…')))
}

/// `${VAR}`, `{{var}}`, `<your token>`, `%(name)s`, `%s`, `$VAR`, `[Filtered]`.
fn is_wrapped(value: &[u8]) -> bool {
    let wrapped = |open: &[u8], close: &[u8]| {
        value.len() > open.len() + close.len() && value.starts_with(open) && value.ends_with(close)
    };
    let words = |inner: &[u8]| {
        inner.iter().all(|b| b.is_ascii_alphabetic() || matches!(b, b' ' | b'_' | b'-'))
    };
    wrapped(b"${", b"}")
        || wrapped(b"$(", b")")
        || wrapped(b"{{", b"}}")
        || wrapped(b"<", b">")
        || wrapped(b"%(", b")s")
        || (wrapped(b"%", b"%") && words(&value[1..value.len() - 1]))
        || matches!(value, b"%s" | b"%v" | b"%d" | b"%r" | b"{}" | b"[]" | b"{{" | b"?")
        || (value[0] == b'$'
            && value.len() > 3
            && value[1..].iter().all(|b| b.is_ascii_uppercase() || *b == b'_'))
        || is_parameter(value)
        || (wrapped(b"[", b"]") && is_known_filter(&value[1..value.len() - 1]))
}

/// `$1`, `:1`, `:password`, `@p1`: where a statement takes its value from.
fn is_parameter(value: &[u8]) -> bool {
    let numbered =
        |rest: &[u8]| (1..=3).contains(&rest.len()) && rest.iter().all(u8::is_ascii_digit);
    let named =
        |rest: &[u8]| rest.len() > 2 && rest.iter().all(|b| b.is_ascii_lowercase() || *b == b'_');
    match value {
        [b'$', rest @ ..] | [b'@', b'p', rest @ ..] => numbered(rest),
        [b':', rest @ ..] => numbered(rest) || named(rest),
        _ => false,
    }
}

/// What other tools write between brackets.
fn is_known_filter(inner: &[u8]) -> bool {
    ["filtered", "redacted", "masked", "hidden", "removed", "secret", "sanitized", "scrubbed"]
        .iter()
        .any(|word| inner.eq_ignore_ascii_case(word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Catalogue;

    #[test]
    fn masks_variables_and_markers_are_placeholders() {
        for value in [
            "",
            "****",
            "%2A%2A%2a",
            "xxxxxxxx",
            "${API_KEY}",
            "{{ token }}",
            "<your token here>",
            "null",
            "None",
            "REDACTED",
            "[Filtered]",
            "**********1111",
            "changeme",
            "$PASSWORD",
            "%s",
            "$1",
            ":password",
            "@p12",
            "AKIAIOSFODNN7EXAMPLE",
            "••••",
        ] {
            assert!(is_placeholder(value.as_bytes()), "`{value}`");
        }
        for value in [
            "[redacted]",
            "%5Bredacted%5D",
            "[secret/github]",
            "**********",
            "**********1111",
            "[redacted]/x",
        ] {
            assert!(begins_as_ours(value.as_bytes(), Catalogue::default().markers()), "`{value}`");
        }
        for value in ["[redacted]x", "***", "***********x", "[other]"] {
            assert!(!begins_as_ours(value.as_bytes(), Catalogue::default().markers()), "`{value}`");
        }
        for (value, expected) in [
            ("abcd**********", true),
            ("abcd**********;", true),
            ("abcde**********", false),
            ("abcd*********", false),
            ("abcd***********", false),
            ("**********ab", true),
            ("**********abc", false),
            ("a**********b", false),
        ] {
            assert_eq!(is_partly_shown(value.as_bytes(), 4, 2), expected, "`{value}`");
        }
        for value in
            ["hunter2", "x", "[abc]", "true", "$ecret", "a****", "***1234567", "<a", "4111"]
        {
            assert!(!is_placeholder(value.as_bytes()), "`{value}`");
        }
    }
}
