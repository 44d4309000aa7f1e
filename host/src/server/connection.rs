//! One connection from its first byte to its last.
//!
//! A connection is one task. It drives the HTTP library, looks after every step whether something
//! is due: a deadline, a refusal, a drain, the need for room. What is shared by the two versions of
//! HTTP is here.

use std::{
    cell::{Cell, RefCell},
    pin::pin,
    rc::Rc,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use bytes::BytesMut;
use tokio::{io::AsyncReadExt, time::Instant};

use super::{
    ConnectionInfo, Counts, Service, accept::Accepted, exchange::Exchanges, http1, http2,
    worker::Worker,
};
use crate::wire::{Deadline, Refusal, Stream, Tunnel};

/// What the parts of a connection, and its worker, tell each other.
#[derive(Debug)]
pub(super) struct State {
    /// Where the worker lists it.
    pub(super) place: Cell<usize>,
    /// Has to go, to make room.
    pub(super) shed: Cell<bool>,
    /// When the last answer was complete, or the connection made.
    pub(super) idle_since: Cell<Instant>,
    /// Why nothing more is read.
    pub(super) refusal: Cell<Option<Refusal>>,
    /// The beginning of a head was read.
    pub(super) head_began: Cell<bool>,
    /// Heads that were complete, and answers to them.
    pub(super) heads: Cell<u64>,
    pub(super) answers: Cell<u64>,
    /// Requests that are being answered.
    pub(super) exchanges: Cell<u32>,
    /// A write waits for the client.
    pub(super) blocked: Cell<bool>,
    /// Grows with each write that went through.
    pub(super) writes: Cell<u64>,
    /// Bodies whose last piece waits to be sent, and a number that grows with each piece.
    pub(super) handed: Cell<u32>,
    pub(super) pieces: Cell<u64>,
    pub(super) flooded: Cell<bool>,
    /// What it takes to serve a request was given back.
    pub(super) rests: Cell<bool>,
    /// Bytes are kept back until the request before them is answered.
    pub(super) held: Cell<bool>,
    /// The other protocol's, once it was agreed to.
    pub(super) tunnel: RefCell<Option<Box<Tunnel>>>,
    waker: RefCell<Option<Waker>>,
}

impl State {
    fn new() -> Rc<Self> {
        Rc::new(Self {
            place: Cell::new(0),
            shed: Cell::new(false),
            idle_since: Cell::new(Instant::now()),
            refusal: Cell::new(None),
            head_began: Cell::new(false),
            heads: Cell::new(0),
            answers: Cell::new(0),
            exchanges: Cell::new(0),
            blocked: Cell::new(false),
            writes: Cell::new(0),
            handed: Cell::new(0),
            pieces: Cell::new(0),
            flooded: Cell::new(false),
            rests: Cell::new(false),
            held: Cell::new(false),
            tunnel: RefCell::new(None),
            waker: RefCell::new(None),
        })
    }

    /// Nothing is asked, and nothing is on its way.
    pub(super) fn is_idle(&self) -> bool {
        self.exchanges.get() == 0 && !self.head_began.get() && !self.blocked.get()
    }

    /// All requests that were let through have their answer.
    pub(super) fn is_answered(&self) -> bool {
        self.answers.get() >= self.heads.get()
    }

    pub(super) fn refuse(&self, refusal: Refusal) {
        self.head_began.set(false);
        self.refusal.set(Some(refusal));
    }

    pub(super) fn head_passed(&self) {
        self.head_began.set(false);
        self.heads.set(self.heads.get() + 1);
    }

    /// What follows the head that passed last is malformed, and nobody has seen the head yet.
    pub(super) fn head_taken_back(&self) {
        self.heads.set(self.heads.get() - 1);
    }

    pub(super) fn note_write(&self, went_through: bool) {
        self.blocked.set(!went_through);
        if went_through {
            self.writes.set(self.writes.get() + 1);
        }
    }

    /// Makes the connection look at its state.
    pub(super) fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    pub(super) fn watch(&self, context: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
    }
}

/// What is waited for, with a number that tells one wait from the next of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// For our own side, which has limits of its own.
    Nothing,
    Head(u64),
    /// For a request, with everything ready to serve it.
    Soon(u64),
    /// For a request, after it did not come soon.
    Request(u64),
    /// As `Request`, during a drain.
    Quiet,
    Write(u64),
    /// That a stream's window opens.
    Window(u64),
    /// That the library winds up.
    Close,
}

impl Wait {
    fn of<S>(state: &State, worker: &Worker<S>, closing: bool) -> Self {
        if state.blocked.get() {
            return Self::Write(state.writes.get());
        }
        if state.exchanges.get() > 0 {
            return match state.handed.get() {
                0 => Self::Nothing,
                _ => Self::Window(state.pieces.get()),
            };
        }
        if closing {
            return Self::Close;
        }
        if state.head_began.get() {
            return Self::Head(state.heads.get());
        }
        match worker.is_draining() {
            true => Self::Quiet,
            false if state.rests.get() => Self::Request(state.answers.get()),
            false => Self::Soon(state.answers.get()),
        }
    }

    fn limit<S>(self, worker: &Worker<S>) -> Option<Duration> {
        let timeouts = &worker.settings.timeouts;
        match self {
            Self::Nothing => None,
            Self::Head(_) => Some(timeouts.head),
            Self::Soon(_) => Some(timeouts.idle.min(SOON)),
            Self::Request(_) => Some(timeouts.idle.saturating_sub(SOON)),
            Self::Quiet => Some(timeouts.quiet),
            Self::Write(_) | Self::Window(_) => Some(timeouts.write),
            Self::Close => Some(Duration::from_secs(5)),
        }
    }
}

/// How long a connection keeps everything ready for the next request.
const SOON: Duration = Duration::from_secs(1);

/// The clock of a connection.
pub(super) struct Watch {
    wait: Wait,
    deadline: Deadline,
}

impl Watch {
    pub(super) fn new() -> Self {
        Self { wait: Wait::Nothing, deadline: Deadline::default() }
    }

    /// Ready with what was waited for in vain.
    pub(super) fn poll<S>(
        &mut self,
        context: &mut Context<'_>,
        state: &State,
        worker: &Worker<S>,
        closing: bool,
    ) -> Poll<Wait> {
        let wait = Wait::of(state, worker, closing);
        if wait != self.wait {
            self.wait = wait;
            match wait.limit(worker) {
                Some(limit) => {
                    let now = Instant::now();
                    if let Wait::Soon(_) = wait {
                        state.idle_since.set(now);
                    }
                    self.deadline.set(now + limit);
                }
                None => self.deadline.clear(),
            }
        }
        ready!(self.deadline.poll(context));
        Poll::Ready(wait)
    }
}

/// Connections above the limit that are given time to read why they are not served.
const MAX_TURNED_AWAY: usize = 8;

/// Serves a connection until it is closed.
pub(super) async fn serve<S: Service>(worker: Rc<Worker<S>>, accepted: Accepted) {
    let Accepted { stream, peer, local, tls, over_limit, _open } = accepted;
    let Ok(stream) = tokio::net::TcpStream::from_std(stream) else { return };
    let mut info = ConnectionInfo { peer, local, tls: None, worker: worker.index };
    if over_limit && !worker.shed() {
        Counts::count(&worker.counts.overloaded);
        // A handshake would be work, and work is what there is too much of.
        if tls.is_none() {
            let connection = worker.service.connect(info);
            let answer = worker.service.refuse(Refusal::Overloaded, &connection);
            let leaving = worker.turned_away.get();
            worker.turned_away.set(leaving + 1);
            http1::turn_away(Stream::Tcp(stream), &answer, leaving < MAX_TURNED_AWAY).await;
            worker.turned_away.set(worker.turned_away.get() - 1);
        }
        return;
    }
    let state = State::new();
    let _enlisted = worker.enlist(&state);
    let first_byte = Instant::now() + worker.settings.timeouts.first_byte;
    let stream = match tls {
        None => Stream::Tcp(stream),
        Some(acceptor) => {
            let handshake = patiently(&worker, &state, first_byte, acceptor.accept(stream));
            match handshake.await {
                Some(Ok((stream, agreed))) => {
                    info.tls = Some(agreed);
                    Stream::Tls(Box::new(stream))
                }
                Some(Err(error)) => {
                    Counts::count(&worker.counts.handshake_errors);
                    tracing::debug!(%peer, %error, "TLS handshake failed");
                    return;
                }
                None => return,
            }
        }
    };
    converse(worker, state, stream, info, first_byte).await;
}

/// Serves a stream on which nothing was read yet.
async fn converse<S: Service>(
    worker: Rc<Worker<S>>,
    state: Rc<State>,
    mut stream: Stream,
    info: ConnectionInfo,
    first_byte: Instant,
) {
    let first = patiently(&worker, &state, first_byte, read_first(&mut stream)).await;
    let Some(Some(first)) = first else { return };
    let connection = Rc::new(worker.service.connect(info));
    let http2 = first.starts_with(http2::PREFACE);
    let exchange = Rc::new(Exchanges { worker, state, connection, http2 });
    if exchange.http2 {
        http2::serve(&exchange, stream, first).await;
    } else {
        http1::serve(&exchange, stream, first).await;
    }
}

/// Waits for `future` until the first byte is due; `None` when it did not come, when room was needed,
/// or when a drain has started and the request, which may be on its way, is not here soon.
async fn patiently<S, F: Future>(
    worker: &Worker<S>,
    state: &State,
    until: Instant,
    future: F,
) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut deadline = Deadline::default();
    deadline.set(until);
    let mut leaving = false;
    std::future::poll_fn(|context| {
        state.watch(context);
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Some(output));
        }
        // Who has said nothing yet loses nothing.
        if state.shed.get() {
            return Poll::Ready(None);
        }
        if worker.is_draining() && !leaving {
            leaving = true;
            deadline.set(until.min(Instant::now() + worker.settings.timeouts.quiet));
        }
        ready!(deadline.poll(context));
        if !leaving {
            Counts::count(&worker.counts.first_byte_timeouts);
        }
        Poll::Ready(None)
    })
    .await
}

/// Reads until it is known which version of HTTP is spoken.
async fn read_first(stream: &mut Stream) -> Option<BytesMut> {
    let mut first = BytesMut::with_capacity(1024);
    loop {
        if stream.read_buf(&mut first).await.ok()? == 0 {
            return None;
        }
        if first.len() >= http2::PREFACE.len() || !http2::PREFACE.starts_with(&first) {
            return Some(first);
        }
    }
}

#[cfg(test)]
mod tests;
