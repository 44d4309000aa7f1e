//! Compares tamis with nginx and with a minimal hyper proxy, on this machine, in one run.
//!
//! Without a verb it measures and prints; the verbs `upstream` and `bare` are the programs
//! that it starts beside nginx and tamis. `run.sh` builds everything first.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tamis_bench::{bare, bars, measure, report, upstream};

#[derive(Parser)]
#[command(about = "tamis beside nginx and a minimal hyper proxy, interleaved, as ratios")]
struct Arguments {
    #[command(subcommand)]
    role: Option<Role>,
    #[command(flatten)]
    options: measure::Options,
    /// Writes everything that was measured here, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Ends with status 1 when a bar is missed
    #[arg(long)]
    enforce: bool,
}

#[derive(Subcommand)]
enum Role {
    /// The server behind every subject
    #[command(hide = true)]
    Upstream {
        /// Listens here
        address: SocketAddr,
    },
    /// The minimal proxy made with hyper
    #[command(hide = true)]
    Bare {
        /// Listens here
        address: SocketAddr,
        /// Sends everything there
        upstream: SocketAddr,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match act(arguments) {
        Ok(code) => code,
        Err(error) => {
            // Nobody is left to tell when this fails.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn act(arguments: Arguments) -> Result<ExitCode, Box<dyn std::error::Error>> {
    match arguments.role {
        Some(Role::Upstream { address }) => {
            upstream::serve(address, |_| ())?;
            return Ok(ExitCode::SUCCESS);
        }
        Some(Role::Bare { address, upstream }) => {
            bare::serve(address, upstream)?;
            return Ok(ExitCode::SUCCESS);
        }
        None => {}
    }
    let results = measure::all(&arguments.options, &mut |line| {
        let _ = writeln!(io::stderr(), "{line}");
    })?;
    let verdicts = bars::judge(&results);
    io::stdout().write_all(report::table(&results, &verdicts).as_bytes())?;
    if let Some(path) = &arguments.json {
        std::fs::write(path, report::json(&results, &verdicts)?)?;
    }
    let missed = verdicts.iter().any(|verdict| verdict.missed());
    Ok(if arguments.enforce && missed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
