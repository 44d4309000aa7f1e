//! The state of all plugins in a server that speaks the Redis protocol, for hosts that act as one.
//!
//! One connection serves all plugins; requests share it without waiting for each other. Keys are
//! `tamis:PLUGIN:KEY`. A call ends within its timeout, whatever the server does. A connection that
//! failed, or on which a call timed out, is given up; a new one is dialled by the next call that
//! needs one, with growing pauses, in which calls fail at once.
//!
//! Only commands that every server of this protocol knows since 2020 are used: GET, SET with PX, NX
//! and KEEPTTL, DEL, INCRBY, MULTI, EVAL. Nothing bounds a plugin there but the server itself:
//! `maxmemory` with `noeviction` answers as a full store does.

use super::{Error, Limits, Store};
use crate::outbound::{DialError, Dialer, Origin, Reach, UrlError};
use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Cmd, ErrorKind, FromRedisValue, Pipeline, RedisError};
use ::redis::{RedisConnectionInfo, ServerErrorKind};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use url::Url;

/// Replaces a value if it is the expected one, and keeps its expiry.
const SWAP: &str = "if redis.call('GET', KEYS[1]) == ARGV[1] then \
    redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL') return 1 end return 0";

/// Pause after the first failure; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Longest pause between two attempts to connect.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Why the URL of a server cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// Not a URL at all.
    #[error("`{url}` is not a URL; write `redis://[USER[:PASSWORD]@]HOST[:PORT][/DATABASE]`")]
    Url {
        /// As given, without what stands before an `@`.
        url: String,
        /// What the parser says.
        source: url::ParseError,
    },
    /// Another scheme than `redis` and `rediss`.
    #[error("the scheme `{0}` is unknown; use `redis`, or `rediss` for TLS")]
    Scheme(String),
    /// The host or port makes no sense.
    #[error(transparent)]
    Host(#[from] UrlError),
    /// The path is no number.
    #[error("`{0}` is not the number of a database")]
    Database(String),
}

/// Where a server is, and as whom to talk to it.
#[derive(Clone)]
pub(crate) struct Address {
    pub(crate) origin: Origin,
    pub(crate) login: RedisConnectionInfo,
}

impl Address {
    /// Reads `redis://[USER[:PASSWORD]@]HOST[:PORT][/DATABASE]`; `rediss` is the same over TLS.
    pub(crate) fn parse(url: &str) -> Result<Address, AddressError> {
        let parsed = Url::parse(url).map_err(|source| {
            let shown = url.rsplit_once('@').map_or(url, |(_, rest)| rest);
            AddressError::Url { url: shown.into(), source }
        })?;
        Address::of(&parsed)
    }

    /// The same of a URL that was read before.
    pub(crate) fn of(url: &Url) -> Result<Address, AddressError> {
        let scheme = match url.scheme() {
            "redis" | "valkey" => "http",
            "rediss" | "valkeys" => "https",
            other => return Err(AddressError::Scheme(other.into())),
        };
        let host = url.host_str().unwrap_or_default();
        let port = url.port().unwrap_or(6379);
        let origin = Origin::parse(&format!("{scheme}://{host}:{port}"))?;
        let path = url.path().trim_matches('/');
        let database: i64 = match path {
            "" => 0,
            path => path
                .parse()
                .ok()
                .filter(|number| *number >= 0)
                .ok_or_else(|| AddressError::Database(path.into()))?,
        };
        let decode = |text: &str| {
            percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
        };
        let mut login = RedisConnectionInfo::default().set_db(database).set_skip_set_lib_name();
        if !url.username().is_empty() {
            login = login.set_username(decode(url.username()));
        }
        if let Some(password) = url.password() {
            login = login.set_password(decode(password));
        }
        Ok(Address { origin, login })
    }
}

/// A server that keeps the shared state. Cheap to clone.
#[derive(Clone)]
pub struct Redis {
    link: Arc<Link>,
}

struct Link {
    dialer: Arc<Dialer>,
    address: Address,
    /// For one call, connecting included.
    limit: Duration,
    state: Mutex<LinkState>,
}

struct LinkState {
    connection: Connection,
    /// How many connections were begun; tells a present failure from one of the past.
    generation: u64,
    failures: u32,
    /// Runs the connection in use. Dropped with the server.
    drivers: JoinSet<()>,
}

type Connecting = Shared<BoxFuture<'static, Result<MultiplexedConnection, Arc<str>>>>;

enum Connection {
    /// Nobody needed one yet, or the pause is over.
    None,
    /// Being dialled; whoever needs it helps to wait for it.
    Dialled(Connecting),
    Open(MultiplexedConnection),
    /// Failed; not tried again before.
    Paused {
        until: Instant,
        reason: Arc<str>,
    },
}

impl Redis {
    /// A server at `url`, which is only dialled when it is first needed. `limit` bounds each call;
    /// one second is a good default.
    ///
    /// # Errors
    ///
    /// [`AddressError`].
    pub fn new(dialer: Arc<Dialer>, url: &str, limit: Duration) -> Result<Redis, AddressError> {
        let state = LinkState {
            connection: Connection::None,
            generation: 0,
            failures: 0,
            drivers: JoinSet::new(),
        };
        let address = Address::parse(url)?;
        let link = Link { dialer, address, limit, state: Mutex::new(state) };
        Ok(Redis { link: Arc::new(link) })
    }

    /// The keys of `plugin`.
    pub fn store(&self, plugin: &str, limits: Limits) -> RedisStore {
        RedisStore { link: self.link.clone(), prefix: format!("tamis:{plugin}:"), limits }
    }
}

impl Link {
    fn state(&self) -> MutexGuard<'_, LinkState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends commands and reads their answer, connecting first where that is needed.
    async fn call<T: FromRedisValue>(self: &Arc<Self>, commands: Pipeline) -> Result<T, Error> {
        let mut used = 0;
        match timeout(self.limit, self.try_call(&commands, &mut used)).await {
            Ok(answer) => answer,
            Err(_) => {
                let reason: Arc<str> = format!("no answer within {:?}", self.limit).into();
                // Later answers would come late, too: better a new connection than a queue.
                self.give_up(used, &reason);
                Err(Error::Unavailable(reason))
            }
        }
    }

    async fn try_call<T: FromRedisValue>(
        self: &Arc<Self>,
        commands: &Pipeline,
        used: &mut u64,
    ) -> Result<T, Error> {
        let mut connection = self.connection(used).await?;
        match commands.query_async(&mut connection).await {
            Ok(answer) => Ok(answer),
            Err(error) => {
                let (answer, broken) = classify(&error);
                if broken {
                    self.give_up(*used, &error.to_string().into());
                }
                Err(answer)
            }
        }
    }

    /// An open connection; its number is in `used` before anything is waited for. Many who need one
    /// at the same time wait for one dial.
    async fn connection(self: &Arc<Self>, used: &mut u64) -> Result<MultiplexedConnection, Error> {
        let connecting = {
            let mut state = self.state();
            *used = state.generation;
            match &state.connection {
                Connection::Open(connection) => return Ok(connection.clone()),
                Connection::Paused { until, reason } if Instant::now() < *until => {
                    return Err(Error::Unavailable(reason.clone()));
                }
                Connection::Dialled(connecting) => connecting.clone(),
                Connection::None | Connection::Paused { .. } => {
                    state.generation += 1;
                    *used = state.generation;
                    let connecting = self.clone().connect(state.generation).boxed().shared();
                    state.connection = Connection::Dialled(connecting.clone());
                    connecting
                }
            }
        };
        connecting.await.map_err(|reason| {
            self.give_up(*used, &reason);
            Error::Unavailable(reason)
        })
    }

    async fn connect(self: Arc<Self>, generation: u64) -> Result<MultiplexedConnection, Arc<str>> {
        let attempt = async {
            let stream = self
                .dialer
                .dial(&self.address.origin, Reach::Anywhere)
                .await
                .map_err(|error| describe(&error))?;
            // The limit of each call is ours; two clocks would only disagree.
            let config = AsyncConnectionConfig::new().set_response_timeout(None);
            MultiplexedConnection::new_with_config(&self.address.login, stream, config)
                .await
                .map_err(|error| Arc::from(error.to_string()))
        };
        let (connection, driver) = match timeout(self.limit, attempt).await {
            Ok(attempt) => attempt?,
            Err(_) => return Err(format!("no connection within {:?}", self.limit).into()),
        };
        let mut state = self.state();
        if state.generation == generation {
            state.drivers.abort_all();
            state.drivers.spawn(driver);
            state.connection = Connection::Open(connection.clone());
            state.failures = 0;
        }
        Ok(connection)
    }

    /// Ends the connection of this number, if it is still the present one, and begins a pause.
    fn give_up(&self, generation: u64, reason: &Arc<str>) {
        let mut state = self.state();
        let already_paused = matches!(state.connection, Connection::Paused { .. });
        if state.generation != generation || already_paused {
            return;
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << state.failures.min(20)).min(LONGEST_PAUSE);
        // Hosts that lost the same server should not all come back in the same moment.
        let pause = pause.mul_f64(0.5 + fastrand::f64() / 2.0);
        state.failures = state.failures.saturating_add(1);
        state.connection =
            Connection::Paused { until: Instant::now() + pause, reason: reason.clone() };
        state.drivers.abort_all();
        tracing::warn!(server = %self.address.origin, %reason, ?pause, "state server given up");
    }
}

fn describe(error: &DialError) -> Arc<str> {
    error.to_string().into()
}

/// What an error means for the caller, and whether the connection is of no more use.
fn classify(error: &RedisError) -> (Error, bool) {
    // In a transaction the code of the command that failed is one level down.
    let inner = error.clone().into_server_errors();
    let inner = inner.as_deref().and_then(|errors| errors.first());
    let code = inner.map(|(_, error)| error.code()).or(error.code()).unwrap_or_default();
    let detail = inner.map(|(_, error)| error.details()).unwrap_or(error.detail());
    let unavailable = || Error::Unavailable(error.to_string().into());
    match code {
        "OOM" => (Error::Full, false),
        "ERR" if detail.is_some_and(is_no_number) => (Error::NotANumber, false),
        "WRONGTYPE" => (Error::NotANumber, false),
        // After a failover the old address may answer as a replica: ask for the new one.
        "READONLY" | "MASTERDOWN" => (unavailable(), true),
        "" => (unavailable(), true),
        _ => match error.kind() {
            ErrorKind::Server(ServerErrorKind::BusyLoading) => (unavailable(), false),
            ErrorKind::Server(_) | ErrorKind::Extension => (unavailable(), false),
            _ => (unavailable(), true),
        },
    }
}

fn is_no_number(detail: &str) -> bool {
    detail.contains("not an integer") || detail.contains("would overflow")
}

/// The keys of one plugin in the server.
pub struct RedisStore {
    link: Arc<Link>,
    prefix: String,
    limits: Limits,
}

impl RedisStore {
    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    async fn call<T: FromRedisValue>(&self, command: Cmd) -> Result<T, Error> {
        let mut commands = Pipeline::with_capacity(1);
        commands.add_command(command);
        let (answer,): (T,) = self.link.call(commands).await?;
        Ok(answer)
    }
}

/// The server counts in milliseconds, and refuses none.
fn milliseconds(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1)
}

#[async_trait]
impl Store for RedisStore {
    async fn get(&self, key: &str) -> Result<Option<Bytes>, Error> {
        self.limits.admit(key, 0)?;
        let value: Option<Vec<u8>> = self.call(Cmd::get(self.key(key))).await?;
        Ok(value.map(Bytes::from))
    }

    async fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<(), Error> {
        self.limits.admit(key, value.len())?;
        let mut command = ::redis::cmd("SET");
        command.arg(self.key(key)).arg(&value[..]);
        if let Some(ttl) = ttl {
            command.arg("PX").arg(milliseconds(ttl));
        }
        self.call(command).await
    }

    async fn remove(&self, key: &str) -> Result<(), Error> {
        self.limits.admit(key, 0)?;
        let _removed: i64 = self.call(Cmd::del(self.key(key))).await?;
        Ok(())
    }

    async fn increment(&self, key: &str, by: i64, ttl: Option<Duration>) -> Result<i64, Error> {
        self.limits.admit(key, 0)?;
        let key = self.key(key);
        let mut commands = Pipeline::new();
        if let Some(ttl) = ttl {
            // Both or neither, with nobody in between; a script would turn the sum into a float.
            let ttl = milliseconds(ttl);
            commands.atomic();
            commands.cmd("SET").arg(&key).arg(0).arg("PX").arg(ttl).arg("NX").ignore();
        }
        commands.cmd("INCRBY").arg(&key).arg(by);
        let (sum,): (i64,) = self.link.call(commands).await?;
        Ok(sum)
    }

    async fn swap(&self, key: &str, expected: Option<&[u8]>, value: Bytes) -> Result<bool, Error> {
        self.limits.admit(key, value.len())?;
        let key = self.key(key);
        match expected {
            Some(expected) => {
                let mut command = ::redis::cmd("EVAL");
                command.arg(SWAP).arg(1).arg(key).arg(expected).arg(&value[..]);
                self.call(command).await
            }
            None => {
                let mut command = ::redis::cmd("SET");
                command.arg(key).arg(&value[..]).arg("NX");
                let answer: Option<String> = self.call(command).await?;
                Ok(answer.is_some())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::contract;
    use super::*;
    use crate::outbound::Dialing;
    use std::net::TcpListener;
    use std::path::Path;
    use std::process::{Child, Command, Stdio};
    use tempfile::TempDir;

    /// A real server on a free port, ended when dropped.
    struct Server {
        child: Child,
        port: u16,
        _directory: TempDir,
    }

    impl Server {
        /// Starts one; none where it is not installed.
        async fn start(arguments: &[&str]) -> Option<Server> {
            let directory = tempfile::tempdir().expect("a directory");
            let port = TcpListener::bind("127.0.0.1:0")
                .and_then(|listener| listener.local_addr())
                .expect("a free port")
                .port();
            let Some(child) = spawn(directory.path(), port, arguments) else {
                eprintln!("skipped: redis-server is not installed");
                return None;
            };
            let server = Server { child, port, _directory: directory };
            server.wait().await;
            Some(server)
        }

        async fn wait(&self) {
            for _ in 0..500 {
                if tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            panic!("redis-server does not listen on {}", self.port);
        }

        fn redis(&self, login: &str) -> Redis {
            redis(&format!("redis://{login}127.0.0.1:{}", self.port))
        }

        fn stop(&mut self) {
            self.child.kill().expect("it is ours");
            self.child.wait().expect("it ends");
        }

        fn signal(&self, signal: rustix::process::Signal) {
            let process = rustix::process::Pid::from_child(&self.child);
            rustix::process::kill_process(process, signal).expect("it is ours");
        }
    }

    impl Drop for Server {
        fn drop(&mut self) {
            // It may have ended before; then there is nothing left to do.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    fn spawn(directory: &Path, port: u16, arguments: &[&str]) -> Option<Child> {
        Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(arguments)
            .current_dir(directory)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()
    }

    fn redis(url: &str) -> Redis {
        let dialer = Dialer::new(Dialing::default()).expect("no authority is added");
        Redis::new(Arc::new(dialer), url, Duration::from_secs(10)).expect("a valid URL")
    }

    fn unavailable<T: std::fmt::Debug>(answer: Result<T, Error>) -> Arc<str> {
        match answer {
            Err(Error::Unavailable(reason)) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn addresses_are_read() {
        let address = Address::parse("redis://me:p%40ss@db.example/3").expect("valid");
        assert_eq!(address.origin.to_string(), "http://db.example:6379");
        assert_eq!(address.login.username(), Some("me"));
        assert_eq!(address.login.password(), Some("p@ss"));
        assert_eq!(address.login.db(), 3);
        let address = Address::parse("rediss://:secret@[::1]:7000").expect("valid");
        assert_eq!(address.origin.to_string(), "https://[::1]:7000");
        assert_eq!((address.login.username(), address.login.password()), (None, Some("secret")));
        for url in ["", "db:6379", "http://db", "redis://", "redis://db/x", "redis://db/-1"] {
            assert!(Address::parse(url).is_err(), "{url}");
        }
        let error = Address::parse("redis://me:secret@db:x").err().expect("no port").to_string();
        assert!(!error.contains("secret"), "{error}");
    }

    #[tokio::test]
    async fn a_server_keeps_the_promises_of_a_store() {
        let Some(server) = Server::start(&[]).await else { return };
        let redis = server.redis("");
        let (one, other) =
            (redis.store("a", Limits::default()), redis.store("b", Limits::default()));
        let wait = tokio::time::sleep;
        contract::check(&one, &other, contract::Time { step: Duration::from_millis(150), wait })
            .await;
    }

    #[tokio::test]
    async fn swaps_from_many_hosts_are_one_after_the_other() {
        let Some(server) = Server::start(&[]).await else { return };
        let mut tasks = JoinSet::new();
        for _ in 0..4 {
            let store = server.redis("").store("a", Limits::default());
            tasks.spawn(async move {
                let mut won = 0;
                while won < 25 {
                    let present = store.get("n").await.expect("it answers");
                    let number: u32 = present.as_ref().map_or(0, |value| {
                        std::str::from_utf8(value).expect("text").parse().expect("a number")
                    });
                    let next = (number + 1).to_string().into();
                    let swapped = store.swap("n", present.as_deref(), next).await;
                    won += u32::from(swapped.expect("it answers"));
                }
            });
        }
        while let Some(task) = tasks.join_next().await {
            task.expect("no panic");
        }
        let store = server.redis("").store("a", Limits::default());
        assert_eq!(store.get("n").await, Ok(Some("100".into())));
    }

    #[tokio::test]
    async fn a_full_server_is_a_full_store() {
        // Less than it needs for itself.
        let full = ["--maxmemory", "100kb", "--maxmemory-policy", "noeviction"];
        let Some(server) = Server::start(&full).await else { return };
        let store = server.redis("").store("a", Limits::default());
        assert_eq!(store.set("k", "v".into(), None).await, Err(Error::Full));
        assert_eq!(store.increment("k", 1, None).await, Err(Error::Full));
        let ttl = Some(Duration::from_secs(1));
        assert_eq!(store.increment("k", 1, ttl).await, Err(Error::Full));
        assert_eq!(store.swap("k", None, "v".into()).await, Err(Error::Full));
        assert_eq!(store.get("k").await, Ok(None), "reading goes on");
    }

    #[tokio::test]
    async fn a_password_is_used_and_a_wrong_one_is_told() {
        let Some(server) = Server::start(&["--requirepass", "right"]).await else { return };
        let store = server.redis(":right@").store("a", Limits::default());
        store.set("k", "v".into(), None).await.expect("it is the right one");
        let store = server.redis(":wrong@").store("a", Limits::default());
        let reason = unavailable(store.get("k").await);
        assert!(!reason.contains("wrong@") && !reason.is_empty(), "{reason}");
        let store = server.redis("").store("a", Limits::default());
        assert!(unavailable(store.get("k").await).contains("NOAUTH"));
    }

    #[tokio::test]
    async fn a_server_that_comes_back_is_found_again() {
        let Some(mut server) = Server::start(&[]).await else { return };
        let store = server.redis("").store("a", Limits::default());
        store.set("k", "v".into(), None).await.expect("it is there");
        server.stop();
        unavailable(store.get("k").await);
        let start = Instant::now();
        unavailable(store.get("k").await);
        assert!(start.elapsed() < Duration::from_secs(1), "in a pause calls fail at once");
        let directory = server._directory.path().to_owned();
        server.child = spawn(&directory, server.port, &[]).expect("it is installed");
        server.wait().await;
        let until = Instant::now() + Duration::from_secs(10);
        while let Err(error) = store.set("k", "w".into(), None).await {
            assert!(Instant::now() < until, "{error}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(store.get("k").await, Ok(Some("w".into())));
    }

    #[tokio::test]
    async fn a_server_that_hangs_costs_one_timeout() {
        let Some(server) = Server::start(&[]).await else { return };
        let dialer = Dialer::new(Dialing::default()).expect("no authority is added");
        let url = format!("redis://127.0.0.1:{}", server.port);
        let redis = Redis::new(Arc::new(dialer), &url, Duration::from_millis(300)).expect("valid");
        let store = redis.store("a", Limits::default());
        store.set("k", "v".into(), None).await.expect("it is there");
        server.signal(rustix::process::Signal::STOP);
        let start = Instant::now();
        let calls = (0..20).map(|_| store.get("k"));
        for answer in futures_util::future::join_all(calls).await {
            unavailable(answer);
        }
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
        server.signal(rustix::process::Signal::CONT);
        let until = Instant::now() + Duration::from_secs(10);
        while store.get("k").await != Ok(Some("v".into())) {
            assert!(Instant::now() < until, "it comes back");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    #[tokio::test]
    async fn something_else_at_the_port_is_unavailable() {
        use tokio::io::AsyncWriteExt;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let port = listener.local_addr().expect("bound").port();
        let store = redis(&format!("redis://127.0.0.1:{port}/1")).store("a", Limits::default());
        let garbage = async {
            let (mut peer, _) = listener.accept().await.expect("accepted");
            peer.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.expect("sent");
            peer
        };
        let (answer, _peer) = tokio::join!(store.get("k"), garbage);
        unavailable(answer);
        drop(listener);
        let nobody = redis(&format!("redis://127.0.0.1:{port}")).store("a", Limits::default());
        assert!(unavailable(nobody.get("k").await).contains("refused"));
    }
}
