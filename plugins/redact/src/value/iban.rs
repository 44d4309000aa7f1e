//! International bank account numbers: length and structure by country, then the check of ISO 7064.

use crate::bytes::{self, ALNUM};
use crate::explain::Reason;
use crate::text::Text;
use std::ops::Range;

/// The most characters without separators.
const MAX: usize = 34;

/// Country and the structure behind its two check digits: `n` digits, `a` letters, `c` either,
/// each with a count, as the registry of SWIFT gives them.
const COUNTRIES: &[(&[u8; 2], &str)] = &[
    (b"AD", "8n12c"),
    (b"AE", "19n"),
    (b"AL", "8n16c"),
    (b"AT", "16n"),
    (b"AZ", "4a20c"),
    (b"BA", "16n"),
    (b"BE", "12n"),
    (b"BG", "4a6n8c"),
    (b"BH", "4a14c"),
    (b"BI", "23n"),
    (b"BR", "23n1a1c"),
    (b"BY", "4c4n16c"),
    (b"CH", "5n12c"),
    (b"CR", "18n"),
    (b"CY", "8n16c"),
    (b"CZ", "20n"),
    (b"DE", "18n"),
    (b"DJ", "23n"),
    (b"DK", "14n"),
    (b"DO", "4c20n"),
    (b"EE", "16n"),
    (b"EG", "25n"),
    (b"ES", "20n"),
    (b"FI", "14n"),
    (b"FK", "2a12n"),
    (b"FO", "14n"),
    (b"FR", "10n11c2n"),
    (b"GB", "4a14n"),
    (b"GE", "2a16n"),
    (b"GI", "4a15c"),
    (b"GL", "14n"),
    (b"GR", "7n16c"),
    (b"GT", "4c20c"),
    (b"HN", "4a20n"),
    (b"HR", "17n"),
    (b"HU", "24n"),
    (b"IE", "4a14n"),
    (b"IL", "19n"),
    (b"IQ", "4a15n"),
    (b"IS", "22n"),
    (b"IT", "1a10n12c"),
    (b"JO", "4a4n18c"),
    (b"KW", "4a22c"),
    (b"KZ", "3n13c"),
    (b"LB", "4n20c"),
    (b"LC", "4a24c"),
    (b"LI", "5n12c"),
    (b"LT", "16n"),
    (b"LU", "3n13c"),
    (b"LV", "4a13c"),
    (b"LY", "21n"),
    (b"MC", "10n11c2n"),
    (b"MD", "2c18c"),
    (b"ME", "18n"),
    (b"MK", "3n10c2n"),
    (b"MN", "16n"),
    (b"MR", "23n"),
    (b"MT", "4a5n18c"),
    (b"MU", "4a19n3a"),
    (b"NI", "4a20n"),
    (b"NL", "4a10n"),
    (b"NO", "11n"),
    (b"OM", "3n16c"),
    (b"PK", "4a16c"),
    (b"PL", "24n"),
    (b"PS", "4a21c"),
    (b"PT", "21n"),
    (b"QA", "4a21c"),
    (b"RO", "4a16c"),
    (b"RS", "18n"),
    (b"RU", "14n15c"),
    (b"SA", "2n18c"),
    (b"SC", "4a20n3a"),
    (b"SD", "14n"),
    (b"SE", "20n"),
    (b"SI", "15n"),
    (b"SK", "20n"),
    (b"SM", "1a10n12c"),
    (b"SO", "19n"),
    (b"ST", "21n"),
    (b"SV", "4a20n"),
    (b"TL", "19n"),
    (b"TN", "20n"),
    (b"TR", "5n1n16c"),
    (b"UA", "6n19c"),
    (b"VA", "18n"),
    (b"VG", "4a16n"),
    (b"XK", "16n"),
    (b"YE", "4a4n18c"),
];

/// Finds a number that begins at `start`, the first letter of its country.
#[inline]
pub(crate) fn find(text: &Text<'_>, start: usize) -> Option<Range<usize>> {
    if !is_country(text.at(start), text.at(start + 1)) {
        return None;
    }
    read(text, start)
}

fn read(text: &Text<'_>, start: usize) -> Option<Range<usize>> {
    let country = [text.at(start).to_ascii_uppercase(), text.at(start + 1).to_ascii_uppercase()];
    let index = COUNTRIES.binary_search_by(|(code, _)| (*code).cmp(&country)).ok()?;
    let structure = COUNTRIES[index].1;
    let length = 4 + parts(structure).map(|(count, _)| count).sum::<usize>();

    let mut number = [0u8; MAX];
    let mut read = 0;
    let mut at = start;
    let mut separator = None;
    while read < length {
        let byte = text.at(at);
        if bytes::is(byte, ALNUM) {
            number[read] = byte;
            read += 1;
            at += 1;
        } else if (byte == b' ' || byte == b'-' || byte == b'+') && read % 4 == 0 && read > 0 {
            // Groups of four, all with the same separator, or none at all.
            if *separator.get_or_insert(byte) != byte || (read > 4 && text.at(at - 5) != byte) {
                return None;
            }
            at += 1;
        } else {
            return None;
        }
        if separator.is_some()
            && read % 4 == 1
            && read > 1
            && text.before(at, 2) != separator.unwrap_or(0)
        {
            return None;
        }
    }
    if bytes::is(text.at(at), ALNUM) {
        return None;
    }
    let number = &number[..length];
    let upper = number.iter().any(u8::is_ascii_uppercase);
    let lower = number.iter().any(u8::is_ascii_lowercase);
    (!(upper && lower) && fits(&number[4..], structure) && check(number) == 1).then_some(start..at)
}

/// A number that begins at `start` and fails one condition: where it is, which one, and how.
pub(crate) fn near(text: &Text<'_>, start: usize) -> Option<(Range<usize>, Reason, String)> {
    let country = [text.at(start).to_ascii_uppercase(), text.at(start + 1).to_ascii_uppercase()];
    let index = COUNTRIES.binary_search_by(|(code, _)| (*code).cmp(&country)).ok()?;
    if !text.at(start + 2).is_ascii_digit() || !text.at(start + 3).is_ascii_digit() {
        return None;
    }
    if let Some(range) = find(text, start) {
        return Some((range, Reason::Overlapped, String::new()));
    }
    let structure = COUNTRIES[index].1;
    let length = 4 + parts(structure).map(|(count, _)| count).sum::<usize>();
    let mut number = Vec::new();
    let mut at = start;
    while number.len() <= MAX {
        let group = matches!(text.at(at), b' ' | b'-' | b'+')
            && number.len() % 4 == 0
            && number.len() < length
            && bytes::is(text.at(at + 1), ALNUM);
        if bytes::is(text.at(at), ALNUM) {
            number.push(text.at(at));
        } else if !group {
            break;
        }
        at += 1;
    }
    let digits = number.iter().filter(|byte| byte.is_ascii_digit()).count();
    if number.len() < 15 || digits * 2 < number.len() {
        return None;
    }
    let name = String::from_utf8_lossy(&country).into_owned();
    let (reason, why) = if number.len() != length {
        (Reason::Length, format!("{} characters, those of {name} have {length}", number.len()))
    } else if !fits(&number[4..], structure) {
        (Reason::Prefix, format!("accounts of {name} are built otherwise"))
    } else if check(&number) != 1 {
        (Reason::Checksum, "the check digits are wrong".into())
    } else {
        (Reason::Boundary, "groups or letters are mixed, or something is glued to it".into())
    };
    Some((start..at, reason, why))
}

/// One bit for each second letter, by the first one.
const LETTERS: [u32; 32] = {
    let mut letters = [0u32; 32];
    let mut index = 0;
    while index < COUNTRIES.len() {
        let code = COUNTRIES[index].0;
        letters[(code[0] & 31) as usize] |= 1 << (code[1] & 31);
        index += 1;
    }
    letters
};

#[inline(always)]
fn is_country(first: u8, second: u8) -> bool {
    LETTERS[usize::from(first & 31)] >> (second & 31) & 1 == 1
}

/// Whether the account number is built as its country builds them.
fn fits(account: &[u8], structure: &str) -> bool {
    let mut rest = account;
    parts(structure).all(|(count, kind)| {
        let Some((part, behind)) = rest.split_at_checked(count) else { return false };
        rest = behind;
        match kind {
            b'n' => part.iter().all(u8::is_ascii_digit),
            b'a' => part.iter().all(u8::is_ascii_alphabetic),
            _ => true,
        }
    })
}

/// The parts of a structure: how many, and of what.
fn parts(structure: &str) -> impl Iterator<Item = (usize, u8)> {
    let mut count = 0;
    structure.bytes().filter_map(move |b| {
        if b.is_ascii_digit() {
            count = count * 10 + usize::from(b - b'0');
            return None;
        }
        Some((std::mem::take(&mut count), b))
    })
}

/// The remainder modulo 97 with the first four characters moved to the end; 1 for a right number.
fn check(number: &[u8]) -> u32 {
    number[4..].iter().chain(&number[..4]).fold(0, |value, &byte| match byte {
        b'0'..=b'9' => (value * 10 + u32::from(byte - b'0')) % 97,
        _ => (value * 100 + u32::from(byte.to_ascii_uppercase() - b'A') + 10) % 97,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(input: &str) -> Option<&str> {
        find(&Text::new(input.as_bytes(), true), 0).map(|range| &input[range])
    }

    #[test]
    fn countries_are_sorted_for_the_search() {
        assert!(COUNTRIES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(COUNTRIES.iter().all(|(_, s)| parts(s).map(|(n, _)| n).sum::<usize>() + 4 <= MAX));
    }

    #[test]
    fn numbers_in_groups_and_without() {
        for number in [
            "DE89370400440532013000",
            "DE89 3704 0044 0532 0130 00",
            "DE44-5001-0517-5407-3249-31",
            "de89370400440532013000",
            "GB82 WEST 1234 5698 7654 32",
            "NO93 8601 1117 947",
            "MT84MALT011000012345MTLCAST001S",
            "KZ86 125K ZT50 0410 0100",
            "BR97 0036 0305 0000 1000 9795 493P 1",
            "ME25 5050 0001 2345 6789 51",
        ] {
            assert_eq!(finds(&format!("{number}, x")), Some(number));
        }
    }

    #[test]
    fn near_misses_pass() {
        for number in [
            "DE89370400440532013001",
            "DE8937040044053201300",
            "De89370400440532013000",
            "DE89 37040044 0532 0130 00",
            "DE89 3704 0044-0532 0130 00",
            "ZZ89370400440532013000",
            "GB82 1234 1234 5698 7654 32",
            "DE893704004405320130001",
        ] {
            assert_eq!(finds(number), None, "`{number}`");
        }
    }
}
