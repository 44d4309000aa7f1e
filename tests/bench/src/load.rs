//! The load: a fixed number of connections, each with one request under way at any time.
//!
//! One thread. A closed loop at saturation measures how much a subject can do and what it
//! spends; its latencies are those of a queue and compare subjects with one another, nothing
//! else.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::wire::Reader;

/// What to do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where to.
    pub address: SocketAddr,
    /// What to send, again and again.
    pub request: Vec<u8>,
    /// How many at a time.
    pub connections: usize,
    /// How long before anything counts.
    pub warm_up: Duration,
    /// How long it counts.
    pub measure: Duration,
}

/// What came of it, within the time that counts.
#[derive(Debug)]
pub struct Outcome {
    /// Answers with status 200.
    pub completed: u64,
    /// Answers in all, those of the warm-up too.
    pub total: u64,
    /// Other answers, and connections that broke in the middle of one.
    pub failed: u64,
    /// How long it was.
    pub elapsed: Duration,
    /// From sending a request to the last byte of its answer, in microseconds.
    pub latencies: Histogram<u32>,
    /// The first thing that went wrong.
    pub complaint: Option<String>,
}

/// Longer answers count as this long.
const MAX_LATENCY_US: u64 = 10_000_000;
/// If nothing happens for so long, the subject is taken for dead.
const SILENCE: Duration = Duration::from_secs(5);
/// So many failures end the run.
const MAX_FAILURES: u64 = 1000;

/// Why there is no outcome.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A socket did not do its part.
    #[error("the load cannot be made: {0}")]
    Io(#[from] io::Error),
    /// Nothing came back.
    #[error("no answer within {SILENCE:?}")]
    Silence,
    /// Too much went wrong.
    #[error("{0} requests failed, the first because {1}")]
    Failures(u64, String),
}

struct Connection {
    stream: TcpStream,
    reader: Reader,
    /// How much of the request is sent; all of it while an answer is awaited.
    sent: usize,
    since: Instant,
}

/// Makes the load. `begins` and `ends` are called at either end of the time that counts.
///
/// # Errors
///
/// [`LoadError`].
pub fn run(plan: &Plan, begins: impl FnOnce(), ends: impl FnOnce()) -> Result<Outcome, LoadError> {
    let mut poll = Poll::new()?;
    let mut connections = Vec::with_capacity(plan.connections);
    for number in 0..plan.connections {
        connections.push(Connection::open(plan, &poll, number)?);
    }
    let latencies = Histogram::new_with_bounds(1, MAX_LATENCY_US, 3);
    let mut outcome = Outcome {
        completed: 0,
        total: 0,
        failed: 0,
        elapsed: Duration::ZERO,
        latencies: latencies.map_err(|error| io::Error::other(error.to_string()))?,
        complaint: None,
    };
    let mut events = Events::with_capacity(plan.connections.max(16));
    let mut buffer = vec![0; 64 * 1024];
    let mut phase = Instant::now();
    let mut begins = Some(begins);
    loop {
        let limit = if begins.is_some() { plan.warm_up } else { plan.measure };
        let now = Instant::now();
        if now.duration_since(phase) >= limit {
            match begins.take() {
                Some(begins) => {
                    begins();
                    outcome.latencies.clear();
                    (outcome.completed, outcome.failed) = (0, 0);
                    phase = Instant::now();
                }
                None => {
                    outcome.elapsed = now.duration_since(phase);
                    ends();
                    return Ok(outcome);
                }
            }
        }
        match poll.poll(&mut events, Some(SILENCE)) {
            Ok(()) if events.is_empty() => return Err(LoadError::Silence),
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            let number = event.token().0;
            let connection = &mut connections[number];
            if let Err(again) = connection.advance(plan, &mut buffer, &mut outcome) {
                if let Some(why) = again {
                    outcome.failed += 1;
                    outcome.complaint.get_or_insert(why);
                }
                *connection = Connection::open(plan, &poll, number)?;
            }
        }
        if outcome.failed > MAX_FAILURES {
            let why = outcome.complaint.take().unwrap_or_default();
            return Err(LoadError::Failures(outcome.failed, why));
        }
    }
}

impl Connection {
    fn open(plan: &Plan, poll: &Poll, number: usize) -> io::Result<Self> {
        let mut stream = TcpStream::connect(plan.address)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut stream, Token(number), interest)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, reader: Reader::default(), sent: 0, since: Instant::now() })
    }

    /// Does what can be done now. An error asks for another connection, with the reason when
    /// it is one that counts.
    fn advance(
        &mut self,
        plan: &Plan,
        buffer: &mut [u8],
        outcome: &mut Outcome,
    ) -> Result<(), Option<String>> {
        if self.sent < plan.request.len() {
            return self.send(plan);
        }
        loop {
            let read = match self.stream.read(buffer) {
                // A server may close a connection between two requests.
                Ok(0) if self.reader.is_empty() => return Err(None),
                Ok(0) => return Err(Some("the connection ended in an answer".to_owned())),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Some(error.to_string())),
            };
            match self.reader.push(&buffer[..read]) {
                // A short read has emptied the socket; more would be another event.
                Ok(false) if read < buffer.len() => return Ok(()),
                Ok(false) => continue,
                Ok(true) => {}
                Err(broken) => return Err(Some(broken.to_string())),
            }
            let now = Instant::now();
            match self.reader.status() {
                200 => {
                    outcome.completed += 1;
                    outcome.total += 1;
                }
                status => {
                    outcome.failed += 1;
                    outcome.complaint.get_or_insert_with(|| format!("the status was {status}"));
                }
            }
            let took = now.duration_since(self.since).as_micros();
            outcome.latencies.saturating_record(u64::try_from(took).unwrap_or(u64::MAX));
            if self.reader.closes() {
                return Err(None);
            }
            self.reader.reset();
            (self.sent, self.since) = (0, now);
            return self.send(plan);
        }
    }

    fn send(&mut self, plan: &Plan) -> Result<(), Option<String>> {
        while self.sent < plan.request.len() {
            match self.stream.write(&plan.request[self.sent..]) {
                Ok(written) => {
                    if self.sent == 0 {
                        self.since = Instant::now();
                    }
                    self.sent += written;
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected => return Ok(()),
                    io::ErrorKind::Interrupted => {}
                    _ => return Err(Some(error.to_string())),
                },
            }
        }
        Ok(())
    }
}

/// Connections that were used once and are idle since. Closed when dropped.
pub struct Idle {
    _connections: Vec<std::net::TcpStream>,
}

impl Idle {
    /// Opens so many, one after the other, and sends one request on each.
    ///
    /// # Errors
    ///
    /// When one of them gets no good answer.
    pub fn open(address: SocketAddr, request: &[u8], number: usize) -> io::Result<Self> {
        let mut connections = Vec::with_capacity(number);
        for _ in 0..number {
            let mut stream = dial(address)?;
            let (reader, _) = exchange(&mut stream, request, Reader::default())?;
            if reader.status() != 200 {
                return Err(io::Error::other(format!("the status was {}", reader.status())));
            }
            connections.push(stream);
        }
        Ok(Self { _connections: connections })
    }
}

/// One answer, with its body.
#[derive(Debug)]
pub struct Fetched {
    /// Its status.
    pub status: u16,
    /// Its head as it came.
    pub head: String,
    /// Its body, without chunks.
    pub body: String,
}

/// Sends one request on a connection of its own.
///
/// # Errors
///
/// When nothing comes back that is an answer.
pub fn fetch(address: SocketAddr, request: &[u8]) -> io::Result<Fetched> {
    let mut stream = dial(address)?;
    let (reader, status) = exchange(&mut stream, request, Reader::keeping())?;
    let (head, body) = reader.into_parts();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(Fetched { status, head: text(head), body: text(body) })
}

#[expect(clippy::disallowed_methods, reason = "the generator is a client")]
fn dial(address: SocketAddr) -> io::Result<std::net::TcpStream> {
    let stream = std::net::TcpStream::connect(address)?;
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn exchange(
    stream: &mut std::net::TcpStream,
    request: &[u8],
    mut reader: Reader,
) -> io::Result<(Reader, u16)> {
    stream.write_all(request)?;
    let mut buffer = [0; 16 * 1024];
    loop {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if reader.push(&buffer[..read]).map_err(io::Error::other)? {
            let status = reader.status();
            return Ok((reader, status));
        }
    }
}
