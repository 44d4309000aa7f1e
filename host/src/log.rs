//! The log corridor.

pub mod parse;
pub mod source;
