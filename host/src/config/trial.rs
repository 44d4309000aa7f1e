//! What the tests of this room have in common: texts in, faults out.

use std::fmt::Write as _;
use std::path::Path;

use super::{Config, Fault, Faults, Warning};

/// A route that makes a file complete.
pub(super) const ROUTE: &str = "[[routes]]\nupstream = \"http://127.0.0.1:9000\"\n";

pub(super) fn environment(name: &str) -> Option<String> {
    let value = match name {
        "REDIS_URL" => "redis://:hunter2@cache/1",
        "TOKEN" => "hunter2",
        "EMPTY" => "",
        _ => return None,
    };
    Some(value.into())
}

pub(super) fn load(text: &str) -> Result<(Config, Vec<Warning>), Faults> {
    Config::load(Path::new("t.toml"), text, &environment)
}

pub(super) fn config(text: &str) -> Config {
    load(text).unwrap_or_else(|faults| panic!("{text}\n{faults}")).0
}

/// Place, part of the cause, part of the remedy.
pub(super) type Expected = (&'static str, &'static str, &'static str);

pub(super) fn differs(found: &Fault, (place, cause, remedy): Expected) -> bool {
    found.origin().to_string() != format!("t.toml:{place}")
        || !found.problem().contains(cause)
        || !found.help().unwrap_or_default().contains(remedy)
}

/// Checks that each text has these faults and no others.
pub(super) fn check_faults(rows: &[(&str, &[Expected])]) {
    let mut failed = String::new();
    for (text, expected) in rows {
        let faults = match load(text) {
            Ok(_) => Vec::new(),
            Err(faults) => faults.faults().to_vec(),
        };
        if faults.len() != expected.len()
            || faults.iter().zip(*expected).any(|(f, e)| differs(f, *e))
        {
            let _ = writeln!(failed, "── {text}\nexpected {expected:#?}\nfound");
            faults.iter().for_each(|fault| failed += &fault.to_string());
        }
    }
    assert!(failed.is_empty(), "{failed}");
}
