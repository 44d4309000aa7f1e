//! Checks: statements on the health of one thing, and the statuses they know.

use std::time::Duration;

use crate::time::{Timestamp, nanos};

/// How something is. From best to worst, but for [`Unknown`](Self::Unknown): not yet checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Status {
    /// As it should be.
    Healthy,
    /// It works, but not well.
    Degraded,
    /// It does not work.
    Unhealthy,
    /// Not yet checked.
    Unknown,
}

lift!(Status { Healthy, Degraded, Unhealthy, Unknown });

impl Status {
    /// The name in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
            Self::Unknown => "unknown",
        }
    }
}

/// The state of one thing.
///
/// ```
/// use std::time::Duration;
/// use tamis_sdk::{Check, Status};
///
/// let check = Check::new("database", Status::Unhealthy)
///     .at_worst(Status::Degraded)
///     .reason("connection refused")
///     .latency(Duration::from_millis(3));
/// # assert_eq!(check.at_worst, Status::Degraded);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// `host` (draining, overload), `upstream:<name>`, `plugin:<name>`, or a name of the plugin's
    /// own such as `database`.
    pub component: String,
    /// How it is.
    pub status: Status,
    /// The worst that this check can make of the whole: [`Status::Unhealthy`] for what nothing
    /// works without, [`Status::Degraded`], or [`Status::Healthy`] for what is only shown.
    pub at_worst: Status,
    pub(crate) latency: Option<u64>,
    /// One sentence, for operators: it may name hosts, so it belongs on the admin listener and not
    /// on a public endpoint.
    pub reason: Option<String>,
    pub(crate) since: u64,
}

impl Check {
    /// A check that can make the whole unhealthy, in this status since the Unix epoch: set
    /// [`since`](Self::since) when it is known.
    pub fn new(component: impl Into<String>, status: Status) -> Self {
        Self {
            component: component.into(),
            status,
            at_worst: Status::Unhealthy,
            latency: None,
            reason: None,
            since: 0,
        }
    }

    /// Limits what the check can make of the whole.
    #[must_use]
    pub fn at_worst(mut self, status: Status) -> Self {
        self.at_worst = status;
        self
    }

    /// Sets how long the last test took.
    #[must_use]
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = Some(nanos(latency));
        self
    }

    /// Sets the sentence for operators.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Sets when it took on this status.
    #[must_use]
    pub fn since(mut self, since: Timestamp) -> Self {
        self.since = since.unix_nanos();
        self
    }

    /// How long the last test took.
    pub fn took(&self) -> Option<Duration> {
        self.latency.map(Duration::from_nanos)
    }

    /// When it took on this status.
    pub fn changed_at(&self) -> Timestamp {
        Timestamp::from_unix_nanos(self.since)
    }
}
