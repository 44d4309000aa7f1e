//! Config → rooms → running tasks; the only file that sees all.
//!
//! Building loads every plugin and binds every socket, so that whatever is wrong is said
//! before anything is served. Running starts the tasks, and ends them in order: readiness
//! first, then the listeners, exchanges, the application, records, error events, plugins.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

pub mod admin;
pub mod background;
pub mod plugins;

use admin::AdminPages;
use background::Errors;
use plugins::{Plugins, Workshop};

use crate::config::{self, AdminListen, Config, Fault, Faults, Warning};
use crate::filter::background::{Background, ErrorEvent, Status};
use crate::filter::logs::Scrubbers;
use crate::filter::queue::{Bound, Queue};
use crate::filter::{Filter, Stance};
use crate::health::{Board, Said, Source};
use crate::metrics;
use crate::outbound::{Dialer, Dialing};
use crate::plugin::cache::Cache;
use crate::plugin::engine::{Capacity, Engine};
use crate::plugin::seat::MAX_FRESH;
use crate::plugin::services::{Clock, Outlets, Reach};
use crate::proxy::access::After;
use crate::proxy::route::{Route, Routes};
use crate::proxy::upstream::Upstream;
use crate::proxy::{self, Proxy, Version, encoding, headers};
use crate::server::admin::Admin;
use crate::server::{self, Server};
use crate::state::{self, State};

/// Error events that may wait to be cleaned.
const EVENTS: Bound = Bound { items: 1000, weight: 16 * 1024 * 1024 };
/// How long plugins may take to say farewell, all together.
const FAREWELL: Duration = Duration::from_secs(2);

/// What the host is told beside its configuration.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Where compiled code is kept; nowhere when absent.
    pub cache: Option<PathBuf>,
    /// The application to start, with its arguments.
    pub command: Option<Vec<OsString>>,
}
