//! What was measured, for people and for programs.

use std::fmt::Write as _;

use serde_json::json;

use crate::bars::Verdict;
use crate::measure::{Results, Sample};
use crate::statistics::Spread;
use crate::subject::{self, Subject};

/// For people.
pub fn table(results: &Results, verdicts: &[Verdict]) -> String {
    let mut text = String::new();
    let machine = &results.machine;
    let settings = &results.settings;
    let _ = writeln!(
        text,
        "\n{}, Linux {}, {} processors; {}\n{} rounds of {} s, {} connections, keep-alive, 12 \
         request fields; load of the machine before: {:.1}\nMedians, [least–greatest] behind them. \
         Latencies are those of a saturated subject: for comparison only.",
        machine.model,
        machine.kernel,
        machine.processors,
        machine.placement,
        settings.rounds,
        settings.seconds,
        settings.connections,
        machine.load_before,
    );
    if machine.load_before > 0.5 {
        text.push_str("THE MACHINE WAS BUSY: take no figure of this run for more than a hint.\n");
    }
    let groups = [("answers of 200 bytes", "nginx"), ("answers of 16 KiB, JSON", "nginx-16k")];
    for (title, base) in groups {
        let of_group = |one: &&Subject| {
            let long = one.name.ends_with("-16k");
            long == base.ends_with("-16k") && results.samples.contains_key(one.name)
        };
        let subjects: Vec<_> = subject::ALL.iter().filter(of_group).collect();
        if !subjects.is_empty() {
            text.push_str(&align(&load_rows(results, title, base, &subjects)));
        }
    }
    text.push_str(&align(&life_rows(results)));
    text.push_str(&align(&verdict_rows(verdicts)));
    for (name, samples) in &results.samples {
        if let Some(complaint) = samples.iter().find_map(|sample| sample.complaint.as_ref()) {
            let _ = writeln!(text, "\n{name}: requests failed, the first because {complaint}");
        }
    }
    for (what, why) in &results.failures {
        let _ = writeln!(text, "\nnot measured: {what}: {why}");
    }
    text
}

/// For programs.
///
/// # Errors
///
/// When something cannot be written as JSON, which would be a bug.
pub fn json(results: &Results, verdicts: &[Verdict]) -> serde_json::Result<String> {
    let verdicts: Vec<_> = verdicts
        .iter()
        .map(|verdict| json!({ "verdict": verdict.word(), "of": verdict }))
        .collect();
    let mut subjects = serde_json::Map::new();
    for name in results.samples.keys() {
        let base = if name.ends_with("-16k") { "nginx-16k" } else { "nginx" };
        let ratio = Spread::of(results.ratios(name, base));
        let cpu = column(results, name, |sample| sample.cpu_us);
        subjects.insert((*name).to_owned(), json!({ "cpu_us": cpu, "ratio": ratio }));
    }
    let whole = json!({ "results": results, "subjects": subjects, "bars": verdicts });
    serde_json::to_string_pretty(&whole)
}

type Row = Vec<String>;

fn load_rows(results: &Results, title: &str, base: &str, subjects: &[&Subject]) -> Vec<Row> {
    let head = [
        title,
        "CPU µs/request",
        "",
        "× nginx",
        "",
        "in kernel",
        "busy",
        "req/s",
        "p50 µs",
        "p99 µs",
        "MiB idle",
        "loaded",
        "logged",
        "failed",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for subject in subjects {
        let of = |value: fn(&Sample) -> Option<f64>| column(results, subject.name, value);
        let ratio = Spread::of(results.ratios(subject.name, base));
        let failed: u64 =
            results.samples.get(subject.name).into_iter().flatten().map(|one| one.failed).sum();
        let cpu = of(|sample| sample.cpu_us);
        rows.push(vec![
            subject.about.to_owned(),
            middle(cpu, 2),
            range(cpu, 2),
            middle(ratio, 2),
            range(ratio, 2),
            percent(of(|sample| sample.system)),
            percent(of(|sample| sample.busy)),
            middle(of(|sample| Some(sample.rate)), 0),
            middle(of(|sample| Some(sample.p50_us)), 0),
            middle(of(|sample| Some(sample.p99_us)), 0),
            middle(of(|sample| sample.idle_bytes.map(mebibytes)), 1),
            middle(of(|sample| sample.loaded_bytes.map(mebibytes)), 1),
            percent(of(|sample| sample.recorded)),
            failed.to_string(),
        ]);
    }
    rows
}

fn life_rows(results: &Results) -> Vec<Row> {
    let names = results.starts_ms.keys().chain(results.idle_bytes.keys());
    let known = |one: &&Subject| names.clone().any(|name| *name == one.name);
    let subjects: Vec<_> = subject::ALL.iter().filter(known).collect();
    if subjects.is_empty() {
        return Vec::new();
    }
    let head = ["programs", "ms to first answer", "", "first start", "KiB/idle connection", ""];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for subject in subjects {
        let starts = results.starts_ms.get(subject.name).map_or(&[][..], Vec::as_slice);
        let idle = results.idle_bytes.get(subject.name).into_iter().flatten();
        let idle = Spread::of(idle.map(|bytes| bytes / 1024.0));
        let spread = Spread::of(starts.iter().copied());
        rows.push(vec![
            subject.about.to_owned(),
            middle(spread, 1),
            range(spread, 1),
            middle(Spread::of(starts.first().copied()), 1),
            middle(idle, 1),
            range(idle, 1),
        ]);
    }
    rows
}

fn verdict_rows(verdicts: &[Verdict]) -> Vec<Row> {
    let head = ["bars", "", "found", "", "bar", "goal", "unit"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for verdict in verdicts {
        let limit = |value: f64| {
            let sign = if verdict.more_is_better { "≥" } else { "≤" };
            format!("{sign} {value}")
        };
        rows.push(vec![
            verdict.what.to_owned(),
            verdict.word().to_owned(),
            middle(verdict.found, 2),
            range(verdict.found, 2),
            limit(verdict.bar),
            limit(verdict.goal),
            verdict.unit.to_owned(),
        ]);
    }
    rows
}

fn column(results: &Results, name: &str, value: impl Fn(&Sample) -> Option<f64>) -> Option<Spread> {
    Spread::of(results.samples.get(name).into_iter().flatten().filter_map(value))
}

fn middle(spread: Option<Spread>, digits: usize) -> String {
    spread.map_or_else(|| "–".to_owned(), |spread| format!("{:.digits$}", spread.median))
}

fn range(spread: Option<Spread>, digits: usize) -> String {
    match spread {
        Some(spread) if spread.samples > 1 => {
            format!("[{:.digits$}–{:.digits$}]", spread.min, spread.max)
        }
        _ => String::new(),
    }
}

fn percent(spread: Option<Spread>) -> String {
    spread.map_or_else(|| "–".to_owned(), |spread| format!("{:.0} %", spread.median * 100.0))
}

#[expect(clippy::cast_precision_loss, reason = "memory is far below 2^53 bytes")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}

/// Columns below one another: the first to the left, all others to the right.
fn align(rows: &[Row]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<_> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::from("\n");
    for row in rows {
        let mut line = String::new();
        for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            let _ = if column == 0 {
                write!(line, "{cell:<width$}")
            } else {
                write!(line, "  {cell:>width$}")
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_one_another() {
        let rows = [["a", "µs"], ["longer", "1.25"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(align(&rows), "\na         µs\nlonger  1.25\n");
    }
}
