//! The queue behind `outbound-http.enqueue`: requests of one plugin that are sent behind the request
//! path, again and again if need be.
//!
//! Handing over never waits: there is room, or the request is refused and counted. [`Delivery::run`]
//! sends a few at a time. Network errors, 429 and 5xx are tried again with growing, jittered pauses;
//! what `Retry-After` asks for holds for everything to that origin. Attempts and age are bounded;
//! what is given up is counted by reason. Within one origin the order is kept only as long as
//! nothing fails. No origin takes all places in flight, so one that hangs leaves a way to others.
//!
//! How a request is sent is the caller's: this file opens no connection and reads no clock but the
//! two it is handed (tokio's for pauses, the time of day for dates in `Retry-After`).

use super::{Origin, UrlError};
use crate::metrics::{Counter, Gauge, Host};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http::{HeaderMap, Method};
use std::collections::{BTreeMap, HashMap};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

/// What an entry costs beside its texts and body.
const ENTRY_BYTES: usize = 256;

/// How much is kept, and how long it is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Requests that wait or are in flight; 1,000 by default.
    pub items: usize,
    /// Their size; 4 MiB by default.
    pub bytes: usize,
    /// Requests in flight at the same time; 4 by default.
    pub in_flight: usize,
    /// Attempts for each; 10 by default.
    pub attempts: u32,
    /// Time after which a request is given up; half an hour by default.
    pub age: Duration,
    /// Pause after the first failure, doubled by each further one; a second by default. Half of a
    /// pause is random.
    pub first_pause: Duration,
    /// Longest pause that is not asked for by the other side; five minutes by default.
    pub longest_pause: Duration,
    /// Longest attempt, whatever the request allows; a minute by default.
    pub longest_attempt: Duration,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            items: 1_000,
            bytes: 4 * 1024 * 1024,
            in_flight: 4,
            attempts: 10,
            age: Duration::from_secs(30 * 60),
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(5 * 60),
            longest_attempt: Duration::from_secs(60),
        }
    }
}

/// What to send.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Scheme, host, path and query.
    pub url: String,
    /// The fields; framing is added by whoever sends.
    pub headers: HeaderMap,
    /// The body, maybe empty.
    pub body: Bytes,
    /// For one attempt, from connecting to the last byte.
    pub timeout: Duration,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The field `retry-after`, if there is one.
    pub retry_after: Option<String>,
}

/// Why nothing came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Something on the way; another attempt may succeed.
    Network,
    /// The request itself makes no sense, or is not allowed; every attempt would fail.
    Invalid,
}

/// Why a request was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// No room.
    #[error("the delivery queue is full")]
    Full,
    /// The host is shutting down.
    #[error("the delivery queue is closed: the host is shutting down")]
    Closed,
    /// The URL makes no sense.
    #[error(transparent)]
    Url(#[from] UrlError),
}

/// Tells the time of day.
pub type WallClock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// The queue of one plugin.
pub struct Delivery {
    settings: Settings,
    wall: WallClock,
    queue: Mutex<Queue>,
    wake: Notify,
    counts: Counts,
}

struct Queue {
    /// By the moment from which it may be sent, then by order of arrival.
    waiting: BTreeMap<(Instant, u64), Entry>,
    /// Numbers given out.
    numbers: u64,
    /// Of all, those in flight included.
    items: usize,
    bytes: usize,
    /// Requests in flight by origin.
    flying: HashMap<Origin, usize>,
    /// Origins that asked for a pause.
    pauses: HashMap<Origin, Instant>,
    random: fastrand::Rng,
    closed: bool,
}

struct Entry {
    request: Arc<Request>,
    origin: Origin,
    bytes: usize,
    taken: Instant,
    attempts: u32,
}

/// Why a request is given up, as the label `reason` says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    Full,
    Attempts,
    Expired,
    Status,
    Invalid,
    Shutdown,
}

struct Counts {
    delivered: Counter,
    failed: Counter,
    limited: Counter,
    refused: Counter,
    lost: [(Loss, Counter); 6],
    items: Gauge,
    bytes: Gauge,
}

impl Counts {
    fn new(host: &Host, plugin: &str) -> Counts {
        let attempts = |outcome| host.deliveries.attempts.with([plugin, outcome]);
        let lost = |loss, reason| (loss, host.deliveries.dropped.with([plugin, reason]));
        Counts {
            delivered: attempts("delivered"),
            failed: attempts("failed"),
            limited: attempts("limited"),
            refused: attempts("refused"),
            lost: [
                lost(Loss::Full, "full"),
                lost(Loss::Attempts, "attempts"),
                lost(Loss::Expired, "expired"),
                lost(Loss::Status, "status"),
                lost(Loss::Invalid, "invalid"),
                lost(Loss::Shutdown, "shutdown"),
            ],
            items: host.deliveries.queue_length.with([plugin]),
            bytes: host.deliveries.queue_bytes.with([plugin]),
        }
    }

    fn lost(&self, loss: Loss, count: u64) {
        if let Some((_, counter)) = self.lost.iter().find(|(other, _)| *other == loss) {
            counter.add(count);
        }
    }
}

/// What to do after an attempt.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Delivered,
    /// Not before this long, if the other side said so.
    Again(Option<Duration>),
    Lost(Loss),
}

impl Delivery {
    /// An empty queue for `plugin`. `wall` is only asked for dates in `Retry-After`.
    pub fn new(plugin: &str, settings: Settings, host: &Host, wall: WallClock) -> Delivery {
        let queue = Queue {
            waiting: BTreeMap::new(),
            numbers: 0,
            items: 0,
            bytes: 0,
            flying: HashMap::new(),
            pauses: HashMap::new(),
            random: fastrand::Rng::new(),
            closed: false,
        };
        Delivery {
            settings,
            wall,
            queue: Mutex::new(queue),
            wake: Notify::new(),
            counts: Counts::new(host, plugin),
        }
    }

    /// Takes a request, or refuses it at once. Never waits.
    ///
    /// # Errors
    ///
    /// [`Refusal`]; the request is counted as dropped unless its URL is at fault.
    pub fn enqueue(&self, request: Request) -> Result<(), Refusal> {
        let (origin, _) = Origin::split(&request.url)?;
        let bytes = size(&request);
        let mut queue = self.queue();
        if queue.closed {
            self.counts.lost(Loss::Shutdown, 1);
            return Err(Refusal::Closed);
        }
        if queue.items >= self.settings.items || queue.bytes + bytes > self.settings.bytes {
            self.counts.lost(Loss::Full, 1);
            return Err(Refusal::Full);
        }
        let now = Instant::now();
        let request = Arc::new(request);
        queue.items += 1;
        queue.bytes += bytes;
        queue.put(now, Entry { request, origin, bytes, taken: now, attempts: 0 });
        self.show(&queue);
        drop(queue);
        self.wake.notify_one();
        Ok(())
    }

    /// Requests that wait or are in flight.
    pub fn len(&self) -> usize {
        self.queue().items
    }

    /// Nothing waits or is in flight.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sends what is handed over until `stop` says that the host is shutting down, then flushes and
    /// returns.
    ///
    /// The value of `stop` is the deadline for flushing: until then everything that waits gets one
    /// last attempt, but for origins that asked for a pause; what is left is dropped and counted.
    /// `send` makes one attempt; it is cut off at the timeout of the request. To be called once.
    /// Dropping the future leaves what was in flight neither delivered nor counted.
    pub async fn run<Attempt>(
        &self,
        send: impl Fn(Arc<Request>) -> Attempt,
        stop: impl Future<Output = Instant>,
    ) where
        Attempt: Future<Output = Result<Answer, Failure>>,
    {
        let attempt = async |entry: Entry| {
            let limit = entry.request.timeout.min(self.settings.longest_attempt);
            let outcome = timeout(limit, send(entry.request.clone())).await;
            (entry, outcome.unwrap_or(Err(Failure::Network)))
        };
        let mut stop = pin!(stop);
        let mut deadline = None;
        let mut flights = FuturesUnordered::new();
        loop {
            let mut due = None;
            while flights.len() < self.settings.in_flight {
                match self.take() {
                    Ok(entry) => flights.push(attempt(entry)),
                    Err(next) => {
                        due = next;
                        break;
                    }
                }
            }
            if deadline.is_some() && flights.is_empty() && due.is_none() {
                break;
            }
            tokio::select! {
                Some((entry, outcome)) = flights.next() => self.settle(entry, outcome),
                () = self.wake.notified(), if deadline.is_none() => {}
                () = until(due) => {}
                latest = &mut stop, if deadline.is_none() => {
                    deadline = Some(latest);
                    self.close();
                }
                () = until(deadline) => break,
            }
        }
        let mut queue = self.queue();
        self.counts.lost(Loss::Shutdown, queue.items as u64);
        queue.waiting.clear();
        (queue.items, queue.bytes) = (0, 0);
        self.show(&queue);
    }

    /// The next request that may be sent now, or the moment at which another one is due. None is,
    /// too, while all that wait are for origins that have enough in flight.
    fn take(&self) -> Result<Entry, Option<Instant>> {
        // One place stays free for another origin.
        let most = self.settings.in_flight.saturating_sub(1).max(1);
        let now = Instant::now();
        let mut queue = self.queue();
        loop {
            let mut due = queue.waiting.range(..=(now, u64::MAX));
            let first = due.find(|(_, entry)| queue.flying(&entry.origin) < most);
            let Some(key) = first.map(|(key, _)| *key) else {
                let mut later = queue.waiting.range((now, u64::MAX)..);
                return Err(later.next().map(|((due, _), _)| *due));
            };
            let Some(entry) = queue.waiting.remove(&key) else { return Err(None) };
            if now.duration_since(entry.taken) > self.settings.age {
                self.lose(&mut queue, &entry, Loss::Expired);
                continue;
            }
            match queue.pauses.get(&entry.origin) {
                Some(until) if *until > now && queue.closed => {
                    self.lose(&mut queue, &entry, Loss::Shutdown);
                    continue;
                }
                Some(until) if *until > now => {
                    let until = *until;
                    queue.put(until, entry);
                    continue;
                }
                Some(_) => {
                    queue.pauses.remove(&entry.origin);
                }
                None => {}
            }
            *queue.flying.entry(entry.origin.clone()).or_default() += 1;
            return Ok(entry);
        }
    }

    /// Ends an attempt: the request leaves, or waits for the next one.
    fn settle(&self, mut entry: Entry, outcome: Result<Answer, Failure>) {
        let now = Instant::now();
        entry.attempts += 1;
        let verdict = self.judge(&outcome);
        let mut queue = self.queue();
        queue.landed(&entry.origin);
        let after = match verdict {
            Verdict::Delivered => {
                queue.items -= 1;
                queue.bytes -= entry.bytes;
                self.show(&queue);
                return;
            }
            Verdict::Lost(loss) => return self.lose(&mut queue, &entry, loss),
            Verdict::Again(after) => after,
        };
        if let Some(after) = after {
            // Beyond its age nothing waits anyway, so the pause need not be longer.
            let until = now + after.min(self.settings.age);
            let pause = queue.pauses.entry(entry.origin.clone()).or_insert(until);
            *pause = until.max(*pause);
            if queue.pauses.len() > self.settings.items {
                queue.pauses.retain(|_, until| *until > now);
            }
        }
        if queue.closed {
            return self.lose(&mut queue, &entry, Loss::Shutdown);
        }
        if entry.attempts >= self.settings.attempts {
            return self.lose(&mut queue, &entry, Loss::Attempts);
        }
        let pause = self.pause(&mut queue.random, entry.attempts).max(after.unwrap_or_default());
        match now.checked_add(pause).filter(|due| *due <= entry.taken + self.settings.age) {
            Some(due) => queue.put(due, entry),
            None => self.lose(&mut queue, &entry, Loss::Expired),
        }
    }

    fn judge(&self, outcome: &Result<Answer, Failure>) -> Verdict {
        match outcome {
            Err(Failure::Invalid) => Verdict::Lost(Loss::Invalid),
            Err(Failure::Network) => {
                self.counts.failed.increment();
                Verdict::Again(None)
            }
            Ok(answer) => {
                let after =
                    answer.retry_after.as_deref().and_then(|text| pause_of(text, (self.wall)()));
                match answer.status {
                    200..300 => {
                        self.counts.delivered.increment();
                        Verdict::Delivered
                    }
                    429 => {
                        self.counts.limited.increment();
                        Verdict::Again(after)
                    }
                    500..600 => {
                        self.counts.refused.increment();
                        Verdict::Again(after)
                    }
                    _ => {
                        self.counts.refused.increment();
                        Verdict::Lost(Loss::Status)
                    }
                }
            }
        }
    }

    /// Half of the pause is certain, half is random, so that many hosts do not come back at once.
    fn pause(&self, random: &mut fastrand::Rng, attempts: u32) -> Duration {
        let doubled = 2u32.saturating_pow(attempts.saturating_sub(1));
        let pause = self.settings.first_pause.saturating_mul(doubled);
        pause.min(self.settings.longest_pause).mul_f64(0.5 + random.f64() / 2.0)
    }

    fn close(&self) {
        let mut queue = self.queue();
        queue.closed = true;
        let now = Instant::now();
        // The last attempt is now.
        let waiting = std::mem::take(&mut queue.waiting);
        queue.waiting =
            waiting.into_iter().map(|((_, number), entry)| ((now, number), entry)).collect();
    }

    fn lose(&self, queue: &mut Queue, entry: &Entry, loss: Loss) {
        queue.items -= 1;
        queue.bytes -= entry.bytes;
        self.counts.lost(loss, 1);
        self.show(queue);
        tracing::debug!(origin = %entry.origin, attempts = entry.attempts, ?loss, "delivery given up");
    }

    fn show(&self, queue: &Queue) {
        self.counts.items.set(queue.items as f64);
        self.counts.bytes.set(queue.bytes as f64);
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn flying(&self, origin: &Origin) -> usize {
        self.flying.get(origin).copied().unwrap_or_default()
    }

    fn landed(&mut self, origin: &Origin) {
        if let Some(count) = self.flying.get_mut(origin) {
            *count -= 1;
            if *count == 0 {
                self.flying.remove(origin);
            }
        }
    }

    fn put(&mut self, due: Instant, entry: Entry) {
        self.numbers += 1;
        self.waiting.insert((due, self.numbers), entry);
    }
}

fn size(request: &Request) -> usize {
    let headers: usize =
        request.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    ENTRY_BYTES + request.url.len() + headers + request.body.len()
}

/// Waits for a moment, or for ever.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// What `Retry-After` asks for: seconds, or a date, which may be past.
fn pause_of(retry_after: &str, now: SystemTime) -> Option<Duration> {
    let text = retry_after.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::from(u32::MAX))));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Build;
    use std::cell::{Cell, RefCell};
    use std::time::UNIX_EPOCH;

    fn wall() -> SystemTime {
        // 1994-11-06 08:49:37
        UNIX_EPOCH + Duration::from_secs(784_111_777)
    }

    struct Bench {
        host: Host,
        delivery: Delivery,
        start: Instant,
    }

    impl Bench {
        fn new(settings: Settings) -> Bench {
            let host = Host::new(Build { version: "0", revision: "x" });
            let delivery = Delivery::new("a", settings, &host, Arc::new(wall));
            Bench { host, delivery, start: Instant::now() }
        }

        fn enqueue(&self, url: &str) -> Result<(), Refusal> {
            self.delivery.enqueue(Request {
                method: Method::POST,
                url: url.into(),
                headers: HeaderMap::new(),
                body: Bytes::from_static(b"0123456789"),
                timeout: Duration::from_secs(5),
            })
        }

        fn shown(&self, what: &str) -> Vec<String> {
            let text = self.host.expose(None, None).body;
            let text = String::from_utf8(text.to_vec()).expect("text");
            let lines = text.lines().filter(|line| line.contains(what) && !line.starts_with('#'));
            lines
                .filter(|line| !line.ends_with(" 0"))
                .filter_map(|line| line.split_once("plugin=\"a\","))
                .map(|(_, rest)| rest.into())
                .collect()
        }

        fn dropped(&self) -> Vec<String> {
            self.shown("tamis_delivery_dropped_total")
        }

        /// Runs until `duration` has passed, then stops with `grace`. The answers are given in
        /// turn, the last one for ever; what comes back is when each attempt began, in seconds.
        async fn run(
            &self,
            duration: u64,
            grace: u64,
            answers: &[Result<Answer, Failure>],
        ) -> Vec<(u64, String)> {
            let attempts = RefCell::new(Vec::new());
            let send = |request: Arc<Request>| {
                let mut attempts = attempts.borrow_mut();
                let answer = answers[attempts.len().min(answers.len() - 1)].clone();
                attempts.push((self.start.elapsed().as_secs(), request.url.clone()));
                async move { answer }
            };
            let stop = async {
                sleep_until(self.start + Duration::from_secs(duration)).await;
                Instant::now() + Duration::from_secs(grace)
            };
            self.delivery.run(send, stop).await;
            attempts.into_inner()
        }
    }

    fn status(status: u16) -> Result<Answer, Failure> {
        Ok(Answer { status, retry_after: None })
    }

    fn limited(status: u16, retry_after: &str) -> Result<Answer, Failure> {
        Ok(Answer { status, retry_after: Some(retry_after.into()) })
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let table = [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("99999999999999999999", Some(u64::from(u32::MAX))),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sunday, 06-Nov-94 08:50:37 GMT", Some(60)),
            ("Sun Nov  6 08:50:37 1994", Some(60)),
            ("Sun, 06 Nov 1994 08:49:36 GMT", Some(0)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
        ];
        for (text, seconds) in table {
            assert_eq!(pause_of(text, wall()), seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_handed_over_is_delivered_in_order() {
        let bench = Bench::new(Settings::default());
        for path in ["a", "b", "c"] {
            bench.enqueue(&format!("http://x/{path}")).expect("there is room");
        }
        let attempts = bench.run(1, 1, &[status(202)]).await;
        let urls: Vec<&str> = attempts.iter().map(|(_, url)| url.as_str()).collect();
        assert_eq!(urls, ["http://x/a", "http://x/b", "http://x/c"]);
        assert!(bench.delivery.is_empty());
        assert!(bench.dropped().is_empty());
        assert_eq!(bench.shown("attempts_total"), ["outcome=\"delivered\"} 3"]);
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_and_attempts_are_bounded() {
        let settings =
            Settings { attempts: 6, longest_pause: Duration::from_secs(8), ..Settings::default() };
        let bench = Bench::new(settings);
        bench.enqueue("http://x/").expect("there is room");
        let attempts = bench.run(1000, 1, &[status(500), Err(Failure::Network)]).await;
        let times: Vec<u64> = attempts.iter().map(|(time, _)| *time).collect();
        assert_eq!(times.len(), 6, "{times:?}");
        let longest = [1, 2, 4, 8, 8];
        for (pair, longest) in times.windows(2).zip(longest) {
            let pause = pair[1] - pair[0];
            assert!(pause <= longest && pause + 1 >= longest / 2, "{times:?}");
        }
        assert_eq!(bench.dropped(), ["reason=\"attempts\"} 1"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_that_is_asked_for_holds_for_the_origin() {
        let bench = Bench::new(Settings { in_flight: 1, ..Settings::default() });
        bench.enqueue("http://x/1").expect("there is room");
        bench.enqueue("http://x/2").expect("there is room");
        bench.enqueue("http://y/3").expect("there is room");
        let answers = [limited(429, "90"), status(200)];
        let attempts = bench.run(1000, 1, &answers).await;
        let by_url: BTreeMap<&str, Vec<u64>> =
            attempts.iter().fold(BTreeMap::new(), |mut map, (time, url)| {
                map.entry(url.as_str()).or_insert_with(Vec::new).push(*time);
                map
            });
        assert_eq!(by_url["http://x/1"], [0, 90]);
        assert_eq!(by_url["http://x/2"], [90], "it waits, too");
        assert_eq!(by_url["http://y/3"], [0], "others do not");
        let date = Bench::new(Settings::default());
        date.enqueue("http://x/1").expect("there is room");
        let answers = [limited(503, "Sun, 06 Nov 1994 08:50:37 GMT"), status(200)];
        let attempts = date.run(1000, 1, &answers).await;
        assert_eq!(attempts.iter().map(|(time, _)| *time).collect::<Vec<_>>(), [0, 60]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_would_be_too_old_is_dropped_at_once() {
        let bench = Bench::new(Settings::default());
        bench.enqueue("http://x/1").expect("there is room");
        bench.run(1, 1, &[limited(429, "86400")]).await;
        assert_eq!(bench.dropped(), ["reason=\"expired\"} 1"]);
        // And what waited too long behind others, too.
        let bench = Bench::new(Settings {
            in_flight: 1,
            age: Duration::from_secs(8),
            ..Settings::default()
        });
        for path in 0..4 {
            bench.enqueue(&format!("http://x/{path}")).expect("there is room");
        }
        let hang = |_| std::future::pending();
        let stop = async {
            sleep_until(bench.start + Duration::from_secs(60)).await;
            Instant::now()
        };
        bench.delivery.run(hang, stop).await;
        assert_eq!(bench.dropped(), ["reason=\"expired\"} 4"]);
    }

    #[tokio::test(start_paused = true)]
    async fn other_answers_are_final() {
        let table = [
            (status(204), vec![]),
            (status(302), vec!["reason=\"status\"} 1"]),
            (status(400), vec!["reason=\"status\"} 1"]),
            (status(404), vec!["reason=\"status\"} 1"]),
            (Err(Failure::Invalid), vec!["reason=\"invalid\"} 1"]),
        ];
        for (answer, dropped) in table {
            let bench = Bench::new(Settings::default());
            bench.enqueue("http://x/").expect("there is room");
            let attempts = bench.run(1000, 1, std::slice::from_ref(&answer)).await;
            assert_eq!(attempts.len(), 1, "{answer:?}");
            assert_eq!(bench.dropped(), dropped, "{answer:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_queue_is_bounded_and_never_waits() {
        let bench = Bench::new(Settings { items: 2, ..Settings::default() });
        bench.enqueue("http://x/").expect("room for the first");
        bench.enqueue("http://x/").expect("and the second");
        assert!(matches!(bench.enqueue("http://x/"), Err(Refusal::Full)));
        assert!(matches!(bench.enqueue("ftp://x/"), Err(Refusal::Url(_))));
        assert_eq!(bench.dropped(), ["reason=\"full\"} 1"]);
        bench.run(1, 1, &[status(200)]).await;
        assert!(matches!(bench.enqueue("http://x/"), Err(Refusal::Closed)));
        let small = Bench::new(Settings { bytes: 2 * (ENTRY_BYTES + 19), ..Settings::default() });
        small.enqueue("http://x/").expect("room for the first");
        small.enqueue("http://x/").expect("and the second");
        assert!(matches!(small.enqueue("http://x/"), Err(Refusal::Full)), "bytes count");
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_than_a_few_are_in_flight() {
        let bench = Bench::new(Settings::default());
        for number in 0..20 {
            bench.enqueue(&format!("http://x{number}/")).expect("there is room");
        }
        let (now, most) = (Cell::new(0), Cell::new(0));
        let send = |_| {
            now.set(now.get() + 1);
            most.set(most.get().max(now.get()));
            let now = &now;
            async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                now.set(now.get() - 1);
                status(200)
            }
        };
        let stop = async {
            sleep_until(bench.start + Duration::from_secs(60)).await;
            Instant::now()
        };
        bench.delivery.run(send, stop).await;
        assert_eq!(most.get(), 4);
        assert!(bench.delivery.is_empty() && bench.dropped().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn an_origin_that_hangs_leaves_a_way_to_others() {
        let bench = Bench::new(Settings { attempts: 1, ..Settings::default() });
        for _ in 0..20 {
            bench.enqueue("http://hangs/").expect("there is room");
        }
        bench.enqueue("http://y/").expect("there is room");
        let answered = Cell::new(None);
        let (now, most) = (Cell::new(0), Cell::new(0));
        let send = |request: Arc<Request>| {
            let (answered, now, most, start) = (&answered, &now, &most, bench.start);
            async move {
                if request.url == "http://y/" {
                    answered.set(Some(start.elapsed()));
                    return status(200);
                }
                now.set(now.get() + 1);
                most.set(most.get().max(now.get()));
                tokio::time::sleep(Duration::from_millis(4_900)).await;
                now.set(now.get() - 1);
                Err(Failure::Network)
            }
        };
        let stop = async {
            sleep_until(bench.start + Duration::from_secs(60)).await;
            Instant::now()
        };
        bench.delivery.run(send, stop).await;
        assert_eq!(answered.get(), Some(Duration::ZERO));
        assert_eq!(most.get(), 3);
        assert_eq!(bench.dropped(), ["reason=\"attempts\"} 20"]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_hangs_is_cut_off_and_tried_again() {
        let bench = Bench::new(Settings { attempts: 2, ..Settings::default() });
        bench.enqueue("http://x/").expect("there is room");
        let hang = |_| std::future::pending();
        let stop = async {
            sleep_until(bench.start + Duration::from_secs(60)).await;
            Instant::now()
        };
        bench.delivery.run(hang, stop).await;
        assert_eq!(bench.dropped(), ["reason=\"attempts\"} 1"]);
        assert_eq!(bench.shown("attempts_total"), ["outcome=\"failed\"} 2"]);
    }

    #[tokio::test(start_paused = true)]
    async fn at_shutdown_everything_gets_a_last_attempt_within_the_deadline() {
        // In a pause of its own: tried once more, at once.
        let bench = Bench::new(Settings::default());
        bench.enqueue("http://x/").expect("there is room");
        let answers = [status(500), status(500), status(500), status(500), status(200)];
        let attempts = bench.run(8, 5, &answers).await;
        assert_eq!(attempts.len(), 5, "{attempts:?}");
        assert_eq!(attempts[4].0, 8);
        assert!(bench.dropped().is_empty());
        // In a pause that the origin asked for: left alone.
        let bench = Bench::new(Settings::default());
        bench.enqueue("http://x/").expect("there is room");
        let attempts = bench.run(8, 5, &[limited(503, "60")]).await;
        assert_eq!(attempts.len(), 1);
        assert_eq!(bench.dropped(), ["reason=\"shutdown\"} 1"]);
        // In flight for too long: cut off.
        let bench = Bench::new(Settings::default());
        for _ in 0..6 {
            bench.enqueue("http://x/").expect("there is room");
        }
        let hang = |_| std::future::pending();
        let stop = async {
            sleep_until(bench.start + Duration::from_secs(1)).await;
            Instant::now() + Duration::from_secs(2)
        };
        bench.delivery.run(hang, stop).await;
        assert_eq!(bench.start.elapsed(), Duration::from_secs(3));
        assert_eq!(bench.dropped(), ["reason=\"shutdown\"} 6"]);
        assert!(bench.delivery.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_handed_over_later_wakes_the_queue() {
        let bench = Bench::new(Settings::default());
        let later = async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            bench.enqueue("http://x/").expect("there is room");
        };
        let answers = [status(200)];
        let (attempts, ()) = tokio::join!(bench.run(10, 1, &answers), later);
        assert_eq!(attempts, [(3, "http://x/".into())]);
    }
}
