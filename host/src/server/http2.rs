//! Serves HTTP/2 over one connection.

use std::{
    io,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::BytesMut;
use hyper::{server::conn, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    Counts, Service,
    connection::{State, Wait, Watch},
    exchange::Exchanges,
    frames::FrameMeter,
};
use crate::wire::Stream;

/// The first bytes of every HTTP/2 connection.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Serves HTTP/2.
pub(super) async fn serve<S: Service>(
    exchanges: &Rc<Exchanges<S>>,
    stream: Stream,
    first: BytesMut,
) {
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
                Wait::Soon(_) => state.rests.set(true),
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
