//! What the imports of a plugin work on: the host's side of each capability.
//!
//! One of these per plugin, shared by all its instances. Everything in it is bounded, and
//! nothing in it waits unless the import says so.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::load::LoadError;
use crate::config;
use crate::filter::background::ErrorEvent;
use crate::filter::canary::Watch;
use crate::filter::queue::{Bound, Queue};
use crate::filter::{Fault, Hook, Name, Record, Severity, Source, exchange::Moment};
use crate::health::probe::Allowed;
use crate::metrics::{self, Counter, PluginMetrics};
use crate::outbound::client::{self, Client};
use crate::outbound::delivery::{self, Delivery};
use crate::outbound::{self, Dialer, Origin};
use crate::state::{self, Memory, State, Store};

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
    /// What looks for canaries in all that leaves.
    pub watch: Watch,
}

/// What the imports that reach outside work on. The same for all plugins of a host.
pub struct Reach {
    dialer: Arc<Dialer>,
    client: Arc<Client>,
    state: Arc<State>,
    metrics: Arc<metrics::Host>,
    deliveries: Mutex<Vec<(Name, Arc<Delivery>)>>,
}

impl Reach {
    /// On this dialer and state.
    pub fn new(dialer: Arc<Dialer>, state: Arc<State>, metrics: Arc<metrics::Host>) -> Self {
        let settings = client::Settings { reach: outbound::Reach::Anywhere, ..Default::default() };
        let client = Arc::new(Client::new(Arc::clone(&dialer), settings));
        Self { dialer, client, state, metrics, deliveries: Mutex::default() }
    }

    /// Asks for others on behalf of plugins.
    pub fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// The queues of what plugins handed over, for whoever runs them. Each is given out once.
    pub fn take_deliveries(&self) -> Vec<(Name, Arc<Delivery>)> {
        std::mem::take(&mut *self.deliveries.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What one plugin may reach, by its grants. Upstreams may be probed by all.
    pub fn for_plugin(&self, plugin: &config::Plugin, config: &config::Config) -> PluginReach {
        let name: Name = plugin.name.to_string().into();
        let wall: delivery::WallClock = Arc::new(std::time::SystemTime::now);
        let settings = delivery::Settings::default();
        let delivery = Arc::new(Delivery::new(&name, settings, &self.metrics, wall));
        let mut deliveries = self.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
        if !plugin.grants.http.is_empty() {
            deliveries.push((Name::clone(&name), Arc::clone(&delivery)));
        }
        drop(deliveries);
        let servers = config.upstreams.iter().flat_map(|upstream| &upstream.servers);
        let granted =
            plugin.grants.probe.iter().filter_map(|target| with_credentials(&target.value));
        let targets = granted.chain(servers.map(|server| server.value.to_string()));
        let origins = plugin.grants.http.iter().map(|origin| origin.value.to_string());
        PluginReach {
            dialer: Arc::clone(&self.dialer),
            client: Arc::clone(&self.client),
            local: self.state.local(&name),
            shared: self.state.shared(&name),
            // The configuration has checked both.
            origins: origins.filter_map(|origin| Origin::parse(&origin).ok()).collect(),
            targets: targets.filter_map(|target| Allowed::parse(&target).ok()).collect(),
            delivery,
        }
    }
}

/// The target as a URL, with its credentials in it.
fn with_credentials(target: &config::ServiceUrl) -> Option<String> {
    let mut url = url::Url::parse(&target.to_string()).ok()?;
    if let Some(user) = &target.user {
        url.set_username(user.expose()).ok()?;
    }
    if let Some(password) = &target.password {
        url.set_password(Some(password.expose())).ok()?;
    }
    Some(url.into())
}

/// What one plugin may reach.
pub struct PluginReach {
    /// Dials for probes.
    pub dialer: Arc<Dialer>,
    /// Asks for answers.
    pub client: Arc<Client>,
    /// Its state in this process.
    pub local: Arc<Memory>,
    /// Its state in all hosts that act as one.
    pub shared: Arc<dyn Store>,
    /// Origins that it may send to.
    pub origins: Vec<Origin>,
    /// Targets that it may probe.
    pub targets: Vec<Allowed>,
    /// What it hands over.
    pub delivery: Arc<Delivery>,
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
    /// What it may reach outside.
    pub reach: PluginReach,
    /// What looks for canaries in what it sends and keeps.
    pub watch: Watch,
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
    pub fn new(
        plugin: &Name,
        outlets: &Outlets,
        limits: metrics::Limits,
        random: Random,
        reach: PluginReach,
    ) -> Self {
        let source: Source = format!("plugin:{plugin}").into();
        let families = &outlets.metrics.logs;
        Self {
            plugin: Name::clone(plugin),
            clock: outlets.clock.clone(),
            watch: outlets.watch.clone(),
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
            reach,
        }
    }

    /// Lets the plugin write as many records and events as it likes: for who reads each of them.
    pub fn unhurried(mut self) -> Self {
        self.records_throttle = Throttle::new(u32::MAX, u32::MAX);
        self.errors_throttle = Throttle::new(u32::MAX, u32::MAX);
        self
    }

    /// For a plugin that is only looked at: nothing leads anywhere.
    ///
    /// # Errors
    ///
    /// When not even that can be set up: the TLS client of a dialer that never dials.
    pub fn idle(plugin: &Name) -> Result<Self, LoadError> {
        let build = metrics::Build { version: "", revision: "" };
        let metrics = Arc::new(metrics::Host::new(build));
        let bound = Bound { items: 1, weight: 64 * 1024 };
        let outlets = Outlets {
            records: Queue::new(bound),
            errors: Queue::new(bound),
            metrics: Arc::clone(&metrics),
            clock: Clock::system(),
            watch: Watch::default(),
        };
        let dialer = Dialer::new(outbound::Dialing::default())
            .map_err(|error| LoadError::Link(error.to_string()))?;
        let state = Arc::new(State::in_memory(state::Limits::default()));
        let config = config::Config::for_upstream(&[], &config::Overrides::default())
            .map_err(|faults| LoadError::Link(faults.to_string()))?
            .0;
        let reach = Reach::new(Arc::new(dialer), state, metrics);
        let stand_in = config.plugins.first().ok_or_else(|| LoadError::Link(String::new()))?;
        let reach = reach.for_plugin(stand_in, &config);
        Ok(Self::new(plugin, &outlets, metrics::Limits::default(), Random::System, reach))
    }

    /// An access to the state was refused or failed.
    pub fn state_failed(&self, error: &state::Error) {
        let (scope, reason) = match error {
            state::Error::Full => ("local", "full"),
            state::Error::TooLarge { .. } => ("local", "too-large"),
            state::Error::NotANumber => ("local", "not-a-number"),
            state::Error::Unavailable(_) => ("shared", "unavailable"),
        };
        self.metrics.host.plugins.state_errors.with([&self.plugin, scope, reason]).increment();
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
        event.fingerprint = vec![kind, plugin.to_string(), hook.as_str().to_owned()];
        self.capture(event);
    }
}

/// About how many bytes an event holds.
fn event_weight(event: &ErrorEvent) -> usize {
    let frames: usize =
        event.exceptions.iter().map(|one| one.message.len() + one.frames.len() * 128).sum();
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
