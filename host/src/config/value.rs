//! The values that settings are made of, each with its own way of being written.
//!
//! All of them are parsed from text with [`FromStr`](std::str::FromStr) and refuse with a
//! [`Mistake`], which says what is wrong and what to write instead; the command line parses its
//! arguments by the same code. What was parsed is valid, and no room checks it again.

mod address;
mod amount;
mod name;
mod path;
mod pattern;
mod secret;
mod url;

pub use address::{AdminListen, Listen, Scheme};
pub use amount::{ByteSize, Percent, Rate, Span};
pub use name::{Level, Name};
pub use path::{PathGlob, PathPattern};
pub use pattern::{Glob, HostPattern, Statuses};
pub use secret::Secret;
pub use url::{HttpOrigin, ServiceUrl};

pub(super) use address::network;

/// Why a text is not the value it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}; {remedy}")]
pub struct Mistake {
    /// What is wrong: a lower-case fragment that names the text.
    pub problem: String,
    /// What to write instead.
    pub remedy: String,
}

impl Mistake {
    /// Puts the two sentences together.
    pub fn new(problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { problem: problem.into(), remedy: remedy.into() }
    }
}
