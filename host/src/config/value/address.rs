//! Addresses to listen on, and networks.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;

use super::Mistake;
use crate::config::excerpt::quoted;

/// Plain or encrypted HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `http`, port 80.
    Http,
    /// `https`, port 443.
    Https,
}

impl Scheme {
    /// The word in front of `://`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port that is meant when none is written.
    pub fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// An address to listen on: `127.0.0.1:8080`, or `https://0.0.0.0:8443` for TLS.
///
/// Port 0 lets the system choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Listen {
    /// Whether connections begin with a TLS handshake.
    pub scheme: Scheme,
    /// Where.
    pub address: SocketAddr,
}

impl Listen {
    /// Whether the two cannot be listened on at the same time.
    pub fn collides_with(self, other: SocketAddr) -> bool {
        let (own, other, port) = (self.address.ip(), other.ip(), other.port());
        let any = own.is_unspecified() || other.is_unspecified();
        self.address.port() == port && port != 0 && (own == other || any)
    }
}

impl FromStr for Listen {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        let (scheme, rest) = match text.split_once("://") {
            Some(("http", rest)) => (Scheme::Http, rest),
            Some(("https", rest)) => (Scheme::Https, rest),
            Some(_) => {
                return Err(Mistake::new(
                    format!("{} is no address to listen on", quoted(text)),
                    "write \"0.0.0.0:8080\" for HTTP or \"https://0.0.0.0:8443\" for HTTPS",
                ));
            }
            None => (Scheme::Http, text),
        };
        Ok(Self { scheme, address: socket_address(rest.strip_suffix('/').unwrap_or(rest))? })
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.address)
    }
}

/// Where the admin listener is: an address, or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminListen {
    /// There is none: no metrics, no pages.
    Off,
    /// At this address.
    At(SocketAddr),
}

impl AdminListen {
    /// The address, if there is one.
    pub fn address(self) -> Option<SocketAddr> {
        match self {
            Self::Off => None,
            Self::At(address) => Some(address),
        }
    }
}

impl FromStr for AdminListen {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        match text {
            "off" => Ok(Self::Off),
            _ => socket_address(text).map(Self::At).map_err(|mistake| {
                Mistake::new(mistake.problem, format!("{}; or \"off\"", mistake.remedy))
            }),
        }
    }
}

/// An IP address and a port.
fn socket_address(text: &str) -> Result<SocketAddr, Mistake> {
    text.parse().map_err(|_| {
        let remedy = match text.rsplit_once(':') {
            _ if text.parse::<u16>().is_ok() => format!("write \"127.0.0.1:{text}\""),
            Some(("" | "*", port)) if port.parse::<u16>().is_ok() => {
                format!("write \"0.0.0.0:{port}\" for all addresses of the machine")
            }
            Some(("localhost", port)) if port.parse::<u16>().is_ok() => {
                format!("write \"127.0.0.1:{port}\"")
            }
            _ if text.parse::<std::net::Ipv6Addr>().is_ok() => {
                format!("add a port: \"[{text}]:8080\"")
            }
            _ if text.parse::<IpAddr>().is_ok() => format!("add a port: \"{text}:8080\""),
            _ => "write an IP address and a port, such as \"127.0.0.1:8080\" or \"[::1]:8080\""
                .to_owned(),
        };
        Mistake::new(format!("{} is no address to listen on", quoted(text)), remedy)
    })
}

/// A network in CIDR notation; a single address is a network of one.
pub(in crate::config) fn network(text: &str) -> Result<IpNet, Mistake> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(address.into());
    }
    let Ok(network) = text.parse::<IpNet>() else {
        return Err(Mistake::new(
            format!("{} is no network", quoted(text)),
            "write an address or a network, such as \"10.0.0.0/8\", \"192.168.1.7\" or \"fd00::/8\"",
        ));
    };
    if network.trunc() == network {
        return Ok(network);
    }
    Err(Mistake::new(
        format!("{} has bits behind its prefix", quoted(text)),
        format!(
            "write \"{}\" for the network or \"{}\" for the address",
            network.trunc(),
            network.addr()
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_plain_unless_they_say_https() {
        for (text, shown) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("[::]:0", "http://[::]:0"),
            ("http://0.0.0.0:80/", "http://0.0.0.0:80"),
            ("https://[::1]:8443", "https://[::1]:8443"),
        ] {
            assert_eq!(text.parse::<Listen>().expect(text).to_string(), shown);
        }
        assert_eq!("off".parse(), Ok(AdminListen::Off));
        assert_eq!("off".parse::<AdminListen>().map(AdminListen::address), Ok(None));
    }

    #[test]
    fn wrong_addresses_name_the_right_one() {
        for (text, remedy) in [
            ("8080", "\"127.0.0.1:8080\""),
            (":8080", "\"0.0.0.0:8080\""),
            ("*:80", "\"0.0.0.0:80\""),
            ("localhost:8080", "\"127.0.0.1:8080\""),
            ("127.0.0.1", "\"127.0.0.1:8080\""),
            ("::1", "\"[::1]:8080\""),
            ("127.0.0.1:99999", "such as"),
            ("example.com:80", "such as"),
            ("tcp://1.2.3.4:5", "\"https://0.0.0.0:8443\""),
            ("https://0.0.0.0", "add a port"),
            ("", "such as"),
        ] {
            let mistake = text.parse::<Listen>().expect_err(text);
            assert!(mistake.remedy.contains(remedy), "{text}: {mistake}");
        }
        let mistake = "on".parse::<AdminListen>().expect_err("no address");
        assert!(mistake.remedy.ends_with("or \"off\""), "{mistake}");
    }

    #[test]
    fn the_same_port_collides_unless_the_addresses_differ() {
        for (one, other, collide) in [
            ("127.0.0.1:80", "127.0.0.1:80", true),
            ("0.0.0.0:80", "127.0.0.1:80", true),
            ("127.0.0.1:80", "[::]:80", true),
            ("127.0.0.1:80", "127.0.0.2:80", false),
            ("127.0.0.1:80", "127.0.0.1:81", false),
            ("127.0.0.1:0", "127.0.0.1:0", false),
        ] {
            let listen: Listen = one.parse().expect(one);
            assert_eq!(listen.collides_with(other.parse().expect(other)), collide, "{one} {other}");
        }
    }

    #[test]
    fn networks_have_no_bits_behind_their_prefix() {
        assert_eq!(network("10.0.0.0/8").map(|net| net.to_string()), Ok("10.0.0.0/8".into()));
        assert_eq!(network("::1").map(|net| net.to_string()), Ok("::1/128".into()));
        for (text, remedy) in
            [("10.0.0.1/8", "\"10.0.0.0/8\""), ("10.0.0.0/33", "such as"), ("lan", "such as")]
        {
            let mistake = network(text).expect_err(text);
            assert!(mistake.remedy.contains(remedy), "{text}: {mistake}");
        }
    }
}
