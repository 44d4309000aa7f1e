//! Prints ordinary lines of logs without any personal data: `clean_logs COUNT [SEED]`.
//!
//! With `--hits` only those lines that the default rules change, as they are and as they become:
//! each of them is a false alarm.

#[path = "../tests/generate/mod.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod generate;

use std::io::Write;
use tamis_redact::{Engine, Kind, Rules, Scratch};

fn main() -> std::io::Result<()> {
    let mut numbers = Vec::new();
    let mut hits = false;
    for argument in std::env::args().skip(1) {
        match argument.parse::<u64>() {
            Ok(number) => numbers.push(number),
            Err(_) if argument == "--hits" => hits = true,
            Err(_) => return Err(std::io::Error::other("usage: clean_logs COUNT [SEED] [--hits]")),
        }
    }
    let count = numbers.first().copied().unwrap_or(1000);
    let seed = numbers.get(1).copied().unwrap_or(1);
    let (engine, mut scratch) = (Engine::new(Rules::default()), Scratch::default());
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in generate::clean::lines(seed, usize::try_from(count).unwrap_or(usize::MAX)) {
        if !hits {
            writeln!(out, "{line}")?;
            continue;
        }
        let clean = engine.redact(Kind::Text, line.as_bytes(), &mut scratch);
        if clean != line.as_bytes() {
            writeln!(out, "in  {line}\nout {}", String::from_utf8_lossy(&clean))?;
        }
    }
    out.flush()
}
