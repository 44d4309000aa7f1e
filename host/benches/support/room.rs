//! What both benchmarks stand on: plugins loaded from a configuration as the host loads them,
//! and exchanges that walk a chain of them without a socket.
//!
//! Nothing here is measured by itself; what is, is compared with [`Room::time`] around the
//! smallest piece of code that does it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderName, HeaderValue};
use tamis_host::app::assemble;
use tamis_host::app::plugins::{Plugins, Workshop};
use tamis_host::config::Config;
use tamis_host::filter::canary::Watch;
use tamis_host::filter::logs::LogChain;
use tamis_host::filter::{Chain, RequestHead, ResponseHead, sample};
use tamis_host::metrics;
use tamis_host::plugin::cache::Cache;
use tamis_host::plugin::services::Reach;
use tamis_host::state::{Limits, State};

/// The fields of a request as a browser sends them.
pub(crate) const FIELDS: [(&str, &str); 12] = [
    ("host", "shop.example"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("accept", "application/json, text/plain, */*"),
    ("accept-language", "de-DE,de;q=0.9"),
    ("accept-encoding", "identity"),
    ("cache-control", "no-cache"),
    ("referer", "https://shop.example/account/orders"),
    ("sec-fetch-dest", "empty"),
    ("sec-fetch-mode", "cors"),
    ("x-requested-with", "XMLHttpRequest"),
    ("x-client-version", "7.12.0+2026110301"),
    ("x-request-id", "0198c2f4-8d1f-7000-8000-000000000000"),
];

/// What is asked for.
pub(crate) const TARGET: &str = "/api/orders/4711";

/// The plugins of one configuration, in service for one worker.
pub(crate) struct Room {
    runtime: tokio::runtime::Runtime,
    pub(crate) plugins: Plugins,
    config: Config,
}

impl Room {
    /// Of the plugins that this configuration names.
    pub(crate) fn of(text: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime starts");
        let read = Config::load(Path::new("bench.toml"), text, &|_| None);
        let (config, _) = read.unwrap_or_else(|faults| panic!("{faults}\n{text}"));
        let plugins = runtime.block_on(load(&config));
        Self { runtime, plugins, config }
    }

    /// With standard plugins, in this order.
    pub(crate) fn of_standard(names: &[&str], isolation: &str, settings: &str) -> Self {
        let quoted: Vec<_> = names.iter().map(|name| format!("\"{name}\"")).collect();
        let quoted = quoted.join(", ");
        let logs: Vec<_> =
            ["redact", "errors"].into_iter().filter(|name| names.contains(name)).collect();
        let mut text = format!(
            "[[routes]]\nupstream = \"http://127.0.0.1:9\"\nplugins = [{quoted}]\n\n[logs]\n\
             plugins = {logs:?}\n\n"
        );
        for name in names {
            let allow = match *name {
                "health" => r#"["metrics", "state"]"#,
                "errors" => r#"["metrics", "state", "errors"]"#,
                _ => r#"["metrics"]"#,
            };
            text.push_str(&format!(
                "[plugins.{name}]\ncomponent = \"builtin:{name}\"\nallow = {allow}\nisolation = \
                 \"{isolation}\"\n"
            ));
            if *name == "errors" {
                // It asks for somewhere to send to; nothing is sent here.
                text.push_str("allow-http = [\"http://127.0.0.1:9\"]\n");
            }
            if *name == "redact" {
                text.push_str(&format!("config = {{ {settings} }}\n"));
            }
        }
        Self::of(&text)
    }

    /// The chain of the first route.
    pub(crate) fn chain(&self) -> Arc<Chain> {
        let route = self.config.routes.first().expect("the configuration has a route");
        self.plugins.chain(&route.plugins)
    }

    /// The chain of the log corridor.
    pub(crate) fn logs(&self) -> Arc<LogChain> {
        self.plugins.log_chain(&self.config.logs.plugins)
    }

    /// How long it takes to do `what` so many times, one after the other.
    pub(crate) fn time(&self, times: u64, mut what: impl AsyncFnMut()) -> Duration {
        self.runtime.block_on(async {
            let start = Instant::now();
            for _ in 0..times {
                what().await;
            }
            start.elapsed()
        })
    }

    /// Does it once.
    pub(crate) fn once<T>(&self, what: impl Future<Output = T>) -> T {
        self.runtime.block_on(what)
    }
}

async fn load(config: &Config) -> Plugins {
    let metrics = metrics::Host::new(metrics::Build { version: "0", revision: "0" });
    let metrics = Arc::new(metrics);
    let outlets = assemble::outlets(config, &metrics, Watch::default());
    let dialer = assemble::dialer().unwrap_or_else(|faults| panic!("{faults}"));
    let state = Arc::new(State::in_memory(Limits::default()));
    let reach = Reach::new(dialer, state, Arc::clone(&metrics));
    let engine = assemble::engine(config, 1).unwrap_or_else(|faults| panic!("{faults}"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("code");
    let cache = Cache::at(&folder).expect("the folder is ours");
    let workshop = Workshop {
        engine: &engine,
        cache: &cache,
        outlets: &outlets,
        reach: &reach,
        workers: 1,
        testing: false,
    };
    let loaded = Plugins::load(config, &workshop).await;
    loaded.unwrap_or_else(|faults| {
        let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
        panic!("{}", faults.join("\n"))
    })
}

/// A request with the first so many of [`FIELDS`].
pub(crate) fn request(fields: usize) -> RequestHead {
    let mut request = sample::request(TARGET);
    request.headers.clear();
    for (name, value) in FIELDS.iter().take(fields) {
        request.headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    request
}

/// A response with JSON to come.
pub(crate) fn response() -> ResponseHead {
    let mut response = sample::response();
    for (name, value) in [
        ("server", "upstream"),
        ("date", "Tue, 03 Nov 2026 09:30:00 GMT"),
        ("content-type", "application/json"),
        ("cache-control", "no-store"),
    ] {
        response.headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}
