//! What an operator can configure, with the defaults.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::time::Duration;

use serde::Deserialize;
use tamis_sdk::{ConfigError, Span, Status};

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

/// One thing to probe.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct CheckSettings {
    /// Unique; shown to strangers.
    pub(crate) name: CheckName,
    /// What to probe: `http://`, `https://`, `tcp://`, `redis://`, `postgres://`.
    pub(crate) probe: Target,
    /// The worst that it can make of the whole. `"unhealthy"` by default.
    #[serde(default)]
    pub(crate) affects: Affects,
    /// Pages beside the main one that it decides. `["ready"]` by default for what nothing works
    /// without, none for others.
    pub(crate) groups: Option<BTreeSet<Group>>,
    /// 30 s by default.
    #[serde(default = "interval")]
    pub(crate) interval: Span,
    /// For one probe. 3 s by default; has to stay below the time that the host gives the
    /// background.
    #[serde(default = "timeout")]
    pub(crate) timeout: Span,
    /// So many failures in a row take it down. 3 by default.
    #[serde(default = "fall")]
    pub(crate) fall: NonZeroU32,
    /// So many successes in a row bring it back. 1 by default.
    #[serde(default = "rise")]
    pub(crate) rise: NonZeroU32,
    /// So long after the start failures do not count, until the first success. 40 s by default.
    #[serde(default = "start_period")]
    pub(crate) start_period: Span,
    /// Pause after a failure and while it is down. 5 s by default, or `interval` if that is less.
    retry_interval: Option<Span>,
    /// A success that took longer is a degraded one. None by default.
    pub(crate) degraded_above: Option<Span>,
    /// Sent along over HTTP; names in lower case, `host` is allowed.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    /// Statuses that count as well over HTTP; 200 to 299 by default.
    #[serde(default)]
    pub(crate) statuses: Vec<u16>,
    /// Has to occur in the answer over HTTP.
    pub(crate) contains: Option<String>,
}

fn interval() -> Span {
    Span(Duration::from_secs(30))
}

fn timeout() -> Span {
    Span(Duration::from_secs(3))
}

fn fall() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(2)
}

fn rise() -> NonZeroU32 {
    NonZeroU32::MIN
}

fn start_period() -> Span {
    Span(Duration::from_secs(40))
}

impl CheckSettings {
    pub(crate) fn retry_interval(&self) -> Duration {
        let given = self.retry_interval.map_or(Duration::from_secs(5), |span| span.0);
        given.min(self.interval.0)
    }

    /// Whether traffic may only come while it works.
    pub(crate) fn is_needed_for_traffic(&self) -> bool {
        match &self.groups {
            Some(groups) => groups.contains(&Group::Ready),
            None => self.affects == Affects::Unhealthy,
        }
    }
}

/// The worst that a check can make of the whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Affects {
    /// Only shown.
    None,
    Degraded,
    #[default]
    Unhealthy,
}

impl From<Affects> for Status {
    fn from(affects: Affects) -> Self {
        match affects {
            Affects::None => Self::Healthy,
            Affects::Degraded => Self::Degraded,
            Affects::Unhealthy => Self::Unhealthy,
        }
    }
}

/// A page beside the main one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Group {
    Ready,
}

/// The name of a check.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct CheckName(pub(crate) String);

impl TryFrom<String> for CheckName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let sound = (1..=64).contains(&name.len())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        if !sound {
            return Err(format!(
                "`{name}` is no name of a check; write one of letters, digits, `-`, `_` and `.`"
            ));
        }
        if name == "host" {
            return Err("`host` is the check of tamis itself; choose another name".to_owned());
        }
        Ok(Self(name))
    }
}

/// A URL to probe. May hold credentials, which are never shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Target(pub(crate) String);

impl TryFrom<String> for Target {
    type Error = &'static str;

    fn try_from(url: String) -> Result<Self, Self::Error> {
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        let sound = !scheme.is_empty()
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
            && !rest.is_empty()
            && !rest.contains(char::is_whitespace);
        if sound {
            Ok(Self(url))
        } else {
            Err("is no URL to probe; write one such as \"tcp://127.0.0.1:5432\", \
                 \"postgres://127.0.0.1:5432/app\" or \"https://api.example/health\"")
        }
    }
}

impl Target {
    /// Without user and password.
    pub(crate) fn shown(&self) -> String {
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("", &self.0));
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        // A query may hold a secret as well.
        let path = path.split('?').next().unwrap_or_default();
        format!("{scheme}://{host}{path}")
    }
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown())
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
                wrong("interval", "is less than a second", Some("\"1s\" or more"));
            }
            if check.timeout.0.is_zero() {
                wrong("timeout", "leaves no time to answer", Some("such as \"2s\""));
            }
            if check.timeout.0 > check.interval.0 {
                wrong("timeout", "is longer than `interval`", Some("a shorter one"));
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
    fn credentials_are_not_shown() {
        for (url, shown) in [
            ("postgres://ada:s3cret@db:5432/app?password=x", "postgres://db:5432/app"),
            ("redis://:p@ss@cache:6379/0", "redis://cache:6379/0"),
            ("https://api.example?key=1", "https://api.example"),
            ("tcp://db:1", "tcp://db:1"),
        ] {
            let target = Target::try_from(url.to_owned()).expect("a URL");
            assert_eq!(target.shown(), shown);
            assert_eq!(format!("{target:?}"), shown);
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
