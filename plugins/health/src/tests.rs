//! The hooks of both instances, against a stand-in for the host.

use serde_json::Value;
use tamis_sdk::probe::{Failure, Reason, Success};
use tamis_sdk::testing::{self, Host};

use super::*;

/// A host, a worker that is asked, and the background that finds out.
struct Setting {
    host: Host,
    worker: Health,
    background: Health,
}

impl Setting {
    fn new(config: &str) -> Self {
        let host = Host::start();
        let start = || testing::start::<Health>(config).expect("the configuration is right").0;
        Self { host, worker: start(), background: start() }
    }

    /// A second passes. The host asks for checks after a tick, and hands all to the observer.
    fn tick(&mut self, others: &[Check]) -> Status {
        self.host.advance(Duration::from_secs(1));
        let tick = Tick { now: Timestamp::now(), missed: 0 };
        self.background.on_tick(tick, &testing::background());
        let mut all = self.background.checks();
        all.extend_from_slice(others);
        self.background.on_health(all, &testing::background())
    }

    fn ask(&mut self, method: &str, path: &str) -> Reply {
        match self.worker.on_request(Request::new(method, path)) {
            Next::Respond(reply) => reply,
            other => panic!("{path} is not answered: {other:?}"),
        }
    }

    /// Status code, and the word under `status`.
    fn word(&mut self, path: &str) -> (u16, String) {
        let reply = self.ask("GET", path);
        let page: Value = serde_json::from_slice(&reply.body).expect("pages are JSON");
        (reply.status, page["status"].as_str().expect("a word").to_owned())
    }

    fn page(&mut self, path: &str) -> Value {
        serde_json::from_slice(&self.ask("GET", path).body).expect("pages are JSON")
    }

    fn probe(&self, url: &str, up: bool) {
        let outcome = if up {
            Ok(Success::new(Duration::from_millis(3)))
        } else {
            Err(Failure::new(Reason::Connect, "could not connect to 10.0.0.5 port 5432: refused"))
        };
        self.host.answer_probe(url, outcome);
    }
}

/// The four dependencies of the guides, which go down at the first failure.
const GUIDE: &str = r#"{"checks": [
    {"name": "database", "probe": "postgres://db/app", "fall": 1, "start-period": "0s", "interval": "1s", "timeout": "1s"},
    {"name": "cache", "probe": "redis://cache/0", "affects": "degraded", "fall": 1, "start-period": "0s", "interval": "1s", "timeout": "1s"},
    {"name": "worker", "probe": "http://worker/ping", "affects": "degraded", "fall": 1, "start-period": "0s", "interval": "1s", "timeout": "1s"},
    {"name": "external", "probe": "https://api/health", "affects": "none", "fall": 1, "start-period": "0s", "interval": "1s", "timeout": "1s"}
]}"#;

fn host_check(status: Status) -> Check {
    Check::new("host", status)
}

#[test]
fn the_golden_table() {
    let mut setting = Setting::new(GUIDE);
    let well = [host_check(Status::Healthy)];
    // Nothing was checked yet, and not even the background has run.
    for (path, code) in [("/health/", 503), ("/health/live/", 200), ("/health/ready/", 503)] {
        assert_eq!(setting.word(path).0, code, "{path} at the start");
    }
    assert_eq!(setting.word("/health/").1, "unknown");
    assert_eq!(setting.word("/health/ready/").1, "not ready");

    // database, cache, worker, external · /health/ · /health/ready/
    for (name, up, health, ready) in [
        ("all up", [true, true, true, true], (200, "healthy"), (200, "ready")),
        ("no worker", [true, true, false, true], (200, "degraded"), (200, "ready")),
        ("Redis down", [true, false, false, true], (200, "degraded"), (200, "ready")),
        ("database down", [false, true, true, true], (503, "unhealthy"), (503, "not ready")),
        (
            "database and worker down",
            [false, true, false, true],
            (503, "unhealthy"),
            (503, "not ready"),
        ),
        (
            "database and Redis down",
            [false, false, false, true],
            (503, "unhealthy"),
            (503, "not ready"),
        ),
        ("external API down", [true, true, true, false], (200, "healthy"), (200, "ready")),
        ("all up again", [true, true, true, true], (200, "healthy"), (200, "ready")),
    ] {
        for (url, up) in ["postgres:", "redis:", "http://worker", "https://api"].iter().zip(up) {
            setting.probe(url, up);
        }
        let verdict = setting.tick(&well);
        assert_eq!(verdict.as_str(), health.1, "{name}");
        assert_eq!(setting.word("/health/"), (health.0, health.1.to_owned()), "{name}");
        assert_eq!(setting.word("/health/live/"), (200, "alive".to_owned()), "{name}");
        assert_eq!(setting.word("/health/ready/"), (ready.0, ready.1.to_owned()), "{name}");
        let external = &setting.page("/health/")["checks"]["external"]["status"];
        assert_eq!(external, if up[3] { "ok" } else { "error" }, "{name}: shown all the same");
    }

    // The host is told to stop.
    setting.tick(&[host_check(Status::Unhealthy).reason("draining")]);
    assert_eq!(setting.word("/health/"), (200, "healthy".to_owned()));
    assert_eq!(setting.page("/health/")["draining"], true);
    assert_eq!(setting.word("/health/live/").0, 200);
    assert_eq!(setting.word("/health/ready/"), (503, "not ready".to_owned()));
}

#[test]
fn guide_as_view_has_texts_and_all_checks_are_critical() {
    let checks =
        GUIDE.replacen('{', r#"{"format": "simple", "#, 1).replace("degraded", "unhealthy");
    let mut setting = Setting::new(&checks);
    for (url, up) in
        [("postgres:", true), ("redis:", false), ("http://worker", true), ("https://api", true)]
    {
        setting.probe(url, up);
    }
    setting.tick(&[]);
    let page = setting.page("/health/");
    assert_eq!(setting.ask("GET", "/health/").status, 503);
    assert_eq!(page["status"], "unhealthy");
    assert_eq!(page["checks"]["database"], "ok");
    assert_eq!(page["checks"]["cache"], "error: not available");
}

#[test]
fn strangers_get_words_and_operators_get_reasons() {
    let mut setting = Setting::new(GUIDE);
    setting.probe("postgres:", false);
    setting.tick(&[Check::new("upstream:app", Status::Unhealthy).reason("10.0.0.7:8000 refused")]);
    for path in ["/health", "/health/", "/health/ready", "/health/live"] {
        let body = String::from_utf8(setting.ask("GET", path).body).expect("text");
        for secret in ["10.0.0", "refused", "5432", "postgres", "allow-probe", "upstream"] {
            assert!(!body.contains(secret), "{path} tells `{secret}`: {body}");
        }
    }
    let page = PageRequest::new("GET", "/");
    let reply = setting.background.on_page(page, &testing::background());
    assert_eq!(reply.status, 503);
    let report: Value = serde_json::from_slice(&reply.body).expect("JSON");
    let find = |name: &str| {
        let checks = report["checks"].as_array().expect("a list");
        checks.iter().find(|check| check["name"] == name).expect("it is listed").clone()
    };
    assert_eq!(find("database")["reason"], "could not connect to 10.0.0.5 port 5432: refused");
    assert_eq!(find("database")["failure"], "connect");
    assert_eq!(find("database")["probe"], "postgres://db/app");
    assert_eq!(find("cache")["reason"], "not allowed; add \"redis://cache\" to `allow-probe`");
    assert_eq!(find("upstream:app")["reason"], "10.0.0.7:8000 refused");
    let posted = setting.background.on_page(PageRequest::new("POST", "/"), &testing::background());
    assert_eq!(posted.status, 405);
}

#[test]
fn with_no_configuration_the_hosts_checks_decide() {
    let mut setting = Setting::new("null");
    assert_eq!(setting.word("/health").0, 503, "nobody looked yet");
    assert_eq!(setting.word("/health/live").0, 200);
    for (upstream, health, ready) in [
        (Status::Unknown, 503, 503),
        (Status::Healthy, 200, 200),
        (Status::Degraded, 200, 200),
        (Status::Unhealthy, 503, 503),
    ] {
        setting.tick(&[
            host_check(Status::Healthy),
            Check::new("upstream:app", upstream).since(Timestamp::now()),
        ]);
        assert_eq!(setting.word("/health").0, health, "{upstream:?}");
        assert_eq!(setting.word("/health/ready").0, ready, "{upstream:?}");
    }
}

#[test]
fn pages_are_answered_on_their_paths_with_get_and_head_only() {
    let mut setting = Setting::new("null");
    let (_, subscription) = testing::start::<Health>("null").expect("it is complete");
    assert_eq!(
        subscription.paths,
        ["/health", "/health/", "/health/live", "/health/live/", "/health/ready", "/health/ready/"]
    );
    for path in &subscription.paths {
        let get = setting.ask("GET", path);
        assert!(get.headers.contains(&("cache-control".into(), "no-store".into())), "{path}");
        assert!(get.headers.contains(&("content-type".into(), "application/json".into())));
        assert_eq!(setting.ask("HEAD", path), get, "{path}");
        for method in ["POST", "DELETE", "OPTIONS"] {
            let refused = setting.ask(method, path);
            assert_eq!(refused.status, 405, "{method} {path}");
            assert!(refused.headers.contains(&("allow".into(), "GET, HEAD".into())));
        }
    }
    for path in ["/", "/healthy", "/health/other", "/health/live/x"] {
        assert_eq!(setting.worker.on_request(Request::new("GET", path)), next(), "{path}");
    }
    assert_eq!(setting.ask("GET", "/health/live?verbose").status, 200, "a query changes nothing");
}

#[test]
fn the_place_of_the_pages_can_be_chosen() {
    let mut setting = Setting::new(r#"{"path": "/-/up/"}"#);
    let (_, subscription) = testing::start::<Health>(r#"{"path": "/-/up/"}"#).expect("right");
    assert_eq!(subscription.paths[0], "/-/up");
    assert_eq!(setting.word("/-/up/live").0, 200);
    assert_eq!(setting.worker.on_request(Request::new("GET", "/health")), next());
}

#[test]
fn ages_grow_and_old_pages_are_not_believed() {
    let mut setting = Setting::new(GUIDE);
    for url in ["postgres:", "redis:", "http://worker", "https://api"] {
        setting.probe(url, true);
    }
    setting.tick(&[]);
    assert_eq!(setting.page("/health")["age_seconds"], 0);
    setting.host.advance(Duration::from_secs(42));
    assert_eq!(setting.page("/health")["age_seconds"], 42);
    assert_eq!(setting.word("/health"), (200, "healthy".to_owned()));
    // The background is gone: nobody renews the pages.
    setting.host.advance(Duration::from_secs(19));
    assert_eq!(setting.word("/health"), (503, "unknown".to_owned()));
    assert_eq!(setting.page("/health")["age_seconds"], 61);
    assert_eq!(setting.word("/health/ready").0, 503);
    assert_eq!(setting.word("/health/live").0, 200);
}

#[test]
fn what_stays_unknown_too_long_counts_as_down() {
    let mut setting = Setting::new(r#"{"stale-after": "10s"}"#);
    let asked = Timestamp::now();
    let check = || Check::new("upstream:app", Status::Unknown).since(asked);
    setting.tick(&[check()]);
    assert_eq!(setting.word("/health").1, "unknown");
    setting.host.advance(Duration::from_secs(10));
    setting.tick(&[check()]);
    assert_eq!(setting.word("/health").1, "unhealthy");
}

#[test]
fn a_new_instance_goes_on_where_the_old_one_stopped() {
    let mut setting = Setting::new(GUIDE);
    for url in ["postgres:", "redis:", "http://worker", "https://api"] {
        setting.probe(url, true);
    }
    setting.tick(&[host_check(Status::Healthy), Check::new("upstream:app", Status::Degraded)]);
    setting.background = testing::start::<Health>(GUIDE).expect("right").0;
    let checks = setting.background.checks();
    assert!(checks.iter().all(|check| check.status == Status::Healthy), "nobody falls to unknown");
    let tick = Tick { now: Timestamp::now(), missed: 0 };
    setting.background.on_tick(tick, &testing::background());
    assert_eq!(setting.word("/health").1, "degraded", "and the host's checks are known, too");

    // Another target under the same name begins anew.
    let moved = GUIDE.replace("postgres://db/", "postgres://other/");
    let mut other = testing::start::<Health>(&moved).expect("right").0;
    let status = |name: &str, checks: &[Check]| {
        checks.iter().find(|check| check.component == name).expect("it is there").status
    };
    let checks = other.checks();
    assert_eq!(status("database", &checks), Status::Unknown);
    assert_eq!(status("cache", &checks), Status::Healthy);
}

#[test]
fn one_round_of_probes_takes_what_is_due_and_no_more() {
    let mut setting = Setting::new(
        r#"{"checks": [
            {"name": "often", "probe": "tcp://a:1", "interval": "2s", "timeout": "1s"},
            {"name": "rarely", "probe": "tcp://b:1", "interval": "10s", "timeout": "1s"}
        ]}"#,
    );
    setting.probe("tcp://a", true);
    setting.probe("tcp://b", true);
    let mut ages = Vec::new();
    for _ in 0..6 {
        setting.tick(&[]);
        ages.push(setting.page("/health")["age_seconds"].as_u64().expect("a number"));
    }
    assert_eq!(ages, [0, 1, 2, 3, 4, 5], "the oldest result counts");
    let reply = setting.background.on_page(PageRequest::new("GET", "/"), &testing::background());
    let report: Value = serde_json::from_slice(&reply.body).expect("JSON");
    assert_eq!(report["checks"][0]["age_seconds"], 1);
    assert_eq!(report["checks"][0]["streak"], 3);
    assert_eq!(report["checks"][1]["streak"], 1);
}
