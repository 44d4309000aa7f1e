//! `tamis check`: everything that is wrong with a configuration, without opening a socket.
//!
//! Two stages, the second only after the first: the file itself, then its plugins, which are
//! loaded, configured and thrown away.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::run::DEFAULT;
use super::terminal::{GOOD, STRONG, count};
use super::test::Trial;
use super::{Failure, Terminal, cache_folder, or_stdin, with_runtime};
use crate::app::App;
use crate::config::{Config, Environment, Fault, Faults, Overrides, Warning};

const EXAMPLES: &str = "\
Examples:
  tamis check                      tamis.toml of this folder
  tamis check -c other.toml
  tamis check --json | jq '.faults[] | \"\\(.file):\\(.line) \\(.problem)\"'
  tamis check -c - < tamis.toml    from standard input

Status: 0 fine, warnings or not; 1 faults; 2 there is nothing to check.";

/// Checks a configuration and loads its plugins, without opening a socket.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The configuration.
    #[arg(short, long, value_name = "FILE", default_value = DEFAULT)]
    config: PathBuf,

    /// Prints the findings as one JSON document.
    #[arg(long)]
    json: bool,
}

/// What was found.
#[derive(Debug, Serialize)]
struct Findings {
    file: String,
    faults: Vec<Fault>,
    warnings: Vec<Warning>,
}

impl Arguments {
    pub(super) fn act(
        self,
        environment: &Environment<'_>,
        terminal: &mut Terminal<'_>,
    ) -> Result<u8, Failure> {
        let path = or_stdin(self.config.clone());
        // One that is not there is wrong usage, and not a fault in it.
        if let Err(error) = std::fs::metadata(&path) {
            let problem = format!("`{}` cannot be read: {error}", path.display());
            return Err(Failure::usage(problem).help("name the configuration: `-c FILE`"));
        }
        let cache = cache_folder(environment);
        let result = with_runtime(async {
            Ok(Box::pin(check(&path, environment, cache.as_deref())).await)
        })?;
        if self.json {
            return self.print_json(&result, terminal);
        }
        match result {
            Err(faults) => {
                terminal.out.print(format_args!("{}\n", faults.styled()))?;
                Ok(1)
            }
            Ok((config, warnings)) => {
                for warning in &warnings {
                    terminal.out.print(format_args!("{}\n", warning.styled()))?;
                }
                terminal.out.print(self.verdict(&config, &warnings))?;
                Ok(0)
            }
        }
    }

    fn verdict(&self, config: &Config, warnings: &[Warning]) -> String {
        let mut what = vec![
            count(config.routes.len() as u64, "route"),
            count(config.plugins.len() as u64, "plugin"),
        ];
        if !warnings.is_empty() {
            what.push(count(warnings.len() as u64, "warning"));
        }
        let file = self.config.display();
        format!("{GOOD}fine{GOOD:#}{STRONG}: {file}{STRONG:#}, {}\n", what.join(", "))
    }

    fn print_json(&self, result: &Outcome, terminal: &mut Terminal<'_>) -> Result<u8, Failure> {
        let (faults, warnings) = match result {
            Ok((_, warnings)) => (Vec::new(), warnings.clone()),
            Err(faults) => (faults.faults().to_vec(), faults.warnings().to_vec()),
        };
        let status = u8::from(!faults.is_empty());
        let file = self.config.display().to_string();
        let findings = Findings { file, faults, warnings };
        let text = serde_json::to_string_pretty(&findings).expect("findings are plain data");
        terminal.out.print(format_args!("{text}\n"))?;
        Ok(status)
    }
}

type Outcome = Result<(Config, Vec<Warning>), Faults>;

async fn check(path: &Path, environment: &Environment<'_>, cache: Option<&Path>) -> Outcome {
    let (config, mut warnings) = Config::read(path, environment, &Overrides::default())?;
    match App::check(&config, cache).await {
        Ok(more) => {
            warnings.extend(more);
            // The plugins take their configuration; whether rules do what they shall is told here.
            let trial = Trial::of(&config, &mut |_, _| ());
            warnings.extend(trial.warnings);
            if trial.faults.is_empty() {
                Ok((config, warnings))
            } else {
                Err(Faults::new(trial.faults, warnings))
            }
        }
        Err(faults) => {
            warnings.extend(faults.warnings().iter().cloned());
            Err(Faults::new(faults.faults().to_vec(), warnings))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Stream, call};
    use crate::filter::canary::Watch;

    fn check(text: &str, more: &[&str]) -> (u8, String, String) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tamis.toml");
        std::fs::write(&path, text).expect("a file");
        let path = path.to_str().expect("text");
        run(&[&["tamis", "check", "-c", path], more].concat())
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
    fn all_faults_are_told_with_their_lines() {
        let (status, out, talk) = check("[server]\ngrace = 30\nlimts = {}\n", &[]);
        assert_eq!(status, 1, "{out}{talk}");
        assert!(out.contains("tamis.toml:2:9") && out.contains("tamis.toml:3:1"), "{out}");
        assert!(out.contains("error: 2 faults"), "{out}");
        assert_eq!(talk, "", "findings are a result");
    }

    #[test]
    fn a_machine_gets_the_same() {
        let (status, out, _) = check("[server]\ngrace = 30\n", &["--json"]);
        assert_eq!(status, 1);
        let findings: serde_json::Value = serde_json::from_str(&out).expect("JSON");
        assert_eq!(findings["faults"][0]["line"], 2);
        assert!(findings["file"].as_str().expect("text").ends_with("tamis.toml"));
    }

    #[test]
    fn a_file_that_is_not_there_is_wrong_usage() {
        let (status, out, talk) = run(&["tamis", "check", "-c", "/nowhere/tamis.toml"]);
        assert_eq!((status, out.as_str()), (2, ""));
        assert!(talk.contains("`/nowhere/tamis.toml` cannot be read"), "{talk}");
    }

    #[test]
    fn warnings_leave_it_fine() {
        // No plugin: nothing has to be loaded.
        let text = "[[routes]]\nupstream = \"http://127.0.0.1:9\"\n[[routes]]\n\
                    upstream = \"http://127.0.0.1:8\"\nname = \"never\"\n";
        let (status, out, talk) = check(text, &[]);
        assert_eq!(status, 0, "{out}{talk}");
        assert!(out.contains("warning: no request gets here"), "{out}");
        assert!(out.contains("fine: ") && out.contains("2 routes, 0 plugins, 1 warning"), "{out}");
    }
}
