//! What runs behind the corridors: ticks, error events, checks, pages.
//!
//! One background instance per plugin does all waiting. What it finds out it leaves in its
//! state for the workers, so that no request waits for anybody's I/O.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method};
use serde::Serialize;

use super::value::{Attribute, Severity, TraceContext, Value};
use super::{Fault, Hooks, LocalResponse, Name, Subscription};

/// The background side of a plugin. One call at a time; each has a deadline of seconds.
#[async_trait]
pub trait Background: Send + Sync {
    /// The operator's name for the plugin.
    fn name(&self) -> &Name;

    /// The hooks that it has.
    fn hooks(&self) -> Hooks;

    /// What to deliver.
    fn wants(&self) -> &Subscription;

    /// Periodic work. `missed` counts the ticks skipped since the last one.
    async fn on_tick(&self, _now: u64, _missed: u32) -> Result<(), Fault> {
        Ok(())
    }

    /// Takes error events. A batch that faults is offered again.
    async fn on_errors(&self, _batch: &[Arc<ErrorEvent>]) -> Result<(), Fault> {
        Ok(())
    }

    /// The present state of what it watches, from memory.
    async fn checks(&self) -> Result<Vec<Check>, Fault> {
        Ok(Vec::new())
    }

    /// Makes one verdict of all checks.
    async fn on_health(&self, _all: &[Check]) -> Result<Status, Fault> {
        Ok(Status::Unknown)
    }

    /// Serves a page of the admin listener.
    async fn on_page(&self, request: &PageRequest) -> Result<LocalResponse, Fault>;
}

/// A request to a page of a plugin.
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// The method.
    pub method: Method,
    /// Below the place where the plugin is mounted; begins with `/`.
    pub path: String,
    /// Without the question mark; empty when there is none.
    pub query: String,
    /// The fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// What a page request gets.
pub type Page = LocalResponse;

/// How something is, from best to worst, but for `Unknown`: not yet checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// All is well.
    Healthy,
    /// Something is wrong, the whole works.
    Degraded,
    /// It does not work.
    Unhealthy,
    /// Nobody looked yet.
    Unknown,
}

impl Status {
    /// The name, as in pages and metrics.
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
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// `host`, `upstream:<name>`, `plugin:<name>`, or a name of a plugin's own.
    pub component: String,
    /// How it is.
    pub status: Status,
    /// The worst that it can make of the whole.
    pub at_worst: Status,
    /// How long the last test took.
    pub latency: Option<Duration>,
    /// One sentence, for operators only.
    pub reason: Option<String>,
    /// When it took on this status, in nanoseconds since the Unix epoch.
    pub since: u64,
}

/// Something went wrong, in the proxy, an upstream, a plugin or the application.
///
/// What is known about request, response, user and release travels in `attributes` under
/// OpenTelemetry names.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorEvent {
    /// 32 lower-case hex digits; empty until the host has given it one.
    pub id: String,
    /// When, in nanoseconds since the Unix epoch.
    pub time: u64,
    /// How bad.
    pub severity: Severity,
    /// Stable, machine-readable: `upstream.timeout`, `plugin.trap`, `log.exception`.
    pub kind: String,
    /// For people.
    pub message: String,
    /// The exceptions behind it, root cause first.
    pub exceptions: Vec<Exception>,
    /// Other threads that were printed along.
    pub threads: Vec<Thread>,
    /// What happened before, oldest first.
    pub breadcrumbs: Vec<Breadcrumb>,
    /// Groups equal errors; empty lets the sink decide.
    pub fingerprint: Vec<String>,
    /// Everything else.
    pub attributes: Vec<Attribute>,
    /// The trace that it belongs to.
    pub trace: Option<TraceContext>,
    /// The exchange that it belongs to.
    pub request_id: Option<String>,
}

/// One exception of a chain or group.
#[derive(Debug, Clone, PartialEq)]
pub struct Exception {
    /// The type, without its module.
    pub name: String,
    /// The module of the type.
    pub module: Option<String>,
    /// What it says.
    pub message: String,
    /// How it was seen.
    pub mechanism: String,
    /// False when it ended a request, thread or process.
    pub handled: Option<bool>,
    /// Index of the one which this is the cause or a member of.
    pub parent: Option<u32>,
    /// How it hangs on its parent.
    pub relation: Option<String>,
    /// An exception group.
    pub group: bool,
    /// Thread, goroutine or task, as printed.
    pub thread: Option<String>,
    /// Outermost call first, the failing one last.
    pub frames: Vec<Frame>,
}

/// A stack that is not that of an exception.
#[derive(Debug, Clone, PartialEq)]
pub struct Thread {
    /// As printed.
    pub name: String,
    /// Outermost call first.
    pub frames: Vec<Frame>,
}

/// One frame of a stack trace.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Frame {
    /// The function.
    pub function: String,
    /// Its module.
    pub module: Option<String>,
    /// As printed.
    pub file: Option<String>,
    /// From 1.
    pub line: Option<u32>,
    /// From 1.
    pub column: Option<u32>,
    /// Code of the application rather than of a library.
    pub in_app: Option<bool>,
    /// Source text around the line.
    pub context: Option<SourceContext>,
}

/// Lines of source code.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SourceContext {
    /// The lines before.
    pub before: Vec<String>,
    /// The line itself.
    pub line: String,
    /// The lines after.
    pub after: Vec<String>,
}

/// One thing that happened before an error.
#[derive(Debug, Clone, PartialEq)]
pub struct Breadcrumb {
    /// When, in nanoseconds since the Unix epoch.
    pub time: u64,
    /// How bad.
    pub severity: Severity,
    /// `log`, `http` and the like.
    pub category: String,
    /// What happened.
    pub message: String,
    /// Details.
    pub attributes: Vec<Attribute>,
}

impl ErrorEvent {
    /// An event with nothing but its kind and message.
    pub fn new(time: u64, severity: Severity, kind: &str, message: impl Into<String>) -> Self {
        Self {
            id: String::new(),
            time,
            severity,
            kind: kind.to_owned(),
            message: message.into(),
            exceptions: Vec::new(),
            threads: Vec::new(),
            breadcrumbs: Vec::new(),
            fingerprint: Vec::new(),
            attributes: Vec::new(),
            trace: None,
            request_id: None,
        }
    }

    /// Shows every text in the event that content may have got into, with the name of what
    /// it is the value of, so that one place can clean them all. Function names, types,
    /// files and ids are code, not content, and are left out.
    pub fn for_each_text(&mut self, mut visit: impl FnMut(&str, &mut String)) {
        visit("message", &mut self.message);
        for exception in &mut self.exceptions {
            visit("exception.message", &mut exception.message);
            for frame in &mut exception.frames {
                context_texts(frame, &mut visit);
            }
        }
        for frame in self.threads.iter_mut().flat_map(|thread| &mut thread.frames) {
            context_texts(frame, &mut visit);
        }
        for crumb in &mut self.breadcrumbs {
            visit("breadcrumb.message", &mut crumb.message);
            attribute_texts(&mut crumb.attributes, &mut visit);
        }
        for part in &mut self.fingerprint {
            visit("fingerprint", part);
        }
        attribute_texts(&mut self.attributes, &mut visit);
    }
}

fn context_texts(frame: &mut Frame, visit: &mut impl FnMut(&str, &mut String)) {
    if let Some(context) = &mut frame.context {
        for line in &mut context.before {
            visit("frame.context", line);
        }
        visit("frame.context", &mut context.line);
        for line in &mut context.after {
            visit("frame.context", line);
        }
    }
}

fn attribute_texts(attributes: &mut [Attribute], visit: &mut impl FnMut(&str, &mut String)) {
    for (name, value) in attributes {
        if let Value::Text(text) | Value::Json(text) = value {
            visit(name, text);
        }
    }
}
