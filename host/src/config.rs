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
mod redact;
mod reference;
mod route;
mod sample;
mod server;
mod settings;
mod shared;
mod syntax;
#[cfg(test)]
mod trial;
mod upstream;
mod value;

use std::path::Path;

pub use fault::{Fault, Faults, Warning};
pub use logs::{
    FileSink, LineFormat, LogSource, LogSourceKind, Logs, Sink, SinkFormat, SinkKind, WhenFull,
};
pub use origin::{Given, Origin, Source};
pub use plugin::{Budget, Component, Grants, Isolation, OnFault, Plugin};
pub use reader::Environment;
use reader::Findings;
pub use redact::{OnCanary, Redact};
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
    /// What must never leave.
    pub redact: Redact,
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
        file::load(path, text, environment, &Overrides::default())
    }

    /// Reads the file at `path`, see [`Config::load`], with what the command line says instead.
    ///
    /// # Errors
    ///
    /// Every fault. That the file cannot be read, or is not UTF-8, is one.
    pub fn read(
        path: &Path,
        environment: &Environment<'_>,
        overrides: &Overrides,
    ) -> Result<(Self, Vec<Warning>), Faults> {
        file::load(path, &file::read(path)?, environment, overrides)
    }

    /// The configuration without a file: all built-in plugins on one route to these servers,
    /// and the application's log records redacted to standard output.
    ///
    /// Redaction stands last on the route, nearest the upstream, so that it sees responses
    /// first and the other plugins see what it left of them. No servers: no route, which is
    /// enough for logs.
    ///
    /// # Errors
    ///
    /// When the addresses contradict each other, such as a server that is tamis itself.
    pub fn for_upstream(
        servers: &[HttpOrigin],
        overrides: &Overrides,
    ) -> Result<(Self, Vec<Warning>), Faults> {
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
            plugin.grants.outbound = plugin.name == "errors";
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
        let mut config = Self {
            server: Server::default(),
            admin: Admin { errors: Some(Given::built_in(name("errors"))), ..Admin::default() },
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
            redact: Redact::default(),
        };
        overrides.apply(&mut config);
        let mut findings = Findings::default();
        check::addresses(&config, &mut findings);
        Ok((config, findings.conclude()?))
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

/// What the command line says instead of the file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--listen`, which stands for all listeners; none: those of the file.
    pub listen: Vec<Listen>,
    /// `--admin`.
    pub admin: Option<AdminListen>,
}

impl Overrides {
    fn apply(&self, config: &mut Config) {
        if !self.listen.is_empty() {
            let origin = Origin::argument("--listen");
            let given = |listen: &Listen| Given { value: *listen, origin: origin.clone() };
            config.server.listen = self.listen.iter().map(given).collect();
        }
        if let Some(admin) = self.admin {
            config.admin.listen = Given { value: admin, origin: Origin::argument("--admin") };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::trial::{check_faults, config, environment, load};
    use super::*;

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
             errors = { component = \"builtin:errors\", allow = [\"metrics\", \"state\", \"errors\"], allow-http = [] }\n\
             [logs]\nplugins = [\"redact\", \"errors\"]\n",
        );
        let server = "http://127.0.0.1:9000".parse().expect("an origin");
        let for_upstream = |servers: &[HttpOrigin], overrides: &Overrides| {
            let config = Config::for_upstream(servers, overrides);
            config.unwrap_or_else(|faults| panic!("{faults}")).0
        };
        assert_eq!(for_upstream(&[server], &Overrides::default()), written);

        let listen = "0.0.0.0:80".parse().expect("an address");
        let overrides = Overrides { listen: vec![listen], admin: Some(AdminListen::Off) };
        let config = for_upstream(&[], &overrides);
        assert_eq!((config.routes.len(), config.upstreams.len(), config.plugins.len()), (0, 0, 4));
        assert_eq!(config.server.listen[0].value, listen);
        assert_eq!(config.server.listen[0].origin.to_string(), "--listen");
        assert_eq!(config.admin.listen.value.address(), None);
    }

    #[test]
    fn arguments_are_checked_like_the_file() {
        let server: HttpOrigin = "http://127.0.0.1:8080".parse().expect("an origin");
        let faults = Config::for_upstream(&[server], &Overrides::default()).expect_err("a circle");
        assert!(faults.to_string().contains("--> --upstream\n"), "{faults}");
        assert!(faults.to_string().contains("tamis itself"), "{faults}");

        let overrides = Overrides {
            listen: vec!["https://0.0.0.0:9901".parse().expect("an address")],
            admin: Some("0.0.0.0:9901".parse().expect("an address")),
        };
        let faults = Config::for_upstream(&[], &overrides).expect_err("two faults");
        assert_eq!((faults.faults().len(), faults.warnings().len()), (2, 1), "{faults}");

        // An argument stands in for what would be wrong in the file, and the other way round.
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tamis.toml");
        std::fs::write(&path, "[[routes]]\nupstream = \"http://127.0.0.1:8080\"\n")
            .expect("a file");
        let overrides =
            Overrides { listen: vec!["127.0.0.1:80".parse().expect("an address")], admin: None };
        assert!(Config::read(&path, &environment, &Overrides::default()).is_err());
        let (config, _) = Config::read(&path, &environment, &overrides)
            .unwrap_or_else(|faults| panic!("{faults}"));
        assert_eq!(config.server.listen[0].value.address.port(), 80);
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
        let (config, _) = Config::read(&path, &environment, &Overrides::default())
            .unwrap_or_else(|faults| panic!("{faults}"));
        assert_eq!(config.admin.token.as_ref().map(Secret::expose), Some("hunter2"));
        assert_eq!(config.plugins[1].component, Component::File(folder.path().join("x.wasm")));
        let fault = config.plugins[0].settings.fault("/rules/0", "no such rule", None);
        assert!(fault.to_string().contains("redact.toml:2:3"), "{fault}");

        write("redact.toml", b"rules = [email]\nx = nan\n");
        write("token", b"\n");
        let faults =
            Config::read(&path, &environment, &Overrides::default()).expect_err("three faults");
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
        let faults =
            Config::read(&path, &environment, &Overrides::default()).expect_err("not UTF-8");
        assert!(faults.to_string().contains("the byte 0xE9 is not UTF-8"), "{faults}");
        assert!(faults.to_string().contains("tamis.toml:2:6"), "{faults}");

        let faults =
            Config::read(&folder.path().join("gone.toml"), &environment, &Overrides::default())
                .expect_err("no file");
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

    /// What a file may say, by hand of a random choice. The ports are below those that tamis
    /// itself listens on.
    fn valid() -> impl Strategy<Value = (String, Expectation)> {
        let limits = (1_u64..1000, 1_u32..1000, prop::option::of(0_u64..1_000_000));
        let times = (1_u64..3_600_000, prop::option::of(1_u64..86_400_000));
        let routes = prop::collection::vec(("[a-z]{1,8}", any::<bool>(), 1_u16..8000), 1..5);
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
