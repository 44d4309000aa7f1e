//! Does a server of the Redis protocol keep what it is told: PING, then a key of ours is written
//! with an expiry of ten seconds, read and compared.

use super::{Attribute, Reason, Trouble, Value, decoded, driven, place};
use crate::wire::Stream;
use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, ErrorKind, RedisConnectionInfo, RedisError, cmd};
use url::Url;

/// Seconds until the key is gone.
const EXPIRY: u32 = 10;

/// Logs in if there are credentials, and writes and reads one key.
pub(super) async fn probe(stream: Stream, url: &Url) -> Result<Vec<Attribute>, Trouble> {
    let place = place(url);
    let broken = |error: RedisError| trouble(&place, &error);
    // One timeout for all of it is kept elsewhere.
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    let (mut connection, driver) =
        MultiplexedConnection::new_with_config(&login(url)?, stream, config)
            .await
            .map_err(broken)?;
    let conversation = async {
        let pong: String = cmd("PING").query_async(&mut connection).await.map_err(broken)?;
        if pong != "PONG" {
            let message = format!("`{place}` did not answer PING with PONG.");
            return Err(Trouble::new(Reason::Protocol, message));
        }
        let value = uuid::Uuid::new_v4().simple().to_string();
        let key = format!("tamis:probe:{value}");
        let () = cmd("SET")
            .arg(&key)
            .arg(&value)
            .arg("EX")
            .arg(EXPIRY)
            .query_async(&mut connection)
            .await
            .map_err(broken)?;
        let read: Option<Vec<u8>> =
            cmd("GET").arg(&key).query_async(&mut connection).await.map_err(broken)?;
        match read {
            Some(read) if read == value.as_bytes() => Ok(()),
            Some(_) => {
                let message = format!("`{place}` answered another value than was written.");
                Err(Trouble::new(Reason::Mismatch, message))
            }
            None => {
                let message = format!("`{place}` does not know the key that was just written.");
                Err(Trouble::new(Reason::Mismatch, message))
            }
        }
    };
    driven(conversation, driver).await?;
    Ok(vec![("db.system.name", Value::Text("redis".into()))])
}

fn login(url: &Url) -> Result<RedisConnectionInfo, Trouble> {
    let path = url.path().trim_matches('/');
    let database = match path {
        "" => Ok(0),
        path => path.parse::<u32>().map(i64::from).map_err(|_| {
            let message = "The path of the URL is not the number of a database.";
            Trouble::new(Reason::Invalid, message)
        }),
    };
    let mut login = RedisConnectionInfo::default().set_db(database?).set_skip_set_lib_name();
    if !url.username().is_empty() {
        login = login.set_username(decoded(url.username()));
    }
    if let Some(password) = url.password() {
        login = login.set_password(decoded(password));
    }
    Ok(login)
}

fn trouble(place: &str, error: &RedisError) -> Trouble {
    let said = [error.code(), error.detail()].into_iter().flatten().collect::<Vec<_>>().join(" ");
    match (error.code().unwrap_or_default(), error.kind()) {
        ("NOAUTH" | "WRONGPASS" | "NOPERM", _) | (_, ErrorKind::AuthenticationFailed) => {
            let message = format!("`{place}` refused the credentials: {said}.");
            Trouble::new(Reason::Credentials, message)
        }
        (_, ErrorKind::Server(_) | ErrorKind::Extension) => {
            Trouble::new(Reason::Declined, format!("`{place}` declined: {said}."))
        }
        (_, ErrorKind::Io) => {
            let message = format!("`{place}` closed the connection ({error}).");
            Trouble::new(Reason::Connect, message)
        }
        _ => {
            let message = format!("What `{place}` answered is not the Redis protocol ({error}).");
            Trouble::new(Reason::Protocol, message)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{After, Process, failure, free_port, hang, probe, script};
    use super::*;
    use std::process::Command;

    /// A real server; none where it is not installed.
    async fn server(arguments: &[&str]) -> Option<(Process, u16)> {
        let port = free_port();
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
        let process = Process::start(command.args(arguments), "redis-server", port).await?;
        Some((process, port))
    }

    #[tokio::test]
    async fn a_server_that_keeps_what_it_is_told_is_well() {
        let Some((_server, port)) = server(&[]).await else { return };
        for target in [format!("redis://127.0.0.1:{port}"), format!("valkey://localhost:{port}/3")]
        {
            let success = probe(&target).await.expect("it is well");
            let system = ("db.system.name", Value::Text("redis".into()));
            assert_eq!(success.attributes, [system], "{target}");
        }
        let (reason, message) = failure(&format!("redis://127.0.0.1:{port}/99")).await;
        assert_eq!(reason, Reason::Declined, "{message}");
        let (reason, message) = failure(&format!("redis://127.0.0.1:{port}/x")).await;
        assert_eq!(reason, Reason::Invalid, "{message}");
    }

    #[tokio::test]
    async fn credentials_are_used_and_their_refusal_is_told_apart() {
        let Some((_server, port)) = server(&["--requirepass", "s3cret"]).await else { return };
        probe(&format!("redis://:s3cret@127.0.0.1:{port}")).await.expect("the right password");
        probe(&format!("redis://default:s3cret@127.0.0.1:{port}")).await.expect("and user");
        for login in ["", ":wr0ng@", "nobody:s3cret@"] {
            let (reason, message) = failure(&format!("redis://{login}127.0.0.1:{port}")).await;
            assert_eq!(reason, Reason::Credentials, "{login} {message}");
            assert!(!message.contains("s3cret") && !message.contains("wr0ng"), "{message}");
        }
        let Some((_server, port)) = server(&[]).await else { return };
        let (reason, message) = failure(&format!("redis://:s3cret@127.0.0.1:{port}")).await;
        assert_eq!(reason, Reason::Credentials, "a password nobody asked for: {message}");
    }

    /// A client of a server that takes one. Whoever looked whether it listens may count as that
    /// for a moment yet.
    async fn only_client(port: u16) -> tokio::net::TcpStream {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        for _ in 0..500 {
            let other = tokio::net::TcpStream::connect(("127.0.0.1", port)).await;
            let mut other = other.expect("listening");
            let mut answer = [0; 7];
            if other.write_all(b"PING\r\n").await.is_ok()
                && other.read_exact(&mut answer).await.is_ok()
                && answer == *b"+PONG\r\n"
            {
                return other;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("it takes nobody");
    }

    #[tokio::test]
    async fn a_server_that_declines_to_write_is_told_apart() {
        let full = ["--maxmemory", "100kb", "--maxmemory-policy", "noeviction"];
        let Some((_server, port)) = server(&full).await else { return };
        let (reason, message) = failure(&format!("redis://127.0.0.1:{port}")).await;
        assert_eq!((reason, message.contains("OOM")), (Reason::Declined, true), "{message}");

        let Some((_primary, primary)) = server(&[]).await else { return };
        let of = primary.to_string();
        let Some((_replica, port)) = server(&["--replicaof", "127.0.0.1", &of]).await else {
            return;
        };
        let (reason, message) = failure(&format!("redis://127.0.0.1:{port}")).await;
        assert_eq!((reason, message.contains("READONLY")), (Reason::Declined, true), "{message}");

        let Some((_server, port)) = server(&["--maxclients", "1"]).await else { return };
        let _other = only_client(port).await;
        // It says why and closes at once. Who has not written by then is told of the close first, and
        // the reason stays unread: which of the two is up to the machine. That the reason is
        // understood is shown below, by what the server says.
        let (reason, message) = failure(&format!("redis://127.0.0.1:{port}")).await;
        assert!(matches!(reason, Reason::Declined | Reason::Connect), "{reason:?}: {message}");
    }

    #[tokio::test]
    async fn a_server_that_hangs_is_a_timeout() {
        let Some((server, port)) = server(&[]).await else { return };
        server.signal(rustix::process::Signal::STOP);
        hang(&format!("redis://127.0.0.1:{port}")).await;
        server.signal(rustix::process::Signal::CONT);
    }

    #[tokio::test]
    async fn what_a_server_says_is_sorted() {
        let table: [(&[&str], After, Reason); 9] = [
            (
                &["-LOADING Redis is loading the dataset in memory\r\n"],
                After::Hold,
                Reason::Declined,
            ),
            (&["-ERR max number of clients reached\r\n"], After::Close, Reason::Declined),
            (&["-DENIED Redis is running in protected mode.\r\n"], After::Close, Reason::Declined),
            (&["+PONG\r\n", "+OK\r\n", "$-1\r\n"], After::Hold, Reason::Mismatch),
            (&["+PONG\r\n", "+OK\r\n", "$5\r\nother\r\n"], After::Hold, Reason::Mismatch),
            (&["+GNOP\r\n"], After::Hold, Reason::Protocol),
            (&["HTTP/1.1 400 Bad Request\r\n\r\n"], After::Hold, Reason::Protocol),
            (&[""], After::Close, Reason::Connect),
            (&["+PONG\r\n", ""], After::Reset, Reason::Connect),
        ];
        for (says, after, expected) in table {
            let lines: Vec<&[u8]> = says.iter().map(|line| line.as_bytes()).collect();
            let port = script(&lines, after).await;
            let (reason, message) = failure(&format!("redis://127.0.0.1:{port}")).await;
            assert_eq!(reason, expected, "{says:?}: {message}");
        }
    }
}
