//! `[[routes]]`: which requests go where, and through which plugins.
//!
//! The first route that fits is taken, in the order of the file. What a route says about time
//! and size stands above what its upstream and the server say; here the three are already
//! settled, so the proxy looks at the route only.

use std::sync::Arc;
use std::time::Duration;

use super::origin::{Given, Origin};
use super::reader::{Table, Value};
use super::server::{Limits, Timeouts};
use super::upstream::{Upstream, servers};
use super::value::{ByteSize, HostPattern, HttpOrigin, Name, PathPattern};

/// One line of the routing table.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// The name given in the file, else host and path: `shop.example/cart`.
    pub name: Arc<str>,
    /// The hosts it answers for; none: every host.
    pub hosts: Vec<HostPattern>,
    /// The path it answers for. Default: `/`, which is every path.
    pub path: PathPattern,
    /// The name of the upstream; [`Config::upstream`](super::Config::upstream) knows it.
    pub upstream: Arc<str>,
    /// The plugins that requests pass, first to last, and responses, last to first.
    pub plugins: Vec<Given<Name>>,
    /// As in [`Upstream::head_timeout`].
    pub head_timeout: Option<Duration>,
    /// As in [`Upstream::body_idle_timeout`]; nothing for a stream.
    pub body_idle_timeout: Option<Duration>,
    /// As in [`Timeouts::total`].
    pub total_timeout: Option<Duration>,
    /// As in [`Limits::body`].
    pub body_limit: Option<ByteSize>,
    /// Whether bodies may pause for as long as they like, in both directions: server-sent
    /// events, long polling. Default: false.
    pub stream: bool,
    /// Whether a connection may be upgraded to a WebSocket, whose frames no plugin sees.
    /// Default (`None`): unless a plugin of the route may change bodies, since it would be passed by.
    pub websocket: Option<bool>,
    /// Where it is configured.
    pub origin: Origin,
}

impl Route {
    /// A route for every request to this upstream, with every default.
    pub fn new(upstream: &Upstream, plugins: Vec<Given<Name>>, origin: Origin) -> Self {
        Self {
            name: "/".into(),
            hosts: Vec::new(),
            path: PathPattern::root(),
            upstream: Arc::clone(&upstream.name),
            plugins,
            head_timeout: upstream.head_timeout,
            body_idle_timeout: upstream.body_idle_timeout,
            total_timeout: Timeouts::default().total,
            body_limit: Limits::default().body,
            stream: false,
            websocket: None,
            origin,
        }
    }

    /// Whether every request of `other` would be taken by this route.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let host = |host: &HostPattern| self.hosts.iter().any(|own| own.covers(host));
        let hosts =
            self.hosts.is_empty() || !other.hosts.is_empty() && other.hosts.iter().all(host);
        hosts && self.path.covers(&other.path)
    }
}

/// A route as it stands in the file, before its upstream is known.
pub(super) struct Written {
    pub(super) name: Option<Given<Name>>,
    hosts: Vec<HostPattern>,
    path: PathPattern,
    pub(super) upstream: Option<Target>,
    pub(super) plugins: Vec<Given<Name>>,
    head_timeout: Option<Option<Duration>>,
    body_idle_timeout: Option<Option<Duration>>,
    total_timeout: Option<Option<Duration>>,
    body_limit: Option<Option<ByteSize>>,
    stream: bool,
    websocket: Option<bool>,
    pub(super) origin: Origin,
}

/// Where a route says that requests go.
pub(super) enum Target {
    /// To an upstream by its name.
    Named(Given<Name>),
    /// To servers that stand in the route.
    Servers(Vec<Given<HttpOrigin>>, Origin),
}

impl Target {
    fn read(value: &Value<'_>) -> Option<Self> {
        let example = "the name of an upstream or a URL, such as \"http://127.0.0.1:9000\"";
        match value.node {
            toml::de::DeValue::Array(_) => Some(Self::Servers(servers(value)?, value.origin())),
            _ if value.text("an upstream", example)?.contains([':', '/', '.']) => {
                Some(Self::Servers(servers(value)?, value.origin()))
            }
            _ => Some(Self::Named(Given { value: value.name()?, origin: value.origin() })),
        }
    }
}

impl Written {
    pub(super) fn read(mut table: Table<'_>) -> Self {
        let origin = table.origin();
        let name = |value: &Value<'_>| Some(Given { value: value.name()?, origin: value.origin() });
        let hosts = table.list("host", |v| v.parse("a host", "\"shop.example\""));
        let path = |value: &Value<'_>| value.parse("a path", "\"/\"");
        let long = |value: &Value<'_>| value.span(Timeouts::TOTAL);
        let written = Self {
            name: table.maybe("name", name),
            hosts: hosts.unwrap_or_default().into_iter().map(|given| given.value).collect(),
            path: table.or("path", PathPattern::root(), path),
            upstream: table.need("upstream", "\"http://127.0.0.1:9000\"", Target::read),
            plugins: table.list("plugins", Value::name).unwrap_or_default(),
            head_timeout: table.or_above("head-timeout", long),
            body_idle_timeout: table.or_above("body-idle-timeout", long),
            total_timeout: table.or_above("total-timeout", long),
            body_limit: table
                .or_above("body-limit", |v| v.size(ByteSize(0)..=Limits::LARGEST_BODY)),
            stream: table.or("stream", false, Value::flag),
            websocket: table.maybe("websocket", Value::flag),
            origin,
        };
        if written.stream && matches!(written.body_idle_timeout, Some(Some(_))) {
            let fault = table.fault("a stream may pause, and `body-idle-timeout` says it may not");
            table.reader.report(fault.remedy("remove one of `stream` and `body-idle-timeout`"));
        }
        table.finish();
        written
    }

    /// The route as the proxy runs it.
    pub(super) fn settle(self, upstream: &Upstream, limits: &Limits, timeouts: &Timeouts) -> Route {
        let idle = self.body_idle_timeout.unwrap_or(upstream.body_idle_timeout);
        let hosts = self.hosts.iter().map(HostPattern::to_string).collect::<Vec<_>>().join(",");
        Route {
            name: match &self.name {
                Some(name) => name.value.as_str().into(),
                None => format!("{hosts}{}", self.path).into(),
            },
            hosts: self.hosts,
            path: self.path,
            upstream: Arc::clone(&upstream.name),
            plugins: self.plugins,
            head_timeout: self.head_timeout.unwrap_or(upstream.head_timeout),
            body_idle_timeout: idle.filter(|_| !self.stream),
            total_timeout: self.total_timeout.unwrap_or(timeouts.total),
            body_limit: self.body_limit.unwrap_or(limits.body),
            stream: self.stream,
            websocket: self.websocket,
            origin: self.origin,
        }
    }
}

impl<'a> Table<'a> {
    /// A setting that stands above another: absent, off, or a value.
    fn or_above<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Value<'a>) -> Option<T>,
    ) -> Option<Option<T>> {
        let mut given = false;
        let value = self.or_word(key, "off", None, |value| {
            given = true;
            read(value)
        });
        let off = self.has(key) && !given;
        (value.is_some() || off).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::check_faults;
    use super::*;

    fn route(hosts: &[&str], path: &str) -> Route {
        let upstream = Upstream::new("app", Vec::new(), Origin::built_in());
        Route {
            hosts: hosts.iter().map(|host| host.parse().expect("a host")).collect(),
            path: path.parse().expect("a path"),
            ..Route::new(&upstream, Vec::new(), Origin::built_in())
        }
    }

    #[test]
    fn a_route_covers_what_it_would_take() {
        for (first, second, covers) in [
            (route(&[], "/"), route(&[], "/shop"), true),
            (route(&[], "/"), route(&["a.example"], "/"), true),
            (route(&["a.example"], "/"), route(&[], "/"), false),
            (route(&["*.example"], "/"), route(&["a.example", "b.example"], "=/x"), true),
            (route(&["a.example"], "/"), route(&["a.example", "b.example"], "/"), false),
            (route(&[], "/shop"), route(&[], "/"), false),
        ] {
            let shown =
                format!("{:?}{} {:?}{}", first.hosts, first.path, second.hosts, second.path);
            assert_eq!(first.covers(&second), covers, "{shown}");
        }
    }

    #[test]
    fn mistakes_are_explained() {
        let route = |rest: &str| format!("[[routes]]\nupstream = \"http://app\"\n{rest}");
        check_faults(&[
            (
                "[[routes]]",
                &[("1:1", "`upstream` is missing in [[routes]]", "http://127.0.0.1:9000")],
            ),
            (
                "[routes]\nupstream = \"http://a\"",
                &[("1:1", "a list of tables, not a table", "[[routes]] with two")],
            ),
            (
                "[[routes]]\nproxy_pass = \"http://a\"",
                &[("2:1", "unknown key `proxy_pass`", "upstream = ")],
            ),
            (
                "[[routes]]\nupstream_url = \"http://a\"",
                &[("2:1", "unknown key `upstream_url`", "upstream = ")],
            ),
            (
                "[[routes]]\nupstream = \"ap\"\n[upstreams.app]\nservers = \"http://a\"",
                &[("2:12", "there is no upstream `ap`", "\"app\"")],
            ),
            (
                "[[routes]]\nupstream = \"app\"",
                &[("2:12", "there is no upstream `app`", "[upstreams.app]")],
            ),
            (
                "[[routes]]\nupstream = \"127.0.0.1:9000\"",
                &[("2:12", "no HTTP origin", "\"http://127.0.0.1:9000\"")],
            ),
            (
                "[[routes]]\nupstream = [\"app\", \"http://b\"]",
                &[("2:13", "no HTTP origin", "\"http://app\"")],
            ),
            (
                "[[routes]]\nupstream = 9000",
                &[("2:12", "wants an upstream, not a number", "the name of an upstream or a URL")],
            ),
            (&route("path = \"api\""), &[("3:8", "`api` is no path of a route", "\"/api\"")]),
            (&route("path = \"/api/*\""), &[("3:8", "is no path of a route", "\"/api\"")]),
            (
                &route("path = \"~ ^/api\""),
                &[("3:8", "is no path of a route", "regular expressions")],
            ),
            (&route("host = \"https://a.example/\""), &[("3:8", "is no host", "\"a.example\"")]),
            (&route("hosts = \"a.example\""), &[("3:1", "unknown key `hosts`", "`host`")]),
            (&route("location = \"/\""), &[("3:1", "unknown key `location`", "path = \"/shop\"")]),
            (&route("timeout = \"3s\""), &[("3:1", "unknown key", "`total-timeout`")]),
            (&route("stream = \"true\""), &[("3:10", "not a string", "true without quotes")]),
            (&route("stream = 1"), &[("3:10", "wants true or false", "`true` or `false`")]),
            (
                &route("stream = true\nbody-idle-timeout = \"3s\""),
                &[("1:1", "a stream may pause", "remove one")],
            ),
            (&route("body-limit = 3"), &[("3:14", "a size with its unit", "\"3 B\"; or \"off\"")]),
            (
                &route(
                    "plugins = [\"redact\", \"redact\"]\n[plugins.redact]\ncomponent = \"builtin:redact\"",
                ),
                &[("3:22", "the same stands twice in `plugins`", "remove one")],
            ),
            (
                &route("plugins = \"redact\""),
                &[("3:11", "there is no plugin `redact`", "component = \"builtin:redact\"")],
            ),
            (
                &route("plugins = \"stamp\""),
                &[("3:11", "there is no plugin `stamp`", "component = \"stamp.wasm\"")],
            ),
            (
                &route("plugins = [\"stmap\"]\n[plugins.stamp]\ncomponent = \"s.wasm\""),
                &[("3:12", "there is no plugin `stmap`", "write \"stamp\"")],
            ),
            (
                &route(
                    "path = \"/a\"\nname = \"x\"\n[[routes]]\nupstream = \"http://b\"\nname = \"x\"",
                ),
                &[("5:1", "two routes are called `x`", "rename one")],
            ),
        ]);
    }
}
