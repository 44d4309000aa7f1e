//! A process under measurement: started on a processor of its own, asked what it has spent,
//! stopped, and gone when its handle is dropped.
//!
//! Everything is read from `/proc`. Processor time is what the scheduler counted for all
//! threads, in nanoseconds, or `utime` and `stime` in clock ticks where the kernel keeps no
//! such count. Memory is what is resident; buffers of sockets belong to the kernel and are
//! not in it.

use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::load;

/// How long a process may take until it answers, and until it has ended.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often one that starts is asked.
const STEP: Duration = Duration::from_micros(100);
/// Clock ticks per second: `USER_HZ`, 100 on every Linux that there is.
const TICK: Duration = Duration::from_millis(10);

/// Which processor is whose.
#[derive(Debug, Clone, Copy)]
pub struct Processors {
    /// The subject's; none when there is only one and everybody shares it.
    pub subject: Option<usize>,
    /// The upstream's.
    pub upstream: Option<usize>,
    /// The generator's, which is the process that this runs in.
    pub generator: Option<usize>,
    /// How many there are.
    pub number: usize,
}

impl Processors {
    /// Shares out those that this process may use.
    ///
    /// # Errors
    ///
    /// When the kernel does not say which these are.
    pub fn share_out() -> io::Result<Self> {
        let allowed = sched_getaffinity(None)?;
        let allowed: Vec<_> =
            (0..CpuSet::MAX_CPU).filter(|&number| allowed.is_set(number)).collect();
        let number = allowed.len();
        Ok(match *allowed.as_slice() {
            [] | [_] => Self { subject: None, upstream: None, generator: None, number },
            [subject, other] => {
                let (subject, other) = (Some(subject), Some(other));
                Self { subject, upstream: other, generator: other, number }
            }
            [subject, upstream, generator, ..] => Self {
                subject: Some(subject),
                upstream: Some(upstream),
                generator: Some(generator),
                number,
            },
        })
    }

    /// Binds this thread to the processor of the generator.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn settle(&self) -> io::Result<()> {
        move_to(self.generator)
    }

    /// In words, for the report.
    pub fn describe(&self) -> &'static str {
        match (self.subject, self.upstream == self.generator) {
            (None, _) => "one processor, shared by all: ratios only",
            (Some(_), true) => {
                "the subject alone on one processor, generator and upstream on another"
            }
            (Some(_), false) => "subject, upstream and generator on one processor each",
        }
    }
}

fn move_to(processor: Option<usize>) -> io::Result<()> {
    let Some(number) = processor else { return Ok(()) };
    let mut set = CpuSet::new();
    set.set(number);
    Ok(sched_setaffinity(None, &set)?)
}

/// What to start.
#[derive(Debug)]
pub struct Start<'a> {
    /// The program with its arguments.
    pub command: Command,
    /// On which processor; where this thread may run when absent.
    pub processor: Option<usize>,
    /// Where its standard output goes; nowhere when absent.
    pub output: Option<&'a Path>,
    /// Where its standard error goes.
    pub errors: &'a Path,
}

/// A running process. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    ended: OwnedFd,
}

/// What a process has spent since it started.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent {
    /// Processor time of all threads.
    pub total: Duration,
    /// How much of it in the program itself, in steps of 10 ms.
    pub user: Duration,
    /// How much of it in the kernel, in steps of 10 ms.
    pub system: Duration,
}

impl Spent {
    /// What was spent since an earlier moment.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            total: self.total.saturating_sub(earlier.total),
            user: self.user.saturating_sub(earlier.user),
            system: self.system.saturating_sub(earlier.system),
        }
    }
}

impl Process {
    /// Starts a process that ends when this one does.
    ///
    /// # Errors
    ///
    /// When a file cannot be made or a program is missing: `setpriv` of util-linux is needed
    /// beside the program itself.
    pub fn start(start: Start<'_>, processors: &Processors) -> io::Result<Self> {
        // It replaces itself by what follows, so the process keeps its number.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        command.arg(start.command.get_program()).args(start.command.get_args());
        command.stdin(Stdio::null());
        match start.output {
            Some(path) => command.stdout(File::create(path)?),
            None => command.stdout(Stdio::null()),
        };
        command.stderr(File::create(start.errors)?);
        // A child begins on the processors of the thread that made it.
        move_to(start.processor)?;
        let child = command.spawn();
        processors.settle()?;
        let child = child?;
        let ended = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())?;
        Ok(Self { child, ended })
    }

    /// Waits until it answers a request with status 200.
    ///
    /// # Errors
    ///
    /// When it ends before, or does not answer in time.
    pub fn answers(&mut self, address: SocketAddr, request: &[u8]) -> io::Result<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            let why = match load::fetch(address, request) {
                Ok(answer) if answer.status == 200 => return Ok(()),
                Ok(answer) => io::Error::other(format!("the status is {}", answer.status)),
                Err(error) => error,
            };
            if let Some(status) = self.child.try_wait()? {
                return Err(io::Error::other(format!("it ended ({status})")));
            }
            if Instant::now() > until {
                return Err(why);
            }
            rest(STEP);
        }
    }

    /// What it and its children have spent.
    ///
    /// # Errors
    ///
    /// When it is gone.
    pub fn spent(&self) -> io::Result<Spent> {
        let mut spent = Spent::default();
        for process in self.family()? {
            let (user, system) = times(&format!("/proc/{process}/stat"))?;
            let counted = counted(process).unwrap_or(user + system);
            spent.total += counted;
            spent.user += user;
            spent.system += system;
        }
        Ok(spent)
    }

    /// Resident memory of it and its children, in bytes.
    ///
    /// # Errors
    ///
    /// When it is gone.
    pub fn resident(&self) -> io::Result<u64> {
        let mut resident = 0;
        for process in self.family()? {
            let status = fs::read_to_string(format!("/proc/{process}/status"))?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
            resident += kib.ok_or_else(|| io::Error::other("the kernel names no VmRSS"))? * 1024;
        }
        Ok(resident)
    }

    /// Waits until it has ended by itself. What it spent in all, and its status.
    ///
    /// # Errors
    ///
    /// When it does not end in time.
    pub fn finish(mut self) -> io::Result<(Spent, std::process::ExitStatus)> {
        if !self.ends_within(PATIENCE)? {
            return Err(io::Error::other(format!("it runs on after {PATIENCE:?}")));
        }
        // Its times are there until its status is collected.
        let (user, system) = times(&format!("/proc/{}/stat", self.child.id()))?;
        let spent = Spent { total: user + system, user, system };
        Ok((spent, self.child.wait()?))
    }

    /// Ends it in its own way, and by force if that takes too long.
    ///
    /// # Errors
    ///
    /// When it cannot be ended at all.
    pub fn stop(mut self) -> io::Result<()> {
        if self.child.try_wait()?.is_none() {
            kill_process(Pid::from_child(&self.child), Signal::TERM)?;
            if !self.ends_within(Duration::from_secs(5))? {
                self.child.kill()?;
            }
        }
        self.child.wait()?;
        Ok(())
    }

    fn ends_within(&self, limit: Duration) -> io::Result<bool> {
        let mut waited = [PollFd::new(&self.ended, PollFlags::IN)];
        let limit = limit.try_into().map_err(io::Error::other)?;
        Ok(poll(&mut waited, Some(&limit))? > 0)
    }

    /// It and its children, by number.
    fn family(&self) -> io::Result<Vec<u32>> {
        let mut family = vec![self.child.id()];
        let mut next = 0;
        while let Some(&process) = family.get(next) {
            next += 1;
            for thread in threads(process)? {
                let path = format!("/proc/{process}/task/{thread}/children");
                let Ok(children) = fs::read_to_string(path) else { continue };
                family
                    .extend(children.split_whitespace().filter_map(|one| one.parse::<u32>().ok()));
            }
        }
        Ok(family)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already, and then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits a little.
#[expect(clippy::disallowed_methods, reason = "a port that opens tells nobody")]
pub fn rest(time: Duration) {
    std::thread::sleep(time);
}

fn threads(process: u32) -> io::Result<Vec<String>> {
    let entries = fs::read_dir(format!("/proc/{process}/task"))?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

/// The time that the scheduler counted for all threads that run now. None of the subjects ends
/// a thread while it is measured.
fn counted(process: u32) -> Option<Duration> {
    let mut total = 0;
    for thread in threads(process).ok()? {
        let path = format!("/proc/{process}/task/{thread}/schedstat");
        let text = fs::read_to_string(path).ok()?;
        total += text.split(' ').next()?.parse::<u64>().ok()?;
    }
    (total > 0).then(|| Duration::from_nanos(total))
}

/// `utime` and `stime`.
fn times(path: &str) -> io::Result<(Duration, Duration)> {
    let text = fs::read_to_string(path)?;
    // The name of the program may hold anything but ends at the last bracket.
    let fields = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let mut ticks = fields.split_whitespace().skip(11).map_while(|field| field.parse::<u32>().ok());
    match (ticks.next(), ticks.next()) {
        (Some(user), Some(system)) => Ok((TICK * user, TICK * system)),
        _ => Err(io::Error::other(format!("`{path}` cannot be read"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(program: &str, arguments: &[&str]) -> Process {
        let mut command = Command::new(program);
        command.args(arguments);
        let errors = Path::new("/dev/null");
        let start = Start { command, processor: None, output: None, errors };
        let nobody = Processors { subject: None, upstream: None, generator: None, number: 1 };
        Process::start(start, &nobody).unwrap()
    }

    #[test]
    fn what_a_process_spends_is_seen() {
        let program = "n=0; while [ $n -lt 200000 ]; do n=$((n+1)); done";
        let (spent, status) = started("sh", &["-c", program]).finish().unwrap();
        assert!(status.success());
        assert!(spent.total >= TICK, "{spent:?}");
    }

    #[test]
    fn memory_and_time_are_those_of_children_too() {
        let process = started("sh", &["-c", "sleep 3 & sleep 3; true"]);
        let until = Instant::now() + PATIENCE;
        while process.family().unwrap().len() < 3 {
            assert!(Instant::now() < until, "the children start");
        }
        assert!(process.resident().unwrap() > 0);
        process.spent().unwrap();
        process.stop().unwrap();
    }
}
