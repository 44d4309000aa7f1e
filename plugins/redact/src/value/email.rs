//! E-mail addresses, looked at from their `@`.
//!
//! International letters count in both parts, but not where the script changes to one that is
//! written without blanks: in `邮箱jane@example.com` the address begins with `jane`.

use crate::bytes::{self, ALNUM, LOCAL};
use crate::text::Text;
use std::ops::Range;

/// The longest local part, in bytes. Of a longer run of characters the end is taken.
const LOCAL_MAX: usize = 64;
/// The longest domain, in bytes.
const DOMAIN_MAX: usize = 255;
const LABEL_MAX: usize = 63;

/// Last labels that are suffixes of files (`logo@2x.png`) or of units (`getty@tty1.service`).
const FILES: &[&str] = &[
    "png",
    "jpg",
    "jpeg",
    "gif",
    "svg",
    "webp",
    "css",
    "js",
    "mjs",
    "map",
    "ico",
    "woff",
    "woff2",
    "ttf",
    "json",
    "log",
    "yml",
    "yaml",
    "toml",
    "txt",
    "jar",
    "war",
    "tgz",
    "gz",
    "whl",
    "html",
    "xml",
    "sql",
    "ts",
    "tsx",
    "jsx",
    "service",
    "socket",
    "timer",
    "mount",
    "automount",
    "slice",
    "scope",
    "swap",
    "device",
];

/// Finds the address around the `@` at `at`, which is `width` bytes wide (`%40` is three), given
/// where its local part begins.
pub(crate) fn find(text: &Text<'_>, start: usize, at: usize, width: usize) -> Option<Range<usize>> {
    if start == at || text.before(at, 1) == b'.' {
        return None;
    }
    let end = domain_end(text, at + width)?;
    // `git@host:path` is an address of a repository.
    let scp = text.slice(start, at) == b"git" && matches!(text.at(end), b':' | b'/');
    (!scp).then_some(start..end)
}

/// Where the local part that ends before `at` begins; `at` itself when there is none.
pub(crate) fn local_start(text: &Text<'_>, at: usize) -> usize {
    let floor = at.saturating_sub(LOCAL_MAX);
    let mut start = at;
    let mut dense = None;
    while start > floor {
        let byte = text.before(start, 1);
        if bytes::is(byte, LOCAL) {
            if byte == b'.' && text.at(start) == b'.' && start < at {
                break;
            }
            start -= 1;
        } else if byte == b'\'' {
            let inner = bytes::is(text.before(start, 2), ALNUM)
                && bytes::is(text.at(start), ALNUM)
                && start < at;
            if !inner {
                break;
            }
            start -= 1;
        } else if byte == b'%' {
            // An encoded character: part of the address, or what stands before it.
            match bytes::unhex(text.at(start), text.at(start + 1)) {
                Some(decoded) if start + 2 <= at && bytes::is(decoded, LOCAL) => start -= 1,
                Some(_) if start + 2 <= at => {
                    start += 2;
                    break;
                }
                _ => break,
            }
        } else if byte >= 0x80 {
            let (letter, size) = text.char_before(start);
            if !letter.is_alphanumeric() || start < floor + size {
                break;
            }
            if *dense.get_or_insert(is_dense(letter)) != is_dense(letter) {
                break;
            }
            start -= size;
            continue;
        } else {
            break;
        }
        if bytes::is(byte, ALNUM) {
            dense.get_or_insert(false);
        }
    }
    // A letter after a backslash is half of an escape.
    let mut backslashes = 0;
    while backslashes < 8 && text.before(start, backslashes + 1) == b'\\' {
        backslashes += 1;
    }
    if backslashes % 2 == 1 && start < at {
        match text.at(start) {
            b'u' if (1..5).all(|i| text.at(start + i).is_ascii_hexdigit()) => start += 5,
            b'n' | b'r' | b't' | b'b' | b'f' => start += 1,
            _ => {}
        }
    }
    while start < at
        && !bytes::is(text.at(start), ALNUM)
        && text.at(start) != b'_'
        && text.at(start) < 0x80
    {
        start += 1;
    }
    start.min(at)
}

/// Whether a letter belongs to a script that is written without blanks between words.
fn is_dense(letter: char) -> bool {
    letter >= '\u{2e80}'
}

/// Behind the longest domain that begins at `start`.
fn domain_end(text: &Text<'_>, start: usize) -> Option<usize> {
    let mut best = None;
    let mut labels = 0;
    let mut at = start;
    let mut first_is_number = false;
    loop {
        let label = label_end(text, at)?;
        if label == at || label - start > DOMAIN_MAX {
            break;
        }
        labels += 1;
        let written = text.slice(at, label);
        if labels == 1 {
            let number = written.strip_prefix(b"v").unwrap_or(written);
            first_is_number = number.iter().all(u8::is_ascii_digit);
        }
        let is_version = first_is_number && labels > 1 && text.at(at).is_ascii_digit();
        if is_version {
            return None;
        }
        if labels > 1 && is_top_level(written) && !bytes::is(text.at(label), ALNUM) {
            best = Some((label, FILES.iter().any(|f| written.eq_ignore_ascii_case(f.as_bytes()))));
        }
        if text.at(label) != b'.' {
            break;
        }
        at = label + 1;
    }
    match best {
        Some((end, false)) => Some(end),
        _ => None,
    }
}

/// Behind the label that begins at `start`; `start` when there is none, `None` when it is too long.
fn label_end(text: &Text<'_>, start: usize) -> Option<usize> {
    let mut end = start;
    let mut dense = None;
    loop {
        let byte = text.at(end);
        if bytes::is(byte, ALNUM) || (byte == b'-' && end > start) {
            if byte != b'-' && *dense.get_or_insert(false) {
                break;
            }
            end += 1;
        } else if byte >= 0x80 {
            let (letter, size) = text.char_at(end);
            if !letter.is_alphanumeric()
                || *dense.get_or_insert(is_dense(letter)) != is_dense(letter)
            {
                break;
            }
            end += size;
        } else {
            break;
        }
        if end - start > LABEL_MAX {
            return None;
        }
    }
    while end > start && text.at(end - 1) == b'-' {
        end -= 1;
    }
    Some(end)
}

/// Whether a domain may end with this label.
fn is_top_level(label: &[u8]) -> bool {
    let punycode = label.len() > 4 && label[..4].eq_ignore_ascii_case(b"xn--");
    punycode || (label.len() >= 2 && label.iter().all(|b| b.is_ascii_alphabetic() || *b >= 0x80))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: Option<&str>) {
        let text = Text::new(input.as_bytes(), true);
        let at = input.find('@').or(input.find("%40")).expect("there is an `@`");
        let width = if input.as_bytes()[at] == b'@' { 1 } else { 3 };
        let found = find(&text, local_start(&text, at), at, width);
        assert_eq!(found.map(|range| &input[range]), expected, "in `{input}`");
    }

    #[test]
    fn addresses_in_text() {
        check("to jane.doe+x@example.com.", Some("jane.doe+x@example.com"));
        check("<jane@example.co.uk>", Some("jane@example.co.uk"));
        check("value=jane@example.com&x", Some("jane@example.com"));
        check("mailto:o'brien@example.com", Some("o'brien@example.com"));
        check("'jane@example.com'", Some("jane@example.com"));
        check("{jane@example.com}", Some("jane@example.com"));
        check("jane@xn--bcher-kva.example", Some("jane@xn--bcher-kva.example"));
        check("josé@bücher.de,", Some("josé@bücher.de"));
        check("“jane@example.com”", Some("jane@example.com"));
        check("邮箱jane@example.com是", Some("jane@example.com"));
        check("用户@例子.测试。", Some("用户@例子.测试"));
        check(r#""a\njane@example.com""#, Some("jane@example.com"));
        check(r#""\u003cjane@example.com\u003e""#, Some("jane@example.com"));
        check("a..jane@example.com", Some("jane@example.com"));
        check("e=jane%40example.com&", Some("jane%40example.com"));
        check("q=a%3Djane%2Bx%40example.com", Some("jane%2Bx%40example.com"));
        check("_jane_@example.com-", Some("_jane_@example.com"));
        check("jane@example.com.1", Some("jane@example.com"));
    }

    #[test]
    fn no_addresses() {
        check("logo@2x.png", None);
        check("lodash@4.17.21", None);
        check("pkg@1.2.beta", None);
        check("git@github.com:team/app.git", None);
        check("info@presidio.", None);
        check("a @example.com", None);
        check("****@example.com", None);
        check("[email]@example.com", None);
        check("@app.route", None);
        check("jane@localhost", None);
        check("jane.@example.com", None);
        check("jane@.com", None);
        check("jane@example.c", None);
    }
}
