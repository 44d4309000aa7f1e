//! Strikes, and the way back.
//!
//! A fault of the plugin itself is a strike. Five within a minute put it aside: nothing is
//! called, and its `on-fault` applies to all it would have seen. After a pause one call is
//! let through as a trial; if it goes well the plugin is back, otherwise the next pause is
//! twice as long.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// So many strikes ...
pub const STRIKES: usize = 5;
/// ... within this time put a plugin aside.
pub const WINDOW: Duration = Duration::from_secs(60);
/// The first pause.
pub const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// A plugin that did well for so long begins with the first pause again.
const FORGIVEN_AFTER: Duration = Duration::from_secs(600);

/// What a call may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// Go ahead.
    Free,
    /// Go ahead; the plugin's return depends on it.
    Trial,
    /// The plugin is put aside.
    Refused,
}

/// Where a plugin stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// In service, with so many strikes within the last minute.
    Serving {
        /// The strikes.
        strikes: usize,
    },
    /// Put aside.
    Quarantined {
        /// Until its next trial.
        remaining: Duration,
    },
}

/// The account of one plugin.
#[derive(Debug, Default)]
pub struct Quarantine {
    /// Read on every call: whether the slow path must be taken.
    aside: AtomicBool,
    total: AtomicU64,
    entered: AtomicU64,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    strikes: VecDeque<Instant>,
    /// When the next trial may be made, while the plugin is put aside.
    until: Option<Instant>,
    /// A trial is under way since then.
    trial: Option<Instant>,
    pause: Duration,
    back_since: Option<Instant>,
}

/// A trial that was begun and never ended (its exchange was dropped) blocks the next one
/// only so long.
const TRIAL_LASTS: Duration = Duration::from_secs(10);

impl Quarantine {
    /// Asks for one call.
    pub fn ask(&self, now: impl Fn() -> Instant) -> Pass {
        if !self.aside.load(Ordering::Relaxed) {
            return Pass::Free;
        }
        let now = now();
        let mut inner = self.lock();
        let Some(until) = inner.until else { return Pass::Free };
        let busy = inner.trial.is_some_and(|since| now < since + TRIAL_LASTS);
        if now < until || busy {
            return Pass::Refused;
        }
        inner.trial = Some(now);
        Pass::Trial
    }

    /// A trial went well: the plugin is back.
    pub fn came_back(&self, now: Instant) {
        let mut inner = self.lock();
        inner.until = None;
        inner.trial = None;
        inner.strikes.clear();
        inner.back_since = Some(now);
        self.aside.store(false, Ordering::Relaxed);
    }

    /// A trial came to nothing before the plugin was called; the next call is one.
    pub fn undecided(&self) {
        self.lock().trial = None;
    }

    /// Counts a strike. Answers the pause when this one puts the plugin aside.
    pub fn strike(&self, now: Instant) -> Option<Duration> {
        self.total.fetch_add(1, Ordering::Relaxed);
        let mut inner = self.lock();
        if inner.until.is_some() {
            // Only a trial can fail now; other calls were under way before.
            inner.trial.take()?;
            return Some(self.put_aside(&mut inner, now));
        }
        inner.strikes.push_back(now);
        while inner.strikes.front().is_some_and(|&first| now.duration_since(first) > WINDOW) {
            inner.strikes.pop_front();
        }
        if inner.strikes.len() < STRIKES {
            return None;
        }
        if inner.back_since.is_none_or(|since| now.duration_since(since) > FORGIVEN_AFTER) {
            inner.pause = Duration::ZERO;
        }
        Some(self.put_aside(&mut inner, now))
    }

    fn put_aside(&self, inner: &mut Inner, now: Instant) -> Duration {
        inner.pause = (inner.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        inner.until = Some(now + inner.pause);
        inner.trial = None;
        inner.strikes.clear();
        self.entered.fetch_add(1, Ordering::Relaxed);
        self.aside.store(true, Ordering::Relaxed);
        inner.pause
    }

    /// Where the plugin stands now.
    pub fn standing(&self, now: Instant) -> Standing {
        let inner = self.lock();
        match inner.until {
            Some(until) => {
                Standing::Quarantined { remaining: until.saturating_duration_since(now) }
            }
            None => Standing::Serving {
                strikes: inner
                    .strikes
                    .iter()
                    .filter(|&&at| now.duration_since(at) <= WINDOW)
                    .count(),
            },
        }
    }

    /// Strikes since the start.
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// How often the plugin was put aside since the start.
    pub fn entered(&self) -> u64 {
        self.entered.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    fn strikes(account: &Quarantine, at: Instant, number: usize) -> Option<Duration> {
        (0..number).map(|_| account.strike(at)).last().flatten()
    }

    #[test]
    fn five_strikes_within_a_minute_put_a_plugin_aside() {
        let (account, start) = (Quarantine::default(), Instant::now());
        assert_eq!(strikes(&account, start, 4), None);
        assert_eq!(account.ask(|| start), Pass::Free);
        assert_eq!(account.strike(second(start, 60)), Some(FIRST_PAUSE));
        assert_eq!(account.ask(|| second(start, 60)), Pass::Refused);
        assert_eq!((account.total(), account.entered()), (5, 1));
    }

    #[test]
    fn strikes_further_apart_do_not() {
        let (account, start) = (Quarantine::default(), Instant::now());
        for number in 0..50 {
            assert_eq!(account.strike(second(start, number * 16)), None, "strike {number}");
        }
        assert_eq!(
            account.standing(second(start, 49 * 16)),
            Standing::Serving { strikes: 4 },
            "the last minute holds four"
        );
    }

    #[test]
    fn one_trial_at_a_time_brings_it_back() {
        let (account, start) = (Quarantine::default(), Instant::now());
        strikes(&account, start, 5);
        let later = second(start, 1);
        assert_eq!(account.ask(|| later), Pass::Trial);
        assert_eq!(account.ask(|| later), Pass::Refused, "one at a time");
        account.came_back(later);
        assert_eq!(account.ask(|| later), Pass::Free);
        assert_eq!(account.standing(later), Standing::Serving { strikes: 0 });
    }

    #[test]
    fn each_failed_trial_doubles_the_pause_up_to_five_minutes() {
        let (account, mut now) = (Quarantine::default(), Instant::now());
        let mut pause = strikes(&account, now, 5).unwrap();
        let mut pauses = vec![pause.as_secs()];
        for _ in 0..10 {
            now += pause;
            assert_eq!(account.ask(|| now), Pass::Trial);
            pause = account.strike(now).expect("a failed trial puts it aside again");
            pauses.push(pause.as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    }

    #[test]
    fn pauses_go_on_growing_when_it_comes_back_only_to_fail_again() {
        let (account, start) = (Quarantine::default(), Instant::now());
        strikes(&account, start, 5);
        assert_eq!(account.ask(|| second(start, 1)), Pass::Trial);
        account.came_back(second(start, 1));
        assert_eq!(strikes(&account, second(start, 2), 5), Some(Duration::from_secs(2)));
        assert_eq!(account.ask(|| second(start, 4)), Pass::Trial);
        account.came_back(second(start, 4));
        assert_eq!(
            strikes(&account, second(start, 700), 5),
            Some(FIRST_PAUSE),
            "ten good minutes are forgiven"
        );
    }

    #[test]
    fn a_trial_that_never_ends_does_not_block_the_next() {
        let (account, start) = (Quarantine::default(), Instant::now());
        strikes(&account, start, 5);
        assert_eq!(account.ask(|| second(start, 1)), Pass::Trial);
        assert_eq!(account.ask(|| second(start, 5)), Pass::Refused);
        assert_eq!(account.ask(|| second(start, 11)), Pass::Trial);
    }

    #[test]
    fn a_trial_that_never_began_leaves_the_plugin_aside() {
        let (account, start) = (Quarantine::default(), Instant::now());
        strikes(&account, start, 5);
        assert_eq!(account.ask(|| second(start, 1)), Pass::Trial);
        account.undecided();
        assert!(matches!(account.standing(second(start, 1)), Standing::Quarantined { .. }));
        assert_eq!(account.ask(|| second(start, 1)), Pass::Trial, "the next one is the trial");
    }

    #[test]
    fn late_strikes_of_calls_under_way_change_nothing() {
        let (account, start) = (Quarantine::default(), Instant::now());
        strikes(&account, start, 5);
        assert_eq!(account.strike(start), None);
        assert_eq!(account.ask(|| second(start, 1)), Pass::Trial);
    }
}
