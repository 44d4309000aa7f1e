//! One request and its answer, between the HTTP library and the service.

use std::{
    cell::RefCell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header::CONNECTION};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;

use super::{Service, connection::State, intake::Intake, upload, worker::Worker};
use crate::wire::{Abort, Body, BodyError, Refusal};

/// The service decided to close without an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed without an answer")]
pub(super) struct Aborted;

/// The requests of a connection.
pub(super) struct Exchanges<S: Service> {
    pub(super) worker: Rc<Worker<S>>,
    pub(super) state: Rc<State>,
    pub(super) connection: Rc<S::Connection>,
    pub(super) http2: bool,
}

impl<S: Service> Exchanges<S> {
    /// Answers one request; `intake` is there in HTTP/1.
    pub(super) async fn serve(
        self: Rc<Self>,
        request: Request<Incoming>,
        intake: Option<&Rc<RefCell<Intake>>>,
    ) -> Result<Response<Served>, Aborted> {
        let Self { worker, state, connection, http2 } = &*self;
        let exchange = Exchange::begin(state, *http2);
        if *http2 {
            // The library looks for a reset only when a request has to wait. A stream that was reset
            // together with its head is dropped here, before it costs anything.
            tokio::task::yield_now().await;
        }
        let request =
            request.map(|incoming| upload::body(incoming, state, &worker.settings.timeouts));
        let response = worker.service.serve(request, connection).await;
        if response.extensions().get::<Abort>().is_some() {
            return Err(Aborted);
        }
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
            let (refused, text) =
                worker.service.refuse(Refusal::UnaskedUpgrade, connection).into_parts();
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
        state.rests.set(false);
        Self { state: Rc::clone(state), http2 }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.state.exchanges.set(self.state.exchanges.get() - 1);
        // A stream is a task of its own, and the connection has to hear that it ended. In HTTP/1
        // both are the same task, which is awake; but it does not look for bytes that are kept back.
        if self.http2 || self.state.held.get() {
            self.state.wake();
        }
    }
}

/// The body of an answer on its way to the client.
pub(super) struct Served {
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
