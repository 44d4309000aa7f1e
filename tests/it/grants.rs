//! What a component imports is its list of permissions: what was not granted is refused with
//! the line that grants it, what nobody may have by its name. What does not fit the contract
//! is refused, too, and never left out: a hook that is silently not called may be the one
//! that redacts.

use std::collections::BTreeSet;

use tamis_host::filter::OnFault;
use tamis_host::plugin::grant::{Capability, Grants, Verdict};
use tamis_host::plugin::hooks::BindError;
use tamis_host::plugin::instance::StartError;
use tamis_host::plugin::load::LoadError;
use tamis_tests::raw::Raw;
use tamis_tests::room::{Journey, Room, chain_of};
use tamis_tests::{guests, misfits};

const LIFECYCLE: &str = "export tamis:plugin/lifecycle@0.1.0;";

async fn refused(room: &Room, component: &[u8], grants: Grants) -> LoadError {
    let make = match room.compile(component) {
        Ok(compiled) => room.make(compiled.into()),
        Err(error) => return error,
    };
    make.grants(grants).load().await.err().expect("it is not taken")
}

fn all_grants() -> Grants {
    Grants {
        allow: Capability::ALL.into_iter().collect(),
        outbound: true,
        allow_http: vec!["https://sentry.example".into()],
        allow_probe: vec!["tcp://db:5432".into()],
    }
}

#[tokio::test]
async fn missing_grants_are_named_all_at_once_with_the_line_to_add() {
    let room = Room::default();
    let component = misfits::of_world(
        "import tamis:plugin/metrics@0.1.0; import tamis:plugin/state@0.1.0; \
         import tamis:plugin/errors@0.1.0; import tamis:plugin/outbound-http@0.1.0; \
         import tamis:plugin/log@0.1.0; export tamis:plugin/lifecycle@0.1.0;",
    );
    let text = refused(&room, &component, Grants::default()).await.to_string();
    for line in [
        r#"`tamis:plugin/metrics@0.1.0` needs the line `allow = ["metrics"]`"#,
        r#"`tamis:plugin/state@0.1.0` needs the line `allow = ["state"]`"#,
        r#"`tamis:plugin/errors@0.1.0` needs the line `allow = ["errors"]`"#,
        r#"`tamis:plugin/outbound-http@0.1.0` needs the line `allow-http = ["https://HOST"]`"#,
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    assert!(!text.contains("plugin/log"), "what everybody has is not: {text}");
}

#[tokio::test]
async fn a_grant_lets_in_what_it_names_and_nothing_else() {
    let room = Room::default();
    let make = |names: &[Capability]| {
        let allow: BTreeSet<_> = names.iter().copied().collect();
        room.plugin(guests::HOSTILE).grants(Grants { allow, ..Grants::default() })
    };
    for missing in [Capability::Metrics, Capability::Errors] {
        let rest: Vec<_> = [Capability::Metrics, Capability::Errors]
            .into_iter()
            .filter(|one| *one != missing)
            .collect();
        let Err(LoadError::Imports(refused)) = make(&rest).load().await else {
            panic!("{missing:?} was not granted");
        };
        let [(import, Verdict::Missing { line })] = &refused[..] else { panic!("{refused:?}") };
        assert!(import.contains(missing.as_str()) && line.contains(missing.as_str()), "{line}");
    }
    make(&[Capability::Metrics, Capability::Errors]).serve().await;
}

#[tokio::test]
async fn imports_that_nobody_may_have_are_named() {
    let room = Room::default();
    let files = "package wasi:filesystem@0.2.6; interface preopens { get: func() -> u32; }";
    let sockets = "package wasi:sockets@0.2.0; interface tcp { connect: func() -> u32; }";
    let outgoing = "package wasi:http@0.2.3; interface outgoing-handler { handle: func(); }";
    let newer = "package wasi:cli@0.3.0; interface stdout { get: func() -> u32; }";
    let unknown = "package acme:db@1.2.3; interface sql { run: func(text: string); }";
    for (package, import, fragment) in [
        (files, "wasi:filesystem/preopens@0.2.6", "no files"),
        (sockets, "wasi:sockets/tcp@0.2.0", "no sockets"),
        (outgoing, "wasi:http/outgoing-handler@0.2.3", "`outbound-http`"),
        (newer, "wasi:cli/stdout@0.3.0", "wasm32-wasip2"),
        (unknown, "acme:db/sql@1.2.3", "no such interface"),
    ] {
        let lines = format!("import {import}; {LIFECYCLE}");
        let error = refused(&room, &misfits::with_package(&lines, package), all_grants()).await;
        let text = error.to_string();
        assert!(matches!(error, LoadError::Imports(_)), "{text}");
        assert!(text.contains(import) && text.contains(fragment), "{text}");
    }
}

#[tokio::test]
async fn imports_of_the_contract_that_this_host_does_not_have_are_named() {
    let room = Room::default();
    let component = misfits::of_changed(
        "import tamis:plugin/telepathy@0.1.0; export tamis:plugin/lifecycle@0.1.0;",
        |text| match text.contains("interface log {") {
            true => text + "\ninterface telepathy { think: func(); }\n",
            false => text,
        },
    );
    let text = refused(&room, &component, all_grants()).await.to_string();
    assert!(text.contains("no import `telepathy`"), "{text}");
}

#[tokio::test]
async fn hooks_that_this_host_does_not_know_are_refused() {
    let room = Room::default();
    let component = misfits::of_changed(
        "export tamis:plugin/http-trailers@0.1.0; export tamis:plugin/lifecycle@0.1.0;",
        |text| match text.contains("interface http-request {") {
            true => text + "\ninterface http-trailers { on-trailers: func(); }\n",
            false => text,
        },
    );
    let error = refused(&room, &component, all_grants()).await;
    assert!(matches!(error, LoadError::Exports(_)), "{error}");
    let text = error.to_string();
    assert!(text.contains("http-trailers@0.1.0") && text.contains("newer host"), "{text}");
}

#[tokio::test]
async fn another_version_of_the_contract_is_refused_and_a_later_patch_is_not() {
    let room = Room::default();
    let world = |version: &str| {
        let lines = format!(
            "export tamis:plugin/lifecycle@{version}; export tamis:plugin/log-filter@{version};"
        );
        let to = format!("tamis:plugin@{version}");
        misfits::of_changed(&lines, |text| text.replace("tamis:plugin@0.1.0", &to))
    };
    for version in ["0.2.0", "1.0.0"] {
        let text = refused(&room, &world(version), all_grants()).await.to_string();
        assert!(text.contains(version) && text.contains("0.1.0"), "{text}");
    }
    // What stands in for its functions traps, which is as far as it can get.
    let error = refused(&room, &world("0.1.3"), all_grants()).await;
    assert!(matches!(error, LoadError::Start(StartError::Hook { .. })), "{error}");
}

#[tokio::test]
async fn a_hook_that_is_there_but_different_is_refused_whatever_is_different() {
    let room = Room::default();
    let table: [(&str, &str, &str, &str); 7] = [
        ("a function renamed", "log-filter", "on-logs: func", "on-log: func"),
        ("a parameter less", "log-filter", "source: string, batch:", "batch:"),
        ("a field more", "log-filter", "record log-record {", "record log-record { extra: u32,"),
        ("a case more", "http-request", "variant head-action {", "variant head-action { wait,"),
        ("a name in another case", "http-request-body", "last: bool,", "final: bool,"),
        ("an answer of another type", "scrubber", "list<option<string>>", "list<string>"),
        ("a kind more", "ticker", "enum fault-kind {", "enum fault-kind { other,"),
    ];
    for (what, interface, from, to) in table {
        let lines = format!("export tamis:plugin/{interface}@0.1.0; {LIFECYCLE}");
        let component = misfits::of_changed(&lines, |text| text.replace(from, to));
        let error = refused(&room, &component, all_grants()).await;
        let (LoadError::Bind(misfit) | LoadError::Start(StartError::Bind(misfit))) = &error else {
            panic!("{what}: {error}");
        };
        let BindError::Misshapen { interface: named, .. } = misfit else {
            panic!("{what}: {error}");
        };
        assert!(named.contains(interface), "{what}: {error}");
    }
    let lines = "export tamis:plugin/http-request@0.1.0;";
    let error = refused(&room, &misfits::of_world(lines), all_grants()).await;
    assert!(matches!(error, LoadError::Bind(BindError::NoLifecycle)), "{error}");
}

#[tokio::test]
async fn what_is_no_component_says_what_it_is() {
    let room = Room::default();
    let hostile = guests::HOSTILE;
    let module = b"\0asm\x01\0\0\0";
    let mut damaged = hostile.to_vec();
    let middle = damaged.len() / 2;
    damaged[middle..middle + 64].fill(0xff);
    for (what, bytes, fragment) in [
        ("nothing", &b""[..], ""),
        ("a text", b"plugins.redact = {}", ""),
        ("a core module", module, "core module"),
        ("half of one", &hostile[..hostile.len() / 2], ""),
        ("a damaged one", &damaged, ""),
    ] {
        let error = refused(&room, bytes, all_grants()).await;
        assert!(matches!(error, LoadError::Compile(_)), "{what}: {error}");
        assert!(error.to_string().contains(fragment), "{what}: {error}");
    }
    let text = refused(&room, &misfits::of_async_world(LIFECYCLE), all_grants()).await.to_string();
    assert!(text.contains("async ABI") && text.contains("--backend-qjs-disable-async"), "{text}");
}

#[tokio::test]
async fn what_it_asks_for_must_fit_what_it_is() {
    let room = Room::default();
    let compiled = std::sync::Arc::new(room.compile(guests::HOSTILE_WATCHER).unwrap());
    for (config, fragments) in [
        (r#"{ "body": "transform" }"#, &["`request.body`", "`response.body`", "observe"][..]),
        (r#"{ "body": "whole" }"#, &["`request.body`"]),
        (r#"{ "paths": ["a", "/a*b", "/a*"] }"#, &["`a`", "`/a*b`"]),
        (r#"{ "do": "differ" }"#, &["must not depend on `role`"]),
    ] {
        let make = room.make(std::sync::Arc::clone(&compiled)).config(config);
        let error = make.load().await.err().expect("it is not taken");
        assert!(matches!(error, LoadError::Subscription(_)), "{config}: {error}");
        let text = error.to_string();
        for fragment in fragments {
            assert!(text.contains(fragment), "{config}: {fragment} is not in {text}");
        }
    }
    // A subscription to the heads of requests from one that has no such hook.
    let module = r#"(module
        (memory (export "memory") 1)
        (data (i32.const 80) "\01")
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024)
        (func (export "tamis:plugin/lifecycle@0.1.0#describe") (result i32) i32.const 0)
        (func (export "tamis:plugin/lifecycle@0.1.0#init")
            (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32) i32.const 64)
        (func (export "tamis:plugin/lifecycle@0.1.0#shutdown") (param i64)))"#;
    let error = refused(&room, &misfits::of_core(LIFECYCLE, "", module), all_grants()).await;
    assert!(
        error.to_string().contains("`request.fields` without exporting `http-request`"),
        "{error}"
    );
}

#[tokio::test]
async fn mistakes_in_the_configuration_come_with_their_place() {
    let room = Room::default();
    let make = room.plugin(guests::HOSTILE).config(r#"{ "hok": "on-request" }"#);
    let error = make.load().await.err().expect("there is no such key");
    let mistakes = error.config_errors().expect("it is the configuration");
    assert!(mistakes[0].message.contains("hok") && mistakes[0].hint.is_some(), "{mistakes:?}");
}

#[tokio::test]
async fn a_component_for_wasi_of_rusts_own_target_is_served() {
    let room = Room::default();
    let plugin = room.plugin(guests::FOREIGN).named("foreign").grants(Grants::default());
    let plugin = plugin.serve().await;
    let chain = chain_of(&plugin, OnFault::Closed);
    let before = std::time::SystemTime::now();
    let mut journey = Journey::new(&chain, "/a?b=c");
    journey.all().await.unwrap();
    let time = journey.request.headers["x-foreign-time"].to_str().unwrap().parse::<u64>().unwrap();
    let now = before.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!((now..now + 60).contains(&time), "it has the time of day");
    assert_eq!(journey.request.headers["x-foreign-environment"], "0", "and nothing else of ours");
    let took: u64 = journey.response.headers["x-foreign-took"].to_str().unwrap().parse().unwrap();
    assert!(took < 60_000, "a map and a clock that goes on between calls");
    plugin.shut_down(std::time::Duration::from_secs(5)).await;
    let written = room.written();
    assert_eq!(
        written,
        [
            "foreign starts as Role::Worker",
            "foreign starts as Role::Background",
            "GET /a?b=c",
            "foreign is about to go",
            "foreign is about to go",
        ],
        "what it prints is in the log"
    );
}

#[tokio::test]
async fn a_component_for_wasi_that_reaches_for_files_is_refused_by_their_name() {
    let room = Room::default();
    let error = refused(&room, guests::FOREIGN_FILES, all_grants()).await;
    let text = error.to_string();
    assert!(matches!(error, LoadError::Imports(_)), "{text}");
    assert!(text.contains("wasi:filesystem/types@0.2.") && text.contains("no files"), "{text}");
}

#[tokio::test]
async fn handles_of_wasi_are_bounded() {
    let room = Room::default();
    for (fields, passes) in [
        ("(global $left (mut i32) (i32.const 64))", true),
        ("(global $left (mut i32) (i32.const 65))", false),
    ] {
        let raw = Raw {
            fields,
            on_request: "(loop $again
                    (drop (call $take))
                    (global.set $left (i32.sub (global.get $left) (i32.const 1)))
                    (br_if $again (global.get $left)))
                i32.const 0",
            ..Raw::default()
        };
        let component = raw.component_with(
            r#"(import "wasi:cli/stdout@0.2.0" "get-stdout" (func $take (result i32)))"#,
            "import wasi:cli/stdout@0.2.0;",
            "package test:wasi;
             package wasi:io@0.2.0 { interface streams { resource output-stream; } }
             package wasi:cli@0.2.0 {
                 interface stdout {
                     use wasi:io/streams@0.2.0.{output-stream};
                     get-stdout: func() -> output-stream;
                 }
             }",
        );
        let plugin = room.plugin(&component).serve().await;
        let chain = chain_of(&plugin, OnFault::Closed);
        let outcome = Journey::new(&chain, "/").all().await;
        if passes {
            outcome.unwrap();
            continue;
        }
        let fault = outcome.unwrap_err().closed().fault;
        assert!(fault.message.contains("64 handles"), "{fault}");
    }
}

/// Two components in one; a text goes from the memory of the one into that of the other.
const COMPOSED: &str = r#"
(component
  (component $callee
    (core module $m
      (memory (export "memory") 1)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
      (func (export "take") (param i32 i32)))
    (core instance $i (instantiate $m))
    (func (export "take") (param "text" string)
      (canon lift (core func $i "take")
        (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))
  (component $caller
    (import "take" (func $take (param "text" string)))
    (core module $m
      (memory (export "memory") 1)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
    (core instance $i (instantiate $m))
    (core func $lowered
      (canon lower (func $take) (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
    (core module $main
      (import "host" "take" (func $take (param i32 i32)))
      (func (export "run") (call $take (i32.const 0) (i32.const 4))))
    (core instance $j
      (instantiate $main (with "host" (instance (export "take" (func $lowered))))))
    (func (export "run") (canon lift (core func $j "run"))))
  (instance $callee (instantiate $callee))
  (instance $caller (instantiate $caller (with "take" (func $callee "take"))))
  (export "run" (func $caller "run")))
"#;

#[tokio::test]
async fn a_component_composed_of_several_is_judged_like_any_other() {
    // The engine panicked on the code with which it joins the two.
    let room = Room::default();
    let component = wat::parse_str(COMPOSED).unwrap();
    let error = refused(&room, &component, Grants::default()).await;
    assert!(matches!(error, LoadError::Bind(BindError::NoLifecycle)), "{error}");
}
