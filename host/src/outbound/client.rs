//! HTTP/1.1 towards an upstream, over connections that are kept.
//!
//! Promises: an answer that could be read in two ways is a failure, never repaired; each wait has a
//! limit and says by its name which one passed; a request is sent a second time only when the
//! connection was an old one, nothing of an answer came and repeating it cannot hurt; a connection is
//! kept only when nothing of its last message is left over. Nothing is spawned: a connection is
//! driven by whoever waits for its answer, and dropping the answer closes it.
//!
//! The head is written from borrowed parts, so that a request can be repeated without a copy of it.
//! What is between two hops (`Connection`, lengths, codings, `Host`) is written here and nowhere
//! else; fields of these names in a request are left out. Routes, retries over several upstreams and
//! statuses are not known here.

mod answer;
mod connection;
mod tally;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, response};
use http_body_util::Full;
use tokio::time::Instant;

pub use answer::AnswerBody;
use connection::{Connection, Fault, Sending};
pub use tally::Tally;

use super::{DialError, Dialer, Origin, Reach, UrlError};
use crate::wire::{BodyError, Framing, HeadLimits, Refusal, Stream};

/// How a client behaves towards one upstream.
#[derive(Debug, Clone)]
pub struct Settings {
    /// From the last byte of the request to the end of the head of the answer. Default 30 s.
    pub head_timeout: Duration,
    /// Without a byte of the answer's body. Default 60 s; `None` waits for ever, for streams of
    /// events.
    pub body_timeout: Option<Duration>,
    /// Without progress while the request is written. Default 30 s.
    pub send_timeout: Duration,
    /// Connections kept while nothing is asked. Default 64.
    pub idle_connections: usize,
    /// How long one is kept. Default 20 s; should be below what the upstream keeps.
    pub idle_timeout: Duration,
    /// Requests on one connection. Default 10 000.
    pub requests: u32,
    /// Limits of the head of an answer.
    pub head: HeadLimits,
    /// Interim answers before the real one. Default 8.
    pub interim: u32,
    /// Which addresses may be dialled. Default anywhere.
    pub reach: Reach,
    /// Where connections are counted. Default one of its own.
    pub tally: Tally,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            head_timeout: Duration::from_secs(30),
            body_timeout: Some(Duration::from_secs(60)),
            send_timeout: Duration::from_secs(30),
            idle_connections: 64,
            idle_timeout: Duration::from_secs(20),
            requests: 10_000,
            head: HeadLimits::default(),
            interim: 8,
            reach: Reach::Anywhere,
            tally: Tally::default(),
        }
    }
}

/// What is asked of an upstream, without its body.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a Method,
    /// Path and query, or `*`.
    pub target: &'a str,
    /// Value of `Host`; `None` takes the authority of the origin.
    pub authority: Option<&'a str>,
    /// The fields. Those that are between two hops are left out, except `TE: trailers`.
    pub headers: &'a HeaderMap,
    /// Ask for this protocol; [`Answer::upgraded`] holds the stream when the upstream agrees.
    pub upgrade: Option<&'a str>,
}

/// The answer of an upstream.
#[derive(Debug)]
pub struct Answer<B> {
    /// Status and fields, as they came; those between two hops are still among them.
    pub head: response::Parts,
    /// The body. Dropping it before its end closes the connection.
    pub body: AnswerBody<B>,
    /// The stream and what came right behind the head, when the upstream changed the protocol that
    /// [`Request::upgrade`] asked for. The status is 101 then, and never otherwise.
    pub upgraded: Option<(Stream, Bytes)>,
    /// The connection had served before.
    pub reused: bool,
    /// What dialling took; zero when the connection was reused.
    pub connect: Duration,
    /// The request was sent a second time, over a fresh connection.
    pub retried: bool,
}

/// What a client waited for in vain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// That the request could be written.
    Send,
    /// The head of the answer.
    Head,
    /// The whole of it, see [`Client::fetch`].
    Total,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// There is no connection.
    #[error("the upstream could not be connected")]
    Dial(#[from] DialError),
    /// A wait passed its limit.
    #[error("the upstream did not answer within {limit:?} ({wait:?})")]
    Timeout {
        /// Which one.
        wait: Wait,
        /// The limit.
        limit: Duration,
    },
    /// The connection was closed or reset before the head of an answer.
    #[error("the upstream closed the connection without an answer")]
    Gone(#[source] Option<std::io::Error>),
    /// The head of the answer is malformed, too large or not what was asked for.
    #[error("the answer of the upstream is malformed")]
    BadAnswer(#[source] Refusal),
    /// The request's own body broke off.
    #[error("the body of the request broke off")]
    RequestBody(#[source] BodyError),
    /// The body of the answer broke off or is too large. Only of [`Client::fetch`].
    #[error("the body of the answer broke off")]
    AnswerBody(#[source] BodyError),
    /// No URL. Only of [`Client::fetch`].
    #[error("the URL cannot be used")]
    Url(#[from] UrlError),
}

impl Failure {
    /// The class of this failure, as error events and metrics name it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Dial(error) => error.kind(),
            Self::Timeout { wait: Wait::Send | Wait::Total, .. } => "upstream.timeout",
            Self::Timeout { wait: Wait::Head, .. } => "upstream.timeout.header",
            Self::Gone(_) => "upstream.reset",
            Self::BadAnswer(_) => "upstream.bad-response",
            Self::RequestBody(_) => "client.aborted",
            Self::AnswerBody(error) => body_kind(error),
            Self::Url(_) => "upstream.url",
        }
    }
}

/// The class of a body that broke off, as error events and metrics name it.
#[must_use]
pub fn body_kind(error: &BodyError) -> &'static str {
    match error {
        BodyError::UpstreamIdle(_) => "upstream.timeout.body",
        BodyError::UpstreamGone(_) => "upstream.reset",
        BodyError::UpstreamMalformed(_) | BodyError::TooLarge(_) => "upstream.bad-response",
        BodyError::Idle(_) | BodyError::TooSlow(_) => "client.timeout",
        BodyError::Malformed(_) | BodyError::ClientGone => "client.aborted",
        BodyError::Cut(_) => "cut",
    }
}

/// The connections to one upstream, and the way to ask it.
///
/// A pool and its connections belong to the runtime they were first used on; a worker has its own.
/// The last connection that was given back is used first, so that those not needed grow old.
#[derive(Debug)]
pub struct Pool {
    origin: Origin,
    dialer: Arc<Dialer>,
    settings: Settings,
    idle: Mutex<Vec<Connection>>,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    dialled: AtomicU64,
    reused: AtomicU64,
    retried: AtomicU64,
}

/// What a pool did since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PoolCounts {
    /// Connections that were dialled, in vain or not.
    pub dialled: u64,
    /// Requests over a connection that had served before.
    pub reused: u64,
    /// Requests that were sent a second time.
    pub retried: u64,
    /// Connections kept right now.
    pub idle: usize,
}

impl Pool {
    /// A pool without connections.
    #[must_use]
    pub fn new(origin: Origin, dialer: Arc<Dialer>, settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            origin,
            dialer,
            settings,
            idle: Mutex::default(),
            counts: Counts::default(),
        })
    }

    /// Where this pool leads.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What happened so far.
    #[must_use]
    pub fn counts(&self) -> PoolCounts {
        PoolCounts {
            dialled: self.counts.dialled.load(Ordering::Relaxed),
            reused: self.counts.reused.load(Ordering::Relaxed),
            retried: self.counts.retried.load(Ordering::Relaxed),
            idle: self.idle().len(),
        }
    }

    /// Closes connections that were kept for longer than [`Settings::idle_timeout`].
    ///
    /// Happens by itself whenever a connection is given back; to be called now and then for an
    /// upstream that is no longer asked.
    pub fn sweep(&self) {
        let now = Instant::now();
        // The longest unused are first.
        let mut idle = self.idle();
        let old = idle.partition_point(|connection| self.is_old(connection, now));
        idle.drain(..old);
    }

    /// Closes all connections that are not in use.
    pub fn close_idle(&self) {
        self.idle().clear();
    }

    /// Sends a request and waits for the head of the answer.
    ///
    /// The body is sent while the answer is read; an upstream may answer before it has all of it.
    /// Trailers of the body are dropped. Dropping the future closes the connection.
    ///
    /// # Errors
    ///
    /// [`Failure`], of the last attempt if there were two.
    pub async fn send<B>(
        self: &Arc<Self>,
        request: Request<'_>,
        body: B,
    ) -> Result<Answer<B>, Failure>
    where
        B: http_body::Body<Data = Bytes, Error = BodyError> + Unpin,
    {
        let mut sending = Sending::new(body);
        let mut retried = false;
        loop {
            let kept = if retried { None } else { self.take() };
            let reused = kept.is_some();
            let (mut connection, connect) = match kept {
                Some(connection) => {
                    self.counts.reused.fetch_add(1, Ordering::Relaxed);
                    (connection, Duration::ZERO)
                }
                None => self.dial().await?,
            };
            connection.begin(&request, self.origin.authority(), &mut sending);
            let head = std::future::poll_fn(|context| {
                connection.poll_exchange(context, &mut sending, &self.settings)
            });
            let fault = match head.await {
                Ok(head) => {
                    let received = Received { reused, connect, retried };
                    return self.answer(request, connection, sending, head, received);
                }
                Err(fault) => fault,
            };
            let repeatable = reused
                && connection.is_untouched()
                && matches!(fault, Fault::Gone(_))
                && (request.method.is_idempotent() && sending.is_empty()
                    || connection.wrote_nothing() && sending.is_fresh());
            if !repeatable {
                return Err(self.failure(fault));
            }
            // The upstream closed an idle connection just when it was taken. Others of the pool
            // are likely to have met the same end, so the second attempt has its own.
            self.counts.retried.fetch_add(1, Ordering::Relaxed);
            retried = true;
        }
    }

    async fn dial(&self) -> Result<(Connection, Duration), Failure> {
        self.counts.dialled.fetch_add(1, Ordering::Relaxed);
        let start = Instant::now();
        let stream = self.dialer.dial(&self.origin, self.settings.reach).await?;
        let mark = self.settings.tally.enter();
        Ok((Connection::new(stream, self.settings.head, mark), start.elapsed()))
    }

    fn answer<B>(
        self: &Arc<Self>,
        request: Request<'_>,
        mut connection: Connection,
        sending: Sending<B>,
        head: crate::wire::Head,
        received: Received,
    ) -> Result<Answer<B>, Failure>
    where
        B: http_body::Body<Data = Bytes, Error = BodyError> + Unpin,
    {
        let parts = connection.take_head(&head).map_err(Failure::BadAnswer)?;
        let Received { reused, connect, retried } = received;
        if head.status == 101 {
            let agreed = request.upgrade.is_some_and(|asked| {
                head.upgrade
                    && parts
                        .headers
                        .get(http::header::UPGRADE)
                        .is_some_and(|have| have.as_bytes().eq_ignore_ascii_case(asked.as_bytes()))
            });
            if !agreed {
                return Err(Failure::BadAnswer(Refusal::UnaskedUpgrade));
            }
            let upgraded = Some(connection.into_stream());
            return Ok(Answer {
                head: parts,
                body: AnswerBody::Empty,
                upgraded,
                reused,
                connect,
                retried,
            });
        }
        let bodiless = *request.method == Method::HEAD
            || matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let framing = if bodiless { Framing::None } else { head.framing };
        let persistent = head.persistent && framing != Framing::UntilClose;
        let body = AnswerBody::begin(connection, sending, framing, persistent, self)
            .map_err(Failure::BadAnswer)?;
        Ok(Answer { head: parts, body, upgraded: None, reused, connect, retried })
    }

    fn failure(&self, fault: Fault) -> Failure {
        match fault {
            Fault::Gone(source) => Failure::Gone(source),
            Fault::Refused(refusal) => Failure::BadAnswer(refusal),
            Fault::Body(error) => Failure::RequestBody(error),
            Fault::Late(wait) => Failure::Timeout {
                wait,
                limit: match wait {
                    Wait::Send => self.settings.send_timeout,
                    Wait::Head | Wait::Total => self.settings.head_timeout,
                },
            },
        }
    }

    fn take(&self) -> Option<Connection> {
        let now = Instant::now();
        let mut idle = self.idle();
        while let Some(mut connection) = idle.pop() {
            if !self.is_old(&connection, now) && connection.take_up(now) {
                return Some(connection);
            }
        }
        None
    }

    /// Takes a connection back after an exchange that left nothing over.
    fn give_back(&self, mut connection: Connection) {
        if connection.served() >= self.settings.requests || !connection.rest() {
            return;
        }
        let now = connection.rests_since();
        let mut idle = self.idle();
        if idle.len() >= self.settings.idle_connections {
            // The longest unused makes room.
            if idle.is_empty() {
                return;
            }
            idle.remove(0);
        } else if idle.first().is_some_and(|oldest| self.is_old(oldest, now)) {
            let old = idle.partition_point(|connection| self.is_old(connection, now));
            idle.drain(..old);
        }
        idle.push(connection);
    }

    fn is_old(&self, connection: &Connection, now: Instant) -> bool {
        now.saturating_duration_since(connection.rests_since()) >= self.settings.idle_timeout
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Received {
    reused: bool,
    connect: Duration,
    retried: bool,
}

/// Asks any origin, with a pool for each.
#[derive(Debug)]
pub struct Client {
    dialer: Arc<Dialer>,
    settings: Settings,
    pools: Mutex<HashMap<Origin, Arc<Pool>>>,
}

/// Origins for which connections are kept.
const MAX_POOLS: usize = 256;

impl Client {
    /// A client without connections.
    #[must_use]
    pub fn new(dialer: Arc<Dialer>, settings: Settings) -> Self {
        Self { dialer, settings, pools: Mutex::default() }
    }

    /// The pool of an origin. It is made when there is none; of more than 256 origins those without
    /// idle connections are forgotten.
    #[must_use]
    pub fn pool(&self, origin: &Origin) -> Arc<Pool> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.get(origin) {
            return Arc::clone(pool);
        }
        let pool = Pool::new(origin.clone(), Arc::clone(&self.dialer), self.settings.clone());
        if pools.len() >= MAX_POOLS {
            pools.retain(|_, pool| {
                pool.sweep();
                pool.counts().idle > 0
            });
        }
        if pools.len() < MAX_POOLS {
            pools.insert(origin.clone(), Arc::clone(&pool));
        }
        pool
    }

    /// Asks a URL and reads the whole answer. Redirects are answers like any other.
    ///
    /// `limit` is of the body, in bytes. `total` counts from the call to the last byte. Dropping the
    /// future closes the connection.
    ///
    /// # Errors
    ///
    /// [`Failure`]; an answer with a status of 400 or more is none.
    pub async fn fetch(
        &self,
        method: &Method,
        url: &str,
        headers: &HeaderMap,
        body: Bytes,
        limit: u64,
        total: Duration,
    ) -> Result<http::Response<Bytes>, Failure> {
        let (origin, rest) = Origin::split(url)?;
        let rest = rest.split('#').next().unwrap_or_default();
        if !rest.bytes().all(crate::wire::head::is_target) {
            return Err(UrlError::Path(rest.to_owned()).into());
        }
        let target = match rest.chars().next() {
            Some('/') => rest.to_owned(),
            Some('?') | None => format!("/{rest}"),
            Some(_) => return Err(UrlError::Path(rest.to_owned()).into()),
        };
        let request = Request { method, target: &target, authority: None, headers, upgrade: None };
        let body = http_body_util::BodyExt::map_err(Full::new(body), |never| match never {});
        let pool = self.pool(&origin);
        let exchange = async {
            let answer = pool.send(request, body).await?;
            let body = crate::wire::body::whole(answer.body, limit).await;
            Ok(http::Response::from_parts(answer.head, body.map_err(Failure::AnswerBody)?))
        };
        match tokio::time::timeout(total, exchange).await {
            Ok(result) => result,
            Err(_) => Err(Failure::Timeout { wait: Wait::Total, limit: total }),
        }
    }
}

#[cfg(test)]
mod tests;
