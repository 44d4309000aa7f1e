//! What is compared: each subject with its program, its configuration, and what has to be
//! seen of it before it is believed.

mod nginx;
mod tamis;

use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::answers::{Answer, PERSONAL};
use crate::load::Fetched;

pub use tamis::Shape;

/// One thing that is measured.
#[derive(Debug, Clone, Copy)]
pub struct Subject {
    /// Its name, as in `--only`.
    pub name: &'static str,
    /// What it is, for the table.
    pub about: &'static str,
    /// The program.
    pub program: Program,
    /// What is asked of it.
    pub answer: Answer,
    /// Whether it is measured unless asked for by name.
    pub usual: bool,
}

/// Which program, and how it is set up.
#[derive(Debug, Clone, Copy)]
pub enum Program {
    /// None: the generator talks to the upstream.
    Direct,
    /// nginx with one worker, with an access log in JSON or without one.
    Nginx {
        /// Whether there is an access log.
        log: bool,
    },
    /// The minimal hyper proxy of this package.
    Bare,
    /// tamis.
    Tamis(Shape),
}

const fn subject(
    name: &'static str,
    about: &'static str,
    program: Program,
    answer: Answer,
) -> Subject {
    Subject { name, about, program, answer, usual: true }
}

const fn extra(
    name: &'static str,
    about: &'static str,
    program: Program,
    answer: Answer,
) -> Subject {
    Subject { name, about, program, answer, usual: false }
}

/// All of them, in the order in which they take turns.
pub const ALL: &[Subject] = &[
    subject("direct", "no proxy", Program::Direct, Answer::Short),
    subject("nginx", "nginx", Program::Nginx { log: false }, Answer::Short),
    subject("nginx-log", "nginx, JSON access log", Program::Nginx { log: true }, Answer::Short),
    subject("hyper", "minimal hyper proxy", Program::Bare, Answer::Short),
    subject("tamis", "tamis, no plugin", Program::Tamis(Shape::NONE), Answer::Short),
    subject(
        "tamis-record",
        "tamis, no plugin, access record",
        Program::Tamis(Shape::NONE.recording()),
        Answer::Short,
    ),
    subject(
        "tamis-four",
        "tamis, four plugins, access record",
        Program::Tamis(Shape::FOUR.recording()),
        Answer::Short,
    ),
    subject(
        "tamis-fresh",
        "the same, fresh instance per exchange",
        Program::Tamis(Shape::FOUR.recording().fresh()),
        Answer::Short,
    ),
    extra(
        "tamis-four-silent",
        "tamis, four plugins, no record",
        Program::Tamis(Shape::FOUR),
        Answer::Short,
    ),
    extra("tamis-timing", "tamis, timing", Program::Tamis(Shape::TIMING), Answer::Short),
    extra("tamis-health", "tamis, health", Program::Tamis(Shape::HEALTH), Answer::Short),
    extra("tamis-errors", "tamis, errors", Program::Tamis(Shape::ERRORS), Answer::Short),
    extra("tamis-redact", "tamis, redact (heads)", Program::Tamis(Shape::REDACT), Answer::Short),
    subject("nginx-16k", "nginx", Program::Nginx { log: false }, Answer::Personal),
    subject("hyper-16k", "minimal hyper proxy", Program::Bare, Answer::Personal),
    subject("tamis-16k", "tamis, no plugin", Program::Tamis(Shape::NONE), Answer::Personal),
    subject(
        "tamis-four-16k",
        "tamis, four plugins, access record",
        Program::Tamis(Shape::FOUR.recording()),
        Answer::Personal,
    ),
    subject(
        "tamis-redacting-16k",
        "the same, answer redacted",
        Program::Tamis(Shape::FOUR.recording().redacting()),
        Answer::Personal,
    ),
    extra(
        "tamis-clean-16k",
        "the same, nothing to redact in it",
        Program::Tamis(Shape::FOUR.recording().redacting()),
        Answer::Clean,
    ),
];

/// Where programs are and where their files go.
#[derive(Debug)]
pub struct Workshop {
    /// The tamis to measure.
    pub tamis: PathBuf,
    /// This program.
    pub own: PathBuf,
    /// Of the upstream.
    pub upstream: SocketAddr,
    /// A folder of our own.
    pub folder: PathBuf,
}

/// A subject that is ready to be started.
#[derive(Debug)]
pub struct Setup {
    /// The program with its arguments.
    pub command: Command,
    /// Where its standard output goes.
    pub output: Option<PathBuf>,
    /// Where it writes its access log.
    pub log: Option<PathBuf>,
}

impl Subject {
    /// Writes its configuration, for that address. None when there is nothing to start.
    ///
    /// # Errors
    ///
    /// When a file cannot be written.
    pub fn set_up(&self, workshop: &Workshop, address: SocketAddr) -> io::Result<Option<Setup>> {
        let folder = workshop.folder.join(self.name);
        std::fs::create_dir_all(&folder)?;
        Ok(match self.program {
            Program::Direct => None,
            Program::Nginx { log } => {
                Some(nginx::set_up(&folder, address, workshop.upstream, log)?)
            }
            Program::Bare => {
                let mut command = Command::new(&workshop.own);
                command.arg("bare");
                command.arg(address.to_string()).arg(workshop.upstream.to_string());
                Some(Setup { command, output: None, log: None })
            }
            Program::Tamis(shape) => Some(tamis::set_up(&folder, workshop, address, shape)?),
        })
    }

    /// Whether it does what it is measured for. Says what is wrong otherwise.
    ///
    /// # Errors
    ///
    /// What is wrong.
    pub fn believe(&self, fetched: &Fetched) -> Result<(), String> {
        let Fetched { status, head, body } = fetched;
        if *status != 200 {
            return Err(format!("`{}` answers {status}: {body}", self.name));
        }
        let redacts = matches!(self.program, Program::Tamis(shape) if shape.redacts_answers());
        if redacts && self.answer == Answer::Personal {
            if body.contains(PERSONAL) {
                return Err(format!("`{}` lets personal data through", self.name));
            }
            if serde_json::from_str::<serde_json::Value>(body).is_err() {
                return Err(format!("`{}` makes no JSON of JSON", self.name));
            }
        } else if *body != self.answer.body() {
            return Err(format!("`{}` does not answer what the upstream said", self.name));
        }
        if let Program::Tamis(shape) = self.program {
            let timed = head.to_ascii_lowercase().contains("\r\nserver-timing:");
            if timed != shape.times() {
                return Err(format!(
                    "`{}` has a Server-Timing it should not have, or lacks it",
                    self.name
                ));
            }
        }
        Ok(())
    }
}

/// How many lines a log has.
///
/// # Errors
///
/// When it cannot be read.
pub fn lines(log: &Path) -> io::Result<u64> {
    let mut file = std::fs::File::open(log)?;
    let mut buffer = vec![0; 256 * 1024];
    let mut lines = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(lines);
        }
        lines += buffer[..read].iter().map(|&byte| u64::from(byte == b'\n')).sum::<u64>();
    }
}
