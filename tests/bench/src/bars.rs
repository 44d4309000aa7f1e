//! The bars that tamis has to pass, and the goals beyond them.
//!
//! They are relative to nginx in the same round wherever that makes sense, so that they mean
//! the same on every machine; the absolute ones hold for one processor of today's servers.

use serde::Serialize;

use crate::measure::Results;
use crate::statistics::Spread;

/// One bar.
#[derive(Debug, Serialize)]
pub struct Verdict {
    /// What it is about.
    pub what: &'static str,
    /// What was measured; none when it was not.
    pub found: Option<Spread>,
    /// What it may be at most, or has to be at least.
    pub bar: f64,
    /// What it should be.
    pub goal: f64,
    /// In what it is counted.
    pub unit: &'static str,
    /// Whether more is better.
    pub more_is_better: bool,
}

impl Verdict {
    /// Whether it was measured and the bar was missed.
    pub fn missed(&self) -> bool {
        self.found.is_some_and(|found| !self.reaches(found.median, self.bar))
    }

    /// In one word.
    pub fn word(&self) -> &'static str {
        match self.found {
            None => "not measured",
            Some(found) if self.reaches(found.median, self.goal) => "GOAL",
            Some(found) if self.reaches(found.median, self.bar) => "pass",
            Some(_) => "FAIL",
        }
    }

    fn reaches(&self, value: f64, limit: f64) -> bool {
        if self.more_is_better { value >= limit } else { value <= limit }
    }
}

const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// Holds the results against all bars.
pub fn judge(results: &Results) -> Vec<Verdict> {
    let at_most = |what, found, bar, goal, unit| Verdict {
        what,
        found,
        bar,
        goal,
        unit,
        more_is_better: false,
    };
    let ratio = |name| Spread::of(results.ratios(name, "nginx"));
    let idle = results.samples.get("tamis-four").into_iter().flatten();
    #[expect(clippy::cast_precision_loss, reason = "memory is far below 2^53 bytes")]
    let idle = idle.filter_map(|sample| Some(sample.idle_bytes? as f64 / MEBIBYTE));
    let starts = results.starts_ms.get("tamis-four").into_iter().flatten().copied();
    let connections = results.idle_bytes.get("tamis-four").into_iter().flatten();
    vec![
        at_most("no plugin", ratio("tamis"), 1.25, 1.05, "× nginx"),
        at_most("four plugins, headers only", ratio("tamis-four"), 1.8, 1.4, "× nginx"),
        at_most("four plugins, fresh instances", ratio("tamis-fresh"), 2.8, 2.2, "× nginx"),
        at_most(
            "redaction of a 16 KiB answer, on top",
            Spread::of(results.differences("tamis-redacting-16k", "tamis-four-16k")),
            30.0,
            10.0,
            "µs",
        ),
        Verdict {
            more_is_better: true,
            ..at_most(
                "redaction of log text",
                Spread::of(results.text_rate.iter().map(|rate| rate / 1e6)),
                600.0,
                1000.0,
                "MB/s",
            )
        },
        at_most("start to first answer, four plugins", Spread::of(starts), 150.0, 30.0, "ms"),
        at_most("resident memory, idle, four plugins", Spread::of(idle), 40.0, 25.0, "MiB"),
        at_most(
            "memory per idle connection",
            Spread::of(connections.map(|bytes| bytes / 1024.0)),
            24.0,
            16.0,
            "KiB",
        ),
    ]
}

impl Results {
    /// Processor time per request of one subject as a multiple of another's, round by round.
    pub fn ratios(&self, name: &str, of: &str) -> Vec<f64> {
        self.pairs(name, of).into_iter().map(|(one, other)| one / other).collect()
    }

    /// What one subject takes on top of another, in microseconds per request, round by round.
    pub fn differences(&self, name: &str, of: &str) -> Vec<f64> {
        self.pairs(name, of).into_iter().map(|(one, other)| one - other).collect()
    }

    fn pairs(&self, name: &str, of: &str) -> Vec<(f64, f64)> {
        let (Some(ones), Some(others)) = (self.samples.get(name), self.samples.get(of)) else {
            return Vec::new();
        };
        let pair = |one: &crate::measure::Sample| {
            let other = others.iter().find(|other| other.round == one.round)?;
            Some((one.cpu_us?, other.cpu_us?))
        };
        ones.iter().filter_map(pair).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_judged_in_their_own_direction() {
        let spread = |median| Spread::of([median]);
        let table = [
            (None, false, "not measured", false),
            (spread(1.0), false, "GOAL", false),
            (spread(1.5), false, "pass", false),
            (spread(2.5), false, "FAIL", true),
            (spread(2.5), true, "GOAL", false),
            (spread(0.5), true, "FAIL", true),
        ];
        for (found, more_is_better, word, missed) in table {
            let (bar, goal) = if more_is_better { (1.0, 2.0) } else { (2.0, 1.0) };
            let verdict = Verdict { what: "", found, bar, goal, unit: "", more_is_better };
            assert_eq!((verdict.word(), verdict.missed()), (word, missed), "{found:?}");
        }
    }
}
