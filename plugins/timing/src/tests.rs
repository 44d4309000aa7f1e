//! The hooks, against a stand-in for the host.

use tamis_sdk::testing::{self, Host};
use tamis_sdk::{Edit, Outcome, Timings, TraceContext};

use super::*;

const SECONDS: &str = "http_server_request_duration_seconds";

fn start(config: &str) -> (Timing, Subscription) {
    testing::start::<Timing>(config).expect("the configuration is right")
}

fn header(answer: &Next) -> Option<&str> {
    match answer.edits() {
        [] => None,
        [Edit::AppendHeader((name, value))] if name == "server-timing" => Some(value),
        other => panic!("unexpected edits: {other:?}"),
    }
}

#[test]
fn every_exchange_is_timed_by_method_route_status_and_failure() {
    let host = Host::start();
    let (mut timing, _) = start("null");
    let mut summary = Summary::new("GET", "shop", 200);
    summary.total = Duration::from_millis(30);
    timing.on_done(summary.clone());
    summary.method = "BREW".into();
    timing.on_done(summary.clone());
    summary.method = "GET".into();
    summary.status = 502;
    summary.outcome = Outcome::UpstreamFailed;
    summary.attributes = vec![("error.type".into(), "upstream.refused".into())];
    timing.on_done(summary.clone());
    summary.status = 0;
    summary.outcome = Outcome::ClientClosed;
    summary.attributes.clear();
    timing.on_done(summary);

    assert_eq!(host.samples(SECONDS, &["GET", "shop", "200", "", ""]), [0.03]);
    assert_eq!(host.metric(SECONDS, &["_OTHER", "shop", "200", "", ""]), Some(1.0));
    assert_eq!(host.metric(SECONDS, &["GET", "shop", "502", "upstream.refused", ""]), Some(1.0));
    assert_eq!(host.metric(SECONDS, &["GET", "shop", "", "client-closed", ""]), Some(1.0));
}

#[test]
fn only_bodies_that_exist_have_a_size() {
    let host = Host::start();
    let (mut timing, _) = start("null");
    let mut summary = Summary::new("POST", "shop", 201);
    timing.on_done(summary.clone());
    summary.request_bytes = 500;
    summary.response_bytes = 20;
    timing.on_done(summary);
    let labels = ["POST", "shop", "201", ""];
    assert_eq!(host.samples("http_server_request_body_size_bytes", &labels), [500.0]);
    assert_eq!(host.samples("http_server_response_body_size_bytes", &labels), [20.0]);
}

#[test]
fn templates_name_routes_and_paths_never_do() {
    let host = Host::start();
    let (mut timing, subscription) = start(r#"{"routes": ["/users/{id}"], "url-scheme": true}"#);
    let Fields::Only(facts) = subscription.done.expect("it is timed").fields else {
        panic!("some facts are named")
    };
    assert_eq!(facts, ["error.type", "url.path", "url.scheme"]);
    for path in ["/users/1", "/users/2", "/other/3"] {
        let mut summary = Summary::new("GET", "app", 200);
        summary.attributes =
            vec![("url.path".into(), path.into()), ("url.scheme".into(), "https".into())];
        timing.on_done(summary);
    }
    let template = ["GET", "/users/{id}", "200", "", "https"];
    assert_eq!(host.metric(SECONDS, &template), Some(2.0));
    assert_eq!(host.metric(SECONDS, &["GET", "app", "200", "", "https"]), Some(1.0));
}

#[test]
fn templates_that_clash_are_located() {
    Host::start();
    let errors = testing::start::<Timing>(r#"{"routes": ["/a/{b}", "/a/{c}"]}"#).err();
    let errors = errors.expect("they clash");
    assert_eq!(errors[0].path, "/routes/1");
}

#[test]
fn nothing_is_delivered_that_nobody_asked_for() {
    Host::start();
    let (_, subscription) = start(r#"{"server-timing": "off"}"#);
    assert_eq!((subscription.request, subscription.response), (None, None));
    let done = subscription.done.expect("it is timed");
    assert_eq!((done.fields, done.min_status), (Fields::only(["error.type"]), 0));
    let (_, subscription) = start("null");
    assert_eq!(subscription.request, None);
    assert_eq!(subscription.response.expect("it adds a header").fields, Fields::Nothing);
    let (_, subscription) = start(r#"{"active-requests": true}"#);
    assert_eq!(subscription.request.expect("it counts").fields, Fields::Nothing);
}

#[test]
fn server_timing_is_for_those_who_may_see_it() {
    let host = Host::start();
    let exchange = Exchange::new(3);
    let mut response = Response::new(200);
    response.exchange = exchange;
    host.set_timing(
        exchange,
        Timings {
            received_at: Timestamp::now(),
            upstream_connect: Some(Duration::from_millis(1)),
            upstream_first_byte: Some(Duration::from_millis(11)),
            plugins: Duration::from_micros(300),
            ..Timings::default()
        },
    );
    host.advance(Duration::from_millis(13));
    let expected = "edge;dur=0.7, plugin;dur=0.3, upstream;dur=12";

    for (config, address, sees) in [
        ("null", "127.0.0.1", true),
        ("null", "203.0.113.7", false),
        (r#"{"server-timing": "all"}"#, "203.0.113.7", true),
        (r#"{"server-timing": ["203.0.113.0/24"]}"#, "203.0.113.7", true),
        (r#"{"server-timing": ["203.0.113.0/24"]}"#, "10.0.0.1", false),
    ] {
        host.set_fact(exchange, "client.address", address);
        let (mut timing, _) = start(config);
        let answer = timing.on_response(response.clone());
        assert_eq!(header(&answer), sees.then_some(expected), "{config} {address}");
    }

    host.set_trace(
        exchange,
        TraceContext { trace_id: "a".repeat(32), span_id: "b".repeat(16), sampled: false },
    );
    let (mut timing, _) = start(r#"{"server-timing": "all", "server-timing-trace": true}"#);
    let answer = timing.on_response(response);
    assert!(header(&answer).expect("all see it").contains(", trace;desc=00-aaaa"));
}

#[test]
fn requests_under_way_are_those_that_were_seen_to_begin() {
    let host = Host::start();
    let (mut timing, _) = start(r#"{"active-requests": true}"#);
    let active = || host.metric("http_server_active_requests", &["GET"]);
    let mut request = Request::new("GET", "/");
    timing.on_request(request.clone());
    request.exchange = Exchange::new(1);
    timing.on_request(request);
    assert_eq!(active(), Some(2.0));
    timing.on_done(Summary::new("GET", "app", 200));
    assert_eq!(active(), Some(1.0));
    // Answered by an earlier plugin: `on_request` was not called for it.
    let mut summary = Summary::new("GET", "app", 403);
    summary.exchange = Exchange::new(7);
    timing.on_done(summary);
    assert_eq!(active(), Some(1.0));
}

#[test]
fn slow_is_an_answer_that_began_late() {
    let host = Host::start();
    let (mut timing, _) = start(r#"{"slow": "500ms", "routes": ["/reports/{id}"]}"#);
    let mut summary = Summary::new("GET", "app", 200);
    summary.total = Duration::from_millis(499);
    timing.on_done(summary.clone());
    assert!(host.logs().is_empty());

    summary.total = Duration::from_millis(800);
    summary.upstream = Some(Duration::from_millis(700));
    summary.attributes = vec![("url.path".into(), "/reports/7".into())];
    host.set_fact(summary.exchange, "url.path", "/reports/7");
    let began = |millis| Timings {
        upstream_first_byte: Some(Duration::from_millis(millis)),
        ..Timings::default()
    };
    host.set_timing(summary.exchange, began(20));
    timing.on_done(summary.clone());
    assert!(host.logs().is_empty(), "a download is no slow request");

    host.set_timing(summary.exchange, began(650));
    timing.on_done(summary.clone());
    let logs = host.logs();
    let line = logs.first().expect("it was slow");
    assert_eq!((line.severity, &*line.message), (Severity::Warn, "slow request"));
    let said: Vec<String> =
        line.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(
        said,
        [
            "http.request.method=GET",
            "http.route=/reports/{id}",
            "http.response.status_code=200",
            "duration_ms=800",
            "upstream_ms=700",
            "first_byte_ms=650",
            "url.path=/reports/7",
            "request.id=test-request",
        ]
    );

    summary.status = 101;
    timing.on_done(summary.clone());
    let (mut timing, _) = start(r#"{"slow": "off"}"#);
    summary.status = 200;
    timing.on_done(summary);
    assert_eq!(host.logs().len(), 1, "an upgrade may last, and `off` is off");
}

#[test]
fn buckets_can_be_chosen() {
    Host::start();
    start(r#"{"buckets": [0.3, 1.2]}"#);
    assert!(testing::start::<Timing>(r#"{"buckets": [2, 1]}"#).is_err());
}

#[test]
fn sizes_can_be_left_out() {
    let host = Host::start();
    let (mut timing, _) = start(r#"{"body-sizes": false}"#);
    let mut summary = Summary::new("GET", "app", 200);
    summary.response_bytes = 9;
    timing.on_done(summary);
    let labels = ["GET", "app", "200", ""];
    assert_eq!(host.metric("http_server_response_body_size_bytes", &labels), None);
    assert_eq!(host.metric(SECONDS, &["GET", "app", "200", "", ""]), Some(1.0));
}
