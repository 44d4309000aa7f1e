//! The pattern of a message: what stays when numbers, ids, addresses and quotes are taken out.

/// So much of a message is looked at, in bytes.
const MOST: usize = 1_000;

/// The first two lines that say something, with placeholders for what varies.
pub(crate) fn pattern(message: &str) -> String {
    let mut pattern = String::new();
    let lines = message.lines().map(str::trim).filter(|line| !line.is_empty());
    for line in lines.take(2) {
        if !pattern.is_empty() {
            pattern.push(' ');
        }
        add_line(&line[..line.floor_char_boundary(MOST)], &mut pattern);
    }
    pattern
}

fn add_line(line: &str, pattern: &mut String) {
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        if let Some(len) = quoted(rest) {
            pattern.push_str("<quoted>");
            rest = &rest[len..];
        } else if is_of_word(first) {
            let len = rest.find(|c| !is_of_word(c)).unwrap_or(rest.len());
            // A full stop or colon behind a word is not of it.
            let word = rest[..len].trim_end_matches(['.', ':', '-', '/', '=']);
            if word.is_empty() {
                pattern.push_str(&rest[..len]);
                rest = &rest[len..];
            } else {
                add_word(word, pattern);
                rest = &rest[word.len()..];
            }
        } else {
            pattern.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric()
        || matches!(c, '_' | '.' | ':' | '/' | '@' | '%' | '+' | '-' | '=' | '?' | '&' | '#')
}

/// Length of a text in quotes at the begin, which is not an apostrophe.
fn quoted(text: &str) -> Option<usize> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'))?;
    let end = text[1..].find(quote)?;
    let closes = text[end + 2..].chars().next().is_none_or(|after| !after.is_alphanumeric());
    closes.then_some(end + 2)
}

fn add_word(word: &str, pattern: &mut String) {
    // `key=value`: the key stays.
    if !word.contains("://")
        && let Some((key, value)) = word.split_once('=')
        && !key.is_empty()
        && !value.is_empty()
    {
        pattern.push_str(key);
        pattern.push('=');
        return add_word(value, pattern);
    }
    if word.contains("://") {
        pattern.push_str("<url>");
    } else if word
        .split_once('@')
        .is_some_and(|(user, host)| !user.is_empty() && host.contains('.'))
    {
        pattern.push_str("<email>");
    } else if is_uuid(word) {
        pattern.push_str("<uuid>");
    } else if is_address(word) {
        pattern.push_str("<ip>");
    } else if is_date(word) {
        pattern.push_str("<date>");
    } else if is_hex(word) {
        pattern.push_str("<hex>");
    } else {
        add_numbers(word, pattern);
    }
}

fn is_uuid(word: &str) -> bool {
    let lengths = word.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && word.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

fn is_address(word: &str) -> bool {
    word.parse::<std::net::SocketAddr>().is_ok()
        || word.parse::<std::net::IpAddr>().is_ok()
        || word.rsplit_once(':').is_some_and(|(host, _)| host.parse::<std::net::Ipv4Addr>().is_ok())
}

/// `2026-11-22`, perhaps with a time behind.
fn is_date(word: &str) -> bool {
    let bytes = word.as_bytes();
    bytes.len() >= 10
        && bytes[..10].iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => matches!(byte, b'-' | b'/'),
            _ => byte.is_ascii_digit(),
        })
}

/// Digits of a hash or an address in memory: eight or more with a number among them.
fn is_hex(word: &str) -> bool {
    let digits = word.strip_prefix("0x").unwrap_or(word);
    let marked = digits.len() < word.len() && !digits.is_empty();
    (marked || digits.len() >= 8)
        && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        && digits.bytes().any(|byte| byte.is_ascii_digit())
        && (marked || digits.bytes().any(|byte| byte.is_ascii_alphabetic()))
}

/// Numbers become one sign, with their points, commas and colons.
fn add_numbers(word: &str, pattern: &mut String) {
    let mut rest = word;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        pattern.push_str(&rest[..at]);
        pattern.push_str("<n>");
        rest = &rest[at..];
        let end = rest
            .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ':')))
            .unwrap_or(rest.len());
        rest = &rest[end..];
    }
    pattern.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_varies_is_taken_out() {
        for (message, expected) in [
            ("order 1841 failed", "order <n> failed"),
            ("took 12.5 ms, 3 retries.", "took <n> ms, <n> retries."),
            (
                "invalid literal for int() with base 10: '12,50'",
                "invalid literal for int() with base <n>: <quoted>",
            ),
            ("no such user \"ada\"", "no such user <quoted>"),
            ("can't open it, don't try", "can't open it, don't try"),
            ("GET https://api.example/v1?x=1 failed", "GET <url> failed"),
            ("mail to ada@example.org bounced", "mail to <email> bounced"),
            ("id 5f1c9e0a-7d1b-4b5e-9d59-8f4f6c0e1a2b", "id <uuid>"),
            ("10.0.0.5:5432 refused", "<ip> refused"),
            ("connect to ::1 failed", "connect to <ip> failed"),
            ("at 2026-11-22T07:36:01Z and 2026-11-22", "at <date> and <date>"),
            ("object at 0x7f3a2b", "object at <hex>"),
            ("commit 09e07e7a1 is gone", "commit <hex> is gone"),
            ("decade facade", "decade facade"),
            ("user=17 state=open id=deadbeef1", "user=<n> state=open id=<hex>"),
            ("worker-3 lost", "worker-<n> lost"),
            ("  first  \n\n second 2\n third", "first second <n>"),
            ("", ""),
            ("é ü '", "é ü '"),
        ] {
            assert_eq!(pattern(message), expected, "{message}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_message_has_a_pattern_and_digits_never_matter(text in "\\PC*") {
            pattern(&text);
        }

        #[test]
        fn numbers_never_matter(a in 0_u32..9_999, b in 0_u32..9_999) {
            let message = |number: u32| pattern(&format!("order {number} of user-{number} failed"));
            proptest::prop_assert_eq!(message(a), message(b));
        }
    }
}
