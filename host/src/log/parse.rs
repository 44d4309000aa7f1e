//! Makes records of text: which format it is, and what the fields of OpenTelemetry's log data
//! model are in it.
//!
//! Nothing here fails. What is no known format is a message; what looks like one and is not
//! stays in the message or becomes an attribute under its own name. Text is taken apart once,
//! after plugins have seen it as it was.
//!
//! Which format a line has is decided line by line, by its first bytes: applications and the
//! servers around them write different formats into the same pipe. What a source does most is
//! remembered where one line alone could be read two ways.

use jiff::tz::TimeZone;

use crate::filter::record::Record;
use crate::filter::value::{Severity, Value};

mod exception;
mod field;
pub mod join;
mod json;
pub(crate) mod layout;
mod logfmt;
pub(crate) mod time;
pub mod unframe;

use join::{JOINED, ansi};

/// Name of the attribute with the text of a stack trace.
pub const STACKTRACE: &str = "exception.stacktrace";

/// Which formats are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Whatever a line looks like.
    #[default]
    Auto,
    /// JSON objects; other lines are messages.
    Json,
    /// Pairs of `key=value`; other lines are messages.
    Logfmt,
    /// The layouts of text loggers; other lines are messages.
    Text,
    /// None: each line is a message.
    Plain,
}

/// How the records of one source are read.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which formats are looked for. `Auto`.
    pub format: Format,
    /// The zone of times that state none. UTC.
    pub zone: TimeZone,
}

impl Default for Settings {
    fn default() -> Self {
        Self { format: Format::default(), zone: TimeZone::UTC }
    }
}

/// How many records had which format.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// JSON objects.
    pub json: u64,
    /// Pairs of `key=value`.
    pub logfmt: u64,
    /// Text with a head.
    pub text: u64,
    /// Text without one.
    pub plain: u64,
}

/// Reads the records of one source.
#[derive(Debug)]
pub struct Parser {
    settings: Settings,
    counts: Counts,
    /// Heads with a time among the last ones, out of eight.
    timed: u8,
}

impl Parser {
    /// For one source.
    pub fn new(settings: Settings) -> Self {
        Self { settings, counts: Counts::default(), timed: 4 }
    }

    /// How many records had which format.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Takes the text of `record` apart. Does nothing to one that was parsed or never had a
    /// text.
    pub fn parse(&mut self, record: &mut Record) {
        if record.parsed {
            return;
        }
        record.parsed = true;
        let wanted =
            |format| matches!(self.settings.format, Format::Auto) || self.settings.format == format;
        let first = record.message.bytes().find(|byte| !byte.is_ascii_whitespace());
        if first == Some(b'{') && wanted(Format::Json) && self.json(record) {
            self.counts.json += 1;
        } else if first.is_some_and(|byte| byte.is_ascii_alphabetic())
            && wanted(Format::Logfmt)
            && self.logfmt(record)
        {
            self.counts.logfmt += 1;
        } else if wanted(Format::Text) && self.text(record) {
            self.counts.text += 1;
        } else {
            self.counts.plain += 1;
        }
    }

    fn json(&self, record: &mut Record) -> bool {
        let Some(fields) = json::read(&record.message) else { return false };
        // An object without a field of a log has no message; all it says is in attributes.
        field::place(fields, record, &self.settings.zone);
        true
    }

    fn logfmt(&self, record: &mut Record) -> bool {
        let Some(fields) = logfmt::read(&record.message) else { return false };
        field::place(fields, record, &self.settings.zone)
    }

    /// Text with a head, or a trace, or both.
    fn text(&mut self, record: &mut Record) -> bool {
        let plain = ansi::strip(record.message.as_bytes());
        // Escape sequences are whole characters, so what is left is UTF-8 still.
        let Ok(text) = std::str::from_utf8(&plain) else { return false };
        // A key is no trace.
        let language = record.attribute(JOINED).and_then(Value::as_text).filter(|it| *it != "pem");
        let language = language.map(str::to_owned);
        let head = layout::read(text.as_bytes())
            // In a log whose heads have times, a severity alone is a word.
            .filter(|head| {
                head.time.is_some() || head.access || language.is_some() || self.timed < 7
            });
        if let Some(head) = &head {
            self.timed = if head.time.is_some() {
                (self.timed + 1).min(8)
            } else {
                self.timed.saturating_sub(1)
            };
        }
        let Some((message, fields)) = fields(text, head.as_ref(), language.as_deref()) else {
            return false;
        };
        if let Some(head) = &head {
            let read = record.time;
            if let Some(time) =
                head.time.and_then(|stamp| stamp.nanoseconds(&self.settings.zone, read))
            {
                record.time = time;
            }
            record.severity = head.severity;
            if let Some(id) = head.request_id.and_then(|id| std::str::from_utf8(id).ok())
                && field::is_request_id(id)
            {
                record.request_id = Some(id.into());
            }
        }
        let failed = fields.iter().any(|(name, _)| name == STACKTRACE);
        if record.severity.is_none() {
            record.severity = match language.as_deref() {
                // Nobody prints the trace of what went well.
                _ if failed => Some(Severity::Error),
                // The one thing of Python that is joined and is no trace.
                Some("python") => Some(Severity::Warn),
                _ => None,
            };
        }
        record.message = message;
        record.attributes.extend(fields);
        true
    }
}

/// The message and the attributes of a text. `None` when it has neither head nor trace.
fn fields(
    text: &str,
    head: Option<&layout::Head<'_>>,
    language: Option<&str>,
) -> Option<(String, Vec<(String, Value)>)> {
    let mut out = Vec::new();
    let mut add = |name: &str, value: Value| out.push((name.to_owned(), value));
    let mut rest = text;
    if let Some(head) = head {
        if let (Some(level), Some(severity)) =
            (head.level.map(String::from_utf8_lossy), head.severity)
            && level.len() > 3
            && field::says_more(&level, severity)
        {
            add("severity_text", level.into_owned().into());
        }
        for (name, value) in [("log.logger", head.logger), ("process.pid", head.process)] {
            if let Some(value) = value {
                add(name, number_or_text(value));
            }
        }
        if let Some(thread) = head.thread {
            match number_or_text(thread) {
                number @ Value::Integer(_) => add("thread.id", number),
                text => add("thread.name", text),
            }
        }
        if let Some(id) = head.request_id
            && !std::str::from_utf8(id).is_ok_and(field::is_request_id)
        {
            add("log.context", number_or_text(id));
        }
        for &(name, value) in &head.fields {
            add(name, number_or_text(value));
        }
        if head.access {
            return Some((access_message(head), out));
        }
        rest = text.get(head.message..)?;
    }
    let Some(language) = language else {
        return head.is_some().then(|| (rest.to_owned(), out));
    };
    let console = language == "dotnet" && head.is_some_and(|head| head.logger.is_some());
    let dedented = console.then(|| dedent(rest));
    let rest = dedented.as_deref().unwrap_or(rest);
    let parts = exception::parts(language, rest, head.is_some());
    if parts.trace.is_empty() {
        return Some((parts.message.unwrap_or(rest).to_owned(), out));
    }
    let summary = exception::summary(language, parts.trace);
    let first = parts.trace.lines().next().unwrap_or_default();
    let message = match (parts.message, summary) {
        (Some(message), _) => message.to_owned(),
        // `charge failed TypeError: …`: the words in front are a message.
        (None, Some((name, _)))
            if language == "node" && first.find(name).is_some_and(|at| at > 0) =>
        {
            first.to_owned()
        }
        (None, Some((name, ""))) => name.to_owned(),
        (None, Some((name, message))) => format!("{name}: {message}"),
        (None, None) => first.to_owned(),
    };
    let mut add = |name: &str, value: &str| out.push((name.to_owned(), value.into()));
    if let Some((name, message)) = summary {
        add("exception.type", name);
        if !message.is_empty() {
            add("exception.message", message);
        }
    }
    add(STACKTRACE, parts.trace);
    Some((message, out))
}

/// Method, target and status: the line itself is in the attributes.
fn access_message(head: &layout::Head<'_>) -> String {
    let field = |wanted: &str| {
        let found = head.fields.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, value)| String::from_utf8_lossy(value))
    };
    let names = [
        "http.request.method",
        "url.original",
        "http.request.original",
        "http.response.status_code",
    ];
    let words: Vec<_> = names.into_iter().filter_map(field).collect();
    words.join(" ")
}

/// .NET's console puts every line of a message six columns in.
fn dedent(text: &str) -> String {
    let lines: Vec<&str> =
        text.lines().map(|line| line.strip_prefix("      ").unwrap_or(line)).collect();
    lines.join("\n")
}

fn number_or_text(value: &[u8]) -> Value {
    let text = String::from_utf8_lossy(value);
    match text.parse::<i64>() {
        Ok(number) if number.to_string() == text => Value::Integer(number),
        _ => Value::Text(text.into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 2026-11-22T12:00:00Z.
    const READ: u64 = 1_795_348_800_000_000_000;

    fn parse(text: &str) -> Record {
        let mut record = Record::of_bytes(READ, text.as_bytes().to_vec());
        Parser::new(Settings::default()).parse(&mut record);
        assert!(record.parsed);
        record
    }

    /// The record in one line: time in milliseconds, severity, message, request id, trace,
    /// attributes.
    fn describe(record: &Record) -> String {
        let mut out = String::new();
        if record.time != READ {
            let time = jiff::Timestamp::from_nanosecond(i128::from(record.time)).unwrap();
            out.push_str(&format!("{time} "));
        }
        if let Some(severity) = record.severity {
            out.push_str(&format!("{severity} "));
        }
        out.push_str(&format!("{:?}", record.message));
        if let Some(id) = &record.request_id {
            out.push_str(&format!(" request={id}"));
        }
        if let Some(trace) = &record.trace {
            out.push_str(&format!(" trace={}/{}/{}", trace.trace_id, trace.span_id, trace.sampled));
        }
        for (name, value) in &record.attributes {
            out.push_str(&format!(" {name}={}", value.to_json()));
        }
        out
    }

    #[test]
    fn json_of_the_usual_loggers_is_read() {
        for (text, expected) in [
            // python-json-logger, structlog.
            (
                r#"{"asctime": "2026-11-22 07:34:03,341", "levelname": "ERROR", "name": "shop.orders", "message": "failed", "exc_info": "Traceback"}"#,
                r#"2026-11-22T07:34:03.341Z error "failed" name="shop.orders" exc_info="Traceback""#,
            ),
            (
                r#"{"event": "failed", "level": "warning", "timestamp": "2026-11-22T07:34:03.341Z", "request_id": "5f1c9e0a7d1b"}"#,
                r#"2026-11-22T07:34:03.341Z warn "failed" request=5f1c9e0a7d1b"#,
            ),
            // pino, bunyan.
            (
                r#"{"level":30,"time":1795332949609,"pid":13696,"hostname":"web-1","msg":"order received"}"#,
                r#"2026-11-22T07:35:49.609Z info "order received" pid=13696 hostname="web-1""#,
            ),
            (
                r#"{"name":"shop","level":50,"msg":"failed","time":"2026-11-22T07:34:03.341Z","v":0}"#,
                r#"2026-11-22T07:34:03.341Z error "failed" name="shop" v=0"#,
            ),
            // zap, logrus, zerolog, slog.
            (
                r#"{"level":"error","ts":1795332949.62,"caller":"shop/main.go:22","msg":"charge failed","error":"x"}"#,
                r#"2026-11-22T07:35:49.62Z error "charge failed" caller="shop/main.go:22" error="x""#,
            ),
            (
                r#"{"level":"fatal","msg":"no","time":"2026-11-22T07:34:03Z"}"#,
                r#"2026-11-22T07:34:03Z fatal "no""#,
            ),
            (
                r#"{"level":"info","time":1795332949,"message":"hello"}"#,
                r#"2026-11-22T07:35:49Z info "hello""#,
            ),
            (
                r#"{"time":"2026-11-22T07:34:03.341+01:00","level":"DEBUG-2","msg":"x"}"#,
                r#"2026-11-22T06:34:03.341Z "x" level="DEBUG-2""#,
            ),
            // Serilog.
            (
                r#"{"@t":"2026-11-22T07:34:03.3410000Z","@m":"hi Ada","@l":"Warning","@tr":"4bf92f3577b34da6a3ce929d0e0e4736","@sp":"00f067aa0ba902b7","Name":"Ada"}"#,
                r#"2026-11-22T07:34:03.341Z warn "hi Ada" trace=4bf92f3577b34da6a3ce929d0e0e4736/00f067aa0ba902b7/false Name="Ada""#,
            ),
            // Logback, Log4j, ECS, Monolog.
            (
                r#"{"@timestamp":"2026-11-22T07:34:03.341Z","@version":"1","message":"x","logger_name":"a.B","level":"INFO","level_value":20000}"#,
                r#"2026-11-22T07:34:03.341Z info "x" @version="1" logger_name="a.B" level_value=20000"#,
            ),
            (
                r#"{"instant":{"epochSecond":1795332949,"nanoOfSecond":609000000},"level":"WARN","message":"x"}"#,
                r#"2026-11-22T07:35:49.609Z warn "x""#,
            ),
            (
                r#"{"@timestamp":"2026-11-22T07:34:03.341Z","log.level":"error","message":"x","trace.id":"4bf92f3577b34da6a3ce929d0e0e4736","http.request.id":"req-12345678"}"#,
                r#"2026-11-22T07:34:03.341Z error "x" request=req-12345678 trace.id="4bf92f3577b34da6a3ce929d0e0e4736""#,
            ),
            (
                r#"{"message":"x","context":{},"level":400,"level_name":"ERROR","channel":"app","datetime":"2026-11-22T07:34:03.341000+00:00"}"#,
                r#"2026-11-22T07:34:03.341Z error "x" context={} level_name="ERROR" channel="app""#,
            ),
            // Google Cloud, OpenTelemetry.
            (
                r#"{"severity":"NOTICE","message":"x","timestamp":{"seconds":1795332949,"nanos":5},"logging.googleapis.com/trace":"projects/p/traces/4BF92F3577B34DA6A3CE929D0E0E4736","logging.googleapis.com/spanId":"00f067aa0ba902b7","logging.googleapis.com/trace_sampled":true}"#,
                r#"2026-11-22T07:35:49.000000005Z info "x" trace=4bf92f3577b34da6a3ce929d0e0e4736/00f067aa0ba902b7/true severity_text="NOTICE""#,
            ),
            (
                r#"{"Timestamp":"1795332949609000000","SeverityNumber":17,"Body":"x","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"00f067aa0ba902b7","trace_flags":"01"}"#,
                r#"2026-11-22T07:35:49.609Z error "x" trace=4bf92f3577b34da6a3ce929d0e0e4736/00f067aa0ba902b7/true"#,
            ),
            // What makes no sense stays what it is.
            (
                r#"{"time":"soon","level":{"a":1},"msg":null,"trace_id":"0","request_id":"x"}"#,
                r#""" time="soon" level={"a":1} msg=null trace_id="0" request_id="x""#,
            ),
            (r#"{"a":1.10,"message":5,"message":"second"}"#, r#""5" a=1.1 message="second""#),
            (r#"{"level":"info""#, r#""{\"level\":\"info\"""#),
            ("[1, 2]", "\"[1, 2]\""),
        ] {
            assert_eq!(describe(&parse(text)), expected, "`{text}`");
        }
    }

    #[test]
    fn text_and_logfmt_are_read() {
        for (text, expected) in [
            (
                "2026-11-22 07:34:03,305 [5f1c9e0a-7d1b-4b5e-9d59-8f4f6c0e1a2b] [user:42] CRITICAL apps.orders: no stock",
                r#"2026-11-22T07:34:03.305Z fatal "no stock" request=5f1c9e0a-7d1b-4b5e-9d59-8f4f6c0e1a2b severity_text="CRITICAL" log.logger="apps.orders" user.id=42"#,
            ),
            (
                "INFO 2026-11-22 07:34:03,305 views 412 140213 order received",
                r#"2026-11-22T07:34:03.305Z info "order received" log.logger="views" process.pid=412 thread.id=140213"#,
            ),
            (
                "10.0.0.1 - frank [22/Nov/2026:07:34:46 +0000] \"GET /a?b=c HTTP/1.1\" 200 2326 \"-\" \"curl/8\"",
                r#"2026-11-22T07:34:46Z "GET /a?b=c 200" client.address="10.0.0.1" user.name="frank" http.request.method="GET" url.original="/a?b=c" network.protocol.version="1.1" http.response.status_code=200 http.response.body.size=2326 user_agent.original="curl/8""#,
            ),
            (
                "\u{1b}[2m2026-11-22T07:36:01.113Z\u{1b}[0m \u{1b}[32m INFO\u{1b}[0m \u{1b}[2mshop::orders\u{1b}[0m\u{1b}[2m:\u{1b}[0m order received",
                r#"2026-11-22T07:36:01.113Z info "order received" log.logger="shop::orders""#,
            ),
            (
                "time=\"2026-11-22T07:34:03Z\" level=warning msg=\"low stock\" id=17",
                r#"2026-11-22T07:34:03Z warn "low stock" id=17"#,
            ),
            ("PHP Warning:  Undefined key", r#"warn "PHP Warning:  Undefined key""#),
            (
                "[22-Nov-2026 07:34:03 UTC] PHP Deprecated:  Old",
                r#"2026-11-22T07:34:03Z info "PHP Deprecated:  Old""#,
            ),
            ("Application Startup Complete", "\"Application Startup Complete\""),
            ("", "\"\""),
            ("\u{1b}[31mred\u{1b}[0m", "\"\\u{1b}[31mred\\u{1b}[0m\""),
        ] {
            assert_eq!(describe(&parse(text)), expected, "`{text}`");
        }
    }

    fn parse_joined(language: &str, text: &str) -> String {
        let mut record = Record::of_bytes(READ, text.as_bytes().to_vec()).with(JOINED, language);
        Parser::new(Settings::default()).parse(&mut record);
        record.attributes.remove(0);
        describe(&record)
    }

    #[test]
    fn traces_are_set_apart_from_the_message() {
        for (language, text, expected) in [
            (
                "python",
                "2026-11-22 07:34:03,305 ERROR [shop:92] charge failed\nTraceback (most recent call last):\n  File \"a.py\", line 1, in f\nValueError: bad",
                r#"2026-11-22T07:34:03.305Z error "charge failed" log.logger="shop" code.line.number=92 exception.type="ValueError" exception.message="bad" exception.stacktrace="Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nValueError: bad""#,
            ),
            (
                "python",
                "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nValueError: bad",
                r#"error "ValueError: bad" exception.type="ValueError" exception.message="bad" exception.stacktrace="Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nValueError: bad""#,
            ),
            (
                "python",
                "2026-11-22 07:34:03,305 ERROR [shop:92] charge\nfailed\nTraceback (most recent call last):\n  File \"a.py\", line 1, in f\nValueError: bad",
                r#"2026-11-22T07:34:03.305Z error "charge\nfailed" log.logger="shop" code.line.number=92 exception.type="ValueError" exception.message="bad" exception.stacktrace="Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nValueError: bad""#,
            ),
            (
                "python",
                "/srv/a.py:12: DeprecationWarning: old\n  import imp",
                r#"warn "/srv/a.py:12: DeprecationWarning: old\n  import imp""#,
            ),
            (
                "node",
                "charge failed TypeError: no\n    at f (/a.js:1:2)",
                r#"error "charge failed TypeError: no" exception.type="TypeError" exception.message="no" exception.stacktrace="charge failed TypeError: no\n    at f (/a.js:1:2)""#,
            ),
            (
                "java",
                "2026-11-22 07:36:01.120 ERROR 1 --- [exec-1] o.a.C : threw\n\njava.lang.X: no\n\tat a.B.c(B.java:1)",
                r#"2026-11-22T07:36:01.12Z error "threw" log.logger="o.a.C" process.pid=1 thread.name="exec-1" exception.type="java.lang.X" exception.message="no" exception.stacktrace="java.lang.X: no\n\tat a.B.c(B.java:1)""#,
            ),
            (
                "ruby",
                "E, [2026-11-22T07:42:09.614506 #32695] ERROR -- : could not charge (PaymentError)\nt.rb:8:in `view'",
                r#"2026-11-22T07:42:09.614506Z error "could not charge (PaymentError)" process.pid=32695 exception.type="PaymentError" exception.message="could not charge" exception.stacktrace="could not charge (PaymentError)\nt.rb:8:in `view'""#,
            ),
            (
                "dotnet",
                "fail: Shop.Orders[3]\n      charge failed\n      A.BException: no\n         at A.B.C()",
                r#"error "charge failed" log.logger="Shop.Orders" log.event_id=3 exception.type="A.BException" exception.message="no" exception.stacktrace="A.BException: no\n   at A.B.C()""#,
            ),
            (
                "dotnet",
                "info: Shop.Orders[3]\n      order\n      received",
                r#"info "order\nreceived" log.logger="Shop.Orders" log.event_id=3"#,
            ),
            (
                "java",
                "Jul 09, 2015 3:23:29 PM shop.Orders charge\nSEVERE: failed",
                r#"2015-07-09T15:23:29Z error "failed" severity_text="SEVERE" log.logger="shop.Orders" code.function.name="charge""#,
            ),
        ] {
            assert_eq!(parse_joined(language, text), expected, "`{text}`");
        }
    }

    #[test]
    fn a_format_that_is_asked_for_is_the_only_one() {
        let line = r#"{"message":"x"}"#;
        for (format, expected) in [(Format::Json, "x"), (Format::Text, line), (Format::Plain, line)]
        {
            let mut record = Record::of_bytes(READ, line.as_bytes().to_vec());
            Parser::new(Settings { format, ..Settings::default() }).parse(&mut record);
            assert_eq!(record.message, expected, "{format:?}");
        }
    }

    #[test]
    fn what_is_parsed_is_left_alone() {
        let mut record = Record::structured(READ, None, r#"{"message":"x"}"#);
        let before = record.clone();
        Parser::new(Settings::default()).parse(&mut record);
        assert_eq!(record, before);
    }

    #[test]
    fn in_a_log_whose_heads_have_times_a_severity_alone_is_a_word() {
        let mut parser = Parser::new(Settings::default());
        for _ in 0..8 {
            let mut record =
                Record::of_bytes(READ, b"2026-11-22 07:34:03,305 INFO app: x".to_vec());
            parser.parse(&mut record);
        }
        let mut record = Record::of_bytes(READ, b"WARN is a word".to_vec());
        parser.parse(&mut record);
        assert_eq!((record.message.as_str(), record.severity), ("WARN is a word", None));
        assert_eq!(parser.counts(), Counts { text: 8, plain: 1, ..Counts::default() });
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn nothing_makes_it_fail(text in prop_oneof![
            "\\PC{0,80}",
            "[<\\[{]?[0-9A-Z :,.\\[\\]{}\"=/#|<>()-]{0,60}",
            "(2026-11-22 07:34:03,305|INFO|\\[|\\]|:| |-|#|\\||\"|user:|pid |E, |<1>|Nov 22 07:34:03|é|\n|\t|[a-z.]{1,8}|[0-9]{1,5}){0,14}",
            "(\\{|\\}|\"level\":|\"info\"|,|\"time\":|1795332949|\"msg\":|\"a\"|1.5e3|\\[|\\]|null|\\\\u00){0,14}",
        ]) {
            let record = parse(&text);
            prop_assert!(record.message.len() <= text.len() + 64);
        }

        #[test]
        fn bytes_that_are_not_text_do_not_either(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let mut record = Record::of_bytes(READ, bytes);
            Parser::new(Settings::default()).parse(&mut record);
        }
    }
}
