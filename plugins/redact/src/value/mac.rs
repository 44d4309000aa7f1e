//! Hardware addresses.
//!
//! Passed: all zero, broadcast, what truncation leaves behind, and longer chains of pairs, which
//! are fingerprints of keys.

use crate::bytes::{self, HEX};
use crate::text::Text;
use std::ops::Range;

/// Finds an address whose first separator is at `separator`.
pub(crate) fn find(text: &Text<'_>, separator: usize) -> Option<Range<usize>> {
    let sign = text.at(separator);
    let (size, count) = if sign == b'.' { (4, 3) } else { (2, 6) };
    let start = separator.checked_sub(size)?;
    if bytes::is(text.before(start, 1), bytes::ALNUM)
        || matches!(text.before(start, 1), b'*' | b'.')
        || text.before(start, 1) == sign
    {
        return None;
    }
    let mut at = start;
    for index in 0..count {
        if index > 0 {
            if text.at(at) != sign {
                return None;
            }
            at += 1;
        }
        for _ in 0..size {
            if !bytes::is(text.at(at), HEX) {
                return None;
            }
            at += 1;
        }
    }
    let goes_on = bytes::is(text.at(at), bytes::ALNUM)
        || (text.at(at) == sign && bytes::is(text.at(at + 1), HEX));
    if goes_on {
        return None;
    }
    let octets = octets(text.slice(start, at))?;
    let passes = octets[3..] == [0; 3] || octets == [0xff; 6];
    // Six groups of two decimal digits are a date and a time, three of four some other number.
    let is_time =
        sign != b':' && text.slice(start, at).iter().all(|b| b.is_ascii_digit() || *b == sign);
    (!passes && !is_time).then_some(start..at)
}

fn octets(written: &[u8]) -> Option<[u8; 6]> {
    let mut digits = written.iter().copied().filter(|b| b.is_ascii_hexdigit());
    let mut octets = [0; 6];
    for octet in &mut octets {
        *octet = bytes::unhex(digits.next()?, digits.next()?)?;
    }
    Some(octets)
}

/// Writes the address with the last three octets, those of the device, set to zero.
pub(crate) fn truncate(value: &[u8], out: &mut Vec<u8>) {
    let mut kept = 0;
    for &byte in value {
        let is_digit = byte.is_ascii_hexdigit();
        out.push(if is_digit && kept >= 6 { b'0' } else { byte });
        kept += usize::from(is_digit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: Option<&str>) {
        let text = Text::new(input.as_bytes(), true);
        let found = (0..input.len())
            .filter(|&at| b":-.".contains(&input.as_bytes()[at]))
            .find_map(|at| find(&text, at));
        assert_eq!(found.map(|range| &input[range]), expected, "in `{input}`");
    }

    #[test]
    fn three_ways_to_write_one() {
        check("mac 00:1A:2B:3C:4D:5E.", Some("00:1A:2B:3C:4D:5E"));
        check("0d-B3-4a-6A-d9-cF", Some("0d-B3-4a-6A-d9-cF"));
        check("is 0012.3456.789a", Some("0012.3456.789a"));
        check("00:00:00:00:00:00", None);
        check("FF:FF:FF:FF:FF:FF", None);
        check("10:2F:33-AC-29-C3", None);
        check("00:1A:2B:3C:4D", None);
        check("aa:bb:cc:dd:ee:ff:11:22", None);
        check("26-11-03-12-30-45", None);
        check("4300.0020.0011", None);
        check("[*07e3.0020.0012]", None);
    }

    #[test]
    fn truncation_is_not_found_again() {
        let mut out = Vec::new();
        truncate(b"00:1A:2B:3C:4D:5E", &mut out);
        assert_eq!(out, b"00:1A:2B:00:00:00");
        assert_eq!(find(&Text::new(&out, true), 2), None);
    }
}
