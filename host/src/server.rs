//! Listens: takes connections, holds them to limits and deadlines, and hands requests on.
//!
//! One loop accepts and deals connections out to worker threads; from there on everything about a
//! connection happens on its worker. HTTP/1.1 and HTTP/2 are told apart by their first bytes, or by
//! ALPN when TLS is spoken. Promises: no error ends the accept loop; no phase of a connection is
//! without a deadline; an HTTP/1 head that could be read in two ways reaches nobody; every
//! connection is finished, or given up, by the time a drain ends.
//!
//! What is done with a request is the [`Service`]'s business, and so is the wording of refusals.

pub mod drain;
pub mod tls;

mod accept;
mod connection;
mod frames;
mod intake;
mod tunnel;
mod upload;
mod worker;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    num::NonZeroUsize,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};

pub use drain::{Drain, Phase};
pub use tls::{Acceptor, TlsInfo};

use crate::wire::{Body, HeadLimits, Refusal};

/// What the server calls. Each worker has one of its own, which never leaves its thread.
pub trait Service: 'static {
    /// Answers a request. Dropped when the client goes away.
    ///
    /// An answer of status 101 hands the connection over to the tunnel in its body.
    fn serve(
        &self,
        request: Request<Body>,
        connection: &Rc<ConnectionInfo>,
    ) -> impl Future<Output = Response<Body>>;

    /// Words the answer to bytes that never became a request. The server adds what closes the
    /// connection.
    fn refuse(&self, refusal: Refusal, connection: &ConnectionInfo) -> Response<Bytes>;
}

/// What is known about the connection a request came over.
#[derive(Debug)]
pub struct ConnectionInfo {
    /// The other end.
    pub peer: SocketAddr,
    /// This end.
    pub local: SocketAddr,
    /// The handshake, when TLS is spoken.
    pub tls: Option<TlsInfo>,
    /// The worker that serves it, from 0.
    pub worker: usize,
}

/// Where to listen, and whether TLS is spoken there.
#[derive(Debug, Clone)]
pub struct Listen {
    /// Port 0 takes a free one.
    pub address: SocketAddr,
    /// Speaks TLS with this certificate.
    pub tls: Option<Acceptor>,
}

/// How the server behaves. Everything has a default that is safe to face strangers with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Worker threads. Default: as many as the machine runs at once.
    pub workers: NonZeroUsize,
    /// Open connections. Default 10 000; the limit on file descriptors may lower it.
    pub connections: usize,
    /// Requests on one connection, then it is closed in good order. Default 10 000.
    pub requests: u64,
    /// Limits of a request's head.
    pub head: HeadLimits,
    /// How long each phase may take.
    pub timeouts: Timeouts,
    /// Streams at once on one HTTP/2 connection. Default 100.
    pub streams: u32,
}

/// The latest moments of a connection's phases.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// From the connection to its first byte, TLS handshake included. Default 10 s.
    pub first_byte: Duration,
    /// From the first byte of a head to its last. Default 10 s.
    pub head: Duration,
    /// Between two requests. Default 30 s. A balancer in front that keeps connections longer should
    /// be told, or this raised above what it does.
    pub idle: Duration,
    /// Without a byte of a request's body while it is waited for. Default 30 s.
    pub body_idle: Duration,
    /// Bytes a second that a request's body must make on average. Default 1024; 0 switches it off.
    pub body_rate: u64,
    /// Before the average counts. Default 10 s.
    pub body_grace: Duration,
    /// Without progress while an answer is written. Default 30 s.
    pub write: Duration,
    /// How long a connection rests before a drain closes it, so that a request which is already on
    /// its way is still answered. Default 250 ms.
    pub quiet: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            connections: 10_000,
            requests: 10_000,
            head: HeadLimits::default(),
            timeouts: Timeouts::default(),
            streams: 100,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            first_byte: Duration::from_secs(10),
            head: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            body_idle: Duration::from_secs(30),
            body_rate: 1024,
            body_grace: Duration::from_secs(10),
            write: Duration::from_secs(30),
            quiet: Duration::from_millis(250),
        }
    }
}

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// An address cannot be listened on.
    #[error("cannot listen on `{address}`; is it in use, or not an address of this machine?")]
    Bind {
        /// The address as configured.
        address: SocketAddr,
        /// The system's words.
        source: io::Error,
    },
    /// A thread or its event loop cannot be started.
    #[error("cannot start worker {worker}")]
    Worker {
        /// Its number, from 0.
        worker: usize,
        /// The system's words.
        source: io::Error,
    },
    /// A listening socket cannot be watched.
    #[error("cannot watch the listening socket")]
    Watch(#[source] io::Error),
}

/// What happened so far. Read by whoever exposes it; never reset.
#[derive(Debug, Default)]
pub struct Counts {
    /// Connections open now.
    pub open: AtomicUsize,
    /// Connections accepted.
    pub accepted: AtomicU64,
    /// Times that accepting failed.
    pub accept_errors: AtomicU64,
    /// Connections turned away because too many were open.
    pub overloaded: AtomicU64,
    /// Idle connections closed to make room.
    pub shed: AtomicU64,
    /// Connections closed because their first byte or TLS handshake did not come in time.
    pub first_byte_timeouts: AtomicU64,
    /// Heads that did not arrive in time.
    pub head_timeouts: AtomicU64,
    /// Connections closed because their client did not read.
    pub write_timeouts: AtomicU64,
    /// Connections on which nothing was asked any more.
    pub idle_timeouts: AtomicU64,
    /// Heads and bodies refused as malformed or too large.
    pub refused: AtomicU64,
    /// TLS handshakes that failed.
    pub handshake_errors: AtomicU64,
    /// HTTP/2 connections closed for their control frames.
    pub floods: AtomicU64,
}

impl Counts {
    fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Listening sockets, bound and not yet served.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<(TcpListener, SocketAddr, Option<Acceptor>)>,
    settings: Settings,
    counts: Arc<Counts>,
}

impl Server {
    /// Binds all addresses. Connections queue up from here on, and are served by [`Server::run`].
    ///
    /// # Errors
    ///
    /// [`ServerError::Bind`], for the first address that fails.
    pub fn bind(listen: Vec<Listen>, settings: Settings) -> Result<Self, ServerError> {
        let mut listeners = Vec::with_capacity(listen.len());
        for Listen { address, tls } in listen {
            let bound = accept::bind(address)
                .and_then(|listener| listener.local_addr().map(|local| (listener, local)));
            let (listener, local) =
                bound.map_err(|source| ServerError::Bind { address, source })?;
            listeners.push((listener, local, tls));
        }
        Ok(Self { listeners, settings, counts: Arc::default() })
    }

    /// The addresses, with the ports that were taken, in the order given.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(|(_, address, _)| *address).collect()
    }

    /// What happened so far; stays readable while the server runs.
    #[must_use]
    pub fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }

    /// Serves until `drain` is over.
    ///
    /// `make` is called once on each worker's thread, with its number. Dropping the future closes
    /// all connections at once.
    ///
    /// # Errors
    ///
    /// [`ServerError::Worker`], [`ServerError::Watch`]; nothing is served then.
    pub async fn run<M, S>(self, make: M, drain: Drain) -> Result<(), ServerError>
    where
        M: Fn(usize) -> S + Clone + Send + 'static,
        S: Service,
    {
        let Self { listeners, settings, counts } = self;
        let settings = Arc::new(settings);
        // Dropped with this future: then the workers end, whatever the drain says.
        let mut workers = Vec::with_capacity(settings.workers.get());
        for index in 0..settings.workers.get() {
            let worker = worker::start(index, &settings, &counts, &drain, make.clone())
                .map_err(|source| ServerError::Worker { worker: index, source })?;
            workers.push(worker);
        }
        let limit = accept::connection_limit(settings.connections);
        let dealer = accept::Dealer::new(&workers, limit, Arc::clone(&counts));
        let loops = listeners.into_iter().map(|(listener, local, tls)| {
            accept::run(listener, local, tls, &dealer, drain.clone())
        });
        futures_util::future::try_join_all(loops).await.map_err(ServerError::Watch)?;
        let ended: Vec<_> = workers.into_iter().map(worker::Handle::close).collect();
        for worker in ended {
            let _ = worker.await;
        }
        Ok(())
    }
}
