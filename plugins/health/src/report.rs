//! The page for operators: everything that is known, as JSON.

use serde_json::{Map, Value, json};
use tamis_sdk::{Status, Timestamp};

use crate::answer::milliseconds;
use crate::monitor::Monitor;
use crate::others::Other;
use crate::verdict::Verdict;

/// All details.
pub(crate) fn report(
    verdict: Verdict,
    draining: bool,
    monitors: &[Monitor],
    others: &[Other],
    now: Timestamp,
) -> Value {
    let own = monitors.iter().map(|monitor| own(monitor, now));
    let checks: Vec<Value> = own.chain(others.iter().map(|other| foreign(other, now))).collect();
    json!({
        "status": verdict.health.as_str(),
        "ready": verdict.ready,
        "draining": draining,
        "time": now.to_string(),
        "checks": checks,
    })
}

fn own(monitor: &Monitor, now: Timestamp) -> Value {
    let settings = &monitor.settings;
    let check = monitor.check();
    let mut entry = entry(&check.component, check.status, check.at_worst, check.changed_at(), now);
    let mut put = |key: &str, value: Value| {
        entry.insert(key.to_owned(), value);
    };
    put("ready", settings.is_needed_for_traffic().into());
    put("probe", settings.probe.shown().into());
    put("interval_ms", milliseconds(settings.interval.0).into());
    put("timeout_ms", milliseconds(settings.timeout.0).into());
    put("fall", settings.fall.get().into());
    put("rise", settings.rise.get().into());
    put("streak", monitor.memory.streak.into());
    if let Some(last) = &monitor.memory.last {
        put("latency_ms", milliseconds(last.latency()).into());
        put("age_seconds", now.since(last.at()).as_secs().into());
        put("last_ok", last.ok.into());
        if let Some(kind) = &last.kind {
            put("failure", kind.clone().into());
        }
    }
    if let Some(reason) = check.reason {
        put("reason", reason.into());
    }
    Value::Object(entry)
}

fn foreign(other: &Other, now: Timestamp) -> Value {
    let mut entry = entry(&other.component, other.status(), other.at_worst(), other.since(), now);
    entry.insert("ready".to_owned(), other.is_needed_for_traffic().into());
    if let Some(latency) = other.latency() {
        entry.insert("latency_ms".to_owned(), milliseconds(latency).into());
    }
    if let Some(reason) = &other.reason {
        entry.insert("reason".to_owned(), reason.clone().into());
    }
    Value::Object(entry)
}

fn entry(
    component: &str,
    status: Status,
    at_worst: Status,
    since: Timestamp,
    now: Timestamp,
) -> Map<String, Value> {
    let affects = match at_worst {
        Status::Healthy => "none",
        Status::Degraded => "degraded",
        Status::Unhealthy | Status::Unknown => "unhealthy",
    };
    let mut entry = Map::new();
    entry.insert("name".to_owned(), component.into());
    entry.insert("status".to_owned(), status.as_str().into());
    entry.insert("affects".to_owned(), affects.into());
    entry.insert("since".to_owned(), since.to_string().into());
    entry.insert("for_seconds".to_owned(), now.since(since).as_secs().into());
    entry
}
