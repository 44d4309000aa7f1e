//! Write a plugin for tamis: one trait, one attribute.
//!
//! A plugin looks at HTTP exchanges and log records, changes them, answers for the application, or
//! works in the background. It is a component that runs in a sandbox: it exports the hooks that it
//! writes and imports what it calls, and its imports are the permissions which an operator grants.
//!
//! ```
//! use serde::Deserialize;
//! use tamis_sdk::{Next, Plugin, Request, next, plugin};
//!
//! #[derive(Deserialize)]
//! struct Tag {
//!     header: Option<String>,
//! }
//!
//! #[plugin]
//! impl Plugin for Tag {
//!     fn on_request(&mut self, request: Request) -> Next {
//!         if request.header("x-skip").is_some() {
//!             return next();
//!         }
//!         next().set_header(self.header.as_deref().unwrap_or("x-tamis"), "1")
//!     }
//! }
//! ```
//!
//! # The parts
//!
//! * [`Plugin`] lists the hooks: `on_request`, `on_request_body`, `on_response`,
//!   `on_response_body`, `on_done`, `on_logs`, `scrub`, `on_tick`, `on_errors`, `checks`,
//!   `on_health`, `on_page`; and `configure`, `subscribe`, `shutdown`.
//! * [`#[plugin]`](plugin) reads which of them are written, and says the rest to the host.
//! * [`host`] is what a plugin may ask of the host from any hook. What waits is on [`Background`],
//!   which only the hooks of the background instance receive.
//! * [`metrics`](mod@metrics) counts; [`Exchanges`] remembers across the hooks of an exchange;
//!   [`Carry`] across the chunks of a body.
//! * [`testing`] runs plugins natively under `cargo test`.
//!
//! # Building
//!
//! A plugin is a library of the crate type `cdylib`, built for `wasm32-unknown-unknown` with
//! `panic = "abort"` and the target feature `simd128`, and made into a component by `wit-component`;
//! the example `componentize` of this crate does the last step.
//!
//! There is no WASI: `std::time::Instant::now` and `SystemTime::now` panic (take [`Instant`] and
//! [`Timestamp`]), files and sockets fail, and every `HashMap` is seeded alike. A panic is logged
//! with file and line, and costs the instance.

#[cfg(test)]
extern crate self as tamis_sdk;

/// Gives an enum of the contract what the generated bindings read it by. The cases are in the
/// order of the contract, which `tests/contract.rs` checks.
macro_rules! lift {
    ($name:ident { $($case:ident),* $(,)? }) => {
        #[cfg(target_arch = "wasm32")]
        impl $name {
            #[inline]
            pub(crate) fn _lift(case: u8) -> Self {
                [$(Self::$case),*][usize::from(case)]
            }
        }
    };
}

mod amount;
mod backend;
mod background;
#[cfg(target_arch = "wasm32")]
mod bindings;
mod bridge;
mod carry;
mod config;
pub mod errors;
mod fault;
mod health;
pub mod host;
mod http;
mod logs;
pub mod metrics;
pub mod outbound;
mod page;
#[cfg(target_arch = "wasm32")]
mod panic;
mod plugin;
mod pool;
pub mod probe;
mod scrub;
mod subscription;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
mod time;
mod value;
#[cfg(target_arch = "wasm32")]
mod wire;

pub use amount::{ByteSize, NoAmount, Span};
pub use background::{Background, Tick};
pub use carry::Carry;
pub use config::{Config, ConfigError, Role};
pub use errors::ErrorEvent;
pub use fault::{Answer, Fault, FaultKind};
pub use health::{Check, Status};
pub use http::{
    Chunk, ChunkAction, Edit, Exchange, Exchanges, Next, Outcome, Reply, Request, Response,
    Summary, Timings, next, respond,
};
pub use logs::{Batch, Edits, LogChange, LogEdit, Record};
pub use page::PageRequest;
pub use plugin::Plugin;
pub use scrub::{Origin, Passage};
pub use subscription::{
    BodyLimits, BodyMode, DoneSubscription, Fields, LogForm, LogSubscription, Overflow, Phase,
    Stance, Subscription, Unit,
};
/// Turns an `impl Plugin` block into a plugin: a manifest, a subscription, and the exports of the
/// hooks that are written.
///
/// | on the block | |
/// | --- | --- |
/// | `guard` | it changes content, decides or answers; on a fault messages do not go on without it |
/// | `watcher` | it only looks, or adds what can be done without (the default) |
/// | `paths("/api/*")` | act on these paths only: exact, or a prefix with a final `*` |
/// | `metrics(Set, …)` | the sets declared with [`metrics!`] that it registers |
/// | `exchanges(field, …)` | fields of the type [`Exchanges`], cleared when an exchange is over |
/// | `schema = include_str!("…")` | JSON Schema (2020-12) of its configuration |
/// | `own_allocator` | the crate has a `#[global_allocator]` of its own |
/// | `name = "…"`, `summary = "…"` | instead of the package's name, without `tamis-`, and description |
///
/// | on a hook | |
/// | --- | --- |
/// | `#[fields("accept", …)]` | which headers `on_request` or `on_response` gets; also `all` (the default) and `none` |
/// | `#[body(observe, max = "1 MiB")]` | how a body hook gets bodies; see [`Plugin::on_request_body`] |
/// | `#[done("url.path", …)]` | which attributes `on_done` gets; also `all` and `none` (the default); `min = 500`: only of failures |
/// | `#[logs(parsed)]` | how `on_logs` gets records; see [`Plugin::on_logs`] |
/// | `#[tick("10s")]` | how often `on_tick` is called |
///
/// What is missing, or contradicts itself, is a compile error that shows the line to write:
///
/// ```compile_fail
/// # use tamis_sdk::{Chunk, ChunkAction, Plugin, plugin};
/// # #[derive(serde::Deserialize)]
/// # struct Upper {}
/// #[plugin] // error: this mode changes content, which only a guard may; write `#[plugin(guard)]`
/// impl Plugin for Upper {
///     #[body(transform, max = "1 MiB")]
///     fn on_response_body(&mut self, chunk: Chunk) -> ChunkAction {
///         ChunkAction::Replace(chunk.data.to_ascii_uppercase())
///     }
/// }
/// ```
pub use tamis_sdk_macros::plugin;
pub use time::{Instant, Timestamp};
pub use value::{Attribute, Header, Severity, Splice, TraceContext, Value};

/// What the macros expand to. Not for plugins, may change at any time.
#[doc(hidden)]
pub mod __private {
    #[cfg(target_arch = "wasm32")]
    pub use crate::bindings::*;
    #[cfg(target_arch = "wasm32")]
    pub use crate::bridge::Bridge;
    pub use crate::bridge::Hosted;
    pub use crate::metrics::kinds as metric_kinds;
    pub use crate::pool::Pool;
    pub use crate::subscription::Manifest;

    /// The name of a plugin whose package has this name.
    pub fn plugin_name(package: &str) -> &str {
        package.strip_prefix("tamis-").unwrap_or(package)
    }

    /// Reads a plugin which is its own settings.
    pub fn parse<P>(config: crate::Config) -> Result<P, Vec<crate::ConfigError>>
    where
        P: for<'de> serde::Deserialize<'de>,
    {
        config.parse()
    }

    /// The names of all metrics of these sets.
    pub fn names(sets: &[&[&str]]) -> Vec<String> {
        sets.iter().copied().flatten().map(|name| (*name).to_owned()).collect()
    }

    pub const fn count(names: &[&str]) -> usize {
        names.len()
    }
}
