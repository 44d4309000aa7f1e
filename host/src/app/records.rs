//! The log corridor as configured: sources, plugins, sinks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::assemble::fault;
use crate::config::{
    self, Config, Faults, LineFormat, LogSourceKind, SinkFormat, SinkKind, WhenFull,
};
use crate::filter::canary::Watch;
use crate::filter::logs::LogChain;
use crate::filter::{Record, Severity, Source};
use crate::log::sink::format::{Format, Text};
use crate::log::sink::{self, Sink, file, stdout};
use crate::log::source::{self, Intake, Wait};
use crate::log::{Corridor, Hooks, Settings, Task, parse};
use crate::plugin::services::Inbox;

/// The plugins of the corridor, as it calls them.
struct Chained(Arc<LogChain>);

#[async_trait]
impl Hooks for Chained {
    async fn raw(&self, source: &Source, batch: Vec<Record>) -> Vec<Record> {
        self.0.raw(source, batch).await
    }

    async fn parsed(&self, source: &Source, batch: Vec<Record>) -> Vec<Record> {
        self.0.parsed(source, batch).await
    }

    fn wants_parsed(&self) -> bool {
        self.0.wants_parsed()
    }
}

/// Opens the sinks and puts the corridor together. The tasks have to be run.
///
/// # Errors
///
/// Sinks that cannot be opened, on their lines.
pub fn corridor(
    config: &Config,
    chain: Arc<LogChain>,
    watch: &Watch,
) -> Result<(Corridor, Vec<Task>), Faults> {
    let mut sinks: Vec<(sink::Settings, Box<dyn Sink>)> = Vec::new();
    for one in &config.logs.sinks {
        let format = format(one.format);
        let cannot = |error: &dyn std::fmt::Display| {
            fault(&one.origin, format!("sink `{}` cannot be opened: {error}", one.name))
        };
        let made: Box<dyn Sink> = match &one.kind {
            SinkKind::Stdout => {
                let sink = stdout::Stdout::new(format).map_err(|error| cannot(&error))?;
                Box::new(sink.watched(watch.clone()))
            }
            SinkKind::Stderr => {
                let sink = stdout::Stdout::error(format).map_err(|error| cannot(&error))?;
                Box::new(sink.watched(watch.clone()))
            }
            SinkKind::File(settings) => {
                let settings = file::Settings {
                    max_bytes: settings.max_size.0,
                    backups: settings.keep,
                    ..file::Settings::new(&settings.path)
                };
                let sink = file::File::new(settings, format).map_err(|error| cannot(&error))?;
                Box::new(sink.watched(watch.clone()))
            }
        };
        let mut settings = sink::Settings::new(one.name.to_string(), format);
        settings.wanted.least = least(one.min_level);
        settings.queue.weight = config.logs.queue.bytes();
        sinks.push((settings, made));
    }
    let mut settings = Settings::default();
    settings.lines.weight = config.logs.queue.bytes();
    Ok(Corridor::new(settings, Arc::new(Chained(chain)), sinks))
}

fn format(format: SinkFormat) -> Format {
    match format {
        SinkFormat::Json => Format::Json,
        // A terminal shows colours; who pipes gets plain text.
        SinkFormat::Text => Format::Raw(Text::default()),
    }
}

/// The least severity of a sink: `trace` stands for everything, also for records that state
/// none.
fn least(level: config::Level) -> Option<Severity> {
    match level {
        config::Level::Trace => None,
        level => Some(severity(level)),
    }
}

/// A level of the configuration as a severity.
pub fn severity(level: config::Level) -> Severity {
    match level {
        config::Level::Trace => Severity::Trace,
        config::Level::Debug => Severity::Debug,
        config::Level::Info => Severity::Info,
        config::Level::Warn => Severity::Warn,
        config::Level::Error => Severity::Error,
        config::Level::Fatal => Severity::Fatal,
    }
}

/// How long the output of an application waits for room, at most. Longer than any hook may take
/// on a batch, so that it is in vain only when something is badly wrong.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// How the lines of a kind of source are read.
pub fn lines(config: &Config, kind: LogSourceKind) -> source::Settings {
    let configured = config.logs.sources.iter().find(|source| source.kind == kind);
    let when_full = configured.map_or(WhenFull::default(), |source| source.when_full);
    let wait = match (when_full, kind) {
        (WhenFull::Drop, _) => Wait::No,
        (WhenFull::Wait, LogSourceKind::App) => Wait::Limited(LONGEST_WAIT),
        (WhenFull::Wait, LogSourceKind::Stdin) => Wait::Endless,
    };
    let format = match configured.map_or(LineFormat::Auto, |source| source.format) {
        LineFormat::Auto => parse::Format::Auto,
        LineFormat::Raw => parse::Format::Plain,
        LineFormat::Json => parse::Format::Json,
    };
    source::Settings {
        wait,
        parse: parse::Settings { format, ..parse::Settings::default() },
        ..source::Settings::default()
    }
}

/// Takes what plugins wrote to the sources of the corridor that stand for them.
pub async fn route(inbox: Inbox, intakes: BTreeMap<Source, Intake>) {
    while let Some((source, record)) = inbox.pop().await {
        // Every plugin has a source; one that is not there any more has nothing to say.
        if let Some(intake) = intakes.get(&source) {
            intake.push(record);
        }
    }
}
