//! What is counted of a plugin's calls, and what is said of its faults.
//!
//! Handles to all series are looked up once, so that counting a call costs a few
//! nanoseconds. Faults are logged at most once a second per plugin, with the number of those
//! that were not; every one is counted.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::seat::Cost;
use crate::filter::{Fault, FaultKind, Hook, Hooks, Name};
use crate::metrics::{self, Counter, Histogram};

/// Between two lines about the faults of one plugin.
const QUIET: Duration = Duration::from_secs(1);

/// The account of one plugin.
pub struct Account {
    plugin: Name,
    hooks: BTreeMap<Hook, HookAccount>,
    strikes: Counter,
    quarantines: Counter,
    quarantined: metrics::Gauge,
    lost: Vec<(FaultKind, Counter)>,
    started: Instant,
    /// Milliseconds since `started` when a fault was last logged, plus one; zero is never.
    logged: AtomicU64,
    silent: AtomicU64,
}

/// The account of one hook.
struct HookAccount {
    ok: Counter,
    faults: [Counter; FaultKind::ALL.len()],
    duration: Histogram,
    edits: Counter,
}

impl Account {
    /// An account for the hooks that the plugin has, with every series at zero.
    pub fn open(host: &metrics::Host, plugin: &Name, hooks: Hooks) -> Self {
        let families = &host.plugins;
        let hooks = hooks
            .iter()
            .map(|hook| {
                let name = hook.as_str();
                let calls = |outcome| families.calls.with([plugin, name, outcome]);
                let account = HookAccount {
                    ok: calls("ok"),
                    faults: FaultKind::ALL.map(|kind| calls(kind.as_str())),
                    duration: families.duration.with([plugin, name]),
                    edits: families.edits.with([plugin, name]),
                };
                (hook, account)
            })
            .collect();
        let lost = FaultKind::ALL
            .into_iter()
            .filter(|kind| costs_instance(*kind))
            .map(|kind| (kind, families.traps.with([plugin, kind.as_str()])))
            .collect();
        let quarantined = families.quarantined.with([plugin]);
        quarantined.set(0.0);
        Self {
            plugin: Name::clone(plugin),
            hooks,
            strikes: families.strikes.with([plugin]),
            quarantines: families.quarantines.with([plugin]),
            quarantined,
            lost,
            started: Instant::now(),
            logged: AtomicU64::new(0),
            silent: AtomicU64::new(0),
        }
    }

    /// A call went well.
    pub fn went_well(&self, hook: Hook, cost: Cost, edits: usize) {
        if let Some(account) = self.hooks.get(&hook) {
            account.ok.increment();
            account.duration.observe_duration(cost.elapsed);
            if edits > 0 {
                account.edits.add(edits as u64);
            }
        }
    }

    /// A call, or the attempt to make one, was a fault.
    pub fn faulted(&self, hook: Hook, cost: Option<Cost>, fault: &Fault) {
        if let Some(account) = self.hooks.get(&hook) {
            account.faults[fault.kind as usize].increment();
            if let Some(cost) = cost {
                account.duration.observe_duration(cost.elapsed);
            }
        }
        if let Some((_, lost)) = self.lost.iter().find(|(kind, _)| *kind == fault.kind) {
            lost.increment();
        }
        // A plugin that is put aside faults on everything; that was said when it was put
        // aside.
        if fault.kind != FaultKind::Quarantined {
            self.log(hook, fault);
        }
    }

    /// A fault counted as a strike.
    pub fn struck(&self) {
        self.strikes.increment();
    }

    /// The plugin was put aside.
    pub fn put_aside(&self, pause: Duration) {
        self.quarantines.increment();
        self.quarantined.set(1.0);
        tracing::error!(
            plugin = &*self.plugin,
            pause_seconds = pause.as_secs(),
            "plugin `{}` is in quarantine for {pause:?} after repeated faults",
            self.plugin
        );
    }

    /// The plugin is back.
    pub fn came_back(&self) {
        self.quarantined.set(0.0);
        tracing::info!(plugin = &*self.plugin, "plugin `{}` is back in service", self.plugin);
    }

    fn log(&self, hook: Hook, fault: &Fault) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1;
        let last = self.logged.load(Ordering::Relaxed);
        let due = last == 0 || now - last.min(now) >= QUIET.as_millis() as u64;
        let mine = due
            && self
                .logged
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if !mine {
            self.silent.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let silent = self.silent.swap(0, Ordering::Relaxed);
        tracing::warn!(
            plugin = &*self.plugin,
            hook = hook.as_str(),
            kind = fault.kind.as_str(),
            unlogged = silent,
            "plugin `{}` failed in `{hook}`: {}",
            self.plugin,
            fault.message
        );
    }
}

/// Whether a fault of this kind throws the instance away.
fn costs_instance(kind: FaultKind) -> bool {
    matches!(kind, FaultKind::Trap | FaultKind::Deadline | FaultKind::Memory | FaultKind::Budget)
}
