//! Events on their way to the server: a bounded queue, one sender, every loss counted.
//!
//! Whatever the server answers is final; nothing is sent twice for it, and what it asks for in
//! `x-sentry-rate-limits` is obeyed. When there is no answer the event stays in front and is tried
//! again with growing pauses. Then: captured = delivered + refused by a limit of the server +
//! reported as dropped + still here.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tamis_sdk::outbound::{Request, Response, SendError};
use tamis_sdk::{Instant, Timestamp};

use crate::dsn::Dsn;
use crate::envelope::Envelope;
use crate::event::CLIENT;
use crate::limits::{ERROR, Limits};
use crate::reports::{Reason, Reports, Taken};

/// So much waits, in events and bytes.
const MOST: usize = 200;
const MOST_BYTES: usize = 4 << 20;
/// From here on, while nothing can be sent, no more is taken: the host keeps it.
const HIGH_WATER: usize = 100;
/// Pauses after failures grow from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(300);
/// In one go no sending begins after this time, so that the call ends before its deadline.
const BUDGET: Duration = Duration::from_secs(1);

/// What sending needs of the world.
pub(crate) trait Line {
    fn send(&mut self, request: &Request) -> Result<Response, SendError>;
    fn now(&self) -> Timestamp;
    fn clock(&self) -> Instant;
}

/// An event that is finished.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(crate) struct Parcel {
    pub(crate) id: String,
    pub(crate) payload: String,
    /// For the header of the envelope.
    pub(crate) trace: Option<Value>,
}

/// The queue to one server.
#[derive(Debug)]
pub(crate) struct Outbox {
    dsn: Dsn,
    timeout: Duration,
    queue: VecDeque<Parcel>,
    bytes: usize,
    limits: Limits,
    reports: Reports,
    /// After a failure: when to try again, and how long it was waited for that.
    retry: Option<(Instant, Duration)>,
    /// The last thing that went wrong, for operators.
    trouble: Option<String>,
    tally: Tally,
}

/// What became of the events that were handed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// The server took them.
    pub(crate) delivered: u64,
    /// The server said 429.
    pub(crate) refused: u64,
    /// By [`Reason`], in the order of `Reason::ALL`.
    pub(crate) dropped: [u64; Reason::ALL.len()],
}

impl Outbox {
    pub(crate) fn new(dsn: Dsn, timeout: Duration) -> Self {
        Self {
            dsn,
            timeout,
            queue: VecDeque::new(),
            bytes: 0,
            limits: Limits::default(),
            reports: Reports::new(),
            retry: None,
            trouble: None,
            tally: Tally::default(),
        }
    }

    /// Takes an event in. When there is no room, the oldest goes.
    pub(crate) fn push(&mut self, parcel: Parcel) {
        self.bytes += parcel.payload.len();
        self.queue.push_back(parcel);
        while self.queue.len() > MOST || self.bytes > MOST_BYTES {
            let reason =
                if self.retry.is_some() { Reason::NetworkError } else { Reason::QueueOverflow };
            self.pop();
            self.drop_one(reason);
        }
    }

    /// Counts an event that was not handed over.
    pub(crate) fn drop_one(&mut self, reason: Reason) {
        self.reports.add(reason, ERROR, 1);
        let index = Reason::ALL.iter().position(|known| *known == reason).unwrap_or_default();
        self.tally.dropped[index] += 1;
    }

    /// Whether nothing can be sent and enough waits already.
    pub(crate) fn is_stuck(&self) -> bool {
        self.retry.is_some() && self.queue.len() >= HIGH_WATER
    }

    pub(crate) fn tally(&self) -> Tally {
        self.tally
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(crate) fn server(&self) -> String {
        self.dsn.shown()
    }

    pub(crate) fn key(&self) -> &str {
        self.dsn.public_key()
    }

    /// What goes wrong at present, for operators.
    pub(crate) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Everything that waits, to be kept for the next instance.
    pub(crate) fn take_all(&mut self) -> Vec<Parcel> {
        self.bytes = 0;
        std::mem::take(&mut self.queue).into()
    }

    /// Sends what waits, as far as it goes. Answers what an operator should be told about, once.
    pub(crate) fn flush(&mut self, line: &mut dyn Line) -> Option<String> {
        let start = line.clock();
        let mut said = None;
        loop {
            let clock = line.clock();
            let too_soon = self.retry.is_some_and(|(at, _)| clock < at);
            if too_soon || clock.since(start) >= BUDGET {
                return said;
            }
            if self.limits.until(ERROR, clock).is_some() {
                while self.pop().is_some() {
                    self.drop_one(Reason::RateLimitBackoff);
                }
            }
            // An envelope to ride on, else alone.
            let (id, trace, payload) = match self.queue.front() {
                Some(parcel) => {
                    (Some(parcel.id.clone()), parcel.trace.clone(), Some(parcel.payload.clone()))
                }
                None => (None, None, None),
            };
            let report = if payload.is_some() {
                self.reports.take(clock)
            } else {
                self.reports.take_alone(clock)
            };
            if payload.is_none() && report.is_none() {
                return said;
            }
            let mut envelope = Envelope::new(id.as_deref(), trace, line.now());
            if let Some(payload) = &payload {
                envelope.add("event", payload);
            }
            if let Some(report) = &report {
                envelope.add("client_report", &report.payload(line.now()).to_string());
            }
            let request = self.request(envelope);
            let answer = line.send(&request);
            let (now, clock) = (line.now(), line.clock());
            said = self.settle(answer, payload.is_some(), report, now, clock).or(said);
        }
    }

    fn request(&self, envelope: Envelope) -> Request {
        Request::post(self.dsn.envelope_url(), envelope.into_bytes())
            .header("content-type", "application/x-sentry-envelope")
            .header("user-agent", CLIENT)
            .header("x-sentry-auth", self.dsn.authentication(CLIENT))
            .timeout(self.timeout)
            .max_bytes(64 << 10)
    }

    /// Draws the consequences of an answer, or of none.
    fn settle(
        &mut self,
        answer: Result<Response, SendError>,
        had_event: bool,
        report: Option<Taken>,
        now: Timestamp,
        clock: Instant,
    ) -> Option<String> {
        let answer = match answer {
            Ok(answer) => answer,
            Err(SendError::Timeout | SendError::Connect(_)) if self.retry.is_some() => {
                return self.wait(report, clock, None);
            }
            Err(error @ (SendError::Timeout | SendError::Connect(_))) => {
                let said = format!("errors cannot be sent to {}: {error}", self.server());
                return self.wait(report, clock, Some(said));
            }
            // There was an answer, if a strange one.
            Err(SendError::TooLarge) => {
                self.retry = None;
                return self.give_up(
                    Reason::SendError,
                    had_event,
                    "the answer is too large".to_owned(),
                );
            }
            Err(error) => {
                if let Some(report) = report {
                    self.reports.put_back(report);
                }
                return self.give_up(Reason::Internal, had_event, error.to_string());
            }
        };
        self.retry = None;
        self.limits.update(
            answer.status,
            answer.header("x-sentry-rate-limits"),
            answer.header("retry-after"),
            now,
            clock,
        );
        if answer.is_success() {
            self.trouble = None;
            if had_event {
                self.pop();
                self.tally.delivered += 1;
            }
            return None;
        }
        if answer.status == 429 {
            self.trouble = Some("the server limits the rate".to_owned());
            if had_event {
                // The server counts it.
                self.pop();
                self.tally.refused += 1;
            }
            return None;
        }
        if answer.status >= 500
            && let Some(report) = report
        {
            self.reports.put_back(report);
        }
        let why =
            answer.header("x-sentry-error").map_or(String::new(), |error| format!(": {error}"));
        self.give_up(
            Reason::SendError,
            had_event,
            format!("the server answered {}{why}", answer.status),
        )
    }

    /// Keeps everything and waits for better times.
    fn wait(
        &mut self,
        report: Option<Taken>,
        clock: Instant,
        said: Option<String>,
    ) -> Option<String> {
        if let Some(report) = report {
            self.reports.put_back(report);
        }
        let pause = self.retry.map_or(FIRST_PAUSE, |(_, pause)| (pause * 2).min(LAST_PAUSE));
        self.retry = Some((clock + pause, pause));
        if said.is_some() {
            self.trouble.clone_from(&said);
        }
        said
    }

    /// Drops the event in front for good. The first time in a row it is said.
    fn give_up(&mut self, reason: Reason, had_event: bool, why: String) -> Option<String> {
        if had_event {
            self.pop();
            self.drop_one(reason);
        }
        let said = format!("errors are not taken by {}: {why}", self.server());
        let is_new = self.trouble.as_ref() != Some(&said);
        self.trouble = Some(said.clone());
        is_new.then_some(said)
    }

    fn pop(&mut self) -> Option<Parcel> {
        let parcel = self.queue.pop_front()?;
        self.bytes -= parcel.payload.len();
        Some(parcel)
    }
}

#[cfg(test)]
mod tests;
