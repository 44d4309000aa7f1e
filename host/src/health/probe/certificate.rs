//! What a TLS connection tells on the way: its version, and when the certificate of the server
//! ends. The handshake has checked the certificate already; here it is only read.

use super::{Attribute, Value};
use crate::wire::Stream;

/// Tags of ASN.1.
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// `tls.protocol.version` and `tls.server.not_after`, where there is TLS.
pub(super) fn attributes(stream: &Stream) -> Vec<Attribute> {
    let Stream::Tls(stream) = stream else { return Vec::new() };
    let (_, session) = stream.get_ref();
    let version = session.protocol_version().and_then(|version| version.as_str());
    let number = version.and_then(|version| version.strip_prefix("TLSv1_"));
    let not_after = session
        .peer_certificates()
        .and_then(|certificates| certificates.first())
        .and_then(|certificate| not_after(certificate));
    let version = number.map(|minor| ("tls.protocol.version", Value::Text(format!("1.{minor}"))));
    let not_after = not_after.map(|time| ("tls.server.not_after", Value::Text(time)));
    version.into_iter().chain(not_after).collect()
}

/// The end of a certificate's validity as ISO 8601, from its DER form.
fn not_after(certificate: &[u8]) -> Option<String> {
    let (tag, certificate, _) = element(certificate)?;
    let (inner_tag, mut fields, _) = element(certificate)?;
    if (tag, inner_tag) != (SEQUENCE, SEQUENCE) {
        return None;
    }
    if fields.first() == Some(&VERSION) {
        (_, _, fields) = element(fields)?;
    }
    // Serial number, signature algorithm, issuer.
    for _ in 0..3 {
        (_, _, fields) = element(fields)?;
    }
    let (_, validity, _) = element(fields)?;
    let (_, _, rest) = element(validity)?;
    let (tag, text, _) = element(rest)?;
    let digits = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match (tag, digits.len()) {
        // Two digits: 1950 to 2049.
        (UTC_TIME, 12) => {
            let century = if &digits[..2] < "50" { "20" } else { "19" };
            (format!("{century}{}", &digits[..2]), &digits[2..])
        }
        (GENERALIZED_TIME, 14) => (digits[..4].to_owned(), &digits[4..]),
        _ => return None,
    };
    let part = |at: usize| &rest[at..at + 2];
    Some(format!("{year}-{}-{}T{}:{}:{}.000Z", part(0), part(2), part(4), part(6), part(8)))
}

/// Tag and content of the first element, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x83 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (length.iter().fold(0, |sum, byte| (sum << 8) | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{authority, certificate};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_end_of_a_certificate_is_found() {
        assert_eq!(not_after(&certificate()).as_deref(), Some("2055-12-31T23:59:59.000Z"));
        assert_eq!(not_after(&authority()).as_deref(), Some("2076-01-01T00:00:00.000Z"));
    }

    #[test]
    fn both_forms_of_time_are_read() {
        let table: [(u8, &str, Option<&str>); 6] = [
            (UTC_TIME, "491231235959Z", Some("2049-12-31T23:59:59.000Z")),
            (UTC_TIME, "500101000000Z", Some("1950-01-01T00:00:00.000Z")),
            (GENERALIZED_TIME, "20500101000000Z", Some("2050-01-01T00:00:00.000Z")),
            (UTC_TIME, "4912312359Z", None),
            (GENERALIZED_TIME, "2050010100000€", None),
            (0x02, "20500101000000Z", None),
        ];
        for (tag, text, expected) in table {
            let element = |tag: u8, content: &[u8]| {
                [&[tag, u8::try_from(content.len()).expect("short")], content].concat()
            };
            let time = element(tag, text.as_bytes());
            let validity = element(SEQUENCE, &[element(UTC_TIME, b"200101000000Z"), time].concat());
            let other = element(SEQUENCE, b"");
            let fields = [element(2, b"\x01"), other.clone(), other, validity].concat();
            let certificate = element(SEQUENCE, &element(SEQUENCE, &fields));
            assert_eq!(not_after(&certificate).as_deref(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn damage_does_no_harm(position in 0usize..422, byte: u8, length in 0usize..422) {
            let mut certificate = certificate();
            certificate[position] = byte;
            certificate.truncate(length);
            let _ = not_after(&certificate);
        }
    }
}
