//! Asks the servers of upstreams how they are, where the operator wants it.
//!
//! Each server is asked at its own pace. It goes down after several failures in a row and up
//! after several successes, so that one lost packet changes nothing. While it starts, failures
//! do not count, and it is asked more often.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::{Check, CheckKind};
use crate::health::probe::{self, Allowed, Task};
use crate::metrics;
use crate::outbound::Dialer;
use crate::proxy::upstream::Upstream;

/// Checks one server for ever.
pub async fn run(
    upstream: Arc<Upstream>,
    index: usize,
    check: Check,
    dialer: Arc<Dialer>,
    metrics: Arc<metrics::Host>,
) {
    let Some((task, allowed)) = task(&upstream, index, &check) else { return };
    let mut standing = Standing::new(&check, Instant::now());
    loop {
        let outcomes =
            probe::run(&dialer, &metrics.health, std::slice::from_ref(&task), &allowed).await;
        let well = outcomes.first().is_some_and(Result::is_ok);
        if let Some(up) = standing.heard(well, Instant::now()) {
            upstream.checked(index, up);
        }
        let pause = if standing.starting { check.start_interval } else { check.interval };
        // Servers that started together are not asked together for ever.
        let jitter = pause.mul_f64(fastrand::f64() * 0.1);
        tokio::time::sleep(pause + jitter).await;
    }
}

fn task(upstream: &Upstream, index: usize, check: &Check) -> Option<(Task, Vec<Allowed>)> {
    let origin = upstream.origins().nth(index)?;
    let scheme = if origin.is_secure() { "https" } else { "http" };
    let authority = format!("{}:{}", bracketed(origin.host()), origin.port());
    let mut task = Task {
        url: format!("tcp://{authority}"),
        headers: Vec::new(),
        statuses: Vec::new(),
        contains: None,
        timeout: check.timeout,
    };
    let mut allowed = format!("tcp://{authority}");
    if let CheckKind::Http { path, host, statuses } = &check.kind {
        task.url = format!("{scheme}://{authority}{path}");
        allowed = format!("{scheme}://{authority}");
        if let Some(host) = host {
            task.headers.push(("host".to_owned(), host.clone()));
        }
        task.statuses = (100..600)
            .filter(|&status| statuses.iter().any(|range| range.contains(status)))
            .collect();
    }
    Some((task, vec![Allowed::parse(&allowed).ok()?]))
}

fn bracketed(host: &str) -> String {
    if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() }
}

/// What was heard of one server so far.
struct Standing {
    fall: u32,
    rise: u32,
    start_until: Instant,
    /// It has not done well yet, and may take its time.
    starting: bool,
    up: bool,
    /// Outcomes in a row that speak against the present standing.
    against: u32,
}

impl Standing {
    fn new(check: &Check, now: Instant) -> Self {
        Self {
            fall: check.fall.max(1),
            rise: check.rise.max(1),
            start_until: now + check.start_period,
            starting: check.start_period > Duration::ZERO,
            up: true,
            against: 0,
        }
    }

    /// Takes an outcome, and answers when the standing changes.
    fn heard(&mut self, well: bool, now: Instant) -> Option<bool> {
        if well || now >= self.start_until {
            self.starting = false;
        }
        if well == self.up || (!well && self.starting) {
            self.against = 0;
            return None;
        }
        self.against += 1;
        let needed = if well { self.rise } else { self.fall };
        if self.against < needed {
            return None;
        }
        self.against = 0;
        self.up = well;
        Some(well)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(fall: u32, rise: u32, start: u64) -> (Standing, Instant) {
        let now = Instant::now();
        let standing = Standing {
            fall,
            rise,
            start_until: now + Duration::from_secs(start),
            starting: start > 0,
            up: true,
            against: 0,
        };
        (standing, now)
    }

    #[tokio::test]
    async fn it_takes_several_outcomes_in_a_row_to_change() {
        let (mut standing, now) = standing(3, 2, 0);
        let mut heard = |well| standing.heard(well, now);
        assert_eq!([heard(false), heard(false), heard(true), heard(false)], [None; 4]);
        assert_eq!([heard(false), heard(false)], [None, Some(false)]);
        assert_eq!(
            [heard(true), heard(false), heard(true), heard(true)],
            [None, None, None, Some(true)]
        );
    }

    #[tokio::test]
    async fn failures_do_not_count_while_it_starts() {
        let (mut standing, now) = standing(1, 1, 40);
        assert_eq!(standing.heard(false, now), None);
        assert_eq!(standing.heard(false, now + Duration::from_secs(39)), None);
        assert_eq!(standing.heard(false, now + Duration::from_secs(40)), Some(false));

        let (mut standing, now) = self::standing(1, 1, 40);
        assert_eq!(standing.heard(true, now), None);
        assert_eq!(standing.heard(false, now), Some(false), "it had done well before");
    }
}
