//! What a plugin is, and what it wants delivered.
//!
//! The attributes on the hooks fill in a [`Subscription`]; [`Plugin::subscribe`](crate::Plugin) may
//! change it from configuration. Everything absent is never called.

use std::time::Duration;

use crate::value::Severity;

/// Whether a message may do without the plugin, and with that what happens when it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Stance {
    /// It only looks, or adds what can be done without. On a fault the message goes on without it.
    Watcher,
    /// It changes content, decides or answers. On a fault the exchange is answered with an error,
    /// and a log record is dropped and counted.
    Guard,
}

/// Who the plugin is; made by `#[plugin]`.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    pub name: String,
    pub version: String,
    pub summary: String,
    pub stance: Stance,
    pub config_schema: Option<String>,
    pub metrics: Vec<String>,
}

/// What the host shall deliver.
///
/// `checks`, `scrub` and `on_page` are not asked for: writing them is enough.
///
/// ```
/// use std::time::Duration;
/// use tamis_sdk::{Plugin, Subscription, Tick, Background, plugin};
///
/// #[derive(serde::Deserialize)]
/// struct Sweeper { every_seconds: Option<u64> }
///
/// #[plugin]
/// impl Plugin for Sweeper {
///     fn subscribe(&self, subscription: &mut Subscription) {
///         if let Some(seconds) = self.every_seconds {
///             subscription.tick = Some(Duration::from_secs(seconds));
///         }
///     }
///
///     #[tick("30s")]
///     fn on_tick(&mut self, _: Tick, _: &Background) {}
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscription {
    /// Paths to act on: exact (`/health`), or a prefix with a final `*` (`/health/*`). Compared
    /// with the normalised path, without query. Empty: all.
    pub paths: Vec<String>,
    /// Heads and bodies of requests.
    pub request: Option<Phase>,
    /// Heads and bodies of responses.
    pub response: Option<Phase>,
    /// Call `on_done` once per exchange.
    pub done: Option<DoneSubscription>,
    /// Call `on_logs`.
    pub logs: Option<LogSubscription>,
    /// Call `on_tick` so often; the host may stretch it.
    pub tick: Option<Duration>,
    /// Call `on_health` when any check changes.
    pub health: bool,
    /// Call `on_errors`.
    pub errors: bool,
}

/// What the hooks of one direction receive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phase {
    /// Of the head, if the head hook is written.
    pub fields: Fields,
    /// Of the body, if the body hook is written.
    pub body: BodyMode,
}

/// Which ends of exchanges `on_done` is called for, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoneSubscription {
    /// Which attributes to send.
    pub fields: Fields,
    /// Exchanges that ended in an answer of a lower status pass unseen; what failed, and what ended
    /// without an answer, is always delivered. 0: all.
    pub min_status: u16,
}

/// Which fields or attributes to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fields {
    /// Every one. Each costs about 100 ns.
    All,
    /// Only these, in lower case.
    Only(Vec<String>),
    /// None.
    Nothing,
}

impl Fields {
    /// Only these; none when there are none.
    pub fn only<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        if names.is_empty() { Self::Nothing } else { Self::Only(names) }
    }
}

/// How the bytes of a body are delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyMode {
    /// Not at all.
    Skip,
    /// Copied in once it was forwarded: cannot be changed and never holds the exchange up.
    Observe(BodyLimits),
    /// As it arrives; each chunk may be replaced or held. Guards only.
    Transform(BodyLimits),
    /// Once, as a whole, up to `max_bytes`. Guards only.
    Whole(BodyLimits),
}

impl BodyMode {
    /// The limits, to be changed by `subscribe`; none for [`Skip`](Self::Skip).
    pub fn limits_mut(&mut self) -> Option<&mut BodyLimits> {
        match self {
            Self::Skip => None,
            Self::Observe(limits) | Self::Transform(limits) | Self::Whole(limits) => Some(limits),
        }
    }
}

/// How much of which bodies to deliver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyLimits {
    /// Stop delivering after so many bytes.
    pub max_bytes: u64,
    /// What then happens.
    pub on_overflow: Overflow,
    /// Media types to deliver, as `type/subtype`; either may be `*`, or begin with it, such as
    /// `application/*+json`. Empty: all. A body of which no type is stated is delivered as well.
    pub media_types: Vec<String>,
    /// Have the host undo `gzip`, `br`, `zstd` before delivery and redo it afterwards.
    pub decode: bool,
    /// Where the host may cut.
    pub unit: Unit,
}

/// Where the host may cut a body into chunks. A unit longer than 64 KiB is cut all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Unit {
    /// Anywhere, as it arrives.
    Bytes,
    /// After an LF: NDJSON, plain text.
    Line,
    /// After an empty line: server-sent events.
    Event,
}

/// What happens to a body longer than its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Overflow {
    /// The rest passes by unseen.
    Pass,
    /// The exchange fails: 413 on requests, 502 on responses.
    Reject,
}

/// In which form log records are delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum LogForm {
    /// As it was read; nothing is parsed.
    Raw,
    /// As `Raw`, but a message is a run of records joined by LF, up to 64 KiB, so that a scanner
    /// pays per block. Splices are the only change that makes sense.
    Block,
    /// JSON, logfmt and the usual text layouts are taken apart.
    Parsed,
}

/// What `on_logs` receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSubscription {
    /// In which form.
    pub form: LogForm,
    /// Records below pass unseen. Those whose severity is not known are always delivered.
    pub min_severity: Severity,
    /// Deliver when so many records wait…
    pub max_batch: u32,
    /// …or when the oldest has waited so long.
    pub max_delay: Duration,
    /// Also deliver the host's access log as records.
    pub access_log: bool,
}
