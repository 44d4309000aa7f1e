//! Lines of `key=value`, as loggers of Go and Heroku's tools write them.

use crate::filter::value::Value;

/// The fields of a line that is made of pairs only. `None` for anything else, and for lines in
/// which no pair is of a log: two pairs in a sentence are no reason to take it apart.
pub(super) fn read(text: &str) -> Option<Vec<(String, Value)>> {
    const KNOWN: [&str; 11] = [
        "level",
        "lvl",
        "msg",
        "message",
        "time",
        "ts",
        "severity",
        "timestamp",
        "t",
        "at",
        "logger",
    ];
    let mut rest = text.trim_ascii_end();
    let mut fields = Vec::new();
    let mut pairs = 0;
    let mut known = 0;
    while !rest.is_empty() {
        let len = rest.bytes().take_while(|&byte| is_key(byte)).count();
        if len == 0 {
            return None;
        }
        let (key, behind) = rest.split_at(len);
        let Some(behind) = behind.strip_prefix('=') else {
            // A key alone is true, but the first word of a line is rather a word.
            if pairs == 0 || !behind.is_empty() && !behind.starts_with(' ') {
                return None;
            }
            fields.push((key.to_owned(), Value::Boolean(true)));
            rest = behind.trim_ascii_start();
            continue;
        };
        let (value, behind) = match behind.strip_prefix('"') {
            Some(inside) => quoted(inside)?,
            None => {
                let len = behind.bytes().take_while(|byte| !byte.is_ascii_whitespace()).count();
                let (text, behind) = behind.split_at(len);
                // A comma or a second sign of equality: a sentence or a formula.
                if text.starts_with('=') || text.ends_with(',') {
                    return None;
                }
                (plain(text), behind)
            }
        };
        pairs += 1;
        known += usize::from(KNOWN.contains(&key));
        fields.push((key.to_owned(), value));
        if !behind.is_empty() && !behind.starts_with(' ') {
            return None;
        }
        rest = behind.trim_ascii_start();
    }
    (pairs >= 2 && known >= 1).then_some(fields)
}

fn is_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'/' | b'@' | b'#')
}

/// The text up to the closing quote, and what follows.
fn quoted(inside: &str) -> Option<(Value, &str)> {
    let mut text = String::new();
    let mut rest = inside;
    loop {
        let at = rest.find(['"', '\\', '\n'])?;
        text.push_str(&rest[..at]);
        let behind = &rest[at + 1..];
        match rest.as_bytes()[at] {
            b'"' => return Some((Value::Text(text), behind)),
            b'\\' => {
                let one = behind.chars().next()?;
                match one {
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    'r' => text.push('\r'),
                    '"' | '\\' | '/' => text.push(one),
                    // What else there is is kept as it was written.
                    _ => text.extend(['\\', one]),
                }
                rest = &behind[one.len_utf8()..];
            }
            _ => return None,
        }
    }
}

/// A value without quotes: a number if it would be written the same way again.
fn plain(text: &str) -> Value {
    match text {
        "true" => Value::Boolean(true),
        "false" => Value::Boolean(false),
        _ => match super::json::value(text) {
            value @ (Value::Integer(_) | Value::Float(_)) => value,
            _ => Value::Text(text.to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_taken_apart() {
        let line = r#"time="2026-11-22T07:34:03Z" level=info msg="order \"17\" received\n" id=17 ok took=1.5 path=/a?b=c empty="#;
        let fields = read(line).unwrap();
        let expected: Vec<(String, Value)> = [
            ("time", "2026-11-22T07:34:03Z".into()),
            ("level", "info".into()),
            ("msg", "order \"17\" received\n".into()),
            ("id", 17.into()),
            ("ok", true.into()),
            ("took", 1.5.into()),
            ("path", "/a?b=c".into()),
            ("empty", "".into()),
        ]
        .map(|(name, value): (&str, Value)| (name.to_owned(), value))
        .into();
        assert_eq!(fields, expected);
    }

    #[test]
    fn sentences_are_left_alone() {
        for text in [
            "",
            "order received id=17 level=info",
            "a=1",
            "a=1 b=2",
            "level=info order=17, customer=5 bought",
            "level=\"info",
            "level=info msg=\"a\"b",
            "=1 level=info",
            "level==5 == 5",
        ] {
            assert_eq!(read(text), None, "`{text}`");
        }
    }
}
