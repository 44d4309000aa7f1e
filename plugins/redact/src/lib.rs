//! Replaces personal data and secrets in bodies, headers, log records and error events.
//!
//! The engine in the order in which a text meets it:
//!
//! * `scan` sorts 64 bytes at a time into classes, and `candidate` works out of them the few places
//!   worth a look. Nothing else reads every byte, so clean text costs the same however many rules
//!   there are.
//! * `find` takes the candidates to those who judge them: `value` by their shape, `pair` and `names`
//!   by the name before them. `text` makes their verdicts independent of where a text was cut.
//! * `span` settles overlaps, `action` writes what stands in place of a hit.
//! * `stream` does the same for texts that arrive in pieces, `field` for values whose name is known.
//!
//! `rules` is what is configured. Nothing here knows the host, sockets, or what a plugin is.
//!
//! ```
//! use tamis_redact::{Engine, Kind, Rules, Scratch};
//!
//! let engine = Engine::new(Rules::default());
//! let mut scratch = Scratch::default();
//! let text = b"login jane@example.com password=hunter2 ok";
//! assert_eq!(&*engine.redact(Kind::Text, text, &mut scratch), b"login [email] password=[redacted] ok");
//! ```

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
