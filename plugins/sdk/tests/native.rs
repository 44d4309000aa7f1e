//! A plugin under plain `cargo test`: configured, called, and seen from the stand-in host.

use std::time::Duration;

use serde::Deserialize;
use tamis_sdk::metrics::{RegisterReason, digits};
use tamis_sdk::outbound::{self, SendError};
use tamis_sdk::testing::{self, Host, background};
use tamis_sdk::{
    Background, BodyMode, Chunk, Config, ConfigError, ErrorEvent, Exchange, Exchanges, Fault,
    FaultKind, Fields, Instant, Next, Overflow, Plugin, Request, Response, Severity, Stance,
    Subscription, Summary, Tick, Timestamp, Unit, Value, host, metrics, next, plugin, probe,
};

metrics! {
    struct Counts {
        requests: counter("shop_requests_total", "Requests.", [method, status]),
        open: gauge("shop_open", "Open exchanges.", []),
        seconds: histogram("shop_request_seconds", "Time.", [method], [0.1, 1.0]),
        unused: summary("shop_old_seconds", "Time, the old way.", []),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Settings {
    #[serde(default)]
    beacon: String,
    tick_seconds: Option<u64>,
}

struct Shop {
    settings: Settings,
    counts: Counts,
    open: Exchanges<Instant>,
}

#[plugin(paths("/shop/*"), metrics(Counts), exchanges(open), name = "corner-shop")]
impl Plugin for Shop {
    fn configure(config: Config) -> Result<Self, Vec<ConfigError>> {
        let settings: Settings = config.parse()?;
        let counts = Counts::register_with(|metric| {
            metric.enabled = metric.name != "shop_old_seconds";
        })?;
        Ok(Self { settings, counts, open: Exchanges::new() })
    }

    fn subscribe(&self, subscription: &mut Subscription) {
        subscription.tick = self.settings.tick_seconds.map(Duration::from_secs);
    }

    #[fields("accept")]
    fn on_request(&mut self, request: Request) -> Next {
        self.open.insert(request.exchange, Instant::now());
        self.counts.open.set([], self.open.len() as f64);
        next().set_attribute("scheme", request.exchange.fact("url.scheme").unwrap_or("?".into()))
    }

    #[fields(none)]
    fn on_response(&mut self, _: Response) {}

    #[body(observe, max = "2 KiB", types("text/*"), decode, unit = "line", overflow = "reject")]
    fn on_response_body(&mut self, _: Chunk) {}

    fn on_done(&mut self, summary: Summary) {
        self.counts.requests.increment([&summary.method, &digits(summary.status)]);
        self.counts.seconds.observe_duration([&summary.method], summary.total);
        self.counts.unused.observe([], 1.0);
    }

    #[tick("30s")]
    fn on_tick(&mut self, tick: Tick, background: &Background) -> Result<(), Fault> {
        for outcome in background.probe(&[probe::Task::new("redis://cache:6379")]) {
            let reason = outcome.map_or_else(|failure| failure.message, |_| "up".to_owned());
            host::state().set_for("cache", reason, Duration::from_secs(60))?;
        }
        let answer = background.send(&outbound::Request::post(&self.settings.beacon, "tick"))?;
        host::log::info(format_args!("{} {}", tick.missed, answer.status));
        Ok(())
    }
}

fn tick() -> Tick {
    Tick { now: Timestamp::now(), missed: 0 }
}

#[test]
fn attributes_become_the_subscription() {
    let _host = Host::start();
    let (_, subscription) = testing::start::<Shop>(r#"{"tick-seconds":5}"#).expect("it is sound");
    assert_eq!(subscription.paths, ["/shop/*"]);
    let request = subscription.request.expect("there is a request hook");
    assert_eq!(request.fields, Fields::only(["accept"]));
    assert_eq!(request.body, BodyMode::Skip);
    let response = subscription.response.expect("there is a response hook");
    assert_eq!(response.fields, Fields::Nothing);
    let BodyMode::Observe(limits) = response.body else { panic!("{:?}", response.body) };
    assert_eq!((limits.max_bytes, limits.on_overflow), (2048, Overflow::Reject));
    assert_eq!((limits.decode, limits.unit), (true, Unit::Line));
    assert_eq!(limits.media_types, ["text/*"]);
    let done = subscription.done.expect("it is written");
    assert_eq!((done.fields, done.min_status), (Fields::Nothing, 0));
    assert_eq!(subscription.logs, None);
    assert_eq!(subscription.tick, Some(Duration::from_secs(5)), "`subscribe` has the last word");
    assert!(!subscription.health && !subscription.errors);
}

#[test]
fn the_manifest_names_the_plugin_and_its_metrics() {
    let manifest = <Shop as tamis_sdk::__private::Hosted>::manifest();
    assert_eq!(manifest.name, "corner-shop");
    assert_eq!(manifest.version, env!("CARGO_PKG_VERSION"));
    assert_eq!(manifest.stance, Stance::Watcher);
    assert_eq!(
        manifest.metrics,
        ["shop_requests_total", "shop_open", "shop_request_seconds", "shop_old_seconds"]
    );
}

#[test]
fn samples_are_handed_over_when_the_hook_is_over() {
    let host = Host::start();
    let (mut shop, _) = testing::start::<Shop>("{}").expect("it is sound");
    for status in [200, 200, 404] {
        let mut summary = Summary::new("GET", "shop", status);
        summary.total = Duration::from_millis(250);
        shop.on_done(summary);
    }
    assert_eq!(host.metric("shop_requests_total", &["GET", "200"]), Some(2.0));
    assert_eq!(host.metric("shop_requests_total", &["GET", "404"]), Some(1.0));
    assert_eq!(host.metric("shop_requests_total", &["GET", "500"]), None);
    assert_eq!(host.samples("shop_request_seconds", &["GET"]), [0.25; 3]);
    assert_eq!(host.metric("shop_old_seconds", &[]), None, "it is disabled");
}

#[test]
fn series_beyond_the_bound_are_counted_together() {
    let host = Host::start();
    let (mut shop, _) = testing::start::<Shop>("{}").expect("it is sound");
    host.limit_series(2);
    for status in [200, 201, 202, 203, 200] {
        shop.on_done(Summary::new("GET", "shop", status));
    }
    assert_eq!(host.metric("shop_requests_total", &["GET", "200"]), Some(2.0));
    assert_eq!(host.metric("shop_requests_total", &["otel_metric_overflow"]), Some(2.0));
}

#[test]
fn metrics_that_are_not_named_by_the_plugin_are_refused() {
    metrics! {
        struct Forgotten { a: counter("forgotten_total", "Not in `metrics(…)`.", []) }
    }
    #[derive(Debug)]
    struct Careless;
    #[plugin]
    impl Plugin for Careless {
        fn configure(_: Config) -> Result<Self, Vec<ConfigError>> {
            Forgotten::register()?.a.increment([]);
            Ok(Self)
        }
    }
    let _host = Host::start();
    let errors = testing::start::<Careless>("null").expect_err("it was forgotten");
    assert!(errors[0].message.contains("forgotten_total"), "{errors:?}");
}

#[test]
fn metrics_against_the_rules_are_refused() {
    metrics! {
        struct Bad { a: counter("bad", "No `_total`.", []) }
    }
    metrics! {
        struct Falling { a: histogram("falling_seconds", "Bounds go down.", [], [2.0, 1.0]) }
    }
    let _host = Host::start();
    assert_eq!(Bad::register().map_err(|error| error.reason).err(), Some(RegisterReason::Invalid));
    let falling = Falling::register().map_err(|error| error.reason).err();
    assert_eq!(falling, Some(RegisterReason::Invalid));
}

#[test]
fn an_exchange_is_known_by_its_facts_and_forgotten_at_its_end() {
    use tamis_sdk::__private::Hosted;

    let host = Host::start();
    let (mut shop, _) = testing::start::<Shop>("{}").expect("it is sound");
    let mut request = Request::new("GET", "/shop/1");
    request.exchange = Exchange::new(4);
    host.set_fact(request.exchange, "url.scheme", "https");
    assert_eq!(shop.on_request(request.clone()), next().set_attribute("scheme", "https"));
    host.advance(Duration::from_secs(2));
    let started = shop.open.get(request.exchange).expect("it is open");
    assert_eq!(started.elapsed(), Duration::from_secs(2));
    shop.forget(request.exchange);
    assert!(shop.open.is_empty());
}

#[test]
fn waiting_calls_are_answered_as_the_test_says() {
    let host = Host::start();
    let (mut shop, _) =
        testing::start::<Shop>(r#"{"beacon":"https://beacon.example/x"}"#).expect("it is sound");

    let refused = shop.on_tick(tick(), &background()).expect_err("nothing is set up");
    assert_eq!(refused.kind, FaultKind::Unavailable);
    assert!(refused.message.contains("`https://beacon.example` in `allow-http`"), "{refused}");

    let answer = outbound::Response { status: 202, headers: Vec::new(), body: Vec::new() };
    host.answer("https://beacon.example/", Ok(answer));
    host.answer_probe("redis:", Ok(probe::Success::new(Duration::from_millis(1))));
    shop.on_tick(tick(), &background()).expect("all is set up");
    assert_eq!(host.logs()[0].message, "0 202");
    assert_eq!(host.logs()[0].severity, Severity::Info);
    assert_eq!(host.sent()[1].body, b"tick");
    assert_eq!(host::state().get("cache"), Ok(Some(b"up".to_vec())));
    host.advance(Duration::from_secs(61));
    assert_eq!(host::state().get("cache"), Ok(None), "it had a minute to live");
}

#[test]
fn state_here_and_state_of_all_hosts_are_two_places() {
    let _host = Host::start();
    let background = background();
    let (local, shared) = (host::state(), background.state());
    local.set("a", "1").expect("there is room");
    assert_eq!(shared.get("a"), Ok(None));
    assert_eq!(shared.increment("n", 2), Ok(2));
    assert_eq!(shared.increment("n", -3), Ok(-1));
    assert_eq!(local.swap("a", Some(b"2"), "3"), Ok(false));
    assert_eq!(local.swap("a", Some(b"1"), "3"), Ok(true));
    assert_eq!(local.swap("b", None, "new"), Ok(true));
    assert_eq!(local.get("a"), Ok(Some(b"3".to_vec())));
    local.remove("a").expect("it is there");
    assert_eq!(local.get("a"), Ok(None));
}

#[test]
fn what_is_handed_over_is_kept_for_the_test() {
    let host = Host::start();
    let request = outbound::Request::post("https://a.example/in", "x");
    let denied = SendError::Denied("https://a.example".into());
    assert_eq!(host::enqueue(&request), Err(denied));
    host.answer("https://a.example", Err(SendError::Timeout));
    assert_eq!(host::enqueue(&request), Ok(()), "what happens later is not seen");
    assert_eq!(host.enqueued(), [request]);

    let mut event = ErrorEvent::new("shop.closed", "come again");
    event.set_attribute("http.route", "shop");
    event.set_attribute("http.route", "corner");
    host::capture(&event);
    let captured = host.captured();
    assert_eq!(captured[0].time(), Timestamp::now());
    assert_eq!(captured[0].attribute("http.route"), Some(&Value::from("corner")));
    assert_eq!(captured[0].attributes.len(), 1);
}

#[test]
fn chance_is_the_same_in_each_test() {
    let draw = || {
        let _host = Host::start();
        let mut bytes = [0; 20];
        host::random_bytes(&mut bytes);
        (bytes, host::random_u64())
    };
    let (first, second) = (draw(), draw());
    assert_eq!(first, second);
    assert_ne!(first.0[..10], first.0[10..]);
}
