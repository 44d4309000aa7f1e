//! Heads, chunks, records and events to and from the values of the contract. Pure.
//!
//! What goes to a guest is borrowed. What comes back is checked here, at the edge: names are
//! tokens, values have no control characters, fields of the host are refused, and what a
//! watcher may not do is a fault. Behind this file the types say so.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use http::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderName, HeaderValue, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE,
};
use http::uri::PathAndQuery;
use http::{HeaderMap, StatusCode};

use super::bindings::tamis::plugin::{
    admin_types, health_types, http_types, lifecycle_types, log_types, scrub_types, types,
};
use crate::filter::background::{Check, PageRequest, Status};
use crate::filter::chain::MAX_FIELDS;
use crate::filter::{
    Attribute, BodyLimits, BodyMode, Chunk, ChunkAction, DoneSubscription, Edit, Fault, FaultKind,
    FieldFilter, HeadAction, LocalResponse, LogChange, LogEdit, LogForm, LogSubscription, Origin,
    Outcome, Overflow, Passage, Paths, Phase, Record, RequestHead, ResponseHead, Severity, Splice,
    Stance, Subscription, Summary, TraceContext, Unit, Value,
};

pub mod events;

/// A field or attribute as it goes to a guest.
pub type Field<'a> = (&'a str, Cow<'a, str>);

/// Whether a field frames or routes the message and is therefore the host's.
pub fn is_hosts(name: &HeaderName) -> bool {
    *name == HOST
        || *name == CONTENT_LENGTH
        || *name == TRANSFER_ENCODING
        || *name == CONNECTION
        || *name == TE
        || *name == TRAILER
        || *name == UPGRADE
        || name.as_str() == "keep-alive"
        || name.as_str() == "proxy-connection"
}

/// The fields that a hook asked for, as isomorphic strings.
pub fn fields<'a>(headers: &'a HeaderMap, wanted: &'a FieldFilter) -> Vec<Field<'a>> {
    match wanted {
        FieldFilter::Nothing => Vec::new(),
        FieldFilter::All => headers
            .iter()
            .filter(|(name, _)| !is_hosts(name))
            .map(|(name, value)| (name.as_str(), text_of(value)))
            .collect(),
        FieldFilter::Only(names) => {
            let mut found = Vec::with_capacity(names.len());
            for name in names.iter() {
                found.extend(
                    headers.get_all(name.as_str()).iter().map(|one| (name.as_str(), text_of(one))),
                );
            }
            found
        }
    }
}

/// The value of a field as an isomorphic string: each byte above 0x7F becomes the code point
/// of the same number.
pub fn text_of(value: &HeaderValue) -> Cow<'_, str> {
    match value.to_str() {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(value.as_bytes().iter().map(|&byte| char::from(byte)).collect()),
    }
}

/// The bytes of an isomorphic string as the value of a field.
fn value_of(text: &str) -> Option<HeaderValue> {
    if text.is_ascii() {
        return HeaderValue::from_str(text).ok();
    }
    let bytes: Option<Vec<u8>> = text.chars().map(|one| u8::try_from(one).ok()).collect();
    HeaderValue::from_bytes(&bytes?).ok()
}

/// Fields with their values borrowed, as the generated types want them.
pub fn borrowed<'a>(fields: &'a [Field<'a>]) -> Vec<types::HeaderParam<'a>> {
    fields.iter().map(|(name, value)| (*name, value.as_ref())).collect()
}

/// The head of a request for a guest.
pub fn request_head<'a>(
    head: &'a RequestHead,
    request_id: &'a str,
    route: &'a str,
    client: &'a str,
    headers: &'a [types::HeaderParam<'a>],
) -> http_types::RequestHead<'a> {
    http_types::RequestHead {
        request_id,
        method: head.method.as_str(),
        authority: &head.authority,
        target: head.target.as_str(),
        headers,
        ends: head.ends,
        route,
        client_address: client,
    }
}

/// The head of a response for a guest.
pub fn response_head<'a>(
    head: &ResponseHead,
    headers: &'a [types::HeaderParam<'a>],
) -> http_types::ResponseHead<'a> {
    http_types::ResponseHead {
        status: head.status.as_u16(),
        headers,
        ends: head.ends,
        local: head.local,
    }
}

/// A chunk for a guest.
pub fn chunk(chunk: &Chunk) -> http_types::Chunk<'_> {
    http_types::Chunk { data: &chunk.data, offset: chunk.offset, last: chunk.last }
}

/// The summary of an exchange for a guest.
pub fn summary<'a>(
    summary: &Summary,
    exchange: u32,
    request_id: &'a str,
    method: &'a str,
    route: &'a str,
    attributes: &'a [types::AttributeParam<'a>],
) -> http_types::Summary<'a> {
    http_types::Summary {
        exchange,
        request_id,
        method,
        route,
        outcome: match summary.outcome {
            Outcome::Completed => http_types::Outcome::Completed,
            Outcome::ClientClosed => http_types::Outcome::ClientClosed,
            Outcome::UpstreamFailed => http_types::Outcome::UpstreamFailed,
            Outcome::UpstreamTimeout => http_types::Outcome::UpstreamTimeout,
            Outcome::Answered => http_types::Outcome::Answered,
            Outcome::Refused => http_types::Outcome::Refused,
            Outcome::Fault => http_types::Outcome::Fault,
        },
        status: summary.status.map_or(0, |status| status.as_u16()),
        request_bytes: summary.request_bytes,
        response_bytes: summary.response_bytes,
        total: nanoseconds(summary.total),
        upstream: nanoseconds(summary.upstream),
        plugins: nanoseconds(summary.plugins),
        attributes,
    }
}

/// A span of time in nanoseconds; one of more than five hundred years is cut.
pub fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Attributes for a guest.
pub fn attributes(attributes: &[Attribute]) -> Vec<types::AttributeParam<'_>> {
    attributes.iter().map(|(name, value)| (name.as_str(), value_param(value))).collect()
}

fn value_param(value: &Value) -> types::ValueParam<'_> {
    match value {
        Value::Text(text) => types::ValueParam::Text(text),
        Value::Integer(number) => types::ValueParam::Integer(*number),
        Value::Float(number) => types::ValueParam::Float(*number),
        Value::Boolean(truth) => types::ValueParam::Boolean(*truth),
        Value::Blob(bytes) => types::ValueParam::Blob(bytes),
        Value::Json(text) => types::ValueParam::Json(text),
    }
}

/// A value as an import answers with it.
pub fn value_result(value: Value) -> types::ValueResult {
    match value {
        Value::Text(text) => types::ValueResult::Text(text),
        Value::Integer(number) => types::ValueResult::Integer(number),
        Value::Float(number) => types::ValueResult::Float(number),
        Value::Boolean(truth) => types::ValueResult::Boolean(truth),
        Value::Blob(bytes) => types::ValueResult::Blob(bytes),
        Value::Json(text) => types::ValueResult::Json(text),
    }
}

/// A value of a guest.
pub fn value(value: types::ValueResult) -> Value {
    match value {
        types::ValueResult::Text(text) => Value::Text(text),
        types::ValueResult::Integer(number) => Value::Integer(number),
        types::ValueResult::Float(number) => Value::Float(number),
        types::ValueResult::Boolean(truth) => Value::Boolean(truth),
        types::ValueResult::Blob(bytes) => Value::Blob(bytes),
        types::ValueResult::Json(text) => Value::Json(text),
    }
}

/// An attribute of a guest.
pub fn attribute((name, of): types::AttributeResult) -> Attribute {
    (name, value(of))
}

/// A fault of a guest.
pub fn fault(fault: types::Fault) -> Fault {
    let kind = match fault.kind {
        types::FaultKind::Unprocessable => FaultKind::Unprocessable,
        types::FaultKind::Unavailable => FaultKind::Unavailable,
        types::FaultKind::Internal => FaultKind::Internal,
    };
    Fault::new(kind, fault.message)
}

/// An answer against the contract.
fn wrong(why: impl Into<String>) -> Fault {
    Fault::new(FaultKind::Internal, why)
}

/// What a head hook answered.
///
/// # Errors
///
/// A fault when the answer is against the contract.
pub fn head_action(action: http_types::HeadAction, stance: Stance) -> Result<HeadAction, Fault> {
    let watches = stance == Stance::Watcher;
    match action {
        http_types::HeadAction::Proceed(edits) => {
            let edits: Result<Vec<_>, _> =
                edits.into_iter().map(|one| edit(one, watches)).collect();
            Ok(HeadAction::Proceed(edits?))
        }
        _ if watches => Err(wrong("a watcher may neither answer nor abort")),
        http_types::HeadAction::Respond(response) => Ok(HeadAction::Respond(local(response)?)),
        http_types::HeadAction::Abort => Ok(HeadAction::Abort),
    }
}

fn edit(edit: http_types::Edit, watches: bool) -> Result<Edit, Fault> {
    Ok(match edit {
        http_types::Edit::SetHeader(field) => {
            let (name, value) = header(field)?;
            Edit::SetHeader(name, value)
        }
        http_types::Edit::AppendHeader(field) => {
            let (name, value) = header(field)?;
            Edit::AppendHeader(name, value)
        }
        http_types::Edit::RemoveHeader(name) => Edit::RemoveHeader(header_name(&name)?),
        http_types::Edit::SetAttribute(one) => Edit::SetAttribute(attribute(one)),
        _ if watches => {
            return Err(wrong("a watcher may not change body, target or status"));
        }
        http_types::Edit::SetTarget(target) => Edit::SetTarget(self::target(&target)?),
        http_types::Edit::SetStatus(status) => Edit::SetStatus(self::status(status)?),
        http_types::Edit::SetBody(body) => Edit::SetBody(body.into()),
    })
}

fn target(text: &str) -> Result<PathAndQuery, Fault> {
    let fits = text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic());
    let target = text.parse::<PathAndQuery>().ok().filter(|_| fits);
    target.ok_or_else(|| {
        wrong("`set-target` needs a path that begins with `/`, what is not ASCII percent-encoded")
    })
}

fn status(status: u16) -> Result<StatusCode, Fault> {
    let valid = StatusCode::from_u16(status).ok().filter(|_| (200..=599).contains(&status));
    valid.ok_or_else(|| wrong(format!("{status} is no status for an answer (200 to 599)")))
}

fn local(response: http_types::LocalResponse) -> Result<LocalResponse, Fault> {
    // A map of fields does not refuse what is too much for it, it panics.
    if response.headers.len() > MAX_FIELDS {
        return Err(wrong(format!("an answer has at most {MAX_FIELDS} fields")));
    }
    let mut headers = HeaderMap::with_capacity(response.headers.len());
    for field in response.headers {
        let (name, value) = header(field)?;
        headers.append(name, value);
    }
    Ok(LocalResponse { status: status(response.status)?, headers, body: response.body.into() })
}

fn header((name, value): types::HeaderResult) -> Result<(HeaderName, HeaderValue), Fault> {
    let name = header_name(&name)?;
    match value_of(&value) {
        Some(value) => Ok((name, value)),
        // The value is content, so it is not repeated.
        None => Err(wrong(format!("the value for `{name}` holds what no field may hold"))),
    }
}

fn header_name(name: &str) -> Result<HeaderName, Fault> {
    // A name that a plugin sends may be anything, so it is shown in its escaped form.
    let parsed = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| wrong(format!("`{}` is not the name of a field", shown(name))))?;
    if is_hosts(&parsed) {
        return Err(wrong(format!("`{parsed}` is a field of the host")));
    }
    Ok(parsed)
}

/// The beginning of a text from a guest, fit for one line of a log.
pub fn shown(text: &str) -> String {
    text.chars().take(64).flat_map(char::escape_default).collect()
}

/// What a body hook answered. What its mode does not allow is the body walk's affair.
///
/// # Errors
///
/// A fault when the answer is against the contract.
pub fn chunk_action(action: http_types::ChunkAction, stance: Stance) -> Result<ChunkAction, Fault> {
    let action = match action {
        http_types::ChunkAction::Pass => ChunkAction::Pass,
        http_types::ChunkAction::Done => ChunkAction::Done,
        _ if stance == Stance::Watcher => {
            return Err(wrong("a watcher may only let chunks pass"));
        }
        http_types::ChunkAction::Replace(bytes) => ChunkAction::Replace(bytes.into()),
        http_types::ChunkAction::Splice(list) => {
            ChunkAction::Splice(list.into_iter().map(splice).collect())
        }
        http_types::ChunkAction::Abort => ChunkAction::Abort,
    };
    Ok(action)
}

fn splice(splice: types::Splice) -> Splice {
    Splice { at: splice.at as usize, len: splice.len as usize, bytes: splice.bytes }
}

/// A severity for a guest.
pub fn severity_param(severity: Severity) -> types::Severity {
    match severity {
        Severity::Trace => types::Severity::Trace,
        Severity::Debug => types::Severity::Debug,
        Severity::Info => types::Severity::Info,
        Severity::Warn => types::Severity::Warn,
        Severity::Error => types::Severity::Error,
        Severity::Fatal => types::Severity::Fatal,
    }
}

/// A severity of a guest.
pub fn severity(severity: types::Severity) -> Severity {
    match severity {
        types::Severity::Trace => Severity::Trace,
        types::Severity::Debug => Severity::Debug,
        types::Severity::Info => Severity::Info,
        types::Severity::Warn => Severity::Warn,
        types::Severity::Error => Severity::Error,
        types::Severity::Fatal => Severity::Fatal,
    }
}

/// A trace context for a guest.
pub fn trace_param(trace: &TraceContext) -> types::TraceContextParam<'_> {
    types::TraceContextParam {
        trace_id: &trace.trace_id,
        span_id: &trace.span_id,
        sampled: trace.sampled,
    }
}

/// A trace context as an import answers with it.
pub fn trace_result(trace: &TraceContext) -> types::TraceContextResult {
    types::TraceContextResult {
        trace_id: trace.trace_id.to_string(),
        span_id: trace.span_id.to_string(),
        sampled: trace.sampled,
    }
}

/// A trace context of a guest; `None` when it is not one.
pub fn trace(trace: types::TraceContextResult) -> Option<TraceContext> {
    let hex = |text: &str, len| {
        text.len() == len
            && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    (hex(&trace.trace_id, 32) && hex(&trace.span_id, 16)).then(|| TraceContext {
        trace_id: trace.trace_id.into(),
        span_id: trace.span_id.into(),
        sampled: trace.sampled,
    })
}

/// Records for a guest; `attributes` are those of [`record_attributes`], one list each.
pub fn records<'a>(
    records: &'a [Record],
    attributes: &'a [Vec<types::AttributeParam<'a>>],
) -> Vec<log_types::LogRecord<'a>> {
    records
        .iter()
        .zip(attributes)
        .map(|(record, attributes)| log_types::LogRecord {
            time: record.time,
            severity: record.severity.map(severity_param),
            message: &record.message,
            attributes,
            trace: record.trace.as_ref().map(trace_param),
            request_id: record.request_id.as_deref(),
        })
        .collect()
}

/// The attributes of each record, for a guest.
pub fn record_attributes(records: &[Record]) -> Vec<Vec<types::AttributeParam<'_>>> {
    records.iter().map(|record| attributes(&record.attributes)).collect()
}

/// What the log hook answered. Whether it fits the batch is the chain's affair.
pub fn log_edits(edits: Vec<log_types::LogEdit>) -> Vec<LogEdit> {
    edits
        .into_iter()
        .map(|edit| LogEdit {
            index: edit.index as usize,
            change: match edit.change {
                log_types::LogChange::Drop => LogChange::Drop,
                log_types::LogChange::SetMessage(text) => LogChange::SetMessage(text),
                log_types::LogChange::SpliceMessage(list) => {
                    LogChange::SpliceMessage(list.into_iter().map(splice).collect())
                }
                log_types::LogChange::SetAttribute(one) => LogChange::SetAttribute(attribute(one)),
                log_types::LogChange::RemoveAttribute(name) => LogChange::RemoveAttribute(name),
                log_types::LogChange::SetSeverity(one) => LogChange::SetSeverity(severity(one)),
            },
        })
        .collect()
}

/// Texts to scrub, for a guest.
pub fn passages(passages: &[Passage]) -> Vec<scrub_types::Passage<'_>> {
    passages
        .iter()
        .map(|passage| scrub_types::Passage {
            text: &passage.text,
            origin: match passage.origin {
                Origin::ErrorEvent => scrub_types::Origin::ErrorEvent,
                Origin::Fault => scrub_types::Origin::Fault,
                Origin::Page => scrub_types::Origin::Page,
                Origin::Other => scrub_types::Origin::Other,
            },
            name: &passage.name,
        })
        .collect()
}

/// A check for a guest.
pub fn check_param(check: &Check) -> health_types::CheckParam<'_> {
    health_types::CheckParam {
        component: &check.component,
        status: status_param(check.status),
        at_worst: status_param(check.at_worst),
        latency: check.latency.map(nanoseconds),
        reason: check.reason.as_deref(),
        since: check.since,
    }
}

/// A check of a guest.
pub fn check(check: health_types::CheckResult) -> Check {
    Check {
        component: check.component,
        status: self::health(check.status),
        at_worst: self::health(check.at_worst),
        latency: check.latency.map(Duration::from_nanos),
        reason: check.reason,
        since: check.since,
    }
}

fn status_param(status: Status) -> health_types::Status {
    match status {
        Status::Healthy => health_types::Status::Healthy,
        Status::Degraded => health_types::Status::Degraded,
        Status::Unhealthy => health_types::Status::Unhealthy,
        Status::Unknown => health_types::Status::Unknown,
    }
}

/// A verdict of a guest.
pub fn health(status: health_types::Status) -> Status {
    match status {
        health_types::Status::Healthy => Status::Healthy,
        health_types::Status::Degraded => Status::Degraded,
        health_types::Status::Unhealthy => Status::Unhealthy,
        health_types::Status::Unknown => Status::Unknown,
    }
}

/// A page request for a guest.
pub fn page_request<'a>(
    request: &'a PageRequest,
    headers: &'a [types::HeaderParam<'a>],
) -> admin_types::PageRequest<'a> {
    admin_types::PageRequest {
        method: request.method.as_str(),
        path: &request.path,
        query: &request.query,
        headers,
        body: &request.body,
    }
}

/// A page of a guest.
///
/// # Errors
///
/// A fault when the answer is against the contract.
pub fn page(response: http_types::LocalResponse) -> Result<LocalResponse, Fault> {
    local(response)
}

/// What a plugin says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Its own name, unless the operator gives it another.
    pub name: String,
    /// Its version.
    pub version: String,
    /// One line.
    pub summary: String,
    /// Whether messages may do without it.
    pub stance: Stance,
    /// JSON Schema of its configuration.
    pub config_schema: Option<String>,
    /// Names of the metrics that it may register.
    pub metrics: Vec<String>,
}

/// What a guest says of itself.
pub fn manifest(manifest: lifecycle_types::Manifest) -> Manifest {
    Manifest {
        name: manifest.name,
        version: manifest.version,
        summary: manifest.summary,
        stance: match manifest.stance {
            lifecycle_types::Stance::Watcher => Stance::Watcher,
            lifecycle_types::Stance::Guard => Stance::Guard,
        },
        config_schema: manifest.config_schema,
        metrics: manifest.metrics,
    }
}

/// What a guest asked for.
pub fn subscription(from: lifecycle_types::Subscription) -> Subscription {
    Subscription {
        paths: Paths::new(from.paths),
        request: from.request.map(phase),
        response: from.response.map(phase),
        done: from.done.map(|done| DoneSubscription {
            fields: field_filter(done.fields),
            min_status: done.min_status,
        }),
        logs: from.logs.map(|logs| LogSubscription {
            form: match logs.form {
                lifecycle_types::LogForm::Raw => LogForm::Raw,
                lifecycle_types::LogForm::Block => LogForm::Block,
                lifecycle_types::LogForm::Parsed => LogForm::Parsed,
            },
            min_severity: severity(logs.min_severity),
            max_batch: logs.max_batch as usize,
            max_delay: Duration::from_nanos(logs.max_delay),
            access_log: logs.access_log,
        }),
        tick: from.tick.map(Duration::from_nanos),
        health: from.health,
        errors: from.errors,
    }
}

fn phase(phase: lifecycle_types::Phase) -> Phase {
    Phase {
        fields: header_filter(phase.fields),
        body: match phase.body {
            lifecycle_types::BodyMode::Skip => BodyMode::Skip,
            lifecycle_types::BodyMode::Observe(limits) => BodyMode::Observe(body_limits(limits)),
            lifecycle_types::BodyMode::Transform(limits) => {
                BodyMode::Transform(body_limits(limits))
            }
            lifecycle_types::BodyMode::Whole(limits) => BodyMode::Whole(body_limits(limits)),
        },
    }
}

fn body_limits(limits: lifecycle_types::BodyLimits) -> BodyLimits {
    BodyLimits {
        max_bytes: limits.max_bytes,
        on_overflow: match limits.on_overflow {
            lifecycle_types::Overflow::Pass => Overflow::Pass,
            lifecycle_types::Overflow::Reject => Overflow::Reject,
        },
        media_types: limits.media_types.into(),
        decode: limits.decode,
        unit: match limits.unit {
            lifecycle_types::Unit::Bytes => Unit::Bytes,
            lifecycle_types::Unit::Line => Unit::Line,
            lifecycle_types::Unit::Event => Unit::Event,
        },
    }
}

/// Fields of the host are not shown, whoever asks for them by name.
fn header_filter(filter: lifecycle_types::FieldFilter) -> FieldFilter {
    match field_filter(filter) {
        FieldFilter::Only(names) => {
            let shown = |name: &&String| !name.parse().is_ok_and(|name| is_hosts(&name));
            FieldFilter::Only(names.iter().filter(shown).cloned().collect())
        }
        other => other,
    }
}

fn field_filter(filter: lifecycle_types::FieldFilter) -> FieldFilter {
    match filter {
        lifecycle_types::FieldFilter::All => FieldFilter::All,
        lifecycle_types::FieldFilter::Only(names) => {
            FieldFilter::Only(names.into_iter().map(|name| name.to_ascii_lowercase()).collect())
        }
        lifecycle_types::FieldFilter::Nothing => FieldFilter::Nothing,
    }
}

/// A shared text for attributes that are facts of the exchange.
pub fn fact(name: &str, summary: &Summary) -> Option<Value> {
    match name {
        "error.type" => {
            summary.error_type.as_ref().map(|text: &Arc<str>| Value::Text(text.to_string()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proceed(edits: Vec<http_types::Edit>, stance: Stance) -> Result<HeadAction, Fault> {
        head_action(http_types::HeadAction::Proceed(edits), stance)
    }

    fn set(name: &str, value: &str) -> http_types::Edit {
        http_types::Edit::SetHeader((name.to_owned(), value.to_owned()))
    }

    #[test]
    fn values_of_fields_cross_byte_for_byte_in_both_directions() {
        let bytes: Vec<u8> =
            (0..=255).filter(|byte| !matches!(byte, 0..=8 | 10..=31 | 127)).collect();
        let value = HeaderValue::from_bytes(&bytes).unwrap();
        let text = text_of(&value);
        assert_eq!(text.chars().count(), bytes.len(), "each byte is one character");
        assert_eq!(value_of(&text).unwrap().as_bytes(), bytes);
        assert!(matches!(text_of(&HeaderValue::from_static("plain")), Cow::Borrowed("plain")));
    }

    #[test]
    fn what_no_head_may_hold_is_a_fault_that_does_not_repeat_it() {
        let edits = [
            set("x-a", "one\r\nx-b: two"),
            set("x-a", "one\ntwo"),
            set("x-a", "one\0two"),
            set("x-a", "secret \u{100}"),
            set("x a", "v"),
            set("", "v"),
            set("x:a", "v"),
            set("x-\u{e9}", "v"),
            set(":path", "/"),
            set("Host", "v"),
            set("content-length", "1"),
            set("Transfer-Encoding", "chunked"),
            set("connection", "x-a"),
            set("keep-alive", "v"),
            http_types::Edit::AppendHeader(("te".to_owned(), "trailers".to_owned())),
            http_types::Edit::RemoveHeader("upgrade".to_owned()),
            http_types::Edit::RemoveHeader("trailer".to_owned()),
            http_types::Edit::SetStatus(0),
            http_types::Edit::SetStatus(101),
            http_types::Edit::SetStatus(600),
            http_types::Edit::SetTarget(String::new()),
            http_types::Edit::SetTarget("a/b".to_owned()),
            http_types::Edit::SetTarget("http://elsewhere.example/".to_owned()),
            http_types::Edit::SetTarget("/a b".to_owned()),
            http_types::Edit::SetTarget("/a\r\nx: y".to_owned()),
            http_types::Edit::SetTarget("/caf\u{e9}".to_owned()),
        ];
        for edit in edits {
            let shown = format!("{edit:?}");
            let fault = proceed(vec![set("x-good", "v"), edit], Stance::Guard).expect_err(&shown);
            assert_eq!(fault.kind, FaultKind::Internal, "{shown}");
            assert!(!fault.message.contains("two") && !fault.message.contains("secret"), "{fault}");
            assert!(!fault.message.contains(char::is_control), "{fault}");
        }
    }

    #[test]
    fn what_a_head_may_hold_comes_out_as_it_went_in() {
        let edits = vec![
            set("X-Mixed", "a\tb"),
            set("x-latin", "caf\u{e9}"),
            http_types::Edit::SetTarget("/a/%20b?c=d&e".to_owned()),
            http_types::Edit::SetStatus(299),
            http_types::Edit::SetBody(b"body".to_vec()),
        ];
        let HeadAction::Proceed(edits) = proceed(edits, Stance::Guard).unwrap() else { panic!() };
        assert_eq!(edits[0], Edit::SetHeader("x-mixed".parse().unwrap(), "a\tb".parse().unwrap()));
        let Edit::SetHeader(_, value) = &edits[1] else { panic!() };
        assert_eq!(value.as_bytes(), b"caf\xe9");
        assert_eq!(edits[2], Edit::SetTarget("/a/%20b?c=d&e".parse().unwrap()));
        assert_eq!(edits.len(), 5);
    }

    #[test]
    fn a_watcher_may_neither_decide_nor_change_content() {
        use http_types::{ChunkAction as Chunk, Edit as E, HeadAction as Head};
        let answer =
            || http_types::LocalResponse { status: 200, headers: Vec::new(), body: Vec::new() };
        for action in [Head::Respond(answer()), Head::Abort] {
            assert!(head_action(action, Stance::Watcher).is_err());
        }
        for edit in [E::SetBody(Vec::new()), E::SetTarget("/".into()), E::SetStatus(200)] {
            assert!(proceed(vec![edit], Stance::Watcher).is_err());
        }
        for action in [Chunk::Replace(Vec::new()), Chunk::Splice(Vec::new()), Chunk::Abort] {
            assert!(chunk_action(action, Stance::Watcher).is_err());
        }
        let attribute = E::SetAttribute(("a".into(), types::ValueResult::Integer(1)));
        let harmless = vec![set("x-a", "v"), E::RemoveHeader("x-b".into()), attribute];
        assert!(proceed(harmless, Stance::Watcher).is_ok());
        for action in [Chunk::Pass, Chunk::Done] {
            assert!(chunk_action(action, Stance::Watcher).is_ok());
        }
    }

    #[test]
    fn an_answer_with_more_fields_than_a_map_holds_is_a_fault() {
        let headers = (0..40_000).map(|one| (format!("x-{one}"), String::new())).collect();
        let response = http_types::LocalResponse { status: 200, headers, body: Vec::new() };
        let fault = head_action(http_types::HeadAction::Respond(response), Stance::Guard);
        assert_eq!(fault.unwrap_err().kind, FaultKind::Internal);
    }

    #[test]
    fn fields_of_the_host_are_not_shown() {
        let mut headers = HeaderMap::new();
        for name in ["host", "connection", "te", "x-a"] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static("v"));
        }
        let shown = |filter: &FieldFilter| fields(&headers, filter).len();
        assert_eq!(shown(&FieldFilter::All), 1);
        let names = ["Host", "TE", "X-A", "x-missing"].map(str::to_owned).into();
        assert_eq!(shown(&header_filter(lifecycle_types::FieldFilter::Only(names))), 1);
        assert_eq!(shown(&FieldFilter::Nothing), 0);
    }

    #[test]
    fn a_name_from_a_guest_is_shown_escaped_and_short() {
        assert_eq!(shown("a\r\nb\u{1b}"), "a\\r\\nb\\u{1b}");
        assert_eq!(shown(&"x".repeat(1000)).len(), 64);
    }
}
