//! The host's own events as records of the source `host`.
//!
//! A layer for `tracing`: it never waits, never fails, and what finds no room is dropped and
//! counted by the intake. Events of the host itself pass from the given severity on; those of
//! libraries only as warnings or worse, since their debug output is not the operator's.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::Clock;
use super::source::Intake;
use crate::filter::record::Record;
use crate::filter::value::{Severity, Value};

/// Turns events into records.
#[derive(Debug)]
pub struct Capture {
    intake: Intake,
    clock: Clock,
    least: Severity,
    own: &'static str,
}

impl Capture {
    /// Puts events of targets that begin with `own` and are at least as severe as `least`, and
    /// all others that are at least warnings, into `intake`.
    pub fn new(intake: Intake, clock: Clock, own: &'static str, least: Severity) -> Self {
        Self { intake, clock, least, own }
    }
}

impl<S: Subscriber> Layer<S> for Capture {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let severity = match *metadata.level() {
            Level::TRACE => Severity::Trace,
            Level::DEBUG => Severity::Debug,
            Level::INFO => Severity::Info,
            Level::WARN => Severity::Warn,
            Level::ERROR => Severity::Error,
        };
        let least = if metadata.target().starts_with(self.own) {
            self.least
        } else {
            self.least.max(Severity::Warn)
        };
        if severity < least {
            return;
        }
        let mut record = Record::structured(self.clock.now(), Some(severity), "")
            .with("log.logger", metadata.target());
        event.record(&mut Fields(&mut record));
        self.intake.push(record);
    }
}

struct Fields<'a>(&'a mut Record);

impl Fields<'_> {
    fn add(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::Text(text)) => self.0.message = text,
            (name, value) => self.0.attributes.push((name.to_owned(), value)),
        }
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, Value::Text(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        let value =
            i64::try_from(value).map_or_else(|_| Value::Json(value.to_string()), Value::Integer);
        self.add(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value.into());
    }

    /// The error with its causes, each on the same line.
    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut text = value.to_string();
        let mut source = value.source();
        while let Some(error) = source {
            text.push_str(": ");
            text.push_str(&error.to_string());
            source = error.source();
        }
        self.add(field, Value::Text(text));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::filter::queue::Bound;
    use crate::log::source::{Inlet, Item, Wait};

    /// The records that `emit` makes, with room for three.
    fn records(least: Severity, emit: impl FnOnce()) -> (Vec<Record>, u64) {
        let inlet =
            Arc::new(Inlet::new("host".into(), Wait::No, Bound { items: 3, weight: 1 << 20 }));
        let capture =
            Capture::new(Intake::new(Arc::clone(&inlet)), Clock::fixed(7), "tamis", least);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(capture), emit);
        let mut records = Vec::new();
        while let Some(Item::Record(record)) = inlet.queue.try_pop() {
            records.push(*record);
        }
        (records, inlet.snapshot().records.dropped_in_all())
    }

    #[test]
    fn events_become_records_with_their_fields() {
        let error = std::io::Error::other("no room");
        let (records, _) = records(Severity::Info, || {
            tracing::warn!(target: "tamis::log", sink = "app", waiting = 3_u64, ratio = 0.5, ok = true,
                error = &error as &dyn std::error::Error, "cannot {}", "write");
        });
        let expected = Record::structured(7, Some(Severity::Warn), "cannot write")
            .with("log.logger", "tamis::log")
            .with("sink", "app")
            .with("waiting", 3)
            .with("ratio", 0.5)
            .with("ok", true)
            .with("error", "no room");
        assert_eq!(records, [expected]);
    }

    #[test]
    fn libraries_are_heard_when_they_warn() {
        let (records, _) = records(Severity::Debug, || {
            tracing::debug!(target: "tamis", "own");
            tracing::trace!(target: "tamis", "too fine");
            tracing::info!(target: "hyper", "chatter");
            tracing::warn!(target: "hyper", "warning");
        });
        let messages: Vec<&str> = records.iter().map(|record| record.message.as_str()).collect();
        assert_eq!(messages, ["own", "warning"]);
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let (records, dropped) = records(Severity::Info, || {
            for _ in 0..5 {
                tracing::error!(target: "tamis", "x");
            }
        });
        assert_eq!((records.len(), dropped), (3, 2));
    }
}
