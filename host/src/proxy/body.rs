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
    ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderValue, IF_RANGE,
    RANGE,
};
use http::{HeaderMap, StatusCode};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::StreamBody;

use super::encoding::{Coding, CodingError, DecodeLimits, Decoder, Encoder};
use crate::filter::body::{BodyStop, BodyWalk};
use crate::wire::{Body, BodyError};

/// Fields that state a digest of the exact bytes of a body.
const DIGESTS: [&str; 4] = ["content-md5", "digest", "content-digest", "repr-digest"];

/// The body with the plugins of `walk` in its way. Takes from the head what is no longer
/// true.
///
/// # Errors
///
/// [`CodingError`] when a plugin has to see the text and the coding cannot be undone.
pub fn walked(
    body: Body,
    walk: BodyWalk,
    headers: &mut HeaderMap,
    limits: DecodeLimits,
) -> Result<Body, CodingError> {
    let codings = if walk.wants_decoded() { Coding::of(headers)? } else { Vec::new() };
    let changes = walk.changes();
    if changes {
        changed(headers);
    }
    let coding = if codings.is_empty() {
        None
    } else {
        // What only looks gets the text, and the client the bytes as they came.
        let encoder = if changes { Some(Encoder::new(&codings)?) } else { None };
        Some(Recoding { decoder: Some(Decoder::new(&codings, limits)?), encoder })
    };
    let passage = Passage { body, walk, coding, state: State::Going };
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
    let weak = headers
        .get(ETAG)
        .filter(|tag| !tag.as_bytes().starts_with(b"W/"))
        .map(|tag| HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat()));
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

/// Takes from a request what asks for a part of an answer: a part may begin within a value that
/// only the whole shows to be one, and its bytes are counted in a body that nobody will see.
pub fn whole_answer(headers: &mut HeaderMap) {
    headers.remove(RANGE);
    headers.remove(IF_RANGE);
}

struct Recoding {
    /// Gone once the body is complete.
    decoder: Option<Decoder>,
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
            let frame =
                std::future::poll_fn(|context| Pin::new(&mut self.body).poll_frame(context));
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
        let mut text = match decoder {
            Some(decoder) => decoder.push(&data).map_err(cut)?,
            None => Bytes::new(),
        };
        if let Some(decoder) = decoder.take_if(|_| last) {
            text = joined(text, decoder.finish().map_err(cut)?);
        }
        let text = self.walk.push(text, last).await.map_err(stopped)?;
        let Some(encoding) = encoder else { return Ok(data) };
        let mut coded = encoding.push(&text).map_err(cut)?;
        // What came as a piece goes on as one: somebody may wait for it.
        if !last {
            return Ok(joined(coded, encoding.flush().map_err(cut)?));
        }
        if let Some(encoder) = encoder.take() {
            coded = joined(coded, encoder.finish().map_err(cut)?);
        }
        Ok(coded)
    }
}

fn joined(first: Bytes, second: Bytes) -> Bytes {
    if second.is_empty() {
        return first;
    }
    if first.is_empty() { second } else { [first, second].concat().into() }
}

fn stopped(stop: BodyStop) -> BodyError {
    BodyError::Cut(Box::new(stop))
}

fn cut(error: impl std::error::Error + Send + Sync + 'static) -> BodyError {
    BodyError::Cut(Box::new(error))
}

/// Takes what there is of a body already, so that one which fails at once fails before its head is
/// sent: a client can do more with a 502 than with a connection that breaks. Waits for nothing.
///
/// # Errors
///
/// What the first piece failed with.
pub async fn begun(mut body: Body) -> Result<Body, BodyError> {
    let first = std::future::poll_fn(|context| {
        Poll::Ready(match Pin::new(&mut body).poll_frame(context) {
            Poll::Ready(first) => Some(first),
            Poll::Pending => None,
        })
    });
    match first.await {
        None => Ok(body),
        Some(None) => Ok(Body::Empty),
        Some(Some(Err(error))) => Err(error),
        Some(Some(Ok(first))) => Ok(Body::boxed(Begun { first: Some(first), rest: body })),
    }
}

/// A body whose first frame was taken.
struct Begun {
    first: Option<Frame<Bytes>>,
    rest: Body,
}

impl http_body::Body for Begun {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        match this.first.take() {
            Some(first) => Poll::Ready(Some(Ok(first))),
            None => Pin::new(&mut this.rest).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        // Nobody states the length of a body that plugins may change.
        SizeHint::default()
    }
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
