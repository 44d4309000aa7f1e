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
