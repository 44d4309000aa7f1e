//! How fast the redact plugin goes through a file of log lines, inside of its sandbox, for whoever
//! compares it with others (`tests/bench/redact`).
//!
//! The lines go through the log corridor's own chain, so all copies are counted: joining lines to
//! blocks, into the sandbox, and what is spliced back. Reading the file is not. Prints one JSON
//! document: the processor time of each pass, which other programs do not disturb as they do the
//! clock, and the memory of the plugin's instances afterwards.

use std::fmt::Write as _;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tamis_host::filter::{Record, Source};

#[path = "support/room.rs"]
#[expect(dead_code, reason = "shared with benchmarks that need more of it")]
mod room;

use room::Room;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Lines that are offered at once, as the corridor does.
const BATCH: usize = 512;

/// So many passes are timed when nothing else is asked for.
const PASSES: usize = 5;

#[expect(clippy::print_stdout, reason = "its result")]
fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let Some(path) = arguments.next() else {
        println!(
            "usage: throughput FILE [SETTINGS [PASSES]]   (SETTINGS as in TOML: key = value, …)"
        );
        return;
    };
    let settings = arguments.next().unwrap_or_default();
    let passes = arguments.next().and_then(|passes| passes.parse().ok()).unwrap_or(PASSES);
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("`{path}`: {error}"));
    let lines: Vec<_> = text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).collect();
    let component = arguments.next().unwrap_or_else(|| "builtin:redact".to_owned());
    let room = Room::of(&format!(
        "[[routes]]\nupstream = \"http://127.0.0.1:9\"\n\n[logs]\nplugins = [\"redact\"]\n\n\
         [plugins.redact]\ncomponent = \"{component}\"\nallow = [\"metrics\"]\nmemory = \"16 MiB\"\n\
         config = {{ {settings} }}\n"
    ));
    let chain = room.logs();
    let source: Source = "child".into();
    let mut seconds = Vec::new();
    let mut changed = 0;
    for pass in 0..=passes {
        let mut took = Duration::ZERO;
        changed = 0;
        for batch in lines.chunks(BATCH) {
            let of = |line: &&[u8]| Record::of_bytes(0, line.to_vec());
            let records: Vec<_> = batch.iter().map(of).collect();
            let before = cpu();
            let out = room.once(chain.raw(&source, records));
            took += cpu() - before;
            assert_eq!(out.len(), batch.len(), "no line is lost");
            let differs = |(record, line): (&Record, &&[u8])| record.message.as_bytes() != *line;
            changed +=
                out.iter().zip(batch).filter(|&(record, line)| differs((record, line))).count();
        }
        // The first warms the caches.
        if pass > 0 {
            seconds.push(took.as_secs_f64());
        }
    }
    let mut list = String::new();
    for (at, pass) in seconds.iter().enumerate() {
        let _ = write!(list, "{}{pass:.6}", if at == 0 { "" } else { ", " });
    }
    println!(
        "{{\"bytes\": {}, \"lines\": {}, \"changed\": {changed}, \"memory\": {}, \"seconds\": [{list}]}}",
        text.len(),
        lines.len(),
        room.plugins.iter().map(|plugin| plugin.memory()).sum::<usize>()
    );
}

/// Processor time of this thread.
fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.try_into().unwrap_or(0))
}
