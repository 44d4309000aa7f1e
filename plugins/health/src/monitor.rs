//! One check of the plugin's own: when to look again, and what to make of what was seen.
//!
//! A status changes only after so many results in a row, so one lost packet takes nothing down.
//! While a service starts, failures do not count; its first success ends that time. Knows no
//! clocks and probes nothing: moments and results are handed in.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tamis_sdk::probe::{Failure, Reason, Success};
use tamis_sdk::{Check, Instant, Status, Timestamp};

use crate::settings::CheckSettings;

/// A check and what is known of it.
#[derive(Debug)]
pub(crate) struct Monitor {
    pub(crate) settings: CheckSettings,
    pub(crate) memory: Memory,
    /// `None`: at once.
    due: Option<Instant>,
}

/// What must survive the instance.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Memory {
    status: u8,
    /// Nanoseconds since the Unix epoch, as all moments here.
    since: u64,
    begun: u64,
    started: bool,
    /// Successes in a row; below zero, failures.
    pub(crate) streak: i32,
    pub(crate) last: Option<Last>,
}

/// The latest result.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Last {
    at: u64,
    pub(crate) ok: bool,
    latency: u64,
    /// Which kind of failure.
    pub(crate) kind: Option<String>,
    /// For operators only.
    pub(crate) reason: Option<String>,
}

impl Last {
    pub(crate) fn at(&self) -> Timestamp {
        Timestamp::from_unix_nanos(self.at)
    }

    pub(crate) fn latency(&self) -> Duration {
        Duration::from_nanos(self.latency)
    }
}

impl Memory {
    fn new(now: Timestamp) -> Self {
        let now = now.unix_nanos();
        Self { status: 3, since: now, begun: now, started: false, streak: 0, last: None }
    }

    pub(crate) fn status(&self) -> Status {
        [Status::Healthy, Status::Degraded, Status::Unhealthy, Status::Unknown]
            [usize::from(self.status.min(3))]
    }

    fn set_status(&mut self, status: Status, now: Timestamp) {
        if self.status() != status {
            self.status = status as u8;
            self.since = now.unix_nanos();
        }
    }
}

impl Monitor {
    /// Has not looked yet.
    pub(crate) fn new(settings: CheckSettings, now: Timestamp) -> Self {
        Self { settings, memory: Memory::new(now), due: None }
    }

    /// Whether it is time to look.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.due.is_none_or(|due| now >= due)
    }

    /// Takes a result in.
    pub(crate) fn record(
        &mut self,
        result: Result<Success, Failure>,
        now: Timestamp,
        clock: Instant,
    ) {
        let memory = &mut self.memory;
        match result {
            Ok(success) => {
                memory.started = true;
                memory.streak = memory.streak.max(0).saturating_add(1);
                let slow =
                    self.settings.degraded_above.is_some_and(|limit| success.latency() > limit.0);
                let down = memory.status() == Status::Unhealthy;
                if !down || memory.streak.unsigned_abs() >= self.settings.rise.get() {
                    let status = if slow { Status::Degraded } else { Status::Healthy };
                    memory.set_status(status, now);
                }
                memory.last = Some(Last {
                    at: now.unix_nanos(),
                    ok: true,
                    latency: nanos(success.latency()),
                    kind: None,
                    reason: slow.then(|| "slower than `degraded-above`".to_owned()),
                });
            }
            Err(failure) => {
                let begun = Timestamp::from_unix_nanos(memory.begun);
                let starting = !memory.started && now.since(begun) < self.settings.start_period.0;
                if !starting {
                    memory.streak = memory.streak.min(0).saturating_sub(1);
                }
                if memory.streak < 0 && memory.streak.unsigned_abs() >= self.settings.fall.get() {
                    memory.set_status(Status::Unhealthy, now);
                }
                memory.last = Some(Last {
                    at: now.unix_nanos(),
                    ok: false,
                    latency: nanos(failure.latency()),
                    kind: Some(kind(&failure.reason).to_owned()),
                    reason: Some(sentence(&failure)),
                });
            }
        }
        let settled = memory.streak > 0 && memory.status() != Status::Unhealthy;
        let pause = if settled { self.settings.interval.0 } else { self.settings.retry_interval() };
        self.due = Some(clock + pause);
    }

    /// What it says to the host.
    pub(crate) fn check(&self) -> Check {
        let memory = &self.memory;
        let mut check = Check::new(&self.settings.name.0, memory.status())
            .at_worst(self.settings.affects.into())
            .since(Timestamp::from_unix_nanos(memory.since));
        match &memory.last {
            Some(last) => {
                check = check.latency(last.latency());
                check.reason.clone_from(&last.reason);
            }
            None => check.reason = Some("not checked yet".to_owned()),
        }
        check
    }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

fn kind(reason: &Reason) -> &'static str {
    match reason {
        Reason::Denied(_) => "denied",
        Reason::Unsupported => "unsupported",
        Reason::Invalid => "invalid",
        Reason::Resolve => "resolve",
        Reason::Connect => "connect",
        Reason::Tls => "tls",
        Reason::Timeout => "timeout",
        Reason::Credentials => "credentials",
        Reason::Status(_) => "status",
        Reason::Declined => "declined",
        Reason::Mismatch => "mismatch",
        Reason::Protocol => "protocol",
        Reason::BackgroundOnly => "background-only",
    }
}

/// What is wrong, and what to do where that is known.
fn sentence(failure: &Failure) -> String {
    match &failure.reason {
        Reason::Denied(entry) => format!("not allowed; add \"{entry}\" to `allow-probe`"),
        Reason::Status(status) => format!("{} (status {status})", failure.message),
        _ => failure.message.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tamis_sdk::testing::Host;

    /// Steps: `+` success, `s` slow success, `-` failure; a number waits so many seconds. Answers
    /// the status after each result.
    fn play(settings: &str, steps: &str) -> String {
        let host = Host::start();
        let settings: CheckSettings =
            tamis_sdk::Config::new(format!(r#"{{"name": "db", "probe": "tcp://db:1"{settings}}}"#))
                .parse()
                .expect("the settings are right");
        let mut monitor = Monitor::new(settings, Timestamp::now());
        let mut seen = Vec::new();
        for step in steps.split(' ') {
            let result = match step {
                "+" => Ok(Success::new(Duration::from_millis(3))),
                "s" => Ok(Success::new(Duration::from_millis(300))),
                "-" => Err(Failure::new(Reason::Connect, "refused by db:1")),
                seconds => {
                    host.advance(Duration::from_secs(seconds.parse().expect("a number")));
                    continue;
                }
            };
            monitor.record(result, Timestamp::now(), Instant::now());
            seen.push(match monitor.memory.status() {
                Status::Healthy => 'H',
                Status::Degraded => 'D',
                Status::Unhealthy => 'U',
                Status::Unknown => '?',
            });
        }
        seen.into_iter().collect()
    }

    #[test]
    fn a_status_changes_after_so_many_results_in_a_row() {
        for (settings, steps, expected) in [
            ("", "+ - - + - - - + -", "HHHHHHUHH"),
            (r#", "fall": 1"#, "+ - + -", "HUHU"),
            (r#", "rise": 2"#, "+ - - - + - + +", "HHHUUUUH"),
            (r#", "rise": 3"#, "+", "H"),
            // Starting: failures do not count until the first success or the end of the period.
            ("", "- - - - -", "?????"),
            ("", "- - - 41 - - -", "?????U"),
            ("", "- - + - - -", "??HHHU"),
            (r#", "start-period": "0s""#, "- - -", "??U"),
            (r#", "start-period": "0s", "fall": 1"#, "-", "U"),
            (r#", "degraded-above": "100ms""#, "+ s + s - - - s", "HDHDDDUD"),
            (r#", "degraded-above": "100ms", "rise": 2"#, "+ - - - s s +", "HHHUUDH"),
        ] {
            assert_eq!(play(settings, steps), expected, "{settings} {steps}");
        }
    }

    #[test]
    fn it_looks_at_once_then_at_the_interval_and_sooner_when_something_is_wrong() {
        let host = Host::start();
        let settings: CheckSettings = tamis_sdk::Config::new(
            r#"{"name": "db", "probe": "tcp://db:1", "interval": "30s", "retry-interval": "4s"}"#,
        )
        .parse()
        .expect("the settings are right");
        let mut monitor = Monitor::new(settings, Timestamp::now());
        let mut turn = |ok: bool, seconds: u64| {
            assert!(monitor.is_due(Instant::now()), "it is time to look");
            let result = if ok {
                Ok(Success::new(Duration::ZERO))
            } else {
                Err(Failure::new(Reason::Timeout, "no answer"))
            };
            monitor.record(result, Timestamp::now(), Instant::now());
            host.advance(Duration::from_secs(seconds - 1));
            assert!(!monitor.is_due(Instant::now()), "not before {seconds} s");
            host.advance(Duration::from_secs(1));
        };
        turn(false, 4);
        turn(true, 30);
        turn(false, 4);
        turn(false, 4);
        turn(false, 4);
        turn(false, 4);
        turn(true, 30);
    }

    #[test]
    fn operators_are_told_why_and_what_to_do() {
        for (reason, message, expected) in [
            (
                Reason::Denied("tcp://db:1".into()),
                "",
                "not allowed; add \"tcp://db:1\" to `allow-probe`",
            ),
            (
                Reason::Status(500),
                "not a status that counts",
                "not a status that counts (status 500)",
            ),
            (Reason::Declined, "too many connections", "too many connections"),
        ] {
            assert_eq!(sentence(&Failure::new(reason, message)), expected);
        }
    }

    #[test]
    fn what_is_remembered_comes_back() {
        Host::start();
        let settings: CheckSettings =
            tamis_sdk::Config::new(r#"{"name": "db", "probe": "tcp://db:1", "fall": 1}"#)
                .parse()
                .expect("the settings are right");
        let mut monitor = Monitor::new(settings.clone(), Timestamp::now());
        monitor.record(Ok(Success::new(Duration::ZERO)), Timestamp::now(), Instant::now());
        let failure = Failure::new(Reason::Tls, "unknown issuer");
        monitor.record(Err(failure), Timestamp::now(), Instant::now());
        let json = serde_json::to_string(&monitor.memory).expect("it is plain");
        let mut other = Monitor::new(settings, Timestamp::now());
        other.memory = serde_json::from_str(&json).expect("it was written so");
        assert_eq!(other.check(), monitor.check());
        assert_eq!(other.check().status, Status::Unhealthy);
        assert!(other.is_due(Instant::now()), "a new instance looks at once");
    }
}
