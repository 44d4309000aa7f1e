//! `[upstreams.NAME]`: the servers that requests are forwarded to.
//!
//! The default time limits are shorter than those of most clients, so that tamis answers with
//! a reason before the client gives up without one.

use std::sync::Arc;
use std::time::Duration;

use super::origin::{Given, Origin};
use super::reader::{Table, Value};
use super::server::{Timeouts, seconds};
use super::value::{ByteSize, HostPattern, HttpOrigin, Mistake, PathPattern, Percent, Statuses};

const LONG: Duration = seconds(24 * 3600);

/// Servers that answer the same requests.
#[derive(Clone, Debug, PartialEq)]
pub struct Upstream {
    /// The name given in the file; for a URL written into a route, its host and port.
    pub name: Arc<str>,
    /// Where they are, at least one.
    pub servers: Vec<Given<HttpOrigin>>,
    /// To have a connection, TLS included, 1 ms to 1 h. Default: 5 s. (502)
    pub connect_timeout: Duration,
    /// From the last byte of the request to the head of the response; nothing: any.
    /// Default: 30 s. (504)
    pub head_timeout: Option<Duration>,
    /// Between two pieces of a response body; nothing: any. Default: 60 s. (the response is
    /// cut)
    pub body_idle_timeout: Option<Duration>,
    /// Which connections are kept for later requests; nothing: none.
    pub keep_alive: Option<KeepAlive>,
    /// How often a request is tried again, 0 to 10, on another connection or server: those that
    /// may be repeated, and those of which nothing was sent. Default: 1.
    pub retries: u32,
    /// The most that retries may add to the requests. Default: 20%.
    pub retry_budget: Percent,
    /// The largest request body that is kept to be sent again, up to 1 MiB. Default: 64 KiB.
    pub retry_body: ByteSize,
    /// When a server that fails is left alone; nothing: never.
    pub ejection: Option<Ejection>,
    /// How servers are asked whether they are well; nothing: they are not.
    pub check: Option<Check>,
    /// Where it is configured.
    pub origin: Origin,
}

impl Upstream {
    /// An upstream of these servers with every default.
    pub fn new(name: impl Into<Arc<str>>, servers: Vec<Given<HttpOrigin>>, origin: Origin) -> Self {
        Self {
            name: name.into(),
            servers,
            connect_timeout: seconds(5),
            head_timeout: Some(seconds(30)),
            body_idle_timeout: Some(seconds(60)),
            keep_alive: Some(KeepAlive::default()),
            retries: 1,
            retry_budget: Percent(20),
            retry_body: ByteSize::kib(64),
            ejection: Some(Ejection::default()),
            check: None,
            origin,
        }
    }

    /// Whether it has a table of its own in the file.
    pub(super) fn is_named(&self) -> bool {
        !self.name.contains(':')
    }

    /// The name of an upstream that has none: `app:9000`, or `app:9000+2` for three servers.
    /// Names given by the operator have no colon, so the two never meet.
    pub(super) fn name_of(servers: &[Given<HttpOrigin>]) -> String {
        let first = servers.first().map(|server| &server.value);
        let authority = first.map(|server| {
            let host = if server.host.contains(':') {
                format!("[{}]", server.host)
            } else {
                server.host.clone()
            };
            format!("{host}:{}", server.port)
        });
        let authority = authority.unwrap_or_default();
        if servers.len() > 1 { format!("{authority}+{}", servers.len() - 1) } else { authority }
    }

    pub(super) fn read(name: &str, mut table: Table<'_>) -> Self {
        let servers = table.need("servers", "[\"http://127.0.0.1:9000\"]", servers);
        let default = Self::new(name, Vec::new(), table.origin());
        let limit = |value: &Value<'_>| value.span(Timeouts::RANGE);
        let long = |value: &Value<'_>| value.span(Duration::from_millis(1)..=LONG);
        let upstream = Self {
            connect_timeout: table.or("connect-timeout", default.connect_timeout, limit),
            head_timeout: table.or_word("head-timeout", "off", default.head_timeout, long),
            body_idle_timeout: table.or_word(
                "body-idle-timeout",
                "off",
                default.body_idle_timeout,
                long,
            ),
            keep_alive: table.or_word(
                "keep-alive",
                "off",
                default.keep_alive.clone(),
                KeepAlive::read,
            ),
            retries: table.or("retries", default.retries, |v| v.count(0..=10)),
            retry_budget: table
                .or("retry-budget", default.retry_budget, |v| v.parse("a percentage", "\"20%\"")),
            retry_body: table
                .or("retry-body", default.retry_body, |v| v.size(ByteSize(0)..=ByteSize::mib(1))),
            ejection: table.or_word("ejection", "off", default.ejection.clone(), Ejection::read),
            check: table.or_word("check", "off", None, |value| value.table().and_then(Check::read)),
            ..default
        };
        table.finish();
        Self { servers: servers.unwrap_or_default(), ..upstream }
    }
}

/// One server or a list of them.
pub(super) fn servers(value: &Value<'_>) -> Option<Vec<Given<HttpOrigin>>> {
    let example = "\"http://127.0.0.1:9000\"";
    value.some(example, |item| item.parse("the URL of a server", example))
}

/// Which idle connections to a server are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct KeepAlive {
    /// How many per server, 1 to 100000. Default: 64.
    pub connections: u32,
    /// How long, 1 ms to 1 h. It has to be shorter than the server's own limit, or requests
    /// meet connections that are being closed. Default: 4 s, since application servers
    /// commonly close after 5 s.
    pub idle: Duration,
}

impl Default for KeepAlive {
    fn default() -> Self {
        Self { connections: 64, idle: seconds(4) }
    }
}

impl KeepAlive {
    fn read(value: &Value<'_>) -> Option<Self> {
        let mut table = value.table()?;
        let default = Self::default();
        let keep_alive = Self {
            connections: table.or("connections", default.connections, |v| v.count(1..=100_000)),
            idle: table.or("idle", default.idle, |v| v.span(Timeouts::RANGE)),
        };
        table.finish();
        Some(keep_alive)
    }
}

/// When a server that fails gets no requests for a while. After that one request tries it;
/// each time it fails again the pause doubles.
#[derive(Clone, Debug, PartialEq)]
pub struct Ejection {
    /// So many failures in a row, 1 to 1000. Default: 5.
    pub failures: u32,
    /// The first pause, 1 ms to 1 h. Default: 1 s.
    pub base: Duration,
    /// The longest pause, at least `base`. Default: 1 min.
    pub max: Duration,
}

impl Default for Ejection {
    fn default() -> Self {
        Self { failures: 5, base: seconds(1), max: seconds(60) }
    }
}

impl Ejection {
    fn read(value: &Value<'_>) -> Option<Self> {
        let mut table = value.table()?;
        let default = Self::default();
        let ejection = Self {
            failures: table.or("failures", default.failures, |v| v.count(1..=1000)),
            base: table.or("base", default.base, |v| v.span(Timeouts::RANGE)),
            max: table.or("max", default.max, |v| v.span(Timeouts::RANGE)),
        };
        if ejection.max < ejection.base {
            let fault = value.fault("`base` is longer than `max`");
            value.reader.report(fault.remedy("write a `max` of at least `base`"));
        }
        table.finish();
        Some(ejection)
    }
}

/// How a server is asked whether it is well.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// The question.
    pub kind: CheckKind,
    /// Between two questions, 10 ms to 1 h. Default: 10 s.
    pub interval: Duration,
    /// The same, while the server starts. Default: 1 s.
    pub start_interval: Duration,
    /// For one answer, 1 ms to 1 h. Default: 5 s.
    pub timeout: Duration,
    /// So many failures in a row take a server out, 1 to 100. Default: 3.
    pub fall: u32,
    /// So many successes in a row bring it back, 1 to 100. Default: 2.
    pub rise: u32,
    /// How long failures do not count after the start, up to a day, unless there was a
    /// success. Default: none.
    pub start_period: Duration,
    /// Where it is configured.
    pub origin: Origin,
}

/// The question put to a server.
#[derive(Clone, Debug, PartialEq)]
pub enum CheckKind {
    /// Whether it accepts a connection.
    Tcp,
    /// What it answers to a GET.
    Http {
        /// Path and query to ask for.
        path: String,
        /// The `host` field to send; nothing: host and port of the server.
        host: Option<String>,
        /// What counts as well. Default: 200 to 299.
        statuses: Vec<Statuses>,
    },
}

impl Check {
    fn read(mut table: Table<'_>) -> Option<Self> {
        let path = table.maybe("path", |value| {
            let parsed = value.parse_with("a path", "\"/health\"", check_path);
            parsed.map(|path| (path, value.origin()))
        });
        let tcp = table.or("tcp", false, Value::flag);
        let host = table.maybe("host", |value| {
            value.parse::<HostPattern>("a host", "\"app.example\"").and_then(|host| {
                let wildcard = host.to_string().starts_with('*');
                let mistake = Mistake::new("a request names one host", "write it without `*`");
                if wildcard { value.refuse(mistake) } else { Some(host.to_string()) }
            })
        });
        let statuses = table.maybe("statuses", |value| {
            value.some("\"2xx\"", |item| match item.node {
                toml::de::DeValue::Integer(number) => {
                    number.as_str().parse().map_or_else(|mistake| item.refuse(mistake), Some)
                }
                _ => item.parse("statuses", "\"2xx\", \"200-299\" or 200"),
            })
        });
        let check = Self {
            kind: CheckKind::Tcp,
            interval: table
                .or("interval", seconds(10), |v| v.span(Duration::from_millis(10)..=seconds(3600))),
            start_interval: table.or("start-interval", seconds(1), |v| {
                v.span(Duration::from_millis(10)..=seconds(3600))
            }),
            timeout: table.or("timeout", seconds(5), |v| v.span(Timeouts::RANGE)),
            fall: table.or("fall", 3, |v| v.count(1..=100)),
            rise: table.or("rise", 2, |v| v.count(1..=100)),
            start_period: table
                .or("start-period", Duration::ZERO, |v| v.span(Duration::ZERO..=LONG)),
            origin: table.origin(),
        };
        let reader = table.reader;
        let either = "write path = \"/health\" to ask by HTTP, or tcp = true to connect only";
        let kind = match (path, tcp) {
            (Some((path, _)), false) => {
                let statuses =
                    statuses.unwrap_or_else(|| vec![Given::built_in(Statuses::success())]);
                let statuses = statuses.into_iter().map(|given| given.value).collect();
                Some(CheckKind::Http { path, host, statuses })
            }
            (None, true) => {
                if host.is_some() || statuses.is_some() {
                    let fault = table.fault("`host` and `statuses` are for checks by HTTP");
                    reader.report(
                        fault.remedy("remove them, or write path = \"/health\" for tcp = true"),
                    );
                }
                Some(CheckKind::Tcp)
            }
            (Some((_, origin)), true) => {
                let fault =
                    super::fault::Fault::new(&origin, "`path` and `tcp` exclude each other");
                reader.report(fault.key(&table.path).remedy(either));
                None
            }
            // A path that cannot be read has a fault of its own.
            (None, false) if table.has("path") => None,
            (None, false) => {
                let fault = table.fault("it is not said what to check").remedy(either);
                reader.report(fault.missing("path"));
                None
            }
        };
        table.finish();
        Some(Self { kind: kind?, ..check })
    }
}

/// A path to ask for, which may have a query.
fn check_path(text: &str) -> Result<String, Mistake> {
    let path = text.split_once('?').map_or(text, |(path, _)| path);
    path.strip_prefix('=').unwrap_or(path).parse::<PathPattern>()?;
    let printable = text.bytes().all(|byte| byte.is_ascii_graphic()) && !text.contains('#');
    if printable && text.starts_with('/') {
        return Ok(text.to_owned());
    }
    Err(Mistake::new(
        "the path of a check is sent as it stands",
        "write it like \"/health?full=1\"",
    ))
}

#[cfg(test)]
mod tests {
    use super::super::trial::check_faults;

    #[test]
    fn mistakes_are_explained() {
        let upstream = |rest: &'static str| -> String {
            format!("routes = [{{ upstream = \"app\" }}]\n[upstreams.app]\n{rest}")
        };
        let servers = |rest: &str| -> String {
            format!(
                "routes = [{{ upstream = \"app\" }}]\n[upstreams.app]\nservers = \"http://app:9000\"\n{rest}"
            )
        };
        check_faults(&[
            (
                &upstream(""),
                &[(
                    "2:1",
                    "`servers` is missing in [upstreams.app]",
                    "servers = [\"http://127.0.0.1:9000\"]",
                )],
            ),
            (&upstream("servers = []"), &[("3:11", "`servers` is empty", "at least one")]),
            (
                &upstream("servers = [\"app:9000\"]"),
                &[("3:12", "`app:9000` is no HTTP origin", "\"http://app:9000\"")],
            ),
            (
                &upstream("servers = [\"http://app/v1\"]"),
                &[("3:12", "is no HTTP origin", "\"http://app\"")],
            ),
            (
                &upstream("servers = [\"http://u:hunter2@app\"]"),
                &[("3:12", "`http://*********@app`", "leave the credentials out")],
            ),
            (&upstream("url = \"http://app\""), &[("3:1", "unknown key `url`", "servers = [")]),
            (
                &upstream("servers = [\"http://localhost:8080\"]"),
                &[("3:12", "is tamis itself", "address of the application")],
            ),
            (
                &servers("timeout = \"3s\""),
                &[("4:1", "unknown key `timeout`", "`connect-timeout` `head-timeout`")],
            ),
            (&servers("head_timeout = \"3s\""), &[("4:1", "unknown key", "write `head-timeout`")]),
            (&servers("head-timeout = \"never\""), &[("4:16", "`never` is no span", "or \"off\"")]),
            (&servers("keep-alive = 64"), &[("4:14", "wants a table, not a number", "or \"off\"")]),
            (
                &servers("keep-alive = { size = 3 }"),
                &[("4:16", "in [upstreams.app.keep-alive]", "connections = 64")],
            ),
            (&servers("retries = 11"), &[("4:11", "above 10", "from 0 to 10")]),
            (
                &servers("retry-budget = 20"),
                &[("4:16", "wants a percentage, not a number", "\"20%\"")],
            ),
            (
                &servers("ejection = { base = \"2m\" }"),
                &[("4:12", "`base` is longer than `max`", "a `max` of at least")],
            ),
            (&servers("check = {}"), &[("4:9", "not said what to check", "tcp = true")]),
            (
                &servers("check = { path = \"/\", tcp = true }"),
                &[("4:18", "exclude each other", "or tcp = true")],
            ),
            (&servers("check = { path = \"health\" }"), &[("4:18", "is no path", "\"/health\"")]),
            (
                &servers("check = { tcp = true, statuses = 200 }"),
                &[("4:9", "are for checks by HTTP", "remove them")],
            ),
            (
                &servers("check = { path = \"/\", statuses = [\"2xx\", 99] }"),
                &[("4:42", "`99` is no status", "\"2xx\"")],
            ),
            (
                &servers("check = { path = \"/\", host = \"*.app\" }"),
                &[("4:30", "names one host", "without `*`")],
            ),
            (
                &servers("check = { uri = \"/\" }"),
                &[("4:11", "unknown key `uri`", "path = \"/health\"")],
            ),
            (
                &servers("check = { path = \"/\", retries = 2 }"),
                &[("4:23", "unknown key `retries`", "fall = 3")],
            ),
            (
                "[upstreams.My_App]\nservers = \"http://a\"",
                &[("1:12", "`My_App` is no name", "\"my-app\"")],
            ),
            (
                "[[upstreams]]\nservers = \"http://a\"",
                &[("1:1", "wants tables with names", "[upstreams.NAME]")],
            ),
            (
                "upstreams.app = \"http://a\"",
                &[("1:17", "`app` wants a table, not a string", "app = {")],
            ),
            (
                "[upstream.app]\nservers = \"http://a\"",
                &[("1:2", "unknown key `upstream`", "`upstreams`")],
            ),
        ]);
    }
}
