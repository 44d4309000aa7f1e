//! From log records to events: traces that a record holds, errors without one, and what was logged
//! before.
//!
//! A trace may stand in the text, behind the logger's own line, or in an attribute, as loggers that
//! write JSON do it. Records below the level of events are kept for a while, per source, and go
//! along with the next event of the same request or worker.

mod event;

use std::collections::VecDeque;

use tamis_sdk::errors::Breadcrumb;
use tamis_sdk::{ErrorEvent, Record, Severity, Timestamp};

pub(crate) use event::title;

use crate::settings::Settings;
use event::{event, find_trace, logger, worker};

/// Sources that are told apart.
const MOST_SOURCES: usize = 64;
/// Longest text of what came before an event, in bytes.
const LONGEST_CRUMB: usize = 1 << 10;

/// What is remembered of the records of late.
#[derive(Debug, Default)]
pub(crate) struct Records {
    sources: Vec<(String, VecDeque<Crumb>)>,
}

/// A record that may turn out to matter.
#[derive(Debug)]
struct Crumb {
    time: Timestamp,
    severity: Severity,
    logger: Option<String>,
    message: String,
    request_id: Option<String>,
    worker: Option<String>,
}

impl Records {
    /// Takes a record in; gives an event when it is one.
    pub(crate) fn take(
        &mut self,
        source: &str,
        record: Record,
        settings: &Settings,
    ) -> Option<ErrorEvent> {
        let level = settings.event_level.0;
        // Tamis and its plugins report what goes wrong with them on another way.
        let own = matches!(source, "tamis" | "host" | "access" | "error")
            || source.starts_with("plugin:");
        let is_event = record.severity.is_none_or(|severity| severity >= level) && !own;
        let found = if is_event { find_trace(&record) } else { None };
        if found.is_none() && !(is_event && record.severity.is_some()) {
            self.remember(source, record, settings);
            return None;
        }
        let mut event = event(record, found);
        event.set_attribute("log.source", source);
        event.breadcrumbs = self.before(source, &event, settings);
        Some(event)
    }

    fn remember(&mut self, source: &str, record: Record, settings: &Settings) {
        let severity = record.severity.unwrap_or(Severity::Info);
        if settings.breadcrumbs.0 == 0 || severity < settings.breadcrumb_level.0 {
            return;
        }
        let crumbs = match self.sources.iter().position(|known| known.0 == source) {
            Some(index) => &mut self.sources[index].1,
            None if self.sources.len() < MOST_SOURCES => {
                self.sources.push((source.to_owned(), VecDeque::new()));
                let last = self.sources.len() - 1;
                &mut self.sources[last].1
            }
            None => return,
        };
        // Those of other requests are in between.
        if crumbs.len() >= settings.breadcrumbs.0 * 4 {
            crumbs.pop_front();
        }
        let (time, request_id) = (record.time(), record.request_id);
        let worker = worker(&record.attributes);
        let logger = logger(&record.attributes);
        let mut message = record.message;
        message.truncate(message.floor_char_boundary(LONGEST_CRUMB));
        crumbs.push_back(Crumb { time, severity, logger, message, request_id, worker });
    }

    /// What the same request logged before, or the same worker, or anybody, in this order.
    fn before(&self, source: &str, event: &ErrorEvent, settings: &Settings) -> Vec<Breadcrumb> {
        let Some((_, crumbs)) = self.sources.iter().find(|known| known.0 == source) else {
            return Vec::new();
        };
        let worker = worker(&event.attributes);
        let belongs = |crumb: &&Crumb| match (&event.request_id, &worker) {
            (Some(id), _) => crumb.request_id.as_ref() == Some(id),
            (None, Some(worker)) => crumb.worker.as_ref() == Some(worker),
            (None, None) => true,
        };
        let mut found: Vec<Breadcrumb> = crumbs
            .iter()
            .rev()
            .filter(belongs)
            .take(settings.breadcrumbs.0)
            .map(|crumb| {
                let category = crumb.logger.as_deref().unwrap_or("log");
                let mut breadcrumb = Breadcrumb::new(crumb.time, category, &crumb.message);
                breadcrumb.severity = crumb.severity;
                breadcrumb
            })
            .collect();
        found.reverse();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::event::{LOGGERS, LONGEST_ATTRIBUTE, LONGEST_MESSAGE, TRACES};
    use super::*;
    use tamis_sdk::Value;
    use tamis_sdk::testing::Host;

    const TRACE: &str = "Traceback (most recent call last):\n  File \"/srv/shop/a.py\", line 3, in f\n    g()\nValueError: bad";

    fn record(severity: Option<Severity>, message: &str, attributes: &[(&str, Value)]) -> Record {
        let mut record = Record::new(message);
        record.severity = severity;
        record.attributes =
            attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        record
    }

    fn take(records: &mut Records, record: Record) -> Option<ErrorEvent> {
        records.take("child", record, &Settings::default())
    }

    #[test]
    fn what_is_an_event_and_what_it_says() {
        Host::start();
        let text = |text: &str| Value::Text(text.to_owned());
        let behind = format!("charge failed\n{TRACE}");
        let (error, info) = (Some(Severity::Error), Some(Severity::Info));
        // severity, message, attributes · kind, message, exceptions
        type Case<'a> =
            (Option<Severity>, &'a str, &'a [(&'a str, Value)], Option<(&'a str, &'a str, usize)>);
        let cases: [Case<'_>; 14] = [
            (error, &behind, &[], Some(("log.exception", "charge failed", 1))),
            (None, TRACE, &[], Some(("log.exception", "ValueError: bad", 1))),
            (info, &behind, &[], None),
            (error, "charge failed", &[], Some(("log.message", "charge failed", 0))),
            (Some(Severity::Fatal), "gone", &[], Some(("log.message", "gone", 0))),
            (None, "charge failed", &[], None),
            (None, "see \"Traceback (most recent call last):\" in the FAQ", &[], None),
            (
                error,
                "charge failed",
                &[("exc_info", text(TRACE))],
                Some(("log.exception", "charge failed", 1)),
            ),
            (
                error,
                &behind,
                &[("exception.stacktrace", text(TRACE))],
                Some(("log.exception", "charge failed", 1)),
            ),
            (
                error,
                "charge failed",
                &[("exception.stacktrace", text(TRACE))],
                Some(("log.exception", "charge failed", 1)),
            ),
            (
                error,
                "failed",
                &[(
                    "exception",
                    Value::Json(r#"[{"exc_type": "E", "exc_value": "x", "frames": []}]"#.into()),
                )],
                Some(("log.exception", "failed", 1)),
            ),
            (
                error,
                "failed",
                &[("err", Value::Json(serde_json::json!({ "stack": TRACE }).to_string()))],
                Some(("log.exception", "failed", 1)),
            ),
            (
                error,
                "failed",
                &[("exception.type", text("a.B")), ("exception.message", text("c"))],
                Some(("log.message", "failed", 1)),
            ),
            (error, "failed", &[("stack", text(""))], Some(("log.message", "failed", 0))),
        ];
        for (severity, message, attributes, expected) in cases {
            let event = take(&mut Records::default(), record(severity, message, attributes));
            let found =
                event.as_ref().map(|event| (&*event.kind, &*event.message, event.exceptions.len()));
            assert_eq!(found, expected, "{message} {attributes:?}");
            if let Some(event) = event {
                assert!(event.attributes.iter().all(|attribute| !TRACES.contains(&&*attribute.0)));
            }
        }
    }

    #[test]
    fn nobody_wrote_about_what_ended_a_process() {
        Host::start();
        let mut records = Records::default();
        let raw = take(&mut records, record(None, TRACE, &[])).expect("it is one");
        assert_eq!(raw.exceptions[0].handled, Some(false));
        let logged = take(&mut records, record(Some(Severity::Error), &format!("x\n{TRACE}"), &[]));
        assert_eq!(logged.expect("it is one").exceptions[0].handled, None);
    }

    #[test]
    fn colours_are_taken_off() {
        Host::start();
        let colours = TRACE.replace("ValueError", "\u{1b}[1;35mValueError\u{1b}[0m");
        let event = take(&mut Records::default(), record(None, &colours, &[])).expect("it is one");
        assert_eq!(event.exceptions[0].name, "ValueError");
    }

    #[test]
    fn what_was_logged_before_goes_along() {
        Host::start();
        let mut records = Records::default();
        let info = |message: &str, request_id: Option<&str>, pid: i64| {
            let mut one = record(
                Some(Severity::Info),
                message,
                &[("log.logger", "shop".into()), ("process.pid", Value::Integer(pid))],
            );
            one.request_id = request_id.map(str::to_owned);
            one.set_time(Timestamp::from_unix_nanos(7));
            one
        };
        for (message, id, pid) in
            [("a", Some("r1"), 1), ("b", Some("r2"), 1), ("c", Some("r1"), 2), ("d", None, 2)]
        {
            assert!(take(&mut records, info(message, id, pid)).is_none());
        }
        let mut before = |request_id: Option<&str>, pid: Option<i64>| {
            let attributes: Vec<(&str, Value)> =
                pid.map(|pid| ("process.pid", Value::Integer(pid))).into_iter().collect();
            let mut error = record(Some(Severity::Error), "failed", &attributes);
            error.request_id = request_id.map(str::to_owned);
            let event = take(&mut records, error).expect("it is one");
            assert!(
                event
                    .breadcrumbs
                    .iter()
                    .all(|crumb| { crumb.time().unix_nanos() == 7 && crumb.category == "shop" })
            );
            event.breadcrumbs.iter().map(|crumb| crumb.message.clone()).collect::<String>()
        };
        assert_eq!(before(Some("r1"), Some(9)), "ac", "the same request");
        assert_eq!(before(None, Some(2)), "cd", "the same worker");
        assert_eq!(before(None, None), "abcd", "anybody");
        assert_eq!(before(Some("r9"), None), "", "none of others");
    }

    #[test]
    fn only_so_much_is_remembered() {
        Host::start();
        let settings: Settings =
            tamis_sdk::Config::new(r#"{"breadcrumbs": 3, "breadcrumb-level": "warn"}"#)
                .parse()
                .expect("right");
        let mut records = Records::default();
        for number in 0..50 {
            let severity = if number % 2 == 0 { Severity::Warn } else { Severity::Info };
            records.take("child", record(Some(severity), &number.to_string(), &[]), &settings);
        }
        assert_eq!(records.sources[0].1.len(), 12);
        let event = records.take("child", record(Some(Severity::Error), "x", &[]), &settings);
        let found: Vec<_> = event
            .expect("it is one")
            .breadcrumbs
            .iter()
            .map(|crumb| crumb.message.clone())
            .collect();
        assert_eq!(found, ["44", "46", "48"]);
        for number in 0..200 {
            let source = format!("file:{number}");
            records.take(&source, record(Some(Severity::Warn), "x", &[]), &settings);
        }
        assert_eq!(records.sources.len(), MOST_SOURCES);
        let long =
            record(Some(Severity::Error), &"é".repeat(9_000), &[("x", "y".repeat(5_000).into())]);
        let event = records.take("child", long, &settings).expect("it is one");
        assert_eq!(event.message.len(), LONGEST_MESSAGE);
        assert_eq!(
            event.attribute("x").and_then(Value::as_text).map(str::len),
            Some(LONGEST_ATTRIBUTE)
        );
    }

    #[test]
    fn what_tamis_says_itself_is_no_event_of_the_application() {
        Host::start();
        let mut records = Records::default();
        for source in ["tamis", "access", "plugin:timing"] {
            let error = record(Some(Severity::Error), "failed", &[]);
            assert!(records.take(source, error, &Settings::default()).is_none(), "{source}");
        }
    }

    #[test]
    fn the_logger_has_one_name() {
        Host::start();
        for name in LOGGERS {
            let error = record(Some(Severity::Error), "failed", &[(name, "shop.orders".into())]);
            let event = take(&mut Records::default(), error).expect("it is one");
            assert_eq!(event.attribute("log.logger").and_then(Value::as_text), Some("shop.orders"));
        }
        let error = record(Some(Severity::Error), "failed", &[("name", "Ada Lovelace".into())]);
        let event = take(&mut Records::default(), error).expect("it is one");
        assert_eq!(event.attribute("log.logger"), None);
        assert_eq!(event.attribute("name").and_then(Value::as_text), Some("Ada Lovelace"));
    }
}
