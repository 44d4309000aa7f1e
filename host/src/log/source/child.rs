//! The command behind `tamis run --`: started with pipes of its own for its output, told the
//! signals that we get, reaped, and its exit status becomes ours.
//!
//! Reading never keeps it waiting: what the corridor has no room for is dropped there. It is
//! read to the end of its output, also when it has exited already; only if processes it left
//! behind hold the pipes open is reading given up after a while.
//!
//! Its process group. Behind a terminal it stays in ours, so that the terminal's own signals
//! (interrupt, quit, suspend) reach it as if we were not there, and those are then not sent a
//! second time. Otherwise it gets a group of its own: whoever signals ours, as a service
//! manager does, reaches it once, through us, and what is left of it at the end can be killed
//! as one.
//!
//! As process 1, or where the system allows a process to adopt (`PR_SET_CHILD_SUBREAPER`),
//! orphans of the application come to us and are reaped. Then no other part of the process
//! may wait for children of its own.

use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitStatus};
use tokio::net::unix::pipe;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::LineIntake;
use super::lines::{Lines, Stream};
use crate::log::Clock;

mod life;

use life::{Life, Word};

/// How much is read at once, in bytes.
const READ: usize = 64 * 1024;

/// How the application is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How long it has between being told to terminate and being killed. 25 s, so that it is
    /// over before the 30 s that Kubernetes gives us.
    pub grace: Duration,
    /// How long its output is read after it exited while others hold it open. 2 s.
    pub linger: Duration,
    /// Signals that we get are sent on to it. True.
    pub forward: bool,
    /// Its orphans are adopted and reaped. True.
    pub adopt: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(25),
            linger: Duration::from_secs(2),
            forward: true,
            adopt: true,
        }
    }
}

/// Why the application could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such command.
    #[error("command `{}` was not found", .program.display())]
    NotFound {
        /// The command.
        program: OsString,
    },
    /// The file is there, but cannot be executed.
    #[error("command `{}` cannot be executed", .program.display())]
    NotExecutable {
        /// The command.
        program: OsString,
        /// Why.
        source: io::Error,
    },
    /// The system refused for another reason.
    #[error("command `{}` could not be started", .program.display())]
    Start {
        /// The command.
        program: OsString,
        /// Why.
        source: io::Error,
    },
    /// Signals cannot be received.
    #[error("signals cannot be received")]
    Signals(#[source] io::Error),
}

impl Error {
    /// The exit status that a shell would answer with.
    pub fn code(&self) -> u8 {
        match self {
            Self::NotFound { .. } => 127,
            Self::NotExecutable { .. } => 126,
            Self::Start { .. } | Self::Signals(_) => 1,
        }
    }
}

/// How the application ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// Its exit status; 128 and the number of the signal that ended it otherwise.
    pub code: u8,
    /// It was killed, because it did not end when it was told to.
    pub killed: bool,
    /// Its output was open still when reading was given up.
    pub held_open: bool,
}

/// Tells the application something. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Control(mpsc::Sender<Word>);

impl Control {
    /// Sends it a signal that we got. Behind a terminal those that terminals send to all are
    /// left out, since it got them, too.
    pub async fn signal(&self, signal: Signal) {
        // It has exited: nothing to signal.
        let _ = self.0.send(Word::Signal(signal)).await;
    }

    /// Tells it to terminate, and kills it when its grace is over.
    pub async fn stop(&self) {
        let _ = self.0.send(Word::Stop).await;
    }
}

/// An application that runs.
#[derive(Debug)]
pub struct Child {
    settings: Settings,
    pid: Pid,
    /// It leads a group of its own.
    leads: bool,
    pumps: [Pump; 2],
    life: Life,
    control: mpsc::Sender<Word>,
}

impl Child {
    /// Starts `program` with `arguments`, our standard input and our environment.
    ///
    /// To be called within a runtime. Dropping the child leaves the application running, with
    /// its output closed.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn start<A: AsRef<OsStr>>(
        program: impl AsRef<OsStr>,
        arguments: impl IntoIterator<Item = A>,
        settings: Settings,
    ) -> Result<Self, Error> {
        let program = program.as_ref();
        let terminal = io::stdin().is_terminal();
        // Before it starts, so that its end is not missed.
        let life = Life::new(settings).map_err(Error::Signals)?;
        if settings.adopt {
            // Where that is not known, orphans go to process 1 as ever.
            let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
        }
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::inherit())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if !terminal {
            command.process_group(0);
        }
        let refuse = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => Error::NotFound { program: program.to_owned() },
            io::ErrorKind::PermissionDenied => {
                Error::NotExecutable { program: program.to_owned(), source }
            }
            // Neither a binary nor a script.
            _ if source.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) => {
                Error::NotExecutable { program: program.to_owned(), source }
            }
            _ => Error::Start { program: program.to_owned(), source },
        };
        let mut child = {
            let _lent = LargePages::lend();
            command.spawn().map_err(refuse)?
        };
        let pipe = |end: Option<OwnedFd>| {
            end.ok_or_else(|| io::ErrorKind::NotFound.into())
                .and_then(pipe::Receiver::from_owned_fd)
        };
        let pipes = pipe(child.stdout.take().map(OwnedFd::from))
            .and_then(|stdout| Ok([stdout, pipe(child.stderr.take().map(OwnedFd::from))?]));
        let [stdout, stderr] = pipes.map_err(|source| {
            // Without its pipes it must not run on.
            let _ = child.kill();
            let _ = child.wait();
            Error::Start { program: program.to_owned(), source }
        })?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| Error::Start {
            program: program.to_owned(),
            source: io::Error::other("it has no process id"),
        })?;
        let (control, words) = mpsc::channel(16);
        let life = life.listening(words);
        let pumps = [Pump::new(stdout, Stream::Stdout), Pump::new(stderr, Stream::Stderr)];
        Ok(Self { settings, pid, leads: !terminal, pumps, life, control })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Something to tell it things with.
    pub fn control(&self) -> Control {
        Control(self.control.clone())
    }

    /// Reads its output into `intake` until it has ended and there is no more, sends signals
    /// on, reaps it and its orphans. Answers how it ended.
    ///
    /// Dropping the future leaves the application running, with its output closed.
    pub async fn run(self, intake: LineIntake, clock: Clock) -> Exit {
        let Self { settings, pid, leads, pumps: [mut stdout, mut stderr], life, control } = self;
        // Whoever holds a control may still use it; this one is not needed.
        drop(control);
        let mut life = std::pin::pin!(life.run(pid, leads));
        let end = {
            let mut reading = std::pin::pin!(async {
                tokio::join!(stdout.run(&intake, &clock), stderr.run(&intake, &clock));
            });
            let mut read = false;
            let (status, killed, stopping) = loop {
                tokio::select! {
                    () = &mut reading, if !read => read = true,
                    end = &mut life => break end,
                }
            };
            let held_open = !read && timeout(settings.linger, &mut reading).await.is_err();
            if held_open {
                tracing::warn!(
                    "the command has exited, but processes it started hold its output open; run it in the foreground"
                );
                // It was to stop, so nothing of it is to go on.
                if stopping && leads {
                    let _ = rustix::process::kill_process_group(pid, Signal::KILL);
                }
            }
            Exit { code: code(status), killed, held_open }
        };
        stdout.finish(&intake, &clock).await;
        stderr.finish(&intake, &clock).await;
        end
    }
}

/// The exit status, or 128 and the signal.
fn code(status: WaitStatus) -> u8 {
    let code =
        status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// Reads one output.
#[derive(Debug)]
struct Pump {
    pipe: pipe::Receiver,
    lines: Lines,
}

impl Pump {
    fn new(pipe: pipe::Receiver, stream: Stream) -> Self {
        Self { pipe, lines: Lines::new(stream) }
    }

    /// Reads to the end. When the future is dropped, no line is lost that was read.
    async fn run(&mut self, intake: &LineIntake, clock: &Clock) {
        let mut buffer = vec![0; READ];
        let mut chunks = Vec::new();
        loop {
            if self.pipe.readable().await.is_err() {
                return;
            }
            match self.pipe.try_read(&mut buffer) {
                Ok(0) => return,
                Ok(count) => {
                    let time = clock.now();
                    self.lines.push(&buffer[..count], time, |chunk| chunks.push(chunk));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    tracing::warn!(%error, "the output of the command cannot be read");
                    return;
                }
            }
            for chunk in chunks.drain(..) {
                intake.push(chunk).await;
            }
        }
    }

    /// Passes on a last line without end.
    async fn finish(&mut self, intake: &LineIntake, clock: &Clock) {
        let mut last = None;
        self.lines.finish(clock.now(), |chunk| last = Some(chunk));
        if let Some(chunk) = last {
            intake.push(chunk).await;
        }
    }
}

/// This process does without large pages, which is inherited; what it starts shall decide for
/// itself. Until this is dropped they are allowed again.
struct LargePages {
    were_off: bool,
}

impl LargePages {
    fn lend() -> Self {
        #[cfg(target_os = "linux")]
        let were_off = rustix::thread::transparent_huge_pages_are_disabled().unwrap_or(false)
            && rustix::thread::disable_transparent_huge_pages(false).is_ok();
        #[cfg(not(target_os = "linux"))]
        let were_off = false;
        Self { were_off }
    }
}

impl Drop for LargePages {
    fn drop(&mut self) {
        #[cfg(target_os = "linux")]
        if self.were_off {
            // What failed costs memory, nothing else.
            _ = rustix::thread::disable_transparent_huge_pages(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read};
    use std::sync::Arc;

    use super::*;
    use crate::filter::queue::Bound;
    use crate::log::source::{Inlet, Item, Snapshot, Wait};

    fn settings() -> Settings {
        Settings { forward: false, adopt: false, ..Settings::default() }
    }

    struct Ran {
        exit: Exit,
        stdout: String,
        stderr: String,
        snapshot: Snapshot,
    }

    /// Runs a shell script; `act` is given the control.
    async fn run_with<F: Future<Output = ()>>(
        script: &str,
        settings: Settings,
        room: usize,
        act: impl FnOnce(Control, Arc<Inlet>) -> F,
    ) -> Ran {
        let child = Child::start("sh", ["-c", script], settings).unwrap();
        let inlet =
            Arc::new(Inlet::new("child".into(), Wait::No, Bound { items: 10_000, weight: room }));
        let intake = LineIntake::new(Arc::clone(&inlet));
        let acting = act(child.control(), Arc::clone(&inlet));
        let (exit, ()) = tokio::join!(child.run(intake, Clock::fixed(1)), acting);
        let mut ran =
            Ran { exit, stdout: String::new(), stderr: String::new(), snapshot: inlet.snapshot() };
        while let Some(Item::Chunk(chunk, _)) = inlet.queue.try_pop() {
            let text = String::from_utf8(chunk.bytes).unwrap();
            match chunk.stream {
                Stream::Stderr => ran.stderr.push_str(&text),
                _ => ran.stdout.push_str(&text),
            }
        }
        ran
    }

    async fn run(script: &str) -> Ran {
        run_with(script, settings(), 1 << 24, |_, _| async {}).await
    }

    /// Waits until the application has written something.
    async fn ready(inlet: &Inlet) {
        let written = async {
            while inlet.queue.is_empty() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        timeout(Duration::from_secs(20), written).await.expect("it writes at once");
    }

    #[tokio::test]
    async fn both_outputs_are_read_and_the_status_is_passed_on() {
        let ran = run("echo out; echo err >&2; printf 'no end'; exit 7").await;
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("out\nno end", "err\n"));
        assert_eq!(ran.exit, Exit { code: 7, killed: false, held_open: false });
        assert_eq!(ran.snapshot.lines.received, 3);
    }

    #[tokio::test]
    async fn a_signal_is_128_and_its_number() {
        assert_eq!(run("kill -SEGV $$").await.exit.code, 139);
        assert_eq!(run("kill -KILL $$").await.exit.code, 137);
    }

    #[tokio::test]
    async fn an_application_that_closes_its_output_is_waited_for() {
        let ran = run("echo before; exec >&- 2>&-; sleep 0.2; exit 3").await;
        assert_eq!((ran.exit.code, ran.stdout.as_str()), (3, "before\n"));
    }

    #[tokio::test]
    async fn one_that_does_not_end_is_killed_with_its_group() {
        let settings = Settings { grace: Duration::from_millis(100), ..settings() };
        let ran = run_with(
            "trap '' TERM; echo ready; sleep 60 & wait; sleep 60",
            settings,
            1 << 20,
            |control, inlet| async move {
                ready(&inlet).await;
                control.stop().await;
            },
        )
        .await;
        assert_eq!(ran.exit, Exit { code: 137, killed: true, held_open: false });
    }

    #[tokio::test]
    async fn one_that_ends_when_told_to_is_not_killed() {
        let ran = run_with(
            "trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.01; done",
            settings(),
            1 << 20,
            |control, inlet| async move {
                ready(&inlet).await;
                control.stop().await;
            },
        )
        .await;
        assert_eq!(
            (ran.exit.code, ran.exit.killed, ran.stdout.as_str()),
            (5, false, "ready\nbye\n")
        );
    }

    #[tokio::test]
    async fn what_it_leaves_behind_does_not_hold_us_up() {
        let settings = Settings { linger: Duration::from_millis(100), ..settings() };
        let ran =
            run_with("printf 'last words'; sleep 2 & exit 4", settings, 1 << 20, |_, _| async {})
                .await;
        assert_eq!(ran.exit, Exit { code: 4, killed: false, held_open: true });
        assert_eq!(ran.stdout, "last words", "a line without end is not lost");
    }

    #[tokio::test]
    async fn a_flood_that_nobody_takes_is_dropped_counted_and_does_not_stop_it() {
        let script = "i=0; while [ $i -lt 2000 ]; do printf '%01000d\\n' $i; i=$((i+1)); done; echo done >&2";
        let ran = run_with(script, settings(), 200_000, |_, _| async {}).await;
        assert_eq!(ran.exit.code, 0);
        let lines = ran.snapshot.lines;
        assert!(lines.holds());
        assert_eq!(lines.received, 2001);
        assert!(lines.dropped_in_all() > 1000, "{lines:?}");
        let bytes = 2000 * 1001 + 5;
        assert_eq!(ran.snapshot.bytes, bytes);
        assert_eq!(
            ran.snapshot.bytes_dropped,
            bytes - (ran.stdout.len() + ran.stderr.len()) as u64
        );
    }

    #[tokio::test]
    async fn a_command_that_cannot_be_started_says_why() {
        let none: [&str; 0] = [];
        let error = Child::start("/no/such/command", none, settings()).unwrap_err();
        assert_eq!(
            (error.code(), error.to_string().as_str()),
            (127, "command `/no/such/command` was not found")
        );
        let error = Child::start("/", none, settings()).unwrap_err();
        assert_eq!(
            (error.code(), error.to_string().as_str()),
            (126, "command `/` cannot be executed")
        );
    }

    const PART: &str = "TAMIS_TEST_PART";

    /// Started by the tests below as a process of its own, since signals and orphans are the
    /// whole process's business; does nothing otherwise.
    #[test]
    fn the_process_that_other_tests_start() {
        let Some((_, script)) = std::env::vars_os().find(|(name, _)| name == PART) else { return };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let code = runtime.block_on(async {
            let child =
                Child::start("sh", [OsString::from("-c"), script], Settings::default()).unwrap();
            let inlet = Arc::new(Inlet::new(
                "child".into(),
                Wait::No,
                Bound { items: 100, weight: 1 << 20 },
            ));
            let intake = LineIntake::new(Arc::clone(&inlet));
            let show = async {
                while let Some(Item::Chunk(chunk, _)) = inlet.queue.pop().await {
                    use std::io::Write;
                    io::stdout().write_all(&chunk.bytes).unwrap();
                }
            };
            let (exit, ()) = tokio::join!(child.run(intake, Clock::system()), show);
            exit.code
        });
        let own = rustix::process::getpid().as_raw_nonzero();
        let children = std::fs::read_to_string(format!("/proc/{own}/task/{own}/children")).unwrap();
        println!("children left: {}", children.split_whitespace().count());
        // The tests ask for the status of the whole process, as a shell would.
        #[expect(clippy::exit, reason = "this is the end of that process")]
        std::process::exit(code.into());
    }

    fn part(script: &str) -> std::process::Child {
        Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "--nocapture",
                "log::source::child::tests::the_process_that_other_tests_start",
            ])
            .env(PART, script)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    }

    #[test]
    fn signals_are_sent_on() {
        let mut process = part(
            "for s in TERM INT HUP USR1 USR2 QUIT; do trap \"echo got $s\" $s; done; \
             trap 'echo got TERM; exit 9' TERM; echo ready; while :; do sleep 0.01; done",
        );
        let pid = Pid::from_raw(i32::try_from(process.id()).unwrap()).unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut wait_for =
            |wanted: &str| assert!(lines.any(|line| line.unwrap().ends_with(wanted)), "{wanted}");
        wait_for("ready");
        for (signal, name) in [
            (Signal::INT, "INT"),
            (Signal::HUP, "HUP"),
            (Signal::USR1, "USR1"),
            (Signal::USR2, "USR2"),
            (Signal::QUIT, "QUIT"),
            (Signal::TERM, "TERM"),
        ] {
            rustix::process::kill_process(pid, signal).unwrap();
            wait_for(&format!("got {name}"));
        }
        assert_eq!(process.wait().unwrap().code(), Some(9));
    }

    #[test]
    fn orphans_are_reaped() {
        // The inner shell leaves before what it started, which then is an orphan of ours.
        let mut process =
            part("sh -c 'sleep 0.2; :' & sh -c '(exec sleep 0.1) & exit 0'; sleep 0.4; exit 6");
        let mut text = String::new();
        process.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(process.wait().unwrap().code(), Some(6));
        assert!(text.contains("children left: 0"), "{text}");
    }
}
