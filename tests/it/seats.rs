//! All phases of an exchange meet the same instance, or none: never one that did not see the
//! beginning. Instances are kept for the worker, a few more are made while a call is slow,
//! and with `isolation = "exchange"` nothing is left of one exchange in the next.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tamis_host::filter::body::BodyStop;
use tamis_host::filter::{Chain, FaultKind, OnFault};
use tamis_host::plugin::engine::Capacity;
use tamis_host::plugin::seat::{MAX_FRESH, MAX_SEATS};
use tamis_tests::guests;
use tamis_tests::room::{Journey, Room, chain_of};

const STICKY: &str = r#"{ "hook": "on-request", "do": "sticky" }"#;

/// What the instance that serves a new exchange remembers of earlier ones.
async fn remembered(chain: &Arc<Chain>, path: &str) -> String {
    let mut journey = Journey::new(chain, path);
    journey.all().await.expect("it goes through");
    journey.request.headers["x-hostile-seen"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_kept_instance_may_remember_and_a_fresh_one_cannot() {
    let room = Room::default();
    let kept = room.plugin(guests::HOSTILE).config(STICKY).serve().await;
    let chain = chain_of(&kept, OnFault::Closed);
    assert_eq!(remembered(&chain, "/a").await, "");
    assert_eq!(remembered(&chain, "/b").await, "/a");
    assert_eq!(remembered(&chain, "/c").await, "/a /b", "one instance, kept");

    let fresh = room.plugin(guests::HOSTILE).config(STICKY).fresh().serve().await;
    let chain = chain_of(&fresh, OnFault::Closed);
    for path in ["/a", "/b", "/c", "/d"] {
        assert_eq!(remembered(&chain, path).await, "", "nothing of any before");
    }
}

/// In which of the two it is a fault: an instance knows only the exchanges it saw.
#[tokio::test]
async fn all_phases_of_an_exchange_meet_the_same_instance() {
    for fresh in [false, true] {
        let room = Room::default();
        let config = r#"{ "hook": "on-response-body", "do": "fault", "how": "unprocessable" }"#;
        let make = room.plugin(guests::HOSTILE).config(config);
        let plugin = if fresh { make.fresh() } else { make }.serve().await;
        let chain = chain_of(&plugin, OnFault::Closed);
        // Opened in one order, answered in another.
        let mut journeys: Vec<_> = ["/good/1", "/bad/2", "/good/3", "/bad/4"]
            .map(|path| Journey::new(&chain, path))
            .into();
        for journey in &mut journeys {
            journey.on_request().await.unwrap();
        }
        for journey in journeys.iter_mut().rev() {
            journey.on_response().await.unwrap();
            let bad = journey.exchange.path.contains("bad");
            let mut body = journey.response_body().unwrap();
            let outcome = body.push(Bytes::from_static(b"one"), true).await;
            assert_eq!(outcome.is_err(), bad, "{}", journey.exchange.path);
        }
        for journey in &mut journeys {
            journey.on_done().await;
        }
        assert_eq!(plugin.report().strikes_total, 0);
    }
}

#[tokio::test]
async fn who_lost_its_instance_is_never_served_by_another() {
    for on_fault in [OnFault::Closed, OnFault::Open] {
        let room = Room::default();
        let config = r#"{ "hook": "on-request", "do": "trap", "how": "unreachable" }"#;
        let plugin = room.plugin(guests::HOSTILE).config(config).serve().await;
        let chain = chain_of(&plugin, on_fault);
        let (mut early, mut midway) =
            (Journey::new(&chain, "/good"), Journey::new(&chain, "/good"));
        early.on_request().await.unwrap();
        midway.on_request().await.unwrap();
        let mut body = midway.request_body().unwrap();
        body.push(Bytes::from_static(b"first half, "), false).await.unwrap();

        // All sit on the one instance, and this takes it along.
        let mut bad = Journey::new(&chain, "/bad");
        let _ = bad.on_request().await;
        // A fresh one is there again before they go on.
        let mut next = Journey::new(&chain, "/good");
        next.on_request().await.unwrap();

        let response = early.on_response().await;
        let rest = body.push(Bytes::from_static(b"second half"), true).await;
        match on_fault {
            OnFault::Closed => {
                assert_eq!(response.unwrap_err().fault.kind, FaultKind::Lost);
                let Err(BodyStop::Closed(closed)) = rest else { panic!("{rest:?}") };
                assert_eq!(closed.fault.kind, FaultKind::Lost);
            }
            OnFault::Open => {
                response.unwrap();
                assert!(!early.response.headers.contains_key("x-hostile"), "nobody saw it");
                assert_eq!(rest.unwrap(), "second half");
            }
        }
        for journey in [&mut early, &mut midway, &mut bad] {
            journey.on_done().await;
        }
        assert_eq!(plugin.report().strikes_total, 1, "to be lost is no strike");
        next.on_response().await.unwrap();
        assert_eq!(next.response.headers["x-hostile"], "on-response", "it has its own instance");
        next.on_done().await;
    }
}

#[tokio::test]
async fn a_slow_call_opens_further_seats_up_to_a_few() {
    let room = Room::default();
    // Never done by itself within the test, so that the seats stay taken.
    let config = r#"{ "hook": "on-request", "do": "loop" }"#;
    let make = room.plugin(guests::HOSTILE).config(config);
    let plugin = make.budget(|budget| budget.hook = Duration::from_secs(3)).serve().await;
    let one = plugin.memory() / 2;
    let chain = chain_of(&plugin, OnFault::Closed);
    let mut slow = Vec::new();
    for number in 1..MAX_SEATS {
        let mut journey = Journey::new(&chain, "/bad");
        slow.push(tokio::spawn(async move { journey.on_request().await.is_err() }));
        tokio::task::yield_now().await;
        let mut beside = Journey::new(&chain, "/good");
        beside.all().await.unwrap_or_else(|stop| panic!("beside {number}: {stop:?}"));
    }
    assert!(slow.iter().all(|slow| !slow.is_finished()), "they still loop");
    for task in slow {
        assert!(task.await.unwrap(), "and end at their deadline");
    }
    assert!(plugin.memory() <= (MAX_SEATS + 1) * one, "no more than {MAX_SEATS} and one behind");
}

/// Exchanges keep to the seat they began with, also when there are several.
#[tokio::test]
async fn exchanges_keep_to_their_seat_when_there_are_several() {
    let room = Room::default();
    let make = room.plugin(guests::HOSTILE).config(r#"{ "hook": "on-request", "do": "loop" }"#);
    let plugin = make.budget(|budget| budget.hook = Duration::from_secs(1)).serve().await;
    let chain = chain_of(&plugin, OnFault::Closed);
    let mut first = Journey::new(&chain, "/good");
    first.on_request().await.unwrap();
    let mut looping = Journey::new(&chain, "/bad");
    let looping = tokio::spawn(async move { looping.on_request().await.is_err() });
    tokio::task::yield_now().await;
    let mut second = Journey::new(&chain, "/good");
    second.on_request().await.unwrap();
    assert_ne!(first.exchange.place(0).seat, second.exchange.place(0).seat);
    assert!(looping.await.unwrap());
    second.on_response().await.expect("its instance is another one");
    assert_eq!(first.on_response().await.unwrap_err().fault.kind, FaultKind::Lost);
    first.on_done().await;
    second.on_done().await;
}

#[tokio::test]
async fn instances_for_one_exchange_are_bounded_and_come_back() {
    let room = Room::default();
    let plugin = room.plugin(guests::HOSTILE).config(STICKY).fresh().serve().await;
    let chain = chain_of(&plugin, OnFault::Closed);
    for round in 0..2 {
        let mut open = Vec::new();
        for _ in 0..MAX_FRESH {
            let mut journey = Journey::new(&chain, "/good");
            journey.on_request().await.expect("there is room");
            open.push(journey);
        }
        let mut more = Journey::new(&chain, "/good");
        let fault = more.on_request().await.unwrap_err().fault;
        assert_eq!(fault.kind, FaultKind::Unavailable, "round {round}");
        more.on_done().await;
        for mut journey in open {
            journey.on_done().await;
        }
    }
    assert_eq!(plugin.report().strikes_total, 0, "a busy host is not the plugin's fault");
}

/// However an exchange ends, its seat and its id are free again.
#[tokio::test]
async fn nothing_is_left_of_exchanges_that_ended_badly() {
    let room = Room::default();
    for deed in [r#""do": "trap", "how": "panic""#, r#""do": "fault", "how": "unprocessable""#] {
        for hook in ["on-request", "on-response", "on-done"] {
            let config = format!(r#"{{ "hook": "{hook}", {deed} }}"#);
            let plugin = room.plugin(guests::HOSTILE).config(&config).fresh().serve().await;
            let chain = chain_of(&plugin, OnFault::Open);
            for _ in 0..MAX_FRESH + 1 {
                // After five of these it is put aside, which must not leave anything either.
                Journey::new(&chain, "/bad").all().await.expect("open on faults");
            }
            let free = tokio::time::timeout(Duration::from_secs(60), async {
                while chain_of(&plugin, OnFault::Closed)
                    .on_request(
                        &Journey::new(&chain, "/good").exchange,
                        &mut Journey::new(&chain, "/good").request,
                    )
                    .await
                    .is_err()
                {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            });
            free.await.unwrap_or_else(|_| panic!("{hook}, {deed}: no seat came back"));
        }
    }
}

#[tokio::test]
async fn an_exchange_that_is_dropped_in_the_middle_of_a_call_gives_its_seat_back() {
    let room = Room::default();
    let make = room.plugin(guests::HOSTILE).config(r#"{ "hook": "on-request", "do": "loop" }"#);
    let make = make.budget(|budget| budget.hook = Duration::from_secs(60));
    for fresh in [false, true] {
        let make = if fresh { make.clone().fresh() } else { make.clone() };
        let plugin = make.serve().await;
        let chain = chain_of(&plugin, OnFault::Closed);
        for round in 0..2 * MAX_SEATS {
            let mut gone = Journey::new(&chain, "/bad");
            {
                let mut call = Box::pin(gone.on_request());
                let begun = tokio::time::timeout(Duration::from_millis(20), &mut call).await;
                assert!(begun.is_err(), "it loops");
            }
            gone.on_done().await;
            let mut next = Journey::new(&chain, "/good");
            next.all().await.unwrap_or_else(|stop| panic!("round {round}: {stop:?}"));
        }
        assert_eq!(plugin.report().strikes_total, 0, "who goes away is not its fault");
    }
}

#[tokio::test]
async fn a_pool_that_is_full_for_a_moment_is_nobodys_fault() {
    let room = Room::with_capacity(Capacity { instances: 6 });
    let plugin = room.plugin(guests::HOSTILE).config(STICKY).fresh().serve().await;
    let chain = chain_of(&plugin, OnFault::Closed);
    let mut open = Vec::new();
    let fault = loop {
        let mut journey = Journey::new(&chain, "/good");
        let outcome = journey.on_request().await;
        open.push(journey);
        if let Err(closed) = outcome {
            break closed.fault;
        }
        assert!(open.len() < 7, "there is room for six");
    };
    assert_eq!(fault.kind, FaultKind::Unavailable, "{fault}");
    for _ in 0..2 * MAX_FRESH {
        let mut journey = Journey::new(&chain, "/good");
        assert!(journey.on_request().await.is_err(), "the pool is still full");
        journey.on_done().await;
    }
    for mut journey in open {
        journey.on_done().await;
    }
    Journey::new(&chain, "/good").all().await.expect("there is room again");
    assert_eq!(plugin.report().strikes_total, 0);
}
