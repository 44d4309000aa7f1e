//! Stands between a client's stream and the HTTP/1 server, and lets only clean messages through.
//!
//! It reads each head before the server does, and follows the body to where the next head begins.
//! What passes is not copied: bytes go straight into the server's buffer, are looked at there, and
//! are taken back out only when they may not be seen yet: the beginning of a head, or whatever
//! follows a request to change the protocol. So the server never meets half a head, a head that is
//! ambiguous, or bytes of a protocol that nobody agreed to.
//!
//! An adapter was chosen over an own server because the server behind it then stays a library's
//! business; the price is one pass over each head, about a tenth of a microsecond.

use std::{
    cell::RefCell,
    io,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::connection::State;
use crate::wire::{
    Framing, HeadLimits, Stream,
    chunked::{Chunked, Part},
    head::Scanner,
};

/// Most bytes that are taken in while an answer to an upgrade is awaited.
const MAX_HELD: usize = 64 * 1024;

/// A client's stream, seen message by message.
#[derive(Debug)]
pub(super) struct Intake {
    stream: Stream,
    state: Rc<State>,
    scanner: Scanner,
    mode: Mode,
    /// Bytes that were read and not given out.
    stash: BytesMut,
    /// So many bytes at the start of the stash may be given out.
    passed: usize,
    /// The stash holds bytes that were not judged.
    unjudged: bool,
    ended: bool,
}

/// What the next byte belongs to.
#[derive(Debug)]
enum Mode {
    Head,
    Length(u64),
    Chunked(Chunked),
    /// Behind a request to change the protocol.
    Held,
}

impl Intake {
    /// `first` was read from the stream already.
    pub(super) fn new(
        stream: Stream,
        first: BytesMut,
        limits: HeadLimits,
        state: Rc<State>,
    ) -> Self {
        Self {
            stream,
            state,
            scanner: Scanner::requests(limits),
            mode: Mode::Head,
            unjudged: !first.is_empty(),
            stash: first,
            passed: 0,
            ended: false,
        }
    }

    /// The client sent something that was not read, or may still be sending.
    pub(super) fn is_mid_message(&self) -> bool {
        !self.ended && (!matches!(self.mode, Mode::Head) || !self.stash.is_empty())
    }

    /// Takes what was read past it while it rested.
    pub(super) fn resume(&mut self, bytes: BytesMut) {
        self.unjudged = !bytes.is_empty();
        self.stash = bytes;
    }

    /// Nothing is under way, in either direction of thought.
    pub(super) fn is_at_rest(&self) -> bool {
        matches!(self.mode, Mode::Head) && self.stash.is_empty()
    }

    /// The body of a request is not complete.
    pub(super) fn is_mid_body(&self) -> bool {
        matches!(self.mode, Mode::Length(_) | Mode::Chunked(_))
    }

    /// The bytes behind the head that passed last are kept back.
    pub(super) fn is_held(&self) -> bool {
        matches!(self.mode, Mode::Held)
    }

    /// The stream, and what was read from it and not given out.
    pub(super) fn into_stream(self) -> (Stream, BytesMut) {
        (self.stream, self.stash)
    }

    pub(super) fn stream(&mut self) -> &mut Stream {
        &mut self.stream
    }

    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if self.passed > 0 {
                let length = self.passed.min(buffer.remaining());
                buffer.put_slice(&self.stash[..length]);
                self.stash.advance(length);
                self.passed -= length;
                return Poll::Ready(Ok(()));
            }
            if let Some(refusal) = self.state.refusal.get() {
                // Between two messages whoever drives the connection takes over from here. Inside
                // one its body ends with an error.
                return match self.mode {
                    Mode::Head | Mode::Held => Poll::Pending,
                    _ => Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, refusal))),
                };
            }
            if matches!(self.mode, Mode::Held) {
                if self.state.is_answered() {
                    // It was answered like any request: what follows is one, too.
                    self.mode = Mode::Head;
                    self.state.held.set(false);
                    self.unjudged = !self.stash.is_empty();
                } else if self.stash.len() >= MAX_HELD {
                    return Poll::Pending;
                }
            }
            if self.unjudged {
                self.unjudged = false;
                let stash = std::mem::take(&mut self.stash);
                self.passed = self.judge(&stash);
                self.stash = stash;
            } else if self.stash.is_empty() && !matches!(self.mode, Mode::Held) {
                let before = buffer.filled().len();
                ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
                let new = &buffer.filled()[before..];
                if new.is_empty() {
                    self.ended = true;
                    return Poll::Ready(Ok(()));
                }
                let passed = self.judge(new);
                if passed < new.len() {
                    self.stash.extend_from_slice(&new[passed..]);
                    buffer.set_filled(before + passed);
                }
                if passed > 0 {
                    return Poll::Ready(Ok(()));
                }
            } else {
                self.stash.reserve(1024);
                if ready!(pin!(self.stream.read_buf(&mut self.stash)).poll(context))? == 0 {
                    self.ended = true;
                    return Poll::Ready(Ok(()));
                }
                self.unjudged = true;
            }
        }
    }

    /// Says how many bytes at the start may be seen by the server.
    fn judge(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        // Start of the last head among these bytes: while nobody has seen it, it can be taken back.
        let mut last_head = None;
        while at < bytes.len() {
            let rest = &bytes[at..];
            match &mut self.mode {
                Mode::Held => break,
                Mode::Head => match self.scanner.advance(rest) {
                    Err(refusal) => {
                        self.state.refuse(refusal);
                        break;
                    }
                    Ok(None) => {
                        self.state.head_began.set(true);
                        break;
                    }
                    Ok(Some(head)) => {
                        last_head = Some(at);
                        self.state.head_passed();
                        self.state.held.set(head.upgrade && head.framing == Framing::None);
                        at += head.length;
                        self.mode = match head.framing {
                            // With a body it is a request like any other: no protocol that
                            // is offered here begins with one.
                            Framing::None if head.upgrade => Mode::Held,
                            Framing::Length(length) => Mode::Length(length),
                            Framing::Chunked => Mode::Chunked(Chunked::default()),
                            Framing::None | Framing::UntilClose => Mode::Head,
                        };
                    }
                },
                Mode::Length(left) => {
                    let take = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    at += take;
                    *left -= take as u64;
                    if *left == 0 {
                        self.mode = Mode::Head;
                    }
                }
                Mode::Chunked(follower) => match follower.next(rest) {
                    Ok(Part::Overhead(0)) => break,
                    Ok(Part::Overhead(length) | Part::Content(length)) => at += length,
                    Ok(Part::End(length)) => {
                        at += length;
                        self.mode = Mode::Head;
                    }
                    Err(refusal) => {
                        self.state.refuse(refusal);
                        if let Some(start) = last_head {
                            self.state.head_taken_back();
                            self.mode = Mode::Head;
                            at = start;
                        }
                        break;
                    }
                },
            }
        }
        at
    }

    fn note_write<T>(&self, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.state.note_write(result.is_ready());
        result
    }
}

/// The server's handle of an [`Intake`]; the connection keeps another one.
#[derive(Debug, Clone)]
pub(super) struct Handle(pub(super) Rc<RefCell<Intake>>);

impl AsyncRead for Handle {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.borrow_mut().poll_read(context, buffer)
    }
}

impl AsyncWrite for Handle {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut intake = self.0.borrow_mut();
        let result = Pin::new(&mut intake.stream).poll_write(context, bytes);
        intake.note_write(result)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut intake = self.0.borrow_mut();
        let result = Pin::new(&mut intake.stream).poll_write_vectored(context, slices);
        intake.note_write(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.borrow().stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut intake = self.0.borrow_mut();
        let result = Pin::new(&mut intake.stream).poll_flush(context);
        intake.note_write(result)
    }

    /// Leaves the stream open: how it ends is decided by the connection.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
