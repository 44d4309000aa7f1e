//! Five strikes within a minute put a plugin aside: it is not called, and its `on-fault`
//! applies to what it would have seen and to nothing else. After a pause one call tries
//! whether it is any better.

use std::sync::Arc;
use std::time::Duration;

use tamis_host::filter::{Background, Chain, FaultKind, Filter, OnFault, Record};
use tamis_host::plugin::Plugin;
use tamis_host::plugin::quarantine::STRIKES;
use tamis_tests::guests;
use tamis_tests::room::{Journey, Room, chain, chain_of};

const TRAP: &str = r#"{ "hook": "on-request", "do": "trap", "how": "unreachable" }"#;

async fn strike(chain: &Arc<Chain>, times: usize) {
    for _ in 0..times {
        let _ = Journey::new(chain, "/bad").all().await;
    }
}

/// Asks until the answer is not that the plugin is put aside, for half a minute at most.
async fn until_tried(chain: &Arc<Chain>, path: &str) -> Result<(), FaultKind> {
    let asked = async {
        loop {
            let outcome = Journey::new(chain, path).all().await;
            let kind = outcome.err().map(|stop| stop.closed().fault.kind);
            if kind != Some(FaultKind::Quarantined) {
                return kind.map_or(Ok(()), Err);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asked).await.expect("a trial is made")
}

fn state(plugin: &Plugin) -> (&'static str, u64) {
    let report = plugin.report();
    (report.state, report.quarantines_total)
}

#[tokio::test]
async fn five_strikes_put_it_aside_and_a_good_trial_brings_it_back() {
    let room = Room::default();
    let plugin = room.plugin(guests::HOSTILE).config(TRAP).serve().await;
    let chain = chain_of(&plugin, OnFault::Closed);
    strike(&chain, STRIKES - 1).await;
    assert_eq!(state(&plugin), ("serving", 0));
    Journey::new(&chain, "/good").all().await.expect("four are not five");
    strike(&chain, 1).await;
    assert_eq!(state(&plugin), ("quarantined", 1));

    let closed = Journey::new(&chain, "/good").all().await.unwrap_err().closed();
    assert_eq!(closed.fault.kind, FaultKind::Quarantined, "closed means closed");
    assert_eq!(plugin.report().strikes_total, STRIKES as u64, "to be refused is no strike");

    assert_eq!(until_tried(&chain, "/good").await, Ok(()));
    assert_eq!(state(&plugin), ("serving", 1));
    Journey::new(&chain, "/good").all().await.expect("it is back");
}

#[tokio::test]
async fn a_bad_trial_puts_it_aside_again() {
    let room = Room::default();
    let plugin = room.plugin(guests::HOSTILE).config(TRAP).serve().await;
    let chain = chain_of(&plugin, OnFault::Closed);
    strike(&chain, STRIKES).await;
    assert_eq!(until_tried(&chain, "/bad").await, Err(FaultKind::Trap));
    assert_eq!(state(&plugin), ("quarantined", 2));
    assert!(plugin.report().quarantine_seconds >= 1, "for longer than before");
}

#[tokio::test]
async fn open_on_faults_everything_passes_by_meanwhile() {
    let room = Room::default();
    let plugin = room.plugin(guests::HOSTILE).config(TRAP).serve().await;
    let chain = chain_of(&plugin, OnFault::Open);
    strike(&chain, STRIKES).await;
    assert_eq!(state(&plugin).0, "quarantined");
    let mut journey = Journey::new(&chain, "/good");
    let (sent, got) = journey.all().await.expect("it goes on without it");
    assert_eq!((&*sent, &*got), ("onetwo", "onetwo"));
    assert!(!journey.request.headers.contains_key("x-hostile"));
}

#[tokio::test]
async fn what_it_would_not_have_seen_is_not_affected() {
    let room = Room::default();
    let config = r#"{ "hook": "on-request", "do": "trap", "paths": ["/here/*"] }"#;
    let plugin = room.plugin(guests::HOSTILE).config(config).serve().await;
    let other = room.plugin(guests::TAG).named("tag").serve().await;
    let chain = chain(&[&plugin, &other]);
    for _ in 0..STRIKES {
        let _ = Journey::new(&chain, "/here/bad").all().await;
    }
    let closed = Journey::new(&chain, "/here/good").all().await.unwrap_err().closed();
    assert_eq!((&*closed.plugin, closed.fault.kind), ("plugin", FaultKind::Quarantined));
    let mut elsewhere = Journey::new(&chain, "/elsewhere/bad");
    elsewhere.all().await.expect("not one of its paths");
    assert_eq!(elsewhere.request.headers["x-tamis"], "1", "the other plugin serves on");
}

#[tokio::test]
async fn a_client_cannot_have_a_plugin_put_aside() {
    for how in ["unprocessable", "unavailable"] {
        let room = Room::default();
        let config = format!(r#"{{ "hook": "on-request-body", "do": "fault", "how": "{how}" }}"#);
        let plugin = room.plugin(guests::HOSTILE).config(&config).serve().await;
        let chain = chain_of(&plugin, OnFault::Closed);
        strike(&chain, 10 * STRIKES).await;
        assert_eq!(state(&plugin), ("serving", 0), "{how}");
        assert_eq!(plugin.report().strikes_total, 0, "{how}");
        Journey::new(&chain, "/good").all().await.expect("it is served");
    }
}

#[tokio::test]
async fn answers_against_the_contract_are_strikes_too() {
    let room = Room::default();
    for (hook, how) in
        [("on-request", "crlf"), ("on-request", "set-status"), ("on-response-body", "beyond")]
    {
        let config = format!(r#"{{ "hook": "{hook}", "do": "bad-edits", "how": "{how}" }}"#);
        let plugin = room.plugin(guests::HOSTILE).config(&config).serve().await;
        strike(&chain_of(&plugin, OnFault::Closed), STRIKES).await;
        assert_eq!(state(&plugin).0, "quarantined", "{hook}, {how}");
    }
}

#[tokio::test]
async fn whatever_hook_it_was_all_of_them_are_refused() {
    let room = Room::default();
    let config = r#"{ "hook": "on-tick", "do": "trap", "how": "panic" }"#;
    let plugin = room.plugin(guests::HOSTILE).config(config).serve().await;
    for _ in 0..STRIKES {
        assert_eq!(plugin.on_tick(1, 1).await.unwrap_err().kind, FaultKind::Trap);
    }
    let batch = [Record::of_bytes(1, b"good".to_vec())];
    let logs = plugin.on_logs(&"child".into(), &batch).await.map(|_| ());
    let page = plugin.checks().await.map(|_| ());
    let chain = chain_of(&plugin, OnFault::Closed);
    let request = Journey::new(&chain, "/good").all().await.map(|_| ());
    assert_eq!(logs.unwrap_err().kind, FaultKind::Quarantined);
    assert_eq!(page.unwrap_err().kind, FaultKind::Quarantined);
    assert_eq!(request.unwrap_err().closed().fault.kind, FaultKind::Quarantined);
}

/// An exchange whose instance is gone says nothing about whether the plugin is any better.
#[tokio::test]
async fn only_a_call_that_was_made_is_a_trial() {
    let room = Room::default();
    let plugin = room.plugin(guests::HOSTILE).config(TRAP).serve().await;
    let chain = chain_of(&plugin, OnFault::Open);
    let mut old = Journey::new(&chain, "/good");
    old.on_request().await.unwrap();
    strike(&chain, STRIKES).await;
    // Once the pause is over, the exchange that lost its instance is the first to ask.
    let strict = chain_of(&plugin, OnFault::Closed);
    let asked = tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            let kind = strict
                .on_response(&old.exchange, &mut old.response, 1)
                .await
                .expect_err("its instance is gone")
                .fault
                .kind;
            if kind != FaultKind::Quarantined {
                return kind;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert_eq!(asked.await.expect("the pause ends"), FaultKind::Lost);
    assert_eq!(state(&plugin).0, "quarantined", "nobody was tried");
    old.on_done().await;
    assert_eq!(until_tried(&strict, "/good").await, Ok(()));
    assert_eq!(state(&plugin).0, "serving");
}

#[tokio::test]
async fn its_own_faults_are_reported_as_error_events() {
    let room = Room::default();
    let plugin = room.plugin(guests::HOSTILE).config(TRAP).named("frail").serve().await;
    strike(&chain_of(&plugin, OnFault::Closed), 1).await;
    let event = room.errors.try_pop().expect("there is one");
    assert_eq!(event.kind, "plugin.trap");
    assert!(event.message.contains("`frail`") && event.message.contains("`on-request`"));
}
