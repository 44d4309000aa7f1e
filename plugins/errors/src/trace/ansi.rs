//! Colours of terminals, which loggers leave in text.

use std::borrow::Cow;

/// The text without escape sequences. Those of unknown kinds lose their escape character only.
pub(crate) fn without_colours(text: &str) -> Cow<'_, str> {
    if !text.contains('\u{1b}') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        plain.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        rest = match rest.as_bytes().first() {
            Some(b'[') => after_parameters(&rest[1..]),
            Some(b']') => after_command(&rest[1..]),
            _ => rest,
        };
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// Behind the letter that ends a control sequence.
fn after_parameters(rest: &str) -> &str {
    let end = rest.find(|c: char| !matches!(c, ' '..='?')).unwrap_or(rest.len());
    let ends = rest[end..].starts_with(|c: char| matches!(c, '@'..='~'));
    &rest[end + usize::from(ends)..]
}

/// Behind the bell or the terminator that ends a command, if there is one on this line.
fn after_command(rest: &str) -> &str {
    let line = rest.find('\n').unwrap_or(rest.len());
    if let Some(end) = rest[..line].find('\u{7}') {
        return &rest[end + 1..];
    }
    rest[..line].find("\u{1b}\\").map_or(rest, |end| &rest[end + 2..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_text_is_left() {
        for (text, expected) in [
            ("plain", "plain"),
            ("\u{1b}[31m\u{1b}[1mred\u{1b}[0m", "red"),
            ("a\u{1b}[38;5;12mb", "ab"),
            ("\u{1b}]8;;http://x\u{7}link\u{1b}]8;;\u{7}", "link"),
            ("\u{1b}]8;;http://x\u{1b}\\link", "link"),
            ("\u{1b}", ""),
            ("\u{1b}[", ""),
            ("\u{1b}[12", ""),
            ("\u{1b}[1é", "é"),
            ("\u{1b}]open\nnext", "open\nnext"),
        ] {
            assert_eq!(without_colours(text), expected, "{text:?}");
        }
    }
}
