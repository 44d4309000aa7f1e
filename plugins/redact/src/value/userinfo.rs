//! Credentials in front of the host of a URL: `scheme://user:password@host`.

use crate::text::Text;
use std::ops::Range;

/// The longest user and password together, in bytes.
const MAX: usize = 256;
/// From this length on a user without a password is taken for a token.
const TOKEN: usize = 16;

/// Where the part of a URL before the `@` at `at` begins, if `at` stands in one.
pub(crate) fn authority_start(text: &Text<'_>, at: usize) -> Option<usize> {
    let floor = at.saturating_sub(MAX);
    let mut start = at;
    while start > floor {
        match text.before(start, 1) {
            b'/' => {
                let scheme = text.before(start, 2) == b'/'
                    && text.before(start, 3) == b':'
                    && text.before(start, 4).is_ascii_alphanumeric();
                return scheme.then_some(start);
            }
            byte if ends_authority(byte) => return None,
            _ => start -= 1,
        }
    }
    None
}

fn ends_authority(byte: u8) -> bool {
    matches!(
        byte,
        0 | b' '
            | b'\t'
            | b'\n'
            | b'\r'
            | b'"'
            | b'\''
            | b'`'
            | b'<'
            | b'>'
            | b'?'
            | b'#'
            | b'\\'
            | b'|'
    )
}

/// The authority around the `@` that was asked for last, so that a row of them is read once.
#[derive(Clone, Copy, Default)]
pub(crate) struct Authority {
    at: usize,
    start: Option<usize>,
    known: bool,
}

impl Authority {
    /// As [`authority_start`], for an `@` behind the last one.
    pub(crate) fn start(&mut self, text: &Text<'_>, at: usize) -> Option<usize> {
        let continues = self.known
            && self.at < at
            && at - self.at < MAX
            && (self.at..at).all(|index| !ends_authority(text.at(index)) && text.at(index) != b'/');
        let start = if continues {
            self.start.filter(|start| at - start < MAX)
        } else {
            authority_start(text, at)
        };
        *self = Authority { at, start, known: true };
        start
    }
}

/// Finds what has to be hidden in the authority from `start` to the `@` at `at`.
pub(crate) fn find(text: &Text<'_>, start: usize, at: usize) -> Option<Range<usize>> {
    let host = text.at(at + 1);
    if !(host.is_ascii_alphanumeric()
        || host >= 0x80
        || matches!(host, b'[' | b'$' | b'{' | b'%' | b'_'))
    {
        return None;
    }
    let written = text.slice(start, at);
    let secret = match written.iter().position(|&b| b == b':') {
        Some(colon) => start + colon + 1..at,
        None if written.len() >= TOKEN => start..at,
        None => return None,
    };
    (!secret.is_empty()).then_some(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: Option<&str>) {
        let text = Text::new(input.as_bytes(), true);
        let at = input.rfind('@').expect("there is an `@`");
        let found = authority_start(&text, at).and_then(|start| find(&text, start, at));
        assert_eq!(found.map(|range| &input[range]), expected, "in `{input}`");
    }

    #[test]
    fn passwords_and_long_tokens() {
        check("postgres://app:s3cret@db:5432/shop", Some("s3cret"));
        check("redis://:s3cret@cache:6379", Some("s3cret"));
        check("https://x:p@ss@example.com/", Some("p@ss"));
        check("https://0123456789abcdef0123@example.com/", Some("0123456789abcdef0123"));
        check("ssh://git@example.com/team", None);
        check("https://example.com:8443/a@b", None);
        check("https://example.com/?q=a@b.com", None);
        check("jane@example.com", None);
        check("https://app:@example.com", None);
    }
}
