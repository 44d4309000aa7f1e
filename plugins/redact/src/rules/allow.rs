//! Values that pass although a rule hits them.

use crate::action::canonical;
use crate::custom::{Automaton, SIZE_OF_ONE_MAX, read};
use crate::rule::{self, RuleId};
use std::net::IpAddr;

/// What passes.
#[derive(Default)]
pub(crate) struct Allow {
    exact: Vec<Box<[u8]>>,
    prefixes: Vec<Box<[u8]>>,
    suffixes: Vec<Box<[u8]>>,
    domains: Vec<Box<[u8]>>,
    networks: Vec<Network>,
    /// Patterns for whole values.
    patterns: Vec<Automaton>,
}

/// An address and how many of its first bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    bits: u8,
}

/// Not routed in the internet.
const PRIVATE: &[&str] = &[
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "100.64.0.0/10",
    "fc00::/7",
    "fe80::/10",
];

impl Allow {
    /// Adds an entry as it stands in a configuration. The error says what is wrong with it.
    pub(crate) fn add(&mut self, entry: &str) -> Result<(), String> {
        if entry.is_empty() {
            return Err("an empty entry allows nothing".into());
        }
        if entry == "private" {
            self.networks.extend(PRIVATE.iter().filter_map(|network| Network::parse(network)));
            return Ok(());
        }
        match entry.split_once(':') {
            Some(("cidr", network)) => match Network::parse(network) {
                Some(network) => self.networks.push(network),
                None => {
                    return Err(format!("`{network}` is no network; write it like `10.20.0.0/16`"));
                }
            },
            Some(("domain", domain)) => {
                if domain.is_empty() || domain.contains(['@', '/', ' ', '*']) {
                    return Err(format!("`{domain}` is no domain; write it like `shop.example`"));
                }
                self.domains.push(domain.as_bytes().into());
            }
            Some(("prefix", "")) | Some(("suffix", "")) => {
                return Err("an empty text would allow everything".into());
            }
            Some(("prefix", prefix)) => self.prefixes.push(prefix.as_bytes().into()),
            Some(("suffix", suffix)) => self.suffixes.push(suffix.as_bytes().into()),
            Some(("regex", text)) => {
                let flaw = |flaw: crate::custom::Flaw| match flaw.hint {
                    Some(hint) => format!("{}; {hint}", flaw.message),
                    None => flaw.message,
                };
                let pattern = read(text, None).map_err(flaw)?;
                let automaton = Automaton::new(&[(0, &pattern)], SIZE_OF_ONE_MAX)
                    .map_err(|_| format!("`{text}` makes too large an automaton"))?;
                self.patterns.push(automaton);
            }
            _ => {
                self.networks.extend(Network::parse(entry));
                self.exact.push(entry.as_bytes().into());
            }
        }
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.exact.is_empty()
            && self.prefixes.is_empty()
            && self.suffixes.is_empty()
            && self.domains.is_empty()
            && self.networks.is_empty()
            && self.patterns.is_empty()
    }

    /// Whether a hit of `rule` passes.
    pub(crate) fn passes(&self, rule: RuleId, value: &[u8]) -> bool {
        if self
            .exact
            .iter()
            .any(|entry| **entry == *value || canonical(rule, entry) == canonical(rule, value))
        {
            return true;
        }
        if self.prefixes.iter().any(|p| value.starts_with(p))
            || self.suffixes.iter().any(|s| value.ends_with(s))
            || self.patterns.iter().any(|pattern| pattern.is_whole(value))
        {
            return true;
        }
        match rule {
            rule::EMAIL => {
                let written = canonical(rule, value);
                let domain = written.rsplit(|&b| b == b'@').next().unwrap_or_default();
                self.domains.iter().any(|entry| entry.eq_ignore_ascii_case(domain))
            }
            rule::IP => {
                let address = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                address.is_some_and(|address| {
                    self.networks.iter().any(|network| network.contains(address))
                })
            }
            _ => false,
        }
    }
}

impl Network {
    fn parse(text: &str) -> Option<Network> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Network { address, bits })
    }

    fn contains(&self, address: IpAddr) -> bool {
        let differ = match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                u128::from(network.to_bits() ^ address.to_bits()) << 96
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => network.to_bits() ^ address.to_bits(),
            _ => return false,
        };
        differ.leading_zeros() >= u32::from(self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(entry: &str, rule: RuleId, value: &str, expected: bool) {
        let mut allow = Allow::default();
        allow.add(entry).expect("the entry is right");
        assert_eq!(allow.passes(rule, value.as_bytes()), expected, "`{entry}` for `{value}`");
    }

    #[test]
    fn entries_of_every_kind() {
        check("10.1.2.3", rule::IP, "10.1.2.3", true);
        check("10.1.2.3", rule::IP, "10.1.2.4", false);
        check("cidr:10.1.0.0/16", rule::IP, "10.1.200.4", true);
        check("cidr:10.1.0.0/16", rule::IP, "10.2.200.4", false);
        check("cidr:2001:db8::/32", rule::IP, "2001:db8:1::5", true);
        check("cidr:0.0.0.0/0", rule::IP, "10.2.200.4", true);
        check("private", rule::IP, "172.20.1.1", true);
        check("private", rule::IP, "8.8.8.8", false);
        check("domain:shop.example", rule::EMAIL, "info@Shop.example", true);
        check("domain:shop.example", rule::EMAIL, "info@other.example", false);
        check("domain:shop.example", rule::EMAIL, "info@evil-shop.example", false);
        check("4111 1111 1111 1111", rule::CARD, "4111111111111111", true);
        check("prefix:test-", rule::PASSWORD, "test-x", true);
        check("suffix:.example", rule::EMAIL, "a@b.example", true);
        check("regex:a[0-9]{1,3}@b", rule::EMAIL, "a12@b", true);
        check("regex:a[0-9]{1,3}@b", rule::EMAIL, "a1234@b", false);
        check("regex:a[0-9]{1,3}@b", rule::EMAIL, "a12@bc", false);
    }

    #[test]
    fn entries_that_make_no_sense_are_refused() {
        for entry in
            ["", "cidr:10.0.0.0/33", "cidr:x", "domain:", "domain:a@b", "prefix:", "regex:x+"]
        {
            assert!(Allow::default().add(entry).is_err(), "`{entry}`");
        }
    }
}
