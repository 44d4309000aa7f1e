//! tamis: a reverse proxy and log pipeline whose behaviour is made of sandboxed WebAssembly
//! components. The rooms, in reading order; ARCHITECTURE.md says what each may know.
#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        clippy::exit,
        clippy::type_complexity,
        reason = "they keep a host in order; a test plays the world around it"
    )
)]

pub mod config;
pub mod filter;
pub mod proxy;
pub mod log;
pub mod plugin;
pub mod health;
pub mod state;
pub mod outbound;
pub mod server;
pub mod wire;
pub mod metrics;
pub mod app;
pub mod cli;
