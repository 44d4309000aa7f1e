//! The components that the tests bring along, as the build made them.

include!(concat!(env!("OUT_DIR"), "/guests.rs"));
