//! Ordinary logs pass as they are: whoever sees them changed switches a redactor off.

#[allow(dead_code, reason = "other tests use the rest")]
mod generate;

use tamis_redact::{Engine, Kind, Rules, Scratch};

/// As many as a day of a small service.
const LINES: usize = 100_000;
/// How many changed lines a failure shows.
const SHOWN: usize = 20;

#[test]
fn a_hundred_thousand_lines_without_personal_data_pass() {
    let (engine, mut scratch) = (Engine::new(Rules::default()), Scratch::default());
    let mut changed = Vec::new();
    for line in generate::clean::lines(1, LINES) {
        let clean = engine.redact(Kind::Text, line.as_bytes(), &mut scratch);
        if clean != line.as_bytes() {
            changed.push(format!("  {line}\n    {}", String::from_utf8_lossy(&clean)));
        }
    }
    let shown = changed.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("\n");
    assert!(changed.is_empty(), "{} lines are changed:\n{shown}", changed.len());
}

#[test]
fn the_same_seed_gives_the_same_lines() {
    let lines = |seed| generate::clean::lines(seed, 100).collect::<Vec<_>>();
    assert_eq!(lines(7), lines(7));
    assert_ne!(lines(7), lines(8));
    assert!(lines(7).iter().all(|line| !line.contains(['\n', '\r'])));
}
