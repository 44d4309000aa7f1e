//! One log record and the edits that a hook may ask for.
//!
//! A record begins as text that was read from a source, possibly several lines that belong
//! together. It is parsed at most once, after the `raw` and `block` hooks have seen it and
//! before the `parsed` ones do. Records that arrive structured (the access record, the
//! host's own events) never had a text of their own and count as parsed from the start.

use std::sync::Arc;

use super::value::{Attribute, Severity, Splice, SpliceError, TraceContext, Value, splice_text};

/// Where records come from: `child`, `stdin`, `file:<path>`, `access`, `host`, `error`,
/// `plugin:<name>`. Cheap to clone.
pub type Source = Arc<str>;

/// One entry of a log, with the fields of OpenTelemetry's log data model.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Nanoseconds since the Unix epoch: when the text says it was written, else when it
    /// was read.
    pub time: u64,
    /// Absent when neither the source nor the text states one.
    pub severity: Option<Severity>,
    /// What was logged. See [`Record::latin1`] for text that is not UTF-8.
    pub message: String,
    /// The other fields.
    pub attributes: Vec<Attribute>,
    /// The trace that the record belongs to, when it is stated.
    pub trace: Option<TraceContext>,
    /// The exchange that the record belongs to, when that is certain.
    pub request_id: Option<Arc<str>>,
    /// The text read was not UTF-8, so each byte became the code point of the same number
    /// in `message`; [`Record::into_bytes`] undoes this.
    pub latin1: bool,
    /// The text was taken apart, or there never was one.
    pub parsed: bool,
}

impl Record {
    /// A record of bytes that were read at `time`, not parsed yet.
    ///
    /// Bytes that are not UTF-8 are kept as an isomorphic string.
    pub fn of_bytes(time: u64, bytes: Vec<u8>) -> Self {
        let (message, latin1) = match String::from_utf8(bytes) {
            Ok(text) => (text, false),
            Err(error) => (error.as_bytes().iter().map(|&byte| char::from(byte)).collect(), true),
        };
        Self { latin1, parsed: false, ..Self::structured(time, None, message) }
    }

    /// A record that has its fields already.
    pub fn structured(time: u64, severity: Option<Severity>, message: impl Into<String>) -> Self {
        Self {
            time,
            severity,
            message: message.into(),
            attributes: Vec::new(),
            trace: None,
            request_id: None,
            latin1: false,
            parsed: true,
        }
    }

    /// The same record with one more attribute.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.attributes.push((name.to_owned(), value.into()));
        self
    }

    /// The value of the first attribute of that name.
    pub fn attribute(&self, name: &str) -> Option<&Value> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The message as it was read, byte for byte.
    ///
    /// A hook may have put characters above U+00FF into an isomorphic string; those are
    /// written as UTF-8, since no single byte stands for them.
    pub fn into_bytes(self) -> Vec<u8> {
        if !self.latin1 {
            return self.message.into_bytes();
        }
        let mut bytes = Vec::with_capacity(self.message.len());
        let mut utf8 = [0; 4];
        for one in self.message.chars() {
            match u8::try_from(one) {
                Ok(byte) => bytes.push(byte),
                Err(_) => bytes.extend_from_slice(one.encode_utf8(&mut utf8).as_bytes()),
            }
        }
        bytes
    }
}

/// One change to one record of a batch. Records that are not named pass as they are.
#[derive(Debug, Clone, PartialEq)]
pub struct LogEdit {
    /// Index into the batch.
    pub index: usize,
    /// What to do with it.
    pub change: LogChange,
}

/// What can be changed.
#[derive(Debug, Clone, PartialEq)]
pub enum LogChange {
    /// Nothing behind this plugin sees the record.
    Drop,
    /// Replaces the message.
    SetMessage(String),
    /// Replaces ranges of the message.
    SpliceMessage(Vec<Splice>),
    /// Sets an attribute, replacing all values of that name.
    SetAttribute(Attribute),
    /// Removes all attributes of that name.
    RemoveAttribute(String),
    /// Sets the severity.
    SetSeverity(Severity),
}

impl LogChange {
    /// Whether it takes content away or changes it, which only a guard may do.
    pub fn needs_guard(&self) -> bool {
        match self {
            Self::Drop
            | Self::SetMessage(_)
            | Self::SpliceMessage(_)
            | Self::RemoveAttribute(_) => true,
            Self::SetAttribute(_) | Self::SetSeverity(_) => false,
        }
    }
}

/// Why the edits of a hook cannot be applied to its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The index is not one of the batch.
    #[error("an edit names record {index} of a batch of {len}")]
    Index {
        /// The index named.
        index: usize,
        /// How many records there were.
        len: usize,
    },
    /// Two changes of the message of one record.
    #[error("record {index} has more than one change of its message")]
    TwoMessages {
        /// The record named twice.
        index: usize,
    },
    /// A message for several records that the plugin saw as one text.
    #[error("block {index} stands for {records} records: splice its message, it cannot be set")]
    Joined {
        /// The block named.
        index: usize,
        /// How many records it stands for.
        records: usize,
    },
    /// The line of a record with fields does not hold them any more.
    #[error("record {index} came with fields: after the edit its line is no object with them")]
    Fields {
        /// The record.
        index: usize,
    },
    /// A splice does not fit.
    #[error("record {index}: {source}")]
    Splice {
        /// The record.
        index: usize,
        /// What does not fit.
        source: SpliceError,
    },
}

/// Applies `edits` to `batch`, all or none, and answers how many records were dropped.
///
/// The batch keeps its order.
///
/// # Errors
///
/// [`EditError`]; the batch is as it was.
pub fn apply(batch: &mut Vec<Record>, edits: Vec<LogEdit>) -> Result<usize, EditError> {
    if edits.is_empty() {
        return Ok(0);
    }
    // Messages are computed first, so that a bad splice leaves everything untouched.
    let mut messages: Vec<(usize, String)> = Vec::new();
    for edit in &edits {
        let index = edit.index;
        let record = batch.get(index).ok_or(EditError::Index { index, len: batch.len() })?;
        let message = match &edit.change {
            LogChange::SetMessage(text) => text.clone(),
            LogChange::SpliceMessage(splices) => splice_text(&record.message, splices)
                .map_err(|source| EditError::Splice { index, source })?,
            _ => continue,
        };
        if messages.iter().any(|&(known, _)| known == index) {
            return Err(EditError::TwoMessages { index });
        }
        messages.push((index, message));
    }
    for (index, message) in messages {
        batch[index].message = message;
    }
    let mut dropped = Vec::new();
    for LogEdit { index, change } in edits {
        let record = &mut batch[index];
        match change {
            LogChange::Drop => dropped.push(index),
            LogChange::SetAttribute((name, value)) => set(&mut record.attributes, name, value),
            LogChange::RemoveAttribute(name) => {
                record.attributes.retain(|(known, _)| *known != name);
            }
            LogChange::SetSeverity(severity) => record.severity = Some(severity),
            LogChange::SetMessage(_) | LogChange::SpliceMessage(_) => {}
        }
    }
    dropped.sort_unstable();
    dropped.dedup();
    let mut index = 0;
    batch.retain(|_| {
        let keep = dropped.binary_search(&index).is_err();
        index += 1;
        keep
    });
    Ok(dropped.len())
}

/// Gives an attribute this value, in its place if there is one of that name. Others of that
/// name go.
fn set(attributes: &mut Vec<Attribute>, name: String, value: Value) {
    let Some(at) = attributes.iter().position(|(known, _)| *known == name) else {
        attributes.push((name, value));
        return;
    };
    let mut index = 0;
    attributes.retain(|(known, _)| {
        index += 1;
        index <= at + 1 || *known != name
    });
    attributes[at].1 = value;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(messages: &[&str]) -> Vec<Record> {
        messages.iter().map(|text| Record::of_bytes(1, text.as_bytes().to_vec())).collect()
    }

    fn edit(index: usize, change: LogChange) -> LogEdit {
        LogEdit { index, change }
    }

    #[test]
    fn text_that_is_not_utf8_survives_byte_for_byte() {
        let bytes: Vec<u8> = (0..=255).collect();
        let record = Record::of_bytes(1, bytes.clone());
        assert!(record.latin1);
        assert_eq!(record.into_bytes(), bytes);
        let record = Record::of_bytes(1, "grün".into());
        assert!(!record.latin1);
        assert_eq!(record.into_bytes(), "grün".as_bytes());
    }

    #[test]
    fn edits_change_drop_and_keep_the_order() {
        let mut records = batch(&["one", "two", "three"]);
        let dropped = apply(
            &mut records,
            vec![
                edit(0, LogChange::SetAttribute(("a".into(), 1.into()))),
                edit(0, LogChange::SetAttribute(("a".into(), 2.into()))),
                edit(
                    2,
                    LogChange::SpliceMessage(vec![Splice { at: 0, len: 2, bytes: b"f".into() }]),
                ),
                edit(1, LogChange::Drop),
            ],
        );
        assert_eq!(dropped, Ok(1));
        assert_eq!(records.len(), 2);
        assert_eq!(records[0].attributes, [("a".to_owned(), Value::Integer(2))]);
        assert_eq!(records[1].message, "free");
    }

    #[test]
    fn edits_that_do_not_fit_leave_the_batch_as_it_was() {
        let before = batch(&["one", "two"]);
        for (edits, expected) in [
            (vec![edit(2, LogChange::Drop)], EditError::Index { index: 2, len: 2 }),
            (
                vec![
                    edit(0, LogChange::Drop),
                    edit(1, LogChange::SetMessage("x".into())),
                    edit(1, LogChange::SetMessage("y".into())),
                ],
                EditError::TwoMessages { index: 1 },
            ),
            (
                vec![edit(
                    0,
                    LogChange::SpliceMessage(vec![Splice { at: 3, len: 1, bytes: vec![] }]),
                )],
                EditError::Splice { index: 0, source: SpliceError::Bounds },
            ),
        ] {
            let mut records = before.clone();
            assert_eq!(apply(&mut records, edits), Err(expected));
            assert_eq!(records, before);
        }
    }
}
