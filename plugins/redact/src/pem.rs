//! Private keys in armour, replaced line by line so that the number of lines stays.
//!
//! Lines may end as they do in a file, or be written as `\n` in a string, at any depth. Whatever
//! cannot be a line of a key ends it, so a heading without a key in some message costs that heading
//! and nothing else.

use crate::bytes::{self, BASE64};
use crate::text::Text;

/// The longest key, in bytes. What follows is no part of it.
const MAX: usize = 16 * 1024;
/// From this length on a run of base64 is a line of a key although its end is not in sight.
const LONG: usize = 128;
/// The shortest line of a key that is not its last one.
const SHORT: usize = 16;
const LABEL_MAX: usize = 48;
const INDENT_MAX: usize = 32;

/// Progress in a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pem {
    /// Bytes since the heading.
    pub(crate) read: usize,
}

/// What comes next in a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Replace this much and go on behind it.
    Line { start: usize, end: usize },
    /// As `Line`, and the line goes on.
    LongLine { start: usize, end: usize },
    /// Replace this much; the key ends with it.
    Last { start: usize, end: usize },
    /// The key has ended before this.
    End(usize),
}

/// Behind the heading of a private key that begins at `start`.
pub(crate) fn heading(text: &Text<'_>, start: usize) -> Option<usize> {
    border(text, start, b"-----BEGIN ")
}

/// Behind `-----BEGIN … PRIVATE KEY-----` or the line that ends one.
fn border(text: &Text<'_>, start: usize, opening: &[u8]) -> Option<usize> {
    if !opening.iter().enumerate().all(|(index, &byte)| text.at(start + index) == byte) {
        return None;
    }
    let label = start + opening.len();
    let mut end = label;
    while end < label + LABEL_MAX
        && (text.at(end).is_ascii_uppercase()
            || text.at(end).is_ascii_digit()
            || text.at(end) == b' ')
    {
        end += 1;
    }
    let written = text.slice(label, end);
    let private = written.ends_with(b"PRIVATE KEY") || written.ends_with(b"PRIVATE KEY BLOCK");
    let closed = (0..5).all(|index| text.at(end + index) == b'-');
    (private && closed).then_some(end + 5)
}

/// Reads what stands at `at`, behind the heading or a line.
pub(crate) fn next(text: &Text<'_>, pem: Pem, at: usize) -> Part {
    if pem.read > MAX {
        return Part::End(at);
    }
    let mut start = at;
    while start - at < INDENT_MAX {
        match text.at(start) {
            b'\n' | b'\r' | b' ' | b'\t' => {}
            b'\\' => {
                let mut escaped = start;
                while escaped < start + 4 && text.at(escaped) == b'\\' {
                    escaped += 1;
                }
                if !matches!(text.at(escaped), b'n' | b'r') {
                    return Part::End(at);
                }
                start = escaped;
            }
            _ => break,
        }
        start += 1;
    }
    if text.at(start) == b'-' {
        return match border(text, start, b"-----END ") {
            Some(end) => Part::Last { start, end },
            None => Part::End(at),
        };
    }
    for header in [b"Proc-Type:".as_slice(), b"DEK-Info:", b"Comment:", b"Version:"] {
        if text.has_word(start, header) {
            let mut end = start;
            while end < start + LONG && !matches!(text.at(end), b'\n' | b'\r' | b'\\' | b'"' | 0) {
                end += 1;
            }
            return Part::Line { start, end };
        }
    }
    let mut end = start;
    while end < start + LONG && (bytes::is(text.at(end), BASE64) || text.at(end) == b'=') {
        end += 1;
    }
    let length = end - start;
    if length == LONG {
        return Part::LongLine { start, end };
    }
    let whole_line = matches!(text.at(end), b'\n' | b'\r' | b'\\' | b'"' | 0);
    // Words of a sentence are short; so is the last line of a key.
    let fits = length >= SHORT && (whole_line || text.at(end) == b' ' || text.at(end) == b'-')
        || (length > 0 && is_before_end(text, end));
    if fits { Part::Line { start, end } } else { Part::End(at) }
}

fn is_before_end(text: &Text<'_>, end: usize) -> bool {
    let mut at = end;
    while at < end + 16 && matches!(text.at(at), b'\n' | b'\r' | b' ' | b'\t' | b'\\' | b'n' | b'r')
    {
        at += 1;
    }
    b"-----END".iter().enumerate().all(|(index, &byte)| text.at(at + index) == byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(kind: &str, line_end: &str) -> String {
        let dashes = "-".repeat(5);
        let line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";
        [
            format!("{dashes}BEGIN {kind}{dashes}"),
            line.into(),
            line.into(),
            "abc=".into(),
            format!("{dashes}END {kind}{dashes}"),
        ]
        .join(line_end)
    }

    fn parts(input: &str) -> Option<usize> {
        let text = Text::new(input.as_bytes(), true);
        let mut at = heading(&text, input.find("-----")?)?;
        let mut count = 1;
        loop {
            match next(&text, Pem { read: 0 }, at) {
                Part::Line { end, .. } | Part::LongLine { end, .. } => at = end,
                Part::Last { .. } => return Some(count + 1),
                Part::End(_) => return Some(count),
            }
            count += 1;
        }
    }

    #[test]
    fn keys_are_read_line_by_line() {
        for line_end in ["\n", "\r\n", "\\n", "\\\\n", "\n    ", " ", ""] {
            let lines = parts(&format!("key: {}\nnext line", key("RSA PRIVATE KEY", line_end)));
            assert!(lines >= Some(4), "with `{line_end:?}`: {lines:?}");
        }
        assert_eq!(parts(&key("OPENSSH PRIVATE KEY", "\n")), Some(5));
    }

    #[test]
    fn public_keys_and_mere_headings_are_none() {
        assert_eq!(parts(&key("PUBLIC KEY", "\n")), None);
        assert_eq!(parts(&key("CERTIFICATE", "\n")), None);
        let heading = format!("expected {d}BEGIN PRIVATE KEY{d} header\nStarted\n", d = "-----");
        assert_eq!(parts(&heading), Some(1));
    }
}
