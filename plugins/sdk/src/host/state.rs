//! Key-value state of the plugin, outside of its instances.

use std::marker::PhantomData;
use std::time::Duration;

use crate::backend;
use crate::background::Background;
use crate::fault::Fault;
use crate::time::nanos;

/// How far a value reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Scope {
    /// This process.
    Local,
    /// All hosts that are run as one.
    Shared,
}

/// Key-value state of the plugin. Bounded by the operator; no other plugin sees it.
///
/// From [`host::state`](super::state) (this process, never waits) or
/// [`Background::state`](crate::Background::state) (shared with other hosts, may wait).
#[derive(Clone, Copy, Debug)]
pub struct State<'a> {
    pub(crate) scope: Scope,
    /// Shared state lives no longer than the hook that may wait.
    pub(crate) may_wait: PhantomData<&'a Background>,
}

impl State<'_> {
    /// The value; `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`StateError`]; in this process only for a key that is too long.
    pub fn get(self, key: &str) -> Result<Option<Vec<u8>>, StateError> {
        backend::state::get(self.scope, key)
    }

    /// Sets a value that stays until it is removed; in this process, until its end.
    ///
    /// # Errors
    ///
    /// [`StateError`]; what was there stays.
    pub fn set(self, key: &str, value: impl AsRef<[u8]>) -> Result<(), StateError> {
        backend::state::set(self.scope, key, value.as_ref(), None)
    }

    /// Sets a value that goes away after `ttl`.
    ///
    /// # Errors
    ///
    /// [`StateError`]; what was there stays.
    pub fn set_for(
        self,
        key: &str,
        value: impl AsRef<[u8]>,
        ttl: Duration,
    ) -> Result<(), StateError> {
        backend::state::set(self.scope, key, value.as_ref(), Some(nanos(ttl)))
    }

    /// Removes a value; fine when there is none.
    ///
    /// # Errors
    ///
    /// [`StateError`].
    pub fn remove(self, key: &str) -> Result<(), StateError> {
        backend::state::remove(self.scope, key)
    }

    /// Adds to a number, atomically, and returns the new value. Absent counts as zero.
    ///
    /// # Errors
    ///
    /// [`StateError`]; what was there stays.
    pub fn increment(self, key: &str, by: i64) -> Result<i64, StateError> {
        backend::state::increment(self.scope, key, by, None)
    }

    /// As [`increment`](Self::increment), and the number goes away `ttl` after the first add.
    ///
    /// # Errors
    ///
    /// [`StateError`]; what was there stays.
    pub fn increment_for(self, key: &str, by: i64, ttl: Duration) -> Result<i64, StateError> {
        backend::state::increment(self.scope, key, by, Some(nanos(ttl)))
    }

    /// Replaces the value only if the present one is `expected` (`None`: if there is none).
    /// Returns whether it did.
    ///
    /// # Errors
    ///
    /// [`StateError`]; what was there stays.
    pub fn swap(
        self,
        key: &str,
        expected: Option<&[u8]>,
        value: impl AsRef<[u8]>,
    ) -> Result<bool, StateError> {
        backend::state::swap(self.scope, key, expected, value.as_ref())
    }
}

/// Why it did not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum StateError {
    /// The operator's bound on keys or bytes is reached.
    Full,
    /// Key or value is larger than allowed.
    TooLarge,
    /// The value under the key is no number, or the sum does not fit.
    NotANumber,
    /// The store did not answer in time.
    Unavailable,
    /// Shared state was asked for where nothing may wait.
    BackgroundOnly,
}

lift!(StateError { Full, TooLarge, NotANumber, Unavailable, BackgroundOnly });

impl std::fmt::Display for StateError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Full => "the bound on keys or bytes is reached",
            Self::TooLarge => "the key or value is too large",
            Self::NotANumber => "the value is not a number that can be added to",
            Self::Unavailable => "the store did not answer in time",
            Self::BackgroundOnly => "only the background instance may wait",
        })
    }
}

impl std::error::Error for StateError {}

impl From<StateError> for Fault {
    /// A wait in the wrong place is the plugin's own mistake, the rest is somebody else's trouble.
    fn from(error: StateError) -> Self {
        let message = format!("state failed: {error}");
        match error {
            StateError::BackgroundOnly => Self::internal(message),
            _ => Self::unavailable(message),
        }
    }
}
