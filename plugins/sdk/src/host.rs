//! What a plugin asks of the host, from any hook, without ever waiting.
//!
//! Each capability is an import of its own: a plugin imports what it calls, and its imports are
//! the grants it needs. What waits is on [`Background`](crate::Background).

pub mod log;
mod random;
mod state;

pub use random::{random_bytes, random_u64};
pub(crate) use state::Scope;
pub use state::{State, StateError};

use std::marker::PhantomData;

use crate::backend;
use crate::errors::ErrorEvent;
use crate::outbound::{Request, SendError};

/// State of the plugin in this process: in memory, shared by all its instances, kept over reloads
/// and traps, and the way to hand results from the background to the workers. A read takes about
/// 150 ns and never waits. Needs the grant `state`.
///
/// ```
/// use std::time::Duration;
/// use tamis_sdk::host;
///
/// # fn main() -> Result<(), tamis_sdk::host::StateError> {
/// host::state().set_for("token", "abc", Duration::from_secs(60))?;
/// assert_eq!(host::state().get("token")?.as_deref(), Some(&b"abc"[..]));
/// # Ok(())
/// # }
/// ```
pub fn state() -> State<'static> {
    State { scope: Scope::Local, may_wait: PhantomData }
}

/// Hands a request over for delivery in the background. Network errors, 429 and 5xx are retried
/// with growing pauses; the answer is not seen. Needs the origin in `allow-http`.
///
/// # Errors
///
/// [`SendError::Denied`], [`SendError::Invalid`], or [`SendError::Full`]: the queue is bounded, and
/// what does not fit is dropped and counted.
pub fn enqueue(request: &Request) -> Result<(), SendError> {
    backend::outbound_http::enqueue(request)
}

/// Reports an error to every plugin with `on_errors`, this one included. Queued and bounded: when
/// the sinks cannot keep up, events are dropped and counted. Needs the grant `errors`.
pub fn capture(event: &ErrorEvent) {
    backend::errors::capture(event);
}
