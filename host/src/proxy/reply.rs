//! Every failure of an exchange, and the one table of what clients get for it.
//!
//! A client is told what it can act on and nothing of what is behind: no host names, no
//! reasons of plugins, no content. The operator finds the reason in the access record, by the
//! request id that stands in both.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, StatusCode};

use super::encoding::CodingError;
use crate::filter::body::BodyStop;
use crate::filter::exchange::Outcome;
use crate::filter::{Closed, FaultKind, Hook, LocalResponse};
use crate::outbound::client;
use crate::wire::{BodyError, Refusal};

/// Why an exchange has no answer of an upstream or plugin.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The request is malformed or too large.
    #[error("the request was refused: {0}")]
    Refused(#[from] Refusal),
    /// No route fits.
    #[error("no route fits this host and path")]
    NoRoute,
    /// The body is longer than the route takes.
    #[error("the request body is longer than the {0} bytes that the route takes")]
    BodyTooLong(u64),
    /// A plugin failed that is closed on faults.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// A plugin stopped a body.
    #[error(transparent)]
    Body(BodyStop),
    /// A plugin asked to close without an answer.
    #[error("a plugin closed the exchange without an answer")]
    Aborted,
    /// The upstream gave no answer.
    #[error(transparent)]
    Upstream(#[from] client::Failure),
    /// Checks found every server of the upstream down.
    #[error("every server of upstream `{0}` is down, as its checks found")]
    NoneHealthy(Arc<str>),
    /// The whole exchange took longer than its route allows.
    #[error("the exchange took longer than its route allows")]
    Overdue,
    /// The body is coded in a way that cannot be undone, and a plugin has to see it.
    #[error("a plugin has to see the text, and its coding cannot be undone: {0}")]
    Coding(#[from] CodingError),
    /// The body of the answer failed before any of it was sent.
    #[error("the body of the answer cannot be passed on: {0}")]
    Answer(#[source] BodyError),
    /// The host is about to stop.
    #[error("the host is about to stop")]
    Stopping,
}

/// What becomes of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply {
    /// The status for the client.
    pub status: StatusCode,
    /// The text for the client.
    pub text: &'static str,
    /// How the exchange ended.
    pub outcome: Outcome,
    /// OpenTelemetry's `error.type`.
    pub error_type: &'static str,
    /// When to try again, in seconds.
    pub retry_after: Option<u32>,
}

const fn reply(
    status: StatusCode,
    text: &'static str,
    outcome: Outcome,
    error_type: &'static str,
) -> Reply {
    Reply { status, text, outcome, error_type, retry_after: None }
}

impl Failure {
    /// Whether a plugin asked to close without an answer.
    pub fn is_abort(&self) -> bool {
        match self {
            Self::Aborted | Self::Body(BodyStop::Aborted { .. }) => true,
            Self::Answer(BodyError::Cut(cause)) => {
                matches!(cause.downcast_ref(), Some(BodyStop::Aborted { .. }))
            }
            _ => false,
        }
    }

    /// The table.
    pub fn reply(&self) -> Reply {
        use Outcome::{ClientClosed, Fault, Refused, UpstreamFailed, UpstreamTimeout};
        use StatusCode as S;
        match self {
            Self::Refused(refusal) => refused(*refusal),
            Self::NoRoute => reply(S::NOT_FOUND, "Nothing is served here.", Refused, "no-route"),
            Self::BodyTooLong(_) => reply(
                S::PAYLOAD_TOO_LARGE,
                "The request body is too large.",
                Refused,
                "request.too-large",
            ),
            Self::Closed(closed) => plugin_failed(closed),
            Self::Body(BodyStop::Closed(closed)) => plugin_failed(closed),
            Self::Body(BodyStop::TooLong { .. }) => reply(
                S::PAYLOAD_TOO_LARGE,
                "The request body is too large.",
                Refused,
                "request.too-large",
            ),
            Self::Body(BodyStop::Aborted { .. }) | Self::Aborted => {
                reply(S::FORBIDDEN, "The request was refused.", Refused, "plugin.abort")
            }
            Self::Upstream(failure) => upstream(failure),
            Self::NoneHealthy(_) => Reply {
                retry_after: Some(5),
                ..reply(
                    S::SERVICE_UNAVAILABLE,
                    "The service is not available at the moment.",
                    UpstreamFailed,
                    "upstream.none-healthy",
                )
            },
            Self::Overdue => reply(
                S::GATEWAY_TIMEOUT,
                "The service took too long to answer.",
                UpstreamTimeout,
                "upstream.timeout",
            ),
            Self::Coding(_) => reply(
                S::BAD_GATEWAY,
                "The answer of the service could not be passed on.",
                Fault,
                "coding",
            ),
            Self::Answer(error) => answer(error),
            Self::Stopping => Reply {
                retry_after: Some(1),
                ..reply(
                    S::SERVICE_UNAVAILABLE,
                    "The service is about to stop.",
                    ClientClosed,
                    "stopping",
                )
            },
        }
    }
}

fn plugin_failed(closed: &Closed) -> Reply {
    // A message that itself cannot be handled is the sender's affair.
    let request = matches!(closed.hook, Hook::OnRequest | Hook::OnRequestBody);
    let error_type = match closed.fault.kind {
        FaultKind::Unprocessable => "plugin.unprocessable",
        FaultKind::Unavailable => "plugin.unavailable",
        FaultKind::Internal => "plugin.internal",
        FaultKind::Trap => "plugin.trap",
        FaultKind::Deadline => "plugin.deadline",
        FaultKind::Memory => "plugin.memory",
        FaultKind::Budget => "plugin.budget",
        FaultKind::Lost => "plugin.lost",
        FaultKind::Quarantined => "plugin.quarantined",
    };
    if request {
        let text = "The request could not be processed.";
        reply(StatusCode::INTERNAL_SERVER_ERROR, text, Outcome::Fault, error_type)
    } else {
        let text = "The answer of the service could not be passed on.";
        reply(StatusCode::BAD_GATEWAY, text, Outcome::Fault, error_type)
    }
}

fn upstream(failure: &client::Failure) -> Reply {
    use StatusCode as S;
    let kind = failure.kind();
    match failure {
        client::Failure::RequestBody(error) => request_body(error),
        client::Failure::Timeout { .. } => reply(
            S::GATEWAY_TIMEOUT,
            "The service took too long to answer.",
            Outcome::UpstreamTimeout,
            kind,
        ),
        _ if kind == "upstream.timeout.connect" => {
            reply(S::BAD_GATEWAY, "The service cannot be reached.", Outcome::UpstreamTimeout, kind)
        }
        client::Failure::Dial(_) => {
            reply(S::BAD_GATEWAY, "The service cannot be reached.", Outcome::UpstreamFailed, kind)
        }
        _ => reply(
            S::BAD_GATEWAY,
            "The service gave no proper answer.",
            Outcome::UpstreamFailed,
            kind,
        ),
    }
}

fn request_body(error: &BodyError) -> Reply {
    use StatusCode as S;
    match error {
        BodyError::Idle(_) | BodyError::TooSlow(_) => reply(
            S::REQUEST_TIMEOUT,
            "The request body came too slowly.",
            Outcome::ClientClosed,
            "client.timeout",
        ),
        BodyError::TooLarge(_) => reply(
            S::PAYLOAD_TOO_LARGE,
            "The request body is too large.",
            Outcome::Refused,
            "request.too-large",
        ),
        BodyError::Malformed(refusal) => refused(*refusal),
        BodyError::Cut(cause) => match cause.downcast_ref::<BodyStop>() {
            Some(BodyStop::Closed(closed)) => plugin_failed(closed),
            Some(BodyStop::TooLong { .. }) => reply(
                S::PAYLOAD_TOO_LARGE,
                "The request body is too large.",
                Outcome::Refused,
                "request.too-large",
            ),
            _ => reply(S::FORBIDDEN, "The request was refused.", Outcome::Refused, "plugin.abort"),
        },
        _ => reply(
            S::BAD_REQUEST,
            "The request body broke off.",
            Outcome::ClientClosed,
            "client.aborted",
        ),
    }
}

/// An answer whose head was fine.
fn answer(error: &BodyError) -> Reply {
    if let BodyError::Cut(cause) = error
        && let Some(BodyStop::Closed(closed)) = cause.downcast_ref()
    {
        return plugin_failed(closed);
    }
    let (status, text) = match error {
        BodyError::UpstreamIdle(_) => {
            (StatusCode::GATEWAY_TIMEOUT, "The service took too long to answer.")
        }
        _ => (StatusCode::BAD_GATEWAY, "The answer of the service could not be passed on."),
    };
    let (outcome, kind) = broken(error);
    reply(status, text, outcome, kind)
}

/// How an exchange ends whose answer broke off.
pub(super) fn broken(error: &BodyError) -> (Outcome, &'static str) {
    match error {
        BodyError::UpstreamIdle(_) => (Outcome::UpstreamTimeout, "upstream.timeout.body"),
        BodyError::Cut(cause) => match cause.downcast_ref::<BodyStop>() {
            Some(BodyStop::Aborted { .. }) => (Outcome::Refused, "plugin.abort"),
            Some(BodyStop::TooLong { .. }) => (Outcome::Refused, "response.too-large"),
            Some(BodyStop::Closed(_)) => (Outcome::Fault, "plugin.fault"),
            None => (Outcome::Fault, "coding"),
        },
        other => (Outcome::UpstreamFailed, client::body_kind(other)),
    }
}

/// What a request gets that was refused before it became an exchange, or as it did.
pub fn refused(refusal: Refusal) -> Reply {
    use Outcome::Refused;
    use StatusCode as S;
    match refusal {
        Refusal::Version => reply(
            S::HTTP_VERSION_NOT_SUPPORTED,
            "This version of HTTP is not spoken here.",
            Refused,
            "request.version",
        ),
        Refusal::TargetTooLong => {
            reply(S::URI_TOO_LONG, "The address is too long.", Refused, "request.target")
        }
        Refusal::Method => {
            reply(S::METHOD_NOT_ALLOWED, "This method is not allowed.", Refused, "request.method")
        }
        Refusal::HeadTooLarge | Refusal::TooManyFields => reply(
            S::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "The head of the request is too large.",
            Refused,
            "request.head",
        ),
        Refusal::CodingUnknown => reply(
            S::NOT_IMPLEMENTED,
            "This transfer coding is not known here.",
            Refused,
            "request.coding",
        ),
        Refusal::Expectation => reply(
            S::EXPECTATION_FAILED,
            "This expectation cannot be met.",
            Refused,
            "request.expectation",
        ),
        Refusal::HeadTimeout => reply(
            S::REQUEST_TIMEOUT,
            "The request did not arrive in time.",
            Outcome::ClientClosed,
            "client.timeout",
        ),
        Refusal::Overloaded => Reply {
            retry_after: Some(1),
            ..reply(S::SERVICE_UNAVAILABLE, "Too many connections are open.", Refused, "overloaded")
        },
        _ => reply(S::BAD_REQUEST, "The request is malformed.", Refused, "request.malformed"),
    }
}

impl Reply {
    /// The answer for the client. The request id lets it ask about what happened.
    pub fn response(&self, request_id: Option<&str>) -> LocalResponse {
        let mut headers = HeaderMap::with_capacity(4);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            let allowed = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
            headers.insert(ALLOW, HeaderValue::from_static(allowed));
        }
        let (code, reason) =
            (self.status.as_u16(), self.status.canonical_reason().unwrap_or_default());
        let body = match request_id {
            Some(id) => format!("{code} {reason}: {} (request {id})\n", self.text),
            None => format!("{code} {reason}: {}\n", self.text),
        };
        LocalResponse { status: self.status, headers, body: Bytes::from(body) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Fault;

    #[test]
    fn clients_learn_nothing_of_what_is_behind() {
        let fault = Fault::new(FaultKind::Trap, "hunter2 at 10.0.0.7");
        let closed = Closed { plugin: "redact".into(), hook: Hook::OnResponse, fault };
        let failure = Failure::Closed(closed);
        assert!(failure.to_string().contains("hunter2"), "the operator is told");
        let response = failure.reply().response(Some("0192-abcd"));
        assert_eq!(response.status, StatusCode::BAD_GATEWAY);
        let text = String::from_utf8(response.body.to_vec()).unwrap();
        assert_eq!(
            text,
            "502 Bad Gateway: The answer of the service could not be passed on. (request \
             0192-abcd)\n"
        );
    }

    #[test]
    fn a_fault_on_the_request_is_ours_and_one_on_the_response_a_bad_gateway() {
        for (hook, status) in [
            (Hook::OnRequest, 500),
            (Hook::OnRequestBody, 500),
            (Hook::OnResponse, 502),
            (Hook::OnResponseBody, 502),
        ] {
            let fault = Fault::new(FaultKind::Deadline, "slow");
            let failure = Failure::Closed(Closed { plugin: "a".into(), hook, fault });
            assert_eq!(failure.reply().status.as_u16(), status, "{hook}");
            assert_eq!(failure.reply().outcome, Outcome::Fault);
        }
    }

    #[test]
    fn refusals_have_the_status_that_fits() {
        for (refusal, status) in [
            (Refusal::HostRepeated, 400),
            (Refusal::LengthAndCoding, 400),
            (Refusal::Method, 405),
            (Refusal::TargetTooLong, 414),
            (Refusal::Expectation, 417),
            (Refusal::TooManyFields, 431),
            (Refusal::CodingUnknown, 501),
            (Refusal::Version, 505),
            (Refusal::Overloaded, 503),
            (Refusal::HeadTimeout, 408),
        ] {
            assert_eq!(refused(refusal).status.as_u16(), status, "{refusal}");
        }
        let response = refused(Refusal::Overloaded).response(None);
        assert_eq!(response.headers[RETRY_AFTER], "1");
    }
}
