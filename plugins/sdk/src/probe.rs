//! Health probes, carried out by the host: only to targets on the operator's allow-list
//! (`allow-probe`) and to the configured upstreams.

use std::time::Duration;

use crate::time::nanos;
use crate::value::{Attribute, Header};

/// One probe, and what counts as well. Two seconds for all of it, unless said otherwise.
///
/// ```
/// use tamis_sdk::probe::Task;
///
/// let tasks = [
///     Task::new("https://api.example/health").status(204).contains("ok"),
///     Task::new("redis://cache:6379/0"),
/// ];
/// # assert_eq!(tasks[0].statuses, [204]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// What to test, by scheme. A host may know more than these:
    ///
    /// * `http://`, `https://`: send one GET; redirects are not followed.
    /// * `tcp://host:port`: connect, and close.
    /// * `redis://host:port/db`: PING, then SET a key with an expiry, GET it and compare.
    /// * `postgres://host:port/database`: log in and run `SELECT 1`.
    pub url: String,
    /// HTTP only. Sent along; here `host` may be set, too.
    pub headers: Vec<Header>,
    /// HTTP only. Statuses that count as well; empty: 200 to 299.
    pub statuses: Vec<u16>,
    /// HTTP only. Must occur in the first 64 KiB of the body.
    pub contains: Option<String>,
    pub(crate) timeout: u64,
}

impl Task {
    /// Tests this URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            headers: Vec::new(),
            statuses: Vec::new(),
            contains: None,
            timeout: nanos(Duration::from_secs(2)),
        }
    }

    /// Adds a header. `name` is in lower case.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Adds a status that counts as well. With the first, 200 to 299 no longer do.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.statuses.push(status);
        self
    }

    /// Sets a text that must occur in the body.
    #[must_use]
    pub fn contains(mut self, text: impl Into<String>) -> Self {
        self.contains = Some(text.into());
        self
    }

    /// Sets the time for all of it, name resolution included.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = nanos(timeout);
        self
    }
}

/// A probe that went well.
#[derive(Clone, Debug, PartialEq)]
pub struct Success {
    pub(crate) latency: u64,
    /// What was learned on the way, such as `http.response.status_code` or
    /// `tls.server.not_after`.
    pub attributes: Vec<Attribute>,
}

impl Success {
    /// A probe that went well and took this long, for tests.
    pub fn new(latency: Duration) -> Self {
        Self { latency: nanos(latency), attributes: Vec::new() }
    }

    /// How long it took.
    pub fn latency(&self) -> Duration {
        Duration::from_nanos(self.latency)
    }
}

/// A probe that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What went wrong.
    pub reason: Reason,
    /// In one sentence, for operators. It may name hosts and users, so it does not belong on a
    /// public endpoint.
    pub message: String,
    pub(crate) latency: u64,
}

impl Failure {
    /// A probe that failed at once, for tests.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), latency: 0 }
    }

    /// Time until the failure was clear.
    pub fn latency(&self) -> Duration {
        Duration::from_nanos(self.latency)
    }
}

/// What went wrong with a probe, sorted by who has to act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Not on the allow-list; carries the entry that would allow it.
    Denied(String),
    /// This host knows no probe for the scheme.
    Unsupported,
    /// The URL makes no sense.
    Invalid,
    /// The name could not be resolved.
    Resolve,
    /// Refused, unreachable, or cut off.
    Connect,
    /// The TLS handshake failed.
    Tls,
    /// It took longer than [`Task::timeout`].
    Timeout,
    /// The credentials were refused.
    Credentials,
    /// An HTTP status that is not expected.
    Status(u16),
    /// The server speaks the protocol but declines: loading, read-only, out of memory, too many
    /// connections, starting up.
    Declined,
    /// It answered something else than expected.
    Mismatch,
    /// What came back is not that protocol.
    Protocol,
    /// Waiting was tried where nothing may wait; nothing was tried.
    BackgroundOnly,
}
