//! Carries out health probes: asks a server whether it is well, and sorts what went wrong by who
//! has to act.
//!
//! All probes of a call run at the same time, each over a connection of its own that is closed
//! afterwards, each within its timeout, name resolution included. Nothing is retried, pooled or
//! remembered. [`Allowed`] targets are the only ones that are dialled.
//!
//! A kind of probe is a file: it is handed a connected stream and speaks one protocol over it. This
//! file knows no protocol, and not who asks or what becomes of the answers.

mod certificate;
mod http;
mod postgres;
mod redis;
mod target;
mod tcp;

pub use target::{Allowed, Refusal, with_credentials};

use crate::metrics;
use crate::outbound::{DialError, Dialer, Origin, Reach};
use crate::wire::Stream;
use futures_util::FutureExt;
use futures_util::future::FusedFuture;
use std::time::Duration;
use tokio::time::{Instant, timeout};
use url::Url;

/// Longest timeout of a probe, whatever the task says.
const LONGEST: Duration = Duration::from_secs(60);
/// Most probes in one call; further ones are refused.
const MOST_TASKS: usize = 256;
/// Longest message, in characters.
const LONGEST_MESSAGE: usize = 300;

/// One probe, and what counts as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// What to test, by scheme: `http`, `https`, `tcp`, `redis`, `rediss`, `postgres`.
    pub url: String,
    /// HTTP only. Sent along; `host` may be among them. Values are Latin-1.
    pub headers: Vec<(String, String)>,
    /// HTTP only. Statuses that count as well; none means 200 to 299.
    pub statuses: Vec<u16>,
    /// HTTP only. Must occur in the first 64 KiB of the body.
    pub contains: Option<String>,
    /// For all of it; a minute at most.
    pub timeout: Duration,
}

/// A probe that went well.
#[derive(Debug, Clone, PartialEq)]
pub struct Success {
    /// From the start to the last thing that was asked for.
    pub latency: Duration,
    /// What was learned on the way. Names are those of OpenTelemetry.
    pub attributes: Vec<Attribute>,
}

/// A name and what was learned.
pub type Attribute = (&'static str, Value);

/// What was learned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A number.
    Integer(i64),
}

/// A probe that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What went wrong.
    pub reason: Reason,
    /// One sentence for operators. It may name hosts and users, but never holds a password.
    pub message: String,
    /// Time until the failure was clear.
    pub latency: Duration,
}

/// What went wrong, sorted by who has to act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Not on the allow-list; the entry that would allow it.
    Denied(String),
    /// There is no probe for the scheme.
    Unsupported,
    /// The task makes no sense.
    Invalid,
    /// The name could not be resolved.
    Resolve,
    /// Refused, unreachable, or cut off.
    Connect,
    /// The TLS handshake failed.
    Tls,
    /// Not all of it was done in time.
    Timeout,
    /// The credentials were refused.
    Credentials,
    /// An HTTP status that is not expected.
    Status(u16),
    /// The server speaks the protocol but declines.
    Declined,
    /// It answered something else than it should.
    Mismatch,
    /// What came back is not that protocol.
    Protocol,
}

impl Reason {
    /// The reason in one word, as metrics and logs name it.
    pub fn word(&self) -> &'static str {
        match self {
            Reason::Denied(_) => "denied",
            Reason::Unsupported => "unsupported",
            Reason::Invalid => "invalid",
            Reason::Resolve => "resolve",
            Reason::Connect => "connect",
            Reason::Tls => "tls",
            Reason::Timeout => "timeout",
            Reason::Credentials => "credentials",
            Reason::Status(_) => "status",
            Reason::Declined => "declined",
            Reason::Mismatch => "mismatch",
            Reason::Protocol => "protocol",
        }
    }
}

/// What a kind of probe says when it failed.
#[derive(Debug)]
struct Trouble {
    reason: Reason,
    message: String,
}

impl Trouble {
    fn new(reason: Reason, message: impl Into<String>) -> Trouble {
        Trouble { reason, message: message.into() }
    }
}

/// Runs all tasks at the same time and answers in their order. Takes as long as the slowest. Each
/// task is counted in `counts`, by scheme and outcome.
///
/// Dropping the future closes the connections.
pub async fn run(
    dialer: &Dialer,
    counts: &metrics::Health,
    tasks: &[Task],
    allowed: &[Allowed],
) -> Vec<Result<Success, Failure>> {
    let probes = tasks.iter().enumerate().map(|(index, task)| async move {
        let start = Instant::now();
        let limit = task.timeout.min(LONGEST);
        let outcome = match index < MOST_TASKS {
            true => timeout(limit, attempt(dialer, task, allowed)).await.unwrap_or_else(|_| {
                Err(Trouble::new(Reason::Timeout, format!("There was no answer within {limit:?}.")))
            }),
            false => {
                let message = format!("Only {MOST_TASKS} probes can be run at once.");
                Err(Trouble::new(Reason::Invalid, message))
            }
        };
        let latency = start.elapsed();
        let scheme = target::known_scheme(&task.url);
        let word = outcome.as_ref().err().map_or("ok", |trouble| trouble.reason.word());
        counts.probes.with([scheme, word]).increment();
        counts.probe_duration.with([scheme]).observe_duration(latency);
        match outcome {
            Ok(attributes) => Ok(Success { latency, attributes }),
            Err(Trouble { reason, message }) => {
                Err(Failure { reason, message: sentence(&message), latency })
            }
        }
    });
    futures_util::future::join_all(probes).await
}

/// One task, from its text to what was learned.
async fn attempt(
    dialer: &Dialer,
    task: &Task,
    allowed: &[Allowed],
) -> Result<Vec<Attribute>, Trouble> {
    let url = with_credentials(&task.url, allowed).map_err(|refusal| {
        let reason = match &refusal {
            Refusal::Invalid(_) => Reason::Invalid,
            Refusal::Unsupported(_) => Reason::Unsupported,
            Refusal::Denied(entry) => Reason::Denied(entry.clone()),
        };
        Trouble::new(reason, format!("{refusal}."))
    })?;
    match url.scheme() {
        "http" => http::probe(dial(dialer, &url, false).await?, &url, task).await,
        "https" => http::probe(dial(dialer, &url, true).await?, &url, task).await,
        "redis" => redis::probe(dial(dialer, &url, false).await?, &url).await,
        "rediss" => redis::probe(dial(dialer, &url, true).await?, &url).await,
        "postgres" => {
            let mut stream = dial(dialer, &url, false).await?;
            if postgres::wants_tls(&url)? {
                postgres::begin_tls(&mut stream, &url).await?;
                stream = secure(dialer, &url, stream).await?;
            }
            postgres::probe(stream, &url).await
        }
        _ => tcp::probe(dial(dialer, &url, false).await?).await,
    }
}

async fn dial(dialer: &Dialer, url: &Url, secure: bool) -> Result<Stream, Trouble> {
    let origin = origin(url, secure)?;
    let dialled = dialer.dial(&origin, Reach::Anywhere).await;
    dialled.map_err(|error| not_connected(url, &error))
}

/// Goes on with TLS where a protocol begins without.
async fn secure(dialer: &Dialer, url: &Url, stream: Stream) -> Result<Stream, Trouble> {
    let origin = origin(url, true)?;
    let secured = dialer.secure(&origin, stream).await;
    secured.map_err(|error| not_connected(url, &error))
}

fn origin(url: &Url, secure: bool) -> Result<Origin, Trouble> {
    let (scheme, place) = (if secure { "https" } else { "http" }, place(url));
    Origin::parse(&format!("{scheme}://{place}"))
        .map_err(|_| Trouble::new(Reason::Invalid, format!("`{place}` is no host and port.")))
}

fn not_connected(url: &Url, error: &DialError) -> Trouble {
    let (reason, what) = match error {
        DialError::Resolve { .. } => (Reason::Resolve, "could not be resolved"),
        DialError::Refused { .. } => (Reason::Connect, "refused the connection"),
        DialError::Unreachable { .. } | DialError::Forbidden { .. } => {
            (Reason::Connect, "could not be reached")
        }
        DialError::Timeout { .. } => (Reason::Timeout, "was not connected in time"),
        DialError::Tls { .. } => (Reason::Tls, "failed the TLS handshake"),
    };
    Trouble::new(reason, format!("`{}` {what}{}.", place(url), cause(error)))
}

/// Host and port, as messages name them.
fn place(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    format!("{host}:{}", target::port(url).unwrap_or_default())
}

/// The innermost cause of an error as a parenthesis, if there is one.
fn cause(error: &dyn std::error::Error) -> String {
    let innermost = std::iter::successors(error.source(), |error| error.source()).last();
    innermost.map(|cause| format!(" ({cause})")).unwrap_or_default()
}

/// Bounds a message and takes out what would break a line: parts of it were said by a server.
fn sentence(message: &str) -> String {
    let mut out: String = message
        .chars()
        .map(|char| if char.is_control() { ' ' } else { char })
        .take(LONGEST_MESSAGE)
        .collect();
    if let Some(first) = out.chars().next().filter(char::is_ascii_lowercase) {
        out.replace_range(..1, &first.to_ascii_uppercase().to_string());
    }
    out
}

/// The user name or password of a URL in plain text.
fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Runs a conversation together with the driver of its connection, and ends with the former.
async fn driven<T>(conversation: impl Future<Output = T>, driver: impl Future) -> T {
    let mut conversation = std::pin::pin!(conversation);
    // A driver that has ended is dropped at once, which wakes a conversation that still waits for it.
    let mut driver = std::pin::pin!(driver.fuse());
    loop {
        tokio::select! {
            biased;
            answer = &mut conversation => return answer,
            _ = &mut driver, if !driver.is_terminated() => {}
        }
    }
}

/// Servers for the tests of all kinds of probes.
#[cfg(test)]
mod testing {
    use super::*;
    use crate::outbound::Dialing;
    use std::process::{Child, Command, Stdio};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    /// A private authority, only made for these tests.
    pub(super) fn authority() -> Vec<u8> {
        bytes(AUTHORITY)
    }

    /// Its certificate for `localhost` and 127.0.0.1, valid to the end of 2055.
    pub(super) fn certificate() -> Vec<u8> {
        bytes(CERTIFICATE)
    }

    /// The key of that certificate.
    pub(super) fn key() -> Vec<u8> {
        bytes(KEY)
    }

    const AUTHORITY: &str = "\
         3082015f30820106a00302010202146507f577cf944754419fcf495151af17831f16f7300a06082a8648\
         ce3d040302300d310b300906035504030c0263613020170d3230303130313030303030305a180f323037\
         36303130313030303030305a300d310b300906035504030c0263613059301306072a8648ce3d02010608\
         2a8648ce3d030107034200049d4ba647879b1c009a5317edbb3e516d8c431cf095142ae285377e7cadf1\
         81629afdb26bca81c7f9c5f6622c96f9f4edaab917a9865d842d6fb16166dfd5220aa3423040300f0603\
         551d130101ff040530030101ff300e0603551d0f0101ff040403020204301d0603551d0e041604146100\
         909cc3fae82cae839c62455072df4f825810300a06082a8648ce3d0403020347003044022059223b0853\
         53f39e683a791646687762cd8eb6178326ff4d606ff20c23f2590102202b6bdbc55ae9c1bb0d7336ae24\
         26400cf848adc33fe0e42b75d44c45f18bacbd";
    const CERTIFICATE: &str = "\
         308201a230820149a00302010202142f47efac2178649e93eee86b8f91e1225b3e99d7300a06082a8648\
         ce3d040302300d310b300906035504030c0263613020170d3230303130313030303030305a180f323035\
         35313233313233353935395a30143112301006035504030c096c6f63616c686f73743059301306072a86\
         48ce3d020106082a8648ce3d03010703420004d088d71bf49225216acda9af8978fdcf2def0be1232587\
         00d6eefd06647684492e4edc060f539a26c82a08bbee0b947e6a81880319322c4b1c533aed134808d1a3\
         7e307c301a0603551d110413301182096c6f63616c686f737487047f00000130090603551d1304023000\
         30130603551d25040c300a06082b06010505070301301d0603551d0e04160414bb57fa4c8552c514fc0d\
         d4d97d1fe6f528a32970301f0603551d230418301680146100909cc3fae82cae839c62455072df4f8258\
         10300a06082a8648ce3d040302034700304402207165620dbfb4ac4ce75559e4ea77d5f0cc95fecbc336\
         3c521826d9510bbc66c4022062e4a32eb301ae334bc53bfbf80050c176a7d9c8a8d42e35e5e26a8be28c\
         edfe";
    const KEY: &str = "\
         308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420c7e8ec2c4ff4\
         6a89193944d73ff1242fe961010db1a25fe35063999557aa5043a14403420004d088d71bf49225216acd\
         a9af8978fdcf2def0be123258700d6eefd06647684492e4edc060f539a26c82a08bbee0b947e6a818803\
         19322c4b1c533aed134808d1";

    fn bytes(hex: &str) -> Vec<u8> {
        let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex digits");
        (0..hex.len()).step_by(2).map(digits).collect()
    }

    /// A task with nothing special about it.
    pub(super) fn task(url: &str) -> Task {
        Task {
            url: url.into(),
            headers: Vec::new(),
            statuses: Vec::new(),
            contains: None,
            timeout: Duration::from_secs(20),
        }
    }

    pub(super) fn host() -> metrics::Host {
        metrics::Host::new(metrics::Build { version: "0", revision: "x" })
    }

    /// Runs one task, whose target is allowed.
    pub(super) async fn run_task(task: Task) -> Result<Success, Failure> {
        let authorities = vec![authority().into()];
        let dialer = Dialer::new(Dialing { authorities, ..Dialing::default() }).expect("valid");
        let allowed: Vec<Allowed> = Allowed::parse(&task.url).into_iter().collect();
        let mut answers = run(&dialer, &host().health, &[task], &allowed).await;
        answers.pop().expect("one answer for one task")
    }

    /// Probes a target which is allowed.
    pub(super) async fn probe(url: &str) -> Result<Success, Failure> {
        run_task(task(url)).await
    }

    /// Probes a target which is not well.
    pub(super) async fn failure(url: &str) -> (Reason, String) {
        match probe(url).await {
            Ok(success) => panic!("{url} is well: {success:?}"),
            Err(Failure { reason, message, .. }) => {
                assert!(message.ends_with('.') && !message.contains('\n'), "{message}");
                (reason, message)
            }
        }
    }

    /// Probes a target which accepts, and then says nothing or not enough.
    pub(super) async fn hang(url: &str) {
        let timeout = Duration::from_millis(400);
        let failure = run_task(Task { timeout, ..task(url) }).await.expect_err("it hangs");
        assert_eq!(failure.reason, Reason::Timeout, "{}", failure.message);
        assert!(failure.latency >= timeout, "{failure:?}");
    }

    pub(super) fn free_port() -> u16 {
        std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port()
    }

    /// What a hand-made server does after it has said everything.
    #[derive(Debug, Clone, Copy)]
    pub(super) enum After {
        Hold,
        Close,
        Reset,
    }

    /// A server that says one of `lines` each time it is spoken to, whatever it is told, and after
    /// the last one does what `after` says. Serves one connection.
    pub(super) async fn script(lines: &[&[u8]], after: After) -> u16 {
        let lines: Vec<Vec<u8>> = lines.iter().map(|line| line.to_vec()).collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let port = listener.local_addr().expect("bound").port();
        tokio::task::spawn(async move {
            let (mut peer, _) = listener.accept().await.expect("accepted");
            let mut buffer = [0; 4096];
            for line in lines {
                let _ = peer.read(&mut buffer).await;
                let _ = peer.write_all(&line).await;
            }
            match after {
                After::Hold => while peer.read(&mut buffer).await.is_ok_and(|read| read > 0) {},
                After::Close => {
                    let _ = peer.shutdown().await;
                    while peer.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
                }
                After::Reset => {
                    let socket = socket2::SockRef::from(&peer);
                    socket.set_linger(Some(Duration::ZERO)).expect("it is ours");
                }
            }
        });
        port
    }

    /// The same with a single line.
    pub(super) async fn raw(says: impl AsRef<[u8]>, after: After) -> u16 {
        script(&[says.as_ref()], after).await
    }

    /// A real server, ended when dropped.
    pub(super) struct Process(Child);

    impl Process {
        /// Starts it and waits until it listens; none where it is not installed.
        pub(super) async fn start(command: &mut Command, name: &str, port: u16) -> Option<Process> {
            let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
            let Ok(child) = child else {
                eprintln!("skipped: {name} is not installed");
                return None;
            };
            let process = Process(child);
            for _ in 0..1000 {
                if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                    return Some(process);
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            panic!("{name} does not listen on {port}");
        }

        pub(super) fn signal(&self, signal: rustix::process::Signal) {
            let process = rustix::process::Pid::from_child(&self.0);
            rustix::process::kill_process(process, signal).expect("it is ours");
        }

        /// Waits for its end, which somebody else brings about.
        pub(super) fn wait(&mut self) {
            let _ = self.0.wait();
        }
    }

    impl Drop for Process {
        fn drop(&mut self) {
            // It may have ended before; then there is nothing left to do.
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{After, failure, free_port, host, probe, raw, task};
    use super::*;
    use crate::outbound::Dialing;

    #[tokio::test]
    async fn tcp_is_well_where_somebody_listens() {
        let port = raw("", After::Hold).await;
        let success = probe(&format!("tcp://localhost:{port}")).await.expect("it listens");
        assert!(success.latency > Duration::ZERO && success.attributes.is_empty(), "{success:?}");
        let (reason, message) = failure(&format!("tcp://127.0.0.1:{}", free_port())).await;
        assert_eq!(reason, Reason::Connect, "{message}");
        assert!(message.contains("refused the connection"), "{message}");
        let (reason, message) = failure("tcp://no-such-name.invalid:80").await;
        assert_eq!(reason, Reason::Resolve, "{message}");
    }

    #[tokio::test]
    async fn nothing_is_dialled_that_is_not_allowed() {
        let (peers, mut dialled) = tokio::sync::mpsc::channel(1);
        let dialer = Dialer::to_memory(Dialing::default(), peers).expect("valid");
        let tasks = ["tcp://db:5432", "gopher://db", "db", "redis://u:s3cret@db"].map(task);
        let host = host();
        let answers = run(&dialer, &host.health, &tasks, &[]).await;
        let reasons: Vec<Reason> = answers
            .iter()
            .filter_map(|answer| answer.as_ref().err().map(|f| f.reason.clone()))
            .collect();
        let expected = [
            Reason::Denied("tcp://db:5432".into()),
            Reason::Unsupported,
            Reason::Invalid,
            Reason::Denied("redis://db".into()),
        ];
        assert_eq!(reasons, expected);
        assert!(!format!("{answers:?}").contains("s3cret"), "{answers:?}");
        assert!(dialled.try_recv().is_err());
        let text = host.expose(None, None).body;
        let text = std::str::from_utf8(&text).expect("text");
        for line in [
            "tamis_probes_total{scheme=\"redis\",outcome=\"denied\"} 1",
            "tamis_probes_total{scheme=\"other\",outcome=\"unsupported\"} 1",
            "tamis_probe_duration_seconds_count{scheme=\"tcp\"} 1",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn probes_run_at_the_same_time_and_end_in_time() {
        let (peers, mut dialled) = tokio::sync::mpsc::channel(16);
        let dialer = Dialer::to_memory(Dialing::default(), peers).expect("valid");
        let allowed = [Allowed::parse("redis://db").expect("valid")];
        let mut tasks = vec![task("redis://db"); 8];
        for (index, task) in tasks.iter_mut().enumerate() {
            task.timeout = Duration::from_secs(index as u64);
        }
        tasks[7].timeout = Duration::MAX;
        let start = Instant::now();
        let answers = run(&dialer, &host().health, &tasks, &allowed).await;
        assert_eq!(start.elapsed(), LONGEST, "as long as the slowest, which is bounded");
        for (index, answer) in answers.iter().enumerate() {
            let failure = answer.as_ref().expect_err("nobody answers");
            assert_eq!(failure.reason, Reason::Timeout);
            let limit = Duration::from_secs(index as u64);
            assert_eq!(failure.latency, if index == 7 { LONGEST } else { limit });
        }
        assert!(dialled.try_recv().is_ok());
        let many =
            run(&dialer, &host().health, &vec![task("tcp://other:1"); MOST_TASKS + 1], &allowed)
                .await;
        let last = many[MOST_TASKS].as_ref().expect_err("one too many");
        assert_eq!(last.reason, Reason::Invalid, "{}", last.message);
    }

    #[test]
    fn messages_are_one_line_and_bounded() {
        assert_eq!(sentence("a\r\nb\u{1b}[0m"), "A  b [0m");
        assert_eq!(sentence("`x`"), "`x`");
        assert_eq!(sentence(&"ä".repeat(1000)).chars().count(), LONGEST_MESSAGE);
    }
}
