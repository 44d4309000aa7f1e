//! The names under which loggers write time, severity, message and ids, and what their values
//! mean. One table for JSON and logfmt.
//!
//! What is recognised becomes a field of the record; everything else, and whatever is
//! recognised but makes no sense, stays an attribute under its own name.

use std::sync::Arc;

use jiff::tz::TimeZone;

use super::time;
use crate::filter::record::Record;
use crate::filter::value::{Severity, TraceContext, Value};

/// What a name stands for. The number says which of several is preferred: lower is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Time(u8),
    Severity(u8, Scale),
    Message(u8),
    TraceId,
    SpanId,
    TraceFlags,
    RequestId(u8),
}

/// What numbers mean where severities are numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    /// pino, bunyan and Monolog, told apart by size; syslog below ten.
    Common,
    /// Python: 10 is debug.
    Python,
    /// OpenTelemetry: 1 to 24.
    OpenTelemetry,
    /// Logback: 10000 is debug.
    Logback,
}

fn role(name: &str) -> Option<Role> {
    use Role::{Message, RequestId, Severity, SpanId, Time, TraceFlags, TraceId};
    Some(match name {
        "timestamp" | "@timestamp" | "Timestamp" => Time(0),
        "time" | "ts" | "asctime" | "datetime" | "@t" | "TIMESTAMP" => Time(1),
        "instant" | "timeMillis" | "timestamp_ns" | "eventTime" | "date" | "t" | "Time" => Time(2),
        "level" | "severity" | "levelname" | "log.level" | "lvl" | "@l" | "SEVERITY" => {
            Severity(0, Scale::Common)
        }
        "severity_text" | "SeverityText" | "severityText" | "level_name" | "loglevel"
        | "log_level" | "Level" | "logLevel" => Severity(1, Scale::Common),
        "severity_number" | "SeverityNumber" | "severityNumber" => {
            Severity(2, Scale::OpenTelemetry)
        }
        "levelno" => Severity(2, Scale::Python),
        "level_value" => Severity(2, Scale::Logback),
        "message" | "msg" | "@m" => Message(0),
        "event" | "short_message" | "Body" | "body" | "@mt" | "Message" | "MESSAGE" => Message(1),
        "textPayload" | "text" => Message(2),
        "trace_id"
        | "traceId"
        | "trace.id"
        | "TraceId"
        | "traceid"
        | "otelTraceID"
        | "traceID"
        | "@tr"
        | "logging.googleapis.com/trace" => TraceId,
        "span_id"
        | "spanId"
        | "span.id"
        | "SpanId"
        | "spanid"
        | "otelSpanID"
        | "spanID"
        | "@sp"
        | "logging.googleapis.com/spanId" => SpanId,
        "trace_flags"
        | "traceFlags"
        | "TraceFlags"
        | "otelTraceSampled"
        | "trace_sampled"
        | "logging.googleapis.com/trace_sampled" => TraceFlags,
        "request_id" | "requestId" | "request.id" | "http.request.id" | "req_id" | "reqId"
        | "RequestId" | "requestID" => RequestId(0),
        "x-request-id" | "x_request_id" | "X-Request-ID" | "X-Request-Id" => RequestId(1),
        _ => return None,
    })
}

/// Puts `fields` into `record`: what is recognised where it belongs, the rest as attributes, in
/// their order. Answers whether anything was recognised.
pub(super) fn place(fields: Vec<(String, Value)>, record: &mut Record, zone: &TimeZone) -> bool {
    let roles: Vec<Option<Role>> = fields.iter().map(|(name, _)| role(name)).collect();
    let read = record.time;
    let time = best(&roles, |role| match role {
        Role::Time(rank) => Some(rank),
        _ => None,
    })
    .into_iter()
    .find_map(|index| Some((index, nanoseconds(&fields[index].1, zone, read)?)));
    let severity = best(&roles, |role| match role {
        Role::Severity(rank, _) => Some(rank),
        _ => None,
    })
    .into_iter()
    .find_map(|index| {
        let Some(Role::Severity(_, scale)) = roles[index] else { return None };
        Some((index, severity(&fields[index].1, scale)?))
    });
    let message = best(&roles, |role| match role {
        Role::Message(rank) => Some(rank),
        _ => None,
    })
    .into_iter()
    .find(|&index| !matches!(&fields[index].1, Value::Json(text) if text == "null"));
    let request_id = best(&roles, |role| match role {
        Role::RequestId(rank) => Some(rank),
        _ => None,
    })
    .into_iter()
    .find(|&index| fields[index].1.as_text().is_some_and(is_request_id));
    let first = |wanted| roles.iter().position(|role| *role == Some(wanted));
    let trace = first(Role::TraceId).zip(first(Role::SpanId)).and_then(|(trace, span)| {
        let trace_id = trace_id(fields[trace].1.as_text()?)?;
        let span_id = hex(fields[span].1.as_text()?, 16)?;
        let flags = first(Role::TraceFlags);
        let sampled = flags.is_some_and(|index| is_sampled(&fields[index].1));
        Some((trace, span, flags, TraceContext { trace_id, span_id, sampled }))
    });

    let mut used = vec![false; fields.len()];
    let mut recognised = false;
    let mut texts: Vec<(usize, Value)> = Vec::new();
    if let Some((index, time)) = time {
        record.time = time;
        used[index] = true;
        recognised = true;
    }
    if let Some((index, severity)) = severity {
        record.severity = Some(severity);
        used[index] = true;
        recognised = true;
        // What the name says beyond the six severities is kept.
        if let Some(name) = fields[index].1.as_text().filter(|name| says_more(name, severity)) {
            texts.push((index, name.into()));
        }
    }
    if let Some((trace, span, flags, context)) = trace {
        record.trace = Some(context);
        recognised = true;
        for index in [Some(trace), Some(span), flags].into_iter().flatten() {
            used[index] = true;
        }
    }
    if let Some(index) = request_id {
        record.request_id = fields[index].1.as_text().map(Arc::from);
        used[index] = true;
        recognised = true;
    }
    record.message.clear();
    for (index, (name, value)) in fields.into_iter().enumerate() {
        if message == Some(index) {
            recognised = true;
            record.message = match value {
                Value::Text(text) | Value::Json(text) => text,
                Value::Integer(number) => number.to_string(),
                Value::Float(number) => number.to_string(),
                Value::Boolean(truth) => truth.to_string(),
                Value::Blob(_) => String::new(),
            };
        } else if !used[index] {
            record.attributes.push((name, value));
        } else if let Some(at) = texts.iter().position(|&(text, _)| text == index) {
            record.attributes.push(("severity_text".to_owned(), texts.swap_remove(at).1));
        }
    }
    recognised
}

/// The indices of the fields of one kind, best first.
fn best(roles: &[Option<Role>], rank: impl Fn(Role) -> Option<u8>) -> Vec<usize> {
    let mut found: Vec<(u8, usize)> = roles
        .iter()
        .enumerate()
        .filter_map(|(index, role)| Some((rank((*role)?)?, index)))
        .collect();
    found.sort_unstable();
    found.into_iter().map(|(_, index)| index).collect()
}

/// Whether a name of a severity is not just the severity in other letters.
pub(super) fn says_more(name: &str, severity: Severity) -> bool {
    !name.eq_ignore_ascii_case(severity.as_str())
        && !matches!(
            name.to_ascii_lowercase().as_str(),
            "warning" | "information" | "fail" | "trce" | "dbug" | "err" | "wrn" | "inf" | "dbg"
        )
}

/// Whether `text` is what the host takes for a request id.
pub(super) fn is_request_id(text: &str) -> bool {
    (8..=128).contains(&text.len())
        && text.bytes().all(|byte| {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b'.' | b'_' | b':' | b'+' | b'/' | b'=' | b'-')
        })
}

fn nanoseconds(value: &Value, zone: &TimeZone, read: u64) -> Option<u64> {
    match value {
        Value::Text(text) => time::whole(text)
            .and_then(|stamp| stamp.nanoseconds(zone, read))
            .or_else(|| time::epoch(text)),
        Value::Integer(number) => time::epoch(&number.to_string()),
        Value::Float(number) => time::epoch(&number.to_string()),
        Value::Json(text) if text.starts_with('{') => parts(text),
        Value::Json(text) => time::epoch(text),
        _ => None,
    }
}

/// `{"seconds":1,"nanos":2}` and its relatives.
fn parts(text: &str) -> Option<u64> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).ok()?;
    let number = |names: &[&str]| names.iter().find_map(|name| object.get(*name)?.as_u64());
    let seconds = number(&["seconds", "epochSecond"])?;
    let nanoseconds = number(&["nanos", "nanoOfSecond"]).unwrap_or_default();
    seconds.checked_mul(1_000_000_000)?.checked_add(nanoseconds)
}

fn severity(value: &Value, scale: Scale) -> Option<Severity> {
    let number = match value {
        Value::Text(text) => {
            let text = text.trim();
            if let Some(severity) = Severity::from_name(text) {
                return Some(severity);
            }
            text.parse().ok()?
        }
        Value::Integer(number) => *number,
        Value::Json(text) if text.starts_with('{') => {
            let object: serde_json::Value = serde_json::from_str(text).ok()?;
            return Severity::from_name(object.get("name")?.as_str()?);
        }
        _ => return None,
    };
    let table: &[(i64, Severity)] = match scale {
        Scale::Python => &[
            (10, Severity::Trace),
            (20, Severity::Debug),
            (30, Severity::Info),
            (40, Severity::Warn),
            (50, Severity::Error),
            (51, Severity::Fatal),
        ],
        Scale::OpenTelemetry => &[
            (5, Severity::Trace),
            (9, Severity::Debug),
            (13, Severity::Info),
            (17, Severity::Warn),
            (21, Severity::Error),
            (25, Severity::Fatal),
        ],
        Scale::Logback => &[
            (10_000, Severity::Trace),
            (20_000, Severity::Debug),
            (30_000, Severity::Info),
            (40_000, Severity::Warn),
            (40_001, Severity::Error),
        ],
        Scale::Common if number < 0 => return None,
        // syslog counts downwards.
        Scale::Common if number < 10 => {
            return Some(match number {
                0..=2 => Severity::Fatal,
                3 => Severity::Error,
                4 => Severity::Warn,
                5 | 6 => Severity::Info,
                7 => Severity::Debug,
                _ => return None,
            });
        }
        Scale::Common if number < 100 => &[
            (20, Severity::Trace),
            (30, Severity::Debug),
            (40, Severity::Info),
            (50, Severity::Warn),
            (60, Severity::Error),
            (100, Severity::Fatal),
        ],
        Scale::Common => &[
            (200, Severity::Debug),
            (300, Severity::Info),
            (400, Severity::Warn),
            (500, Severity::Error),
            (601, Severity::Fatal),
        ],
    };
    // The first bound that the number is below. Python's own 10 to 50 are lower bounds, too.
    match scale {
        Scale::Python => Some(match number {
            ..10 => Severity::Trace,
            10..20 => Severity::Debug,
            20..30 => Severity::Info,
            30..40 => Severity::Warn,
            40..50 => Severity::Error,
            _ => Severity::Fatal,
        }),
        _ => table.iter().find(|(bound, _)| number < *bound).map(|&(_, severity)| severity),
    }
}

fn is_sampled(value: &Value) -> bool {
    match value {
        Value::Boolean(truth) => *truth,
        Value::Integer(number) => number & 1 == 1,
        Value::Text(text) => {
            text.eq_ignore_ascii_case("true")
                || u8::from_str_radix(text, 16).is_ok_and(|flags| flags & 1 == 1)
        }
        _ => false,
    }
}

fn trace_id(text: &str) -> Option<Arc<str>> {
    // Google writes the name of the resource.
    hex(text.rsplit_once("/traces/").map_or(text, |(_, id)| id), 32)
}

fn hex(text: &str, len: usize) -> Option<Arc<str>> {
    let is_id = text.len() == len
        && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        && text.bytes().any(|byte| byte != b'0');
    is_id.then(|| text.to_ascii_lowercase().into())
}
