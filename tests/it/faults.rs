//! A fault costs what it says and nothing else: the message by `on-fault`, the instance if it
//! is in no good state, a strike if it was the plugin's own. The next exchange is served as
//! if nothing had happened, and so are those under way beside it.

use std::sync::Arc;
use std::time::Duration;

use tamis_host::filter::background::{Check, Status};
use tamis_host::filter::{
    Background, ErrorEvent, Fault, FaultKind, Filter, Hook, OnFault, Origin, PageRequest, Passage,
    Record, Severity,
};
use tamis_host::plugin::Plugin;
use tamis_host::plugin::instance::StartError;
use tamis_host::plugin::load::LoadError;
use tamis_tests::guests;
use tamis_tests::raw::Raw;
use tamis_tests::room::{Journey, Room, chain_of};

use FaultKind::{Budget, Deadline, Internal, Memory, Trap, Unavailable, Unprocessable};

/// Everything that ends a call, and as what it may be seen. Which of two budgets a flood
/// meets first depends on the machine.
const DEEDS: [(&str, &[FaultKind]); 19] = [
    (r#""do": "loop""#, &[Deadline]),
    (r#""do": "memory-fill""#, &[Deadline]),
    (r#""do": "trap", "how": "unreachable""#, &[Trap]),
    (r#""do": "trap", "how": "panic""#, &[Trap]),
    (r#""do": "trap", "how": "divide""#, &[Trap]),
    (r#""do": "trap", "how": "out-of-bounds""#, &[Trap]),
    (r#""do": "trap", "how": "bad-call""#, &[Trap]),
    (r#""do": "recurse""#, &[Trap]),
    (r#""do": "memory", "how": "abort""#, &[Memory]),
    (r#""do": "memory", "how": "trap""#, &[Memory]),
    (r#""do": "flood-calls", "how": "clock""#, &[Budget, Deadline]),
    (r#""do": "flood-calls", "how": "log", "bytes": 8"#, &[Budget, Deadline]),
    (r#""do": "flood-calls", "how": "log", "bytes": 262144"#, &[Budget, Deadline]),
    (r#""do": "flood-calls", "how": "log", "bytes": 8388608"#, &[Budget, Deadline]),
    (r#""do": "random""#, &[Trap]),
    (r#""do": "other-exchange""#, &[Trap]),
    (r#""do": "fault", "how": "internal""#, &[Internal]),
    (r#""do": "fault", "how": "unavailable""#, &[Unavailable]),
    (r#""do": "fault", "how": "unprocessable""#, &[Unprocessable]),
];

fn config(hook: Hook, deed: &str) -> String {
    format!(r#"{{ "hook": "{hook}", {deed} }}"#)
}

fn costs_instance(kind: FaultKind) -> bool {
    matches!(kind, Trap | Deadline | Memory | Budget)
}

/// One hook of an exchange, with every deed and both policies.
async fn in_exchange(hook: Hook) {
    let room = Room::default();
    let compiled = Arc::new(room.compile(guests::HOSTILE).unwrap());
    for (deed, kinds) in DEEDS {
        for on_fault in [OnFault::Closed, OnFault::Open] {
            let plugin = room.make(Arc::clone(&compiled)).config(&config(hook, deed)).serve().await;
            let chain = chain_of(&plugin, on_fault);
            let what = format!("{hook}, {deed}, {on_fault:?}");

            // The neighbour begins while the bad call is under way.
            let (mut bad, mut neighbour) =
                (Journey::new(&chain, "/bad"), Journey::new(&chain, "/good"));
            let (outcome, beside) = tokio::join!(bad.all(), neighbour.all());
            match (hook, on_fault) {
                // Nothing is left that could be stopped when an exchange is over.
                (Hook::OnDone, _) | (_, OnFault::Open) => {
                    let (sent, got) = outcome.expect(&what);
                    assert_eq!((&*sent, &*got), ("onetwo", "onetwo"), "{what}");
                }
                (_, OnFault::Closed) => {
                    let closed = outcome.expect_err(&what).closed();
                    assert_eq!(closed.hook, hook, "{what}");
                    assert!(kinds.contains(&closed.fault.kind), "{what}: {}", closed.fault);
                }
            }
            // A neighbour that came to sit on the same instance loses it, too; one with an
            // instance of its own is not touched. Either way nothing else happens to it.
            match beside {
                Ok((sent, got)) => assert_eq!((&*sent, &*got), ("onetwo", "onetwo"), "{what}"),
                Err(stop) => {
                    let fault = stop.closed().fault;
                    assert_eq!(fault.kind, FaultKind::Lost, "{what}: {fault}");
                }
            }
            let mut next = Journey::new(&chain, "/good");
            next.all().await.unwrap_or_else(|stop| panic!("{what}: the next one: {stop:?}"));
            assert_eq!(next.request.headers["x-hostile"], "on-request", "{what}: it is served");

            let report = plugin.report();
            // A farewell gives no answer, so it cannot be a fault of the milder kinds.
            let silent = hook == Hook::OnDone && !costs_instance(kinds[0]);
            let expected = u64::from(kinds[0].is_strike() && !silent);
            assert_eq!(report.strikes_total, expected, "{what}: {report:?}");
            assert_eq!(report.state, "serving", "{what}");
        }
    }
}

#[tokio::test]
async fn in_on_request() {
    in_exchange(Hook::OnRequest).await;
}

#[tokio::test]
async fn in_on_request_body() {
    in_exchange(Hook::OnRequestBody).await;
}

#[tokio::test]
async fn in_on_response() {
    in_exchange(Hook::OnResponse).await;
}

#[tokio::test]
async fn in_on_response_body() {
    in_exchange(Hook::OnResponseBody).await;
}

#[tokio::test]
async fn in_on_done() {
    in_exchange(Hook::OnDone).await;
}

/// A neighbour with an instance of its own goes through while the bad call still runs.
#[tokio::test]
async fn an_endless_loop_holds_up_nobody_beside_it() {
    let room = Room::default();
    let config = r#"{ "hook": "on-request", "do": "loop" }"#;
    let make = room.plugin(guests::HOSTILE).config(config);
    // So long that the neighbours are through before, however busy the machine.
    let plugin = make.budget(|budget| budget.hook = Duration::from_secs(2)).serve().await;
    let chain = chain_of(&plugin, OnFault::Closed);
    let looping = Journey::new(&chain, "/bad");
    let looping = tokio::spawn(async move {
        let mut looping = looping;
        looping.on_request().await.map(|_| ())
    });
    tokio::task::yield_now().await;
    for number in 0..20 {
        let mut neighbour = Journey::new(&chain, "/good");
        neighbour.all().await.unwrap_or_else(|stop| panic!("neighbour {number}: {stop:?}"));
    }
    assert!(!looping.is_finished(), "all of them passed while it ran");
    let closed = looping.await.unwrap().unwrap_err();
    assert_eq!(closed.fault.kind, Deadline);
}

/// Calls a hook that no exchange is behind; `bad` provokes it.
async fn call(plugin: &Plugin, hook: Hook, bad: bool) -> Result<(), Fault> {
    let text = if bad { "bad" } else { "good" };
    match hook {
        Hook::OnLogs => {
            let batch = [Record::of_bytes(1, text.into())];
            plugin.on_logs(&"child".into(), &batch).await.map(|_| ())
        }
        Hook::Scrub => {
            let (origin, name) = (Origin::Other, String::new());
            let passages = [Passage { text: text.to_owned(), origin, name }];
            plugin.scrub(&passages).await.map(|_| ())
        }
        Hook::OnTick => plugin.on_tick(1, u32::from(bad)).await,
        Hook::OnErrors => {
            let event = ErrorEvent::new(1, Severity::Error, "test.kind", text);
            plugin.on_errors(&[Arc::new(event)]).await
        }
        Hook::Checks => plugin.checks().await.map(|_| ()),
        Hook::OnHealth => {
            let check = Check {
                component: text.to_owned(),
                status: Status::Healthy,
                at_worst: Status::Unhealthy,
                latency: None,
                reason: None,
                since: 1,
            };
            plugin.on_health(&[check]).await.map(|_| ())
        }
        Hook::OnPage => {
            let request = PageRequest {
                method: http::Method::GET,
                path: format!("/{text}"),
                query: String::new(),
                headers: http::HeaderMap::new(),
                body: bytes::Bytes::new(),
            };
            plugin.on_page(&request).await.map(|_| ())
        }
        other => panic!("`{other}` belongs to an exchange"),
    }
}

async fn behind_the_exchange(hook: Hook) {
    let room = Room::default();
    let compiled = Arc::new(room.compile(guests::HOSTILE).unwrap());
    for (deed, kinds) in DEEDS {
        let what = format!("{hook}, {deed}");
        let plugin = room.make(Arc::clone(&compiled)).config(&config(hook, deed)).serve().await;
        let outcome = call(&plugin, hook, true).await;
        // It says how it is and cannot say that it failed.
        let silent = hook == Hook::Checks && !costs_instance(kinds[0]);
        if silent {
            outcome.expect(&what);
        } else {
            let fault = outcome.expect_err(&what);
            assert!(kinds.contains(&fault.kind), "{what}: {fault}");
        }
        // Where nothing can provoke, a new instance would do it again.
        if hook != Hook::Checks || silent {
            call(&plugin, hook, false).await.unwrap_or_else(|fault| panic!("{what}: {fault}"));
        }
        let other = if hook == Hook::OnTick { Hook::OnHealth } else { Hook::OnTick };
        call(&plugin, other, false).await.unwrap_or_else(|fault| panic!("{what}: {fault}"));
        let strikes = u64::from(kinds[0].is_strike() && !silent);
        assert_eq!(plugin.report().strikes_total, strikes, "{what}");
        // What happens behind the exchange is no affair of those that are under way.
        let chain = chain_of(&plugin, OnFault::Closed);
        Journey::new(&chain, "/good").all().await.expect(&what);
    }
}

#[tokio::test]
async fn in_on_logs() {
    behind_the_exchange(Hook::OnLogs).await;
}

#[tokio::test]
async fn in_scrub() {
    behind_the_exchange(Hook::Scrub).await;
}

#[tokio::test]
async fn in_on_tick() {
    behind_the_exchange(Hook::OnTick).await;
}

#[tokio::test]
async fn in_on_errors() {
    behind_the_exchange(Hook::OnErrors).await;
}

#[tokio::test]
async fn in_checks() {
    behind_the_exchange(Hook::Checks).await;
}

#[tokio::test]
async fn in_on_health() {
    behind_the_exchange(Hook::OnHealth).await;
}

#[tokio::test]
async fn in_on_page() {
    behind_the_exchange(Hook::OnPage).await;
}

#[tokio::test]
async fn in_init_of_either_role_the_plugin_is_not_taken() {
    let room = Room::default();
    let compiled = Arc::new(room.compile(guests::HOSTILE).unwrap());
    for role in ["worker", "background"] {
        for (deed, kinds) in DEEDS {
            let config = format!(r#"{{ "hook": "init", "role": "{role}", {deed} }}"#);
            let loaded = room.make(Arc::clone(&compiled)).config(&config).load().await;
            let error = loaded.err().unwrap_or_else(|| panic!("{role}, {deed}: it was taken"));
            match error {
                LoadError::Start(StartError::Hook { hook: Hook::Init, fault }) => {
                    assert!(kinds.contains(&fault.kind), "{role}, {deed}: {fault}");
                }
                // Whoever does not trap says what does not suit it.
                LoadError::Start(StartError::Config(mistakes)) => {
                    assert!(!costs_instance(kinds[0]), "{role}, {deed}");
                    assert!(mistakes[0].message.contains("on purpose"), "{role}, {deed}");
                }
                other => panic!("{role}, {deed}: {other}"),
            }
        }
    }
}

#[tokio::test]
async fn in_shutdown_it_is_dropped_all_the_same() {
    let room = Room::default();
    let compiled = Arc::new(room.compile(guests::HOSTILE).unwrap());
    for (deed, _) in DEEDS {
        let config = config(Hook::Shutdown, deed);
        let plugin = room.make(Arc::clone(&compiled)).config(&config).serve().await;
        plugin.shut_down(Duration::from_millis(50)).await;
        assert_eq!(plugin.memory(), 0, "{deed}: an instance is left");
    }
}

#[tokio::test]
async fn while_it_is_made_or_describes_itself_the_plugin_is_not_taken() {
    const ENDLESS: &str = "(loop (br 0)) unreachable";
    let table: [(&str, Raw, &str); 9] = [
        (
            "a start function that does not end",
            Raw { start: "(loop (br 0))", ..Raw::default() },
            "still running",
        ),
        (
            "a start function that traps",
            Raw { start: "unreachable", ..Raw::default() },
            "unreachable",
        ),
        (
            "a start function that takes all memory",
            Raw {
                start: "(loop (br_if 0 (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable",
                ..Raw::default()
            },
            "bytes of memory",
        ),
        (
            "a start function that calls the host",
            Raw { start: "call $now drop", ..Raw::default() },
            "while describing itself",
        ),
        (
            "a description that does not end",
            Raw { describe: ENDLESS, ..Raw::default() },
            "still running",
        ),
        (
            "a description that traps",
            Raw { describe: "unreachable", ..Raw::default() },
            "unreachable",
        ),
        (
            "a description that calls the host",
            Raw { describe: "call $now drop i32.const 0", ..Raw::default() },
            "while describing itself",
        ),
        (
            "a description that is nowhere",
            Raw { describe: "i32.const 0x7ffffff8", ..Raw::default() },
            "",
        ),
        (
            "an allocator that does not end",
            Raw { realloc: ENDLESS, ..Raw::default() },
            "still running",
        ),
    ];
    let room = Room::default();
    for (what, raw, fragment) in table {
        let loaded = room.plugin(&raw.component()).load().await;
        let error = loaded.err().unwrap_or_else(|| panic!("{what}: it was taken")).to_string();
        assert!(error.contains(fragment), "{what}: {error}");
    }
    room.plugin(&Raw::default().component()).serve().await;
}

#[tokio::test]
async fn whatever_a_guest_hands_back_is_a_fault_and_never_more() {
    const ENDLESS: &str = "(loop (br 0)) unreachable";
    let table: [(&str, Raw, &[FaultKind]); 15] = [
        ("unreachable", Raw { on_request: "unreachable", ..Raw::default() }, &[Trap]),
        (
            "a division by zero",
            Raw { on_request: "(i32.div_s (local.get 0) (i32.const 0))", ..Raw::default() },
            &[Trap],
        ),
        (
            "a division that overflows",
            Raw {
                on_request: "(i32.div_s (i32.const 0x80000000) (i32.const -1))",
                ..Raw::default()
            },
            &[Trap],
        ),
        (
            "a load beyond memory",
            Raw { on_request: "(i32.load (i32.const 0x7ffffffc))", ..Raw::default() },
            &[Trap],
        ),
        (
            "a call of nobody",
            Raw {
                fields: "(table 1 funcref)",
                on_request: "(call_indirect (result i32) (i32.const 0))",
                ..Raw::default()
            },
            &[Trap],
        ),
        (
            "recursion",
            Raw {
                fields: "(func $deep (result i32) call $deep)",
                on_request: "call $deep",
                ..Raw::default()
            },
            &[Trap],
        ),
        (
            "an address beyond memory",
            Raw { on_request: "i32.const 0x7ffffff8", ..Raw::default() },
            &[Trap],
        ),
        ("an address between words", Raw { on_request: "i32.const 1", ..Raw::default() }, &[Trap]),
        (
            "neither an answer nor a fault",
            Raw {
                fields: r#"(data (i32.const 512) "\07")"#,
                on_request: "i32.const 512",
                ..Raw::default()
            },
            &[Trap],
        ),
        (
            "an answer of no kind",
            Raw {
                fields: r#"(data (i32.const 516) "\07")"#,
                on_request: "i32.const 512",
                ..Raw::default()
            },
            &[Trap],
        ),
        (
            "more edits than memory can hold",
            Raw {
                fields: r#"(data (i32.const 524) "\ff\ff\ff\ff")"#,
                on_request: "i32.const 512",
                ..Raw::default()
            },
            &[Trap, Budget],
        ),
        (
            "a text that is not UTF-8",
            // A fault, internal, with a message of one byte at 600.
            Raw {
                fields: r#"(data (i32.const 512) "\01\00\00\00\02\00\00\00\58\02\00\00\01\00\00\00")
                           (data (i32.const 600) "\ff")"#,
                on_request: "i32.const 512",
                ..Raw::default()
            },
            &[Trap],
        ),
        ("no end", Raw { on_request: ENDLESS, ..Raw::default() }, &[Deadline]),
        (
            "no end after the answer",
            Raw { after_request: "(loop (br 0))", ..Raw::default() },
            &[Deadline],
        ),
        (
            "an allocation beyond memory",
            // Only when the host passes a head, so that it is taken.
            Raw {
                fields: "(global $calls (mut i32) (i32.const 0))",
                realloc: "(global.set $calls (i32.add (global.get $calls) (i32.const 1))) \
                          (select (i32.const 0x7ffffff0) (i32.const 1024) \
                          (i32.gt_u (global.get $calls) (i32.const 4)))",
                ..Raw::default()
            },
            &[Trap],
        ),
    ];
    let room = Room::default();
    for (what, raw, kinds) in table {
        let plugin = room.plugin(&raw.component()).serve().await;
        let chain = chain_of(&plugin, OnFault::Closed);
        let closed = Journey::new(&chain, "/").all().await.expect_err(what).closed();
        assert!(kinds.contains(&closed.fault.kind), "{what}: {}", closed.fault);
        assert!(!closed.fault.message.is_empty(), "{what}");
        assert_eq!(plugin.report().strikes_total, 1, "{what}");
    }
    let plugin = room.plugin(&Raw::default().component()).serve().await;
    Journey::new(&chain_of(&plugin, OnFault::Closed), "/").all().await.expect("the rest is sound");
}

/// Answers of head hooks that are against the contract: `how`, more, in which of the two.
const BAD_HEADS: [(&str, &str, &[Hook]); 28] = {
    const BOTH: &[Hook] = &[Hook::OnRequest, Hook::OnResponse];
    [
        ("crlf", "", BOTH),
        ("lf", "", BOTH),
        ("nul", "", BOTH),
        ("above-latin", "", BOTH),
        ("bad-name", "", BOTH),
        ("no-name", "", BOTH),
        ("pseudo", "", BOTH),
        ("host", "", BOTH),
        ("content-length", "", BOTH),
        ("transfer-encoding", "", BOTH),
        ("connection", "", BOTH),
        ("remove-upgrade", "", BOTH),
        ("many", r#", "times": 101"#, BOTH),
        ("many", r#", "times": 40000"#, BOTH),
        ("long", r#", "bytes": 65536"#, BOTH),
        ("long", r#", "bytes": 1000000"#, BOTH),
        ("attributes", r#", "times": 65"#, BOTH),
        ("set-status", "", &[Hook::OnRequest]),
        ("bad-status", "", &[Hook::OnResponse]),
        ("set-target", "", &[Hook::OnResponse]),
        ("bad-target", "", &[Hook::OnRequest]),
        ("split-target", "", &[Hook::OnRequest]),
        ("respond-crlf", "", BOTH),
        ("respond-host", "", BOTH),
        ("respond-status", "", BOTH),
        ("respond-many", r#", "times": 101"#, BOTH),
        ("respond-many", r#", "times": 40000"#, BOTH),
        ("respond-bytes", r#", "bytes": 5000000"#, BOTH),
    ]
};

#[tokio::test]
async fn wrong_edits_leave_the_head_as_it_was() {
    let room = Room::default();
    let compiled = Arc::new(room.compile(guests::HOSTILE).unwrap());
    for (how, more, hooks) in BAD_HEADS {
        for &hook in hooks {
            for on_fault in [OnFault::Closed, OnFault::Open] {
                let what = format!("{hook}, {how}{more}, {on_fault:?}");
                let config =
                    format!(r#"{{ "hook": "{hook}", "do": "bad-edits", "how": "{how}"{more} }}"#);
                let make = room.make(Arc::clone(&compiled)).config(&config);
                // Tens of thousands of edits take their time, which is not the point here.
                let make = make.budget(|budget| budget.hook = Duration::from_secs(2));
                let plugin = make.serve().await;
                let chain = chain_of(&plugin, on_fault);
                let mut bad = Journey::new(&chain, "/bad");
                let outcome = bad.all().await;
                if on_fault == OnFault::Closed {
                    let closed = outcome.expect_err(&what).closed();
                    assert_eq!(closed.hook, hook, "{what}");
                    assert!([Internal, Budget].contains(&closed.fault.kind), "{what}: {closed}");
                    let text = closed.fault.message;
                    assert!(!text.contains(char::is_control), "{what}: {text:?}");
                    assert!(!text.contains("two"), "{what}: {text:?} repeats the content");
                } else {
                    outcome.expect(&what);
                }
                for headers in [&bad.request.headers, &bad.response.headers] {
                    assert!(!headers.contains_key("x-half"), "{what}: half applied");
                }
                assert_eq!(bad.request.target.as_str(), "/bad", "{what}");
                assert_eq!(bad.response.status, 200, "{what}");
                assert!(bad.exchange.attributes().is_empty(), "{what}: half applied");
                assert_eq!(plugin.report().strikes_total, 1, "{what}");
                Journey::new(&chain, "/good").all().await.expect(&what);
            }
        }
    }
}

#[tokio::test]
async fn wrong_splices_leave_the_body_as_it_was() {
    let room = Room::default();
    let compiled = Arc::new(room.compile(guests::HOSTILE).unwrap());
    for how in ["beyond", "overflow", "overlap", "backwards", "bytes"] {
        for hook in [Hook::OnRequestBody, Hook::OnResponseBody] {
            for on_fault in [OnFault::Closed, OnFault::Open] {
                let what = format!("{hook}, {how}, {on_fault:?}");
                let config = format!(
                    r#"{{ "hook": "{hook}", "do": "bad-edits", "how": "{how}", "bytes": 5000000 }}"#
                );
                let plugin = room.make(Arc::clone(&compiled)).config(&config).serve().await;
                let chain = chain_of(&plugin, on_fault);
                let outcome = Journey::new(&chain, "/bad").all().await;
                if on_fault == OnFault::Closed {
                    let closed = outcome.expect_err(&what).closed();
                    assert_eq!(closed.hook, hook, "{what}");
                    let expected = if how == "bytes" { Budget } else { Internal };
                    assert_eq!(closed.fault.kind, expected, "{what}: {}", closed.fault);
                } else {
                    let (sent, got) = outcome.expect(&what);
                    assert_eq!((&*sent, &*got), ("onetwo", "onetwo"), "{what}");
                }
                assert_eq!(plugin.report().strikes_total, 1, "{what}");
            }
        }
    }
}

#[tokio::test]
async fn a_watcher_that_decides_or_changes_is_at_fault_and_the_message_goes_on() {
    let room = Room::default();
    let compiled = Arc::new(room.compile(guests::HOSTILE_WATCHER).unwrap());
    let heads = ["respond", "abort", "set-body"].map(|how| (Hook::OnRequest, how));
    let more = [
        (Hook::OnRequest, "set-target"),
        (Hook::OnResponse, "set-status"),
        (Hook::OnResponse, "respond"),
        (Hook::OnResponse, "abort"),
        (Hook::OnRequestBody, "replace"),
        (Hook::OnRequestBody, "abort"),
        (Hook::OnResponseBody, "replace"),
    ];
    for (hook, how) in heads.into_iter().chain(more) {
        let config = format!(r#"{{ "hook": "{hook}", "do": "bad-edits", "how": "{how}" }}"#);
        let plugin = room.make(Arc::clone(&compiled)).config(&config).serve().await;
        let chain = tamis_tests::room::chain(&[&plugin]);
        let mut bad = Journey::new(&chain, "/bad");
        let (sent, got) = bad.all().await.unwrap_or_else(|stop| panic!("{hook}, {how}: {stop:?}"));
        assert_eq!((&*sent, &*got), ("onetwo", "onetwo"), "{hook}, {how}");
        assert_eq!((bad.request.target.as_str(), bad.response.status.as_u16()), ("/bad", 200));
        assert!(plugin.report().strikes_total >= 1, "{hook}, {how}");
    }
}

#[tokio::test]
async fn what_a_guest_says_as_it_panics_is_the_text_of_the_fault() {
    let room = Room::default();
    let foreign = room.plugin(guests::FOREIGN).serve().await;
    let chain = chain_of(&foreign, OnFault::Closed);
    let closed = Journey::new(&chain, "/panic").all().await.unwrap_err().closed();
    assert_eq!(closed.fault.kind, Trap);
    let text = closed.fault.message;
    assert!(text.contains("panicked at") && text.contains("asked to"), "{text}");
}
