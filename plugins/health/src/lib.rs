//! Answers the health pages from checks that run in the background.
//!
//! The background instance probes, hears the checks of all others, makes one verdict of them and
//! leaves finished pages in state. The request path reads one key and answers: it costs the same
//! however slow the dependencies are, and one set of probes serves everybody who asks. Pages that
//! are missing or too old say that nothing is known, never that all is well.
//!
//! This file speaks to the host; the others are plain functions and values.

mod answer;
mod monitor;
mod others;
mod report;
mod settings;
mod verdict;

use std::collections::BTreeMap;
use std::time::Duration;

use tamis_sdk::probe::Task;
use tamis_sdk::{
    Background, Check, Config, ConfigError, Instant, Next, PageRequest, Plugin, Reply, Request,
    Status, Subscription, Tick, Timestamp, host, next, plugin, respond,
};

use crate::answer::{Shown, Stored};
use crate::monitor::{Memory, Monitor};
use crate::others::Other;
use crate::settings::{CheckSettings, Settings};
use crate::verdict::{Statement, Verdict};

/// Where the pages wait for those who ask.
const MAIN_PAGE: &str = "page/main";
const READY_PAGE: &str = "page/ready";
/// What a new instance has to know.
const MONITORS: &str = "monitors";
const OTHERS: &str = "others";

struct Health {
    settings: Settings,
    stale_after: Duration,
    /// Made by the first background hook.
    watch: Option<Watch>,
}

/// What the background instance knows.
struct Watch {
    monitors: Vec<Monitor>,
    others: Vec<Other>,
    /// As it was last left in state.
    kept: String,
}

#[plugin(guard, schema = include_str!("schema.json"))]
impl Plugin for Health {
    fn configure(config: Config) -> Result<Self, Vec<ConfigError>> {
        let settings: Settings = config.parse()?;
        let mistakes = settings.mistakes();
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        Ok(Self { stale_after: settings.stale_after(), settings, watch: None })
    }

    fn subscribe(&self, subscription: &mut Subscription) {
        let base = &self.settings.path.0;
        subscription.paths = ["", "/live", "/ready"]
            .iter()
            .flat_map(|page| [format!("{base}{page}"), format!("{base}{page}/")])
            .collect();
    }

    #[fields(none)]
    fn on_request(&mut self, request: Request) -> Next {
        let below = request.path().strip_prefix(self.settings.path.0.as_str());
        let page: fn(&Self) -> Reply =
            match below.map(|path| path.strip_suffix('/').unwrap_or(path)) {
                Some("") => Self::main_page,
                Some("/ready") => Self::ready_page,
                Some("/live") => |_| answer::reply(200, answer::LIVE),
                _ => return next(),
            };
        // What a HEAD request gets is the host's to cut off.
        if matches!(&*request.method, "GET" | "HEAD") {
            page(self).into()
        } else {
            respond(405).header("allow", "GET, HEAD").header("cache-control", "no-store").into()
        }
    }

    #[tick("1s")]
    fn on_tick(&mut self, _: Tick, background: &Background) {
        let clock = Instant::now();
        let watch = self.watch();
        let due: Vec<usize> = (0..watch.monitors.len())
            .filter(|&index| watch.monitors[index].is_due(clock))
            .collect();
        if !due.is_empty() {
            let tasks: Vec<Task> =
                due.iter().map(|&index| task(&watch.monitors[index].settings)).collect();
            let results = background.probe(&tasks);
            let (now, clock) = (Timestamp::now(), Instant::now());
            for (index, result) in due.into_iter().zip(results) {
                watch.monitors[index].record(result, now, clock);
            }
            watch.keep();
        }
        self.publish(Timestamp::now());
    }

    fn checks(&mut self) -> Vec<Check> {
        self.watch().monitors.iter().map(Monitor::check).collect()
    }

    fn on_health(&mut self, checks: Vec<Check>, _: &Background) -> Status {
        let now = Timestamp::now();
        let watch = self.watch();
        let own = |check: &Check| {
            watch.monitors.iter().any(|monitor| monitor.settings.name.0 == check.component)
        };
        let others: Vec<Other> = checks
            .into_iter()
            .filter(|check| !own(check))
            .map(|check| Other::of(check, now))
            .collect();
        watch.others = others;
        leave(OTHERS, &watch.others);
        self.publish(now).health
    }

    fn on_page(&mut self, request: PageRequest, _: &Background) -> Reply {
        if !matches!(&*request.method, "GET" | "HEAD") {
            return respond(405).header("allow", "GET, HEAD");
        }
        let now = Timestamp::now();
        let (verdict, draining) = self.verdict(now);
        let watch = self.watch();
        let report = report::report(verdict, draining, &watch.monitors, &watch.others, now);
        answer::reply(answer::code(self.settings.codes, verdict.health), report.to_string())
    }
}

/// The request path.
impl Health {
    fn main_page(&self) -> Reply {
        let now = Timestamp::now();
        let page = host::state().get(MAIN_PAGE).ok().flatten();
        let stored = page.as_deref().and_then(Stored::decode);
        let age = stored.as_ref().map_or(Duration::ZERO, |stored| now.since(stored.evidence));
        let (code, body) = match stored {
            Some(stored) if self.is_fresh(&stored, now) => (stored.code, stored.body.to_owned()),
            _ => answer::nothing_known(self.settings.codes),
        };
        answer::reply(code, answer::with_age(body, age))
    }

    fn ready_page(&self) -> Reply {
        let page = host::state().get(READY_PAGE).ok().flatten();
        if let Some(stored) = page.as_deref().and_then(Stored::decode)
            && self.is_fresh(&stored, Timestamp::now())
        {
            return answer::reply(stored.code, stored.body);
        }
        let (code, body) = answer::ready_page(false);
        answer::reply(code, body)
    }

    /// Whether whoever wrote the page is still at work.
    fn is_fresh(&self, page: &Stored<'_>, now: Timestamp) -> bool {
        now.since(page.written) <= self.stale_after
    }
}

/// The background.
impl Health {
    fn watch(&mut self) -> &mut Watch {
        let checks = &self.settings.checks;
        self.watch.get_or_insert_with(|| Watch::new(checks, Timestamp::now()))
    }

    fn verdict(&mut self, now: Timestamp) -> (Verdict, bool) {
        let stale_after = self.stale_after;
        let watch = self.watch();
        // What is not known for so long does not work.
        let counts = |status: Status, since: Timestamp| match status {
            Status::Unknown if now.since(since) > stale_after => Status::Unhealthy,
            status => status,
        };
        let own = watch.monitors.iter().map(|monitor| {
            let check = monitor.check();
            Statement {
                status: counts(check.status, check.changed_at()),
                at_worst: check.at_worst,
                ready: monitor.settings.is_needed_for_traffic(),
            }
        });
        let others = watch.others.iter().map(|other| Statement {
            status: counts(other.status(), other.since()),
            at_worst: other.at_worst(),
            ready: other.is_needed_for_traffic(),
        });
        let draining = watch.others.iter().any(Other::is_draining);
        (Verdict::of(own.chain(others)), draining)
    }

    /// Leaves the pages for the request path.
    fn publish(&mut self, now: Timestamp) -> Verdict {
        let (verdict, draining) = self.verdict(now);
        let watch = self.watch();
        // Checks of the host and of other plugins count, but their names tell of upstreams and of
        // what runs here, which is for operators alone.
        let shown = watch.monitors.iter().map(|monitor| Shown {
            name: monitor.settings.name.0.clone(),
            status: monitor.memory.status(),
            latency: monitor.memory.last.as_ref().map(monitor::Last::latency),
        });
        let shown: Vec<Shown> = shown.collect();
        let results = watch.monitors.iter().filter_map(|monitor| monitor.memory.last.as_ref());
        let evidence = results.map(monitor::Last::at).min().unwrap_or(now);
        let (code, body) = answer::main_page(&self.settings, verdict, draining, &shown);
        let main = Stored { code, written: now, evidence, body: &body };
        let (code, body) = answer::ready_page(verdict.ready);
        let ready = Stored { code, written: now, evidence, body };
        // State that is full or out of reach makes the pages old, which they then say.
        for (key, page) in [(MAIN_PAGE, main), (READY_PAGE, ready)] {
            let _ = host::state().set(key, page.encode());
        }
        verdict
    }
}

impl Watch {
    /// Goes on where the instance before stopped, with checks that are the same.
    fn new(checks: &[CheckSettings], now: Timestamp) -> Self {
        let mut memories: BTreeMap<String, (String, Memory)> = take_over(MONITORS);
        let monitors = checks
            .iter()
            .map(|settings| {
                let mut monitor = Monitor::new(settings.clone(), now);
                if let Some((target, memory)) = memories.remove(&settings.name.0)
                    && target == settings.probe.shown()
                {
                    monitor.memory = memory;
                }
                monitor
            })
            .collect();
        Self { monitors, others: take_over(OTHERS), kept: String::new() }
    }

    fn keep(&mut self) {
        let memories: BTreeMap<&str, (String, &Memory)> = self
            .monitors
            .iter()
            .map(|monitor| {
                let settings = &monitor.settings;
                (settings.name.0.as_str(), (settings.probe.shown(), &monitor.memory))
            })
            .collect();
        let text = serde_json::to_string(&memories).unwrap_or_default();
        if text != self.kept {
            let _ = host::state().set(MONITORS, &text);
            self.kept = text;
        }
    }
}

fn leave<T: serde::Serialize>(key: &str, value: &T) {
    if let Ok(text) = serde_json::to_string(value) {
        let _ = host::state().set(key, text);
    }
}

/// What an earlier instance left; nothing when it is missing or of another version.
fn take_over<T: serde::de::DeserializeOwned + Default>(key: &str) -> T {
    let text = host::state().get(key).ok().flatten();
    text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

fn task(settings: &CheckSettings) -> Task {
    let mut task = Task::new(&settings.probe.0).timeout(settings.timeout.0);
    task.headers = settings.headers.clone().into_iter().collect();
    task.statuses.clone_from(&settings.statuses);
    task.contains.clone_from(&settings.contains);
    task
}

#[cfg(test)]
mod tests;
