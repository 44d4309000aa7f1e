//! The body of an answer, from the connection it comes over to its end.
//!
//! Small bodies that arrived together with their head are taken out at once, so that the connection
//! is free again before anybody looks at the answer. All others hold the connection until their last
//! byte, and go on writing the rest of the request while they are read.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Frame, SizeHint};

use super::{
    Pool,
    connection::{Connection, Fault, Sending},
};
use crate::wire::{
    Body, BodyError, Framing, Refusal,
    chunked::{Chunked, Part},
};

/// Bytes read at once while a body streams.
const READ: usize = 32 * 1024;

/// The body of an answer. Turns into a [`Body`] of the request path.
#[derive(Debug)]
pub enum AnswerBody<B> {
    /// There is none.
    Empty,
    /// All of it; the connection is free again.
    Full(Bytes),
    /// It comes in pieces.
    Streaming(Pin<Box<Streaming<B>>>),
}

/// A body that comes in pieces, with the connection it comes over.
#[derive(Debug)]
pub struct Streaming<B> {
    /// Gone at the end, and after an error.
    connection: Option<Connection>,
    sending: Sending<B>,
    reading: Reading,
    persistent: bool,
    pool: Arc<Pool>,
}

#[derive(Debug)]
enum Reading {
    Length(u64),
    Chunked(Chunked),
    UntilClose,
    End,
}

impl<B> AnswerBody<B>
where
    B: http_body::Body<Data = Bytes, Error = BodyError> + Unpin,
{
    /// Takes over a connection whose head was taken out.
    pub(super) fn begin(
        mut connection: Connection,
        sending: Sending<B>,
        framing: Framing,
        persistent: bool,
        pool: &Arc<Pool>,
    ) -> Result<Self, Refusal> {
        let input = &mut connection.input;
        let (at_once, reading) = match framing {
            Framing::None => (Some(Bytes::new()), Reading::End),
            Framing::Length(length) if length <= input.len() as u64 => {
                // It fits into memory: it is there.
                let length = usize::try_from(length).unwrap_or(input.len());
                (Some(input.split_to(length).freeze()), Reading::End)
            }
            Framing::Length(length) => (None, Reading::Length(length)),
            Framing::Chunked => (whole_chunks(input)?, Reading::Chunked(Chunked::default())),
            Framing::UntilClose => (None, Reading::UntilClose),
        };
        let Some(bytes) = at_once else {
            return Ok(Self::Streaming(Box::pin(Streaming {
                connection: Some(connection),
                sending,
                reading,
                persistent,
                pool: Arc::clone(pool),
            })));
        };
        // An upstream that answers before it has the whole request is not asked again over this
        // connection: nobody is left to write the rest.
        if persistent && sending.is_done() {
            pool.give_back(connection);
        }
        Ok(if bytes.is_empty() { Self::Empty } else { Self::Full(bytes) })
    }
}

/// Takes a complete chunked body without trailers out of `input`, if it is all there.
fn whole_chunks(input: &mut BytesMut) -> Result<Option<Bytes>, Refusal> {
    let mut follower = Chunked::default();
    // Nearly always there is one chunk, which needs no copy.
    let mut only: Option<std::ops::Range<usize>> = None;
    let mut several = Vec::new();
    let mut at = 0;
    while at < input.len() {
        match follower.next(&input[at..])? {
            Part::Overhead(length) => at += length,
            Part::Content(length) => {
                let piece = at..at + length;
                match only.take() {
                    None if several.is_empty() => only = Some(piece),
                    before => {
                        if let Some(before) = before {
                            several.extend_from_slice(&input[before]);
                        }
                        several.extend_from_slice(&input[piece]);
                    }
                }
                at += length;
            }
            Part::End(_) if !follower.trailers().is_empty() => return Ok(None),
            Part::End(length) => {
                let coded = input.split_to(at + length).freeze();
                return Ok(Some(match only {
                    Some(piece) => coded.slice(piece),
                    None => several.into(),
                }));
            }
        }
    }
    Ok(None)
}

impl<B> Streaming<B>
where
    B: http_body::Body<Data = Bytes, Error = BodyError> + Unpin,
{
    fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Frame<Bytes>>, BodyError>> {
        let Some(connection) = &mut self.connection else { return Poll::Ready(Ok(None)) };
        if !self.sending.is_over() {
            match connection.poll_send(context, &mut self.sending) {
                Poll::Pending | Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(Fault::Body(error))) => return Poll::Ready(Err(error)),
                // The upstream reads no more, and may still finish its answer.
                Poll::Ready(Err(_)) => self.sending.fail(),
            }
        }
        loop {
            let frame = self.reading.next(&mut connection.input)?;
            if let Reading::End = self.reading {
                self.finish();
                return Poll::Ready(Ok(frame));
            }
            if frame.is_some() {
                connection.break_silence();
                return Poll::Ready(Ok(frame));
            }
            match connection.poll_fill(context, READ) {
                Poll::Ready(Ok(0)) => {
                    return Poll::Ready(match self.reading {
                        Reading::UntilClose => {
                            self.connection = None;
                            Ok(None)
                        }
                        _ => Err(BodyError::UpstreamGone(None)),
                    });
                }
                Poll::Ready(Ok(_)) => connection.break_silence(),
                Poll::Ready(Err(error)) => {
                    return Poll::Ready(Err(BodyError::UpstreamGone(Some(error))));
                }
                Poll::Pending => {
                    let Some(limit) = self.pool.settings.body_timeout else { return Poll::Pending };
                    ready!(connection.poll_silence(context, limit));
                    return Poll::Ready(Err(BodyError::UpstreamIdle(limit)));
                }
            }
        }
    }

    /// The body is complete: the connection may serve again.
    fn finish(&mut self) {
        if let Some(connection) = self.connection.take()
            && self.persistent
            && self.sending.is_done()
        {
            self.pool.give_back(connection);
        }
    }
}

impl Reading {
    /// Takes the next piece out of `input`; `None` when there is none, or this is the `End`.
    fn next(&mut self, input: &mut BytesMut) -> Result<Option<Frame<Bytes>>, BodyError> {
        match self {
            Self::End => Ok(None),
            _ if input.is_empty() => Ok(None),
            Self::UntilClose => Ok(Some(Frame::data(input.split().freeze()))),
            Self::Length(left) => {
                let take = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                *left -= take as u64;
                if *left == 0 {
                    *self = Self::End;
                }
                Ok(Some(Frame::data(input.split_to(take).freeze())))
            }
            Self::Chunked(follower) => loop {
                match follower.next(input).map_err(BodyError::UpstreamMalformed)? {
                    Part::Overhead(0) => return Ok(None),
                    Part::Overhead(length) => input.advance(length),
                    Part::Content(length) => {
                        return Ok(Some(Frame::data(input.split_to(length).freeze())));
                    }
                    Part::End(length) => {
                        input.advance(length);
                        let trailers = read_trailers(follower.trailers());
                        *self = Self::End;
                        return Ok((!trailers.is_empty()).then(|| Frame::trailers(trailers)));
                    }
                }
            },
        }
    }
}

/// Lines that the follower found well-formed.
fn read_trailers(lines: &[u8]) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            trailers.append(name, value);
        }
    }
    trailers
}

impl<B> http_body::Body for Streaming<B>
where
    B: http_body::Body<Data = Bytes, Error = BodyError> + Unpin,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let streaming = self.get_mut();
        let result = ready!(streaming.poll_next(context));
        if result.is_err() {
            streaming.connection = None;
        }
        Poll::Ready(result.transpose())
    }

    fn is_end_stream(&self) -> bool {
        self.connection.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match self.reading {
            Reading::Length(left) => SizeHint::with_exact(left),
            Reading::End => SizeHint::with_exact(0),
            Reading::Chunked(_) | Reading::UntilClose => SizeHint::default(),
        }
    }
}

impl<B> http_body::Body for AnswerBody<B>
where
    B: http_body::Body<Data = Bytes, Error = BodyError> + Unpin,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            full @ Self::Full(_) => match std::mem::replace(full, Self::Empty) {
                Self::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
                _ => Poll::Ready(None),
            },
            Self::Streaming(streaming) => streaming.as_mut().poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(_) => false,
            Self::Streaming(streaming) => streaming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Streaming(streaming) => streaming.size_hint(),
        }
    }
}

impl<B> From<AnswerBody<B>> for Body
where
    B: http_body::Body<Data = Bytes, Error = BodyError> + Unpin + 'static,
{
    fn from(body: AnswerBody<B>) -> Self {
        match body {
            AnswerBody::Empty => Self::Empty,
            AnswerBody::Full(bytes) => Self::Full(bytes),
            AnswerBody::Streaming(streaming) => Self::Boxed(streaming),
        }
    }
}
