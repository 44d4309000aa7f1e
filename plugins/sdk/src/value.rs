//! Plain data that every part of the contract uses: attributes, severities, traces, splices.

/// One HTTP field: lower-case name and value.
///
/// Values are isomorphic (Latin-1) strings: each byte 0x80 to 0xFF on the wire is the code point
/// U+0080 to U+00FF. The host refuses a value with a code point above U+00FF, or with CR, LF, NUL.
pub type Header = (String, String);

/// A named attribute. Names follow the OpenTelemetry semantic conventions.
pub type Attribute = (String, Value);

/// The value of an attribute of a log record, an error or an exchange.
///
/// ```
/// use tamis_sdk::Value;
///
/// assert_eq!(Value::from("GET").as_text(), Some("GET"));
/// assert_eq!(Value::from(3_u32), Value::Integer(3));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number.
    Float(f64),
    /// True or false.
    Boolean(bool),
    /// Opaque bytes; never logged by the host.
    Blob(Vec<u8>),
    /// A JSON document: arrays, objects and null travel this way.
    Json(String),
}

impl Value {
    /// The text, when it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, when it is a whole one.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }
}

impl std::fmt::Display for Value {
    /// Blobs are shown by their length only.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) | Self::Json(text) => f.write_str(text),
            Self::Integer(number) => number.fmt(f),
            Self::Float(number) => number.fmt(f),
            Self::Boolean(truth) => truth.fmt(f),
            Self::Blob(bytes) => write!(f, "{} bytes", bytes.len()),
        }
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Boolean(truth)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

macro_rules! from_integers {
    ($($integer:ty),*) => { $(
        impl From<$integer> for Value {
            fn from(number: $integer) -> Self {
                Self::Integer(number.into())
            }
        }
    )* };
}

from_integers!(i8, i16, i32, i64, u8, u16, u32);

impl From<u64> for Value {
    /// Numbers above `i64::MAX` become floats, as JSON readers do it.
    fn from(number: u64) -> Self {
        i64::try_from(number).map_or(Self::Float(number as f64), Self::Integer)
    }
}

/// Severity of a log record or error, from least to most severe. In a configuration: its name in
/// lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Severity {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

impl Severity {
    /// The name in lower case, as the contract and most log formats write it.
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
}

lift!(Severity { Trace, Debug, Info, Warn, Error, Fatal });

/// W3C trace context of an exchange, log record or error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// 32 lower-case hex digits.
    pub trace_id: String,
    /// 16 lower-case hex digits.
    pub span_id: String,
    /// Whether the trace is recorded.
    pub sampled: bool,
}

/// Replace `len` bytes from `at` with `bytes`.
///
/// In a list, splices are ascending and disjoint, and offsets refer to the text as delivered.
///
/// ```
/// use tamis_sdk::Splice;
///
/// let text = "mail ada@example.org now";
/// let splice = Splice::new(5..20, "[email]");
/// assert_eq!(Splice::apply(text.as_bytes(), &[splice]), b"mail [email] now");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Splice {
    /// Where it begins.
    pub at: u32,
    /// How many bytes go away.
    pub len: u32,
    /// What comes instead.
    pub bytes: Vec<u8>,
}

impl Splice {
    /// Replaces `range` with `bytes`.
    ///
    /// # Panics
    ///
    /// When the range is reversed or reaches beyond 4 GiB, which no text of a plugin does.
    pub fn new(range: std::ops::Range<usize>, bytes: impl Into<Vec<u8>>) -> Self {
        let at = u32::try_from(range.start).expect("a guest has 4 GiB at most");
        let end = u32::try_from(range.end).expect("a guest has 4 GiB at most");
        assert!(at <= end, "a splice cannot run backwards");
        Self { at, len: end - at, bytes: bytes.into() }
    }

    /// What it replaces.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.at as usize..self.at as usize + self.len as usize
    }

    /// The text which these splices make of `text`. Those that overlap an earlier one or reach
    /// beyond the end are left out; the host treats them as a fault.
    pub fn apply(text: &[u8], splices: &[Self]) -> Vec<u8> {
        let grown: usize = splices.iter().map(|splice| splice.bytes.len()).sum();
        let mut result = Vec::with_capacity(text.len() + grown);
        let mut done = 0;
        for splice in splices {
            let range = splice.range();
            if range.start < done || range.end > text.len() {
                continue;
            }
            result.extend_from_slice(&text[done..range.start]);
            result.extend_from_slice(&splice.bytes);
            done = range.end;
        }
        result.extend_from_slice(&text[done..]);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splices_change_what_they_name_and_nothing_else() {
        let check = |text: &str, splices: &[(usize, usize, &str)], expected: &str| {
            let splices: Vec<_> =
                splices.iter().map(|&(from, to, with)| Splice::new(from..to, with)).collect();
            let result = Splice::apply(text.as_bytes(), &splices);
            assert_eq!(String::from_utf8_lossy(&result), expected);
        };
        check("abc", &[], "abc");
        check("abc", &[(0, 1, "X")], "Xbc");
        check("abc", &[(0, 0, "X"), (3, 3, "Y")], "XabcY");
        check("abcdef", &[(1, 2, ""), (4, 6, "long")], "acdlong");
        check("abc", &[(1, 3, "X"), (2, 3, "Y")], "aX");
        check("abc", &[(2, 9, "X")], "abc");
    }

    #[test]
    fn numbers_too_large_for_an_integer_stay_numbers() {
        assert_eq!(Value::from(7_u64), Value::Integer(7));
        assert_eq!(Value::from(u64::MAX), Value::Float(u64::MAX as f64));
    }
}
