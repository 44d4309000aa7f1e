//! The families of the host, each named once.
//!
//! A name, once released, stays. Labels only take values that the configuration or this code
//! lists, never text from the wire. Handles are asked for while starting and kept.

use super::registry::{Family, Registry};
use super::series::{Counter, Gauge, Histogram, Kind};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Bounds, in seconds, of durations that a client can feel: those which OpenTelemetry prescribes
/// for HTTP.
pub const DURATION_BOUNDS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// Bounds, in seconds, of the time inside of one hook, from a microsecond to the deadlines.
pub const HOOK_BOUNDS: [f64; 14] =
    [1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 1e-3, 5e-3, 1e-2, 0.1, 1.0, 5.0];

/// What is in force.
#[derive(Debug)]
pub struct Settings {
    /// What this program was built from; always 1. Labels: `version`, `revision`.
    pub build_info: Family<Gauge, 2>,
    /// Whether the last attempt to load the configuration succeeded.
    pub last_reload_successful: Family<Gauge, 0>,
    /// When the configuration in force was loaded.
    pub last_reload_success_timestamp: Family<Gauge, 0>,
}

impl Settings {
    pub(super) fn new(registry: &Registry) -> Settings {
        Settings {
            build_info: info(
                registry,
                "tamis_build_info",
                "What this program was built from; always 1.",
                ["version", "revision"],
            ),
            last_reload_successful: gauge(
                registry,
                "tamis_config_last_reload_successful",
                "Whether the last attempt to load the configuration succeeded.",
                [],
            ),
            last_reload_success_timestamp: gauge(
                registry,
                "tamis_config_last_reload_success_timestamp_seconds",
                "When the configuration in force was loaded.",
                [],
            ),
        }
    }

    /// A configuration came into force.
    pub fn loaded(&self) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.last_reload_successful.with([]).set(1.0);
        self.last_reload_success_timestamp.with([]).set(now.as_secs_f64());
    }
}

/// What plugins do, and what it costs.
#[derive(Debug)]
pub struct Plugins {
    /// Calls into plugins by how they ended. Labels: `plugin`, `hook`, `outcome`.
    pub calls: Family<Counter, 3>,
    /// Time inside of plugins, per call. Labels: `plugin`, `hook`.
    pub duration: Family<Histogram, 2>,
    /// Linear memory of the living instances of a plugin. Labels: `plugin`.
    pub memory: Family<Gauge, 1>,
    /// Living instances of a plugin. Labels: `plugin`.
    pub instances: Family<Gauge, 1>,
    /// Instances lost, by reason. Labels: `plugin`, `reason`.
    pub traps: Family<Counter, 2>,
    /// Faults counted against a plugin. Labels: `plugin`.
    pub strikes: Family<Counter, 1>,
    /// Edits that plugins answered with and the host applied. Labels: `plugin`, `hook`.
    pub edits: Family<Counter, 2>,
    /// Whether a plugin is in quarantine. Labels: `plugin`.
    pub quarantined: Family<Gauge, 1>,
    /// How often a plugin was put into quarantine. Labels: `plugin`.
    pub quarantines: Family<Counter, 1>,
    /// Metric samples of plugins that made no sense. Labels: `plugin`.
    pub samples_ignored: Family<Counter, 1>,
    /// Series of a plugin's own metrics. Labels: `plugin`.
    pub series: Family<Gauge, 1>,
    /// Requests for a series that were refused because the metric had as many as allowed. Labels: `plugin`.
    pub series_dropped: Family<Counter, 1>,
    /// Size of the state that a plugin keeps in memory. Labels: `plugin`, `scope`.
    pub state_bytes: Family<Gauge, 2>,
    /// Accesses to the state that were refused or failed. Labels: `plugin`, `scope`, `reason`.
    pub state_errors: Family<Counter, 3>,
}

impl Plugins {
    pub(super) fn new(registry: &Registry) -> Plugins {
        Plugins {
            calls: counter(
                registry,
                "tamis_plugin_calls_total",
                "Calls into plugins by how they ended.",
                ["plugin", "hook", "outcome"],
            ),
            duration: histogram(
                registry,
                "tamis_plugin_duration_seconds",
                "Time inside of plugins, per call.",
                ["plugin", "hook"],
                &HOOK_BOUNDS,
            ),
            memory: gauge(
                registry,
                "tamis_plugin_memory_bytes",
                "Linear memory of the living instances of a plugin.",
                ["plugin"],
            ),
            instances: gauge(
                registry,
                "tamis_plugin_instances",
                "Living instances of a plugin.",
                ["plugin"],
            ),
            traps: counter(
                registry,
                "tamis_plugin_traps_total",
                "Instances lost, by reason.",
                ["plugin", "reason"],
            ),
            strikes: counter(
                registry,
                "tamis_plugin_strikes_total",
                "Faults counted against a plugin.",
                ["plugin"],
            ),
            edits: counter(
                registry,
                "tamis_plugin_edits_total",
                "Edits that plugins answered with and the host applied.",
                ["plugin", "hook"],
            ),
            quarantined: gauge(
                registry,
                "tamis_plugin_quarantined",
                "Whether a plugin is in quarantine.",
                ["plugin"],
            ),
            quarantines: counter(
                registry,
                "tamis_plugin_quarantines_total",
                "How often a plugin was put into quarantine.",
                ["plugin"],
            ),
            samples_ignored: counter(
                registry,
                "tamis_plugin_samples_ignored_total",
                "Metric samples of plugins that made no sense.",
                ["plugin"],
            ),
            series: gauge(
                registry,
                "tamis_series",
                "Series of a plugin's own metrics.",
                ["plugin"],
            ),
            series_dropped: counter(
                registry,
                "tamis_series_dropped_total",
                "Requests for a series that were refused because the metric had as many as allowed.",
                ["plugin"],
            ),
            state_bytes: gauge(
                registry,
                "tamis_state_bytes",
                "Size of the state that a plugin keeps in memory.",
                ["plugin", "scope"],
            ),
            state_errors: counter(
                registry,
                "tamis_state_errors_total",
                "Accesses to the state that were refused or failed.",
                ["plugin", "scope", "reason"],
            ),
        }
    }
}

/// What plugins handed over for delivery.
#[derive(Debug)]
pub struct Deliveries {
    /// Attempts to deliver what plugins handed over, by outcome. Labels: `plugin`, `outcome`.
    pub attempts: Family<Counter, 2>,
    /// What plugins handed over and was not delivered. Labels: `plugin`, `reason`.
    pub dropped: Family<Counter, 2>,
    /// Requests that wait for delivery or are in flight. Labels: `plugin`.
    pub queue_length: Family<Gauge, 1>,
    /// Size of the requests that wait for delivery or are in flight. Labels: `plugin`.
    pub queue_bytes: Family<Gauge, 1>,
}

impl Deliveries {
    pub(super) fn new(registry: &Registry) -> Deliveries {
        Deliveries {
            attempts: counter(
                registry,
                "tamis_delivery_attempts_total",
                "Attempts to deliver what plugins handed over, by outcome.",
                ["plugin", "outcome"],
            ),
            dropped: counter(
                registry,
                "tamis_delivery_dropped_total",
                "What plugins handed over and was not delivered.",
                ["plugin", "reason"],
            ),
            queue_length: gauge(
                registry,
                "tamis_delivery_queue_length",
                "Requests that wait for delivery or are in flight.",
                ["plugin"],
            ),
            queue_bytes: gauge(
                registry,
                "tamis_delivery_queue_bytes",
                "Size of the requests that wait for delivery or are in flight.",
                ["plugin"],
            ),
        }
    }
}

/// The corridor of log records, and error events.
#[derive(Debug)]
pub struct Logs {
    /// Log records that went on to the sinks, by severity. Labels: `level`.
    pub records: Family<Counter, 1>,
    /// Log records that were dropped before they reached a sink. Labels: `source`, `reason`.
    pub dropped_records: Family<Counter, 2>,
    /// Pieces of text and records that wait at the beginning of the corridor. Labels: `source`.
    pub queue_length: Family<Gauge, 1>,
    /// Size of what waits at the beginning of the corridor. Labels: `source`.
    pub queue_bytes: Family<Gauge, 1>,
    /// Size of the records that wait for a sink. Labels: `sink`.
    pub sink_queue_bytes: Family<Gauge, 1>,
    /// Records that a sink has taken. Labels: `sink`.
    pub sink_records: Family<Counter, 1>,
    /// Records that a sink has not taken. Labels: `sink`, `reason`.
    pub sink_dropped_records: Family<Counter, 2>,
    /// Batches that were sent to a sink again. Labels: `sink`.
    pub sink_retries: Family<Counter, 1>,
    /// Error events that were captured. Labels: `source`.
    pub errors_captured: Family<Counter, 1>,
    /// Error events that were dropped before a sink saw them. Labels: `reason`.
    pub errors_dropped: Family<Counter, 1>,
}

impl Logs {
    pub(super) fn new(registry: &Registry) -> Logs {
        Logs {
            records: counter(
                registry,
                "tamis_log_records_total",
                "Log records that went on to the sinks, by severity.",
                ["level"],
            ),
            dropped_records: counter(
                registry,
                "tamis_log_dropped_records_total",
                "Log records that were dropped before they reached a sink.",
                ["source", "reason"],
            ),
            queue_length: gauge(
                registry,
                "tamis_log_queue_length",
                "Pieces of text and records that wait at the beginning of the log corridor.",
                ["source"],
            ),
            queue_bytes: gauge(
                registry,
                "tamis_log_queue_bytes",
                "Size of what waits at the beginning of the log corridor.",
                ["source"],
            ),
            sink_queue_bytes: gauge(
                registry,
                "tamis_sink_queue_bytes",
                "Size of the records that wait for a sink.",
                ["sink"],
            ),
            sink_records: counter(
                registry,
                "tamis_sink_records_total",
                "Records that a sink has taken.",
                ["sink"],
            ),
            sink_dropped_records: counter(
                registry,
                "tamis_sink_dropped_records_total",
                "Records that a sink has not taken.",
                ["sink", "reason"],
            ),
            sink_retries: counter(
                registry,
                "tamis_sink_retries_total",
                "Batches that were sent to a sink again.",
                ["sink"],
            ),
            errors_captured: counter(
                registry,
                "tamis_errors_captured_total",
                "Error events that were captured.",
                ["source"],
            ),
            errors_dropped: counter(
                registry,
                "tamis_errors_dropped_total",
                "Error events that were dropped before a sink saw them.",
                ["reason"],
            ),
        }
    }
}

/// What was to be redacted and was not.
#[derive(Debug)]
pub struct Redaction {
    /// Planted secrets that have reached an output, once for each text that held one. Labels: `output`.
    pub canary_hits: Family<Counter, 1>,
}

impl Redaction {
    pub(super) fn new(registry: &Registry) -> Redaction {
        Redaction {
            canary_hits: counter(
                registry,
                "tamis_canary_hits_total",
                "Planted secrets that have reached an output, once for each text that held one.",
                ["output"],
            ),
        }
    }
}

/// Clients, their connections and exchanges.
#[derive(Debug)]
pub struct Exchanges {
    /// Open connections of clients.
    pub connections: Family<Gauge, 0>,
    /// Connections of clients that were accepted.
    pub connections_accepted: Family<Counter, 0>,
    /// Connections of clients that the host closed for a reason of its own. Labels: `reason`.
    pub connections_closed: Family<Counter, 1>,
    /// Attempts to accept a connection that failed.
    pub accept_errors: Family<Counter, 0>,
    /// Exchanges by who answered: upstream, plugin, host, or nobody. Labels: `outcome`.
    pub ended: Family<Counter, 1>,
    /// Exchanges under way.
    pub active: Family<Gauge, 0>,
    /// Answers that the host gave for a failure of its own or of an upstream. Labels: `status`, `reason`.
    pub own_answers: Family<Counter, 2>,
}

impl Exchanges {
    pub(super) fn new(registry: &Registry) -> Exchanges {
        Exchanges {
            connections: gauge(registry, "tamis_connections", "Open connections of clients.", []),
            connections_accepted: counter(
                registry,
                "tamis_connections_accepted_total",
                "Connections of clients that were accepted.",
                [],
            ),
            connections_closed: counter(
                registry,
                "tamis_connections_closed_total",
                "Connections of clients that the host closed for a reason of its own.",
                ["reason"],
            ),
            accept_errors: counter(
                registry,
                "tamis_accept_errors_total",
                "Attempts to accept a connection that failed.",
                [],
            ),
            ended: counter(
                registry,
                "tamis_exchanges_total",
                "Exchanges by who answered: upstream, plugin, host, or nobody.",
                ["outcome"],
            ),
            active: gauge(registry, "tamis_exchanges_active", "Exchanges under way.", []),
            own_answers: counter(
                registry,
                "tamis_own_answers_total",
                "Answers that the host gave for a failure of its own or of an upstream.",
                ["status", "reason"],
            ),
        }
    }
}

/// The servers behind.
#[derive(Debug)]
pub struct Upstreams {
    /// Attempts to send a request to an upstream, by outcome. Labels: `upstream`, `outcome`.
    pub attempts: Family<Counter, 2>,
    /// Time from sending a request to the head of the answer. Labels: `upstream`.
    pub duration: Family<Histogram, 1>,
    /// Time to connect to an upstream, TLS included. Labels: `upstream`.
    pub connect_duration: Family<Histogram, 1>,
    /// Connections to an upstream, active or idle. Labels: `upstream`, `state`.
    pub connections: Family<Gauge, 2>,
    /// Whether an upstream gets requests. Labels: `upstream`.
    pub available: Family<Gauge, 1>,
    /// How often an upstream was taken out of service. Labels: `upstream`, `reason`.
    pub ejections: Family<Counter, 2>,
}

impl Upstreams {
    pub(super) fn new(registry: &Registry) -> Upstreams {
        Upstreams {
            attempts: counter(
                registry,
                "tamis_upstream_attempts_total",
                "Attempts to send a request to an upstream, by outcome.",
                ["upstream", "outcome"],
            ),
            duration: histogram(
                registry,
                "tamis_upstream_duration_seconds",
                "Time from sending a request to the head of the answer.",
                ["upstream"],
                &DURATION_BOUNDS,
            ),
            connect_duration: histogram(
                registry,
                "tamis_upstream_connect_duration_seconds",
                "Time to connect to an upstream, TLS included.",
                ["upstream"],
                &DURATION_BOUNDS,
            ),
            connections: gauge(
                registry,
                "tamis_upstream_connections",
                "Connections to an upstream, active or idle.",
                ["upstream", "state"],
            ),
            available: gauge(
                registry,
                "tamis_upstream_available",
                "Whether an upstream gets requests.",
                ["upstream"],
            ),
            ejections: counter(
                registry,
                "tamis_upstream_ejections_total",
                "How often an upstream was taken out of service.",
                ["upstream", "reason"],
            ),
        }
    }
}

/// Checks, the verdict over them, and probes.
#[derive(Debug)]
pub struct Health {
    /// State of each check: 1 for the status it has, 0 for the others. Labels: `component`, `status`.
    pub status: Family<Gauge, 2>,
    /// Verdict over all checks: 1 for the status it has, 0 for the others. Labels: `status`.
    pub verdict: Family<Gauge, 1>,
    /// Health probes carried out for plugins, by outcome. Labels: `scheme`, `outcome`.
    pub probes: Family<Counter, 2>,
    /// Time that health probes took. Labels: `scheme`.
    pub probe_duration: Family<Histogram, 1>,
}

impl Health {
    pub(super) fn new(registry: &Registry) -> Health {
        Health {
            status: gauge(
                registry,
                "tamis_health_status",
                "State of each check: 1 for the status it has, 0 for the others.",
                ["component", "status"],
            ),
            verdict: gauge(
                registry,
                "tamis_health_verdict",
                "Verdict over all checks: 1 for the status it has, 0 for the others.",
                ["status"],
            ),
            probes: counter(
                registry,
                "tamis_probes_total",
                "Health probes carried out for plugins, by outcome.",
                ["scheme", "outcome"],
            ),
            probe_duration: histogram(
                registry,
                "tamis_probe_duration_seconds",
                "Time that health probes took.",
                ["scheme"],
                &DURATION_BOUNDS,
            ),
        }
    }
}

/// The process itself, brought up to date when somebody looks.
#[derive(Debug)]
pub struct Process {
    /// Time that the last exposition of metrics took.
    pub collection_duration: Family<Gauge, 0>,
    /// User and system time of the process.
    pub cpu: Family<Counter, 0>,
    /// Resident memory of the process.
    pub resident_memory: Family<Gauge, 0>,
    /// Virtual memory of the process.
    pub virtual_memory: Family<Gauge, 0>,
    /// Open file descriptors of the process.
    pub open_files: Family<Gauge, 0>,
    /// File descriptors that the process may open.
    pub most_files: Family<Gauge, 0>,
    /// Threads of the process.
    pub threads: Family<Gauge, 0>,
    /// When the process started.
    pub start: Family<Gauge, 0>,
}

impl Process {
    pub(super) fn new(registry: &Registry) -> Process {
        Process {
            collection_duration: gauge(
                registry,
                "tamis_metrics_collection_duration_seconds",
                "Time that the last exposition of metrics took.",
                [],
            ),
            cpu: counter(
                registry,
                "process_cpu_seconds_total",
                "User and system time of the process.",
                [],
            ),
            resident_memory: gauge(
                registry,
                "process_resident_memory_bytes",
                "Resident memory of the process.",
                [],
            ),
            virtual_memory: gauge(
                registry,
                "process_virtual_memory_bytes",
                "Virtual memory of the process.",
                [],
            ),
            open_files: gauge(
                registry,
                "process_open_fds",
                "Open file descriptors of the process.",
                [],
            ),
            most_files: gauge(
                registry,
                "process_max_fds",
                "File descriptors that the process may open.",
                [],
            ),
            threads: gauge(registry, "process_threads", "Threads of the process.", []),
            start: gauge(registry, "process_start_time_seconds", "When the process started.", []),
        }
    }
}

fn counter<const N: usize>(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: [&str; N],
) -> Family<Counter, N> {
    registry.family(name, help, Kind::Counter, labels)
}

fn gauge<const N: usize>(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: [&str; N],
) -> Family<Gauge, N> {
    registry.family(name, help, Kind::Gauge, labels)
}

fn info<const N: usize>(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: [&str; N],
) -> Family<Gauge, N> {
    registry.family(name, help, Kind::Info, labels)
}

fn histogram<const N: usize>(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: [&str; N],
    bounds: &[f64],
) -> Family<Histogram, N> {
    registry.family(name, help, Kind::Histogram(Arc::from(bounds)), labels)
}
