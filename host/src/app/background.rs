//! The back room: ticks, error events, the rounds of health.
//!
//! Each task belongs to one plugin or to none and has one thing to wait for, so a plugin that
//! is slow in one of them delays only itself.

use std::sync::Arc;
use std::time::Duration;

use crate::filter::background::{Background, ErrorEvent};
use crate::filter::canary::{Output, Watch};
use crate::filter::exchange::Moment;
use crate::filter::queue::{Bound, Queue};
use crate::filter::scrub::Scrubbers;
use crate::filter::{FaultKind, Hook, Origin, Passage};
use crate::metrics::{self, Counter};

/// Most events of one batch.
const BATCH: usize = 32;
/// How long the first event of a batch waits for others.
const GATHER: Duration = Duration::from_millis(100);
/// What one sink may have waiting.
const BACKLOG: Bound = Bound { items: 1000, weight: 16 * 1024 * 1024 };
/// The pauses before a batch is offered again; after the last it is dropped.
const PAUSES: [Duration; 6] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_secs(30),
    Duration::from_secs(60),
];

/// Ticks a plugin for ever, as often as it asked for. Ticks never overlap; those that could
/// not be made are counted and told with the next.
pub async fn tick(plugin: Arc<dyn Background>) {
    let Some(period) = plugin.wants().tick else { return };
    if !plugin.hooks().contains(Hook::OnTick) {
        return;
    }
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut last: Option<tokio::time::Instant> = None;
    loop {
        let due = interval.tick().await;
        let missed = last.map_or(0, |last| {
            let periods = (due - last).as_nanos() / period.as_nanos().max(1);
            u32::try_from(periods.saturating_sub(1)).unwrap_or(u32::MAX)
        });
        last = Some(due);
        // A fault is in the plugin's account, and the next tick is another chance.
        let _ = plugin.on_tick(Moment::now().wall, missed).await;
    }
}

/// The way of error events: cleaned once, then to every sink at its own pace.
pub struct Errors {
    events: Queue<ErrorEvent>,
    scrubbers: Arc<Scrubbers>,
    sinks: Vec<Sink>,
    watch: Watch,
    withheld: Counter,
}

struct Sink {
    plugin: Arc<dyn Background>,
    backlog: Queue<Arc<ErrorEvent>>,
    overflow: Counter,
    given_up: Counter,
}

impl Errors {
    /// From the queue of captured events to those plugins that take them.
    pub fn new(
        events: Queue<ErrorEvent>,
        scrubbers: Arc<Scrubbers>,
        plugins: &[Arc<dyn Background>],
        host: &metrics::Host,
        watch: Watch,
    ) -> Self {
        let takes = |plugin: &&Arc<dyn Background>| {
            plugin.wants().errors && plugin.hooks().contains(Hook::OnErrors)
        };
        let dropped = &host.logs.errors_dropped;
        let sinks = plugins
            .iter()
            .filter(takes)
            .map(|plugin| Sink {
                plugin: Arc::clone(plugin),
                backlog: Queue::new(BACKLOG),
                overflow: dropped.with(["queue_overflow"]),
                given_up: dropped.with(["sink_failed"]),
            })
            .collect();
        Self { events, scrubbers, sinks, watch, withheld: dropped.with(["withheld"]) }
    }

    /// Cleans events and deals them out, until the queue is closed and empty; then the sinks
    /// get the rest.
    pub async fn run(self) {
        let deal = async {
            while let Some(event) = self.events.pop().await {
                if let Some(event) = self.clean(event).await {
                    self.deal(event);
                }
            }
            for sink in &self.sinks {
                sink.backlog.close();
            }
        };
        let sinks = futures_util::future::join_all(self.sinks.iter().map(Sink::run));
        tokio::join!(deal, sinks);
    }

    fn deal(&self, event: ErrorEvent) {
        let event = Arc::new(event);
        for sink in &self.sinks {
            if !sink.backlog.push_or_drop(1024, Arc::clone(&event)) {
                sink.overflow.increment();
            }
        }
    }

    /// Every text of the event through the scrubbers, all at once. One that cannot be cleaned
    /// is withheld whole: what is left of an event without its texts helps nobody.
    async fn clean(&self, mut event: ErrorEvent) -> Option<ErrorEvent> {
        if event.id.is_empty() {
            event.id = uuid::Uuid::new_v4().simple().to_string();
        }
        let mut passages = Vec::new();
        event.for_each_text(|name, text| {
            passages.push(Passage {
                text: text.clone(),
                origin: Origin::ErrorEvent,
                name: name.to_owned(),
            });
        });
        let cleaned = self.scrubbers.clean(passages).await;
        if cleaned.iter().any(Option::is_none) {
            self.withheld.increment();
            return None;
        }
        let mut cleaned = cleaned.into_iter().flatten();
        event.for_each_text(|_, text| {
            if let Some(clean) = cleaned.next() {
                *text = clean;
            }
        });
        // Everything that is in it, also what no scrubber is asked about: names, files, ids.
        if !self.watch.is_idle() {
            let all = format!("{event:?}");
            if !self.watch.passes(Output::Errors, [all.as_bytes()]) {
                self.withheld.increment();
                return None;
            }
        }
        Some(event)
    }
}

impl Sink {
    async fn run(&self) {
        while let Some(first) = self.backlog.pop().await {
            let mut batch = vec![first];
            let gathering = async {
                while batch.len() < BATCH {
                    let Some(next) = self.backlog.pop().await else { break };
                    batch.push(next);
                }
            };
            // Whatever came by then is a batch.
            let _ = tokio::time::timeout(GATHER, gathering).await;
            self.deliver(&batch).await;
        }
    }

    async fn deliver(&self, batch: &[Arc<ErrorEvent>]) {
        for pause in PAUSES {
            let Err(fault) = self.plugin.on_errors(batch).await else { return };
            // The same batch would be the same bug again.
            if fault.kind == FaultKind::Unprocessable {
                break;
            }
            tokio::time::sleep(pause).await;
        }
        self.given_up.add(batch.len() as u64);
        tracing::warn!(
            plugin = &**self.plugin.name(),
            events = batch.len(),
            "plugin `{}` did not take {} error events; they are dropped",
            self.plugin.name(),
            batch.len()
        );
    }
}
