//! Records on their way to the sinks, with the text that they were read from as long as that
//! may be shown.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::Arc;

use super::parse::join::{CONTINUES, IOSTREAM, LINE_ENDING};
use super::source::lines::Stream;
use crate::filter::record::{Record, Source};
use crate::filter::value::{Severity, Value};

/// A record and, where a sink asks for it, the text that it was parsed from.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The record.
    pub record: Record,
    /// Absent when it is in the record itself, when nobody asks for it, and when a plugin
    /// changed something after parsing: then the text holds what the plugin took out.
    original: Option<Original>,
}

/// The text of a record before it was parsed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Original {
    text: String,
    latin1: bool,
}

impl Original {
    pub(super) fn of(record: &Record) -> Self {
        Self { text: record.message.clone(), latin1: record.latin1 }
    }
}

impl Entry {
    /// An entry whose text is in the record.
    pub fn new(record: Record) -> Self {
        Self { record, original: None }
    }

    pub(super) fn with_original(record: Record, original: Option<Original>) -> Self {
        Self { record, original }
    }

    /// Writes the lines as they were read, their endings included. Answers whether there are
    /// any: a record that had no text, or no longer has, is for another format.
    pub fn write_raw(&self, out: &mut Vec<u8>) -> bool {
        let (text, latin1) = match &self.original {
            Some(original) => (original.text.as_str(), original.latin1),
            None if !self.record.parsed => (self.record.message.as_str(), self.record.latin1),
            None => return false,
        };
        let start = out.len();
        if latin1 {
            let mut utf8 = [0; 4];
            for one in text.chars() {
                match u8::try_from(one) {
                    Ok(byte) => out.push(byte),
                    Err(_) => out.extend_from_slice(one.encode_utf8(&mut utf8).as_bytes()),
                }
            }
        } else {
            out.extend_from_slice(text.as_bytes());
        }
        if self.record.attribute(LINE_ENDING).is_some() {
            let lines = out.split_off(start);
            for (index, line) in lines.split(|&byte| byte == b'\n').enumerate() {
                if index > 0 {
                    out.extend_from_slice(b"\r\n");
                }
                out.extend_from_slice(line);
            }
            out.push(b'\r');
        }
        // Within a line nothing ends.
        let within = self.record.attribute(CONTINUES).and_then(Value::as_text) == Some("line");
        if !within {
            out.push(b'\n');
        }
        true
    }
}

/// Records of one source, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Where they come from.
    pub source: Source,
    /// The records.
    pub entries: Vec<Entry>,
}

/// Which records a sink wants. All, by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Those that are at least that severe. Records that state no severity are not.
    pub least: Option<Severity>,
    /// Those that the application wrote to that output.
    pub stream: Option<Stream>,
}

impl Wanted {
    fn includes(self, record: &Record) -> bool {
        let severe = self
            .least
            .is_none_or(|least| record.severity.is_some_and(|severity| severity >= least));
        let stream = self.stream.is_none_or(|stream| {
            record.attribute(IOSTREAM).and_then(Value::as_text) == stream.name()
        });
        severe && stream
    }
}

/// The records of a batch that one sink wants, or what is left of them.
#[derive(Debug, Clone)]
pub struct Parcel {
    batch: Arc<Batch>,
    /// Indices into the batch; all of them when absent.
    picked: Option<Vec<u32>>,
    from: usize,
}

impl Parcel {
    /// The records of `batch` that are wanted. `None` when there are none.
    pub fn pick(batch: &Arc<Batch>, wanted: Wanted) -> Option<Self> {
        let picked = (wanted != Wanted::default()).then(|| {
            let entries = (0_u32..).zip(&batch.entries);
            entries
                .filter(|(_, entry)| wanted.includes(&entry.record))
                .map(|(index, _)| index)
                .collect()
        });
        let parcel = Self { batch: Arc::clone(batch), picked, from: 0 };
        (!parcel.is_empty()).then_some(parcel)
    }

    /// Where the records come from.
    pub fn source(&self) -> &Source {
        &self.batch.source
    }

    /// How many records are left.
    pub fn len(&self) -> usize {
        self.picked.as_ref().map_or(self.batch.entries.len(), Vec::len).saturating_sub(self.from)
    }

    /// Whether none is left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The records that are left.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        let all = &self.batch.entries;
        (self.from..self.from + self.len()).filter_map(move |index| match &self.picked {
            None => all.get(index),
            Some(picked) => all.get(usize::try_from(picked[index]).ok()?),
        })
    }

    /// Takes the first `count` records out: they were written.
    pub fn advance(&mut self, count: usize) {
        self.from += count.min(self.len());
    }

    /// About how many bytes the records hold.
    pub fn weight(&self) -> usize {
        self.entries().map(|entry| weight(&entry.record)).sum()
    }
}

/// About how many bytes a record holds.
pub(super) fn weight(record: &Record) -> usize {
    let attributes: usize = record
        .attributes
        .iter()
        .map(|(name, value)| {
            let value = match value {
                Value::Text(text) | Value::Json(text) => text.len(),
                Value::Blob(bytes) => bytes.len(),
                _ => 8,
            };
            name.len() + value + 32
        })
        .sum();
    record.message.len() + attributes + 64
}

/// Remembers what records looked like, to tell later whether plugins changed them.
///
/// Adding an attribute or setting the severity is no change here: nothing was taken out.
#[derive(Debug)]
pub(super) struct Memory {
    seed: RandomState,
    /// The hash, how many attributes are in it, and the text.
    seen: Vec<(u64, usize, Option<Original>)>,
}

impl Memory {
    pub(super) fn new(capacity: usize) -> Self {
        Self { seed: RandomState::new(), seen: Vec::with_capacity(capacity) }
    }

    /// Takes note of a record that was just parsed.
    pub(super) fn note(&mut self, record: &Record, original: Original) {
        let count = record.attributes.len();
        let hash = self.hash(record, count);
        self.seen.push((hash, count, Some(original)));
    }

    /// The text of each of `records`, in order, if it was noted and is unchanged. Records may
    /// be missing, but are in the order in which they were noted.
    pub(super) fn recall(mut self, records: Vec<Record>) -> Vec<Entry> {
        let mut from = 0;
        let mut entries = Vec::with_capacity(records.len());
        for record in records {
            let mut known = None;
            for index in from..self.seen.len() {
                let (hash, count, _) = self.seen[index];
                let count = (count <= record.attributes.len()).then_some(count);
                if count.is_some_and(|count| self.hash(&record, count) == hash) {
                    known = self.seen[index].2.take();
                    from = index + 1;
                    break;
                }
            }
            entries.push(Entry::with_original(record, known));
        }
        entries
    }

    fn hash(&self, record: &Record, attributes: usize) -> u64 {
        let mut hasher = self.seed.build_hasher();
        record.time.hash(&mut hasher);
        record.message.hash(&mut hasher);
        record.trace.hash(&mut hasher);
        record.request_id.hash(&mut hasher);
        for (name, value) in &record.attributes[..attributes] {
            name.hash(&mut hasher);
            std::mem::discriminant(value).hash(&mut hasher);
            match value {
                Value::Text(text) | Value::Json(text) => text.hash(&mut hasher),
                Value::Integer(number) => number.hash(&mut hasher),
                Value::Float(number) => number.to_bits().hash(&mut hasher),
                Value::Boolean(truth) => truth.hash(&mut hasher),
                Value::Blob(bytes) => bytes.hash(&mut hasher),
            }
        }
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(entry: &Entry) -> Option<String> {
        let mut out = Vec::new();
        entry.write_raw(&mut out).then(|| String::from_utf8(out).unwrap())
    }

    fn least(severity: Severity) -> Wanted {
        Wanted { least: Some(severity), ..Wanted::default() }
    }

    fn parsed(message: &str, attribute: &str) -> (Record, Original) {
        let original =
            Original::of(&Record::of_bytes(1, format!("{message} {attribute}").into_bytes()));
        (Record::structured(1, None, message).with("a", attribute), original)
    }

    #[test]
    fn lines_are_written_as_they_were_read() {
        for (record, expected) in [
            (Record::of_bytes(1, b"one".to_vec()), Some("one\n")),
            (
                Record::of_bytes(1, b"one\ntwo".to_vec()).with(LINE_ENDING, "crlf"),
                Some("one\r\ntwo\r\n"),
            ),
            (Record::of_bytes(1, b"piece".to_vec()).with(CONTINUES, "line"), Some("piece")),
            (Record::of_bytes(1, b"piece".to_vec()).with(CONTINUES, "record"), Some("piece\n")),
            (Record::structured(1, None, "one"), None),
        ] {
            assert_eq!(raw(&Entry::new(record)).as_deref(), expected);
        }
        let mut out = Vec::new();
        assert!(Entry::new(Record::of_bytes(1, vec![0xff, 0])).write_raw(&mut out));
        assert_eq!(out, [0xff, 0, b'\n']);
    }

    #[test]
    fn only_what_nothing_was_taken_out_of_keeps_its_text() {
        let mut memory = Memory::new(5);
        let mut records = Vec::new();
        for name in ["kept", "dropped", "edited", "added", "removed"] {
            let (record, original) = parsed(name, "secret");
            memory.note(&record, original);
            records.push(record);
        }
        records[2].attributes[0].1 = "[redacted]".into();
        records[3].attributes.push(("b".into(), 1.into()));
        records[3].severity = Some(Severity::Error);
        records[4].attributes.clear();
        records.remove(1);
        let texts: Vec<_> = memory.recall(records).iter().map(raw).collect();
        let expected = [Some("kept secret\n"), None, Some("added secret\n"), None];
        assert_eq!(texts, expected.map(|text| text.map(str::to_owned)));
    }

    #[test]
    fn a_parcel_holds_what_the_sink_wants_and_shrinks_as_it_is_written() {
        let severities = [None, Some(Severity::Info), Some(Severity::Error), Some(Severity::Fatal)];
        let entries = severities.map(|severity| Entry::new(Record::structured(1, severity, "x")));
        let batch = Arc::new(Batch { source: "child".into(), entries: entries.into() });
        assert_eq!(Parcel::pick(&batch, Wanted::default()).map(|parcel| parcel.len()), Some(4));
        let mut parcel = Parcel::pick(&batch, least(Severity::Error)).unwrap();
        assert_eq!(parcel.len(), 2);
        parcel.advance(1);
        assert_eq!(parcel.entries().next().unwrap().record.severity, Some(Severity::Fatal));
        parcel.advance(9);
        assert!(parcel.is_empty() && parcel.entries().next().is_none());
        let calm = Arc::new(Batch { source: "child".into(), entries: batch.entries[..2].to_vec() });
        assert!(Parcel::pick(&calm, least(Severity::Warn)).is_none());
        let stderr = Record::structured(1, None, "x").with(IOSTREAM, "stderr");
        let outputs = [Entry::new(stderr), batch.entries[0].clone()];
        let outputs = Arc::new(Batch { source: "child".into(), entries: outputs.into() });
        let from =
            |stream| Parcel::pick(&outputs, Wanted { stream: Some(stream), ..Wanted::default() });
        assert_eq!(from(Stream::Stderr).map(|parcel| parcel.len()), Some(1));
        assert!(from(Stream::Stdout).is_none());
    }
}
