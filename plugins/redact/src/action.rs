//! What is done with a hit.
//!
//! A replacement never holds any of the value unless its action says so, and nothing that is
//! written here is a hit when it is read again.

use crate::bytes;
use crate::ending::Quote;
use crate::rule::{self, Catalogue, RuleId};
use crate::rules::Action;
use crate::value::{ip, mac};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Written in place of a value whose length is nobody's business.
const MASK: &[u8] = b"**********";
/// Values with fewer characters are masked whole.
const LAST4_MIN: usize = 16;
/// Longer values are masked where the whole of them would be needed, in bytes.
pub(crate) const WHOLE_MAX: usize = 64 * 1024;
/// Hexadecimal digits of a token.
pub(crate) const TOKEN_HEX: usize = 16;

/// The key of tokens.
#[derive(Clone)]
pub(crate) struct Key(Hmac<Sha256>);

impl Key {
    /// `None` when the key is shorter than sixteen bytes.
    pub(crate) fn new(key: &[u8]) -> Option<Key> {
        if key.len() < 16 {
            return None;
        }
        Hmac::new_from_slice(key).ok().map(Key)
    }
}

/// Where a replacement stands.
#[derive(Clone, Copy)]
pub(crate) struct Spot {
    /// Percent-encoded: a form, a query.
    pub(crate) encoded: bool,
    /// Quotes that it needs, as it stands for a number of JSON.
    pub(crate) wrap: Option<Quote>,
}

/// Writes the replacement of `value`.
pub(crate) fn write(
    action: &Action,
    rules: &Catalogue,
    rule: RuleId,
    value: &[u8],
    spot: Spot,
    key: Option<&Key>,
    out: &mut Vec<u8>,
) {
    let about = rules.rule(rule);
    if let Some(quote) = spot.wrap {
        if matches!(action, Action::Drop) {
            out.extend_from_slice(b"null");
            return;
        }
        write_quote(quote, out);
    }
    match action {
        Action::Replace(text) => {
            let marker = text.as_deref().unwrap_or(&about.marker);
            write_marker(marker.as_bytes(), spot.encoded, out);
        }
        Action::Mask => out.extend_from_slice(MASK),
        Action::Last4 => {
            out.extend_from_slice(MASK);
            if about.may_show_end && value.len() < WHOLE_MAX {
                write_last4(value, out);
            }
        }
        Action::Hash => match key {
            Some(key) if value.len() < WHOLE_MAX => {
                write_token(&about.name, &canonical(rule, value), key, out)
            }
            _ => out.extend_from_slice(MASK),
        },
        Action::Truncate => match rule {
            rule::IP => ip::truncate(value, out),
            rule::MAC => mac::truncate(value, out),
            _ => out.extend_from_slice(MASK),
        },
        Action::Drop | Action::Report => {}
    }
    if let Some(quote) = spot.wrap {
        write_quote(quote, out);
    }
}

fn write_quote(quote: Quote, out: &mut Vec<u8>) {
    out.extend(std::iter::repeat_n(b'\\', quote.backslashes()));
    out.push(quote.sign);
}

fn write_marker(marker: &[u8], encoded: bool, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in marker {
        let plain = bytes::is(byte, bytes::ALNUM)
            || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'*' | b':' | b'/');
        if encoded && !plain {
            out.extend_from_slice(&[
                b'%',
                HEX[usize::from(byte >> 4)],
                HEX[usize::from(byte & 15)],
            ]);
        } else {
            out.push(byte);
        }
    }
}

fn write_last4(value: &[u8], out: &mut Vec<u8>) {
    let characters = || value.iter().copied().filter(|b| b.is_ascii_alphanumeric());
    let count = characters().count();
    if count >= LAST4_MIN {
        out.extend(characters().skip(count - 4));
    }
}

/// `name:` and the first half of a keyed hash, the same wherever the value stands.
fn write_token(name: &str, canonical: &[u8], key: &Key, out: &mut Vec<u8>) {
    let mut mac = key.0.clone();
    mac.update(name.as_bytes());
    mac.update(&[0]);
    mac.update(canonical);
    let digest = mac.finalize().into_bytes();
    out.extend_from_slice(name.as_bytes());
    out.push(b':');
    for byte in &digest[..TOKEN_HEX / 2] {
        out.extend_from_slice(format!("{byte:02x}").as_bytes());
    }
}

/// Whether `value` is a token of the rule of this name.
pub(crate) fn is_token(value: &[u8], name: &str) -> bool {
    let digits = value.strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b":"));
    digits.is_some_and(|hex| hex.len() == TOKEN_HEX && hex.iter().all(u8::is_ascii_hexdigit))
}

/// One way to write a value, out of the many there are.
pub(crate) fn canonical(rule: RuleId, value: &[u8]) -> Vec<u8> {
    let digits = |b: &u8| b.is_ascii_digit();
    match rule {
        rule::CARD | rule::PHONE | rule::US_SSN => value.iter().copied().filter(digits).collect(),
        rule::IBAN => {
            value.iter().filter(|b| b.is_ascii_alphanumeric()).map(u8::to_ascii_uppercase).collect()
        }
        rule::EMAIL => {
            let plain = undo_percent(value);
            let at = plain.iter().rposition(|&b| b == b'@').unwrap_or(plain.len());
            let (local, domain) = plain.split_at(at);
            [local, &domain.to_ascii_lowercase()].concat()
        }
        _ => value.to_vec(),
    }
}

fn undo_percent(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let [first, behind @ ..] = rest {
        match (first, behind) {
            (b'%', [high, low, after @ ..]) if bytes::unhex(*high, *low).is_some() => {
                out.extend(bytes::unhex(*high, *low));
                rest = after;
            }
            _ => {
                out.push(*first);
                rest = behind;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(action: Action, rule: RuleId, value: &str, expected: &str) {
        let key = Key::new(b"0123456789abcdef");
        let mut out = Vec::new();
        write(
            &action,
            &Catalogue::default(),
            rule,
            value.as_bytes(),
            Spot { encoded: false, wrap: None },
            key.as_ref(),
            &mut out,
        );
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }

    #[test]
    fn each_action_writes_what_it_says() {
        check(Action::Replace(None), rule::EMAIL, "jane@example.com", "[email]");
        check(Action::Replace(Some("GONE".into())), rule::EMAIL, "jane@example.com", "GONE");
        check(Action::Mask, rule::EMAIL, "jane@example.com", "**********");
        check(Action::Last4, rule::CARD, "4111 1111 1111 1234", "**********1234");
        check(Action::Last4, rule::CARD, "378282246310005", "**********");
        check(Action::Last4, rule::PASSWORD, "correct-horse-battery", "**********");
        check(Action::Truncate, rule::IP, "203.0.113.77", "203.0.113.0");
        check(Action::Drop, rule::EMAIL, "jane@example.com", "");
    }

    #[test]
    fn tokens_join_spellings_and_depend_on_the_key() {
        let token = |rule, value: &str, key: &[u8]| {
            let mut out = Vec::new();
            write(
                &Action::Hash,
                &Catalogue::default(),
                rule,
                value.as_bytes(),
                Spot { encoded: false, wrap: None },
                Key::new(key).as_ref(),
                &mut out,
            );
            String::from_utf8_lossy(&out).into_owned()
        };
        let one = b"0123456789abcdef";
        let card = token(rule::CARD, "4111 1111 1111 1111", one);
        assert_eq!(card, token(rule::CARD, "4111-1111-1111-1111", one));
        assert_ne!(card, token(rule::CARD, "4111-1111-1111-1111", b"another key of 16+"));
        assert!(is_token(card.as_bytes(), "card"));
        assert_eq!(
            token(rule::EMAIL, "jane@Example.com", one),
            token(rule::EMAIL, "jane%40example.com", one)
        );
        assert_ne!(
            token(rule::EMAIL, "jane@example.com", one),
            token(rule::EMAIL, "Jane@example.com", one)
        );
        assert!(Key::new(b"").is_none());
        assert!(Key::new(b"too short").is_none());
    }

    #[test]
    fn the_token_is_the_one_of_the_standard() {
        // HMAC-SHA-256 with the key of sixteen bytes over `email`, a zero byte and the address.
        let mut expected =
            Hmac::<Sha256>::new_from_slice(b"0123456789abcdef").expect("any length will do");
        expected.update(b"email\0jane@example.com");
        let hex: String =
            expected.finalize().into_bytes()[..8].iter().map(|b| format!("{b:02x}")).collect();
        check(Action::Hash, rule::EMAIL, "jane@example.com", &format!("email:{hex}"));
    }
}
