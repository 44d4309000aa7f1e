//! The imports of a component, in memory, for one thread.
//!
//! The modules here have the functions of the generated bindings, under the same names.

pub(crate) mod metrics;
pub(crate) mod outbound_http;
pub(crate) mod probe;
pub(crate) mod state;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use self::metrics::{Metric, Series};
use self::state::Stored;
use super::LogLine;
use crate::errors::ErrorEvent;
use crate::http::Timings;
use crate::outbound::{Request, Response, SendError};
use crate::probe::{Failure, Success};
use crate::value::{TraceContext, Value};

/// 2025-01-01T00:00:00Z.
const START: u64 = 1_735_689_600_000_000_000;

#[derive(Debug)]
pub(crate) struct StandIn {
    pub(crate) now: u64,
    pub(crate) monotonic: u64,
    random: u64,
    pub(crate) logs: Vec<LogLine>,
    /// While a plugin is configured: the metrics it declared.
    pub(crate) starting: Option<Vec<String>>,
    pub(crate) metrics: Vec<Metric>,
    pub(crate) series: Vec<Series>,
    pub(crate) series_limit: usize,
    state: BTreeMap<(crate::host::Scope, String), Stored>,
    pub(crate) captured: Vec<ErrorEvent>,
    pub(crate) enqueued: Vec<Request>,
    pub(crate) sent: Vec<Request>,
    pub(crate) answers: Vec<(String, Result<Response, SendError>)>,
    pub(crate) probes: Vec<(String, Result<Success, Failure>)>,
    pub(crate) facts: HashMap<(u32, String), Value>,
    pub(crate) traces: HashMap<u32, TraceContext>,
    pub(crate) timings: HashMap<u32, Timings>,
}

impl StandIn {
    fn new() -> Self {
        Self {
            now: START,
            monotonic: 0,
            random: 0x7461_6d69_7300,
            logs: Vec::new(),
            starting: None,
            metrics: Vec::new(),
            series: Vec::new(),
            series_limit: 200,
            state: BTreeMap::new(),
            captured: Vec::new(),
            enqueued: Vec::new(),
            sent: Vec::new(),
            answers: Vec::new(),
            probes: Vec::new(),
            facts: HashMap::new(),
            traces: HashMap::new(),
            timings: HashMap::new(),
        }
    }

    fn answer(&self, request: &Request) -> Result<Response, SendError> {
        let found = self.answers.iter().rev().find(|known| request.url.starts_with(&known.0));
        found.map_or_else(|| Err(SendError::Denied(origin(&request.url))), |known| known.1.clone())
    }
}

/// Scheme, host and port of a URL: what an entry of an allow-list looks like.
fn origin(url: &str) -> String {
    let authority = url.find("://").map_or(0, |at| at + 3);
    let end = url[authority..].find('/').map_or(url.len(), |at| authority + at);
    url[..end].to_owned()
}

thread_local! {
    static HOST: RefCell<StandIn> = RefCell::new(StandIn::new());
}

pub(crate) fn with<R>(act: impl FnOnce(&mut StandIn) -> R) -> R {
    HOST.with_borrow_mut(act)
}

pub(crate) fn reset() {
    HOST.set(StandIn::new());
}

pub(crate) mod log {
    use crate::testing::LogLine;
    use crate::value::{Attribute, Severity};

    pub(crate) fn write(severity: Severity, message: &str, attributes: &[Attribute]) {
        let (message, attributes) = (message.to_owned(), attributes.to_vec());
        super::with(|host| host.logs.push(LogLine { severity, message, attributes }));
    }
}

pub(crate) mod clock {
    pub(crate) fn now() -> u64 {
        super::with(|host| host.now)
    }

    pub(crate) fn monotonic() -> u64 {
        super::with(|host| host.monotonic)
    }
}

pub(crate) mod random {
    pub(crate) fn bytes(len: u32) -> Vec<u8> {
        (0..len).map(|_| next_u64() as u8).collect()
    }

    /// A SplitMix64: each test sees the same numbers.
    pub(crate) fn next_u64() -> u64 {
        super::with(|host| {
            host.random = host.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = host.random;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        })
    }
}

pub(crate) mod errors {
    use crate::errors::ErrorEvent;

    pub(crate) fn capture(event: &ErrorEvent) {
        super::with(|host| host.captured.push(event.clone()));
    }
}

pub(crate) mod exchange {
    use crate::backend::RawTimings;
    use crate::time::nanos;
    use crate::value::{TraceContext, Value};

    pub(crate) fn get(id: u32, name: &str) -> Option<Value> {
        super::with(|host| host.facts.get(&(id, name.to_owned())).cloned())
    }

    pub(crate) fn trace(id: u32) -> Option<TraceContext> {
        super::with(|host| host.traces.get(&id).cloned())
    }

    pub(crate) fn timing(id: u32) -> RawTimings {
        let timings = super::with(|host| host.timings.get(&id).copied()).unwrap_or_default();
        RawTimings {
            received_at: timings.received_at.unix_nanos(),
            upstream_connect: timings.upstream_connect.map(nanos),
            upstream_first_byte: timings.upstream_first_byte.map(nanos),
            upstream_last_byte: timings.upstream_last_byte.map(nanos),
            plugins: nanos(timings.plugins),
            this_plugin: nanos(timings.this_plugin),
        }
    }
}
