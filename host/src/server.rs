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
mod exchange;
mod frames;
mod http1;
mod http2;
mod intake;
mod tunnel;
mod upload;
mod worker;
pub mod admin;

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
    /// What the service keeps about a connection, so that it is found out once and not for each
    /// request.
    type Connection: 'static;

    /// Looks at a connection, before its first request.
    fn connect(&self, info: ConnectionInfo) -> Self::Connection;

    /// Answers a request. Dropped when the client goes away.
    ///
    /// An answer of status 101 hands the connection over to the tunnel in its body.
    fn serve(
        &self,
        request: Request<Body>,
        connection: &Rc<Self::Connection>,
    ) -> impl Future<Output = Response<Body>>;

    /// The worker is about to go: the last chance to finish what was put off. Called when its
    /// connections are closed, or the grace of a drain is over; and again, with all other tasks of
    /// the thread gone, for what was cut off then.
    fn finish(&self) -> impl Future<Output = ()> {
        async {}
    }

    /// Words the answer to bytes that never became a request. The server adds what closes the
    /// connection.
    fn refuse(&self, refusal: Refusal, connection: &Self::Connection) -> Response<Bytes>;
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
        drain.done();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpSocket, TcpStream},
        task::JoinSet,
    };

    use super::*;

    /// Answers with the worker's number, or keeps a request for as long as its path says.
    struct Number(usize);

    impl Service for Number {
        type Connection = ConnectionInfo;

        fn connect(&self, info: ConnectionInfo) -> ConnectionInfo {
            info
        }

        async fn serve(&self, request: Request<Body>, info: &Rc<ConnectionInfo>) -> Response<Body> {
            assert_eq!(info.worker, self.0);
            match request.uri().path() {
                "/panic" => panic!("as asked"),
                "/hang" => std::future::pending().await,
                path => {
                    if let Some(millis) = path.strip_prefix("/wait/") {
                        let millis = millis.parse().expect("a number");
                        tokio::time::sleep(Duration::from_millis(millis)).await;
                    }
                    let body = crate::wire::body::whole(request.into_body(), 1 << 20).await;
                    let tls = info.tls.as_ref().is_some_and(|tls| tls.http2);
                    let text = format!("worker {} {tls} {}", self.0, body.map_or(0, |b| b.len()));
                    Response::new(Body::from(Bytes::from(text)))
                }
            }
        }

        fn refuse(&self, refusal: Refusal, _: &ConnectionInfo) -> Response<Bytes> {
            let status = if refusal == Refusal::Overloaded { 503 } else { 400 };
            let response = Response::builder().status(status).header("retry-after", "1");
            response.body(Bytes::new()).expect("valid")
        }
    }

    struct Running {
        address: SocketAddr,
        drain: Drain,
        counts: Arc<Counts>,
        task: JoinSet<Result<(), ServerError>>,
    }

    impl Running {
        fn start(settings: Settings, tls: Option<Acceptor>) -> Self {
            let address = "127.0.0.1:0".parse().expect("an address");
            let server =
                Server::bind(vec![Listen { address, tls }], settings).expect("a free port");
            let address = server.addresses()[0];
            let (drain, counts) = (Drain::default(), server.counts());
            let mut task = JoinSet::new();
            task.spawn(server.run(Number, drain.clone()));
            Self { address, drain, counts, task }
        }

        async fn connect(&self) -> TcpStream {
            let socket = TcpSocket::new_v4().expect("a socket");
            socket.connect(self.address).await.expect("listening")
        }

        async fn get(&self, path: &str) -> String {
            let mut stream = self.connect().await;
            let ask = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            stream.write_all(ask.as_bytes()).await.expect("open");
            let mut all = String::new();
            let _ = stream.read_to_string(&mut all).await;
            all
        }

        async fn ended(mut self) {
            let ended = tokio::time::timeout(Duration::from_secs(10), self.task.join_next()).await;
            let ended = ended.expect("in time").expect("one task").expect("no panic");
            assert!(ended.is_ok(), "{ended:?}");
        }
    }

    fn workers(count: usize) -> Settings {
        let workers = NonZeroUsize::new(count).expect("not 0");
        Settings { workers, ..Settings::default() }
    }

    #[tokio::test]
    async fn connections_are_dealt_to_all_workers() {
        let running = Running::start(workers(2), None);
        let mut answers = Vec::new();
        for _ in 0..4 {
            answers.push(running.get("/").await);
        }
        for worker in ["worker 0", "worker 1"] {
            let count = answers.iter().filter(|answer| answer.contains(worker)).count();
            assert_eq!(count, 2, "{answers:?}");
        }
        assert_eq!(running.counts.accepted.load(Ordering::Relaxed), 4);
        running.drain.start(Duration::from_secs(5));
        running.ended().await;
    }

    #[tokio::test]
    async fn a_drain_finishes_what_was_begun_and_refuses_what_was_not() {
        let running = Running::start(workers(2), None);
        let mut silent = running.connect().await;
        let mut hanging = running.connect().await;
        hanging.write_all(b"GET /hang HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("open");
        let begun = running.get("/wait/300");
        let address = running.address;
        let (drain, counts) = (running.drain.clone(), Arc::clone(&running.counts));
        let stop = async {
            while counts.accepted.load(Ordering::Relaxed) < 3 {
                tokio::task::yield_now().await;
            }
            // The last one has arrived, though perhaps not yet its request.
            tokio::time::sleep(Duration::from_millis(100)).await;
            drain.start(Duration::from_secs(1));
        };
        let (answer, ()) = tokio::join!(begun, stop);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.contains("connection: close"), "{answer}");
        assert_eq!(silent.read(&mut [0]).await.expect("closed in good order"), 0);
        let socket = TcpSocket::new_v4().expect("a socket");
        assert!(socket.connect(address).await.is_err(), "nothing is accepted any more");
        // One request never ends, so the grace passes.
        running.ended().await;
        assert_eq!(hanging.read(&mut [0]).await.unwrap_or(0), 0);
    }

    #[tokio::test]
    async fn a_second_signal_ends_everything_at_once() {
        let running = Running::start(workers(1), None);
        let mut hanging = running.connect().await;
        hanging.write_all(b"GET /hang HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("open");
        running.drain.start(Duration::from_secs(1000));
        running.drain.now();
        running.ended().await;
    }

    #[tokio::test]
    async fn dropping_the_server_closes_its_connections() {
        let mut running = Running::start(workers(1), None);
        let mut stream = running.connect().await;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("open");
        assert!(stream.read(&mut [0; 10]).await.expect("an answer") > 0);
        running.task.abort_all();
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest));
        assert!(ended.await.is_ok());
    }

    #[tokio::test]
    async fn a_panic_costs_one_connection() {
        let running = Running::start(workers(1), None);
        assert_eq!(running.get("/panic").await, "");
        assert!(running.get("/").await.starts_with("HTTP/1.1 200 "));
        running.drain.start(Duration::from_secs(5));
        running.ended().await;
    }

    #[tokio::test]
    async fn above_the_limit_idle_connections_make_room_and_busy_ones_do_not() {
        let running = Running::start(Settings { connections: 2, ..workers(1) }, None);
        let mut first = running.connect().await;
        let _second = running.connect().await;
        let third = running.get("/").await;
        assert!(third.starts_with("HTTP/1.1 200 "), "{third}");
        assert_eq!(first.read(&mut [0]).await.expect("closed in good order"), 0);
        assert_eq!(running.counts.shed.load(Ordering::Relaxed), 1);
        let mut busy = Vec::new();
        for _ in 0..2 {
            let mut stream = running.connect().await;
            stream.write_all(b"GET /hang HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("open");
            // Wait until it is served, so that it does not count as idle.
            tokio::time::sleep(Duration::from_millis(50)).await;
            busy.push(stream);
        }
        let turned_away = running.get("/").await;
        assert!(turned_away.starts_with("HTTP/1.1 503 "), "{turned_away}");
        assert!(turned_away.contains("retry-after: 1"), "{turned_away}");
        assert_eq!(running.counts.overloaded.load(Ordering::Relaxed), 1);
        drop(busy);
        while running.counts.open.load(Ordering::Relaxed) > 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(running.get("/").await.starts_with("HTTP/1.1 200 "), "there is room again");
    }

    #[tokio::test]
    async fn an_address_that_is_taken_is_named() {
        let running = Running::start(workers(1), None);
        let listen = vec![Listen { address: running.address, tls: None }];
        let error = Server::bind(listen, Settings::default()).expect_err("taken");
        assert!(error.to_string().contains(&running.address.to_string()), "{error}");
    }

    async fn http2<T>(stream: T, requests: usize) -> Vec<String>
    where
        T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        use http_body_util::BodyExt;
        let io = hyper_util::rt::TokioIo::new(stream);
        let executor = hyper_util::rt::TokioExecutor::new();
        let (sender, connection) =
            hyper::client::conn::http2::handshake(executor, io).await.expect("HTTP/2 is spoken");
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { connection.await.is_ok() });
        let ask = async |path: String| {
            let body = http_body_util::Full::new(Bytes::from_static(b"12345"));
            let request = Request::post(format!("http://a{path}")).body(body).expect("valid");
            let response = sender.clone().send_request(request).await.expect("answered");
            assert_eq!(response.status(), 200);
            let body = response.into_body().collect().await.expect("complete").to_bytes();
            String::from_utf8_lossy(&body).into_owned()
        };
        futures_util::future::join_all(
            (0..requests).map(|number| ask(format!("/wait/{}", number % 7))),
        )
        .await
    }

    #[tokio::test]
    async fn http2_is_spoken_on_the_same_port() {
        let running = Running::start(workers(1), None);
        let answers = http2(running.connect().await, 50).await;
        assert!(answers.iter().all(|answer| answer == "worker 0 false 5"), "{answers:?}");
        assert!(running.get("/").await.starts_with("HTTP/1.1 200 "));
        running.drain.start(Duration::from_secs(5));
        running.ended().await;
    }

    #[tokio::test]
    async fn http2_streams_are_finished_by_a_drain() {
        let running = Running::start(workers(1), None);
        let stream = running.connect().await;
        let mut tasks = JoinSet::new();
        tasks.spawn(http2_slow(stream));
        while running.counts.accepted.load(Ordering::Relaxed) < 1 {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        running.drain.start(Duration::from_secs(5));
        assert_eq!(tasks.join_next().await.expect("one").expect("no panic"), 50);
        running.ended().await;
    }

    /// Fifty requests at once that take 300 ms; gives the number that was answered.
    async fn http2_slow(stream: TcpStream) -> usize {
        let io = hyper_util::rt::TokioIo::new(stream);
        let executor = hyper_util::rt::TokioExecutor::new();
        let (sender, connection) =
            hyper::client::conn::http2::handshake(executor, io).await.expect("HTTP/2 is spoken");
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { connection.await.is_ok() });
        let ask = async || {
            let body = http_body_util::Empty::<Bytes>::new();
            let request = Request::get("http://a/wait/300").body(body).expect("valid");
            sender.clone().send_request(request).await.is_ok()
        };
        let answers = futures_util::future::join_all((0..50).map(|_| ask())).await;
        answers.into_iter().filter(|answered| *answered).count()
    }

    #[tokio::test]
    async fn control_frames_in_masses_end_the_connection() {
        let running = Running::start(workers(1), None);
        let mut stream = running.connect().await;
        stream.write_all(http2::PREFACE).await.expect("open");
        stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.expect("open");
        let ping = [0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
        let mut sent = 0;
        while sent < 100_000 && stream.write_all(&ping).await.is_ok() {
            sent += 1;
        }
        assert!(sent < 100_000, "nobody listens for ever");
        while running.counts.floods.load(Ordering::Relaxed) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn tls_is_spoken_with_the_protocol_agreed_on() {
        let running = Running::start(workers(1), Some(tls::tests::acceptor()));
        let name = rustls_pki_types::ServerName::try_from("localhost").expect("a name");
        let connect = async |protocols: &[&str]| {
            let stream = running.connect().await;
            tls::tests::connector(protocols).connect(name.clone(), stream).await.expect("trusted")
        };
        let stream = connect(&["h2", "http/1.1"]).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let answers = http2(stream, 3).await;
        assert!(answers.iter().all(|answer| answer == "worker 0 true 5"), "{answers:?}");
        for protocols in [&["http/1.1"][..], &[]] {
            let mut stream = connect(protocols).await;
            let ask = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
            stream.write_all(ask).await.expect("open");
            let mut all = String::new();
            stream.read_to_string(&mut all).await.expect("closed with a goodbye");
            assert!(all.ends_with("worker 0 false 0"), "{all}");
        }
        // Plain HTTP is no handshake.
        assert!(!running.get("/").await.starts_with("HTTP/1.1 200"));
        assert_eq!(running.counts.handshake_errors.load(Ordering::Relaxed), 1);
        running.drain.start(Duration::from_secs(5));
        running.ended().await;
    }
}
