//! `tamis inspect`: what a component is, wants and needs, before it is let near any traffic.
//!
//! Nothing of the component runs but `describe`, which may call no import and has a deadline.
//! What it says of itself is shown as text from a stranger; what is said about it (imports,
//! exports, digest) is read off its bytes.

mod schema;

use std::path::PathBuf;

use serde::Serialize;
use serde_json::Value;

use super::page::Page;
use super::terminal::{
    BAD, COMMAND, DOUBTFUL, FAINT, GOOD, Printable, STRONG, WIDTH, aligned, shortened,
};
use super::{Failure, Terminal, cache_folder, or_stdin, with_runtime};
use crate::config::{ByteSize, Environment};
use crate::filter::Stance;
use crate::plugin::cache::Cache;
use crate::plugin::engine::{Capacity, Engine};
use crate::plugin::grant::{Grants, Verdict, interface};
use crate::plugin::hooks::CONTRACT;
use crate::plugin::load::{self, Compiled, LoadError, Origin};

const EXAMPLES: &str = "\
Examples:
  tamis inspect stamp.wasm               what is it, and what has to be granted?
  tamis inspect builtin:redact           one of those in the program
  tamis inspect --json stamp.wasm | jq .sha256

Status: 0 this host can load it, 1 it cannot, 2 wrong usage.";

/// The hosts that speak a contract for the first time.
const HOSTS: [(&str, &str); 1] = [("0.1", "0.1.0")];

/// The largest schema that an example is derived from, in bytes.
const LARGEST_SCHEMA: usize = 256 * 1024;

/// Shows what a component is, wants and needs.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The file of a component, or one that is built in, such as builtin:redact.
    component: String,

    /// Prints everything as one JSON document.
    #[arg(long)]
    json: bool,
}

/// What can be said about a component.
#[derive(Debug, Serialize)]
struct Sheet {
    /// Where it comes from.
    component: String,
    /// What it says of itself; nothing when it does not get as far as that.
    manifest: Option<Manifest>,
    /// The version of the contract that it was built for.
    contract: Option<String>,
    /// The first host that speaks this contract.
    lowest_host: Option<String>,
    size_bytes: usize,
    sha256: String,
    hooks: Vec<&'static str>,
    imports: Vec<Import>,
    /// The lines for its table in the configuration that give it what it needs.
    grants: Vec<String>,
    /// Exports that no host calls: left behind by the toolchain.
    noise: Vec<String>,
    /// Why this host cannot load it.
    problems: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Manifest {
    name: String,
    version: String,
    summary: String,
    stance: &'static str,
    config_schema: Option<Value>,
    metrics: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Import {
    name: String,
    /// `free`, `types`, `grant` or `refused`.
    kind: &'static str,
    /// The line that grants it, or why nobody may have it.
    note: Option<String>,
}

impl Arguments {
    pub(super) fn act(
        self,
        environment: &Environment<'_>,
        terminal: &mut Terminal<'_>,
    ) -> Result<u8, Failure> {
        let origin = match self.component.strip_prefix("builtin:") {
            Some(name) => Origin::Builtin(name.to_owned()),
            None => Origin::File(or_stdin(PathBuf::from(&self.component))),
        };
        // A folder for compiled code saves time; without one it works as well.
        let cache = cache_folder(environment)
            .and_then(|folder| Cache::at(&folder).ok())
            .unwrap_or_else(Cache::none);
        let engine = Engine::start(Capacity { instances: 4 })
            .map_err(|error| Failure::failed("no component can be looked at").because(error))?;
        let compiled = load::read(&engine, &cache, &origin, None).map_err(|error| match error {
            LoadError::Read(..) | LoadError::NoBuiltin { .. } => Failure::usage(error.to_string()),
            other => Failure::failed(format!("`{origin}` {other}")),
        })?;
        let sheet = with_runtime(async { Ok(Sheet::of(&engine, &compiled).await) })?;
        if self.json {
            let text = serde_json::to_string_pretty(&sheet).expect("plain data");
            terminal.out.print(format_args!("{text}\n"))?;
        } else {
            terminal.out.print(sheet.shown())?;
        }
        Ok(u8::from(!sheet.problems.is_empty()))
    }
}

impl Sheet {
    async fn of(engine: &Engine, compiled: &Compiled) -> Self {
        let imports = load::imports_of(engine, &compiled.component);
        let exports = load::exports_of(engine, &compiled.component);
        let (imports, grants) = needs(&imports);
        let mut problems: Vec<_> = imports
            .iter()
            .filter(|import| import.kind == "refused")
            .map(|import| {
                let why = import.note.as_deref().unwrap_or_default();
                format!("imports `{}`: {why}", import.name)
            })
            .collect();
        let mut sheet = Self {
            component: compiled.origin.to_string(),
            manifest: None,
            contract: contract(&exports, &imports),
            lowest_host: None,
            size_bytes: compiled.size,
            sha256: compiled.digest.clone(),
            hooks: Vec::new(),
            imports,
            grants,
            noise: noise(&exports),
            problems: Vec::new(),
        };
        sheet.lowest_host = sheet.contract.as_deref().and_then(first_host);
        // What it imports and may not have keeps it from starting; that was said already.
        if problems.is_empty() {
            match load::describe(engine, compiled).await {
                Ok((manifest, hooks)) => {
                    sheet.hooks = hooks.iter().map(|hook| hook.as_str()).collect();
                    sheet.manifest = Some(Manifest {
                        name: manifest.name,
                        version: manifest.version,
                        summary: manifest.summary,
                        stance: match manifest.stance {
                            Stance::Watcher => "watcher",
                            Stance::Guard => "guard",
                        },
                        // One that is no JSON is a text, so that nothing is lost.
                        config_schema: manifest.config_schema.map(|schema| {
                            serde_json::from_str(&schema).unwrap_or(Value::String(schema))
                        }),
                        metrics: manifest.metrics,
                    });
                }
                Err(error) => problems.push(error.to_string()),
            }
        }
        sheet.problems = problems;
        sheet
    }

    /// The name for its table in the configuration.
    fn table(&self) -> &str {
        let name = self.manifest.as_ref().map(|manifest| manifest.name.as_str());
        let is_name =
            |name: &&str| name.parse::<crate::config::Name>().is_ok_and(|parsed| *parsed == **name);
        name.filter(is_name).unwrap_or("NAME")
    }

    fn shown(&self) -> String {
        let mut page = Page::default();
        let title = match &self.manifest {
            Some(manifest) => {
                let name = Printable(&manifest.name).to_string();
                let version = Printable(&manifest.version).to_string();
                format!("{STRONG}{name} {version}{STRONG:#}")
            }
            None => format!("{STRONG}{}{STRONG:#}", Printable(&self.component)),
        };
        page.line(&title);
        if let Some(manifest) = &self.manifest {
            page.text(0, &Printable(&manifest.summary).to_string());
        }
        page.gap();
        self.facts(&mut page);
        self.what_it_imports(&mut page);
        self.configuration(&mut page);
        if let Some(metrics) =
            self.manifest.as_ref().map(|one| &one.metrics).filter(|all| !all.is_empty())
        {
            page.title("Metrics");
            for name in metrics {
                page.line(&format!("  {}", Printable(&shortened(name, WIDTH - 2))));
            }
        }
        if !self.noise.is_empty() {
            page.title("Left behind by its toolchain, and called by nobody");
            for name in &self.noise {
                page.line(&format!("  {FAINT}{}{FAINT:#}", Printable(&shortened(name, WIDTH - 2))));
            }
        }
        if !self.problems.is_empty() {
            page.gap();
            for problem in &self.problems {
                page.hanging(&format!("{BAD}cannot be loaded{BAD:#}"), "cannot be loaded", problem);
            }
        }
        page.into_text()
    }

    fn facts(&self, page: &mut Page) {
        let mut fact = |name: &str, value: String| page.fact(9, name, &value);
        if let Some(manifest) = &self.manifest {
            let meaning = match manifest.stance {
                "guard" => "guard: when it fails, the message is stopped",
                _ => "watcher: when it fails, the message goes on without it",
            };
            fact("stance", meaning.to_owned());
            fact("hooks", self.hooks.join(" "));
        }
        fact("component", Printable(&self.component).to_string());
        fact("size", ByteSize(self.size_bytes as u64).to_string());
        fact("sha256", self.sha256.clone());
        let contract = match (&self.contract, &self.lowest_host) {
            (Some(contract), Some(host)) => format!("{contract}, tamis {host} or later"),
            (Some(contract), None) => format!("{contract}; this host speaks {CONTRACT}"),
            (None, _) => "none: it exports nothing of tamis".to_owned(),
        };
        fact("contract", Printable(&contract).to_string());
    }

    fn what_it_imports(&self, page: &mut Page) {
        page.title("Imports");
        if self.imports.is_empty() {
            page.line("  none: it asks nothing of the host");
        }
        // Types are no permission, and there are many.
        let rows: Vec<_> = self
            .imports
            .iter()
            .filter(|import| import.kind != "types")
            .map(|import| {
                let (style, word) = match import.kind {
                    "grant" => (DOUBTFUL, "to be granted"),
                    "refused" => (BAD, "refused"),
                    _ => (GOOD, "free"),
                };
                let name = Printable(&shortened(&import.name, 60)).to_string();
                let mut row = vec![format!("  {name}"), format!("{style}{word}{style:#}")];
                row.extend(
                    import.note.as_deref().filter(|_| import.kind == "free").map(str::to_owned),
                );
                row
            })
            .collect();
        for line in aligned(&rows) {
            page.line(&line);
        }
        let types = self.imports.iter().filter(|import| import.kind == "types").count();
        if types > 0 {
            page.line(&format!(
                "  {FAINT}and {types} that hold types only or do nothing here{FAINT:#}"
            ));
        }
    }

    fn configuration(&self, page: &mut Page) {
        if !self.problems.is_empty() {
            return;
        }
        page.title("Configuration");
        let table = self.table();
        let component = toml::Value::String(self.component.clone()).to_string();
        page.line(&format!("  {COMMAND}[plugins.{table}]{COMMAND:#}"));
        page.line(&format!("  component = {component}"));
        if !self.component.starts_with("builtin:") {
            page.line(&format!("  sha256 = \"{}\"", self.sha256));
        }
        for line in &self.grants {
            page.line(&format!("  {line}"));
        }
        let Some(schema) = self.manifest.as_ref().and_then(|one| one.config_schema.as_ref()) else {
            return;
        };
        let text = schema.to_string();
        let example = (text.len() <= LARGEST_SCHEMA)
            .then(|| schema::example(schema, &format!("plugins.{table}.config")))
            .flatten();
        page.gap();
        match example {
            Some(lines) => {
                for line in lines {
                    let style = if line.starts_with('[') { COMMAND } else { FAINT };
                    let line = Printable(&line).to_string();
                    let styled = line.starts_with(['[', '#']);
                    page.line(&if styled {
                        format!("  {style}{line}{style:#}")
                    } else {
                        format!("  {line}")
                    });
                }
            }
            None => {
                page.line(&format!("  {FAINT}# `config` has to fit this JSON Schema:{FAINT:#}"));
                let shown = serde_json::to_string_pretty(schema).unwrap_or(text);
                for line in shown.lines().take(200) {
                    page.line(&format!("  {}", Printable(line)));
                }
            }
        }
    }
}

/// What stands between a component and each of its imports, and the lines that grant them all.
fn needs(names: &[String]) -> (Vec<Import>, Vec<String>) {
    let none = Grants::default();
    let imports = names.iter().map(|name| {
        let (kind, note) = match none.verdict(name, CONTRACT) {
            Verdict::Granted => ("free", free_note(name)),
            Verdict::Inert => ("types", None),
            Verdict::Foreign { why } => ("refused", Some(why)),
            Verdict::Missing { line } => ("grant", Some(line)),
        };
        Import { name: name.clone(), kind, note }
    });
    (imports.collect(), none.lines(names.iter().map(String::as_str), CONTRACT))
}

/// What is free and yet may need a line.
fn free_note(import: &str) -> Option<String> {
    let note = "upstreams; others by allow-probe = [\"tcp://HOST:PORT\"]";
    (interface(import) == Some("probe")).then(|| note.to_owned())
}

/// The highest version of the contract that it names.
fn contract(exports: &[String], imports: &[Import]) -> Option<String> {
    let imports = imports.iter().map(|import| &import.name);
    let versions = exports.iter().chain(imports).filter_map(|name| {
        interface(name)?;
        let (_, version) = name.split_once('@')?;
        let number = |part: &str| part.parse::<u64>().unwrap_or(0);
        let key: Vec<_> = version.split(['.', '-', '+']).map(number).collect();
        Some((key, version.to_owned()))
    });
    versions.max().map(|(_, version)| version)
}

fn first_host(contract: &str) -> Option<String> {
    let known = HOSTS.iter().find(|(minor, _)| {
        contract.strip_prefix(minor).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    });
    known.map(|(_, host)| (*host).to_owned())
}

/// Exports outside of the contract.
fn noise(exports: &[String]) -> Vec<String> {
    exports.iter().filter(|name| interface(name).is_none()).cloned().collect()
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;

    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn sheet() -> Sheet {
        let (imports, grants) = needs(&names(&[
            "tamis:plugin/types@0.1.0",
            "tamis:plugin/log@0.1.0",
            "tamis:plugin/probe@0.1.0",
            "tamis:plugin/metrics@0.1.0",
            "tamis:plugin/state@0.1.0",
            "tamis:plugin/outbound-http@0.1.0",
        ]));
        let exports = names(&["tamis:plugin/lifecycle@0.1.0", "cabi_realloc"]);
        Sheet {
            component: "stamp.wasm".to_owned(),
            manifest: Some(Manifest {
                name: "stamp".to_owned(),
                version: "1.2.3".to_owned(),
                summary: "Stamps responses.\u{1b}[2J".to_owned(),
                stance: "watcher",
                config_schema: Some(serde_json::json!({
                    "type": "object",
                    "properties": { "header": { "type": "string", "default": "x-stamp" } },
                })),
                metrics: names(&["stamps_total"]),
            }),
            contract: contract(&exports, &imports),
            lowest_host: first_host("0.1.0"),
            size_bytes: 24_000,
            sha256: "ab".repeat(32),
            hooks: vec!["on-response"],
            imports,
            grants,
            noise: noise(&exports),
            problems: Vec::new(),
        }
    }

    #[test]
    fn one_line_gives_all_that_has_to_be_granted() {
        let sheet = sheet();
        assert_eq!(
            sheet.grants,
            ["allow = [\"metrics\", \"state\"]", "allow-http = [\"https://HOST\"]"]
        );
        let kinds: Vec<_> = sheet.imports.iter().map(|import| import.kind).collect();
        assert_eq!(kinds, ["types", "free", "free", "grant", "grant", "grant"]);
    }

    #[test]
    fn the_page_shows_what_an_operator_has_to_know() {
        let page = strip_str(&sheet().shown()).to_string();
        for fragment in [
            "stamp 1.2.3\n",
            "Stamps responses.\\u{1b}[2J\n",
            "  stance     watcher: when it fails, the message goes on without it\n",
            "  hooks      on-response\n",
            "  contract   0.1.0, tamis 0.1.0 or later\n",
            "  tamis:plugin/metrics@0.1.0        to be granted\n",
            "  and 1 that hold types only",
            "  [plugins.stamp]\n  component = \"stamp.wasm\"\n  sha256 = \"abab",
            "  allow = [\"metrics\", \"state\"]\n",
            "  [plugins.stamp.config]\n  #header = \"x-stamp\"\n",
            "  stamps_total\n",
            "  cabi_realloc\n",
        ] {
            assert!(page.contains(fragment), "{fragment:?} in\n{page}");
        }
        assert!(page.lines().all(|line| line.chars().count() <= WIDTH), "{page}");
    }

    #[test]
    fn the_configuration_that_is_shown_is_one() {
        let page = strip_str(&sheet().shown()).to_string();
        let from = page.find("  [plugins").expect("shown");
        let to = page.find("\nMetrics").expect("shown");
        let text: String =
            page[from..to].lines().map(|line| line.trim().to_owned() + "\n").collect();
        let text = text.replace("\"https://HOST\"", "\"https://host.example\"") + "[logs]\n";
        let read = crate::config::Config::load("t.toml".as_ref(), &text, &|_| None);
        let (config, _) = read.unwrap_or_else(|faults| panic!("{text}\n{faults}"));
        assert!(config.plugins[0].grants.state && config.plugins[0].grants.metrics);
    }

    #[test]
    fn what_cannot_be_loaded_says_why() {
        let (imports, _) = needs(&names(&["wasi:sockets/tcp@0.2.0", "tamis:plugin/log@0.9.0"]));
        let kinds: Vec<_> = imports.iter().map(|import| import.kind).collect();
        assert_eq!(kinds, ["refused", "refused"]);
        let sheet = Sheet {
            manifest: None,
            problems: vec!["imports `wasi:sockets/tcp@0.2.0`: plugins have no sockets".to_owned()],
            contract: Some("0.9.0".to_owned()),
            lowest_host: first_host("0.9.0"),
            ..sheet()
        };
        let page = strip_str(&sheet.shown()).to_string();
        assert!(page.starts_with("stamp.wasm\n"), "{page}");
        assert!(page.contains("contract   0.9.0; this host speaks"), "{page}");
        assert!(page.ends_with("plugins have no sockets\n"), "{page}");
        assert!(!page.contains("[plugins."), "no line would help: {page}");
    }

    #[test]
    fn the_highest_version_named_is_the_one_that_counts() {
        let exports = names(&["tamis:plugin/lifecycle@0.1.2", "tamis:plugin/ticker@0.1.10", "x"]);
        assert_eq!(contract(&exports, &[]).as_deref(), Some("0.1.10"));
        assert_eq!(contract(&names(&["wasi:cli/run@0.2.0"]), &[]), None);
        assert_eq!(first_host("0.1.10").as_deref(), Some("0.1.0"));
        assert_eq!(first_host("0.10.0"), None, "not the same as 0.1");
    }
}
