//! Marks what passes, and tells on standard output what it saw: a plugin built with plain
//! `wit-bindgen` for `wasm32-wasip2`, as a third party would, using the standard library as it
//! is used everywhere.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

wit_bindgen::generate!({
    path: "../../../wit",
    world: "foreign",
    inline: "
        package example:foreign;
        world foreign {
            export tamis:plugin/lifecycle@0.1.0;
            export tamis:plugin/http-request@0.1.0;
            export tamis:plugin/http-response@0.1.0;
        }
    ",
    generate_all,
});

use exports::tamis::plugin::{http_request, http_response, lifecycle};
use tamis::plugin::http_types::{Edit, HeadAction, RequestHead, ResponseHead};
use tamis::plugin::lifecycle_types::{
    BodyMode, ConfigError, Environment, FieldFilter, Manifest, Phase, Stance, Subscription,
};
use tamis::plugin::types::Fault;

struct Foreign;

thread_local! {
    /// When each open exchange began.
    static OPEN: RefCell<HashMap<u32, Instant>> = RefCell::default();
}

export!(Foreign);

impl lifecycle::Guest for Foreign {
    fn describe() -> Manifest {
        Manifest {
            name: "foreign".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: env!("CARGO_PKG_DESCRIPTION").into(),
            stance: Stance::Watcher,
            config_schema: None,
            metrics: Vec::new(),
        }
    }

    fn init(environment: Environment) -> Result<Subscription, Vec<ConfigError>> {
        println!("{} starts as {:?}", environment.instance_name, environment.role);
        if cfg!(feature = "files") && std::fs::exists("/etc/foreign.toml").unwrap_or(false) {
            println!("there is a file");
        }
        let phase = Phase { fields: FieldFilter::Nothing, body: BodyMode::Skip };
        Ok(Subscription {
            paths: Vec::new(),
            request: Some(phase.clone()),
            response: Some(phase),
            done: None,
            logs: None,
            tick: None,
            health: false,
            errors: false,
        })
    }

    fn shutdown(_: u64) {
        eprintln!("foreign is about to go");
    }
}

impl http_request::Guest for Foreign {
    fn on_request(id: u32, head: RequestHead) -> Result<HeadAction, Fault> {
        OPEN.with_borrow_mut(|open| open.insert(id, Instant::now()));
        println!("{} {}", head.method, head.target);
        assert!(head.target != "/panic", "asked to");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let environment = std::env::vars().count() + std::env::args().count();
        Ok(HeadAction::Proceed(vec![
            Edit::SetHeader(("x-foreign-time".into(), now.as_secs().to_string())),
            Edit::SetHeader(("x-foreign-environment".into(), environment.to_string())),
        ]))
    }
}

impl http_response::Guest for Foreign {
    fn on_response(id: u32, _: ResponseHead) -> Result<HeadAction, Fault> {
        let begun = OPEN.with_borrow_mut(|open| open.remove(&id));
        let took =
            begun.map_or_else(|| "unknown".into(), |begun| begun.elapsed().as_millis().to_string());
        Ok(HeadAction::Proceed(vec![Edit::SetHeader(("x-foreign-took".into(), took))]))
    }
}
