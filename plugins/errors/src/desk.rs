//! The background: takes events in, joins halves, counts, and hands over what is to be sent.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use tamis_sdk::{ErrorEvent, Instant};

use crate::groups::{Groups, Shelf};
use crate::merge::{Merged, Merger};
use crate::outbox::{Line, Outbox, Parcel, Tally};
use crate::reports::Reason;
use crate::settings::Settings;
use crate::storms::Storms;
use crate::{envelope, event, grouping};

/// Where events wait for the next instance.
const LEFT: &str = "outbox";
/// So much of them, in bytes.
const MOST_LEFT: usize = 128 << 10;
/// Ids of events that were taken, so that one which is offered again is not taken twice.
const MOST_SEEN: usize = 1_024;

/// Everything that the background instance knows.
#[derive(Debug)]
pub(crate) struct Desk {
    merger: Merger,
    pub(crate) groups: Groups,
    pub(crate) outbox: Option<Outbox>,
    seen: VecDeque<String>,
    storms: Storms,
    /// Since this instance began, in failures rather than events.
    pub(crate) captured: BTreeMap<String, u64>,
    pub(crate) merged: BTreeMap<&'static str, u64>,
    pub(crate) ignored: u64,
    /// As it was when it was last counted.
    counted: Tally,
}

/// The background cannot take more at present.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stuck;

/// What is new since the last turn, for metrics.
#[derive(Debug, Default)]
pub(crate) struct News {
    pub(crate) captured: Vec<(String, u64)>,
    pub(crate) merged: Vec<&'static str>,
    pub(crate) delivered: u64,
    pub(crate) dropped: Vec<(&'static str, u64)>,
    /// What an operator should be told.
    pub(crate) said: Option<String>,
}

/// What an instance leaves to the next.
#[derive(Debug, Default, Deserialize, Serialize)]
struct Left {
    server: String,
    parcels: Vec<Parcel>,
}

impl Desk {
    /// Goes on where an earlier instance stopped.
    pub(crate) fn new(settings: &Settings, shelf: &mut dyn Shelf) -> Self {
        let mut outbox = settings.dsn.clone().map(|dsn| Outbox::new(dsn, settings.timeout.0));
        let left: Left =
            shelf.get(LEFT).and_then(|left| serde_json::from_slice(&left).ok()).unwrap_or_default();
        shelf.remove(LEFT);
        if let Some(outbox) = &mut outbox
            && outbox.server() == left.server
        {
            left.parcels.into_iter().for_each(|parcel| outbox.push(parcel));
        }
        Self {
            merger: Merger::new(settings.merge_window.0),
            groups: Groups::load(shelf),
            outbox,
            seen: VecDeque::new(),
            storms: Storms::default(),
            captured: BTreeMap::new(),
            merged: BTreeMap::new(),
            ignored: 0,
            counted: Tally::default(),
        }
    }

    /// Takes events in, all or none.
    pub(crate) fn accept(
        &mut self,
        batch: Vec<ErrorEvent>,
        settings: &Settings,
        now: Instant,
        random: &mut dyn FnMut() -> u64,
    ) -> Result<(), Stuck> {
        if !batch.is_empty() && self.outbox.as_ref().is_some_and(Outbox::is_stuck) {
            return Err(Stuck);
        }
        for mut event in batch {
            if !is_id(&event.id) {
                event.id = new_id(random);
            } else if self.seen.contains(&event.id) {
                continue;
            }
            self.seen.push_back(event.id.clone());
            if self.seen.len() > MOST_SEEN {
                self.seen.pop_front();
            }
            self.storms.learn(&mut event, now);
            self.hold(event, settings, now);
        }
        Ok(())
    }

    /// Lets an event wait for its other half, unless it is nobody's concern.
    fn hold(&mut self, event: ErrorEvent, settings: &Settings, now: Instant) {
        if settings.ignore.iter().any(|rule| rule.fits(&event)) {
            self.ignored += event::count(&event);
        } else {
            self.merger.hold(event, now);
        }
    }

    /// Takes in those that a storm kept from travelling.
    fn gather(
        &mut self,
        settings: &Settings,
        shelf: &mut dyn Shelf,
        now: Instant,
        random: &mut dyn FnMut() -> u64,
    ) {
        for mut event in self.storms.take(shelf, now) {
            event.id = new_id(random);
            self.hold(event, settings, now);
        }
    }

    /// Finishes what has waited long enough, counts it, and sends.
    pub(crate) fn turn(
        &mut self,
        settings: &Settings,
        shelf: &mut dyn Shelf,
        line: &mut dyn Line,
        random: &mut dyn FnMut() -> u64,
    ) -> News {
        let mut news = News::default();
        self.gather(settings, shelf, line.clock(), random);
        for merged in self.merger.ripe(line.clock(), false) {
            self.finish(merged, settings, random, &mut news);
        }
        self.groups.save(shelf);
        if let Some(outbox) = &mut self.outbox {
            news.said = outbox.flush(line);
            let tally = outbox.tally();
            news.delivered = tally.delivered - self.counted.delivered;
            let refused = tally.refused - self.counted.refused;
            news.dropped = Reason::ALL
                .iter()
                .zip(tally.dropped.iter().zip(self.counted.dropped))
                .map(|(reason, (now, before))| (reason.as_str(), now - before))
                .chain([("too_many_requests", refused)])
                .filter(|(_, count)| *count > 0)
                .collect();
            self.counted = tally;
        }
        news
    }

    /// Keeps everything for the next instance: nothing can be sent any more.
    pub(crate) fn close(
        &mut self,
        settings: &Settings,
        shelf: &mut dyn Shelf,
        now: Instant,
        random: &mut dyn FnMut() -> u64,
    ) {
        let mut news = News::default();
        self.gather(settings, shelf, now, random);
        for merged in self.merger.ripe(now, true) {
            self.finish(merged, settings, random, &mut news);
        }
        self.groups.save(shelf);
        let Some(outbox) = &mut self.outbox else { return };
        let mut left = Left { server: outbox.server(), parcels: outbox.take_all() };
        let mut room = MOST_LEFT;
        loop {
            // The latest say most about what is wrong now.
            while left.parcels.iter().map(|parcel| parcel.payload.len()).sum::<usize>() > room {
                left.parcels.remove(0);
            }
            if left.parcels.is_empty() {
                return;
            }
            match serde_json::to_vec(&left) {
                Ok(text) if !shelf.set(LEFT, &text) => room /= 2,
                _ => return,
            }
        }
    }

    fn finish(
        &mut self,
        merged: Merged,
        settings: &Settings,
        random: &mut dyn FnMut() -> u64,
        news: &mut News,
    ) {
        let Merged { event, by } = merged;
        let key = grouping::key(&event);
        let count = event::count(&event);
        *self.captured.entry(event.kind.clone()).or_default() += count;
        news.captured.push((event.kind.clone(), count));
        if let Some(by) = by {
            *self.merged.entry(by).or_default() += 1;
            news.merged.push(by);
        }
        self.groups.add(&key, &event, settings);
        let Some(outbox) = &mut self.outbox else { return };
        if !settings.sample_rate.takes(random()) {
            outbox.drop_one(Reason::SampleRate);
            return;
        }
        let trace = event.trace.as_ref().map(|trace| {
            let release = settings.release.as_deref();
            envelope::trace(trace, outbox.key(), &settings.environment, release)
        });
        let payload = event::payload(&event, settings, event::MOST_BYTES);
        outbox.push(Parcel { id: event.id, payload, trace });
    }
}

fn new_id(random: &mut dyn FnMut() -> u64) -> String {
    format!("{:016x}{:016x}", random(), random())
}

fn is_id(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
