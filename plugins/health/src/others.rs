//! Checks of others: the host's own, those of its upstreams, those of other plugins.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tamis_sdk::{Check, Status, Timestamp};

/// A check as the host last said it, kept so that a new instance knows it, too.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Other {
    pub(crate) component: String,
    status: u8,
    at_worst: u8,
    latency: Option<u64>,
    pub(crate) reason: Option<String>,
    since: u64,
}

impl Other {
    /// `now` takes the place of a moment that was left out.
    pub(crate) fn of(check: Check, now: Timestamp) -> Self {
        let since = match check.changed_at().unix_nanos() {
            0 => now.unix_nanos(),
            since => since,
        };
        let latency = check.took().map(|took| u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        Self {
            status: check.status as u8,
            at_worst: check.at_worst as u8,
            latency,
            reason: check.reason,
            since,
            component: check.component,
        }
    }

    pub(crate) fn status(&self) -> Status {
        status(self.status)
    }

    /// What it can make of the whole. A host that drains is told apart: it works as before, but
    /// takes nothing new.
    pub(crate) fn at_worst(&self) -> Status {
        if self.is_draining() {
            return Status::Healthy;
        }
        match status(self.at_worst) {
            Status::Unknown => Status::Unhealthy,
            limit => limit,
        }
    }

    pub(crate) fn latency(&self) -> Option<Duration> {
        self.latency.map(Duration::from_nanos)
    }

    pub(crate) fn since(&self) -> Timestamp {
        Timestamp::from_unix_nanos(self.since)
    }

    /// Whether traffic may only come while it works.
    pub(crate) fn is_needed_for_traffic(&self) -> bool {
        self.component == "host" || self.at_worst() == Status::Unhealthy
    }

    /// Whether it is the host, about to stop.
    pub(crate) fn is_draining(&self) -> bool {
        self.component == "host"
            && self.status() != Status::Healthy
            && self.reason.as_ref().is_some_and(|reason| reason.starts_with("draining"))
    }
}

fn status(number: u8) -> Status {
    [Status::Healthy, Status::Degraded, Status::Unhealthy, Status::Unknown]
        [usize::from(number.min(3))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_survives_being_kept() {
        let now = Timestamp::from_unix_nanos(9);
        let check = Check::new("upstream:app", Status::Degraded)
            .at_worst(Status::Unhealthy)
            .latency(Duration::from_millis(2))
            .reason("one of two servers is down")
            .since(Timestamp::from_unix_nanos(5));
        let other = Other::of(check, now);
        let json = serde_json::to_string(&other).expect("it is plain");
        let other: Other = serde_json::from_str(&json).expect("it was written so");
        assert_eq!((other.status(), other.at_worst()), (Status::Degraded, Status::Unhealthy));
        assert_eq!(other.latency(), Some(Duration::from_millis(2)));
        assert_eq!(other.since().unix_nanos(), 5);
        assert!(other.is_needed_for_traffic() && !other.is_draining());
        let unsaid = Other::of(Check::new("plugin:x", Status::Unknown), now);
        assert_eq!(unsaid.since(), now, "a moment that nobody said is not long ago");
    }

    #[test]
    fn a_host_that_drains_works_but_takes_nothing_new() {
        let check = |reason: &str| {
            let check = Check::new("host", Status::Unhealthy).reason(reason);
            Other::of(check, Timestamp::default())
        };
        let draining = check("draining since 3 s");
        assert_eq!(draining.at_worst(), Status::Healthy);
        assert!(draining.is_draining() && draining.is_needed_for_traffic());
        let overloaded = check("overloaded");
        assert_eq!(overloaded.at_worst(), Status::Unhealthy);
        assert!(!overloaded.is_draining());
    }
}
