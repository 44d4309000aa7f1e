//! `tamis demo`: everything at work, with nothing to set up.
//!
//! Starts an application that leaks, fails and loses its database on purpose, itself in front of
//! it with the four standard plugins, and customers; then reports what each plugin did, with
//! figures asked for from the running system. Nothing in here knows more than an operator could:
//! the configuration is a file, the application is a command, and what is claimed is checked
//! against what the application says that it did. Everything stays on the loopback address.

mod claims;
mod client;
mod evidence;
mod report;
pub(super) mod sample;
mod stage;
mod traffic;

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Instant;

use super::run::{Signals, capture};
use super::terminal::{COMMAND, FAINT, GOOD, STRONG, aligned};
use super::{Failure, Terminal, cache_folder, with_runtime};
use crate::app::{App, Options};
use crate::config::{Config, Environment, Overrides};
use client::Asker;
use evidence::{Asking, Evidence, Places, command, gather, health, until};
use stage::{Folder, RECORDS, Reserved, configuration};
use traffic::{REQUESTS, Sum, Traffic, plan};

const EXAMPLES: &str = "\
Examples:
  tamis demo            runs through, reports, and goes on serving until Ctrl-C
  tamis demo --once     runs through, reports, and ends: 0 if all that is reported is true

Takes about 15 s and nothing but ports of 127.0.0.1 that are free.";

/// When the database goes and when it comes back, in requests.
const AWAY: usize = REQUESTS * 2 / 5;
const BACK: usize = REQUESTS * 7 / 10;

const UNPLAYED: &str = "the demo could not be played";

/// Shows everything at work: a sample application that leaks and fails, and what the plugins make
/// of it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Ends after the report.
    #[arg(long)]
    once: bool,
}

impl Arguments {
    pub(super) fn act(
        self,
        environment: &Environment<'_>,
        terminal: &mut Terminal<'_>,
    ) -> Result<u8, Failure> {
        let program = std::env::current_exe()
            .map_err(|error| Failure::failed("cannot find itself").because(error))?;
        let options = Options { cache: cache_folder(environment), ..Options::default() };
        with_runtime(self.perform(program.into_os_string(), options, environment, terminal))
    }

    async fn perform(
        &self,
        program: OsString,
        options: Options,
        environment: &Environment<'_>,
        terminal: &mut Terminal<'_>,
    ) -> Result<u8, Failure> {
        let mut signals = Signals::listen()?;
        let folder = Folder::new()?;
        let ports = [Reserved::new()?, Reserved::new()?, Reserved::new()?];
        let [shop, database, control] = [0, 1, 2].map(|at: usize| ports[at].address);
        let path = folder.write("tamis.toml", &configuration(shop, database))?;
        let (config, _) = Config::read(&path, environment, &Overrides::default())?;
        let mut words = vec![program, "sample-application".into()];
        for (name, address) in [("listen", shop), ("database", database), ("control", control)] {
            words.extend([format!("--{name}").into(), address.to_string().into()]);
        }
        let options = Options { command: Some(words), ..options };
        let app = Box::pin(App::build(config, options)).await?;
        let places = Places {
            public: app.addresses()[0],
            admin: app.admin().ok_or_else(|| Failure::failed("there are no pages"))?,
            shop,
            control,
            records: folder.path().join(RECORDS),
        };
        capture(&app);
        introduce(&places, terminal);
        let stop = app.stop();
        let mut running = Box::pin(app.run());
        let evidence = tokio::select! {
            evidence = play(&places, terminal) => evidence,
            ended = &mut running => {
                let early = format!("the application ended before its time, with {}", ended.code);
                let why = ended.failure.unwrap_or(early);
                return Err(Failure::failed(UNPLAYED).because(why));
            }
            () = signals.stop() => {
                stop.now();
                running.await;
                return Err(Failure::failed("it was interrupted"));
            }
        };
        let result = self.tell(evidence, &places, terminal);
        if !self.once && result.is_ok() {
            tokio::select! {
                () = signals.stop() => {}
                _ = &mut running => return result,
            }
        }
        stop.gracefully();
        tokio::select! {
            _ = &mut running => return result,
            () = signals.stop() => stop.now(),
        }
        running.await;
        result
    }

    /// Prints the report, and answers whether it is true.
    fn tell(
        &self,
        evidence: Result<Evidence, String>,
        places: &Places,
        terminal: &mut Terminal<'_>,
    ) -> Result<u8, Failure> {
        let evidence = evidence.map_err(|why| Failure::failed(UNPLAYED).because(why))?;
        let claims = claims::claims(&evidence);
        terminal.out.print(report::shown(&evidence, &claims))?;
        let doubtful = claims.iter().filter(|claim| claim.doubt.is_some()).count();
        if self.once {
            return match doubtful {
                0 => Ok(0),
                _ => Err(Failure::failed(format!(
                    "{doubtful} of {} claims of the report are not true",
                    claims.len()
                ))),
            };
        }
        terminal.out.print(report::next_steps(places))?;
        terminal.say(format_args!("\n{FAINT}It goes on serving; Ctrl-C ends it.{FAINT:#}"));
        Ok(u8::from(doubtful > 0))
    }
}

fn introduce(places: &Places, terminal: &mut Terminal<'_>) {
    let row = |name: &str, about: &str, at| {
        let title = format!("{STRONG}{name}{STRONG:#} {about}");
        vec![title, format!("{COMMAND}http://{at}{COMMAND:#}")]
    };
    let rows = [
        row("A shop", "that leaks, fails and loses its database", places.shop),
        row("tamis", "in front of it, with its four plugins", places.public),
    ];
    for row in aligned(&rows) {
        terminal.say(row);
    }
    terminal.say("");
}

/// Sends the customers, takes the database away and brings it back, and looks.
async fn play(places: &Places, terminal: &mut Terminal<'_>) -> Result<Evidence, String> {
    let asker = Arc::new(Asker::new().map_err(|failure| failure.to_string())?);
    let base = format!("http://{}", places.public);
    // The application has to start. It is asked itself, so that all that goes through tamis are
    // customers, and figures can be compared.
    let start = format!("http://{}/healthz", places.shop);
    until(|| asker.get(&start), |answer| answer.as_ref().is_ok_and(|it| it.status == 200)).await?;
    let mut askings = vec![ask_health(&asker, places, "before", 200).await?];
    let mut progress = Progress::new(terminal);
    let plan = plan();
    let begun = Instant::now();
    let mut traffic = Traffic::new(&asker, base);
    traffic.send(&plan[..AWAY], |sent| progress.show(sent, "")).await;
    command(&asker, places, "/database/down").await?;
    let (asking, ()) = tokio::join!(
        ask_health(&asker, places, "during", 503),
        traffic.send(&plan[AWAY..BACK], |sent| progress.show(sent, "its database is away")),
    );
    askings.push(asking?);
    command(&asker, places, "/database/up").await?;
    let (asking, ()) = tokio::join!(
        ask_health(&asker, places, "after", 200),
        traffic.send(&plan[BACK..], |sent| progress.show(sent, "its database is back")),
    );
    askings.push(asking?);
    let outcomes = traffic.finish().await;
    let span = begun.elapsed();
    progress.end();
    gather(&asker, places, Sum::of(&outcomes), span, askings).await
}

/// Asks the health pages until readiness is as expected.
async fn ask_health(
    asker: &Asker,
    places: &Places,
    phase: &'static str,
    ready: u16,
) -> Result<Asking, String> {
    let look = || health(asker, places.public, phase);
    until(look, |asking| asking.as_ref().is_ok_and(|asking| asking.statuses[..2] == [ready, ready]))
        .await
}

/// A line that grows, for those who look on.
struct Progress<'a, 't> {
    terminal: &'a mut Terminal<'t>,
}

impl<'a, 't> Progress<'a, 't> {
    fn new(terminal: &'a mut Terminal<'t>) -> Self {
        if !terminal.talk.is_terminal() {
            terminal.say(format_args!("{REQUESTS} requests, at an even pace"));
        }
        Self { terminal }
    }

    fn show(&mut self, sent: usize, about: &str) {
        const LENGTH: usize = 40;
        if !self.terminal.talk.is_terminal() || self.terminal.volume < 0 {
            return;
        }
        let full = sent * LENGTH / REQUESTS;
        let (done, left) = ("━".repeat(full), "━".repeat(LENGTH - full.min(LENGTH)));
        // A line that cannot be drawn is no reason to stop.
        let _ = self.terminal.talk.print(format_args!(
            "\r\x1b[2K  {GOOD}{done}{GOOD:#}{FAINT}{left}{FAINT:#}  {sent:>3} of {REQUESTS} \
             requests  {FAINT}{about}{FAINT:#}"
        ));
    }

    fn end(self) {
        if self.terminal.talk.is_terminal() && self.terminal.volume >= 0 {
            let _ = self.terminal.talk.print("\r\x1b[2K");
        }
    }
}
