//! Counts, and shows what was counted.
//!
//! A [`Registry`] holds families (a name, a kind, label names), a family holds series (one per set
//! of label values), a series holds cells. Whoever counts asks once for a handle or an id and from
//! then on touches nothing but an atomic number: no lock, no lookup, no text. Handles can be
//! [split](Counter::split), so that two worker threads never write to the same cache line; the
//! cells are added up when somebody looks. Families are bounded; what does not fit goes into one
//! series labelled `otel_metric_overflow="true"` and is never dropped in silence.
//!
//! * [`Host`] names the families of the host itself, once each.
//! * [`PluginMetrics`] and [`InstanceMetrics`] are what a plugin sees: its own names, published
//!   with the label `plugin` added.
//! * [`expose()`] writes all of it in the form that the scraper asked for.
//!
//! This room imports no other room of the host. It neither listens nor keeps a clock of its own,
//! and it knows no plugin, hook or upstream but by the strings it is handed.

mod exemplar;
mod expose;
mod families;
mod host;
mod names;
mod plugin;
mod process;
mod registry;
mod series;
mod window;

pub use exemplar::Trace;
pub use expose::{Exposition, expose};
pub use families::{
    DURATION_BOUNDS, Deliveries, Exchanges, HOOK_BOUNDS, Health, Logs, Plugins, Process, Redaction,
    Settings, Upstreams,
};
pub use host::{Build, Count, Host};
pub use names::Problem;
pub use plugin::{
    InstanceMetrics, Limits, MetricId, PluginMetrics, RegisterError, SeriesError, SeriesId,
};
pub use registry::{Conflict, Family, Registry};
pub use series::{Counter, Gauge, Histogram, Kind};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks what is only ever locked for a few instructions that cannot panic half way.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
