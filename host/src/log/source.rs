//! Sources.

pub mod lines;
