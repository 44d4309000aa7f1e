//! The parts of a host, made from its configuration. No task is started and nothing is bound.

use std::path::Path;
use std::sync::Arc;

use super::plugins::Plugins;
use super::{EVENTS, Options, RECORDS};
use crate::config::{self, Config, Fault, Faults, Origin};
use crate::filter::canary::{self, Watch};
use crate::filter::queue::{Bound, Queue};
use crate::metrics;
use crate::outbound::{Dialer, Dialing};
use crate::plugin::cache::Cache;
use crate::plugin::engine::{Capacity, Engine};
use crate::plugin::seat::MAX_FRESH;
use crate::plugin::services::{Clock, Outlets};
use crate::proxy::route::{Route, Routes};
use crate::proxy::upstream::Upstream;
use crate::proxy::{Version, encoding, headers, path};
use crate::state::{self, State, redis};
use crate::wire::HeadLimits;

/// What this build is.
pub fn build() -> metrics::Build {
    metrics::Build { version: env!("CARGO_PKG_VERSION"), revision: env!("TAMIS_REVISION") }
}

/// Workers of the request path: what the caller says, else the configuration, else one for
/// each processor.
pub fn workers(config: &Config, options: &Options) -> usize {
    let configured = options.workers.or(config.server.workers.map(std::num::NonZero::get));
    configured
        .or_else(|| std::thread::available_parallelism().ok().map(std::num::NonZero::get))
        .unwrap_or(1)
}

/// The queues that plugins, proxy and host write to.
pub fn outlets(config: &Config, metrics: &Arc<metrics::Host>, watch: Watch) -> Outlets {
    let bound = Bound { items: RECORDS, weight: config.logs.queue.bytes() };
    Outlets {
        records: Queue::new(bound),
        errors: Queue::new(EVENTS),
        metrics: Arc::clone(metrics),
        clock: Clock::system(),
        watch,
    }
}

/// What looks for canaries; it counts in `metrics`, if there are any.
pub fn watch(config: &Config, metrics: Option<&metrics::Host>) -> Result<Watch, Faults> {
    let canaries = config.redact.all()?;
    let on_canary = match config.redact.on_canary {
        config::OnCanary::Count => canary::OnCanary::Count,
        config::OnCanary::Withhold => canary::OnCanary::Withhold,
    };
    Watch::new(canaries.iter().map(config::Secret::expose), on_canary, metrics)
        .map_err(|why| fault(&Origin::argument("[redact]"), format!("too many canaries: {why}")))
}

/// What dials.
pub fn dialer() -> Result<Arc<Dialer>, Faults> {
    let dialer = Dialer::new(Dialing::default());
    let dialer = dialer.map_err(|error| {
        fault(&Origin::built_in(), format!("the TLS client cannot be set up: {error}"))
    })?;
    Ok(Arc::new(dialer))
}

/// Where plugins keep their state.
pub fn state(config: &Config, dialer: &Arc<Dialer>) -> Result<State, Faults> {
    let limits = state::Limits { bytes: config.state.limit.bytes(), ..state::Limits::default() };
    let Some(url) = &config.state.url else { return Ok(State::in_memory(limits)) };
    let server =
        redis::Redis::new(Arc::clone(dialer), &credentialed(&url.value), config.state.timeout)
            .map_err(|error| fault(&url.origin, error.to_string()))?;
    Ok(State::with_server(limits, server))
}

/// A URL with its credentials in it, encoded.
fn credentialed(url: &config::ServiceUrl) -> String {
    let Ok(mut with) = url::Url::parse(&url.to_string()) else { return url.to_string() };
    // Both only fail on URLs without a host, and the configuration takes none of these.
    if let Some(user) = &url.user {
        let _ = with.set_username(user.expose());
    }
    if let Some(password) = &url.password {
        let _ = with.set_password(Some(password.expose()));
    }
    with.into()
}

/// The engine, with room for all plugins.
pub fn engine(config: &Config, workers: usize) -> Result<Engine, Faults> {
    let fresh = config
        .plugins
        .iter()
        .filter(|plugin| plugin.isolation == config::Isolation::Exchange)
        .count()
        * MAX_FRESH
        * workers;
    let capacity = Capacity::for_plugins(workers, config.plugins.len(), fresh);
    Engine::start(capacity).map_err(|error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        let text = format!("{error}: {}", cause.unwrap_or_default());
        let fault = Fault::new(&Origin::built_in(), text);
        faults(vec![fault.remedy("raise the limit on address space, or run fewer workers")])
    })
}

/// Compiled code, kept where the caller says.
pub fn cache(folder: Option<&Path>) -> Cache {
    match folder.map(Cache::at) {
        Some(Ok(cache)) => cache,
        Some(Err(why)) => {
            tracing::warn!("compiled plugins are not kept: {why}");
            Cache::none()
        }
        None => Cache::none(),
    }
}

/// Routes, chains and upstreams as requests see them.
pub fn version(
    config: &Config,
    plugins: &Plugins,
    metrics: &Arc<metrics::Host>,
    number: u64,
) -> Result<Version, Faults> {
    let limits = &config.server.limits;
    let mut upstreams = Vec::with_capacity(config.upstreams.len());
    for upstream in &config.upstreams {
        let made = Upstream::new(upstream, limits, metrics)
            .map_err(|error| fault(&upstream.origin, error.to_string()))?;
        upstreams.push(Arc::new(made));
    }
    let routes = config.routes.iter().filter_map(|route| {
        // The configuration has checked that there is one.
        let upstream =
            config.upstreams.iter().position(|upstream| upstream.name == route.upstream)?;
        Some(Arc::new(Route::new(route, plugins.chain(&route.plugins), upstream)))
    });
    Ok(Version {
        number,
        routes: Routes::new(routes.collect()),
        upstreams,
        forwarding: headers::Forwarding {
            trusted: config.server.trusted_proxies.iter().map(|given| given.value).collect(),
            ..headers::Forwarding::default()
        },
        head: head_limits(limits),
        paths: path::PathRules::default(),
        coding: encoding::DecodeLimits {
            bytes: limits.decoded_body.0,
            ratio: u64::from(limits.decoded_ratio),
            ..encoding::DecodeLimits::default()
        },
    })
}

/// How large the head of a request may be.
pub fn head_limits(limits: &config::Limits) -> HeadLimits {
    HeadLimits {
        bytes: limits.head.bytes(),
        fields: limits.headers as usize,
        target: limits.target.bytes(),
    }
}

/// One fault as the answer.
pub fn fault(origin: &Origin, text: impl Into<String>) -> Faults {
    faults(vec![Fault::new(origin, text)])
}

/// Faults as the answer.
pub fn faults(faults: Vec<Fault>) -> Faults {
    Faults::new(faults, Vec::new())
}
