//! Addresses of the internet protocol, both versions.
//!
//! Not personal, and passed: loopback and unspecified addresses, and addresses of networks, which
//! is also what truncation leaves behind. The port behind an address, the zone and
//! the length of a prefix are no part of the hit.

use super::{context, digits, version};
use crate::bytes::{self, ALNUM, DIGIT, HEX, LETTER};
use crate::text::Text;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

/// What is numbered like an address.
const VERSIONS: &[&str] = &[
    "version",
    "versions",
    "ver",
    "v",
    "release",
    "section",
    "sec",
    "oid",
    "upgrade",
    "upgraded",
    "upgrading",
    "downgrade",
    "downgraded",
    "v8",
    "chromium",
];

/// The longest way to write an address of version 6.
const V6_MAX: usize = 45;

/// Finds an address of version 4 that begins at `start`, the first digit of a group.
pub(crate) fn find_v4(text: &Text<'_>, start: usize) -> Option<Range<usize>> {
    let (address, end) = read_v4(text, start)?;
    let passes = address.is_loopback() || address.is_unspecified() || address.octets()[3] == 0;
    if passes
        || !digits::may_begin(text, start)
        || !(digits::may_end(text, end) || is_before_port(text, &address, end))
    {
        return None;
    }
    if is_end_of_v6(text, start) {
        return None;
    }
    if text.before(start, 1) == b'-'
        && text.before(start, 2).is_ascii_digit()
        && text.before(start, 3) == b'.'
    {
        return None;
    }
    let version =
        is_version(text, start) || version::is_version(text, start, end, address.octets());
    (!version).then_some(start..end)
}

/// Whether an address of version 4 is written here, whoever it belongs to.
pub(crate) fn is_v4(text: &Text<'_>, start: usize) -> bool {
    read_v4(text, start).is_some_and(|(_, end)| digits::may_end(text, end))
}

/// `192.168.1.1.443`, as network tools write address and port. Versions of five numbers are smaller.
fn is_before_port(text: &Text<'_>, address: &Ipv4Addr, end: usize) -> bool {
    let [first, second, ..] = address.octets();
    let mut at = end + 1;
    while at < end + 7 && text.at(at).is_ascii_digit() {
        at += 1;
    }
    (first >= 100 || second >= 100)
        && text.at(end) == b'.'
        && at > end + 1
        && digits::may_end(text, at)
}

/// Whether the colon before the address belongs to an address of version 6, which then decides,
/// and not to a name (`ip:10.1.2.3`) or to something that only looks like one.
fn is_end_of_v6(text: &Text<'_>, start: usize) -> bool {
    if text.before(start, 1) != b':' {
        return false;
    }
    read_v6(text, start_v6(text, start - 1)).is_some()
}

fn read_v4(text: &Text<'_>, start: usize) -> Option<(Ipv4Addr, usize)> {
    let mut octets = [0u8; 4];
    let mut at = start;
    for (index, octet) in octets.iter_mut().enumerate() {
        if index > 0 {
            if text.at(at) != b'.' {
                return None;
            }
            at += 1;
        }
        let begin = at;
        let mut value = 0u32;
        while at < begin + 3 && bytes::is(text.at(at), DIGIT) {
            value = value * 10 + u32::from(text.at(at) - b'0');
            at += 1;
        }
        if at == begin || (text.at(begin) == b'0' && at > begin + 1) {
            return None;
        }
        *octet = u8::try_from(value).ok()?;
    }
    Some((Ipv4Addr::from(octets), at))
}

/// `v1.2.3.4`, `version: 1.2.3.4`, and the product in `Chrome/1.2.3.4`.
fn is_version(text: &Text<'_>, start: usize) -> bool {
    if text.before(start, 1) == b'/' && text.before(start, 2).is_ascii_alphanumeric() {
        let mut at = start - 1;
        let floor = start.saturating_sub(24);
        while at > floor
            && (bytes::is(text.before(at, 1), ALNUM)
                || matches!(text.before(at, 1), b'_' | b'-' | b'.'))
        {
            at -= 1;
        }
        return matches!(text.before(at, 1), 0 | b' ' | b'"' | b'\'' | b'(' | b'\n' | b'\t')
            && text.at(at).is_ascii_alphabetic();
    }
    if bytes::is(text.before(start, 1), LETTER) {
        return true;
    }
    // An object identifier of a certificate.
    if [b"2.5.4.".as_slice(), b"2.5.29."].iter().any(|arc| text.has_word(start, arc))
        && text.before(start, 1) != b'/'
    {
        return true;
    }
    context::has_word_just_before(text, start, VERSIONS)
}

/// Where the characters of an address of version 6 around the colon at `colon` begin.
pub(crate) fn start_v6(text: &Text<'_>, colon: usize) -> usize {
    let mut at = colon;
    let floor = colon.saturating_sub(V6_MAX);
    while at > floor && (bytes::is(text.before(at, 1), HEX) || text.before(at, 1) == b':') {
        at -= 1;
    }
    at
}

/// Behind the characters of an address of version 6 around the colon at `colon`.
pub(crate) fn chain_end(text: &Text<'_>, colon: usize) -> usize {
    let mut end = colon;
    while end < colon + V6_MAX && (bytes::is(text.at(end), HEX) || text.at(end) == b':') {
        end += 1;
    }
    end
}

/// Reads the address of version 6 whose characters begin at `start`, and where it ends.
fn read_v6<'a>(text: &Text<'a>, start: usize) -> Option<(Ipv6Addr, &'a str)> {
    let before = text.before(start, 1);
    if bytes::is(before, ALNUM) || matches!(before, b'_' | b'.' | b'*' | b':') {
        return None;
    }
    let mut end = start;
    while end <= start + V6_MAX
        && (bytes::is(text.at(end), HEX) || matches!(text.at(end), b':' | b'.'))
    {
        end += 1;
    }
    if end > start + V6_MAX {
        return None;
    }
    // The full stop of a sentence, the colon before a message.
    while end > start
        && (text.at(end - 1) == b'.' || (text.at(end - 1) == b':' && text.before(end, 2) != b':'))
    {
        end -= 1;
    }
    if bytes::is(text.at(end), ALNUM) || text.at(end) == b'_' {
        return None;
    }
    let written = std::str::from_utf8(text.slice(start, end)).ok()?;
    let address: Ipv6Addr = written.parse().ok()?;
    // `::ffff:0:` with a marker behind it, where there was an address of version 4.
    let is_rest =
        text.at(end) == b':' && address.segments()[..6] == [0; 6] && text.at(end + 1) > b' ';
    (!is_rest && is_evident(written)).then_some((address, written))
}

/// Finds an address of version 6 whose characters begin at `start`. Of one that maps version 4 the
/// hit is the address of version 4 alone.
pub(crate) fn find_v6(text: &Text<'_>, start: usize) -> Option<Range<usize>> {
    let (address, written) = read_v6(text, start)?;
    let end = start + written.len();
    if address.is_loopback() || address.is_unspecified() || is_network(&address) {
        return None;
    }
    if let Some(dot) = written.find('.') {
        let v4_start = start + written[..dot].rfind(':').map_or(0, |colon| colon + 1);
        let (inner, _) = read_v4(text, v4_start)?;
        let mapped = address.segments()[..5] == [0; 5] || address.segments()[..4] == [0; 4];
        if mapped {
            let passes = inner.is_loopback() || inner.is_unspecified() || inner.octets()[3] == 0;
            return (!passes).then_some(v4_start..end);
        }
    }
    Some(start..end)
}

/// Whether this cannot be a time, a ratio or a path of names.
fn is_evident(written: &str) -> bool {
    let groups = written.split(':').filter(|group| !group.is_empty()).count();
    written.bytes().any(|b| b.is_ascii_digit())
        && (written.contains('.')
            || groups == 8
            || (written.contains("::")
                && written.split(':').any(|group| group.len() >= 2)
                && is_allotted(written)))
}

/// Whether the first group is one that addresses begin with: all that were given out have four
/// digits there, but those that translate version 4 (`64:ff9b::/96`) and the hole `100::/64`.
/// `e2e::add` is the name of a function.
fn is_allotted(written: &str) -> bool {
    let first = written.split(':').next().unwrap_or_default();
    first.len() == 4 || matches!(first, "" | "64" | "100")
}

/// Whether nothing is left behind the first 48 bits.
fn is_network(address: &Ipv6Addr) -> bool {
    address.segments()[3..] == [0; 5]
}

/// Writes the network of an address: so many bits of version 4 or 6, zeros behind.
pub(crate) fn truncate(value: &[u8], v4: u8, v6: u8, out: &mut Vec<u8>) {
    let written = std::str::from_utf8(value).unwrap_or_default();
    if let Ok(address) = written.parse::<Ipv4Addr>() {
        let rest = u32::MAX.checked_shr(v4.into()).unwrap_or(0);
        out.extend_from_slice(
            Ipv4Addr::from_bits(address.to_bits() & !rest).to_string().as_bytes(),
        );
    } else if let Ok(address) = written.parse::<Ipv6Addr>() {
        let rest = u128::MAX.checked_shr(v6.into()).unwrap_or(0);
        out.extend_from_slice(
            Ipv6Addr::from_bits(address.to_bits() & !rest).to_string().as_bytes(),
        );
    } else {
        out.extend_from_slice(b"[ip]");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check4(input: &str, expected: Option<&str>) {
        let text = Text::new(input.as_bytes(), true);
        let found = (0..input.len())
            .filter(|&at| {
                input.as_bytes()[at].is_ascii_digit() && !text.before(at, 1).is_ascii_alphanumeric()
            })
            .find_map(|at| find_v4(&text, at));
        assert_eq!(found.map(|range| &input[range]), expected, "in `{input}`");
    }

    fn check6(input: &str, expected: Option<&str>) {
        let text = Text::new(input.as_bytes(), true);
        let found = (0..input.len())
            .filter(|&at| input.as_bytes()[at] == b':')
            .find_map(|at| find_v6(&text, start_v6(&text, at)));
        assert_eq!(found.map(|range| &input[range]), expected, "in `{input}`");
    }

    #[test]
    fn version_4() {
        check4("from 203.0.113.77:8080", Some("203.0.113.77"));
        check4("192.168.1.1/24", Some("192.168.1.1"));
        check4("(10.1.2.3)", Some("10.1.2.3"));
        check4("/hosts/10.1.2.3", Some("10.1.2.3"));
        check4("http://10.1.2.3/x", Some("10.1.2.3"));
        check4("ip:10.1.2.3", Some("10.1.2.3"));
        check4("ended at 10.1.2.3.", Some("10.1.2.3"));
        check4("203.0.113.0", None);
        check4("127.0.0.1", None);
        check4("256.1.2.3", None);
        check4("01.2.3.4", None);
        check4("text10.1.2.3", None);
        check4("192.168.1.1.443 > x", Some("192.168.1.1"));
        check4("text::ffff:192.0.2.1", Some("192.0.2.1"));
        check4("::ffff:192.0.2.1", None);
        check4("1.2.3.4.5", None);
        check4("12.1.0.2.7", None);
        check4("v1.2.3.4", None);
        check4("version 1.2.3.4", None);
        check4("\"version\":\"1.2.3.4\"", None);
        check4("Chrome/119.0.12.4 x", None);
        check4("upgrade V8 to 10.7.193.20", None);
        check4("Section 3.4.1.2", None);
        check4("OID 2.5.29.17", None);
    }

    #[test]
    fn version_6() {
        check6("at 2001:db8:85a3::8a2e:370:7334.", Some("2001:db8:85a3::8a2e:370:7334"));
        check6("[2001:db8::1]:443", Some("2001:db8::1"));
        check6("fe80::1%eth0/64", Some("fe80::1"));
        check6("684D:1111:222:3333:4444:5555:6:77", Some("684D:1111:222:3333:4444:5555:6:77"));
        check6("::ffff:10.1.2.3", Some("10.1.2.3"));
        check6("from 2001:db8::1: denied", Some("2001:db8::1"));
        check6("::1", None);
        check6("::", None);
        check6("::ffff:127.0.0.1", None);
        check6("2001:db8::/32", None);
        check6("std::fmt", None);
        check6("MyClass::add", None);
        check6("dead::beef", None);
        check6("at 12:34:56", None);
        check6("2001::db8::1", None);
        check6("12345:db8::1", None);
        check6("text2001:db8::1", None);
        check6("fe80::1text", None);
        check6("gggg:hhhh::1234", None);
        check6("1::2", None);
        check6("64:ff9b::cb00:7107", Some("64:ff9b::cb00:7107"));
        check6("test e2e::add ... ok", None);
    }

    #[test]
    fn truncation_is_not_found_again() {
        for (value, network) in [
            ("203.0.113.77", "203.0.113.0"),
            ("2001:DB8:85A3::8a2e", "2001:db8:85a3::"),
            ("fe80::1", "fe80::"),
        ] {
            let mut out = Vec::new();
            truncate(value.as_bytes(), 24, 48, &mut out);
            assert_eq!(out, network.as_bytes());
            let text = Text::new(&out, true);
            assert_eq!(find_v4(&text, 0), None);
            assert_eq!(find_v6(&text, 0), None);
        }
    }
}
