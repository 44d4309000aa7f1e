//! The plugins of the book, as the build made them.

include!(concat!(env!("OUT_DIR"), "/examples.rs"));
