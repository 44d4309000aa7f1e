//! Keeps a storm of equal failures from flooding the way to the background.
//!
//! Of each kind so many at once and so many a second pass. The others are counted in state, where
//! the background finds them (see [`storms`](crate::storms)), so totals are right although not
//! every single failure travels.

use std::time::Duration;

use tamis_sdk::Instant;

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
}

#[derive(Debug)]
struct Kind {
    key: String,
    tokens: u32,
    refilled: Instant,
}

impl Throttle {
    /// Whether one of this kind passes.
    pub(crate) fn passes(&mut self, key: &str, now: Instant) -> bool {
        let index = match self.kinds.iter().position(|kind| kind.key == key) {
            Some(index) => index,
            None => {
                self.make_room();
                self.kinds.push(Kind { key: key.to_owned(), tokens: BURST, refilled: now });
                self.kinds.len() - 1
            }
        };
        let kind = &mut self.kinds[index];
        kind.refill(now);
        let passes = kind.tokens > 0;
        kind.tokens = kind.tokens.saturating_sub(1);
        passes
    }

    /// Forgets the kind that has been silent for longest.
    fn make_room(&mut self) {
        if self.kinds.len() < MOST {
            return;
        }
        let kinds = self.kinds.iter().enumerate();
        if let Some((index, _)) = kinds.min_by_key(|(_, kind)| kind.refilled) {
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
    fn a_storm_is_thinned() {
        let host = Host::start();
        let mut throttle = Throttle::default();
        let mut passed = 0;
        for _ in 0..1000 {
            passed += u32::from(throttle.passes("a", Instant::now()));
            host.advance(Duration::from_millis(10));
        }
        assert_eq!(passed, 39, "20 at once, then two a second");
        assert!(throttle.passes("b", Instant::now()), "others are not held up");
    }

    #[test]
    fn silence_gives_all_of_it_back() {
        let host = Host::start();
        let mut throttle = Throttle::default();
        for _ in 0..3 {
            let passed = (0..30).filter(|_| throttle.passes("a", Instant::now())).count();
            assert_eq!(passed, 20);
            host.advance(Duration::from_secs(60));
        }
    }

    #[test]
    fn too_many_kinds_push_out_the_oldest() {
        let host = Host::start();
        let mut throttle = Throttle::default();
        for number in 0..200 {
            assert!(throttle.passes(&number.to_string(), Instant::now()));
            host.advance(Duration::from_millis(1));
        }
        assert_eq!(throttle.kinds.len(), MOST);
    }
}
