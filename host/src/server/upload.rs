//! The body of a request as it comes from a client, held to a pace.
//!
//! Time counts only while a body is waited for: a client is not to blame for a reader that is slow.

use std::{
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::{Timeouts, connection::State};
use crate::wire::{Body, BodyError, Deadline};

/// A request body with its clock.
pub(super) struct Upload {
    incoming: Incoming,
    state: Rc<State>,
    timeouts: Timeouts,
    deadline: Deadline,
    received: u64,
    waited: Duration,
    waits_since: Option<Instant>,
}

/// Wraps what the server library gives.
pub(super) fn body(incoming: Incoming, state: &Rc<State>, timeouts: &Timeouts) -> Body {
    if incoming.is_end_stream() {
        return Body::Empty;
    }
    Body::boxed(Upload {
        incoming,
        state: Rc::clone(state),
        timeouts: *timeouts,
        deadline: Deadline::default(),
        received: 0,
        waited: Duration::ZERO,
        waits_since: None,
    })
}

impl Upload {
    /// How much longer may be waited before the average is too low.
    fn patience(&self) -> Duration {
        let rate = self.timeouts.body_rate;
        if rate == 0 {
            return Duration::MAX;
        }
        let earned = Duration::from_millis(self.received.saturating_mul(1000) / rate);
        self.timeouts.body_grace.saturating_add(earned).saturating_sub(self.waited)
    }
}

impl http_body::Body for Upload {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let Poll::Ready(frame) = Pin::new(&mut this.incoming).poll_frame(context) else {
            let patience = this.patience();
            let (limit, slow) = match patience < this.timeouts.body_idle {
                true => (patience, true),
                false => (this.timeouts.body_idle, false),
            };
            let since = *this.waits_since.get_or_insert_with(Instant::now);
            this.deadline.set(since + limit);
            ready!(this.deadline.poll(context));
            return Poll::Ready(Some(Err(match slow {
                true => BodyError::TooSlow(this.timeouts.body_rate),
                false => BodyError::Idle(this.timeouts.body_idle),
            })));
        };
        if let Some(since) = this.waits_since.take() {
            this.waited += since.elapsed();
        }
        this.deadline.clear();
        Poll::Ready(frame.map(|frame| match frame {
            Ok(frame) => {
                this.received += frame.data_ref().map_or(0, Bytes::len) as u64;
                Ok(frame)
            }
            Err(_) => Err(match this.state.refusal.get() {
                Some(refusal) => BodyError::Malformed(refusal),
                None => BodyError::ClientGone,
            }),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
