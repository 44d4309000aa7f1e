//! Serves HTTP/1 over one connection, and ends it in the way that fits.

use std::{
    cell::RefCell,
    io,
    pin::pin,
    rc::Rc,
    task::{Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::Response;
use hyper::{server::conn, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use super::{
    Counts, Service,
    connection::{State, Wait, Watch},
    exchange::Exchanges,
    intake::{Handle, Intake},
    tunnel,
};
use crate::wire::{Refusal, Stream};

/// Serves HTTP/1.
pub(super) async fn serve<S: Service>(
    exchanges: &Rc<Exchanges<S>>,
    stream: Stream,
    first: BytesMut,
) {
    let Exchanges { worker, state, .. } = &**exchanges;
    let limits = worker.settings.head;
    let intake = Rc::new(RefCell::new(Intake::new(stream, first, limits, Rc::clone(state))));
    let mut builder = conn::http1::Builder::new();
    // Heads are timed and measured here, before the library sees them.
    builder.header_read_timeout(None).max_buf_size(limits.bytes + 16 * 1024);
    if limits.fields != 100 {
        // The library's own number is the same, and cheaper when it is left alone.
        builder.max_headers(limits.fields);
    }
    let mut watch = Watch::new();
    let end = loop {
        let end = {
            let io = TokioIo::new(Handle(Rc::clone(&intake)));
            let service = service_fn(|request| Rc::clone(exchanges).serve(request, Some(&intake)));
            let mut connection = pin!(builder.serve_connection(io, service));
            let mut closing = false;
            std::future::poll_fn(|context| {
                state.watch(context);
                loop {
                    if let Poll::Ready(result) = connection.as_mut().poll(context) {
                        return Poll::Ready(End::of(result, state));
                    }
                    let close =
                        state.refusal.get().is_some() || (state.is_idle() && state.shed.get());
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
                        Wait::Soon(_) if intake.borrow().is_at_rest() => {
                            state.rests.set(true);
                            return Poll::Ready(End::Rest);
                        }
                        Wait::Soon(_) => state.rests.set(true),
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
        if end != End::Rest || !rest(exchanges, &intake, &mut watch).await {
            break end;
        }
    };
    // The library is gone, and with it the other handle.
    let Some(intake) = Rc::into_inner(intake).map(RefCell::into_inner) else { return };
    finish(exchanges, intake, end).await;
}

/// Waits for the next request without what it takes to serve one; false when none came.
///
/// Most connections of a busy server rest most of the time, and the library's buffers are four fifths
/// of what one takes.
async fn rest<S: Service>(
    exchanges: &Exchanges<S>,
    intake: &Rc<RefCell<Intake>>,
    watch: &mut Watch,
) -> bool {
    let Exchanges { worker, state, .. } = exchanges;
    let mut bytes = BytesMut::with_capacity(512);
    let read = std::future::poll_fn(|context| {
        state.watch(context);
        let mut intake = intake.borrow_mut();
        if let Poll::Ready(read) = pin!(intake.stream().read_buf(&mut bytes)).poll(context) {
            return Poll::Ready(read.unwrap_or(0));
        }
        if state.shed.get() {
            return Poll::Ready(0);
        }
        ready!(watch.poll(context, state, worker, false));
        Counts::count(&worker.counts.idle_timeouts);
        Poll::Ready(0)
    });
    let length = read.await;
    state.rests.set(false);
    intake.borrow_mut().resume(bytes);
    length > 0
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
    /// Not yet: nothing is asked for a while. As an end it is one in good order.
    Rest,
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

async fn finish<S: Service>(exchanges: &Exchanges<S>, mut intake: Intake, end: End) {
    let Exchanges { worker, state, connection, .. } = exchanges;
    match end {
        End::Reset => intake.stream().reset_on_drop(),
        End::Tunnel => {
            let tunnel = state.tunnel.borrow_mut().take();
            let Some(tunnel) = tunnel else { return };
            let (stream, early) = intake.into_stream();
            tunnel::run(stream, early, *tunnel).await;
        }
        End::Close | End::Rest => {
            if let Some(refusal) = state.refusal.get() {
                Counts::count(&worker.counts.refused);
                // One answer for each request: if the refused bytes belonged to the body of a
                // request, that one was answered already.
                if state.is_answered() && !intake.is_mid_body() {
                    let answer = write_out(&worker.service.refuse(refusal, connection));
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

/// Answers a connection that is not served.
///
/// Its request is read and thrown away if `may_wait`; otherwise closing may destroy the answer
/// before the client has read it, which is better than to hold on to what there is too much of.
pub(super) async fn turn_away(mut stream: Stream, answer: &Response<Bytes>, may_wait: bool) {
    let bytes = write_out(answer);
    // A fresh connection has room for a short answer.
    let written = timeout(Duration::from_millis(100), stream.write_all(&bytes)).await;
    if matches!(written, Ok(Ok(()))) && may_wait {
        let _ = timeout(Duration::from_millis(500), linger(&mut stream)).await;
    }
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
