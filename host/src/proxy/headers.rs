//! What is taken out of a message between two hops, and what is put in about who asked.
//!
//! Fields that belong to one connection go, in both directions, and with them those that `Connection`
//! names. What a client says about its own origin is believed only if it is among the trusted peers;
//! from anybody else it is replaced. A name that differs from one of ours only in an underscore is
//! dropped, because many applications read the two as one.

use std::net::{IpAddr, SocketAddr};

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONNECTION, FORWARDED, HOST, TE, VIA},
};
use ipnet::IpNet;

use super::ids::X_REQUEST_ID;

/// Addresses before the peer, nearest last.
pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// The scheme that the client used.
pub const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// The authority that the client asked for.
pub const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// The port that the client asked at.
pub const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
/// The address of the client.
pub const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// Fields that belong to one connection.
const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "proxy-authenticate",
    "proxy-authorization",
    "http2-settings",
];

/// Fields that the host sets or reads itself, so that no look-alike may stand beside them.
const MANAGED: [&str; 14] = [
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-real-ip",
    "x-request-id",
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "http2-settings",
];

/// Most entries of `X-Forwarded-For` that are read, from the right.
const MAX_HOPS: usize = 100;

/// Takes out what belongs to the connection a request came over. `TE: trailers` alone survives.
///
/// Gives the number of fields that were dropped for looking like one of ours.
pub fn strip_request(headers: &mut HeaderMap) -> usize {
    let trailers = headers.contains_key(TE)
        && headers.get_all(TE).iter().any(|value| {
            let mut members = value.as_bytes().split(|byte| *byte == b',');
            members.any(|member| member.trim_ascii().eq_ignore_ascii_case(b"trailers"))
        });
    strip_hop_by_hop(headers);
    if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    drop_twins(headers)
}

/// Takes out what belongs to the connection an answer came over.
pub fn strip_response(headers: &mut HeaderMap) {
    strip_hop_by_hop(headers);
}

fn strip_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        let values: Vec<_> = headers.get_all(CONNECTION).iter().cloned().collect();
        for value in &values {
            for name in value.as_bytes().split(|byte| *byte == b',') {
                let name = name.trim_ascii();
                // Who is asked is not a matter of the connection, whatever the client says.
                if !name.eq_ignore_ascii_case(b"host")
                    && let Ok(name) = HeaderName::from_bytes(name)
                {
                    headers.remove(name);
                }
            }
        }
    }
    // Looking through the few names that are there is cheaper than asking for each that may be.
    while let Some(name) = headers.keys().find(|name| is_hop_by_hop(name.as_str())).cloned() {
        headers.remove(name);
    }
}

fn is_hop_by_hop(name: &str) -> bool {
    matches!(name.len(), 2 | 7 | 10 | 14 | 16..=19) && HOP_BY_HOP.contains(&name)
}

/// Drops fields whose name is one of ours but for underscores; gives how many.
fn drop_twins(headers: &mut HeaderMap) -> usize {
    let is_twin = |name: &&HeaderName| {
        let name = name.as_str().as_bytes();
        let same = |ours: &str| {
            let mut pairs = ours.bytes().zip(name);
            ours.len() == name.len()
                && pairs.all(|(ours, have)| ours == *have || (ours == b'-' && *have == b'_'))
        };
        memchr::memchr(b'_', name).is_some() && MANAGED.into_iter().any(same)
    };
    let mut dropped = 0;
    while let Some(name) = headers.keys().find(is_twin).cloned() {
        dropped += headers.get_all(&name).iter().count();
        headers.remove(name);
    }
    dropped
}

/// Who is believed, and which fields tell the upstream who asked.
#[derive(Debug, Clone)]
pub struct Forwarding {
    /// Peers that are proxies of the operator's own. Default: none.
    pub trusted: Vec<IpNet>,
    /// `X-Forwarded-For`. Default on.
    pub forwarded_for: bool,
    /// `X-Forwarded-Proto`. Default on.
    pub proto: bool,
    /// `X-Forwarded-Host`. Default on.
    pub host: bool,
    /// `X-Forwarded-Port`. Default off.
    pub port: bool,
    /// `X-Real-IP`. Default off.
    pub real_ip: bool,
    /// `Forwarded` (RFC 7239). Default off.
    pub forwarded: bool,
    /// The name in `Via`; `None`, the default, adds no `Via`.
    pub via: Option<Box<str>>,
}

impl Default for Forwarding {
    fn default() -> Self {
        Self {
            trusted: Vec::new(),
            forwarded_for: true,
            proto: true,
            host: true,
            port: false,
            real_ip: false,
            forwarded: false,
            via: None,
        }
    }
}

/// The peer of a connection, with what does not change from request to request.
#[derive(Debug, Clone)]
pub struct Peer {
    address: IpAddr,
    trusted: bool,
    secure: bool,
    local_port: u16,
    text: HeaderValue,
}

/// Who asked, as far as the proxies in between are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// The first address from the right that is not trusted.
    pub address: IpAddr,
    /// The client used TLS.
    pub secure: bool,
}

impl Forwarding {
    /// Looks at a peer, once for each connection.
    #[must_use]
    pub fn peer(&self, peer: SocketAddr, local: SocketAddr, secure: bool) -> Peer {
        let address = peer.ip().to_canonical();
        let text = HeaderValue::from_str(&address.to_string());
        Peer {
            address,
            trusted: self.trusts(address),
            secure,
            local_port: local.port(),
            text: text.expect("an address is visible ASCII"),
        }
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(&address))
    }

    /// Rewrites the fields about who asked, and says who it was.
    ///
    /// `authority` is the effective one of the request, `None` when it named none.
    pub fn apply(&self, headers: &mut HeaderMap, peer: &Peer, authority: Option<&str>) -> Client {
        // Once, instead of once for every few of the fields that follow.
        headers.reserve(8);
        let client = if peer.trusted {
            self.extend(headers, peer, authority)
        } else {
            self.replace(headers, peer, authority);
            Client { address: peer.address, secure: peer.secure }
        };
        if self.real_ip {
            headers.insert(X_REAL_IP, address_value(client.address, peer));
        }
        if let Some(name) = &self.via {
            append_member(headers, &VIA, &format!("1.1 {name}"));
        }
        client
    }

    /// A stranger: nothing it says about itself remains.
    fn replace(&self, headers: &mut HeaderMap, peer: &Peer, authority: Option<&str>) {
        let set = |headers: &mut HeaderMap, wanted: bool, name: HeaderName, value: HeaderValue| {
            if wanted {
                headers.insert(name, value);
            } else {
                headers.remove(name);
            }
        };
        set(headers, self.forwarded_for, X_FORWARDED_FOR, peer.text.clone());
        set(headers, self.proto, X_FORWARDED_PROTO, scheme(peer.secure));
        match authority.map(HeaderValue::from_str) {
            Some(Ok(value)) => set(headers, self.host, X_FORWARDED_HOST, value),
            _ => drop(headers.remove(X_FORWARDED_HOST)),
        }
        set(headers, self.port, X_FORWARDED_PORT, peer.local_port.into());
        headers.remove(X_REAL_IP);
        headers.remove(FORWARDED);
        if self.forwarded {
            append_member(headers, &FORWARDED, &forwarded_element(peer, authority));
        }
    }

    /// One of our own: what it says stands, and it is added itself.
    fn extend(&self, headers: &mut HeaderMap, peer: &Peer, authority: Option<&str>) -> Client {
        let address = self.first_untrusted(headers, peer);
        let secure = match only(headers, &X_FORWARDED_PROTO) {
            Some(value) if value.as_bytes().eq_ignore_ascii_case(b"https") => true,
            Some(value) if value.as_bytes().eq_ignore_ascii_case(b"http") => false,
            _ => {
                headers.remove(X_FORWARDED_PROTO);
                if self.proto {
                    headers.insert(X_FORWARDED_PROTO, scheme(peer.secure));
                }
                peer.secure
            }
        };
        if self.forwarded_for {
            append_member(headers, &X_FORWARDED_FOR, peer.text.to_str().unwrap_or_default());
        }
        let host_is_valid = only(headers, &X_FORWARDED_HOST)
            .is_some_and(|value| crate::wire::authority::check(value.as_bytes()).is_ok());
        if !host_is_valid {
            headers.remove(X_FORWARDED_HOST);
            if let (true, Some(Ok(value))) = (self.host, authority.map(HeaderValue::from_str)) {
                headers.insert(X_FORWARDED_HOST, value);
            }
        }
        let port_is_valid = only(headers, &X_FORWARDED_PORT)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|text| text.parse::<u16>().is_ok_and(|port| port.to_string() == text));
        if !port_is_valid {
            headers.remove(X_FORWARDED_PORT);
            if self.port {
                headers.insert(X_FORWARDED_PORT, peer.local_port.into());
            }
        }
        if only(headers, &X_REAL_IP).is_none_or(|value| parse_address(value.as_bytes()).is_none()) {
            headers.remove(X_REAL_IP);
        }
        if self.forwarded || headers.contains_key(FORWARDED) {
            append_member(headers, &FORWARDED, &forwarded_element(peer, authority));
        }
        Client { address, secure }
    }

    /// Walks from the peer towards the client for as long as the addresses are trusted.
    fn first_untrusted(&self, headers: &HeaderMap, peer: &Peer) -> IpAddr {
        let mut nearest = peer.address;
        let fields: Vec<_> = headers.get_all(X_FORWARDED_FOR).iter().collect();
        let entries = fields
            .iter()
            .rev()
            .flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','))
            .take(MAX_HOPS);
        for entry in entries {
            // What is no address was made by somebody who is not believed; so is what is before it.
            let Some(address) = parse_address(entry.trim_ascii()) else { break };
            nearest = address;
            if !self.trusts(address) {
                break;
            }
        }
        nearest
    }
}

impl Peer {
    /// The peer is one of the operator's own proxies.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        self.trusted
    }

    /// The address of the peer itself.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.address
    }
}

/// Sets the request id, once, whatever is there.
pub fn set_request_id(headers: &mut HeaderMap, id: &super::ids::RequestId) {
    headers.insert(X_REQUEST_ID, id.to_value());
}

/// Takes the fields out of a request that its final receiver alone may answer to: what was expected
/// is met by the server itself.
pub fn strip_expectation(headers: &mut HeaderMap) {
    headers.remove(http::header::EXPECT);
}

/// Trailers that may pass towards the client; towards an upstream none do.
const TRAILERS: [&str; 4] =
    ["grpc-status", "grpc-message", "grpc-status-details-bin", "server-timing"];

/// Keeps the trailers that may pass towards the client.
pub fn keep_allowed_trailers(trailers: &mut HeaderMap) {
    while let Some(name) = trailers.keys().find(|name| !TRAILERS.contains(&name.as_str())).cloned()
    {
        trailers.remove(name);
    }
}

/// Fields that the host alone writes: a plugin neither sees nor sets them.
#[must_use]
pub fn belongs_to_the_host(name: &HeaderName) -> bool {
    *name == HOST || name == http::header::CONTENT_LENGTH || is_hop_by_hop(name.as_str())
}

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value),
        _ => None,
    }
}

fn scheme(secure: bool) -> HeaderValue {
    HeaderValue::from_static(if secure { "https" } else { "http" })
}

fn address_value(address: IpAddr, peer: &Peer) -> HeaderValue {
    if address == peer.address {
        return peer.text.clone();
    }
    HeaderValue::from_str(&address.to_string()).expect("an address is visible ASCII")
}

/// Adds a member to a list field; several fields of the name become one.
fn append_member(headers: &mut HeaderMap, name: &HeaderName, member: &str) {
    let mut list = Vec::new();
    for value in headers.get_all(name) {
        if !value.is_empty() {
            list.extend_from_slice(value.as_bytes());
            list.extend_from_slice(b", ");
        }
    }
    list.extend_from_slice(member.as_bytes());
    // What was a value, and visible ASCII, are one.
    if let Ok(value) = HeaderValue::from_bytes(&list) {
        headers.insert(name, value);
    }
}

/// An element of `Forwarded`; what is no token is quoted.
fn forwarded_element(peer: &Peer, authority: Option<&str>) -> String {
    let mut element = match peer.address {
        IpAddr::V4(address) => format!("for={address}"),
        IpAddr::V6(address) => format!("for=\"[{address}]\""),
    };
    element.push_str(if peer.secure { ";proto=https" } else { ";proto=http" });
    if let Some(authority) = authority {
        // An authority holds no character that would have to be escaped in quotes.
        element.push_str(";host=\"");
        element.push_str(authority);
        element.push('"');
    }
    element
}

/// An address, also in brackets or with a port, as some proxies write it.
fn parse_address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let address = match text.parse::<IpAddr>() {
        Ok(address) => address,
        Err(_) => match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((inside, rest)) if rest.is_empty() || is_port(rest) => {
                IpAddr::V6(inside.parse().ok()?)
            }
            Some(_) => return None,
            None => text.parse::<std::net::SocketAddrV4>().ok()?.ip().to_owned().into(),
        },
    };
    Some(address.to_canonical())
}

fn is_port(text: &str) -> bool {
    text.strip_prefix(':').is_some_and(|digits| digits.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn map(fields: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
        }
        headers
    }

    fn list(headers: &HeaderMap) -> Vec<String> {
        let mut fields: Vec<_> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.as_bytes().escape_ascii()))
            .collect();
        fields.sort();
        fields
    }

    #[track_caller]
    fn stripped(fields: &[(&str, &str)], request: &[&str], response: &[&str]) {
        let mut headers = map(fields);
        strip_request(&mut headers);
        assert_eq!(list(&headers), request, "as a request: {fields:?}");
        let mut headers = map(fields);
        strip_response(&mut headers);
        assert_eq!(list(&headers), response, "as a response: {fields:?}");
    }

    #[test]
    fn what_belongs_to_a_connection_is_taken_out_both_ways() {
        stripped(&[("x", "1"), ("host", "a")], &["host: a", "x: 1"], &["host: a", "x: 1"]);
        for name in HOP_BY_HOP {
            stripped(&[(name, "z"), (name, "z"), ("x", "1")], &["x: 1"], &["x: 1"]);
        }
        stripped(&[("connection", "x-secret"), ("x-secret", "1")], &[], &[]);
        stripped(
            &[
                ("connection", "A, ,b ,@,"),
                ("connection", "c"),
                ("a", "1"),
                ("b", "2"),
                ("c", "3"),
                ("d", "4"),
            ],
            &["d: 4"],
            &["d: 4"],
        );
        stripped(
            &[
                ("connection", "Host, x-request-id, authorization"),
                ("host", "a"),
                ("authorization", "x"),
            ],
            &["host: a"],
            &["host: a"],
        );
        stripped(&[("te", "trailers")], &["te: trailers"], &[]);
        stripped(&[("te", "deflate, Trailers")], &["te: trailers"], &[]);
        stripped(&[("te", "deflate")], &[], &[]);
        stripped(&[("te", "trailers;q=0")], &[], &[]);
        stripped(
            &[("te", "trailers"), ("connection", "te, x"), ("x", "1"), ("keep-alive", "y")],
            &["te: trailers"],
            &[],
        );
        stripped(
            &[("set-cookie", "a"), ("set-cookie", "b"), ("set-cookie", "c"), ("upgrade", "x")],
            &["set-cookie: a", "set-cookie: b", "set-cookie: c"],
            &["set-cookie: a", "set-cookie: b", "set-cookie: c"],
        );
        for other in ["te-x", "upgrades", "trailers", "proxy-auth", "keep-alives", "x-connection"] {
            let field = format!("{other}: 1");
            stripped(&[(other, "1")], &[&field], &[&field]);
        }
    }

    #[test]
    fn a_name_with_an_underscore_does_not_pass_for_one_of_ours() {
        for managed in MANAGED {
            let hyphens: Vec<_> = managed.match_indices('-').map(|(at, _)| at).collect();
            for subset in 1..1u32 << hyphens.len() {
                let mut name = managed.as_bytes().to_vec();
                for (bit, at) in hyphens.iter().enumerate() {
                    if subset & 1 << bit != 0 {
                        name[*at] = b'_';
                    }
                }
                let name = String::from_utf8(name).expect("ASCII");
                let mut headers = map(&[(&name, "1"), (&name, "2"), ("a_b", "3")]);
                assert_eq!(strip_request(&mut headers), 2, "{name}");
                assert_eq!(list(&headers), ["a_b: 3"], "others keep their underscores");
            }
        }
    }

    const LOCAL: &str = "192.0.2.1:8443";

    /// All fields on, with `10.0.0.0/8` and `fd00::/8` trusted.
    fn all() -> Forwarding {
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().expect("a network"));
        Forwarding {
            trusted: trusted.into(),
            port: true,
            real_ip: true,
            forwarded: true,
            ..Forwarding::default()
        }
    }

    fn apply(
        forwarding: &Forwarding,
        peer: &str,
        fields: &[(&str, &str)],
    ) -> (Vec<String>, Client) {
        let address = format!("{peer}:1").parse().expect("an address");
        let peer = forwarding.peer(address, LOCAL.parse().expect("an address"), false);
        let mut headers = map(fields);
        let client = forwarding.apply(&mut headers, &peer, Some("a.example:8443"));
        (list(&headers), client)
    }

    #[test]
    fn what_a_stranger_says_about_itself_is_replaced() {
        let claims = [
            ("x-forwarded-for", "10.0.0.1"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "evil"),
            ("x-forwarded-port", "1"),
            ("x-real-ip", "10.0.0.1"),
            ("forwarded", "for=10.0.0.1"),
            ("x", "1"),
        ];
        let want = [
            "forwarded: for=203.0.113.9;proto=http;host=\\\"a.example:8443\\\"",
            "x-forwarded-for: 203.0.113.9",
            "x-forwarded-host: a.example:8443",
            "x-forwarded-port: 8443",
            "x-forwarded-proto: http",
            "x-real-ip: 203.0.113.9",
            "x: 1",
        ];
        let (headers, client) = apply(&all(), "203.0.113.9", &claims);
        assert_eq!(headers, want);
        assert_eq!((client.address.to_string().as_str(), client.secure), ("203.0.113.9", false));
        let (headers, _) = apply(&all(), "[2001:db8::9]", &claims);
        assert_eq!(
            headers[0],
            "forwarded: for=\\\"[2001:db8::9]\\\";proto=http;host=\\\"a.example:8443\\\""
        );
        assert_eq!(headers[1], "x-forwarded-for: 2001:db8::9");
        // Without any field wanted nothing is left of the claims.
        let none =
            Forwarding { forwarded_for: false, proto: false, host: false, ..Forwarding::default() };
        assert_eq!(apply(&none, "203.0.113.9", &claims).0, ["x: 1"]);
        // By default nobody is trusted.
        let (headers, _) = apply(&Forwarding::default(), "10.0.0.1", &claims);
        assert!(headers.contains(&"x-forwarded-for: 10.0.0.1".to_owned()), "{headers:?}");
        assert!(!headers.iter().any(|field| field.contains("1.2.3.4") || field.contains("evil")));
    }

    #[track_caller]
    fn client_of(fields: &[&str], want: &str, forwarded_for: &str) {
        let fields: Vec<_> = fields.iter().map(|value| ("x-forwarded-for", *value)).collect();
        let (headers, client) = apply(&all(), "10.0.0.1", &fields);
        assert_eq!(client.address.to_string(), want, "{fields:?}");
        assert!(headers.contains(&format!("x-forwarded-for: {forwarded_for}")), "{headers:?}");
    }

    #[test]
    fn the_client_is_the_first_from_the_right_that_is_not_trusted() {
        client_of(&[], "10.0.0.1", "10.0.0.1");
        client_of(&["203.0.113.9"], "203.0.113.9", "203.0.113.9, 10.0.0.1");
        client_of(&["1.1.1.1, 203.0.113.9"], "203.0.113.9", "1.1.1.1, 203.0.113.9, 10.0.0.1");
        client_of(&["203.0.113.9, 10.1.1.1"], "203.0.113.9", "203.0.113.9, 10.1.1.1, 10.0.0.1");
        client_of(&["203.0.113.9", "10.1.1.1"], "203.0.113.9", "203.0.113.9, 10.1.1.1, 10.0.0.1");
        client_of(&["10.2.2.2, 10.1.1.1"], "10.2.2.2", "10.2.2.2, 10.1.1.1, 10.0.0.1");
        client_of(
            &["203.0.113.9, garbage, 10.1.1.1"],
            "10.1.1.1",
            "203.0.113.9, garbage, 10.1.1.1, 10.0.0.1",
        );
        client_of(&["unknown"], "10.0.0.1", "unknown, 10.0.0.1");
        client_of(&[""], "10.0.0.1", "10.0.0.1");
        client_of(&["2001:db8::9"], "2001:db8::9", "2001:db8::9, 10.0.0.1");
        client_of(
            &["[2001:db8::9]:443, fd00::1"],
            "2001:db8::9",
            "[2001:db8::9]:443, fd00::1, 10.0.0.1",
        );
        client_of(&["203.0.113.9:1234"], "203.0.113.9", "203.0.113.9:1234, 10.0.0.1");
        client_of(&["::ffff:203.0.113.9"], "203.0.113.9", "::ffff:203.0.113.9, 10.0.0.1");
        let many = vec!["10.9.9.9"; 150].join(",");
        client_of(&[&many], "10.9.9.9", &format!("{many}, 10.0.0.1"));
    }

    #[test]
    fn what_one_of_our_own_says_stands_if_it_makes_sense() {
        let good = [
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "b.example"),
            ("x-forwarded-port", "443"),
            ("x-forwarded-for", "203.0.113.9"),
            ("forwarded", "for=203.0.113.9"),
        ];
        let (headers, client) = apply(&all(), "10.0.0.1", &good);
        assert_eq!(
            headers,
            [
                "forwarded: for=203.0.113.9, for=10.0.0.1;proto=http;host=\\\"a.example:8443\\\"",
                "x-forwarded-for: 203.0.113.9, 10.0.0.1",
                "x-forwarded-host: b.example",
                "x-forwarded-port: 443",
                "x-forwarded-proto: https",
                "x-real-ip: 203.0.113.9",
            ]
        );
        assert!(client.secure, "TLS ended at the proxy before us");
        let bad = [
            ("x-forwarded-proto", "gopher"),
            ("x-forwarded-host", "a b"),
            ("x-forwarded-port", "x"),
            ("x-real-ip", "me"),
        ];
        let (headers, client) = apply(&all(), "10.0.0.1", &bad);
        assert_eq!(
            headers,
            [
                "forwarded: for=10.0.0.1;proto=http;host=\\\"a.example:8443\\\"",
                "x-forwarded-for: 10.0.0.1",
                "x-forwarded-host: a.example:8443",
                "x-forwarded-port: 8443",
                "x-forwarded-proto: http",
                "x-real-ip: 10.0.0.1",
            ]
        );
        assert!(!client.secure);
        let twice = [("x-forwarded-proto", "https"), ("x-forwarded-proto", "http")];
        assert!(!apply(&all(), "10.0.0.1", &twice).1.secure, "two answers are none");
        // A proxy on the machine's IPv6 socket is the same proxy.
        let (_, client) = apply(&all(), "[::ffff:10.0.0.1]", &good);
        assert_eq!(client.address.to_string(), "203.0.113.9");
    }

    #[test]
    fn via_is_added_when_it_is_wanted() {
        let forwarding = Forwarding { via: Some("tamis".into()), ..Forwarding::default() };
        let (headers, _) = apply(&forwarding, "203.0.113.9", &[("via", "1.0 fred")]);
        assert!(headers.contains(&"via: 1.0 fred, 1.1 tamis".to_owned()), "{headers:?}");
        let (headers, _) = apply(&Forwarding::default(), "203.0.113.9", &[]);
        assert!(!headers.iter().any(|field| field.starts_with("via")), "{headers:?}");
    }

    #[test]
    fn only_listed_trailers_pass() {
        let mut trailers = map(&[
            ("grpc-status", "0"),
            ("content-length", "5"),
            ("te", "x"),
            ("host", "a"),
            ("server-timing", "a;dur=1"),
            ("x", "1"),
            ("set-cookie", "a"),
        ]);
        keep_allowed_trailers(&mut trailers);
        assert_eq!(list(&trailers), ["grpc-status: 0", "server-timing: a;dur=1"]);
    }

    #[test]
    fn framing_belongs_to_the_host() {
        for (name, ours) in [
            ("content-length", true),
            ("transfer-encoding", true),
            ("connection", true),
            ("upgrade", true),
            ("trailer", true),
            ("host", true),
            ("te", true),
            ("content-type", false),
            ("cookie", false),
        ] {
            assert_eq!(belongs_to_the_host(&HeaderName::from_static(name)), ours, "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_claim_of_a_stranger_survives(value in "[ -~]{0,40}", name in 0usize..6) {
            let names = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port",
                "x-real-ip", "forwarded"];
            let marked = format!("{value}MARK");
            let (headers, _) = apply(&all(), "203.0.113.9", &[(names[name], &marked)]);
            prop_assert!(!headers.iter().any(|field| field.contains("MARK")), "{headers:?}");
        }

        #[test]
        fn any_list_from_our_own_is_read_without_panic(value in "[0-9a-f:.,\\[\\] ]{0,60}") {
            let (headers, _) = apply(&all(), "10.0.0.1", &[("x-forwarded-for", &value)]);
            prop_assert!(headers.iter().any(|field| field.ends_with("10.0.0.1")), "{headers:?}");
        }
    }
}
