//! Plugins under `cargo test`: hooks called natively, against a stand-in for the host in memory.
//!
//! Each test thread has a host of its own; [`Host::start`] makes a fresh one. It keeps what the
//! plugin logged, counted, captured and sent, has a clock that only moves when told to, and answers
//! requests and probes as a test sets them up. It checks what a plugin can get wrong alone (metrics
//! registered too late or not declared). Everything that concerns the chain, limits and splitting
//! of bodies is for `tamis test`, which runs the component.
//!
//! ```
//! use tamis_sdk::testing::{self, Host};
//! use tamis_sdk::{Next, Plugin, Request, host, next, plugin};
//!
//! #[derive(serde::Deserialize)]
//! struct Tag { header: String }
//!
//! #[plugin]
//! impl Plugin for Tag {
//!     fn on_request(&mut self, request: Request) -> Next {
//!         host::log::debug(&request.target);
//!         next().set_header(&self.header, "1")
//!     }
//! }
//!
//! let host = Host::start();
//! let (mut tag, _) = testing::start::<Tag>(r#"{"header":"x-tag"}"#).expect("it is complete");
//! assert_eq!(tag.on_request(Request::new("GET", "/")), next().set_header("x-tag", "1"));
//! assert_eq!(host.logs()[0].message, "/");
//! ```

mod host;
pub(crate) mod stand_in;

pub use host::{Host, LogLine};

use crate::background::Background;
use crate::bridge::{Hosted, configure};
use crate::config::{Config, ConfigError};
use crate::subscription::Subscription;

/// Configures a plugin from a JSON document, as the host does it. Also gives what it subscribed to.
///
/// # Errors
///
/// The mistakes that the plugin found.
pub fn start<P: Hosted>(config: &str) -> Result<(P, Subscription), Vec<ConfigError>> {
    stand_in::with(|host| host.starting = Some(P::manifest().metrics));
    let result = configure::<P>(Config::new(config));
    stand_in::with(|host| host.starting = None);
    result
}

/// What background hooks take, to call them in a test.
pub fn background() -> Background {
    Background::new()
}
