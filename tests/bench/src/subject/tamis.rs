//! tamis with some of its standard plugins: the configuration file for each shape of it.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::{Setup, Workshop};

/// How tamis is set up.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    plugins: &'static [&'static str],
    record: bool,
    fresh: bool,
    redacting: bool,
}

impl Shape {
    /// No plugin, no access record.
    pub const NONE: Self = Self::of(&[]);
    /// The four standard plugins, in the order of the sample configuration.
    pub const FOUR: Self = Self::of(&["timing", "health", "errors", "redact"]);
    /// `timing` alone.
    pub const TIMING: Self = Self::of(&["timing"]);
    /// `health` alone.
    pub const HEALTH: Self = Self::of(&["health"]);
    /// `errors` alone.
    pub const ERRORS: Self = Self::of(&["errors"]);
    /// `redact` alone.
    pub const REDACT: Self = Self::of(&["redact"]);

    const fn of(plugins: &'static [&'static str]) -> Self {
        Self { plugins, record: false, fresh: false, redacting: false }
    }

    /// The same with one record per exchange, as JSON to a file.
    pub const fn recording(self) -> Self {
        Self { record: true, ..self }
    }

    /// The same with a fresh instance of each plugin per exchange.
    pub const fn fresh(self) -> Self {
        Self { fresh: true, ..self }
    }

    /// The same with redaction of answers.
    pub const fn redacting(self) -> Self {
        Self { redacting: true, ..self }
    }

    /// Whether answers are redacted.
    pub fn redacts_answers(self) -> bool {
        self.redacting
    }

    /// Whether answers say how long they took.
    pub fn times(self) -> bool {
        self.plugins.contains(&"timing")
    }
}

/// What each plugin is granted.
fn grants(plugin: &str) -> &'static str {
    match plugin {
        "health" => r#"["metrics", "state"]"#,
        "errors" => r#"["metrics", "state", "errors"]"#,
        _ => r#"["metrics"]"#,
    }
}

fn quoted(names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("\"{name}\"")).collect();
    format!("[{}]", names.join(", "))
}

pub(super) fn configuration(shape: Shape, address: SocketAddr, upstream: SocketAddr) -> String {
    let Shape { plugins, record, fresh, redacting } = shape;
    let mut text = format!(
        "[[routes]]\nupstream = \"http://{upstream}\"\nplugins = {}\n\n[server]\nlisten = \
         \"{address}\"\nworkers = 1\n\n[server.limits]\nrequests-per-connection = 1000000000\n\n\
         [admin]\nlisten = \"127.0.0.1:0\"\n\n",
        quoted(plugins)
    );
    let logs: Vec<_> =
        ["redact", "errors"].into_iter().filter(|name| plugins.contains(name)).collect();
    let _ = writeln!(
        text,
        "[logs]\nsources = []\nplugins = {}\naccess = {record}\n\n[sinks.stdout]\ntype = \
         \"stdout\"\nformat = \"json\"\n",
        quoted(&logs)
    );
    for plugin in plugins {
        let _ = write!(
            text,
            "[plugins.{plugin}]\ncomponent = \"builtin:{plugin}\"\nallow = {}\n",
            grants(plugin)
        );
        if *plugin == "errors" {
            // It asks for somewhere to send to; nothing fails here, so nothing is sent.
            text.push_str("allow-http = [\"http://127.0.0.1:9\"]\n");
        }
        if fresh {
            text.push_str("isolation = \"exchange\"\n");
        }
        if *plugin == "redact" {
            let _ = writeln!(text, "config = {{ responses = {redacting} }}");
        }
        text.push('\n');
    }
    text
}

pub(super) fn set_up(
    folder: &Path,
    workshop: &Workshop,
    address: SocketAddr,
    shape: Shape,
) -> io::Result<Setup> {
    let file = folder.join("tamis.toml");
    std::fs::write(&file, configuration(shape, address, workshop.upstream))?;
    let mut command = Command::new(&workshop.tamis);
    command.arg("run").arg("-c").arg(&file);
    let output = folder.join("stdout.log");
    let log = shape.record.then(|| output.clone());
    Ok(Setup { command, output: Some(output), log })
}
