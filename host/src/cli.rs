//! The command line: what can be asked for, and with which status it ends.
//!
//! A file per verb. Results go to standard output, talk and complaints to standard error. The
//! status is 0 when all is well, 1 when something failed or was found, 2 when the command line or
//! the configuration is wrong; `run -- COMMAND` ends with the command's own. Only this room reads
//! the environment, and only `main` ends the process.

mod check;
mod completions;
mod demo;
mod failure;
mod health;
mod inspect;
mod page;
mod redact;
mod run;
mod scrape;
mod terminal;
mod test;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{ArgAction, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

pub use failure::Failure;
pub use terminal::{Stream, Terminal};

use crate::config::Environment;

/// `0.1.0 (5232b7d12345)`.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("TAMIS_REVISION"), ")");

/// How long the runtime may take to wind up what nobody waits for any more.
const FAREWELL: Duration = Duration::from_millis(200);

const EXAMPLES: &str = "\
Examples:
  tamis demo                                      see everything at work, nothing to set up
  tamis run --upstream http://127.0.0.1:9000      in front of a service, no configuration
  tamis run --upstream http://127.0.0.1:9000 -- gunicorn shop.wsgi
                                                  start the service, too, and take its logs
  tamis run -c tamis.toml                         with a configuration
  tamis check                                     is the configuration right?
  tamis redact < app.log                          personal data and secrets out of a file
  tamis test redact.toml                          do rules of your own do what they shall?

Status: 0 fine, 1 failed or findings, 2 wrong usage or configuration; `run -- COMMAND` ends with
the status of the command.";

/// Puts sandboxed plugins in front of any HTTP service and around any log: health endpoints,
/// timing, metrics, error capture, redaction. The service itself is not changed.
#[derive(Debug, Parser)]
#[command(name = "tamis", version = VERSION, after_help = EXAMPLES, max_term_width = 100)]
#[command(propagate_version = true, subcommand_required = true, arg_required_else_help = true)]
struct Arguments {
    /// Says more; twice: everything.
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    verbose: u8,

    /// Says nothing but why it does not go on.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    quiet: u8,

    /// Works in this folder.
    #[arg(short = 'C', long, global = true, value_name = "DIR")]
    directory: Option<PathBuf>,

    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Run(run::Arguments),
    Demo(demo::Arguments),
    Check(check::Arguments),
    Inspect(inspect::Arguments),
    Redact(redact::Arguments),
    Test(test::Arguments),
    Health(health::Arguments),
    Completions(completions::Arguments),
    /// The application of the demo.
    #[command(hide = true)]
    SampleApplication(demo::sample::Arguments),
}

/// Runs the program with the arguments, streams and environment of this process.
pub fn main() -> ExitCode {
    let mut terminal = Terminal::of_process();
    ExitCode::from(call(std::env::args_os(), &variable, &mut terminal))
}

/// A variable of the environment.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Does what the arguments ask for and answers with the status. The first argument is the name
/// of the program.
///
/// `-C` changes the working folder of the whole process.
pub fn call(
    arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    environment: &Environment<'_>,
    terminal: &mut Terminal<'_>,
) -> u8 {
    let parsed = Arguments::command()
        .try_get_matches_from(arguments)
        .and_then(|matches| Arguments::from_arg_matches(&matches));
    let result = match parsed {
        Ok(arguments) => arguments.act(environment, terminal),
        Err(error) => explain(&error, terminal),
    };
    match result {
        Ok(status) => status,
        Err(failure) => failure.tell(terminal),
    }
}

/// Help and version are results; everything else is wrong usage.
fn explain(error: &clap::Error, terminal: &mut Terminal<'_>) -> Result<u8, Failure> {
    let text = error.render();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            terminal.out.print(text.ansi())?;
            Ok(0)
        }
        _ => {
            let _ = terminal.talk.print(text.ansi());
            Ok(2)
        }
    }
}

impl Arguments {
    fn act(
        self,
        environment: &Environment<'_>,
        terminal: &mut Terminal<'_>,
    ) -> Result<u8, Failure> {
        terminal.volume = level(self.verbose) - level(self.quiet);
        if let Some(directory) = &self.directory {
            std::env::set_current_dir(directory).map_err(|error| {
                let shown = directory.display();
                Failure::usage(format!("cannot work in `{shown}`: {error}"))
            })?;
        }
        match self.verb {
            Verb::Run(arguments) => arguments.act(environment, terminal),
            Verb::Demo(arguments) => arguments.act(environment, terminal),
            Verb::Check(arguments) => arguments.act(environment, terminal),
            Verb::Inspect(arguments) => arguments.act(environment, terminal),
            Verb::Redact(arguments) => arguments.act(environment, terminal),
            Verb::Test(arguments) => arguments.act(environment, terminal),
            Verb::Health(arguments) => arguments.act(terminal),
            Verb::Completions(arguments) => arguments.act(&mut Self::command(), terminal),
            Verb::SampleApplication(arguments) => arguments.act(),
        }
    }
}

fn level(times: u8) -> i8 {
    i8::try_from(times).unwrap_or(i8::MAX)
}

/// The folder for compiled plugins: `$TAMIS_CACHE`, else `tamis` in the user's cache folder.
fn cache_folder(environment: &Environment<'_>) -> Option<PathBuf> {
    let path = |name: &str| environment(name).filter(|path| !path.is_empty()).map(PathBuf::from);
    path("TAMIS_CACHE")
        // The standard wants relative ones to be ignored.
        .or_else(|| {
            path("XDG_CACHE_HOME").filter(|path| path.is_absolute()).map(|path| path.join("tamis"))
        })
        .or_else(|| path("HOME").map(|home| home.join(".cache/tamis")))
}

/// What `-` stands for: standard input, by the name under which it can be opened.
fn or_stdin(path: PathBuf) -> PathBuf {
    if path.as_os_str() == "-" { PathBuf::from("/dev/stdin") } else { path }
}

/// Runs a verb that waits for several things at once.
///
/// What is still under way at its end, such as a read of standard input that nobody can call
/// back, is left behind.
fn with_runtime<T>(verb: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("tamis-back-room")
        .enable_all()
        .build()
        .map_err(|error| Failure::failed("no threads can be started").because(error))?;
    let result = runtime.block_on(verb);
    runtime.shutdown_timeout(FAREWELL);
    result
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::filter::canary::Watch;

    fn tamis(arguments: &[&str]) -> (u8, String, String) {
        let (mut out, mut talk) = (Vec::new(), Vec::new());
        let mut terminal = Terminal {
            out: Stream::plain(&mut out),
            talk: Stream::plain(&mut talk),
            volume: 0,
            watch: Watch::default(),
        };
        let status = call([&["tamis"], arguments].concat(), &|_| None, &mut terminal);
        drop(terminal);
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (status, text(out), text(talk))
    }

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_version_says_what_it_was_built_from() {
        let (status, out, talk) = tamis(&["--version"]);
        assert_eq!((status, talk.as_str()), (0, ""));
        assert_eq!(out, format!("tamis {VERSION}\n"));
        assert!(VERSION.contains(" ("), "{VERSION}");
    }

    #[test]
    fn help_of_every_verb_has_examples_and_fits_the_page() {
        let verbs = ["run", "demo", "check", "inspect", "redact", "test", "health", "completions"];
        for verb in verbs.into_iter().map(|verb| vec![verb, "-h"]).chain([vec!["--help"]]) {
            let (status, out, talk) = tamis(&verb);
            assert_eq!((status, talk.as_str()), (0, ""), "{verb:?}");
            assert!(out.contains("Examples:\n  tamis "), "{verb:?}: {out}");
            for line in out.lines() {
                assert!(line.chars().count() <= terminal::WIDTH, "{line}");
            }
        }
        let (_, out, _) = tamis(&["--help"]);
        assert!(!out.contains("sample-application"), "it is the demo's own: {out}");
    }

    #[test]
    fn an_unknown_verb_gets_a_suggestion() {
        let (status, out, talk) = tamis(&["chek"]);
        assert_eq!((status, out.as_str()), (2, ""));
        assert!(talk.contains("'chek'") && talk.contains("'check'"), "{talk}");
    }

    #[test]
    fn wrong_usage_is_two() {
        for arguments in [&[][..], &["run", "--nope"], &["health"], &["inspect"], &["-qv", "check"]]
        {
            let (status, out, talk) = tamis(arguments);
            assert_eq!((status, out.as_str()), (2, ""), "{arguments:?}: {talk}");
            assert!(!talk.is_empty(), "{arguments:?}");
        }
        let (status, _, talk) = tamis(&["-C", "/nowhere", "check"]);
        assert_eq!(status, 2);
        assert!(talk.contains("cannot work in `/nowhere`"), "{talk}");
    }

    #[test]
    fn completions_know_the_verbs() {
        for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
            let (status, out, talk) = tamis(&["completions", shell]);
            assert_eq!((status, talk.as_str()), (0, ""), "{shell}");
            assert!(out.contains("inspect"), "{shell}");
        }
    }

    #[test]
    fn a_reader_that_has_enough_ends_it_quietly() {
        /// Like a pipe that nobody reads any more.
        struct Gone;
        impl io::Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        for arguments in [&["tamis", "completions", "bash"][..], &["tamis", "--help"]] {
            let mut talk = Vec::new();
            let mut terminal = Terminal {
                out: Stream::plain(Gone),
                talk: Stream::plain(&mut talk),
                volume: 0,
                watch: Watch::default(),
            };
            assert_eq!(call(arguments, &|_| None, &mut terminal), 0);
            drop(terminal);
            assert_eq!(talk, b"");
        }
    }

    #[test]
    fn compiled_code_is_kept_where_the_user_keeps_such_things() {
        let folder = |variables: &[(&str, &str)]| {
            let look_up = |name: &str| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            cache_folder(&look_up).map(|path| path.display().to_string())
        };
        assert_eq!(folder(&[]), None);
        assert_eq!(folder(&[("HOME", "/home/a")]).as_deref(), Some("/home/a/.cache/tamis"));
        let both = [("HOME", "/home/a"), ("XDG_CACHE_HOME", "/var/c")];
        assert_eq!(folder(&both).as_deref(), Some("/var/c/tamis"));
        let relative = [("HOME", "/home/a"), ("XDG_CACHE_HOME", "c")];
        assert_eq!(folder(&relative).as_deref(), Some("/home/a/.cache/tamis"));
        let own = [("HOME", "/home/a"), ("TAMIS_CACHE", "/t"), ("XDG_CACHE_HOME", "")];
        assert_eq!(folder(&own).as_deref(), Some("/t"));
    }
}
