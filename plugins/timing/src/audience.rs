//! Who may see `Server-Timing`: timing tells strangers what goes on inside, so they see nothing.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

/// Loopback and private networks.
const PRIVATE: [&str; 8] = [
    "127.0.0.0/8",
    "::1/128",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "fc00::/7",
    "fe80::/10",
];

/// By the address of the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// `"off"`.
    Nobody,
    /// `"all"`.
    Everybody,
    /// A list of addresses and networks, or `"private"`.
    Networks(Vec<IpNet>),
}

impl Audience {
    /// Clients on loopback and in private networks.
    pub(crate) fn private() -> Self {
        Self::Networks(PRIVATE.iter().filter_map(|network| network.parse().ok()).collect())
    }

    pub(crate) fn is_nobody(&self) -> bool {
        match self {
            Self::Nobody => true,
            Self::Everybody => false,
            Self::Networks(networks) => networks.is_empty(),
        }
    }

    pub(crate) fn is_everybody(&self) -> bool {
        matches!(self, Self::Everybody)
    }

    /// Whether the client of this address may see it. What is no address may not.
    pub(crate) fn has(&self, address: &str) -> bool {
        match self {
            Self::Nobody => false,
            Self::Everybody => true,
            Self::Networks(networks) => address.parse::<IpAddr>().is_ok_and(|address| {
                // An IPv4 client of a socket for both looks like `::ffff:10.0.0.1`.
                let address = address.to_canonical();
                networks.iter().any(|network| network.contains(&address))
            }),
        }
    }
}

impl<'de> Deserialize<'de> for Audience {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Words)
    }
}

struct Words;

impl<'de> Visitor<'de> for Words {
    type Value = Audience;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("\"off\", \"private\", \"all\" or a list of networks")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Audience, E> {
        match word {
            "off" => Ok(Audience::Nobody),
            "private" => Ok(Audience::private()),
            "all" => Ok(Audience::Everybody),
            _ => Err(E::custom(format!(
                "`{word}` is none of \"off\", \"private\" and \"all\"; networks go into a list: \
                 [\"10.0.0.0/8\"]"
            ))),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Audience, A::Error> {
        let mut networks = Vec::new();
        while let Some(Network(network)) = list.next_element()? {
            networks.push(network);
        }
        Ok(Audience::Networks(networks))
    }
}

/// An address, or a network such as `10.0.0.0/8`.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Network(IpNet);

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse::<IpNet>()
            .ok()
            .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
            .map(Self)
            .ok_or_else(|| {
                format!(
                    "`{text}` is no network; write one such as \"10.0.0.0/8\" or \"2001:db8::/32\""
                )
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_clients_are_told_from_strangers() {
        let audience = Audience::private();
        for (address, expected) in [
            ("127.0.0.1", true),
            ("127.9.9.9", true),
            ("10.1.2.3", true),
            ("172.16.0.1", true),
            ("172.32.0.1", false),
            ("192.168.1.1", true),
            ("169.254.1.1", true),
            ("::1", true),
            ("fd00::1", true),
            ("fe80::1", true),
            ("::ffff:10.0.0.1", true),
            ("::ffff:203.0.113.7", false),
            ("203.0.113.7", false),
            ("2001:db8::1", false),
            ("", false),
            ("unix", false),
            ("10.0.0.1:443", false),
        ] {
            assert_eq!(audience.has(address), expected, "`{address}`");
        }
    }

    #[test]
    fn words_and_lists_are_understood() {
        let read = |json: &str| serde_json::from_str::<Audience>(json);
        assert_eq!(read("\"off\"").expect("a word"), Audience::Nobody);
        assert_eq!(read("\"all\"").expect("a word"), Audience::Everybody);
        assert_eq!(read("\"private\"").expect("a word"), Audience::private());
        let list = read(r#"["10.0.0.0/8", "2001:db8::7"]"#).expect("a list");
        assert!(list.has("10.9.9.9") && list.has("2001:db8::7"));
        assert!(!list.has("127.0.0.1"), "a list replaces the default");
        assert!(read("[]").expect("a list").is_nobody());
        for (json, word) in [
            ("\"on\"", "none of"),
            (r#"["10.0.0.0/33"]"#, "no network"),
            (r#"["example.org"]"#, "no network"),
            ("true", "expected"),
        ] {
            let error = read(json).expect_err("a mistake").to_string();
            assert!(error.contains(word), "{json}: {error}");
        }
    }
}
