//! What an operator can configure, with the defaults.

mod rules;
mod values;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use tamis_sdk::{Severity, Span};

use crate::dsn::Dsn;
use crate::place::InApp;

pub(crate) use rules::Ignore;
pub(crate) use values::{Count, Label, Level, Rate, StatusRange};

/// The configuration of the plugin.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Settings {
    /// Where events are sent, in Sentry's protocol. None by default, or empty: they are kept here.
    #[serde(deserialize_with = "values::dsn")]
    pub(crate) dsn: Option<Dsn>,
    /// `"production"` by default.
    pub(crate) environment: Label,
    /// Version of the application, such as `"shop@1.4.2"`. None by default.
    pub(crate) release: Option<Label>,
    /// Which build of it. None by default.
    pub(crate) dist: Option<Label>,
    /// Name of this machine. None by default.
    pub(crate) server_name: Option<Label>,
    /// Part of the events that is sent, 0 to 1. All are counted here. 1 by default.
    pub(crate) sample_rate: Rate,
    /// Statuses of an upstream that are failures. `["500-599"]` by default.
    pub(crate) statuses: Vec<StatusRange>,
    /// Whether a client that went away is one. Off by default.
    pub(crate) client_aborts: bool,
    /// Records of this level and above are events. `"error"` by default.
    pub(crate) event_level: Level,
    /// Records of this level and above are kept for what happened before an event. `"info"` by
    /// default.
    pub(crate) breadcrumb_level: Level,
    /// So many of them go with an event. 50 by default, 100 at most, 0 for none.
    pub(crate) breadcrumbs: Count<100>,
    /// Events that are nobody's concern. None by default.
    pub(crate) ignore: Vec<Ignore>,
    /// Sends addresses of clients and what is known of users. Off by default.
    pub(crate) send_default_pii: bool,
    /// Whose code it is, where that is not seen from the path.
    pub(crate) in_app: InApp,
    /// Put on every event.
    pub(crate) tags: BTreeMap<Label, Label>,
    /// So long an event waits for the other half of the same failure: the answer with status 500,
    /// and the traceback in the log. 2 s by default; without any, only those are joined that name the
    /// same request.
    pub(crate) merge_window: Span,
    /// So many groups are kept here. 100 by default, 1000 at most.
    pub(crate) keep: Count<1000>,
    /// For one event on its way to the server. 3 s by default; has to stay below the time that the
    /// host gives the background.
    pub(crate) timeout: Span,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            dsn: None,
            environment: Label::fixed("production"),
            release: None,
            dist: None,
            server_name: None,
            sample_rate: Rate(1.0),
            statuses: vec![StatusRange { from: 500, to: 599 }],
            client_aborts: false,
            event_level: Level(Severity::Error),
            breadcrumb_level: Level(Severity::Info),
            breadcrumbs: Count(50),
            ignore: Vec::new(),
            send_default_pii: false,
            in_app: InApp::default(),
            tags: BTreeMap::new(),
            merge_window: Span(Duration::from_secs(2)),
            keep: Count(100),
            timeout: Span(Duration::from_secs(3)),
        }
    }
}

impl Settings {
    /// Records below this level need not be delivered.
    pub(crate) fn least_severity(&self) -> Severity {
        if self.breadcrumbs.0 == 0 {
            return self.event_level.0;
        }
        self.event_level.0.min(self.breadcrumb_level.0)
    }

    /// Exchanges that ended with a lower status need not be told.
    pub(crate) fn least_status(&self) -> u16 {
        // With none there are still those that did not end well.
        self.statuses.iter().map(|range| range.from).min().unwrap_or(600)
    }

    /// Whether a status of an upstream is a failure.
    pub(crate) fn is_failure(&self, status: u16) -> bool {
        self.statuses.iter().any(|range| range.has(status))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};
    use tamis_sdk::Config;

    use super::*;

    fn read(json: &str) -> Result<Settings, String> {
        Config::new(json)
            .parse::<Settings>()
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn nothing_configured_keeps_errors_here() {
        let settings = read("null").expect("it is complete");
        assert_eq!(settings.dsn, None);
        assert_eq!(&*settings.environment, "production");
        assert!(settings.is_failure(500) && settings.is_failure(599) && !settings.is_failure(404));
        assert_eq!(settings.least_severity(), Severity::Info);
        assert_eq!(read(r#"{"dsn": ""}"#).expect("it is allowed").dsn, None);
        assert_eq!(read(r#"{"dsn": null}"#).expect("it is allowed").dsn, None);
    }

    #[test]
    fn levels_say_what_is_delivered() {
        for (json, expected) in [
            (r#"{"breadcrumbs": 0}"#, Severity::Error),
            (r#"{"breadcrumb-level": "debug"}"#, Severity::Debug),
            (r#"{"event-level": "debug"}"#, Severity::Debug),
            (r#"{"event-level": "fatal", "breadcrumbs": 0}"#, Severity::Fatal),
        ] {
            assert_eq!(read(json).expect("it is right").least_severity(), expected, "{json}");
        }
    }

    #[test]
    fn mistakes_are_located() {
        for (json, place) in [
            (r#"{"dsn": "https://sentry.example/1"}"#, "/dsn: "),
            (r#"{"sample-rate": 2}"#, "/sample-rate: "),
            (r#"{"sample-rate": "all"}"#, "/sample-rate: "),
            (r#"{"statuses": ["500-599", "6xx"]}"#, "/statuses/1: "),
            (r#"{"statuses": ["599-500"]}"#, "/statuses/0: "),
            (r#"{"event-level": "critical"}"#, "/event-level: "),
            (r#"{"breadcrumbs": 101}"#, "/breadcrumbs: "),
            (r#"{"ignore": [{}]}"#, "/ignore/0: "),
            (r#"{"ignore": [{"kind": "log.*", "class": "x"}]}"#, "/ignore/0/class: "),
            (r#"{"environment": "a\nb"}"#, "/environment: "),
            (r#"{"environment": ""}"#, "/environment: "),
            (r#"{"tags": {"a": "b\nc"}}"#, "/tags/a: "),
            (r#"{"merge-window": "2"}"#, "/merge-window: "),
            (r#"{"in-app": {"included": []}}"#, "/in-app/included: "),
            (r#"{"dns": "x"}"#, "/dns: "),
        ] {
            let error = read(json).expect_err("a mistake");
            assert!(error.starts_with(place), "{json}: {error}");
        }
    }

    #[test]
    fn the_schema_knows_every_key_and_no_other() {
        let schema: Value = serde_json::from_str(include_str!("schema.json")).expect("JSON");
        let known = |json: &str| -> BTreeSet<String> {
            let error = read(json).expect_err("no such key");
            error.split('`').skip(1).step_by(2).map(str::to_owned).collect()
        };
        let keys = |table: &Value| -> BTreeSet<String> {
            assert_eq!(table["additionalProperties"], Value::Bool(false));
            table["properties"].as_object().expect("a table").keys().cloned().collect()
        };
        let properties = &schema["properties"];
        assert_eq!(keys(&schema), known(r#"{"?": 1}"#));
        assert_eq!(keys(&properties["ignore"]["items"]), known(r#"{"ignore": [{"?": 1}]}"#));
        assert_eq!(keys(&properties["in-app"]), known(r#"{"in-app": {"?": 1}}"#));
        for (key, property) in properties.as_object().expect("a table") {
            for example in property["examples"].as_array().expect("each has examples") {
                let json = json!({ key: example }).to_string();
                read(&json).unwrap_or_else(|error| panic!("{json}: {error}"));
            }
        }
    }
}
