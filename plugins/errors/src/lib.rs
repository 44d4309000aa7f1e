//! Turns failures into error events: of upstreams, by how exchanges end, and of the application, by
//! the stack traces and errors in its log.
//!
//! Workers only capture, and are called for nothing but failures. The background instance joins both halves of one failure, counts equal
//! ones together, shows them on a page, and sends them in Sentry's protocol when there is a server.
//!
//! This file speaks to the host; the others are plain functions and values. Watches only: when it
//! fails, exchanges and records go on without it.

mod desk;
mod dsn;
mod envelope;
mod event;
mod failure;
mod glob;
mod grouping;
mod groups;
mod limits;
mod merge;
mod outbox;
mod page;
mod place;
mod records;
mod reports;
mod secrets;
mod settings;
mod storms;
mod throttle;
mod trace;

use tamis_sdk::errors::Exception;
use tamis_sdk::outbound::{Request, Response, SendError};
use tamis_sdk::{
    Background, Batch, Config, ConfigError, ErrorEvent, Fault, Instant, PageRequest, Plugin, Reply,
    Subscription, Summary, Tick, Timestamp, host, metrics, plugin,
};

use crate::desk::{Desk, Stuck};
use crate::failure::Failure;
use crate::groups::Shelf;
use crate::outbox::Line;
use crate::records::Records;
use crate::settings::Settings;
use crate::throttle::Throttle;

metrics! {
    /// What became of failures.
    struct Counts {
        captured: counter("errors_captured_total", "Failures that were captured, by kind.", [kind]),
        merged: counter(
            "errors_merged_total",
            "Events made of both halves of a failure, by how that is known.",
            [confidence],
        ),
        delivered: counter("errors_delivered_total", "Events that the server took.", []),
        dropped: counter("errors_dropped_total", "Events that were not delivered, by reason.", [reason]),
    }
}

struct Errors {
    settings: Settings,
    counts: Counts,
    /// Of exchanges, and of records, in a worker.
    exchanges: Throttle,
    logged: Throttle,
    records: Records,
    /// In the background instance, from its first call.
    desk: Option<Desk>,
}

#[plugin(metrics(Counts), schema = include_str!("schema.json"))]
impl Plugin for Errors {
    fn configure(config: Config) -> Result<Self, Vec<ConfigError>> {
        Ok(Self {
            settings: config.parse()?,
            counts: Counts::register()?,
            exchanges: Throttle::default(),
            logged: Throttle::default(),
            records: Records::default(),
            desk: None,
        })
    }

    fn subscribe(&self, subscription: &mut Subscription) {
        if let Some(logs) = &mut subscription.logs {
            logs.min_severity = self.settings.least_severity();
        }
        if let Some(done) = &mut subscription.done {
            done.min_status = self.settings.least_status();
        }
    }

    #[done("error.type", min = 500)]
    fn on_done(&mut self, summary: Summary) {
        let said = summary.attribute("error.type").and_then(|value| value.as_text());
        if let Some(failure) = failure::of(summary.outcome, summary.status, said, &self.settings) {
            self.failed(&summary, failure);
        }
    }

    #[logs(parsed, min = "info")]
    fn on_logs(&mut self, batch: Batch) {
        for record in batch.records {
            let Some(event) = self.records.take(&batch.source, record, &self.settings) else {
                continue;
            };
            let key = grouping::key(&event);
            capture(event, &key, &mut self.logged, &self.settings);
        }
    }

    fn on_errors(&mut self, batch: Vec<ErrorEvent>, _: &Background) -> Result<(), Fault> {
        let now = Instant::now();
        let (desk, settings) = self.desk();
        // Nothing here waits; sending is for the ticks.
        desk.accept(batch, settings, now, &mut host::random_u64).map_err(|Stuck| {
            Fault::unavailable(
                "the server does not answer and the queue is half full; offer it again",
            )
        })
    }

    #[tick("1s")]
    fn on_tick(&mut self, _: Tick, background: &Background) {
        let (desk, settings) = self.desk();
        let news = desk.turn(settings, &mut State, &mut Wire(background), &mut host::random_u64);
        for (kind, count) in news.captured {
            self.counts.captured.add([&kind], count as f64);
        }
        for by in news.merged {
            self.counts.merged.increment([by]);
        }
        if news.delivered > 0 {
            self.counts.delivered.add([], news.delivered as f64);
        }
        for (reason, count) in news.dropped {
            self.counts.dropped.add([reason], count as f64);
        }
        if let Some(said) = news.said {
            host::log::warn(said);
        }
    }

    fn on_page(&mut self, request: PageRequest, _: &Background) -> Reply {
        page::answer(&request, self.desk().0)
    }

    fn shutdown(&mut self, _: std::time::Duration) {
        if self.desk.is_some() {
            let now = Instant::now();
            let (desk, settings) = self.desk();
            desk.close(settings, &mut State, now, &mut host::random_u64);
        }
    }
}

impl Errors {
    fn desk(&mut self) -> (&mut Desk, &Settings) {
        let settings = &self.settings;
        (self.desk.get_or_insert_with(|| Desk::new(settings, &mut State)), settings)
    }

    #[cold]
    fn failed(&mut self, summary: &Summary, failure: Failure<'_>) {
        let key = format!("{} {} {}", failure.kind, summary.route, summary.status);
        let event = exchange_event(summary, failure, self.settings.send_default_pii);
        capture(event, &key, &mut self.exchanges, &self.settings);
    }
}

/// Hands an event over, unless nobody cares or too many like it came before.
fn capture(mut event: ErrorEvent, key: &str, throttle: &mut Throttle, settings: &Settings) {
    if settings.ignore.iter().any(|rule| rule.fits(&event)) {
        return;
    }
    let name = storms::name(key);
    if throttle.passes(key, Instant::now()) || !storms::count(&name, &mut State) {
        storms::mark(&mut event, name);
        host::capture(&event);
    }
}

/// What the proxy knows of an exchange that failed.
fn exchange_event(summary: &Summary, failure: Failure<'_>, personal: bool) -> ErrorEvent {
    let exchange = summary.exchange;
    let mut event = ErrorEvent::new(failure.kind, &failure.message);
    event.severity = failure.severity;
    event.request_id = Some(summary.request_id.clone());
    event.trace = exchange.trace();
    event.set_attribute("http.request.method", &*summary.method);
    event.set_attribute("http.route", &*summary.route);
    if summary.status > 0 {
        event.set_attribute("http.response.status_code", summary.status);
        event.set_attribute("http.response.body.size", summary.response_bytes);
    }
    event.set_attribute("duration_ms", summary.total.as_millis() as u64);
    if let Some(upstream) = summary.upstream {
        event.set_attribute("upstream_ms", upstream.as_millis() as u64);
    }
    for name in ["url.scheme", "url.path", "server.address", "upstream.name", "upstream.attempt"] {
        if let Some(fact) = exchange.fact(name) {
            event.set_attribute(name, fact);
        }
    }
    if let Some(original) = exchange.fact("url.original")
        && let Some((_, query)) = original.as_text().and_then(|target| target.split_once('?'))
    {
        event.set_attribute("url.query", secrets::query(query));
    }
    if personal && let Some(address) = exchange.fact("client.address") {
        event.set_attribute("client.address", address);
    }
    let upstream = event.attribute("upstream.name").map(ToString::to_string);
    event.fingerprint = vec![failure.name.to_owned(), summary.route.clone()];
    event.fingerprint.extend(upstream);
    event.exceptions = vec![Exception {
        name: failure.name.to_owned(),
        message: failure.message,
        mechanism: "upstream".to_owned(),
        handled: Some(true),
        ..Exception::default()
    }];
    event
}

/// State of this process.
struct State;

impl Shelf for State {
    fn get(&self, key: &str) -> Option<Vec<u8>> {
        host::state().get(key).ok().flatten()
    }

    fn set(&mut self, key: &str, value: &[u8]) -> bool {
        host::state().set(key, value).is_ok()
    }

    fn add(&mut self, key: &str, by: i64) -> Option<i64> {
        host::state().increment(key, by).ok()
    }

    fn remove(&mut self, key: &str) {
        // Without it the key stays, which is what it was about to do anyway.
        let _ = host::state().remove(key);
    }
}

/// The way out, which only the background has.
struct Wire<'a>(&'a Background);

impl Line for Wire<'_> {
    fn send(&mut self, request: &Request) -> Result<Response, SendError> {
        self.0.send(request)
    }

    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn clock(&self) -> Instant {
        Instant::now()
    }
}

#[cfg(test)]
mod tests;
