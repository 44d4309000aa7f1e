//! The imports of a component, in memory, for one thread.
//!
//! The modules below have the functions of the generated bindings, under the same names.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use super::LogLine;
use crate::errors::ErrorEvent;
use crate::http::Timings;
use crate::metrics::Kind;
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

#[derive(Debug)]
pub(crate) struct Metric {
    pub(crate) name: String,
    kind: Kind,
    labels: Vec<String>,
}

impl Metric {
    pub(crate) fn value(&self, samples: &[f64]) -> f64 {
        match self.kind {
            Kind::Counter => samples.iter().sum(),
            Kind::Gauge => samples.last().copied().unwrap_or_default(),
            Kind::Histogram(_) | Kind::Summary(_) => samples.len() as f64,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) metric: usize,
    values: Vec<String>,
    pub(crate) samples: Vec<f64>,
}

impl Series {
    pub(crate) fn is(&self, values: &[&str]) -> bool {
        self.values.iter().map(String::as_str).eq(values.iter().copied())
    }
}

#[derive(Debug)]
struct Stored {
    value: Vec<u8>,
    /// On the monotonic clock.
    ends: Option<u64>,
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

pub(crate) mod metrics {
    use super::{Metric, Series};
    use crate::metrics::{Kind, MetricId, RegisterReason, SeriesError, SeriesId};

    /// What the host gives to series beyond the bound.
    const OVERFLOW: &str = "otel_metric_overflow";

    pub(crate) fn register(
        name: &str,
        _: &str,
        kind: &Kind,
        labels: &[String],
    ) -> Result<MetricId, RegisterReason> {
        super::with(|host| {
            if let Some(declared) = &host.starting
                && !declared.iter().any(|known| known == name)
            {
                return Err(RegisterReason::Undeclared);
            }
            check(name, kind, labels)?;
            if let Some(index) = host.metrics.iter().position(|metric| metric.name == name) {
                let known = &host.metrics[index];
                return if known.kind == *kind && known.labels == labels {
                    Ok(index as MetricId)
                } else {
                    Err(RegisterReason::Conflict)
                };
            }
            let (name, kind, labels) = (name.to_owned(), kind.clone(), labels.to_vec());
            host.metrics.push(Metric { name, kind, labels });
            Ok((host.metrics.len() - 1) as MetricId)
        })
    }

    fn check(name: &str, kind: &Kind, labels: &[String]) -> Result<(), RegisterReason> {
        let is_name = |name: &str| {
            !name.is_empty()
                && !name.starts_with(|first: char| first.is_ascii_digit())
                && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        };
        let sound = match kind {
            Kind::Counter => name.ends_with("_total"),
            Kind::Gauge => true,
            Kind::Histogram(bounds) => {
                bounds.len() <= 64
                    && bounds.iter().all(|bound| bound.is_finite())
                    && bounds.windows(2).all(|pair| pair[0] < pair[1])
            }
            Kind::Summary(quantiles) => quantiles.iter().all(|part| (0.0..=1.0).contains(part)),
        };
        let names = is_name(name) && !name.starts_with("tamis_");
        if sound && names && labels.len() <= 10 && labels.iter().all(|label| is_name(label)) {
            Ok(())
        } else {
            Err(RegisterReason::Invalid)
        }
    }

    pub(crate) fn series(metric: MetricId, values: &[String]) -> Result<SeriesId, SeriesError> {
        super::with(|host| {
            let index = metric as usize;
            let known = host.metrics.get(index).ok_or(SeriesError::Invalid)?;
            if known.labels.len() != values.len() || values.iter().any(|value| value.len() > 128) {
                return Err(SeriesError::Invalid);
            }
            let of_metric = |series: &&Series| series.metric == index;
            let same = |series: &Series| series.metric == index && series.values == values;
            if let Some(at) = host.series.iter().position(same) {
                return Ok(at as SeriesId);
            }
            let full = host.series.iter().filter(of_metric).count() >= host.series_limit;
            let values = if full { vec![OVERFLOW.to_owned()] } else { values.to_vec() };
            let same = |series: &Series| series.metric == index && series.values == values;
            let at = host.series.iter().position(same).unwrap_or_else(|| {
                host.series.push(Series { metric: index, values, samples: Vec::new() });
                host.series.len() - 1
            });
            if full { Err(SeriesError::Full(at as SeriesId)) } else { Ok(at as SeriesId) }
        })
    }

    pub(crate) fn update(samples: &[(SeriesId, f64)]) {
        super::with(|host| {
            for (series, value) in samples {
                if let Some(series) = host.series.get_mut(*series as usize) {
                    series.samples.push(*value);
                }
            }
        });
    }
}

pub(crate) mod state {
    use super::Stored;
    use crate::host::{Scope, StateError};

    pub(crate) fn get(scope: Scope, key: &str) -> Result<Option<Vec<u8>>, StateError> {
        super::with(|host| {
            let now = host.monotonic;
            host.state.retain(|_, stored| stored.ends.is_none_or(|ends| ends > now));
            Ok(host.state.get(&(scope, key.to_owned())).map(|stored| stored.value.clone()))
        })
    }

    pub(crate) fn set(
        scope: Scope,
        key: &str,
        value: &[u8],
        ttl: Option<u64>,
    ) -> Result<(), StateError> {
        super::with(|host| {
            let ends = ttl.map(|ttl| host.monotonic.saturating_add(ttl));
            let stored = Stored { value: value.to_vec(), ends };
            host.state.insert((scope, key.to_owned()), stored);
            Ok(())
        })
    }

    pub(crate) fn remove(scope: Scope, key: &str) -> Result<(), StateError> {
        super::with(|host| {
            host.state.remove(&(scope, key.to_owned()));
            Ok(())
        })
    }

    /// Numbers are kept as decimal text, as the servers of the Redis protocol do it.
    pub(crate) fn increment(
        scope: Scope,
        key: &str,
        by: i64,
        ttl: Option<u64>,
    ) -> Result<i64, StateError> {
        let text = get(scope, key)?;
        let present = text.as_deref().and_then(|text| str::from_utf8(text).ok());
        let sum = present.and_then(|text| text.parse::<i64>().ok()).unwrap_or(0).saturating_add(by);
        super::with(|host| {
            let first = ttl.map(|ttl| host.monotonic.saturating_add(ttl));
            let stored = host
                .state
                .entry((scope, key.to_owned()))
                .or_insert_with(|| Stored { value: Vec::new(), ends: first });
            stored.value = sum.to_string().into_bytes();
            Ok(sum)
        })
    }

    pub(crate) fn swap(
        scope: Scope,
        key: &str,
        expected: Option<&[u8]>,
        value: &[u8],
    ) -> Result<bool, StateError> {
        if get(scope, key)?.as_deref() != expected {
            return Ok(false);
        }
        set(scope, key, value, None)?;
        Ok(true)
    }
}

pub(crate) mod outbound_http {
    use crate::outbound::{Request, Response, SendError};

    pub(crate) fn send(request: &Request) -> Result<Response, SendError> {
        super::with(|host| {
            host.sent.push(request.clone());
            host.answer(request)
        })
    }

    /// Whether it arrives is not seen; only what is refused at once is.
    pub(crate) fn enqueue(request: &Request) -> Result<(), SendError> {
        super::with(|host| match host.answer(request) {
            Err(refused @ (SendError::Denied(_) | SendError::Invalid(_) | SendError::Full)) => {
                Err(refused)
            }
            _ => {
                host.enqueued.push(request.clone());
                Ok(())
            }
        })
    }
}

pub(crate) mod probe {
    use super::origin;
    use crate::probe::{Failure, Reason, Success, Task};

    pub(crate) fn run(tasks: &[Task]) -> Vec<Result<Success, Failure>> {
        let outcome = |task: &Task| {
            super::with(|host| {
                let found = host.probes.iter().rev().find(|known| task.url.starts_with(&known.0));
                found.map(|known| known.1.clone())
            })
            .unwrap_or_else(|| {
                let reason = Reason::Denied(origin(&task.url));
                Err(Failure::new(reason, "the test set up no outcome for this probe"))
            })
        };
        tasks.iter().map(outcome).collect()
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
