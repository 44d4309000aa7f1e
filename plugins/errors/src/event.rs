//! From an error event of the contract to the JSON of Sentry's protocol.
//!
//! The same event makes the same bytes. What is not known is left out. What has no place of its own
//! in the protocol goes into the context `tamis` under its own name.

mod exceptions;
mod request;

use serde_json::{Map, Value as Json, json};
use tamis_sdk::{Attribute, ErrorEvent, Severity, Timestamp, Value};

use crate::secrets::{FILTERED, is_secret};
use crate::settings::Settings;
use crate::{failure, records};

/// Name and version of this client, as servers see it.
pub(crate) const CLIENT: &str = concat!("tamis.errors/", env!("CARGO_PKG_VERSION"));
/// Largest event that servers take is 1 MiB.
pub(crate) const MOST_BYTES: usize = 900 << 10;

/// Longest value of a tag.
const LONGEST_TAG: usize = 200;
/// Longest message.
const LONGEST_MESSAGE: usize = 8_192;

/// How much of an event is told.
#[derive(Clone, Copy, Debug)]
struct Amount {
    exceptions: usize,
    frames: usize,
    /// Lines of source around the one.
    around: bool,
    breadcrumbs: usize,
    message: usize,
}

/// All of it; without what came before; what fits anywhere.
const AMOUNTS: [Amount; 4] = [
    Amount {
        exceptions: 50,
        frames: 100,
        around: true,
        breadcrumbs: 100,
        message: LONGEST_MESSAGE,
    },
    Amount { exceptions: 20, frames: 50, around: false, breadcrumbs: 10, message: 2_048 },
    Amount { exceptions: 5, frames: 20, around: false, breadcrumbs: 0, message: 1_024 },
    Amount { exceptions: 2, frames: 5, around: false, breadcrumbs: 0, message: 256 },
];

/// The event as JSON: all that fits into so many bytes.
pub(crate) fn payload(event: &ErrorEvent, settings: &Settings, most_bytes: usize) -> String {
    let mut text = String::new();
    for amount in AMOUNTS {
        text = write(event, settings, amount).to_string();
        if text.len() <= most_bytes {
            break;
        }
    }
    text
}

/// One line that names the failure.
pub(crate) fn title(event: &ErrorEvent) -> String {
    match event.exceptions.last() {
        Some(raised) => records::title(raised),
        None => event.message.lines().next().unwrap_or_default().to_owned(),
    }
}

/// The operation that failed: method and route of the request.
pub(crate) fn transaction(event: &ErrorEvent) -> Option<String> {
    let route = text(event, "http.route")?;
    Some(match text(event, "http.request.method") {
        Some(method) => format!("{method} {route}"),
        None => route.to_owned(),
    })
}

/// The language, as error trackers call it.
pub(crate) fn platform(event: &ErrorEvent) -> &str {
    text(event, "tamis.platform").unwrap_or("other")
}

/// For how many failures the event stands.
pub(crate) fn count(event: &ErrorEvent) -> u64 {
    let count = event.attribute("tamis.repeat_count").and_then(|value| value.as_integer());
    count.and_then(|count| u64::try_from(count).ok()).unwrap_or(1).max(1)
}

fn write(event: &ErrorEvent, settings: &Settings, amount: Amount) -> Json {
    let mut out = Map::new();
    let mut put = |key: &str, value: Json| {
        out.insert(key.to_owned(), value);
    };
    put("event_id", event.id.clone().into());
    put("timestamp", time(event.time()).into());
    put("platform", platform(event).into());
    put("level", level(event.severity).into());
    put("environment", (*settings.environment).into());
    for (key, value) in [
        ("release", &settings.release),
        ("dist", &settings.dist),
        ("server_name", &settings.server_name),
    ] {
        if let Some(value) = value {
            put(key, (**value).into());
        }
    }
    if let Some(logger) = text(event, "log.logger") {
        put("logger", line(logger, 64).into());
    }
    if let Some(transaction) = transaction(event) {
        put("transaction", line(&transaction, LONGEST_TAG).into());
        put("transaction_info", json!({ "source": "route" }));
    }
    put("tags", tags(event, settings).into());
    if let Some(request) = request::request(event, settings) {
        put("request", request);
    }
    if let Some(user) = request::user(event, settings) {
        put("user", user);
    }
    put("contexts", contexts(event, settings).into());
    let said = &*event.message;
    if !said.is_empty() && (event.exceptions.is_empty() || said != title(event)) {
        let said = cut(said, amount.message);
        put("logentry", json!({ "message": said, "formatted": said }));
    }
    if !event.exceptions.is_empty() {
        put("exception", json!({ "values": exceptions::exceptions(event, settings, amount) }));
    }
    if let Some(threads) = exceptions::threads(event, settings, amount) {
        put("threads", json!({ "values": threads }));
    }
    let skipped = event.breadcrumbs.len().saturating_sub(amount.breadcrumbs);
    let breadcrumbs: Vec<Json> = event.breadcrumbs[skipped..].iter().map(breadcrumb).collect();
    if !breadcrumbs.is_empty() {
        put("breadcrumbs", json!({ "values": breadcrumbs }));
    }
    if !event.fingerprint.is_empty() {
        put("fingerprint", event.fingerprint.clone().into());
    }
    let version = env!("CARGO_PKG_VERSION");
    put(
        "sdk",
        json!({
            "name": "tamis.errors",
            "version": version,
            "packages": [{ "name": "cargo:tamis-errors", "version": version }],
        }),
    );
    Json::Object(out)
}

/// Texts by which people search.
fn tags(event: &ErrorEvent, settings: &Settings) -> Map<String, Json> {
    let mut tags = Map::new();
    for (name, value) in &settings.tags {
        tags.insert(line(name, 32), line(value, LONGEST_TAG).into());
    }
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            tags.insert(name.to_owned(), line(&value, LONGEST_TAG).into());
        }
    };
    let said = |name: &str| event.attribute(name).map(ToString::to_string);
    put("tamis.kind", Some(event.kind.clone()));
    put("tamis.exchange", said("tamis.exchange"));
    put("tamis.merged", said("tamis.merged"));
    put("tamis.source", said("log.source"));
    put("tamis.repeat_count", (count(event) > 1).then(|| count(event).to_string()));
    let exchange = said("tamis.exchange").unwrap_or_else(|| event.kind.clone());
    put("caused_by", failure::caused_by(&exchange).map(str::to_owned));
    put("http.status_code", said("http.response.status_code"));
    put("upstream", said("upstream.name"));
    put("request_id", event.request_id.clone());
    tags
}

fn contexts(event: &ErrorEvent, settings: &Settings) -> Map<String, Json> {
    let mut contexts = Map::new();
    if let Some(trace) = &event.trace {
        contexts.insert(
            "trace".to_owned(),
            json!({
                "type": "trace",
                "trace_id": trace.trace_id,
                "span_id": trace.span_id,
                "sampled": trace.sampled,
                "op": "http.server",
                "origin": "auto.http.tamis",
            }),
        );
    }
    if let Some(status) =
        event.attribute("http.response.status_code").and_then(|value| value.as_integer())
    {
        let mut response = json!({ "type": "response", "status_code": status });
        if let Some(size) =
            event.attribute("http.response.body.size").and_then(|value| value.as_integer())
        {
            response["body_size"] = size.into();
        }
        contexts.insert("response".to_owned(), response);
    }
    let own: Map<String, Json> = event
        .attributes
        .iter()
        .filter(|(name, _)| !has_place(name) && (settings.send_default_pii || !is_personal(name)))
        .map(|attribute| (attribute.0.clone(), attribute_value(attribute)))
        .collect();
    if !own.is_empty() {
        contexts.insert("tamis".to_owned(), own.into());
    }
    contexts
}

/// Attributes that are told somewhere else in the event.
fn has_place(name: &str) -> bool {
    matches!(
        name,
        "http.request.method"
            | "http.route"
            | "http.response.status_code"
            | "http.response.body.size"
            | "url.scheme"
            | "url.path"
            | "url.query"
            | "url.full"
            | "url.original"
            | "server.address"
            | "client.address"
            | "upstream.name"
            | "log.logger"
            | "log.source"
            | "exception.type"
            | "exception.message"
            | "tamis.platform"
            | "tamis.merged"
            | "tamis.exchange"
            | "tamis.repeat_count"
    ) || name.starts_with("user.")
        || name.starts_with("http.request.header.")
}

/// Attributes that say who somebody is.
pub(crate) fn is_personal(name: &str) -> bool {
    ["user.", "enduser.", "client.", "session.", "network.peer."]
        .iter()
        .any(|begin| name.starts_with(begin))
}

fn attribute_value((name, value): &Attribute) -> Json {
    if is_secret(name) {
        return FILTERED.into();
    }
    match value {
        Value::Text(text) => text.clone().into(),
        Value::Integer(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Boolean(truth) => (*truth).into(),
        Value::Blob(bytes) => format!("{} bytes", bytes.len()).into(),
        Value::Json(json) => serde_json::from_str(json).unwrap_or_else(|_| json.clone().into()),
    }
}

fn breadcrumb(crumb: &tamis_sdk::errors::Breadcrumb) -> Json {
    let mut out = json!({
        "timestamp": time(crumb.time()),
        "type": "default",
        "category": line(&crumb.category, 64),
        "level": level(crumb.severity),
        "message": crumb.message,
    });
    if !crumb.attributes.is_empty() {
        let data = crumb
            .attributes
            .iter()
            .map(|attribute| (attribute.0.clone(), attribute_value(attribute)));
        out["data"] = data.collect::<Map<String, Json>>().into();
    }
    out
}

fn text<'a>(event: &'a ErrorEvent, name: &str) -> Option<&'a str> {
    event.attribute(name).and_then(|value| value.as_text()).filter(|text| !text.is_empty())
}

/// As servers name severities.
fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Fatal => "fatal",
        Severity::Error => "error",
        Severity::Warn => "warning",
        Severity::Info => "info",
        Severity::Debug | Severity::Trace => "debug",
    }
}

/// RFC 3339 with microseconds, which is what servers keep.
pub(crate) fn time(time: Timestamp) -> String {
    let nanos = time.unix_nanos();
    Timestamp::from_unix_nanos(nanos - nanos % 1_000).to_string()
}

/// A text on one line, cut at so many bytes.
fn line(text: &str, most: usize) -> String {
    cut(text, most).replace(char::is_control, " ")
}

fn cut(text: &str, most: usize) -> &str {
    crate::trace::cut(text, most)
}

#[cfg(test)]
mod tests;
