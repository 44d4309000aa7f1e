//! Records as texts, for hooks that want blocks, and back.
//!
//! A scanner pays per block and not per record, so consecutive records are joined by LF. One
//! that has fields is written as a line of JSON, and so is seen as the sinks will show it; a
//! plugin that redacts text needs nothing more to redact the access log.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::record::{EditError, LogChange, LogEdit, Record, apply};
use super::value::{Splice, SpliceError, Value, splice_text};

/// Longest text of one block, in bytes. A record that is longer is a block of its own.
pub const MAX_BLOCK: usize = 64 * 1024;

/// The name under which the message stands in the line of a record with fields, always first.
const MESSAGE: &str = "message";

/// Consecutive records joined to texts, and how to get back.
pub struct Blocks {
    /// One record per block; its message is the joined text, and nothing else is said.
    texts: Vec<Record>,
    /// For each block, where its records are.
    runs: Vec<Run>,
    /// For each record of the batch, how long its line is.
    lines: Vec<usize>,
}

/// The records of one block.
#[derive(Debug, Clone, Copy)]
struct Run {
    first: usize,
    number: usize,
}

impl Blocks {
    /// Joins the records of a batch. All come from one source.
    pub fn of(batch: &[Record]) -> Self {
        let lines = Vec::with_capacity(batch.len());
        let mut blocks = Self { texts: Vec::new(), runs: Vec::new(), lines };
        let mut open = false;
        let mut written = String::new();
        for (index, record) in batch.iter().enumerate() {
            let line = if record.parsed {
                written.clear();
                write_line(record, &mut written);
                &written
            } else {
                &record.message
            };
            blocks.lines.push(line.len());
            // One that is not UTF-8 would change what the bytes of its neighbours mean.
            let joins = open && !record.latin1;
            if let (true, Some(text), Some(run)) =
                (joins, blocks.texts.last_mut(), blocks.runs.last_mut())
                && text.message.len() + 1 + line.len() <= MAX_BLOCK
            {
                if run.number == 1 {
                    // Lines of one source are about as long as each other, and growing means
                    // copying.
                    let ahead = (batch.len() - index).saturating_mul(line.len() + 1);
                    text.message.reserve(ahead.min(MAX_BLOCK - text.message.len()));
                }
                text.message.push('\n');
                text.message.push_str(line);
                run.number += 1;
                continue;
            }
            open = !record.latin1;
            // What is known of the first record is not said of the run, and an edit of it could
            // not be cut into records again.
            let text = Record {
                latin1: record.latin1,
                parsed: false,
                ..Record::structured(record.time, None, line.as_str())
            };
            blocks.texts.push(text);
            blocks.runs.push(Run { first: index, number: 1 });
        }
        blocks
    }

    /// The blocks, as a hook gets them.
    pub fn texts(&self) -> &[Record] {
        &self.texts
    }

    /// Cuts the edited blocks into records again and applies the edits, all or none. A splice
    /// across the end of a record joins it with the next. Answers how many records were dropped.
    ///
    /// # Errors
    ///
    /// [`EditError`]; the batch is as it was.
    pub fn apply(&self, batch: &mut Vec<Record>, edits: Vec<LogEdit>) -> Result<usize, EditError> {
        let mut own = Vec::new();
        let mut joined = 0;
        let mut rewritten = vec![false; self.runs.len()];
        for edit in edits {
            let index = edit.index;
            let (run, text) = match (self.runs.get(index), self.texts.get(index)) {
                (Some(run), Some(text)) => (*run, &text.message),
                _ => return Err(EditError::Index { index, len: self.runs.len() }),
            };
            if matches!(edit.change, LogChange::SetMessage(_) | LogChange::SpliceMessage(_))
                && std::mem::replace(&mut rewritten[index], true)
            {
                return Err(EditError::TwoMessages { index });
            }
            match edit.change {
                LogChange::SpliceMessage(splices) => {
                    joined += self.splice(run, text, batch, &splices, &mut own)?;
                }
                LogChange::SetMessage(line) if run.number == 1 => {
                    rewrite(batch, run.first, line, &mut own)?;
                }
                // One text for several records says nothing of where each of them ends; given
                // to each, it would multiply the log.
                LogChange::SetMessage(_) => {
                    return Err(EditError::Joined { index, records: run.number });
                }
                // What else could be meant for several records at once is for each of them.
                change => own.extend(
                    (run.first..run.first + run.number)
                        .map(|index| LogEdit { index, change: change.clone() }),
                ),
            }
        }
        // Records that were joined to the one before are no loss, so they are not counted.
        apply(batch, own).map(|dropped| dropped - joined)
    }

    /// Turns splices of a block into edits of its records. Answers how many records were joined
    /// to the one before.
    fn splice(
        &self,
        run: Run,
        text: &str,
        batch: &[Record],
        splices: &[Splice],
        edits: &mut Vec<LogEdit>,
    ) -> Result<usize, EditError> {
        let last = run.first + run.number - 1;
        let mut joined = 0;
        let mut record = run.first;
        // Where the line of `record` begins in the block.
        let mut start = 0;
        let mut waiting = splices.iter().peekable();
        while let Some(splice) = waiting.peek() {
            while record < last && splice.at > start + self.lines[record] {
                start += self.lines[record] + 1;
                record += 1;
            }
            let (head, origin) = (record, start);
            let mut own = Vec::new();
            while let Some(splice) =
                waiting.next_if(|splice| splice.at <= start + self.lines[record] || record == last)
            {
                let error = |source| EditError::Splice { index: head, source };
                let end = splice.at.checked_add(splice.len).ok_or(error(SpliceError::Bounds))?;
                while end > start + self.lines[record] && record < last {
                    start += self.lines[record] + 1;
                    record += 1;
                    joined += 1;
                    if batch[head].parsed || batch[record].parsed {
                        return Err(EditError::Fields { index: head });
                    }
                    edits.push(LogEdit { index: record, change: LogChange::Drop });
                }
                let at = splice.at.checked_sub(origin).ok_or(error(SpliceError::Order))?;
                own.push(Splice { at, len: splice.len, bytes: splice.bytes.clone() });
            }
            let line = text.get(origin..start + self.lines[record]).unwrap_or_default();
            let line = splice_text(line, &own)
                .map_err(|source| EditError::Splice { index: head, source })?;
            rewrite(batch, head, line, edits)?;
        }
        Ok(joined)
    }
}

/// The edits that make a record say what its line says now.
fn rewrite(
    batch: &[Record],
    index: usize,
    line: String,
    edits: &mut Vec<LogEdit>,
) -> Result<(), EditError> {
    let mut edit = |change| edits.push(LogEdit { index, change });
    let record = &batch[index];
    if !record.parsed {
        edit(LogChange::SetMessage(line));
        return Ok(());
    }
    let broken = EditError::Fields { index };
    let Ok(Fields(fields)) = serde_json::from_str::<Fields<'_>>(&line) else {
        return Err(broken);
    };
    let mut fields = fields.into_iter().peekable();
    if let Some((_, message)) = fields.next_if(|(name, _)| name == MESSAGE) {
        let text = match value_of(message) {
            Value::Text(text) => text,
            _ => message.get().to_owned(),
        };
        if text != record.message {
            edit(LogChange::SetMessage(text));
        }
    } else {
        edit(LogChange::SetMessage(String::new()));
    }
    let mut shown = String::new();
    for (name, old) in &record.attributes {
        shown.clear();
        if !write_value(old, &mut shown) {
            continue;
        }
        match fields.next_if(|(known, _)| known == name) {
            Some((_, new)) if new.get() == shown => {}
            Some((_, new)) => edit(LogChange::SetAttribute((name.clone(), value_of(new)))),
            None => edit(LogChange::RemoveAttribute(name.clone())),
        }
    }
    // A field that was not there, or stands elsewhere now: nobody can say what it replaces.
    if fields.next().is_some() { Err(broken) } else { Ok(()) }
}

/// Writes a record with fields as one line of JSON: the message, then the attributes in order.
fn write_line(record: &Record, out: &mut String) {
    out.push('{');
    write_string(MESSAGE, out);
    out.push(':');
    write_string(&record.message, out);
    for (name, value) in &record.attributes {
        let before = out.len();
        out.push(',');
        write_string(name, out);
        out.push(':');
        if !write_value(value, out) {
            out.truncate(before);
        }
    }
    out.push('}');
}

/// Writes a value; answers whether it is shown at all. Bytes are not: sinks do not show them.
fn write_value(value: &Value, out: &mut String) -> bool {
    use fmt::Write as _;
    match value {
        Value::Blob(_) => return false,
        Value::Text(text) => write_string(text, out),
        Value::Integer(number) => {
            // Writing to a string does not fail.
            let _ = write!(out, "{number}");
        }
        Value::Float(_) | Value::Boolean(_) => {
            let _ = write!(out, "{}", value.to_json());
        }
        // A document on several lines would look like several records.
        Value::Json(text) => match serde_json::from_str::<&RawValue>(text) {
            Ok(document) if !document.get().contains('\n') => out.push_str(document.get()),
            Ok(_) => {
                let _ = write!(out, "{}", value.to_json());
            }
            Err(_) => write_string(text, out),
        },
    }
    true
}

fn write_string(text: &str, out: &mut String) {
    // What a JSON string escapes is ASCII, so most texts are copied as they are.
    let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    if text.bytes().all(plain) {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else if let Ok(quoted) = serde_json::to_string(text) {
        out.push_str(&quoted);
    }
}

/// A value as it was written. Documents stay as they are, byte for byte.
fn value_of(written: &RawValue) -> Value {
    let text = written.get();
    match text.as_bytes().first() {
        Some(b'{' | b'[' | b'n') => Value::Json(text.to_owned()),
        _ => match serde_json::from_str(text) {
            Ok(serde_json::Value::String(text)) => Value::Text(text),
            Ok(serde_json::Value::Bool(truth)) => Value::Boolean(truth),
            Ok(serde_json::Value::Number(number)) => match (number.as_i64(), number.as_f64()) {
                (Some(number), _) => Value::Integer(number),
                (None, Some(number)) => Value::Float(number),
                (None, None) => Value::Json(text.to_owned()),
            },
            _ => Value::Json(text.to_owned()),
        },
    }
}

/// The members of an object in their order, names that occur twice included.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut members: M) -> Result<Fields<'de>, M::Error> {
                let mut fields = Vec::new();
                while let Some(member) = members.next_entry()? {
                    fields.push(member);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn records(messages: &[&str]) -> Vec<Record> {
        messages.iter().map(|text| Record::of_bytes(1, text.as_bytes().to_vec())).collect()
    }

    /// Replaces texts in a block as a scanner does.
    fn replace(text: &str, hits: &[(&str, &str)]) -> LogEdit {
        let mut splices: Vec<_> = hits
            .iter()
            .flat_map(|(hit, with)| {
                text.match_indices(hit).map(|(at, hit)| Splice {
                    at,
                    len: hit.len(),
                    bytes: with.as_bytes().to_vec(),
                })
            })
            .collect();
        splices.sort_by_key(|splice| splice.at);
        LogEdit { index: 0, change: LogChange::SpliceMessage(splices) }
    }

    fn access() -> Record {
        Record::structured(1, None, "Request completed")
            .with("path", "/u/ada \"x\"\n")
            .with("card", 4_111)
            .with("took", 1.5)
            .with("trusted", true)
            .with("seen", Value::Json("{\"b\": [1, \"ada\"], \"a\":1.0}".to_owned()))
            .with("odd", Value::Json("no document".to_owned()))
            .with("bytes", Value::Blob(b"ada".to_vec()))
    }

    #[test]
    fn a_block_shows_no_attributes_and_takes_no_message() {
        let mut batch: Vec<Record> = records(&["one", "two"])
            .into_iter()
            .map(|record| record.with("log.iostream", "stdout"))
            .collect();
        let before = batch.clone();
        let blocks = Blocks::of(&batch);
        assert_eq!(blocks.texts().len(), 1);
        assert_eq!(blocks.texts()[0].message, "one\ntwo");
        assert!(blocks.texts()[0].attributes.is_empty());

        let set = LogEdit { index: 0, change: LogChange::SetMessage("both".to_owned()) };
        assert_eq!(
            blocks.apply(&mut batch, vec![set]),
            Err(EditError::Joined { index: 0, records: 2 })
        );
        let twice =
            vec![replace("one\ntwo", &[("one", "1")]), replace("one\ntwo", &[("two", "2")])];
        assert_eq!(blocks.apply(&mut batch, twice), Err(EditError::TwoMessages { index: 0 }));
        assert_eq!(batch, before, "a refused edit leaves the batch as it was");
    }

    #[test]
    fn a_record_with_fields_is_a_line_of_json_and_keeps_what_was_not_touched() {
        let mut batch = vec![access(), access()];
        let blocks = Blocks::of(&batch);
        let text = blocks.texts()[0].message.clone();
        let line = r#"{"message":"Request completed","path":"/u/ada \"x\"\n","card":4111,"took":1.5,"trusted":true,"seen":{"b": [1, "ada"], "a":1.0},"odd":"no document"}"#;
        assert_eq!(text, format!("{line}\n{line}"));

        let edit = replace(&text, &[("ada", "[x]"), ("4111", "\"[card]\""), ("Request", "R")]);
        assert_eq!(blocks.apply(&mut batch, vec![edit]), Ok(0));
        let expected = Record::structured(1, None, "R completed")
            .with("path", "/u/[x] \"x\"\n")
            .with("card", "[card]")
            .with("took", 1.5)
            .with("trusted", true)
            .with("seen", Value::Json("{\"b\": [1, \"[x]\"], \"a\":1.0}".to_owned()))
            .with("odd", Value::Json("no document".to_owned()))
            .with("bytes", Value::Blob(b"ada".to_vec()));
        assert_eq!(batch, [expected.clone(), expected]);
    }

    #[test]
    fn a_field_that_is_cut_out_is_gone() {
        let mut batch = vec![access()];
        let blocks = Blocks::of(&batch);
        let edit = replace(&blocks.texts()[0].message, &[(",\"card\":4111", "")]);
        assert_eq!(blocks.apply(&mut batch, vec![edit]), Ok(0));
        assert_eq!(batch[0].attribute("card"), None);
        assert_eq!(batch[0].attributes.len(), access().attributes.len() - 1);
    }

    #[test]
    fn a_line_that_holds_the_fields_no_more_is_refused() {
        let mut batch = vec![access(), access()];
        let blocks = Blocks::of(&batch);
        let text = &blocks.texts()[0].message;
        for hits in [
            [("}\n{", ",")],
            [("\"path\"", "path")],
            [("\"path\"", "\"way\"")],
            [("{\"message\"", "[{\"message\"")],
        ] {
            let refused = blocks.apply(&mut batch, vec![replace(text, &hits)]);
            assert_eq!(refused, Err(EditError::Fields { index: 0 }), "{hits:?}");
            assert_eq!(batch, [access(), access()]);
        }
    }

    #[test]
    fn what_is_not_utf8_comes_on_its_own() {
        let mut batch = records(&["one", "two"]);
        batch.insert(1, Record::of_bytes(1, vec![0xff]));
        let blocks = Blocks::of(&batch);
        let texts: Vec<_> = blocks.texts().iter().map(|text| text.message.as_str()).collect();
        assert_eq!(texts, ["one", "\u{ff}", "two"]);
    }

    proptest! {
        /// Splices of a block do to the records what they do to the joined text, wherever
        /// they fall.
        #[test]
        fn a_block_of_records_is_its_text(
            messages in proptest::collection::vec("[a-c]{0,5}", 1..8),
            cuts in proptest::collection::vec((0usize..60, 0usize..6, "[x-z]{0,3}"), 0..6),
        ) {
            let batch: Vec<_> =
                messages.iter().map(|text| Record::of_bytes(1, text.as_bytes().to_vec())).collect();
            let text = messages.join("\n");
            let mut cuts = cuts;
            cuts.sort();
            let mut splices = Vec::new();
            let mut from = 0;
            for (at, len, with) in cuts {
                if at >= from && at + len <= text.len() {
                    splices.push(Splice { at, len, bytes: with.into_bytes() });
                    from = at + len + 1;
                }
            }
            let blocks = Blocks::of(&batch);
            prop_assert_eq!(&blocks.texts()[0].message, &text);
            let mut edited = batch;
            let edits = vec![LogEdit { index: 0, change: LogChange::SpliceMessage(splices.clone()) }];
            let edits = if splices.is_empty() { Vec::new() } else { edits };
            let lost = blocks.apply(&mut edited, edits);
            prop_assert_eq!(lost, Ok(0));
            let joined: Vec<_> = edited.iter().map(|record| record.message.as_str()).collect();
            let expected = splice_text(&text, &splices).unwrap();
            prop_assert_eq!(joined.join("\n"), expected);
        }

        /// A line in which nothing is touched says nothing new of its record.
        #[test]
        fn fields_survive_their_line(
            message in ".{0,20}",
            fields in proptest::collection::vec((".{0,8}", ".{0,20}", any::<i64>(), any::<f64>()), 0..4),
        ) {
            let mut record = Record::structured(1, None, message);
            for (name, text, integer, float) in fields {
                record = record.with(&name, text.as_str()).with(&name, integer).with(&name, float);
                record = record.with(&name, Value::Json(text));
            }
            let batch = vec![record];
            let mut line = String::new();
            write_line(&batch[0], &mut line);
            prop_assert!(!line.contains('\n'));
            let mut edits = Vec::new();
            prop_assert_eq!(rewrite(&batch, 0, line, &mut edits), Ok(()));
            prop_assert_eq!(edits, []);
        }
    }
}
