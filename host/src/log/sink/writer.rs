//! Writes bytes on a thread of its own, because a write to a pipe or a full disk may block and
//! nothing else may.
//!
//! The thread ends when the sink is dropped and the write it is in returns. A write that never
//! returns keeps the thread, not the process: nobody waits for it at the end.

use std::io;

use tokio::sync::{mpsc, oneshot};

use super::Failure;
use super::format::Format;
use crate::filter::canary::{Output, Watch};
use crate::log::batch::Parcel;

/// What bytes are written to, from one thread.
pub(super) trait Target: Send + 'static {
    /// Writes `bytes`, in which records end at `ends`; all of them or a number of whole
    /// records.
    fn write(&mut self, bytes: &[u8], ends: &[usize]) -> Result<(), Failure>;

    /// Opens it again.
    fn reopen(&mut self) -> io::Result<()>;

    /// Makes sure that all is out.
    fn close(&mut self) -> io::Result<()>;
}

enum Order {
    Write { bytes: Vec<u8>, ends: Vec<usize>, reply: oneshot::Sender<Written> },
    Reopen(oneshot::Sender<io::Result<()>>),
    Close(oneshot::Sender<io::Result<()>>),
}

/// The buffers come back, to be used again.
struct Written {
    result: Result<(), Failure>,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

/// The other end of the thread.
#[derive(Debug)]
pub(super) struct Writer {
    format: Format,
    watch: Watch,
    orders: mpsc::Sender<Order>,
    /// The answer to a write that nobody waited for to the end.
    pending: Option<oneshot::Receiver<Written>>,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl std::fmt::Debug for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Written").field("result", &self.result).finish_non_exhaustive()
    }
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(name: &str, format: Format, mut target: impl Target) -> io::Result<Self> {
        // One order at a time, and one in the queue for whoever stopped waiting.
        let (orders, mut received) = mpsc::channel(2);
        let work = move || {
            while let Some(order) = received.blocking_recv() {
                // Whoever asked may have stopped waiting; that is no reason to stop.
                match order {
                    Order::Write { bytes, ends, reply } => {
                        let result = target.write(&bytes, &ends);
                        let _ = reply.send(Written { result, bytes, ends });
                    }
                    Order::Reopen(reply) => {
                        let _ = reply.send(target.reopen());
                    }
                    Order::Close(reply) => {
                        let _ = reply.send(target.close());
                    }
                }
            }
        };
        // Names of threads may have fifteen bytes.
        let name: String = format!("log-{name}").chars().take(15).collect();
        std::thread::Builder::new().name(name).spawn(work)?;
        let watch = Watch::default();
        Ok(Self { format, watch, orders, pending: None, bytes: Vec::new(), ends: Vec::new() })
    }

    /// Lets `watch` see what is written.
    pub(super) fn watched(self, watch: Watch) -> Self {
        Self { watch, ..self }
    }

    pub(super) async fn write(&mut self, parcel: &Parcel) -> Result<(), Failure> {
        if self.pending.is_none() {
            let mut bytes = std::mem::take(&mut self.bytes);
            let mut ends = std::mem::take(&mut self.ends);
            bytes.clear();
            ends.clear();
            for entry in parcel.entries() {
                self.format.write(parcel.source(), entry, &mut bytes);
                ends.push(bytes.len());
            }
            hold_back(&self.watch, &mut bytes, &mut ends);
            let (reply, answer) = oneshot::channel();
            let order = Order::Write { bytes, ends, reply };
            // Set only once the order is on its way, so that dropping this future in between
            // repeats the write and does not wait for ever.
            let permit = self.orders.reserve().await.map_err(|_| over())?;
            permit.send(order);
            self.pending = Some(answer);
        }
        let Some(answer) = &mut self.pending else { return Ok(()) };
        let answer = answer.await;
        self.pending = None;
        let Written { result, bytes, ends } = answer.map_err(|_| over())?;
        // A buffer that had to grow for one large record is not kept for ever.
        if bytes.capacity() <= 1 << 20 {
            self.bytes = bytes;
            self.ends = ends;
        }
        result
    }

    pub(super) async fn reopen(&mut self) -> io::Result<()> {
        self.ask(Order::Reopen).await
    }

    pub(super) async fn close(&mut self) -> io::Result<()> {
        self.ask(Order::Close).await
    }

    async fn ask(
        &self,
        order: impl FnOnce(oneshot::Sender<io::Result<()>>) -> Order,
    ) -> io::Result<()> {
        let (reply, answer) = oneshot::channel();
        self.orders.send(order(reply)).await.map_err(|_| over().source)?;
        answer.await.map_err(|_| over().source)?
    }
}

/// The thread is no more, which only a panic in it can bring about.
fn over() -> Failure {
    Failure { written: 0, gone: true, source: io::Error::other("the thread that writes is gone") }
}

/// Takes those records out, which end at `ends`, that hold a canary and may not leave for it.
/// Nothing is left of them: they end where the one before does.
fn hold_back(watch: &Watch, bytes: &mut Vec<u8>, ends: &mut [usize]) {
    // All at once, since there is none, as a rule.
    if !watch.finds(bytes) {
        return;
    }
    let (mut start, mut kept) = (0, 0);
    for end in ends {
        let record = start..*end;
        start = *end;
        if watch.passes(Output::Logs, [&bytes[record.clone()]]) {
            bytes.copy_within(record.clone(), kept);
            kept += record.len();
        }
        *end = kept;
    }
    bytes.truncate(kept);
}

/// How many records, which end at `ends`, are whole in the first `len` bytes; and how long
/// those are.
pub(super) fn whole(ends: &[usize], len: usize) -> (usize, usize) {
    let records = ends.partition_point(|&end| end <= len);
    (records, records.checked_sub(1).map_or(0, |last| ends[last]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_with_a_canary_are_held_back_if_that_is_wanted() {
        use crate::filter::canary::OnCanary;
        for (on_canary, text, expected) in [
            (OnCanary::Count, "one\na-canary\ntwo\n", ("one\na-canary\ntwo\n", [4, 13, 17])),
            (OnCanary::Withhold, "one\na-canary\ntwo\n", ("one\ntwo\n", [4, 4, 8])),
            (OnCanary::Withhold, "a-canary\nA%2dCANARY\n\n", ("\n", [0, 0, 1])),
            (OnCanary::Withhold, "one\ntwo\nthree\n", ("one\ntwo\nthree\n", [4, 8, 14])),
        ] {
            let watch = Watch::new(["a-canary"], on_canary, None).unwrap();
            let mut bytes = text.as_bytes().to_vec();
            let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
            let mut ends: Vec<usize> = ends.map(|(at, _)| at + 1).collect();
            hold_back(&watch, &mut bytes, &mut ends);
            assert_eq!(bytes, expected.0.as_bytes(), "{text}");
            assert_eq!(ends, expected.1, "{text}");
        }
    }

    #[test]
    fn records_count_when_they_are_whole() {
        let ends = [3, 5, 9];
        for (len, expected) in [(0, (0, 0)), (2, (0, 0)), (3, (1, 3)), (8, (2, 5)), (9, (3, 9))] {
            assert_eq!(whole(&ends, len), expected, "{len}");
        }
    }
}
