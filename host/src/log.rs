//! The log corridor: what becomes of a line or a record from the moment it was read.
//!
//! ```text
//! child stdin ──→ queue → join ─┐
//! access host plugins ─→ queue ─┴→ batch → raw hooks → parse → parsed hooks → sinks
//! ```
//!
//! Each source has a task of its own, so that its records stay in order and no source waits
//! for another; each sink has one, so that a sink that fails backs off alone. Records are
//! parsed once, and only if a hook or a sink asks for it. Nothing is lost silently: for every
//! source and every sink what came in was handed on, dropped for a stated reason, or is still
//! inside, at any moment (see [`ledger`]).
//!
//! The corridor knows no plugin and no WebAssembly: hooks are a trait that somebody else
//! implements. It starts no task either; it hands them out to be run.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::filter::queue::Bound;
use crate::filter::record::{Record, Source};

pub mod batch;
pub mod capture;
pub mod ledger;
pub mod parse;
pub mod sink;
pub mod source;
mod walk;

use parse::join::Joiner;
use parse::unframe::Unframer;
use sink::Sink;
use sink::outlet::{GiveUp, Orders, Outlet, Reopen};
use source::{Inlet, Intake, LineIntake};
use walk::Walk;

/// What plugins do to records on their way.
///
/// Both hooks get a batch of one source, in order, and answer with what is left of it, in the
/// same order; they make no records. Batches of a source come one at a time. A record never
/// visits the plugin that made it; the source says which that is.
#[async_trait]
pub trait Hooks: Send + Sync {
    /// Sees records as they were read: one line or lines that belong together, not parsed.
    /// Records that never were lines have their fields already.
    async fn raw(&self, source: &Source, batch: Vec<Record>) -> Vec<Record>;

    /// Sees records after they were parsed.
    async fn parsed(&self, source: &Source, batch: Vec<Record>) -> Vec<Record>;

    /// Whether anybody wants to see parsed records; asked for each batch.
    fn wants_parsed(&self) -> bool;
}

/// No plugins: everything passes.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoHooks;

#[async_trait]
impl Hooks for NoHooks {
    async fn raw(&self, _: &Source, batch: Vec<Record>) -> Vec<Record> {
        batch
    }

    async fn parsed(&self, _: &Source, batch: Vec<Record>) -> Vec<Record> {
        batch
    }

    fn wants_parsed(&self) -> bool {
        false
    }
}

/// Tells the time of day in nanoseconds since the Unix epoch. Cheap to clone.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Clock {
    /// The clock of the system.
    pub fn system() -> Self {
        Self(Arc::new(|| {
            let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            // A clock that is set before 1970 is at its beginning.
            since.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
        }))
    }

    /// A clock that stands still.
    pub fn fixed(time: u64) -> Self {
        Self(Arc::new(move || time))
    }

    /// The time now.
    pub fn now(&self) -> u64 {
        (self.0)()
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

/// How much may wait, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How much of a source of lines may wait for the corridor. 65536 reads, 16 MiB.
    pub lines: Bound,
    /// How much of a source of records may. 8192 records, 8 MiB.
    pub records: Bound,
    /// Most records of a batch. 512.
    pub batch_records: usize,
    /// Most bytes of a batch, but for a single record that is larger. 64 KiB.
    pub batch_bytes: usize,
    /// How long a batch that is not full waits for more. 50 ms.
    pub linger: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            lines: Bound { items: 65536, weight: 16 * 1024 * 1024 },
            records: Bound { items: 8192, weight: 8 * 1024 * 1024 },
            batch_records: 512,
            batch_bytes: 64 * 1024,
            linger: Duration::from_millis(50),
        }
    }
}

/// Work to be run until it ends by itself.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How the corridor fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its sources, in the order in which they were opened.
    pub sources: Vec<source::Snapshot>,
    /// Its sinks, in the order in which they were given.
    pub sinks: Vec<sink::Snapshot>,
}

impl Snapshot {
    /// Whether nothing is missing anywhere.
    pub fn holds(&self) -> bool {
        self.sources.iter().all(|source| source.lines.holds() && source.records.holds())
            && self.sinks.iter().all(|sink| sink.records.holds())
    }
}

/// The corridor. Cheap to clone.
#[derive(Clone)]
pub struct Corridor {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Corridor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Corridor").field("settings", &self.shared.settings).finish_non_exhaustive()
    }
}

struct Shared {
    settings: Settings,
    hooks: Arc<dyn Hooks>,
    outlets: Vec<Arc<Outlet>>,
    inlets: Mutex<Vec<Arc<Inlet>>>,
    /// How many tasks run of those that take lines, of those that take records, and of sinks.
    running: [watch::Sender<usize>; 3],
    reopen: watch::Sender<u64>,
    give_up: watch::Sender<bool>,
}

/// Which of the counts of running tasks.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Lines,
    Records,
    Sinks,
}

/// Counts a task as running until it is dropped, run to its end or not.
struct Running(Arc<Shared>, Kind);

impl Running {
    fn new(shared: &Arc<Shared>, kind: Kind) -> Self {
        shared.running[kind as usize].send_modify(|count| *count += 1);
        Self(Arc::clone(shared), kind)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running[self.1 as usize].send_modify(|count| *count -= 1);
    }
}

impl Corridor {
    /// A corridor that ends in `sinks`, with the tasks that serve them.
    pub fn new(
        settings: Settings,
        hooks: Arc<dyn Hooks>,
        sinks: Vec<(sink::Settings, Box<dyn Sink>)>,
    ) -> (Self, Vec<Task>) {
        let (outlets, sinks): (Vec<Arc<Outlet>>, Vec<Box<dyn Sink>>) = sinks
            .into_iter()
            .map(|(settings, sink)| (Arc::new(Outlet::new(settings)), sink))
            .unzip();
        let shared = Arc::new(Shared {
            settings,
            hooks,
            outlets,
            inlets: Mutex::default(),
            running: std::array::from_fn(|_| watch::channel(0).0),
            reopen: watch::channel(0).0,
            give_up: watch::channel(false).0,
        });
        let tasks = shared.outlets.iter().zip(sinks).map(|(outlet, sink)| {
            let running = Running::new(&shared, Kind::Sinks);
            let orders = Orders {
                reopen: Reopen(shared.reopen.subscribe()),
                give_up: GiveUp(shared.give_up.subscribe()),
            };
            let outlet = Arc::clone(outlet);
            let task: Task = Box::pin(async move {
                outlet.serve(sink, orders).await;
                drop(running);
            });
            task
        });
        let tasks = tasks.collect();
        (Self { shared }, tasks)
    }

    /// Opens a source of lines.
    pub fn lines(
        &self,
        source: impl Into<Source>,
        settings: source::Settings,
    ) -> (LineIntake, Task) {
        let bound = self.shared.settings.lines;
        let inlet = self.inlet(Inlet::new(source.into(), settings.wait, bound));
        let walk = Walk::new(&self.shared, &inlet, settings.parse, Kind::Lines)
            .joining(Unframer::new(settings.frames), Joiner::new(settings.join));
        (LineIntake::new(inlet), Box::pin(walk.run()))
    }

    /// Opens a source of records. Whoever puts them in never waits.
    pub fn records(&self, source: impl Into<Source>) -> (Intake, Task) {
        let bound = self.shared.settings.records;
        let inlet = self.inlet(Inlet::new(source.into(), source::Wait::No, bound));
        let walk = Walk::new(&self.shared, &inlet, parse::Settings::default(), Kind::Records);
        (Intake::new(inlet), Box::pin(walk.run()))
    }

    /// Has all sinks open their files again.
    pub fn reopen(&self) {
        self.shared.reopen.send_modify(|count| *count += 1);
    }

    /// How it fares now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            sources: self.inlets().iter().map(|inlet| inlet.snapshot()).collect(),
            sinks: self.shared.outlets.iter().map(|outlet| outlet.snapshot()).collect(),
        }
    }

    /// Empties the corridor: sources of lines are read to their end, then those of records are
    /// closed, then the sinks write what is left and end. Answers how it went; what was not
    /// done in time is dropped and counted.
    ///
    /// Lines get half of the time: an application that does not end may hold its pipe open for
    /// ever. To be called once whoever writes was told to stop. All tasks have ended after it,
    /// unless a hook never answers.
    pub async fn drain(&self, within: Duration) -> Snapshot {
        // What is left to do at the end takes no time, but some turns.
        const LAST_TURNS: Duration = Duration::from_secs(1);
        let start = Instant::now();
        let deadline = start + within;
        let half = start + within / 2;
        let _ = timeout_at(half, self.ended(Kind::Lines)).await;
        for inlet in self.inlets().iter() {
            inlet.queue.close();
        }
        let _ = timeout_at(deadline, async {
            self.ended(Kind::Lines).await;
            self.ended(Kind::Records).await;
        })
        .await;
        for outlet in &self.shared.outlets {
            outlet.close();
        }
        let _ = timeout_at(deadline, self.ended(Kind::Sinks)).await;
        self.shared.give_up.send_replace(true);
        let _ = timeout_at(Instant::now() + LAST_TURNS, async {
            for kind in [Kind::Lines, Kind::Records, Kind::Sinks] {
                self.ended(kind).await;
            }
        })
        .await;
        self.snapshot()
    }

    /// Waits until no task of that kind runs.
    async fn ended(&self, kind: Kind) {
        let mut running = self.shared.running[kind as usize].subscribe();
        // The sender lives as long as the corridor does.
        let _ = running.wait_for(|&count| count == 0).await;
    }

    fn inlet(&self, inlet: Inlet) -> Arc<Inlet> {
        let inlet = Arc::new(inlet);
        self.inlets().push(Arc::clone(&inlet));
        inlet
    }

    fn inlets(&self) -> MutexGuard<'_, Vec<Arc<Inlet>>> {
        // A list that is only added to is sound at any time.
        self.shared.inlets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::task::JoinSet;

    use super::ledger::Reason;
    use super::sink::format::{Format, Text};
    use super::sink::outlet::tests::Fake;
    use super::source::lines::{Chunk, Stream};
    use super::*;
    use crate::filter::value::Severity;

    /// Hooks that note what they see, and do what messages tell them.
    #[derive(Default)]
    struct Noting {
        wants_parsed: AtomicBool,
        seen: Mutex<Vec<String>>,
    }

    impl Noting {
        fn note(&self, hook: &str, source: &Source, batch: &[Record]) {
            let messages: Vec<&str> = batch.iter().map(|record| record.message.as_str()).collect();
            self.seen.lock().unwrap().push(format!("{hook} {source}: {}", messages.join("|")));
        }
    }

    #[async_trait]
    impl Hooks for Noting {
        async fn raw(&self, source: &Source, mut batch: Vec<Record>) -> Vec<Record> {
            self.note("raw", source, &batch);
            assert!(batch.iter().all(|record| record.message != "panic"), "as told");
            batch.retain(|record| !record.message.contains("drop"));
            batch
        }

        async fn parsed(&self, source: &Source, mut batch: Vec<Record>) -> Vec<Record> {
            self.note("parsed", source, &batch);
            for record in &mut batch {
                record.attributes.retain(|(name, _)| name != "password");
            }
            batch
        }

        fn wants_parsed(&self) -> bool {
            self.wants_parsed.load(Ordering::Relaxed)
        }
    }

    struct Bench {
        corridor: Corridor,
        hooks: Arc<Noting>,
        sink: Fake,
        tasks: JoinSet<()>,
    }

    fn bench(format: Format) -> Bench {
        let hooks = Arc::new(Noting::default());
        let sink = Fake::default();
        let sinks: Vec<(sink::Settings, Box<dyn Sink>)> =
            vec![(sink::Settings::new("test", format), Box::new(sink.clone()))];
        let (corridor, tasks) = Corridor::new(Settings::default(), hooks.clone(), sinks);
        Bench { corridor, hooks, sink, tasks: tasks.into_iter().collect() }
    }

    impl Bench {
        fn lines(&mut self, settings: source::Settings) -> LineIntake {
            let (intake, task) = self.corridor.lines("child", settings);
            self.tasks.spawn(task);
            intake
        }

        fn records(&mut self, source: &str) -> Intake {
            let (intake, task) = self.corridor.records(source);
            self.tasks.spawn(task);
            intake
        }

        async fn drained(&mut self) -> Snapshot {
            let snapshot = self.corridor.drain(Duration::from_secs(10)).await;
            assert!(snapshot.holds(), "{snapshot:?}");
            while self.tasks.join_next().await.is_some() {}
            snapshot
        }

        fn seen(&self) -> Vec<String> {
            self.hooks.seen.lock().unwrap().clone()
        }
    }

    fn chunk(text: &str) -> Chunk {
        Chunk {
            bytes: text.as_bytes().to_vec(),
            stream: Stream::Stdout,
            time: 1,
            part: 0,
            cut: false,
        }
    }

    fn raw() -> Format {
        Format::Raw(Text::default())
    }

    #[tokio::test(start_paused = true)]
    async fn lines_are_joined_before_any_hook_sees_them() {
        let mut bench = bench(raw());
        let intake = bench.lines(source::Settings::default());
        intake
            .push(chunk("one\nTraceback (most recent call last):\n  File \"a.py\", line 1, in f\n"))
            .await;
        intake.push(chunk("ValueError: bad\ntwo\n")).await;
        drop(intake);
        let snapshot = bench.drained().await;
        let trace =
            "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nValueError: bad";
        assert_eq!(bench.seen(), [format!("raw child: one|{trace}|two")]);
        assert_eq!(bench.sink.script().written, ["one", trace, "two"]);
        let child = &snapshot.sources[0];
        assert_eq!((child.lines.delivered, child.records.delivered, child.join.joined), (5, 3, 1));
        assert_eq!(snapshot.sinks[0].records.delivered, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_parsed_unless_somebody_asks() {
        let line = "2026-11-22 07:34:03,305 INFO app: hello\n";
        let mut bench = bench(raw());
        let intake = bench.lines(source::Settings::default());
        intake.push(chunk(line)).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(bench.seen(), [format!("raw child: {}", line.trim_end())]);
        bench.hooks.wants_parsed.store(true, Ordering::Relaxed);
        intake.push(chunk(line)).await;
        drop(intake);
        bench.drained().await;
        assert_eq!(bench.seen().last().map(String::as_str), Some("parsed child: hello"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_leaves_when_it_is_full_and_after_a_while_when_it_is_not() {
        let mut bench = bench(raw());
        let intake = bench.records("access");
        for _ in 0..600 {
            assert!(intake.push(Record::structured(1, None, "x")));
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(bench.sink.script().written.len(), 512, "the full one left at once");
        tokio::time::sleep(Duration::from_millis(48)).await;
        assert_eq!(bench.sink.script().written.len(), 512);
        tokio::time::sleep(Duration::from_millis(2)).await;
        assert_eq!(bench.sink.script().written.len(), 600);
        drop(intake);
        bench.drained().await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_hooks_drop_is_counted_and_a_panic_costs_its_batch_only() {
        let mut bench = bench(raw());
        let intake = bench.records("access");
        for message in ["one", "drop me"] {
            intake.push(Record::structured(1, None, message));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        for message in ["panic", "with it"] {
            intake.push(Record::structured(1, None, message));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        intake.push(Record::structured(1, Some(Severity::Error), "two"));
        drop(intake);
        let snapshot = bench.drained().await;
        assert_eq!(bench.sink.script().written, ["one", "two"]);
        let access = &snapshot.sources[0];
        assert_eq!(
            (access.records.delivered, access.records.dropped[Reason::Hook as usize]),
            (2, 3)
        );
        assert_eq!(access.severities, [0, 0, 0, 0, 1, 0, 1]);
    }

    // The sink writes on a thread, for which time cannot be paused.
    #[tokio::test]
    async fn the_text_is_shown_only_if_no_hook_took_something_out() {
        let mut bench = bench(raw());
        bench.hooks.wants_parsed.store(true, Ordering::Relaxed);
        let shown = Shown::default();
        let writer = shown.clone();
        let sink = sink::stdout::Stdout::onto("shown", raw(), writer).unwrap();
        let sinks: Vec<(sink::Settings, Box<dyn Sink>)> =
            vec![(sink::Settings::new("shown", raw()), Box::new(sink))];
        let (corridor, tasks) = Corridor::new(Settings::default(), bench.hooks.clone(), sinks);
        bench.tasks.abort_all();
        bench.corridor = corridor;
        bench.tasks = tasks.into_iter().collect();
        let intake = bench.lines(source::Settings::default());
        intake
            .push(chunk(
                "{\"msg\":\"kept\",\"x\":1.0}\n{\"msg\":\"cut\",\"password\":\"hunter2\"}\n",
            ))
            .await;
        drop(intake);
        bench.drained().await;
        drop(bench);
        let text = String::from_utf8(shown.0.lock().unwrap().clone()).unwrap();
        assert!(text.starts_with("{\"msg\":\"kept\",\"x\":1.0}\n"), "{text}");
        assert!(text.contains(": cut") && !text.contains("hunter2"), "{text}");
    }

    #[derive(Clone, Default)]
    struct Shown(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Shown {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_done_in_time_is_counted() {
        let mut bench = bench(raw());
        bench.sink.script().stuck = true;
        let intake = bench.records("access");
        for _ in 0..10 {
            intake.push(Record::structured(1, None, "x"));
        }
        // A source that never ends does not hold up the end.
        let lines = bench.lines(source::Settings::default());
        lines.push(chunk("one\n")).await;
        let snapshot = bench.drained().await;
        assert_eq!(snapshot.sinks[0].records.dropped[Reason::Shutdown as usize], 11);
        lines.push(chunk("late\n")).await;
        assert!(!intake.push(Record::structured(1, None, "late")));
        let snapshot = bench.corridor.snapshot();
        assert!(snapshot.holds());
        assert_eq!(snapshot.sources[1].lines.dropped[Reason::Shutdown as usize], 1);
        assert_eq!(snapshot.sources[0].records.dropped[Reason::Shutdown as usize], 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_patient_source_loses_nothing_to_a_slow_sink() {
        let mut bench = bench(raw());
        let settings = sink::Settings {
            queue: Bound { items: 1, weight: 1 },
            ..sink::Settings::new("test", raw())
        };
        let sink = Fake::default();
        sink.script().stuck = true;
        let sinks: Vec<(sink::Settings, Box<dyn Sink>)> = vec![(settings, Box::new(sink.clone()))];
        let small = Settings { lines: Bound { items: 2, weight: 1 << 20 }, ..Settings::default() };
        let (corridor, tasks) = Corridor::new(small, bench.hooks.clone(), sinks);
        bench.corridor = corridor;
        bench.tasks.abort_all();
        bench.tasks = tasks.into_iter().collect();
        let intake = bench
            .lines(source::Settings { wait: source::Wait::Endless, ..source::Settings::default() });
        let expected: Vec<String> = (0..5000).map(|number| format!("line {number}")).collect();
        let lines = expected.clone();
        let mut writing = JoinSet::new();
        writing.spawn(async move {
            for line in lines {
                intake.push(chunk(&format!("{line}\n"))).await;
            }
        });
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(writing.try_join_next().is_none(), "it waits");
        assert!(bench.corridor.snapshot().holds());
        sink.script().stuck = false;
        writing.join_all().await;
        let snapshot = bench.drained().await;
        assert_eq!(sink.script().written, expected);
        assert_eq!(snapshot.sinks[0].records.dropped_in_all(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_trace_that_waits_for_a_slow_sink_stays_whole() {
        let sink = Fake::default();
        sink.script().stuck = true;
        let queue = Bound { items: 1, weight: 1 };
        let slow = sink::Settings { queue, ..sink::Settings::new("slow", raw()) };
        let (corridor, mut tasks) = corridor(vec![(slow, Box::new(sink.clone()))]);
        let settings =
            source::Settings { wait: source::Wait::Endless, ..source::Settings::default() };
        let (intake, task) = corridor.lines("stdin", settings);
        tasks.spawn(task);
        // One with the sink, one in its queue, one that finds no room there.
        for line in ["x\n", "y\n", "z\n"] {
            intake.push(chunk(line)).await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let trace =
            "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nValueError: bad";
        for line in trace.split_inclusive("f\n") {
            intake.push(chunk(line)).await;
        }
        drop(intake);
        tokio::time::sleep(Duration::from_secs(5)).await;
        sink.script().stuck = false;
        corridor.drain(Duration::from_secs(60)).await;
        while tasks.join_next().await.is_some() {}
        assert_eq!(sink.script().written, ["x", "y", "z", trace]);
    }

    #[tokio::test(start_paused = true)]
    async fn json_sinks_get_fields_and_the_stream() {
        let mut bench = bench(Format::Json);
        let intake = bench.lines(source::Settings::default());
        intake.push(chunk("ERROR:shop:failed\n")).await;
        drop(intake);
        let snapshot = bench.drained().await;
        assert_eq!(bench.sink.script().written, ["failed"]);
        assert_eq!((snapshot.sources[0].parse.text, snapshot.sources[0].severities[4]), (1, 1));
    }

    type Sinks = Vec<(sink::Settings, Box<dyn Sink>)>;

    fn corridor(sinks: Sinks) -> (Corridor, JoinSet<()>) {
        let (corridor, tasks) = Corridor::new(Settings::default(), Arc::new(NoHooks), sinks);
        (corridor, tasks.into_iter().collect())
    }

    #[tokio::test]
    async fn a_reader_that_sleeps_stalls_nobody_and_the_loss_is_counted() {
        let (mut reader, pipe) = std::io::pipe().unwrap();
        let stdout = sink::stdout::Stdout::onto("test", Format::Json, pipe).unwrap();
        let queue = Bound { items: 4, weight: 1 << 20 };
        let stuck = sink::Settings { queue, ..sink::Settings::new("stdout", Format::Json) };
        let free = Fake::default();
        let sinks: Sinks = vec![
            (stuck, Box::new(stdout)),
            (sink::Settings::new("free", Format::Json), Box::new(free.clone())),
        ];
        let (corridor, mut tasks) = corridor(sinks);
        let (intake, task) = corridor.records("access");
        tasks.spawn(task);
        let long = "x".repeat(1000);
        for _ in 0..5000 {
            assert!(
                intake.push(Record::structured(1, None, long.clone())),
                "it never waits for a sink"
            );
            tokio::task::yield_now().await;
        }
        while corridor.snapshot().sources[0].records.inside > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let blocked = corridor.snapshot();
        assert!(blocked.holds());
        assert!(blocked.sinks[0].records.dropped[Reason::Full as usize] > 1000, "{blocked:?}");
        assert_eq!(blocked.sinks[1].records.dropped_in_all(), 0, "the other sink does not notice");
        // It wakes up, and gets what was kept.
        let reading = std::thread::spawn(move || {
            let mut text = String::new();
            std::io::Read::read_to_string(&mut reader, &mut text).map(|_| text.lines().count())
        });
        drop(intake);
        let snapshot = corridor.drain(Duration::from_secs(10)).await;
        while tasks.join_next().await.is_some() {}
        assert!(snapshot.holds());
        let delivered = snapshot.sinks[0].records.delivered;
        assert_eq!(reading.join().unwrap().unwrap() as u64, delivered);
        assert_eq!(free.script().written.len(), 5000);
    }

    #[tokio::test]
    async fn the_output_of_several_processes_reaches_rotated_files_whole() {
        use super::batch::Wanted;
        use super::source::child::{Child, Settings as Run};
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, max_bytes, format| {
            let path = folder.path().join(name);
            sink::file::File::new(sink::file::Settings { path, max_bytes, backups: 200 }, format)
                .unwrap()
        };
        let severe = Wanted { least: Some(Severity::Error), ..Wanted::default() };
        let errors =
            sink::Settings { wanted: severe, ..sink::Settings::new("errors", Format::Json) };
        let sinks: Sinks = vec![
            (sink::Settings::new("app", raw()), Box::new(file("app.log", 4096, raw()))),
            (errors, Box::new(file("error.log", 4096, Format::Json))),
        ];
        let (corridor, mut tasks) = corridor(sinks);
        let (intake, task) = corridor.lines("child", source::Settings::default());
        tasks.spawn(task);
        let script = "write() { i=0; while [ $i -lt 500 ]; do \
             echo \"2026-11-22 07:34:03,305 INFO [w:1] line $1 $i\"; i=$((i+1)); done; \
             echo \"2026-11-22 07:34:03,305 ERROR [w:1] end $1\"; }; \
             write a & write b >&2 & write c & wait; exit 3";
        let run = Run { forward: false, adopt: false, ..Run::default() };
        let child = Child::start("sh", ["-c", script], run).unwrap();
        let exit = child.run(intake, Clock::system()).await;
        let snapshot = corridor.drain(Duration::from_secs(10)).await;
        while tasks.join_next().await.is_some() {}
        assert_eq!(exit.code, 3);
        assert!(snapshot.holds());
        assert_eq!(snapshot.sinks[0].records.delivered, 1503);

        let mut lines = Vec::new();
        let mut files = 0;
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            if path.file_name().unwrap().to_str().unwrap().starts_with("app.log") {
                files += 1;
                assert!(text.len() <= 4096);
                lines.extend(text.lines().map(str::to_owned));
            }
        }
        lines.sort();
        let head = "2026-11-22 07:34:03,305";
        let numbered = |worker| {
            (0..500).map(move |number| format!("{head} INFO [w:1] line {worker} {number}"))
        };
        let ends = ["a", "b", "c"].map(|worker| format!("{head} ERROR [w:1] end {worker}"));
        let mut expected: Vec<String> =
            ["a", "b", "c"].into_iter().flat_map(numbered).chain(ends).collect();
        expected.sort();
        assert_eq!(lines, expected, "in {files} files");
        // Every error reaches the sink of errors, once.
        let errors = std::fs::read_to_string(folder.path().join("error.log")).unwrap();
        assert_eq!(errors.lines().count(), 3);
        assert!(errors.lines().all(|line| line.contains("\"severity\":\"ERROR\"")));
    }
}
