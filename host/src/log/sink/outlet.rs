//! The corridor's end of a sink: its queue, its counts, and whoever serves it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::{Settings, Sink, Snapshot};
use crate::filter::queue::{Queue, Refused, Waiting};
use crate::log::batch::{Batch, Parcel};
use crate::log::ledger::{Ledger, Reason};

/// How long a source can wait for room in the queue of a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::log) enum Patience {
    /// As long as it takes: whoever writes waits, too.
    Endless,
    /// A moment, since it has room itself for what comes meanwhile.
    Brief,
    /// Not at all.
    None,
}

/// Counts records as lost when it is dropped, unless told that there are none.
struct Loss<'a> {
    outlet: &'a Outlet,
    count: u64,
    reason: Reason,
}

impl Loss<'_> {
    fn none(&mut self) {
        self.count = 0;
    }
}

impl Drop for Loss<'_> {
    fn drop(&mut self) {
        self.outlet.ledger.drop(self.count, self.reason);
    }
}

#[derive(Debug, Default)]
struct State {
    failures: u64,
    stuck: u64,
    failing: bool,
    /// The last wait for room was in vain.
    slow: bool,
    gone: bool,
    last_error: Option<String>,
    told: Option<Instant>,
}

/// The corridor's end of a sink.
#[derive(Debug)]
pub(in crate::log) struct Outlet {
    settings: Settings,
    queue: Queue<Parcel>,
    ledger: Ledger,
    state: Mutex<State>,
}

impl Outlet {
    pub(in crate::log) fn new(settings: Settings) -> Self {
        let queue = Queue::new(settings.queue);
        Self { settings, queue, ledger: Ledger::default(), state: Mutex::default() }
    }

    /// Whether records have to be parsed for it.
    pub(in crate::log) fn needs_parsed(&self) -> bool {
        self.settings.format.needs_parsed() || self.settings.wanted.least.is_some()
    }

    /// Whether it shows the text that records were parsed from.
    pub(in crate::log) fn needs_original(&self) -> bool {
        self.settings.format.needs_original()
    }

    /// Hands `batch` over. What finds no room within the time that the source can spare is
    /// dropped and counted.
    pub(in crate::log) async fn offer(&self, batch: &Arc<Batch>, patience: Patience) {
        let sources = &self.settings.sources;
        let is = |pattern: &String| match pattern.strip_suffix('*') {
            Some(start) => batch.source.starts_with(start),
            None => **pattern == *batch.source,
        };
        if !sources.is_empty() && !sources.iter().any(is) {
            return;
        }
        let Some(parcel) = Parcel::pick(batch, self.settings.wanted) else { return };
        let count = parcel.len() as u64;
        let room = self.settings.queue;
        let caught_up =
            self.queue.weight() <= room.weight / 2 && self.queue.len() <= room.items / 2;
        {
            let mut state = self.lock();
            if state.gone {
                self.ledger.refuse(count, Reason::Gone);
                return;
            }
            state.slow &= !caught_up;
        }
        self.ledger.enter(count);
        // Counted as lost until it is inside, also if nobody waits for this to the end.
        let mut loss = Loss { outlet: self, count, reason: Reason::Shutdown };
        let weight = parcel.weight();
        let parcel = match self.queue.try_push(weight, parcel) {
            Ok(()) => return loss.none(),
            Err(Refused::Full(parcel)) => parcel,
            Err(Refused::Closed(_)) => {
                if self.lock().gone {
                    loss.reason = Reason::Gone;
                }
                return;
            }
        };
        let pushed = match patience {
            Patience::Endless => self.queue.push(weight, parcel).await.is_ok(),
            Patience::Brief if self.is_worth_waiting() => {
                let pushed = timeout(self.settings.patience, self.queue.push(weight, parcel)).await;
                self.lock().slow = pushed.is_err();
                loss.reason = Reason::Full;
                matches!(pushed, Ok(Ok(())))
            }
            Patience::Brief | Patience::None => {
                loss.reason = Reason::Full;
                false
            }
        };
        if pushed {
            loss.none();
        }
    }

    /// Whether room is to be expected soon: it writes, and has caught up since a wait was in
    /// vain.
    fn is_worth_waiting(&self) -> bool {
        let state = self.lock();
        !state.failing && !state.slow
    }

    /// Nothing more comes.
    pub(in crate::log) fn close(&self) {
        self.queue.close();
    }

    /// How it fares.
    pub(in crate::log) fn snapshot(&self) -> Snapshot {
        let records = self.ledger.balance();
        let state = self.lock();
        Snapshot {
            name: self.settings.name.clone(),
            records,
            waiting: Waiting::in_queue(&self.queue),
            failures: state.failures,
            stuck: state.stuck,
            failing: state.failing,
            gone: state.gone,
            last_error: state.last_error.clone(),
        }
    }

    /// Serves `sink` until the queue is closed and empty, or until `orders` say that there is
    /// no time left.
    pub(in crate::log) async fn serve(&self, mut sink: Box<dyn Sink>, mut orders: Orders) {
        loop {
            tokio::select! {
                parcel = self.queue.pop() => match parcel {
                    Some(parcel) => {
                        if !self.deliver(sink.as_mut(), parcel, &mut orders).await {
                            break;
                        }
                    }
                    None => break,
                },
                () = orders.reopen.ordered() => self.reopen(sink.as_mut()).await,
                () = orders.give_up.ordered() => break,
            }
        }
        self.queue.close();
        let left = if self.lock().gone { Reason::Gone } else { Reason::Shutdown };
        while let Some(parcel) = self.queue.try_pop() {
            self.ledger.drop(parcel.len() as u64, left);
        }
        let closed = timeout(self.settings.deadline, sink.close()).await;
        if let Ok(Err(error)) = closed {
            self.failed(&error.to_string());
        }
    }

    /// Writes `parcel`, however often it takes. Answers whether to go on.
    async fn deliver(&self, sink: &mut dyn Sink, mut parcel: Parcel, orders: &mut Orders) -> bool {
        let mut pause = self.settings.first_pause;
        loop {
            let written = tokio::select! {
                written = timeout(self.settings.deadline, sink.write(&parcel)) => written,
                () = orders.give_up.ordered() => {
                    self.ledger.drop(parcel.len() as u64, Reason::Shutdown);
                    return false;
                }
            };
            let failure = match written {
                Ok(Ok(())) => {
                    self.ledger.deliver(parcel.len() as u64);
                    self.recovered();
                    return true;
                }
                Ok(Err(failure)) => failure,
                Err(_) => {
                    self.lock().stuck += 1;
                    self.failed(&format!("a write took longer than {:?}", self.settings.deadline));
                    continue;
                }
            };
            let done = failure.written.min(parcel.len());
            self.ledger.deliver(done as u64);
            parcel.advance(done);
            if failure.gone {
                self.lock().gone = true;
                self.ledger.drop(parcel.len() as u64, Reason::Gone);
                self.failed(&failure.source.to_string());
                return false;
            }
            self.failed(&failure.source.to_string());
            if done > 0 {
                pause = self.settings.first_pause;
            }
            tokio::select! {
                () = sleep(pause) => {}
                () = orders.reopen.ordered() => self.reopen(sink).await,
                () = orders.give_up.ordered() => {
                    self.ledger.drop(parcel.len() as u64, Reason::Shutdown);
                    return false;
                }
            }
            pause = (pause * 2).min(self.settings.longest_pause);
        }
    }

    async fn reopen(&self, sink: &mut dyn Sink) {
        match timeout(self.settings.deadline, sink.reopen()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.failed(&error.to_string()),
            Err(_) => self.failed("it could not be opened again in time"),
        }
    }

    fn failed(&self, error: &str) {
        const QUIET: Duration = Duration::from_secs(60);
        let tell = {
            let mut state = self.lock();
            state.failures += 1;
            state.failing = true;
            state.last_error = Some(error.to_owned());
            let tell = state.told.is_none_or(|told| told.elapsed() >= QUIET);
            if tell {
                state.told = Some(Instant::now());
            }
            tell
        };
        if tell {
            let records = self.ledger.balance();
            tracing::warn!(
                sink = %self.settings.name,
                error,
                waiting = records.inside,
                dropped = records.dropped_in_all(),
                "a log sink cannot write"
            );
        }
    }

    fn recovered(&self) {
        let was_failing = std::mem::take(&mut self.lock().failing);
        if was_failing {
            let dropped = self.ledger.balance().dropped_in_all();
            tracing::info!(sink = %self.settings.name, dropped, "a log sink writes again");
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Plain assignments cannot stop half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a sink is told from outside.
#[derive(Debug, Clone)]
pub(in crate::log) struct Orders {
    pub(in crate::log) reopen: Reopen,
    pub(in crate::log) give_up: GiveUp,
}

/// Tells when files are to be opened again.
#[derive(Debug, Clone)]
pub(in crate::log) struct Reopen(pub(in crate::log) watch::Receiver<u64>);

impl Reopen {
    /// Waits for the next order. Cancel safe.
    async fn ordered(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Tells when there is no time left.
#[derive(Debug, Clone)]
pub(in crate::log) struct GiveUp(pub(in crate::log) watch::Receiver<bool>);

impl GiveUp {
    /// Waits for that moment. Cancel safe.
    pub(in crate::log) async fn ordered(&mut self) {
        // When whoever could say so is gone, nobody waits for the end either.
        let _ = self.0.wait_for(|&give_up| give_up).await;
    }
}

#[cfg(test)]
pub(in crate::log) mod tests {
    use std::io;

    use async_trait::async_trait;
    use tokio::task::JoinSet;

    use super::super::Failure;
    use super::super::format::Format;
    use super::*;
    use crate::filter::queue::Bound;
    use crate::filter::record::Record;
    use crate::filter::value::Severity;
    use crate::log::batch::{Entry, Wanted};

    /// What a stand-in is to do with the next writes, and what it wrote.
    #[derive(Debug, Default)]
    pub(crate) struct Script {
        /// Answers to come; `None` is success, and so is an empty script.
        pub(crate) answers: std::collections::VecDeque<Option<Failure>>,
        /// Messages that were written.
        pub(crate) written: Vec<String>,
        /// How often it was opened again.
        pub(crate) reopened: usize,
        /// It hangs.
        pub(crate) stuck: bool,
    }

    /// A sink that does as it is told.
    #[derive(Debug, Clone, Default)]
    pub(crate) struct Fake(pub(crate) Arc<Mutex<Script>>);

    impl Fake {
        pub(crate) fn script(&self) -> MutexGuard<'_, Script> {
            self.0.lock().unwrap()
        }
    }

    #[async_trait]
    impl Sink for Fake {
        async fn write(&mut self, parcel: &Parcel) -> Result<(), Failure> {
            while self.script().stuck {
                sleep(Duration::from_secs(1)).await;
            }
            let mut script = self.script();
            let failure = script.answers.pop_front().flatten();
            let count = failure.as_ref().map_or(parcel.len(), |failure| failure.written);
            script
                .written
                .extend(parcel.entries().take(count).map(|entry| entry.record.message.clone()));
            failure.map_or(Ok(()), Err)
        }

        async fn reopen(&mut self) -> io::Result<()> {
            self.script().reopened += 1;
            Ok(())
        }
    }

    fn failure(written: usize, gone: bool) -> Option<Failure> {
        Some(Failure { written, gone, source: io::Error::other("no") })
    }

    fn batch(names: &[&str]) -> Arc<Batch> {
        let entries =
            names.iter().map(|&name| Entry::new(Record::structured(1, Some(Severity::Info), name)));
        Arc::new(Batch { source: "child".into(), entries: entries.collect() })
    }

    struct Bench {
        outlet: Arc<Outlet>,
        fake: Fake,
        reopen: watch::Sender<u64>,
        give_up: watch::Sender<bool>,
        serving: JoinSet<()>,
    }

    fn bench(settings: Settings) -> Bench {
        let outlet = Arc::new(Outlet::new(settings));
        let fake = Fake::default();
        let (reopen, reopen_orders) = watch::channel(0);
        let (give_up, give_up_orders) = watch::channel(false);
        let orders = Orders { reopen: Reopen(reopen_orders), give_up: GiveUp(give_up_orders) };
        let (server, sink) = (Arc::clone(&outlet), fake.clone());
        let mut serving = JoinSet::new();
        serving.spawn(async move { server.serve(Box::new(sink), orders).await });
        Bench { outlet, fake, reopen, give_up, serving }
    }

    fn settings(items: usize) -> Settings {
        let queue = Bound { items, weight: 1 << 20 };
        Settings { queue, ..Settings::new("test", Format::Json) }
    }

    #[tokio::test(start_paused = true)]
    async fn what_fails_is_tried_again_from_where_it_failed() {
        let bench = bench(settings(10));
        bench.fake.script().answers = [failure(1, false), failure(0, false), None].into();
        bench.outlet.offer(&batch(&["a", "b", "c"]), Patience::None).await;
        bench.outlet.close();
        bench.serving.join_all().await;
        assert_eq!(bench.fake.script().written, ["a", "b", "c"]);
        let snapshot = bench.outlet.snapshot();
        assert_eq!(
            (snapshot.records.delivered, snapshot.failures, snapshot.failing),
            (3, 2, false)
        );
        assert!(snapshot.records.holds());
    }

    #[tokio::test(start_paused = true)]
    async fn what_finds_no_room_is_dropped_and_counted() {
        let bench = bench(settings(2));
        bench.fake.script().stuck = true;
        for name in ["a", "b", "c", "d"] {
            bench.outlet.offer(&batch(&[name, name]), Patience::None).await;
            // The first parcel is taken out of the queue at once.
            tokio::task::yield_now().await;
        }
        let records = bench.outlet.snapshot().records;
        assert!(records.holds());
        assert_eq!(
            (records.received, records.dropped[Reason::Full as usize], records.inside),
            (8, 2, 6)
        );
        bench.fake.script().stuck = false;
        bench.outlet.close();
        bench.serving.join_all().await;
        assert_eq!(bench.fake.script().written, ["a", "a", "b", "b", "c", "c"]);
        assert_eq!(bench.outlet.snapshot().records.inside, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_patient_waits_for_room() {
        let bench = bench(settings(1));
        bench.fake.script().stuck = true;
        let outlet = Arc::clone(&bench.outlet);
        let mut offering = JoinSet::new();
        offering.spawn(async move {
            for name in ["a", "b", "c", "d"] {
                outlet.offer(&batch(&[name]), Patience::Endless).await;
            }
        });
        sleep(Duration::from_secs(30)).await;
        assert!(offering.try_join_next().is_none(), "there is no room");
        assert!(bench.outlet.snapshot().stuck > 0, "and somebody may know");
        bench.fake.script().stuck = false;
        offering.join_all().await;
        bench.outlet.close();
        bench.serving.join_all().await;
        assert_eq!(bench.fake.script().written, ["a", "b", "c", "d"]);
        assert_eq!(bench.outlet.snapshot().records.dropped_in_all(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_sink_is_waited_for_once() {
        let bench = bench(settings(2));
        bench.fake.script().stuck = true;
        let start = Instant::now();
        for name in ["a", "b", "c", "d", "e", "f"] {
            bench.outlet.offer(&batch(&[name]), Patience::Brief).await;
            tokio::task::yield_now().await;
        }
        let waited = start.elapsed();
        assert!(
            waited >= Duration::from_millis(500) && waited < Duration::from_millis(600),
            "{waited:?}"
        );
        assert_eq!(bench.outlet.snapshot().records.dropped[Reason::Full as usize], 3);
        // Once it has caught up, a moment is enough.
        bench.fake.script().stuck = false;
        sleep(Duration::from_secs(5)).await;
        for name in ["g", "h", "i", "j", "k", "l"] {
            bench.outlet.offer(&batch(&[name]), Patience::Brief).await;
        }
        bench.outlet.close();
        bench.serving.join_all().await;
        let written = bench.fake.script().written.join("");
        assert_eq!(written, "abcghijkl");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_gone_takes_nothing_more() {
        let bench = bench(settings(10));
        bench.fake.script().answers = [failure(1, true)].into();
        bench.outlet.offer(&batch(&["a", "b"]), Patience::None).await;
        bench.serving.join_all().await;
        bench.outlet.offer(&batch(&["c"]), Patience::Endless).await;
        let snapshot = bench.outlet.snapshot();
        assert!(snapshot.gone && snapshot.records.holds());
        assert_eq!(
            (snapshot.records.delivered, snapshot.records.dropped[Reason::Gone as usize]),
            (1, 2)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn when_time_is_over_the_rest_is_counted() {
        let bench = bench(settings(10));
        bench.fake.script().stuck = true;
        bench.outlet.offer(&batch(&["a"]), Patience::None).await;
        bench.outlet.offer(&batch(&["b", "c"]), Patience::None).await;
        bench.outlet.close();
        bench.give_up.send(true).unwrap();
        bench.serving.join_all().await;
        let records = bench.outlet.snapshot().records;
        assert_eq!((records.dropped[Reason::Shutdown as usize], records.inside), (3, 0));
        assert!(records.holds());
    }

    #[tokio::test(start_paused = true)]
    async fn files_are_opened_again_on_request() {
        let bench = bench(settings(10));
        tokio::task::yield_now().await;
        bench.reopen.send(1).unwrap();
        tokio::task::yield_now().await;
        // Also in the pause after a failure.
        bench.fake.script().answers = [failure(0, false)].into();
        bench.outlet.offer(&batch(&["a"]), Patience::None).await;
        sleep(Duration::from_millis(10)).await;
        bench.reopen.send(2).unwrap();
        bench.outlet.close();
        bench.serving.join_all().await;
        let script = bench.fake.script();
        assert_eq!((script.reopened, script.written.len()), (2, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_sink_gets_only_what_it_asks_for() {
        let severe = Wanted { least: Some(Severity::Warn), ..Wanted::default() };
        let sources = vec!["plugin:*".into(), "child".into()];
        let bench = bench(Settings { wanted: severe, sources, ..settings(10) });
        bench.outlet.offer(&batch(&["mild"]), Patience::None).await;
        let severe = |source: &str| {
            let entry = Entry::new(Record::structured(1, Some(Severity::Error), source));
            Arc::new(Batch { source: source.into(), entries: vec![entry] })
        };
        bench.outlet.offer(&severe("access"), Patience::None).await;
        bench.outlet.offer(&severe("child"), Patience::None).await;
        bench.outlet.offer(&severe("plugin:x"), Patience::None).await;
        bench.outlet.close();
        bench.serving.join_all().await;
        assert_eq!(bench.fake.script().written, ["child", "plugin:x"]);
        assert_eq!(bench.outlet.snapshot().records.received, 2, "what is not wanted is no loss");
        drop((bench.reopen, bench.give_up));
    }
}
