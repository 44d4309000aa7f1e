//! A plugin in JavaScript is taken and serves like any other. `script_guest.sh` builds it first.

use std::path::Path;
use std::time::{Duration, Instant};

use tamis_host::filter::{FaultKind, OnFault, RequestWalk};
use tamis_host::plugin::load::LoadError;
use tamis_tests::room::{Journey, Make, Room, chain_of, whole};

fn component(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/e2e/script");
    let path = folder.join(name);
    std::fs::read(&path).unwrap_or_else(|error| {
        panic!("`{}`: {error}; run tests/e2e/script_guest.sh", path.display())
    })
}

/// A tree-walking engine inside of a sandbox takes its time, above all to begin.
fn slow(make: Make<'_>) -> Make<'_> {
    make.budget(|budget| {
        budget.start = Duration::from_secs(5);
        budget.hook = Duration::from_millis(200);
    })
}

#[tokio::test]
async fn it_is_taken_and_serves() {
    let room = Room::default();
    let begun = Instant::now();
    let make = room.plugin(&component("script.wasm")).config(r#"{ "greeting": "good day" }"#);
    println!("read and compiled in {:?}", begun.elapsed());
    let begun = Instant::now();
    let plugin = slow(make).serve().await;
    println!("taken in {:?}, {} bytes of memory", begun.elapsed(), plugin.memory());
    assert_eq!(plugin.manifest().name, "script");
    let chain = chain_of(&plugin, OnFault::Closed);

    let mut greet = Journey::new(&chain, "/greet");
    greet.request.headers.insert("x-name", "Ada".parse().unwrap());
    let walk = greet.on_request().await.unwrap();
    let RequestWalk::Answered { response, .. } = walk else { panic!("{walk:?}") };
    assert_eq!(&*response.body, b"good day, Ada\n");
    assert_eq!(response.headers["content-type"], "text/plain");
    greet.on_done().await;

    let mut other = Journey::new(&chain, "/other");
    other.on_request().await.unwrap();
    assert_eq!(other.request.headers["x-script"], "1");
    other.response.headers.insert("content-type", "text/plain".parse().unwrap());
    assert_eq!(whole(other.response_body()).await.unwrap(), "ONETWO");
    other.on_done().await;
    let written = room.written();
    assert!(written.iter().any(|line| line.starts_with("/other took ")), "{written:?}");

    let begun = Instant::now();
    for _ in 0..1_000 {
        let mut journey = Journey::new(&chain, "/other");
        journey.on_request().await.unwrap();
        journey.on_done().await;
    }
    println!("{:?} for a request and its end", begun.elapsed() / 1_000);
}

#[tokio::test]
async fn what_it_throws_is_a_fault_or_a_trap() {
    let room = Room::default();
    let plugin = slow(room.plugin(&component("script.wasm"))).serve().await;
    let chain = chain_of(&plugin, OnFault::Closed);
    for (path, kind) in [
        ("/fault", FaultKind::Unprocessable),
        ("/throw", FaultKind::Trap),
        ("/loop", FaultKind::Deadline),
    ] {
        let fault = Journey::new(&chain, path).all().await.unwrap_err().closed().fault;
        println!("{path}: {fault}");
        assert_eq!(fault.kind, kind, "{path}: {fault}");
        Journey::new(&chain, "/other").on_request().await.expect("the next one is served");
    }
    let make = room.plugin(&component("script.wasm")).config(r#"{ "greting": "hi" }"#);
    let error = slow(make).load().await.err().expect("there is no such key");
    let mistakes = error.config_errors().expect("it is the configuration");
    assert_eq!((&*mistakes[0].path, mistakes[0].hint.as_deref()), ("/greting", Some("`greeting`")));
}

#[tokio::test]
async fn a_fresh_instance_for_each_exchange_works_too() {
    let room = Room::default();
    let plugin = slow(room.plugin(&component("script.wasm")).fresh()).serve().await;
    let chain = chain_of(&plugin, OnFault::Closed);
    for _ in 0..3 {
        let mut journey = Journey::new(&chain, "/other");
        journey.all().await.unwrap();
        assert_eq!(journey.request.headers["x-script"], "1", "it remembers nothing");
    }
}

#[tokio::test]
async fn a_flag_that_was_left_out_is_named() {
    let room = Room::default();
    let error = room.compile(&component("script-async.wasm")).err().expect("it is not taken");
    assert!(error.to_string().contains("--backend-qjs-disable-async"), "{error}");

    let make = room.plugin(&component("script-wasi.wasm"));
    let error = make.load().await.err().expect("it is not taken");
    let text = error.to_string();
    assert!(matches!(error, LoadError::Imports(_)), "{text}");
    assert!(text.contains("wasi:filesystem") && text.contains("--backend-qjs-stub-wasi"), "{text}");
}
