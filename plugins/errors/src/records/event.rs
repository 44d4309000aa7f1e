//! The event that a record is: its trace, its message, and what else it says.

use tamis_sdk::errors::Exception;
use tamis_sdk::{Attribute, ErrorEvent, Record, Severity, Timestamp, Value};

use crate::trace::{self, Trace};

/// Longest text that is looked through for a trace, in bytes.
const LONGEST_TEXT: usize = 256 << 10;
/// Longest message of an event.
pub(super) const LONGEST_MESSAGE: usize = 8 << 10;
/// Attributes of a record that go along, and their longest text.
const MOST_ATTRIBUTES: usize = 40;
pub(super) const LONGEST_ATTRIBUTE: usize = 2 << 10;

/// Attributes that hold a trace as text, or as a table.
pub(super) const TRACES: [&str; 12] = [
    "exception.stacktrace",
    "exc_info",
    "exception",
    "exc_text",
    "stack_trace",
    "error.stack_trace",
    "stacktrace",
    "error.stack",
    "stack",
    "traceback",
    "error",
    "err",
];

/// Attributes that name the logger.
pub(super) const LOGGERS: [&str; 7] =
    ["log.logger", "logger.name", "logger", "logger_name", "name", "channel", "otel.scope.name"];

/// A trace, and where it was found.
pub(super) struct Found {
    trace: Trace,
    /// The text of the record without it; `None` when it only stood in an attribute.
    rest: Option<String>,
}

/// The trace that a record holds: in an attribute, else in its text.
pub(super) fn find_trace(record: &Record) -> Option<Found> {
    for name in TRACES {
        let trace = match record.attribute(name) {
            Some(Value::Text(text)) => read(text),
            Some(Value::Json(json)) => trace::structured(json).or_else(|| read_within(json)),
            _ => None,
        };
        if let Some(trace) = trace {
            // Some loggers write it into the text as well.
            let rest = find_in_text(&record.message).and_then(|found| found.rest);
            return Some(Found { trace, rest });
        }
    }
    find_in_text(&record.message)
}

fn find_in_text(text: &str) -> Option<Found> {
    if !trace::is_likely(text) {
        return None;
    }
    let text = trace::without_colours(trace::cut(text, LONGEST_TEXT));
    let trace = trace::find(&text)?;
    let rest = text[..trace.start].trim_end_matches([' ', '\n', '\r', ':']).to_owned();
    Some(Found { trace, rest: Some(rest) })
}

fn read(text: &str) -> Option<Trace> {
    if !trace::is_likely(text) {
        return None;
    }
    trace::find(&trace::without_colours(trace::cut(text, LONGEST_TEXT)))
}

/// A trace in a table such as `{"type": …, "message": …, "stack": "Traceback …"}`.
fn read_within(json: &str) -> Option<Trace> {
    if !trace::is_likely(json) {
        return None;
    }
    let serde_json::Value::Object(table) = serde_json::from_str(json).ok()? else { return None };
    ["stacktrace", "stack_trace", "stack", "traceback"]
        .iter()
        .find_map(|key| read(table.get(*key)?.as_str()?))
}

/// The event that a record is.
pub(super) fn event(record: Record, found: Option<Found>) -> ErrorEvent {
    let severity = record.severity;
    let kind = if found.is_some() { "log.exception" } else { "log.message" };
    let mut event = ErrorEvent::new(kind, "");
    if record.time() > Timestamp::default() {
        event.set_time(record.time());
    }
    event.severity = severity.unwrap_or(Severity::Error);
    event.request_id = record.request_id;
    event.trace = record.trace;
    let mut attributes = record.attributes;
    if let Some(logger) = logger(&attributes) {
        attributes.retain(|attribute| {
            !LOGGERS.contains(&&*attribute.0) || attribute.1.as_text() != Some(&*logger)
        });
        attributes.insert(0, ("log.logger".to_owned(), logger.into()));
    }
    let mut message = record.message;
    match found {
        Some(Found { mut trace, rest }) => {
            if let Some(rest) = rest {
                message = rest;
            }
            if severity.is_none() {
                // Nobody wrote a line about it: it ended a process or a thread.
                for exception in &mut trace.exceptions {
                    exception.handled = Some(false);
                }
            }
            attributes.push(("tamis.platform".to_owned(), trace.platform.into()));
            event.exceptions = trace.exceptions;
        }
        None => event.exceptions = stated(&attributes).into_iter().collect(),
    }
    if message.is_empty()
        && let Some(raised) = event.exceptions.last()
    {
        message = title(raised);
    }
    message.truncate(message.floor_char_boundary(LONGEST_MESSAGE));
    event.message = message;
    attributes.retain(|attribute| !TRACES.contains(&&*attribute.0));
    attributes.truncate(MOST_ATTRIBUTES);
    for (_, value) in &mut attributes {
        if let Value::Text(text) | Value::Json(text) = value {
            text.truncate(text.floor_char_boundary(LONGEST_ATTRIBUTE));
        }
    }
    event.attributes = attributes;
    event
}

/// An exception that the record names without saying where.
fn stated(attributes: &[Attribute]) -> Option<Exception> {
    let text = |name: &str| {
        let found = attributes.iter().find(|attribute| attribute.0 == name);
        found.and_then(|attribute| attribute.1.as_text())
    };
    let name = text("exception.type").or_else(|| text("error.type"))?;
    let (module, name) = match name.rsplit_once('.') {
        Some((module, name)) => (Some(module.to_owned()), name),
        None => (None, name),
    };
    if name.is_empty() {
        return None;
    }
    let message = text("exception.message").or_else(|| text("error.message")).unwrap_or_default();
    Some(Exception {
        name: name.to_owned(),
        module,
        message: message.to_owned(),
        mechanism: "log".to_owned(),
        ..Exception::default()
    })
}

/// `Type: message`, on one line.
pub(crate) fn title(exception: &Exception) -> String {
    let line = exception.message.lines().next().unwrap_or_default();
    if line.is_empty() { exception.name.clone() } else { format!("{}: {line}", exception.name) }
}

/// The logger, by whatever name the record has for it.
pub(super) fn logger(attributes: &[Attribute]) -> Option<String> {
    LOGGERS.iter().find_map(|name| {
        let found = attributes.iter().find(|attribute| attribute.0 == *name)?;
        found.1.as_text().filter(|text| is_logger_name(text)).map(str::to_owned)
    })
}

/// A dotted or slashed name; others use the same attributes for names of people.
fn is_logger_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 128
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '-' | '/' | '$'))
}

/// Process and thread, as far as the record states them.
pub(super) fn worker(attributes: &[Attribute]) -> Option<String> {
    let mut worker = String::new();
    for name in ["process.pid", "thread.id", "thread.name"] {
        if let Some((_, value)) = attributes.iter().find(|attribute| attribute.0 == name) {
            worker.push_str(&value.to_string());
            worker.push('/');
        }
    }
    (!worker.is_empty()).then_some(worker)
}
