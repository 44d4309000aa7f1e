//! `tamis.toml`, from its text to a [`Config`].
//!
//! The order: parse, going on after errors; walk every section; look up what sections say about
//! each other; explain unknown keys; and only then decide. A line that does not parse hides what
//! it says, so when there are such lines, faults that may follow from them are not told.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use toml::de::DeTable;

use super::check;
use super::fault::{Fault, Faults, Warning};
use super::keys::likely;
use super::logs::{self, LogSource, Logs, Sink};
use super::origin::{Given, Origin, Source};
use super::plugin::{BUILT_IN, Plugin};
use super::reader::{Environment, Findings, Reader, Table};
use super::redact::Redact;
use super::route::{self, Target};
use super::server::Server;
use super::shared::{Admin, Metrics, State};
use super::syntax;
use super::upstream::Upstream;
use super::value::{HttpOrigin, Name};
use super::{Config, Overrides};

/// The largest file that is read, in bytes.
pub(super) const LARGEST: usize = 4 << 20;

/// One table of each kind, so that a walk asks for every key there is.
const SHAPE: &str = "
routes = [{}]
upstreams.x = { keep-alive = {}, ejection = {}, check = {} }
plugins.x = {}
sources.x = {}
sinks.x = { type = 'file' }
server.tls = {}
";

/// See [`Config::load`] and [`Config::read`].
pub(super) fn load(
    path: &Path,
    text: &str,
    environment: &Environment<'_>,
    overrides: &Overrides,
) -> Result<(Config, Vec<Warning>), Faults> {
    let label = path.display().to_string();
    if text.len() > LARGEST {
        let fault = Fault::new(&Origin::argument(&label), "the file is larger than 4 MiB");
        let fault = fault.remedy("name the configuration, which is a TOML file of some pages");
        return Err(Faults::new(vec![fault], Vec::new()));
    }
    let source = Source::file(label, text);
    let (document, errors) = DeTable::parse_recoverable(source.text());
    // Standard input lies in no folder: what it names is looked for where tamis was started.
    let folder = path.parent().filter(|_| path != Path::new("/dev/stdin"));
    let directory = folder.unwrap_or(Path::new("")).to_owned();
    let reader = Reader::new(&source, directory, environment);
    let config = walk(&reader, document.get_ref(), overrides);
    let mut findings = reader.into_findings();
    explain_unknown(&mut findings);
    let syntax = syntax::faults(&source, &errors);
    if !syntax.is_empty() {
        let lines: BTreeSet<usize> = syntax.iter().map(|fault| fault.origin().line()).collect();
        let hidden = |at: &Origin| Arc::ptr_eq(at.source(), &source) && lines.contains(&at.line());
        findings.faults.retain(|fault| !fault.is_consequence() && !hidden(fault.origin()));
        findings.faults.extend(syntax);
    }
    Ok((config, findings.conclude()?))
}

/// Makes faults of the unknown keys.
fn explain_unknown(findings: &mut Findings) {
    let unknown = std::mem::take(&mut findings.unknown);
    if unknown.is_empty() {
        return;
    }
    findings.faults.retain(|fault| match fault.what_is_missing() {
        Some((table, key)) => !unknown.iter().any(|unknown| unknown.stands_for(table, key)),
        None => true,
    });
    let known = known();
    findings.faults.extend(unknown.iter().map(|unknown| unknown.fault(&known)));
}

/// The text of the file at `path`, or the one fault that there is none.
pub(super) fn read(path: &Path) -> Result<String, Faults> {
    let label = path.display().to_string();
    let refuse = |origin: &Origin, problem: String, remedy: &str| {
        Err(Faults::new(vec![Fault::new(origin, problem).remedy(remedy)], Vec::new()))
    };
    let bytes = match File::open(path).and_then(|file| {
        let mut bytes = Vec::new();
        // One byte more shows that there is more.
        file.take(LARGEST as u64 + 1).read_to_end(&mut bytes).map(|_| bytes)
    }) {
        Ok(bytes) => bytes,
        Err(error) => {
            let remedy = "name a file with `-c`, or go without one: tamis run --upstream http://127.0.0.1:9000";
            return refuse(
                &Origin::argument(&label),
                format!("the configuration cannot be read: {error}"),
                remedy,
            );
        }
    };
    String::from_utf8(bytes).or_else(|error| {
        let valid = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        // The line up to the byte that is wrong is enough to find it.
        let text = String::from_utf8_lossy(&bytes[..valid]).into_owned() + "\u{fffd}";
        let origin = Origin::new(&Source::file(label, text), valid..valid + 3);
        let problem = format!("the byte 0x{:02X} is not UTF-8", bytes[valid]);
        refuse(&origin, problem, "save the file as UTF-8")
    })
}

/// All keys there are, as patterns: `plugins.*.memory`.
pub(super) fn known() -> BTreeSet<String> {
    let nothing = |_: &str| None;
    let source = Source::file("", SHAPE);
    let (document, _) = DeTable::parse_recoverable(source.text());
    let reader = Reader::new(&source, "".into(), &nothing);
    walk(&reader, document.get_ref(), &Overrides::default());
    reader.into_findings().known
}

/// Reads every section. What is missing or wrong is reported, and something is put in its
/// place, so that the rest can be looked at.
pub(super) fn walk<'a>(
    reader: &'a Reader<'a>,
    document: &'a DeTable<'a>,
    overrides: &Overrides,
) -> Config {
    let mut root = reader.root(document);
    let server = Server::read(root.table("server"));
    let admin = Admin::read(root.table("admin"));
    let state = State::read(root.table("state"));
    let metrics = Metrics::read(root.table("metrics"));
    let redact = Redact::read(root.table("redact"));
    let (upstream_names, tables) = root.named("upstreams");
    let upstreams = tables.into_iter().map(|(name, table)| Upstream::read(&name, table)).collect();
    let (plugin_names, tables) = root.named("plugins");
    let plugins = tables.into_iter().map(|(name, table)| Plugin::read(name, table)).collect();
    let written = root.tables("routes").into_iter().map(route::Written::read).collect();
    let has_logs = root.has("logs");
    let logs = logs::Written::read(root.table("logs"));
    let sources = Named::read(&mut root, "sources", LogSource::read);
    let sinks = Named::read(&mut root, "sinks", Sink::read);
    root.finish();

    let logs = Logs {
        sources: sources.resolve(&logs.sources, LogSource::predefined, reader),
        sinks: sinks.resolve(&logs.sinks, Sink::predefined, reader),
        ..logs.logs
    };
    let routes = Vec::new();
    let mut config =
        Config { server, admin, upstreams, routes, plugins, logs, state, metrics, redact };
    settle_routes(&mut config, written, &upstream_names, reader);
    find_plugins(&mut config, &plugin_names, reader);
    overrides.apply(&mut config);
    check::check(&config, has_logs, &mut reader.findings());
    config
}

/// Gives every route its upstream.
fn settle_routes(
    config: &mut Config,
    routes: Vec<route::Written>,
    names: &[Given<Name>],
    reader: &Reader<'_>,
) {
    for mut route in routes {
        let upstream = match route.upstream.take() {
            Some(Target::Named(name)) => named_upstream(config, &name, names, reader),
            Some(Target::Servers(servers, origin)) => written_upstream(config, servers, origin),
            // Reported when it was read.
            None => Upstream::new("", Vec::new(), route.origin.clone()),
        };
        let route = route.settle(&upstream, &config.server.limits, &config.server.timeouts);
        config.routes.push(route);
    }
}

/// The upstream of this name, or a stand-in for it.
fn named_upstream(
    config: &Config,
    name: &Given<Name>,
    names: &[Given<Name>],
    reader: &Reader<'_>,
) -> Upstream {
    let found = config.upstreams.iter().find(|upstream| *upstream.name == *name.value);
    // One that is there and could not be read has a fault of its own.
    if found.is_none() && !names.iter().any(|known| known.value == name.value) {
        let heading = format!("[upstreams.{}]", name.value);
        let example = format!("servers = [\"http://127.0.0.1:9000\"]\nunder {heading}");
        undefined(name, "upstream", names, &[], &example, reader);
    }
    let stand_in = || Upstream::new(name.value.as_str(), Vec::new(), name.origin.clone());
    found.cloned().unwrap_or_else(stand_in)
}

/// The upstream of a URL in a route. Routes to the same servers share it, and with it their
/// connections and what is known of the servers.
fn written_upstream(
    config: &mut Config,
    servers: Vec<Given<HttpOrigin>>,
    origin: Origin,
) -> Upstream {
    let written = || config.upstreams.iter().filter(|upstream| !upstream.is_named());
    if let Some(upstream) = written().find(|upstream| upstream.servers == servers) {
        return upstream.clone();
    }
    let name = Upstream::name_of(&servers);
    // The same first server, and others behind it.
    let name = match written().filter(|upstream| upstream.name.starts_with(&name)).count() {
        0 => name,
        count => format!("{name}/{}", count + 1),
    };
    let upstream = Upstream::new(name, servers, origin);
    config.upstreams.push(upstream.clone());
    upstream
}

/// Looks up the names of plugins that stand in routes, logs and the admin pages.
fn find_plugins(config: &mut Config, names: &[Given<Name>], reader: &Reader<'_>) {
    let in_routes = config.routes.iter().flat_map(|route| &route.plugins);
    for name in in_routes.chain(&config.logs.plugins).chain(&config.admin.errors) {
        if !names.iter().any(|known| known.value == name.value) {
            let component = match BUILT_IN.contains(&name.value.as_str()) {
                true => format!("builtin:{}", name.value),
                false => format!("{}.wasm", name.value),
            };
            let example = format!("component = \"{component}\"\nunder [plugins.{}]", name.value);
            undefined(name, "plugin", names, &[], &example, reader);
        }
    }
    if config.admin.errors.is_none() {
        let errors = config.plugins.iter().find(|plugin| plugin.name == "errors");
        config.admin.errors = errors.map(|plugin| Given::built_in(plugin.name.clone()));
    }
}

/// Sources or sinks that are written down.
struct Named<T> {
    kind: &'static str,
    names: Vec<Given<Name>>,
    items: Vec<(Name, T)>,
}

impl<T: Clone> Named<T> {
    fn read<'a>(
        root: &mut Table<'a>,
        kind: &'static str,
        read: impl Fn(Name, Table<'a>) -> T,
    ) -> Self {
        let (names, tables) = root.named(kind);
        let item = |(name, table): (Name, Table<'a>)| (name.clone(), read(name, table));
        Self { kind, names, items: tables.into_iter().map(item).collect() }
    }

    /// Those that `[logs]` names, in its order.
    fn resolve(
        &self,
        used: &[Given<Name>],
        predefined: impl Fn(&Given<Name>) -> Option<T>,
        reader: &Reader<'_>,
    ) -> Vec<T> {
        let kind = self.kind.trim_end_matches('s');
        let given =
            |names: &[Given<Name>], name: &Name| names.iter().any(|known| known.value == *name);
        for name in self.names.iter().filter(|name| !given(used, &name.value)) {
            let fault =
                Fault::new(&name.origin, format!("the {kind} `{}` is not used", name.value));
            let remedy = format!("write it into `{}` of [logs], or remove it", self.kind);
            reader.warn(fault.consequence().remedy(remedy));
        }
        let resolve = |name: &Given<Name>| {
            if let Some((_, item)) = self.items.iter().find(|(known, _)| *known == name.value) {
                return Some(item.clone());
            }
            if given(&self.names, &name.value) {
                return None;
            }
            let found = predefined(name);
            if found.is_none() {
                let built_in: &[&str] =
                    if kind == "sink" { &["stdout", "stderr"] } else { &["app", "stdin"] };
                let example = match kind {
                    "sink" => format!(
                        "type = \"file\" and path = \"{}.log\"\nunder [sinks.{0}]",
                        name.value
                    ),
                    _ => format!("type = \"app\"\nunder [sources.{}]", name.value),
                };
                undefined(name, kind, &self.names, built_in, &example, reader);
            }
            found
        };
        used.iter().filter_map(resolve).collect()
    }
}

/// Reports a name that nothing has.
fn undefined(
    name: &Given<Name>,
    kind: &str,
    names: &[Given<Name>],
    built_in: &[&'static str],
    example: &str,
    reader: &Reader<'_>,
) {
    let known = || names.iter().map(|name| name.value.as_str()).chain(built_in.iter().copied());
    let likely = likely(&name.value, known());
    let all: Vec<String> = known().map(|known| format!("\"{known}\"")).collect();
    let remedy = match likely {
        Some(likely) => format!("write \"{likely}\""),
        None if all.is_empty() || all.len() > 10 => format!("write {example}"),
        None => format!("there is {}; for a new one write {example}", all.join(", ")),
    };
    let fault = Fault::new(&name.origin, format!("there is no {kind} `{}`", name.value));
    reader.report(fault.remedy(remedy).consequence());
}
