//! Requests that are answered as a test sets them up.

use super::with;
use crate::outbound::{Request, Response, SendError};

pub(crate) fn send(request: &Request) -> Result<Response, SendError> {
    with(|host| {
        host.sent.push(request.clone());
        host.answer(request)
    })
}

/// Whether it arrives is not seen; only what is refused at once is.
pub(crate) fn enqueue(request: &Request) -> Result<(), SendError> {
    with(|host| match host.answer(request) {
        Err(refused @ (SendError::Denied(_) | SendError::Invalid(_) | SendError::Full)) => {
            Err(refused)
        }
        _ => {
            host.enqueued.push(request.clone());
            Ok(())
        }
    })
}
