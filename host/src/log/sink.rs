//! Where records go. Each sink has a queue and a pace of its own.
//!
//! A sink that fails backs off alone: its queue fills, what finds no room is dropped and
//! counted, and neither the other sinks nor the sources notice. What was taken in is tried
//! again until it is written, the sink is gone for good, or the time to shut down is over.
//! Trouble is told once and then once a minute, not once per record.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::batch::{Batch, Parcel, Wanted};
use super::ledger::{Balance, Ledger, Reason};
use crate::filter::queue::{Bound, Queue, Refused};

pub mod file;
pub mod format;
pub mod stdout;
mod writer;

use format::Format;

/// Writes records somewhere.
#[async_trait]
pub trait Sink: Send {
    /// Writes the records of `parcel`, in order; when it returns they are where they belong.
    ///
    /// Cancel safe in this sense: when the future is dropped before it is done, the next call
    /// gets the same parcel and carries on where this one was.
    ///
    /// # Errors
    ///
    /// [`Failure`]; so many records as it says were written all the same, the others not, and
    /// none in part.
    async fn write(&mut self, parcel: &Parcel) -> Result<(), Failure>;

    /// Opens what it writes to again, because somebody moved it.
    ///
    /// # Errors
    ///
    /// Why it could not; it then goes on with what it had, if it can.
    async fn reopen(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Makes sure that all that was written is out. Called once, last.
    ///
    /// # Errors
    ///
    /// Why it could not.
    async fn close(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Why a sink could not write.
#[derive(Debug, thiserror::Error)]
#[error("a sink could not write")]
pub struct Failure {
    /// How many records were written before that.
    pub written: usize,
    /// It will never be able to again.
    pub gone: bool,
    /// What happened.
    pub source: io::Error,
}

/// How one sink is served.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its name, unique among the sinks.
    pub name: String,
    /// How records are written; also decides whether they have to be parsed.
    pub format: Format,
    /// Which records it gets. All.
    pub wanted: Wanted,
    /// Only records of these sources; a star at the end stands for anything. All, if empty.
    pub sources: Vec<String>,
    /// How much may wait for it. 8192 batches, 8 MiB.
    pub queue: Bound,
    /// How long one write may take before the sink counts as stuck. 10 s. A stuck sink is
    /// waited for, but told of.
    pub deadline: Duration,
    /// Pause after the first failure, doubled after each that follows. 100 ms.
    pub first_pause: Duration,
    /// Longest pause. 5 s.
    pub longest_pause: Duration,
}

impl Settings {
    /// The defaults, for a sink of that name.
    pub fn new(name: impl Into<String>, format: Format) -> Self {
        Self {
            name: name.into(),
            format,
            wanted: Wanted::default(),
            sources: Vec::new(),
            queue: Bound { items: 8192, weight: 8 * 1024 * 1024 },
            deadline: Duration::from_secs(10),
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(5),
        }
    }
}

/// How a sink fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its name.
    pub name: String,
    /// Its records.
    pub records: Balance,
    /// How often writing failed.
    pub failures: u64,
    /// How often a write took longer than its deadline.
    pub stuck: u64,
    /// It cannot write at present.
    pub failing: bool,
    /// It will not write again.
    pub gone: bool,
    /// What happened last.
    pub last_error: Option<String>,
}

#[derive(Debug, Default)]
struct State {
    failures: u64,
    stuck: u64,
    failing: bool,
    gone: bool,
    last_error: Option<String>,
    told: Option<Instant>,
}

/// The corridor's end of a sink.
#[derive(Debug)]
pub(super) struct Outlet {
    settings: Settings,
    queue: Queue<Parcel>,
    ledger: Ledger,
    state: Mutex<State>,
}

impl Outlet {
    pub(super) fn new(settings: Settings) -> Self {
        let queue = Queue::new(settings.queue);
        Self { settings, queue, ledger: Ledger::default(), state: Mutex::default() }
    }

    /// Whether records have to be parsed for it.
    pub(super) fn needs_parsed(&self) -> bool {
        self.settings.format.needs_parsed() || self.settings.wanted.least.is_some()
    }

    /// Whether it shows the text that records were parsed from.
    pub(super) fn needs_original(&self) -> bool {
        self.settings.format.needs_original()
    }

    /// Hands `batch` over. Waits for room if `patient`; else drops what finds none.
    pub(super) async fn offer(&self, batch: &Arc<Batch>, patient: bool) {
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
        if self.lock().gone {
            self.ledger.refuse(count, Reason::Gone);
            return;
        }
        self.ledger.enter(count);
        let weight = parcel.weight();
        match self.queue.try_push(weight, parcel) {
            Ok(()) => {}
            Err(Refused::Full(parcel)) if patient => {
                if self.queue.push(weight, parcel).await.is_err() {
                    self.ledger.drop(count, Reason::Shutdown);
                }
            }
            Err(Refused::Full(_)) => self.ledger.drop(count, Reason::Full),
            Err(Refused::Closed(_)) => {
                let gone = self.lock().gone;
                let reason = if gone { Reason::Gone } else { Reason::Shutdown };
                self.ledger.drop(count, reason);
            }
        }
    }

    /// Nothing more comes.
    pub(super) fn close(&self) {
        self.queue.close();
    }

    /// How it fares.
    pub(super) fn snapshot(&self) -> Snapshot {
        let records = self.ledger.balance();
        let state = self.lock();
        Snapshot {
            name: self.settings.name.clone(),
            records,
            failures: state.failures,
            stuck: state.stuck,
            failing: state.failing,
            gone: state.gone,
            last_error: state.last_error.clone(),
        }
    }

    /// Serves `sink` until the queue is closed and empty, or until `orders` say that there is
    /// no time left.
    pub(super) async fn serve(&self, mut sink: Box<dyn Sink>, mut orders: Orders) {
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
pub(super) struct Orders {
    pub(super) reopen: Reopen,
    pub(super) give_up: GiveUp,
}

/// Tells when files are to be opened again.
#[derive(Debug, Clone)]
pub(super) struct Reopen(pub(super) watch::Receiver<u64>);

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
pub(super) struct GiveUp(pub(super) watch::Receiver<bool>);

impl GiveUp {
    /// Waits for that moment. Cancel safe.
    pub(super) async fn ordered(&mut self) {
        // When whoever could say so is gone, nobody waits for the end either.
        let _ = self.0.wait_for(|&give_up| give_up).await;
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::filter::record::Record;
    use crate::filter::value::Severity;
    use crate::log::batch::Entry;

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
        serving: tokio::task::JoinHandle<()>,
    }

    fn bench(settings: Settings) -> Bench {
        let outlet = Arc::new(Outlet::new(settings));
        let fake = Fake::default();
        let (reopen, reopen_orders) = watch::channel(0);
        let (give_up, give_up_orders) = watch::channel(false);
        let orders = Orders { reopen: Reopen(reopen_orders), give_up: GiveUp(give_up_orders) };
        let (server, sink) = (Arc::clone(&outlet), fake.clone());
        let serving = tokio::spawn(async move { server.serve(Box::new(sink), orders).await });
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
        bench.outlet.offer(&batch(&["a", "b", "c"]), false).await;
        bench.outlet.close();
        bench.serving.await.unwrap();
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
            bench.outlet.offer(&batch(&[name, name]), false).await;
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
        bench.serving.await.unwrap();
        assert_eq!(bench.fake.script().written, ["a", "a", "b", "b", "c", "c"]);
        assert_eq!(bench.outlet.snapshot().records.inside, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_patient_waits_for_room() {
        let bench = bench(settings(1));
        bench.fake.script().stuck = true;
        let outlet = Arc::clone(&bench.outlet);
        let offering = tokio::spawn(async move {
            for name in ["a", "b", "c", "d"] {
                outlet.offer(&batch(&[name]), true).await;
            }
        });
        sleep(Duration::from_secs(30)).await;
        assert!(!offering.is_finished(), "there is no room");
        assert!(bench.outlet.snapshot().stuck > 0, "and somebody may know");
        bench.fake.script().stuck = false;
        offering.await.unwrap();
        bench.outlet.close();
        bench.serving.await.unwrap();
        assert_eq!(bench.fake.script().written, ["a", "b", "c", "d"]);
        assert_eq!(bench.outlet.snapshot().records.dropped_in_all(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_gone_takes_nothing_more() {
        let bench = bench(settings(10));
        bench.fake.script().answers = [failure(1, true)].into();
        bench.outlet.offer(&batch(&["a", "b"]), false).await;
        bench.serving.await.unwrap();
        bench.outlet.offer(&batch(&["c"]), true).await;
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
        bench.outlet.offer(&batch(&["a"]), false).await;
        bench.outlet.offer(&batch(&["b", "c"]), false).await;
        bench.outlet.close();
        bench.give_up.send(true).unwrap();
        bench.serving.await.unwrap();
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
        bench.outlet.offer(&batch(&["a"]), false).await;
        sleep(Duration::from_millis(10)).await;
        bench.reopen.send(2).unwrap();
        bench.outlet.close();
        bench.serving.await.unwrap();
        let script = bench.fake.script();
        assert_eq!((script.reopened, script.written.len()), (2, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_sink_gets_only_what_it_asks_for() {
        let severe = Wanted { least: Some(Severity::Warn), ..Wanted::default() };
        let sources = vec!["plugin:*".into(), "child".into()];
        let bench = bench(Settings { wanted: severe, sources, ..settings(10) });
        bench.outlet.offer(&batch(&["mild"]), false).await;
        let severe = |source: &str| {
            let entry = Entry::new(Record::structured(1, Some(Severity::Error), source));
            Arc::new(Batch { source: source.into(), entries: vec![entry] })
        };
        bench.outlet.offer(&severe("access"), false).await;
        bench.outlet.offer(&severe("child"), false).await;
        bench.outlet.offer(&severe("plugin:x"), false).await;
        bench.outlet.close();
        bench.serving.await.unwrap();
        assert_eq!(bench.fake.script().written, ["child", "plugin:x"]);
        assert_eq!(bench.outlet.snapshot().records.received, 2, "what is not wanted is no loss");
        drop((bench.reopen, bench.give_up));
    }
}
