//! Where records go. Each sink has a queue and a pace of its own.
//!
//! A sink that fails backs off alone: its queue fills, what finds no room is dropped and
//! counted, and neither the other sinks nor the sources notice. What was taken in is tried
//! again until it is written, the sink is gone for good, or the time to shut down is over.
//! Trouble is told once and then once a minute, not once per record.

use std::io;
use std::time::Duration;

use async_trait::async_trait;

use super::batch::{Parcel, Wanted};
use super::ledger::Balance;
use crate::filter::queue::{Bound, Waiting};

pub mod file;
pub mod format;
pub(super) mod outlet;
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
    /// How long a source that cannot wait for ever waits for room, while it has some itself.
    /// 500 ms. If that was in vain, it is not waited for again before half of the queue is
    /// free, so that a slow sink delays the others once and no more.
    pub patience: Duration,
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
            patience: Duration::from_millis(500),
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
    /// Batches that wait for it, and their size.
    pub waiting: Waiting,
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
