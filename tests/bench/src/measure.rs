//! The measurement: rounds in which all subjects take turns, then starts, idle connections and
//! log text.
//!
//! Whatever disturbs the machine for a while disturbs all subjects of a round, so everything
//! that is compared is compared within a round. Each turn starts the subject afresh, asks it
//! once whether it does its work, and puts load on it. A subject that fails is left out from
//! then on, and the report says why.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde::Serialize;

use crate::answers::Answer;
use crate::load::{self, Idle, Plan};
use crate::process::{Process, Processors, Spent, Start, rest};
use crate::subject::{self, Program, Setup, Subject, Workshop, lines};

mod text;

/// What to measure, and how long.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// The tamis to measure
    #[arg(long, value_name = "FILE", default_value = "target/release/tamis")]
    tamis: PathBuf,
    /// How often the subjects take turns
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// How long each turn counts
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// How long each turn runs before it counts
    #[arg(long, value_name = "SECONDS", default_value_t = 0.5)]
    warm_up: f64,
    /// Connections of the generator
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,
    /// How often each program is started for the time that it takes
    #[arg(long, default_value_t = 10)]
    starts: u16,
    /// Idle connections for the memory that each takes
    #[arg(long, value_name = "NUMBER", default_value_t = 1000)]
    idle: u16,
    /// Three rounds of one second, three starts
    #[arg(long)]
    quick: bool,
    /// Only these subjects (see `--all`), by name
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// The subjects that are otherwise left out, too: single plugins
    #[arg(long)]
    all: bool,
    /// Only these parts
    #[arg(long, value_enum, value_name = "PART", value_delimiter = ',')]
    parts: Vec<Part>,
}

/// A part of the measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Processor time, throughput, latency, memory under load.
    Load,
    /// The time from start to the first answer.
    Start,
    /// Memory per idle connection.
    Idle,
    /// Redaction of log text.
    Text,
}

/// One turn of one subject.
#[derive(Debug, Clone, Serialize)]
pub struct Sample {
    /// In which round.
    pub round: u16,
    /// Processor time of the subject per request, in microseconds.
    pub cpu_us: Option<f64>,
    /// How much of it was spent in the kernel, from 0 to 1.
    pub system: Option<f64>,
    /// How busy it was, in processors.
    pub busy: Option<f64>,
    /// Requests per second.
    pub rate: f64,
    /// Half of the answers came within so many microseconds.
    pub p50_us: f64,
    /// All but one in a hundred came within so many microseconds.
    pub p99_us: f64,
    /// Resident memory before any load, in bytes.
    pub idle_bytes: Option<u64>,
    /// Resident memory at the end of the load, in bytes.
    pub loaded_bytes: Option<u64>,
    /// Lines in the access log per request.
    pub recorded: Option<f64>,
    /// Requests that failed.
    pub failed: u64,
    /// What the first of them suffered from.
    pub complaint: Option<String>,
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub struct Results {
    /// What it was measured on.
    pub machine: Machine,
    /// How it was measured.
    pub settings: Settings,
    /// The samples of each subject, by name.
    pub samples: BTreeMap<&'static str, Vec<Sample>>,
    /// Milliseconds from start to first answer, by name of subject.
    pub starts_ms: BTreeMap<&'static str, Vec<f64>>,
    /// Bytes per idle connection, by name of subject.
    pub idle_bytes: BTreeMap<&'static str, Vec<f64>>,
    /// Bytes of log text redacted per second of processor time.
    pub text_rate: Vec<f64>,
    /// What could not be measured, and why.
    pub failures: BTreeMap<String, String>,
}

/// What it was measured on.
#[derive(Debug, Serialize)]
pub struct Machine {
    /// How many processors there are for this.
    pub processors: usize,
    /// Who runs where.
    pub placement: &'static str,
    /// The name of the processor.
    pub model: String,
    /// The version of the kernel.
    pub kernel: String,
    /// How many tasks wanted to run when it began, on average over a minute.
    pub load_before: f64,
}

/// How it was measured.
#[derive(Debug, Serialize)]
pub struct Settings {
    /// How often the subjects took turns.
    pub rounds: u16,
    /// How long each turn counted.
    pub seconds: f64,
    /// Connections of the generator.
    pub connections: u16,
}

type Say<'a> = &'a mut dyn FnMut(&str);

/// Measures what the options ask for. `say` is told about progress.
///
/// # Errors
///
/// What kept it from beginning. Whatever goes wrong later is part of the results.
pub fn all(options: &Options, say: Say<'_>) -> Result<Results, Box<dyn std::error::Error>> {
    let options = options.settled();
    let chosen = options.chosen()?;
    let processors = Processors::share_out()?;
    processors.settle()?;
    raise_file_limit()?;
    let folder = tempfile::Builder::new().prefix("tamis-bench-").tempdir()?;
    let upstream = free_address()?;
    let workshop = Workshop {
        tamis: options.tamis.canonicalize().map_err(|error| {
            format!(
                "`{}` cannot be measured: {error}; `--tamis` names another",
                options.tamis.display()
            )
        })?,
        own: std::env::current_exe()?,
        upstream,
        folder: folder.path().to_owned(),
    };
    let mut bench = Bench { options, processors, workshop, results: Results::new(processors) };
    bench.results.settings = bench.options.settings();
    let _upstream = bench.start_upstream()?;
    if bench.options.does(Part::Load) {
        bench.load(&chosen, say);
    }
    if bench.options.does(Part::Start) {
        bench.starts(&chosen, say);
    }
    if bench.options.does(Part::Idle) {
        bench.idle(&chosen, say);
    }
    if bench.options.does(Part::Text) {
        bench.text(say);
    }
    Ok(bench.results)
}

impl Options {
    fn settled(&self) -> Self {
        let mut options = self.clone();
        if options.quick {
            (options.rounds, options.seconds, options.starts) = (3, 1.0, 3);
        }
        options
    }

    fn does(&self, part: Part) -> bool {
        self.parts.is_empty() || self.parts.contains(&part)
    }

    fn chosen(&self) -> Result<Vec<Subject>, String> {
        let known = || subject::ALL.iter().copied();
        if let Some(unknown) = self.only.iter().find(|name| !known().any(|one| one.name == **name))
        {
            let names: Vec<_> = known().map(|one| one.name).collect();
            return Err(format!("there is no subject `{unknown}`; there are {}", names.join(", ")));
        }
        let wanted = |subject: &Subject| match self.only.is_empty() {
            true => subject.usual || self.all,
            false => self.only.iter().any(|name| name == subject.name),
        };
        Ok(known().filter(wanted).collect())
    }

    fn settings(&self) -> Settings {
        Settings { rounds: self.rounds, seconds: self.seconds, connections: self.connections }
    }
}

impl Results {
    fn new(processors: Processors) -> Self {
        let settings = Settings { rounds: 0, seconds: 0.0, connections: 0 };
        Self {
            machine: Machine::look(processors),
            settings,
            samples: BTreeMap::new(),
            starts_ms: BTreeMap::new(),
            idle_bytes: BTreeMap::new(),
            text_rate: Vec::new(),
            failures: BTreeMap::new(),
        }
    }
}

impl Machine {
    fn look(processors: Processors) -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let model = read("/proc/cpuinfo");
        let model = model.lines().find_map(|line| line.strip_prefix("model name"));
        let load = read("/proc/loadavg");
        Self {
            processors: processors.number,
            placement: processors.describe(),
            model: model.map_or("unknown", |name| name.trim_start_matches(['\t', ' ', ':'])).into(),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load_before: load.split(' ').next().and_then(|one| one.parse().ok()).unwrap_or(0.0),
        }
    }
}

struct Bench {
    options: Options,
    processors: Processors,
    workshop: Workshop,
    results: Results,
}

/// The subjects whose start and idle memory are of interest: one of each program and shape.
const LIVES: [&str; 5] = ["nginx", "hyper", "tamis", "tamis-four", "tamis-fresh"];

impl Bench {
    fn start_upstream(&self) -> Result<Process, Box<dyn std::error::Error>> {
        let mut command = Command::new(&self.workshop.own);
        command.arg("upstream").arg(self.workshop.upstream.to_string());
        let errors = self.workshop.folder.join("upstream.log");
        let processor = self.processors.upstream;
        let start = Start { command, processor, output: None, errors: &errors };
        let mut upstream = Process::start(start, &self.processors)?;
        upstream.answers(self.workshop.upstream, &Answer::Short.request())?;
        Ok(upstream)
    }

    fn load(&mut self, chosen: &[Subject], say: Say<'_>) {
        for round in 1..=self.options.rounds {
            for subject in chosen {
                if self.results.failures.contains_key(subject.name) {
                    continue;
                }
                match self.turn(subject, round) {
                    Ok(sample) => {
                        let cpu = sample.cpu_us.map(|cpu| format!("{cpu:.2} µs/request"));
                        say(&format!(
                            "round {round}  {:<20} {:>16}  {:>7.0} requests/s",
                            subject.name,
                            cpu.unwrap_or_default(),
                            sample.rate
                        ));
                        self.results.samples.entry(subject.name).or_default().push(sample);
                    }
                    Err(why) => self.give_up(subject.name, why, say),
                }
            }
        }
    }

    fn give_up(&mut self, what: &str, why: String, say: Say<'_>) {
        say(&format!("{what} is left out: {why}"));
        self.results.failures.insert(what.to_owned(), why);
    }

    /// Starts a subject, and waits until it answers. How long that took.
    fn raise(&self, subject: &Subject) -> Result<Raised, String> {
        let address = free_address().map_err(|error| error.to_string())?;
        let said = self.workshop.folder.join(format!("{}.stderr", subject.name));
        // What it said last is most of the explanation.
        let explain = |error: io::Error| {
            let said = std::fs::read_to_string(&said).unwrap_or_default();
            let from = said.len().saturating_sub(2000);
            format!("{error}\n{}", said.get(from..).unwrap_or(&said).trim_end())
        };
        let Some(setup) = subject.set_up(&self.workshop, address).map_err(explain)? else {
            let address = self.workshop.upstream;
            return Ok(Raised { process: None, address, log: None, took: Duration::ZERO });
        };
        let Setup { command, output, log } = setup;
        if let Some(log) = &log {
            // That of an earlier round; there may be none.
            let _ = std::fs::remove_file(log);
        }
        let processor = self.processors.subject;
        let start = Start { command, processor, output: output.as_deref(), errors: &said };
        let since = Instant::now();
        let mut process = Process::start(start, &self.processors).map_err(explain)?;
        process.answers(address, &subject.answer.request()).map_err(explain)?;
        Ok(Raised { process: Some(process), address, log, took: since.elapsed() })
    }

    fn turn(&self, subject: &Subject, round: u16) -> Result<Sample, String> {
        let text = |error: io::Error| error.to_string();
        let Raised { process, address, log, .. } = self.raise(subject)?;
        let request = subject.answer.request();
        subject.believe(&load::fetch(address, &request).map_err(text)?)?;
        rest(Duration::from_millis(100));
        let idle_bytes = process.as_ref().map(Process::resident).transpose().map_err(text)?;
        let marks = RefCell::new((Spent::default(), Spent::default(), None));
        let spent = || process.as_ref().and_then(|one| one.spent().ok()).unwrap_or_default();
        let plan = Plan {
            address,
            request,
            connections: usize::from(self.options.connections),
            warm_up: Duration::from_secs_f64(self.options.warm_up),
            measure: Duration::from_secs_f64(self.options.seconds),
        };
        let outcome = load::run(
            &plan,
            || marks.borrow_mut().0 = spent(),
            || {
                let mut marks = marks.borrow_mut();
                marks.1 = spent();
                marks.2 = process.as_ref().and_then(|one| one.resident().ok());
            },
        )
        .map_err(|error| error.to_string())?;
        let (before, after, loaded_bytes) = marks.into_inner();
        let spent = after.since(before);
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53 requests")]
        let completed = outcome.completed as f64;
        let seconds = outcome.elapsed.as_secs_f64();
        let there = process.is_some();
        let known = |value: f64| there.then_some(value);
        let split = spent.user + spent.system;
        let recorded = match &log {
            None => None,
            Some(log) => {
                // What is still in a buffer is written at the end.
                if let Some(process) = process {
                    process.stop().map_err(text)?;
                }
                #[expect(clippy::cast_precision_loss, reason = "far below 2^53 lines")]
                let recorded = lines(log).map_err(text)? as f64 / outcome.total as f64;
                let _ = std::fs::remove_file(log);
                Some(recorded)
            }
        };
        Ok(Sample {
            round,
            cpu_us: known(spent.total.as_secs_f64() * 1e6 / completed),
            system: known(spent.system.as_secs_f64() / split.as_secs_f64()),
            busy: known(spent.total.as_secs_f64() / seconds),
            rate: completed / seconds,
            p50_us: microseconds(outcome.latencies.value_at_quantile(0.5)),
            p99_us: microseconds(outcome.latencies.value_at_quantile(0.99)),
            idle_bytes,
            loaded_bytes,
            recorded,
            failed: outcome.failed,
            complaint: outcome.complaint,
        })
    }

    fn starts(&mut self, chosen: &[Subject], say: Say<'_>) {
        for _ in 0..self.options.starts {
            for subject in lives(chosen) {
                if self.results.failures.contains_key(subject.name) {
                    continue;
                }
                match self.raise(&subject) {
                    Ok(Raised { took, .. }) => self
                        .results
                        .starts_ms
                        .entry(subject.name)
                        .or_default()
                        .push(took.as_secs_f64() * 1e3),
                    Err(why) => self.give_up(subject.name, why, say),
                }
            }
        }
    }

    fn idle(&mut self, chosen: &[Subject], say: Say<'_>) {
        for _ in 0..self.options.rounds.min(3) {
            for subject in lives(chosen) {
                if self.results.failures.contains_key(subject.name) {
                    continue;
                }
                match self.idle_connections(&subject) {
                    Ok(bytes) => {
                        self.results.idle_bytes.entry(subject.name).or_default().push(bytes);
                    }
                    Err(why) => self.give_up(subject.name, why, say),
                }
            }
        }
    }

    /// Bytes of resident memory that one more idle connection takes. The first few do not
    /// count: they also pay for what is made once.
    fn idle_connections(&self, subject: &Subject) -> Result<f64, String> {
        const FIRST: usize = 50;
        let text = |error: io::Error| error.to_string();
        let Raised { process, address, .. } = self.raise(subject)?;
        let process = process.ok_or("there is nothing to look at")?;
        let request = subject.answer.request();
        let number = usize::from(self.options.idle);
        let _first = Idle::open(address, &request, FIRST).map_err(text)?;
        rest(Duration::from_millis(200));
        let before = process.resident().map_err(text)?;
        let _more = Idle::open(address, &request, number).map_err(text)?;
        rest(Duration::from_millis(200));
        let after = process.resident().map_err(text)?;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53 bytes")]
        Ok(after.saturating_sub(before) as f64 / number.max(1) as f64)
    }

    fn text(&mut self, say: Say<'_>) {
        let rates = text::rates(&self.workshop, &self.processors, self.options.rounds.min(5));
        match rates {
            Ok(rates) => self.results.text_rate = rates,
            Err(why) => self.give_up("text", why, say),
        }
    }
}

/// A subject that answers.
struct Raised {
    process: Option<Process>,
    address: SocketAddr,
    log: Option<PathBuf>,
    took: Duration,
}

fn lives(chosen: &[Subject]) -> Vec<Subject> {
    let lives =
        |one: &&Subject| LIVES.contains(&one.name) && !matches!(one.program, Program::Direct);
    chosen.iter().filter(lives).copied().collect()
}

#[expect(clippy::cast_precision_loss, reason = "latencies are below 2^53 microseconds")]
fn microseconds(value: u64) -> f64 {
    value as f64
}

/// An address that is free now.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// Idle connections are files, here and, since the limit is inherited, in the subjects.
fn raise_file_limit() -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}
