//! Errors that are the same, counted together: kept in state, so that they outlive the instance.
//!
//! Each group has a key of its own in state with its latest event; a list names them. Bounded in
//! number and bytes: who was seen longest ago goes first.

use serde::{Deserialize, Serialize};
use tamis_sdk::{ErrorEvent, Timestamp};

use crate::event;
use crate::settings::Settings;

/// The list of groups in state, and where each is.
const LIST: &str = "groups";
const EACH: &str = "group/";
/// Of the example of one group, and of all together.
const MOST_EXAMPLE: usize = 24 << 10;
const MOST_BYTES: usize = 600 << 10;

/// State, as far as it is needed here.
pub(crate) trait Shelf {
    fn get(&self, key: &str) -> Option<Vec<u8>>;
    /// Whether there was room.
    fn set(&mut self, key: &str, value: &[u8]) -> bool;
    /// The new value; nothing when there was no room.
    fn add(&mut self, key: &str, by: i64) -> Option<i64>;
    fn remove(&mut self, key: &str);
}

/// Errors that are the same.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(crate) struct Group {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) kind: String,
    pub(crate) level: String,
    pub(crate) platform: String,
    pub(crate) transaction: Option<String>,
    /// Nanoseconds since the Unix epoch.
    first_seen: u64,
    last_seen: u64,
    pub(crate) count: u64,
    /// The latest event, in Sentry's form.
    pub(crate) event: String,
}

impl Group {
    pub(crate) fn first_seen(&self) -> Timestamp {
        Timestamp::from_unix_nanos(self.first_seen)
    }

    pub(crate) fn last_seen(&self) -> Timestamp {
        Timestamp::from_unix_nanos(self.last_seen)
    }
}

/// All groups.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    all: Vec<Group>,
    /// Changed since they were last put into state.
    touched: Vec<String>,
    gone: Vec<String>,
}

impl Groups {
    /// Those which an earlier instance left.
    pub(crate) fn load(shelf: &dyn Shelf) -> Self {
        let read = |key: &str| shelf.get(key);
        let ids: Vec<String> =
            read(LIST).and_then(|list| serde_json::from_slice(&list).ok()).unwrap_or_default();
        let group = |id: &String| serde_json::from_slice(&read(&format!("{EACH}{id}"))?).ok();
        Self { all: ids.iter().filter_map(group).collect(), ..Self::default() }
    }

    /// Counts an event in the group of this key.
    pub(crate) fn add(&mut self, key: &str, event: &ErrorEvent, settings: &Settings) {
        if settings.keep.0 == 0 {
            return;
        }
        let count = event::count(event);
        let seen = event.time().unix_nanos();
        let mut example = event::payload(event, settings, MOST_EXAMPLE);
        if example.len() > MOST_EXAMPLE {
            example = "{}".to_owned();
        }
        match self.all.iter_mut().find(|group| group.id == key) {
            Some(group) => {
                group.count = group.count.saturating_add(count);
                group.first_seen = group.first_seen.min(seen);
                if seen >= group.last_seen {
                    group.last_seen = seen;
                    group.event = example;
                }
            }
            None => self.all.push(Group {
                id: key.to_owned(),
                title: event::title(event),
                kind: event.kind.clone(),
                level: event.severity.as_str().to_owned(),
                platform: event::platform(event).to_owned(),
                transaction: event::transaction(event),
                first_seen: seen,
                last_seen: seen,
                count,
                event: example,
            }),
        }
        if !self.touched.iter().any(|touched| touched == key) {
            self.touched.push(key.to_owned());
        }
        let bytes = |all: &[Group]| all.iter().map(|group| group.event.len() + 500).sum::<usize>();
        while self.all.len() > settings.keep.0
            || bytes(&self.all) > MOST_BYTES && self.all.len() > 1
        {
            self.forget_oldest(key);
        }
    }

    /// Puts what has changed into state.
    pub(crate) fn save(&mut self, shelf: &mut dyn Shelf) {
        let known = self.touched.is_empty() && self.gone.is_empty();
        for id in std::mem::take(&mut self.gone) {
            shelf.remove(&format!("{EACH}{id}"));
        }
        for id in std::mem::take(&mut self.touched) {
            let Some(group) = self.all.iter().find(|group| group.id == id) else { continue };
            let Ok(text) = serde_json::to_vec(group) else { continue };
            let key = format!("{EACH}{id}");
            // State may be smaller than what is kept here.
            while !shelf.set(&key, &text) && self.all.len() > 1 {
                self.forget_oldest(&id);
                for id in std::mem::take(&mut self.gone) {
                    shelf.remove(&format!("{EACH}{id}"));
                }
            }
        }
        if !known {
            let ids: Vec<&str> = self.all.iter().map(|group| group.id.as_str()).collect();
            if let Ok(list) = serde_json::to_vec(&ids) {
                shelf.set(LIST, &list);
            }
        }
    }

    /// Forgets the group that was seen longest ago, but for this one.
    fn forget_oldest(&mut self, but: &str) {
        let others = self.all.iter().enumerate().filter(|(_, group)| group.id != but);
        if let Some((index, _)) = others.min_by_key(|(_, group)| group.last_seen) {
            let group = self.all.swap_remove(index);
            self.touched.retain(|touched| *touched != group.id);
            self.gone.push(group.id);
        }
    }

    /// All, the one seen last first.
    pub(crate) fn latest_first(&self) -> Vec<&Group> {
        let mut all: Vec<&Group> = self.all.iter().collect();
        all.sort_by(|one, other| other.last_seen.cmp(&one.last_seen).then(one.id.cmp(&other.id)));
        all
    }

    pub(crate) fn find(&self, id: &str) -> Option<&Group> {
        self.all.iter().find(|group| group.id == id)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use tamis_sdk::testing::Host;

    /// State with room for so many bytes.
    pub(crate) struct Small {
        entries: BTreeMap<String, Vec<u8>>,
        room: usize,
    }

    impl Small {
        pub(crate) fn new(room: usize) -> Self {
            Self { entries: BTreeMap::new(), room }
        }
    }

    impl Shelf for Small {
        fn get(&self, key: &str) -> Option<Vec<u8>> {
            self.entries.get(key).cloned()
        }

        fn set(&mut self, key: &str, value: &[u8]) -> bool {
            let others = self.entries.iter().filter(|entry| entry.0 != key);
            let used: usize = others.map(|entry| entry.1.len()).sum();
            let fits = used + value.len() <= self.room;
            if fits {
                self.entries.insert(key.to_owned(), value.to_vec());
            }
            fits
        }

        fn add(&mut self, key: &str, by: i64) -> Option<i64> {
            let known = self.entries.get(key).and_then(|digits| std::str::from_utf8(digits).ok());
            let sum = known.map_or(Ok(0), str::parse::<i64>).ok()? + by;
            self.set(key, sum.to_string().as_bytes()).then_some(sum)
        }

        fn remove(&mut self, key: &str) {
            self.entries.remove(key);
        }
    }

    fn event(seconds: u64, message: &str) -> ErrorEvent {
        let mut event = ErrorEvent::new("log.message", message);
        event.set_time(Timestamp::from_unix_nanos(seconds * 1_000_000_000));
        event
    }

    fn settings(json: &str) -> Settings {
        tamis_sdk::Config::new(json).parse().expect("the settings are right")
    }

    #[test]
    fn a_group_counts_and_knows_when() {
        Host::start();
        let settings = settings("null");
        let mut groups = Groups::default();
        groups.add("a", &event(10, "first"), &settings);
        let mut many = event(30, "last");
        many.set_attribute("tamis.repeat_count", 5_u16);
        groups.add("a", &many, &settings);
        groups.add("a", &event(20, "between"), &settings);
        groups.add("b", &event(40, "other"), &settings);
        let a = groups.find("a").expect("it is there");
        assert_eq!(a.count, 7);
        assert_eq!((a.first_seen, a.last_seen), (10_000_000_000, 30_000_000_000));
        assert_eq!(a.title, "first");
        assert!(a.event.contains("last"), "the latest is the example");
        let order: Vec<&str> =
            groups.latest_first().iter().map(|group| group.id.as_str()).collect();
        assert_eq!(order, ["b", "a"]);
    }

    #[test]
    fn groups_outlive_the_instance() {
        Host::start();
        let settings = settings(r#"{"keep": 2}"#);
        let mut shelf = Small::new(1 << 20);
        let mut groups = Groups::default();
        for (key, seconds) in [("a", 1), ("b", 2), ("c", 3)] {
            groups.add(key, &event(seconds, key), &settings);
        }
        groups.save(&mut shelf);
        let mut later = Groups::load(&shelf);
        assert_eq!(later.latest_first(), groups.latest_first());
        assert_eq!(later.all.len(), 2);
        assert!(!shelf.entries.contains_key("group/a"), "what is forgotten takes no room");
        later.add("b", &event(9, "b"), &settings);
        later.save(&mut shelf);
        assert_eq!(Groups::load(&shelf).find("b").expect("it is there").count, 2);
        assert!(Groups::load(&Small::new(0)).all.is_empty());
        let mut broken = Small::new(1 << 20);
        broken.set(LIST, b"[\"a\", \"b\"]");
        broken.set("group/a", b"{");
        assert!(Groups::load(&broken).all.is_empty());
    }

    #[test]
    fn state_that_is_full_keeps_the_latest() {
        Host::start();
        let settings = settings("null");
        let mut shelf = Small::new(6_000);
        let mut groups = Groups::default();
        for number in 0..30 {
            groups.add(&format!("g{number}"), &event(number, "x"), &settings);
            groups.save(&mut shelf);
        }
        let kept = Groups::load(&shelf);
        assert!(kept.all.len() > 2, "{}", kept.all.len());
        assert_eq!(kept.latest_first()[0].id, "g29");
        let mut none = Small::new(10);
        groups.add("new", &event(99, "x"), &settings);
        groups.save(&mut none);
        assert!(groups.find("new").is_some(), "without room it is kept in memory");
    }

    #[test]
    fn bounds_hold_in_number_and_bytes() {
        Host::start();
        let settings = settings(r#"{"keep": 1000}"#);
        let mut groups = Groups::default();
        for number in 0..1_100 {
            groups.add(&number.to_string(), &event(number, &"y".repeat(7_000)), &settings);
        }
        let bytes: usize = groups.all.iter().map(|group| group.event.len()).sum();
        assert!(bytes <= MOST_BYTES, "{bytes}");
        assert_eq!(groups.latest_first()[0].id, "1099");
        let none = self::settings(r#"{"keep": 0}"#);
        let mut groups = Groups::default();
        groups.add("a", &event(1, "x"), &none);
        assert!(groups.all.is_empty());
    }
}
