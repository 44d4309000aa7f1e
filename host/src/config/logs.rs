//! `[logs]`, `[sources.NAME]` and `[sinks.NAME]`: where records come from and go to.
//!
//! The sources `app` and `stdin` and the sinks `stdout` and `stderr` are there without being
//! written down; a table of that name changes how they read or write.

use std::path::PathBuf;

use super::origin::{Given, Origin};
use super::reader::{Table, Value};
use super::value::{ByteSize, Glob, Level, Name};

/// The log corridor.
#[derive(Clone, Debug, PartialEq)]
pub struct Logs {
    /// What is read, in no order. Default: `app`.
    pub sources: Vec<LogSource>,
    /// The plugins that records pass, in order. Default: none.
    pub plugins: Vec<Given<Name>>,
    /// Where records go, all to each. Default: `stdout`.
    pub sinks: Vec<Sink>,
    /// Whether each exchange makes a record. Default: true.
    pub access: bool,
    /// From which severity on tamis' own events become records. Default: info.
    pub level: Level,
    /// How much may wait between two steps, 64 KiB to 1 GiB. Default: 8 MiB. Beyond it, lines
    /// wait or are dropped as their source says, and records of others are dropped; all counted.
    pub queue: ByteSize,
    /// The longest line, 1 KiB to 16 MiB; longer ones are cut. Default: 64 KiB.
    pub max_line: ByteSize,
    /// Where it is configured.
    pub origin: Origin,
}

/// One place that records come from.
#[derive(Clone, Debug, PartialEq)]
pub struct LogSource {
    /// Its name.
    pub name: Name,
    /// What it is.
    pub kind: LogSourceKind,
    /// How its lines are read. Default: auto.
    pub format: LineFormat,
    /// What becomes of lines that find the queue full. Default: they wait.
    pub when_full: WhenFull,
    /// Where it is configured.
    pub origin: Origin,
}

/// What kind of place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogSourceKind {
    /// Standard output and error of the command that tamis starts.
    App,
    /// Standard input of tamis.
    Stdin,
}

/// What becomes of what finds the queue full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum WhenFull {
    /// It waits, and with it whoever writes; the output of a command for ten seconds at most, then
    /// it is dropped and counted.
    #[default]
    Wait,
    /// It is dropped and counted.
    Drop,
}

/// How lines become records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineFormat {
    /// Each line is looked at.
    Auto,
    /// Nothing is taken apart.
    Raw,
    /// Each line is a JSON object; one that is not stays text.
    Json,
}

/// One place that records go to.
#[derive(Clone, Debug, PartialEq)]
pub struct Sink {
    /// Its name.
    pub name: Name,
    /// What it is.
    pub kind: SinkKind,
    /// How records are written. Default: text to `stdout` and `stderr`, JSON to files.
    pub format: SinkFormat,
    /// From which severity on; records without one pass. Default: trace, which is all.
    pub min_level: Level,
    /// From which loggers; none: from all, those without a name too.
    pub loggers: Vec<Glob>,
    /// Where it is configured.
    pub origin: Origin,
}

/// What kind of place.
#[derive(Clone, Debug, PartialEq)]
pub enum SinkKind {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// A file that is put aside when it is full.
    File(FileSink),
}

/// A file and its predecessors: `app.log`, `app.log.1`, `app.log.2` …
#[derive(Clone, Debug, PartialEq)]
pub struct FileSink {
    /// Where.
    pub path: PathBuf,
    /// When it is put aside, 4 KiB to 1 TiB. Default: 10 MiB.
    pub max_size: ByteSize,
    /// How many old files are kept, 0 to 1000. Default: 10.
    pub keep: u32,
}

/// How a record is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SinkFormat {
    /// One JSON object per line.
    Json,
    /// What the application wrote, after the plugins.
    Text,
}

/// `[logs]` as it stands in the file: names, not yet looked up.
pub(super) struct Written {
    pub(super) sources: Vec<Given<Name>>,
    pub(super) sinks: Vec<Given<Name>>,
    pub(super) logs: Logs,
}

impl Logs {
    /// Everything at its default, with these sources and sinks still to be filled in.
    pub(super) fn new(origin: Origin) -> Self {
        Self {
            sources: Vec::new(),
            plugins: Vec::new(),
            sinks: Vec::new(),
            access: true,
            level: Level::Info,
            queue: ByteSize::mib(8),
            max_line: ByteSize::kib(64),
            origin,
        }
    }
}

impl Written {
    pub(super) fn read(mut table: Table<'_>) -> Self {
        let default = Logs::new(table.origin());
        let (sources, sinks) =
            (table.list("sources", Value::name), table.list("sinks", Value::name));
        let (queue, line) =
            (ByteSize::kib(64)..=ByteSize::mib(1024), ByteSize::kib(1)..=ByteSize::mib(16));
        let logs = Logs {
            plugins: table.list("plugins", Value::name).unwrap_or_default(),
            access: table.or("access", default.access, Value::flag),
            level: table.or("level", default.level, |v| v.choice(Level::CHOICES)),
            queue: table.or("queue", default.queue, |v| v.size(queue)),
            max_line: table.or("max-line", default.max_line, |v| v.size(line)),
            ..default
        };
        table.finish();
        let name = |name: &str| name.parse().map(Given::built_in).into_iter().collect();
        Self {
            sources: sources.unwrap_or_else(|| name("app")),
            sinks: sinks.unwrap_or_else(|| name("stdout")),
            logs,
        }
    }
}

impl LogSource {
    /// The source that is there without being written down.
    pub(super) fn predefined(name: &Given<Name>) -> Option<Self> {
        let kind = LogSourceKind::CHOICES.iter().find(|(word, _)| name.value == *word)?.1;
        let origin = name.origin.clone();
        Some(Self {
            name: name.value.clone(),
            kind,
            format: LineFormat::Auto,
            when_full: WhenFull::default(),
            origin,
        })
    }

    pub(super) fn read(name: Name, mut table: Table<'_>) -> Self {
        let format =
            &[("auto", LineFormat::Auto), ("raw", LineFormat::Raw), ("json", LineFormat::Json)];
        let when_full = &[("wait", WhenFull::Wait), ("drop", WhenFull::Drop)];
        let origin = table.origin();
        let predefined = LogSourceKind::CHOICES.iter().find(|(word, _)| name == *word);
        let read = |value: &Value<'_>| value.choice(LogSourceKind::CHOICES);
        let kind = match predefined {
            Some((_, kind)) => Some(table.or("type", *kind, read)),
            None => table.need("type", "\"app\"", read),
        };
        let format = table.or("format", LineFormat::Auto, |v| v.choice(format));
        let when_full = table.or("when-full", WhenFull::default(), |v| v.choice(when_full));
        table.finish();
        Self { name, kind: kind.unwrap_or(LogSourceKind::App), format, when_full, origin }
    }
}

impl LogSourceKind {
    const CHOICES: &'static [(&'static str, Self)] = &[("app", Self::App), ("stdin", Self::Stdin)];
}

/// The word in `type`.
#[derive(Clone, Copy, PartialEq)]
enum SinkType {
    Stdout,
    Stderr,
    File,
}

impl SinkType {
    const CHOICES: &'static [(&'static str, Self)] =
        &[("stdout", Self::Stdout), ("stderr", Self::Stderr), ("file", Self::File)];
}

impl Sink {
    /// The sink that is there without being written down.
    pub(super) fn predefined(name: &Given<Name>) -> Option<Self> {
        let kind = match name.value.as_str() {
            "stdout" => SinkKind::Stdout,
            "stderr" => SinkKind::Stderr,
            _ => return None,
        };
        Some(Self {
            name: name.value.clone(),
            kind,
            format: SinkFormat::Text,
            min_level: Level::Trace,
            loggers: Vec::new(),
            origin: name.origin.clone(),
        })
    }

    pub(super) fn read(name: Name, mut table: Table<'_>) -> Self {
        let origin = table.origin();
        let read = |value: &Value<'_>| value.choice(SinkType::CHOICES);
        let predefined =
            SinkType::CHOICES.iter().find(|(word, kind)| name == *word && *kind != SinkType::File);
        let kind = match predefined {
            Some((_, kind)) => Some(table.or("type", *kind, read)),
            None => table.need("type", "\"file\"", read),
        };
        let file = match kind {
            Some(SinkType::File) | None => Some(FileSink::read(&mut table, kind.is_some())),
            Some(_) => {
                let why = "this sink is no file";
                table.has_no(
                    &["path", "max-size", "keep"],
                    why,
                    "write type = \"file\", or remove it",
                );
                None
            }
        };
        let format = if kind == Some(SinkType::File) { SinkFormat::Json } else { SinkFormat::Text };
        let formats = &[("json", SinkFormat::Json), ("text", SinkFormat::Text)];
        let format = table.or("format", format, |v| v.choice(formats));
        let min_level = table.or("min-level", Level::Trace, |v| v.choice(Level::CHOICES));
        let loggers = table.list("loggers", |v| v.parse("the name of a logger", "\"django.*\""));
        let loggers = loggers.unwrap_or_default().into_iter().map(|given| given.value).collect();
        table.finish();
        let kind = match (file, kind) {
            (Some(file), _) => SinkKind::File(file),
            (None, Some(SinkType::Stderr)) => SinkKind::Stderr,
            (None, _) => SinkKind::Stdout,
        };
        Self { name, kind, format, min_level, loggers, origin }
    }
}

impl FileSink {
    /// Without a path it is no file, which is only reported if it was meant to be one.
    fn read(table: &mut Table<'_>, meant: bool) -> Self {
        let size = ByteSize::kib(4)..=ByteSize::mib(1 << 20);
        let read = |value: &Value<'_>| value.path("\"app.log\"");
        let path = match meant {
            true => table.need("path", "\"app.log\"", read),
            false => table.maybe("path", read),
        };
        let max_size = table.or("max-size", ByteSize::mib(10), |v| v.size(size));
        let keep = table.or("keep", 10, |v| v.count(0..=1000));
        Self { path: path.unwrap_or_default(), max_size, keep }
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::check_faults;

    #[test]
    fn mistakes_are_explained() {
        check_faults(&[
            ("[logs]\nsources = [\"ap\"]", &[("2:12", "there is no source `ap`", "write \"app\"")]),
            (
                "[logs]\nsinks = [\"audit\"]",
                &[("2:10", "there is no sink `audit`", "[sinks.audit]")],
            ),
            (
                "[logs]\nsinks = [\"stdotu\"]",
                &[("2:10", "there is no sink `stdotu`", "write \"stdout\"")],
            ),
            (
                "[logs]\nplugins = [\"errors\"]",
                &[("2:12", "there is no plugin `errors`", "builtin:errors")],
            ),
            ("[logs]\nlevel = \"warning\"", &[("2:9", "`level` cannot be `warning`", "\"warn\"")]),
            ("[logs]\nqueue = \"8 KiB\"", &[("2:9", "below 64 KiB", "from 64 KiB")]),
            (
                "[logs]\nmax-line = \"64 KB \"\nfile = \"x\"",
                &[("3:1", "unknown key `file`", "[sinks.NAME]")],
            ),
            (
                "[logs]\nsinks = [\"a\"]\n[sinks.a]",
                &[("3:1", "`type` is missing in [sinks.a]", "type = \"file\"")],
            ),
            (
                "[logs]\nsinks = [\"a\"]\n[sinks.a]\ntype = \"file\"",
                &[("3:1", "`path` is missing", "path = \"app.log\"")],
            ),
            (
                "[logs]\nsinks = [\"a\"]\n[sinks.a]\ntype = \"fiel\"\npath = \"x\"",
                &[("4:8", "`type` cannot be `fiel`", "\"file\"")],
            ),
            (
                "[sinks.stdout]\npath = \"x\"",
                &[("2:8", "`path` has no use here", "type = \"file\"")],
            ),
            ("[sinks.stdout]\nlevel = \"info\"", &[("2:1", "unknown key `level`", "min-level")]),
            (
                "[logs]\nsinks = [\"a\", \"b\"]\n[sinks]\na = { type = \"file\", path = \"x\" }\nb = { type = \"file\", path = \"x\" }",
                &[("5:5", "write the same file", "another `path`")],
            ),
            (
                "[sources.app]\nformat = \"jsno\"",
                &[("2:10", "`format` cannot be `jsno`", "\"json\"")],
            ),
        ]);
    }
}
