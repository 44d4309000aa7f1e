//! Error events: one failure with its exceptions, frames and what came before.
//!
//! The same shape on the way in ([`host::capture`](crate::host::capture)) and out
//! (`on_errors`). What is known about the request, the user and the release travels in
//! [`ErrorEvent::attributes`] under OpenTelemetry names.

use crate::time::Timestamp;
use crate::value::{Attribute, Severity, TraceContext, Value};

/// Something went wrong, in the proxy, an upstream, a plugin or the application.
///
/// ```
/// use tamis_sdk::errors::ErrorEvent;
/// use tamis_sdk::{Severity, host};
///
/// let mut event = ErrorEvent::new("quota.exceeded", "tenant is over its quota");
/// event.severity = Severity::Warn;
/// event.set_attribute("http.route", "api");
/// host::capture(&event);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ErrorEvent {
    /// 32 lower-case hex digits, the same when an event is offered again. Empty on capture: the
    /// host makes one.
    pub id: String,
    pub(crate) time: u64,
    /// How bad it is.
    pub severity: Severity,
    /// Stable machine-readable kind: `upstream.timeout`, `plugin.trap`, `log.exception`…
    pub kind: String,
    /// For humans.
    pub message: String,
    /// The exceptions behind it: root cause first, the one finally raised last. Empty when there is
    /// no stack trace.
    pub exceptions: Vec<Exception>,
    /// Other threads, goroutines or tasks that were printed along.
    pub threads: Vec<Thread>,
    /// What happened before, oldest first.
    pub breadcrumbs: Vec<Breadcrumb>,
    /// Groups equal errors; empty lets the sink decide.
    pub fingerprint: Vec<String>,
    /// `http.request.method`, `http.route`, `http.request.header.<name>`, `url.full`,
    /// `http.response.status_code`, `user.id`, `service.version`…
    pub attributes: Vec<Attribute>,
    /// The trace it belongs to.
    pub trace: Option<TraceContext>,
    /// Joins what was seen of one exchange from several sides.
    pub request_id: Option<String>,
}

impl ErrorEvent {
    /// An event of severity `error` at this moment (one call to the host), without anything else.
    pub fn new(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            id: String::new(),
            time: Timestamp::now().unix_nanos(),
            severity: Severity::Error,
            kind: kind.into(),
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

    /// When it happened.
    pub fn time(&self) -> Timestamp {
        Timestamp::from_unix_nanos(self.time)
    }

    /// Sets when it happened.
    pub fn set_time(&mut self, time: Timestamp) {
        self.time = time.unix_nanos();
    }

    /// The value of this attribute.
    pub fn attribute(&self, name: &str) -> Option<&Value> {
        self.attributes.iter().find(|attribute| attribute.0 == name).map(|attribute| &attribute.1)
    }

    /// Sets an attribute, replacing the one of that name.
    pub fn set_attribute(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        let (name, value) = (name.into(), value.into());
        match self.attributes.iter_mut().find(|attribute| attribute.0 == name) {
            Some(attribute) => attribute.1 = value,
            None => self.attributes.push((name, value)),
        }
    }
}

/// One exception of a chain or group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exception {
    /// The type, without its module.
    pub name: String,
    /// The module of the type.
    pub module: Option<String>,
    /// What it says.
    pub message: String,
    /// How it was seen: `log`, `upstream`, `panic`…
    pub mechanism: String,
    /// False when it ended a request, thread or process; absent when the text does not say.
    pub handled: Option<bool>,
    /// Index into the exceptions of the one which this is the cause or a member of.
    pub parent: Option<u32>,
    /// How it hangs on `parent`, as printed: `__cause__`, `__context__`, `exceptions[0]`,
    /// `Suppressed`…
    pub relation: Option<String>,
    /// An exception group: its members name it as `parent`.
    pub group: bool,
    /// Thread, goroutine or task, as printed.
    pub thread: Option<String>,
    /// Outermost call first, the failing one last.
    pub frames: Vec<Frame>,
}

/// A stack that is not that of an exception.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thread {
    /// As printed.
    pub name: String,
    /// Outermost call first.
    pub frames: Vec<Frame>,
}

/// One frame of a stack trace. What the text does not say is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceContext {
    /// Lines above, in their order.
    pub before: Vec<String>,
    /// The line of the frame.
    pub line: String,
    /// Lines below, in their order.
    pub after: Vec<String>,
}

/// One thing that happened before an error.
#[derive(Clone, Debug, PartialEq)]
pub struct Breadcrumb {
    pub(crate) time: u64,
    /// How bad it was.
    pub severity: Severity,
    /// `log`, `http`…
    pub category: String,
    /// For humans.
    pub message: String,
    /// What else is known.
    pub attributes: Vec<Attribute>,
}

impl Breadcrumb {
    /// Something of severity `info` at this time, without attributes.
    pub fn new(time: Timestamp, category: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            time: time.unix_nanos(),
            severity: Severity::Info,
            category: category.into(),
            message: message.into(),
            attributes: Vec::new(),
        }
    }

    /// When it happened.
    pub fn time(&self) -> Timestamp {
        Timestamp::from_unix_nanos(self.time)
    }
}
