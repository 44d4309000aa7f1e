//! The plugin as the host sees it: what it asks for, and what it answers.

use super::*;
use tamis_sdk::testing::{self, Host};

fn start(config: &serde_json::Value) -> (Redact, Subscription) {
    let started = testing::start::<Redact>(&config.to_string());
    started.unwrap_or_else(|errors| panic!("{config}: {errors:?}"))
}

/// What goes on of a body in one piece on this path; `None` when the exchange is cut off.
fn body(config: serde_json::Value, path: &str, text: &str) -> Option<String> {
    let host = Host::start();
    let (mut redact, _) = start(&config);
    let exchange = Exchange::new(7);
    host.set_fact(exchange, "url.path", path);
    let mut response = Response::new(200).with_header("content-type", "application/json");
    response.exchange = exchange;
    response.ends = false;
    assert_eq!(redact.on_response(response), next().set_attribute("tamis.redact", "ran"));
    let chunk = Chunk { exchange, ..Chunk::new(text) };
    let action = redact.on_response_body(chunk);
    goes_on(action, text)
}

fn goes_on(action: ChunkAction, text: &str) -> Option<String> {
    match action {
        ChunkAction::Pass => Some(text.into()),
        ChunkAction::Replace(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        ChunkAction::Splice(splices) => {
            let mut out = text.to_owned();
            for splice in splices.iter().rev() {
                let range = splice.range();
                out.replace_range(range, &String::from_utf8_lossy(&splice.bytes));
            }
            Some(out)
        }
        ChunkAction::Abort => None,
        ChunkAction::Done => panic!("a body is never let go"),
    }
}

const BODY: &str = r#"{"mail":"jane@example.com","card":4111111111111111}"#;

#[test]
fn bodies_get_the_rules_of_their_route() {
    let config = serde_json::json!({
        "responses": true,
        "number": "zero",
        "route": [
            {"paths": ["/payments/*"], "mode": "block"},
            {"paths": ["/mail"], "rules": ["email"]},
        ],
    });
    let check = |path: &str, expected: Option<&str>| {
        assert_eq!(body(config.clone(), path, BODY).as_deref(), expected, "{path}");
    };
    check("/profile", Some(r#"{"mail":"[email]","card":0}"#));
    check("/mail", Some(r#"{"mail":"[email]","card":4111111111111111}"#));
    check("/payments/1", None);
}

#[test]
fn what_blocks_blocks_only_with_a_hit() {
    let config = serde_json::json!({"responses": true, "rules": ["default"], "mode": "block"});
    assert_eq!(body(config.clone(), "/", r#"{"a":1}"#).as_deref(), Some(r#"{"a":1}"#));
    assert_eq!(body(config, "/", BODY), None);
}

#[test]
fn headers_that_are_named_are_redacted_by_all_rules() {
    let location = || Response::new(302).with_header("location", "/u?mail=jane@example.com");
    for (config, expected) in [
        (
            serde_json::json!({"response-headers": ["location"]}),
            next().remove_header("location").append_header("location", "/u?mail=[email]"),
        ),
        (
            serde_json::json!({"response-headers": ["location"], "actions": {"email": "drop-record"}}),
            respond(502).into(),
        ),
    ] {
        Host::start();
        let (mut redact, _) = start(&config);
        assert_eq!(redact.on_response(location()), expected, "{config}");
    }
}

#[test]
fn requests_are_redacted_where_that_is_asked_for() {
    let host = Host::start();
    let (mut redact, subscription) = start(&serde_json::json!({
        "requests": true,
        "request-headers": ["referer"],
        "request-target": true,
        "route": [{"paths": ["/payments/*"], "mode": "block"}],
    }));
    assert!(subscription.request.is_some() && subscription.response.is_none());
    let request = |path: &str, target: &str| {
        let exchange = Exchange::new(7);
        host.set_fact(exchange, "url.path", path);
        let mut request = Request::new("POST", target)
            .with_header("content-type", "application/json")
            .with_header("referer", "https://shop.example/?mail=jane@example.com");
        request.exchange = exchange;
        request.ends = false;
        request
    };
    let edits = next()
        .set_target("/users?mail=%5Bemail%5D&page=2")
        .remove_header("referer")
        .append_header("referer", "https://shop.example/?mail=[email]")
        .set_attribute("tamis.redact.request", "ran");
    assert_eq!(redact.on_request(request("/users", "/users?mail=jane@example.com&page=2")), edits);
    let chunk = Chunk { exchange: Exchange::new(7), ..Chunk::new(BODY) };
    let expected = r#"{"mail":"[email]","card":"**********1111"}"#;
    assert_eq!(goes_on(redact.on_request_body(chunk), BODY).as_deref(), Some(expected));
    assert_eq!(redact.on_request(request("/payments/1", "/payments/1")), respond(422).into());
}

#[test]
fn what_cannot_be_read_gets_what_was_configured() {
    Host::start();
    use serde_json::json;
    let receipt = || next().set_attribute("tamis.redact", "skipped:charset");
    for (config, expected) in [
        (json!({"responses": true}), respond(502).into()),
        (json!({"responses": true, "unreadable": "pass"}), receipt()),
        (json!({"responses": true, "unreadable": "drop-body"}), receipt().set_body("")),
    ] {
        let (mut redact, _) = start(&config);
        let kind = "text/plain; charset=utf-16";
        let mut response = Response::new(200).with_header("content-type", kind);
        response.ends = false;
        assert_eq!(redact.on_response(response), expected, "{config}");
    }
    let (mut redact, _) = start(&json!({"responses": true}));
    let mut image = Response::new(200).with_header("content-type", "image/png");
    image.ends = false;
    let answer = redact.on_response(image);
    assert_eq!(answer, next().set_attribute("tamis.redact", "skipped:type"));
}

#[test]
fn records_are_dropped_where_a_rule_says_so() {
    Host::start();
    let (_, subscription) = start(&serde_json::json!(null));
    assert_eq!(subscription.logs.map(|logs| logs.form), Some(LogForm::Block));

    let config = serde_json::json!({
        "source": [{"name": "file:audit.log", "rules": ["card"], "mode": "block"}],
    });
    let (mut redact, subscription) = start(&config);
    assert_eq!(subscription.logs.map(|logs| logs.form), Some(LogForm::Raw));
    let lines = ["a 4111 1111 1111 1111", "b jane@example.com", "c"];
    let edits = redact.on_logs(Batch::new("file:audit.log", lines));
    let mut expected = Edits::new();
    expected.drop(0);
    assert_eq!(edits, expected);

    let edits = redact.on_logs(Batch::new("child", lines));
    let splice = |range, text: &str| vec![tamis_sdk::Splice::new(range, text)];
    let mut expected = Edits::new();
    expected.splice(0, splice(2..21, "**********1111"));
    expected.splice(1, splice(2..18, "[email]"));
    assert_eq!(edits, expected);
}

#[test]
fn fields_of_single_records_are_redacted_as_well() {
    Host::start();
    let config = serde_json::json!({"actions": {"card": "drop-record"}});
    let (mut redact, _) = start(&config);
    let mut batch = Batch::new("access", ["GET /", "GET /pay"]);
    batch.records[0].attributes = vec![
        ("client.address".into(), Value::Text("203.0.113.77".into())),
        ("url.query".into(), Value::Text("token=abc".into())),
        ("user".into(), Value::Json(r#"{"mail":"jane@example.com"}"#.into())),
        ("password".into(), Value::Integer(1234)),
        ("status".into(), Value::Integer(200)),
    ];
    batch.records[1].attributes = vec![("card".into(), Value::Integer(4111111111111111))];
    let mut expected = Edits::new();
    expected.set_attribute(0, "client.address", Value::Text("203.0.113.0".into()));
    expected.set_attribute(0, "url.query", Value::Text("token=%5Bredacted%5D".into()));
    expected.set_attribute(0, "user", Value::Json(r#"{"mail":"[email]"}"#.into()));
    expected.set_attribute(0, "password", Value::Text("[redacted]".into()));
    expected.drop(1);
    assert_eq!(redact.on_logs(batch), expected);
}

#[test]
fn every_mistake_of_both_parts_is_reported() {
    let config = serde_json::json!({"responses": 1, "rules": ["emial"], "mode": "of"});
    let errors = testing::start::<Redact>(&config.to_string()).map(|_| ()).expect_err("three");
    assert_eq!(errors.len(), 3, "{errors:?}");
}
