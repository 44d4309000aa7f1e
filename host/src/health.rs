//! All checks: who said so, since when; asks those who know, tells those who judge.
//!
//! Once a second everybody who can say how something is gets asked, from memory. When
//! anything changed, the observers are told of all checks and answer with a verdict; of
//! several, the worst counts. Nothing here tests anything: that is done by plugins through
//! `probe`, and by the checks of upstreams.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::filter::background::{Background, Check, Status};
use crate::filter::exchange::Moment;
use crate::filter::Hook;
use crate::metrics;

pub mod probe;

/// How often everybody is asked.
pub const ROUND: Duration = Duration::from_secs(1);

/// Says how one of the host's own things is now: its status, the worst it can make of the
/// whole, and why.
pub type Source = Box<dyn Fn() -> Said + Send + Sync>;

/// What a source says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// What it is about: `host`, `upstream:<name>`, `plugin:<name>`.
    pub component: String,
    /// How it is.
    pub status: Status,
    /// The worst that it can make of the whole.
    pub at_worst: Status,
    /// One sentence, for operators.
    pub reason: Option<String>,
}

/// All checks as they were last heard, and the verdict on them. Cheap to clone.
#[derive(Clone)]
pub struct Board {
    inner: Arc<Mutex<Inner>>,
    metrics: Arc<metrics::Host>,
}

#[derive(Default)]
struct Inner {
    checks: Vec<Check>,
    verdict: Option<Status>,
}

/// What the board shows.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Shown {
    /// The verdict; unknown until an observer gave one.
    pub status: Status,
    /// All checks.
    pub checks: Vec<Check>,
}

impl Board {
    /// An empty board.
    pub fn new(metrics: Arc<metrics::Host>) -> Self {
        Self { inner: Arc::default(), metrics }
    }

    /// What it shows now.
    pub fn shown(&self) -> Shown {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        Shown { status: inner.verdict.unwrap_or(Status::Unknown), checks: inner.checks.clone() }
    }

    /// One round: asks all, and tells the observers when anything changed or none of them
    /// has answered yet.
    ///
    /// Dropping the future leaves the board as it was.
    pub async fn round(&self, sources: &[Source], plugins: &[Arc<dyn Background>]) {
        let now = Moment::now().wall;
        let before = self.shown();
        let mut checks: Vec<_> = sources.iter().map(|source| dated(source(), &before, now)).collect();
        for plugin in plugins.iter().filter(|plugin| plugin.hooks().contains(Hook::Checks)) {
            // A plugin that cannot say how it is has a fault in its account; what it said
            // before still stands.
            match plugin.checks().await {
                Ok(said) => checks.extend(said),
                Err(_) => checks.extend(kept(&before, plugin.name())),
            }
        }
        let changed = before.status == Status::Unknown || !same(&before.checks, &checks);
        let mut verdict = None;
        if changed {
            for observer in plugins.iter().filter(|plugin| plugin.wants().health) {
                if let Ok(status) = observer.on_health(&checks).await {
                    verdict = Some(verdict.map_or(status, |known| worse(known, status)));
                }
            }
        }
        self.publish(&checks, verdict.unwrap_or(before.status));
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.checks = checks;
        if verdict.is_some() {
            inner.verdict = verdict;
        }
    }

    fn publish(&self, checks: &[Check], verdict: Status) {
        const STATUSES: [Status; 4] =
            [Status::Healthy, Status::Degraded, Status::Unhealthy, Status::Unknown];
        let on = |is: bool| if is { 1.0 } else { 0.0 };
        let families = &self.metrics.health;
        for status in STATUSES {
            families.verdict.with([status.as_str()]).set(on(status == verdict));
            for check in checks {
                let series = families.status.with([&check.component, status.as_str()]);
                series.set(on(status == check.status));
            }
        }
    }
}

/// A check with the moment at which it took on its status.
fn dated(said: Said, before: &Shown, now: u64) -> Check {
    let Said { component, status, at_worst, reason } = said;
    let known = before.checks.iter().find(|check| check.component == component);
    let since = known.filter(|check| check.status == status).map_or(now, |check| check.since);
    Check { component, status, at_worst, latency: None, reason, since }
}

fn kept(before: &Shown, _plugin: &str) -> Vec<Check> {
    let host = |check: &&Check| {
        !(check.component == "host"
            || check.component.starts_with("upstream:")
            || check.component.starts_with("plugin:"))
    };
    before.checks.iter().filter(host).cloned().collect()
}

/// Whether nothing changed that anybody would want to know: latencies always do.
fn same(before: &[Check], now: &[Check]) -> bool {
    before.len() == now.len()
        && before.iter().zip(now).all(|(before, now)| {
            before.component == now.component
                && before.status == now.status
                && before.at_worst == now.at_worst
                && before.reason == now.reason
        })
}

/// The worse of two; what is not known is between degraded and unhealthy, since nobody can
/// rely on it.
fn worse(one: Status, other: Status) -> Status {
    let rank = |status| match status {
        Status::Healthy => 0,
        Status::Degraded => 1,
        Status::Unknown => 2,
        Status::Unhealthy => 3,
    };
    if rank(one) >= rank(other) { one } else { other }
}
