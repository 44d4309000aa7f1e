//! What the tests need to look at tamis from outside: guests that behave and that do not,
//! components that do not fit, and the plugin room with everything that a plugin is given.

pub mod examples;
pub mod guests;
pub mod misfits;
pub mod raw;
pub mod room;
