//! Why a hook could not do its work, and what a hook may answer.
//!
//! A [`Fault`] is an ordinary outcome: the host decides by `on-fault`, else by the plugin's
//! stance, whether the message goes on without the plugin. A panic is not: it costs the instance.

/// A hook could not do its work.
///
/// Errors of the host's functions turn into one by `?`; own errors are mapped by hand, because the
/// text must not hold any content of the message: it is shown to operators.
///
/// ```
/// use tamis_sdk::{Chunk, ChunkAction, Fault};
///
/// fn inspect(chunk: &Chunk) -> Result<ChunkAction, Fault> {
///     std::str::from_utf8(&chunk.data).map_err(|_| Fault::unprocessable("not UTF-8"))?;
///     Ok(ChunkAction::Pass)
/// }
/// # assert!(inspect(&Chunk::new(b"\xff".to_vec())).is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What kind of trouble it is; decides whether it counts as a strike.
    pub kind: FaultKind,
    /// For humans, in one sentence, without message content.
    pub message: String,
}

/// What kind of trouble a hook is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FaultKind {
    /// The message itself cannot be handled: malformed, too large. No strike.
    Unprocessable,
    /// Something the plugin depends on did not answer. No strike.
    Unavailable,
    /// A bug or unexpected state in the plugin. A strike: five of them within a minute put the
    /// plugin into quarantine.
    Internal,
}

impl Fault {
    /// The message itself cannot be handled.
    pub fn unprocessable(message: impl Into<String>) -> Self {
        Self { kind: FaultKind::Unprocessable, message: message.into() }
    }

    /// Something the plugin depends on did not answer.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self { kind: FaultKind::Unavailable, message: message.into() }
    }

    /// A bug or unexpected state in the plugin.
    pub fn internal(message: impl Into<String>) -> Self {
        Self { kind: FaultKind::Internal, message: message.into() }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

/// What a hook may return where a `T` is asked for: the `T` itself, or a `Result` of it whose
/// error turns into a [`Fault`].
///
/// So a hook that cannot fail stays free of `Ok(…)`, and one that can uses `?`:
///
/// ```
/// use tamis_sdk::{Fault, Next, Plugin, Request, host, next, plugin};
///
/// #[derive(serde::Deserialize)]
/// struct Counter {}
///
/// #[plugin]
/// impl Plugin for Counter {
///     fn on_request(&mut self, request: Request) -> Result<Next, Fault> {
///         let count = host::state().increment("requests", 1)?;
///         Ok(next().set_header("x-count", count.to_string()))
///     }
/// }
/// ```
///
/// A hook which only looks may return `()`: the message goes on unchanged.
#[diagnostic::on_unimplemented(
    message = "a hook that is asked for `{T}` cannot return `{Self}`",
    note = "return it as it is, or a `Result` of it whose error turns into a `tamis_sdk::Fault`"
)]
pub trait Answer<T> {
    /// The answer, or why there is none.
    ///
    /// # Errors
    ///
    /// What the hook returned as an error.
    fn answer(self) -> Result<T, Fault>;
}

impl<T> Answer<T> for T {
    #[inline]
    fn answer(self) -> Result<T, Fault> {
        Ok(self)
    }
}

impl<T, E: Into<Fault>> Answer<T> for Result<T, E> {
    #[inline]
    fn answer(self) -> Result<T, Fault> {
        self.map_err(Into::into)
    }
}
