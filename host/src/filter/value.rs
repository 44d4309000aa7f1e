//! Small values that both corridors share: severities, attribute values, trace contexts.
//!
//! They mirror the interface `types` of the contract, without knowing it. Names of
//! attributes follow the OpenTelemetry semantic conventions.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

/// Severity of a record or an error event, from least to most severe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Finer than debug.
    Trace,
    /// For whoever looks for a mistake.
    Debug,
    /// What normally happens.
    Info,
    /// Something to look at, nothing failed.
    Warn,
    /// Something failed.
    Error,
    /// Nothing works any more.
    Fatal,
}

impl Severity {
    /// All severities, least severe first.
    pub const ALL: [Self; 6] =
        [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Fatal];

    /// The lower-case name, as in configuration and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }

    /// Reads the names that loggers use, case ignored: those of OpenTelemetry, syslog, Python,
    /// Java, Go and Node. `None` for anything else.
    ///
    /// Numbers are not read here, since the same number means different things to different
    /// loggers.
    pub fn from_name(name: &str) -> Option<Self> {
        const NAMES: [(&str, Severity); 27] = [
            ("trace", Severity::Trace),
            ("finest", Severity::Trace),
            ("finer", Severity::Trace),
            ("verbose", Severity::Trace),
            ("silly", Severity::Trace),
            ("debug", Severity::Debug),
            ("dbg", Severity::Debug),
            ("fine", Severity::Debug),
            ("config", Severity::Debug),
            ("info", Severity::Info),
            ("inf", Severity::Info),
            ("information", Severity::Info),
            ("informational", Severity::Info),
            ("notice", Severity::Info),
            ("log", Severity::Info),
            ("warn", Severity::Warn),
            ("warning", Severity::Warn),
            ("wrn", Severity::Warn),
            ("error", Severity::Error),
            ("err", Severity::Error),
            ("severe", Severity::Error),
            ("fatal", Severity::Fatal),
            ("critical", Severity::Fatal),
            ("crit", Severity::Fatal),
            ("alert", Severity::Fatal),
            ("emerg", Severity::Fatal),
            ("panic", Severity::Fatal),
        ];
        NAMES
            .iter()
            .find(|(known, _)| name.eq_ignore_ascii_case(known))
            .map(|&(_, severity)| severity)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// True or false.
    Boolean(bool),
    /// Opaque bytes; never logged.
    Blob(Vec<u8>),
    /// A JSON document: arrays, objects and null travel this way.
    Json(String),
}

impl Value {
    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// As JSON, for sinks and pages. Bytes become their number, since they are opaque; a
    /// document that does not parse becomes a string.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Integer(number) => (*number).into(),
            Self::Float(number) => (*number).into(),
            Self::Boolean(truth) => (*truth).into(),
            Self::Blob(bytes) => format!("{} bytes", bytes.len()).into(),
            Self::Json(text) => serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into()),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Boolean(truth)
    }
}

/// A named value.
pub type Attribute = (String, Value);

/// W3C trace context of an exchange, a record or an error event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// 32 lower-case hex digits, not all zero.
    pub trace_id: Arc<str>,
    /// 16 lower-case hex digits, not all zero.
    pub span_id: Arc<str>,
    /// Whether the caller recorded this trace.
    pub sampled: bool,
}

/// Replace `len` bytes from `at` with `bytes`.
///
/// In a list, splices are ascending and disjoint, and offsets refer to the text before any
/// of them is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splice {
    /// Offset of the first byte to replace.
    pub at: usize,
    /// How many bytes to replace.
    pub len: usize,
    /// What to put there.
    pub bytes: Vec<u8>,
}

/// Why a list of splices does not fit its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpliceError {
    /// A splice begins before the end of the one before it.
    #[error("splices overlap or are not in ascending order")]
    Order,
    /// A splice reaches beyond the end of the text.
    #[error("a splice reaches beyond the end of the text")]
    Bounds,
    /// A splice of a message cuts a character in half, or puts in what is not UTF-8.
    #[error("a splice of a message is not on character boundaries or not UTF-8")]
    Utf8,
}

/// Applies `splices` to `text`.
///
/// # Errors
///
/// [`SpliceError`] when they are out of order, overlap, or reach beyond the end; nothing is
/// half applied.
pub fn splice(text: &[u8], splices: &[Splice]) -> Result<Vec<u8>, SpliceError> {
    let mut out =
        Vec::with_capacity(text.len() + splices.iter().map(|s| s.bytes.len()).sum::<usize>());
    let mut from = 0;
    for one in splices {
        let end = one.at.checked_add(one.len).ok_or(SpliceError::Bounds)?;
        if one.at < from {
            return Err(SpliceError::Order);
        }
        if end > text.len() {
            return Err(SpliceError::Bounds);
        }
        out.extend_from_slice(&text[from..one.at]);
        out.extend_from_slice(&one.bytes);
        from = end;
    }
    out.extend_from_slice(&text[from..]);
    Ok(out)
}

/// Applies `splices` to UTF-8 text.
///
/// # Errors
///
/// As [`splice`], and [`SpliceError::Utf8`].
pub fn splice_text(text: &str, splices: &[Splice]) -> Result<String, SpliceError> {
    for one in splices {
        let on_boundaries = text.is_char_boundary(one.at)
            && one.at.checked_add(one.len).is_some_and(|end| text.is_char_boundary(end));
        if !on_boundaries {
            let outside = one.at.checked_add(one.len).is_none_or(|end| end > text.len());
            return Err(if outside { SpliceError::Bounds } else { SpliceError::Utf8 });
        }
    }
    String::from_utf8(splice(text.as_bytes(), splices)?).map_err(|_| SpliceError::Utf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(at: usize, len: usize, with: &str) -> Splice {
        Splice { at, len, bytes: with.as_bytes().to_vec() }
    }

    #[test]
    fn splices_are_applied_from_left_to_right_on_the_text_as_it_was() {
        let edited = splice(b"to ada@x.y from bob@x.y", &[at(3, 7, "[a]"), at(16, 7, "[b]")]);
        assert_eq!(edited.unwrap(), b"to [a] from [b]");
        assert_eq!(splice(b"abc", &[]).unwrap(), b"abc");
        assert_eq!(splice(b"abc", &[at(3, 0, "d")]).unwrap(), b"abcd");
    }

    #[test]
    fn splices_that_do_not_fit_are_refused_whole() {
        assert_eq!(splice(b"abc", &[at(2, 1, ""), at(1, 1, "")]), Err(SpliceError::Order));
        assert_eq!(splice(b"abc", &[at(0, 2, ""), at(1, 1, "")]), Err(SpliceError::Order));
        assert_eq!(splice(b"abc", &[at(2, 2, "")]), Err(SpliceError::Bounds));
        assert_eq!(splice(b"abc", &[at(usize::MAX, 2, "")]), Err(SpliceError::Bounds));
        assert_eq!(splice_text("aé", &[at(2, 1, "")]), Err(SpliceError::Utf8));
        assert_eq!(splice_text("aé", &[at(9, 1, "")]), Err(SpliceError::Bounds));
        let not_utf8 = Splice { at: 0, len: 1, bytes: vec![0xff] };
        assert_eq!(splice_text("ab", &[not_utf8]), Err(SpliceError::Utf8));
    }

    #[test]
    fn severities_are_read_by_the_names_loggers_use() {
        for (name, severity) in [
            ("WARNING", Severity::Warn),
            ("err", Severity::Error),
            ("CRITICAL", Severity::Fatal),
            ("Notice", Severity::Info),
            ("FINE", Severity::Debug),
        ] {
            assert_eq!(Severity::from_name(name), Some(severity), "{name}");
        }
        assert_eq!(Severity::from_name("loud"), None);
        assert!(Severity::Fatal > Severity::Error, "they are ordered");
    }
}
