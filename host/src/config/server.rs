//! `[server]`: what is listened on, and what clients may take.
//!
//! The defaults keep a server alive that faces the internet: every phase of a connection ends
//! by itself, and no single client can make tamis hold more than it asked for.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::origin::{Given, Origin};
use super::reader::Table;
use super::value::{ByteSize, Listen, Rate, Scheme, network};

/// Seconds, for the tables of defaults.
pub(super) const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = seconds(3600);

/// The public side.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// Addresses to listen on, at least one. Default: `127.0.0.1:8080`.
    pub listen: Vec<Given<Listen>>,
    /// Threads that serve exchanges, 1 to 1024; nothing: one per core. Default: nothing.
    pub workers: Option<NonZeroUsize>,
    /// Peers whose forwarding headers are believed. Default: none.
    pub trusted_proxies: Vec<Given<IpNet>>,
    /// How long open exchanges may take to finish at a shutdown. Default: 30 s.
    pub grace: Duration,
    /// How long to go on accepting after readiness was withdrawn, so that balancers notice.
    /// Default: none.
    pub drain_delay: Duration,
    /// The most connections at a time; nothing: as many as the limit of open files allows.
    /// Default: nothing.
    pub max_connections: Option<usize>,
    /// The certificate of the listeners that begin with `https://`.
    pub tls: Option<Tls>,
    /// What a client may send.
    pub limits: Limits,
    /// How long a client may take.
    pub timeouts: Timeouts,
}

impl Default for Server {
    fn default() -> Self {
        let address = ([127, 0, 0, 1], 8080).into();
        Self {
            listen: vec![Given::built_in(Listen { scheme: Scheme::Http, address })],
            workers: None,
            trusted_proxies: Vec::new(),
            grace: seconds(30),
            drain_delay: Duration::ZERO,
            max_connections: None,
            tls: None,
            limits: Limits::default(),
            timeouts: Timeouts::default(),
        }
    }
}

impl Server {
    pub(super) fn read(mut table: Table<'_>) -> Self {
        let default = Self::default();
        let count = |most| move |value: &super::reader::Value<'_>| value.count(1..=most);
        let listen = table.maybe("listen", |value| {
            value.some("\"127.0.0.1:8080\"", |item| item.parse("an address", "\"127.0.0.1:8080\""))
        });
        let trusted_proxies = table.list("trusted-proxies", |value| {
            value.parse_with("a network", "\"10.0.0.0/8\"", network)
        });
        let workers = table.or_word("workers", "auto", None, count(1024));
        let connections = table.or_word("max-connections", "auto", None, count(10_000_000));
        let server = Self {
            listen: listen.unwrap_or(default.listen),
            workers: workers.and_then(|workers| NonZeroUsize::new(workers as usize)),
            trusted_proxies: trusted_proxies.unwrap_or(default.trusted_proxies),
            grace: table.or("grace", default.grace, |v| v.span(Duration::ZERO..=24 * HOUR)),
            drain_delay: table
                .or("drain-delay", default.drain_delay, |v| v.span(Duration::ZERO..=HOUR)),
            max_connections: connections.map(|connections| connections as usize),
            tls: table.maybe("tls", |value| value.table().and_then(Tls::read)),
            limits: Limits::read(table.table("limits")),
            timeouts: Timeouts::read(table.table("timeouts")),
        };
        table.finish();
        server
    }
}

/// The certificate of the TLS listeners, in PEM.
#[derive(Clone, Debug, PartialEq)]
pub struct Tls {
    /// The certificate with those of its issuers.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Where it is configured.
    pub origin: Origin,
}

impl Tls {
    fn read(mut table: Table<'_>) -> Option<Self> {
        let origin = table.origin();
        let certificate = table.need("certificate", "\"cert.pem\"", |v| v.path("\"cert.pem\""));
        let key = table.need("key", "\"key.pem\"", |v| v.path("\"key.pem\""));
        table.finish();
        Some(Self { certificate: certificate?, key: key?, origin })
    }
}

/// What may be sent. Beyond a limit the answer is the one in parentheses.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// The whole head of a request, 1 KiB to 1 MiB. Default: 64 KiB. (431)
    pub head: ByteSize,
    /// Header fields of a request, 1 to 1000. Default: 100. (431)
    pub headers: u32,
    /// The request target, 256 B to 65534 B. Default: 8 KiB. (414)
    pub target: ByteSize,
    /// A request body; nothing: any. Default: nothing. (413)
    pub body: Option<ByteSize>,
    /// The trailers of a message, up to 64 KiB. Default: 8 KiB. (the connection is closed)
    pub trailers: ByteSize,
    /// The whole head of a response, 1 KiB to 1 MiB. Default: 64 KiB. (502)
    pub response_head: ByteSize,
    /// Header fields of a response, 1 to 1000. Default: 100. (502)
    pub response_headers: u32,
    /// Informational answers (1xx) before the answer, up to 100. Default: 8. (502)
    pub informational: u32,
    /// A body after its content coding was undone for a plugin, 1 KiB to 1 GiB.
    /// Default: 16 MiB. (413 or 502)
    pub decoded_body: ByteSize,
    /// How many times its coded size that may be, 1 to 10000. Default: 100. (413 or 502)
    pub decoded_ratio: u32,
    /// Concurrent streams of an HTTP/2 connection, 1 to 10000. Default: 100.
    /// (REFUSED_STREAM)
    pub streams: u32,
    /// Requests on one connection before it is closed in an orderly way, at least 1.
    /// Default: 10000.
    pub requests_per_connection: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: ByteSize::kib(64),
            headers: 100,
            target: ByteSize::kib(8),
            body: None,
            trailers: ByteSize::kib(8),
            response_head: ByteSize::kib(64),
            response_headers: 100,
            informational: 8,
            decoded_body: ByteSize::mib(16),
            decoded_ratio: 100,
            streams: 100,
            requests_per_connection: 10_000,
        }
    }
}

impl Limits {
    /// The largest body limit that makes sense.
    pub(super) const LARGEST_BODY: ByteSize = ByteSize::mib(1 << 20);

    fn read(mut table: Table<'_>) -> Self {
        let default = Self::default();
        let head = ByteSize::kib(1)..=ByteSize::mib(1);
        let limits = Self {
            head: table.or("head", default.head, |v| v.size(head.clone())),
            headers: table.or("headers", default.headers, |v| v.count(1..=1000)),
            // The last is what the HTTP/1 parser beneath can read.
            target: table
                .or("target", default.target, |v| v.size(ByteSize(256)..=ByteSize(65_534))),
            body: table
                .or_word("body", "off", default.body, |v| v.size(ByteSize(0)..=Self::LARGEST_BODY)),
            trailers: table
                .or("trailers", default.trailers, |v| v.size(ByteSize(0)..=ByteSize::kib(64))),
            response_head: table.or("response-head", default.response_head, |v| v.size(head)),
            response_headers: table
                .or("response-headers", default.response_headers, |v| v.count(1..=1000)),
            informational: table.or("informational", default.informational, |v| v.count(0..=100)),
            decoded_body: table.or("decoded-body", default.decoded_body, |v| {
                v.size(ByteSize::kib(1)..=ByteSize::mib(1024))
            }),
            decoded_ratio: table
                .or("decoded-ratio", default.decoded_ratio, |v| v.count(1..=10_000)),
            streams: table.or("streams", default.streams, |v| v.count(1..=10_000)),
            requests_per_connection: table.or(
                "requests-per-connection",
                default.requests_per_connection,
                |v| v.count(1..=u32::MAX),
            ),
        };
        table.finish();
        limits
    }
}

/// How long a client may take, 1 ms to 1 h each. Streams that are meant to last are exempt by
/// their route.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeouts {
    /// From accepting to the first byte of a request, a TLS handshake included. Default: 10 s.
    pub first_byte: Duration,
    /// From the first to the last byte of a head, or of an HTTP/2 preface. Default: 10 s.
    pub head: Duration,
    /// Between two pieces of a request body. Default: 30 s.
    pub body_idle: Duration,
    /// The least speed of a request body; nothing: any. Default: 1 KiB/s.
    pub body_rate: Option<Rate>,
    /// How long a body may take before its speed matters. Default: 10 s.
    pub body_rate_grace: Duration,
    /// Between two requests of a connection. Default: 30 s, so a balancer in front must close
    /// its idle connections sooner.
    pub keep_alive: Duration,
    /// How long a client may accept nothing of a response. Default: 30 s.
    pub write: Duration,
    /// The whole exchange; nothing: any. Default: nothing.
    pub total: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            first_byte: seconds(10),
            head: seconds(10),
            body_idle: seconds(30),
            body_rate: Some(Rate(ByteSize::kib(1))),
            body_rate_grace: seconds(10),
            keep_alive: seconds(30),
            write: seconds(30),
            total: None,
        }
    }
}

impl Timeouts {
    /// What a timeout may be.
    pub(super) const RANGE: std::ops::RangeInclusive<Duration> = MILLISECOND..=HOUR;
    /// What the time for a whole exchange may be.
    pub(super) const TOTAL: std::ops::RangeInclusive<Duration> = MILLISECOND..=seconds(24 * 3600);

    fn read(mut table: Table<'_>) -> Self {
        let default = Self::default();
        let rate = "\"1 KiB/s\"";
        let timeouts = Self {
            first_byte: table.or("first-byte", default.first_byte, |v| v.span(Self::RANGE)),
            head: table.or("head", default.head, |v| v.span(Self::RANGE)),
            body_idle: table.or("body-idle", default.body_idle, |v| v.span(Self::RANGE)),
            body_rate: table
                .or_word("body-rate", "off", default.body_rate, |v| v.parse("a speed", rate)),
            body_rate_grace: table
                .or("body-rate-grace", default.body_rate_grace, |v| v.span(Duration::ZERO..=HOUR)),
            keep_alive: table.or("keep-alive", default.keep_alive, |v| v.span(Self::RANGE)),
            write: table.or("write", default.write, |v| v.span(Self::RANGE)),
            total: table.or_word("total", "off", default.total, |v| v.span(Self::TOTAL)),
        };
        table.finish();
        timeouts
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::check_faults;

    #[test]
    fn mistakes_are_explained() {
        check_faults(&[
            (
                "[server]\nlisten = \"8080\"",
                &[("2:10", "`8080` is no address", "\"127.0.0.1:8080\"")],
            ),
            (
                "[server]\nlisten = 8080",
                &[("2:10", "wants an address, not a number", "\"127.0.0.1:8080\"")],
            ),
            ("[server]\nlisten = []", &[("2:10", "`listen` is empty", "at least one")]),
            (
                "[server]\nlisten = [\"127.0.0.1:80\", \"127.0.0.1:80\"]",
                &[("2:27", "the same stands twice", "remove one")],
            ),
            (
                "[server]\nlisten = [\"127.0.0.1:80\", \"0.0.0.0:80\"]",
                &[("2:27", "cannot both be listened on", "another port")],
            ),
            (
                "[server]\nlisten = \"0.0.0.0:9901\"",
                &[("2:10", "`127.0.0.1:9901` cannot both", "another port")],
            ),
            (
                "[server]\nlisten = \"https://0.0.0.0:443\"",
                &[("2:10", "HTTPS without a certificate", "[server.tls]")],
            ),
            (
                "[server]\ntls = { certificate = \"c.pem\" }",
                &[("2:7", "`key` is missing in [server.tls]", "key = \"key.pem\"")],
            ),
            (
                "[server.tls]\ncert = \"c\"\nkey-file = \"k\"",
                &[
                    ("2:1", "unknown key `cert`", "`certificate`"),
                    ("3:1", "unknown key `key-file`", "`key`"),
                ],
            ),
            (
                "[server]\nworkers = 0",
                &[("2:11", "`workers` is below 1", "from 1 to 1024; or \"auto\"")],
            ),
            (
                "[server]\nworkers = \"atuo\"",
                &[("2:11", "wants a whole number, not a string", "or \"auto\"")],
            ),
            ("[server]\nworkers = -1", &[("2:11", "below 1", "from 1")]),
            ("[server]\nworkers = 99999999999999999999999", &[("2:11", "above 1024", "to 1024")]),
            ("[server]\nworkers = \"4\"", &[("2:11", "not a string", "4 without quotes")]),
            (
                "[server]\ngrace = 30",
                &[("2:9", "a span of time with its unit", "\"30s\" for seconds or \"30ms\"")],
            ),
            (
                "[server]\ngrace = \"30\"",
                &[("2:9", "`30` is no span of time", "\"30s\" or \"30ms\"")],
            ),
            ("[server]\ngrace = 1.5", &[("2:9", "not a fraction", "such as")]),
            ("[server]\ngrace = \"40d\"", &[("2:9", "`grace` is above 1d", "from 0s to 1d")]),
            (
                "[server]\ntrusted-proxies = \"lan\"",
                &[("2:19", "`lan` is no network", "\"10.0.0.0/8\"")],
            ),
            (
                "[server]\ntrusted-proxies = [\"10.1.0.0/8\"]",
                &[("2:20", "bits behind its prefix", "\"10.0.0.0/8\" for the network")],
            ),
            (
                "[server]\ntrusted_proxies = []",
                &[("2:1", "unknown key `trusted_proxies` in [server]", "`trusted-proxies`")],
            ),
            (
                "[server]\ntimeout = \"3s\"",
                &[("2:1", "unknown key `timeout`", "[server.timeouts]")],
            ),
            ("[server]\nadmin = \"off\"", &[("2:1", "unknown key `admin`", "[admin]")]),
            ("[server]\nmaxConnections = 9", &[("2:1", "unknown key", "`max-connections`")]),
            ("[server]\nbody = \"1 MiB\"", &[("2:1", "unknown key", "a key of [server.limits]")]),
            (
                "[server.limits]\nhead = \"64K\"",
                &[("2:8", "`64K` is no size", "\"64 KiB\" (1024)")],
            ),
            ("[server.limits]\nhead = 65536", &[("2:8", "a size with its unit", "\"64 KiB\"")]),
            ("[server.limits]\nhead = \"2 MiB\"", &[("2:8", "above 1 MiB", "from 1 KiB to 1 MiB")]),
            (
                "[server.limits]\nheaders = \"100\"",
                &[("2:11", "wants a whole number", "100 without quotes")],
            ),
            ("[server.limits]\nbody = \"none\"", &[("2:8", "`none` is no size", "or \"off\"")]),
            ("[server.limits]\nbody = false", &[("2:8", "not `false`", "or \"off\"")]),
            (
                "[server.limits]\nclient_max_body_size = \"1m\"",
                &[("2:1", "unknown key", "body = \"10 MiB\"")],
            ),
            (
                "[server.timeouts]\nidle = \"3s\"",
                &[("2:1", "unknown key `idle`", "keep-alive = \"30s\"")],
            ),
            ("[server.timeouts]\nfirst-byte = \"0s\"", &[("2:14", "below 1ms", "from 1ms to 1h")]),
            ("[server.timeouts]\nbody-rate = \"1 KiB\"", &[("2:13", "is no speed", "\"1 KiB/s\"")]),
            ("server = 1", &[("1:10", "`server` wants a table, not a number", "server = {")]),
            (
                "[[server]]\nlisten = \"127.0.0.1:1\"",
                &[("1:1", "not a list", "[server] with one bracket")],
            ),
        ]);
    }
}
