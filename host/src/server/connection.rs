//! One connection from its first byte to its last.
//!
//! A connection is one task. It drives the HTTP library, looks after every step whether something
//! is due (a deadline, a refusal, a drain, the need for room), and decides how the connection ends:
//! with an answer to what could not become a request, as a tunnel, lingering until the client has
//! read the last answer, or with a reset where an answer broke off.

use std::{
    cell::{Cell, RefCell},
    convert::Infallible,
    io,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Request, Response, StatusCode, header::CONNECTION};
use http_body::{Frame, SizeHint};
use hyper::{body::Incoming, server::conn, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    time::{Instant, timeout},
};

use super::{
    ConnectionInfo, Counts, Service,
    accept::Accepted,
    frames::FrameMeter,
    intake::{Handle, Intake},
    tunnel, upload,
    worker::Worker,
};
use crate::wire::{Body, BodyError, Deadline, Refusal, Stream, Tunnel};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

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
    heads: Cell<u64>,
    answers: Cell<u64>,
    /// Requests that are being answered.
    exchanges: Cell<u32>,
    /// A write waits for the client.
    blocked: Cell<bool>,
    /// Grows with each write that went through.
    writes: Cell<u64>,
    /// Bodies whose last piece waits to be sent, and a number that grows with each piece.
    handed: Cell<u32>,
    pieces: Cell<u64>,
    flooded: Cell<bool>,
    tunnel: RefCell<Option<Box<Tunnel>>>,
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

    fn watch(&self, context: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
    }
}

/// What is waited for, with a number that tells one wait from the next of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// For our own side, which has limits of its own.
    Nothing,
    Head(u64),
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
            false => Self::Request(state.answers.get()),
        }
    }

    fn limit<S>(self, worker: &Worker<S>) -> Option<Duration> {
        let timeouts = &worker.settings.timeouts;
        match self {
            Self::Nothing => None,
            Self::Head(_) => Some(timeouts.head),
            Self::Request(_) => Some(timeouts.idle),
            Self::Quiet => Some(timeouts.quiet),
            Self::Write(_) | Self::Window(_) => Some(timeouts.write),
            Self::Close => Some(Duration::from_secs(5)),
        }
    }
}

/// The clock of a connection.
struct Watch {
    wait: Wait,
    deadline: Deadline,
}

impl Watch {
    fn new() -> Self {
        Self { wait: Wait::Nothing, deadline: Deadline::default() }
    }

    /// Ready with what was waited for in vain.
    fn poll<S>(
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
                    if let Wait::Request(_) = wait {
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

/// Serves a connection until it is closed.
pub(super) async fn serve<S: Service>(worker: Rc<Worker<S>>, accepted: Accepted) {
    let Accepted { stream, peer, local, tls, over_limit, _open } = accepted;
    let Ok(stream) = tokio::net::TcpStream::from_std(stream) else { return };
    let mut info = ConnectionInfo { peer, local, tls: None, worker: worker.index };
    if over_limit && !worker.shed() {
        Counts::count(&worker.counts.overloaded);
        // A handshake would be work, and work is what there is too much of.
        if tls.is_none() {
            turn_away(Stream::Tcp(stream), &worker.service.refuse(Refusal::Overloaded, &info));
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
    converse(worker, state, stream, Rc::new(info), first_byte).await;
}

/// Serves a stream on which nothing was read yet.
async fn converse<S: Service>(
    worker: Rc<Worker<S>>,
    state: Rc<State>,
    mut stream: Stream,
    info: Rc<ConnectionInfo>,
    first_byte: Instant,
) {
    let first = patiently(&worker, &state, first_byte, read_first(&mut stream)).await;
    let Some(Some(first)) = first else { return };
    let exchange = Rc::new(Exchanges { worker, state, info, http2: first.starts_with(PREFACE) });
    if exchange.http2 {
        http2(&exchange, stream, first).await;
    } else {
        http1(&exchange, stream, first).await;
    }
}

/// Waits for `future` until the first byte is due; `None` when it did not come, when a drain
/// started, or when room was needed.
async fn patiently<S, F: Future>(
    worker: &Worker<S>,
    state: &State,
    until: Instant,
    future: F,
) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut deadline = Deadline::default();
    deadline.set(until);
    std::future::poll_fn(|context| {
        state.watch(context);
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Some(output));
        }
        // Who has said nothing yet loses nothing.
        if worker.is_draining() || state.shed.get() {
            return Poll::Ready(None);
        }
        ready!(deadline.poll(context));
        Counts::count(&worker.counts.first_byte_timeouts);
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
        if first.len() >= PREFACE.len() || !PREFACE.starts_with(&first) {
            return Some(first);
        }
    }
}

/// Serves HTTP/1.
async fn http1<S: Service>(exchanges: &Rc<Exchanges<S>>, stream: Stream, first: BytesMut) {
    let Exchanges { worker, state, info, .. } = &**exchanges;
    let limits = worker.settings.head;
    let intake = Rc::new(RefCell::new(Intake::new(stream, first, limits, Rc::clone(state))));
    let service = service_fn(|request| Rc::clone(exchanges).serve(request, Some(&intake)));
    let mut builder = conn::http1::Builder::new();
    // Heads are timed and measured here, before the library sees them.
    builder.header_read_timeout(None).max_buf_size(limits.bytes + 16 * 1024);
    if limits.fields != 100 {
        // The library's own number is the same, and cheaper when it is left alone.
        builder.max_headers(limits.fields);
    }
    let end = {
        let io = TokioIo::new(Handle(Rc::clone(&intake)));
        let mut connection = pin!(builder.serve_connection(io, service));
        let mut watch = Watch::new();
        let mut closing = false;
        std::future::poll_fn(|context| {
            state.watch(context);
            loop {
                if let Poll::Ready(result) = connection.as_mut().poll(context) {
                    return Poll::Ready(End::of(result, state));
                }
                let close = state.refusal.get().is_some() || (state.is_idle() && state.shed.get());
                if close && !closing {
                    closing = true;
                    connection.as_mut().graceful_shutdown();
                    continue;
                }
                match ready!(watch.poll(context, state, worker, closing)) {
                    Wait::Head(_) => {
                        Counts::count(&worker.counts.head_timeouts);
                        state.refuse(Refusal::HeadTimeout);
                    }
                    Wait::Request(_) | Wait::Quiet => {
                        Counts::count(&worker.counts.idle_timeouts);
                        closing = true;
                        connection.as_mut().graceful_shutdown();
                    }
                    Wait::Write(_) | Wait::Window(_) => {
                        Counts::count(&worker.counts.write_timeouts);
                        return Poll::Ready(End::Reset);
                    }
                    Wait::Close | Wait::Nothing => return Poll::Ready(End::Close),
                }
            }
        })
        .await
    };
    // The library is gone, and with it the other handle.
    let Some(intake) = Rc::into_inner(intake).map(RefCell::into_inner) else { return };
    finish(exchanges, intake, end, info).await;
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// In good order, as far as the library knows.
    Close,
    /// An answer broke off, or the client does not read: it must not look complete.
    Reset,
    /// The other protocol takes over.
    Tunnel,
}

impl End {
    fn of(result: Result<(), hyper::Error>, state: &State) -> Self {
        match result {
            _ if state.tunnel.borrow().is_some() => Self::Tunnel,
            Ok(()) => Self::Close,
            // The body of an answer failed.
            Err(error) if error.is_user() => Self::Reset,
            Err(error) => {
                tracing::debug!(%error, "connection failed");
                Self::Close
            }
        }
    }
}

async fn finish<S: Service>(
    exchanges: &Exchanges<S>,
    mut intake: Intake,
    end: End,
    info: &ConnectionInfo,
) {
    let Exchanges { worker, state, .. } = exchanges;
    match end {
        End::Reset => intake.stream().reset_on_drop(),
        End::Tunnel => {
            let tunnel = state.tunnel.borrow_mut().take();
            let Some(tunnel) = tunnel else { return };
            let (stream, early) = intake.into_stream();
            tunnel::run(stream, early, *tunnel).await;
        }
        End::Close => {
            if let Some(refusal) = state.refusal.get() {
                Counts::count(&worker.counts.refused);
                // One answer for each request: if the refused bytes belonged to the body of a
                // request, that one was answered already.
                if state.is_answered() && !intake.is_mid_body() {
                    let answer = write_out(&worker.service.refuse(refusal, info));
                    let write = timeout(LINGER, intake.stream().write_all(&answer));
                    if !matches!(write.await, Ok(Ok(()))) {
                        return;
                    }
                }
            }
            if state.refusal.get().is_some() || intake.is_mid_message() {
                linger(intake.stream()).await;
            } else {
                // TLS wants to say goodbye; TCP says it by itself.
                let _ = timeout(LINGER, intake.stream().shutdown()).await;
            }
        }
    }
}

/// Longest wait for a client that was told to go away.
const LINGER: Duration = Duration::from_secs(2);

/// Reads what the client still sends, and throws it away, so that closing does not destroy the
/// answer that it may not have read yet.
async fn linger(stream: &mut Stream) {
    let read = async {
        stream.shutdown().await?;
        let mut left = 256 * 1024;
        let mut bytes = BytesMut::with_capacity(8 * 1024);
        while left > 0 {
            let length = stream.read_buf(&mut bytes).await?;
            if length == 0 {
                break;
            }
            left = usize::saturating_sub(left, length);
            bytes.clear();
        }
        io::Result::Ok(())
    };
    let _ = timeout(LINGER, read).await;
}

/// Writes an answer without waiting, and closes.
fn turn_away(mut stream: Stream, answer: &Response<Bytes>) {
    let bytes = write_out(answer);
    let mut context = Context::from_waker(Waker::noop());
    // A fresh connection has room for a short answer.
    let _ = Pin::new(&mut stream).poll_write(&mut context, &bytes);
    let _ = Pin::new(&mut stream).poll_shutdown(&mut context);
}

/// The bytes of an answer after which the connection is closed.
fn write_out(answer: &Response<Bytes>) -> Vec<u8> {
    let status = answer.status();
    let reason = status.canonical_reason().unwrap_or_default();
    let mut bytes = format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).into_bytes();
    for (name, value) in answer.headers() {
        if matches!(name.as_str(), "connection" | "content-length" | "transfer-encoding") {
            continue;
        }
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    let end = format!("connection: close\r\ncontent-length: {}\r\n\r\n", answer.body().len());
    bytes.extend_from_slice(end.as_bytes());
    bytes.extend_from_slice(answer.body());
    bytes
}

/// Serves HTTP/2.
async fn http2<S: Service>(exchanges: &Rc<Exchanges<S>>, stream: Stream, first: BytesMut) {
    let Exchanges { worker, state, .. } = &**exchanges;
    let service = {
        let exchanges = Rc::clone(exchanges);
        service_fn(move |request| Rc::clone(&exchanges).serve(request, None))
    };
    let window = 1024 * 1024;
    let mut builder = conn::http2::Builder::new(OnThisThread);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(worker.settings.streams)
        .max_header_list_size(u32::try_from(worker.settings.head.bytes).unwrap_or(u32::MAX))
        .initial_stream_window_size(window)
        .initial_connection_window_size(window)
        .max_send_buf_size(256 * 1024)
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(128)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10));
    let io = TokioIo::new(Metered::new(stream, first, Rc::clone(state)));
    let mut connection = pin!(builder.serve_connection(io, service));
    let mut watch = Watch::new();
    let mut closing = false;
    std::future::poll_fn(|context| {
        state.watch(context);
        loop {
            if let Poll::Ready(result) = connection.as_mut().poll(context) {
                if let Err(error) = result {
                    tracing::debug!(%error, "connection failed");
                }
                return Poll::Ready(());
            }
            let close = worker.is_draining()
                || state.answers.get() >= worker.settings.requests
                || (state.is_idle() && state.shed.get());
            if close && !closing {
                closing = true;
                connection.as_mut().graceful_shutdown();
                continue;
            }
            match ready!(watch.poll(context, state, worker, closing)) {
                Wait::Request(_) | Wait::Quiet | Wait::Head(_) => {
                    Counts::count(&worker.counts.idle_timeouts);
                    closing = true;
                    connection.as_mut().graceful_shutdown();
                }
                Wait::Write(_) | Wait::Window(_) => {
                    Counts::count(&worker.counts.write_timeouts);
                    return Poll::Ready(());
                }
                Wait::Close | Wait::Nothing => return Poll::Ready(()),
            }
        }
    })
    .await;
    if state.flooded.get() {
        Counts::count(&worker.counts.floods);
    }
}

/// Runs the streams of an HTTP/2 connection on the worker's own thread.
#[derive(Debug, Clone, Copy)]
struct OnThisThread;

impl<F> hyper::rt::Executor<F> for OnThisThread
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}

/// The requests of a connection.
struct Exchanges<S> {
    worker: Rc<Worker<S>>,
    state: Rc<State>,
    info: Rc<ConnectionInfo>,
    http2: bool,
}

impl<S: Service> Exchanges<S> {
    async fn serve(
        self: Rc<Self>,
        request: Request<Incoming>,
        intake: Option<&Rc<RefCell<Intake>>>,
    ) -> Result<Response<Served>, Infallible> {
        let Self { worker, state, info, http2 } = &*self;
        let exchange = Exchange::begin(state, *http2);
        let request =
            request.map(|incoming| upload::body(incoming, state, &worker.settings.timeouts));
        let response = worker.service.serve(request, info).await;
        let (mut head, mut body) = response.into_parts();
        let held = intake.is_some_and(|intake| intake.borrow().is_held());
        if let Body::Tunnel(tunnel) = body {
            body = Body::Empty;
            if held && head.status == StatusCode::SWITCHING_PROTOCOLS {
                *state.tunnel.borrow_mut() = Some(tunnel);
                return Ok(Response::from_parts(head, Served { body, exchange, handed: false }));
            }
        }
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            // Bytes behind the request were let through as requests; it is too late to change.
            let (refused, text) = worker.service.refuse(Refusal::UnaskedUpgrade, info).into_parts();
            head = refused;
            body = Body::from(text);
        }
        state.answers.set(state.answers.get() + 1);
        if !http2 && (worker.is_leaving() || state.answers.get() >= worker.settings.requests) {
            head.headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(Response::from_parts(head, Served { body, exchange, handed: false }))
    }
}

/// Counts a request from its head to the last byte of its answer.
struct Exchange {
    state: Rc<State>,
    http2: bool,
}

impl Exchange {
    fn begin(state: &Rc<State>, http2: bool) -> Self {
        state.exchanges.set(state.exchanges.get() + 1);
        Self { state: Rc::clone(state), http2 }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.state.exchanges.set(self.state.exchanges.get() - 1);
        // A stream is a task of its own, and the connection has to hear that it ended. In HTTP/1
        // both are the same task, which is awake.
        if self.http2 {
            self.state.wake();
        }
    }
}

/// The body of an answer on its way to the client.
struct Served {
    body: Body,
    exchange: Exchange,
    /// The last piece was taken, and nobody asked for the next one since.
    handed: bool,
}

impl Served {
    fn hand(&mut self, handed: bool) {
        if self.handed != handed {
            self.handed = handed;
            let count = &self.exchange.state.handed;
            count.set(if handed { count.get() + 1 } else { count.get() - 1 });
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.hand(false);
    }
}

impl http_body::Body for Served {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let frame = Pin::new(&mut this.body).poll_frame(context);
        let handed = matches!(frame, Poll::Ready(Some(Ok(_))));
        if handed {
            let pieces = &this.exchange.state.pieces;
            pieces.set(pieces.get() + 1);
        }
        this.hand(handed);
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An HTTP/2 client's stream: replays what was read first, and counts frames.
struct Metered {
    stream: Stream,
    first: BytesMut,
    meter: FrameMeter,
    state: Rc<State>,
}

impl Metered {
    fn new(stream: Stream, first: BytesMut, state: Rc<State>) -> Self {
        Self { stream, first, meter: FrameMeter::new(PREFACE.len()), state }
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        if this.first.is_empty() {
            ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
        } else {
            let length = this.first.len().min(buffer.remaining());
            buffer.put_slice(&this.first.split_to(length));
        }
        if this.meter.feed(&buffer.filled()[before..]).is_err() {
            this.state.flooded.set(true);
            return Poll::Ready(Err(io::Error::other("too many control frames")));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.state.note_write(result.is_ready());
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.state.note_write(result.is_ready());
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(context);
        self.state.note_write(result.is_ready());
        result
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
