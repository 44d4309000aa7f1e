//! All checks: who said so, since when; asks those who know, tells those who judge.
//!
//! Once a second everybody who can say how something is gets asked, from memory. When
//! anything changed, the observers are told of all checks and answer with a verdict; of
//! several, the worst counts. Nothing here tests anything: that is done by plugins through
//! `probe`, and by the checks of upstreams.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::filter::Hook;
use crate::filter::background::{Background, Check, Status};
use crate::filter::exchange::Moment;
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
    /// What each plugin said last, by its name.
    said: BTreeMap<String, Vec<Check>>,
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
        let inner = self.lock();
        Shown { status: inner.verdict.unwrap_or(Status::Unknown), checks: inner.checks.clone() }
    }

    /// One round: asks all, and tells the observers when anything changed or none of them
    /// has answered yet.
    ///
    /// Dropping the future leaves the board as it was.
    pub async fn round(&self, sources: &[Source], plugins: &[Arc<dyn Background>]) {
        let now = Moment::now().wall;
        let before = self.shown();
        let mut checks: Vec<_> =
            sources.iter().map(|source| dated(source(), &before, now)).collect();
        for plugin in plugins.iter().filter(|plugin| plugin.hooks().contains(Hook::Checks)) {
            // A plugin that cannot say how it is has a fault in its account; what it said
            // before still stands.
            if let Ok(said) = plugin.checks().await {
                self.lock().said.insert(plugin.name().to_string(), said);
            }
            if let Some(said) = self.lock().said.get(&**plugin.name()) {
                checks.extend(said.iter().cloned());
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
        let mut inner = self.lock();
        inner.checks = checks;
        if verdict.is_some() {
            inner.verdict = verdict;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use async_trait::async_trait;

    use super::*;
    use crate::filter::background::PageRequest;
    use crate::filter::{Fault, FaultKind, Hooks, LocalResponse, Name, Subscription};

    /// Says that a database is well as long as it can, and judges by the worst.
    struct Judge {
        name: Name,
        wants: Subscription,
        broken: AtomicBool,
        told: Mutex<Vec<Vec<String>>>,
    }

    impl Judge {
        fn new() -> Arc<Self> {
            Arc::new(Self {
                name: "judge".into(),
                wants: Subscription { health: true, ..Subscription::default() },
                broken: AtomicBool::new(false),
                told: Mutex::default(),
            })
        }
    }

    #[async_trait]
    impl Background for Judge {
        fn name(&self) -> &Name {
            &self.name
        }

        fn hooks(&self) -> Hooks {
            Hooks::default().with(Hook::Checks).with(Hook::OnHealth)
        }

        fn wants(&self) -> &Subscription {
            &self.wants
        }

        async fn checks(&self) -> Result<Vec<Check>, Fault> {
            if self.broken.load(Ordering::Relaxed) {
                return Err(Fault::new(FaultKind::Trap, "gone"));
            }
            Ok(vec![Check {
                component: "database".into(),
                status: Status::Healthy,
                at_worst: Status::Unhealthy,
                latency: Some(Duration::from_millis(1)),
                reason: None,
                since: 7,
            }])
        }

        async fn on_health(&self, all: &[Check]) -> Result<Status, Fault> {
            self.told.lock().unwrap().push(all.iter().map(|one| one.component.clone()).collect());
            Ok(all.iter().fold(Status::Healthy, |sum, one| worse(sum, one.status)))
        }

        async fn on_page(&self, _: &PageRequest) -> Result<LocalResponse, Fault> {
            Err(Fault::new(FaultKind::Internal, "no pages"))
        }
    }

    fn board() -> Board {
        let build = metrics::Build { version: "0", revision: "0" };
        Board::new(Arc::new(metrics::Host::new(build)))
    }

    fn source(status: Arc<Mutex<Status>>) -> Source {
        Box::new(move || Said {
            component: "upstream:app".into(),
            status: *status.lock().unwrap(),
            at_worst: Status::Unhealthy,
            reason: None,
        })
    }

    #[tokio::test]
    async fn observers_are_told_when_something_changed_and_only_then() {
        let (board, judge) = (board(), Judge::new());
        let status = Arc::new(Mutex::new(Status::Healthy));
        let sources = [source(Arc::clone(&status))];
        let plugins: [Arc<dyn Background>; 1] = [judge.clone()];
        assert_eq!(board.shown().status, Status::Unknown, "before anybody was asked");
        board.round(&sources, &plugins).await;
        board.round(&sources, &plugins).await;
        assert_eq!(board.shown().status, Status::Healthy);
        assert_eq!(judge.told.lock().unwrap().len(), 1, "nothing changed in between");

        let since = board.shown().checks[0].since;
        *status.lock().unwrap() = Status::Unhealthy;
        board.round(&sources, &plugins).await;
        let shown = board.shown();
        assert_eq!(shown.status, Status::Unhealthy);
        assert!(shown.checks[0].since > since, "it took on a new status");
        assert_eq!(shown.checks[1].since, 7, "a plugin dates its own");
    }

    #[tokio::test]
    async fn what_a_plugin_said_stands_while_it_cannot_speak() {
        let (board, judge) = (board(), Judge::new());
        let plugins: [Arc<dyn Background>; 1] = [judge.clone()];
        board.round(&[], &plugins).await;
        judge.broken.store(true, Ordering::Relaxed);
        board.round(&[], &plugins).await;
        assert_eq!(board.shown().checks.len(), 1);
    }
}
