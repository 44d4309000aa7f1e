//! Failures that a storm kept from travelling, and the events that stand for them.
//!
//! Workers count what they swallow in state, under a name made of what the failures have in
//! common, and every event that does travel carries that name. So the background knows where to
//! look, and an example to put the count on. A worker that is never called again, or lost,
//! takes nothing with it.
//!
//! Nothing here forgets a count: one whose name the background has not seen yet stays in state
//! until the next event that carries it.

use tamis_sdk::{ErrorEvent, Instant, Timestamp};

use crate::grouping::Hash;
use crate::groups::Shelf;

/// The attribute that carries the name, as far as the background.
const NAME: &str = "tamis.storm";
/// Where counts are in state.
const COUNTS: &str = "storm/";
/// So many kinds are looked after.
const MOST: usize = 128;
/// One that was silent for so long is over.
const SILENCE: std::time::Duration = std::time::Duration::from_secs(600);

/// Names what failures of one kind have in common.
///
/// In letters only, so that nobody takes it for a number that has to be hidden.
pub(crate) fn name(key: &str) -> String {
    let mut hash = Hash::new();
    hash.add(key);
    let nibble = |shift: u32| (b'a' + (hash.value() >> shift & 15) as u8) as char;
    (0..64).step_by(4).map(nibble).collect()
}

/// Counts a failure that does not travel; answers whether there was room.
pub(crate) fn count(name: &str, shelf: &mut dyn Shelf) -> bool {
    shelf.add(&format!("{COUNTS}{name}"), 1).is_some()
}

/// Has an event carry the name.
pub(crate) fn mark(event: &mut ErrorEvent, name: String) {
    event.set_attribute(NAME, name);
}

/// What the background looks after.
#[derive(Debug, Default)]
pub(crate) struct Storms {
    kinds: Vec<Kind>,
}

#[derive(Debug)]
struct Kind {
    name: String,
    /// Stands for those that did not travel.
    example: ErrorEvent,
    seen: Instant,
}

impl Storms {
    /// Takes the name off an event, and the event for an example.
    pub(crate) fn learn(&mut self, event: &mut ErrorEvent, now: Instant) {
        let Some(at) = event.attributes.iter().position(|attribute| attribute.0 == NAME) else {
            return;
        };
        let (_, name) = event.attributes.swap_remove(at);
        let Some(name) = name.as_text() else { return };
        if let Some(kind) = self.kinds.iter_mut().find(|kind| kind.name == name) {
            kind.seen = now;
            return;
        }
        if self.kinds.len() >= MOST {
            let oldest = self.kinds.iter().enumerate().min_by_key(|(_, kind)| kind.seen);
            // What was counted of it stays in state until it is seen again.
            oldest.map(|(index, _)| index).map(|index| self.kinds.swap_remove(index));
        }
        let mut example = event.clone();
        // It stands for many, and for no request.
        example.request_id = None;
        example.trace = None;
        example.breadcrumbs.clear();
        self.kinds.push(Kind { name: name.to_owned(), example, seen: now });
    }

    /// Takes what was counted since the last time: an event for each kind, without an id, that
    /// says for how many it stands.
    pub(crate) fn take(&mut self, shelf: &mut dyn Shelf, now: Instant) -> Vec<ErrorEvent> {
        let mut events = Vec::new();
        self.kinds.retain_mut(|kind| {
            let key = format!("{COUNTS}{}", kind.name);
            let count = counted(shelf, &key);
            if count > 0 && shelf.add(&key, -count).is_some() {
                kind.seen = now;
                let mut event = kind.example.clone();
                event.id.clear();
                event.set_time(Timestamp::now());
                event.set_attribute("tamis.repeat_count", count);
                events.push(event);
            }
            let is_over = now.since(kind.seen) >= SILENCE;
            if is_over {
                shelf.remove(&key);
            }
            !is_over
        });
        events
    }
}

fn counted(shelf: &dyn Shelf, key: &str) -> i64 {
    let digits = shelf.get(key).and_then(|digits| String::from_utf8(digits).ok());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::groups::tests::Small;
    use std::time::Duration;
    use tamis_sdk::testing::Host;

    fn marked(name: &str, message: &str) -> ErrorEvent {
        let mut event = ErrorEvent::new("log.message", message);
        event.request_id = Some("r".to_owned());
        mark(&mut event, name.to_owned());
        event
    }

    #[test]
    fn names_are_letters_and_differ() {
        assert_eq!(name("a").len(), 16);
        assert!(name("a").bytes().all(|letter| letter.is_ascii_lowercase()));
        assert_ne!(name("a"), name("b"));
    }

    #[test]
    fn what_is_swallowed_is_told_once() {
        let host = Host::start();
        let (mut storms, mut shelf) = (Storms::default(), Small::new(1_000));
        for _ in 0..3 {
            assert!(count("a", &mut shelf));
        }
        assert!(storms.take(&mut shelf, Instant::now()).is_empty(), "nobody knows of it yet");
        let mut first = marked("a", "one");
        storms.learn(&mut first, Instant::now());
        assert_eq!(first.attribute(NAME), None, "it is nobody else's business");
        let told = storms.take(&mut shelf, Instant::now());
        let said: Vec<_> =
            told.iter().map(|event| (&*event.message, crate::event::count(event))).collect();
        assert_eq!(said, [("one", 3)]);
        assert_eq!((told[0].request_id.as_deref(), &*told[0].id), (None, ""));
        assert!(storms.take(&mut shelf, Instant::now()).is_empty());
        host.advance(Duration::from_secs(599));
        assert!(count("a", &mut shelf));
        assert_eq!(storms.take(&mut shelf, Instant::now()).len(), 1);
    }

    #[test]
    fn silence_ends_a_storm_and_leaves_nothing() {
        let host = Host::start();
        let (mut storms, mut shelf) = (Storms::default(), Small::new(1_000));
        storms.learn(&mut marked("a", "one"), Instant::now());
        count("a", &mut shelf);
        storms.take(&mut shelf, Instant::now());
        assert!(shelf.get("storm/a").is_some());
        host.advance(SILENCE);
        assert!(storms.take(&mut shelf, Instant::now()).is_empty());
        assert!(storms.kinds.is_empty());
        assert_eq!(shelf.get("storm/a"), None);
    }

    #[test]
    fn kinds_are_bounded_and_lose_no_count() {
        let host = Host::start();
        let (mut storms, mut shelf) = (Storms::default(), Small::new(100_000));
        storms.learn(&mut marked("a", "one"), Instant::now());
        count("a", &mut shelf);
        for number in 0..MOST {
            host.advance(Duration::from_millis(1));
            storms.learn(&mut marked(&name(&number.to_string()), "other"), Instant::now());
        }
        assert_eq!(storms.kinds.len(), MOST);
        assert!(storms.take(&mut shelf, Instant::now()).is_empty(), "`a` was pushed out");
        storms.learn(&mut marked("a", "one"), Instant::now());
        assert_eq!(storms.take(&mut shelf, Instant::now()).len(), 1);
    }
}
