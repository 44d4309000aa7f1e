//! What the imports of a plugin work on: the host's side of each capability.
//!
//! One of these per plugin, shared by all its instances. Everything in it is bounded, and
//! nothing in it waits unless the import says so.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::filter::background::ErrorEvent;
use crate::filter::queue::Queue;
use crate::filter::{Fault, Hook, Name, Record, Severity, Source, exchange::Moment};
use crate::metrics::{self, Counter, PluginMetrics};

/// Records that a plugin may write per second.
const RECORDS_PER_SECOND: u32 = 100;
/// Records that it may write at once, after a while of silence.
const RECORDS_AT_ONCE: u32 = 200;
/// Events that a plugin may capture per second, and at once.
const EVENTS_PER_SECOND: u32 = 50;
const EVENTS_AT_ONCE: u32 = 200;

/// Where the log corridor begins: what is put in here walks all of it.
pub type Inbox = Queue<(Source, Record)>;

/// The clock of the host. Cheap to clone.
#[derive(Clone)]
pub enum Clock {
    /// The machine's.
    System {
        /// Where the monotonic clock begins.
        origin: Instant,
    },
    /// One that only moves when it is told to, in nanoseconds.
    Virtual(Arc<AtomicU64>),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self::System { origin: Instant::now() }
    }

    /// The time of day and a monotonic time, in nanoseconds; the latter in steps of 100 µs.
    pub fn read(&self) -> (u64, u64) {
        match self {
            Self::System { origin } => {
                let monotonic = u64::try_from(origin.elapsed().as_nanos()).unwrap_or(u64::MAX);
                (Moment::now().wall, monotonic / 100_000 * 100_000)
            }
            Self::Virtual(now) => {
                let now = now.load(Ordering::Relaxed);
                (now, now)
            }
        }
    }
}

/// Where random bytes come from.
pub enum Random {
    /// The operating system.
    System,
    /// A seed, so that the same test sees the same bytes.
    Seeded(Mutex<u64>),
}

impl Random {
    /// Fills a buffer.
    ///
    /// # Errors
    ///
    /// When the operating system has none to give.
    pub fn fill(&self, bytes: &mut [u8]) -> Result<(), getrandom::Error> {
        match self {
            Self::System => getrandom::fill(bytes),
            Self::Seeded(state) => {
                let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                for chunk in bytes.chunks_mut(8) {
                    chunk.copy_from_slice(&split_mix(&mut state).to_le_bytes()[..chunk.len()]);
                }
                Ok(())
            }
        }
    }
}

/// The next number of the SplitMix64 generator (Steele, Lea and Flood, 2014).
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Lets so many pass per second.
pub struct Throttle {
    per_second: u32,
    at_once: u32,
    inner: Mutex<(f64, Instant)>,
}

impl Throttle {
    /// `per_second` in the long run, `at_once` after a while of silence.
    pub fn new(per_second: u32, at_once: u32) -> Self {
        let inner = Mutex::new((f64::from(at_once), Instant::now()));
        Self { per_second, at_once, inner }
    }

    /// Whether one more may pass now.
    pub fn pass(&self, now: Instant) -> bool {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let (tokens, last) = &mut *inner;
        let passed = now.saturating_duration_since(*last).as_secs_f64();
        *tokens = (*tokens + passed * f64::from(self.per_second)).min(f64::from(self.at_once));
        *last = now;
        if *tokens < 1.0 {
            return false;
        }
        *tokens -= 1.0;
        true
    }
}

/// Where a plugin's records and events go. The same for all plugins of a host.
#[derive(Clone)]
pub struct Outlets {
    /// The beginning of the log corridor.
    pub records: Inbox,
    /// The beginning of the way to the error sinks.
    pub errors: Queue<ErrorEvent>,
    /// The host's metrics.
    pub metrics: Arc<metrics::Host>,
    /// The host's clock.
    pub clock: Clock,
}

/// The host's side of one plugin's imports.
pub struct Services {
    /// The operator's name for the plugin.
    pub plugin: Name,
    /// Where its records come from, for the log corridor: `plugin:<name>`.
    pub source: Source,
    /// Time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// The metrics that it may register; known once it has described itself.
    pub metrics: Metrics,
    records: Inbox,
    records_throttle: Throttle,
    errors: Queue<ErrorEvent>,
    errors_throttle: Throttle,
    records_dropped: Counter,
    errors_dropped: Counter,
    captured: Counter,
}

/// The metrics of a plugin, once its manifest is known.
pub struct Metrics {
    host: Arc<metrics::Host>,
    plugin: Name,
    declared: OnceLock<Arc<PluginMetrics>>,
    limits: metrics::Limits,
}

impl Metrics {
    /// The names that the plugin may register are these. Only the first call counts.
    pub fn declare(&self, names: &[String]) {
        self.declared.get_or_init(|| {
            PluginMetrics::new(&self.host, &self.plugin, names.iter().cloned(), self.limits)
        });
    }

    /// The metrics, once declared.
    pub fn get(&self) -> Option<&Arc<PluginMetrics>> {
        self.declared.get()
    }

    /// The host's own.
    pub fn host(&self) -> &Arc<metrics::Host> {
        &self.host
    }
}

impl Services {
    /// For one plugin.
    pub fn new(plugin: &Name, outlets: &Outlets, limits: metrics::Limits, random: Random) -> Self {
        let source: Source = format!("plugin:{plugin}").into();
        let families = &outlets.metrics.logs;
        Self {
            plugin: Name::clone(plugin),
            clock: outlets.clock.clone(),
            random,
            metrics: Metrics {
                host: Arc::clone(&outlets.metrics),
                plugin: Name::clone(plugin),
                declared: OnceLock::new(),
                limits,
            },
            records: outlets.records.clone(),
            records_throttle: Throttle::new(RECORDS_PER_SECOND, RECORDS_AT_ONCE),
            errors: outlets.errors.clone(),
            errors_throttle: Throttle::new(EVENTS_PER_SECOND, EVENTS_AT_ONCE),
            records_dropped: families.dropped_records.with([&source, "rate"]),
            errors_dropped: families.errors_dropped.with(["queue_overflow"]),
            captured: families.errors_captured.with([&source]),
            source,
        }
    }

    /// A record of the plugin. Dropped and counted when there are too many.
    pub fn write(&self, record: Record) {
        if !self.records_throttle.pass(Instant::now()) {
            self.records_dropped.increment();
            return;
        }
        let weight = record.message.len() + 256;
        // The queue counts what it drops.
        self.records.push_or_drop(weight, (Source::clone(&self.source), record));
    }

    /// An error event of the plugin. Dropped and counted when there are too many.
    pub fn capture(&self, event: ErrorEvent) {
        if !self.errors_throttle.pass(Instant::now())
            || !self.errors.push_or_drop(event_weight(&event), event)
        {
            self.errors_dropped.increment();
            return;
        }
        self.captured.increment();
    }

    /// The plugin itself failed.
    pub fn report_fault(&self, plugin: &Name, hook: Hook, fault: &Fault) {
        let (now, _) = self.clock.read();
        let kind = format!("plugin.{}", fault.kind.as_str());
        let message = format!("plugin `{plugin}` failed in `{hook}`: {}", fault.message);
        let mut event = ErrorEvent::new(now, Severity::Error, &kind, message);
        event.attributes.push(("tamis.plugin".to_owned(), plugin.to_string().into()));
        event.attributes.push(("tamis.hook".to_owned(), hook.as_str().into()));
        event.fingerprint =
            vec![kind, plugin.to_string(), hook.as_str().to_owned()];
        self.capture(event);
    }
}

/// About how many bytes an event holds.
fn event_weight(event: &ErrorEvent) -> usize {
    let frames: usize = event.exceptions.iter().map(|one| one.message.len() + one.frames.len() * 128).sum();
    event.message.len() + frames + event.breadcrumbs.len() * 256 + event.attributes.len() * 128
}

/// How long a plugin may take to say farewell.
pub const FAREWELL: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_throttle_lets_a_burst_pass_and_then_its_rate() {
        let start = Instant::now();
        let throttle = Throttle::new(10, 3);
        let passed = |at: Instant| (0..100).filter(|_| throttle.pass(at)).count();
        assert_eq!(passed(start), 3);
        assert_eq!(passed(start + Duration::from_millis(200)), 2);
        assert_eq!(passed(start + Duration::from_secs(60)), 3, "no more than at once");
    }

    #[test]
    fn seeded_randomness_repeats() {
        let draw = || {
            let random = Random::Seeded(Mutex::new(7));
            let mut bytes = [0; 13];
            random.fill(&mut bytes).unwrap();
            bytes
        };
        assert_eq!(draw(), draw());
        assert_ne!(draw(), [0; 13]);
    }
}
