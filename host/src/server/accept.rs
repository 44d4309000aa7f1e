//! Accepts connections and deals them out to the workers.
//!
//! The loop outlives every error: one that concerns a single connection is counted, one that
//! concerns the machine (no descriptor left) makes it wait a little longer each time. Above the limit
//! a connection is still taken, because a client that gets a 503 knows more than one that hangs; its
//! worker makes room or turns it away.
//!
//! A listening socket that is closed resets every connection that the kernel made for it and nobody
//! took yet, so before a drain closes it the door is shut first, and then the hall is emptied.

use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::{Acceptor, Counts, Drain, worker};

/// A connection on its way to a worker.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) local: SocketAddr,
    pub(super) tls: Option<Acceptor>,
    /// One too many: something has to be closed, this or another.
    pub(super) over_limit: bool,
    pub(super) _open: Open,
}

/// Counts a connection for as long as it exists.
#[derive(Debug)]
pub(super) struct Open(Arc<Counts>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Deals connections out, one worker after the other.
pub(super) struct Dealer<'a> {
    workers: &'a [worker::Handle],
    next: AtomicUsize,
    limit: usize,
    counts: Arc<Counts>,
}

impl<'a> Dealer<'a> {
    pub(super) fn new(workers: &'a [worker::Handle], limit: usize, counts: Arc<Counts>) -> Self {
        Self { workers, next: AtomicUsize::new(0), limit, counts }
    }

    async fn deal(&self, accepted: Accepted) {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let mut accepted = accepted;
        for offset in 0..self.workers.len() {
            let worker = &self.workers[(first + offset) % self.workers.len()];
            match worker.try_give(accepted) {
                Ok(()) => return,
                Err(back) => accepted = back,
            }
        }
        // All are behind. Waiting here leaves what comes next in the kernel's queue.
        self.workers[first % self.workers.len()].give(accepted).await;
    }
}

/// The number of connections to hold at once.
///
/// Each may need two descriptors, one to the client and one to an upstream; some are kept back for
/// everything else.
pub(super) fn connection_limit(configured: usize) -> usize {
    const RESERVE: u64 = 32;
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let allowed = match files {
        None => configured,
        Some(files) => {
            let files = files.saturating_sub(RESERVE.min(files / 2)) / 2;
            usize::try_from(files).unwrap_or(configured)
        }
    };
    if allowed < configured {
        tracing::warn!(configured, allowed, "the limit on open files lowers the connections");
    }
    configured.min(allowed).max(1)
}

/// Binds a listening socket that can be watched.
pub(super) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None)?;
    // A restart must not wait for the connections of its predecessor to be forgotten.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    Ok(socket.into())
}

/// Accepts until the drain starts, and then what had arrived by then.
///
/// # Errors
///
/// The listening socket cannot be watched at all.
pub(super) async fn run(
    listener: TcpListener,
    local: SocketAddr,
    tls: Option<Acceptor>,
    dealer: &Dealer<'_>,
    drain: Drain,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let mut pause = FIRST_PAUSE;
    // Until when those are taken that knocked before the door was shut.
    let mut last_call = None;
    loop {
        let accepted = tokio::select! {
            biased;
            () = drain.started(), if last_call.is_none() => {
                shut_door(&listener);
                last_call = Some(tokio::time::Instant::now() + LAST_CALL);
                continue;
            }
            // From here on its worker watches the connection, and this loop no longer.
            accepted = listener.accept() => {
                accepted.and_then(|(stream, peer)| Ok((stream.into_std()?, peer)))
            }
            () = wait_until(last_call) => return Ok(()),
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                Counts::count(&dealer.counts.accept_errors);
                if is_of_one_connection(&error) {
                    continue;
                }
                tracing::warn!(%local, %error, ?pause, "cannot accept");
                tokio::select! {
                    () = drain.started(), if last_call.is_none() => {}
                    () = tokio::time::sleep(pause) => {}
                    () = wait_until(last_call) => return Ok(()),
                }
                pause = (pause * 2).min(LAST_PAUSE);
                continue;
            }
        };
        pause = FIRST_PAUSE;
        Counts::count(&dealer.counts.accepted);
        // Failing here means that the peer is gone; its worker will find out.
        let _ = stream.set_nodelay(true);
        let open = dealer.counts.open.fetch_add(1, Ordering::Relaxed) + 1;
        let accepted = Accepted {
            stream,
            peer,
            local,
            tls: tls.clone(),
            over_limit: open > dealer.limit,
            _open: Open(Arc::clone(&dealer.counts)),
        };
        dealer.deal(accepted).await;
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LAST_PAUSE: Duration = Duration::from_secs(1);
/// How long a handshake that was begun before a drain may take to be finished: the round trip of a
/// client that is far away.
const LAST_CALL: Duration = Duration::from_millis(250);

/// Waits for a moment, or for ever when there is none.
async fn wait_until(moment: Option<tokio::time::Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Lets no new handshake begin. Those under way go on.
///
/// Without this, every connection that is made between the last `accept` and the end of the socket
/// is reset, with its request; there is no other order in which the two calls could be made. A client
/// whose first packet is dropped here asks again after a second, and is refused or served by whoever
/// listens then.
fn shut_door(listener: &tokio::net::TcpListener) {
    #[cfg(target_os = "linux")]
    {
        use socket2::SockFilter;
        // In the filter language of `linux/filter.h`; offsets are those of the TCP header, in which
        // byte 13 holds the flags (RFC 9293, section 3.1).
        const LOAD_BYTE: u16 = 0x30;
        const AND: u16 = 0x54;
        const JUMP_IF_EQUAL: u16 = 0x15;
        const RETURN: u16 = 0x06;
        const SYN: u32 = 0x02;
        const ACK: u32 = 0x10;
        let filter = [
            SockFilter::new(LOAD_BYTE, 0, 0, 13),
            SockFilter::new(AND, 0, 0, SYN | ACK),
            SockFilter::new(JUMP_IF_EQUAL, 1, 0, SYN),
            SockFilter::new(RETURN, 0, 0, u32::MAX),
            SockFilter::new(RETURN, 0, 0, 0),
        ];
        // A kernel that has no filters loses what it always lost.
        if let Err(error) = socket2::SockRef::from(listener).attach_filter(&filter) {
            tracing::debug!(%error, "a drain cannot keep new connections out");
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = listener;
}

/// The connection was gone before it was accepted; the next one may be fine.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
            | io::ErrorKind::WouldBlock
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_never_exceeds_what_was_configured_and_is_never_nothing() {
        assert_eq!(connection_limit(1), 1);
        assert_eq!(connection_limit(0), 1);
        assert!(connection_limit(usize::MAX) >= 1);
        assert!(connection_limit(10) <= 10);
    }

    #[test]
    fn an_address_in_use_is_refused_and_port_0_is_not() {
        let first = bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
        let taken = first.local_addr().expect("bound");
        assert_ne!(taken.port(), 0);
        assert!(bind(taken).is_err());
    }
}
