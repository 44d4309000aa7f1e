//! The values that settings are made of. What was read is valid.

use serde::{Deserialize, Deserializer};
use tamis_sdk::Severity;

use crate::dsn::Dsn;

/// A data source name; an empty one is none.
pub(super) fn dsn<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Dsn>, D::Error> {
    match Option::<String>::deserialize(deserializer)? {
        Some(text) if !text.is_empty() => {
            Dsn::try_from(text).map(Some).map_err(serde::de::Error::custom)
        }
        _ => Ok(None),
    }
}

/// A short text on one line: 1 to 200 bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Label(String);

impl Label {
    /// One that is known to be short.
    pub(super) fn fixed(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl TryFrom<String> for Label {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.is_empty() || text.len() > 200 || text.contains(char::is_control) {
            Err("has to be a text of 1 to 200 bytes on one line")
        } else {
            Ok(Self(text))
        }
    }
}

impl std::ops::Deref for Label {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// A part of all, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "f64")]
pub(crate) struct Rate(pub(crate) f64);

impl TryFrom<f64> for Rate {
    type Error = String;

    fn try_from(rate: f64) -> Result<Self, String> {
        if (0.0..=1.0).contains(&rate) {
            Ok(Self(rate))
        } else {
            Err(format!("{rate} is no part of all; write 0 for none to 1 for all"))
        }
    }
}

impl Rate {
    /// Decides for one, by a random number.
    pub(crate) fn takes(self, random: u64) -> bool {
        // 53 bits are what a float can tell apart.
        ((random >> 11) as f64) < self.0 * (1_u64 << 53) as f64
    }
}

/// A number up to a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u64")]
pub(crate) struct Count<const MOST: u64>(pub(crate) usize);

impl<const MOST: u64> TryFrom<u64> for Count<MOST> {
    type Error = String;

    fn try_from(number: u64) -> Result<Self, String> {
        if number <= MOST {
            Ok(Self(number as usize))
        } else {
            Err(format!("{number} is too much; {MOST} is the most"))
        }
    }
}

/// A severity by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Level(pub(crate) Severity);

impl TryFrom<String> for Level {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        const KNOWN: [Severity; 6] = [
            Severity::Trace,
            Severity::Debug,
            Severity::Info,
            Severity::Warn,
            Severity::Error,
            Severity::Fatal,
        ];
        KNOWN.into_iter().find(|known| known.as_str() == name).map(Self).ok_or_else(|| {
            format!(
                "`{name}` is no level; write \"trace\", \"debug\", \"info\", \"warn\", \"error\" or \
                 \"fatal\""
            )
        })
    }
}

/// Statuses: `"503"`, `"500-599"` or `"5xx"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct StatusRange {
    pub(crate) from: u16,
    pub(crate) to: u16,
}

impl StatusRange {
    pub(crate) fn has(self, status: u16) -> bool {
        (self.from..=self.to).contains(&status)
    }
}

impl TryFrom<String> for StatusRange {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let status = |text: &str| text.parse().ok().filter(|status| (100..=599).contains(status));
        let range = match (text.strip_suffix("xx"), text.split_once('-')) {
            (Some(class), _) => {
                let class: Option<u16> = class.parse().ok().filter(|class| (1..=5).contains(class));
                class.map(|class| (class * 100, class * 100 + 99))
            }
            (None, Some((from, to))) => status(from.trim()).zip(status(to.trim())),
            (None, None) => status(&text).map(|status| (status, status)),
        };
        match range {
            Some((from, to)) if from <= to => Ok(Self { from, to }),
            _ => Err(format!("`{text}` are no statuses; write \"503\", \"500-599\" or \"5xx\"")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_single_ranges_or_classes() {
        for (text, expected) in [
            ("503", Some((503, 503))),
            ("500-599", Some((500, 599))),
            ("500 - 504", Some((500, 504))),
            ("5xx", Some((500, 599))),
            ("4xx", Some((400, 499))),
            ("6xx", None),
            ("99", None),
            ("600", None),
            ("504-500", None),
            ("", None),
            ("xx", None),
            ("5xx-6xx", None),
        ] {
            let range = StatusRange::try_from(text.to_owned()).ok();
            assert_eq!(range.map(|range| (range.from, range.to)), expected, "`{text}`");
        }
    }

    #[test]
    fn a_rate_takes_its_part() {
        assert!(!Rate(0.0).takes(0));
        assert!(Rate(1.0).takes(u64::MAX));
        let half = (0..1000_u64)
            .filter(|n| Rate(0.5).takes(n.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
            .count();
        assert!((450..550).contains(&half), "{half}");
    }
}
