//! Client reports: what was dropped and why, so that a server can account for every event.

use std::time::Duration;

use serde_json::{Value, json};
use tamis_sdk::{Instant, Timestamp};

/// Why an event was not delivered, in the words of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Reason {
    /// The queue was full.
    QueueOverflow,
    /// The queue was full because nothing could be sent.
    NetworkError,
    /// Held off by a limit of the server.
    RateLimitBackoff,
    /// The server refused it.
    SendError,
    /// Left out by `sample-rate`.
    SampleRate,
    /// It could not be sent at all.
    Internal,
}

impl Reason {
    pub(crate) const ALL: [Self; 6] = [
        Self::QueueOverflow,
        Self::NetworkError,
        Self::RateLimitBackoff,
        Self::SendError,
        Self::SampleRate,
        Self::Internal,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::QueueOverflow => "queue_overflow",
            Self::NetworkError => "network_error",
            Self::RateLimitBackoff => "ratelimit_backoff",
            Self::SendError => "send_error",
            Self::SampleRate => "sample_rate",
            Self::Internal => "internal_sdk_error",
        }
    }
}

/// At most one report rides on an envelope in this time.
const PAUSE: Duration = Duration::from_secs(30);
/// After this time a report goes alone.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What was dropped and not reported yet.
#[derive(Debug)]
pub(crate) struct Reports {
    counts: Vec<(Reason, &'static str, u64)>,
    last: Option<Instant>,
}

/// A report on its way. Comes back when it did not arrive.
#[derive(Debug)]
pub(crate) struct Taken(Vec<(Reason, &'static str, u64)>);

impl Reports {
    pub(crate) fn new() -> Self {
        Self { counts: Vec::new(), last: None }
    }

    /// Counts what was dropped.
    pub(crate) fn add(&mut self, reason: Reason, category: &'static str, quantity: u64) {
        let same =
            |entry: &&mut (Reason, &'static str, u64)| entry.0 == reason && entry.1 == category;
        match self.counts.iter_mut().find(same) {
            Some(entry) => entry.2 += quantity,
            None => self.counts.push((reason, category, quantity)),
        }
    }

    /// A report to ride on an envelope that is about to go.
    pub(crate) fn take(&mut self, clock: Instant) -> Option<Taken> {
        self.take_after(PAUSE, clock)
    }

    /// A report to go alone, when none could ride.
    pub(crate) fn take_alone(&mut self, clock: Instant) -> Option<Taken> {
        if !self.counts.is_empty() && self.last.is_none() {
            // Wait for an envelope first.
            self.last = Some(clock);
            return None;
        }
        self.take_after(LONGEST_WAIT, clock)
    }

    fn take_after(&mut self, pause: Duration, clock: Instant) -> Option<Taken> {
        if self.counts.is_empty() || self.last.is_some_and(|last| clock.since(last) < pause) {
            return None;
        }
        self.last = Some(clock);
        Some(Taken(std::mem::take(&mut self.counts)))
    }

    /// It did not arrive.
    pub(crate) fn put_back(&mut self, taken: Taken) {
        for (reason, category, quantity) in taken.0 {
            self.add(reason, category, quantity);
        }
    }

    #[cfg(test)]
    pub(crate) fn total(&self) -> u64 {
        self.counts.iter().map(|entry| entry.2).sum()
    }
}

impl Taken {
    /// The payload of the item `client_report`.
    pub(crate) fn payload(&self, now: Timestamp) -> Value {
        let discarded: Vec<Value> = self
            .0
            .iter()
            .map(|(reason, category, quantity)| {
                json!({ "reason": reason.as_str(), "category": category, "quantity": quantity })
            })
            .collect();
        json!({ "timestamp": now.to_string(), "discarded_events": discarded })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tamis_sdk::testing::Host;

    #[test]
    fn a_report_rides_at_most_every_thirty_seconds_and_goes_alone_after_a_minute() {
        let host = Host::start();
        let mut reports = Reports::new();
        assert!(reports.take(Instant::now()).is_none(), "nothing was dropped");
        reports.add(Reason::SendError, "error", 1);
        reports.add(Reason::SendError, "error", 2);
        reports.add(Reason::SampleRate, "error", 1);
        let taken = reports.take(Instant::now()).expect("the first rides at once");
        let payload = taken.payload(Timestamp::now());
        assert_eq!(
            payload,
            json!({ "timestamp": "2025-01-01T00:00:00Z", "discarded_events": [
                { "reason": "send_error", "category": "error", "quantity": 3 },
                { "reason": "sample_rate", "category": "error", "quantity": 1 },
            ]})
        );
        assert_eq!(reports.total(), 0);
        reports.put_back(taken);
        assert_eq!(reports.total(), 4, "what did not arrive is not forgotten");
        host.advance(Duration::from_secs(29));
        assert!(reports.take(Instant::now()).is_none());
        host.advance(Duration::from_secs(1));
        assert!(reports.take_alone(Instant::now()).is_none());
        assert!(reports.take(Instant::now()).is_some());
        reports.add(Reason::NetworkError, "error", 1);
        host.advance(Duration::from_secs(60));
        assert!(reports.take_alone(Instant::now()).is_some());
    }

    #[test]
    fn the_first_report_waits_for_an_envelope_to_ride_on() {
        let host = Host::start();
        let mut reports = Reports::new();
        reports.add(Reason::SampleRate, "error", 1);
        assert!(reports.take_alone(Instant::now()).is_none());
        host.advance(Duration::from_secs(60));
        assert!(reports.take_alone(Instant::now()).is_some());
    }

    #[test]
    fn every_reason_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> = Reason::ALL.map(Reason::as_str).into();
        assert_eq!(names.len(), Reason::ALL.len());
    }
}
