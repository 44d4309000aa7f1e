//! tamis: a reverse proxy and log pipeline whose behaviour is made of sandboxed WebAssembly
//! components. The rooms, in reading order; ARCHITECTURE.md says what each may know.

pub mod config;
pub mod filter;
pub mod plugin;
pub mod wire;
pub mod outbound;
pub mod metrics;
