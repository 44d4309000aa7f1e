//! What a plugin may spend is bounded, each kind by itself, and whoever spends more is told
//! so. The figures of a machine do not matter: what is compared is what the budget says.

use std::time::Duration;

use tamis_host::filter::{FaultKind, Filter, OnFault};
use tamis_tests::guests;
use tamis_tests::room::{Journey, Room, chain_of};

/// More than enough for a few ticks of the clock, whatever the machine.
const LONG: &str = r#"{ "hook": "on-request", "do": "slow", "times": 60000000 }"#;
/// Well below one.
const SHORT: &str = r#"{ "hook": "on-request", "do": "slow", "times": 1000 }"#;

#[tokio::test]
async fn time_is_bounded_by_the_deadline_and_the_text_names_it() {
    let room = Room::default();
    for (config, limit, passes) in [
        (SHORT, Duration::from_millis(10), true),
        (LONG, Duration::from_secs(60), true),
        (LONG, Duration::from_millis(2), false),
    ] {
        let make = room.plugin(guests::HOSTILE).config(config);
        let plugin = make.budget(|budget| budget.hook = limit).serve().await;
        let chain = chain_of(&plugin, OnFault::Closed);
        let outcome = Journey::new(&chain, "/bad").all().await;
        if passes {
            outcome.unwrap_or_else(|stop| panic!("{config} in {limit:?}: {stop:?}"));
            continue;
        }
        let fault = outcome.unwrap_err().closed().fault;
        assert_eq!(fault.kind, FaultKind::Deadline);
        assert!(fault.message.contains("2ms") && fault.message.contains("`deadline`"), "{fault}");
    }
}

#[tokio::test]
async fn memory_is_bounded_and_who_goes_on_without_more_is_let_be() {
    const LIMIT: usize = 4 * 1024 * 1024;
    let room = Room::default();
    let make = |how: &str| {
        let config = format!(r#"{{ "hook": "on-request", "do": "memory", "how": "{how}" }}"#);
        room.plugin(guests::HOSTILE).config(&config).budget(|budget| budget.memory = LIMIT)
    };
    let plugin = make("sit").serve().await;
    let before = plugin.memory();
    let chain = chain_of(&plugin, OnFault::Closed);
    Journey::new(&chain, "/bad").all().await.expect("a refusal is not a fault");
    let grown = plugin.memory() - before;
    assert!(plugin.memory() <= 2 * LIMIT, "a worker and a background instance");
    assert!(grown > LIMIT / 2, "it took what it could get: {grown}");
    assert_eq!(plugin.report().strikes_total, 0);

    let plugin = make("abort").serve().await;
    let chain = chain_of(&plugin, OnFault::Closed);
    let fault = Journey::new(&chain, "/bad").all().await.unwrap_err().closed().fault;
    assert_eq!(fault.kind, FaultKind::Memory);
    assert!(fault.message.contains("4194304") && fault.message.contains("`memory`"), "{fault}");
}

#[tokio::test]
async fn host_calls_are_counted_per_call() {
    let room = Room::default();
    let config = r#"{ "hook": "on-request", "do": "flood-calls", "how": "clock" }"#;
    let make = room.plugin(guests::HOSTILE).config(config);
    let make = make.budget(|budget| {
        budget.host_calls = 100;
        budget.hook = Duration::from_secs(60);
    });
    let plugin = make.serve().await;
    let chain = chain_of(&plugin, OnFault::Closed);
    let fault = Journey::new(&chain, "/bad").all().await.unwrap_err().closed().fault;
    assert_eq!(fault.kind, FaultKind::Budget);
    assert!(fault.message.contains("100 host calls"), "{fault}");
    for _ in 0..200 {
        Journey::new(&chain, "/good").all().await.expect("what others spent does not count");
    }
}

#[tokio::test]
async fn bytes_to_the_host_are_bounded() {
    let room = Room::default();
    for (bytes, passes) in [(100_000, true), (300_000, false), (8_000_000, false)] {
        let config = format!(
            r#"{{ "hook": "on-response-body", "do": "bad-edits", "how": "bytes", "bytes": {bytes} }}"#
        );
        let make = room.plugin(guests::HOSTILE).config(&config);
        let make = make.budget(|budget| {
            budget.bytes = 200_000;
            budget.hook = Duration::from_secs(2);
        });
        let plugin = make.serve().await;
        let chain = chain_of(&plugin, OnFault::Closed);
        let outcome = Journey::new(&chain, "/bad").all().await;
        if passes {
            let (_, got) = outcome.unwrap();
            assert_eq!(got.len(), 2 * bytes, "each of two chunks was replaced");
            continue;
        }
        let fault = outcome.unwrap_err().closed().fault;
        assert_eq!(fault.kind, FaultKind::Budget, "{fault}");
        assert!(fault.message.contains("200000 bytes"), "{fault}");
    }
}

#[tokio::test]
async fn records_beyond_the_rate_are_dropped_and_counted() {
    let room = Room::default();
    let config = r#"{ "hook": "on-request", "do": "flood-log", "times": 5000 }"#;
    let make = room.plugin(guests::HOSTILE).config(config).named("loud");
    let plugin = make.budget(|budget| budget.hook = Duration::from_secs(2)).serve().await;
    let chain = chain_of(&plugin, OnFault::Closed);
    Journey::new(&chain, "/bad").all().await.expect("to talk too much is no fault");
    let written = room.written();
    assert_eq!(written.first().map(String::as_str), Some("line 0"));
    // A burst, and what the rate allows while it runs.
    assert!((200..2_000).contains(&written.len()), "{} records came through", written.len());
    let dropped = 5_000 - u32::try_from(written.len()).unwrap();
    let counted = room.counted("tamis_log_dropped_records_total", &["plugin:loud"]);
    assert_eq!(counted, f64::from(dropped), "{}", room.exposed());
}

#[tokio::test]
async fn events_beyond_the_rate_are_dropped() {
    let room = Room::default();
    let config = r#"{ "hook": "on-request", "do": "flood-errors", "times": 5000 }"#;
    let make = room.plugin(guests::HOSTILE).config(config);
    let plugin = make.budget(|budget| budget.hook = Duration::from_secs(2)).serve().await;
    let chain = chain_of(&plugin, OnFault::Closed);
    Journey::new(&chain, "/bad").all().await.expect("it is no fault");
    let captured = std::iter::from_fn(|| room.errors.try_pop()).count();
    assert!((200..2_000).contains(&captured), "{captured} events came through");
}

#[tokio::test]
async fn series_of_a_metric_are_bounded() {
    let room = Room::default();
    let config = r#"{ "hook": "on-request", "do": "flood-labels", "times": 4000 }"#;
    let make = room.plugin(guests::HOSTILE).config(config);
    let plugin = make.budget(|budget| budget.hook = Duration::from_secs(2)).serve().await;
    let chain = chain_of(&plugin, OnFault::Closed);
    Journey::new(&chain, "/bad").all().await.expect("it is no fault");
    let text = room.exposed();
    let series = text.lines().filter(|line| line.starts_with("hostile_total{")).count();
    assert!((2..=201).contains(&series), "{series} series in\n{text}");
    let overflow = text.lines().find(|line| line.contains("otel_metric_overflow"));
    assert!(overflow.is_some_and(|line| line.contains("hostile_total")), "{overflow:?}");
}

#[tokio::test]
async fn an_instance_is_given_no_more_time_for_being_asked_twice() {
    let room = Room::default();
    let make = room.plugin(guests::HOSTILE).config(LONG);
    let plugin = make.budget(|budget| budget.hook = Duration::from_millis(2)).serve().await;
    let chain = chain_of(&plugin, OnFault::Open);
    for _ in 0..4 {
        Journey::new(&chain, "/bad").all().await.expect("open on faults");
    }
    assert_eq!(plugin.report().strikes_total, 4, "each was over its own limit");
    assert_eq!(plugin.stance(), tamis_host::filter::Stance::Guard);
}

/// An idle host costs nothing: once nothing runs, the clock of the engine stands still.
#[tokio::test]
async fn the_clock_stands_still_when_no_guest_runs() {
    let room = Room::default();
    let plugin = room.plugin(guests::HOSTILE).serve().await;
    let chain = chain_of(&plugin, OnFault::Closed);
    Journey::new(&chain, "/good").all().await.unwrap();
    let stopped = tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            let ticks = room.engine.ticks();
            tokio::time::sleep(Duration::from_millis(200)).await;
            if room.engine.ticks() == ticks {
                return;
            }
        }
    });
    stopped.await.expect("it stops");
    Journey::new(&chain, "/good").all().await.expect("and goes on when it is needed");
}
