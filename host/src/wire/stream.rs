//! A byte stream to a peer: TCP, TLS over TCP, or memory.
//!
//! Protocol code is handed one of these and cannot tell them apart; tests hand it memory. Only
//! `server` and `outbound` make the ones that reach a network.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::TlsStream;

/// A connected stream. Dropping it closes the connection.
#[derive(Debug)]
pub enum Stream {
    /// Plain TCP.
    Tcp(TcpStream),
    /// TLS, either side, with its handshake done.
    Tls(Box<TlsStream<TcpStream>>),
    /// The other end is in this process.
    Memory(DuplexStream),
}

impl Stream {
    /// Says without waiting, and nearly without cost, whether nothing came and nobody hung up.
    ///
    /// For a connection that rests between two messages: bytes that nobody asked for, the end and
    /// an error all make it unfit. What has not yet reached this process is not seen.
    #[must_use]
    pub fn is_quiet(&mut self) -> bool {
        let mut byte = [0];
        match self {
            Self::Tcp(stream) => {
                matches!(stream.try_read(&mut byte), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
            }
            stream => {
                let mut buffer = ReadBuf::new(&mut byte);
                let mut context = Context::from_waker(std::task::Waker::noop());
                Pin::new(stream).poll_read(&mut context, &mut buffer).is_pending()
            }
        }
    }

    /// Makes dropping the stream reset the connection, so that the peer cannot take what it got
    /// for a complete message.
    pub fn reset_on_drop(&self) {
        let tcp = match self {
            Self::Tcp(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
            Self::Memory(_) => return,
        };
        // When this fails the connection is already gone.
        let _ = socket2::SockRef::from(tcp).set_linger(Some(std::time::Duration::ZERO));
    }
}

impl AsyncRead for Stream {
    #[inline]
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Memory(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    #[inline]
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Memory(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Self::Memory(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
            Self::Memory(stream) => stream.is_write_vectored(),
        }
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
            Self::Memory(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Memory(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_stream_is_quiet_until_something_comes() {
        let (near, mut far) = tokio::io::duplex(64);
        let mut near = Stream::Memory(near);
        assert!(near.is_quiet());
        far.write_all(b"x").await.expect("there is room");
        assert!(!near.is_quiet(), "a byte came");

        let (near, far) = tokio::io::duplex(64);
        let mut near = Stream::Memory(near);
        drop(far);
        assert!(!near.is_quiet(), "the peer hung up");
    }

    #[tokio::test]
    async fn a_tcp_stream_is_quiet_until_the_peer_hangs_up() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let address = listener.local_addr().expect("bound");
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        let (near, far) = tokio::join!(socket.connect(address), listener.accept());
        let mut near = Stream::Tcp(near.expect("connected"));
        let (mut far, _) = far.expect("accepted");
        assert!(near.is_quiet());
        // The first byte is read normally: what is quiet afterwards was not broken by the check.
        far.write_all(b"x").await.expect("sent");
        let mut byte = [0];
        near.read_exact(&mut byte).await.expect("received");
        assert!(near.is_quiet());
        drop(far);
        let Stream::Tcp(stream) = &near else { unreachable!("made above") };
        stream.readable().await.expect("the end is readable");
        assert!(!near.is_quiet());
    }
}
