//! How many connections lead to an upstream, over all pools that share the tally.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Connections that are open, and those among them that rest. Cheap to clone; clones count together.
#[derive(Debug, Clone, Default)]
pub struct Tally(Arc<Numbers>);

#[derive(Debug, Default)]
struct Numbers {
    open: AtomicUsize,
    idle: AtomicUsize,
}

impl Tally {
    /// Connections that an exchange uses. Tunnels, which are nobody's exchange any more, are not
    /// among them.
    #[must_use]
    pub fn active(&self) -> usize {
        // Read one after the other, so that a connection may be in neither or both for a moment.
        self.0.open.load(Ordering::Relaxed).saturating_sub(self.idle())
    }

    /// Connections that are kept for the next exchange.
    #[must_use]
    pub fn idle(&self) -> usize {
        self.0.idle.load(Ordering::Relaxed)
    }

    /// One more, active, until the mark is dropped.
    pub(super) fn enter(&self) -> Mark {
        self.0.open.fetch_add(1, Ordering::Relaxed);
        Mark { tally: self.clone(), rests: false }
    }
}

/// What a connection holds, so that it is counted.
#[derive(Debug)]
pub(super) struct Mark {
    tally: Tally,
    rests: bool,
}

impl Mark {
    /// It rests from here on, or does no more.
    pub(super) fn rest(&mut self, rests: bool) {
        let idle = &self.tally.0.idle;
        match (self.rests, rests) {
            (false, true) => drop(idle.fetch_add(1, Ordering::Relaxed)),
            (true, false) => drop(idle.fetch_sub(1, Ordering::Relaxed)),
            _ => {}
        }
        self.rests = rests;
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        self.rest(false);
        self.tally.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_is_counted_no_more_whether_it_rested_or_not() {
        let tally = Tally::default();
        let numbers = || (tally.active(), tally.idle());
        let mut first = tally.enter();
        let mut second = tally.clone().enter();
        assert_eq!(numbers(), (2, 0));
        first.rest(true);
        first.rest(true);
        assert_eq!(numbers(), (1, 1), "resting twice is resting");
        second.rest(false);
        drop(first);
        assert_eq!(numbers(), (1, 0));
        drop(second);
        assert_eq!(numbers(), (0, 0));
    }
}
