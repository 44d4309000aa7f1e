//! A plugin that misbehaves: in which hook and how is in its configuration.
//!
//! It has every hook. In the one that the configuration names it misbehaves when it is
//! provoked, by an exchange whose target contains `bad` or by a text that does; everything
//! else it does as a good plugin would, so that tests see what a fault costs and what not.
//! Built with plain `wit-bindgen`: nothing of the SDK stands between it and the host.

use std::cell::RefCell;
use std::collections::BTreeSet;

wit_bindgen::generate!({ path: "../../../wit", world: "plugin" });

mod answers;
mod config;
mod deeds;

use config::Config;
use exports::tamis::plugin::{
    admin_pages, error_sink, health_observer, health_source, http_done, http_request,
    http_request_body, http_response, http_response_body, lifecycle, log_filter, scrubber, ticker,
};
use tamis::plugin::admin_types::PageRequest;
use tamis::plugin::error_types::ErrorEvent;
use tamis::plugin::health_types::{Check, Status};
use tamis::plugin::http_types::{
    Chunk, ChunkAction, Edit, HeadAction, LocalResponse, RequestHead, ResponseHead, Summary,
};
use tamis::plugin::lifecycle_types::{ConfigError, Environment, Manifest, Stance, Subscription};
use tamis::plugin::log_types::{LogEdit, LogRecord};
use tamis::plugin::scrub_types::Passage;
use tamis::plugin::types::Fault;

struct Hostile;

export!(Hostile);

#[derive(Default)]
struct State {
    config: Config,
    /// The targets of all exchanges that this instance ever saw.
    seen: Vec<String>,
    /// The ids of open exchanges that provoke.
    bad: BTreeSet<u32>,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

fn config() -> Config {
    STATE.with_borrow(|state| state.config.clone())
}

fn is_bad(id: u32) -> bool {
    STATE.with_borrow(|state| state.bad.contains(&id))
}

/// Misbehaves if this is the hook and it was provoked.
fn act(hook: &str, provoked: bool) -> Result<(), Fault> {
    let config = config();
    if config.hook == hook && provoked { deeds::commit(&config) } else { Ok(()) }
}

/// Whether the answer of this hook shall be a wrong one.
fn answers_badly(hook: &str, provoked: bool) -> Option<Config> {
    let config = config();
    (config.hook == hook && provoked && config.deed == "bad-edits").then_some(config)
}

impl lifecycle::Guest for Hostile {
    fn describe() -> Manifest {
        Manifest {
            name: "hostile".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: env!("CARGO_PKG_DESCRIPTION").into(),
            stance: if cfg!(feature = "watcher") { Stance::Watcher } else { Stance::Guard },
            config_schema: None,
            metrics: vec!["hostile_total".into()],
        }
    }

    fn init(environment: Environment) -> Result<Subscription, Vec<ConfigError>> {
        let config = config::read(&environment.config)?;
        let role = format!("{:?}", environment.role).to_lowercase();
        let provoked = config.role.as_ref().is_none_or(|only| role.ends_with(only));
        STATE.with_borrow_mut(|state| state.config = config);
        deeds::register();
        if let Err(fault) = act("init", provoked) {
            return Err(vec![ConfigError {
                path: "/do".into(),
                message: fault.message,
                hint: None,
            }]);
        }
        let mut wants = config::subscription(&self::config());
        if self::config().deed == "differ" && role.ends_with("background") {
            wants.errors = false;
        }
        Ok(wants)
    }

    fn shutdown(_: u64) {
        let _ = act("shutdown", true);
    }
}

impl http_request::Guest for Hostile {
    fn on_request(id: u32, head: RequestHead) -> Result<HeadAction, Fault> {
        let bad = head.target.contains("bad");
        let mut seen = Vec::new();
        STATE.with_borrow_mut(|state| {
            if bad {
                state.bad.insert(id)
            } else {
                state.bad.remove(&id)
            };
            seen = state.seen.clone();
            if state.config.deed == "sticky" {
                state.seen.push(head.target.clone());
            }
        });
        act("on-request", bad)?;
        if let Some(config) = answers_badly("on-request", bad) {
            return Ok(answers::head(&config));
        }
        Ok(HeadAction::Proceed(vec![
            Edit::SetHeader(("x-hostile".into(), "on-request".into())),
            Edit::SetHeader(("x-hostile-seen".into(), seen.join(" "))),
        ]))
    }
}

impl http_request_body::Guest for Hostile {
    fn on_request_body(id: u32, part: Chunk) -> Result<ChunkAction, Fault> {
        chunk("on-request-body", id, &part)
    }
}

impl http_response::Guest for Hostile {
    fn on_response(id: u32, _: ResponseHead) -> Result<HeadAction, Fault> {
        act("on-response", is_bad(id))?;
        if let Some(config) = answers_badly("on-response", is_bad(id)) {
            return Ok(answers::head(&config));
        }
        Ok(HeadAction::Proceed(vec![Edit::SetHeader(("x-hostile".into(), "on-response".into()))]))
    }
}

impl http_response_body::Guest for Hostile {
    fn on_response_body(id: u32, part: Chunk) -> Result<ChunkAction, Fault> {
        chunk("on-response-body", id, &part)
    }
}

fn chunk(hook: &str, id: u32, part: &Chunk) -> Result<ChunkAction, Fault> {
    act(hook, is_bad(id))?;
    if let Some(config) = answers_badly(hook, is_bad(id)) {
        return Ok(answers::chunk(&config, part));
    }
    Ok(ChunkAction::Pass)
}

impl http_done::Guest for Hostile {
    fn on_done(what: Summary) {
        let bad = STATE.with_borrow_mut(|state| state.bad.remove(&what.exchange));
        let _ = act("on-done", bad);
    }
}

impl log_filter::Guest for Hostile {
    fn on_logs(_: String, batch: Vec<LogRecord>) -> Result<Vec<LogEdit>, Fault> {
        let bad = batch.iter().any(|record| record.message.contains("bad"));
        act("on-logs", bad)?;
        let config = answers_badly("on-logs", bad);
        Ok(config.map_or_else(Vec::new, |config| answers::logs(&config)))
    }
}

impl scrubber::Guest for Hostile {
    fn scrub(passages: Vec<Passage>) -> Result<Vec<Option<String>>, Fault> {
        let bad = passages.iter().any(|passage| passage.text.contains("bad"));
        act("scrub", bad)?;
        if answers_badly("scrub", bad).is_some() {
            return Ok(Vec::new());
        }
        Ok(vec![None; passages.len()])
    }
}

impl ticker::Guest for Hostile {
    fn on_tick(_: u64, missed: u32) -> Result<(), Fault> {
        act("on-tick", missed > 0)
    }
}

impl error_sink::Guest for Hostile {
    fn on_errors(batch: Vec<ErrorEvent>) -> Result<(), Fault> {
        act("on-errors", batch.iter().any(|event| event.message.contains("bad")))
    }
}

impl health_source::Guest for Hostile {
    fn checks() -> Vec<Check> {
        // There is nothing that could provoke it, so once is enough.
        let first = STATE.with_borrow_mut(|state| {
            let first = state.seen.is_empty();
            state.seen.push("checks".into());
            first
        });
        let _ = act("checks", first);
        Vec::new()
    }
}

impl health_observer::Guest for Hostile {
    fn on_health(all: Vec<Check>) -> Result<Status, Fault> {
        act("on-health", all.iter().any(|check| check.component.contains("bad")))?;
        Ok(Status::Healthy)
    }
}

impl admin_pages::Guest for Hostile {
    fn on_page(request: PageRequest) -> Result<LocalResponse, Fault> {
        let bad = request.path.contains("bad");
        act("on-page", bad)?;
        if let Some(config) = answers_badly("on-page", bad)
            && let HeadAction::Respond(page) = answers::head(&config)
        {
            return Ok(page);
        }
        Ok(LocalResponse { status: 200, headers: Vec::new(), body: b"a page".to_vec() })
    }
}
