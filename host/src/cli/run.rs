//! `tamis run`: the host itself.
//!
//! Finds out which configuration is meant, says what it made of it, turns signals into a stop,
//! and ends with the status of the command that it started. What runs is `app`'s affair.

mod summary;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::{Failure, Terminal, cache_folder, or_stdin, with_runtime};
use crate::app::{self, App, Options};
use crate::config::{
    AdminListen, Config, Environment, HttpOrigin, Level, Listen, LogSourceKind, Overrides, Span,
    Warning,
};
use summary::Summary;

/// The configuration that is taken when none is named.
pub(super) const DEFAULT: &str = "tamis.toml";

const EXAMPLES: &str = "\
Examples:
  tamis run --upstream http://127.0.0.1:9000
        all four plugins in front of a service on port 9000
  tamis run --upstream http://127.0.0.1:9000 -- gunicorn -b 127.0.0.1:9000 shop.wsgi
        starts the service, too: its output becomes log records, and its status the one of tamis
  tamis run --listen 0.0.0.0:80 --upstream http://10.0.0.5:9000 --upstream http://10.0.0.6:9000
        two servers
  tamis run
        with ./tamis.toml; `tamis check` says what is wrong with it

SIGTERM and SIGINT stop it in good order, a second one at once.";

/// Runs the host: in front of a service, and around the command after `--`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The configuration. Default: `tamis.toml`, if it is there.
    #[arg(short, long, value_name = "FILE", conflicts_with = "upstream")]
    config: Option<PathBuf>,

    /// Listens here instead, such as 127.0.0.1:8080. May be repeated.
    #[arg(long, value_name = "ADDRESS")]
    listen: Vec<Listen>,

    /// Metrics and pages for operators here instead, such as 127.0.0.1:9901, or `off`.
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<AdminListen>,

    /// A server to forward to, such as http://127.0.0.1:9000; needs no configuration. May be
    /// repeated.
    #[arg(long, value_name = "URL")]
    upstream: Vec<HttpOrigin>,

    /// Takes records from standard input, a line each.
    #[arg(long)]
    stdin_logs: bool,

    /// Starts this, takes its output as log records, and ends with its status.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Arguments {
    pub(super) fn act(
        self,
        environment: &Environment<'_>,
        terminal: &mut Terminal<'_>,
    ) -> Result<u8, Failure> {
        do_without_large_pages();
        let (mut config, warnings) = self.configuration(environment, Path::new(DEFAULT))?;
        terminal.watch = app::watch(&config, None)?;
        for warning in &warnings {
            terminal.say(warning.styled());
        }
        if !config.redact.core_dumps {
            forbid_cores()?;
        }
        config.logs.level = match terminal.volume {
            ..=0 => config.logs.level,
            1 => config.logs.level.min(Level::Debug),
            _ => Level::Trace,
        };
        let is_stdin = |kind: LogSourceKind| kind == LogSourceKind::Stdin;
        let options = Options {
            cache: cache_folder(environment),
            stdin_logs: self.stdin_logs
                || config.logs.sources.iter().any(|source| is_stdin(source.kind)),
            command: Some(self.command).filter(|command| !command.is_empty()),
            workers: None,
        };
        with_runtime(serve(config, options, terminal))
    }

    /// The configuration that is meant, with what the command line says instead; `default` is
    /// the file that is taken when none is named.
    fn configuration(
        &self,
        environment: &Environment<'_>,
        default: &Path,
    ) -> Result<(Config, Vec<Warning>), Failure> {
        let overrides = Overrides { listen: self.listen.clone(), admin: self.admin };
        let there = default.exists();
        match (&self.config, self.upstream.as_slice()) {
            (Some(file), _) => Ok(Config::read(&or_stdin(file.clone()), environment, &overrides)?),
            (None, []) if there => Ok(Config::read(default, environment, &overrides)?),
            (None, []) => Err(nowhere_to_go()),
            // Which of the two is meant cannot be known, and the file may say what to redact.
            (None, _) if there => Err(Failure::usage(format!(
                "both `--upstream` and the `{}` of this folder say where requests go",
                default.display()
            ))
            .help("leave `--upstream` out to run with the file")
            .help("or run in another folder, without it: `tamis -C DIR run --upstream …`")),
            (None, servers) => Ok(Config::for_upstream(servers, &overrides)?),
        }
    }
}

fn nowhere_to_go() -> Failure {
    Failure::usage("nothing says where requests go")
        .help("name a service:       `tamis run --upstream http://127.0.0.1:9000`")
        .help(format!("or a configuration:   `tamis run -c {DEFAULT}`"))
        .help("or look around first: `tamis demo`")
}

/// Runs until it is stopped, or until the command has ended.
async fn serve(
    config: Config,
    options: Options,
    terminal: &mut Terminal<'_>,
) -> Result<u8, Failure> {
    // Heard from the beginning: a process that is the first of its container gets no signal
    // that it does not listen for.
    let mut signals = Signals::listen()?;
    let summary = Summary::of(&config, options.command.as_deref());
    let grace = config.server.grace;
    let app = Box::pin(App::build(config, options)).await?;
    let plugins = app.plugins();
    let (addresses, admin) = (app.addresses(), app.admin());
    let stop = app.stop();
    capture(&app);
    terminal.watch = app.watch();
    if terminal.talk.is_terminal() {
        terminal.say(summary.block(&addresses, admin, &plugins));
    } else {
        terminal.say(summary.line(&addresses, admin, &plugins));
    }
    let mut running = Box::pin(app.run());
    let mut asked = false;
    loop {
        tokio::select! {
            ended = &mut running => {
                return match ended.failure {
                    None => Ok(ended.code),
                    Some(why) => {
                        let _ = Failure::failed(why).tell(terminal);
                        Ok(ended.code)
                    }
                };
            }
            () = signals.stop() => {
                if asked {
                    terminal.say("stopping now");
                    stop.now();
                    continue;
                }
                asked = true;
                stop.gracefully();
                let grace = Span(grace);
                terminal.say(format_args!("stopping: what is open has {grace}; again: at once"));
            }
        }
    }
}

/// From here on the system writes no core of this process when it dies. What it starts is not
/// concerned.
fn forbid_cores() -> Result<(), Failure> {
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
        .map_err(|error| {
            Failure::failed("core dumps cannot be switched off")
                .because(error)
                .help("write core-dumps = true under [redact] to run all the same")
        })?;
    Ok(())
}

/// The allocator asks for large pages, of which an idle host would fill a small part each: 10 MiB
/// of 40. Best effort; what is started later is not concerned.
fn do_without_large_pages() {
    #[cfg(target_os = "linux")]
    {
        _ = rustix::thread::disable_transparent_huge_pages(true);
    }
}

/// From here on the host's own events are records.
pub(super) fn capture(app: &App) {
    // Fails only where a test has installed its own; the events go there.
    _ = tracing_subscriber::registry().with(app.capture()).try_init();
}

/// The signals that mean stop.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From here on they are heard and no longer end the process by themselves.
    pub(super) fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|error| Failure::failed("signals cannot be heard").because(error))
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next one. Cancel safe.
    pub(super) async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        run: Arguments,
    }

    fn parse(arguments: &[&str]) -> Result<Arguments, clap::Error> {
        Line::try_parse_from([&["run"], arguments].concat()).map(|line| line.run)
    }

    #[test]
    fn arguments_are_what_the_table_says() {
        let run = parse(&[
            "--listen",
            "127.0.0.1:0",
            "--listen",
            "https://[::1]:8443",
            "--admin",
            "off",
            "--upstream",
            "http://a:1",
            "--upstream",
            "http://b",
            "--",
            "sh",
            "-c",
            "exit 3",
        ])
        .expect("valid");
        assert_eq!((run.listen.len(), run.upstream.len()), (2, 2));
        assert_eq!(run.admin, Some(AdminListen::Off));
        assert_eq!(run.command, ["sh", "-c", "exit 3"]);
    }

    #[test]
    fn wrong_values_are_told_with_their_remedy() {
        for (arguments, fragment) in [
            (&["--listen", "8080"][..], "write \"127.0.0.1:8080\""),
            (&["--upstream", "localhost:9000"], "write \"http://localhost:9000\""),
            (&["--upstream", "http://a/path"], "paths are passed on"),
            (&["--admin", "yes"], "or \"off\""),
            (&["-c", "a.toml", "--upstream", "http://a"], "cannot be used with"),
            (&["sh"], "unexpected argument"),
        ] {
            let error = parse(arguments).expect_err("wrong").to_string();
            assert!(error.contains(fragment), "{arguments:?}: {error}");
        }
    }

    #[test]
    fn a_configuration_that_is_named_is_the_one_that_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("other.toml");
        std::fs::write(&path, "[[routes]]\nupstream = \"http://127.0.0.1:9\"\n").expect("a file");
        let run = parse(&["-c", path.to_str().expect("text"), "--admin", "off"]).expect("valid");
        let (config, _) = run.configuration(&|_| None, Path::new("/nowhere")).expect("valid");
        assert_eq!(config.routes.len(), 1);
        assert_eq!(config.admin.listen.value, AdminListen::Off);

        let run = parse(&["-c", "/nowhere/tamis.toml"]).expect("valid");
        assert_eq!(
            run.configuration(&|_| None, Path::new("/nowhere")).expect_err("no such file").status(),
            2
        );
    }

    #[test]
    fn without_a_configuration_the_upstream_is_enough() {
        let run = parse(&["--upstream", "http://127.0.0.1:9"]).expect("valid");
        let (config, _) = run.configuration(&|_| None, Path::new("/nowhere")).expect("valid");
        assert_eq!((config.routes.len(), config.plugins.len()), (1, 4));
    }

    #[test]
    fn with_neither_it_says_the_two_ways() {
        let run = parse(&["--", "true"]).expect("valid");
        let failure =
            run.configuration(&|_| None, Path::new("/nowhere")).expect_err("nothing to go on");
        assert_eq!(failure.status(), 2);
        let Failure::Usage { help, .. } = failure else { panic!("{failure:?}") };
        let help = help.join("\n");
        assert!(help.contains("--upstream") && help.contains("-c tamis.toml"), "{help}");
    }
}
