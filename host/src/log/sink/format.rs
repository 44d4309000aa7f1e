//! How records are written: JSON for programs, text for people, or the lines as they were.
//!
//! One record is one line. Whatever could end a line, move the cursor, change colours or the
//! direction of writing is escaped in JSON and in text, so that nobody who gets text into a
//! log can forge a record of it or rewrite what a terminal shows. `Raw` is the exception: it
//! passes the bytes of the application on, and its lines are those of the application.

use std::fmt::Write as _;

use crate::filter::record::Source;
use crate::filter::value::{Severity, Value};
use crate::log::batch::Entry;
use crate::log::parse::STACKTRACE;

/// How a sink writes records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// An object per line, with the names of OpenTelemetry's log data model: `timestamp`,
    /// `severity`, `message`, `source`, `trace_id`, `span_id`, `trace_flags`, `request_id`,
    /// and the attributes beside them under their own names.
    #[default]
    Json,
    /// A line to read: time, severity, source, message, attributes.
    Text(Text),
    /// The lines as they were read, if no plugin changed the record after it was parsed; else,
    /// and for records that never were lines, as text.
    Raw(Text),
}

/// How text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Text {
    /// Colours for severities. Off; whoever knows that a terminal reads turns it on.
    pub colour: bool,
    /// Stack traces on lines of their own, each behind a bar that no record begins with. Off:
    /// then they are escaped into the line.
    pub traces: bool,
}

impl Format {
    /// Whether records have to be parsed for it.
    pub fn needs_parsed(self) -> bool {
        !matches!(self, Self::Raw(_))
    }

    /// Whether it shows the text that records were parsed from.
    pub fn needs_original(self) -> bool {
        matches!(self, Self::Raw(_))
    }

    /// Adds one record, with the end of its line, to `out`.
    pub fn write(self, source: &Source, entry: &Entry, out: &mut Vec<u8>) {
        match self {
            Self::Json => json(source, entry, out),
            Self::Text(text) => text.write(source, entry, out),
            Self::Raw(text) => {
                if !entry.write_raw(out) {
                    text.write(source, entry, out);
                }
            }
        }
    }
}

/// Names that the record itself uses in JSON. An attribute of that name gets a prefix.
const TAKEN: [&str; 8] = [
    "timestamp",
    "severity",
    "message",
    "source",
    "trace_id",
    "span_id",
    "trace_flags",
    "request_id",
];

fn json(source: &Source, entry: &Entry, out: &mut Vec<u8>) {
    let record = &entry.record;
    out.extend_from_slice(b"{\"timestamp\":\"");
    timestamp(record.time, out);
    out.push(b'"');
    if let Some(severity) = record.severity {
        out.extend_from_slice(b",\"severity\":\"");
        out.extend_from_slice(severity_name(severity).as_bytes());
        out.push(b'"');
    }
    out.extend_from_slice(b",\"message\":");
    string(&record.message, out);
    out.extend_from_slice(b",\"source\":");
    string(source, out);
    if let Some(trace) = &record.trace {
        out.extend_from_slice(b",\"trace_id\":");
        string(&trace.trace_id, out);
        out.extend_from_slice(b",\"span_id\":");
        string(&trace.span_id, out);
        out.extend_from_slice(if trace.sampled {
            b",\"trace_flags\":\"01\""
        } else {
            b",\"trace_flags\":\"00\""
        });
    }
    if let Some(id) = &record.request_id {
        out.extend_from_slice(b",\"request_id\":");
        string(id, out);
    }
    if record.latin1 {
        out.extend_from_slice(b",\"log.latin1\":true");
    }
    for (index, (name, value)) in record.attributes.iter().enumerate() {
        out.push(b',');
        let before = record.attributes[..index].iter().filter(|(known, _)| known == name).count();
        // Without a trace or a request of the record's own their names are free.
        let taken = match name.as_str() {
            "trace_id" | "span_id" | "trace_flags" => record.trace.is_some(),
            "request_id" => record.request_id.is_some(),
            "severity" => record.severity.is_some(),
            name => TAKEN.contains(&name),
        };
        if taken || before > 0 {
            let prefix = if taken { "attributes." } else { "" };
            let mut name = format!("{prefix}{name}");
            if before > 0 {
                let _ = write!(name, ".{}", before + 1);
            }
            string(&name, out);
        } else {
            string(name, out);
        }
        out.push(b':');
        json_value(value, out);
    }
    out.extend_from_slice(b"}\n");
}

fn json_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Text(text) => string(text, out),
        Value::Json(text) => document(text, out),
        other => out.extend_from_slice(other.to_json().to_string().as_bytes()),
    }
}

/// A JSON document as it was written, on one line; a string if it is none.
fn document(text: &str, out: &mut Vec<u8>) {
    if serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
        return string(text, out);
    }
    let mut quoted = false;
    let mut escaped = false;
    for one in text.chars() {
        if quoted {
            // Only within strings can there be anything else than plain ASCII.
            match one {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => quoted = false,
                _ if is_hidden(one) => {
                    unicode_escape(one, out);
                    continue;
                }
                _ => {}
            }
        } else if one == '"' {
            quoted = true;
        } else if matches!(one, '\n' | '\r' | '\t') {
            out.push(b' ');
            continue;
        }
        let mut utf8 = [0; 4];
        out.extend_from_slice(one.encode_utf8(&mut utf8).as_bytes());
    }
}

/// A JSON string in which nothing can move a cursor.
fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(needs_look) {
        // What needs a look is ASCII or the first byte of a character.
        let (plain, behind) = rest.split_at(at);
        out.extend_from_slice(plain.as_bytes());
        let Some(one) = behind.chars().next() else { break };
        match one {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            one if is_hidden(one) => unicode_escape(one, out),
            one => out.extend_from_slice(one.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        rest = &behind[one.len_utf8()..];
    }
    out.extend_from_slice(rest.as_bytes());
    out.push(b'"');
}

/// Whether a character that begins with this byte may have to be escaped.
fn needs_look(byte: u8) -> bool {
    // C1 begins with C2, the signs of direction with D8 and E2, the byte order mark with EF.
    byte < 0x20 || matches!(byte, b'"' | b'\\' | 0x7f | 0xc2 | 0xd8 | 0xe2 | 0xef)
}

/// Whether a character does something instead of being seen: controls, line and paragraph
/// separators, changes of direction.
fn is_hidden(one: char) -> bool {
    matches!(one,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{61c}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn unicode_escape(one: char, out: &mut Vec<u8>) {
    // All of them are below U+10000.
    out.extend_from_slice(format!("\\u{:04x}", u32::from(one)).as_bytes());
}

/// Upper case, as in OpenTelemetry.
fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Trace => "TRACE",
        Severity::Debug => "DEBUG",
        Severity::Info => "INFO",
        Severity::Warn => "WARN",
        Severity::Error => "ERROR",
        Severity::Fatal => "FATAL",
    }
}

/// RFC 3339 in UTC, with as many digits as it needs.
fn timestamp(time: u64, out: &mut Vec<u8>) {
    match jiff::Timestamp::from_nanosecond(i128::from(time)) {
        Ok(time) => out.extend_from_slice(time.to_string().as_bytes()),
        // Cannot be: 64 bits of nanoseconds end in the year 2554.
        Err(_) => out.extend_from_slice(b"1970-01-01T00:00:00Z"),
    }
}

impl Text {
    fn write(self, source: &Source, entry: &Entry, out: &mut Vec<u8>) {
        let record = &entry.record;
        timestamp(record.time, out);
        out.push(b' ');
        let (name, colour) = match record.severity {
            Some(Severity::Trace) => ("TRACE", "\x1b[2m"),
            Some(Severity::Debug) => ("DEBUG", "\x1b[2m"),
            Some(Severity::Info) => ("INFO ", "\x1b[32m"),
            Some(Severity::Warn) => ("WARN ", "\x1b[33m"),
            Some(Severity::Error) => ("ERROR", "\x1b[31m"),
            Some(Severity::Fatal) => ("FATAL", "\x1b[1;31m"),
            None => ("-    ", ""),
        };
        if self.colour && !colour.is_empty() {
            out.extend_from_slice(colour.as_bytes());
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\x1b[0m");
        } else {
            out.extend_from_slice(name.as_bytes());
        }
        out.push(b' ');
        escape(source, out);
        out.extend_from_slice(b": ");
        escape(&record.message, out);
        let mut traces = Vec::new();
        for (name, value) in &record.attributes {
            if self.traces
                && name == STACKTRACE
                && let Value::Text(text) = value
            {
                traces.push(text);
                continue;
            }
            out.push(b' ');
            escape(name, out);
            out.push(b'=');
            match value {
                Value::Text(text) if is_word(text) => out.extend_from_slice(text.as_bytes()),
                other => json_value(other, out),
            }
        }
        if let Some(id) = &record.request_id {
            out.extend_from_slice(b" request_id=");
            escape(id, out);
        }
        if let Some(trace) = &record.trace {
            out.extend_from_slice(b" trace_id=");
            escape(&trace.trace_id, out);
            out.extend_from_slice(b" span_id=");
            escape(&trace.span_id, out);
        }
        out.push(b'\n');
        for line in traces.into_iter().flat_map(|text| text.split('\n')) {
            out.extend_from_slice(b"    | ");
            escape(line, out);
            out.push(b'\n');
        }
    }
}

/// Whether a value can stand without quotes.
fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.len() < 200
        && text.bytes().all(|byte| {
            byte.is_ascii_graphic() && !matches!(byte, b'"' | b'=' | b'\\' | b'{' | b'[')
        })
}

/// Text with everything hidden written out.
fn escape(text: &str, out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) =
        rest.bytes().position(|byte| needs_look(byte) && byte != b'"' && byte != b'\\')
    {
        let (plain, behind) = rest.split_at(at);
        out.extend_from_slice(plain.as_bytes());
        let Some(one) = behind.chars().next() else { break };
        match one {
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            one if is_hidden(one) => unicode_escape(one, out),
            one => out.extend_from_slice(one.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        rest = &behind[one.len_utf8()..];
    }
    out.extend_from_slice(rest.as_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::filter::record::Record;
    use crate::filter::value::TraceContext;

    const TIME: u64 = 1_795_332_949_305_000_000;

    fn write(format: Format, record: Record) -> String {
        let mut out = Vec::new();
        format.write(&"child".into(), &Entry::new(record), &mut out);
        String::from_utf8(out).unwrap()
    }

    fn full() -> Record {
        let mut record = Record::structured(TIME, Some(Severity::Warn), "low stock")
            .with("order", 1841)
            .with("ratio", 0.5)
            .with("ok", true)
            .with("user", "Ada L")
            .with("message", "twin");
        record.attributes.push(("list".into(), Value::Json("[1,\n 2.50]".into())));
        record.attributes.push(("order".into(), 2.into()));
        record.attributes.push(("blob".into(), Value::Blob(vec![1, 2])));
        record.request_id = Some("req-12345678".into());
        record.trace = Some(TraceContext {
            trace_id: "4bf92f3577b34da6a3ce929d0e0e4736".into(),
            span_id: "00f067aa0ba902b7".into(),
            sampled: true,
        });
        record
    }

    #[test]
    fn json_has_the_names_that_others_read() {
        assert_eq!(
            write(Format::Json, full()),
            "{\"timestamp\":\"2026-11-22T07:35:49.305Z\",\"severity\":\"WARN\",\"message\":\"low stock\",\
             \"source\":\"child\",\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\",\"span_id\":\"00f067aa0ba902b7\",\
             \"trace_flags\":\"01\",\"request_id\":\"req-12345678\",\"order\":1841,\"ratio\":0.5,\"ok\":true,\
             \"user\":\"Ada L\",\"attributes.message\":\"twin\",\"list\":[1,  2.50],\"order.2\":2,\"blob\":\"2 bytes\"}\n"
        );
        let bare = write(Format::Json, Record::structured(1, None, "").with("trace_id", "x"));
        assert_eq!(
            bare,
            "{\"timestamp\":\"1970-01-01T00:00:00.000000001Z\",\"message\":\"\",\"source\":\"child\",\"trace_id\":\"x\"}\n"
        );
    }

    #[test]
    fn text_is_for_people() {
        let text = Text::default();
        assert_eq!(
            write(Format::Text(text), full()),
            "2026-11-22T07:35:49.305Z WARN  child: low stock order=1841 ratio=0.5 ok=true user=\"Ada L\" \
             message=twin list=[1,  2.50] order=2 blob=\"2 bytes\" request_id=req-12345678 \
             trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id=00f067aa0ba902b7\n"
        );
        let failed = Record::structured(TIME, Some(Severity::Error), "no")
            .with(STACKTRACE, "a\n\tb\n2026 x");
        assert_eq!(
            write(Format::Text(text), failed.clone()),
            "2026-11-22T07:35:49.305Z ERROR child: no exception.stacktrace=\"a\\n\\tb\\n2026 x\"\n"
        );
        assert_eq!(
            write(Format::Text(Text { colour: true, traces: true }), failed),
            "2026-11-22T07:35:49.305Z \x1b[31mERROR\x1b[0m child: no\n    | a\n    | \\tb\n    | 2026 x\n"
        );
    }

    #[test]
    fn raw_passes_on_what_was_read_and_shows_the_rest_as_text() {
        let raw = Format::Raw(Text::default());
        assert_eq!(
            write(raw, Record::of_bytes(TIME, b"\x1b[31mred\x1b[0m".to_vec())),
            "\x1b[31mred\x1b[0m\n"
        );
        assert_eq!(
            write(raw, Record::structured(TIME, Some(Severity::Info), "GET /")),
            "2026-11-22T07:35:49.305Z INFO  child: GET /\n"
        );
    }

    #[test]
    fn documents_that_are_none_become_strings() {
        let record = Record::structured(TIME, None, "");
        let with = |text: &str| {
            let mut record = record.clone();
            record.attributes.push(("a".into(), Value::Json(text.into())));
            let line = write(Format::Json, record);
            line.split_once("\"a\":").unwrap().1.trim_end_matches("}\n").to_owned()
        };
        assert_eq!(with("{\"a\":\"\u{202e}\\\"\n"), "\"{\\\"a\\\":\\\"\\u202e\\\\\\\"\\n\"");
        assert_eq!(with("{\"a\":\"\u{202e}\\\"\u{2028}\"}"), "{\"a\":\"\\u202e\\\"\\u2028\"}");
        assert_eq!(with("1.10"), "1.10");
    }

    proptest! {
        #[test]
        fn one_record_is_one_line_and_nothing_hides_in_it(
            message in "[\\PC\n\r\t\u{0}\u{1b}\u{7f}\u{85}\u{2028}\u{202e}\u{2066}\u{feff}\"\\\\]{0,40}",
            name in "x[a-z\n\u{1b}\u{9b}\u{202d}\"]{1,8}",
            value in "[a-z \n\r\u{1b}\u{200f}\"\\\\=]{0,12}",
        ) {
            let record = Record::structured(TIME, Some(Severity::Info), message.clone()).with(&name, value.clone());
            for format in [Format::Json, Format::Text(Text::default())] {
                let line = write(format, record.clone());
                prop_assert_eq!(line.matches('\n').count(), 1);
                prop_assert!(!line.trim_end_matches('\n').chars().any(is_hidden), "{:?}", line);
            }
            let line = write(Format::Json, record);
            let read: serde_json::Value = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(&read["message"], &serde_json::Value::from(message));
            prop_assert_eq!(&read[&name], &serde_json::Value::from(value));
        }
    }
}
