//! What an operator can configure, with the defaults.

use std::time::Duration;

use serde::Deserialize;
use tamis_sdk::Span;

use crate::audience::Audience;
use crate::routes::Template;

/// Upper bounds for sizes of bodies in bytes: four times the one before, from 256 B to 64 MiB.
pub(crate) const SIZE_BOUNDS: [f64; 10] = [
    256.0,
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];

/// The configuration of the plugin.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Settings {
    /// Who gets `Server-Timing` on answers: `"off"`, `"private"` (the default: clients on loopback
    /// and in private networks), `"all"`, or a list of networks.
    pub(crate) server_timing: Audience,
    /// Adds the trace to `Server-Timing`. Off by default.
    pub(crate) server_timing_trace: bool,
    /// Requests whose answer took so long to begin are logged; `"off"` logs none. One second by
    /// default.
    pub(crate) slow: Slow,
    /// Templates that become the label `http_route`; where none fits, the operator's name of the
    /// route does. None by default.
    pub(crate) routes: Vec<Template>,
    /// Upper bounds of the duration histogram in seconds, instead of OpenTelemetry's.
    pub(crate) buckets: Option<Bounds>,
    /// Histograms of the sizes of bodies. On by default.
    pub(crate) body_sizes: bool,
    /// Counts the requests under way. Off by default: it costs a call at the start of every
    /// request, and the host counts them as `tamis_exchanges_active` anyway.
    pub(crate) active_requests: bool,
    /// The label `url_scheme`. Off by default: it costs a text per request.
    pub(crate) url_scheme: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            server_timing: Audience::private(),
            server_timing_trace: false,
            slow: Slow(Some(Duration::from_secs(1))),
            routes: Vec::new(),
            buckets: None,
            body_sizes: true,
            active_requests: false,
            url_scheme: false,
        }
    }
}

/// From when on a request is slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Slow(pub(crate) Option<Duration>);

impl TryFrom<String> for Slow {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match &*text {
            "off" => Ok(Self(None)),
            span => span
                .parse()
                .map(|Span(span)| Self(Some(span)))
                .map_err(|error| format!("{error}, or \"off\"")),
        }
    }
}

/// Upper bounds of a histogram: ascending, finite, at most 64.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Vec<f64>")]
pub(crate) struct Bounds(Vec<f64>);

impl std::ops::Deref for Bounds {
    type Target = [f64];

    fn deref(&self) -> &[f64] {
        &self.0
    }
}

impl TryFrom<Vec<f64>> for Bounds {
    type Error = &'static str;

    fn try_from(bounds: Vec<f64>) -> Result<Self, Self::Error> {
        if bounds.is_empty() || bounds.len() > 64 {
            return Err("a histogram has 1 to 64 upper bounds");
        }
        if bounds.iter().any(|bound| !bound.is_finite() || *bound <= 0.0) {
            return Err(
                "upper bounds are seconds above zero; the last, for all the rest, is added",
            );
        }
        if bounds.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err("upper bounds have to ascend");
        }
        Ok(Self(bounds))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;
    use tamis_sdk::Config;

    use super::*;

    fn read(json: &str) -> Result<Settings, String> {
        Config::new(json)
            .parse::<Settings>()
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn nothing_configured_is_the_default() {
        let settings = read("null").expect("it is complete");
        assert_eq!(settings.server_timing, Audience::private());
        assert_eq!(settings.slow.0, Some(Duration::from_secs(1)));
        assert!(settings.body_sizes && !settings.active_requests && !settings.url_scheme);
    }

    #[test]
    fn mistakes_are_located() {
        for (json, place) in [
            (r#"{"slow": "1"}"#, "/slow"),
            (r#"{"slow": 1}"#, "/slow"),
            (r#"{"server-timing": ["10.0.0.0/8", "nowhere"]}"#, "/server-timing/1"),
            (r#"{"server-timing": "on"}"#, "/server-timing"),
            (r#"{"routes": ["/a", "b"]}"#, "/routes/1"),
            (r#"{"buckets": [1, 1]}"#, "/buckets"),
            (r#"{"buckets": []}"#, "/buckets"),
            (r#"{"buckets": [0]}"#, "/buckets"),
            (r#"{"sloww": "1s"}"#, "/sloww"),
        ] {
            let error = read(json).expect_err("a mistake");
            assert!(error.starts_with(&format!("{place}: ")), "{json}: {error}");
        }
    }

    #[test]
    fn the_schema_knows_every_key_and_no_other() {
        let schema: Value = serde_json::from_str(include_str!("schema.json")).expect("JSON");
        let properties = schema["properties"].as_object().expect("a table");
        let error = read(r#"{"?": 1}"#).expect_err("no such key");
        let known: BTreeSet<&str> = error.split('`').skip(1).step_by(2).collect();
        let described: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
        assert!(described.is_subset(&known), "{described:?} {known:?}");
        for key in &known {
            assert!(described.contains(key), "`{key}` is not in the schema");
        }
        assert_eq!(schema["additionalProperties"], Value::Bool(false));
        for (key, property) in properties {
            for example in property["examples"].as_array().expect("each has examples") {
                let json = serde_json::json!({ key: example }).to_string();
                read(&json).unwrap_or_else(|error| panic!("{json}: {error}"));
            }
        }
    }
}
