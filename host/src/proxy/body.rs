//! Bodies on their way through: limits, chunks to hooks, whole bodies, codings undone and
//! redone.
//!
//! A body that no plugin wants to see is passed on as it is. One that plugins change loses
//! its stated length and everything in the head that speaks of its exact bytes.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::stream;
use http::header::{
    ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderName, HeaderValue,
};
use http::{HeaderMap, StatusCode};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::StreamBody;

use super::encoding::{Coding, Decoder, Encoder, Limits};
use crate::filter::body::{BodyStop, BodyWalk};
use crate::wire::{Body, BodyError};

/// Fields that state a digest of the exact bytes of a body.
const DIGESTS: [&str; 4] = ["content-md5", "digest", "content-digest", "repr-digest"];

/// A coding that plugins have to see undone, and that this host cannot undo.
#[derive(Debug, thiserror::Error)]
#[error("`content-encoding: {0}` cannot be undone, and a plugin has to see the text")]
pub struct Opaque(pub String);

/// The body with the plugins of `walk` in its way. Takes from the head what is no longer
/// true.
///
/// # Errors
///
/// [`Opaque`] when a plugin has to see the text and the coding is not known.
pub fn walked(
    body: Body,
    walk: BodyWalk,
    headers: &mut HeaderMap,
    limits: Limits,
) -> Result<Body, Opaque> {
    let coding = match headers.get(CONTENT_ENCODING) {
        Some(value) if walk.wants_decoded() => {
            Coding::parse(value).map_err(|unknown| Opaque(unknown.to_string()))?
        }
        _ => None,
    };
    let changes = walk.changes();
    if changes {
        changed(headers);
    }
    let mut passage = Passage { body, walk, coding: None, state: State::Going };
    if let Some(coding) = coding {
        passage.coding = Some(Recoding {
            decoder: Decoder::new(coding, limits),
            // What only looks gets the text, and the client the bytes as they came.
            encoder: changes.then(|| Encoder::new(coding)),
        });
    }
    let frames = stream::unfold(passage, async |mut passage| {
        let frame = passage.next().await?;
        Some((frame, passage))
    });
    Ok(Body::boxed(StreamBody::new(frames)))
}

/// Takes from a head what is no longer true once a plugin changed the body.
pub fn changed(headers: &mut HeaderMap) {
    headers.remove(CONTENT_LENGTH);
    headers.remove(ACCEPT_RANGES);
    for digest in DIGESTS {
        headers.remove(digest);
    }
    let weak = headers.get(ETAG).filter(|tag| !tag.as_bytes().starts_with(b"W/")).map(|tag| {
        HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat())
    });
    if let Some(Ok(weak)) = weak {
        headers.insert(ETAG, weak);
    }
}

/// Takes from a head what spoke of a body that was replaced.
pub fn replaced(headers: &mut HeaderMap) {
    changed(headers);
    headers.remove(CONTENT_ENCODING);
    headers.remove(CONTENT_RANGE);
}

/// Whether an answer of this status to this kind of request has a body at all.
pub fn has_body(head_request: bool, status: StatusCode) -> bool {
    !head_request
        && status != StatusCode::NO_CONTENT
        && status != StatusCode::NOT_MODIFIED
        && !status.is_informational()
}

/// Fields that ask for a part of an answer.
pub const RANGES: [HeaderName; 2] = [http::header::RANGE, http::header::IF_RANGE];

struct Recoding {
    decoder: Decoder,
    encoder: Option<Encoder>,
}

enum State {
    Going,
    /// The last bytes are out; trailers may follow.
    Trailers(HeaderMap),
    Over,
}

/// One body with everything in its way.
struct Passage {
    body: Body,
    walk: BodyWalk,
    coding: Option<Recoding>,
    state: State,
}

impl Passage {
    async fn next(&mut self) -> Option<Result<Frame<Bytes>, BodyError>> {
        loop {
            match std::mem::replace(&mut self.state, State::Going) {
                State::Going => {}
                State::Trailers(trailers) => {
                    self.walk.settle().await;
                    self.state = State::Over;
                    return Some(Ok(Frame::trailers(trailers)));
                }
                State::Over => {
                    self.walk.settle().await;
                    self.state = State::Over;
                    return None;
                }
            }
            // What was handed on before is on its way now; observers get to see it.
            self.walk.settle().await;
            let frame = std::future::poll_fn(|context| {
                Pin::new(&mut self.body).poll_frame(context)
            });
            let passed = match frame.await {
                Some(Err(error)) => {
                    self.state = State::Over;
                    return Some(Err(error));
                }
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        let last = self.body.is_end_stream();
                        if last {
                            self.state = State::Over;
                        }
                        self.pass(data, last).await
                    }
                    Err(frame) => {
                        let trailers = frame.into_trailers().unwrap_or_default();
                        self.state = State::Trailers(trailers);
                        self.pass(Bytes::new(), true).await
                    }
                },
                None => {
                    self.state = State::Over;
                    self.pass(Bytes::new(), true).await
                }
            };
            match passed {
                Ok(data) if data.is_empty() => {}
                Ok(data) => return Some(Ok(Frame::data(data))),
                Err(error) => {
                    self.state = State::Over;
                    return Some(Err(error));
                }
            }
        }
    }

    /// One piece through the coding and the plugins.
    async fn pass(&mut self, data: Bytes, last: bool) -> Result<Bytes, BodyError> {
        let Some(Recoding { decoder, encoder }) = &mut self.coding else {
            return self.walk.push(data, last).await.map_err(stopped);
        };
        let mut text = decoder.push(&data).map_err(cut)?;
        if last {
            let rest = decoder.finish().map_err(cut)?;
            if !rest.is_empty() {
                text = [text, rest].concat().into();
            }
        }
        let text = self.walk.push(text, last).await.map_err(stopped)?;
        let Some(encoder) = encoder else { return Ok(data) };
        let coded = encoder.push(&text).map_err(cut)?;
        if !last {
            return Ok(coded);
        }
        let rest = encoder.finish().map_err(cut)?;
        Ok(if coded.is_empty() { rest } else { [coded, rest].concat().into() })
    }
}

fn stopped(stop: BodyStop) -> BodyError {
    BodyError::Cut(Box::new(stop))
}

fn cut(error: impl std::error::Error + Send + Sync + 'static) -> BodyError {
    BodyError::Cut(Box::new(error))
}

/// A request body that is counted, and held to the limit of its route.
pub struct Counted {
    body: Body,
    limit: u64,
    bytes: Rc<Cell<u64>>,
}

impl Counted {
    /// Counts into `bytes`.
    pub fn new(body: Body, limit: Option<u64>, bytes: Rc<Cell<u64>>) -> Self {
        Self { body, limit: limit.unwrap_or(u64::MAX), bytes }
    }
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            let bytes = this.bytes.get() + data.len() as u64;
            this.bytes.set(bytes);
            if bytes > this.limit {
                return Poll::Ready(Some(Err(BodyError::TooLarge(this.limit))));
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
