//! Plugins meet a request in the operator's order and its response in reverse, each with what
//! those before it left. What is true of filters in plain Rust is true of components.

use tamis_host::filter::{RequestWalk, ResponseHead};
use tamis_tests::guests;
use tamis_tests::room::{Journey, Room, Stop, chain};

#[tokio::test]
async fn later_plugins_see_and_replace_what_earlier_ones_set() {
    let room = Room::default();
    let first =
        room.plugin(guests::TAG).named("first").config(r#"{ "header": "x-a" }"#).serve().await;
    let skipped = room.plugin(guests::TAG).named("second").config(r#"{ "header": "x-skip" }"#);
    let skipped = skipped.serve().await;
    let last =
        room.plugin(guests::TAG).named("last").config(r#"{ "header": "x-z" }"#).serve().await;

    let mut journey = Journey::new(&chain(&[&first, &skipped, &last]), "/");
    journey.on_request().await.unwrap();
    assert_eq!(journey.request.headers["x-a"], "1");
    assert!(!journey.request.headers.contains_key("x-z"), "the one before asked it not to");

    let mut journey = Journey::new(&chain(&[&last, &first, &skipped]), "/");
    journey.on_request().await.unwrap();
    assert_eq!(journey.request.headers["x-z"], "1", "in another order it was asked too late");
}

#[tokio::test]
async fn a_plugin_that_answers_spares_those_behind_it() {
    let room = Room::default();
    let config = r#"{ "hook": "on-request", "do": "bad-edits", "how": "respond" }"#;
    let before = room.plugin(guests::HOSTILE).named("before").serve().await;
    let answers = room.plugin(guests::HOSTILE).named("answers").config(config).serve().await;
    let behind = room.plugin(guests::TAG).named("behind").serve().await;
    let chain = chain(&[&before, &answers, &behind]);

    let mut journey = Journey::new(&chain, "/bad");
    let walk = journey.on_request().await.unwrap();
    let RequestWalk::Answered { response, below } = walk else { panic!("{walk:?}") };
    assert_eq!((response.status.as_u16(), &*response.body, below), (200, &b"answer"[..], 1));
    assert!(!journey.request.headers.contains_key("x-tamis"), "who is behind was not asked");
    journey.response = ResponseHead {
        status: response.status,
        headers: response.headers,
        ends: false,
        local: true,
    };
    chain.on_response(&journey.exchange, &mut journey.response, below).await.unwrap();
    assert_eq!(journey.response.headers["x-hostile"], "on-response", "who is before it was");
    journey.on_done().await;
    Journey::new(&chain, "/good").all().await.expect("others pass");
}

#[tokio::test]
async fn a_fault_in_the_middle_ends_the_walk_there() {
    let room = Room::default();
    let config = r#"{ "hook": "on-request", "do": "fault", "how": "unprocessable" }"#;
    let before =
        room.plugin(guests::TAG).named("before").config(r#"{ "header": "x-a" }"#).serve().await;
    let fails = room.plugin(guests::HOSTILE).named("fails").config(config).serve().await;
    let behind = room.plugin(guests::TAG).named("behind").serve().await;
    let mut journey = Journey::new(&chain(&[&before, &fails, &behind]), "/bad");
    let Err(Stop::Closed(closed)) = journey.all().await else { panic!("a guard closes") };
    assert_eq!(&*closed.plugin, "fails");
    assert!(journey.request.headers.contains_key("x-a"));
    assert!(!journey.request.headers.contains_key("x-tamis"));
}

#[tokio::test]
async fn bodies_pass_the_plugins_in_the_order_of_their_direction() {
    for (hook, first) in [("on-request-body", 0), ("on-response-body", 1)] {
        for cutter_at in [0, 1] {
            let room = Room::default();
            let config =
                |how: &str| format!(r#"{{ "hook": "{hook}", "do": "bad-edits", "how": "{how}" }}"#);
            let make = |name, how: &str| {
                room.plugin(guests::HOSTILE).named(name).config(&config(how)).serve()
            };
            let (cuts, replaces) = (make("cuts", "abort").await, make("replaces", "replace").await);
            let order = if cutter_at == 0 { [&cuts, &replaces] } else { [&replaces, &cuts] };
            let outcome = Journey::new(&chain(&order), "/bad").all().await;
            assert!(matches!(outcome, Err(Stop::Body(_))), "{hook}: {outcome:?}");
            let expected = if cutter_at == first { 0.0 } else { 1.0 };
            let calls = room.counted("tamis_plugin_calls_total", &["replaces", hook, "ok"]);
            assert_eq!(calls, expected, "{hook}: whoever is behind the cut sees nothing");
        }
    }
}

#[tokio::test]
async fn components_of_different_toolchains_serve_side_by_side() {
    let room = Room::default();
    let tag = room.plugin(guests::TAG).named("tag").serve().await;
    let foreign = room.plugin(guests::FOREIGN).named("foreign").serve().await;
    let hostile = room.plugin(guests::HOSTILE).named("hostile").serve().await;
    let mut journey = Journey::new(&chain(&[&tag, &foreign, &hostile]), "/a?b=c");
    let (sent, got) = journey.all().await.unwrap();
    assert_eq!((&*sent, &*got), ("onetwo", "onetwo"));
    for name in ["x-tamis", "x-foreign-time", "x-hostile"] {
        assert!(journey.request.headers.contains_key(name), "{name}");
    }
    for name in ["x-foreign-took", "x-hostile"] {
        assert!(journey.response.headers.contains_key(name), "{name}");
    }
}
