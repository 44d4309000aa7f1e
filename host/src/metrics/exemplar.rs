//! The trace of one sample, kept beside the number that the sample went into.
//!
//! A slot holds the latest exemplar and nothing older. Writers never wait: one that finds another
//! at work leaves the slot to it. Readers see a whole exemplar or none.

use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Names the exchange in which a sample was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    /// W3C trace id; zero is not one.
    pub trace_id: u128,
    /// W3C span id; zero is not one.
    pub span_id: u64,
    /// When the sample was taken.
    pub at: SystemTime,
}

/// An exemplar as it is shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Exemplar {
    pub(super) trace: Trace,
    pub(super) value: f64,
}

/// Room for one exemplar. `version` is odd while a writer is at work and zero while it is empty.
#[derive(Debug, Default)]
pub(super) struct Slot {
    version: AtomicU64,
    trace_high: AtomicU64,
    trace_low: AtomicU64,
    span: AtomicU64,
    value: AtomicU64,
    nanoseconds: AtomicU64,
}

impl Slot {
    /// Replaces what is kept, unless somebody else is doing so right now.
    pub(super) fn put(&self, value: f64, trace: &Trace) {
        let version = self.version.load(Ordering::Relaxed);
        let writing = version.wrapping_add(1);
        let free = version.is_multiple_of(2)
            && self
                .version
                .compare_exchange(version, writing, Ordering::Acquire, Ordering::Relaxed)
                .is_ok();
        if !free {
            return;
        }
        // A reader that sees one of the stores below also sees the odd version.
        fence(Ordering::Release);
        let since_epoch = trace.at.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.trace_high.store((trace.trace_id >> 64) as u64, Ordering::Relaxed);
        self.trace_low.store(trace.trace_id as u64, Ordering::Relaxed);
        self.span.store(trace.span_id, Ordering::Relaxed);
        self.value.store(value.to_bits(), Ordering::Relaxed);
        self.nanoseconds.store(since_epoch.as_nanos() as u64, Ordering::Relaxed);
        self.version.store(version.wrapping_add(2), Ordering::Release);
    }

    /// The latest exemplar; none if there is none or it is being replaced without a pause.
    pub(super) fn get(&self) -> Option<Exemplar> {
        for _ in 0..8 {
            let before = self.version.load(Ordering::Acquire);
            if before == 0 {
                return None;
            }
            let high = self.trace_high.load(Ordering::Relaxed);
            let low = self.trace_low.load(Ordering::Relaxed);
            let span_id = self.span.load(Ordering::Relaxed);
            let value = f64::from_bits(self.value.load(Ordering::Relaxed));
            let nanoseconds = self.nanoseconds.load(Ordering::Relaxed);
            fence(Ordering::Acquire);
            if before.is_multiple_of(2) && self.version.load(Ordering::Relaxed) == before {
                let trace_id = (u128::from(high) << 64) | u128::from(low);
                let at = UNIX_EPOCH + Duration::from_nanos(nanoseconds);
                return Some(Exemplar { trace: Trace { trace_id, span_id, at }, value });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    fn trace(number: u64) -> Trace {
        let at = UNIX_EPOCH + Duration::from_nanos(number);
        Trace { trace_id: u128::from(number) | (u128::from(number) << 64), span_id: number, at }
    }

    #[test]
    fn an_empty_slot_shows_nothing_and_the_latest_exemplar_wins() {
        let slot = Slot::default();
        assert_eq!(slot.get(), None);
        slot.put(0.5, &trace(1));
        slot.put(0.7, &trace(2));
        assert_eq!(slot.get(), Some(Exemplar { trace: trace(2), value: 0.7 }));
    }

    #[test]
    fn a_reader_never_sees_halves_of_two_exemplars() {
        let slot = Slot::default();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for writer in 0..2u64 {
                let (slot, stop) = (&slot, &stop);
                scope.spawn(move || {
                    let mut number = writer + 1;
                    while !stop.load(Ordering::Relaxed) {
                        slot.put(number as f64, &trace(number));
                        number += 2;
                    }
                });
            }
            let mut seen = 0;
            while seen < 10_000 {
                if let Some(exemplar) = slot.get() {
                    let number = exemplar.trace.span_id;
                    assert_eq!(exemplar, Exemplar { trace: trace(number), value: number as f64 });
                    seen += 1;
                }
            }
            stop.store(true, Ordering::Relaxed);
        });
    }
}
