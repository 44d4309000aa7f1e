//! The configuration that the host runs on, a struct per room, and how it comes from
//! `tamis.toml`.
//!
//! Promised: a [`Config`] is valid. Names refer to what exists, values are within their ranges,
//! references to secrets are resolved, and what a route leaves open is filled in from its
//! upstream and the server, so no room checks or defaults anything again. A text that is not a
//! configuration is refused with every fault at once, each with its line, cause and remedy.
//! Keys that are not known are faults. No text makes the reading panic.
//!
//! Not known here: whether files exist that other rooms open (components, certificates), what a
//! plugin makes of its `config`, and the environment, which is handed in.
//!
//! To add a setting: a field with its default in the section's file, a line in `tamis.toml`
//! next to `src`, and, if it can contradict another, a check in `check`. Tests insist on the
//! second.

mod check;
mod excerpt;
mod fault;
mod file;
mod keys;
mod logs;
mod origin;
mod plugin;
mod reader;
mod reference;
mod route;
mod sample;
mod server;
mod settings;
mod shared;
mod syntax;
mod upstream;
mod value;

use std::path::Path;

pub use fault::{Fault, Faults, Warning};
pub use logs::{FileSink, LineFormat, LogSource, LogSourceKind, Logs, Sink, SinkFormat, SinkKind};
pub use origin::{Given, Origin, Source};
pub use plugin::{Budget, Component, Grants, Isolation, OnFault, Plugin};
pub use reader::Environment;
pub use route::Route;
pub use sample::SAMPLE;
pub use server::{Limits, Server, Timeouts, Tls};
pub use settings::Settings;
pub use shared::{Admin, Metrics, State};
pub use upstream::{Check, CheckKind, Ejection, KeepAlive, Upstream};
pub use value::{
    AdminListen, ByteSize, Glob, HostPattern, HttpOrigin, Level, Listen, Mistake, Name, PathGlob,
    PathPattern, Percent, Rate, Scheme, Secret, ServiceUrl, Span, Statuses,
};

/// Everything the host has to know before it starts.
///
/// Two configurations are equal when they say the same, wherever they say it.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The public side.
    pub server: Server,
    /// The side for operators.
    pub admin: Admin,
    /// Where requests go; those that stand in routes as URLs are here, too.
    pub upstreams: Vec<Upstream>,
    /// Which requests go where; the first that fits is taken.
    pub routes: Vec<Route>,
    /// All plugins, in the order of the file.
    pub plugins: Vec<Plugin>,
    /// The log corridor.
    pub logs: Logs,
    /// Where plugins keep their state.
    pub state: State,
    /// How large the metrics of plugins may grow.
    pub metrics: Metrics,
}

impl Config {
    /// Reads `text`, which stands in the file `path`.
    ///
    /// Relative paths in it are relative to the folder of the file. Of the file system only
    /// what `file:` references and `config = "…"` name is read. `environment` answers for
    /// `env:` references.
    ///
    /// # Errors
    ///
    /// Every fault, and the warnings besides.
    pub fn load(
        path: &Path,
        text: &str,
        environment: &Environment<'_>,
    ) -> Result<(Self, Vec<Warning>), Faults> {
        file::load(path, text, environment)
    }

    /// Reads the file at `path`; see [`Config::load`].
    ///
    /// # Errors
    ///
    /// Every fault. That the file cannot be read, or is not UTF-8, is one.
    pub fn read(
        path: &Path,
        environment: &Environment<'_>,
    ) -> Result<(Self, Vec<Warning>), Faults> {
        file::load(path, &file::read(path)?, environment)
    }

    /// The configuration without a file: all built-in plugins on one route to these servers,
    /// and the application's log records redacted to standard output.
    ///
    /// Redaction stands last on the route, nearest the upstream, so that it sees responses
    /// first and the other plugins see what it left of them. `listen` and `admin` replace the
    /// default addresses. No servers: no route, which is enough for logs.
    pub fn for_upstream(
        servers: &[HttpOrigin],
        listen: &[Listen],
        admin: Option<AdminListen>,
    ) -> Self {
        let argument = Origin::argument("--upstream");
        let name = |name: &str| -> Name { name.parse().expect("the text is a name") };
        let built_in = |component: &str| {
            let origin = Origin::built_in();
            Plugin::new(name(component), Component::BuiltIn(name(component)), origin)
        };
        let given = |names: &[&str]| names.iter().map(|text| Given::built_in(name(text))).collect();
        let servers: Vec<Given<HttpOrigin>> = servers
            .iter()
            .map(|server| Given { value: server.clone(), origin: argument.clone() })
            .collect();

        let mut plugins: Vec<Plugin> = plugin::BUILT_IN.into_iter().map(built_in).collect();
        for plugin in &mut plugins {
            plugin.grants.metrics = true;
            // Health keeps its verdict there, errors what it has seen.
            plugin.grants.state = matches!(plugin.name.as_str(), "health" | "errors");
            plugin.grants.errors = plugin.name == "errors";
            if plugin.name == "health" {
                let target = |server: &Given<HttpOrigin>| ServiceUrl::from(&server.value);
                let given = |server| Given { value: target(server), origin: argument.clone() };
                plugin.grants.probe = servers.iter().map(given).collect();
            }
        }
        let upstream = Upstream::new(Upstream::name_of(&servers), servers, argument.clone());
        let chain = given(&["timing", "health", "errors", "redact"]);
        let route = Route::new(&upstream, chain, argument);
        let has_upstream = !upstream.servers.is_empty();
        let mut server = Server::default();
        if !listen.is_empty() {
            let origin = Origin::argument("--listen");
            let given = |listen: &Listen| Given { value: *listen, origin: origin.clone() };
            server.listen = listen.iter().map(given).collect();
        }
        let origin = Origin::argument("--admin");
        let listen = admin.map(|value| Given { value, origin });
        let default = Admin::default();
        Self {
            server,
            admin: Admin {
                listen: listen.unwrap_or(default.listen),
                errors: Some(Given::built_in(name("errors"))),
                ..default
            },
            upstreams: if has_upstream { vec![upstream] } else { Vec::new() },
            routes: if has_upstream { vec![route] } else { Vec::new() },
            plugins,
            logs: Logs {
                sources: LogSource::predefined(&Given::built_in(name("app"))).into_iter().collect(),
                plugins: given(&["redact", "errors"]),
                sinks: Sink::predefined(&Given::built_in(name("stdout"))).into_iter().collect(),
                ..Logs::new(Origin::built_in())
            },
            state: State::default(),
            metrics: Metrics::default(),
        }
    }

    /// The upstream of this name.
    pub fn upstream(&self, name: &str) -> Option<&Upstream> {
        self.upstreams.iter().find(|upstream| *upstream.name == *name)
    }

    /// The plugin of this name.
    pub fn plugin(&self, name: &str) -> Option<&Plugin> {
        self.plugins.iter().find(|plugin| *plugin.name == *name)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    /// A route that makes a file complete.
    const ROUTE: &str = "[[routes]]\nupstream = \"http://127.0.0.1:9000\"\n";

    fn environment(name: &str) -> Option<String> {
        let value = match name {
            "REDIS_URL" => "redis://:hunter2@cache/1",
            "TOKEN" => "hunter2",
            "EMPTY" => "",
            _ => return None,
        };
        Some(value.into())
    }

    fn load(text: &str) -> Result<(Config, Vec<Warning>), Faults> {
        Config::load(Path::new("t.toml"), text, &environment)
    }

    fn config(text: &str) -> Config {
        load(text).unwrap_or_else(|faults| panic!("{text}\n{faults}")).0
    }

    /// Place, part of the cause, part of the remedy.
    type Expected = (&'static str, &'static str, &'static str);

    fn differs(found: &Fault, (place, cause, remedy): Expected) -> bool {
        found.origin().to_string() != format!("t.toml:{place}")
            || !found.problem().contains(cause)
            || !found.help().unwrap_or_default().contains(remedy)
    }

    /// Checks that each text has these faults and no others.
    fn check_faults(rows: &[(&str, &[Expected])]) {
        let mut failed = String::new();
        for (text, expected) in rows {
            let faults = match load(text) {
                Ok(_) => Vec::new(),
                Err(faults) => faults.faults().to_vec(),
            };
            if faults.len() != expected.len()
                || faults.iter().zip(*expected).any(|(f, e)| differs(f, *e))
            {
                let _ = writeln!(failed, "── {text}\nexpected {expected:#?}\nfound");
                faults.iter().for_each(|fault| failed += &fault.to_string());
            }
        }
        assert!(failed.is_empty(), "{failed}");
    }

    #[test]
    fn mistakes_in_the_server_are_explained() {
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

    #[test]
    fn mistakes_in_upstreams_and_routes_are_explained() {
        let upstream = |rest: &'static str| -> String {
            format!("routes = [{{ upstream = \"app\" }}]\n[upstreams.app]\n{rest}")
        };
        let servers = |rest: &str| -> String {
            format!(
                "routes = [{{ upstream = \"app\" }}]\n[upstreams.app]\nservers = \"http://app:9000\"\n{rest}"
            )
        };
        let route = |rest: &str| format!("[[routes]]\nupstream = \"http://app\"\n{rest}");
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

    #[test]
    fn mistakes_in_plugins_are_explained() {
        let plugin =
            |rest: &str| format!("[plugins.redact]\ncomponent = \"builtin:redact\"\n{rest}");
        check_faults(&[
            (
                "[plugins.redact]",
                &[("1:1", "`component` is missing in [plugins.redact]", "\"builtin:redact\"")],
            ),
            ("[plugins.stamp]", &[("1:1", "`component` is missing", "\"stamp.wasm\"")]),
            ("[plugins.x]\nwasm = \"x.wasm\"", &[("2:1", "unknown key `wasm`", "component = ")]),
            (
                "[plugins.x]\ncomponent = \"builtin:redakt\"",
                &[("2:13", "no built-in component `redakt`", "\"builtin:redact\"")],
            ),
            (
                "[plugins.x]\ncomponent = \"builtin:\"",
                &[("2:13", "no built-in component", "there are \"builtin:redact\"")],
            ),
            (
                "[plugins.x]\ncomponent = \"redact\"",
                &[("2:13", "neither a file nor", "\"builtin:redact\", or \"./redact\"")],
            ),
            (
                "[plugins.x]\ncomponent = \"https://x/y.wasm\"",
                &[("2:13", "not downloaded", "`sha256`")],
            ),
            ("[plugins.x]\ncomponent = \"\"", &[("2:13", "is no path", "stamp.wasm")]),
            ("[plugin.x]\ncomponent = \"x\"", &[("1:2", "unknown key `plugin`", "`plugins`")]),
            ("[[plugins]]\nname = \"x\"", &[("1:1", "wants tables with names", "[plugins.NAME]")]),
            (&plugin("deadline = 10"), &[("3:12", "a span of time with its unit", "\"10ms\"")]),
            (&plugin("deadline = \"1m\""), &[("3:12", "above 10s", "from 100us to 10s")]),
            (
                &plugin("deadlin = \"1ms\""),
                &[("3:1", "unknown key `deadlin` in [plugins.redact]", "`deadline`")],
            ),
            (&plugin("memory = \"16M\""), &[("3:10", "is no size", "\"16 MiB\"")]),
            (&plugin("host-calls = 1e6"), &[("3:14", "not a fraction", "a number")]),
            (
                &plugin("on-fault = \"opne\""),
                &[(
                    "3:12",
                    "`on-fault` cannot be `opne`",
                    "write \"open\"; allowed: \"open\" or \"closed\"",
                )],
            ),
            (
                &plugin("on-fault = true"),
                &[("3:12", "wants a word, not `true`", "\"open\" or \"closed\"")],
            ),
            (&plugin("fail_open = true"), &[("3:1", "unknown key `fail_open`", "on-fault")]),
            (
                &plugin("isolation = \"process\""),
                &[("3:13", "`isolation` cannot be `process`", "\"worker\" or \"exchange\"")],
            ),
            (
                &plugin("allow = [\"metric\"]"),
                &[("3:10", "`allow` cannot be `metric`", "\"metrics\"")],
            ),
            (&plugin("allow = \"log\""), &[("3:9", "no such grant", "every plugin has it")]),
            (&plugin("allow = [\"http\"]"), &[("3:10", "no such grant", "allow-http")]),
            (&plugin("permissions = []"), &[("3:1", "unknown key", "allow = [\"metrics\"]")]),
            (
                &plugin("allow-http = [\"api.example\"]"),
                &[("3:15", "no HTTP origin", "\"http://api.example\"")],
            ),
            (
                &plugin("allow-http = [\"https://api.example/v1\"]"),
                &[("3:15", "no HTTP origin", "\"https://api.example\"")],
            ),
            (
                &plugin("allow-probe = [\"db:5432\"]"),
                &[("3:16", "no URL of a service", "\"tcp://db:5432\"")],
            ),
            (
                &plugin("allow-probe = [\"env:GONE\"]"),
                &[("3:16", "`GONE` is not set", "GONE=… tamis run")],
            ),
            (
                &plugin("allow-probe = [\"env:TOKEN\"]"),
                &[("3:16", "what `env:TOKEN` leads to", "such as")],
            ),
            (&plugin("sha256 = \"abc\""), &[("3:10", "is no SHA-256", "64 hex digits")]),
            (
                &plugin(&format!("sha256 = \"{}\"", "0".repeat(64))),
                &[("3:10", "part of tamis itself", "remove")],
            ),
            (&plugin("paths = [\"api\"]"), &[("3:10", "`api` is no path", "\"/api\"")]),
            (&plugin("paths = [\"/a*b\"]"), &[("3:10", "is no path", "at the end only")]),
            (
                &plugin("config = 3"),
                &[("3:10", "configuration of a plugin is a table", "config = {")],
            ),
            (
                &plugin("config = \"gone.toml\""),
                &[("3:10", "`gone.toml` cannot be read", "relative to the folder")],
            ),
            (
                &plugin("config = { key = \"env:EMPTY\" }"),
                &[("3:18", "`EMPTY` is empty", "give it a value")],
            ),
            (&plugin("rules = [\"email\"]"), &[("3:1", "unknown key `rules`", "config = { rules")]),
        ]);
    }

    #[test]
    fn mistakes_in_the_rest_are_explained() {
        check_faults(&[
            ("[logs]\nsources = [\"ap\"]", &[("2:12", "there is no source `ap`", "write \"app\"")]),
            (
                "[logs]\nsinks = [\"audit\"]",
                &[("2:10", "there is no sink `audit`", "[sinks.audit]")],
            ),
            (
                "[logs]\nsinks = [\"stdotu\"]",
                &[("2:10", "there is no sink `stdotu`", "write \"stdout\"")],
            ),
            (
                "[logs]\nplugins = [\"errors\"]",
                &[("2:12", "there is no plugin `errors`", "builtin:errors")],
            ),
            ("[logs]\nlevel = \"warning\"", &[("2:9", "`level` cannot be `warning`", "\"warn\"")]),
            ("[logs]\nqueue = \"8 KiB\"", &[("2:9", "below 64 KiB", "from 64 KiB")]),
            (
                "[logs]\nmax-line = \"64 KB \"\nfile = \"x\"",
                &[("3:1", "unknown key `file`", "[sinks.NAME]")],
            ),
            (
                "[logs]\nsinks = [\"a\"]\n[sinks.a]",
                &[("3:1", "`type` is missing in [sinks.a]", "type = \"file\"")],
            ),
            (
                "[logs]\nsinks = [\"a\"]\n[sinks.a]\ntype = \"file\"",
                &[("3:1", "`path` is missing", "path = \"app.log\"")],
            ),
            (
                "[logs]\nsinks = [\"a\"]\n[sinks.a]\ntype = \"fiel\"\npath = \"x\"",
                &[("4:8", "`type` cannot be `fiel`", "\"file\"")],
            ),
            (
                "[sinks.stdout]\npath = \"x\"",
                &[("2:8", "`path` has no use here", "type = \"file\"")],
            ),
            ("[sinks.stdout]\nlevel = \"info\"", &[("2:1", "unknown key `level`", "min-level")]),
            (
                "[logs]\nsinks = [\"a\", \"b\"]\n[sinks]\na = { type = \"file\", path = \"x\" }\nb = { type = \"file\", path = \"x\" }",
                &[("5:5", "write the same file", "another `path`")],
            ),
            (
                "[sources.app]\nformat = \"jsno\"",
                &[("2:10", "`format` cannot be `jsno`", "\"json\"")],
            ),
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
            ("[health]", &[("1:2", "unknown key `health`", "[plugins.health]")]),
            ("[helth]", &[("1:2", "unknown key `helth`", "[plugins.health]")]),
            ("[gadgets]", &[("1:2", "unknown key `gadgets`", "the keys here are `server`")]),
            ("listen = \"127.0.0.1:1\"", &[("1:1", "unknown key `listen`", "[server]")]),
            ("[logging]\nlevel = \"info\"", &[("1:2", "unknown key `logging`", "[logs]")]),
            ("\"a b\\u001b\" = 1", &[("1:1", "unknown key `a b\\u{1b}`", "the keys here are")]),
        ]);
    }

    #[test]
    fn all_mistakes_of_a_file_are_told_at_once_in_their_order() {
        check_faults(&[
            (
                "[server]\ngrace = 30\ntimeout = \"3s\"\n[[routes]]\nhost = \"*\"\nupstream = \"ap\"\n\
                 plugins = [\"redakt\"]\n[upstreams.app]\nserver = \"app\"\n[plugins.redact]\n\
                 on-fault = 3\nmemory = \"1 KiB\"\n[logs]\nsinks = [\"audit\"]\n",
                &[
                    ("2:9", "with its unit", "\"30s\""),
                    ("3:1", "unknown key `timeout`", "[server.timeouts]"),
                    ("5:8", "`*` is no host", "leave `host` out"),
                    ("6:12", "there is no upstream `ap`", "\"app\""),
                    ("7:12", "there is no plugin `redakt`", "\"redact\""),
                    ("9:1", "unknown key `server`", "servers = ["),
                    ("10:1", "`component` is missing", "builtin:redact"),
                    ("11:12", "wants a word", "\"open\" or \"closed\""),
                    ("12:10", "below 1 MiB", "from 1 MiB"),
                    ("14:10", "there is no sink `audit`", "[sinks.audit]"),
                ],
            ),
            // What does not parse hides what it says, and nothing is concluded from that.
            (
                "[server]\ngrace = 30s\ndrain-delay = 5\n[[routes]]\nupstream = http://app\n\
                 plugins = [\"redact\"]\n[plugins.redact\ncomponent = \"builtin:redact\"\n\
                 [metrics]\nlabels = 0\n",
                &[
                    ("2:9", "not in quotes", "\"30s\""),
                    ("3:15", "with its unit", "\"5s\""),
                    ("5:12", "not in quotes", "\"http://app\""),
                    ("7:16", "heading is not closed", "`]`"),
                    ("10:10", "below 1", "from 1"),
                ],
            ),
            (
                "[server]\n[server]\ngrace = 3",
                &[
                    ("2:2", "`server` is given twice", "one heading"),
                    ("3:9", "with its unit", "\"3s\""),
                ],
            ),
        ]);
    }

    #[test]
    fn what_works_and_is_probably_not_meant_is_warned_about() {
        let plugins = "[plugins.redact]\ncomponent = \"builtin:redact\"\n";
        let rows: &[(&str, &[Expected])] = &[
            (ROUTE, &[]),
            ("", &[("1:1", "there is no route", "[[routes]]")]),
            ("[logs]", &[]),
            (
                &format!("{ROUTE}{ROUTE}path = \"/x\""),
                &[("3:1", "no request gets here: the route `/`", "the special route before")],
            ),
            (
                &format!(
                    "{ROUTE}[upstreams.app]\nservers = \"http://a\"\ncheck = {{ tcp = true }}"
                ),
                &[("3:1", "no route leads to the upstream `app`", "upstream = \"app\"")],
            ),
            (
                "[[routes]]\nupstream = \"app\"\n[upstreams.app]\nservers = \"http://a\"",
                &[("3:1", "the upstream `app` has no check", "check = { path")],
            ),
            (
                &format!("{ROUTE}{plugins}"),
                &[("3:1", "is in no route and not in the logs", "`plugins` of [[routes]]")],
            ),
            (
                &format!("{ROUTE}plugins = \"redact\"\n{plugins}on-fault = \"open\""),
                &[("6:12", "messages go on unredacted", "remove it")],
            ),
            (
                &format!("{ROUTE}plugins = \"redact\"\n{plugins}[logs]"),
                &[("6:1", "log records do not pass `redact`", "plugins = [\"redact\"]")],
            ),
            (
                &format!("{ROUTE}[sinks.x]\ntype = \"stderr\""),
                &[("3:8", "the sink `x` is not used", "`sinks` of [logs]")],
            ),
            (
                &format!("{ROUTE}[sources.stdin]"),
                &[("3:10", "the source `stdin` is not used", "`sources` of [logs]")],
            ),
            (
                &format!("{ROUTE}[admin]\nlisten = \"0.0.0.0:9901\""),
                &[("4:10", "can read the admin pages", "token = ")],
            ),
            (&format!("{ROUTE}[admin]\nlisten = \"0.0.0.0:9901\"\ntoken = \"env:TOKEN\""), &[]),
            (
                &format!("{ROUTE}[admin]\ntoken = \"hunter2\""),
                &[("4:9", "a secret stands in the file", "env:NAME")],
            ),
            (
                &format!("{ROUTE}[state]\nurl = \"redis://:hunter2@a\""),
                &[("4:7", "a secret stands in the file", "env:NAME")],
            ),
            (&format!("{ROUTE}[state]\nurl = \"redis://a\""), &[]),
            (
                &format!("{ROUTE}[server]\ntrusted-proxies = \"0.0.0.0/0\""),
                &[("4:19", "state any address", "name the proxies")],
            ),
            (
                &format!("{ROUTE}[server.tls]\ncertificate = \"c\"\nkey = \"k\""),
                &[("3:1", "no listener uses this certificate", "https://")],
            ),
        ];
        for (text, expected) in rows {
            let (_, warnings) = load(text).unwrap_or_else(|faults| panic!("{text}\n{faults}"));
            let shown: String = warnings.iter().map(|warning| warning.to_string()).collect();
            assert_eq!(warnings.len(), expected.len(), "{text}\n{shown}");
            for (warning, expected) in warnings.iter().zip(*expected) {
                assert!(!differs(warning, *expected), "{text}\n{shown}");
                assert!(shown.starts_with("warning: "), "{shown}");
                assert!(!shown.contains("hunter2"), "secrets are not shown: {shown}");
            }
        }
    }

    #[test]
    fn warnings_are_not_drawn_from_a_file_with_faults() {
        let faults =
            load("[plugins.x]\ncomponent = \"x\"\n[[routes]]\nupstream = \"ap\"\nplugin = \"x\"");
        let faults = faults.expect_err("two faults");
        assert_eq!((faults.faults().len(), faults.warnings().len()), (2, 0), "{faults}");
    }

    #[test]
    fn no_rendering_shows_a_secret() {
        let text = "[admin]\ntoken = \"hunter2\"\nlisten = 3\npassword = \"hunter2\"\n[state]\n\
                    url = \"redis://:hunter2@\"\n[plugins.x]\ncomponent = \"x\"\n\
                    config = { dsn = \"hunter2\", n = nan }\nallow-probe = [\"redis://a:hunter2@b:x\"]\n\
                    api_key = hunter2\n";
        let faults = load(text).expect_err("there are many");
        let json = serde_json::to_string(&faults).expect("plain data");
        for shown in [faults.to_string(), faults.styled().to_string(), json] {
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        let (config, _) = load(
            "[admin]\ntoken = \"env:TOKEN\"\n[state]\nurl = \"env:REDIS_URL\"\n[plugins.x]\n\
             component = \"x\"\nconfig = { dsn = \"env:TOKEN\" }\nallow-probe = \"env:REDIS_URL\"\n[logs]",
        )
        .unwrap_or_else(|faults| panic!("{faults}"));
        assert!(!format!("{config:?}").contains("hunter2"));
        assert_eq!(config.admin.token.as_ref().map(Secret::expose), Some("hunter2"));
        let url = config.state.url.expect("it is set").value;
        assert_eq!(url.password.as_ref().map(Secret::expose), Some("hunter2"));
        assert_eq!(config.plugins[0].settings.json()["dsn"], "hunter2");
    }

    #[test]
    fn the_examples_of_the_architecture_are_valid() {
        let config = config(concat!(
            "plugins.redact = { component = \"builtin:redact\", config = { rules = [\"email\", \"card\"] } }\n",
            "plugins.stamp = { component = \"stamp.wasm\", allow-http = [\"https://stamp.example\"], deadline = \"20ms\", on-fault = \"closed\" }\n",
            "routes = [{ path = \"/\", upstream = \"http://127.0.0.1:9000\", plugins = [\"redact\", \"stamp\"] }]\n",
            "logs = { sources = [\"app\"], plugins = [\"redact\"], sinks = [\"stdout\"] }\n",
        ));
        let redact = config.plugin("redact").expect("it is configured");
        assert_eq!(*redact.settings.json(), serde_json::json!({ "rules": ["email", "card"] }));
        let stamp = config.plugin("stamp").expect("it is configured");
        assert_eq!(stamp.component, Component::File("stamp.wasm".into()));
        assert_eq!(stamp.budget.deadline, Duration::from_millis(20));
        assert_eq!(stamp.on_fault.as_ref().map(|given| given.value), Some(OnFault::Closed));
        let fault = redact.settings.fault("/rules/1", "there is no rule `card`", None);
        assert_eq!(fault.origin().to_string(), "t.toml:1:79", "the line of the operator");
    }

    #[test]
    fn without_a_file_all_four_plugins_run() {
        let written = config(
            "[[routes]]\nupstream = \"http://127.0.0.1:9000\"\n\
             plugins = [\"timing\", \"health\", \"errors\", \"redact\"]\n\
             [plugins]\n\
             redact = { component = \"builtin:redact\", allow = \"metrics\" }\n\
             timing = { component = \"builtin:timing\", allow = \"metrics\" }\n\
             health = { component = \"builtin:health\", allow = [\"metrics\", \"state\"], allow-probe = \"http://127.0.0.1:9000\" }\n\
             errors = { component = \"builtin:errors\", allow = [\"metrics\", \"state\", \"errors\"] }\n\
             [logs]\nplugins = [\"redact\", \"errors\"]\n",
        );
        let server = "http://127.0.0.1:9000".parse().expect("an origin");
        assert_eq!(Config::for_upstream(&[server], &[], None), written);

        let listen = "0.0.0.0:80".parse().expect("an address");
        let config = Config::for_upstream(&[], &[listen], Some(AdminListen::Off));
        assert_eq!((config.routes.len(), config.upstreams.len(), config.plugins.len()), (0, 0, 4));
        assert_eq!(config.server.listen[0].value, listen);
        assert_eq!(config.server.listen[0].origin.to_string(), "--listen");
        assert_eq!(config.admin.listen.value.address(), None);
    }

    #[test]
    fn a_route_stands_above_its_upstream_and_the_server() {
        let config = config(
            "[server]\nlimits = { body = \"1 MiB\" }\ntimeouts = { total = \"1m\" }\n\
             [upstreams.app]\nservers = \"http://a\"\nhead-timeout = \"9s\"\n\
             [[routes]]\npath = \"/a\"\nupstream = \"app\"\n\
             [[routes]]\npath = \"/b\"\nupstream = \"app\"\nhead-timeout = \"2m\"\nbody-limit = \"off\"\ntotal-timeout = \"off\"\n\
             [[routes]]\npath = \"/c\"\nhost = \"A.Example\"\nupstream = \"http://a\"\nstream = true\nbody-limit = \"2 MiB\"\n\
             [[routes]]\nname = \"last\"\nupstream = \"http://a/\"\nbody-idle-timeout = \"off\"\n",
        );
        let settled: Vec<_> = config
            .routes
            .iter()
            .map(|route| {
                let seconds = |limit: Option<Duration>| limit.map(|limit| limit.as_secs());
                let times = (
                    seconds(route.head_timeout),
                    seconds(route.body_idle_timeout),
                    seconds(route.total_timeout),
                );
                (&*route.name, &*route.upstream, times, route.body_limit)
            })
            .collect();
        assert_eq!(
            settled,
            [
                ("/a", "app", (Some(9), Some(60), Some(60)), Some(ByteSize::mib(1))),
                ("/b", "app", (Some(120), Some(60), None), None),
                ("a.example/c", "a:80", (Some(30), None, Some(60)), Some(ByteSize::mib(2))),
                ("last", "a:80", (Some(30), None, Some(60)), Some(ByteSize::mib(1))),
            ]
        );
        let names: Vec<_> = config.upstreams.iter().map(|upstream| &*upstream.name).collect();
        assert_eq!(names, ["app", "a:80"], "routes to the same servers share an upstream");
        assert!(config.upstream("a:80").is_some() && config.upstream("b").is_none());
    }

    #[test]
    fn upstreams_in_routes_have_different_names() {
        let config = config(
            "[[routes]]\npath = \"/a\"\nupstream = [\"http://a\", \"http://b\"]\n\
             [[routes]]\npath = \"/b\"\nupstream = [\"http://a\", \"http://c\"]\n\
             [[routes]]\npath = \"/c\"\nupstream = \"https://a:80\"\n\
             [[routes]]\npath = \"/d\"\nupstream = \"http://[::1]\"\n",
        );
        let mut names: Vec<_> = config.upstreams.iter().map(|upstream| &*upstream.name).collect();
        assert_eq!(names.len(), 4);
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 4, "{names:?}");
    }

    #[test]
    fn files_are_found_beside_the_configuration() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &[u8]| {
            std::fs::write(folder.path().join(name), text).expect("a file")
        };
        write(
            "tamis.toml",
            b"[plugins.redact]\ncomponent = \"builtin:redact\"\nconfig = \"redact.toml\"\n\
            [plugins.x]\ncomponent = \"x.wasm\"\n[admin]\ntoken = \"file:token\"\n[logs]\n",
        );
        write("redact.toml", b"rules = [\n  \"email\",\n]\n");
        write("token", b"hunter2\r\n");
        let path = folder.path().join("tamis.toml");
        let (config, _) =
            Config::read(&path, &environment).unwrap_or_else(|faults| panic!("{faults}"));
        assert_eq!(config.admin.token.as_ref().map(Secret::expose), Some("hunter2"));
        assert_eq!(config.plugins[1].component, Component::File(folder.path().join("x.wasm")));
        let fault = config.plugins[0].settings.fault("/rules/0", "no such rule", None);
        assert!(fault.to_string().contains("redact.toml:2:3"), "{fault}");

        write("redact.toml", b"rules = [email]\nx = nan\n");
        write("token", b"\n");
        let faults = Config::read(&path, &environment).expect_err("three faults");
        let places: Vec<_> = faults
            .faults()
            .iter()
            .map(|fault| {
                let place = fault.origin().to_string();
                place.rsplit_once('/').map_or(place.clone(), |(_, place)| place.to_owned())
            })
            .collect();
        assert_eq!(places, ["redact.toml:1:10", "redact.toml:2:5", "tamis.toml:7:9"], "{faults}");

        write("tamis.toml", b"[server]\n# caf\xe9\n");
        let faults = Config::read(&path, &environment).expect_err("not UTF-8");
        assert!(faults.to_string().contains("the byte 0xE9 is not UTF-8"), "{faults}");
        assert!(faults.to_string().contains("tamis.toml:2:6"), "{faults}");

        let faults =
            Config::read(&folder.path().join("gone.toml"), &environment).expect_err("no file");
        assert!(faults.to_string().contains("tamis run --upstream"), "{faults}");
    }

    #[test]
    fn hostile_files_are_refused_quickly() {
        let long = |text: &str, times: usize| text.repeat(times);
        for text in [
            format!("{}x = 1", long("a.", 200_000)),
            format!("x = {}", long("[", 200_000)),
            format!("x = {}", long("{a=", 100_000)),
            long("a = 1\n", 20_000),
            format!("[plugins.x]\ncomponent = \"{}\"\n{}", long("x", 100_000), long("y", 100_000)),
            long("x", file::LARGEST + 1),
            (0..3000).map(|n| format!("[plugins.p{n}]\nmemory = 1\n")).collect(),
        ] {
            let faults = load(&text).expect_err("nothing of that is a configuration");
            assert!(!faults.faults().is_empty());
        }
    }

    /// What a file may say, by hand of a random choice.
    fn valid() -> impl Strategy<Value = (String, Expectation)> {
        let limits = (1_u64..1000, 1_u32..1000, prop::option::of(0_u64..1_000_000));
        let times = (1_u64..3_600_000, prop::option::of(1_u64..86_400_000));
        let routes = prop::collection::vec(("[a-z]{1,8}", any::<bool>(), 1_u16..9900), 1..5);
        (limits, times, routes, any::<bool>()).prop_map(|((head, headers, body), (grace, idle), routes, inline)| {
            let off = |value: Option<String>| value.map_or("\"off\"".to_owned(), |value| format!("\"{value}\""));
            let mut text = format!(
                "[server]\ngrace = \"{grace}ms\"\n[server.limits]\nhead = \"{head} KiB\"\nheaders = {headers}\nbody = {}\n",
                off(body.map(|body| format!("{body} B"))),
            );
            for (at, (path, stream, port)) in routes.iter().enumerate() {
                let server = format!("http://127.0.0.1:{port}");
                let upstream = if inline { server.clone() } else { format!("up-{at}") };
                let _ = write!(text, "[[routes]]\nname = \"r{at}\"\npath = \"=/{path}\"\nupstream = \"{upstream}\"\nstream = {stream}\n");
                if !inline {
                    let idle = off(idle.map(|idle| format!("{idle}ms")));
                    let _ = write!(text, "[upstreams.up-{at}]\nservers = [\"{server}\"]\nbody-idle-timeout = {idle}\n");
                }
            }
            let idle = if inline { Some(60_000) } else { idle };
            let routes = routes.into_iter().map(|(path, stream, port)| (format!("=/{path}"), port, if stream { None } else { idle })).collect();
            (text, Expectation { head: ByteSize::kib(head), headers, body: body.map(ByteSize), grace, routes })
        })
    }

    #[derive(Debug)]
    struct Expectation {
        head: ByteSize,
        headers: u32,
        body: Option<ByteSize>,
        grace: u64,
        routes: Vec<(String, u16, Option<u64>)>,
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_is_read((text, expected) in valid()) {
            let (config, _) = load(&text).unwrap_or_else(|faults| panic!("{text}\n{faults}"));
            let limits = &config.server.limits;
            prop_assert_eq!((limits.head, limits.headers, limits.body), (expected.head, expected.headers, expected.body));
            prop_assert_eq!(config.server.grace, Duration::from_millis(expected.grace));
            let routes: Vec<_> = config.routes.iter().map(|route| {
                let upstream = config.upstream(&route.upstream).expect("the file is valid");
                let idle = route.body_idle_timeout.map(|idle| idle.as_millis() as u64);
                (route.path.to_string(), upstream.servers[0].value.port, idle)
            }).collect();
            prop_assert_eq!(routes, expected.routes);
        }

        #[test]
        fn no_text_makes_it_panic(text: String) {
            if let Err(faults) = load(&text) {
                prop_assert!(!faults.styled().to_string().is_empty());
            }
        }

        #[test]
        fn no_damage_to_a_good_file_makes_it_panic(
            cuts in prop::collection::vec((any::<prop::sample::Index>(), 0..40_usize, "[\\[\\]{}=\",.#a-z0-9 \n\t\u{7f}é'-]{0,6}"), 1..6)
        ) {
            let mut text = SAMPLE.to_owned();
            for (at, length, insert) in cuts {
                let floor = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
                let start = floor(at.index(text.len() + 1));
                let range = start..floor(start + length);
                text.replace_range(range, &insert);
            }
            if let Err(faults) = load(&text) {
                for fault in faults.faults() {
                    prop_assert!((1..=text.lines().count() + 1).contains(&fault.origin().line()), "{}", fault);
                    prop_assert!(!fault.to_string().is_empty());
                }
                prop_assert!(serde_json::to_string(&faults).is_ok());
            }
        }
    }
}
