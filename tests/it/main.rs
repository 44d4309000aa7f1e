//! What tamis promises, one file per promise.

#![expect(clippy::disallowed_methods, reason = "tests start tasks of their own and end with them")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails here")]

mod book;
mod budgets;
mod faults;
mod grants;
mod order;
mod quarantine;
mod seats;
mod tidy;
