//! What rooms count for themselves, as metrics: the log corridor and the server.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::filter::Severity;
use crate::filter::queue::Waiting;
use crate::log::Corridor;
use crate::log::ledger::Reason;
use crate::{metrics, server};

/// Brings the families of the server up to date.
pub fn publish_server(counts: &server::Counts, families: &metrics::Exchanges) {
    #[expect(clippy::cast_precision_loss, reason = "nothing here comes near 2^53")]
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed) as f64;
    show(&families.connections.with([]), counts.open.load(Ordering::Relaxed));
    families.connections_accepted.with([]).set_to(read(&counts.accepted));
    families.accept_errors.with([]).set_to(read(&counts.accept_errors));
    let closed = [
        ("overloaded", &counts.overloaded),
        ("shed", &counts.shed),
        ("first-byte-timeout", &counts.first_byte_timeouts),
        ("head-timeout", &counts.head_timeouts),
        ("write-timeout", &counts.write_timeouts),
        ("idle-timeout", &counts.idle_timeouts),
        ("refused", &counts.refused),
        ("handshake", &counts.handshake_errors),
        ("flood", &counts.floods),
    ];
    for (reason, counter) in closed {
        families.connections_closed.with([reason]).set_to(read(counter));
    }
}

#[expect(clippy::cast_precision_loss, reason = "nothing here comes near 2^53")]
fn show(gauge: &metrics::Gauge, number: usize) {
    gauge.set(number as f64);
}

/// The counts of the log corridor on their way to the metrics.
///
/// The corridor counts for itself, under one lock for each source and sink; the metrics get what
/// was added since somebody last looked.
pub struct LogCounts {
    corridor: Corridor,
    /// What was published, by metric and labels.
    published: Mutex<BTreeMap<(&'static str, String, &'static str), u64>>,
}

impl LogCounts {
    /// Those of this corridor.
    pub fn new(corridor: Corridor) -> Self {
        Self { corridor, published: Mutex::default() }
    }

    /// Brings the families of the log corridor up to date.
    pub fn publish(&self, families: &metrics::Logs) {
        let snapshot = self.corridor.snapshot();
        // An entry that is written is right; one that is not is made up for the next time.
        let mut published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        let mut more = |metric, name: &str, label, total: u64| {
            let known = published.entry((metric, name.to_owned(), label)).or_default();
            let new = total.saturating_sub(*known);
            *known = total.max(*known);
            new
        };
        let show_queue = |source: &str, Waiting { items, weight }| {
            show(&families.queue_length.with([source]), items);
            show(&families.queue_bytes.with([source]), weight);
        };
        for source in &snapshot.sources {
            show_queue(&source.source, source.waiting);
            let levels = Severity::ALL.iter().map(|severity| severity.as_str()).chain(["unknown"]);
            for (level, count) in levels.zip(source.severities) {
                let new = more("records", &source.source, level, count);
                families.records.with([level]).add(new);
            }
            for reason in Reason::ALL {
                // A line that was dropped never became a record.
                let index = reason as usize;
                let count = source.records.dropped[index] + source.lines.dropped[index];
                let new = more("dropped", &source.source, reason.as_str(), count);
                families.dropped_records.with([&source.source, reason.as_str()]).add(new);
            }
        }
        for sink in &snapshot.sinks {
            show(&families.sink_queue_bytes.with([&sink.name]), sink.waiting.weight);
            let new = more("sink", &sink.name, "", sink.records.delivered);
            families.sink_records.with([&sink.name]).add(new);
            for reason in Reason::ALL {
                let count = sink.records.dropped[reason as usize];
                let new = more("sink-dropped", &sink.name, reason.as_str(), count);
                families.sink_dropped_records.with([&sink.name, reason.as_str()]).add(new);
            }
            let new = more("sink-retries", &sink.name, "", sink.failures);
            families.sink_retries.with([&sink.name]).add(new);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_trait::async_trait;

    use super::*;
    use crate::filter::{Record, Source};
    use crate::log::{Hooks, Settings};

    /// Drops every record.
    struct Dropping;

    #[async_trait]
    impl Hooks for Dropping {
        async fn raw(&self, _: &Source, _: Vec<Record>) -> Vec<Record> {
            Vec::new()
        }

        async fn parsed(&self, _: &Source, batch: Vec<Record>) -> Vec<Record> {
            batch
        }

        fn wants_parsed(&self) -> bool {
            false
        }
    }

    #[tokio::test]
    async fn what_is_dropped_is_shown_once_however_often_somebody_looks() {
        let (corridor, _) = Corridor::new(Settings::default(), Arc::new(Dropping), Vec::new());
        let (intake, task) = corridor.records("app");
        for _ in 0..3 {
            assert!(intake.push(Record::structured(1, None, "x")));
        }
        drop(intake);
        task.await;
        let host = metrics::Host::new(metrics::Build { version: "0", revision: "x" });
        let counts = LogCounts::new(corridor);
        for _ in 0..2 {
            counts.publish(&host.logs);
            let text = host.expose(None, None).body;
            let text = String::from_utf8_lossy(&text);
            let line = "tamis_log_dropped_records_total{source=\"app\",reason=\"hook\"} 3";
            assert!(text.lines().any(|one| one == line), "{text}");
        }
    }
}
