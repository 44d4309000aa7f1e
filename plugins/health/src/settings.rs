//! What an operator can configure, with the defaults.

mod check;

use std::time::Duration;

use serde::Deserialize;
use tamis_sdk::{ConfigError, Span};

pub(crate) use check::CheckSettings;

/// The configuration of the plugin.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Settings {
    /// Where the pages are: this path, and `/live` and `/ready` below it, each with and without a
    /// last slash. `/health` by default.
    pub(crate) path: BasePath,
    /// How the main page is written. `"detailed"` by default.
    pub(crate) format: Format,
    /// Version of the application, shown on the main page. None by default.
    pub(crate) version: Option<String>,
    /// Whether strangers see the single checks, in words. On by default.
    pub(crate) show_checks: bool,
    /// Statuses of the main page.
    pub(crate) codes: Codes,
    /// A result older than this counts as none. Three times the longest interval by default, one
    /// minute at least.
    pub(crate) stale_after: Option<Span>,
    /// What is probed. None by default: then the host's own checks decide.
    pub(crate) checks: Vec<CheckSettings>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            path: BasePath("/health".to_owned()),
            format: Format::Detailed,
            version: None,
            show_checks: true,
            codes: Codes::default(),
            stale_after: None,
            checks: Vec::new(),
        }
    }
}

/// How the main page is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Format {
    /// A text for each check.
    Simple,
    /// A table for each check: status, latency, message.
    Detailed,
}

/// Statuses of the main page.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Codes {
    /// 200 by default: it works.
    pub(crate) degraded: Code,
    /// 503 by default; also for what is not known yet.
    pub(crate) unhealthy: Code,
}

impl Default for Codes {
    fn default() -> Self {
        Self { degraded: Code(200), unhealthy: Code(503) }
    }
}

/// A status that ends an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u16")]
pub(crate) struct Code(pub(crate) u16);

impl TryFrom<u16> for Code {
    type Error = String;

    fn try_from(code: u16) -> Result<Self, String> {
        if (200..600).contains(&code) && code != 204 && code != 304 {
            Ok(Self(code))
        } else {
            Err(format!(
                "{code} is no status of an answer with a body; write one such as 200 or 503"
            ))
        }
    }
}

/// A path without a last slash.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct BasePath(pub(crate) String);

impl TryFrom<String> for BasePath {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let stem = text.strip_suffix('/').unwrap_or(&text);
        if stem.starts_with('/') && !stem.ends_with('/') && !stem.contains(['*', '?', '#', ' ']) {
            Ok(Self(stem.to_owned()))
        } else {
            Err(format!("`{text}` is no path for pages; write one such as \"/health\""))
        }
    }
}

impl Settings {
    /// What is wrong although each value by itself is right.
    pub(crate) fn mistakes(&self) -> Vec<ConfigError> {
        let mut mistakes = Vec::new();
        for (index, check) in self.checks.iter().enumerate() {
            let mut wrong = |key: &str, message: &str, hint: Option<&str>| {
                let mut error = ConfigError::new(format!("/checks/{index}/{key}"), message);
                error.hint = hint.map(str::to_owned);
                mistakes.push(error);
            };
            if self.checks[..index].iter().any(|earlier| earlier.name == check.name) {
                wrong("name", &format!("there is a check `{}` already", check.name.0), None);
            }
            if check.interval.0 < Duration::from_secs(1) {
                wrong("interval", "`interval` is less than a second", Some("\"1s\" or more"));
            }
            if check.timeout.0.is_zero() {
                wrong("timeout", "`timeout` leaves no time to answer", Some("such as \"2s\""));
            }
            if check.timeout.0 > check.interval.0 {
                wrong("timeout", "`timeout` is longer than `interval`", Some("a shorter one"));
            }
            let over_http =
                check.probe.0.starts_with("http://") || check.probe.0.starts_with("https://");
            for (key, given) in [
                ("headers", !check.headers.is_empty()),
                ("statuses", !check.statuses.is_empty()),
                ("contains", check.contains.is_some()),
            ] {
                if given && !over_http {
                    wrong(key, "only means something to probes over HTTP", None);
                }
            }
        }
        mistakes
    }

    pub(crate) fn stale_after(&self) -> Duration {
        let longest = self.checks.iter().map(|check| check.interval.0).max().unwrap_or_default();
        self.stale_after.map_or_else(|| (longest * 3).max(Duration::from_secs(60)), |span| span.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};
    use tamis_sdk::Config;

    use super::*;

    fn read(json: &str) -> Result<Settings, String> {
        let text = |errors: Vec<ConfigError>| {
            errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        };
        let settings: Settings = Config::new(json).parse().map_err(text)?;
        let mistakes = settings.mistakes();
        if mistakes.is_empty() { Ok(settings) } else { Err(text(mistakes)) }
    }

    #[test]
    fn a_check_needs_a_name_and_a_target() {
        let settings = read(r#"{"checks": [{"name": "db", "probe": "postgres://db/app"}]}"#)
            .expect("the rest has defaults");
        let check = &settings.checks[0];
        let seconds = |span: Span| span.0.as_secs();
        assert_eq!(
            (seconds(check.interval), seconds(check.timeout), seconds(check.start_period)),
            (30, 3, 40)
        );
        assert_eq!((check.fall.get(), check.rise.get()), (3, 1));
        assert_eq!(check.retry_interval(), Duration::from_secs(5));
        assert!(check.is_needed_for_traffic());
        assert_eq!(settings.stale_after(), Duration::from_secs(90));
    }

    #[test]
    fn groups_follow_from_what_a_check_affects_unless_they_are_written() {
        for (extra, expected) in [
            ("", true),
            (r#", "affects": "degraded""#, false),
            (r#", "affects": "none""#, false),
            (r#", "affects": "degraded", "groups": ["ready"]"#, true),
            (r#", "groups": []"#, false),
        ] {
            let json = format!(r#"{{"checks": [{{"name": "a", "probe": "tcp://a:1"{extra}}}]}}"#);
            let settings = read(&json).expect("it is right");
            assert_eq!(settings.checks[0].is_needed_for_traffic(), expected, "{extra}");
        }
    }

    #[test]
    fn mistakes_are_located() {
        let check = |extra: &str| {
            format!(r#"{{"checks": [{{"name": "a", "probe": "tcp://a:1"{extra}}}]}}"#)
        };
        for (json, place) in [
            (r#"{"checks": [{"name": "a"}]}"#.to_owned(), "/checks/0: `probe` is missing"),
            (r#"{"checks": [{"name": "a b", "probe": "tcp://a:1"}]}"#.to_owned(), "/checks/0/name: "),
            (r#"{"checks": [{"name": "host", "probe": "tcp://a:1"}]}"#.to_owned(), "/checks/0/name: "),
            (r#"{"checks": [{"name": "a", "probe": "a:1"}]}"#.to_owned(), "/checks/0/probe: "),
            (
                r#"{"checks": [{"name": "a", "probe": "tcp://a:1"}, {"name": "a", "probe": "tcp://b:1"}]}"#
                    .to_owned(),
                "/checks/1/name: ",
            ),
            (check(r#", "intervall": "5s""#), "/checks/0/intervall: "),
            (check(r#", "interval": "5""#), "/checks/0/interval: "),
            (check(r#", "interval": "200ms""#), "/checks/0/interval: "),
            (check(r#", "timeout": "31s""#), "/checks/0/timeout: "),
            (check(r#", "timeout": "0s""#), "/checks/0/timeout: "),
            (check(r#", "fall": 0"#), "/checks/0/fall: "),
            (check(r#", "affects": "bad""#), "/checks/0/affects: "),
            (check(r#", "groups": ["live"]"#), "/checks/0/groups/0: "),
            (check(r#", "contains": "ok""#), "/checks/0/contains: "),
            (r#"{"path": "health"}"#.to_owned(), "/path: "),
            (r#"{"codes": {"degraded": 99}}"#.to_owned(), "/codes/degraded: "),
            (r#"{"format": "xml"}"#.to_owned(), "/format: "),
        ] {
            let error = read(&json).expect_err("a mistake");
            assert!(error.starts_with(place), "{json}: {error}");
        }
    }

    #[test]
    fn the_schema_knows_every_key_and_no_other() {
        let schema: Value = serde_json::from_str(include_str!("schema.json")).expect("JSON");
        let known = |error: String| -> BTreeSet<String> {
            error.split('`').skip(1).step_by(2).map(str::to_owned).collect()
        };
        let keys = |table: &Value| -> BTreeSet<String> {
            table["properties"].as_object().expect("a table").keys().cloned().collect()
        };
        assert_eq!(keys(&schema), known(read(r#"{"?": 1}"#).expect_err("no such key")));
        let check = &schema["properties"]["checks"]["items"];
        let error = read(r#"{"checks": [{"name": "a", "probe": "tcp://a:1", "?": 1}]}"#);
        assert_eq!(keys(check), known(error.expect_err("no such key")));
        let codes = &schema["properties"]["codes"];
        assert_eq!(keys(codes), known(read(r#"{"codes": {"?": 1}}"#).expect_err("no such key")));

        for table in [&schema, check, codes] {
            assert_eq!(table["additionalProperties"], Value::Bool(false));
        }
        for (key, property) in schema["properties"].as_object().expect("a table") {
            for example in property["examples"].as_array().into_iter().flatten() {
                let json = json!({ key: example }).to_string();
                read(&json).unwrap_or_else(|error| panic!("{json}: {error}"));
            }
        }
    }
}
