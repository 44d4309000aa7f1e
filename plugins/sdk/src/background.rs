//! The instance that may wait: its token, its ticks, and the calls that only it can make.
//!
//! Host calls that wait take their receiver, a [`Background`], from the hook. Hooks of the request
//! and log path get none, so a wait on their way does not compile.

use std::marker::PhantomData;

use crate::backend;
use crate::host::{Scope, State};
use crate::outbound::{self, SendError};
use crate::probe;
use crate::time::Timestamp;

/// Says that this hook runs in the background instance and may wait.
///
/// ```
/// use tamis_sdk::{Background, Fault, Plugin, Tick, outbound, plugin};
///
/// #[derive(serde::Deserialize)]
/// struct Beacon { url: String }
///
/// #[plugin]
/// impl Plugin for Beacon {
///     #[tick("1m")]
///     fn on_tick(&mut self, _: Tick, background: &Background) -> Result<(), Fault> {
///         let answer = background.send(&outbound::Request::get(&self.url))?;
///         background.state().set("status", answer.status.to_string())?;
///         Ok(())
///     }
/// }
/// ```
///
/// A hook on the request path has no such value:
///
/// ```compile_fail
/// use tamis_sdk::{Background, Plugin, Request, outbound, plugin};
///
/// #[derive(serde::Deserialize)]
/// struct Slow {}
///
/// #[plugin]
/// impl Plugin for Slow {
///     fn on_request(&mut self, _: Request) {
///         let background = Background {};
///         let _ = background.send(&outbound::Request::get("https://example.org"));
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Background {
    _only_from_the_bridge: (),
}

impl Background {
    pub(crate) const fn new() -> Self {
        Self { _only_from_the_bridge: () }
    }

    /// Sends a request and waits for the answer, whatever its status. Redirects are not followed.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing came back. Whether the request arrived is not known then.
    pub fn send(&self, request: &outbound::Request) -> Result<outbound::Response, SendError> {
        backend::outbound_http::send(request)
    }

    /// Runs these probes at the same time and waits for all; takes as long as the slowest. The
    /// answers come in the same order.
    pub fn probe(&self, tasks: &[probe::Task]) -> Vec<Result<probe::Success, probe::Failure>> {
        backend::probe::run(tasks)
    }

    /// State shared by all hosts which the operator has run as one. For state of this process, see
    /// [`host::state`](crate::host::state).
    pub fn state(&self) -> State<'_> {
        State { scope: Scope::Shared, may_wait: PhantomData }
    }
}

/// One call of `on_tick`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// The time of day.
    pub now: Timestamp,
    /// Ticks skipped since the last one, because it took too long or the host was busy.
    pub missed: u32,
}
