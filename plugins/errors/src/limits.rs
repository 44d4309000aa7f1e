//! Rate limits of a server: which categories it does not want for how long.
//!
//! Of an old and a new limit for one category the one that ends later holds.

use std::time::Duration;

use tamis_sdk::{Instant, Timestamp};

/// The category of events with an exception, or of severity error and above.
pub(crate) const ERROR: &str = "error";

/// Categories that the protocol knows; a limit that names only others is void.
const KNOWN: [&str; 14] = [
    "default",
    "error",
    "transaction",
    "span",
    "monitor",
    "log_item",
    "log_byte",
    "security",
    "attachment",
    "session",
    "profile",
    "replay",
    "feedback",
    "trace_metric",
];
/// Without any word from the server.
const DEFAULT_PAUSE: Duration = Duration::from_secs(60);
/// Longer pauses than this are taken for a slip.
const LONGEST_PAUSE: Duration = Duration::from_secs(7 * 86_400);

/// What holds now.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    all: Option<Instant>,
    categories: Vec<(&'static str, Instant)>,
}

impl Limits {
    /// Takes in an answer: `x-sentry-rate-limits` of any, and `retry-after` of a 429.
    pub(crate) fn update(
        &mut self,
        status: u16,
        rate_limits: Option<&str>,
        retry_after: Option<&str>,
        now: Timestamp,
        clock: Instant,
    ) {
        if let Some(limits) = rate_limits {
            for limit in limits.split(',') {
                self.add(limit.trim(), clock);
            }
        } else if status == 429 {
            let pause = retry_after.and_then(|text| pause(text, now)).unwrap_or(DEFAULT_PAUSE);
            self.set_all(clock + pause.min(LONGEST_PAUSE));
        }
    }

    /// Until when a category is not wanted, if that is to come.
    pub(crate) fn until(&self, category: &str, clock: Instant) -> Option<Instant> {
        let own = self.categories.iter().find(|known| known.0 == category).map(|known| known.1);
        own.max(self.all).filter(|end| *end > clock)
    }

    /// `60:error;default:scope:reason:…`
    fn add(&mut self, limit: &str, clock: Instant) {
        let mut parts = limit.split(':');
        let seconds = parts.next().and_then(|text| text.trim().parse::<f64>().ok());
        let Some(seconds) = seconds.filter(|seconds| *seconds >= 0.0) else { return };
        let Some(categories) = parts.next() else { return };
        let pause = Duration::try_from_secs_f64(seconds.ceil()).unwrap_or(LONGEST_PAUSE);
        let end = clock + pause.min(LONGEST_PAUSE);
        if categories.trim().is_empty() {
            return self.set_all(end);
        }
        for category in categories.split(';') {
            let Some(known) = KNOWN.iter().find(|known| **known == category.trim()) else {
                continue;
            };
            match self.categories.iter_mut().find(|limit| limit.0 == *known) {
                Some(limit) => limit.1 = limit.1.max(end),
                None => self.categories.push((known, end)),
            }
        }
    }

    fn set_all(&mut self, end: Instant) {
        self.all = self.all.max(Some(end));
    }
}

/// Seconds, or a date.
fn pause(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds.ceil()).ok();
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let since = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(since.saturating_sub(Duration::from_nanos(now.unix_nanos())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tamis_sdk::testing::Host;

    fn seconds(limits: &Limits, category: &str) -> u64 {
        let clock = Instant::now();
        limits.until(category, clock).map_or(0, |end| end.since(clock).as_secs())
    }

    /// What holds for errors and transactions after these answers: status, limits, retry-after.
    fn check(answers: &[(u16, Option<&str>, Option<&str>)], error: u64, transaction: u64) {
        Host::start();
        let mut limits = Limits::default();
        for (status, rate_limits, retry_after) in answers {
            limits.update(*status, *rate_limits, *retry_after, Timestamp::now(), Instant::now());
        }
        let found = (seconds(&limits, ERROR), seconds(&limits, "transaction"));
        assert_eq!(found, (error, transaction), "{answers:?}");
    }

    #[test]
    fn limits_are_read_from_any_answer() {
        check(
            &[(200, Some("60:transaction:key, 2700:default;error;security:organization"), None)],
            2700,
            60,
        );
        check(&[(200, Some("60::organization, 2700::organization"), None)], 2700, 2700);
        check(&[(200, Some("2700:metric_bucket:organization:quota_exceeded:custom"), None)], 0, 0);
        check(&[(200, Some("60::key, 86400:transaction;span:organization"), None)], 60, 86_400);
        check(&[(200, Some("1.2:error"), None)], 2, 0);
        check(&[(200, Some(" 5 : error ; nonsense "), None)], 5, 0);
        for nonsense in ["", "x", "60", "-1:error", "NaN:error", ":::", ",,,"] {
            check(&[(200, Some(nonsense), None)], 0, 0);
        }
        check(&[(200, Some("inf:error, 1e300::"), None)], 604_800, 604_800);
    }

    #[test]
    fn the_later_end_holds() {
        check(&[(200, Some("100:error"), None), (200, Some("10:error"), None)], 100, 0);
        check(&[(200, Some("10:error"), None), (200, Some("100::"), None)], 100, 100);
        check(&[(200, Some("100::"), None), (200, Some("10:error"), None)], 100, 100);
    }

    #[test]
    fn a_429_without_limits_holds_for_all() {
        check(&[(429, None, None)], 60, 60);
        check(&[(429, None, Some("7"))], 7, 7);
        check(&[(429, None, Some("Wed, 01 Jan 2025 00:01:30 GMT"))], 90, 90);
        check(&[(429, None, Some("Tue, 31 Dec 2024 00:00:00 GMT"))], 0, 0);
        check(&[(429, None, Some("soon"))], 60, 60);
        check(&[(429, Some("30:error:key"), Some("7"))], 30, 0);
        check(&[(503, None, Some("7"))], 0, 0);
    }

    #[test]
    fn limits_end() {
        let host = Host::start();
        let mut limits = Limits::default();
        limits.update(200, Some("10:error"), None, Timestamp::now(), Instant::now());
        host.advance(Duration::from_secs(9));
        assert_eq!(seconds(&limits, ERROR), 1);
        host.advance(Duration::from_secs(1));
        assert_eq!(seconds(&limits, ERROR), 0);
    }
}
