//! `tamis test`: rule files of the redact plugin, with the vectors that stand in them.
//!
//! The file is read as the configuration of the plugin is, so that everything is told on the
//! operator's lines. The rules are tried natively, by the same engine that the component is made
//! of: what a file is told besides would only make the component larger.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;
use tamis_redact::trial;

use super::redact::configuration;
use super::terminal::{DOUBTFUL, FAINT, GOOD, Printable, STRONG, aligned, count};
use super::{Failure, Terminal};
use crate::config::{Component, Config, Environment, Fault, Faults, Warning};

/// What is tested when nothing is named.
const DEFAULT: &str = "redact.toml";
/// How often it is said how far it is, and how long it takes before that is worth a word.
const PAUSE: Duration = Duration::from_millis(200);

const EXAMPLES: &str = "\
Examples:
  tamis test                              redact.toml of this folder
  tamis test rules/*.toml
  tamis test --json redact.toml | jq '.files[].faults[] | \"\\(.file):\\(.line) \\(.problem)\"'

A rule file holds rules of your own, each with texts and what becomes of them. Tested, such a text
is also cut at every place, put into other texts, and redacted again. Beside faults and warnings it
is told which parts of a rule no text needs (untested), and which values are still found when they
are changed a little (still found): whether that is right, only you know.

Status: 0 fine, warnings or not; 1 faults or failing texts; 2 there is nothing to test.";

/// Tests rule files: every text in them has to become what is said beside it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Prints the findings as one JSON document.
    #[arg(long)]
    json: bool,

    /// Rule files; `-`: standard input.
    #[arg(value_name = "FILE", default_value = DEFAULT)]
    files: Vec<PathBuf>,
}

/// What was found in all files.
#[derive(Debug, Serialize)]
struct Findings {
    files: Vec<Tested>,
}

/// What was found in one file.
#[derive(Debug, Serialize)]
struct Tested {
    file: String,
    #[serde(flatten)]
    trial: Trial,
}

/// What trying the rules of a configuration showed.
#[derive(Debug, Default, Serialize)]
pub(super) struct Trial {
    rules: Vec<Rule>,
    pub(super) faults: Vec<Fault>,
    pub(super) warnings: Vec<Warning>,
}

/// A rule of a file.
#[derive(Debug, Serialize)]
struct Rule {
    name: String,
    vectors: usize,
    /// Parts that no vector needs.
    untested: Vec<Warning>,
    /// Changed texts in which something is still found.
    found: Vec<Found>,
}

/// A text of a vector, changed a little.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Found {
    change: &'static str,
    text: String,
}

impl Trial {
    /// Tries the rules of every redact plugin in a configuration.
    pub(super) fn of(config: &Config, told: &mut dyn FnMut(usize, usize)) -> Self {
        let mut trial = Self::default();
        let is_redact = |component: &Component| match component {
            Component::BuiltIn(name) => name.as_str() == "redact",
            Component::File(_) => false,
        };
        for plugin in config.plugins.iter().filter(|plugin| is_redact(&plugin.component)) {
            let settings = &plugin.settings;
            let warning = |warning: trial::Warning| {
                let message = match warning.rule.as_str() {
                    "" => warning.message,
                    rule => format!("{rule}: {}", warning.message),
                };
                Warning::new(settings.fault(&warning.path, &message, None))
            };
            let report = trial::run(settings.json(), told);
            let faults = report.errors.into_iter();
            trial.faults.extend(
                faults.map(|one| settings.fault(&one.path, &one.message, one.hint.as_deref())),
            );
            trial.warnings.extend(report.warnings.into_iter().map(warning));
            trial.rules.extend(report.rules.into_iter().map(|rule| {
                Rule {
                    name: rule.name,
                    vectors: rule.vectors,
                    untested: rule.untested.into_iter().map(warning).collect(),
                    found: rule
                        .near
                        .into_iter()
                        .map(|near| Found { change: near.change, text: near.text })
                        .collect(),
                }
            }));
        }
        trial
    }
}

impl Arguments {
    pub(super) fn act(
        self,
        environment: &Environment<'_>,
        terminal: &mut Terminal<'_>,
    ) -> Result<u8, Failure> {
        let mut files = Vec::new();
        for path in &self.files {
            let shown = path.display().to_string();
            let mut progress = Progress::new(terminal, &shown);
            let trial = test(path, environment, &mut |done, all| progress.tell(done, all))?;
            drop(progress);
            files.push(Tested { file: shown, trial });
        }
        let failed = files.iter().any(|file| !file.trial.faults.is_empty());
        if self.json {
            let findings = Findings { files };
            let text = serde_json::to_string_pretty(&findings).expect("findings are plain data");
            terminal.out.print(format_args!("{text}\n"))?;
        } else {
            for file in &files {
                terminal.out.print(file.shown())?;
            }
        }
        Ok(u8::from(failed))
    }
}

fn test(
    path: &Path,
    environment: &Environment<'_>,
    told: &mut dyn FnMut(usize, usize),
) -> Result<Trial, Failure> {
    match configuration(Some(path), environment) {
        Ok(config) => Ok(Trial::of(&config, told)),
        Err(Failure::Configuration(faults)) => Ok(Trial {
            rules: Vec::new(),
            faults: faults.faults().to_vec(),
            warnings: faults.warnings().to_vec(),
        }),
        Err(failure) => Err(failure),
    }
}

impl Tested {
    fn shown(&self) -> String {
        let Self { file, trial: Trial { rules, faults, warnings } } = self;
        let mut text = String::new();
        let rows: Vec<_> = rules
            .iter()
            .map(|rule| {
                let name = Printable(&rule.name);
                let vectors = count(rule.vectors as u64, "vector");
                vec![format!("  {name}"), format!("{FAINT}{vectors}{FAINT:#}")]
            })
            .collect();
        for (row, rule) in aligned(&rows).into_iter().zip(rules) {
            text.push_str(&format!("{row}\n"));
            for part in &rule.untested {
                let message = part.problem().trim_start_matches(&format!("{}: ", rule.name));
                text.push_str(&format!(
                    "    {DOUBTFUL}untested{DOUBTFUL:#}: {} {FAINT}{}{FAINT:#}\n",
                    Printable(message),
                    part.origin()
                ));
            }
            for found in &rule.found {
                text.push_str(&format!(
                    "    {FAINT}still found, {}: {}{FAINT:#}\n",
                    found.change,
                    Printable(&found.text)
                ));
            }
        }
        for warning in warnings {
            text.push_str(&format!("\n{}", warning.styled()));
        }
        if !warnings.is_empty() || !faults.is_empty() {
            text.push('\n');
        }
        if !faults.is_empty() {
            let faults = Faults::new(faults.clone(), Vec::new());
            text.push_str(&format!("{}\n", faults.styled()));
            return text;
        }
        let vectors: usize = rules.iter().map(|rule| rule.vectors).sum();
        let mut what = vec![count(rules.len() as u64, "rule"), count(vectors as u64, "vector")];
        if !warnings.is_empty() {
            what.push(count(warnings.len() as u64, "warning"));
        }
        let what = what.join(", ");
        text.push_str(&format!("{GOOD}fine{GOOD:#}{STRONG}: {file}{STRONG:#}, {what}\n"));
        text
    }
}

/// How far a file is: a line on a terminal that is written over, and gone at the end.
struct Progress<'a> {
    talk: Option<&'a mut (dyn Write + Send)>,
    file: &'a str,
    written: Instant,
    is_shown: bool,
}

impl<'a> Progress<'a> {
    fn new(terminal: &'a mut Terminal<'_>, file: &'a str) -> Self {
        let is_watched = terminal.talk.is_terminal() && terminal.volume >= 0;
        let talk = is_watched.then(|| terminal.talk.bytes() as &mut (dyn Write + Send));
        Self { talk, file, written: Instant::now(), is_shown: false }
    }

    fn tell(&mut self, done: usize, all: usize) {
        let Some(talk) = &mut self.talk else { return };
        if self.written.elapsed() >= PAUSE {
            (self.written, self.is_shown) = (Instant::now(), true);
            // That nobody listens is no failure.
            let _ =
                write!(talk, "\r\x1b[K{}: {done} of {}", self.file, count(all as u64, "vector"));
            let _ = talk.flush();
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if let (Some(talk), true) = (&mut self.talk, self.is_shown) {
            let _ = talk.write_all(b"\r\x1b[K").and_then(|()| talk.flush());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Stream, call};
    use crate::filter::canary::Watch;

    const BADGE: &str = "[[rule]]\nname = 'badge'\nmatch = 'EMP-(?<value>[0-9]{6})'\n\
        [[rule.test]]\nin = 'EMP-123456 x'\nout = 'EMP-[badge] x'\n";

    fn test(text: &str, more: &[&str]) -> (u8, String, String) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("redact.toml");
        std::fs::write(&path, text).expect("a file");
        run(&[&["tamis", "test"], more, &[path.to_str().expect("text")]].concat())
    }

    fn run(arguments: &[&str]) -> (u8, String, String) {
        let (mut out, mut talk) = (Vec::new(), Vec::new());
        let mut terminal = Terminal {
            out: Stream::plain(&mut out),
            talk: Stream::plain(&mut talk),
            volume: 0,
            watch: Watch::default(),
        };
        let status = call(arguments, &|_| None, &mut terminal);
        drop(terminal);
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (status, text(out), text(talk))
    }

    #[test]
    fn a_file_that_holds_is_fine_and_its_warnings_have_lines() {
        let (status, out, talk) = test(BADGE, &[]);
        assert_eq!((status, talk.as_str()), (0, ""), "{out}");
        assert!(out.starts_with("  badge  1 vector\n"), "{out}");
        assert!(out.contains("warning: badge: no vector shows what stays"), "{out}");
        assert!(out.contains("redact.toml:1:1"), "{out}");
        assert!(out.contains("fine: ") && out.contains("1 rule, 1 vector, 1 warning"), "{out}");
    }

    #[test]
    fn a_failing_text_is_shown_with_its_line_and_what_it_became() {
        let more =
            "[[rule.test]]\nin = 'EMP-654321'\nsame = true\n[[rule]]\nname = 'b'\nmatch = 'x+'\n";
        let (status, out, _) = test(&format!("{BADGE}{more}"), &[]);
        assert_eq!(status, 1, "{out}");
        assert!(
            out.contains("redact.toml:12:1") && out.contains("`x+` has no upper bound"),
            "{out}"
        );
        let more = "[[rule.test]]\nin = 'EMP-654321'\nsame = true\n";
        let (status, out, _) = test(&format!("{BADGE}{more}"), &[]);
        assert_eq!(status, 1, "{out}");
        assert!(out.contains("error: a vector of `badge` fails"), "{out}");
        assert!(out.contains("redact.toml:9:1"), "{out}");
        assert!(out.contains("expected  EMP-654321\n"), "{out}");
        assert!(out.contains("got       EMP-[badge]\n"), "{out}");
    }

    #[test]
    fn a_machine_gets_the_same() {
        let (status, out, _) = test("rules = ['emial']\n", &["--json"]);
        assert_eq!(status, 1, "{out}");
        let findings: serde_json::Value = serde_json::from_str(&out).expect("JSON");
        assert_eq!(findings["files"][0]["faults"][0]["line"], 1);
        let (status, out, _) = test(BADGE, &["--json"]);
        assert_eq!(status, 0, "{out}");
        let findings: serde_json::Value = serde_json::from_str(&out).expect("JSON");
        let rule = &findings["files"][0]["rules"][0];
        assert_eq!((&rule["name"], &rule["vectors"]), (&"badge".into(), &1.into()));
        assert_eq!(findings["files"][0]["warnings"][0]["severity"], "warning");
    }

    #[test]
    fn what_is_no_toml_is_a_fault_and_what_is_not_there_wrong_usage() {
        let (status, out, _) = test("rules = [", &[]);
        assert_eq!(status, 1, "{out}");
        let (status, out, talk) = run(&["tamis", "test", "/nowhere/redact.toml"]);
        assert_eq!((status, out.as_str()), (2, ""));
        assert!(talk.contains("`/nowhere/redact.toml` cannot be read"), "{talk}");
    }

    #[test]
    fn a_configuration_that_names_the_file_is_checked_as_closely() {
        let folder = tempfile::tempdir().expect("a folder");
        let rules = format!("{BADGE}[[rule.test]]\nin = 'EMP-654321'\nsame = true\n");
        std::fs::write(folder.path().join("redact.toml"), rules).expect("a file");
        let config = "[plugins.redact]\ncomponent = \"builtin:redact\"\nconfig = \"redact.toml\"\n\
            allow = [\"metrics\"]\n[[routes]]\nupstream = \"http://127.0.0.1:9\"\n";
        let path = folder.path().join("tamis.toml");
        std::fs::write(&path, config).expect("a file");
        let (status, out, _) = run(&["tamis", "check", "-c", path.to_str().expect("text")]);
        assert_eq!(status, 1, "{out}");
        assert!(
            out.contains("redact.toml:9:1") && out.contains("a vector of `badge` fails"),
            "{out}"
        );
    }
}
