//! One mistake in a configuration: where it is, in words that an operator understands.

use std::fmt::{self, Display, Write};

use serde::de::{self, Expected, Unexpected};

/// One step down into a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// One mistake in a document.
#[derive(Debug)]
pub(super) struct Mistake {
    /// From the value up to the root.
    pub(super) path: Vec<Step>,
    pub(super) message: String,
    pub(super) hint: Option<String>,
    /// The key that is missing in the value.
    pub(super) missing: Option<&'static str>,
    /// So many steps at the begin of `path` lie inside of an enum. Of that nothing can be taken out
    /// but the whole.
    pub(super) inside: usize,
    /// Nobody wanted the value.
    pub(super) ignored: bool,
}

impl Mistake {
    pub(super) fn new(message: String) -> Self {
        Self { path: Vec::new(), message, hint: None, missing: None, inside: 0, ignored: false }
    }

    /// The same mistake, seen from one step further up.
    pub(super) fn below(mut self, step: impl FnOnce() -> Step) -> Self {
        self.path.push(step());
        self
    }

    /// The same mistake, seen from the enum whose case this is.
    pub(super) fn inside_of(self, case: &str) -> Self {
        let mut mistake = self.below(|| Step::Key(case.to_owned()));
        mistake.inside = mistake.path.len();
        mistake
    }
}

impl Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Mistake {}

/// Texts are the operator's own words; values are not repeated, for they may be secret.
impl de::Error for Mistake {
    fn custom<T: Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = in_words(expected.to_string());
        Self::new(format!("expected {expected}, found {}", Found(unexpected)))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(unexpected, expected)
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        let expected = in_words(expected.to_string());
        Self::new(format!("expected {expected}, found {length} values"))
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        let mut mistake = Self::new("unknown key".to_owned());
        if !known.is_empty() {
            mistake.message.push_str("; known are ");
            list(&mut mistake.message, known);
        }
        mistake.hint = likely(field, known);
        mistake.below(|| Step::Key(field.to_owned()))
    }

    fn unknown_variant(variant: &str, known: &'static [&'static str]) -> Self {
        let mut mistake = Self::new(format!("`{variant}` is none of "));
        list(&mut mistake.message, known);
        mistake.hint = likely(variant, known);
        mistake
    }

    fn missing_field(field: &'static str) -> Self {
        let mut mistake = Self::new(format!("`{field}` is missing"));
        mistake.missing = Some(field);
        mistake
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(format!("`{field}` stands here twice"))
    }
}

/// What was found, in the words of a configuration.
struct Found<'a>(Unexpected<'a>);

impl Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Unexpected::Unsigned(number) => return number.fmt(f),
            Unexpected::Signed(number) => return number.fmt(f),
            Unexpected::Other(what) => what,
            Unexpected::Float(_) => "a number",
            Unexpected::Bool(_) => "a boolean",
            Unexpected::Str(_) | Unexpected::Char(_) | Unexpected::Bytes(_) => "a string",
            Unexpected::Unit | Unexpected::Option => "nothing",
            Unexpected::Seq => "an array",
            Unexpected::Map | Unexpected::NewtypeStruct | Unexpected::Enum => "a table",
            _ => "no value",
        })
    }
}

/// What serde expected, in the words of a configuration where it speaks of Rust's types.
fn in_words(expected: String) -> String {
    let words = match &*expected {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "usize" => "a whole number from 0 to 4294967295",
        "u64" | "u128" => "a whole number, not negative",
        "i8" => "a whole number from -128 to 127",
        "i16" => "a whole number from -32768 to 32767",
        "i32" | "i64" | "i128" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a sequence" => "an array",
        "a map" => "a table",
        "unit" => "nothing",
        _ => return expected,
    };
    words.to_owned()
}

fn list(message: &mut String, known: &[&str]) {
    for (index, name) in known.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        write!(message, "{comma}`{name}`").expect("a string takes everything");
    }
}

/// The known name that is most like what was written, if any is near.
fn likely(written: &str, known: &[&str]) -> Option<String> {
    known
        .iter()
        .map(|name| (distance(written, name), name))
        .filter(|(distance, name)| distance * 3 <= name.len().max(written.len()))
        .min()
        .map(|(_, name)| format!("`{name}`"))
}

/// How many letters have to be put in, taken out or replaced.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, letter) in from.bytes().enumerate() {
        let mut corner = index;
        row[0] = index + 1;
        for (column, other) in to.bytes().enumerate() {
            let replaced = corner + usize::from(letter != other);
            corner = row[column + 1];
            row[column + 1] = replaced.min(corner + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}
