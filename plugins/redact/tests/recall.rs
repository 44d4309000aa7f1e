//! What share of invented personal data and secrets the default rules find, per entity.
//!
//! The texts are not those that the rules were written with, and not every one can be found: a
//! number of a telephone in its national form is digits like others. A share that sinks is a class
//! of values that is missed from now on.

#[allow(dead_code, reason = "other tests use the rest")]
mod generate;

use generate::personal::{ENTITIES, cases};
use tamis_redact::{Engine, Kind, Rules, Scratch};

/// How many texts there are of each entity.
const CASES: usize = 600;
/// How many missed ones a failure shows.
const SHOWN: usize = 12;

/// The least share of each entity in percent, where it is not all of them.
const LEAST: &[(&str, f64)] = &[
    // Bare digits behind `call` are no number of a telephone.
    ("phone, national", 98.0),
    // A token in prose that has a slash or a plus among its first letters.
    ("bearer", 99.0),
    // `with password '…'` has no sign, and what has no digit behind `is` may be any word.
    ("password", 94.0),
];

#[test]
fn personal_data_is_found_in_whatever_form_it_is_written() {
    let (engine, mut scratch) = (Engine::new(Rules::default()), Scratch::default());
    let mut below = Vec::new();
    for (entity, makers) in ENTITIES {
        let mut missed = Vec::new();
        for case in cases(makers, 11, CASES) {
            let clean = engine.redact(Kind::Text, case.text.as_bytes(), &mut scratch);
            let clean = String::from_utf8_lossy(&clean);
            if clean.contains(&case.value) {
                missed.push(format!("  {:?}\n  {clean:?}", case.text));
            }
        }
        let share = 100.0 * (CASES - missed.len()) as f64 / CASES as f64;
        let least =
            LEAST.iter().find(|(name, _)| name == entity).map_or(100.0, |(_, least)| *least);
        println!("{entity:24} {share:5.1} %");
        if share < least {
            let shown = missed.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("\n");
            below.push(format!("{entity}: {share:.1} % of {least} %\n{shown}"));
        }
    }
    assert!(below.is_empty(), "{}", below.join("\n\n"));
}
