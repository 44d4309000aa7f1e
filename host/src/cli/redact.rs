//! `tamis redact`: the redact plugin as a filter for files and pipes.
//!
//! The same component as in the proxy, in the same sandbox, through the log corridor's own chain:
//! what comes out here is what would be logged there. Bytes outside of what is redacted are
//! untouched, whatever they are; line endings stay; memory is bounded; and when the plugin fails on
//! a line, the line is withheld and the status is 1.
//!
//! With `--dry-run` the lines come out as they went in, and with `--explain` notes on them.

mod explain;
mod lines;
mod progress;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Instant;

use serde::Serialize;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::scrape::Scrape;
use super::terminal::{DOUBTFUL, FAINT, STRONG, Terminal, WIDTH, aligned, count, wrapped};
use super::{Failure, cache_folder, or_stdin, with_runtime};
use crate::app::Offline;
use crate::config::{ByteSize, Config, Environment};
use crate::filter::logs::LogChain;
use crate::filter::{Moment, Record, Source};
use explain::{Notes, Seen};
use lines::{Line, Lines};
use progress::Progress;

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
  tamis redact --explain app.log | less          which rule, and why; which nearly, and why not
  tamis redact --explain --json app.log | jq 'select(.verdict == \"hit\").rule'
  tamis redact --dry-run --fail-on-match tests/fixtures/*.json > /dev/null

Before each commit, in .pre-commit-config.yaml:
  - repo: local
    hooks:
      - id: personal-data
        name: no personal data or secrets
        language: system
        entry: sh -c 'tamis redact --dry-run --fail-on-match \"$@\" > /dev/null' --
        types: [text]

With --json, --explain prints a JSON document per note: file, line (from 1), start and end (bytes of
the line, from 0), rule, verdict (hit or miss), action or reason, why, shape. Reasons: checksum,
prefix, length, boundary, word-too-far, no-key, allowed, placeholder, overlapped, off, harmless,
version. A value is never shown.

Status: 0 fine, 1 lines were withheld because the plugin failed on them, something was found with
--fail-on-match, or nothing could be written, 2 wrong usage or rules.";

/// Takes personal data and secrets out of text, line by line.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[command(group = clap::ArgGroup::new("told").args(["stats", "explain"]).multiple(true))]
pub(super) struct Arguments {
    /// Rules, instead of the default ones: what `config` of `builtin:redact` takes, as a file.
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,

    /// Says at the end, on standard error, what was found.
    #[arg(long)]
    stats: bool,

    /// Prints, instead of the lines, which rule hit what and why, and which nearly did and why not.
    #[arg(long)]
    explain: bool,

    /// Changes nothing: the lines come out as they went in.
    #[arg(long)]
    dry_run: bool,

    /// Ends with status 1 when anything was found.
    #[arg(long)]
    fail_on_match: bool,

    /// What `--stats` says as one JSON document, what `--explain` says as one per line.
    #[arg(long, requires = "told")]
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
            let cache = cache.as_deref();
            let offline = if self.is_trial() {
                Box::pin(Offline::on_trial(&config, cache)).await?
            } else {
                Box::pin(Offline::load(&config, cache)).await?
            };
            let chain = offline.plugins.log_chain(&config.logs.plugins);
            let mut tally = Tally::default();
            let begun = Instant::now();
            let notes = self.explain.then(|| Notes {
                records: &offline.records,
                json: self.json,
                is_styled: terminal.out.is_styled(),
            });
            let manner = Manner { chain: &chain, dry_run: self.dry_run, notes };
            self.filter(&manner, terminal, &mut tally).await?;
            let withheld = withheld(&chain);
            let exposed = offline.metrics.expose(None, None);
            let scrape = Scrape::parse(&String::from_utf8_lossy(&exposed.body));
            let found = Found::new(&scrape, &tally, withheld, begun.elapsed().as_secs_f64());
            self.tell(&found, offline.records.dropped(), terminal);
            if withheld > 0 {
                let lines = count(withheld, "line");
                let why = format!("{lines} withheld, because the plugin failed on them");
                return Err(Failure::failed(why));
            }
            Ok(u8::from(self.fail_on_match && found.hits() > 0))
        })
    }

    /// Whether the plugin is tried out: then it says more.
    fn is_trial(&self) -> bool {
        self.explain || self.stats
    }

    /// Says on standard error what was asked for, and what should be known anyway.
    fn tell(&self, found: &Found, lost: u64, terminal: &mut Terminal<'_>) {
        if self.stats {
            let text = if self.json { found.json() } else { found.shown(self.dry_run) };
            terminal.complain(text.trim_end());
        } else if found.cut > 0 {
            let pieces = count(found.cut, "place");
            terminal.say(format_args!(
                "{DOUBTFUL}warning{DOUBTFUL:#}: lines longer than {} were cut at {pieces}",
                ByteSize(lines::LONGEST as u64)
            ));
        }
        if lost > 0 {
            terminal.say(format_args!(
                "{DOUBTFUL}warning{DOUBTFUL:#}: {lost} notes are missing, there were too many at once"
            ));
        }
        if self.fail_on_match && !self.stats && found.hits() > 0 {
            let values = count(found.hits(), "value");
            terminal.say(format_args!(
                "{DOUBTFUL}found{DOUBTFUL:#}: {values}; `tamis redact --explain` says which"
            ));
        }
    }

    /// The plugin alone, with its rules, and told to explain itself if it shall.
    fn configuration(&self, environment: &Environment<'_>) -> Result<Config, Failure> {
        let mut config = configuration(self.rules.as_deref(), environment)?;
        if self.explain {
            for plugin in &mut config.plugins {
                plugin.settings.set("explain", true.into());
            }
        }
        Ok(config)
    }

    async fn filter(
        &self,
        manner: &Manner<'_>,
        terminal: &mut Terminal<'_>,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        // What is written over would get between the lines of a result on the same screen.
        let is_watched =
            terminal.talk.is_terminal() && !terminal.out.is_terminal() && terminal.volume >= 0;
        let Terminal { out, talk, .. } = terminal;
        let out = out.bytes();
        if self.files.is_empty() {
            return filter(
                tokio::io::stdin(),
                "stdin",
                manner,
                &mut Progress::hidden(),
                out,
                tally,
            )
            .await;
        }
        for path in &self.files {
            let shown = path.display();
            let unreadable =
                |error| Failure::failed(format!("`{shown}` cannot be read")).because(error);
            if path.as_os_str() == "-" {
                filter(tokio::io::stdin(), "stdin", manner, &mut Progress::hidden(), out, tally)
                    .await?;
                continue;
            }
            let file = tokio::fs::File::open(path).await.map_err(unreadable)?;
            let size = file.metadata().await.ok().filter(std::fs::Metadata::is_file);
            let mut progress = match size {
                Some(size) if is_watched => {
                    Progress::new(Some(talk.bytes()), &shown.to_string(), size.len())
                }
                _ => Progress::hidden(),
            };
            filter(file, &format!("file:{shown}"), manner, &mut progress, out, tally).await?;
        }
        Ok(())
    }
}

/// The plugin alone, with its rules. It has more time than in the proxy: nobody waits.
pub(super) fn configuration(
    rules: Option<&Path>,
    environment: &Environment<'_>,
) -> Result<Config, Failure> {
    let mut text = String::from(
        "[logs]\nplugins = [\"redact\"]\n[plugins.redact]\ncomponent = \"builtin:redact\"\n\
         allow = [\"metrics\"]\ndeadline = \"10s\"\nmemory = \"64 MiB\"\n",
    );
    if let Some(rules) = rules {
        let rules = or_stdin(rules.to_owned());
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

/// What becomes of lines.
struct Manner<'a> {
    chain: &'a LogChain,
    /// They come out as they went in.
    dry_run: bool,
    /// Notes on them come out instead.
    notes: Option<Notes<'a>>,
}

/// What went through.
#[derive(Debug, Default)]
struct Tally {
    bytes: u64,
    lines: u64,
    /// Lines that are others than before, or would be.
    changed: u64,
    /// How often a line was too long to be looked at as a whole.
    cut: u64,
}

/// Reads to the end; writes whatever is complete as soon as it is there.
async fn filter(
    mut input: impl AsyncRead + Unpin,
    source: &str,
    manner: &Manner<'_>,
    progress: &mut Progress<'_>,
    out: &mut (dyn Write + Send),
    tally: &mut Tally,
) -> Result<(), Failure> {
    let source = Source::from(source);
    let mut lines = Lines::default();
    let mut buffer = vec![0; READ];
    // Of this source alone.
    let mut number = 1;
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
        match &manner.notes {
            Some(notes) => {
                for line in batch {
                    tally.changed +=
                        annotate(line, &mut number, &source, manner, notes, out).await?;
                }
                out.flush()?;
            }
            None => tally.changed += pass(batch, &source, manner, out).await?,
        }
        progress.add(read as u64);
        if read == 0 {
            tally.cut += lines.cut();
            return Ok(());
        }
    }
}

/// Writes what is left of lines, and answers how many are others than before.
async fn pass(
    batch: Vec<Line>,
    source: &Source,
    manner: &Manner<'_>,
    out: &mut (dyn Write + Send),
) -> Result<u64, Failure> {
    if batch.is_empty() {
        return Ok(0);
    }
    let now = Moment::now().wall;
    let before = batch.clone();
    let records = batch.into_iter().map(|line| Record::of_bytes(now, line.bytes)).collect();
    let records = manner.chain.raw(source, records).await;
    let same = records.len() == before.len();
    let last = records.len().saturating_sub(1);
    let mut changed = before.len().abs_diff(records.len()) as u64;
    // Standard output gives each line that ends to the system by itself, so they come together.
    let mut written = Vec::with_capacity(before.iter().map(|line| line.bytes.len() + 1).sum());
    for (at, record) in records.into_iter().enumerate() {
        let bytes = record.into_bytes();
        changed += u64::from(same && bytes != before[at].bytes);
        if manner.dry_run {
            continue;
        }
        written.extend_from_slice(&bytes);
        // When lines were dropped or joined, those that are left end like lines, and the last one
        // as the last one did.
        let at = if same || at < last { at } else { before.len() - 1 };
        if before[at].ends || (!same && at < last) {
            written.push(b'\n');
        }
    }
    if manner.dry_run {
        for line in before {
            written.extend_from_slice(&line.bytes);
            if line.ends {
                written.push(b'\n');
            }
        }
    }
    out.write_all(&written)?;
    out.flush()?;
    Ok(changed)
}

/// Prints what the plugin says of one line, and answers whether it is another than before.
async fn annotate(
    line: Line,
    number: &mut u64,
    source: &Source,
    manner: &Manner<'_>,
    notes: &Notes<'_>,
    out: &mut (dyn Write + Send),
) -> Result<u64, Failure> {
    let record = Record::of_bytes(Moment::now().wall, line.bytes.clone());
    let seen = Seen::of(&record);
    let after = manner.chain.raw(source, vec![record]).await;
    let file = source.strip_prefix("file:").unwrap_or(source);
    notes.print(file, *number, &seen, out)?;
    *number += u64::from(line.ends);
    let same = matches!(after.as_slice(), [one] if one.clone().into_bytes() == line.bytes);
    Ok(u64::from(!same))
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
    /// Lines that are others than before, or would be.
    changed: u64,
    /// Hits per rule, the most first.
    matches: Vec<(String, u64)>,
    /// Rules that are on and never hit.
    silent: Vec<String>,
}

impl Found {
    fn new(scrape: &Scrape, tally: &Tally, withheld: u64, seconds: f64) -> Self {
        let matches = scrape.by(MATCHES, &[], "rule");
        // A counter is a whole number, and below 2^53.
        let matches = matches.into_iter().map(|(rule, hits)| (rule, hits as u64));
        let (matches, silent): (Vec<_>, Vec<_>) = matches.partition(|(_, hits)| *hits > 0);
        Self {
            bytes: tally.bytes,
            lines: tally.lines,
            seconds,
            withheld,
            cut: tally.cut,
            changed: tally.changed,
            matches,
            silent: silent.into_iter().map(|(rule, _)| rule).collect(),
        }
    }

    fn hits(&self) -> u64 {
        self.matches.iter().map(|(_, hits)| hits).sum()
    }

    fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("plain data")
    }

    fn shown(&self, dry_run: bool) -> String {
        let (hits, changed) = (self.hits(), self.changed);
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
        // A few lines say nothing of how fast it went.
        let speed = match self.bytes {
            bytes if bytes < 1_000_000 => String::new(),
            bytes => format!(", {:.0} MB/s", bytes as f64 / self.seconds.max(1e-6) / 1e6),
        };
        let bytes = ByteSize(self.bytes);
        let lines = count(self.lines, "line");
        if !self.silent.is_empty() {
            let silent = format!("never: {}", self.silent.join(" "));
            for line in wrapped(&silent, WIDTH) {
                text.push_str(&format!("  {FAINT}{line}{FAINT:#}\n"));
            }
        }
        let done = if dry_run { "would be redacted" } else { "redacted" };
        text.push_str(&format!(
            "{STRONG}{hits} {done}{STRONG:#} {FAINT}in {changed} of {lines}, {bytes}{speed}{FAINT:#}\n"
        ));
        for (number, what) in [(self.withheld, "withheld"), (self.cut, "cut for their length")] {
            if number > 0 {
                let number = count(number, "line");
                text.push_str(&format!("{DOUBTFUL}{number} {what}{DOUBTFUL:#}\n"));
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
        run(form, false, chunks, expected).await
    }

    async fn run(
        form: LogForm,
        dry_run: bool,
        chunks: &[&[u8]],
        expected: &[u8],
    ) -> (LogChain, Tally) {
        let chain = chain(form);
        let (mut out, mut tally) = (Vec::new(), Tally::default());
        let input = Chunks(chunks.iter().map(|chunk| chunk.to_vec()).collect());
        let manner = Manner { chain: &chain, dry_run, notes: None };
        let mut progress = Progress::hidden();
        let done = filter(input, "stdin", &manner, &mut progress, &mut out, &mut tally).await;
        done.expect("written");
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
    async fn a_dry_run_counts_and_changes_nothing() {
        for form in [LogForm::Raw, LogForm::Block] {
            let text = b"a secret\r\nb\n\xff secret\npoison\nsecret";
            let (_, tally) = run(form, true, &[text], text).await;
            assert_eq!((tally.lines, tally.bytes), (4, text.len() as u64));
            assert!(tally.changed >= 1);
        }
        let (_, tally) = run(LogForm::Block, true, &[b"a secret\nb\n"], b"a secret\nb\n").await;
        assert_eq!(tally.changed, 1);
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
        let tally = Tally { bytes: 20_000_000, lines: 1000, changed: 30, cut: 1 };
        let found = Found::new(&Scrape::parse(text), &tally, 0, 0.1);
        let shown = strip_str(&found.shown(false)).to_string();
        assert!(
            shown.starts_with("  email        40\n  card          2\n  never: iban\n42 redacted in 30 of 1000 lines"),
            "{shown}"
        );
        assert!(shown.contains("200 MB/s") && shown.contains("1 line cut"), "{shown}");
        let json: serde_json::Value = serde_json::from_str(&found.json()).expect("JSON");
        assert_eq!(json["matches"][0][0], "email");
        assert_eq!(json["silent"][0], "iban");
        assert!(found.shown(true).contains("42 would be redacted"));
    }

    #[test]
    fn rules_are_read_as_the_configuration_of_the_plugin() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("it's \"mine\".toml");
        std::fs::write(&path, "rules = [\"email\"]\n").expect("a file");
        let mut arguments = Arguments {
            rules: Some(path),
            stats: false,
            explain: false,
            dry_run: false,
            fail_on_match: false,
            json: false,
            files: Vec::new(),
        };
        let config = arguments.configuration(&|_| None).expect("valid");
        assert_eq!(config.plugins[0].settings.json()["rules"][0], "email");
        assert!(config.plugins[0].settings.json().get("explain").is_none());

        arguments.explain = true;
        let config = arguments.configuration(&|_| None).expect("valid");
        assert_eq!(config.plugins[0].settings.json()["rules"][0], "email");
        assert_eq!(config.plugins[0].settings.json()["explain"], true);

        arguments.rules = Some("/nowhere/rules.toml".into());
        assert_eq!(arguments.configuration(&|_| None).expect_err("not there").status(), 2);
        arguments.rules = None;
        assert!(arguments.configuration(&|_| None).is_ok());
    }
}
