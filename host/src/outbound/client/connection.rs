//! One connection to an upstream: writes a request, reads the head of its answer.
//!
//! Everything is poll-shaped and works on the connection's own buffers, which are kept from request
//! to request. Writing and reading go on side by side, because an upstream may answer before it has
//! read all.

use std::{
    io,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode, Version,
    header::{
        CONNECTION, CONTENT_LENGTH, EXPECT, HOST, PROXY_AUTHORIZATION, TE, TRAILER,
        TRANSFER_ENCODING, UPGRADE,
    },
    response,
};
use tokio::{
    io::{AsyncReadExt, AsyncWrite},
    time::Instant,
};

use super::{Request, Settings, Wait, tally::Mark};
use crate::wire::{BodyError, Deadline, Head, HeadLimits, Refusal, Stream, head::Scanner};

/// Bytes read at once.
const READ: usize = 8 * 1024;

/// Fields that are likely to be added to those of an answer.
const ROOM: usize = 4;

/// A connection and its buffers.
#[derive(Debug)]
pub(super) struct Connection {
    stream: Stream,
    scanner: Scanner,
    pub(super) input: BytesMut,
    /// Head and chunk sizes still to be written, then `piece`.
    output: Vec<u8>,
    written: usize,
    piece: Bytes,
    deadline: Deadline,
    waits_for: Option<Wait>,
    served: u32,
    interim: u32,
    /// A byte of the answer came.
    heard: bool,
    /// A byte of the request was accepted by the system.
    wrote: bool,
    /// When the connection was last given back, taken, or made.
    since: Instant,
    mark: Mark,
}

/// Why an exchange failed before the head of the answer.
#[derive(Debug)]
pub(super) enum Fault {
    Gone(Option<io::Error>),
    Refused(Refusal),
    Body(BodyError),
    Late(Wait),
}

/// A request body on its way out.
#[derive(Debug)]
pub(super) struct Sending<B> {
    body: B,
    state: SendState,
    /// Nothing was taken from the body yet.
    fresh: bool,
    empty: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SendState {
    /// So many bytes are still to be taken from the body.
    Length(u64),
    /// `true`: the CRLF behind the last chunk is still due.
    Chunked(bool),
    /// All was taken from the body, and may still have to be written.
    Taken,
    /// All was written.
    Done,
    /// The connection takes no more.
    Failed,
}

impl<B> Sending<B>
where
    B: http_body::Body<Data = Bytes, Error = BodyError> + Unpin,
{
    pub(super) fn new(body: B) -> Self {
        let empty = body.is_end_stream();
        Self { body, state: SendState::Taken, fresh: true, empty }
    }
}

impl<B> Sending<B> {
    /// There is no body.
    pub(super) fn is_empty(&self) -> bool {
        self.empty
    }

    /// Nothing was taken from the body.
    pub(super) fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// All was sent.
    pub(super) fn is_done(&self) -> bool {
        self.state == SendState::Done
    }

    /// Nothing is left to do, well or ill.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, SendState::Done | SendState::Failed)
    }

    pub(super) fn fail(&mut self) {
        self.state = SendState::Failed;
    }
}

impl Connection {
    pub(super) fn new(stream: Stream, limits: HeadLimits, mark: Mark) -> Self {
        Self {
            stream,
            scanner: Scanner::answers(limits),
            input: BytesMut::new(),
            output: Vec::with_capacity(1024),
            written: 0,
            piece: Bytes::new(),
            deadline: Deadline::default(),
            waits_for: None,
            served: 0,
            interim: 0,
            heard: false,
            wrote: false,
            since: Instant::now(),
            mark,
        }
    }

    /// Writes the head of a request into the output.
    pub(super) fn begin<B>(&mut self, request: &Request<'_>, host: &str, sending: &mut Sending<B>)
    where
        B: http_body::Body<Data = Bytes, Error = BodyError> + Unpin,
    {
        self.served += 1;
        self.interim = 0;
        self.heard = false;
        self.wrote = false;
        self.waits_for = None;
        self.written = 0;
        self.piece = Bytes::new();
        let output = &mut self.output;
        output.clear();
        output.extend_from_slice(request.method.as_str().as_bytes());
        output.push(b' ');
        output.extend_from_slice(request.target.as_bytes());
        output.extend_from_slice(b" HTTP/1.1\r\nhost: ");
        output.extend_from_slice(request.authority.unwrap_or(host).as_bytes());
        output.extend_from_slice(b"\r\n");
        let mut trailers = false;
        for (name, value) in request.headers {
            if is_between_hops(name) {
                trailers |= *name == TE && value.as_bytes().eq_ignore_ascii_case(b"trailers");
                continue;
            }
            output.extend_from_slice(name.as_str().as_bytes());
            output.extend_from_slice(b": ");
            output.extend_from_slice(value.as_bytes());
            output.extend_from_slice(b"\r\n");
        }
        if let Some(protocol) = request.upgrade {
            output.extend_from_slice(b"connection: upgrade\r\nupgrade: ");
            output.extend_from_slice(protocol.as_bytes());
            output.extend_from_slice(b"\r\n");
        } else if trailers {
            output.extend_from_slice(b"te: trailers\r\nconnection: te\r\n");
        }
        sending.state = if sending.empty {
            // These announce a body by their meaning; without one they have to say so.
            if matches!(request.method.as_str(), "POST" | "PUT" | "PATCH") {
                output.extend_from_slice(b"content-length: 0\r\n");
            }
            SendState::Taken
        } else if let Some(length) = sending.body.size_hint().exact() {
            output.extend_from_slice(b"content-length: ");
            push_number(output, length, 10);
            output.extend_from_slice(b"\r\n");
            SendState::Length(length)
        } else {
            output.extend_from_slice(b"transfer-encoding: chunked\r\n");
            SendState::Chunked(false)
        };
        output.extend_from_slice(b"\r\n");
    }

    /// Drives the exchange until the head of the answer is complete at the start of `input`.
    pub(super) fn poll_exchange<B>(
        &mut self,
        context: &mut Context<'_>,
        sending: &mut Sending<B>,
        settings: &Settings,
    ) -> Poll<Result<Head, Fault>>
    where
        B: http_body::Body<Data = Bytes, Error = BodyError> + Unpin,
    {
        let mut send_error = None;
        if !sending.is_over() {
            match self.poll_send(context, sending) {
                Poll::Ready(Ok(())) | Poll::Pending => {}
                Poll::Ready(Err(Fault::Gone(error))) => {
                    // It may have answered before it closed: a 413, say. Read on.
                    sending.fail();
                    send_error = error;
                }
                Poll::Ready(Err(fault)) => return Poll::Ready(Err(fault)),
            }
        }
        match self.poll_head(context, settings.interim) {
            Poll::Ready(Err(Fault::Gone(None))) if send_error.is_some() => {
                Poll::Ready(Err(Fault::Gone(send_error)))
            }
            Poll::Ready(result) => Poll::Ready(result),
            Poll::Pending => {
                // While a body is sent the upstream is only to blame when it takes nothing; that
                // the client sends nothing is watched elsewhere.
                let (wait, limit) = if sending.is_over() {
                    (Wait::Head, settings.head_timeout)
                } else if self.has_output() {
                    (Wait::Send, settings.send_timeout)
                } else {
                    self.waits_for = None;
                    return Poll::Pending;
                };
                if self.waits_for != Some(wait) {
                    // Most requests are sent in the moment in which the connection was taken.
                    let moment = match wait {
                        Wait::Head if sending.is_empty() => self.since,
                        _ => Instant::now(),
                    };
                    self.waits_for = Some(wait);
                    self.deadline.set(moment + limit);
                }
                ready!(self.deadline.poll(context));
                Poll::Ready(Err(Fault::Late(wait)))
            }
        }
    }

    /// Writes what is due, taking from the body as fast as the stream allows.
    pub(super) fn poll_send<B>(
        &mut self,
        context: &mut Context<'_>,
        sending: &mut Sending<B>,
    ) -> Poll<Result<(), Fault>>
    where
        B: http_body::Body<Data = Bytes, Error = BodyError> + Unpin,
    {
        loop {
            ready!(self.poll_output(context)).map_err(|error| Fault::Gone(Some(error)))?;
            match sending.state {
                SendState::Taken => {
                    ready!(Pin::new(&mut self.stream).poll_flush(context))
                        .map_err(|error| Fault::Gone(Some(error)))?;
                    sending.state = SendState::Done;
                }
                SendState::Done | SendState::Failed => return Poll::Ready(Ok(())),
                SendState::Length(_) | SendState::Chunked(_) => {
                    let Poll::Ready(frame) = Pin::new(&mut sending.body).poll_frame(context) else {
                        // What was written so far should not wait for the rest.
                        let _ = Pin::new(&mut self.stream).poll_flush(context);
                        return Poll::Pending;
                    };
                    sending.fresh = false;
                    let data = match frame.transpose().map_err(Fault::Body)?.map(|f| f.into_data())
                    {
                        Some(Ok(data)) if data.is_empty() => continue,
                        Some(Ok(data)) => Some(data),
                        // Trailers are not forwarded; they end the body.
                        Some(Err(_)) | None => None,
                    };
                    self.take_data(sending, data).map_err(Fault::Body)?;
                }
            }
        }
    }

    /// Puts a piece of the body, or its end, into the output.
    fn take_data<B>(
        &mut self,
        sending: &mut Sending<B>,
        data: Option<Bytes>,
    ) -> Result<(), BodyError> {
        sending.state = match (sending.state, data) {
            (SendState::Length(left), Some(data)) => {
                let Some(left) = left.checked_sub(data.len() as u64) else {
                    return Err(BodyError::Cut("the body is longer than announced".into()));
                };
                self.piece = data;
                if left == 0 { SendState::Taken } else { SendState::Length(left) }
            }
            (SendState::Length(_), None) => {
                return Err(BodyError::Cut("the body is shorter than announced".into()));
            }
            (SendState::Chunked(due), data) => {
                if due {
                    self.output.extend_from_slice(b"\r\n");
                }
                match data {
                    Some(data) => {
                        push_number(&mut self.output, data.len() as u64, 16);
                        self.output.extend_from_slice(b"\r\n");
                        self.piece = data;
                        SendState::Chunked(true)
                    }
                    None => {
                        self.output.extend_from_slice(b"0\r\n\r\n");
                        SendState::Taken
                    }
                }
            }
            (state, _) => state,
        };
        Ok(())
    }

    fn has_output(&self) -> bool {
        self.written < self.output.len() || !self.piece.is_empty()
    }

    fn poll_output(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.has_output() {
            let first = &self.output[self.written..];
            let stream = Pin::new(&mut self.stream);
            let length = if self.piece.is_empty() {
                ready!(stream.poll_write(context, first))?
            } else if first.is_empty() {
                ready!(stream.poll_write(context, &self.piece))?
            } else {
                let slices = [io::IoSlice::new(first), io::IoSlice::new(&self.piece)];
                ready!(stream.poll_write_vectored(context, &slices))?
            };
            if length == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let of_first = length.min(first.len());
            self.wrote = true;
            self.waits_for = None;
            self.written += of_first;
            self.piece.advance(length - of_first);
        }
        self.output.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }

    fn poll_head(&mut self, context: &mut Context<'_>, interim: u32) -> Poll<Result<Head, Fault>> {
        loop {
            if !self.input.is_empty() {
                match self.scanner.advance(&self.input).map_err(Fault::Refused)? {
                    Some(head) if (100..200).contains(&head.status) && head.status != 101 => {
                        self.interim += 1;
                        if self.interim > interim {
                            return Poll::Ready(Err(Fault::Refused(Refusal::TooManyInterim)));
                        }
                        self.input.advance(head.length);
                        continue;
                    }
                    Some(head) => return Poll::Ready(Ok(head)),
                    None => {}
                }
            }
            match ready!(self.poll_fill(context, READ)) {
                Ok(0) => return Poll::Ready(Err(Fault::Gone(None))),
                Ok(_) => self.heard = true,
                Err(error) => return Poll::Ready(Err(Fault::Gone(Some(error)))),
            }
        }
    }

    /// Reads more into `input`. `Ok(0)` is the end of the stream.
    pub(super) fn poll_fill(
        &mut self,
        context: &mut Context<'_>,
        room: usize,
    ) -> Poll<io::Result<usize>> {
        if self.input.capacity() - self.input.len() < room / 2 {
            self.input.reserve(room);
        }
        // The future holds no state of its own, so it may be made anew for each poll.
        pin!(self.stream.read_buf(&mut self.input)).poll(context)
    }

    /// Takes the head out of the input. The values share its memory.
    pub(super) fn take_head(&mut self, head: &Head) -> Result<response::Parts, Refusal> {
        let bytes = self.input.split_to(head.length).freeze();
        let spans = self.scanner.spans();
        let mut headers = HeaderMap::with_capacity(spans.len() + ROOM);
        for span in spans {
            let name = HeaderName::from_bytes(&bytes[span.name as usize..span.name_end as usize])
                .map_err(|_| Refusal::FieldName)?;
            let value = bytes.slice(span.value as usize..span.value_end as usize);
            let value = HeaderValue::from_maybe_shared(value).map_err(|_| Refusal::FieldValue)?;
            headers.append(name, value);
        }
        let (mut parts, ()) = http::Response::new(()).into_parts();
        parts.status = StatusCode::from_u16(head.status).map_err(|_| Refusal::StatusLine)?;
        parts.version = if head.old { Version::HTTP_10 } else { Version::HTTP_11 };
        parts.headers = headers;
        Ok(parts)
    }

    /// Something of the answer's body came, so that silence counts anew.
    pub(super) fn break_silence(&mut self) {
        self.deadline.clear();
    }

    /// Ready when the body of the answer has been silent for `limit`.
    pub(super) fn poll_silence(&mut self, context: &mut Context<'_>, limit: Duration) -> Poll<()> {
        if self.waits_for.take().is_some() || self.deadline.at().is_none() {
            self.deadline.set(Instant::now() + limit);
        }
        self.deadline.poll(context)
    }

    /// No byte of an answer came since the request began.
    pub(super) fn is_untouched(&self) -> bool {
        !self.heard
    }

    /// Not even the system took a byte of the request.
    pub(super) fn wrote_nothing(&self) -> bool {
        !self.wrote
    }

    pub(super) fn served(&self) -> u32 {
        self.served
    }

    pub(super) fn rests_since(&self) -> Instant {
        self.since
    }

    /// Prepares for the pool; false when something of the last exchange is left over.
    pub(super) fn rest(&mut self) -> bool {
        self.since = Instant::now();
        // The timer stays where it is: it will be moved before it is looked at again.
        self.deadline.clear();
        self.mark.rest(true);
        self.input.is_empty() && !self.has_output()
    }

    /// Takes the connection out of its rest; false when something came meanwhile, or somebody hung
    /// up.
    pub(super) fn take_up(&mut self, now: Instant) -> bool {
        self.since = now;
        self.mark.rest(false);
        self.stream.is_quiet()
    }

    pub(super) fn into_stream(self) -> (Stream, Bytes) {
        (self.stream, self.input.freeze())
    }
}

/// Fields that are written here, or end here.
fn is_between_hops(name: &HeaderName) -> bool {
    *name == HOST
        || *name == CONTENT_LENGTH
        || *name == CONNECTION
        || *name == TRANSFER_ENCODING
        || *name == UPGRADE
        || *name == TE
        || *name == TRAILER
        || *name == EXPECT
        || *name == PROXY_AUTHORIZATION
        || matches!(name.as_str(), "keep-alive" | "proxy-connection" | "http2-settings")
}

/// Appends a number without the machinery of `format!`.
fn push_number(output: &mut Vec<u8>, mut number: u64, base: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b"0123456789abcdef"[(number % base) as usize];
        number /= base;
        if number == 0 {
            break;
        }
    }
    output.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_by_format() {
        for number in [0, 1, 9, 10, 15, 16, 255, 4096, u64::MAX] {
            let mut output = Vec::new();
            push_number(&mut output, number, 10);
            assert_eq!(output, number.to_string().as_bytes());
            output.clear();
            push_number(&mut output, number, 16);
            assert_eq!(output, format!("{number:x}").as_bytes());
        }
    }
}
