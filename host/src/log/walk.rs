//! The way of one source's records: from its queue through the hooks to the sinks.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::batch::{self, Batch, Entry, Memory, Original};
use super::ledger::Reason;
use super::parse::join::{Joiner, Line};
use super::parse::unframe::Unframer;
use super::parse::{self, Parser};
use super::sink::outlet::Patience;
use super::source::lines::Chunk;
use super::source::{Inlet, Item, Wait};
use super::{Kind, Running, Shared};
use crate::filter::queue::Bound;
use crate::filter::record::Record;

/// The way of one source's records through the corridor.
pub(super) struct Walk {
    shared: Arc<Shared>,
    inlet: Arc<Inlet>,
    running: Running,
    lines: Option<(Unframer, Joiner)>,
    parser: Parser,
    /// Records that wait for their batch to be full.
    batch: Vec<Record>,
    weight: usize,
    /// When the first of them came.
    since: Option<Instant>,
    start: Instant,
    /// When the last lines that were looked at came.
    seen: Duration,
    /// Lines that went into the joiner, and those of them that are counted as delivered.
    read: u64,
    delivered: u64,
    /// Records that were made of lines and are not counted yet.
    made: u64,
}

impl Walk {
    pub(super) fn new(
        shared: &Arc<Shared>,
        inlet: &Arc<Inlet>,
        parse: parse::Settings,
        kind: Kind,
    ) -> Self {
        Self {
            running: Running::new(shared, kind),
            shared: Arc::clone(shared),
            inlet: Arc::clone(inlet),
            lines: None,
            parser: Parser::new(parse),
            batch: Vec::new(),
            weight: 0,
            since: None,
            start: Instant::now(),
            seen: Duration::ZERO,
            read: 0,
            delivered: 0,
            made: 0,
        }
    }

    /// Of a source of lines, which are joined.
    pub(super) fn joining(self, unframer: Unframer, joiner: Joiner) -> Self {
        Self { lines: Some((unframer, joiner)), ..self }
    }

    pub(super) async fn run(mut self) {
        // Timers run from now, not from when the task was made.
        self.start = Instant::now();
        loop {
            if let (Some(since), None) = (self.since, &self.lines) {
                self.gather(since + self.shared.settings.linger).await;
            }
            let wake = self.wake();
            let item = tokio::select! {
                biased;
                item = self.inlet.queue.pop() => Some(item),
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => None,
            };
            match item {
                Some(Some(Item::Chunk(chunk, came))) => self.chunk(&chunk, came).await,
                Some(Some(Item::Record(record))) => self.add(*record).await,
                Some(None) => break,
                None => {}
            }
            self.flush(false).await;
        }
        self.flush(true).await;
        drop(self.running);
    }

    /// Sleeps until what came of records fills the batch, or `due`, and takes it. So whoever puts
    /// a record in does not pay for waking this task.
    async fn gather(&mut self, due: Instant) {
        let settings = &self.shared.settings;
        let least = Bound {
            items: settings.batch_records.saturating_sub(self.batch.len()).max(1),
            weight: settings.batch_bytes.saturating_sub(self.weight).max(1),
        };
        let _ = timeout_at(due, self.inlet.queue.ripen(least)).await;
        while self.since.is_some() {
            let Some(Item::Record(record)) = self.inlet.queue.try_pop() else { break };
            self.add(*record).await;
        }
    }

    /// When there is something to do even if nothing comes.
    fn wake(&self) -> Option<Instant> {
        let batch = self.since.map(|since| since + self.shared.settings.linger);
        let joiner = self.lines.as_ref().and_then(|(_, joiner)| joiner.deadline());
        batch.into_iter().chain(joiner.map(|after| self.start + after)).min()
    }

    async fn chunk(&mut self, chunk: &Chunk, came: Instant) {
        let mut out = Vec::new();
        // Time is that of reading: lines that waited here for a slow sink did not come late.
        let now = came.saturating_duration_since(self.start);
        self.seen = self.seen.max(now);
        for piece in chunk.lines() {
            let Some((unframer, joiner)) = &mut self.lines else { return };
            let line = Line { piece, stream: chunk.stream, container: b"", time: chunk.time };
            unframer.line(line, |line| joiner.push(line, now, &mut out));
            self.read += 1;
            for record in out.drain(..) {
                self.enter(record);
            }
            self.send_if_full().await;
        }
        self.account();
    }

    /// A record that came as one; it is counted as inside already.
    async fn add(&mut self, record: Record) {
        self.weight += batch::weight(&record);
        self.batch.push(record);
        self.since.get_or_insert_with(Instant::now);
        self.send_if_full().await;
    }

    /// A record that was just made.
    fn enter(&mut self, record: Record) {
        self.made += 1;
        self.weight += batch::weight(&record);
        self.batch.push(record);
        self.since.get_or_insert_with(Instant::now);
    }

    /// Gives out what has waited long enough, or everything at the end.
    async fn flush(&mut self, end: bool) {
        let mut out = Vec::new();
        if let Some((unframer, joiner)) = &mut self.lines {
            // While more lines wait, nothing is known of the time after those that were seen.
            let idle = self.inlet.queue.is_empty();
            let now = if idle { self.start.elapsed() } else { self.seen };
            if end {
                unframer.finish(|line| joiner.push(line, now, &mut out));
                joiner.finish(&mut out);
            } else if joiner.deadline().is_some_and(|deadline| deadline <= now) {
                joiner.flush(now, &mut out);
            }
        }
        if !out.is_empty() {
            for record in out {
                self.enter(record);
                self.send_if_full().await;
            }
            self.account();
        }
        let due = self.since.is_some_and(|since| since.elapsed() >= self.shared.settings.linger);
        if end || due {
            self.send().await;
        }
    }

    /// Brings the counts up to date: those of many lines at once, since each time takes a lock.
    fn account(&mut self) {
        self.inlet.records.enter(std::mem::take(&mut self.made));
        let Some((unframer, joiner)) = &self.lines else { return };
        let waiting = (unframer.waiting() + joiner.waiting()) as u64;
        let delivered = self.read.saturating_sub(waiting).max(self.delivered);
        self.inlet.lines.deliver(delivered - self.delivered);
        self.delivered = delivered;
        let counts = (joiner.counts(), self.parser.counts());
        *self.inlet.counts.lock().unwrap_or_else(PoisonError::into_inner) = counts;
    }

    async fn send_if_full(&mut self) {
        let settings = &self.shared.settings;
        if self.batch.len() >= settings.batch_records || self.weight >= settings.batch_bytes {
            self.send().await;
        }
    }

    /// Sends the batch on its way, and what is left of it to the sinks.
    async fn send(&mut self) {
        self.account();
        let batch = std::mem::take(&mut self.batch);
        self.weight = 0;
        self.since = None;
        if batch.is_empty() {
            return;
        }
        let count = batch.len() as u64;
        // A hook that panics takes its batch with it, and nothing else: what it did not
        // answer for must not pass.
        let walked = AssertUnwindSafe(self.walk(batch)).catch_unwind().await;
        let Ok(entries) = walked else {
            self.inlet.records.drop(count, Reason::Hook);
            tracing::error!(source = %self.inlet.source, records = count, "a log hook panicked");
            return;
        };
        let left = entries.len() as u64;
        self.inlet.records.drop(count.saturating_sub(left), Reason::Hook);
        if left == 0 {
            return;
        }
        for entry in &entries {
            self.inlet.count(entry.record.severity);
        }
        let batch = Arc::new(Batch { source: Arc::clone(&self.inlet.source), entries });
        for outlet in &self.shared.outlets {
            outlet.offer(&batch, self.patience()).await;
        }
        self.inlet.records.deliver(left.min(count));
        self.account();
        // A source that has much to say would keep this worker, and sinks wait for it.
        tokio::task::yield_now().await;
    }

    /// How long this source can wait for a sink: a moment, as long as there is room of its own
    /// for what comes meanwhile. The last eighth is kept, so that one sink does not make the
    /// source drop what the others would have taken.
    fn patience(&self) -> Patience {
        match self.inlet.wait {
            Wait::Endless => return Patience::Endless,
            // Nothing is dropped for want of room here, so nothing has to be hurried.
            Wait::Limited(_) => return Patience::Brief,
            Wait::No => {}
        }
        let settings = &self.shared.settings;
        let bound = if self.lines.is_some() { settings.lines } else { settings.records };
        let queue = &self.inlet.queue;
        if queue.weight() <= bound.weight / 8 * 7 && queue.len() <= bound.items / 8 * 7 {
            Patience::Brief
        } else {
            Patience::None
        }
    }

    /// The corridor as a list.
    async fn walk(&mut self, batch: Vec<Record>) -> Vec<Entry> {
        let hooks = Arc::clone(&self.shared.hooks);
        let source = &self.inlet.source;
        let mut batch = hooks.raw(source, batch).await;
        let wanted = hooks.wants_parsed();
        if !wanted && !self.shared.outlets.iter().any(|outlet| outlet.needs_parsed()) {
            return batch.into_iter().map(Entry::new).collect();
        }
        let keep = self.shared.outlets.iter().any(|outlet| outlet.needs_original());
        let mut memory = keep.then(|| Memory::new(batch.len()));
        for record in &mut batch {
            let original = (keep && !record.parsed).then(|| Original::of(record));
            self.parser.parse(record);
            if let (Some(memory), Some(original)) = (&mut memory, original) {
                memory.note(record, original);
            }
        }
        if wanted {
            batch = hooks.parsed(source, batch).await;
        }
        match memory {
            Some(memory) => memory.recall(batch),
            None => batch.into_iter().map(Entry::new).collect(),
        }
    }
}
