//! What a test sees of the stand-in host, and how it sets it up.

use std::time::Duration;

use super::stand_in::{self, metrics::Metric};
use crate::errors::ErrorEvent;
use crate::http::{Exchange, Timings};
use crate::metrics::after_hook;
use crate::outbound::{self, SendError};
use crate::probe;
use crate::time::{Timestamp, nanos};
use crate::value::{Attribute, Severity, TraceContext, Value};

/// The stand-in host of this thread.
#[derive(Debug)]
pub struct Host {
    _of_this_thread: std::marker::PhantomData<*const ()>,
}

/// A record which the plugin logged.
#[derive(Clone, Debug, PartialEq)]
pub struct LogLine {
    /// How bad it is.
    pub severity: Severity,
    /// The text.
    pub message: String,
    /// What else was said.
    pub attributes: Vec<Attribute>,
}

impl Host {
    /// A fresh host: empty, and its clock at 2025-01-01T00:00:00Z. The one before is gone.
    pub fn start() -> Self {
        after_hook();
        stand_in::reset();
        Self { _of_this_thread: std::marker::PhantomData }
    }

    /// What was logged, in order.
    pub fn logs(&self) -> Vec<LogLine> {
        stand_in::with(|host| host.logs.clone())
    }

    /// Lets time pass. State with a time to live goes away.
    pub fn advance(&self, span: Duration) {
        stand_in::with(|host| {
            host.now += nanos(span);
            host.monotonic += nanos(span);
        });
    }

    /// Sets the time of day; the monotonic clock does not notice.
    pub fn set_now(&self, now: Timestamp) {
        stand_in::with(|host| host.now = now.unix_nanos());
    }

    /// The value of a counter or gauge, or how many samples a histogram or summary has; `None`
    /// when there is no such series. `labels` are the values, in the order of the names.
    pub fn metric(&self, name: &str, labels: &[&str]) -> Option<f64> {
        self.with_series(name, labels, |metric, samples| metric.value(samples))
    }

    /// All samples of a series, in order.
    pub fn samples(&self, name: &str, labels: &[&str]) -> Vec<f64> {
        self.with_series(name, labels, |_, samples| samples.to_vec()).unwrap_or_default()
    }

    fn with_series<R>(
        &self,
        name: &str,
        labels: &[&str],
        read: impl FnOnce(&Metric, &[f64]) -> R,
    ) -> Option<R> {
        after_hook();
        stand_in::with(|host| {
            let index = host.metrics.iter().position(|metric| metric.name == name)?;
            let series =
                host.series.iter().find(|series| series.metric == index && series.is(labels))?;
            Some(read(&host.metrics[index], &series.samples))
        })
    }

    /// Limits the series of each metric, as an operator does; 200 otherwise.
    pub fn limit_series(&self, limit: usize) {
        stand_in::with(|host| host.series_limit = limit);
    }

    /// The errors which were captured, in order.
    pub fn captured(&self) -> Vec<ErrorEvent> {
        stand_in::with(|host| host.captured.clone())
    }

    /// The requests which were handed over with `enqueue`, in order.
    pub fn enqueued(&self) -> Vec<outbound::Request> {
        stand_in::with(|host| host.enqueued.clone())
    }

    /// The requests which were sent, answered or not, in order.
    pub fn sent(&self) -> Vec<outbound::Request> {
        stand_in::with(|host| host.sent.clone())
    }

    /// Sets the answer to requests whose URL begins with `url`, until it is set anew. Without one,
    /// a request is denied, and so is handing it over.
    pub fn answer(&self, url: impl Into<String>, answer: Result<outbound::Response, SendError>) {
        stand_in::with(|host| set(&mut host.answers, url.into(), answer));
    }

    /// Sets the outcome of probes whose URL begins with `url`, until it is set anew. Without one, a
    /// probe is denied.
    pub fn answer_probe(
        &self,
        url: impl Into<String>,
        outcome: Result<probe::Success, probe::Failure>,
    ) {
        stand_in::with(|host| set(&mut host.probes, url.into(), outcome));
    }

    /// Sets a fact about an exchange.
    pub fn set_fact(&self, exchange: Exchange, name: impl Into<String>, value: impl Into<Value>) {
        stand_in::with(|host| {
            host.facts.insert((exchange.id(), name.into()), value.into());
        });
    }

    /// Sets the trace that an exchange belongs to.
    pub fn set_trace(&self, exchange: Exchange, trace: TraceContext) {
        stand_in::with(|host| {
            host.traces.insert(exchange.id(), trace);
        });
    }

    /// Sets what was measured in an exchange.
    pub fn set_timing(&self, exchange: Exchange, timings: Timings) {
        stand_in::with(|host| {
            host.timings.insert(exchange.id(), timings);
        });
    }
}

fn set<T>(answers: &mut Vec<(String, T)>, url: String, answer: T) {
    answers.retain(|known| known.0 != url);
    answers.push((url, answer));
}
