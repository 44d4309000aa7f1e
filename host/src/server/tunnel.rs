//! Copies bytes both ways once a connection has left HTTP.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWrite},
    time::Instant,
};

use crate::wire::{Deadline, Stream, Tunnel, TunnelEnd};

/// Bytes read at once, each way.
const READ: usize = 8 * 1024;

/// One direction.
struct Way {
    buffer: BytesMut,
    copied: u64,
    /// The reader's end was seen.
    ended: bool,
    /// The writer was told.
    closed: bool,
}

/// Copies until both sides have ended, one of them fails, or nothing moved for the tunnel's limit.
///
/// `early` is what the client sent right behind its request. Dropping the future closes both
/// connections; [`Tunnel::on_end`] is told in any case.
pub(super) async fn run(mut client: Stream, early: BytesMut, tunnel: Tunnel) {
    let Tunnel { mut stream, early: answer, idle, on_end } = tunnel;
    let mut up = Way { buffer: early, copied: 0, ended: false, closed: false };
    let mut down = Way { buffer: answer.into(), copied: 0, ended: false, closed: false };
    let mut told =
        Told { on_end, end: TunnelEnd { to_upstream: 0, to_client: 0, complete: false } };
    let mut deadline = Deadline::default();
    let copy = std::future::poll_fn(|context| {
        let before = up.copied + down.copied;
        let upwards = up.poll_copy(context, &mut client, &mut stream);
        let downwards = down.poll_copy(context, &mut stream, &mut client);
        told.end.to_upstream = up.copied;
        told.end.to_client = down.copied;
        match (upwards, downwards) {
            (Poll::Ready(Err(error)), _) | (_, Poll::Ready(Err(error))) => {
                return Poll::Ready(Err(error));
            }
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => return Poll::Ready(Ok(())),
            _ => {}
        }
        let Some(idle) = idle else { return Poll::Pending };
        if up.copied + down.copied > before || deadline.at().is_none() {
            deadline.set(Instant::now() + idle);
        }
        ready!(deadline.poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    });
    let result: io::Result<()> = copy.await;
    told.end.complete = result.is_ok();
}

/// Reports the end of a tunnel, also when it is dropped.
struct Told {
    on_end: Option<Box<dyn FnOnce(TunnelEnd)>>,
    end: TunnelEnd,
}

impl Drop for Told {
    fn drop(&mut self) {
        if let Some(on_end) = self.on_end.take() {
            on_end(self.end);
        }
    }
}

impl Way {
    fn poll_copy(
        &mut self,
        context: &mut Context<'_>,
        from: &mut Stream,
        to: &mut Stream,
    ) -> Poll<io::Result<()>> {
        loop {
            while !self.buffer.is_empty() {
                let length = ready!(Pin::new(&mut *to).poll_write(context, &self.buffer))?;
                if length == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.buffer.advance(length);
                self.copied += length as u64;
            }
            if self.ended {
                if !self.closed {
                    ready!(Pin::new(&mut *to).poll_shutdown(context))?;
                    self.closed = true;
                }
                return Poll::Ready(Ok(()));
            }
            if self.buffer.capacity() < READ / 2 {
                self.buffer.reserve(READ);
            }
            let read = std::pin::pin!(from.read_buf(&mut self.buffer)).poll(context);
            let Poll::Ready(read) = read else {
                ready!(Pin::new(&mut *to).poll_flush(context))?;
                return Poll::Pending;
            };
            self.ended = read? == 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, rc::Rc, time::Duration};

    use bytes::Bytes;
    use tokio::io::{AsyncWriteExt, duplex};

    use super::*;

    /// A tunnel between two ends in this test; the cell holds what it reported.
    fn tunnel(
        idle: Option<Duration>,
    ) -> (
        impl Future<Output = ()>,
        tokio::io::DuplexStream,
        tokio::io::DuplexStream,
        Rc<Cell<Option<TunnelEnd>>>,
    ) {
        let (client, client_end) = duplex(64);
        let (upstream, upstream_end) = duplex(64);
        let told = Rc::new(Cell::new(None));
        let tell = Rc::clone(&told);
        let tunnel = Tunnel {
            stream: Stream::Memory(upstream),
            early: Bytes::from_static(b"welcome"),
            idle,
            on_end: Some(Box::new(move |end| tell.set(Some(end)))),
        };
        (
            run(Stream::Memory(client), BytesMut::from("hello"), tunnel),
            client_end,
            upstream_end,
            told,
        )
    }

    #[tokio::test]
    async fn bytes_go_both_ways_and_each_end_is_passed_on() {
        let (run, mut client, mut upstream, told) = tunnel(None);
        let talk = async {
            let mut all = String::new();
            client.write_all(b" there").await.expect("open");
            client.shutdown().await.expect("open");
            upstream.read_to_string(&mut all).await.expect("the client's end arrives");
            assert_eq!(all, "hello there");
            // The other way is still open.
            let much = "x".repeat(1000);
            let (sent, received) = tokio::join!(
                async {
                    upstream.write_all(much.as_bytes()).await.expect("open");
                    upstream.shutdown().await
                },
                async {
                    let mut all = String::new();
                    client.read_to_string(&mut all).await.map(|_| all)
                }
            );
            sent.expect("open");
            assert_eq!(received.expect("readable"), format!("welcome{much}"));
        };
        tokio::join!(run, talk);
        let end = TunnelEnd { to_upstream: 11, to_client: 1007, complete: true };
        assert_eq!(told.get(), Some(end));
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_tunnel_is_closed_when_it_has_a_limit() {
        let start = Instant::now();
        let (run, _client, _upstream, told) = tunnel(Some(Duration::from_secs(60)));
        run.await;
        assert_eq!(start.elapsed().as_secs(), 60);
        assert!(told.get().is_some_and(|end| !end.complete && end.to_client == 7));
    }

    #[tokio::test]
    async fn a_tunnel_that_is_dropped_reports_its_end() {
        let (run, _client, _upstream, told) = tunnel(None);
        {
            let mut run = std::pin::pin!(run);
            let polled = std::future::poll_fn(|context| Poll::Ready(run.as_mut().poll(context)));
            assert!(polled.await.is_pending());
            assert!(told.get().is_none());
        }
        assert!(told.get().is_some_and(|end| end.to_upstream == 5 && !end.complete));
    }
}
