//! Replaces personal data and secrets in bodies, headers, log records and error events.

mod action;
mod bytes;
mod candidate;
mod ending;
mod engine;
mod field;
mod find;
mod names;
mod pair;
mod pem;
mod place;
mod placeholder;
mod plausible;
mod rule;
mod rules;
mod scan;
mod span;
mod stream;
mod text;
mod value;

pub use engine::{Counts, Engine, Scratch};
pub use field::Field;
pub use place::Kind;
pub use rules::{Action, ConfigError, Rules, SCHEMA};
pub use stream::{Answer, Splice, Stream};
