//! Which requests go where: host and path to a route.
//!
//! Routes are tried in the operator's order, and the first that fits is taken. Matching is by
//! the normal form of the path, the same that plugins and the upstream see.

use std::sync::Arc;
use std::time::Duration;

use crate::config::{self, HostPattern, PathPattern};
use crate::filter::Chain;

/// Where a request goes, and through which plugins.
pub struct Route {
    /// The operator's name for it, fit for a metric label.
    pub name: Arc<str>,
    /// The plugins, in order.
    pub chain: Arc<Chain>,
    /// The index of its upstream among those of the version.
    pub upstream: usize,
    /// How long the upstream may take for the head of its answer.
    pub head_timeout: Option<Duration>,
    /// How long the upstream may pause within a body; `None` for streams.
    pub body_timeout: Option<Duration>,
    /// How long the whole exchange may take.
    pub total_timeout: Option<Duration>,
    /// Largest request body in bytes.
    pub body_limit: Option<u64>,
    /// Whether connections may become WebSockets.
    pub websocket: bool,
    hosts: Vec<HostPattern>,
    path: PathPattern,
}

impl Route {
    /// As configured, with the plugins and the upstream that its names stand for.
    pub fn new(route: &config::Route, chain: Arc<Chain>, upstream: usize) -> Self {
        let websocket = route.websocket.unwrap_or_else(|| !chain.changes_bodies());
        Self {
            name: Arc::clone(&route.name),
            chain,
            upstream,
            head_timeout: route.head_timeout,
            body_timeout: if route.stream { None } else { route.body_idle_timeout },
            total_timeout: route.total_timeout,
            body_limit: route.body_limit.map(|limit| limit.0),
            websocket,
            hosts: route.hosts.clone(),
            path: route.path.clone(),
        }
    }

    fn fits(&self, host: &str, path: &str) -> bool {
        (self.hosts.is_empty() || self.hosts.iter().any(|pattern| pattern.matches(host)))
            && self.path.matches(path)
    }
}

/// All routes, in order.
pub struct Routes(Vec<Arc<Route>>);

impl Routes {
    /// In the operator's order.
    pub fn new(routes: Vec<Arc<Route>>) -> Self {
        Self(routes)
    }

    /// The first route that fits a host (without port) and a normalised path (without query).
    pub fn find(&self, host: &str, path: &str) -> Option<&Arc<Route>> {
        self.0.iter().find(|route| route.fits(host, path))
    }

    /// In the operator's order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.0.iter()
    }
}
