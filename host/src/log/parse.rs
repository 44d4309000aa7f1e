//! Line to record.

pub mod join;
pub(crate) mod layout;
pub(crate) mod time;
pub mod unframe;
