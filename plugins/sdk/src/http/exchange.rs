//! One exchange: facts that are pulled on demand, and what a plugin remembers about it.

use std::time::Duration;

use crate::backend;
use crate::time::Timestamp;
use crate::value::{TraceContext, Value};

/// Names one request with its response within this instance.
///
/// Small, and used again once the exchange is over: the key of [`Exchanges`], and nothing to
/// print. What names an exchange everywhere is [`Request::request_id`](crate::Request).
///
/// The facts below are answered in the `on_request`, `on_response`, body and `on_done` hooks, for
/// the exchange that the hook was called for. Each costs one call to the host, about 150 ns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Exchange(u32);

impl Exchange {
    /// From the number that the host knows it by, for tests.
    pub const fn new(id: u32) -> Self {
        Self(id)
    }

    /// The number that the host knows it by.
    pub const fn id(self) -> u32 {
        self.0
    }

    /// A fact about the exchange: `url.scheme`, `url.original`, `network.protocol.version`,
    /// `tls.protocol.version`, `tls.client.subject`, `upstream.name`, `upstream.attempt`, or any
    /// attribute set by an earlier plugin.
    pub fn fact(self, name: &str) -> Option<Value> {
        backend::exchange::get(self.0, name)
    }

    /// The trace which the exchange belongs to.
    pub fn trace(self) -> Option<TraceContext> {
        backend::exchange::trace(self.0)
    }

    /// What was measured so far, for `server-timing` and for those who want more than the summary.
    pub fn timing(self) -> Timings {
        let timings = backend::exchange::timing(self.0);
        Timings {
            received_at: Timestamp::from_unix_nanos(timings.received_at),
            upstream_connect: timings.upstream_connect.map(Duration::from_nanos),
            upstream_first_byte: timings.upstream_first_byte.map(Duration::from_nanos),
            upstream_last_byte: timings.upstream_last_byte.map(Duration::from_nanos),
            plugins: Duration::from_nanos(timings.plugins),
            this_plugin: Duration::from_nanos(timings.this_plugin),
        }
    }
}

/// Durations measured so far in an exchange; a phase not reached is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// When the request's first byte came in.
    pub received_at: Timestamp,
    /// Until the connection to the upstream stood.
    pub upstream_connect: Option<Duration>,
    /// Until the upstream's first byte.
    pub upstream_first_byte: Option<Duration>,
    /// Until the upstream's last byte.
    pub upstream_last_byte: Option<Duration>,
    /// Inside all plugins.
    pub plugins: Duration,
    /// Inside this plugin.
    pub this_plugin: Duration,
}

/// What a plugin remembers about each open exchange.
///
/// A vector by [`Exchange`]. Name the field in `#[plugin(exchanges(…))]` and the entry goes away
/// when the exchange is over, which costs one call per exchange (about 400 ns). Without that
/// an entry stays until the id is used again: fine for a hook that always starts with
/// [`insert`](Self::insert), a leak from one exchange into the next for any other.
///
/// ```
/// use tamis_sdk::{Chunk, Exchange, Exchanges, Next, Plugin, Request, next, plugin};
///
/// #[derive(serde::Deserialize)]
/// struct Sizes {
///     #[serde(skip)]
///     seen: Exchanges<usize>,
/// }
///
/// #[plugin(exchanges(seen))]
/// impl Plugin for Sizes {
///     #[body(observe, max = "10 MiB")]
///     fn on_request_body(&mut self, chunk: Chunk) {
///         *self.seen.get_or_insert_with(chunk.exchange, || 0) += chunk.data.len();
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Exchanges<T> {
    slots: Vec<Option<T>>,
}

impl<T> Default for Exchanges<T> {
    fn default() -> Self {
        Self { slots: Vec::new() }
    }
}

impl<T> Exchanges<T> {
    /// Nothing remembered.
    pub const fn new() -> Self {
        Self { slots: Vec::new() }
    }

    /// Remembers `value` and gives back what was there.
    pub fn insert(&mut self, exchange: Exchange, value: T) -> Option<T> {
        self.slot(exchange).replace(value)
    }

    /// What is remembered.
    pub fn get(&self, exchange: Exchange) -> Option<&T> {
        self.slots.get(exchange.0 as usize)?.as_ref()
    }

    /// What is remembered, to be changed.
    pub fn get_mut(&mut self, exchange: Exchange) -> Option<&mut T> {
        self.slots.get_mut(exchange.0 as usize)?.as_mut()
    }

    /// What is remembered; made when there is nothing.
    pub fn get_or_insert_with(&mut self, exchange: Exchange, make: impl FnOnce() -> T) -> &mut T {
        self.slot(exchange).get_or_insert_with(make)
    }

    /// Forgets the exchange and gives back what was remembered.
    pub fn remove(&mut self, exchange: Exchange) -> Option<T> {
        self.slots.get_mut(exchange.0 as usize)?.take()
    }

    /// How many exchanges are remembered.
    pub fn len(&self) -> usize {
        self.slots.iter().flatten().count()
    }

    /// Whether none is remembered.
    pub fn is_empty(&self) -> bool {
        self.slots.iter().all(Option::is_none)
    }

    fn slot(&mut self, exchange: Exchange) -> &mut Option<T> {
        let index = exchange.0 as usize;
        if index >= self.slots.len() {
            self.slots.resize_with(index + 1, || None);
        }
        &mut self.slots[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_exchange_has_its_own_entry() {
        let mut names = Exchanges::new();
        assert!(names.is_empty());
        assert_eq!(names.insert(Exchange::new(3), "three"), None);
        assert_eq!(names.insert(Exchange::new(0), "zero"), None);
        assert_eq!(names.len(), 2);
        assert_eq!(names.get(Exchange::new(3)), Some(&"three"));
        assert_eq!(names.get(Exchange::new(1)), None);
        assert_eq!(names.get(Exchange::new(99)), None);
        assert_eq!(names.insert(Exchange::new(3), "again"), Some("three"));
        assert_eq!(names.remove(Exchange::new(3)), Some("again"));
        assert_eq!(names.remove(Exchange::new(3)), None);
        assert_eq!(*names.get_or_insert_with(Exchange::new(3), || "new"), "new");
    }
}
