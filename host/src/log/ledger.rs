//! Counts what goes in and what becomes of it, so that nothing is lost silently.
//!
//! Every count changes together with its counterpart under one lock. So at any moment, seen
//! from anywhere, what was received equals what was delivered, dropped or is still inside.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Why something was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// There was no room, and nobody who could wait.
    Full,
    /// A plugin dropped it, or a guard could not be asked.
    Hook,
    /// The sink is gone for good.
    Gone,
    /// It came after, or was left over at, the end.
    Shutdown,
}

impl Reason {
    /// All of them, in the order of [`Balance::dropped`].
    pub const ALL: [Self; 4] = [Self::Full, Self::Hook, Self::Gone, Self::Shutdown];

    /// The name, as a label of metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Hook => "hook",
            Self::Gone => "gone",
            Self::Shutdown => "shutdown",
        }
    }
}

/// The counts of one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Balance {
    /// What came in.
    pub received: u64,
    /// What was handed on.
    pub delivered: u64,
    /// What was dropped, by reason, in the order of [`Reason::ALL`].
    pub dropped: [u64; Reason::ALL.len()],
    /// What is inside still.
    pub inside: u64,
}

impl Balance {
    /// All that was dropped.
    pub fn dropped_in_all(&self) -> u64 {
        self.dropped.iter().sum()
    }

    /// Whether nothing is missing.
    pub fn holds(&self) -> bool {
        self.received == self.delivered + self.dropped_in_all() + self.inside
    }
}

/// Counts of one place that things pass through.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Balance>);

impl Ledger {
    /// The counts now.
    pub fn balance(&self) -> Balance {
        *self.lock()
    }

    /// So many came in.
    pub(super) fn enter(&self, count: u64) {
        let mut balance = self.lock();
        balance.received += count;
        balance.inside += count;
    }

    /// So many came and were turned away.
    pub(super) fn refuse(&self, count: u64, reason: Reason) {
        let mut balance = self.lock();
        balance.received += count;
        balance.dropped[reason as usize] += count;
    }

    /// So many of those inside were handed on.
    pub(super) fn deliver(&self, count: u64) {
        let mut balance = self.lock();
        balance.delivered += count;
        balance.inside = balance.inside.saturating_sub(count);
    }

    /// So many of those inside were dropped.
    pub(super) fn drop(&self, count: u64, reason: Reason) {
        if count == 0 {
            return;
        }
        let mut balance = self.lock();
        balance.dropped[reason as usize] += count;
        balance.inside = balance.inside.saturating_sub(count);
    }

    fn lock(&self) -> MutexGuard<'_, Balance> {
        // Additions cannot stop half-way, so what a panicking thread left is sound.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_in_is_somewhere() {
        let ledger = Ledger::default();
        ledger.enter(10);
        ledger.refuse(3, Reason::Full);
        ledger.deliver(4);
        ledger.drop(1, Reason::Hook);
        ledger.drop(0, Reason::Gone);
        let balance = ledger.balance();
        assert!(balance.holds());
        assert_eq!(
            balance,
            Balance { received: 13, delivered: 4, dropped: [3, 1, 0, 0], inside: 5 }
        );
        assert_eq!(balance.dropped_in_all(), 4);
    }

    #[test]
    fn reasons_stand_where_they_are_counted() {
        for (index, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index, "{}", reason.as_str());
        }
    }
}
