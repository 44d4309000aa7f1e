//! The host's own metrics, and the one place that shows everything.

use super::expose::{Exposition, expose};
use super::families::{
    Deliveries, Exchanges, Health, Logs, Plugins, Process, Redaction, Settings, Upstreams,
};
use super::process;
use super::registry::{Family, Registry};
use super::series::{Gauge, Reading};
use std::collections::BTreeMap;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// What this program was built from.
#[derive(Debug, Clone, Copy)]
pub struct Build {
    /// Version of the package.
    pub version: &'static str,
    /// Revision of the source, or `unknown`.
    pub revision: &'static str,
}

/// A counter of a plugin.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Count {
    /// The name, as it is shown among all metrics.
    pub metric: String,
    /// The labels that the plugin gave it.
    pub labels: BTreeMap<String, String>,
    /// What was counted.
    pub count: f64,
}

/// Every family of the host, and the registry which the plugins' families join. One per host.
#[derive(Debug)]
pub struct Host {
    registry: Registry,
    /// What is in force.
    pub settings: Settings,
    /// What plugins do, and what it costs.
    pub plugins: Plugins,
    /// What plugins handed over for delivery.
    pub deliveries: Deliveries,
    /// The corridor of log records, and error events.
    pub logs: Logs,
    /// What was to be redacted and was not.
    pub redaction: Redaction,
    /// Clients, their connections and exchanges.
    pub exchanges: Exchanges,
    /// The servers behind.
    pub upstreams: Upstreams,
    /// Checks, the verdict over them, and probes.
    pub health: Health,
    /// The process itself, brought up to date when somebody looks.
    pub process: Process,
}

impl Host {
    /// Makes the families of a host that starts now.
    pub fn new(build: Build) -> Host {
        let registry = Registry::new();
        let host = Host {
            settings: Settings::new(&registry),
            plugins: Plugins::new(&registry),
            deliveries: Deliveries::new(&registry),
            logs: Logs::new(&registry),
            redaction: Redaction::new(&registry),
            exchanges: Exchanges::new(&registry),
            upstreams: Upstreams::new(&registry),
            health: Health::new(&registry),
            process: Process::new(&registry),
            registry,
        };
        host.settings.build_info.with([build.version, build.revision]).set(1.0);
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        host.process.start.with([]).set(started.as_secs_f64());
        host
    }

    /// Where all families are kept.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Brings up to date what is only known when somebody asks, and writes everything.
    ///
    /// `accept` and `accept_encoding` are the header fields of the request. Never stops those who
    /// count.
    pub fn expose(&self, accept: Option<&str>, accept_encoding: Option<&str>) -> Exposition {
        let start = Instant::now();
        self.refresh_process();
        self.refresh_series();
        let exposition = expose(&self.registry, accept, accept_encoding);
        self.process.collection_duration.with([]).set(start.elapsed().as_secs_f64());
        exposition
    }

    /// What a plugin counted under names of its own, by name and then by labels. What goes up and
    /// down, or is a distribution, is no count.
    pub fn counts_of(&self, plugin: &str) -> Vec<Count> {
        let mut counts = Vec::new();
        for (name, groups) in self.registry.shown() {
            for group in groups.iter().filter(|group| group.plugin.as_deref() == Some(plugin)) {
                for (values, series) in group.all() {
                    let Reading::Counter { count, .. } = series.read() else { continue };
                    let labels = match values {
                        Some(values) => {
                            group.definition.labels.iter().cloned().zip(values).collect()
                        }
                        // What is over the bound on series.
                        None => BTreeMap::from([("otel_metric_overflow".into(), "true".into())]),
                    };
                    counts.push(Count { metric: name.clone(), labels, count });
                }
            }
        }
        counts
    }

    fn refresh_process(&self) {
        let usage = process::usage();
        let set = |family: &Family<Gauge, 0>, value: Option<u64>| {
            if let Some(value) = value {
                family.with([]).set(value as f64);
            }
        };
        set(&self.process.resident_memory, usage.resident_bytes);
        set(&self.process.virtual_memory, usage.virtual_bytes);
        set(&self.process.open_files, usage.open_files);
        set(&self.process.most_files, usage.most_files);
        set(&self.process.threads, usage.threads);
        if let Some(seconds) = usage.cpu_seconds {
            self.process.cpu.with([]).set_to(seconds);
        }
    }

    fn refresh_series(&self) {
        let mut plugins: BTreeMap<String, (usize, u64)> = BTreeMap::new();
        for (_, groups) in self.registry.shown() {
            for group in groups {
                let Some(plugin) = &group.plugin else { continue };
                let entry = plugins.entry(plugin.clone()).or_default();
                entry.0 += group.len();
                entry.1 += group.take_refused();
            }
        }
        for (plugin, (series, refused)) in plugins {
            self.plugins.series.with([&plugin]).set(series as f64);
            self.plugins.series_dropped.with([&plugin]).add(refused);
        }
    }

    /// Stops showing the series of the host that are about this plugin: it was removed.
    pub fn forget_plugin(&self, plugin: &str) {
        for (_, groups) in self.registry.shown() {
            for group in groups.iter().filter(|group| group.plugin.is_none()) {
                group.forget("plugin", plugin);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::names;
    use super::super::series::Kind;
    use super::*;
    use std::collections::HashSet;

    fn host() -> Host {
        Host::new(Build { version: "0.1.0", revision: "abc" })
    }

    fn text(host: &Host) -> String {
        String::from_utf8(host.expose(None, None).body.to_vec()).expect("text")
    }

    #[test]
    fn names_of_the_host_follow_the_rules() {
        let host = host();
        host.expose(None, None);
        let mut claimed = HashSet::new();
        for (name, groups) in host.registry.shown() {
            let definition = &groups[0].definition;
            assert!(name.starts_with(names::HOST_PREFIX) || name.starts_with("process_"), "{name}");
            assert_eq!(name.ends_with("_total"), definition.kind == Kind::Counter, "{name}");
            assert!(definition.help.ends_with('.'), "{name}: help is a sentence");
            for sample in names::claimed(&name, &definition.kind) {
                assert!(claimed.insert(sample.clone()), "{sample} is there twice");
            }
        }
        assert!(claimed.len() > 100);
    }

    #[test]
    fn build_and_process_are_told() {
        let text = text(&host());
        assert!(
            text.contains("tamis_build_info{version=\"0.1.0\",revision=\"abc\"} 1\n"),
            "{text}"
        );
        assert!(text.contains("\nprocess_start_time_seconds "), "{text}");
        #[cfg(target_os = "linux")]
        assert!(text.contains("\nprocess_resident_memory_bytes "), "{text}");
    }

    #[test]
    fn a_plugin_that_is_gone_leaves_no_series() {
        let host = host();
        for plugin in ["stamp", "other"] {
            host.plugins.calls.with([plugin, "on-request", "ok"]).increment();
            host.plugins.memory.with([plugin]).set(65_536.0);
        }
        host.forget_plugin("stamp");
        let text = text(&host);
        assert!(!text.contains("plugin=\"stamp\""), "{text}");
        let line =
            "tamis_plugin_calls_total{plugin=\"other\",hook=\"on-request\",outcome=\"ok\"} 1";
        assert!(text.contains(line), "{text}");
    }
}
