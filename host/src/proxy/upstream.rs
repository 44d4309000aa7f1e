//! Chooses a server of an upstream, and puts those aside that fail.
//!
//! Servers are taken in turn. One that fails several times in a row is ejected for a while,
//! each time longer, and comes back by one trial request. Checks, where the operator asked
//! for them, count as well: a server that they found down gets nothing until they find it up
//! again. When every server is put aside for failing, the one that comes back soonest is
//! asked all the same: a slim chance is better than none. When checks say that every server
//! is down, nobody is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::config::{self, Ejection};
use crate::metrics::{self, Counter, Gauge, Histogram};
use crate::outbound::client;

/// A group of servers that answer the same.
pub struct Upstream {
    /// The operator's name for it.
    pub name: Arc<str>,
    /// Further attempts at other servers when one cannot be reached.
    pub retries: u32,
    /// How clients of this upstream behave.
    pub client: client::Settings,
    servers: Box<[Server]>,
    ejection: Option<Ejection>,
    next: AtomicUsize,
    started: Instant,
    counts: Counts,
}

struct Server {
    origin: crate::outbound::Origin,
    /// Failures in a row.
    failures: AtomicU32,
    /// How often it was ejected without doing well for long in between.
    ejections: AtomicU32,
    /// Milliseconds since the start until which it is put aside; zero when it is not.
    until: AtomicU64,
    /// A trial request is under way.
    trial: AtomicBool,
    /// What checks say.
    down: AtomicBool,
}

struct Counts {
    completed: Counter,
    failed: Vec<(&'static str, Counter)>,
    duration: Histogram,
    connect: Histogram,
    available: Gauge,
    active: Gauge,
    idle: Gauge,
    ejected: Counter,
}

/// The failures that are counted apart; others are counted as `other`.
const KINDS: [&str; 11] = [
    "upstream.refused",
    "upstream.dns",
    "upstream.tls",
    "upstream.timeout.connect",
    "upstream.timeout",
    "upstream.timeout.header",
    "upstream.timeout.body",
    "upstream.reset",
    "upstream.bad-response",
    "client.aborted",
    "other",
];

/// Every server is down, as checks found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoneHealthy;

/// A server that was chosen. To be told how it did.
#[derive(Debug)]
pub struct Choice {
    /// Its index.
    pub index: usize,
    trial: bool,
}

impl Upstream {
    /// As configured.
    ///
    /// # Errors
    ///
    /// When the address of a server is no origin, which the configuration has ruled out.
    pub fn new(
        upstream: &config::Upstream,
        limits: &config::Limits,
        host: &metrics::Host,
    ) -> Result<Self, crate::outbound::UrlError> {
        let servers: Result<Vec<_>, _> = upstream
            .servers
            .iter()
            .map(|server| {
                Ok(Server {
                    origin: crate::outbound::Origin::parse(&server.value.to_string())?,
                    failures: AtomicU32::new(0),
                    ejections: AtomicU32::new(0),
                    until: AtomicU64::new(0),
                    trial: AtomicBool::new(false),
                    down: AtomicBool::new(false),
                })
            })
            .collect();
        let servers = servers?;
        let name = &*upstream.name;
        let families = &host.upstreams;
        let counts = Counts {
            completed: families.attempts.with([name, "completed"]),
            failed: KINDS.map(|kind| (kind, families.attempts.with([name, kind]))).into(),
            duration: families.duration.with([name]),
            connect: families.connect_duration.with([name]),
            available: families.available.with([name]),
            active: families.connections.with([name, "active"]),
            idle: families.connections.with([name, "idle"]),
            ejected: families.ejections.with([name, "failures"]),
        };
        #[expect(clippy::cast_precision_loss, reason = "there are not that many servers")]
        counts.available.set(servers.len() as f64);
        Ok(Self {
            name: Arc::clone(&upstream.name),
            retries: upstream.retries,
            client: client_settings(upstream, limits),
            servers: servers.into(),
            ejection: upstream.ejection.clone(),
            next: AtomicUsize::new(0),
            started: Instant::now(),
            counts,
        })
    }

    /// The servers, in the operator's order.
    pub fn origins(&self) -> impl Iterator<Item = &crate::outbound::Origin> {
        self.servers.iter().map(|server| &server.origin)
    }

    /// Shows in the metrics how many connections there are now.
    pub fn publish_connections(&self) {
        let tally = &self.client.tally;
        #[expect(clippy::cast_precision_loss, reason = "there are not that many connections")]
        let show = |gauge: &Gauge, connections: usize| gauge.set(connections as f64);
        show(&self.counts.active, tally.active());
        show(&self.counts.idle, tally.idle());
    }

    /// The name of a server, for records.
    pub fn authority(&self, index: usize) -> &str {
        self.servers[index].origin.authority()
    }

    /// Chooses the next server, other than those of `tried` if there is any.
    ///
    /// # Errors
    ///
    /// [`NoneHealthy`] when checks found all of them down.
    pub fn choose(&self, now: Instant, tried: &[usize]) -> Result<Choice, NoneHealthy> {
        if let [only] = &*self.servers {
            // With one server there is nothing to choose; only a check can rule it out.
            let down = only.down.load(Ordering::Relaxed);
            return if down { Err(NoneHealthy) } else { Ok(Choice { index: 0, trial: false }) };
        }
        let now = self.milliseconds(now);
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let mut soonest: Option<(u64, usize)> = None;
        for step in 0..self.servers.len() {
            let index = (first + step) % self.servers.len();
            let server = &self.servers[index];
            if server.down.load(Ordering::Relaxed) {
                continue;
            }
            let until = server.until.load(Ordering::Relaxed);
            if until == 0 && !tried.contains(&index) {
                return Ok(Choice { index, trial: false });
            }
            if until != 0 && until <= now && !server.trial.swap(true, Ordering::Relaxed) {
                return Ok(Choice { index, trial: true });
            }
            if soonest.is_none_or(|(known, _)| until < known) {
                soonest = Some((until, index));
            }
        }
        soonest.map(|(_, index)| Choice { index, trial: false }).ok_or(NoneHealthy)
    }

    /// The chosen server answered.
    pub fn did_well(&self, choice: Choice, connect: Duration, took: Duration) {
        let server = &self.servers[choice.index];
        self.counts.completed.increment();
        self.counts.duration.observe_duration(took);
        if !connect.is_zero() {
            self.counts.connect.observe_duration(connect);
        }
        if server.failures.load(Ordering::Relaxed) != 0 {
            server.failures.store(0, Ordering::Relaxed);
        }
        if choice.trial {
            server.until.store(0, Ordering::Relaxed);
            server.trial.store(false, Ordering::Relaxed);
            self.show_available();
            tracing::info!(
                upstream = &*self.name,
                "server `{}` of upstream `{}` is back",
                server.origin.authority(),
                self.name
            );
        } else if server.ejections.load(Ordering::Relaxed) != 0 {
            server.ejections.store(0, Ordering::Relaxed);
        }
    }

    /// The chosen server failed, in this way.
    pub fn failed(&self, choice: Choice, kind: &str, now: Instant) {
        let counted = self.counts.failed.iter().find(|(known, _)| *known == kind);
        if let Some((_, counter)) = counted.or(self.counts.failed.last()) {
            counter.increment();
        }
        let server = &self.servers[choice.index];
        if choice.trial {
            server.trial.store(false, Ordering::Relaxed);
        }
        if kind == "client.aborted" {
            // The client went away; that says nothing about the server.
            return;
        }
        let failures = server.failures.fetch_add(1, Ordering::Relaxed) + 1;
        let Some(ejection) = &self.ejection else { return };
        if self.servers.len() == 1 || (failures < ejection.failures && !choice.trial) {
            return;
        }
        let times = server.ejections.fetch_add(1, Ordering::Relaxed).min(16);
        let pause = ejection.base.saturating_mul(1 << times).min(ejection.max);
        let until = self.milliseconds(now + pause).max(1);
        server.until.store(until, Ordering::Relaxed);
        server.failures.store(0, Ordering::Relaxed);
        self.counts.ejected.increment();
        self.show_available();
        tracing::warn!(
            upstream = &*self.name,
            kind,
            "server `{}` of upstream `{}` failed {failures} times in a row; it gets nothing for \
             {pause:?}",
            server.origin.authority(),
            self.name
        );
    }

    /// A check found the server up or down.
    pub fn checked(&self, index: usize, up: bool) {
        let server = &self.servers[index];
        if server.down.swap(!up, Ordering::Relaxed) == up {
            self.show_available();
            let word = if up { "up" } else { "down" };
            tracing::warn!(
                upstream = &*self.name,
                "server `{}` of upstream `{}` is {word}, as its check found",
                server.origin.authority(),
                self.name
            );
        }
    }

    /// How many servers there are, and how many of them get requests now.
    pub fn standing(&self) -> (usize, usize) {
        let serves = |server: &&Server| {
            !server.down.load(Ordering::Relaxed) && server.until.load(Ordering::Relaxed) == 0
        };
        (self.servers.len(), self.servers.iter().filter(serves).count())
    }

    fn show_available(&self) {
        #[expect(clippy::cast_precision_loss, reason = "there are not that many servers")]
        self.counts.available.set(self.standing().1 as f64);
    }

    fn milliseconds(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.started);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX) + 1
    }
}

fn client_settings(upstream: &config::Upstream, limits: &config::Limits) -> client::Settings {
    let forever = Duration::from_secs(365 * 24 * 3600);
    let (connections, idle) = match &upstream.keep_alive {
        Some(keep) => (keep.connections as usize, keep.idle),
        None => (0, Duration::ZERO),
    };
    client::Settings {
        head_timeout: upstream.head_timeout.unwrap_or(forever),
        body_timeout: upstream.body_idle_timeout,
        idle_connections: connections,
        idle_timeout: idle,
        head: crate::wire::HeadLimits {
            bytes: limits.response_head.bytes(),
            fields: limits.response_headers as usize,
            ..crate::wire::HeadLimits::default()
        },
        interim: limits.informational,
        ..client::Settings::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream(servers: usize) -> Upstream {
        let servers = (0..servers).map(|port| {
            config::Given::built_in(format!("http://127.0.0.1:{}", 9000 + port).parse().unwrap())
        });
        let mut config =
            config::Upstream::new("app", servers.collect(), config::Origin::built_in());
        config.ejection = Some(Ejection {
            failures: 3,
            base: Duration::from_secs(10),
            max: Duration::from_secs(60),
        });
        let host = metrics::Host::new(metrics::Build { version: "0", revision: "0" });
        Upstream::new(&config, &config::Limits::default(), &host).unwrap()
    }

    fn chosen(upstream: &Upstream, now: Instant, number: usize) -> Vec<usize> {
        (0..number).map(|_| upstream.choose(now, &[]).unwrap().index).collect()
    }

    fn fail(upstream: &Upstream, index: usize, now: Instant, times: usize) {
        for _ in 0..times {
            upstream.failed(Choice { index, trial: false }, "upstream.refused", now);
        }
    }

    #[test]
    fn servers_are_taken_in_turn() {
        let upstream = upstream(3);
        assert_eq!(chosen(&upstream, Instant::now(), 6), [0, 1, 2, 0, 1, 2]);
        assert_ne!(upstream.choose(Instant::now(), &[0, 1]).unwrap().index, 0);
    }

    #[test]
    fn one_that_fails_in_a_row_is_put_aside_and_comes_back_by_a_trial() {
        let (upstream, now) = (upstream(2), Instant::now());
        fail(&upstream, 0, now, 2);
        upstream.did_well(Choice { index: 0, trial: false }, Duration::ZERO, Duration::ZERO);
        fail(&upstream, 0, now, 2);
        assert_eq!(upstream.standing(), (2, 2), "an answer in between starts the count anew");
        fail(&upstream, 0, now, 1);
        assert_eq!(upstream.standing(), (2, 1));
        assert_eq!(chosen(&upstream, now, 4), [1, 1, 1, 1]);

        let later = now + Duration::from_secs(11);
        let trials: Vec<_> = (0..4).map(|_| upstream.choose(later, &[]).unwrap()).collect();
        assert_eq!(trials.iter().filter(|choice| choice.trial).count(), 1, "one at a time");
        let trial = trials.into_iter().find(|choice| choice.trial).unwrap();
        upstream.did_well(trial, Duration::ZERO, Duration::ZERO);
        assert_eq!(upstream.standing(), (2, 2));
    }

    #[test]
    fn a_failed_trial_puts_it_aside_for_longer() {
        let (upstream, now) = (upstream(2), Instant::now());
        fail(&upstream, 0, now, 3);
        let later = now + Duration::from_secs(11);
        upstream.failed(Choice { index: 0, trial: true }, "upstream.reset", later);
        let soon = later + Duration::from_secs(11);
        assert_eq!(chosen(&upstream, soon, 3), [1, 1, 1], "twenty seconds now");
        let then = later + Duration::from_secs(21);
        assert!((0..2).any(|_| upstream.choose(then, &[]).unwrap().trial));
    }

    #[test]
    fn when_all_are_put_aside_the_one_that_comes_back_soonest_is_asked() {
        let (upstream, now) = (upstream(2), Instant::now());
        fail(&upstream, 1, now, 3);
        fail(&upstream, 0, now + Duration::from_secs(5), 3);
        assert_eq!(chosen(&upstream, now + Duration::from_secs(6), 2), [1, 1]);
    }

    #[test]
    fn the_only_server_is_never_put_aside_for_failing() {
        let (upstream, now) = (upstream(1), Instant::now());
        fail(&upstream, 0, now, 50);
        assert_eq!(chosen(&upstream, now, 2), [0, 0]);
    }

    #[test]
    fn what_checks_found_down_gets_nothing() {
        let (upstream, now) = (upstream(2), Instant::now());
        upstream.checked(0, false);
        assert_eq!(chosen(&upstream, now, 3), [1, 1, 1]);
        upstream.checked(1, false);
        assert_eq!(upstream.choose(now, &[]).unwrap_err(), NoneHealthy);
        upstream.checked(0, true);
        assert_eq!(chosen(&upstream, now, 2), [0, 0]);
    }
}
