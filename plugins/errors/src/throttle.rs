//! Keeps a storm of equal failures from flooding the way to the background.
//!
//! Of each kind so many at once and so many a second pass; the rest is counted, and the next that
//! passes stands for them. So totals are right although not every single failure travels.

use std::time::Duration;

use tamis_sdk::{ErrorEvent, Instant};

/// At once, after a while of silence.
const BURST: u32 = 20;
/// Afterwards one in this time.
const PAUSE: Duration = Duration::from_millis(500);
/// So many kinds are told apart.
const MOST: usize = 64;

/// What passed of late.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    kinds: Vec<Kind>,
    waiting: usize,
}

#[derive(Debug)]
struct Kind {
    key: String,
    tokens: u32,
    refilled: Instant,
    swallowed: u64,
    /// The last that passed, to stand for those that did not.
    example: Option<ErrorEvent>,
}

impl Throttle {
    /// Whether one of this kind passes, and for how many it stands then.
    pub(crate) fn pass(&mut self, key: &str, now: Instant) -> Option<u64> {
        let index = match self.kinds.iter().position(|kind| kind.key == key) {
            Some(index) => index,
            None => {
                self.make_room();
                if self.kinds.len() >= MOST {
                    // The host's own bound holds.
                    return Some(1);
                }
                let key = key.to_owned();
                self.kinds.push(Kind {
                    key,
                    tokens: BURST,
                    refilled: now,
                    swallowed: 0,
                    example: None,
                });
                self.kinds.len() - 1
            }
        };
        let kind = &mut self.kinds[index];
        kind.refill(now);
        if kind.tokens == 0 {
            self.waiting += usize::from(kind.swallowed == 0);
            kind.swallowed += 1;
            return None;
        }
        kind.tokens -= 1;
        self.waiting -= usize::from(kind.swallowed > 0);
        Some(std::mem::take(&mut kind.swallowed) + 1)
    }

    /// Keeps what passed, to stand for those that will not.
    pub(crate) fn keep(&mut self, key: &str, event: &ErrorEvent) {
        if let Some(kind) = self.kinds.iter_mut().find(|kind| kind.key == key) {
            kind.example = Some(event.clone());
        }
    }

    /// Whether some were counted that nothing stands for yet.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting > 0
    }

    /// Those whose time has come, each with how many it stands for: the storm is over.
    pub(crate) fn overdue(&mut self, now: Instant) -> Vec<(ErrorEvent, u64)> {
        let mut due = Vec::new();
        for kind in &mut self.kinds {
            if kind.swallowed == 0 {
                continue;
            }
            kind.refill(now);
            if kind.tokens == 0 {
                continue;
            }
            kind.tokens -= 1;
            let count = std::mem::take(&mut kind.swallowed);
            self.waiting -= 1;
            due.extend(kind.example.clone().map(|example| (example, count)));
        }
        due
    }

    /// Forgets a kind that has long been silent, or else the oldest that nothing waits for.
    fn make_room(&mut self) {
        if self.kinds.len() < MOST {
            return;
        }
        let quiet = self.kinds.iter().enumerate().filter(|(_, kind)| kind.swallowed == 0);
        if let Some((index, _)) = quiet.min_by_key(|(_, kind)| kind.refilled) {
            self.kinds.swap_remove(index);
        }
    }
}

impl Kind {
    fn refill(&mut self, now: Instant) {
        let passed = now.since(self.refilled).as_nanos() / PAUSE.as_nanos();
        let passed = u32::try_from(passed).unwrap_or(u32::MAX);
        if passed > 0 {
            self.tokens = self.tokens.saturating_add(passed).min(BURST);
            self.refilled = if self.tokens == BURST { now } else { self.refilled + PAUSE * passed };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tamis_sdk::testing::Host;

    #[test]
    fn a_storm_is_thinned_and_counted_in_full() {
        let host = Host::start();
        let mut throttle = Throttle::default();
        let mut counted = 0;
        let mut passed = 0;
        for _ in 0..1000 {
            if let Some(count) = throttle.pass("a", Instant::now()) {
                throttle.keep("a", &ErrorEvent::new("a", "example"));
                counted += count;
                passed += 1;
            }
            host.advance(Duration::from_millis(10));
        }
        assert_eq!(passed, 39, "20 at once, then two a second");
        assert!(throttle.is_waiting());
        assert!(throttle.pass("b", Instant::now()) == Some(1), "others are not held up");
        host.advance(Duration::from_secs(1));
        for (event, count) in throttle.overdue(Instant::now()) {
            assert_eq!(event.kind, "a");
            counted += count;
        }
        assert_eq!(counted, 1000);
        assert!(!throttle.is_waiting());
        assert!(throttle.overdue(Instant::now()).is_empty());
    }

    #[test]
    fn silence_gives_all_of_it_back() {
        let host = Host::start();
        let mut throttle = Throttle::default();
        for _ in 0..3 {
            let passed = (0..30).filter(|_| throttle.pass("a", Instant::now()).is_some()).count();
            assert_eq!(passed, 20);
            host.advance(Duration::from_secs(60));
        }
    }

    #[test]
    fn too_many_kinds_push_out_the_quiet_ones() {
        let host = Host::start();
        let mut throttle = Throttle::default();
        for number in 0..200 {
            assert_eq!(throttle.pass(&number.to_string(), Instant::now()), Some(1));
            host.advance(Duration::from_millis(1));
        }
        assert_eq!(throttle.kinds.len(), MOST);
    }
}
