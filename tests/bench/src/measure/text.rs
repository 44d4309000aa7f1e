//! Redaction of log text by `tamis redact`: all default rules, in the sandbox, one processor.
//!
//! The text is made here: lines of applications as text and as JSON, three in a hundred with
//! something to redact. Starting the program is taken out of the figure by comparing a long
//! file with a short one.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::process::Command;

use crate::process::{Process, Processors, Start};
use crate::subject::Workshop;

/// The length of the long file, in bytes.
const LONG: usize = 256 * 1024 * 1024;
/// The length of the short file, in bytes.
const SHORT: usize = 1024 * 1024;

/// Bytes per second of processor time, several times.
pub(super) fn rates(
    workshop: &Workshop,
    processors: &Processors,
    rounds: u16,
) -> Result<Vec<f64>, String> {
    let text = |error: io::Error| error.to_string();
    let long = workshop.folder.join("long.log");
    let short = workshop.folder.join("short.log");
    write(&long, LONG).map_err(text)?;
    write(&short, SHORT).map_err(text)?;
    let mut rates = Vec::new();
    for _ in 0..rounds {
        let all = spent(workshop, processors, &long)?;
        let start = spent(workshop, processors, &short)?;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53 bytes")]
        let bytes = (LONG - SHORT) as f64;
        rates.push(bytes / (all - start).max(0.001));
    }
    let _ = std::fs::remove_file(long);
    Ok(rates)
}

/// Seconds of processor time for one file.
fn spent(workshop: &Workshop, processors: &Processors, file: &Path) -> Result<f64, String> {
    let mut command = Command::new(&workshop.tamis);
    command.arg("redact").arg(file);
    let errors = workshop.folder.join("redact.stderr");
    let start = Start { command, processor: processors.subject, output: None, errors: &errors };
    let (spent, status) = Process::start(start, processors)
        .and_then(Process::finish)
        .map_err(|error| error.to_string())?;
    if !status.success() {
        let said = std::fs::read_to_string(&errors).unwrap_or_default();
        return Err(format!("`tamis redact` ended with {status}: {said}"));
    }
    Ok(spent.total.as_secs_f64())
}

fn write(path: &Path, length: usize) -> io::Result<()> {
    let block = block();
    let mut file = BufWriter::new(File::create(path)?);
    let mut written = 0;
    while written < length {
        let piece = &block[..block.len().min(length - written)];
        file.write_all(piece.as_bytes())?;
        written += piece.len();
    }
    file.flush()
}

/// A thousand lines, thirty of them with hits. ASCII, so that it may be cut anywhere.
fn block() -> String {
    let mut text = String::new();
    for number in 0..1000 {
        let hit = number % 100 == 17 || number % 100 == 50 || number % 100 == 83;
        let time = format!("2026-11-03T09:{:02}:{:02}.{number:03}Z", number / 60 % 60, number % 60);
        let what = match (hit, number % 3) {
            (false, 0) => "checked the basket and found all of it in stock",
            (false, _) => "rendered the template orders/detail.html from the cache",
            (true, 0) => "sent the receipt to jane.doe@mail.example",
            (true, 1) => "charged the card 4111 1111 1111 1111",
            (true, _) => "login with password=correct-horse-battery",
        };
        let _ = if number % 2 == 0 {
            writeln!(
                text,
                "{time} INFO [worker-{}] shop.orders.views: {what} in {} ms for order {} \
                 (attempt 1 of 3, queue depth {}, no retry)",
                number % 8,
                number % 90,
                40_000 + number,
                number % 12
            )
        } else {
            writeln!(
                text,
                "{{\"time\":\"{time}\",\"level\":\"info\",\"logger\":\"shop.orders.views\",\
                 \"thread\":\"worker-{}\",\"message\":\"{what}\",\"order\":{},\"duration_ms\":{},\
                 \"path\":\"/orders/detail\",\"method\":\"GET\",\"status\":200}}",
                number % 8,
                40_000 + number,
                number % 90
            )
        };
    }
    text
}
