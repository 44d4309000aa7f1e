//! Tracebacks as tables: what structlog and python-json-logger write when told to.

use serde_json::Value;
use tamis_sdk::errors::{Exception, Frame, SourceContext};

use super::build::{self, Chain, Raised, Relation};
use super::{PLATFORM, frame};
use crate::trace::Trace;

/// A list of `{exc_type, exc_value, frames}`, the one finally raised first.
pub(crate) fn structured(json: &str) -> Option<Trace> {
    let Value::Array(list) = serde_json::from_str(json).ok()? else { return None };
    let exceptions = build::exceptions(chain(&list, 0)?);
    Some(Trace { platform: PLATFORM, exceptions, start: 0, end: json.len() })
}

fn chain(list: &[Value], level: usize) -> Option<Chain> {
    let mut read = Chain::new();
    for (index, entry) in list.iter().enumerate().rev() {
        let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
        let name = text("exc_type");
        if name.is_empty() || level > super::DEEPEST {
            return None;
        }
        let (module, name) = match name.rsplit_once('.') {
            Some((module, name)) => (Some(module.to_owned()), name.to_owned()),
            None => (None, name.to_owned()),
        };
        let flag = |key: &str| entry.get(key).and_then(Value::as_bool).unwrap_or_default();
        let list =
            |key: &str| entry.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let members: Vec<Chain> = list("exceptions")
            .iter()
            .filter_map(|member| {
                chain(member.get("stacks").unwrap_or(member).as_array()?, level + 1)
            })
            .collect();
        let exception = Exception {
            name,
            module,
            message: text("exc_value").to_owned(),
            mechanism: "log".to_owned(),
            group: flag("is_group") || !members.is_empty(),
            frames: list("frames").iter().map(place).collect(),
            ..Exception::default()
        };
        // An entry says how it led to the one before it in the list.
        let relation =
            (index > 0).then(|| if flag("is_cause") { Relation::Cause } else { Relation::Context });
        read.push(Raised { exception, members, relation });
    }
    (!read.is_empty()).then_some(read)
}

fn place(entry: &Value) -> Frame {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
    let file = text("filename");
    let source = text("line").trim();
    Frame {
        function: text("name").to_owned(),
        file: (!file.is_empty()).then(|| file.to_owned()),
        line: entry.get("lineno").and_then(Value::as_u64).and_then(|line| u32::try_from(line).ok()),
        in_app: Some(frame::is_of_application(file)),
        context: (!source.is_empty())
            .then(|| SourceContext { line: source.to_owned(), ..SourceContext::default() }),
        ..Frame::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read_like_text() {
        let trace = structured(
            r#"[
                {"exc_type": "PaymentError", "exc_value": "could not charge", "is_cause": false,
                 "frames": [{"filename": "/srv/shop/orders.py", "lineno": 14, "name": "view", "locals": {"card": "4111"}}]},
                {"exc_type": "decimal.InvalidOperation", "exc_value": "bad", "is_cause": true,
                 "frames": [{"filename": "/usr/lib/python3.12/decimal.py", "lineno": 3, "name": "f", "line": "  raise x"}]}
            ]"#,
        )
        .expect("it is a traceback");
        let [cause, raised] = &*trace.exceptions else { panic!("two: {trace:?}") };
        assert_eq!((&*cause.name, cause.module.as_deref()), ("InvalidOperation", Some("decimal")));
        assert_eq!((cause.parent, cause.relation.as_deref()), (Some(1), Some("__cause__")));
        assert_eq!(raised.name, "PaymentError");
        assert_eq!(raised.frames[0].line, Some(14));
        assert_eq!((raised.frames[0].in_app, cause.frames[0].in_app), (Some(true), Some(false)));
        assert!(!format!("{trace:?}").contains("4111"), "variables are left out");
    }

    #[test]
    fn other_json_is_no_traceback() {
        for json in ["", "{}", "[]", "[1]", r#"[{"exc_type": ""}]"#, r#""text""#, "[[]]"] {
            assert_eq!(structured(json), None, "{json}");
        }
    }
}
