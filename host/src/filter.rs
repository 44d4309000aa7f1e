//! The words that both corridors share: what a filter is, what it may ask for, what it answers.
//!
//! A filter is a plugin's place in a corridor. The room that knows WebAssembly implements
//! [`Filter`] and [`Background`]; the rooms that know HTTP and logs call a [`Chain`]. This
//! room knows neither, and is tested with filters written in plain Rust.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};

pub mod background;
pub mod block;
pub mod body;
pub mod canary;
pub mod chain;
pub mod exchange;
#[cfg(test)]
mod fake;
pub mod logs;
pub mod queue;
pub mod record;
pub mod sample;
pub mod scrub;
pub mod value;

pub use background::{Background, Check, ErrorEvent, Page, PageRequest, Status};
pub use chain::{Chain, Closed, Link, OnFault, RequestWalk, ResponseWalk};
pub use exchange::{Exchange, Moment, Outcome, Place, RequestHead, ResponseHead, Summary, Visit};
pub use record::{LogChange, LogEdit, Record, Source};
pub use value::{Attribute, Severity, Splice, TraceContext, Value};

/// The name of a plugin as the operator wrote it. Cheap to clone.
pub type Name = Arc<str>;

/// A function exported for one moment of a corridor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Hook {
    /// Sees the head of a request.
    OnRequest,
    /// Sees a chunk of a request body.
    OnRequestBody,
    /// Sees the head of a response.
    OnResponse,
    /// Sees a chunk of a response body.
    OnResponseBody,
    /// Told when an exchange is over.
    OnDone,
    /// Sees a batch of records.
    OnLogs,
    /// Cleans texts that leave by another way than the corridors.
    Scrub,
    /// Called by the clock.
    OnTick,
    /// Takes error events.
    OnErrors,
    /// Says how it is.
    Checks,
    /// Makes a verdict of all checks.
    OnHealth,
    /// Serves a page of the admin listener.
    OnPage,
    /// Describes the plugin.
    Describe,
    /// Configures an instance.
    Init,
    /// Told before an instance is dropped.
    Shutdown,
}

impl Hook {
    /// All hooks, in the order of the enum.
    pub const ALL: [Self; 15] = [
        Self::OnRequest,
        Self::OnRequestBody,
        Self::OnResponse,
        Self::OnResponseBody,
        Self::OnDone,
        Self::OnLogs,
        Self::Scrub,
        Self::OnTick,
        Self::OnErrors,
        Self::Checks,
        Self::OnHealth,
        Self::OnPage,
        Self::Describe,
        Self::Init,
        Self::Shutdown,
    ];

    /// The name in the contract, `kebab-case`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OnRequest => "on-request",
            Self::OnRequestBody => "on-request-body",
            Self::OnResponse => "on-response",
            Self::OnResponseBody => "on-response-body",
            Self::OnDone => "on-done",
            Self::OnLogs => "on-logs",
            Self::Scrub => "scrub",
            Self::OnTick => "on-tick",
            Self::OnErrors => "on-errors",
            Self::Checks => "checks",
            Self::OnHealth => "on-health",
            Self::OnPage => "on-page",
            Self::Describe => "describe",
            Self::Init => "init",
            Self::Shutdown => "shutdown",
        }
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of hooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hooks(u32);

impl Hooks {
    /// The same set with one more hook.
    #[must_use]
    pub fn with(self, hook: Hook) -> Self {
        Self(self.0 | 1 << hook as u32)
    }

    /// Whether the hook is one of them.
    pub fn contains(self, hook: Hook) -> bool {
        self.0 & (1 << hook as u32) != 0
    }

    /// The hooks of the set, in the order of [`Hook::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Hook> {
        Hook::ALL.into_iter().filter(move |&hook| self.contains(hook))
    }
}

impl FromIterator<Hook> for Hooks {
    fn from_iter<I: IntoIterator<Item = Hook>>(hooks: I) -> Self {
        hooks.into_iter().fold(Self::default(), Self::with)
    }
}

/// Whether a message may do without the plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stance {
    /// It only looks, or adds what can be done without. Fails open.
    Watcher,
    /// It changes content, decides or answers. Fails closed.
    Guard,
}

/// What a plugin wants delivered. Whatever is absent is never called.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subscription {
    /// On which paths; all when empty.
    pub paths: Paths,
    /// Of requests.
    pub request: Option<Phase>,
    /// Of responses.
    pub response: Option<Phase>,
    /// Of ends of exchanges.
    pub done: Option<DoneSubscription>,
    /// Of records.
    pub logs: Option<LogSubscription>,
    /// How often to tick.
    pub tick: Option<Duration>,
    /// Whether to make a verdict of all checks.
    pub health: bool,
    /// Whether to take error events.
    pub errors: bool,
}

/// Which ends of exchanges are told, and with what.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DoneSubscription {
    /// Which attributes to send.
    pub fields: FieldFilter,
    /// Answers with a lower status pass unseen; 0 for all.
    pub min_status: u16,
}

impl DoneSubscription {
    /// Whether the plugin is told of an exchange that ended so. What failed always is, and what
    /// ended without an answer.
    pub fn wants(&self, summary: &Summary) -> bool {
        match (summary.outcome, summary.status) {
            (Outcome::Completed | Outcome::Answered | Outcome::Refused, Some(status)) => {
                status.as_u16() >= self.min_status
            }
            _ => true,
        }
    }
}

/// What the hooks of one direction receive.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Phase {
    /// Of the head.
    pub fields: FieldFilter,
    /// Of the body.
    pub body: BodyMode,
}

/// Which fields or attributes to send.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum FieldFilter {
    /// Every one.
    All,
    /// Only these, lower case.
    Only(Arc<[String]>),
    /// None.
    #[default]
    Nothing,
}

impl FieldFilter {
    /// Whether a field or attribute of that (lower-case) name is to be sent.
    pub fn wants(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.iter().any(|known| known == name),
            Self::Nothing => false,
        }
    }
}

/// How the bytes of a body are delivered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum BodyMode {
    /// Not at all.
    #[default]
    Skip,
    /// After they were forwarded.
    Observe(BodyLimits),
    /// As they arrive; each chunk may be replaced or held.
    Transform(BodyLimits),
    /// Once, as a whole.
    Whole(BodyLimits),
}

impl BodyMode {
    /// The limits, unless bodies are not delivered.
    pub fn limits(&self) -> Option<&BodyLimits> {
        match self {
            Self::Skip => None,
            Self::Observe(limits) | Self::Transform(limits) | Self::Whole(limits) => Some(limits),
        }
    }

    /// Whether the plugin may change what it sees.
    pub fn changes(&self) -> bool {
        matches!(self, Self::Transform(_) | Self::Whole(_))
    }
}

/// How much of which bodies to deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyLimits {
    /// Stop delivering after so many bytes.
    pub max_bytes: u64,
    /// What happens then.
    pub on_overflow: Overflow,
    /// Media types to deliver, `*` allowed in either place; all when empty.
    pub media_types: Arc<[String]>,
    /// Whether to undo content codings first.
    pub decode: bool,
    /// Where a body may be cut.
    pub unit: Unit,
}

/// Where the host may cut a body into chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Anywhere.
    Bytes,
    /// After an LF.
    Line,
    /// After an empty line.
    Event,
}

/// What happens to a body that is longer than its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overflow {
    /// The rest passes by unseen.
    Pass,
    /// The exchange fails.
    Reject,
}

/// In which form records are delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogForm {
    /// As they were read.
    Raw,
    /// Runs of records joined by LF.
    Block,
    /// Taken apart.
    Parsed,
}

/// What `on-logs` receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSubscription {
    /// The form.
    pub form: LogForm,
    /// Records below pass unseen; those of unknown severity are always delivered.
    pub min_severity: Severity,
    /// Deliver when so many records wait.
    pub max_batch: usize,
    /// Or when the oldest has waited so long.
    pub max_delay: Duration,
    /// Whether to deliver the access records, too.
    pub access_log: bool,
}

/// Paths that a plugin acts on: exact, or a prefix with a final `*`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Paths {
    patterns: Vec<String>,
    /// The operator allows no others; empty allows all.
    within: Vec<String>,
}

impl Paths {
    /// Of the patterns as written. Empty matches everything.
    pub fn new(patterns: Vec<String>) -> Self {
        Self { patterns, within: Vec::new() }
    }

    /// The same paths, but no others than the operator allows.
    #[must_use]
    pub fn narrowed(self, within: Vec<String>) -> Self {
        Self { within, ..self }
    }

    /// Whether a normalised path, without query, is one of them.
    pub fn matches(&self, path: &str) -> bool {
        fits(&self.patterns, path) && fits(&self.within, path)
    }

    /// The patterns as the plugin wrote them.
    pub fn patterns(&self) -> &[String] {
        &self.patterns
    }
}

fn fits(patterns: &[String], path: &str) -> bool {
    patterns.is_empty()
        || patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(prefix) => path.starts_with(prefix),
            None => path == pattern,
        })
}

/// One change of a head. The types hold only what may be put on the wire: names are
/// tokens, values hold neither CR, LF nor NUL, and no field of the host is among them.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    /// Sets a field, replacing all values of that name.
    SetHeader(HeaderName, HeaderValue),
    /// Adds a value, keeping those present.
    AppendHeader(HeaderName, HeaderValue),
    /// Removes all values of that name.
    RemoveHeader(HeaderName),
    /// Replaces path and query of a request.
    SetTarget(http::uri::PathAndQuery),
    /// Replaces the status of a response.
    SetStatus(StatusCode),
    /// Replaces the whole body, or gives one to a message that had none.
    SetBody(Bytes),
    /// Attaches to the exchange, for later phases, plugins and the access record.
    SetAttribute(Attribute),
}

/// An answer made by a plugin.
#[derive(Debug, Clone, PartialEq)]
pub struct LocalResponse {
    /// The status.
    pub status: StatusCode,
    /// The fields.
    pub headers: http::HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// What to do after a head was seen.
#[derive(Debug, Clone, PartialEq)]
pub enum HeadAction {
    /// Go on with these edits.
    Proceed(Vec<Edit>),
    /// Answer now, or instead.
    Respond(LocalResponse),
    /// Close without an answer.
    Abort,
}

impl HeadAction {
    /// Go on, nothing changed.
    pub fn pass() -> Self {
        Self::Proceed(Vec::new())
    }
}

/// A piece of a body, as a hook gets it.
#[derive(Debug, Clone, PartialEq)]
pub struct Chunk {
    /// The bytes; may be empty when it is the last.
    pub data: Bytes,
    /// How many bytes of this body were delivered before.
    pub offset: u64,
    /// Nothing follows.
    pub last: bool,
}

/// What to do with a chunk.
#[derive(Debug, Clone, PartialEq)]
pub enum ChunkAction {
    /// Forward it as it is.
    Pass,
    /// Forward these bytes instead.
    Replace(Bytes),
    /// Forward it after replacing ranges of it.
    Splice(Vec<Splice>),
    /// Forward it as it is, and deliver no more of this body.
    Done,
    /// Cut the exchange off.
    Abort,
}

/// A hook could not do its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What kind of trouble.
    pub kind: FaultKind,
    /// For operators, in one sentence. Text from a plugin passes the scrubbers before it
    /// is shown.
    pub message: String,
}

impl Fault {
    /// A fault of that kind.
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.as_str(), self.message)
    }
}

/// What kind of trouble a hook was in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FaultKind {
    /// The message itself cannot be handled.
    Unprocessable,
    /// Something the plugin depends on did not answer.
    Unavailable,
    /// A bug in the plugin, or an answer against the contract.
    Internal,
    /// The guest trapped.
    Trap,
    /// The call took too long.
    Deadline,
    /// The guest wanted more memory than it may have.
    Memory,
    /// The guest made too many host calls, or moved too many bytes.
    Budget,
    /// The instance that saw the beginning of the exchange is gone.
    Lost,
    /// The plugin is put aside.
    Quarantined,
}

impl FaultKind {
    /// All kinds, in the order of the enum.
    pub const ALL: [Self; 9] = [
        Self::Unprocessable,
        Self::Unavailable,
        Self::Internal,
        Self::Trap,
        Self::Deadline,
        Self::Memory,
        Self::Budget,
        Self::Lost,
        Self::Quarantined,
    ];

    /// The name, as in logs and metric labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unprocessable => "unprocessable",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
            Self::Trap => "trap",
            Self::Deadline => "deadline",
            Self::Memory => "memory",
            Self::Budget => "budget",
            Self::Lost => "lost",
            Self::Quarantined => "quarantined",
        }
    }

    /// Whether it counts against the plugin. What a message or a dependency causes does
    /// not, or a client could have the redactor put aside with five bad bodies.
    pub fn is_strike(self) -> bool {
        match self {
            Self::Internal | Self::Trap | Self::Deadline | Self::Memory | Self::Budget => true,
            Self::Unprocessable | Self::Unavailable | Self::Lost | Self::Quarantined => false,
        }
    }
}

/// A text on its way out, for scrubbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// The text.
    pub text: String,
    /// Where it comes from.
    pub origin: Origin,
    /// What it is the value of, where that is known; empty for free text.
    pub name: String,
}

/// Where a text comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A string of an error event.
    ErrorEvent,
    /// The message of a fault, a trap or a panic.
    Fault,
    /// A page of the admin listener.
    Page,
    /// Anything else that is kept, sent or shown.
    Other,
}

/// One place in a [`Chain`]. Hooks answer with edits; the chain applies them.
///
/// Every hook has a default that changes nothing, and none is called that
/// [`Filter::hooks`] does not name and [`Filter::wants`] does not ask for. A hook's future
/// that is dropped half-way costs the instance behind it; the filter stays usable.
#[async_trait]
pub trait Filter: Send + Sync {
    /// The operator's name for the plugin.
    fn name(&self) -> &Name;

    /// Whether messages may do without it.
    fn stance(&self) -> Stance;

    /// The hooks that it has.
    fn hooks(&self) -> Hooks;

    /// What to deliver.
    fn wants(&self) -> &Subscription;

    /// The chain found the answer of a hook to be against the contract.
    fn strike(&self, _hook: Hook, _fault: &Fault) {}

    /// Sees the request before it leaves for the upstream, and may answer it.
    async fn on_request(&self, _: Visit<'_>, _: &RequestHead) -> Result<HeadAction, Fault> {
        Ok(HeadAction::pass())
    }

    /// Sees a chunk of the request body.
    async fn on_request_body(&self, _: Visit<'_>, _: &Chunk) -> Result<ChunkAction, Fault> {
        Ok(ChunkAction::Pass)
    }

    /// Sees the response before it leaves for the client, and may replace it.
    async fn on_response(&self, _: Visit<'_>, _: &ResponseHead) -> Result<HeadAction, Fault> {
        Ok(HeadAction::pass())
    }

    /// Sees a chunk of the response body.
    async fn on_response_body(&self, _: Visit<'_>, _: &Chunk) -> Result<ChunkAction, Fault> {
        Ok(ChunkAction::Pass)
    }

    /// Told when the exchange is over.
    async fn on_done(&self, _: Visit<'_>, _: &Summary) -> Result<(), Fault> {
        Ok(())
    }

    /// The exchange is over and `on_done` will not be called: gives back what it holds.
    fn forget(&self, _: Visit<'_>) {}

    /// Sees a batch of records of one source, in the form it asked for.
    async fn on_logs(&self, _: &Source, _: &[Record]) -> Result<Vec<LogEdit>, Fault> {
        Ok(Vec::new())
    }

    /// Cleans texts: one answer for each, in order; `None` when it is clean.
    async fn scrub(&self, passages: &[Passage]) -> Result<Vec<Option<String>>, Fault> {
        Ok(vec![None; passages.len()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_exact_or_prefixes() {
        let paths = Paths::new(vec!["/health".into(), "/health/*".into()]);
        assert!(paths.matches("/health"));
        assert!(paths.matches("/health/live"));
        assert!(!paths.matches("/healthy"));
        assert!(Paths::default().matches("/anything"), "no pattern means all");
        let narrowed = paths.narrowed(vec!["/health/*".into(), "/other".into()]);
        assert!(narrowed.matches("/health/live"));
        assert!(!narrowed.matches("/health"), "narrower");
        assert!(!narrowed.matches("/other"), "never wider");
    }

    #[test]
    fn a_set_of_hooks_holds_each_of_them() {
        let all: Hooks = Hook::ALL.into_iter().collect();
        assert_eq!(all.iter().count(), Hook::ALL.len());
        let one = Hooks::default().with(Hook::OnDone);
        assert_eq!(one.iter().collect::<Vec<_>>(), [Hook::OnDone]);
    }

    #[test]
    fn who_cares_for_failures_is_told_of_nothing_else() {
        let wanted = DoneSubscription { fields: FieldFilter::Nothing, min_status: 500 };
        for (outcome, status, is_told) in [
            (Outcome::Completed, Some(200), false),
            (Outcome::Completed, Some(499), false),
            (Outcome::Completed, Some(500), true),
            (Outcome::Answered, Some(200), false),
            (Outcome::Answered, Some(503), true),
            (Outcome::Refused, Some(404), false),
            (Outcome::Refused, None, true),
            (Outcome::ClientClosed, Some(200), true),
            (Outcome::ClientClosed, None, true),
            (Outcome::UpstreamFailed, Some(200), true),
            (Outcome::UpstreamTimeout, Some(504), true),
            (Outcome::Fault, Some(200), true),
        ] {
            let status = status.map(|status| StatusCode::from_u16(status).unwrap());
            let summary = Summary { outcome, status, ..sample::summary() };
            assert_eq!(wanted.wants(&summary), is_told, "{outcome:?} {status:?}");
            assert!(DoneSubscription::default().wants(&summary), "all of them, by default");
        }
    }
}
