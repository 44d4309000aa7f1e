//! Who answers the calls to the host: the imports of the component, or off wasm a stand-in in
//! memory. Both offer the same functions.

#[cfg(target_arch = "wasm32")]
pub(crate) use crate::bindings::imports::tamis::plugin::{
    clock, errors, exchange, log, metrics, outbound_http, probe, random, state,
};

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::testing::stand_in::{
    clock, errors, exchange, log, metrics, outbound_http, probe, random, state,
};

/// Timings as they cross the boundary: durations in nanoseconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct RawTimings {
    pub(crate) received_at: u64,
    pub(crate) upstream_connect: Option<u64>,
    pub(crate) upstream_first_byte: Option<u64>,
    pub(crate) upstream_last_byte: Option<u64>,
    pub(crate) plugins: u64,
    pub(crate) this_plugin: u64,
}
