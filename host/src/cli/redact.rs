//! `tamis redact`: the redact plugin as a filter for files and pipes.
//!
//! The same component as in the proxy, in the same sandbox, through the log corridor's own chain:
//! what comes out here is what would be logged there. Bytes outside of what is redacted are
//! untouched, whatever they are; line endings stay; memory is bounded; and when the plugin fails on
//! a line, the line is withheld and the status is 1.

mod lines;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Instant;

use serde::Serialize;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::scrape::Scrape;
use super::terminal::{DOUBTFUL, FAINT, STRONG, Terminal, aligned, count};
use super::{Failure, cache_folder, or_stdin, with_runtime};
use crate::app::Offline;
use crate::config::{ByteSize, Config, Environment};
use crate::filter::logs::LogChain;
use crate::filter::{Moment, Record, Source};
use lines::{Line, Lines};

/// How much is read, and so written, at once, in bytes.
const READ: usize = 64 * 1024;

/// What the plugin counts its hits in.
const MATCHES: &str = "redact_matches_total";

const EXAMPLES: &str = "\
Examples:
  tamis redact < app.log > clean.log
  kubectl logs -f shop | tamis redact
  tamis redact --rules redact.toml a.log b.log | gzip > clean.gz
  tamis redact --stats app.log > /dev/null       what is in there?

Status: 0 fine, 1 lines were withheld because the plugin failed on them, or nothing could be
written, 2 wrong usage or rules.";

/// Takes personal data and secrets out of text, line by line.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Rules, instead of the default ones: what `config` of `builtin:redact` takes, as a file.
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,

    /// Says at the end, on standard error, what was found.
    #[arg(long)]
    stats: bool,

    /// Says it as one JSON document.
    #[arg(long, requires = "stats")]
    json: bool,

    /// What to read; `-` or none: standard input.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Arguments {
    pub(super) fn act(
        self,
        environment: &Environment<'_>,
        terminal: &mut Terminal<'_>,
    ) -> Result<u8, Failure> {
        let config = self.configuration(environment)?;
        let cache = cache_folder(environment);
        with_runtime(async {
            let offline = Box::pin(Offline::load(&config, cache.as_deref())).await?;
            let chain = offline.plugins.log_chain(&config.logs.plugins);
            let mut tally = Tally::default();
            let begun = Instant::now();
            self.filter(&chain, terminal, &mut tally).await?;
            let withheld = withheld(&chain);
            if self.stats {
                let exposed = offline.metrics.expose(None, None);
                let scrape = Scrape::parse(&String::from_utf8_lossy(&exposed.body));
                let found = Found::new(&scrape, &tally, withheld, begun.elapsed().as_secs_f64());
                let text = if self.json { found.json() } else { found.shown() };
                terminal.complain(text.trim_end());
            } else if tally.cut > 0 {
                let pieces = count(usize::try_from(tally.cut).unwrap_or(usize::MAX), "place");
                terminal.say(format_args!(
                    "{DOUBTFUL}warning{DOUBTFUL:#}: lines longer than {} were cut at {pieces}",
                    ByteSize(lines::LONGEST as u64)
                ));
            }
            if withheld == 0 {
                return Ok(0);
            }
            let lines = count(usize::try_from(withheld).unwrap_or(usize::MAX), "line");
            Err(Failure::failed(format!("{lines} withheld, because the plugin failed on them")))
        })
    }

    /// The plugin alone, with its rules. It has more time than in the proxy: nobody waits.
    fn configuration(&self, environment: &Environment<'_>) -> Result<Config, Failure> {
        let mut text = String::from(
            "[logs]\nplugins = [\"redact\"]\n[plugins.redact]\ncomponent = \"builtin:redact\"\n\
             allow = [\"metrics\"]\ndeadline = \"10s\"\nmemory = \"64 MiB\"\n",
        );
        if let Some(rules) = &self.rules {
            let rules = or_stdin(rules.clone());
            let shown = rules.display();
            // Paths in a configuration are relative to it, and this one is nowhere.
            let path = std::path::absolute(&rules)
                .and_then(|path| std::fs::metadata(&path).map(|_| path))
                .map_err(|error| Failure::usage(format!("`{shown}` cannot be read: {error}")))?;
            let Some(path) = path.to_str() else {
                return Err(Failure::usage(format!("the path `{shown}` is not UTF-8")));
            };
            text.push_str(&format!("config = {}\n", toml::Value::from(path)));
        }
        let (config, _) = Config::load(Path::new("tamis redact"), &text, environment)?;
        Ok(config)
    }

    async fn filter(
        &self,
        chain: &LogChain,
        terminal: &mut Terminal<'_>,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        let out = terminal.out.bytes();
        if self.files.is_empty() {
            return filter(tokio::io::stdin(), "stdin", chain, out, tally).await;
        }
        for path in &self.files {
            let shown = path.display();
            let unreadable =
                |error| Failure::failed(format!("`{shown}` cannot be read")).because(error);
            if path.as_os_str() == "-" {
                filter(tokio::io::stdin(), "stdin", chain, out, tally).await?;
                continue;
            }
            let file = tokio::fs::File::open(path).await.map_err(unreadable)?;
            filter(file, &format!("file:{shown}"), chain, out, tally).await?;
        }
        Ok(())
    }
}

/// What went through.
#[derive(Debug, Default)]
struct Tally {
    bytes: u64,
    lines: u64,
    /// How often a line was too long to be looked at as a whole.
    cut: u64,
}

/// Reads to the end; writes whatever is complete as soon as it is there.
async fn filter(
    mut input: impl AsyncRead + Unpin,
    source: &str,
    chain: &LogChain,
    out: &mut (dyn Write + Send),
    tally: &mut Tally,
) -> Result<(), Failure> {
    let source = Source::from(source);
    let mut lines = Lines::default();
    let mut buffer = vec![0; READ];
    loop {
        let read = input.read(&mut buffer).await.map_err(|error| {
            Failure::failed(format!("`{source}` cannot be read")).because(error)
        })?;
        tally.bytes += read as u64;
        let batch = match read {
            0 => lines.finish().into_iter().collect(),
            read => lines.push(&buffer[..read]),
        };
        tally.lines += batch.iter().filter(|line| line.ends).count() as u64;
        pass(batch, &source, chain, out).await?;
        if read == 0 {
            tally.cut += lines.cut();
            return Ok(());
        }
    }
}

async fn pass(
    batch: Vec<Line>,
    source: &Source,
    chain: &LogChain,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    if batch.is_empty() {
        return Ok(());
    }
    let now = Moment::now().wall;
    let endings: Vec<_> = batch.iter().map(|line| line.ends).collect();
    let records = batch.into_iter().map(|line| Record::of_bytes(now, line.bytes)).collect();
    let records = chain.raw(source, records).await;
    let same = records.len() == endings.len();
    let last = records.len().saturating_sub(1);
    for (at, record) in records.into_iter().enumerate() {
        out.write_all(&record.into_bytes())?;
        // When lines were dropped or joined, those that are left end like lines, and the last one
        // as the last one did.
        let at = if same || at < last { at } else { endings.len() - 1 };
        if endings[at] || (!same && at < last) {
            out.write_all(b"\n")?;
        }
    }
    out.flush()?;
    Ok(())
}

/// How many lines were withheld.
fn withheld(chain: &LogChain) -> u64 {
    chain.losses().map(|(_, losses)| losses.faulted.load(Ordering::Relaxed)).sum()
}

/// What was found.
#[derive(Debug, Serialize)]
struct Found {
    bytes: u64,
    lines: u64,
    seconds: f64,
    withheld: u64,
    cut: u64,
    /// Hits per rule, the most first.
    matches: Vec<(String, u64)>,
}

impl Found {
    fn new(scrape: &Scrape, tally: &Tally, withheld: u64, seconds: f64) -> Self {
        let matches = scrape.by(MATCHES, &[], "rule");
        // A counter is a whole number, and below 2^53.
        let matches = matches.into_iter().map(|(rule, hits)| (rule, hits as u64));
        Self {
            bytes: tally.bytes,
            lines: tally.lines,
            seconds,
            withheld,
            cut: tally.cut,
            matches: matches.filter(|(_, hits)| *hits > 0).collect(),
        }
    }

    fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("plain data")
    }

    fn shown(&self) -> String {
        let hits: u64 = self.matches.iter().map(|(_, hits)| hits).sum();
        let rows: Vec<_> = self
            .matches
            .iter()
            .map(|(rule, hits)| vec![format!("  {rule}"), format!("{hits:>8}")])
            .collect();
        let mut text = String::new();
        for row in aligned(&rows) {
            text.push_str(&row);
            text.push('\n');
        }
        let speed = self.bytes as f64 / self.seconds.max(1e-6) / 1e6;
        let (lines, bytes) = (self.lines, ByteSize(self.bytes));
        text.push_str(&format!(
            "{STRONG}{hits} redacted{STRONG:#} {FAINT}in {lines} lines, {bytes}, \
             {speed:.0} MB/s{FAINT:#}\n"
        ));
        for (number, what) in [(self.withheld, "withheld"), (self.cut, "cut for their length")] {
            if number > 0 {
                text.push_str(&format!("{DOUBTFUL}{number} lines {what}{DOUBTFUL:#}\n"));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use anstream::adapter::strip_str;
    use async_trait::async_trait;

    use super::*;
    use crate::filter::chain::{Link, OnFault};
    use crate::filter::{
        Fault, FaultKind, Filter, Hook, Hooks, LogChange, LogEdit, LogForm, LogSubscription, Name,
        Severity, Splice, Stance, Subscription,
    };

    /// A guard in plain Rust: `secret` becomes `[x]`, `drop` drops the line, and `poison` is more
    /// than it can take.
    struct Redactor {
        name: Name,
        wants: Subscription,
    }

    fn chain(form: LogForm) -> LogChain {
        let logs = LogSubscription {
            form,
            min_severity: Severity::Trace,
            max_batch: 1000,
            max_delay: std::time::Duration::ZERO,
            access_log: false,
        };
        let wants = Subscription { logs: Some(logs), ..Subscription::default() };
        let filter = Arc::new(Redactor { name: "redact".into(), wants });
        LogChain::new(vec![Link { filter, on_fault: OnFault::Closed }])
    }

    #[async_trait]
    impl Filter for Redactor {
        fn name(&self) -> &Name {
            &self.name
        }
        fn stance(&self) -> Stance {
            Stance::Guard
        }
        fn hooks(&self) -> Hooks {
            Hooks::default().with(Hook::OnLogs)
        }
        fn wants(&self) -> &Subscription {
            &self.wants
        }
        fn strike(&self, _: Hook, _: &Fault) {}
        async fn on_logs(&self, _: &Source, batch: &[Record]) -> Result<Vec<LogEdit>, Fault> {
            let mut edits = Vec::new();
            for (index, record) in batch.iter().enumerate() {
                if record.message.contains("poison") {
                    return Err(Fault::new(FaultKind::Internal, "no"));
                }
                if record.message == "drop" {
                    edits.push(LogEdit { index, change: LogChange::Drop });
                    continue;
                }
                let hits = record.message.match_indices("secret");
                let splices: Vec<_> = hits
                    .map(|(at, hit)| Splice { at, len: hit.len(), bytes: b"[x]".to_vec() })
                    .collect();
                if !splices.is_empty() {
                    edits.push(LogEdit { index, change: LogChange::SpliceMessage(splices) });
                }
            }
            Ok(edits)
        }
    }

    /// Gives out its chunks one by one.
    struct Chunks(Vec<Vec<u8>>);

    impl AsyncRead for Chunks {
        fn poll_read(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            buffer: &mut tokio::io::ReadBuf<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            if !self.0.is_empty() {
                buffer.put_slice(&self.0.remove(0));
            }
            std::task::Poll::Ready(Ok(()))
        }
    }

    async fn check(form: LogForm, chunks: &[&[u8]], expected: &[u8]) -> (LogChain, Tally) {
        let chain = chain(form);
        let (mut out, mut tally) = (Vec::new(), Tally::default());
        let input = Chunks(chunks.iter().map(|chunk| chunk.to_vec()).collect());
        filter(input, "stdin", &chain, &mut out, &mut tally).await.expect("written");
        let shown = String::from_utf8_lossy(&out);
        assert_eq!(out, expected, "{shown}");
        (chain, tally)
    }

    #[tokio::test]
    async fn lines_come_out_with_their_own_endings() {
        for form in [LogForm::Raw, LogForm::Block] {
            check(form, &[b"a secret\r\n\nb"], b"a [x]\r\n\nb").await;
            check(form, &[b"a sec", b"ret\nsecret", b"\n"], b"a [x]\n[x]\n").await;
            check(form, &[], b"").await;
            check(form, &[b"\n\n"], b"\n\n").await;
        }
    }

    #[tokio::test]
    async fn what_is_not_utf8_is_kept() {
        for form in [LogForm::Raw, LogForm::Block] {
            check(
                form,
                &[b"\xff\0 secret \xc3\nok \xc3\xa9 secret\n"],
                b"\xff\0 [x] \xc3\nok \xc3\xa9 [x]\n",
            )
            .await;
        }
    }

    #[tokio::test]
    async fn a_line_that_is_dropped_takes_its_ending_along() {
        check(LogForm::Raw, &[b"a\ndrop\nb\n"], b"a\nb\n").await;
        check(LogForm::Raw, &[b"a\ndrop\nb"], b"a\nb").await;
        check(LogForm::Raw, &[b"drop\n"], b"").await;
    }

    #[tokio::test]
    async fn what_the_plugin_fails_on_is_withheld_and_counted() {
        let (chain, tally) =
            check(LogForm::Block, &[b"a secret\npoison\nb\n"], b"a [x]\nb\n").await;
        assert_eq!((withheld(&chain), tally.lines), (1, 3));
    }

    #[tokio::test]
    async fn a_line_without_end_is_passed_on_in_pieces() {
        let long = vec![b'x'; lines::LONGEST];
        let (_, tally) = check(LogForm::Block, &[&long[..READ]; 5], &vec![b'x'; READ * 5]).await;
        assert_eq!((tally.bytes, tally.cut), (5 * READ as u64, 1));
    }

    #[test]
    fn what_was_found_is_shown() {
        let text = "redact_matches_total{plugin=\"redact\",rule=\"card\",place=\"log\"} 2\n\
                    redact_matches_total{plugin=\"redact\",rule=\"email\",place=\"log\"} 40\n\
                    redact_matches_total{plugin=\"redact\",rule=\"iban\",place=\"log\"} 0\n";
        let tally = Tally { bytes: 2_000_000, lines: 1000, cut: 1 };
        let found = Found::new(&Scrape::parse(text), &tally, 0, 0.01);
        let shown = strip_str(&found.shown()).to_string();
        assert!(
            shown.starts_with("  email        40\n  card          2\n42 redacted in 1000 lines"),
            "{shown}"
        );
        assert!(shown.contains("200 MB/s") && shown.contains("1 lines cut"), "{shown}");
        let json: serde_json::Value = serde_json::from_str(&found.json()).expect("JSON");
        assert_eq!(json["matches"][0][0], "email");
    }

    #[test]
    fn rules_are_read_as_the_configuration_of_the_plugin() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("it's \"mine\".toml");
        std::fs::write(&path, "rules = [\"email\"]\n").expect("a file");
        let mut arguments =
            Arguments { rules: Some(path), stats: false, json: false, files: Vec::new() };
        let config = arguments.configuration(&|_| None).expect("valid");
        assert_eq!(config.plugins[0].settings.json()["rules"][0], "email");

        arguments.rules = Some("/nowhere/rules.toml".into());
        assert_eq!(arguments.configuration(&|_| None).expect_err("not there").status(), 2);
        arguments.rules = None;
        assert!(arguments.configuration(&|_| None).is_ok());
    }
}
