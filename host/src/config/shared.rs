//! `[admin]`, `[state]` and `[metrics]`: what all plugins share.

use std::time::Duration;

use super::origin::Given;
use super::reader::{Table, Value};
use super::server::seconds;
use super::value::{AdminListen, ByteSize, Mistake, Name, Secret, ServiceUrl};

/// The listener for operators: `/metrics`, `/plugins`, `/health`, `/redaction`, `/errors`.
#[derive(Clone, Debug, PartialEq)]
pub struct Admin {
    /// Where. Default: `127.0.0.1:9901`.
    pub listen: Given<AdminListen>,
    /// What a client has to send as bearer token; nothing: no token is asked for.
    pub token: Option<Secret>,
    /// The plugin whose pages `/errors` shows. Default: `errors`, if there is one.
    pub errors: Option<Given<Name>>,
}

impl Default for Admin {
    fn default() -> Self {
        let listen = AdminListen::At(([127, 0, 0, 1], 9901).into());
        Self { listen: Given::built_in(listen), token: None, errors: None }
    }
}

impl Admin {
    pub(super) fn read(mut table: Table<'_>) -> Self {
        let default = Self::default();
        let admin = Self {
            listen: table.or("listen", default.listen, |value| {
                let example = "\"127.0.0.1:9901\" or \"off\"";
                Some(Given { value: value.parse("an address", example)?, origin: value.origin() })
            }),
            token: table.maybe("token", Value::secret),
            errors: table.maybe("errors", |value| {
                Some(Given { value: value.name()?, origin: value.origin() })
            }),
        };
        table.finish();
        admin
    }
}

/// Where the state of plugins is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// A server of the Redis protocol, shared by several tamis; nothing: memory.
    pub url: Option<Given<ServiceUrl>>,
    /// What the keys there begin with. Default: `tamis`.
    pub prefix: Name,
    /// How long the server may take to answer, 1 ms to 1 min. Default: 1 s.
    pub timeout: Duration,
    /// How much one plugin may keep, 1 KiB to 1 GiB. Default: 1 MiB.
    pub limit: ByteSize,
}

impl State {
    pub(super) fn read(mut table: Table<'_>) -> Self {
        let default = Self::default();
        let state = Self {
            url: table.maybe("url", |value| {
                let url = value.service()?;
                if url.scheme == "redis" {
                    return Some(Given { value: url, origin: value.origin() });
                }
                let problem = format!("state is not kept in `{}`", url.scheme);
                value.refuse(Mistake::new(problem, "write a URL such as \"redis://cache:6379/0\""))
            }),
            prefix: table.or("prefix", default.prefix, Value::name),
            timeout: table
                .or("timeout", default.timeout, |v| v.span(Duration::from_millis(1)..=seconds(60))),
            limit: table
                .or("limit", default.limit, |v| v.size(ByteSize::kib(1)..=ByteSize::mib(1024))),
        };
        table.finish();
        state
    }
}

impl Default for State {
    fn default() -> Self {
        let prefix = "tamis".parse().expect("the text is a name");
        Self { url: None, prefix, timeout: seconds(1), limit: ByteSize::mib(1) }
    }
}

/// How large the metrics of plugins may grow.
#[derive(Clone, Debug, PartialEq)]
pub struct Metrics {
    /// Series of one metric, 1 to 100000; more are counted in one that says so. Default: 200.
    pub series: u32,
    /// Labels of one metric, 1 to 30. Default: 10.
    pub labels: u32,
    /// Length of the value of a label, 8 B to 4 KiB. Default: 128 B.
    pub value_length: ByteSize,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { series: 200, labels: 10, value_length: ByteSize(128) }
    }
}

impl Metrics {
    pub(super) fn read(mut table: Table<'_>) -> Self {
        let default = Self::default();
        let metrics = Self {
            series: table.or("series", default.series, |v| v.count(1..=100_000)),
            labels: table.or("labels", default.labels, |v| v.count(1..=30)),
            value_length: table.or("value-length", default.value_length, |v| {
                v.size(ByteSize(8)..=ByteSize::kib(4))
            }),
        };
        table.finish();
        metrics
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::check_faults;

    #[test]
    fn mistakes_are_explained() {
        check_faults(&[
            (
                "[state]\nurl = \"postgres://db/app\"",
                &[("2:7", "state is not kept in `postgres`", "redis://")],
            ),
            ("[state]\nurl = \"env:REDIS\"", &[("2:7", "`REDIS` is not set", "REDIS=")]),
            ("[state]\nurl = \"file:gone\"", &[("2:7", "`gone` cannot be read", "UTF-8")]),
            (
                "[state]\nlimit = \"1 GB\"\nredis = \"x\"",
                &[("3:1", "unknown key `redis`", "url = \"env:REDIS_URL\"")],
            ),
            ("[admin]\nlisten = \"on\"", &[("2:10", "is no address", "or \"off\"")]),
            (
                "[admin]\nerrors = \"sentry\"",
                &[("2:10", "there is no plugin `sentry`", "[plugins.sentry]")],
            ),
            ("[admin]\ntoken = \"\"", &[("2:9", "an empty secret", "env:NAME")]),
            ("[admin]\ntoken = 12345", &[("2:9", "wants a string, not a number", "env:NAME")]),
            ("[admin]\npassword = \"x\"", &[("2:1", "unknown key `password`", "token = ")]),
            ("[metrics]\nseries = 0", &[("2:10", "below 1", "from 1 to 100000")]),
            ("[metrics]\nvalue_length = \"1 B\"", &[("2:1", "unknown key", "`value-length`")]),
        ]);
    }
}
