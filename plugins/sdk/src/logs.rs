//! Log records, as they come by in batches, and the changes made to them.

use crate::fault::{Answer, Fault};
use crate::time::Timestamp;
use crate::value::{Attribute, Severity, Splice, TraceContext, Value};

/// Log records of one source, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// `child` (the process started by tamis), `file:<path>`, `forward:<tag>`, `access` (the host's
    /// access log), `plugin:<name>`.
    pub source: String,
    /// At most as many as subscribed to.
    pub records: Vec<Record>,
}

impl Batch {
    /// Records with these messages and nothing else, for tests.
    pub fn new<M: Into<String>>(
        source: impl Into<String>,
        messages: impl IntoIterator<Item = M>,
    ) -> Self {
        let records = messages.into_iter().map(Record::new).collect();
        Self { source: source.into(), records }
    }
}

/// One log record. What is filled in depends on the form that was subscribed to: under `raw` and
/// `block` nothing is parsed, and all but the message is absent unless the source states it.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    pub(crate) time: u64,
    /// Absent when neither the source nor the text states one.
    pub severity: Option<Severity>,
    /// The text, without its last line ending. Under `block`: several records joined by LF.
    pub message: String,
    /// Under `parsed`: the other fields of the text.
    pub attributes: Vec<Attribute>,
    /// The trace it belongs to, when the text states one.
    pub trace: Option<TraceContext>,
    /// Of the exchange that it belongs to, when that is certain.
    pub request_id: Option<String>,
}

impl Record {
    /// A record with this message and nothing else, for tests.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            time: 0,
            severity: None,
            message: message.into(),
            attributes: Vec::new(),
            trace: None,
            request_id: None,
        }
    }

    /// When the text says it was written, else when it was read.
    pub fn time(&self) -> Timestamp {
        Timestamp::from_unix_nanos(self.time)
    }

    /// Sets the time.
    pub fn set_time(&mut self, time: Timestamp) {
        self.time = time.unix_nanos();
    }

    /// The value of this attribute.
    pub fn attribute(&self, name: &str) -> Option<&Value> {
        self.attributes.iter().find(|attribute| attribute.0 == name).map(|attribute| &attribute.1)
    }
}

/// Changes to the records of a [`Batch`]. Records not named pass as they are and are not copied
/// back; changes to the same record are applied in order.
///
/// ```
/// use tamis_sdk::{Batch, Edits, Splice};
///
/// fn on_logs(batch: Batch) -> Edits {
///     let mut edits = Edits::new();
///     for (index, record) in batch.records.iter().enumerate() {
///         if record.message.starts_with("GET /health") {
///             edits.drop(index);
///         } else if let Some(at) = record.message.find("password=") {
///             edits.splice(index, vec![Splice::new(at..record.message.len(), "password=[…]")]);
///         }
///     }
///     edits
/// }
/// # assert_eq!(on_logs(Batch::new("child", ["GET /health", "a password=b"])).changes.len(), 2);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use = "the changes are lost unless the hook returns them"]
pub struct Edits {
    /// In the order in which they are applied.
    pub changes: Vec<LogEdit>,
}

/// One change to one record of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct LogEdit {
    /// Index into the batch.
    pub index: u32,
    /// The change.
    pub change: LogChange,
}

/// What can be changed. A record takes at most one `SetMessage` or `SpliceMessage`.
#[derive(Clone, Debug, PartialEq)]
pub enum LogChange {
    /// Nothing behind this plugin sees the record. Guards only.
    Drop,
    /// Replace the message. Guards only.
    SetMessage(String),
    /// Replace ranges of the message; they fall on character boundaries. Guards only. Cheaper than
    /// `SetMessage` for a small hit in a long text.
    SpliceMessage(Vec<Splice>),
    /// Set an attribute.
    SetAttribute(Attribute),
    /// Remove an attribute. Guards only.
    RemoveAttribute(String),
    /// Set the severity.
    SetSeverity(Severity),
}

impl Edits {
    /// No changes.
    pub const fn new() -> Self {
        Self { changes: Vec::new() }
    }

    /// Drops the record. Guards only.
    pub fn drop(&mut self, index: usize) {
        self.add(index, LogChange::Drop);
    }

    /// Replaces the message. Guards only.
    pub fn set_message(&mut self, index: usize, message: impl Into<String>) {
        self.add(index, LogChange::SetMessage(message.into()));
    }

    /// Replaces ranges of the message. Guards only. Nothing happens without any.
    pub fn splice(&mut self, index: usize, splices: Vec<Splice>) {
        if !splices.is_empty() {
            self.add(index, LogChange::SpliceMessage(splices));
        }
    }

    /// Sets an attribute.
    pub fn set_attribute(
        &mut self,
        index: usize,
        name: impl Into<String>,
        value: impl Into<Value>,
    ) {
        self.add(index, LogChange::SetAttribute((name.into(), value.into())));
    }

    /// Removes an attribute. Guards only.
    pub fn remove_attribute(&mut self, index: usize, name: impl Into<String>) {
        self.add(index, LogChange::RemoveAttribute(name.into()));
    }

    /// Sets the severity.
    pub fn set_severity(&mut self, index: usize, severity: Severity) {
        self.add(index, LogChange::SetSeverity(severity));
    }

    /// Adds a change to the record at this index of the batch.
    ///
    /// # Panics
    ///
    /// When the index is above 4 billion, which no batch reaches.
    pub fn add(&mut self, index: usize, change: LogChange) {
        let index = u32::try_from(index).expect("a batch has 4 billion records at most");
        self.changes.push(LogEdit { index, change });
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

impl Answer<Edits> for () {
    fn answer(self) -> Result<Edits, Fault> {
        Ok(Edits::new())
    }
}
