//! All families by name, and who owns them.
//!
//! A family is shown once, however many owners contribute to it: the host itself, or several
//! plugins that count under one name, each under its own `plugin` label. A group is the part of
//! one owner. Groups of a plugin only show once they are published, so that a version which fails
//! to start leaves no trace.

use super::series::{Counter, Gauge, Histogram, Kind, Series};
use super::{lock, names};
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Most series of a family of the host.
const HOST_SERIES: usize = 1_000;

/// All families. Cheap to share; asked while starting and while being looked at, never in between.
#[derive(Debug, Default)]
pub struct Registry {
    families: Mutex<BTreeMap<String, Vec<Arc<Group>>>>,
}

/// What a family is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Definition {
    pub(super) name: String,
    pub(super) help: String,
    pub(super) kind: Kind,
    pub(super) labels: Vec<String>,
}

impl Definition {
    /// Whether samples of both can stand under one name. Another help text is no obstacle: the
    /// first one is shown.
    pub(super) fn agrees(&self, other: &Definition) -> bool {
        self.kind == other.kind && self.labels == other.labels
    }
}

/// The series of one owner in one family.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) definition: Definition,
    /// The plugin, or none for the host.
    pub(super) plugin: Option<String>,
    most: AtomicUsize,
    published: AtomicBool,
    /// Versions of the plugin that count in it; only changed while the registry is locked.
    owners: AtomicUsize,
    series: Mutex<SeriesMap>,
    refused: AtomicU64,
}

#[derive(Debug, Default)]
struct SeriesMap {
    by_values: BTreeMap<Vec<String>, Arc<Series>>,
    overflow: Option<Arc<Series>>,
}

/// A series with its label values; `None` for the one that takes what is over the bound.
pub(super) type Labelled = (Option<Vec<String>>, Arc<Series>);

impl Group {
    pub(super) fn new(definition: Definition, plugin: Option<String>, most: usize) -> Group {
        Group {
            definition,
            plugin,
            most: AtomicUsize::new(most),
            published: AtomicBool::new(false),
            owners: AtomicUsize::new(1),
            series: Mutex::default(),
            refused: AtomicU64::new(0),
        }
    }

    /// The series of these values. At the bound, or when `grant` refuses a new one, the overflow
    /// series as an error.
    pub(super) fn series(
        &self,
        values: &[String],
        grant: impl FnOnce() -> bool,
    ) -> Result<Arc<Series>, Arc<Series>> {
        let mut map = lock(&self.series);
        if let Some(series) = map.by_values.get(values) {
            return Ok(series.clone());
        }
        if map.by_values.len() < self.most.load(Ordering::Relaxed) && grant() {
            let series = Arc::new(Series::new(&self.definition.kind));
            map.by_values.insert(values.to_vec(), series.clone());
            return Ok(series);
        }
        self.refused.fetch_add(1, Ordering::Relaxed);
        let overflow =
            map.overflow.get_or_insert_with(|| Arc::new(Series::new(&self.definition.kind)));
        Err(overflow.clone())
    }

    /// Removes a series. Handles of it may still count, but no longer show.
    fn remove(&self, values: &[String]) {
        lock(&self.series).by_values.remove(values);
    }

    /// Removes every series that has this value in this label.
    pub(super) fn forget(&self, label: &str, value: &str) {
        let Some(index) = self.definition.labels.iter().position(|name| name == label) else {
            return;
        };
        lock(&self.series).by_values.retain(|values, _| values[index] != value);
    }

    /// All series, in the order of their values, the overflow series last.
    pub(super) fn all(&self) -> Vec<Labelled> {
        let map = lock(&self.series);
        let values = map.by_values.iter();
        values
            .map(|(values, series)| (Some(values.clone()), series.clone()))
            .chain(map.overflow.iter().map(|series| (None, series.clone())))
            .collect()
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.series).by_values.len()
    }

    /// How often a series was refused since this was last asked.
    pub(super) fn take_refused(&self) -> u64 {
        self.refused.swap(0, Ordering::Relaxed)
    }
}

/// A name, or one of its sample names, is taken by something else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the metric `{name}` clashes with `{other}`{}", by(.plugin))]
pub struct Conflict {
    /// What was to be registered.
    pub name: String,
    /// The family that is in the way; often the same name with another kind or other labels.
    pub other: String,
    /// The plugin it belongs to, or none for the host.
    pub plugin: Option<String>,
}

fn by(plugin: &Option<String>) -> String {
    plugin.as_ref().map(|plugin| format!(" of plugin `{plugin}`")).unwrap_or_default()
}

impl Registry {
    /// An empty registry.
    pub fn new() -> Registry {
        Registry::default()
    }

    /// Adds a family of the host.
    ///
    /// # Panics
    ///
    /// When the name clashes with another family. The families of the host are constants, and
    /// [`Host::new`](super::Host::new) is the only caller.
    pub(super) fn family<H, const N: usize>(
        &self,
        name: &str,
        help: &str,
        kind: Kind,
        labels: [&str; N],
    ) -> Family<H, N> {
        let definition = Definition {
            name: name.into(),
            help: help.into(),
            kind,
            labels: labels.iter().map(|label| label.to_string()).collect(),
        };
        let group = Arc::new(Group::new(definition, None, HOST_SERIES));
        self.add(group.clone()).expect("the names of the host do not clash: they are constants");
        self.publish(&group);
        Family { group, handle: PhantomData }
    }

    /// Adds a group, not yet shown. Groups of the same plugin are left out of the comparison: they
    /// belong to a version that this one will replace.
    pub(super) fn add(&self, group: Arc<Group>) -> Result<(), Conflict> {
        let mut families = lock(&self.families);
        let definition = &group.definition;
        let claimed = names::claimed(&definition.name, &definition.kind);
        for (other, groups) in families.iter() {
            let foreign = groups.iter().find(|other| {
                (other.plugin.is_none() || other.plugin != group.plugin)
                    && if other.definition.name == definition.name {
                        group.plugin.is_none()
                            || other.plugin.is_none()
                            || !other.definition.agrees(definition)
                    } else {
                        let theirs = names::claimed(&other.definition.name, &other.definition.kind);
                        theirs.iter().any(|name| claimed.contains(name))
                    }
            });
            if let Some(foreign) = foreign {
                return Err(Conflict {
                    name: definition.name.clone(),
                    other: other.clone(),
                    plugin: foreign.plugin.clone(),
                });
            }
        }
        families.entry(definition.name.clone()).or_default().push(group);
        Ok(())
    }

    /// The group which another version of the plugin counts in, if the definition is the same. The
    /// caller is one more owner of it, and its bound on series holds from now on.
    pub(super) fn share(
        &self,
        plugin: &str,
        definition: &Definition,
        most: usize,
    ) -> Option<Arc<Group>> {
        let families = lock(&self.families);
        let groups = families.get(&definition.name)?;
        let shared = groups.iter().rev().find(|group| {
            group.plugin.as_deref() == Some(plugin) && group.definition.agrees(definition)
        })?;
        shared.owners.fetch_add(1, Ordering::Relaxed);
        shared.most.store(most, Ordering::Relaxed);
        Some(shared.clone())
    }

    /// Shows a group, in place of all others of the same owner and name.
    pub(super) fn publish(&self, group: &Arc<Group>) {
        let mut families = lock(&self.families);
        if let Some(groups) = families.get_mut(&group.definition.name) {
            groups.retain(|other| other.plugin != group.plugin || Arc::ptr_eq(other, group));
        }
        group.published.store(true, Ordering::Relaxed);
    }

    /// Ends the ownership of one version; without any owner the group is forgotten.
    pub(super) fn release(&self, group: &Arc<Group>) {
        let mut families = lock(&self.families);
        if group.owners.fetch_sub(1, Ordering::Relaxed) > 1 {
            return;
        }
        if let Some(groups) = families.get_mut(&group.definition.name) {
            groups.retain(|other| !Arc::ptr_eq(other, group));
            if groups.is_empty() {
                families.remove(&group.definition.name);
            }
        }
    }

    /// The families that show, by name, each with its groups ordered by plugin.
    pub(super) fn shown(&self) -> Vec<(String, Vec<Arc<Group>>)> {
        let families = lock(&self.families);
        families
            .iter()
            .map(|(name, groups)| {
                let published = |group: &&Arc<Group>| group.published.load(Ordering::Relaxed);
                let mut groups: Vec<Arc<Group>> =
                    groups.iter().filter(published).cloned().collect();
                groups.sort_by(|a, b| a.plugin.cmp(&b.plugin));
                (name.clone(), groups)
            })
            .filter(|(_, groups)| !groups.is_empty())
            .collect()
    }
}

/// A family of the host with `N` labels. Ask for a handle once and keep it.
#[derive(Debug)]
pub struct Family<H, const N: usize> {
    group: Arc<Group>,
    handle: PhantomData<fn() -> H>,
}

impl<H, const N: usize> Clone for Family<H, N> {
    fn clone(&self) -> Self {
        Family { group: self.group.clone(), handle: PhantomData }
    }
}

impl<H, const N: usize> Family<H, N> {
    /// Finds or makes a series, which shows from now on. Takes a lock and copies the values, 60 ns,
    /// so it does not belong into a request.
    ///
    /// Beyond a thousand series all further ones are one, labelled `otel_metric_overflow="true"`.
    fn series(&self, values: [&str; N]) -> Arc<Series> {
        let values = values.map(String::from);
        self.group.series(&values, || true).unwrap_or_else(|overflow| overflow)
    }

    /// Stops showing the series of these values, for example of a plugin that was removed.
    pub fn remove(&self, values: [&str; N]) {
        self.group.remove(&values.map(String::from));
    }

    /// The name under which the family is shown.
    pub fn name(&self) -> &str {
        &self.group.definition.name
    }
}

impl<const N: usize> Family<Counter, N> {
    /// The series of these label values, in the order of the label names. To be asked for once
    /// and kept: this is the only call that locks.
    pub fn with(&self, values: [&str; N]) -> Counter {
        Counter::of(self.series(values))
    }
}

impl<const N: usize> Family<Gauge, N> {
    /// The series of these label values, in the order of the label names. To be asked for once
    /// and kept: this is the only call that locks.
    pub fn with(&self, values: [&str; N]) -> Gauge {
        Gauge::of(self.series(values))
    }
}

impl<const N: usize> Family<Histogram, N> {
    /// The series of these label values, in the order of the label names. To be asked for once
    /// and kept: this is the only call that locks.
    pub fn with(&self, values: [&str; N]) -> Histogram {
        Histogram::of(self.series(values))
    }
}

#[cfg(test)]
mod tests {
    use super::super::series::Reading;
    use super::*;

    fn group(name: &str, plugin: Option<&str>, kind: Kind) -> Arc<Group> {
        let definition =
            Definition { name: name.into(), help: "Some.".into(), kind, labels: Vec::new() };
        Arc::new(Group::new(definition, plugin.map(String::from), 10))
    }

    #[test]
    fn sample_names_of_two_families_never_meet() {
        let histogram = || Kind::Histogram([1.0].into());
        let table = [
            ("size_bytes", histogram(), "size_bytes_count", Kind::Gauge),
            ("hits_total", Kind::Counter, "hits", Kind::Gauge),
            ("hits_total", Kind::Counter, "hits_created", Kind::Gauge),
            ("size_bytes_sum", Kind::Gauge, "size_bytes", Kind::Summary([0.5].into())),
        ];
        for (first, kind, second, other) in table {
            let registry = Registry::new();
            registry.add(group(first, Some("a"), kind)).expect("the first one is fine");
            let conflict = registry.add(group(second, Some("b"), other)).expect_err(second);
            assert_eq!((conflict.name.as_str(), conflict.other.as_str()), (second, first));
            assert!(conflict.to_string().ends_with("of plugin `a`"), "{conflict}");
        }
    }

    #[test]
    fn plugins_share_a_name_only_with_one_definition() {
        let registry = Registry::new();
        registry.add(group("hits", Some("a"), Kind::Gauge)).expect("new");
        registry.add(group("hits", Some("b"), Kind::Gauge)).expect("the same definition");
        let other = group("hits", Some("c"), Kind::Histogram([1.0].into()));
        assert!(registry.add(other).is_err(), "another kind under the same name");
        registry.family::<Gauge, 0>("tamis_x", "Some.", Kind::Gauge, []);
        assert!(registry.add(group("tamis_x", Some("a"), Kind::Gauge)).is_err());
    }

    #[test]
    fn only_what_is_published_shows_and_it_replaces_the_older() {
        let registry = Registry::new();
        let old = group("hits", Some("a"), Kind::Gauge);
        registry.add(old.clone()).expect("new");
        assert!(registry.shown().is_empty());
        registry.publish(&old);
        let new = group("hits", Some("a"), Kind::Summary([0.5].into()));
        registry.add(new.clone()).expect("an older version is no obstacle");
        assert!(Arc::ptr_eq(&registry.shown()[0].1[0], &old));
        registry.publish(&new);
        assert_eq!(registry.shown()[0].1.len(), 1);
        assert!(Arc::ptr_eq(&registry.shown()[0].1[0], &new));
        registry.release(&new);
        assert!(registry.shown().is_empty());
    }

    #[test]
    fn a_full_family_counts_into_the_overflow_series() {
        let registry = Registry::new();
        let family: Family<Counter, 1> =
            registry.family("tamis_x_total", "Some.", Kind::Counter, ["peer"]);
        for peer in 0..HOST_SERIES + 5 {
            family.with([&peer.to_string()]).increment();
        }
        family.with(["3"]).increment();
        assert_eq!(family.group.len(), HOST_SERIES);
        assert_eq!(family.group.take_refused(), 5);
        let all = family.group.all();
        let (values, overflow) = all.last().expect("there are series");
        assert_eq!(*values, None);
        assert_eq!(overflow.read(), Reading::Counter { count: 5.0, exemplar: None });
        family.remove(["3"]);
        assert_eq!(family.group.len(), HOST_SERIES - 1);
    }
}
