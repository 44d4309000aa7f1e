//! The end of an exchange: what became of it, who is told, and its one record.
//!
//! An exchange ends when the last byte of its answer is handed to the client's connection, or
//! when the client goes away. What follows (the `on-done` hooks, metrics, the access record)
//! is off the critical path: it waits in a queue of the worker until the worker has nothing
//! more urgent to do.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::StatusCode;
use http_body::{Frame, SizeHint};
use tokio::sync::Notify;

use super::reply::{self, Reply};
use crate::filter::exchange::{Exchange, Moment, Outcome, Summary};
use crate::filter::{Chain, Record, Severity, Value};
use crate::metrics::{self, Counter, Gauge};
use crate::wire::{Body, BodyError, TunnelEnd};

/// What is known about the end of an exchange, as it becomes known. Dropping it is the end.
pub struct Ending {
    exchange: Arc<Exchange>,
    chain: Arc<Chain>,
    after: After,
    /// How it ends unless something else is noted.
    outcome: Outcome,
    status: Option<StatusCode>,
    error_type: Option<&'static str>,
    request_bytes: Rc<Cell<u64>>,
    response_bytes: u64,
    upstream: Option<Instant>,
    upstream_took: Duration,
}

impl Ending {
    /// Of an exchange that just began. Until an answer is complete, it ends because the
    /// client went away.
    pub fn of(exchange: &Arc<Exchange>, chain: &Arc<Chain>, after: &After) -> Self {
        after.0.active.add(1.0);
        Self {
            exchange: Arc::clone(exchange),
            chain: Arc::clone(chain),
            after: after.clone(),
            outcome: Outcome::ClientClosed,
            status: None,
            error_type: None,
            request_bytes: Rc::default(),
            response_bytes: 0,
            upstream: None,
            upstream_took: Duration::ZERO,
        }
    }

    /// Where the bytes of the request body are counted.
    pub fn request_bytes(&self) -> &Rc<Cell<u64>> {
        &self.request_bytes
    }

    /// The upstream is asked from here on.
    pub fn ask_upstream(&mut self, now: Instant) {
        self.upstream = Some(now);
    }

    /// The upstream will send nothing more.
    pub fn upstream_done(&mut self) {
        if let Some(since) = self.upstream.take() {
            self.upstream_took = since.elapsed();
            let took = self.upstream_took;
            self.exchange.update_timings(|timings| timings.upstream_last_byte = Some(took));
        }
    }

    /// The head of the answer was sent.
    pub fn answered(&mut self, status: StatusCode) {
        self.status = Some(status);
    }

    /// It ends like this, whatever the client gets.
    pub fn ends(&mut self, outcome: Outcome, error_type: Option<&'static str>) {
        self.outcome = outcome;
        self.error_type = error_type;
    }

    /// So many bytes of the answer went out.
    pub fn response(&mut self, bytes: usize) {
        self.response_bytes += bytes as u64;
    }

    /// The connection was a tunnel, and is closed now.
    pub fn tunnelled(&mut self, end: TunnelEnd) {
        self.request_bytes.set(end.to_upstream);
        self.response_bytes = end.to_client;
        self.upstream_done();
        self.complete();
    }

    /// The answer is complete. What was noted before stays.
    pub fn complete(&mut self) {
        if self.outcome == Outcome::ClientClosed && self.error_type.is_none() {
            self.outcome = Outcome::Completed;
        }
    }

    fn summary(&self) -> Summary {
        let error_type = match (self.error_type, self.status) {
            (Some(kind), _) => Some(Arc::from(kind)),
            (None, Some(status)) if status.is_server_error() => Some(Arc::from(status.as_str())),
            (None, None) => Some(Arc::from("client.aborted")),
            (None, Some(_)) if self.outcome == Outcome::ClientClosed => {
                Some(Arc::from("client.aborted"))
            }
            _ => None,
        };
        Summary {
            outcome: self.outcome,
            status: self.status,
            request_bytes: self.request_bytes.get(),
            response_bytes: self.response_bytes,
            total: self.exchange.received.monotonic.elapsed(),
            upstream: self.upstream_took,
            plugins: self.exchange.spent(),
            error_type,
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.upstream_done();
        let summary = self.summary();
        self.after.0.active.add(-1.0);
        self.after.put(Ended {
            exchange: Arc::clone(&self.exchange),
            chain: Arc::clone(&self.chain),
            summary,
        });
    }
}

/// A body whose end is the end of its exchange.
pub struct Last {
    body: Body,
    ending: Ending,
}

impl Last {
    /// The body of the answer that `ending` waits for.
    pub fn new(body: Body, ending: Ending) -> Self {
        Self { body, ending }
    }
}

impl http_body::Body for Last {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    this.ending.response_bytes += data.len() as u64;
                }
                if this.body.is_end_stream() {
                    this.ending.upstream_done();
                    this.ending.complete();
                }
            }
            Poll::Ready(Some(Err(error))) => {
                let (outcome, kind) = reply::broken(error);
                this.ending.ends(outcome, Some(kind));
            }
            Poll::Ready(None) => {
                this.ending.upstream_done();
                this.ending.complete();
            }
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Takes access records, without waiting; answers whether there was room.
pub type Records = Arc<dyn Fn(Record) -> bool + Send + Sync>;

/// An exchange that is over.
struct Ended {
    exchange: Arc<Exchange>,
    chain: Arc<Chain>,
    summary: Summary,
}

/// What a worker does after exchanges. Cheap to clone; belongs to the worker's thread.
#[derive(Clone)]
pub struct After(Rc<AfterInner>);

struct AfterInner {
    ended: RefCell<VecDeque<Ended>>,
    filled: Notify,
    /// Notified when nothing is left to do.
    idle: Notify,
    /// How many are being closed.
    busy: Cell<u32>,
    records: Option<Records>,
    host: Arc<metrics::Host>,
    active: Gauge,
    outcomes: [(Outcome, Counter); 7],
}

impl After {
    /// With what takes access records, if there are to be any.
    pub fn new(records: Option<Records>, host: &Arc<metrics::Host>) -> Self {
        let outcome =
            |outcome: Outcome| (outcome, host.exchanges.ended.with([outcome.as_str()]).split());
        Self(Rc::new(AfterInner {
            ended: RefCell::default(),
            filled: Notify::new(),
            idle: Notify::new(),
            busy: Cell::new(0),
            records,
            host: Arc::clone(host),
            active: host.exchanges.active.with([]).split(),
            outcomes: [
                outcome(Outcome::Completed),
                outcome(Outcome::Answered),
                outcome(Outcome::ClientClosed),
                outcome(Outcome::UpstreamFailed),
                outcome(Outcome::UpstreamTimeout),
                outcome(Outcome::Refused),
                outcome(Outcome::Fault),
            ],
        }))
    }

    /// Hands on a record, if there are to be any.
    pub fn record(&self, make: impl FnOnce() -> Record) {
        if let Some(records) = &self.0.records {
            // What finds no room is dropped, and counted by whoever had none.
            records(make());
        }
    }

    /// A request was turned away before it became an exchange.
    pub fn turned_away(&self, status: StatusCode, reason: &'static str) {
        self.0.host.exchanges.own_answers.with([status.as_str(), reason]).increment();
    }

    fn put(&self, ended: Ended) {
        self.0.ended.borrow_mut().push_back(ended);
        self.0.filled.notify_one();
    }

    /// Tells plugins and writes records, one exchange after the other, for ever.
    ///
    /// There is one entry per exchange that ended, and a worker that has no time for them has
    /// none for new exchanges either, so they do not pile up.
    pub async fn run(&self) {
        loop {
            self.catch_up().await;
            self.0.idle.notify_waiters();
            self.0.filled.notified().await;
        }
    }

    /// Deals with everything that ended so far. Needs nobody to [`run`](Self::run).
    pub async fn settle(&self) {
        loop {
            let idle = self.0.idle.notified();
            self.catch_up().await;
            if self.0.busy.get() == 0 {
                return;
            }
            idle.await;
        }
    }

    /// Closes those that wait.
    async fn catch_up(&self) {
        /// One is being closed, until this is dropped.
        struct Busy<'a>(&'a Cell<u32>);

        impl Drop for Busy<'_> {
            fn drop(&mut self) {
                self.0.set(self.0.get() - 1);
            }
        }

        loop {
            let next = self.0.ended.borrow_mut().pop_front();
            let Some(ended) = next else { return };
            self.0.busy.set(self.0.busy.get() + 1);
            let _busy = Busy(&self.0.busy);
            self.close(ended).await;
        }
    }

    async fn close(&self, ended: Ended) {
        let Ended { exchange, chain, summary } = ended;
        chain.on_done(&exchange, &summary).await;
        if let Some((_, counter)) =
            self.0.outcomes.iter().find(|(outcome, _)| *outcome == summary.outcome)
        {
            counter.increment();
        }
        self.record(|| record(&exchange, &summary));
    }
}

/// The message of access records.
const MESSAGE: &str = "Request completed";

/// The access record: one wide event per exchange, fields by their OpenTelemetry names where
/// there is one.
pub fn record(exchange: &Exchange, summary: &Summary) -> Record {
    let severity = match summary.outcome {
        Outcome::UpstreamFailed | Outcome::UpstreamTimeout | Outcome::Fault => Severity::Warn,
        Outcome::Completed | Outcome::Answered | Outcome::ClientClosed | Outcome::Refused => {
            Severity::Info
        }
    };
    let mut record = Record::structured(Moment::now().wall, Some(severity), MESSAGE);
    record.request_id = Some(Arc::clone(&exchange.request_id));
    record.trace = Some(exchange.trace.clone());
    let number = |number: u64| Value::Integer(i64::try_from(number).unwrap_or(i64::MAX));
    let mut attributes = Vec::with_capacity(14);
    let mut put = |name: &str, value: Value| attributes.push((name.to_owned(), value));
    put("method", text(exchange.method.as_str()));
    put("path", text(&exchange.path));
    if let Some((_, query)) = exchange.original.split_once('?')
        && !query.is_empty()
    {
        put("query", text(query));
    }
    if let Some(status) = summary.status {
        put("status_code", Value::Integer(status.as_u16().into()));
    }
    put("duration_ms", Value::Float(milliseconds(summary.total)));
    put("upstream_ms", Value::Float(milliseconds(summary.upstream)));
    put("plugins_ms", Value::Float(milliseconds(summary.plugins)));
    put("client.address", text(&exchange.client));
    put("route", text(&exchange.route));
    if let Some(upstream) = exchange.attribute("upstream.name") {
        put("upstream", upstream);
    }
    put("request_bytes", number(summary.request_bytes));
    put("response_bytes", number(summary.response_bytes));
    put("outcome", text(summary.outcome.as_str()));
    if let Some(kind) = &summary.error_type {
        put("error.type", text(kind));
    }
    // What plugins attached, and why it failed. The host's own fields stay what they are.
    for (name, value) in exchange.attributes() {
        if name != "upstream.name" && !attributes.iter().any(|(known, _)| *known == name) {
            attributes.push((name, value));
        }
    }
    record.attributes = attributes;
    record
}

/// What is known of a request that was turned away before it became an exchange.
#[derive(Debug)]
pub struct Refused<'a> {
    /// Its method.
    pub method: &'a http::Method,
    /// Path and query, as they came.
    pub target: &'a str,
    /// The address of the peer.
    pub client: &'a str,
    /// What it got.
    pub reply: Reply,
}

impl Refused<'_> {
    /// Its access record: the fields of [`record`] that there are.
    pub fn record(&self) -> Record {
        let mut record = Record::structured(Moment::now().wall, Some(Severity::Info), MESSAGE);
        let (path, query) = self.target.split_once('?').unwrap_or((self.target, ""));
        let mut put = |name: &str, value: Value| record.attributes.push((name.to_owned(), value));
        put("method", text(self.method.as_str()));
        put("path", text(path));
        if !query.is_empty() {
            put("query", text(query));
        }
        put("status_code", Value::Integer(self.reply.status.as_u16().into()));
        put("client.address", text(self.client));
        put("outcome", text(self.reply.outcome.as_str()));
        put("error.type", text(self.reply.error_type));
        record
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// Milliseconds with three places.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1000.0
}
