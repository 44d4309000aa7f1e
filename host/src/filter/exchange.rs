//! One request with its response and what was learned on the way.
//!
//! An exchange is opened by the proxy before any hook runs and is shared by the tasks that
//! move its two bodies. What never changes is plain; what does sits behind one short lock
//! that is never held across a wait.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::uri::PathAndQuery;
use http::{HeaderMap, Method, StatusCode, Version};

use super::value::{Attribute, TraceContext, Value};

/// A point in time, on both clocks: the time of day for people, the monotonic one for
/// measuring.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Nanoseconds since the Unix epoch.
    pub wall: u64,
    /// For differences; unaffected by clock steps.
    pub monotonic: Instant,
}

impl Moment {
    /// Now.
    pub fn now() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { wall: u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX), monotonic: Instant::now() }
    }
}

/// The start of a request, as the hooks see and edit it.
#[derive(Debug)]
pub struct RequestHead {
    /// The method.
    pub method: Method,
    /// Host and optional port, in normal form.
    pub authority: Arc<str>,
    /// Path and query, the path in its normal form.
    pub target: PathAndQuery,
    /// The fields, without those of the host.
    pub headers: HeaderMap,
    /// No body follows.
    pub ends: bool,
}

/// The start of a response, as the hooks see and edit it.
#[derive(Debug)]
pub struct ResponseHead {
    /// The status.
    pub status: StatusCode,
    /// The fields, without those of the host.
    pub headers: HeaderMap,
    /// No body follows.
    pub ends: bool,
    /// Made by the proxy or a plugin rather than by an upstream.
    pub local: bool,
}

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// With the answer of the upstream.
    Completed,
    /// With the answer of a plugin.
    Answered,
    /// The client went away.
    ClientClosed,
    /// The upstream refused, broke off or answered nonsense.
    UpstreamFailed,
    /// The upstream took too long.
    UpstreamTimeout,
    /// Aborted by a plugin, or refused by a limit of the host.
    Refused,
    /// A plugin failed and is `closed` on faults.
    Fault,
}

impl Outcome {
    /// The name, as in records and metric labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Answered => "answered",
            Self::ClientClosed => "client-closed",
            Self::UpstreamFailed => "upstream-failed",
            Self::UpstreamTimeout => "upstream-timeout",
            Self::Refused => "refused",
            Self::Fault => "fault",
        }
    }
}

/// What became of an exchange.
#[derive(Debug, Clone)]
pub struct Summary {
    /// How it ended.
    pub outcome: Outcome,
    /// As sent to the client; `None` when it got no answer.
    pub status: Option<StatusCode>,
    /// Bytes of the request body, as on the wire.
    pub request_bytes: u64,
    /// Bytes of the response body, as on the wire.
    pub response_bytes: u64,
    /// From the first byte of the request to the last of the response.
    pub total: Duration,
    /// From connecting to the last byte of the upstream; zero when it was not asked.
    pub upstream: Duration,
    /// Spent inside plugins.
    pub plugins: Duration,
    /// Why it failed, as OpenTelemetry's `error.type`; `None` when it did not.
    pub error_type: Option<Arc<str>>,
}

/// Which instance serves one plugin for one exchange, and what it cost so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// The path is one that the plugin acts on.
    pub active: bool,
    /// The plugin was told of the request, so it is told of the response as well.
    pub met: bool,
    /// The seat and the generation of its instance, once one was chosen.
    pub seat: Option<(u32, u64)>,
    /// The id by which that instance knows the exchange.
    pub id: u32,
    /// Time spent inside this plugin.
    pub spent: Duration,
}

/// What the proxy measured on the way; a phase not reached is absent.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timings {
    /// How long connecting took; zero on a reused connection.
    pub upstream_connect: Option<Duration>,
    /// From the first byte sent to the upstream until its head came.
    pub upstream_first_byte: Option<Duration>,
    /// Until its last byte came.
    pub upstream_last_byte: Option<Duration>,
}

/// What is known of an exchange when it opens.
#[derive(Debug)]
pub struct Opening {
    /// The worker that serves it.
    pub worker: usize,
    /// Its one name.
    pub request_id: Arc<str>,
    /// The name of its route.
    pub route: Arc<str>,
    /// The method, as received.
    pub method: Method,
    /// The target as received, before it was brought into its normal form.
    pub original: Arc<str>,
    /// The path in its normal form, without query.
    pub path: Arc<str>,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// The protocol that the client speaks.
    pub version: Version,
    /// The address of the client, as far as the proxies before it are trusted.
    pub client: Arc<str>,
    /// The trace that it belongs to.
    pub trace: TraceContext,
    /// When its first byte arrived.
    pub received: Moment,
    /// How many plugins its chain has.
    pub plugins: usize,
}

/// One request with its response.
#[derive(Debug)]
pub struct Exchange {
    opening: Opening,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    places: Box<[Place]>,
    attributes: Vec<Attribute>,
    timings: Timings,
}

impl std::ops::Deref for Exchange {
    type Target = Opening;

    fn deref(&self) -> &Opening {
        &self.opening
    }
}

impl Exchange {
    /// Opens an exchange.
    pub fn open(opening: Opening) -> Self {
        let places = vec![Place::default(); opening.plugins].into_boxed_slice();
        let inner = Inner { places, attributes: Vec::new(), timings: Timings::default() };
        Self { opening, inner: Mutex::new(inner) }
    }

    /// The place of the plugin at `index` of the chain.
    pub fn place(&self, index: usize) -> Place {
        self.lock().places[index]
    }

    /// Changes the place of the plugin at `index` of the chain.
    pub fn update_place(&self, index: usize, change: impl FnOnce(&mut Place)) {
        change(&mut self.lock().places[index]);
    }

    /// Time spent inside all plugins so far.
    pub fn spent(&self) -> Duration {
        self.lock().places.iter().map(|place| place.spent).sum()
    }

    /// Sets an attribute, replacing one of that name.
    pub fn set_attribute(&self, (name, value): Attribute) {
        let attributes = &mut self.lock().attributes;
        match attributes.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => attributes.push((name, value)),
        }
    }

    /// The attribute of that name, as set by a plugin or the proxy.
    pub fn attribute(&self, name: &str) -> Option<Value> {
        let inner = self.lock();
        inner.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    /// All attributes that were set.
    pub fn attributes(&self) -> Vec<Attribute> {
        self.lock().attributes.clone()
    }

    /// What was measured so far.
    pub fn timings(&self) -> Timings {
        self.lock().timings
    }

    /// Changes what was measured.
    pub fn update_timings(&self, change: impl FnOnce(&mut Timings)) {
        change(&mut self.lock().timings);
    }

    /// A fact about the exchange by its OpenTelemetry name: what the proxy knows, else an
    /// attribute.
    pub fn fact(&self, name: &str) -> Option<Value> {
        Some(match name {
            "url.scheme" => self.scheme.into(),
            "url.path" => Value::Text(self.path.to_string()),
            "url.original" => Value::Text(self.original.to_string()),
            "http.request.method" => self.method.as_str().into(),
            "http.route" => Value::Text(self.route.to_string()),
            "client.address" => Value::Text(self.client.to_string()),
            "network.protocol.version" => match self.version {
                Version::HTTP_09 => "0.9",
                Version::HTTP_10 => "1.0",
                Version::HTTP_11 => "1.1",
                Version::HTTP_2 => "2",
                _ => "3",
            }
            .into(),
            _ => return self.attribute(name),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No code runs under the lock that could leave it half changed.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One plugin's view of one exchange: which exchange, and the plugin's place in it.
#[derive(Debug, Clone, Copy)]
pub struct Visit<'a> {
    /// The exchange.
    pub exchange: &'a Arc<Exchange>,
    /// The index of the plugin in the chain.
    pub index: usize,
}

impl Visit<'_> {
    /// The plugin's place.
    pub fn place(&self) -> Place {
        self.exchange.place(self.index)
    }

    /// Changes the plugin's place.
    pub fn update(&self, change: impl FnOnce(&mut Place)) {
        self.exchange.update_place(self.index, change);
    }
}
