//! Dials: turns the name of an origin into a connected stream, within a deadline.
//!
//! No other room opens a connection. Promises: a dial ends within its limit, whatever resolver,
//! network and peer do; addresses that a caller may not reach are refused after resolution, so that
//! no name can smuggle them in; a resolver that fails for a while does not take down an origin that
//! was reached before. What is spoken over the stream is not known here.

pub mod client;
pub mod delivery;

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustls_pki_types::{CertificateDer, ServerName};
use tokio::{
    io::DuplexStream,
    net::TcpSocket,
    sync::mpsc,
    time::{Instant, timeout_at},
};
use tokio_rustls::{
    TlsConnector, TlsStream,
    rustls::{self, ClientConfig, RootCertStore},
};

use crate::wire::{Authority, Stream};

/// Where to dial: scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    secure: bool,
    authority: Authority,
}

impl Origin {
    /// Reads `http://host[:port]` or `https://host[:port]`; a path of `/` may follow.
    ///
    /// # Errors
    ///
    /// [`UrlError`].
    pub fn parse(url: &str) -> Result<Self, UrlError> {
        match Self::split(url)? {
            (origin, "" | "/") => Ok(origin),
            (_, rest) => Err(UrlError::Path(rest.to_owned())),
        }
    }

    /// Splits a whole URL into its origin and the rest, which is empty or starts with `/` or `?`.
    ///
    /// # Errors
    ///
    /// [`UrlError`].
    pub fn split(url: &str) -> Result<(Self, &str), UrlError> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| UrlError::Scheme(url.into()))?;
        let secure = match scheme {
            "http" => false,
            "https" => true,
            _ => return Err(UrlError::Scheme(url.into())),
        };
        let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        let authority = Authority::parse(authority.as_bytes(), if secure { 443 } else { 80 })
            .map_err(|_| UrlError::Host(authority.into()))?;
        Ok((Self { secure, authority }, rest))
    }

    /// TLS is spoken.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// `host` or `host:port`, the port only where the scheme does not imply it.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.authority.as_str()
    }

    /// The name or address, an IPv6 address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.authority.host().trim_start_matches('[').trim_end_matches(']')
    }

    /// The port, also when the scheme implies it.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.authority.port().unwrap_or(if self.secure { 443 } else { 80 })
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(formatter, "{scheme}://{}", self.authority)
    }
}

/// Why a text is not the URL of an origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Neither `http://` nor `https://`.
    #[error("`{0}` starts with neither `http://` nor `https://`")]
    Scheme(String),
    /// No host with an optional port, or a user name before it.
    #[error("`{0}` is not a host with an optional port")]
    Host(String),
    /// A path where none is wanted.
    #[error("the path `{0}` has no place here; give scheme, host and port")]
    Path(String),
}

/// Which addresses a dial may end at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// All of them: the operator named the origin.
    Anywhere,
    /// Only those of the public internet: somebody else chose the origin.
    Public,
}

/// How dialling behaves.
#[derive(Debug, Clone)]
pub struct Dialing {
    /// For resolution, connection and TLS handshake together. Default 5 s.
    pub timeout: Duration,
    /// Trusted beside the roots of the web.
    pub authorities: Vec<CertificateDer<'static>>,
    /// How long addresses that worked are used while the resolver fails. Default 10 min.
    pub stale: Duration,
}

impl Default for Dialing {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(5),
            authorities: Vec::new(),
            stale: Duration::from_secs(600),
        }
    }
}

/// Dials. Cheap to share; one serves a whole process.
pub struct Dialer {
    dialing: Dialing,
    tls: TlsConnector,
    /// Addresses that worked, by host; bounded by [`MAX_REMEMBERED`].
    remembered: Mutex<HashMap<String, (Instant, Vec<IpAddr>)>>,
    memory: Option<mpsc::Sender<DuplexStream>>,
}

/// Hosts whose addresses are remembered.
const MAX_REMEMBERED: usize = 1024;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The name has no address.
    #[error("the name `{host}` could not be resolved")]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver said; `None` when it knows the name and no address of it.
        source: Option<io::Error>,
    },
    /// Nothing listens there.
    #[error("`{origin}` refused the connection")]
    Refused {
        /// Where to.
        origin: Origin,
        /// The system's words.
        source: io::Error,
    },
    /// No way leads there, or this process may open no more sockets.
    #[error("`{origin}` could not be reached")]
    Unreachable {
        /// Where to.
        origin: Origin,
        /// The system's words.
        source: io::Error,
    },
    /// No connection in time.
    #[error("`{origin}` was not connected within {limit:?}")]
    Timeout {
        /// Where to.
        origin: Origin,
        /// What was waited for.
        phase: DialPhase,
        /// [`Dialing::timeout`].
        limit: Duration,
    },
    /// The peer's certificate is not trusted, or it speaks no TLS.
    #[error("the TLS handshake with `{origin}` failed; a private authority has to be configured")]
    Tls {
        /// Where to.
        origin: Origin,
        /// What was wrong.
        source: io::Error,
    },
    /// All addresses of the origin lie where the caller may not reach.
    #[error("`{origin}` is at `{address}`, which is not a public address")]
    Forbidden {
        /// Where to.
        origin: Origin,
        /// One of the addresses.
        address: IpAddr,
    },
}

/// Steps of a dial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialPhase {
    /// Name to address.
    Resolve,
    /// TCP.
    Connect,
    /// TLS.
    Handshake,
}

impl DialError {
    /// The class of this failure, as error events and metrics name it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Resolve { .. } => "upstream.dns",
            Self::Refused { .. } => "upstream.refused",
            Self::Unreachable { .. } | Self::Forbidden { .. } => "upstream.unreachable",
            Self::Timeout { .. } => "upstream.timeout.connect",
            Self::Tls { .. } => "upstream.tls",
        }
    }
}

impl Dialer {
    /// A dialer for the network.
    ///
    /// # Errors
    ///
    /// The certificate among [`Dialing::authorities`] that is none.
    pub fn new(dialing: Dialing) -> Result<Self, rustls::Error> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        for authority in &dialing.authorities {
            roots.add(authority.clone())?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            dialing,
            tls: TlsConnector::from(Arc::new(config)),
            remembered: Mutex::default(),
            memory: None,
        })
    }

    /// A dialer that reaches nobody but the receiver of `peers`: each dial sends it the other end of
    /// a stream in memory. Nothing is resolved and no TLS is spoken. For tests of what runs over it.
    ///
    /// # Errors
    ///
    /// As [`Dialer::new`].
    pub fn to_memory(
        dialing: Dialing,
        peers: mpsc::Sender<DuplexStream>,
    ) -> Result<Self, rustls::Error> {
        Ok(Self { memory: Some(peers), ..Self::new(dialing)? })
    }

    /// Speaks TLS over a connection to `origin` that a protocol has brought to that point itself,
    /// as PostgreSQL does. No protocol is offered by ALPN. A stream in memory stays as it is.
    ///
    /// # Errors
    ///
    /// [`DialError::Tls`], or [`DialError::Timeout`] after [`Dialing::timeout`].
    pub async fn secure(&self, origin: &Origin, stream: Stream) -> Result<Stream, DialError> {
        let Stream::Tcp(stream) = stream else { return Ok(stream) };
        let connector = self.tls.with_alpn(Vec::new());
        let handshake = connector.connect(server_name(origin)?, stream);
        match tokio::time::timeout(self.dialing.timeout, handshake).await {
            Ok(Ok(stream)) => Ok(Stream::Tls(Box::new(TlsStream::Client(stream)))),
            Ok(Err(source)) => Err(DialError::Tls { origin: origin.clone(), source }),
            Err(_) => Err(DialError::Timeout {
                origin: origin.clone(),
                phase: DialPhase::Handshake,
                limit: self.dialing.timeout,
            }),
        }
    }

    /// Connects to `origin`, within [`Dialing::timeout`].
    ///
    /// Several addresses are tried one after the other, each but the last for a second at most.
    /// Dropping the future abandons the attempt.
    ///
    /// # Errors
    ///
    /// [`DialError`].
    pub async fn dial(&self, origin: &Origin, reach: Reach) -> Result<Stream, DialError> {
        let deadline = Instant::now() + self.dialing.timeout;
        let late = |phase| DialError::Timeout {
            origin: origin.clone(),
            phase,
            limit: self.dialing.timeout,
        };
        if let Some(peers) = &self.memory {
            return dial_memory(origin, peers, deadline).await.ok_or(late(DialPhase::Connect));
        }
        let addresses = self.resolve(origin, deadline).await?;
        let mut allowed = addresses.clone();
        allowed.retain(|address| reach.includes(*address));
        if let (None, Some(address)) = (allowed.first(), addresses.first()) {
            return Err(DialError::Forbidden { origin: origin.clone(), address: *address });
        }
        let mut failure = None;
        let last = allowed.len().saturating_sub(1);
        for (index, address) in allowed.into_iter().enumerate() {
            let until = match index == last {
                true => deadline,
                false => deadline.min(Instant::now() + Duration::from_secs(1)),
            };
            let address = SocketAddr::new(address, origin.port());
            match timeout_at(until, connect(address)).await {
                Ok(Ok(stream)) => {
                    self.remember(origin.host(), &addresses);
                    if !origin.secure {
                        return Ok(Stream::Tcp(stream));
                    }
                    let handshake = self.tls.connect(server_name(origin)?, stream);
                    return match timeout_at(deadline, handshake).await {
                        Ok(Ok(stream)) => Ok(Stream::Tls(Box::new(TlsStream::Client(stream)))),
                        Ok(Err(source)) => Err(DialError::Tls { origin: origin.clone(), source }),
                        Err(_) => Err(late(DialPhase::Handshake)),
                    };
                }
                Ok(Err(source)) if source.kind() == io::ErrorKind::ConnectionRefused => {
                    failure = Some(DialError::Refused { origin: origin.clone(), source });
                }
                Ok(Err(source)) => {
                    failure = Some(DialError::Unreachable { origin: origin.clone(), source });
                }
                Err(_) => failure = failure.or(Some(late(DialPhase::Connect))),
            }
        }
        Err(failure
            .unwrap_or_else(|| DialError::Resolve { host: origin.host().to_owned(), source: None }))
    }

    async fn resolve(&self, origin: &Origin, deadline: Instant) -> Result<Vec<IpAddr>, DialError> {
        let host = origin.host();
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        let source = match timeout_at(deadline, tokio::net::lookup_host((host, 0))).await {
            Ok(Ok(found)) => {
                let mut addresses: Vec<_> = found.map(|address| address.ip()).collect();
                addresses.dedup();
                if !addresses.is_empty() {
                    return Ok(addresses);
                }
                None
            }
            Ok(Err(source)) => Some(source),
            Err(_) => {
                return Err(DialError::Timeout {
                    origin: origin.clone(),
                    phase: DialPhase::Resolve,
                    limit: self.dialing.timeout,
                });
            }
        };
        self.recall(host).ok_or_else(|| DialError::Resolve { host: host.to_owned(), source })
    }

    fn remember(&self, host: &str, addresses: &[IpAddr]) {
        if host.parse::<IpAddr>().is_ok() {
            return;
        }
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= MAX_REMEMBERED && !remembered.contains_key(host) {
            remembered.retain(|_, (since, _)| since.elapsed() < self.dialing.stale);
            if remembered.len() >= MAX_REMEMBERED {
                return;
            }
        }
        remembered.insert(host.to_owned(), (Instant::now(), addresses.to_vec()));
    }

    fn recall(&self, host: &str) -> Option<Vec<IpAddr>> {
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, addresses) = remembered.get(host)?;
        (since.elapsed() < self.dialing.stale).then(|| addresses.clone())
    }
}

impl std::fmt::Debug for Dialer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Dialer").field("dialing", &self.dialing).finish_non_exhaustive()
    }
}

async fn connect(address: SocketAddr) -> io::Result<tokio::net::TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // What is written is complete; waiting for more would only delay it.
    socket.set_nodelay(true)?;
    socket.connect(address).await
}

async fn dial_memory(
    origin: &Origin,
    peers: &mpsc::Sender<DuplexStream>,
    deadline: Instant,
) -> Option<Stream> {
    let (near, far) = tokio::io::duplex(64 * 1024);
    tracing::trace!(%origin, "dialled in memory");
    timeout_at(deadline, peers.send(far)).await.ok()?.ok()?;
    Some(Stream::Memory(near))
}

fn server_name(origin: &Origin) -> Result<ServerName<'static>, DialError> {
    ServerName::try_from(origin.host().to_owned()).map_err(|error| DialError::Tls {
        origin: origin.clone(),
        source: io::Error::new(io::ErrorKind::InvalidInput, error),
    })
}

impl Reach {
    fn includes(self, address: IpAddr) -> bool {
        match self {
            Self::Anywhere => true,
            Self::Public => is_public(address),
        }
    }
}

/// True for addresses of the public internet: not loopback, private, link-local, shared,
/// documentation, multicast, nor one of these inside an IPv6 address.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match embedded_v4(address) {
            Some(inner) => is_public_v4(inner),
            None => is_public_v6(address),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 198 && (b == 18 || b == 19))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99);
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let first = address.segments()[0];
    // Only 2000::/3 is handed out; inside it the documentation and benchmark prefixes are not.
    let documentation = first == 0x2001 && address.segments()[1] == 0x0db8;
    let special = first == 0x2001 && address.segments()[1] < 0x0200;
    (0x2000..0x4000).contains(&first) && !documentation && !special && first != 0x3fff
}

/// The IPv4 address that an IPv6 address stands for: mapped, compatible, NAT64, 6to4.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match segments {
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] => Some(v4(high, low)),
        [0, 0, 0, 0, 0xffff, 0, high, low] => Some(v4(high, low)),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(v4(high, low)),
        // The local-use NAT64 prefix leads nowhere public, whatever is inside.
        [0x64, 0xff9b, ..] => Some(Ipv4Addr::LOCALHOST),
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialer(dialing: Dialing) -> Dialer {
        Dialer::new(dialing).expect("no authority is added")
    }

    fn origin(url: &str) -> Origin {
        Origin::parse(url).expect("a valid origin")
    }

    #[test]
    fn an_origin_has_scheme_host_and_port() {
        #[track_caller]
        fn check(url: &str, want: Option<(&str, &str, u16)>) {
            let have = Origin::parse(url).ok();
            let have = have.as_ref().map(|origin| {
                (origin.authority().to_owned(), origin.host().to_owned(), origin.port())
            });
            let want = want.map(|(all, host, port)| (all.to_owned(), host.to_owned(), port));
            assert_eq!(have, want, "{url}");
        }
        check("http://a", Some(("a", "a", 80)));
        check("https://A.example./", Some(("a.example", "a.example", 443)));
        check("http://a:443", Some(("a:443", "a", 443)));
        check("https://a:443", Some(("a", "a", 443)));
        check("http://[::1]:9000", Some(("[::1]:9000", "::1", 9000)));
        for url in [
            "a",
            "a:80",
            "ftp://a",
            "http:/a",
            "http://",
            "http:///x",
            "http://u@a",
            "http://a/x",
            "http://a?x",
            "http://a#x",
            "http://a\\@b",
            "HTTP://a",
            " http://a",
            "http://a b",
            "unix:/run/x",
        ] {
            check(url, None);
        }
        assert_eq!(Origin::split("http://a/x?y").expect("valid").1, "/x?y");
        assert_eq!(Origin::split("http://a?y").expect("valid").1, "?y");
        assert_eq!(origin("http://a:8080").to_string(), "http://a:8080");
    }

    #[test]
    fn only_public_addresses_are_public() {
        for address in ["1.1.1.1", "8.8.8.8", "100.63.0.1", "2606:4700::1111", "64:ff9b::101:101"] {
            assert!(is_public(address.parse().expect("an address")), "{address}");
        }
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.9.9",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1.1.1.1",
            "2002:7f00:1::",
            "2002:a00:1::",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "100::1",
            "3fff::1",
            "4000::1",
            "::ffff:0:127.0.0.1",
        ] {
            assert!(!is_public(address.parse().expect("an address")), "{address}");
        }
    }

    #[tokio::test]
    async fn a_dial_ends_in_a_stream_or_says_why_not() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let port = listener.local_addr().expect("bound").port();
        let dialer = dialer(Dialing::default());
        let there = origin(&format!("http://127.0.0.1:{port}"));
        assert!(matches!(dialer.dial(&there, Reach::Anywhere).await, Ok(Stream::Tcp(_))));
        let forbidden = dialer.dial(&there, Reach::Public).await;
        assert!(matches!(forbidden, Err(DialError::Forbidden { .. })), "{forbidden:?}");
        let local = origin(&format!("http://localhost:{port}"));
        assert!(dialer.dial(&local, Reach::Anywhere).await.is_ok(), "a name is resolved");
        let forbidden = dialer.dial(&local, Reach::Public).await;
        assert!(matches!(forbidden, Err(DialError::Forbidden { .. })), "by address, not by name");

        drop(listener);
        let refused = dialer.dial(&there, Reach::Anywhere).await.expect_err("nobody listens");
        assert_eq!(refused.kind(), "upstream.refused");
        let unknown = origin("http://no-such-name.invalid");
        let unknown = dialer.dial(&unknown, Reach::Anywhere).await.expect_err("no such name");
        assert_eq!(unknown.kind(), "upstream.dns", "{unknown:?}");
    }

    #[tokio::test]
    async fn a_peer_that_speaks_no_tls_is_told_apart_from_one_that_is_silent() {
        use tokio::io::AsyncWriteExt;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let port = listener.local_addr().expect("bound").port();
        let there = origin(&format!("https://127.0.0.1:{port}"));
        let dialer = dialer(Dialing { timeout: Duration::from_millis(200), ..Dialing::default() });
        let speaks_http = async {
            let (mut peer, _) = listener.accept().await.expect("accepted");
            peer.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.expect("sent");
            peer
        };
        let (failure, _peer) = tokio::join!(dialer.dial(&there, Reach::Anywhere), speaks_http);
        assert_eq!(failure.expect_err("no TLS").kind(), "upstream.tls");
        let (failure, _peer) =
            tokio::join!(dialer.dial(&there, Reach::Anywhere), listener.accept());
        let failure = failure.expect_err("silent");
        assert_eq!(failure.kind(), "upstream.timeout.connect");
        assert!(matches!(failure, DialError::Timeout { phase: DialPhase::Handshake, .. }));
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_that_worked_are_used_while_the_resolver_fails() {
        let dialer = dialer(Dialing::default());
        let name = origin("http://no-such-name.invalid");
        let address: IpAddr = "127.0.0.1".parse().expect("an address");
        dialer.remember(name.host(), &[address]);
        let until = Instant::now() + Duration::from_secs(60);
        assert_eq!(dialer.resolve(&name, until).await.expect("remembered"), [address]);
        tokio::time::advance(Duration::from_secs(600)).await;
        assert!(dialer.recall(name.host()).is_none(), "not for ever");
    }

    #[tokio::test]
    async fn a_memory_dialer_reaches_the_test() {
        let (sender, mut peers) = mpsc::channel(1);
        let dialer = Dialer::to_memory(Dialing::default(), sender).expect("no authority");
        let there = origin("https://example.com");
        assert!(matches!(dialer.dial(&there, Reach::Public).await, Ok(Stream::Memory(_))));
        assert!(peers.recv().await.is_some());
    }
}
