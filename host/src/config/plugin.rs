//! `[plugins.NAME]`: a component, what it is configured with, and what it may.
//!
//! Nothing is granted that is not written here, to the built-in plugins neither. The default
//! budgets leave a well-behaved plugin a hundred times what it needs and still stop a bad one
//! before a user would notice.

use std::path::PathBuf;
use std::time::Duration;

use super::excerpt::quoted;
use super::keys::likely;
use super::origin::{Given, Origin};
use super::reader::{Table, Value};
use super::server::seconds;
use super::settings::Settings;
use super::value::{ByteSize, HttpOrigin, Mistake, Name, PathGlob, ServiceUrl};

/// The components that come with tamis.
pub(super) const BUILT_IN: [&str; 4] = ["redact", "timing", "health", "errors"];

/// A component with its configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Plugin {
    /// The operator's name for it.
    pub name: Name,
    /// The code.
    pub component: Component,
    /// What the file has to hash to; nothing: anything.
    pub sha256: Option<[u8; 32]>,
    /// What it is configured with.
    pub settings: Settings,
    /// What it may.
    pub grants: Grants,
    /// What it may use up.
    pub budget: Budget,
    /// What happens to a message when it fails; nothing: what its stance says.
    pub on_fault: Option<Given<OnFault>>,
    /// How long an instance lives. Default: as long as its worker.
    pub isolation: Isolation,
    /// The paths it acts on, within those it asks for; none: all of those.
    pub paths: Vec<PathGlob>,
    /// Where it is configured.
    pub origin: Origin,
}

/// Where the code of a plugin is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Component {
    /// In this binary, under this name.
    BuiltIn(Name),
    /// In this file.
    File(PathBuf),
}

/// What a plugin may ask of the host, beside what all may.
#[derive(Clone, Debug, PartialEq)]
pub struct Grants {
    /// To publish metrics.
    pub metrics: bool,
    /// To keep state.
    pub state: bool,
    /// To report errors.
    pub errors: bool,
    /// To have the interface for sending HTTP at all: `allow-http` is written, if only as `[]`.
    pub outbound: bool,
    /// To send HTTP to these origins.
    pub http: Vec<Given<HttpOrigin>>,
    /// To probe these services.
    pub probe: Vec<Given<ServiceUrl>>,
    /// Where a missing one would be added.
    pub origin: Origin,
}

impl Grants {
    /// None at all.
    pub fn none(origin: &Origin) -> Self {
        let (http, probe, origin) = (Vec::new(), Vec::new(), origin.clone());
        Self { metrics: false, state: false, errors: false, outbound: false, http, probe, origin }
    }
}

/// What a plugin may use up in one call.
#[derive(Clone, Debug, PartialEq)]
pub struct Budget {
    /// Time for a hook on a head, a log batch or the end of an exchange, 100 µs to 10 s.
    /// Default: 10 ms.
    pub deadline: Duration,
    /// Time for a hook on a piece of a body, 100 µs to 10 s. Default: 10 ms.
    pub body_deadline: Duration,
    /// Time for a hook of the background instance, waiting included, 1 ms to 5 min.
    /// Default: 5 s.
    pub background_deadline: Duration,
    /// Memory of one instance, 1 MiB to 1 GiB. Default: 16 MiB; a larger one lengthens the
    /// longest pause that a hostile plugin can cause.
    pub memory: ByteSize,
    /// Calls of host functions, 1 to 10 million. Default: 10000.
    pub host_calls: u32,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            deadline: Duration::from_millis(10),
            body_deadline: Duration::from_millis(10),
            background_deadline: seconds(5),
            memory: ByteSize::mib(16),
            host_calls: 10_000,
        }
    }
}

/// What happens to a message when a plugin fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFault {
    /// It goes on without the plugin.
    Open,
    /// It is stopped: 500 or 502, or the record is dropped.
    Closed,
}

/// How long an instance lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// It serves one exchange after the other.
    Worker,
    /// It serves one exchange and is thrown away.
    Exchange,
}

impl Plugin {
    /// A plugin with every default.
    pub fn new(name: Name, component: Component, origin: Origin) -> Self {
        Self {
            name,
            component,
            sha256: None,
            settings: Settings::none(&origin),
            grants: Grants::none(&origin),
            budget: Budget::default(),
            on_fault: None,
            isolation: Isolation::Worker,
            paths: Vec::new(),
            origin,
        }
    }

    /// Whether it is the built-in plugin of this name.
    pub(super) fn is_built_in(&self, name: &str) -> bool {
        matches!(&self.component, Component::BuiltIn(own) if *own == *name)
    }

    pub(super) fn read(name: Name, mut table: Table<'_>) -> Self {
        let example = match BUILT_IN.contains(&name.as_str()) {
            true => format!("\"builtin:{name}\""),
            false => format!("\"{name}.wasm\", the path of a component"),
        };
        let component = table.need("component", &example, Component::read);
        // Without a component the file is refused, after the rest of it was looked at.
        let component = component.unwrap_or_else(|| Component::File(PathBuf::new()));
        let built_in = matches!(component, Component::BuiltIn(_));
        let default = Self::new(name, component, table.origin());
        let hook = Duration::from_micros(100)..=seconds(10);
        let budget = Budget {
            deadline: table.or("deadline", default.budget.deadline, |v| v.span(hook.clone())),
            body_deadline: table
                .or("body-deadline", default.budget.body_deadline, |v| v.span(hook)),
            background_deadline: table.or(
                "background-deadline",
                default.budget.background_deadline,
                |v| v.span(Duration::from_millis(1)..=seconds(300)),
            ),
            memory: table.or("memory", default.budget.memory, |v| {
                v.size(ByteSize::mib(1)..=ByteSize::mib(1024))
            }),
            host_calls: table
                .or("host-calls", default.budget.host_calls, |v| v.count(1..=10_000_000)),
        };
        let isolation = &[("worker", Isolation::Worker), ("exchange", Isolation::Exchange)];
        let paths = table.list("paths", |v| v.parse("a path", "\"/api/*\""));
        let plugin = Self {
            sha256: table.maybe("sha256", |value| {
                let hash =
                    value.parse_with("a hash", "the 64 hex digits of `sha256sum`", sha256)?;
                let mistake =
                    Mistake::new("a built-in component is part of tamis itself", "remove `sha256`");
                if built_in { value.refuse(mistake) } else { Some(hash) }
            }),
            settings: table.maybe("config", Value::settings).unwrap_or(default.settings),
            grants: Grants::read(&mut table),
            budget,
            on_fault: table.maybe("on-fault", |value| {
                let choice =
                    value.choice(&[("open", OnFault::Open), ("closed", OnFault::Closed)])?;
                Some(Given { value: choice, origin: value.origin() })
            }),
            isolation: table.or("isolation", default.isolation, |v| v.choice(isolation)),
            paths: paths.unwrap_or_default().into_iter().map(|given| given.value).collect(),
            ..default
        };
        table.finish();
        plugin
    }
}

impl Component {
    fn read(value: &Value<'_>) -> Option<Self> {
        let example = "\"builtin:redact\", or the path of a component: \"stamp.wasm\"";
        let text = value.text("a component", example)?;
        let Some(name) = text.strip_prefix("builtin:") else {
            return match text {
                _ if BUILT_IN.contains(&text) => value.refuse(Mistake::new(
                    format!("{} is neither a file nor marked as built in", quoted(text)),
                    format!("write \"builtin:{text}\", or \"./{text}\" for a file of this name"),
                )),
                _ if text.contains("://") => value.refuse(Mistake::new(
                    "components are not downloaded",
                    "fetch the file, write its path, and its hash as `sha256`",
                )),
                _ => value.path(example).map(Self::File),
            };
        };
        if BUILT_IN.contains(&name) {
            return value.parse_with("a name", example, |_| name.parse()).map(Self::BuiltIn);
        }
        let known = BUILT_IN.map(|name| format!("\"builtin:{name}\"")).join(" ");
        value.refuse(Mistake::new(
            format!("there is no built-in component {}", quoted(name)),
            match likely(name, BUILT_IN) {
                Some(likely) => format!("write \"builtin:{likely}\"; there are {known}"),
                None => format!("there are {known}; a file is written as its path"),
            },
        ))
    }
}

impl Grants {
    fn read(table: &mut Table<'_>) -> Self {
        let allow = table.list("allow", Grant::read);
        let origin = table.origin();
        let allow: Vec<Grant> =
            allow.unwrap_or_default().into_iter().map(|given| given.value).collect();
        let has = |grant| allow.contains(&grant);
        let http = table.list("allow-http", |v| v.parse("an origin", "\"https://api.example\""));
        Self {
            metrics: has(Grant::Metrics),
            state: has(Grant::State),
            errors: has(Grant::Errors),
            outbound: http.is_some(),
            http: http.unwrap_or_default(),
            probe: table.list("allow-probe", Value::service).unwrap_or_default(),
            origin,
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Grant {
    Metrics,
    State,
    Errors,
}

impl Grant {
    fn read(value: &Value<'_>) -> Option<Self> {
        let remedy = match value.text("a grant", "\"metrics\", \"state\" or \"errors\"")? {
            "log" | "clock" | "random" | "exchange" => "remove it: every plugin has it",
            "http" | "outbound-http" | "network" => "write allow-http = [\"https://api.example\"]",
            "probe" => "write allow-probe = [\"tcp://db:5432\"]",
            "all" | "*" => "name each: \"metrics\", \"state\", \"errors\"",
            "fs" | "filesystem" | "sockets" | "env" => {
                "there is no such grant: plugins have neither files, sockets nor an environment"
            }
            _ => {
                return value.choice(&[
                    ("metrics", Self::Metrics),
                    ("state", Self::State),
                    ("errors", Self::Errors),
                ]);
            }
        };
        value.refuse(Mistake::new("no such grant in `allow`", remedy))
    }
}

fn sha256(text: &str) -> Result<[u8; 32], Mistake> {
    let mut hash = [0; 32];
    let text = text.strip_prefix("sha256:").unwrap_or(text);
    let digits = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !digits {
        let problem = format!("{} is no SHA-256", quoted(text));
        return Err(Mistake::new(problem, "write the 64 hex digits that `sha256sum` prints"));
    }
    for (byte, at) in hash.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).unwrap_or_default();
    }
    Ok(hash)
}

#[cfg(test)]
mod tests {
    use super::super::trial::check_faults;
    use super::*;

    #[test]
    fn hashes_are_64_hex_digits() {
        let digits = "00ff10".to_owned() + &"ab".repeat(29);
        let hash = sha256(&digits).expect("64 digits");
        assert_eq!((hash[0], hash[1], hash[2], hash[31]), (0, 255, 16, 0xab));
        assert_eq!(sha256(&format!("sha256:{}", digits.to_uppercase())), Ok(hash));
        for text in ["", "00", &digits[1..], &("é".repeat(32))] {
            assert!(sha256(text).is_err(), "{text}");
        }
    }

    #[test]
    fn mistakes_are_explained() {
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
}
