//! One thing to probe: what, how often, and what it means for the whole.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::time::Duration;

use serde::Deserialize;
use tamis_sdk::{Span, Status};

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
