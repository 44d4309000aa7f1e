//! What is done with a hit.
//!
//! A replacement never holds any of the value unless its action says so, and nothing that is
//! written here is a hit when it is read again.

use crate::bytes;
use crate::cut::{self, Cut};
use crate::ending::Quote;
use crate::rule::{self, RuleId};
use crate::rules::{Action, Number, Rules};
use std::ops::Range;

/// Written in place of a value whose length is nobody's business.
const MASK: &[u8] = b"**********";
/// Of values with fewer letters and digits nothing is shown.
const SHOWN_MIN: usize = 16;
/// The most characters that are shown of a value, and no more than a quarter of it.
pub(crate) const SHOWN_MAX: u8 = 6;
/// Longer values are masked where the whole of them would be needed, in bytes.
pub(crate) const WHOLE_MAX: usize = 64 * 1024;

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
    rules: &Rules,
    rule: RuleId,
    value: &[u8],
    spot: Spot,
    out: &mut Vec<u8>,
) {
    let about = rules.catalogue.rule(rule);
    // A rough place is a number as the place was.
    let stays_number = matches!(action, Action::Truncate(Cut::Decimals(_)));
    let wrap = spot.wrap.filter(|_| !stays_number);
    if wrap.is_some() {
        let is_number = matches!(value.first(), Some(b'0'..=b'9' | b'-'));
        let instead = match rules.number {
            _ if matches!(action, Action::Drop) => Some("null"),
            Number::Null if is_number => Some("null"),
            Number::Zero if is_number => Some("0"),
            _ => None,
        };
        if let Some(instead) = instead {
            out.extend_from_slice(instead.as_bytes());
            return;
        }
    }
    if let Some(quote) = wrap {
        write_quote(quote, out);
    }
    // Of a number in a run of base64 nothing is shown: its end is the end of something else.
    let number = matches!(rule, rule::CARD | rule::PHONE | rule::US_SSN);
    let may_show = about.may_show_end && !(number && value.iter().any(u8::is_ascii_alphabetic));
    match action {
        Action::Replace(text) => {
            let marker = text.as_deref().unwrap_or(&about.marker);
            write_marker(marker.as_bytes(), spot.encoded, out);
        }
        Action::Mask => out.extend_from_slice(MASK),
        Action::Last(most) => {
            out.extend_from_slice(MASK);
            out.extend(shown(may_show, value, *most, |count, most| count - most..count));
        }
        Action::First(most) => {
            out.extend(shown(may_show, value, *most, |_, most| 0..most));
            out.extend_from_slice(MASK);
        }
        Action::Hash => {
            let written = value.len() < WHOLE_MAX
                && rules.keys.write_token(&about.name, &canonical(rule, value), out);
            if !written {
                out.extend_from_slice(MASK);
            }
        }
        Action::Encrypt => {
            if !rules.keys.encrypt(&canonical(rule, value), out) {
                out.extend_from_slice(MASK);
            }
        }
        Action::Truncate(cut) if value.len() < WHOLE_MAX => match rule {
            rule::IP => cut::address(*cut, value, out),
            rule::MAC => cut::device(*cut, value, out),
            _ => cut::other(*cut, value, out),
        },
        Action::Truncate(_) => out.extend_from_slice(MASK),
        Action::DropRecord => write_marker(about.marker.as_bytes(), spot.encoded, out),
        Action::Drop | Action::Report => {}
    }
    if let Some(quote) = wrap {
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

/// The letters and digits of a value in the range that `part` picks out of all of them; none of a
/// short one.
fn shown(
    may_show: bool,
    value: &[u8],
    most: u8,
    part: impl FnOnce(usize, usize) -> Range<usize>,
) -> impl Iterator<Item = u8> {
    let characters = || value.iter().copied().filter(|b| b.is_ascii_alphanumeric());
    let is_short = !may_show || value.len() >= WHOLE_MAX;
    let count = if is_short { 0 } else { characters().count() };
    let range =
        if count < SHOWN_MIN { 0..0 } else { part(count, usize::from(most).min(count / 4)) };
    characters().skip(range.start).take(range.len())
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
    use crate::keys::{Key, Keys};
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::Sha256;

    const ONE: &[u8] = b"0123456789abcdef";

    fn written(action: &Action, rule: RuleId, value: &str, id: &str, key: &[u8]) -> String {
        let keys = Keys::new(Key::new(id, key).into_iter().collect());
        let rules = Rules { keys, ..Rules::default() };
        let mut out = Vec::new();
        let spot = Spot { encoded: false, wrap: None };
        write(action, &rules, rule, value.as_bytes(), spot, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    fn check(action: Action, rule: RuleId, value: &str, expected: &str) {
        assert_eq!(written(&action, rule, value, "", ONE), expected, "{action:?} of `{value}`");
    }

    #[test]
    fn each_action_writes_what_it_says() {
        check(Action::Replace(None), rule::EMAIL, "jane@example.com", "[email]");
        check(Action::Replace(Some("GONE".into())), rule::EMAIL, "jane@example.com", "GONE");
        check(Action::Mask, rule::EMAIL, "jane@example.com", "**********");
        check(Action::Truncate(Cut::default()), rule::IP, "203.0.113.77", "203.0.113.0");
        let wider = Action::Truncate(Cut::Network { v4: 16, v6: 32 });
        check(wider.clone(), rule::IP, "203.0.113.77", "203.0.0.0");
        check(wider, rule::IP, "2001:db8:85a3::8a2e:370:7334", "2001:db8::");
        check(Action::DropRecord, rule::EMAIL, "jane@example.com", "[email]");
        check(Action::Drop, rule::EMAIL, "jane@example.com", "");
    }

    #[test]
    fn numbers_stay_what_a_reader_wants() {
        for (number, value, action, expected) in [
            (Number::String, "1234", Action::Mask, "\"**********\""),
            (Number::Null, "1234", Action::Mask, "null"),
            (Number::Zero, "-1234", Action::Replace(None), "0"),
            (Number::Zero, "true", Action::Mask, "\"**********\""),
            (Number::Zero, "1234", Action::Drop, "null"),
            (Number::Zero, "-6.2088", Action::Truncate(Cut::Decimals(1)), "-6.2"),
        ] {
            let rules = Rules { number, ..Rules::default() };
            let wrap = Quote::written(b'"', 0);
            let mut out = Vec::new();
            let spot = Spot { encoded: false, wrap };
            write(&action, &rules, rule::PASSWORD, value.as_bytes(), spot, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected, "{number:?} of {value}");
        }
    }

    #[test]
    fn of_long_values_a_quarter_is_shown_at_most() {
        let iban = "GB82 WEST 1234 5698 7654 32";
        check(Action::Last(4), rule::CARD, "4111 1111 1111 1234", "**********1234");
        check(Action::Last(4), rule::CARD, "378282246310005", "**********");
        check(Action::Last(2), rule::CARD, "4111 1111 1111 1234", "**********34");
        check(Action::Last(6), rule::CARD, "4111 1111 1111 1234", "**********1234");
        check(Action::Last(6), rule::IBAN, iban, "**********65432");
        check(Action::Last(4), rule::PASSWORD, "correct-horse-battery", "**********");
        check(Action::First(2), rule::IBAN, iban, "GB**********");
        check(Action::First(6), rule::IBAN, iban, "GB82W**********");
        check(Action::First(6), rule::CARD, "4111-1211-1111-1234", "4111**********");
        check(Action::First(6), rule::CARD, "378282246310005", "**********");
        check(Action::First(6), rule::PASSWORD, "correct-horse-battery", "**********");
    }

    #[test]
    fn tokens_join_spellings_and_depend_on_the_key() {
        let token = |rule, value: &str, key: &[u8]| written(&Action::Hash, rule, value, "", key);
        let card = token(rule::CARD, "4111 1111 1111 1111", ONE);
        assert_eq!(card, token(rule::CARD, "4111-1111-1111-1111", ONE));
        assert_ne!(card, token(rule::CARD, "4111-1111-1111-1111", b"another key of 16+"));
        assert_eq!(
            token(rule::EMAIL, "jane@Example.com", ONE),
            token(rule::EMAIL, "jane%40example.com", ONE)
        );
        assert_ne!(
            token(rule::EMAIL, "jane@example.com", ONE),
            token(rule::EMAIL, "Jane@example.com", ONE)
        );
        assert_eq!(token(rule::EMAIL, "jane@example.com", b"short"), "**********", "without a key");
    }

    #[test]
    fn the_token_is_the_one_of_the_standard() {
        // HMAC-SHA-256 with the key of sixteen bytes over `email`, a zero byte and the address.
        let mut expected = Hmac::<Sha256>::new_from_slice(ONE).expect("any length will do");
        expected.update(b"email\0jane@example.com");
        let hex: String =
            expected.finalize().into_bytes()[..8].iter().map(|b| format!("{b:02x}")).collect();
        check(Action::Hash, rule::EMAIL, "jane@example.com", &format!("email:{hex}"));
        let with_id = written(&Action::Hash, rule::EMAIL, "jane@example.com", "k1", ONE);
        assert_eq!(with_id, format!("email:k1:{hex}"));
    }
}
