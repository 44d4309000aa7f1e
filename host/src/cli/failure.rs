//! Why a verb did not do what it was asked to, how that is told, and with which status it ends.

use std::error::Error;
use std::io;

use super::terminal::{BAD, FAINT, STRONG, Terminal};
use crate::config::{Faults, Mistake};

/// Why a verb ended early.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command line asks for something that makes no sense: status 2.
    #[error("{problem}")]
    Usage {
        /// What is wrong.
        problem: String,
        /// What to do instead, a line each.
        help: Vec<String>,
    },
    /// The configuration cannot be used: status 2.
    #[error("the configuration cannot be used")]
    Configuration(#[from] Faults),
    /// It was tried, and did not work: status 1.
    #[error("{problem}")]
    Failed {
        /// What did not work.
        problem: String,
        /// What to do about it, a line each.
        help: Vec<String>,
        /// Why.
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// The result cannot be written: status 1, but 0 and no word when nobody reads it any more,
    /// as in `tamis redact | head`.
    #[error("the result cannot be written")]
    Output(#[from] io::Error),
}

impl Failure {
    /// Wrong usage.
    pub fn usage(problem: impl Into<String>) -> Self {
        Self::Usage { problem: problem.into(), help: Vec::new() }
    }

    /// It did not work.
    pub fn failed(problem: impl Into<String>) -> Self {
        Self::Failed { problem: problem.into(), help: Vec::new(), source: None }
    }

    /// Adds what can be done about it.
    #[must_use]
    pub fn help(mut self, line: impl Into<String>) -> Self {
        if let Self::Usage { help, .. } | Self::Failed { help, .. } = &mut self {
            help.push(line.into());
        }
        self
    }

    /// Adds why it did not work.
    #[must_use]
    pub fn because(mut self, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        if let Self::Failed { source, .. } = &mut self {
            *source = Some(error.into());
        }
        self
    }

    /// The status to end with.
    pub fn status(&self) -> u8 {
        match self {
            Self::Usage { .. } | Self::Configuration(_) => 2,
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Self::Failed { .. } | Self::Output(_) => 1,
        }
    }

    /// Tells it with all its causes, and answers with the status.
    pub fn tell(&self, terminal: &mut Terminal<'_>) -> u8 {
        match self {
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            Self::Configuration(faults) => terminal.complain(faults.styled()),
            Self::Usage { help, .. } | Self::Failed { help, .. } => self.tell_with(help, terminal),
            Self::Output(_) => self.tell_with(&[], terminal),
        }
        self.status()
    }

    fn tell_with(&self, help: &[String], terminal: &mut Terminal<'_>) {
        terminal.complain(format_args!("{BAD}error{BAD:#}{STRONG}: {self}{STRONG:#}"));
        let mut cause = self.source();
        while let Some(error) = cause {
            terminal.complain(format_args!("  {FAINT}because{FAINT:#} {error}"));
            cause = error.source();
        }
        for line in help {
            terminal.complain(format_args!("  {FAINT}help{FAINT:#}    {line}"));
        }
    }
}

impl From<Mistake> for Failure {
    fn from(mistake: Mistake) -> Self {
        Self::usage(mistake.problem).help(mistake.remedy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Stream;
    use crate::config::{Fault, Origin};
    use crate::filter::canary::Watch;

    fn told(failure: &Failure) -> (String, u8) {
        let mut talk = Vec::new();
        let mut terminal = Terminal {
            out: Stream::plain(io::sink()),
            talk: Stream::plain(&mut talk),
            volume: -1,
            watch: Watch::default(),
        };
        let status = failure.tell(&mut terminal);
        drop(terminal);
        (String::from_utf8(talk).expect("text"), status)
    }

    #[test]
    fn each_failure_has_its_status_and_says_what_to_do() {
        let usage = Failure::usage("there is no `x`").help("write `y`");
        let text = "error: there is no `x`\n  help    write `y`\n";
        assert_eq!(told(&usage), (text.to_owned(), 2));

        let failed = Failure::failed("`a` cannot be read").because(io::Error::other("gone"));
        let text = "error: `a` cannot be read\n  because gone\n";
        assert_eq!(told(&failed), (text.to_owned(), 1));

        let fault = Fault::new(&Origin::argument("--upstream"), "a circle").remedy("break it");
        let (text, status) = told(&Faults::new(vec![fault], Vec::new()).into());
        assert!(text.starts_with("error: a circle\n"), "{text}");
        assert_eq!(status, 2);

        let mistake: Failure = "5".parse::<crate::config::Span>().expect_err("no unit").into();
        assert_eq!(told(&mistake).1, 2);
    }

    #[test]
    fn a_reader_that_has_enough_is_no_failure() {
        let gone = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(told(&gone), (String::new(), 0));
        let full = Failure::from(io::Error::other("no space left"));
        assert_eq!(told(&full).1, 1);
    }
}
