//! Events as servers get them. The files under `cases/events` pass the protocol's schema and a
//! server's own reader.

use serde_json::Value as Json;
use tamis_sdk::errors::{Breadcrumb, Exception, Frame, Thread};
use tamis_sdk::testing::Host;
use tamis_sdk::{Config, TraceContext};

use super::*;
use crate::trace;

fn settings(json: &str) -> Settings {
    Config::new(json).parse().expect("the settings are right")
}

fn json(event: &ErrorEvent, config: &str) -> Json {
    serde_json::from_str(&payload(event, &settings(config), MOST_BYTES)).expect("it is JSON")
}

fn exchange() -> ErrorEvent {
    let mut event = ErrorEvent::new("upstream.status", "HTTP Client Error with status code: 500");
    event.id = "1996de21a1a842809b993c2373ab03ca".into();
    event.set_time(Timestamp::from_unix_nanos(1_763_796_961_120_345_678));
    event.exceptions = vec![Exception {
        name: "UpstreamStatus5xx".into(),
        message: "HTTP Client Error with status code: 500".into(),
        mechanism: "upstream".into(),
        handled: Some(true),
        ..Exception::default()
    }];
    event.fingerprint = vec!["UpstreamStatus5xx".into(), "shop".into(), "app".into()];
    event.request_id = Some("019a9f3c-7d1b-7b5e-9d59-8f4f6c0e1a2b".into());
    event.trace = Some(TraceContext {
        trace_id: "0af7651916cd43dd8448eb211c80319c".into(),
        span_id: "b7ad6b7169203331".into(),
        sampled: true,
    });
    for (name, value) in [
        ("http.request.method", Value::from("POST")),
        ("http.route", "shop".into()),
        ("http.response.status_code", 500_u16.into()),
        ("http.response.body.size", 21_u16.into()),
        ("url.scheme", "https".into()),
        ("url.path", "/orders/1841/charge".into()),
        ("url.query", "coupon=X&token=s3cret".into()),
        ("server.address", "shop.example".into()),
        ("client.address", "203.0.113.7".into()),
        ("upstream.name", "app".into()),
        ("user.id", "u-1841".into()),
        ("duration_ms", 42_u16.into()),
        ("http.request.header.user-agent", "curl/8".into()),
        ("http.request.header.authorization", "Basic czNjcmV0".into()),
        ("http.request.header.x-forwarded-for", "203.0.113.9".into()),
        ("session.id", "s-1".into()),
    ] {
        event.set_attribute(name, value);
    }
    event
}

fn logged() -> ErrorEvent {
    let mut event = exchange();
    let text = include_str!("../../cases/python/gen_py_cause.log");
    let trace = trace::find(text).expect("a traceback");
    event.kind = "log.exception".into();
    event.message = "charge failed for order 1841".into();
    event.exceptions = trace.exceptions;
    event.fingerprint.clear();
    event.set_attribute("tamis.platform", trace.platform);
    event.set_attribute("tamis.merged", "request-id");
    event.set_attribute("tamis.exchange", "upstream.status");
    event.set_attribute("tamis.repeat_count", 17_u16);
    event.set_attribute("log.logger", "shop.orders");
    event.set_attribute("log.source", "child");
    event.set_attribute("details", Value::Json(r#"{"retry": true}"#.into()));
    let mut crumb = Breadcrumb::new(event.time(), "shop.orders", "order received id=1841");
    crumb.attributes.push(("order".into(), 1841_u16.into()));
    event.breadcrumbs = vec![crumb];
    event
}

fn grouped() -> ErrorEvent {
    let mut event = ErrorEvent::new("log.exception", "");
    event.id = "2996de21a1a842809b993c2373ab03cb".into();
    event.set_time(Timestamp::from_unix_nanos(1_763_796_961_000_000_000));
    event.severity = Severity::Fatal;
    let trace =
        trace::find(include_str!("../../cases/python/gen_py_group.log")).expect("a traceback");
    event.exceptions = trace.exceptions;
    for exception in &mut event.exceptions {
        exception.thread = Some("worker-3".into());
        exception.handled = Some(false);
    }
    event.set_attribute("tamis.platform", trace.platform);
    event.threads = vec![Thread {
        name: "main".into(),
        frames: vec![Frame { function: "wait".into(), ..Frame::default() }],
    }];
    event
}

const FULL: &str = r#"{
    "environment": "staging", "release": "shop@1.4.2", "dist": "42", "server-name": "edge-1",
    "tags": {"team": "shop"}, "send-default-pii": true
}"#;

#[test]
fn events_are_the_same_to_the_last_byte() {
    Host::start();
    let mut message = ErrorEvent::new("log.message", "disk is full\non /var");
    message.id = "3996de21a1a842809b993c2373ab03cc".into();
    message.set_time(Timestamp::from_unix_nanos(1_763_796_961_000_000_000));
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/events");
    for (name, event, config) in [
        ("exchange", exchange(), "null"),
        ("exchange-with-personal-data", exchange(), FULL),
        ("logged", logged(), "null"),
        ("logged-with-personal-data", logged(), FULL),
        ("grouped", grouped(), "null"),
        ("message", message, "null"),
    ] {
        let text = payload(&event, &settings(config), MOST_BYTES);
        let event: Json = serde_json::from_str(&text).expect("it is JSON");
        let path = folder.join(format!("{name}.json"));
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        let expected: Json = serde_json::from_str(&expected).unwrap_or_default();
        assert_eq!(event, expected, "{name} is not {}: {text}", path.display());
    }
}

#[test]
fn nobody_is_named_unless_it_was_asked_for() {
    Host::start();
    for event in [exchange(), logged()] {
        let text = payload(&event, &settings("null"), MOST_BYTES);
        for secret in ["203.0.113", "u-1841", "s3cret", "czNjcmV0", "s-1"] {
            assert!(!text.contains(secret), "{secret} is told: {text}");
        }
        let event = json(&event, FULL);
        assert_eq!(event["user"]["id"], "u-1841");
        assert_eq!(event["user"]["ip_address"], "203.0.113.7");
        assert_eq!(event["request"]["env"]["REMOTE_ADDR"], "203.0.113.7");
        assert_eq!(event["request"]["headers"]["authorization"], "[Filtered]", "never");
        assert_eq!(event["request"]["query_string"], "coupon=X&token=[Filtered]", "never");
    }
}

#[test]
fn ids_count_from_the_exception_finally_raised() {
    Host::start();
    let event = json(&grouped(), "null");
    let values = event["exception"]["values"].as_array().expect("a list");
    let last = values.last().expect("the root");
    assert_eq!(last["mechanism"]["exception_id"], 0);
    assert_eq!(last["mechanism"]["is_exception_group"], true);
    assert!(last["mechanism"]["parent_id"].is_null());
    for (index, value) in values.iter().enumerate() {
        assert_eq!(value["mechanism"]["exception_id"], values.len() - 1 - index);
        assert!(
            value["stacktrace"].is_null()
                || !value["stacktrace"]["frames"].as_array().expect("a list").is_empty()
        );
    }
    let one = json(&exchange(), "null");
    assert!(one["exception"]["values"][0]["mechanism"]["exception_id"].is_null());
    assert_eq!(one["exception"]["values"][0]["mechanism"]["synthetic"], Json::Null);
}

#[test]
fn a_message_that_only_repeats_the_exception_is_left_out() {
    Host::start();
    let mut event = logged();
    assert_eq!(json(&event, "null")["logentry"]["formatted"], "charge failed for order 1841");
    event.message = title(&event);
    assert!(json(&event, "null")["logentry"].is_null());
    let message = ErrorEvent::new("log.message", "a\nb");
    let entry = &json(&message, "null")["logentry"];
    assert_eq!((&entry["message"], &entry["formatted"]), (&"a\nb".into(), &"a\nb".into()));
}

#[test]
fn operators_say_whose_code_it_is() {
    Host::start();
    let event = json(&logged(), r#"{"in-app": {"exclude": ["orders.py"]}}"#);
    assert_eq!(event["exception"]["values"][0]["stacktrace"]["frames"][0]["in_app"], false);
}

#[test]
fn an_event_that_is_too_large_loses_what_matters_least() {
    Host::start();
    let mut event = grouped();
    let frame = event.exceptions[0].frames[0].clone();
    let long = Exception {
        message: "x".repeat(20_000),
        frames: vec![frame; 500],
        ..event.exceptions[0].clone()
    };
    let raised = event.exceptions.pop().expect("the root");
    event.exceptions = vec![Exception { parent: Some(100), ..long }; 100];
    event.exceptions.push(raised);
    event.breadcrumbs = vec![Breadcrumb::new(event.time(), "a", "y".repeat(1_000)); 100];
    event.threads = vec![Thread { name: "t".into(), frames: vec![Frame::default(); 500] }; 500];
    for most in [MOST_BYTES, 100_000, 16_000, 6_000] {
        let text = payload(&event, &settings("null"), most);
        assert!(text.len() <= most, "{} > {most}", text.len());
        let event: Json = serde_json::from_str(&text).expect("it is JSON");
        let last =
            event["exception"]["values"].as_array().expect("a list").last().expect("one").clone();
        assert_eq!(last["type"], "ExceptionGroup", "what was finally raised stays");
    }
}

#[test]
fn one_line_stays_one_line() {
    Host::start();
    let mut event = exchange();
    event.set_attribute("upstream.name", "a\nb".repeat(200));
    event.set_attribute("http.route", "a\nb");
    let event = json(&event, "null");
    let tag = event["tags"]["upstream"].as_str().expect("a text");
    assert!(tag.len() <= 200 && !tag.contains('\n'));
    assert_eq!(event["transaction"], "POST a b");
}
