//! Prints recall and precision per entity on a corpus of labelled texts: `corpus FILE…`. Without a
//! file it is the one beside the repository.
//!
//! A file has a JSON object in each line: `entity`, `text`, `values` (what must not be left of it),
//! `should_detect`, and perhaps `in_default_set` and `arguable` (why the label may be disputed; such
//! texts are not counted). `--show N` prints the first wrong ones, `--rules FILE` takes rules as
//! JSON. A file that is not there is skipped.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use tamis_redact::{Engine, Kind, Rules, Scratch};

/// Where a corpus is, seen from the root of the repository.
const CASES: &str = "../shared/cases/redaction/cases.jsonl";

#[derive(Default)]
struct Row {
    positive: usize,
    found: usize,
    negative: usize,
    changed: usize,
}

impl Row {
    fn recall(&self) -> String {
        share(self.found, self.positive)
    }

    fn precision(&self) -> String {
        share(self.found, self.found + self.changed)
    }
}

fn share(part: usize, whole: usize) -> String {
    if whole == 0 { "–".into() } else { format!("{:.1} %", 100.0 * part as f64 / whole as f64) }
}

fn main() -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let (mut files, mut show, mut rules) = (Vec::new(), 0, Rules::default());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match &*argument {
            "--show" => show = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(10),
            "--rules" => {
                let file = std::fs::read(arguments.next().unwrap_or_default())?;
                let config = serde_json::from_slice(&file)?;
                rules = Rules::from_config(&config)
                    .map_err(|errors| std::io::Error::other(format!("{errors:?}")))?;
            }
            _ => files.push(argument),
        }
    }
    if files.is_empty() {
        files.push(CASES.into());
    }
    let (engine, mut scratch) = (Engine::new(rules), Scratch::default());
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    let (mut wrong, mut read) = (Vec::new(), 0);
    for file in &files {
        let Ok(opened) = std::fs::File::open(file) else {
            writeln!(out, "skipped: there is no corpus at {file}")?;
            continue;
        };
        for line in std::io::BufReader::new(opened).lines() {
            let case: serde_json::Value = serde_json::from_str(&line?)?;
            let flag = |name: &str, otherwise| case[name].as_bool().unwrap_or(otherwise);
            if !flag("in_default_set", true) || case["arguable"].is_string() {
                continue;
            }
            let (entity, text) = (case["entity"].as_str(), case["text"].as_str());
            let (Some(entity), Some(text)) = (entity, text) else { continue };
            read += 1;
            let clean = engine.redact(Kind::Text, text.as_bytes(), &mut scratch);
            let clean = String::from_utf8_lossy(&clean);
            let values = case["values"].as_array().into_iter().flatten();
            let left = values.filter_map(|value| value.as_str()).any(|value| clean.contains(value));
            let row = rows.entry(entity.to_owned()).or_default();
            let right = if flag("should_detect", true) {
                let found = clean != text && !left;
                row.positive += 1;
                row.found += usize::from(found);
                found
            } else {
                row.negative += 1;
                row.changed += usize::from(clean != text);
                clean == text
            };
            if !right && wrong.len() < show {
                wrong.push(format!("{entity}\n  in  {text:?}\n  out {clean:?}"));
            }
        }
    }
    if read == 0 {
        writeln!(out, "no corpus was given, or none is there: nothing to score")?;
        return out.flush();
    }
    writeln!(
        out,
        "{:34} {:>9} {:>13} {:>9} {:>11}",
        "entity", "recall", "found", "precision", "changed"
    )?;
    for (entity, row) in &rows {
        let found = format!("{}/{}", row.found, row.positive);
        let changed = format!("{}/{}", row.changed, row.negative);
        writeln!(
            out,
            "{entity:34} {:>9} {found:>13} {:>9} {changed:>11}",
            row.recall(),
            row.precision()
        )?;
    }
    for case in wrong {
        writeln!(out, "\n{case}")?;
    }
    out.flush()
}
