//! A server that answers as it likes.

use proptest::prelude::*;
use tamis_sdk::testing::Host;

use super::*;

/// What the server does next, the last for ever.
#[derive(Clone, Debug)]
enum Turn {
    Status(u16),
    Limits(u16, &'static str),
    Gone,
    Slow,
    Denied,
    Huge,
}

struct Server<'a> {
    host: &'a Host,
    turns: VecDeque<Turn>,
    /// How long each takes.
    takes: Duration,
    requests: Vec<Request>,
}

impl<'a> Server<'a> {
    fn new(host: &'a Host, turns: &[Turn]) -> Self {
        let takes = Duration::from_millis(1);
        Self { host, turns: turns.iter().cloned().collect(), takes, requests: Vec::new() }
    }

    /// The items of all envelopes: types, in order.
    fn items(&self) -> Vec<String> {
        let mut items = Vec::new();
        for request in &self.requests {
            let text = String::from_utf8(request.body.clone()).expect("UTF-8");
            for line in text.lines().skip(1).step_by(2) {
                let header: Value = serde_json::from_str(line).expect("an item header");
                items.push(header["type"].as_str().expect("a type").to_owned());
            }
        }
        items
    }
}

impl Line for Server<'_> {
    fn send(&mut self, request: &Request) -> Result<Response, SendError> {
        self.requests.push(request.clone());
        self.host.advance(self.takes);
        let turn = self.turns.pop_front().unwrap_or(Turn::Status(200));
        if self.turns.is_empty() {
            self.turns.push_back(turn.clone());
        }
        let answer = |status, limits: Option<&str>| {
            let headers =
                limits.map(|limits| ("x-sentry-rate-limits".to_owned(), limits.to_owned()));
            Ok(Response { status, headers: headers.into_iter().collect(), body: Vec::new() })
        };
        match turn {
            Turn::Status(status) => answer(status, None),
            Turn::Limits(status, limits) => answer(status, Some(limits)),
            Turn::Gone => Err(SendError::Connect("refused".to_owned())),
            Turn::Slow => Err(SendError::Timeout),
            Turn::Denied => Err(SendError::Denied("https://sentry.example".to_owned())),
            Turn::Huge => Err(SendError::TooLarge),
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn clock(&self) -> Instant {
        Instant::now()
    }
}

fn outbox() -> Outbox {
    let dsn = Dsn::try_from("https://abc@sentry.example/42".to_owned()).expect("a DSN");
    Outbox::new(dsn, Duration::from_secs(3))
}

fn parcel(number: usize) -> Parcel {
    Parcel { id: format!("{number:032x}"), payload: format!("{{\"n\":{number}}}"), trace: None }
}

/// Fills, flushes and answers: delivered, refused, dropped in sum, left.
fn run(turns: &[Turn], events: usize) -> (u64, u64, u64, usize) {
    let host = Host::start();
    let mut server = Server::new(&host, turns);
    let mut outbox = outbox();
    for number in 0..events {
        outbox.push(parcel(number));
    }
    outbox.flush(&mut server);
    let Tally { delivered, refused, dropped } = outbox.tally();
    (delivered, refused, dropped.iter().sum(), outbox.len())
}

#[test]
fn every_answer_is_final() {
    for (turns, expected) in [
        (&[Turn::Status(200)][..], (3, 0, 0, 0)),
        (&[Turn::Status(400)], (0, 0, 3, 0)),
        (&[Turn::Status(403)], (0, 0, 3, 0)),
        (&[Turn::Status(413), Turn::Status(200)], (2, 0, 1, 0)),
        (&[Turn::Status(500), Turn::Status(200)], (2, 0, 1, 0)),
        (&[Turn::Huge, Turn::Status(200)], (2, 0, 1, 0)),
        // What the limit then holds off is dropped here, and reported.
        (&[Turn::Status(429)], (0, 1, 2, 0)),
        (&[Turn::Limits(200, "60::key")], (1, 0, 2, 0)),
        // Other categories go on.
        (&[Turn::Limits(200, "86400:transaction;span:organization")], (3, 0, 0, 0)),
        // No answer: nothing is lost.
        (&[Turn::Gone], (0, 0, 0, 3)),
        (&[Turn::Slow], (0, 0, 0, 3)),
        (&[Turn::Denied], (0, 0, 3, 0)),
    ] {
        assert_eq!(run(turns, 3), expected, "{turns:?}");
    }
}

#[test]
fn what_is_sent_is_what_the_protocol_asks_for() {
    let host = Host::start();
    let mut server = Server::new(&host, &[]);
    let mut outbox = outbox();
    outbox.push(parcel(7));
    outbox.flush(&mut server);
    let request = &server.requests[0];
    assert_eq!(
        (&*request.method, &*request.url),
        ("POST", "https://sentry.example/api/42/envelope/")
    );
    let header = |name: &str| {
        let found = request.headers.iter().find(|header| header.0 == name);
        found.unwrap_or_else(|| panic!("{name} is missing")).1.clone()
    };
    assert_eq!(header("content-type"), "application/x-sentry-envelope");
    assert_eq!(header("user-agent"), CLIENT);
    assert_eq!(
        header("x-sentry-auth"),
        format!("Sentry sentry_version=7, sentry_client={CLIENT}, sentry_key=abc")
    );
    let body = String::from_utf8(request.body.clone()).expect("UTF-8");
    let lines: Vec<&str> = body.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0].contains("\"event_id\":\"00000000000000000000000000000007\""));
    assert_eq!(lines[2], "{\"n\":7}");
}

#[test]
fn without_an_answer_it_is_tried_again_with_growing_pauses() {
    let host = Host::start();
    let turns = [Turn::Gone, Turn::Slow, Turn::Gone, Turn::Status(200)];
    let mut server = Server::new(&host, &turns);
    let mut outbox = outbox();
    outbox.push(parcel(1));
    let said = outbox.flush(&mut server).expect("an operator is told");
    assert!(said.contains("refused") && !said.contains("abc"), "{said}");
    let mut waited = Vec::new();
    while outbox.len() > 0 {
        let before = server.requests.len();
        let mut seconds = 0;
        while server.requests.len() == before {
            host.advance(Duration::from_secs(1));
            seconds += 1;
            assert_eq!(outbox.flush(&mut server), None, "told once");
        }
        waited.push(seconds);
    }
    assert_eq!(waited, [1, 2, 4]);
    assert_eq!(outbox.tally().delivered, 1);
    assert!(outbox.trouble().is_none());
}

#[test]
fn pauses_do_not_grow_for_ever() {
    let host = Host::start();
    let mut server = Server::new(&host, &[Turn::Gone]);
    let mut outbox = outbox();
    outbox.push(parcel(1));
    for _ in 0..20 {
        host.advance(LAST_PAUSE);
        outbox.flush(&mut server);
    }
    assert_eq!(server.requests.len(), 20);
}

#[test]
fn a_queue_that_is_full_loses_the_oldest_and_says_so() {
    let host = Host::start();
    let mut server = Server::new(&host, &[Turn::Gone]);
    let mut outbox = outbox();
    for number in 0..HIGH_WATER - 1 {
        outbox.push(parcel(number));
    }
    outbox.flush(&mut server);
    assert!(!outbox.is_stuck());
    outbox.push(parcel(HIGH_WATER));
    assert!(outbox.is_stuck(), "the host is to keep the rest");
    for number in 0..MOST {
        outbox.push(parcel(1_000 + number));
    }
    assert_eq!(outbox.len(), MOST);
    assert_eq!(outbox.queue[0], parcel(1_000));
    assert_eq!(outbox.tally().dropped[1], HIGH_WATER as u64, "for want of a network");
    let large = Parcel { payload: "x".repeat(MOST_BYTES), ..parcel(1) };
    outbox.push(large);
    assert_eq!(outbox.len(), 1);
}

#[test]
fn a_call_ends_before_its_deadline() {
    let host = Host::start();
    let mut server = Server::new(&host, &[Turn::Status(200)]);
    server.takes = Duration::from_millis(400);
    let mut outbox = outbox();
    for number in 0..10 {
        outbox.push(parcel(number));
    }
    outbox.flush(&mut server);
    assert_eq!(server.requests.len(), 3, "none begins after a second");
    assert_eq!(outbox.len(), 7);
}

#[test]
fn reports_ride_on_the_next_envelope_or_go_alone() {
    let host = Host::start();
    let mut server = Server::new(&host, &[Turn::Status(400), Turn::Status(200)]);
    let mut outbox = outbox();
    outbox.push(parcel(1));
    outbox.push(parcel(2));
    outbox.flush(&mut server);
    assert_eq!(server.items(), ["event", "event", "client_report"]);
    outbox.drop_one(Reason::SampleRate);
    outbox.flush(&mut server);
    assert_eq!(server.requests.len(), 2, "not so soon");
    host.advance(Duration::from_secs(60));
    outbox.flush(&mut server);
    assert_eq!(server.items().last().map(String::as_str), Some("client_report"));
    let last = String::from_utf8(server.requests[2].body.clone()).expect("UTF-8");
    assert!(!last.contains("event_id"), "{last}");
}

#[test]
fn a_report_that_did_not_arrive_is_not_forgotten() {
    let host = Host::start();
    let mut server = Server::new(&host, &[Turn::Gone, Turn::Status(500), Turn::Status(200)]);
    let mut outbox = outbox();
    outbox.drop_one(Reason::SampleRate);
    outbox.flush(&mut server);
    for _ in 0..20 {
        host.advance(Duration::from_secs(30));
        outbox.flush(&mut server);
    }
    assert_eq!(server.requests.len(), 3);
    assert_eq!(outbox.reports.total(), 0);
}

#[test]
fn operators_are_told_what_to_allow_and_not_every_time() {
    let host = Host::start();
    let mut server = Server::new(&host, &[Turn::Denied]);
    let mut outbox = outbox();
    outbox.push(parcel(1));
    let said = outbox.flush(&mut server).expect("it is told");
    assert!(said.contains("`https://sentry.example` in `allow-http`"), "{said}");
    outbox.push(parcel(2));
    assert_eq!(outbox.flush(&mut server), None);
    assert_eq!(outbox.trouble(), Some(&*said));
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        4 => Just(Turn::Status(200)),
        1 => Just(Turn::Status(400)),
        1 => Just(Turn::Status(413)),
        1 => Just(Turn::Status(429)),
        1 => Just(Turn::Status(503)),
        1 => Just(Turn::Limits(200, "3:error:key")),
        1 => Just(Turn::Limits(429, "2::organization")),
        2 => Just(Turn::Gone),
        2 => Just(Turn::Slow),
        1 => Just(Turn::Huge),
    ]
}

proptest! {
    #[test]
    fn every_event_is_accounted_for(
        turns in proptest::collection::vec(turn(), 1..40),
        bursts in proptest::collection::vec((0_usize..30, 0_u64..90), 1..20),
    ) {
        let host = Host::start();
        let mut server = Server::new(&host, &turns);
        server.takes = Duration::from_millis(50);
        let mut outbox = outbox();
        let mut captured = 0;
        for (events, seconds) in bursts {
            for _ in 0..events {
                outbox.push(parcel(captured));
                captured += 1;
            }
            outbox.flush(&mut server);
            host.advance(Duration::from_secs(seconds));
        }
        let Tally { delivered, refused, dropped } = outbox.tally();
        let gone: u64 = delivered + refused + dropped.iter().sum::<u64>();
        prop_assert_eq!(captured as u64, gone + outbox.len() as u64);
        prop_assert_eq!(outbox.bytes, outbox.queue.iter().map(|parcel| parcel.payload.len()).sum::<usize>());
    }
}
