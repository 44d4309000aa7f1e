//! One event from both halves of a failure: what the proxy saw of the exchange, and what the
//! application logged about it.
//!
//! Both are held for a while. They belong together when they name the same request or trace; or,
//! within that while, when the log names the path of the exchange; or when there is no choice: one
//! failed exchange and one failure in the log, or several of the same kinds. Otherwise both stay
//! apart. A guess would send an operator to the wrong request.

use std::collections::VecDeque;
use std::time::Duration;

use tamis_sdk::{ErrorEvent, Instant, Timestamp};

use crate::{failure, grouping};

/// So many are held; the oldest go on unmerged.
const MOST_HELD: usize = 200;
/// Requests whose failure in the log has gone on already.
const MOST_GONE: usize = 256;

/// Events that wait for their other half.
#[derive(Debug)]
pub(crate) struct Merger {
    window: Duration,
    held: VecDeque<Held>,
    /// Those that went on alone of late: what comes now might have belonged to them.
    alone: VecDeque<(Mark, Instant)>,
    gone: VecDeque<String>,
}

#[derive(Debug)]
struct Held {
    event: ErrorEvent,
    mark: Mark,
    since: Instant,
}

/// What decides whether there is a choice.
#[derive(Debug)]
struct Mark {
    /// Which half it is.
    of_exchange: bool,
    /// Whether it may belong to another although neither names the other.
    may_pair: bool,
    key: String,
    time: Timestamp,
}

/// An event that goes on.
#[derive(Debug)]
pub(crate) struct Merged {
    pub(crate) event: ErrorEvent,
    /// How it is known that both halves belong together, when it was made of two.
    pub(crate) by: Option<&'static str>,
}

impl Merger {
    pub(crate) fn new(window: Duration) -> Self {
        Self { window, held: VecDeque::new(), alone: VecDeque::new(), gone: VecDeque::new() }
    }

    /// Holds an event.
    pub(crate) fn hold(&mut self, event: ErrorEvent, now: Instant) {
        let mark = Mark::of(&event);
        self.held.push_back(Held { event, mark, since: now });
    }

    /// Those that have waited long enough, or all, in the order in which they came.
    pub(crate) fn ripe(&mut self, now: Instant, all: bool) -> Vec<Merged> {
        let mut out = Vec::new();
        while let Some(first) = self.held.front() {
            let waits = now.since(first.since) < self.window && self.held.len() <= MOST_HELD;
            if waits && !all {
                break;
            }
            let Some(held) = self.held.pop_front() else { break };
            out.extend(self.finish(held.event, held.mark, now));
        }
        let window = self.window;
        self.alone.retain(|(_, since)| now.since(*since) <= window);
        out
    }

    fn finish(&mut self, event: ErrorEvent, mark: Mark, now: Instant) -> Option<Merged> {
        let of_exchange = mark.of_exchange;
        if of_exchange
            && let Some(id) = &event.request_id
            && self.gone.contains(id)
        {
            // The log was faster, and said it all.
            return None;
        }
        let merged = match self.partner(&event, &mark) {
            Some((index, by)) => {
                let partner = self.held.remove(index)?.event;
                let (log, exchange) = if of_exchange { (partner, event) } else { (event, partner) };
                Merged { event: join(log, exchange, by), by: Some(by) }
            }
            None => {
                if self.alone.len() >= MOST_HELD {
                    self.alone.pop_front();
                }
                self.alone.push_back((mark, now));
                Merged { event, by: None }
            }
        };
        if !failure::is_of_exchange(&merged.event.kind)
            && let Some(id) = &merged.event.request_id
        {
            self.gone.push_back(id.clone());
            if self.gone.len() > MOST_GONE {
                self.gone.pop_front();
            }
        }
        Some(merged)
    }

    /// The other half among those held.
    fn partner(&self, event: &ErrorEvent, mark: &Mark) -> Option<(usize, &'static str)> {
        let find = |fits: &dyn Fn(&Held) -> bool| {
            self.held
                .iter()
                .position(|held| held.mark.of_exchange != mark.of_exchange && fits(held))
        };
        if let Some(id) = &event.request_id
            && let Some(index) = find(&|other| other.event.request_id.as_ref() == Some(id))
        {
            return Some((index, "request-id"));
        }
        if let Some(trace) = &event.trace
            && let Some(index) = find(&|other| {
                other.event.trace.as_ref().is_some_and(|other| other.trace_id == trace.trace_id)
            })
        {
            return Some((index, "trace"));
        }
        if self.window.is_zero() {
            // Nothing is near in no time.
            return None;
        }
        if let Some(index) = find(&|other| {
            let (log, exchange) =
                if mark.of_exchange { (&other.event, event) } else { (event, &other.event) };
            mark.is_near(&other.mark, self.window)
                && failure::may_be_logged(&exchange.kind)
                && names_nothing_else(log)
                && names_path(log, exchange)
        }) {
            return Some((index, "path"));
        }
        self.only_choice(mark).map(|index| (index, "time"))
    }

    /// The other half when it could be no other: all failures in the log that come into question
    /// are of one kind, and so are all exchanges.
    fn only_choice(&self, mark: &Mark) -> Option<usize> {
        let near = |other: &Mark| other.may_pair && other.is_near(mark, self.window);
        let index = self
            .held
            .iter()
            .position(|held| held.mark.of_exchange != mark.of_exchange && near(&held.mark))?;
        let partner = &self.held.get(index)?.mark.key;
        let all =
            self.held.iter().map(|held| &held.mark).chain(self.alone.iter().map(|alone| &alone.0));
        let no_choice = all.filter(|other| near(other)).all(|other| {
            other.key == if other.of_exchange == mark.of_exchange { &*mark.key } else { &**partner }
        });
        (mark.may_pair && no_choice).then_some(index)
    }
}

impl Mark {
    fn of(event: &ErrorEvent) -> Self {
        let of_exchange = failure::is_of_exchange(&event.kind);
        let may_pair = if of_exchange {
            failure::may_be_logged(&event.kind)
        } else {
            // A line without a stack trace is about anything.
            !event.exceptions.is_empty() && names_nothing_else(event)
        };
        Self { of_exchange, may_pair, key: grouping::key(event), time: event.time() }
    }

    fn is_near(&self, other: &Self, window: Duration) -> bool {
        self.time.since(other.time).max(other.time.since(self.time)) <= window
    }
}

/// Whether it is from the log, and names neither a request nor a trace: one that does belongs to
/// that, or to none that is known here.
fn names_nothing_else(log: &ErrorEvent) -> bool {
    log.kind.starts_with("log.") && log.request_id.is_none() && log.trace.is_none()
}

/// Whether the log says which path failed, as most frameworks do.
fn names_path(log: &ErrorEvent, exchange: &ErrorEvent) -> bool {
    let Some(path) = exchange.attribute("url.path").and_then(|path| path.as_text()) else {
        return false;
    };
    // Every text has a slash.
    path.len() > 1
        && log.message.match_indices(path).any(|(at, _)| {
            let ends = |c: Option<char>| {
                c.is_none_or(|c| {
                    c.is_whitespace()
                        || matches!(
                            c,
                            '"' | '\'' | '`' | '[' | ']' | '(' | ')' | ',' | '?' | ':' | ';'
                        )
                })
            };
            ends(log.message[..at].chars().next_back())
                && ends(log.message[at + path.len()..].chars().next())
        })
}

/// The failure in the log, with what is known of the exchange.
fn join(mut log: ErrorEvent, exchange: ErrorEvent, by: &'static str) -> ErrorEvent {
    for (name, value) in exchange.attributes {
        if log.attribute(&name).is_none() {
            log.attributes.push((name, value));
        }
    }
    log.request_id = log.request_id.or(exchange.request_id);
    log.trace = log.trace.or(exchange.trace);
    log.severity = log.severity.max(exchange.severity);
    log.set_attribute("tamis.merged", by);
    log.set_attribute("tamis.exchange", exchange.kind);
    log
}

#[cfg(test)]
mod tests {
    use super::*;
    use tamis_sdk::TraceContext;
    use tamis_sdk::errors::Exception;
    use tamis_sdk::testing::Host;

    /// `kind message`, then `id=…`, `trace=…`, `path=…`, `route=…`, `raised=…`, `after=…` in
    /// milliseconds since the event before.
    fn event(host: &Host, text: &str) -> ErrorEvent {
        let (kind, rest) = text.split_once(' ').expect("a kind and a message");
        let mut event = ErrorEvent::new(kind, "");
        let mut message = Vec::new();
        for word in rest.split(' ') {
            let Some((key, value)) = word.split_once('=') else {
                message.push(word);
                continue;
            };
            match key {
                "id" => event.request_id = Some(value.into()),
                "trace" => {
                    event.trace = Some(TraceContext {
                        trace_id: value.into(),
                        span_id: String::new(),
                        sampled: true,
                    });
                }
                "path" => event.set_attribute("url.path", value),
                "route" => event.fingerprint = vec![value.to_owned()],
                "raised" => {
                    event.exceptions.push(Exception { name: value.into(), ..Exception::default() });
                }
                _ => host.advance(Duration::from_millis(value.parse().expect("a number"))),
            }
        }
        event.set_time(Timestamp::now());
        event.message = message.join(" ");
        event
    }

    /// What goes on: kind of the event, by what it was merged.
    fn merge(events: &[&str]) -> Vec<String> {
        let host = Host::start();
        let mut merger = Merger::new(Duration::from_secs(2));
        let mut out = Vec::new();
        for text in events {
            merger.hold(event(&host, text), Instant::now());
            out.extend(merger.ripe(Instant::now(), false));
        }
        out.extend(merger.ripe(Instant::now(), true));
        out.iter()
            .map(|merged| match merged.by {
                Some(by) => format!("{} by {by}", merged.event.kind),
                None => merged.event.kind.clone(),
            })
            .collect()
    }

    #[test]
    fn halves_find_each_other_or_stay_apart() {
        let status = "upstream.status x";
        let raised = "log.exception x raised=E";
        let cases: &[(&[&str], &[&str])] = &[
            (&[status], &["upstream.status"]),
            (
                &["upstream.status x id=1", "log.exception x raised=E id=1"],
                &["log.exception by request-id"],
            ),
            (
                &["log.exception x raised=E id=1", "upstream.status x id=1"],
                &["log.exception by request-id"],
            ),
            (
                &["upstream.status x trace=1", "log.exception x raised=E trace=1"],
                &["log.exception by trace"],
            ),
            // The log names another request.
            (
                &["upstream.status x id=1", "log.exception x raised=E id=2"],
                &["upstream.status", "log.exception"],
            ),
            // No choice.
            (&[status, raised], &["log.exception by time"]),
            (&[raised, status], &["log.exception by time"]),
            (
                &[status, "log.exception x raised=E after=2100"],
                &["upstream.status", "log.exception"],
            ),
            // Two of the same kinds each: whichever belongs to whichever.
            (
                &[status, status, raised, raised],
                &["log.exception by time", "log.exception by time"],
            ),
            // Two different failures in the log: nobody knows.
            (
                &[status, raised, "log.exception x raised=F"],
                &["upstream.status", "log.exception", "log.exception"],
            ),
            // Two different exchanges.
            (
                &["upstream.status x route=a", "upstream.status x route=b", raised],
                &["upstream.status", "upstream.status", "log.exception"],
            ),
            // The log names the path.
            (
                &[
                    "upstream.status x path=/pay route=a",
                    "upstream.status x path=/buy route=b",
                    "log.exception Exception on /buy [GET] raised=E",
                ],
                &["upstream.status", "log.exception by path"],
            ),
            (
                &["upstream.status x path=/pay", "log.message Internal Server Error: /pay"],
                &["log.message by path"],
            ),
            (
                &["upstream.status x path=/pay", "log.message Internal Server Error: /payments"],
                &["upstream.status", "log.message"],
            ),
            // A line without a trace is about anything.
            (&[status, "log.message disk is full"], &["upstream.status", "log.message"]),
            // A refused connection has no traceback.
            (&["upstream.refused x", raised], &["upstream.refused", "log.exception"]),
            (&["upstream.refused x id=1", "plugin.trap x id=1"], &["plugin.trap by request-id"]),
            (&["plugin.fault x id=1", "plugin.trap x id=1"], &["plugin.trap by request-id"]),
            // What other plugins capture is not guessed about.
            (&[status, "quota.exceeded x raised=E"], &["upstream.status", "quota.exceeded"]),
            // The log was faster than the window.
            (
                &[
                    "log.exception x raised=E id=1",
                    "log.message y id=3 after=2500",
                    "upstream.status x id=1",
                ],
                &["log.exception", "log.message"],
            ),
        ];
        for (events, expected) in cases {
            assert_eq!(&merge(events), expected, "{events:?}");
        }
    }

    #[test]
    fn a_merged_event_tells_both_stories() {
        let host = Host::start();
        let mut log = event(&host, "log.exception charge failed raised=PaymentError");
        log.set_attribute("http.route", "said by the log");
        let mut exchange = event(&host, "upstream.status x id=7 trace=9 path=/pay");
        exchange.set_attribute("http.route", "shop");
        exchange.set_attribute("http.response.status_code", 500_u16);
        let joined = join(log, exchange, "time");
        assert_eq!((&*joined.kind, &*joined.message), ("log.exception", "charge failed"));
        assert_eq!(joined.request_id.as_deref(), Some("7"));
        assert_eq!(joined.trace.as_ref().map(|trace| &*trace.trace_id), Some("9"));
        let said = |name: &str| joined.attribute(name).map(ToString::to_string);
        assert_eq!(said("http.route").as_deref(), Some("said by the log"));
        assert_eq!(said("http.response.status_code").as_deref(), Some("500"));
        assert_eq!(said("url.path").as_deref(), Some("/pay"));
        assert_eq!(said("tamis.merged").as_deref(), Some("time"));
        assert_eq!(said("tamis.exchange").as_deref(), Some("upstream.status"));
        assert_eq!(joined.exceptions.len(), 1, "the one that stands for the status is not needed");
    }

    #[test]
    fn only_so_many_wait() {
        let host = Host::start();
        let mut merger = Merger::new(Duration::from_secs(2));
        let mut gone = 0;
        for _ in 0..1000 {
            merger.hold(event(&host, "log.message x"), Instant::now());
            gone += merger.ripe(Instant::now(), false).len();
        }
        assert_eq!((gone, merger.held.len()), (800, MOST_HELD));
    }
}
