//! Does a PostgreSQL server let us in and answer `SELECT 1`.
//!
//! Without TLS unless the URL asks for it: `?sslmode=require`. The certificate is always verified
//! then, which is more than other clients do for that word.

use super::{Attribute, Reason, Trouble, Value, cause, certificate, decoded, driven, place};
use crate::wire::Stream;
use futures_util::FutureExt;
use futures_util::future::FusedFuture;
use std::error::Error as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Config, Error, NoTls, SimpleQueryMessage};
use url::Url;

/// User of a URL that names none: the one that every server has.
const USER: &str = "postgres";
/// Longest wait for an orderly goodbye.
const GOODBYE: Duration = Duration::from_millis(100);

/// What asks the server to go on with TLS.
const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// Whether the URL asks for TLS.
pub(super) fn wants_tls(url: &Url) -> Result<bool, Trouble> {
    let modes = url.query_pairs().filter(|(key, _)| key == "sslmode");
    match modes.last().as_ref().map(|(_, mode)| mode.as_ref()) {
        None | Some("disable" | "allow" | "prefer") => Ok(false),
        Some("require" | "verify-ca" | "verify-full") => Ok(true),
        Some(_) => {
            let message = "The `sslmode` of the URL is unknown; use `require` or `disable`.";
            Err(Trouble::new(Reason::Invalid, message))
        }
    }
}

/// Asks the server to go on with TLS. What follows is the handshake.
pub(super) async fn begin_tls(stream: &mut Stream, url: &Url) -> Result<(), Trouble> {
    let place = place(url);
    let asked = async {
        stream.write_all(&TLS_REQUEST).await?;
        stream.flush().await?;
        // One byte and no more: nothing that comes in plain text may be taken for the secured part.
        stream.read_u8().await
    };
    match asked.await {
        Ok(b'S') => Ok(()),
        Ok(b'N') => Err(Trouble::new(Reason::Tls, format!("`{place}` is not set up for TLS."))),
        Ok(b'E') => {
            Err(Trouble::new(Reason::Declined, format!("`{place}` answered with an error.")))
        }
        Ok(_) => {
            let message = format!("What `{place}` answered is not PostgreSQL.");
            Err(Trouble::new(Reason::Protocol, message))
        }
        Err(error) => {
            let message = format!("`{place}` closed the connection ({error}).");
            Err(Trouble::new(Reason::Connect, message))
        }
    }
}

/// Logs in and asks for 1.
pub(super) async fn probe(stream: Stream, url: &Url) -> Result<Vec<Attribute>, Trouble> {
    let place = place(url);
    let broken = |error: Error| trouble(&place, &error);
    let config = login(url);
    let mut attributes = certificate::attributes(&stream);
    let stream = Checked { stream, is_checked: false };
    let (client, connection) = config.connect_raw(stream, NoTls).await.map_err(broken)?;
    let version = connection.parameter("server_version").map(String::from);
    let mut connection = std::pin::pin!(connection.fuse());
    let rows = driven(client.simple_query("SELECT 1"), &mut connection).await.map_err(broken)?;
    // Says goodbye, so that the server does not log a client that vanished. If it does not work in
    // time, the answer is here all the same.
    drop(client);
    if !connection.is_terminated() {
        let _ = timeout(GOODBYE, connection).await;
    }
    let is_one = rows.iter().any(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0) == Some("1"),
        _ => false,
    });
    if !is_one {
        let message = format!("`{place}` did not answer `SELECT 1` with 1.");
        return Err(Trouble::new(Reason::Mismatch, message));
    }
    attributes.push(("db.system.name", Value::Text("postgresql".into())));
    attributes.extend(version.map(|version| ("db.system.version", Value::Text(version))));
    Ok(attributes)
}

fn login(url: &Url) -> Config {
    let user = match url.username() {
        "" => USER.into(),
        user => decoded(user),
    };
    let database = match url.path().trim_matches('/') {
        "" => user.clone(),
        database => decoded(database),
    };
    let mut config = Config::new();
    config.user(user).dbname(database).application_name("tamis").ssl_mode(SslMode::Disable);
    if let Some(password) = url.password() {
        config.password(decoded(password));
    }
    config
}

fn trouble(place: &str, error: &Error) -> Trouble {
    if let Some(said) = error.as_db_error() {
        let (severity, code) = (said.severity(), said.code().code());
        let what = format!("{severity} {code}: {}", said.message());
        // Class 28 is about who may log in, 42501 about what they may do.
        return match code.starts_with("28") || code == "42501" {
            true => {
                let message = format!("`{place}` refused the credentials ({what}).");
                Trouble::new(Reason::Credentials, message)
            }
            false => Trouble::new(Reason::Declined, format!("`{place}` declined ({what}).")),
        };
    }
    let kind = error.source().and_then(|source| source.downcast_ref()).map(io::Error::kind);
    let text = error.to_string();
    if text.starts_with("authentication error") || text.starts_with("invalid configuration") {
        // Nothing in the configuration can be invalid but a password that is missing.
        let message = format!("`{place}` asks for other credentials ({text}).");
        return Trouble::new(Reason::Credentials, message);
    }
    let broken_off = match kind {
        Some(kind) => !matches!(kind, io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput),
        None => error.is_closed(),
    };
    match broken_off {
        true => {
            let message = format!("`{place}` closed the connection{}.", cause(error));
            Trouble::new(Reason::Connect, message)
        }
        false => {
            let message = format!("What `{place}` answered is not PostgreSQL ({text}).");
            Trouble::new(Reason::Protocol, message)
        }
    }
}

/// A stream whose first byte is checked. Other protocols look like the begin of a very long message,
/// and the driver would wait for the rest of it.
struct Checked {
    stream: Stream,
    is_checked: bool,
}

impl AsyncRead for Checked {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
        if let (false, Some(first)) = (this.is_checked, buffer.filled().get(before)) {
            this.is_checked = true;
            // Authentication, error, notice, or negotiation of the version.
            if !b"RENv".contains(first) {
                return Poll::Ready(Err(io::Error::from(io::ErrorKind::InvalidData)));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Checked {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{
        After, Process, certificate, failure, free_port, hang, key, probe, script,
    };
    use super::*;
    use base64::prelude::{BASE64_STANDARD, Engine};
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, chown};
    use std::os::unix::process::CommandExt;
    use std::path::PathBuf;
    use std::process::{Command, Stdio};
    use tempfile::TempDir;

    /// A real server with the user `me`, password `r1ght`; none where it is not installed.
    struct Server {
        process: Process,
        _directory: TempDir,
        programs: PathBuf,
        port: u16,
    }

    /// As `postgres` where the tests run as root: the server refuses to.
    fn command(program: PathBuf, user: Option<(u32, u32)>) -> Command {
        let mut command = Command::new(program);
        if let Some((user, group)) = user {
            command.uid(user).gid(group);
        }
        command
    }

    /// The user that runs servers, where that has to be another than ours.
    fn user() -> Option<(u32, u32)> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let users = std::fs::read_to_string("/etc/passwd").ok()?;
        let user = users.lines().find_map(|line| line.strip_prefix("postgres:x:"))?;
        let (user, rest) = user.split_once(':')?;
        Some((user.parse().ok()?, rest.split(':').next()?.parse().ok()?))
    }

    impl Server {
        async fn start(options: &[&str]) -> Option<Server> {
            let directory = tempfile::tempdir().expect("a directory");
            let user = user();
            if let Some((user, group)) = user {
                chown(directory.path(), Some(user), Some(group)).expect("we are root");
            }
            let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
            let programs = versions.flatten().map(|version| version.path().join("bin")).max();
            let Some(programs) = programs else {
                eprintln!("skipped: postgresql is not installed");
                return None;
            };
            let data = directory.path().join("data");
            let made = command(programs.join("initdb"), user)
                .args(["-A", "trust", "-U", "postgres", "--no-sync", "-D"])
                .arg(&data)
                .current_dir(directory.path())
                .stdout(Stdio::null())
                .status()
                .expect("initdb runs");
            assert!(made.success());
            let rules = "host all postgres 127.0.0.1/32 trust\n\
                host all all 127.0.0.1/32 scram-sha-256\n";
            std::fs::write(data.join("pg_hba.conf"), rules).expect("it is ours");
            let pem = |what: &str, bytes: Vec<u8>| {
                let text = BASE64_STANDARD.encode(bytes);
                format!("-----BEGIN {what}-----\n{text}\n-----END {what}-----\n")
            };
            let files = [
                ("server.crt", pem("CERTIFICATE", certificate())),
                ("server.key", pem("PRIVATE KEY", key())),
            ];
            for (name, text) in files {
                let path = data.join(name);
                std::fs::write(&path, text).expect("it is ours");
                std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("it is ours");
                if let Some((user, group)) = user {
                    chown(&path, Some(user), Some(group)).expect("we are root");
                }
            }
            let port = free_port();
            let mut run = command(programs.join("postgres"), user);
            run.arg("-D").arg(&data).args(["-p", &port.to_string()]);
            for option in ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"] {
                run.args(["-c", option]);
            }
            options.iter().for_each(|option| {
                run.args(["-c", option]);
            });
            run.current_dir(directory.path());
            let process = Process::start(&mut run, "postgres", port).await?;
            let server = Server { process, _directory: directory, programs, port };
            // It listens a little before it lets anybody in.
            while failure_of(&server.url("postgres@", "")).await == Some(Reason::Declined) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            server.run("CREATE USER me PASSWORD 'r1ght'; CREATE DATABASE app");
            Some(server)
        }

        fn run(&self, statements: &str) {
            for statement in statements.split(';') {
                let done = Command::new(self.programs.join("psql"))
                    .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "postgres"])
                    .args(["-qc", statement])
                    .stdout(Stdio::null())
                    .status()
                    .expect("psql runs");
                assert!(done.success(), "{statement}");
            }
        }

        fn url(&self, login: &str, path: &str) -> String {
            format!("postgres://{login}127.0.0.1:{}{path}", self.port)
        }
    }

    impl Drop for Server {
        fn drop(&mut self) {
            // Ends its own children, too.
            self.process.signal(rustix::process::Signal::QUIT);
            self.process.wait();
        }
    }

    async fn failure_of(target: &str) -> Option<Reason> {
        probe(target).await.err().map(|failure| failure.reason)
    }

    #[tokio::test]
    async fn a_server_that_lets_us_in_and_answers_is_well() {
        let Some(server) = Server::start(&[]).await else { return };
        for (login, path) in [("", ""), ("postgres@", "/app"), ("me:r1ght@", "/postgres")] {
            let success = probe(&server.url(login, path)).await.expect("it is well");
            assert_eq!(success.attributes[0].1, Value::Text("postgresql".into()));
            assert_eq!(success.attributes[1].0, "db.system.version");
        }
        let (reason, message) = failure(&server.url("me:wr0ng@", "/postgres")).await;
        assert_eq!(reason, Reason::Credentials, "{message}");
        assert!(message.contains("28P01") && !message.contains("wr0ng"), "{message}");
        for login in ["me@", "nobody:r1ght@"] {
            let (reason, message) = failure(&server.url(login, "/postgres")).await;
            assert_eq!(reason, Reason::Credentials, "{login} {message}");
        }
        let (reason, message) = failure(&server.url("postgres@", "/none")).await;
        assert_eq!((reason, message.contains("3D000")), (Reason::Declined, true), "{message}");
        server.run("REVOKE CONNECT ON DATABASE app FROM public");
        let (reason, message) = failure(&server.url("me:r1ght@", "/app")).await;
        assert_eq!((reason, message.contains("42501")), (Reason::Credentials, true), "{message}");

        server.process.signal(rustix::process::Signal::STOP);
        hang(&server.url("", "")).await;
        server.process.signal(rustix::process::Signal::CONT);
    }

    #[tokio::test]
    async fn tls_is_spoken_where_the_url_asks_for_it() {
        let Some(server) = Server::start(&["ssl=on"]).await else { return };
        let (plain, secure) = ("/postgres", "/postgres?sslmode=require");
        let success = probe(&server.url("me:r1ght@", secure)).await.expect("it is trusted");
        assert_eq!(success.attributes[0], ("tls.protocol.version", Value::Text("1.3".into())));
        probe(&server.url("me:r1ght@", plain)).await.expect("it takes both");
        let (reason, message) = failure(&server.url("me:wr0ng@", secure)).await;
        assert_eq!(reason, Reason::Credentials, "{message}");
        let (reason, message) = failure(&server.url("", "/postgres?sslmode=maybe")).await;
        assert_eq!(reason, Reason::Invalid, "{message}");
        let table: [(&[&[u8]], Reason); 4] = [
            (&[b"N"], Reason::Tls),
            (&[b"SHTTP/1.1 400 Bad Request"], Reason::Tls),
            (&[b"H"], Reason::Protocol),
            (&[b""], Reason::Connect),
        ];
        for (says, expected) in table {
            let port = script(says, After::Close).await;
            let (reason, message) =
                failure(&format!("postgres://127.0.0.1:{port}?sslmode=verify-full")).await;
            assert_eq!(reason, expected, "{says:?}: {message}");
        }
    }

    #[tokio::test]
    async fn a_server_without_room_declines() {
        let options = ["max_connections=4", "superuser_reserved_connections=3"];
        let Some(server) = Server::start(&options).await else { return };
        let url = server.url("me:r1ght@", "/postgres");
        probe(&url).await.expect("there is room for one");
        let mut config = Config::new();
        config.host("127.0.0.1").port(server.port).user("me").password("r1ght").dbname("postgres");
        // The place of the probe is free a moment after it said goodbye.
        let (_client, connection) = loop {
            match config.connect(NoTls).await {
                Ok(connected) => break connected,
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        };
        let (reason, message) = driven(async { failure(&url).await }, connection).await;
        assert_eq!((reason, message.contains("53300")), (Reason::Declined, true), "{message}");
    }

    #[tokio::test]
    async fn what_a_server_says_is_sorted() {
        let starting = "E\0\0\0\x32SFATAL\0C57P03\0Mthe database system is starting up\0\0";
        let mut starting = starting.to_owned().into_bytes();
        starting[4] = u8::try_from(starting.len() - 1).expect("short");
        let clear_text = b"R\0\0\0\x08\0\0\0\x03";
        let welcome = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
        let nothing = b"C\0\0\0\x0dSELECT 0\0Z\0\0\0\x05I";
        let table: [(&[&[u8]], After, Reason); 8] = [
            (&[&starting], After::Close, Reason::Declined),
            (&[clear_text], After::Hold, Reason::Credentials),
            (&[b"HTTP/1.1 400 Bad Request\r\n\r\n"], After::Hold, Reason::Protocol),
            (&[b"-ERR unknown command\r\n"], After::Hold, Reason::Protocol),
            (&[welcome, nothing], After::Close, Reason::Mismatch),
            (&[b""], After::Close, Reason::Connect),
            (&[b"R\0\0\0\x08"], After::Close, Reason::Connect),
            (&[welcome, b""], After::Reset, Reason::Connect),
        ];
        for (says, after, expected) in table {
            let port = script(says, after).await;
            let (reason, message) = failure(&format!("postgres://127.0.0.1:{port}")).await;
            assert_eq!(reason, expected, "{says:?}: {message}");
        }
    }
}
