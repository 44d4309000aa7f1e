//! The body of a message, whoever made it.
//!
//! One type goes through server, proxy and client. What is common costs nothing: an empty body and
//! one that is already there are plain variants; only what streams is behind a pointer. Bodies stay
//! on their worker's thread and need not be `Send`.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http_body::{Body as _, Frame, SizeHint};

use super::{Refusal, Stream};

/// A body that streams.
pub type BoxedBody = Pin<Box<dyn http_body::Body<Data = Bytes, Error = BodyError>>>;

/// The body of a request or an answer.
#[derive(Default)]
pub enum Body {
    /// There is none.
    #[default]
    Empty,
    /// All of it, in one piece. Polled once it leaves `Empty` behind.
    Full(Bytes),
    /// It comes in pieces.
    Boxed(BoxedBody),
    /// Only with an answer of status 101: from here on the connection belongs to this tunnel.
    Tunnel(Box<Tunnel>),
}

/// The other half of a connection that changed its protocol.
///
/// The server copies bytes both ways after it sent the 101.
pub struct Tunnel {
    /// To the upstream that agreed to the new protocol.
    pub stream: Stream,
    /// What the upstream sent right behind its 101.
    pub early: Bytes,
    /// Closed when no byte went either way for so long; `None` leaves it open.
    pub idle: Option<Duration>,
    /// Told once, when the tunnel is closed.
    pub on_end: Option<Box<dyn FnOnce(TunnelEnd)>>,
}

impl std::fmt::Debug for Tunnel {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Tunnel").field("idle", &self.idle).finish_non_exhaustive()
    }
}

/// What went through a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TunnelEnd {
    /// Bytes that went to the upstream.
    pub to_upstream: u64,
    /// Bytes that went to the client.
    pub to_client: u64,
    /// Both sides had said that they were finished.
    pub complete: bool,
}

/// Why a body broke off.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The client sent nothing for so long. (408)
    #[error("no byte of the request body came for {0:?}")]
    Idle(Duration),
    /// The client sends slower than it must. (408)
    #[error("the request body comes slower than {0} bytes a second")]
    TooSlow(u64),
    /// The body is longer than it may be. (413 for a request, 502 for an answer)
    #[error("the body is longer than {0} bytes")]
    TooLarge(u64),
    /// The framing of the request body is broken. (400)
    #[error("the request body is malformed")]
    Malformed(#[source] Refusal),
    /// The client went away before its request was complete.
    #[error("the client went away before the request was complete")]
    ClientGone,
    /// The upstream sent nothing for so long.
    #[error("no byte of the answer came for {0:?}")]
    UpstreamIdle(Duration),
    /// The upstream closed or reset the connection before the answer was complete.
    #[error("the upstream went away before the answer was complete")]
    UpstreamGone(#[source] Option<std::io::Error>),
    /// The framing of the answer is broken.
    #[error("the body of the answer is malformed")]
    UpstreamMalformed(#[source] Refusal),
    /// Something of our own gave up: a plugin, a coding that could not be undone.
    #[error("the body was cut off: {0}")]
    Cut(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Body {
    /// Wraps a body that streams.
    pub fn boxed<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes, Error = BodyError> + 'static,
    {
        Self::Boxed(Box::pin(body))
    }

    /// The number of bytes, when it is known.
    #[must_use]
    pub fn exact_length(&self) -> Option<u64> {
        match self {
            Self::Empty | Self::Tunnel(_) => Some(0),
            Self::Full(bytes) => Some(bytes.len() as u64),
            Self::Boxed(body) => body.size_hint().exact(),
        }
    }

    /// Nothing will come out of this body.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.is_end_stream()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() { Self::Empty } else { Self::Full(bytes) }
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => formatter.write_str("Empty"),
            // What is in a body is nobody's business here.
            Self::Full(bytes) => write!(formatter, "Full({} bytes)", bytes.len()),
            Self::Boxed(_) => formatter.write_str("Boxed"),
            Self::Tunnel(_) => formatter.write_str("Tunnel"),
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Empty | Self::Tunnel(_) => Poll::Ready(None),
            full @ Self::Full(_) => {
                let Self::Full(bytes) = std::mem::take(full) else {
                    unreachable!("matched just above")
                };
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Self::Boxed(body) => body.as_mut().poll_frame(context),
        }
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty | Self::Tunnel(_) => true,
            Self::Full(bytes) => bytes.is_empty(),
            Self::Boxed(body) => body.is_end_stream(),
        }
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Boxed(body) => body.size_hint(),
            _ => SizeHint::with_exact(self.exact_length().unwrap_or_default()),
        }
    }
}

/// Reads a whole body of at most `limit` bytes into one piece. Trailers are dropped.
///
/// # Errors
///
/// [`BodyError::TooLarge`] as soon as the limit is passed or announced to be, and whatever breaks
/// the body off.
pub async fn whole<B>(body: B, limit: u64) -> Result<Bytes, BodyError>
where
    B: http_body::Body<Data = Bytes, Error = BodyError>,
{
    let mut body = std::pin::pin!(body);
    if body.size_hint().lower() > limit {
        return Err(BodyError::TooLarge(limit));
    }
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(frame) = std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await
    {
        let Ok(data) = frame?.into_data() else { continue };
        if (first.len() + all.len() + data.len()) as u64 > limit {
            return Err(BodyError::TooLarge(limit));
        }
        if first.is_empty() && all.is_empty() {
            first = data;
            continue;
        }
        all.extend_from_slice(&std::mem::take(&mut first));
        all.extend_from_slice(&data);
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(pieces: &[&'static str]) -> Body {
        let frames =
            pieces.iter().map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes()))));
        let frames: Vec<_> = frames.collect();
        Body::boxed(http_body_util::StreamBody::new(futures_util::stream::iter(frames)))
    }

    #[tokio::test]
    async fn a_whole_body_is_read_up_to_its_limit() {
        let read = async |body, limit| whole(body, limit).await.map(|bytes| bytes.to_vec());
        assert_eq!(read(Body::Empty, 0).await.expect("fits"), b"");
        assert_eq!(read(Body::from(Bytes::from_static(b"abc")), 3).await.expect("fits"), b"abc");
        assert_eq!(read(pieces(&["ab", "", "cde"]), 5).await.expect("fits"), b"abcde");
        assert!(matches!(read(pieces(&["ab", "cde"]), 4).await, Err(BodyError::TooLarge(4))));
        let full = Body::from(Bytes::from_static(b"abc"));
        assert!(matches!(read(full, 2).await, Err(BodyError::TooLarge(2))));
    }

    #[tokio::test]
    async fn a_full_body_comes_out_once() {
        let mut body = Body::from(Bytes::from_static(b"abc"));
        assert_eq!(body.exact_length(), Some(3));
        assert!(!body.is_end_stream());
        let frame = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
        assert_eq!(frame.expect("a frame").expect("data").into_data().expect("data"), "abc");
        assert!(body.is_end_stream(), "nothing is left");
        assert!(Body::from(Bytes::new()).is_end_stream());
    }
}
