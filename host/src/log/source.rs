//! Where records come from: the queue at the beginning of the corridor, and who may wait for
//! room in it.
//!
//! What finds no room waits, is dropped and counted, or first the one and then the other: see
//! [`Wait`]. Whoever is dropped is the newest.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::ledger::{Balance, Ledger, Reason};
use super::{batch, parse};
use crate::filter::queue::{Bound, Queue, Refused, Waiting};
use crate::filter::record::{Record, Source};
use crate::filter::value::Severity;

pub mod child;
pub mod lines;
pub mod stdin;

use lines::Chunk;

/// What waits at the beginning of the corridor.
#[derive(Debug)]
pub(super) enum Item {
    /// Lines, and when they came.
    Chunk(Chunk, Instant),
    Record(Box<Record>),
}

/// How long what finds no room waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wait {
    /// Not at all: it is dropped, and whoever writes is never held up.
    #[default]
    No,
    /// So long at most, then it is dropped, and so is what follows, at once, until there is room
    /// again. Whoever writes is held to the pace of the corridor, and never stopped by it: for
    /// the output of an application. A sink that does not keep up is no reason to wait.
    Limited(Duration),
    /// Until there is room, in the sinks as well: for what waits by itself, like a pipe from a file.
    Endless,
}

/// How a source of lines is read.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// What becomes of lines that find no room.
    pub wait: Wait,
    /// What engines may have put around its lines.
    pub frames: parse::unframe::Frames,
    /// Which lines belong together.
    pub join: parse::join::Settings,
    /// What its records are made of.
    pub parse: parse::Settings,
}

/// How a source fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Which one.
    pub source: Source,
    /// Lines, from being read to being part of a record. None for sources of records.
    pub lines: Balance,
    /// Records, from being made to being handed to the sinks.
    pub records: Balance,
    /// Pieces of text and records that wait at its beginning, and their size.
    pub waiting: Waiting,
    /// Bytes that were read.
    pub bytes: u64,
    /// Bytes that were dropped for want of room.
    pub bytes_dropped: u64,
    /// Pieces of lines that were longer than a line may be.
    pub pieces: u64,
    /// Records that reached the sinks by severity, least severe first; the last count is of
    /// those that state none.
    pub severities: [u64; Severity::ALL.len() + 1],
    /// What the joiner did.
    pub join: parse::join::Counts,
    /// What the parser found.
    pub parse: parse::Counts,
}

/// The corridor's beginning of one source.
#[derive(Debug)]
pub(super) struct Inlet {
    pub(super) source: Source,
    pub(super) wait: Wait,
    /// The last wait for room was in vain.
    in_vain: AtomicBool,
    pub(super) queue: Queue<Item>,
    pub(super) lines: Ledger,
    pub(super) records: Ledger,
    bytes: AtomicU64,
    bytes_dropped: AtomicU64,
    pieces: AtomicU64,
    severities: [AtomicU64; Severity::ALL.len() + 1],
    pub(super) counts: Mutex<(parse::join::Counts, parse::Counts)>,
}

impl Inlet {
    pub(super) fn new(source: Source, wait: Wait, bound: Bound) -> Self {
        Self {
            source,
            wait,
            in_vain: AtomicBool::new(false),
            queue: Queue::new(bound),
            lines: Ledger::default(),
            records: Ledger::default(),
            bytes: AtomicU64::new(0),
            bytes_dropped: AtomicU64::new(0),
            pieces: AtomicU64::new(0),
            severities: Default::default(),
            counts: Mutex::default(),
        }
    }

    pub(super) fn count(&self, severity: Option<Severity>) {
        let index = severity.map_or(Severity::ALL.len(), |severity| severity as usize);
        self.severities[index].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let (join, parse) = *self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        Snapshot {
            source: Arc::clone(&self.source),
            lines: self.lines.balance(),
            records: self.records.balance(),
            waiting: Waiting::in_queue(&self.queue),
            bytes: self.bytes.load(Ordering::Relaxed),
            bytes_dropped: self.bytes_dropped.load(Ordering::Relaxed),
            pieces: self.pieces.load(Ordering::Relaxed),
            severities: self.severities.each_ref().map(|count| count.load(Ordering::Relaxed)),
            join,
            parse,
        }
    }
}

/// Closes the queue when the last of those who put something in is gone.
#[derive(Debug)]
struct Open(Arc<Inlet>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.queue.close();
    }
}

/// Where a source puts its lines. Cheap to clone; when the last clone is dropped, the source
/// has ended.
#[derive(Debug, Clone)]
pub struct LineIntake(Arc<Open>);

impl LineIntake {
    pub(super) fn new(inlet: Arc<Inlet>) -> Self {
        Self(Arc::new(Open(inlet)))
    }

    /// Takes a chunk of lines. When there is no room, it waits as the source does, and is dropped
    /// and counted if that is in vain.
    ///
    /// Dropping the future while it waits drops the chunk, counted.
    pub async fn push(&self, chunk: Chunk) {
        let inlet = &self.0.0;
        let count = chunk.count();
        let bytes = chunk.bytes.len() as u64;
        inlet.bytes.fetch_add(bytes, Ordering::Relaxed);
        inlet.pieces.fetch_add(u64::from(chunk.part > 0), Ordering::Relaxed);
        inlet.lines.enter(count);
        // Undone once the chunk is inside, however this ends.
        let mut loss = Loss { inlet, count, bytes, reason: Reason::Shutdown };
        let weight = chunk.bytes.len() + size_of::<Chunk>();
        let item = match inlet.queue.try_push(weight, Item::Chunk(chunk, Instant::now())) {
            Ok(()) => {
                inlet.in_vain.store(false, Ordering::Relaxed);
                loss.count = 0;
                return;
            }
            Err(Refused::Closed(_)) => return,
            Err(Refused::Full(item)) => item,
        };
        let pushed = match inlet.wait {
            Wait::Endless => Ok(inlet.queue.push(weight, item).await),
            Wait::Limited(limit) if !inlet.in_vain.load(Ordering::Relaxed) => {
                timeout(limit, inlet.queue.push(weight, item)).await
            }
            Wait::Limited(_) | Wait::No => {
                loss.reason = Reason::Full;
                return;
            }
        };
        match pushed {
            Ok(Ok(())) => loss.count = 0,
            // The corridor is closed.
            Ok(Err(_)) => {}
            Err(_) => {
                inlet.in_vain.store(true, Ordering::Relaxed);
                loss.reason = Reason::Full;
            }
        }
    }
}

/// Counts a chunk as lost when it is dropped, unless its count was taken back.
struct Loss<'a> {
    inlet: &'a Inlet,
    count: u64,
    bytes: u64,
    reason: Reason,
}

impl Drop for Loss<'_> {
    fn drop(&mut self) {
        if self.count > 0 {
            self.inlet.lines.drop(self.count, self.reason);
            self.inlet.bytes_dropped.fetch_add(self.bytes, Ordering::Relaxed);
        }
    }
}

/// Where records go that never were lines: access records, the host's own events, the logs of
/// plugins. Cheap to clone; when the last clone is dropped, the source has ended.
#[derive(Debug, Clone)]
pub struct Intake(Arc<Open>);

impl Intake {
    pub(super) fn new(inlet: Arc<Inlet>) -> Self {
        Self(Arc::new(Open(inlet)))
    }

    /// Takes a record if there is room, without waiting; else drops and counts it. Answers
    /// whether it was taken.
    pub fn push(&self, record: Record) -> bool {
        let inlet = &self.0.0;
        let weight = batch::weight(&record);
        // Before it is inside, so that it cannot leave before it came.
        inlet.records.enter(1);
        let reason = match inlet.queue.try_push(weight, Item::Record(Box::new(record))) {
            Ok(()) => return true,
            Err(Refused::Full(_)) => Reason::Full,
            Err(Refused::Closed(_)) => Reason::Shutdown,
        };
        inlet.records.drop(1, reason);
        false
    }

    /// The source that the records are of.
    pub fn source(&self) -> &Source {
        &self.0.0.source
    }
}

#[cfg(test)]
mod tests {
    use super::lines::Stream;
    use super::*;

    fn inlet(wait: Wait, weight: usize) -> Arc<Inlet> {
        Arc::new(Inlet::new("child".into(), wait, Bound { items: 100, weight }))
    }

    fn chunk(text: &str) -> Chunk {
        Chunk {
            bytes: text.as_bytes().to_vec(),
            stream: Stream::Only,
            time: 1,
            part: 0,
            cut: false,
        }
    }

    #[tokio::test]
    async fn who_cannot_wait_drops_the_newest_and_counts_it() {
        let inlet = inlet(Wait::No, 100);
        let intake = LineIntake::new(Arc::clone(&inlet));
        intake.push(chunk("one\ntwo\n")).await;
        intake.push(chunk("three\nfour\nfive")).await;
        let snapshot = inlet.snapshot();
        assert!(snapshot.lines.holds());
        assert_eq!((snapshot.lines.inside, snapshot.lines.dropped[Reason::Full as usize]), (2, 3));
        assert_eq!((snapshot.bytes, snapshot.bytes_dropped), (23, 15));
    }

    #[tokio::test]
    async fn who_can_wait_waits_and_giving_up_is_counted() {
        let inlet = inlet(Wait::Endless, 60);
        let intake = LineIntake::new(Arc::clone(&inlet));
        intake.push(chunk("one\n")).await;
        let late = intake.clone();
        let mut waiting = tokio::task::JoinSet::new();
        waiting.spawn(async move { late.push(chunk("two\n")).await });
        tokio::task::yield_now().await;
        assert_eq!(inlet.snapshot().lines.inside, 2, "it waits, and counts as inside");
        inlet.queue.pop().await;
        waiting.join_all().await;
        assert_eq!(inlet.snapshot().lines.dropped_in_all(), 0);
        {
            let mut pushing = std::pin::pin!(intake.push(chunk("three\n")));
            let waited = tokio::time::timeout(std::time::Duration::ZERO, &mut pushing).await;
            assert!(waited.is_err());
        }
        let lines = inlet.snapshot().lines;
        assert!(lines.holds());
        assert_eq!(lines.dropped[Reason::Shutdown as usize], 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_can_wait_a_while_does_so_once_until_there_is_room_again() {
        let limit = Duration::from_secs(10);
        let inlet = inlet(Wait::Limited(limit), 60);
        let intake = LineIntake::new(Arc::clone(&inlet));
        let timed = async |text: &str| {
            let begun = Instant::now();
            intake.push(chunk(text)).await;
            begun.elapsed()
        };
        assert_eq!(timed("one\n").await, Duration::ZERO);
        assert!(timed("two\n").await >= limit, "there is no room, and none comes");
        assert_eq!(timed("three\n").await, Duration::ZERO, "nobody is held up twice for one fault");
        assert_eq!(inlet.snapshot().lines.dropped[Reason::Full as usize], 2);
        inlet.queue.pop().await;
        assert_eq!(timed("four\n").await, Duration::ZERO);
        assert!(timed("five\n").await >= limit, "there was room, so it is worth waiting again");
        assert_eq!(inlet.snapshot().lines.dropped[Reason::Full as usize], 3);
        assert!(inlet.snapshot().lines.holds());
    }

    #[tokio::test]
    async fn the_queue_ends_with_the_last_who_puts_something_in() {
        let inlet = inlet(Wait::No, 1000);
        let intake = Intake::new(Arc::clone(&inlet));
        let other = intake.clone();
        assert!(intake.push(Record::structured(1, None, "x")));
        drop(intake);
        assert!(other.push(Record::structured(1, None, "y")));
        drop(other);
        assert!(inlet.queue.pop().await.is_some() && inlet.queue.pop().await.is_some());
        assert!(inlet.queue.pop().await.is_none());
        inlet.records.deliver(2);
        assert!(inlet.snapshot().records.holds());
    }
}
