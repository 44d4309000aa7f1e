//! Host and port of a request, in one normal form.
//!
//! A host is a name of unreserved characters and sub-delimiters, an IPv4 address or an IPv6 address
//! in brackets. There is no user information, no percent sign (two spellings of one name), no zone
//! and no IDNA: a name is bytes. The normal form is lower case, without a dot at its end and without
//! the port that the scheme implies.

use std::net::Ipv6Addr;

use super::Refusal;

/// A host with an optional port, in normal form.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Authority {
    text: Box<str>,
    /// Length of the host in `text`.
    host: usize,
    port: Option<u16>,
}

impl Authority {
    /// Reads `value` and brings it into normal form; `default_port` is the one to leave out.
    ///
    /// # Errors
    ///
    /// [`Refusal::HostInvalid`].
    pub fn parse(value: &[u8], default_port: u16) -> Result<Self, Refusal> {
        let parts = split(value)?;
        let host = parts.host.strip_suffix(b".").unwrap_or(parts.host);
        let port = parts.port.filter(|port| *port != default_port);
        // `split` let ASCII through only.
        let mut text = std::str::from_utf8(host).map_err(|_| Refusal::HostInvalid)?.to_owned();
        text.make_ascii_lowercase();
        let host = text.len();
        if let Some(port) = port {
            text.push(':');
            text.push_str(&port.to_string());
        }
        Ok(Self { text: text.into_boxed_str(), host, port })
    }

    /// `host` or `host:port`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host alone; an IPv6 address with its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.text[..self.host]
    }

    /// The port, unless it is the one that the scheme implies.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }
}

impl std::fmt::Display for Authority {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Says whether `value` is a host with an optional port, without taking it apart.
///
/// # Errors
///
/// [`Refusal::HostInvalid`].
pub fn check(value: &[u8]) -> Result<(), Refusal> {
    split(value).map(|_| ())
}

struct Parts<'a> {
    host: &'a [u8],
    port: Option<u16>,
}

fn split(value: &[u8]) -> Result<Parts<'_>, Refusal> {
    let invalid = Refusal::HostInvalid;
    let (host, rest) = if value.first() == Some(&b'[') {
        let end = value.iter().position(|byte| *byte == b']').ok_or(invalid)?;
        let address = std::str::from_utf8(&value[1..end]).map_err(|_| invalid)?;
        address.parse::<Ipv6Addr>().map_err(|_| invalid)?;
        value.split_at(end + 1)
    } else {
        let end = value.iter().position(|byte| *byte == b':').unwrap_or(value.len());
        let (host, rest) = value.split_at(end);
        let name = host.strip_suffix(b".").unwrap_or(host);
        // A comma is legal in a name and yet only ever the joint of two fields.
        if name.is_empty() || name.len() > 255 || !name.iter().all(|byte| is_host(*byte)) {
            return Err(invalid);
        }
        if name.first() == Some(&b'.') || name.last() == Some(&b'.') {
            return Err(invalid);
        }
        (host, rest)
    };
    let port = match rest {
        [] => None,
        [b':', digits @ ..] => Some(parse_port(digits).ok_or(invalid)?),
        _ => return Err(invalid),
    };
    Ok(Parts { host, port })
}

fn parse_port(digits: &[u8]) -> Option<u16> {
    if digits.is_empty() || digits.len() > 5 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let port = digits.iter().fold(0u32, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    u16::try_from(port).ok().filter(|port| *port != 0)
}

fn is_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b';'
                | b'='
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(value: &str, want: Option<&str>) {
        let have = Authority::parse(value.as_bytes(), 80);
        assert_eq!(have.as_ref().ok().map(Authority::as_str), want, "{value:?}");
        assert_eq!(super::check(value.as_bytes()).is_ok(), want.is_some(), "{value:?}");
    }

    #[test]
    fn a_host_has_one_form() {
        check("example.com", Some("example.com"));
        check("EXAMPLE.Com.", Some("example.com"));
        check("example.com:80", Some("example.com"));
        check("example.com.:080", Some("example.com"));
        check("example.com:8080", Some("example.com:8080"));
        check("127.0.0.1:9000", Some("127.0.0.1:9000"));
        check("[::1]", Some("[::1]"));
        check("[2001:DB8::1]:443", Some("[2001:db8::1]:443"));
        check("a_b-c~d", Some("a_b-c~d"));
        check("xn--mnchen-3ya.de", Some("xn--mnchen-3ya.de"));
        check("a:65535", Some("a:65535"));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for value in [
            "",
            ".",
            "..",
            "a..",
            ".a",
            ":80",
            "a:",
            "a:0",
            "a:65536",
            "a:99999",
            "a:+1",
            "a:1 ",
            "a:1:2",
            "a b",
            " a",
            "a,b",
            "u@a",
            "u:p@a",
            "a/b",
            "a?b",
            "a#b",
            "a\\b",
            "a%41",
            "[::1",
            "[::1]x",
            "[::1]:",
            "[fe80::1%eth0]",
            "[v1.x]",
            "[]",
            "::1",
            "a\0",
            "\u{fc}",
            "http://a",
            "a;b:c",
            "<a>",
            "a\"b",
        ] {
            check(value, None);
        }
        check(&"a".repeat(255), Some(&"a".repeat(255)));
        check(&"a".repeat(256), None);
    }

    proptest! {
        #[test]
        fn the_normal_form_is_its_own_normal_form(value in "[aA.:1-9\\[\\]]{0,12}") {
            if let Ok(authority) = Authority::parse(value.as_bytes(), 80) {
                let again = Authority::parse(authority.as_str().as_bytes(), 80);
                prop_assert_eq!(again, Ok(authority));
            }
        }
    }
}
