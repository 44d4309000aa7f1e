//! The hooks of all instances, against a stand-in for the host that carries events as it does.

use std::time::Duration;

use serde_json::Value;
use tamis_sdk::testing::{self, Host};
use tamis_sdk::{Outcome, Record, Severity, TraceContext};

use super::*;

const DSN: &str = r#"{"dsn": "https://abc@sentry.example/42"}"#;
const TRACE: &str = "Traceback (most recent call last):\n  File \"/srv/shop/orders.py\", line 14, in view\n    charge(order)\nPaymentError: could not charge order 1841";

/// A host with a worker for exchanges, one for the log, and the background.
struct Setting {
    host: Host,
    config: String,
    web: Errors,
    log: Errors,
    background: Errors,
    carried: usize,
}

impl Setting {
    fn new(config: &str) -> Self {
        let host = Host::start();
        let start = || testing::start::<Errors>(config).expect("the configuration is right").0;
        let (web, log, background) = (start(), start(), start());
        Self { host, config: config.to_owned(), web, log, background, carried: 0 }
    }

    /// What was captured since the last time, each with an id as the host gives it.
    fn batch(&mut self) -> Vec<ErrorEvent> {
        let mut batch = self.host.captured().split_off(self.carried);
        for event in &mut batch {
            self.carried += 1;
            event.id = format!("{:032x}", self.carried);
        }
        batch
    }

    fn carry(&mut self) -> Result<(), Fault> {
        let batch = self.batch();
        self.background.on_errors(batch, &testing::background())
    }

    /// Carries what was captured and lets so many seconds pass, with a tick in each.
    fn pass(&mut self, seconds: u64) {
        self.carry().expect("there is room");
        for _ in 0..seconds {
            self.host.advance(Duration::from_secs(1));
            let tick = Tick { now: Timestamp::now(), missed: 0 };
            self.background.on_tick(tick, &testing::background());
        }
    }

    fn fail(&mut self, status: u16) {
        self.web.on_done(Summary::new("POST", "shop", status));
    }

    fn log(&mut self, severity: Option<Severity>, text: &str) {
        let mut batch = Batch::new("child", [text]);
        batch.records[0].severity = severity;
        self.log.on_logs(batch);
    }

    fn page(&mut self, target: &str) -> (u16, Value) {
        let request = PageRequest::new("GET", target);
        let reply = self.background.on_page(request, &testing::background());
        let page = serde_json::from_slice(&reply.body).expect("JSON was asked for");
        (reply.status, page)
    }

    fn answer(&self, status: u16) {
        let answer = Response { status, headers: Vec::new(), body: Vec::new() };
        self.host.answer("https://sentry.example", Ok(answer));
    }

    /// The events which the server got.
    fn sent(&self) -> Vec<Value> {
        let event = |request: &Request| {
            let text = String::from_utf8(request.body.clone()).expect("UTF-8");
            serde_json::from_str(text.lines().nth(2).expect("a payload")).expect("JSON")
        };
        self.host.sent().iter().map(event).collect()
    }
}

#[test]
fn an_exchange_that_went_well_leaves_no_trace() {
    let mut setting = Setting::new("null");
    for (outcome, status) in [
        (Outcome::Completed, 200),
        (Outcome::Completed, 404),
        (Outcome::Refused, 503),
        (Outcome::ClientClosed, 0),
    ] {
        let mut summary = Summary::new("GET", "shop", status);
        summary.outcome = outcome;
        setting.web.on_done(summary);
    }
    assert!(setting.host.captured().is_empty());
}

#[test]
fn a_failed_exchange_is_told_with_all_that_the_proxy_knows() {
    let mut setting = Setting::new("null");
    let mut summary = Summary::new("POST", "shop", 504);
    summary.outcome = Outcome::UpstreamTimeout;
    summary.total = Duration::from_millis(3_100);
    summary.upstream = Some(Duration::from_secs(3));
    summary.attributes = vec![("error.type".into(), "upstream.timeout.header".into())];
    for (name, value) in [
        ("url.path", "/pay"),
        ("url.scheme", "https"),
        ("upstream.name", "app"),
        ("url.original", "/pay?order=7&token=s3cret"),
        ("client.address", "203.0.113.7"),
    ] {
        setting.host.set_fact(summary.exchange, name, value);
    }
    let trace = TraceContext { trace_id: "a".repeat(32), span_id: "b".repeat(16), sampled: true };
    setting.host.set_trace(summary.exchange, trace.clone());
    setting.web.on_done(summary.clone());

    let captured = setting.host.captured();
    let event = captured.first().expect("it failed");
    assert_eq!((&*event.kind, event.severity), ("upstream.timeout.header", Severity::Error));
    assert_eq!(event.fingerprint, ["UpstreamHeaderTimeout", "shop", "app"]);
    assert_eq!(event.trace, Some(trace));
    assert_eq!(event.request_id.as_deref(), Some("test-request"));
    let said: Vec<String> =
        event.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(
        said,
        [
            "http.request.method=POST",
            "http.route=shop",
            "http.response.status_code=504",
            "http.response.body.size=0",
            "duration_ms=3100",
            "upstream_ms=3000",
            "url.scheme=https",
            "url.path=/pay",
            "upstream.name=app",
            "url.query=order=7&token=[Filtered]",
            // Of all that fail alike, for those that will not travel.
            "tamis.storm=ebbepbknigbibjdj",
        ]
    );
    let (mut eager, _) = testing::start::<Errors>(r#"{"send-default-pii": true}"#).expect("right");
    eager.on_done(summary);
    let captured = setting.host.captured();
    assert!(captured[1].attribute("client.address").is_some(), "only when it was asked for");
}

#[test]
fn both_halves_become_one_event_that_the_server_gets() {
    let mut setting = Setting::new(DSN);
    setting.answer(200);
    setting.host.set_fact(Default::default(), "url.path", "/pay");
    setting.fail(500);
    setting.log(Some(Severity::Info), "order received");
    setting.log(Some(Severity::Error), &format!("charge failed\n{TRACE}"));
    setting.pass(4);

    let sent = setting.sent();
    assert_eq!(sent.len(), 1, "one failure, one event");
    let event = &sent[0];
    assert_eq!(event["exception"]["values"][0]["type"], "PaymentError");
    assert_eq!(event["logentry"]["formatted"], "charge failed");
    assert_eq!(event["contexts"]["response"]["status_code"], 500);
    assert_eq!(event["request"]["url"], "/pay");
    assert_eq!(event["transaction"], "POST shop");
    assert_eq!(event["tags"]["tamis.merged"], "time");
    assert_eq!(event["tags"]["request_id"], "test-request");
    assert_eq!(event["breadcrumbs"]["values"][0]["message"], "order received");

    let (_, page) = setting.page("/?format=json");
    assert_eq!(page["groups"].as_array().map(Vec::len), Some(1));
    assert_eq!(page["groups"][0]["count"], 1);
    assert_eq!(page["accounting"]["delivered"], 1);
    assert_eq!(page["sending"]["state"], "ok");
    assert_eq!(setting.host.metric("errors_captured_total", &["log.exception"]), Some(1.0));
    assert_eq!(setting.host.metric("errors_merged_total", &["time"]), Some(1.0));
    assert_eq!(setting.host.metric("errors_delivered_total", &[]), Some(1.0));
}

#[test]
fn a_failure_that_was_answered_with_200_counts_all_the_same() {
    let mut setting = Setting::new("null");
    setting.web.on_done(Summary::new("POST", "shop", 200));
    setting.log(Some(Severity::Error), &format!("Registration failed\n{TRACE}"));
    setting.pass(4);
    let (_, page) = setting.page("/?format=json");
    assert_eq!(page["groups"][0]["title"], "PaymentError: could not charge order 1841");
    assert_eq!(page["sending"]["state"], "off");
    assert!(setting.host.sent().is_empty(), "there is no server");
}

#[test]
fn three_bugs_a_hundred_times_are_three_groups() {
    let mut setting = Setting::new(r#"{"merge-window": "0s"}"#);
    for number in 0..100 {
        setting.log(None, &TRACE.replace("1841", &number.to_string()));
        setting.log(Some(Severity::Error), &format!("stock of item {number} is unknown"));
        setting.fail(502);
        setting.host.advance(Duration::from_millis(700));
        if number % 10 == 0 {
            setting.pass(1);
        }
    }
    setting.pass(2);
    let (_, page) = setting.page("/?format=json");
    let groups = page["groups"].as_array().expect("a list");
    let mut counts: Vec<u64> =
        groups.iter().map(|group| group["count"].as_u64().expect("a number")).collect();
    counts.sort_unstable();
    assert_eq!(counts, [100, 100, 100]);
}

#[test]
fn a_storm_is_counted_in_full_though_not_every_event_travels() {
    let mut setting = Setting::new(r#"{"merge-window": "0s"}"#);
    for _ in 0..1_000 {
        setting.fail(500);
        setting.log(Some(Severity::Error), &format!("x\n{TRACE}"));
        setting.host.advance(Duration::from_millis(1));
    }
    // The storm is over, nothing more happens, and a worker is gone for good.
    setting.web = testing::start::<Errors>(&setting.config).expect("as before").0;
    assert!(setting.host.captured().len() < 60, "{}", setting.host.captured().len());
    setting.pass(2);
    let (_, page) = setting.page("/?format=json");
    let captured = &page["accounting"]["captured"];
    assert_eq!(
        (&captured["upstream.status"], &captured["log.exception"]),
        (&1_000.into(), &1_000.into())
    );
}

#[test]
fn nobody_hears_of_what_is_ignored() {
    let mut setting = Setting::new(r#"{"ignore": [{"status": "503"}, {"type": "PaymentError"}]}"#);
    setting.fail(503);
    setting.log(None, TRACE);
    assert!(setting.host.captured().is_empty());
    setting.fail(500);
    assert_eq!(setting.host.captured().len(), 1);
    let mut foreign = ErrorEvent::new("quota.exceeded", "x");
    foreign.exceptions = vec![Exception { name: "PaymentError".into(), ..Exception::default() }];
    host::capture(&foreign);
    setting.pass(4);
    let (_, page) = setting.page("/?format=json");
    assert_eq!(page["groups"].as_array().map(Vec::len), Some(1));
    assert_eq!(page["accounting"]["ignored"], 1);
}

#[test]
fn a_batch_that_is_offered_again_counts_once() {
    let mut setting = Setting::new(DSN);
    setting.answer(200);
    setting.fail(500);
    let batch = setting.batch();
    for _ in 0..3 {
        setting.background.on_errors(batch.clone(), &testing::background()).expect("there is room");
    }
    setting.pass(4);
    assert_eq!(setting.sent().len(), 1);
    assert_eq!(setting.page("/?format=json").1["groups"][0]["count"], 1);
}

#[test]
fn a_server_that_is_away_gets_everything_later_and_the_host_keeps_the_rest() {
    let mut setting = Setting::new(DSN);
    setting.host.answer("https://sentry.example", Err(SendError::Timeout));
    let mut kept = Vec::new();
    let mut captured = 0;
    for number in 0..15 {
        for line in 0..10 {
            host::capture(&ErrorEvent::new("quota.exceeded", format!("tenant {number} {line}")));
        }
        captured += 10;
        let batch = setting.batch();
        if let Err(fault) = setting.background.on_errors(batch.clone(), &testing::background()) {
            assert_eq!(fault.kind, tamis_sdk::FaultKind::Unavailable, "no strike for it");
            kept.push(batch);
        }
        setting.pass(3);
    }
    assert!(!kept.is_empty(), "the host is told to keep it");
    let logs = setting.host.logs();
    assert_eq!(logs.len(), 1, "an operator is told once: {logs:?}");
    assert_eq!(setting.page("/?format=json").1["sending"]["state"], "trouble");

    setting.answer(200);
    setting.pass(300);
    for batch in kept {
        setting.background.on_errors(batch, &testing::background()).expect("there is room again");
    }
    setting.pass(30);
    let ids: std::collections::BTreeSet<String> = setting
        .sent()
        .iter()
        .map(|event| event["event_id"].as_str().expect("an id").to_owned())
        .collect();
    assert_eq!(ids.len(), captured);
    assert_eq!(setting.page("/?format=json").1["accounting"]["delivered"], captured);
}

#[test]
fn what_waits_goes_on_in_the_next_instance() {
    let mut setting = Setting::new(DSN);
    setting.host.answer("https://sentry.example", Err(SendError::Timeout));
    setting.fail(500);
    setting.pass(4);
    setting.log(None, TRACE);
    setting.carry().expect("there is room");
    setting.background.shutdown(Duration::from_secs(1));
    setting.background = testing::start::<Errors>(&setting.config).expect("right").0;
    assert_eq!(setting.page("/?format=json").1["groups"].as_array().map(Vec::len), Some(2));
    let before = setting.sent().len();
    setting.answer(200);
    setting.pass(3);
    assert_eq!(setting.sent().len() - before, 2);
    let left = host::state().get("outbox").expect("state works");
    assert_eq!(left, None, "taken once");

    // A worker has nothing to leave.
    setting.web.shutdown(Duration::from_secs(1));
}

#[test]
fn a_part_is_sent_and_all_is_counted() {
    let mut setting = Setting::new(
        r#"{"dsn": "https://abc@sentry.example/42", "sample-rate": 0.25, "merge-window": "0s"}"#,
    );
    setting.answer(200);
    for number in 0..200 {
        host::capture(&ErrorEvent::new("quota.exceeded", format!("tenant {number}")));
    }
    setting.pass(200);
    let (_, page) = setting.page("/?format=json");
    let delivered = page["accounting"]["delivered"].as_u64().expect("a number");
    assert!((25..75).contains(&delivered), "{delivered}");
    assert_eq!(page["accounting"]["dropped"]["sample_rate"], 200 - delivered);
    assert_eq!(page["groups"][0]["count"], 200);
    let dropped = setting.host.metric("errors_dropped_total", &["sample_rate"]);
    assert_eq!(dropped, Some((200 - delivered) as f64));
}

#[test]
fn records_are_delivered_from_the_level_that_is_of_interest() {
    Host::start();
    for (config, expected) in [
        ("null", Severity::Info),
        (r#"{"breadcrumbs": 0}"#, Severity::Error),
        (r#"{"breadcrumb-level": "debug"}"#, Severity::Debug),
    ] {
        let (_, subscription) = testing::start::<Errors>(config).expect("right");
        assert_eq!(subscription.logs.expect("it reads logs").min_severity, expected, "{config}");
        assert_eq!(subscription.request, None, "heads cost too much");
        let done = subscription.done.expect("it is told of failures");
        assert_eq!(done.fields, tamis_sdk::Fields::only(["error.type"]));
        assert_eq!(done.min_status, 500, "what went well is not told");
    }
}

#[test]
fn pages_are_for_people_and_for_tools() {
    let mut setting = Setting::new("null");
    setting.log(None, TRACE);
    setting.pass(4);
    let id = setting.page("/?format=json").1["groups"][0]["id"].as_str().expect("an id").to_owned();
    for target in [format!("/{id}?format=json"), format!("/?id={id}&format=json")] {
        let (status, page) = setting.page(&target);
        assert_eq!((status, &page["count"]), (200, &1.into()), "{target}");
        assert_eq!(page["event"]["exception"]["values"][0]["type"], "PaymentError");
    }
    assert_eq!(setting.page("/nothing?format=json").0, 404);

    let mut show = |target: &str, accept: &str| {
        let mut request = PageRequest::new("GET", target);
        request.headers.push(("accept".into(), accept.into()));
        let reply = setting.background.on_page(request, &testing::background());
        let header = |name: &str| {
            reply.headers.iter().find(|header| header.0 == name).map(|header| header.1.clone())
        };
        (
            header("content-type").expect("a type"),
            String::from_utf8(reply.body.clone()).expect("text"),
        )
    };
    for (accept, expected) in [
        (
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "text/html; charset=utf-8",
        ),
        ("application/json", "application/json"),
        ("application/json, text/html", "application/json"),
        ("", "text/html; charset=utf-8"),
        ("*/*", "text/html; charset=utf-8"),
    ] {
        assert_eq!(show("/", accept).0, expected, "{accept}");
    }
    let (_, list) = show("/", "text/html");
    assert!(
        list.contains(&format!("href=\"?id={id}\"")) && list.contains("PaymentError"),
        "{list}"
    );
    let (_, group) = show(&format!("/?id={id}"), "text/html");
    assert!(group.contains("orders.py:14") && group.contains("charge(order)"), "{group}");
    let mut request = PageRequest::new("DELETE", "/");
    request.headers.clear();
    assert_eq!(setting.background.on_page(request, &testing::background()).status, 405);
}

#[test]
fn records_that_name_a_request_join_it() {
    let mut setting = Setting::new("null");
    let mut summary = Summary::new("GET", "shop", 500);
    summary.request_id = "019a9f3c".into();
    setting.web.on_done(summary);
    let mut record = Record::new("charge failed");
    record.severity = Some(Severity::Error);
    record.request_id = Some("019a9f3c".into());
    setting.log.on_logs(Batch { source: "child".into(), records: vec![record] });
    setting.pass(4);
    let (_, page) = setting.page("/?format=json");
    assert_eq!(page["groups"].as_array().map(Vec::len), Some(1));
    assert_eq!(page["accounting"]["merged"]["request-id"], 1);
}
