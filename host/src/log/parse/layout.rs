//! What loggers put in front of a message: time, severity, logger, process, thread, ids.
//!
//! One reader for the layouts of the usual loggers of ten languages, not a pattern for each:
//! a time or a severity opens a head, and what stands between it and the message is told
//! apart by its shape. What is not recognised stays in the message, so that no text is lost.
//!
//! The joiner asks it, too: a line with a head begins a new record, and the process or thread
//! in the head keeps interleaved workers apart.

use super::time::{self, Stamp};
use crate::filter::value::Severity;

mod access;
mod head;
mod mark;
mod syslog;

/// What the head of a text states. Slices are of the text that was read.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Head<'a> {
    /// When it was written.
    pub(crate) time: Option<Stamp>,
    /// How severe it is.
    pub(crate) severity: Option<Severity>,
    /// The severity as it was written.
    pub(crate) level: Option<&'a [u8]>,
    /// The process that wrote it.
    pub(crate) process: Option<&'a [u8]>,
    /// The thread that wrote it, by name or number.
    pub(crate) thread: Option<&'a [u8]>,
    /// The logger, module or category.
    pub(crate) logger: Option<&'a [u8]>,
    /// The exchange it belongs to.
    pub(crate) request_id: Option<&'a [u8]>,
    /// What else there is, under the name of its attribute.
    pub(crate) fields: Vec<(&'static str, &'a [u8])>,
    /// Where the message begins.
    pub(crate) message: usize,
    /// The line is of an access log: its message is the request, in the field of that name.
    pub(crate) access: bool,
}

impl Head<'_> {
    /// What tells one worker from another, if the head states it.
    pub(crate) fn worker(&self) -> Option<(&[u8], &[u8])> {
        match (self.process, self.thread) {
            (None, None) => None,
            (process, thread) => Some((process.unwrap_or_default(), thread.unwrap_or_default())),
        }
    }
}

/// The head of `text`, or `None` when its first line begins with none.
///
/// Of several lines only the first is looked at, and the second for the two-line records of
/// `java.util.logging`.
pub(crate) fn read(text: &[u8]) -> Option<Head<'_>> {
    match text.first()? {
        b'<' => syslog::with_priority(text),
        b'[' => head::bracket_first(text),
        b'0'..=b'9' => match time::take_dated(text) {
            Some((stamp, len)) => Some(head::time_first(text, stamp, len)),
            None => clock_first(text).or_else(|| access::read(text)),
        },
        b'A'..=b'Z' => match time::take_named(text) {
            Some((stamp, len)) => head::util_logging(text, stamp, len)
                .or_else(|| syslog::without_priority(text, stamp, len)),
            None => head::level_first(text).or_else(|| access::read(text)),
        },
        b'a'..=b'z' => head::dotnet(text).or_else(|| access::read(text)),
        b':' => access::read(text),
        _ => None,
    }
}

/// A time of day opens a head only if a severity or a thread in brackets follows: there are
/// too many other things that look like one.
fn clock_first(text: &[u8]) -> Option<Head<'_>> {
    let (stamp, len) = time::take_clock(text)?;
    let head = head::time_first(text, stamp, len);
    head.severity.is_some().then_some(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The head of `text` in one line: severity, process, thread, logger, request id, other
    /// fields, message.
    fn describe(text: &str) -> String {
        let Some(head) = read(text.as_bytes()) else { return "none".to_owned() };
        let mut out = Vec::new();
        if head.time.is_some() {
            out.push("time".to_owned());
        }
        if let Some(severity) = head.severity {
            out.push(severity.to_string());
        }
        for (name, value) in [
            ("pid", head.process),
            ("thread", head.thread),
            ("logger", head.logger),
            ("request", head.request_id),
        ] {
            if let Some(value) = value {
                out.push(format!("{name}={}", String::from_utf8_lossy(value)));
            }
        }
        for (name, value) in &head.fields {
            out.push(format!("{name}={}", String::from_utf8_lossy(value)));
        }
        format!("{} > {}", out.join(" "), &text[head.message..])
    }

    #[test]
    fn usual_layouts_are_taken_apart() {
        for (text, expected) in [
            // Python: the guides' two `verbose` styles, with request id, and the usual rest.
            (
                "INFO 2026-11-22 07:34:03,305 views order received",
                "time info logger=views > order received",
            ),
            (
                "INFO 2026-11-22 07:34:03,305 views 412 140213 order received",
                "time info pid=412 thread=140213 logger=views > order received",
            ),
            (
                "2026-11-22 07:34:03,305 [5f1c9e0a-7d1b-4b5e-9d59-8f4f6c0e1a2b] [user:42] INFO apps.orders: order received",
                "time info logger=apps.orders request=5f1c9e0a-7d1b-4b5e-9d59-8f4f6c0e1a2b user.id=42 > order received",
            ),
            (
                "2026-11-22 07:34:03,305 [-] [user:None] ERROR apps: failed",
                "time error logger=apps > failed",
            ),
            (
                "2026-11-22 07:34:03,305 INFO [shop.orders:90] order id=1",
                "time info logger=shop.orders code.line.number=90 > order id=1",
            ),
            (
                "2026-11-22 07:34:03,305 - shop.orders - WARNING - low stock",
                "time warn logger=shop.orders > low stock",
            ),
            (
                "2026-11-22 07:34:03,305 shop.orders INFO low stock",
                "time info logger=shop.orders > low stock",
            ),
            ("ERROR:shop.orders:charge failed", "error logger=shop.orders > charge failed"),
            ("WARNING:root:careful: hot", "warn logger=root > careful: hot"),
            (
                "[2026-11-22 07:34:46,304] ERROR in app: Exception on /boom [GET]",
                "time error logger=app > Exception on /boom [GET]",
            ),
            (
                "[2026-11-22 07:34:46 +0000] [412] [INFO] Listening at: http://0.0.0.0:80 (412)",
                "time info pid=412 > Listening at: http://0.0.0.0:80 (412)",
            ),
            ("INFO:     Started server process [1]", "info > Started server process [1]"),
            ("ERROR:    Exception in ASGI application", "error > Exception in ASGI application"),
            (
                "[2026-11-22 07:34:03,305: ERROR/ForkPoolWorker-2] Task failed",
                "time error thread=ForkPoolWorker-2 > Task failed",
            ),
            (
                "2026-11-22 07:34:03.305 | ERROR    | shop.orders:charge:12 - failed",
                "time error logger=shop.orders code.function.name=charge code.line.number=12 > failed",
            ),
            (
                "[2026-11-22 07:34:03] ERROR django.request Internal Server Error: /boom",
                "time error logger=django.request > Internal Server Error: /boom",
            ),
            // Java and its relatives.
            (
                "2026-11-22 07:36:01.113  INFO 1 --- [nio-8080-exec-1] c.e.s.OrderController           : order",
                "time info pid=1 thread=nio-8080-exec-1 logger=c.e.s.OrderController > order",
            ),
            (
                "2026-11-22T07:36:01.113+01:00 ERROR 1 --- [shop] [main] o.a.c.c.C.[.[.[/] : Servlet.service()",
                "time error pid=1 thread=main logger=o.a.c.c.C.[.[.[/] service.name=shop > Servlet.service()",
            ),
            (
                "2026-11-22 07:36:01,113 [main] INFO  c.e.App - started",
                "time info thread=main logger=c.e.App > started",
            ),
            (
                "07:36:01.113 [main] INFO  c.e.App -- started",
                "time info thread=main logger=c.e.App > started",
            ),
            (
                "2026-11-22 07:36:01,113 INFO  [main] c.e.App: started",
                "time info thread=main logger=c.e.App > started",
            ),
            (
                "2026-11-22 07:36:01,113 ERROR [c.e.App] (main) failed",
                "time error logger=c.e.App > (main) failed",
            ),
            (
                "Jul 09, 2015 3:23:29 PM com.example.Shop charge\nSEVERE: failed",
                "time error logger=com.example.Shop code.function.name=charge > failed",
            ),
            // Go, Rust, Ruby, PHP, Node, .NET, C++.
            ("2026/11/22 07:34:46 order received", "time > order received"),
            (
                "2026/11/22 07:34:46 main.go:23: order received",
                "time code.file.path=main.go code.line.number=23 > order received",
            ),
            (
                "2026-11-22T07:36:01.113Z\tINFO\tshop/main.go:20\torder received\t{\"order\": 1}",
                "time info code.file.path=shop/main.go code.line.number=20 > order received\t{\"order\": 1}",
            ),
            (
                "I1122 07:36:01.113000   17 main.go:23] order received",
                "time info thread=17 code.file.path=main.go code.line.number=23 > order received",
            ),
            (
                "2026-11-22T07:36:01.113Z  INFO shop::orders: order received",
                "time info logger=shop::orders > order received",
            ),
            (
                "[2026-11-22T07:36:01Z WARN  shop::orders] low stock",
                "time warn logger=shop::orders > low stock",
            ),
            (
                "E, [2026-11-22T07:42:09.614506 #32695] ERROR -- : could not charge (PaymentError)",
                "time error pid=32695 > could not charge (PaymentError)",
            ),
            (
                "I, [2026-11-22T07:42:09.614506 #32695]  INFO -- shop: done",
                "time info pid=32695 logger=shop > done",
            ),
            (
                "[2026-11-22T07:34:03.305+00:00] app.ERROR: failed {\"id\":1} []",
                "time error logger=app > failed {\"id\":1} []",
            ),
            (
                "[22-Nov-2026 07:34:03 UTC] PHP Warning:  Undefined key",
                "time warn > PHP Warning:  Undefined key",
            ),
            ("2026-11-22T07:36:01.113Z info: order received", "time info > order received"),
            ("2026-11-22T07:36:01.113Z [warn]: low stock", "time warn > low stock"),
            ("[07:36:01 ERR] charge failed", "time error > charge failed"),
            (
                "info: Shop.Orders[14]\n      order received",
                "info logger=Shop.Orders log.event_id=14 > order received",
            ),
            ("2026-11-22 07:36:01.113 +00:00 [INF] order received", "time info > order received"),
            // Servers.
            (
                "2026/11/22 07:34:46 [error] 12#34: *5 connect() failed",
                "time error pid=12 thread=34 > *5 connect() failed",
            ),
            (
                "[Sun Nov 22 07:34:46.123456 2026] [core:error] [pid 12:tid 34] [client 10.0.0.1:5] AH00037: x",
                "time error pid=12 thread=34 logger=core client.address=10.0.0.1:5 > AH00037: x",
            ),
            (
                "2026-11-22 07:36:01.113 UTC [123] LOG:  checkpoint",
                "time info pid=123 > checkpoint",
            ),
            ("1:M 22 Nov 2026 07:36:01.113 * Ready", "none"),
            (
                "<165>1 2026-11-22T07:36:01.113Z host app 12 ID47 [x@1 k=\"v\"] hello",
                "time info pid=12 host.name=host log.syslog.appname=app log.syslog.msgid=ID47 log.syslog.structured_data=[x@1 k=\"v\"] log.syslog.facility.code=20 > hello",
            ),
            (
                "<34>Nov 22 07:34:03 host su[231]: failed",
                "time fatal pid=231 host.name=host log.syslog.appname=su log.syslog.facility.code=4 > failed",
            ),
            (
                "Nov 22 07:34:03 host app[231]: order received",
                "time pid=231 host.name=host log.syslog.appname=app > order received",
            ),
            ("[INFO] started", "info > started"),
            ("WARN something is odd", "warn > something is odd"),
        ] {
            assert_eq!(describe(text), expected, "`{text}`");
        }
    }

    #[test]
    fn access_lines_are_taken_apart() {
        for (text, expected) in [
            (
                "10.0.0.1 - frank [22/Nov/2026:07:34:46 +0000] \"GET /a?b=c HTTP/1.1\" 200 2326 \"http://x/\" \"Mozilla/5.0 (X11)\"",
                "time client.address=10.0.0.1 user.name=frank http.request.method=GET url.original=/a?b=c network.protocol.version=1.1 http.response.status_code=200 http.response.body.size=2326 http.request.referrer=http://x/ user_agent.original=Mozilla/5.0 (X11)",
            ),
            (
                "127.0.0.1 - - [22/Nov/2026 07:34:46] \"\u{1b}[33mGET /ok HTTP/1.1\u{1b}[0m\" 404 -",
                "time client.address=127.0.0.1 http.request.method=GET url.original=/ok network.protocol.version=1.1 http.response.status_code=404",
            ),
            (
                "[22/Nov/2026 07:34:46] \"GET /boom HTTP/1.1\" 500 145",
                "time http.request.method=GET url.original=/boom network.protocol.version=1.1 http.response.status_code=500 http.response.body.size=145",
            ),
            (
                "INFO:     127.0.0.1:5000 - \"GET / HTTP/1.1\" 200 OK",
                "info client.address=127.0.0.1:5000 http.request.method=GET url.original=/ network.protocol.version=1.1 http.response.status_code=200",
            ),
            (
                "::1 - - [22/Nov/2026:07:34:46 +0000] \"\\x16\\x03\" 400 0 \"-\" \"-\" \"10.9.9.9\" 0.003",
                "time client.address=::1 http.request.original=\\x16\\x03 http.response.status_code=400 http.response.body.size=0 log.rest=\"10.9.9.9\" 0.003",
            ),
        ] {
            let described = describe(text);
            assert_eq!(described.split(" > ").next(), Some(expected), "`{text}`");
        }
    }

    #[test]
    fn ordinary_text_has_no_head() {
        for text in [
            "",
            " ",
            "order received",
            "Order received: 17",
            "hello world",
            "ValueError: bad",
            "12 apples",
            "at 09:00 the job starts",
            "09:00:00 is early",
            "Info is power",
            "Error",
            "note: x",
            "information: all you need",
            "10.0.0.1 is down",
            "Caused by: java.lang.X",
            "[section]",
            "INFOX 2026-11-22",
            "{\"level\":\"info\"}",
            "Nov 22 is a Sunday",
            "<html>",
            "<34>",
            "I am here",
            "java.lang.IllegalStateException: x",
            "    at x (y.js:1:2)",
            "E, what",
            "e: f",
        ] {
            assert_eq!(describe(text), "none", "`{text}`");
        }
    }
}
