//! Keeps what a plugin wants to outlive its instances: small values under keys, per plugin.
//!
//! A [`Store`] is the keys of one plugin; nobody else sees them. There are two: [`Memory`], in this
//! process, bounded and fast enough for the request path, and [`redis`], the same in a server that
//! several hosts share. [`State`] hands them out and keeps them over reloads and traps.
//!
//! Both do the same with the same calls, which one list of tests proves. Values are bytes. A number
//! is the bytes of its decimal form, so what was incremented can be read, and compared in a swap.
//!
//! This room does not know who may wait: that the shared scope is for background instances only is
//! settled where plugins call.

pub mod memory;
pub mod redis;

pub use memory::Memory;

use async_trait::async_trait;
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How much one plugin may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// All keys and values, with 64 bytes added to each pair; 1 MiB by default. For the shared
    /// scope in a server, that server's own bound applies in its place.
    pub bytes: usize,
    /// Length of a key in bytes; 256 by default.
    pub key: usize,
    /// Length of a value in bytes; 256 KiB by default.
    pub value: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { bytes: 1024 * 1024, key: 256, value: 256 * 1024 }
    }
}

impl Limits {
    /// Whether a key and a value of these lengths may be kept.
    fn admit(&self, key: &str, value: usize) -> Result<(), Error> {
        if key.len() > self.key {
            return Err(Error::TooLarge { what: "key", limit: self.key });
        }
        if value > self.value {
            return Err(Error::TooLarge { what: "value", limit: self.value });
        }
        Ok(())
    }
}

/// Why the state could not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bound on what the plugin may keep is reached.
    #[error("the state of the plugin is full; remove keys, let them expire, or raise the bound")]
    Full,
    /// Key or value is larger than allowed.
    #[error("the {what} is longer than {limit} bytes")]
    TooLarge {
        /// `key` or `value`.
        what: &'static str,
        /// The bound it is over.
        limit: usize,
    },
    /// The value under this key is no number, or the sum does not fit into 64 bits.
    #[error("the value is not a number that can be incremented")]
    NotANumber,
    /// The server did not answer in time, or answered that it cannot.
    #[error("the state server is unavailable: {0}")]
    Unavailable(Arc<str>),
}

/// The keys of one plugin. What a call did is seen by every later call; dropping a future leaves it
/// open whether the call was carried out.
#[async_trait]
pub trait Store: Send + Sync {
    /// The value under a key, if there is one and it has not expired.
    async fn get(&self, key: &str) -> Result<Option<Bytes>, Error>;

    /// Keeps a value for `ttl`, or until it is removed. An earlier expiry is forgotten.
    async fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<(), Error>;

    /// Removes a key; one that is not there is as good as removed.
    async fn remove(&self, key: &str) -> Result<(), Error>;

    /// Adds and returns the new value, as one step. What is absent counts as zero; `ttl` only
    /// applies then, so it counts from the first add.
    async fn increment(&self, key: &str, by: i64, ttl: Option<Duration>) -> Result<i64, Error>;

    /// Replaces the value if it is `expected`, as one step, and says whether it did. An expiry
    /// stays as it was; `expected` being none means that the key must be absent.
    async fn swap(&self, key: &str, expected: Option<&[u8]>, value: Bytes) -> Result<bool, Error>;
}

/// The state of all plugins, kept while plugins come and go.
pub struct State {
    limits: Limits,
    local: Mutex<HashMap<String, Arc<Memory>>>,
    shared: Shared,
}

/// Where the shared scope is.
enum Shared {
    /// This host is alone.
    Memory(Mutex<HashMap<String, Arc<Memory>>>),
    /// Several hosts act as one.
    Redis(redis::Redis),
}

impl State {
    /// State of a single host: both scopes in memory, apart from each other.
    pub fn in_memory(limits: Limits) -> State {
        State { limits, local: Mutex::default(), shared: Shared::Memory(Mutex::default()) }
    }

    /// State of one of several hosts: the shared scope in a server.
    pub fn with_server(limits: Limits, server: redis::Redis) -> State {
        State { limits, local: Mutex::default(), shared: Shared::Redis(server) }
    }

    /// The state of `plugin` in this process. Never waits.
    pub fn local(&self, plugin: &str) -> Arc<Memory> {
        self.memory(&self.local, plugin)
    }

    /// The state of `plugin` in all hosts that act as one. May wait.
    pub fn shared(&self, plugin: &str) -> Arc<dyn Store> {
        match &self.shared {
            Shared::Memory(stores) => self.memory(stores, plugin),
            Shared::Redis(server) => Arc::new(server.store(plugin, self.limits)),
        }
    }

    /// Bytes that `plugin` keeps in this process, in the local scope.
    pub fn local_bytes(&self, plugin: &str) -> usize {
        let stores = self.local.lock().unwrap_or_else(PoisonError::into_inner);
        stores.get(plugin).map_or(0, |store| store.bytes())
    }

    fn memory(&self, stores: &Mutex<HashMap<String, Arc<Memory>>>, plugin: &str) -> Arc<Memory> {
        let mut stores = stores.lock().unwrap_or_else(PoisonError::into_inner);
        match stores.get(plugin) {
            Some(store) => store.clone(),
            None => {
                let store = Arc::new(Memory::new(self.limits));
                stores.insert(plugin.into(), store.clone());
                store
            }
        }
    }
}

/// What every store promises; each store's own tests run this list against it.
#[cfg(test)]
pub(crate) mod contract {
    use super::*;

    fn text(value: Result<Option<Bytes>, Error>) -> Option<String> {
        let value = value.expect("the store answers")?;
        Some(String::from_utf8(value.to_vec()).expect("text"))
    }

    /// How time passes for a store.
    pub(crate) struct Time<W> {
        /// One step of the clock of these tests: long enough for a call to take none of it.
        pub(crate) step: Duration,
        /// Lets time pass.
        pub(crate) wait: W,
    }

    impl<W: AsyncFn(Duration)> Time<W> {
        async fn pass(&self, steps: u32) {
            (self.wait)(self.step * steps).await;
        }
    }

    /// Runs the whole list.
    pub(crate) async fn check<W: AsyncFn(Duration)>(
        store: &dyn Store,
        other: &dyn Store,
        time: Time<W>,
    ) {
        values(store, other).await;
        expiry(store, &time).await;
        increments(store, &time).await;
        swaps(store, &time).await;
        limits(store).await;
    }

    async fn values(store: &dyn Store, other: &dyn Store) {
        assert_eq!(text(store.get("a").await), None);
        store.set("a", "one".into(), None).await.expect("there is room");
        store.set("", Bytes::new(), None).await.expect("an empty key and value are fine");
        assert_eq!(text(store.get("a").await).as_deref(), Some("one"));
        assert_eq!(text(store.get("").await).as_deref(), Some(""));
        assert_eq!(text(other.get("a").await), None, "plugins do not see each other");
        let bytes = Bytes::from_static(b"\x00\xff\r\n{}:*");
        store.set("a", bytes.clone(), None).await.expect("bytes are bytes");
        assert_eq!(store.get("a").await, Ok(Some(bytes)));
        store.set("a b:*{\n", "odd".into(), None).await.expect("a key is any text");
        assert_eq!(text(store.get("a b:*{\n").await).as_deref(), Some("odd"));
        store.remove("a").await.expect("it is there");
        store.remove("a").await.expect("and now it is not");
        assert_eq!(text(store.get("a").await), None);
    }

    async fn expiry<W: AsyncFn(Duration)>(store: &dyn Store, time: &Time<W>) {
        let ttl = Some(time.step * 2);
        store.set("short", "x".into(), ttl).await.expect("there is room");
        store.set("renewed", "x".into(), ttl).await.expect("there is room");
        store.set("renewed", "y".into(), None).await.expect("there is room");
        let forever = Some(Duration::from_nanos(u64::MAX));
        store.set("forever", "z".into(), forever).await.expect("there is room");
        assert_eq!(text(store.get("short").await).as_deref(), Some("x"));
        time.pass(3).await;
        assert_eq!(text(store.get("short").await), None, "it has expired");
        assert_eq!(text(store.get("renewed").await).as_deref(), Some("y"), "a set starts anew");
        assert_eq!(text(store.get("forever").await).as_deref(), Some("z"));
    }

    async fn increments<W: AsyncFn(Duration)>(store: &dyn Store, time: &Time<W>) {
        assert_eq!(store.increment("n", 5, None).await, Ok(5));
        assert_eq!(store.increment("n", -7, None).await, Ok(-2));
        assert_eq!(text(store.get("n").await).as_deref(), Some("-2"), "a number can be read");
        store.set("n", "40".into(), None).await.expect("there is room");
        assert_eq!(store.increment("n", 2, None).await, Ok(42), "and written");
        let large = i64::MAX - 1;
        assert_eq!(store.increment("large", large, None).await, Ok(large), "no float in between");
        assert_eq!(store.increment("large", 1, None).await, Ok(i64::MAX));
        assert_eq!(store.increment("large", 1, None).await, Err(Error::NotANumber));
        assert_eq!(store.increment("large", 0, None).await, Ok(i64::MAX), "it is left as it was");
        for odd in ["", "x", " 1", "1 ", "+1", "01", "-0", "1.0", "9223372036854775808"] {
            store.set("odd", odd.to_owned().into(), None).await.expect("there is room");
            assert_eq!(store.increment("odd", 1, None).await, Err(Error::NotANumber), "{odd:?}");
        }
        let ttl = Some(time.step * 4);
        assert_eq!(store.increment("window", 1, ttl).await, Ok(1));
        time.pass(2).await;
        assert_eq!(store.increment("window", 1, ttl).await, Ok(2));
        time.pass(3).await;
        assert_eq!(store.increment("window", 1, ttl).await, Ok(1), "it counts from the first add");
        store.set("kept", "1".into(), None).await.expect("there is room");
        assert_eq!(store.increment("kept", 1, Some(time.step)).await, Ok(2));
        time.pass(2).await;
        assert_eq!(store.increment("kept", 1, None).await, Ok(3), "it was there before");
    }

    async fn swaps<W: AsyncFn(Duration)>(store: &dyn Store, time: &Time<W>) {
        assert_eq!(store.swap("s", Some(b""), "a".into()).await, Ok(false), "absent is not empty");
        assert_eq!(store.swap("s", None, "a".into()).await, Ok(true));
        assert_eq!(store.swap("s", None, "b".into()).await, Ok(false));
        assert_eq!(store.swap("s", Some(b"x"), "b".into()).await, Ok(false));
        assert_eq!(store.swap("s", Some(b"a"), "b".into()).await, Ok(true));
        assert_eq!(text(store.get("s").await).as_deref(), Some("b"));
        assert_eq!(store.increment("t", 1, None).await, Ok(1));
        assert_eq!(store.swap("t", Some(b"1"), "9".into()).await, Ok(true), "numbers compare, too");
        assert_eq!(store.increment("t", 1, None).await, Ok(10));
        let ttl = Some(time.step * 2);
        store.set("u", "a".into(), ttl).await.expect("there is room");
        assert_eq!(store.swap("u", Some(b"a"), "b".into()).await, Ok(true));
        time.pass(3).await;
        assert_eq!(text(store.get("u").await), None, "a swap leaves the expiry as it was");
        assert_eq!(store.swap("u", Some(b"b"), "c".into()).await, Ok(false));
    }

    async fn limits(store: &dyn Store) {
        let limits = Limits::default();
        let key = "k".repeat(limits.key);
        let value = Bytes::from(vec![b'v'; limits.value]);
        store.set(&key, value.clone(), None).await.expect("as long as allowed");
        store.remove(&key).await.expect("it is there");
        let long = key + "k";
        let key = Error::TooLarge { what: "key", limit: limits.key };
        assert_eq!(store.set(&long, "v".into(), None).await, Err(key.clone()));
        assert_eq!(store.get(&long).await, Err(key.clone()));
        assert_eq!(store.increment(&long, 1, None).await, Err(key.clone()));
        assert_eq!(store.swap(&long, None, "v".into()).await, Err(key));
        let value = Bytes::from([&value[..], b"v"].concat());
        let error = Err(Error::TooLarge { what: "value", limit: limits.value });
        assert_eq!(store.set("k", value.clone(), None).await, error);
        assert_eq!(store.swap("k", None, value).await, error.map(|()| false));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn scopes_and_plugins_are_apart_and_outlive_their_handles() {
        let state = State::in_memory(Limits::default());
        state.local("a").set("k", "local".into(), None).expect("there is room");
        state.shared("a").set("k", "shared".into(), None).await.expect("there is room");
        assert_eq!(state.local("a").get("k"), Ok(Some("local".into())));
        assert_eq!(state.shared("a").get("k").await, Ok(Some("shared".into())));
        assert_eq!(state.local("b").get("k"), Ok(None));
        assert_eq!(state.shared("b").get("k").await, Ok(None));
        assert_eq!(state.local_bytes("a"), 64 + "klocal".len());
    }
}
