//! Prints what the plugin says of each line: what was hit and why, what nearly was and why not.
//!
//! The plugin writes a record per note while it looks at a line, so lines are handed to it one by
//! one here, and what it wrote belongs to the line that it saw last. No value is in a note, only
//! its shape.

use std::io::{self, Write};

use anstream::adapter::strip_str;
use serde::Serialize;

use crate::cli::terminal::{DOUBTFUL, FAINT, GOOD, Printable, STRONG};
use crate::filter::{Record, Value};
use crate::plugin::services::Inbox;

/// Where notes come from and how they are printed.
pub(super) struct Notes<'a> {
    /// What the plugin writes.
    pub(super) records: &'a Inbox,
    /// A JSON document in each line, for machines.
    pub(super) json: bool,
    /// With colours.
    pub(super) is_styled: bool,
}

/// What is said of some bytes of a line.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Note {
    file: String,
    /// From 1 on.
    line: u64,
    /// The first byte in the line, from 0 on.
    start: usize,
    /// Behind the last one.
    end: usize,
    rule: String,
    /// `hit` or `miss`.
    verdict: String,
    /// What was done with a hit.
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<String>,
    /// Why it is no hit.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    why: String,
    shape: String,
}

impl Notes<'_> {
    /// Prints what was written about the line `seen`, number `line` of `file`.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub(super) fn print(
        &self,
        file: &str,
        line: u64,
        seen: &Seen,
        out: &mut (dyn Write + Send),
    ) -> io::Result<()> {
        while let Some((_, record)) = self.records.try_pop() {
            let Some(note) = Note::read(&record, file, line, seen) else { continue };
            let text = if self.json {
                serde_json::to_string(&note).map_err(io::Error::other)?
            } else if self.is_styled {
                note.shown()
            } else {
                strip_str(&note.shown()).to_string()
            };
            writeln!(out, "{text}")?;
        }
        Ok(())
    }
}

/// A line as the plugin saw it. Bytes that are no UTF-8 reach it as characters of two bytes, and so
/// its offsets are others.
pub(super) struct Seen {
    text: Option<String>,
}

impl Seen {
    pub(super) fn of(record: &Record) -> Self {
        Self { text: record.latin1.then(|| record.message.clone()) }
    }

    fn offset(&self, offset: usize) -> usize {
        match &self.text {
            None => offset,
            Some(text) => text.char_indices().take_while(|(at, _)| *at < offset).count(),
        }
    }
}

impl Note {
    /// A record of the plugin, if it is a note.
    fn read(record: &Record, file: &str, line: u64, seen: &Seen) -> Option<Self> {
        let value = |name: &str| {
            record.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value)
        };
        let text = |name: &str| match value(name) {
            Some(Value::Text(text)) => Some(text.clone()),
            _ => None,
        };
        let offset = |name: &str| match value(name) {
            Some(Value::Integer(number)) => usize::try_from(*number).ok(),
            _ => None,
        };
        if !matches!(record.message.as_str(), "hit" | "miss") {
            return None;
        }
        Some(Self {
            file: file.to_owned(),
            line,
            start: seen.offset(offset("start")?),
            end: seen.offset(offset("end")?),
            rule: text("rule")?,
            verdict: record.message.clone(),
            action: text("action"),
            reason: text("reason"),
            why: text("why")?,
            shape: text("shape")?,
        })
    }

    /// For people: place, rule, what became of it, why, what it looks like.
    fn shown(&self) -> String {
        let place =
            format!("{}:{}:{}-{}", Printable(&self.file), self.line, self.start + 1, self.end);
        let (rule, why, shape) = (&self.rule, Printable(&self.why), Printable(&self.shape));
        match (&self.action, &self.reason) {
            (Some(action), _) => format!(
                "{STRONG}{place}{STRONG:#} {GOOD}{rule}{GOOD:#} {action}: {why} {FAINT}{shape}{FAINT:#}"
            ),
            (_, reason) => {
                let reason = reason.as_deref().unwrap_or("passed");
                format!(
                    "{FAINT}{place}{FAINT:#} {rule} {DOUBTFUL}{reason}{DOUBTFUL:#}: {why} \
                     {FAINT}{shape}{FAINT:#}"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Severity;
    use crate::filter::queue::{Bound, Queue};

    fn record(message: &str, start: i64, end: i64, key: &str, what: &str) -> Record {
        let mut record = Record::structured(0, Some(Severity::Debug), message.to_owned());
        let text = |text: &str| Value::Text(text.to_owned());
        record.attributes = vec![
            ("record".into(), Value::Integer(0)),
            ("start".into(), Value::Integer(start)),
            ("end".into(), Value::Integer(end)),
            ("rule".into(), text("card")),
            (key.into(), text(what)),
            ("why".into(), text("it is so")),
            ("shape".into(), text("dddd")),
        ];
        record
    }

    fn printed(json: bool, line: &[u8], records: Vec<Record>) -> String {
        let inbox: Inbox = Queue::new(Bound { items: 10, weight: 10_000 });
        for record in records {
            inbox.push_or_drop(1, ("plugin:redact".into(), record));
        }
        let notes = Notes { records: &inbox, json, is_styled: false };
        let seen = Seen::of(&Record::of_bytes(0, line.to_vec()));
        let mut out = Vec::new();
        notes.print("a.log", 7, &seen, &mut out).expect("written");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn hits_and_near_misses_are_told_with_their_place() {
        let records = vec![
            record("hit", 4, 8, "action", "last4"),
            record("miss", 9, 12, "reason", "checksum"),
        ];
        let expected = "a.log:7:5-8 card last4: it is so dddd\n\
                        a.log:7:10-12 card checksum: it is so dddd\n";
        assert_eq!(printed(false, b"pay 1234 567", records), expected);
    }

    #[test]
    fn machines_get_a_document_per_line() {
        let text = printed(true, b"pay 1234", vec![record("miss", 4, 8, "reason", "checksum")]);
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let expected = serde_json::json!({
            "file": "a.log", "line": 7, "start": 4, "end": 8, "rule": "card", "verdict": "miss",
            "reason": "checksum", "why": "it is so", "shape": "dddd",
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn offsets_are_those_of_the_bytes_that_were_read() {
        let text = printed(false, b"\xff\xff 1234", vec![record("hit", 5, 9, "action", "mask")]);
        assert!(text.starts_with("a.log:7:4-7 "), "{text}");
    }

    #[test]
    fn other_records_of_the_plugin_are_left_out() {
        let other = Record::structured(0, Some(Severity::Info), "hello".to_owned());
        assert_eq!(printed(false, b"x", vec![other]), "");
    }
}
