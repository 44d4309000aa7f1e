//! What a plugin sees of the metrics: registering, asking for series, updating.
//!
//! [`PluginMetrics`] belongs to one loaded version of a plugin, [`InstanceMetrics`] to one of its
//! instances. Ids are small, dense and only valid in the instance that got them. Each instance
//! counts in cells of its own, so an update is a plain addition; what a lost instance counted
//! stays, what it had set as a gauge is withdrawn.
//!
//! A version is shown once it is [published](PluginMetrics::publish). When another version of the
//! same plugin registers the same definition, both count in the same series, so that a counter
//! goes on over a reload. A version that is dropped takes along what no other version counts in.

use super::exemplar::Trace;
use super::host::Host;
use super::lock;
use super::names::{self, Problem};
use super::registry::{Conflict, Definition, Group};
use super::series::{Counter, InstanceCell, Kind, Series};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Names a registered metric inside of one instance.
pub type MetricId = u32;

/// Names one series inside of one instance.
pub type SeriesId = u32;

/// How much a plugin may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Families; 100 by default.
    pub metrics: usize,
    /// Labels of a family, the one that the host adds not counted; 10 by default.
    pub labels: usize,
    /// Series of a family; 200 by default.
    pub series: usize,
    /// Series of all families together, which bounds the memory; 2,000 by default. A series of a
    /// summary counts as twenty: it may take 48 KiB.
    pub series_in_all: usize,
    /// Length of a label value in bytes; 128 by default.
    pub value_bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { metrics: 100, labels: 10, series: 200, series_in_all: 2_000, value_bytes: 128 }
    }
}

/// Why a metric cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// The name is not in the manifest.
    #[error("the metric `{0}` is not declared; add it to `metrics` of the manifest")]
    Undeclared(String),
    /// Something is against the rules.
    #[error("the metric `{name}` is invalid: {problem}")]
    Invalid {
        /// As given.
        name: String,
        /// What is wrong with it.
        problem: Problem,
    },
    /// Another instance of this plugin registered it differently.
    #[error("the metric `{0}` is registered with another kind, labels, bounds or quantiles")]
    Disagreement(String),
    /// Another plugin, or the host, has the name, or one of its sample names, for something else.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// Called outside of `init`.
    #[error("the metric `{0}` is registered too late; register in `init`")]
    TooLate(String),
}

/// Why a series cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SeriesError {
    /// An unknown metric, not one value per label name, or a value that is too long.
    #[error("one value of at most 128 bytes per label is needed")]
    Invalid,
    /// The bound on series is reached; this one takes all others.
    #[error("there are as many series as allowed")]
    Full(SeriesId),
}

/// The metrics of one loaded version of a plugin.
#[derive(Debug)]
pub struct PluginMetrics {
    host: Arc<Host>,
    plugin: String,
    declared: HashSet<String>,
    limits: Limits,
    groups: Mutex<HashMap<String, Arc<Group>>>,
    published: AtomicBool,
    /// Series made by this version, summaries weighed.
    granted: AtomicUsize,
    ignored: Counter,
}

impl PluginMetrics {
    /// Prepares the metrics of `plugin`, which may register the `declared` names.
    pub fn new(
        host: &Arc<Host>,
        plugin: &str,
        declared: impl IntoIterator<Item = String>,
        limits: Limits,
    ) -> Arc<PluginMetrics> {
        Arc::new(PluginMetrics {
            host: host.clone(),
            plugin: plugin.into(),
            declared: declared.into_iter().collect(),
            limits,
            groups: Mutex::default(),
            published: AtomicBool::new(false),
            granted: AtomicUsize::new(0),
            ignored: host.plugins.samples_ignored.with([plugin]),
        })
    }

    /// Shows the metrics, also those registered later, in place of those of older versions of the
    /// same plugin. To be called when the version has started well and takes over.
    pub fn publish(&self) {
        let groups = lock(&self.groups);
        self.published.store(true, Ordering::Relaxed);
        for group in groups.values() {
            self.host.registry().publish(group);
        }
    }

    /// The metrics as a new instance sees them.
    pub fn instance(self: &Arc<Self>) -> InstanceMetrics {
        InstanceMetrics {
            plugin: self.clone(),
            sealed: false,
            metrics: Vec::new(),
            series: Vec::new(),
            known: HashMap::new(),
        }
    }

    /// Declared names that no instance has registered; `tamis check` names them.
    pub fn unregistered(&self) -> Vec<String> {
        let groups = lock(&self.groups);
        let mut names: Vec<String> =
            self.declared.iter().filter(|name| !groups.contains_key(*name)).cloned().collect();
        names.sort();
        names
    }

    fn group(&self, definition: Definition) -> Result<Arc<Group>, RegisterError> {
        let mut groups = lock(&self.groups);
        if let Some(group) = groups.get(&definition.name) {
            return match group.definition.agrees(&definition) {
                true => Ok(group.clone()),
                false => Err(RegisterError::Disagreement(definition.name)),
            };
        }
        if groups.len() >= self.limits.metrics {
            let problem = Problem::Metrics(self.limits.metrics);
            return Err(RegisterError::Invalid { name: definition.name, problem });
        }
        let registry = self.host.registry();
        let group = match registry.share(&self.plugin, &definition, self.limits.series) {
            Some(group) => group,
            None => {
                let plugin = Some(self.plugin.clone());
                let group = Arc::new(Group::new(definition, plugin, self.limits.series));
                registry.add(group.clone())?;
                group
            }
        };
        if self.published.load(Ordering::Relaxed) {
            registry.publish(&group);
        }
        groups.insert(group.definition.name.clone(), group.clone());
        Ok(group)
    }

    /// Whether one more series fits into the bound over all families.
    fn grant(&self, kind: &Kind) -> bool {
        let weight = if matches!(kind, Kind::Summary(_)) { 20 } else { 1 };
        self.granted
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |granted| {
                let sum = granted + weight;
                (sum <= self.limits.series_in_all).then_some(sum)
            })
            .is_ok()
    }
}

impl Drop for PluginMetrics {
    fn drop(&mut self) {
        for group in lock(&self.groups).values() {
            self.host.registry().release(group);
        }
    }
}

/// The metrics as one instance sees them. Dropping it keeps its counts and withdraws its gauges.
#[derive(Debug)]
pub struct InstanceMetrics {
    plugin: Arc<PluginMetrics>,
    sealed: bool,
    metrics: Vec<Arc<Group>>,
    series: Vec<InstanceSeries>,
    /// By metric; `None` is the overflow series.
    known: HashMap<(MetricId, Option<Vec<String>>), SeriesId>,
}

#[derive(Debug)]
struct InstanceSeries {
    cell: InstanceCell,
    series: Arc<Series>,
    /// A histogram without negative bounds takes no negative samples: its sum only grows.
    takes_negative: bool,
}

impl InstanceMetrics {
    /// Ends the time in which metrics may be registered: `init` is over.
    pub fn seal(&mut self) {
        self.sealed = true;
    }

    /// Registers a metric with the names of its labels. The same name gives the same id.
    ///
    /// # Errors
    ///
    /// [`RegisterError`]; nothing is registered then.
    pub fn register(
        &mut self,
        name: String,
        help: String,
        kind: Kind,
        labels: Vec<String>,
    ) -> Result<MetricId, RegisterError> {
        if self.sealed {
            return Err(RegisterError::TooLate(name));
        }
        if !self.plugin.declared.contains(&name) {
            return Err(RegisterError::Undeclared(name));
        }
        if let Err(problem) = names::check(&name, &help, &kind, &labels, self.plugin.limits.labels)
        {
            return Err(RegisterError::Invalid { name, problem });
        }
        let group = self.plugin.group(Definition { name, help, kind, labels })?;
        let known = self.metrics.iter().position(|other| Arc::ptr_eq(other, &group));
        let id = known.unwrap_or_else(|| {
            self.metrics.push(group);
            self.metrics.len() - 1
        });
        Ok(id as MetricId)
    }

    /// The series of these label values, in the order of the label names; the same values give the
    /// same id. Takes a lock: to be asked once per distinct set.
    ///
    /// # Errors
    ///
    /// [`SeriesError`]; `Full` carries the id of the series to count into.
    pub fn series(
        &mut self,
        metric: MetricId,
        values: Vec<String>,
    ) -> Result<SeriesId, SeriesError> {
        let group = self.metrics.get(metric as usize).ok_or(SeriesError::Invalid)?.clone();
        let fits = |value: &String| value.len() <= self.plugin.limits.value_bytes;
        if values.len() != group.definition.labels.len() || !values.iter().all(fits) {
            return Err(SeriesError::Invalid);
        }
        let key = (metric, Some(values));
        if let Some(id) = self.known.get(&key) {
            return Ok(*id);
        }
        let kind = &group.definition.kind;
        let values = key.1.as_deref().unwrap_or_default();
        match group.series(values, || self.plugin.grant(kind)) {
            Ok(series) => Ok(self.adopt(key, series, kind)),
            Err(overflow) => {
                let key = (metric, None);
                let known = self.known.get(&key).copied();
                let id = known.unwrap_or_else(|| self.adopt(key, overflow, kind));
                Err(SeriesError::Full(id))
            }
        }
    }

    fn adopt(
        &mut self,
        key: (MetricId, Option<Vec<String>>),
        series: Arc<Series>,
        kind: &Kind,
    ) -> SeriesId {
        let takes_negative = match kind {
            Kind::Gauge | Kind::Info => true,
            Kind::Histogram(bounds) => bounds.first().is_some_and(|first| *first < 0.0),
            Kind::Counter | Kind::Summary(_) => false,
        };
        let id = self.series.len() as SeriesId;
        self.series.push(InstanceSeries { cell: series.instance_cell(), series, takes_negative });
        self.known.insert(key, id);
        id
    }

    /// Adds to counters, sets gauges, observes into the others: 2 to 5 ns each, 12
    /// with a trace, 50 for a summary.
    ///
    /// `trace` is that of the exchange in whose hook the samples were taken, if it is sampled; it
    /// becomes the exemplar of counters and buckets. What makes no sense (an unknown id, a negative
    /// count, a sample that is not finite) is ignored and counted.
    pub fn update(&mut self, samples: &[(SeriesId, f64)], trace: Option<&Trace>) {
        let mut ignored = 0;
        for (id, value) in samples {
            let taken =
                self.series.get(*id as usize).is_some_and(|series| series.take(*value, trace));
            ignored += u64::from(!taken);
        }
        if ignored > 0 {
            self.plugin.ignored.add(ignored);
        }
    }
}

impl InstanceSeries {
    fn take(&self, value: f64, trace: Option<&Trace>) -> bool {
        if let InstanceCell::Gauge(cell) = &self.cell {
            cell.set(value);
            return true;
        }
        if !value.is_finite() || (value < 0.0 && !self.takes_negative) {
            return false;
        }
        let bucket = match &self.cell {
            InstanceCell::Counter(cell) => {
                cell.add_alone(value);
                0
            }
            InstanceCell::Histogram(cell) => cell.observe_alone(value),
            InstanceCell::Gauge(_) => return true,
            InstanceCell::Summary => {
                self.series.summarise(value);
                return true;
            }
        };
        if let Some(trace) = trace {
            self.series.exemplar(bucket, value, trace);
        }
        true
    }
}

impl Drop for InstanceMetrics {
    fn drop(&mut self) {
        for series in &self.series {
            series.series.give_back(&series.cell);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::expose::expose;
    use super::super::host::Build;
    use super::*;

    fn host() -> Arc<Host> {
        Arc::new(Host::new(Build { version: "0.1.0", revision: "abc" }))
    }

    fn plugin(host: &Arc<Host>, name: &str) -> Arc<PluginMetrics> {
        let declared = ["hits_total", "depth", "wait_seconds", "size_bytes"];
        let declared = declared.map(String::from);
        PluginMetrics::new(host, name, declared, Limits::default())
    }

    fn register(
        instance: &mut InstanceMetrics,
        name: &str,
        kind: Kind,
        labels: &[&str],
    ) -> Result<MetricId, RegisterError> {
        let labels = labels.iter().map(|label| label.to_string()).collect();
        instance.register(name.into(), "Some.".into(), kind, labels)
    }

    fn one(instance: &mut InstanceMetrics, name: &str, kind: Kind) -> SeriesId {
        let metric = register(instance, name, kind, &[]).expect("it is declared");
        instance.series(metric, Vec::new()).expect("there is room")
    }

    /// The sample lines of the families that are not the host's.
    fn shown(host: &Host) -> Vec<String> {
        let text = expose(host.registry(), None, None);
        let text = String::from_utf8(text.body.to_vec()).expect("text");
        text.lines().filter(|line| !line.starts_with(['#', 't', 'p'])).map(String::from).collect()
    }

    #[test]
    fn instances_count_apart_and_are_added_up() {
        let host = host();
        let plugin = plugin(&host, "a");
        plugin.publish();
        let (mut first, mut second) = (plugin.instance(), plugin.instance());
        let hits = one(&mut first, "hits_total", Kind::Counter);
        let depth = one(&mut first, "depth", Kind::Gauge);
        assert_eq!(one(&mut second, "depth", Kind::Gauge), 0, "ids are those of the instance");
        assert_eq!(one(&mut second, "hits_total", Kind::Counter), 1);
        first.update(&[(hits, 1.0), (depth, 3.0), (hits, 0.5)], None);
        second.update(&[(1, 2.0), (0, 4.0)], None);
        assert_eq!(shown(&host), ["depth{plugin=\"a\"} 7", "hits_total{plugin=\"a\"} 3.5"]);
        drop(first);
        assert_eq!(
            shown(&host),
            ["depth{plugin=\"a\"} 4", "hits_total{plugin=\"a\"} 3.5"],
            "counts stay, gauges are withdrawn"
        );
        drop(second);
        assert_eq!(shown(&host), ["hits_total{plugin=\"a\"} 3.5"]);
    }

    #[test]
    fn registering_answers_what_is_wrong() {
        let host = host();
        let (a, b) = (plugin(&host, "a"), plugin(&host, "b"));
        let mut instance = a.instance();
        let id = register(&mut instance, "depth", Kind::Gauge, &["queue"]).expect("declared");
        let again = register(&mut instance, "depth", Kind::Gauge, &["queue"]);
        assert_eq!(again, Ok(id), "the same again is the same");
        let undeclared = register(&mut instance, "width", Kind::Gauge, &[]);
        assert_eq!(undeclared, Err(RegisterError::Undeclared("width".into())));
        let invalid = register(&mut instance, "hits_total", Kind::Gauge, &[]);
        let problem = Problem::Total;
        assert_eq!(invalid, Err(RegisterError::Invalid { name: "hits_total".into(), problem }));
        let other = register(&mut a.instance(), "depth", Kind::Gauge, &["lane"]);
        assert_eq!(other, Err(RegisterError::Disagreement("depth".into())));
        let foreign = register(&mut b.instance(), "depth", Kind::Gauge, &["lane"]);
        assert!(matches!(foreign, Err(RegisterError::Conflict(_))), "{foreign:?}");
        instance.seal();
        let late = register(&mut instance, "wait_seconds", Kind::Gauge, &[]);
        assert_eq!(late, Err(RegisterError::TooLate("wait_seconds".into())));
        assert_eq!(a.unregistered(), ["hits_total", "size_bytes", "wait_seconds"]);
    }

    #[test]
    fn series_are_bounded_and_what_is_over_is_counted() {
        let host = host();
        let limits = Limits { series: 2, ..Limits::default() };
        let plugin = PluginMetrics::new(&host, "a", ["hits_total".into()], limits);
        let mut instance = plugin.instance();
        let metric = register(&mut instance, "hits_total", Kind::Counter, &["peer"]).expect("fine");
        let mut series = |peer: &str| instance.series(metric, vec![peer.into()]);
        let (one, two) = (series("1").expect("room"), series("2").expect("room"));
        assert_eq!(series("1"), Ok(one), "the same values give the same id");
        let Err(SeriesError::Full(rest)) = series("3") else { panic!("the third one is too many") };
        assert_eq!(series("4"), Err(SeriesError::Full(rest)));
        assert_eq!(series("2"), Ok(two), "those that are there stay");
        assert_eq!(series(&"x".repeat(129)), Err(SeriesError::Invalid));
        assert_eq!(instance.series(metric, Vec::new()), Err(SeriesError::Invalid));
        assert_eq!(instance.series(9, vec!["1".into()]), Err(SeriesError::Invalid));
        instance.update(&[(rest, 5.0), (two, 1.0)], None);
        plugin.publish();
        assert_eq!(
            shown(&host),
            [
                "hits_total{plugin=\"a\",peer=\"1\"} 0",
                "hits_total{plugin=\"a\",peer=\"2\"} 1",
                "hits_total{plugin=\"a\",otel_metric_overflow=\"true\"} 5",
            ]
        );
    }

    #[test]
    fn summaries_weigh_more_in_the_bound_over_all() {
        let host = host();
        let limits = Limits { series_in_all: 41, ..Limits::default() };
        let names = ["wait_seconds", "hits_total"].map(String::from);
        let plugin = PluginMetrics::new(&host, "a", names, limits);
        let mut instance = plugin.instance();
        let kind = Kind::Summary([0.5].into());
        let wait = register(&mut instance, "wait_seconds", kind, &["peer"]).expect("fine");
        let hits = register(&mut instance, "hits_total", Kind::Counter, &["peer"]).expect("fine");
        let mut room = |metric, peer: &str| instance.series(metric, vec![peer.into()]).is_ok();
        assert!(room(wait, "1") && room(wait, "2"));
        assert!(!room(wait, "3"));
        assert!(room(hits, "1"));
        assert!(!room(hits, "2"));
    }

    #[test]
    fn what_makes_no_sense_is_ignored_and_counted() {
        let host = host();
        let plugin = plugin(&host, "a");
        let mut instance = plugin.instance();
        let hits = one(&mut instance, "hits_total", Kind::Counter);
        let wait = one(&mut instance, "wait_seconds", Kind::Histogram([1.0].into()));
        let size = one(&mut instance, "size_bytes", Kind::Histogram([-1.0, 1.0].into()));
        let depth = one(&mut instance, "depth", Kind::Gauge);
        let fine = [(hits, 0.0), (wait, 0.0), (size, -5.0), (depth, f64::NAN), (depth, -1.0)];
        instance.update(&fine, None);
        let senseless =
            [(99, 1.0), (hits, -1.0), (hits, f64::NAN), (wait, -0.1), (wait, f64::INFINITY)];
        instance.update(&senseless, None);
        let text = expose(host.registry(), None, None);
        let text = String::from_utf8(text.body.to_vec()).expect("text");
        let line = "tamis_plugin_samples_ignored_total{plugin=\"a\"} 5\n";
        assert!(text.contains(line), "{text}");
    }

    #[test]
    fn counters_go_on_over_a_reload_and_leave_with_the_plugin() {
        let host = host();
        let old = plugin(&host, "a");
        let mut instance = old.instance();
        let hits = one(&mut instance, "hits_total", Kind::Counter);
        one(&mut instance, "depth", Kind::Gauge);
        instance.update(&[(hits, 2.0)], None);
        old.publish();

        let failed = plugin(&host, "a");
        let mut other = failed.instance();
        register(&mut other, "depth", Kind::Gauge, &["lane"]).expect("it may change");
        drop((other, failed));
        assert_eq!(
            shown(&host),
            ["hits_total{plugin=\"a\"} 2"],
            "a failed version changes nothing"
        );

        let new = plugin(&host, "a");
        let mut after = new.instance();
        let again = one(&mut after, "hits_total", Kind::Counter);
        after.update(&[(again, 1.0)], None);
        let lane = register(&mut after, "depth", Kind::Gauge, &["lane"]).expect("it may change");
        let lane = after.series(lane, vec!["left".into()]).expect("room");
        after.update(&[(lane, 1.0)], None);
        new.publish();
        instance.update(&[(hits, 1.0)], None);
        drop((instance, old));
        assert_eq!(
            shown(&host),
            ["depth{plugin=\"a\",lane=\"left\"} 1", "hits_total{plugin=\"a\"} 4"]
        );
        drop((after, new));
        assert!(shown(&host).is_empty(), "nothing of a plugin that is gone");
    }
}
