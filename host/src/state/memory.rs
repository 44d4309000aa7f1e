//! The state of one plugin in this process.
//!
//! Sixteen maps, each behind a lock that is held for some tens of nanoseconds, so the request path
//! may read and write here. What has expired is not seen any more; it is cleared away when its key
//! is touched or when its room is needed, so no task runs for it.

use super::{Error, Limits, Store};
use async_trait::async_trait;
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Maps that the keys are spread over.
const SHARDS: usize = 16;
/// What a pair costs beside its bytes.
const PAIR: usize = 64;
/// What a number is taken to cost.
const NUMBER: usize = 8;

/// Keys and values of one plugin, bounded.
#[derive(Debug)]
pub struct Memory {
    limits: Limits,
    shards: [Mutex<Shard>; SHARDS],
    /// Of all pairs, those included which have expired and are not cleared away yet.
    bytes: AtomicUsize,
}

#[derive(Debug, Default)]
struct Shard {
    pairs: HashMap<Box<str>, Entry>,
    /// Nothing in here expires before.
    earliest: Option<Instant>,
}

#[derive(Debug)]
struct Entry {
    value: Value,
    expires: Option<Instant>,
}

/// Numbers stay numbers while they are only counted.
#[derive(Debug)]
enum Value {
    Bytes(Bytes),
    Number(i64),
}

impl Value {
    fn bytes(&self) -> Bytes {
        match self {
            Value::Bytes(bytes) => bytes.clone(),
            Value::Number(number) => number.to_string().into(),
        }
    }

    /// The number, if it is written the one way in which a number is written.
    fn number(&self) -> Option<i64> {
        match self {
            Value::Number(number) => Some(*number),
            Value::Bytes(bytes) => {
                let text = std::str::from_utf8(bytes).ok()?;
                let number: i64 = text.parse().ok()?;
                (number.to_string() == text).then_some(number)
            }
        }
    }

    fn equals(&self, expected: &[u8]) -> bool {
        match self {
            Value::Bytes(bytes) => bytes == expected,
            Value::Number(number) => number.to_string().as_bytes() == expected,
        }
    }

    fn cost(&self) -> usize {
        match self {
            Value::Bytes(bytes) => bytes.len(),
            Value::Number(_) => NUMBER,
        }
    }
}

impl Entry {
    fn is_alive(&self) -> bool {
        self.expires.is_none_or(|expires| Instant::now() < expires)
    }
}

fn cost(key: &str, value: &Value) -> usize {
    PAIR + key.len() + value.cost()
}

/// The moment of expiry; too far in the future to be counted is never.
fn expires(ttl: Option<Duration>) -> Option<Instant> {
    Instant::now().checked_add(ttl?)
}

impl Memory {
    /// An empty store.
    pub fn new(limits: Limits) -> Memory {
        Memory { limits, shards: Default::default(), bytes: AtomicUsize::new(0) }
    }

    /// What is kept, in bytes: keys, values, and 64 for each pair.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// [`Store::get`] without waiting.
    pub fn get(&self, key: &str) -> Result<Option<Bytes>, Error> {
        self.limits.admit(key, 0)?;
        let mut shard = self.shard(key);
        match shard.pairs.get(key) {
            Some(entry) if entry.is_alive() => Ok(Some(entry.value.bytes())),
            Some(_) => {
                self.take(&mut shard, key);
                Ok(None)
            }
            None => Ok(None),
        }
    }

    /// [`Store::set`] without waiting.
    pub fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<(), Error> {
        self.limits.admit(key, value.len())?;
        // A copy of its own: the bytes may be a small part of something large.
        let value = Bytes::copy_from_slice(&value);
        let entry = |_: Option<&Entry>| {
            let value = Value::Bytes(value.clone());
            Ok(Some((Entry { value, expires: expires(ttl) }, ())))
        };
        self.change(key, entry).map(|_| ())
    }

    /// [`Store::remove`] without waiting.
    pub fn remove(&self, key: &str) -> Result<(), Error> {
        self.limits.admit(key, 0)?;
        self.take(&mut self.shard(key), key);
        Ok(())
    }

    /// [`Store::increment`] without waiting.
    pub fn increment(&self, key: &str, by: i64, ttl: Option<Duration>) -> Result<i64, Error> {
        self.limits.admit(key, 0)?;
        let sum = self.change(key, |present| {
            let (before, expires) = match present {
                Some(entry) => (entry.value.number().ok_or(Error::NotANumber)?, entry.expires),
                None => (0, expires(ttl)),
            };
            let sum = before.checked_add(by).ok_or(Error::NotANumber)?;
            Ok(Some((Entry { value: Value::Number(sum), expires }, sum)))
        })?;
        Ok(sum.unwrap_or_default())
    }

    /// [`Store::swap`] without waiting.
    pub fn swap(&self, key: &str, expected: Option<&[u8]>, value: Bytes) -> Result<bool, Error> {
        self.limits.admit(key, value.len())?;
        let value = Bytes::copy_from_slice(&value);
        let swapped = self.change(key, |present| {
            let same = match (present, expected) {
                (Some(entry), Some(expected)) => entry.value.equals(expected),
                (None, None) => true,
                _ => false,
            };
            let expires = present.and_then(|entry| entry.expires);
            let value = Value::Bytes(value.clone());
            Ok(same.then_some((Entry { value, expires }, ())))
        })?;
        Ok(swapped.is_some())
    }

    /// Puts what `make` makes of the present entry in its place, as one step. `make` is asked again
    /// when room had to be made first.
    fn change<T>(
        &self,
        key: &str,
        make: impl Fn(Option<&Entry>) -> Result<Option<(Entry, T)>, Error>,
    ) -> Result<Option<T>, Error> {
        for may_sweep in [true, false] {
            let mut shard = self.shard(key);
            let present = shard.pairs.get(key);
            let before = present.map_or(0, |entry| cost(key, &entry.value));
            let Some((entry, answer)) = make(present.filter(|entry| entry.is_alive()))? else {
                return Ok(None);
            };
            if self.reserve(before, cost(key, &entry.value)) {
                shard.earliest = match (shard.earliest, entry.expires) {
                    (Some(one), Some(other)) => Some(one.min(other)),
                    (one, other) => one.or(other),
                };
                match shard.pairs.get_mut(key) {
                    Some(present) => *present = entry,
                    None => {
                        shard.pairs.insert(key.into(), entry);
                    }
                }
                return Ok(Some(answer));
            }
            drop(shard);
            if may_sweep {
                self.sweep();
            }
        }
        Err(Error::Full)
    }

    /// Exchanges `before` for `after` bytes of room. Shrinking always succeeds.
    fn reserve(&self, before: usize, after: usize) -> bool {
        self.bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |bytes| {
                let sum = bytes - before + after;
                (sum <= self.limits.bytes || after <= before).then_some(sum)
            })
            .is_ok()
    }

    /// Clears away what has expired. Looks only where something may have.
    fn sweep(&self) {
        let now = Instant::now();
        for shard in &self.shards {
            let mut shard = lock(shard);
            if shard.earliest.is_none_or(|earliest| earliest > now) {
                continue;
            }
            let mut freed = 0;
            shard.pairs.retain(|key, entry| {
                let alive = entry.is_alive();
                if !alive {
                    freed += cost(key, &entry.value);
                }
                alive
            });
            shard.earliest = shard.pairs.values().filter_map(|entry| entry.expires).min();
            self.bytes.fetch_sub(freed, Ordering::Relaxed);
        }
    }

    fn take(&self, shard: &mut Shard, key: &str) {
        if let Some(entry) = shard.pairs.remove(key) {
            self.bytes.fetch_sub(cost(key, &entry.value), Ordering::Relaxed);
        }
    }

    /// The map of a key, by its last bytes: keys tend to begin alike.
    fn shard(&self, key: &str) -> MutexGuard<'_, Shard> {
        let tail = key.bytes().rev().take(8);
        let hash = tail.fold(key.len(), |hash, byte| hash.wrapping_mul(31) + usize::from(byte));
        lock(&self.shards[hash % SHARDS])
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Store for Memory {
    async fn get(&self, key: &str) -> Result<Option<Bytes>, Error> {
        Memory::get(self, key)
    }

    async fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<(), Error> {
        Memory::set(self, key, value, ttl)
    }

    async fn remove(&self, key: &str) -> Result<(), Error> {
        Memory::remove(self, key)
    }

    async fn increment(&self, key: &str, by: i64, ttl: Option<Duration>) -> Result<i64, Error> {
        Memory::increment(self, key, by, ttl)
    }

    async fn swap(&self, key: &str, expected: Option<&[u8]>, value: Bytes) -> Result<bool, Error> {
        Memory::swap(self, key, expected, value)
    }
}

#[cfg(test)]
mod tests {
    use super::super::contract;
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn small(bytes: usize) -> Memory {
        Memory::new(Limits { bytes, ..Limits::default() })
    }

    #[tokio::test(start_paused = true)]
    async fn memory_keeps_the_promises_of_a_store() {
        let (one, other) = (small(1024 * 1024), small(1024 * 1024));
        let wait = tokio::time::advance;
        contract::check(&one, &other, contract::Time { step: Duration::from_secs(1), wait }).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_store_refuses_and_makes_room_from_what_has_expired() {
        let store = small(3 * (PAIR + 11));
        let value = || Bytes::from_static(b"0123456789");
        let ttl = Some(Duration::from_secs(1));
        store.set("a", value(), None).expect("room for the first");
        store.set("b", value(), ttl).expect("and the second");
        store.set("c", value(), None).expect("and the third");
        assert_eq!(store.set("d", value(), None), Err(Error::Full));
        assert_eq!(store.increment("d", 1, None), Err(Error::Full));
        assert_eq!(store.swap("d", None, value()), Err(Error::Full));
        store.set("a", value(), None).expect("replacing needs no more room");
        tokio::time::advance(Duration::from_secs(1)).await;
        store.set("d", value(), None).expect("one has expired");
        assert_eq!(store.get("b"), Ok(None));
        assert_eq!(store.bytes(), 3 * (PAIR + 11));
        assert_eq!(store.set("e", value(), None), Err(Error::Full));
        store.remove("a").expect("it is there");
        store.set("e", value(), None).expect("one was removed");
    }

    #[test]
    fn increments_from_many_threads_all_count() {
        let store = small(4096);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        store.increment("n", 1, None).expect("a number");
                    }
                });
            }
        });
        assert_eq!(store.get("n"), Ok(Some("4000".into())));
    }

    /// What can be done to a store.
    #[derive(Debug, Clone)]
    enum Step {
        Get(u8),
        Set(u8, Vec<u8>, Option<u64>),
        Remove(u8),
        Increment(u8, i64, Option<u64>),
        Swap(u8, Option<Vec<u8>>, Vec<u8>),
        Wait(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let value = || {
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..40),
                (-3i64..3).prop_map(|number| number.to_string().into_bytes()),
            ]
        };
        let ttl = || prop::option::of(0u64..5);
        prop_oneof![
            (0u8..6).prop_map(Step::Get),
            (0u8..6, value(), ttl()).prop_map(|(key, value, ttl)| Step::Set(key, value, ttl)),
            (0u8..6).prop_map(Step::Remove),
            (0u8..6, -3i64..3, ttl()).prop_map(|(key, by, ttl)| Step::Increment(key, by, ttl)),
            (0u8..6, prop::option::of(value()), value())
                .prop_map(|(key, expected, value)| Step::Swap(key, expected, value)),
            (0u64..4).prop_map(Step::Wait),
        ]
    }

    /// A store in which everything is simple: a map, and seconds as numbers.
    #[derive(Default)]
    struct Model {
        pairs: BTreeMap<String, (Vec<u8>, bool, Option<u64>)>,
        now: u64,
    }

    impl Model {
        const BYTES: usize = 400;

        fn clear(&mut self) {
            let now = self.now;
            self.pairs.retain(|_, (_, _, expires)| expires.is_none_or(|expires| now < expires));
        }

        fn put(&mut self, key: &str, value: Vec<u8>, number: bool, expires: Option<u64>) -> bool {
            let cost = |key: &str, value: &[u8], number: bool| {
                PAIR + key.len() + if number { NUMBER } else { value.len() }
            };
            let present = self.pairs.get(key).map(|(value, number, _)| cost(key, value, *number));
            let sum: usize =
                self.pairs.iter().map(|(key, (value, number, _))| cost(key, value, *number)).sum();
            let after = cost(key, &value, number);
            let before = present.unwrap_or(0);
            if sum - before + after > Self::BYTES && after > before {
                return false;
            }
            self.pairs.insert(key.into(), (value, number, expires));
            true
        }
    }

    proptest! {
        #[test]
        fn a_store_does_what_a_simple_map_does(
            steps in prop::collection::vec(step(), 1..80)
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let (store, mut model) = (small(Model::BYTES), Model::default());
                for step in steps {
                    model.clear();
                    let now = model.now;
                    let after = |ttl: Option<u64>| ttl.map(|ttl| now + ttl);
                    let seconds = |ttl: Option<u64>| ttl.map(Duration::from_secs);
                    match step {
                        Step::Get(key) => {
                            let key = key.to_string();
                            let expected = model.pairs.get(&key).map(|pair| pair.0.clone());
                            let value = store.get(&key).expect("the key is short");
                            prop_assert_eq!(value.map(|value| value.to_vec()), expected);
                        }
                        Step::Set(key, value, ttl) => {
                            let key = key.to_string();
                            let done = store.set(&key, value.clone().into(), seconds(ttl)).is_ok();
                            prop_assert_eq!(done, model.put(&key, value, false, after(ttl)));
                        }
                        Step::Remove(key) => {
                            let key = key.to_string();
                            store.remove(&key).expect("the key is short");
                            model.pairs.remove(&key);
                        }
                        Step::Increment(key, by, ttl) => {
                            let key = key.to_string();
                            let present = model.pairs.get(&key).cloned();
                            let before = match &present {
                                Some((value, ..)) => String::from_utf8(value.clone())
                                    .ok()
                                    .filter(|text| {
                                        text.parse::<i64>().is_ok_and(|n| n.to_string() == *text)
                                    })
                                    .and_then(|text| text.parse().ok()),
                                None => Some(0i64),
                            };
                            let expires = present.map_or(after(ttl), |pair| pair.2);
                            let expected = match before {
                                None => Err(Error::NotANumber),
                                Some(before) => {
                                    let sum = before + by;
                                    let text = sum.to_string().into_bytes();
                                    match model.put(&key, text, true, expires) {
                                        true => Ok(sum),
                                        false => Err(Error::Full),
                                    }
                                }
                            };
                            prop_assert_eq!(store.increment(&key, by, seconds(ttl)), expected);
                        }
                        Step::Swap(key, expected, value) => {
                            let key = key.to_string();
                            let present = model.pairs.get(&key).cloned();
                            let same = present.as_ref().map(|pair| &pair.0) == expected.as_ref();
                            let answer = store.swap(&key, expected.as_deref(), value.clone().into());
                            let expires = present.and_then(|pair| pair.2);
                            let wanted = match same {
                                false => Ok(false),
                                true => match model.put(&key, value, false, expires) {
                                    true => Ok(true),
                                    false => Err(Error::Full),
                                },
                            };
                            prop_assert_eq!(answer, wanted);
                        }
                        Step::Wait(seconds) => {
                            model.now += seconds;
                            tokio::time::advance(Duration::from_secs(seconds)).await;
                        }
                    }
                }
                for shard in &store.shards {
                    for (key, entry) in &lock(shard).pairs {
                        store.bytes.fetch_sub(cost(key, &entry.value), Ordering::Relaxed);
                    }
                }
                prop_assert_eq!(store.bytes(), 0, "every byte is accounted for");
                Ok(())
            })?;
        }
    }
}
