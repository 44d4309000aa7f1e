//! The public pages: what strangers are told, in words only.
//!
//! Pages are written in the background, left in state, and given out by the request path, which
//! adds nothing but their age. Names of hosts, reasons and texts of drivers never get here.

use std::fmt::Write;
use std::time::Duration;

use tamis_sdk::{Reply, Status, Timestamp, respond};

use crate::settings::{Codes, Format, Settings};
use crate::verdict::Verdict;

/// One check as strangers see it.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) name: String,
    pub(crate) status: Status,
    pub(crate) latency: Option<Duration>,
}

/// A page as it waits in state.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stored<'a> {
    pub(crate) code: u16,
    /// When it was written.
    pub(crate) written: Timestamp,
    /// When the oldest result in it was had.
    pub(crate) evidence: Timestamp,
    pub(crate) body: &'a str,
}

impl<'a> Stored<'a> {
    pub(crate) fn encode(&self) -> String {
        let (written, evidence) = (self.written.unix_nanos(), self.evidence.unix_nanos());
        format!("{} {written} {evidence}\n{}", self.code, self.body)
    }

    /// `None` for what was not written by [`encode`](Self::encode).
    pub(crate) fn decode(bytes: &'a [u8]) -> Option<Self> {
        let (head, body) = std::str::from_utf8(bytes).ok()?.split_once('\n')?;
        let mut parts = head.split(' ');
        let code = parts.next()?.parse().ok()?;
        let mut moment = || parts.next()?.parse().ok().map(Timestamp::from_unix_nanos);
        Some(Self { code, written: moment()?, evidence: moment()?, body })
    }
}

/// The main page without its end, which [`with_age`] adds.
pub(crate) fn main_page(
    settings: &Settings,
    verdict: Verdict,
    draining: bool,
    checks: &[Shown],
) -> (u16, String) {
    let mut body = format!("{{\"status\":\"{}\"", verdict.health.as_str());
    if let Some(version) = &settings.version {
        write(&mut body, format_args!(",\"version\":{}", text(version)));
    }
    if draining {
        body.push_str(",\"draining\":true");
    }
    if settings.show_checks {
        body.push_str(",\"checks\":{");
        for (index, check) in checks.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write(&mut body, format_args!("{comma}{}:", text(&check.name)));
            match settings.format {
                Format::Simple => body.push_str(simple(check.status)),
                Format::Detailed => detailed(&mut body, check),
            }
        }
        body.push('}');
    }
    (code(settings.codes, verdict.health), body)
}

/// Guide A's form: a text for each check.
fn simple(status: Status) -> &'static str {
    match status {
        Status::Healthy => "\"ok\"",
        Status::Degraded => "\"degraded\"",
        Status::Unhealthy => "\"error: not available\"",
        Status::Unknown => "\"error: not checked yet\"",
    }
}

/// Guide B's form: status, latency and message of each check.
fn detailed(body: &mut String, check: &Shown) {
    let (status, message) = match check.status {
        Status::Healthy => ("ok", "ok"),
        Status::Degraded => ("degraded", "degraded"),
        Status::Unhealthy => ("error", "not available"),
        Status::Unknown => ("unknown", "not checked yet"),
    };
    write(body, format_args!("{{\"status\":\"{status}\""));
    if let Some(latency) = check.latency {
        write(body, format_args!(",\"latency_ms\":{}", milliseconds(latency)));
    }
    write(body, format_args!(",\"message\":\"{message}\"}}"));
}

/// Milliseconds with three digits at most, as JSON.
pub(crate) fn milliseconds(span: Duration) -> f64 {
    (span.as_micros() as f64) / 1000.0
}

/// The status of the main page.
pub(crate) fn code(codes: Codes, health: Status) -> u16 {
    match health {
        Status::Healthy => 200,
        Status::Degraded => codes.degraded.0,
        Status::Unhealthy | Status::Unknown => codes.unhealthy.0,
    }
}

/// The page for those who send traffic.
pub(crate) fn ready_page(ready: bool) -> (u16, &'static str) {
    if ready { (200, "{\"status\":\"ready\"}") } else { (503, "{\"status\":\"not ready\"}") }
}

/// The main page when nothing is known, or what is known is too old.
pub(crate) fn nothing_known(codes: Codes) -> (u16, String) {
    let (code, word) = (codes.unhealthy.0, Status::Unknown.as_str());
    (code, format!("{{\"status\":\"{word}\",\"checks\":{{}}"))
}

/// The page for those who restart what hangs. Depends on nothing.
pub(crate) const LIVE: &str = "{\"status\":\"alive\"}";

/// Ends the main page.
pub(crate) fn with_age(mut body: String, age: Duration) -> String {
    write(&mut body, format_args!(",\"age_seconds\":{}}}", age.as_secs()));
    body
}

/// An answer of JSON that nobody keeps.
pub(crate) fn reply(code: u16, body: impl Into<Vec<u8>>) -> Reply {
    let mut reply = respond(code);
    reply.headers.push(("content-type".to_owned(), "application/json".to_owned()));
    reply.headers.push(("cache-control".to_owned(), "no-store".to_owned()));
    reply.body = body.into();
    reply
}

/// A text as JSON.
fn text(text: &str) -> serde_json::Value {
    serde_json::Value::from(text)
}

fn write(body: &mut String, what: std::fmt::Arguments<'_>) {
    body.write_fmt(what).expect("a string takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(json: &str) -> Settings {
        tamis_sdk::Config::new(json).parse().expect("the settings are right")
    }

    fn shown(name: &str, status: Status) -> Shown {
        Shown { name: name.to_owned(), status, latency: Some(Duration::from_micros(3_250)) }
    }

    #[test]
    fn both_forms_are_those_of_the_guides() {
        let checks = [
            shown("database", Status::Healthy),
            shown("cache", Status::Unhealthy),
            Shown { name: "api".into(), status: Status::Unknown, latency: None },
        ];
        let verdict = Verdict { health: Status::Degraded, ready: true };
        for (config, expected) in [
            (
                r#"{"version": "1.4.2"}"#,
                r#"{"status":"degraded","version":"1.4.2","checks":{"database":{"status":"ok","latency_ms":3.25,"message":"ok"},"cache":{"status":"error","latency_ms":3.25,"message":"not available"},"api":{"status":"unknown","message":"not checked yet"}},"age_seconds":7}"#,
            ),
            (
                r#"{"format": "simple"}"#,
                r#"{"status":"degraded","checks":{"database":"ok","cache":"error: not available","api":"error: not checked yet"},"age_seconds":7}"#,
            ),
            (r#"{"show-checks": false}"#, r#"{"status":"degraded","age_seconds":7}"#),
        ] {
            let (code, body) = main_page(&settings(config), verdict, false, &checks);
            assert_eq!(code, 200);
            let body = with_age(body, Duration::from_millis(7_900));
            assert_eq!(body, expected);
            serde_json::from_str::<serde_json::Value>(&body).expect("it is JSON");
        }
    }

    #[test]
    fn names_and_versions_are_escaped() {
        let settings = settings(r#"{"version": "a\"b\n"}"#);
        let verdict = Verdict { health: Status::Healthy, ready: true };
        let (_, body) =
            main_page(&settings, verdict, true, &[shown("up\"stream:a", Status::Healthy)]);
        let page: serde_json::Value =
            serde_json::from_str(&with_age(body, Duration::ZERO)).expect("it is JSON");
        assert_eq!(page["version"], "a\"b\n");
        assert_eq!(page["draining"], true);
        assert_eq!(page["checks"]["up\"stream:a"]["status"], "ok");
    }

    #[test]
    fn codes_follow_the_verdict() {
        let codes = |config: &str| {
            let settings = settings(config);
            [Status::Healthy, Status::Degraded, Status::Unhealthy, Status::Unknown]
                .map(|health| main_page(&settings, Verdict { health, ready: true }, false, &[]).0)
        };
        assert_eq!(codes("null"), [200, 200, 503, 503]);
        assert_eq!(
            codes(r#"{"codes": {"degraded": 218, "unhealthy": 500}}"#),
            [200, 218, 500, 500]
        );
    }

    #[test]
    fn what_is_stored_comes_back() {
        let stored = Stored {
            code: 503,
            written: Timestamp::from_unix_nanos(17),
            evidence: Timestamp::from_unix_nanos(3),
            body: "{\"a\":\n1",
        };
        let text = stored.encode();
        assert_eq!(Stored::decode(text.as_bytes()), Some(stored));
        for broken in ["", "503", "503 1\n{", "x 1 2\n{", "503 1 x\n{", "99999 1 2\n{"] {
            assert_eq!(Stored::decode(broken.as_bytes()), None, "`{broken}`");
        }
        assert_eq!(Stored::decode(b"\xff"), None);
    }
}
