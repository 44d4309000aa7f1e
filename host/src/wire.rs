//! What HTTP looks like as bytes: heads, chunks, authorities, bodies, streams.
//!
//! The rooms that touch a socket (`server`, `outbound`) and the room that decides what happens to
//! an exchange (`proxy`) share these words and nothing else. Everything here is a pure function or
//! a plain type: no socket is opened, no status is chosen. What is refused is
//! named by a [`Refusal`]; which answer a client gets for it is written in one other place.

pub mod authority;
pub mod body;
pub mod chunked;
pub mod deadline;
pub mod head;
pub mod refusal;
pub mod stream;

pub use authority::Authority;
pub use body::{Body, BodyError, Tunnel, TunnelEnd};
pub use deadline::Deadline;
pub use head::{Framing, Head, HeadLimits};
pub use refusal::Refusal;
pub use stream::Stream;

/// In the extensions of an answer: close without sending it, because that is what was decided.
#[derive(Debug, Clone, Copy)]
pub struct Abort;
