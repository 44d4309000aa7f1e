//! `tamis health`: is it well? The health check of a container, without curl.
//!
//! Asks one URL. Well is what answers 2xx in time; everything else is told apart by who has to
//! act: a service that is not there, a page that is not there, a page that is broken itself, and
//! a page that works and says that something is wrong.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;

use super::terminal::{BAD, GOOD, Printable, shortened};
use super::{Failure, Terminal, with_runtime};
use crate::config::Span;
use crate::outbound::client::{self, Client};
use crate::outbound::{Dialer, Dialing, Origin};

const EXAMPLES: &str = "\
Examples:
  tamis health http://127.0.0.1:8080/health/
  tamis health --wait 60s http://127.0.0.1:8080/health/ready/     until it is ready
  HEALTHCHECK CMD [\"tamis\", \"health\", \"http://127.0.0.1:8080/health/live/\"]

Status: 0 it answered 2xx, 1 it did not, 2 wrong usage.";

/// Between two attempts of `--wait`.
const PAUSE: Duration = Duration::from_secs(1);
/// How much of an answer is read, in bytes.
const LIMIT: u64 = 64 * 1024;
/// How many attempts Docker remembers, and how much of what each said, in bytes.
const REMEMBERED: usize = 5;
const REMEMBERED_OUTPUT: usize = 4096;

/// Asks a health page; the health check of a container.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The page, such as http://127.0.0.1:8080/health/.
    #[arg(value_parser = url)]
    url: String,

    /// How long one attempt may take.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = span)]
    timeout: Span,

    /// Asks again, once a second, until it is well or this time has passed.
    #[arg(long, value_name = "TIME", value_parser = span)]
    wait: Option<Span>,

    /// Prints what `docker inspect` shows of a health check.
    #[arg(long)]
    json: bool,
}

fn url(text: &str) -> Result<String, String> {
    match Origin::split(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) if !text.contains("://") && Origin::split(&format!("http://{text}")).is_ok() => {
            Err(format!("write \"http://{text}\""))
        }
        Err(error) => Err(error.to_string()),
    }
}

fn span(text: &str) -> Result<Span, String> {
    match text.parse::<Span>() {
        Ok(span) if span.0.is_zero() => Err("write a time above zero, such as \"5s\"".to_owned()),
        Ok(span) => Ok(span),
        Err(mistake) => Err(mistake.to_string()),
    }
}

impl Arguments {
    pub(super) fn act(self, terminal: &mut Terminal<'_>) -> Result<u8, Failure> {
        let history = with_runtime(self.ask())?;
        let last = history.log.last().expect("there was at least one attempt");
        let well = last.exit_code == 0;
        if self.json {
            let text = serde_json::to_string_pretty(&history).expect("plain data");
            terminal.out.print(format_args!("{text}\n"))?;
        } else if well {
            terminal.out.print(format_args!("{GOOD}healthy{GOOD:#}: {}\n", last.output))?;
        } else {
            terminal.out.print(format_args!("{BAD}not healthy{BAD:#}: {}\n", last.output))?;
        }
        Ok(u8::from(!well))
    }

    /// Attempts until one succeeds, or there is no time for another.
    async fn ask(&self) -> Result<History, Failure> {
        let dialing = Dialing { timeout: self.timeout.0, ..Dialing::default() };
        let dialer = Dialer::new(dialing)
            .map_err(|error| Failure::failed("TLS cannot be set up").because(error))?;
        let settings = client::Settings { head_timeout: self.timeout.0, ..Default::default() };
        let client = Client::new(Arc::new(dialer), settings);
        let end = Instant::now() + self.wait.map_or(Duration::ZERO, |wait| wait.0);
        let mut history = History::default();
        loop {
            let begun = Instant::now();
            let limit = match self.wait {
                None => self.timeout.0,
                // The last attempt does not prolong the wait by much.
                Some(_) => self.timeout.0.min((end - begun).max(PAUSE)),
            };
            history.add(attempt(&client, &self.url, limit).await);
            let next = begun + PAUSE;
            if history.status == "healthy" || next >= end {
                return Ok(history);
            }
            tokio::time::sleep_until(next).await;
        }
    }
}

/// What Docker keeps of a health check.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct History {
    status: &'static str,
    failing_streak: u32,
    log: Vec<Attempt>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Attempt {
    start: String,
    end: String,
    exit_code: u8,
    output: String,
}

impl History {
    fn add(&mut self, mut attempt: Attempt) {
        if attempt.exit_code == 0 {
            self.failing_streak = 0;
            self.status = "healthy";
        } else {
            self.failing_streak += 1;
            self.status = "unhealthy";
        }
        let end = attempt.output.floor_char_boundary(REMEMBERED_OUTPUT);
        attempt.output.truncate(end);
        if self.log.len() == REMEMBERED {
            self.log.remove(0);
        }
        self.log.push(attempt);
    }
}

async fn attempt(client: &Client, url: &str, limit: Duration) -> Attempt {
    let start = Timestamp::now();
    let begun = Instant::now();
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json, */*;q=0.5"));
    let agent = concat!("tamis-health/", env!("CARGO_PKG_VERSION"));
    headers.insert(USER_AGENT, HeaderValue::from_static(agent));
    let answer = client.fetch(&Method::GET, url, &headers, Bytes::new(), LIMIT, limit).await;
    let (well, said) = match &answer {
        Ok(response) => judge(response, url, begun.elapsed()),
        Err(failure) => (false, why(failure, url, limit)),
    };
    Attempt {
        start: start.to_string(),
        end: Timestamp::now().to_string(),
        exit_code: u8::from(!well),
        output: said,
    }
}

/// Whether an answer means well, and what it says, in one line.
fn judge(response: &Response<Bytes>, url: &str, took: Duration) -> (bool, String) {
    let status = response.status();
    let code = status.as_u16();
    let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    let said = body["status"].as_str().map(|said| Printable(&shortened(said, 40)).to_string());
    let took = took.as_millis();
    if status.is_success() {
        let said = said.map(|said| format!("{said}, ")).unwrap_or_default();
        return (true, format!("{said}{url} answered {code} in {took} ms"));
    }
    let why = match (status, said) {
        (StatusCode::SERVICE_UNAVAILABLE, Some(said)) => {
            let failing = failing(&body);
            let failing = if failing.is_empty() {
                String::new()
            } else {
                format!(": {}", failing.join(", "))
            };
            format!("{said}{failing} ({url} answered 503)")
        }
        (StatusCode::INTERNAL_SERVER_ERROR, _) => {
            format!("the application's own health page answers 500 ({url})")
        }
        (StatusCode::NOT_FOUND | StatusCode::GONE, _) => {
            format!("there is no health page here ({url} answered {code})")
        }
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => {
            format!("the health page wants credentials ({url} answered {code})")
        }
        (status, _) if status.is_redirection() => {
            let target = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let target = Printable(target.unwrap_or("somewhere else")).to_string();
            format!("the page has moved to {target} ({url} answered {code}); ask that one")
        }
        _ => format!("{url} answered {code}"),
    };
    (false, why)
}

/// The names of the checks that are not well, of the simple form (a word per check) and of the
/// detailed one (an object with a `status`).
pub(super) fn failing(body: &Value) -> Vec<String> {
    let Some(checks) = body["checks"].as_object() else { return Vec::new() };
    let is_well = |word: &str| matches!(word, "ok" | "healthy" | "pass" | "up" | "alive" | "ready");
    checks
        .iter()
        .filter_map(|(name, check)| {
            let word = check.as_str().or_else(|| check["status"].as_str())?;
            let name = Printable(&shortened(name, 60)).to_string();
            (!is_well(word)).then_some(name)
        })
        .collect()
}

/// Why there is no answer: the last cause says it best.
fn why(failure: &client::Failure, url: &str, limit: Duration) -> String {
    let limit = Span(limit);
    match failure {
        client::Failure::Timeout { .. } => format!("{url} did not answer within {limit}"),
        client::Failure::Dial(dial) => format!("{dial}"),
        client::Failure::Gone(_) => format!("{url} closed the connection without an answer"),
        other => {
            let mut text = other.to_string();
            let mut cause = std::error::Error::source(other);
            while let Some(error) = cause {
                text = format!("{text}: {error}");
                cause = error.source();
            }
            format!("{text} ({url})")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread;

    use super::*;
    use crate::cli::{Stream, call};
    use crate::filter::canary::Watch;

    /// Answers one connection after the other with these texts; nothing: closes it.
    fn page(answers: Vec<Option<String>>) -> (String, thread::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/health/", listener.local_addr().expect("bound"));
        let serving = thread::spawn(move || {
            for answer in answers {
                let (mut peer, _) = listener.accept().expect("a client");
                let mut head = [0; 4096];
                let _ = peer.read(&mut head);
                let _ = peer.write_all(answer.unwrap_or_default().as_bytes());
            }
        });
        (url, serving)
    }

    fn answer(status: &str, fields: &str, body: &str) -> Option<String> {
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{fields}");
        Some(format!("{head}connection: close\r\n\r\n{body}"))
    }

    fn ask(arguments: &[&str]) -> (u8, String, String) {
        let (mut out, mut talk) = (Vec::new(), Vec::new());
        let mut terminal = Terminal {
            out: Stream::plain(&mut out),
            talk: Stream::plain(&mut talk),
            volume: 0,
            watch: Watch::default(),
        };
        let status = call([&["tamis", "health"], arguments].concat(), &|_| None, &mut terminal);
        drop(terminal);
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (status, text(out), text(talk))
    }

    fn check(answer: Option<String>, status: u8, fragment: &str) {
        let (url, serving) = page(vec![answer]);
        let (got, out, talk) = ask(&[&url]);
        serving.join().expect("served");
        assert_eq!(got, status, "{out}{talk}");
        assert!(out.contains(fragment), "{out}");
        assert_eq!(out.lines().count(), 1, "one line says it: {out}");
    }

    #[test]
    fn each_answer_says_who_has_to_act() {
        let down = r#"{"status":"unhealthy","checks":{"database":"error","cache":"ok"}}"#;
        let detailed =
            r#"{"status":"unhealthy","checks":{"db":{"status":"unhealthy"},"x":{"status":"ok"}}}"#;
        for (status, fields, body, code, fragment) in [
            ("200 OK", "", r#"{"status":"healthy"}"#, 0, "healthy: healthy, http://127.0.0.1:"),
            ("200 OK", "", r#"{"status":"degraded"}"#, 0, "healthy: degraded, "),
            ("204 No Content", "", "", 0, "answered 204"),
            ("503 Service Unavailable", "", down, 1, "not healthy: unhealthy: database ("),
            ("503 Service Unavailable", "", detailed, 1, "unhealthy: db ("),
            ("503 Service Unavailable", "", "", 1, "answered 503"),
            ("500 Oops", "", "", 1, "the application's own health page answers 500"),
            ("404 Not Found", "", "", 1, "there is no health page here"),
            ("403 Forbidden", "", "", 1, "wants credentials"),
            ("301 Moved", "location: /health\u{1b}/\r\n", "", 1, "malformed"),
            ("301 Moved", "location: /health\r\n", "", 1, "has moved to /health ("),
            ("418 Teapot", "", "", 1, "answered 418"),
        ] {
            check(answer(status, fields, body), code, fragment);
        }
        check(None, 1, "closed the connection without an answer");
    }

    #[test]
    fn what_the_page_says_cannot_drive_the_terminal() {
        let body = r#"{"status":"\u001b[2J","checks":{"\u001b]0;x\u0007":"error"}}"#;
        let (url, serving) = page(vec![answer("503 No", "", body)]);
        let (_, out, _) = ask(&[&url]);
        serving.join().expect("served");
        assert!(!out.contains('\u{1b}') && !out.contains('\u{7}'), "{out:?}");
    }

    #[test]
    fn nobody_there_is_not_healthy() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = listener.local_addr().expect("bound");
        drop(listener);
        let (status, out, _) = ask(&[&format!("http://{at}/")]);
        assert_eq!(status, 1);
        assert!(out.contains("refused the connection"), "{out}");
    }

    #[test]
    fn silence_ends_with_the_timeout() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("bound"));
        let (status, out, _) = ask(&["--timeout", "50ms", &url]);
        assert_eq!(status, 1);
        assert!(out.contains("did not answer within 50ms"), "{out}");
    }

    #[test]
    fn waiting_asks_until_it_is_well_and_docker_sees_each_attempt() {
        let (url, serving) = page(vec![None, answer("200 OK", "", r#"{"status":"ready"}"#)]);
        let (status, out, _) = ask(&["--wait", "30s", "--json", &url]);
        serving.join().expect("served");
        assert_eq!(status, 0, "{out}");
        let shown: Value = serde_json::from_str(&out).expect("JSON");
        assert_eq!(shown["Status"], "healthy");
        assert_eq!(shown["FailingStreak"], 0);
        let log = shown["Log"].as_array().expect("a list");
        let codes: Vec<_> = log.iter().map(|attempt| attempt["ExitCode"].as_u64()).collect();
        assert_eq!(codes, [Some(1), Some(0)]);
        for attempt in log {
            let moment =
                |key: &str| attempt[key].as_str().and_then(|at| at.parse::<Timestamp>().ok());
            assert!(moment("Start") <= moment("End") && moment("Start").is_some(), "{attempt}");
            assert!(attempt["Output"].is_string());
        }
    }

    #[test]
    fn docker_remembers_five_attempts_of_four_kibibytes() {
        let mut history = History::default();
        for exit_code in [0, 1, 1, 1, 1, 1] {
            let output = "é".repeat(4000);
            history.add(Attempt { start: String::new(), end: String::new(), exit_code, output });
        }
        assert_eq!((history.log.len(), history.failing_streak), (5, 5));
        assert!(history.log.iter().all(|attempt| attempt.output.len() == 4096));
    }

    #[test]
    fn what_is_no_url_is_wrong_usage() {
        for (arguments, fragment) in [
            (&["localhost:8080"][..], "write \"http://localhost:8080\""),
            (&["ftp://a"], "starts with neither"),
            (&["--timeout", "5", "http://a"], "a number needs a unit"),
            (&["--wait", "0s", "http://a"], "above zero"),
            (&[], "<URL>"),
        ] {
            let (status, out, talk) = ask(arguments);
            assert_eq!((status, out.as_str()), (2, ""), "{arguments:?}");
            assert!(talk.contains(fragment), "{arguments:?}: {talk}");
        }
    }
}
