//! Key-value state in memory; what has a time to live goes by the virtual clock.

use super::with;
use crate::host::{Scope, StateError};

#[derive(Debug)]
pub(crate) struct Stored {
    value: Vec<u8>,
    /// On the monotonic clock.
    ends: Option<u64>,
}

pub(crate) fn get(scope: Scope, key: &str) -> Result<Option<Vec<u8>>, StateError> {
    with(|host| {
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
    with(|host| {
        let ends = ttl.map(|ttl| host.monotonic.saturating_add(ttl));
        let stored = Stored { value: value.to_vec(), ends };
        host.state.insert((scope, key.to_owned()), stored);
        Ok(())
    })
}

pub(crate) fn remove(scope: Scope, key: &str) -> Result<(), StateError> {
    with(|host| {
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
    with(|host| {
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
