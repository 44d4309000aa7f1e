//! The redact plugin in its sandbox beside native engines: the same text, the same machine, turn by
//! turn, as processor time.
//!
//! Medians of some rounds, with the extremes. The plugin is measured by `cargo bench --bench
//! throughput` of the host, whose program is started for each turn and takes records through the
//! log corridor's own chain, all copies included; the others are built in. Everything runs on one
//! thread. Says which bars are met, and ends with 1 under `--enforce` when one is not.

mod peers;
mod text;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::Parser;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// The redact plugin beside native engines.
#[derive(Debug, Parser)]
struct Arguments {
    /// The host's benchmark `throughput`, built.
    #[arg(long, value_name = "FILE")]
    throughput: PathBuf,
    /// Rounds; what is reported is their median.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Size of the log, in MB.
    #[arg(long, default_value_t = 8)]
    megabytes: usize,
    /// Leaves the slow peers out.
    #[arg(long)]
    quick: bool,
    /// Writes all figures as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Ends with 1 when a bar is missed.
    #[arg(long)]
    enforce: bool,
}

/// One subject on one text.
#[derive(Debug, Serialize)]
struct Row {
    subject: String,
    text: String,
    /// Per round, in MB (10⁶ bytes) per second of processor time.
    rounds: Vec<f64>,
    changed: usize,
    lines: usize,
    /// Linear memory of the plugin's instances, in bytes; 0 for the peers.
    memory: usize,
}

/// What the plugin is called in the table.
const PLUGIN: &str = "redact, in the sandbox";

/// What is asked for, in MB per second of one processor unless something else is said.
mod bar {
    pub(crate) const LOG: f64 = 600.0;
    pub(crate) const CLEAN: f64 = 1000.0;
    pub(crate) const HOSTILE: f64 = 100.0;
    /// Times the fastest engine that redacts.
    pub(crate) const PEERS: f64 = 8.0;
    /// Time with [`super::MANY`] rules as a multiple of that with [`super::FEW`].
    pub(crate) const RULES: f64 = 1.3;
    /// MiB of linear memory.
    pub(crate) const MEMORY: f64 = 16.0;
}

/// The rules of the small set: what the peers are given, nearly.
const FEW: [&str; 20] = [
    "email",
    "card",
    "iban",
    "us-ssn",
    "phone",
    "ip",
    "mac",
    "jwt",
    "bearer",
    "basic",
    "cookie",
    "url-userinfo",
    "url-signature",
    "private-key",
    "password",
    "secret/aws",
    "secret/github",
    "secret/gitlab",
    "secret/google",
    "secret/slack",
];

/// How many rules the large set has: the default ones, and names of its own for the rest.
const MANY: usize = 100;

/// How many rules are on by default.
const DEFAULT: usize = 46;

impl Row {
    fn median(&self) -> f64 {
        let mut sorted = self.rounds.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    }

    fn extremes(&self) -> (f64, f64) {
        let least = self.rounds.iter().copied().fold(f64::INFINITY, f64::min);
        (least, self.rounds.iter().copied().fold(0.0, f64::max))
    }
}

/// What the host's benchmark prints.
#[derive(Debug, Deserialize)]
struct Passes {
    changed: usize,
    seconds: Vec<f64>,
    #[serde(default)]
    memory: usize,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) if !arguments.enforce => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<bool, String> {
    let bytes = arguments.megabytes * 1_000_000;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let log = text::log(bytes, true, 1);
    let clean = text::log(bytes, false, 2);
    let prose = text::prose(bytes, 3);
    let mut peers = if arguments.quick { Vec::new() } else { peers::all()? };
    let mut rows: Vec<Row> = Vec::new();
    for (name, text) in [("log", &log), ("clean log", &clean), ("clean prose", &prose)] {
        let file = written(folder.path(), name, text)?;
        let lines: Vec<&str> = text.lines().collect();
        for round in 1..=arguments.rounds {
            eprintln!("{name}: round {round} of {}", arguments.rounds);
            let passes = plugin(&arguments.throughput, &file, "", 1)?;
            record(&mut rows, PLUGIN, name, text, lines.len(), &passes);
            if name == "log" {
                let few = format!("rules = {FEW:?}");
                let names: Vec<_> = (DEFAULT..MANY).map(|at| format!("*_field{at}")).collect();
                for (subject, settings) in
                    [("redact, 20 rules", few), ("redact, 100 rules", format!("names = {names:?}"))]
                {
                    let passes = plugin(&arguments.throughput, &file, &settings, 1)?;
                    record(&mut rows, subject, name, text, lines.len(), &passes);
                }
            }
            // A round of the slow ones is a part of the text; speed does not depend on its length.
            for peer in &mut peers {
                let part = &lines[..lines.len() / 4];
                let size: usize = part.iter().map(|line| line.len() + 1).sum();
                if round == 1 {
                    peer.redact(&part[..part.len() / 8]);
                }
                let before = cpu();
                let changed = peer.redact(part);
                let took = (cpu() - before).as_secs_f64();
                let seconds = vec![took * text.len() as f64 / size as f64];
                let passes = Passes { changed, seconds, memory: 0 };
                record(&mut rows, peer.name(), name, text, part.len(), &passes);
            }
        }
    }
    let hostile = text::hostile(bytes / 4);
    let bounded: Vec<_> = hostile.iter().map(|(name, _)| *name).chain(["clean prose"]).collect();
    for (name, text) in hostile.into_iter().chain(text::dense(bytes / 4)) {
        let file = written(folder.path(), "hostile", &text)?;
        let passes = plugin(&arguments.throughput, &file, "", 3)?;
        record(&mut rows, PLUGIN, name, &text, text.lines().count(), &passes);
    }
    show(&rows);
    if let Some(path) = &arguments.json {
        let text = serde_json::to_string_pretty(&rows).map_err(|error| error.to_string())?;
        std::fs::write(path, text).map_err(|error| format!("`{}`: {error}", path.display()))?;
    }
    Ok(bars(&rows, &bounded))
}

fn written(folder: &Path, name: &str, text: &str) -> Result<PathBuf, String> {
    let path = folder.join(name.replace(' ', "-"));
    std::fs::write(&path, text).map_err(|error| error.to_string())?;
    Ok(path)
}

fn plugin(program: &Path, file: &Path, settings: &str, passes: usize) -> Result<Passes, String> {
    let output = Command::new(program).arg(file).arg(settings).arg(passes.to_string()).output();
    let output = output.map_err(|error| format!("`{}`: {error}", program.display()))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())
}

fn record(
    rows: &mut Vec<Row>,
    subject: &str,
    name: &str,
    text: &str,
    lines: usize,
    passes: &Passes,
) {
    let speeds = passes.seconds.iter().map(|seconds| text.len() as f64 / seconds / 1e6);
    match rows.iter_mut().find(|row| row.subject == subject && row.text == name) {
        Some(row) => {
            row.rounds.extend(speeds);
            row.memory = row.memory.max(passes.memory);
        }
        None => rows.push(Row {
            subject: subject.to_owned(),
            text: name.to_owned(),
            rounds: speeds.collect(),
            changed: passes.changed,
            lines,
            memory: passes.memory,
        }),
    }
}

fn show(rows: &[Row]) {
    println!(
        "{:28} {:18} {:>6} {:>13} {:>9}  {:>16} {:>10}",
        "", "text", "MB/s", "[least–most]", "redact is", "lines changed", "memory"
    );
    for row in rows {
        let (least, most) = row.extremes();
        let ours = median_of(rows, PLUGIN, &row.text).unwrap_or_default();
        let ratio = if row.subject.starts_with("redact") {
            String::new()
        } else {
            format!("{:.1} ×", ours / row.median())
        };
        let memory = match row.memory {
            0 => String::new(),
            bytes => format!("{:.1} MiB", mebibytes(bytes)),
        };
        println!(
            "{:28} {:18} {:>6.0} {:>13} {:>9}  {:>16} {:>10}",
            row.subject,
            row.text,
            row.median(),
            format!("[{least:.0}–{most:.0}]"),
            ratio,
            format!("{} of {}", row.changed, row.lines),
            memory
        );
    }
}

fn median_of(rows: &[Row], subject: &str, text: &str) -> Option<f64> {
    let found = rows.iter().find(|row| row.subject == subject && row.text == text);
    found.map(Row::median)
}

fn mebibytes(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Says which bars are met, that of the hostile texts by those that are `bounded`; whether all are.
fn bars(rows: &[Row], bounded: &[&str]) -> bool {
    let of = |subject: &str, text: &str| median_of(rows, subject, text).unwrap_or_default();
    let fastest = peers::ENGINES.iter().map(|name| of(name, "log")).fold(0.0, f64::max);
    let slowest = rows
        .iter()
        .filter(|row| row.subject == PLUGIN && bounded.contains(&row.text.as_str()))
        .map(|row| (row.median(), row.text.as_str()))
        .min_by(|one, other| one.0.total_cmp(&other.0));
    let memory = rows.iter().map(|row| row.memory).max().unwrap_or_default();
    let mut all = true;
    let mut say = |what: &str, met: bool, found: f64, unit: &str, wanted: String| {
        all &= met;
        let verdict = if met { "pass" } else { "FAIL" };
        println!("{verdict}  {what:46} {found:8.2} {unit:5} ({wanted})");
    };
    println!();
    let mut least = |what: &str, found: f64, bar: f64, unit: &str| {
        say(what, found >= bar, found, unit, format!("at least {bar}"));
    };
    least("log with 3 % of lines to redact", of(PLUGIN, "log"), bar::LOG, "MB/s");
    least("clean log", of(PLUGIN, "clean log"), bar::CLEAN, "MB/s");
    if fastest > 0.0 {
        let ratio = of(PLUGIN, "log") / fastest;
        least("beside the fastest engine that redacts", ratio, bar::PEERS, "×");
    }
    if let Some((speed, text)) = slowest {
        least(&format!("slowest of the hostile texts: {text}"), speed, bar::HOSTILE, "MB/s");
    }
    let mut most = |what: &str, found: f64, bar: f64, unit: &str| {
        say(what, found <= bar, found, unit, format!("at most {bar}"));
    };
    let rules = of("redact, 20 rules", "log") / of("redact, 100 rules", "log");
    most("time with 100 rules, as that with 20", rules, bar::RULES, "×");
    most("linear memory of the plugin", mebibytes(memory), bar::MEMORY, "MiB");
    all
}

/// Processor time of this thread.
fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.try_into().unwrap_or(0))
}
