//! Takes colours and other terminal sequences out of text that is only looked at.

use std::borrow::Cow;

use memchr::memchr;

/// `text` without escape sequences: CSI, OSC and the two-byte ones.
pub(crate) fn strip(text: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr(0x1b, text) else { return Cow::Borrowed(text) };
    let mut out = text[..first].to_vec();
    let mut rest = &text[first..];
    while let Some((&byte, after)) = rest.split_first() {
        if byte != 0x1b {
            let len = memchr(0x1b, rest).unwrap_or(rest.len());
            out.extend_from_slice(&rest[..len]);
            rest = &rest[len..];
            continue;
        }
        rest = &after[sequence(after)..];
    }
    Cow::Owned(out)
}

/// The length of the sequence whose escape character stands before `text`.
fn sequence(text: &[u8]) -> usize {
    match text.first() {
        // Parameters, then one letter. What ends otherwise is not a sequence.
        Some(b'[') => {
            let len = text[1..].iter().take_while(|byte| (0x20..0x40).contains(*byte)).count();
            match text.get(1 + len) {
                Some(0x40..=0x7e) => len + 2,
                _ => 1,
            }
        }
        // Up to a bell or the terminator, within reason.
        Some(b']') => {
            let end = text.iter().take(512).position(|&byte| byte == 0x07 || byte == 0x1b);
            match end {
                Some(end) if text[end] == 0x07 => end + 1,
                Some(end) if text.get(end + 1) == Some(&b'\\') => end + 2,
                _ => 1,
            }
        }
        Some(0x40..=0x7e) => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_go_and_text_stays() {
        for (text, expected) in [
            ("plain", "plain"),
            ("\u{1b}[31m\u{1b}[1mWARNING\u{1b}[0m: x", "WARNING: x"),
            ("\u{1b}[38;5;208mé\u{1b}[m", "é"),
            ("a\u{1b}]8;;http://x\u{7}link\u{1b}]8;;\u{1b}\\b", "alinkb"),
            ("a\u{1b}", "a"),
            ("a\u{1b}[", "a"),
            ("a\u{1b}[31", "a31"),
        ] {
            assert_eq!(strip(text.as_bytes()).as_ref(), expected.as_bytes(), "`{text:?}`");
        }
    }
}
