//! Log records of the plugin itself. They join the log path as source `plugin:<name>`, are
//! rate-limited by the host and redacted like any other.
//!
//! ```
//! use tamis_sdk::{Severity, host::log};
//!
//! log::warn(format_args!("slow: {} ms", 1200));
//! log::write(Severity::Info, "loaded", &[("rules".to_owned(), 12_u32.into())]);
//! ```

use std::fmt::Display;

use crate::backend;
use crate::value::{Attribute, Severity};

/// Writes a record with attributes.
pub fn write(severity: Severity, message: &str, attributes: &[Attribute]) {
    backend::log::write(severity, message, attributes);
}

/// Writes a record of severity `trace`.
pub fn trace(message: impl Display) {
    write(Severity::Trace, &message.to_string(), &[]);
}

/// Writes a record of severity `debug`.
pub fn debug(message: impl Display) {
    write(Severity::Debug, &message.to_string(), &[]);
}

/// Writes a record of severity `info`.
pub fn info(message: impl Display) {
    write(Severity::Info, &message.to_string(), &[]);
}

/// Writes a record of severity `warn`.
pub fn warn(message: impl Display) {
    write(Severity::Warn, &message.to_string(), &[]);
}

/// Writes a record of severity `error`. What an operator should be told about as a failure goes to
/// [`capture`](super::capture) instead.
pub fn error(message: impl Display) {
    write(Severity::Error, &message.to_string(), &[]);
}
