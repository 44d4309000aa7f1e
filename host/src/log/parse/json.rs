//! One JSON object as a record: the formats of python-json-logger, structlog, pino, bunyan,
//! winston, zap, logrus, zerolog, slog, Serilog, Logback, Log4j, ECS, Google Cloud.
//!
//! Values are kept as they were written: a number whose digits would come out differently
//! travels as the JSON it is, and so do arrays, objects and null. Names that occur twice are
//! both kept.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::filter::value::Value;

/// The fields of the object that `text` is, in their order. `None` for anything else.
pub(super) fn read(text: &str) -> Option<Vec<(String, Value)>> {
    if !text.trim_ascii_start().starts_with('{') {
        return None;
    }
    let Entries(entries) = serde_json::from_str(text).ok()?;
    Some(entries.into_iter().map(|(name, raw)| (name.0.into_owned(), value(raw.get()))).collect())
}

/// The value that stands in `raw`.
pub(super) fn value(raw: &str) -> Value {
    match raw.as_bytes().first() {
        Some(b'"') => {
            serde_json::from_str(raw).map_or_else(|_| Value::Json(raw.to_owned()), Value::Text)
        }
        Some(b't') => Value::Boolean(true),
        Some(b'f') => Value::Boolean(false),
        Some(b'-' | b'0'..=b'9') => number(raw),
        _ => Value::Json(raw.to_owned()),
    }
}

/// A number, as one if it would be written the same way again.
fn number(raw: &str) -> Value {
    if let Ok(number) = raw.parse::<i64>()
        && number.to_string() == raw
    {
        return Value::Integer(number);
    }
    if let Some(number) = raw.parse().ok().and_then(serde_json::Number::from_f64)
        && number.to_string() == raw
        && let Some(number) = number.as_f64()
    {
        return Value::Float(number);
    }
    Value::Json(raw.to_owned())
}

/// The fields of an object, in their order, with those that occur twice.
struct Entries<'a>(Vec<(Name<'a>, &'a RawValue)>);

/// A name, borrowed where there is nothing to unescape.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::with_capacity(12);
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_kept_as_they_were_written() {
        for (raw, expected) in [
            ("1", Value::Integer(1)),
            ("-0", Value::Json("-0".into())),
            ("1.0", Value::Float(1.0)),
            ("1.10", Value::Json("1.10".into())),
            ("1e3", Value::Json("1e3".into())),
            ("0.01", Value::Float(0.01)),
            ("18446744073709551615", Value::Json("18446744073709551615".into())),
            ("9223372036854775807", Value::Integer(i64::MAX)),
            ("3.141592653589793238", Value::Json("3.141592653589793238".into())),
            ("true", Value::Boolean(true)),
            ("null", Value::Json("null".into())),
            ("\"a\\nb\"", Value::Text("a\nb".into())),
            ("[1, 2.50]", Value::Json("[1, 2.50]".into())),
            ("\"\\ud800\"", Value::Json("\"\\ud800\"".into())),
        ] {
            assert_eq!(value(raw), expected, "`{raw}`");
            let written = value(raw).to_json().to_string();
            let parsed: serde_json::Value = serde_json::from_str(raw).unwrap_or_default();
            if !matches!(value(raw), Value::Json(_)) {
                assert_eq!(written, parsed.to_string(), "`{raw}` is written as it was");
            }
        }
    }

    #[test]
    fn fields_keep_their_order_and_come_twice_if_they_do() {
        let fields = read(r#" {"b": 1, "a": {"x": [1]}, "b": 2, "c\n": ""} "#).unwrap();
        assert_eq!(
            fields,
            [
                ("b".to_owned(), Value::Integer(1)),
                ("a".to_owned(), Value::Json(r#"{"x": [1]}"#.into())),
                ("b".to_owned(), Value::Integer(2)),
                ("c\n".to_owned(), Value::Text(String::new())),
            ]
        );
    }

    #[test]
    fn what_is_no_object_is_refused() {
        let deep = format!("{{\"a\":{}", "[".repeat(200_000));
        for text in ["", "{", "[1]", "1", "\"a\"", "{\"a\":}", "{\"a\":1} x", "{a:1}", &deep] {
            assert_eq!(read(text), None, "`{text:.40}`");
        }
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(read(&deep).is_some(), "depth costs no stack");
    }
}
