//! Does a web server answer one GET as expected: status, and maybe a text in the body.

use super::{Attribute, Reason, Task, Trouble, Value, cause, certificate, decoded, driven, place};
use crate::wire::Stream;
use ::http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, HOST, USER_AGENT};
use ::http::{HeaderMap, HeaderName, HeaderValue, Request, Version};
use base64::prelude::{BASE64_STANDARD, Engine};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::fmt::Write;
use url::Url;

/// How much of a body is searched.
const SEARCHED: usize = 64 * 1024;
/// Most bytes of a head.
const HEAD: usize = 64 * 1024;
/// Fields that frame or route the message; they are ours.
const FRAMING: [&str; 8] = [
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Sends one GET and looks at the answer. Redirects are answers like any other.
pub(super) async fn probe(
    stream: Stream,
    url: &Url,
    task: &Task,
) -> Result<Vec<Attribute>, Trouble> {
    let request = request(url, task)?;
    let mut attributes = certificate::attributes(&stream);
    let broken = |error: hyper::Error| trouble(&place(url), &error);
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    let conversation = async {
        let response = sender.send_request(request).await.map_err(broken)?;
        let (status, version) = (response.status().as_u16(), response.version());
        let expected = match task.statuses.is_empty() {
            true => (200..300).contains(&status),
            false => task.statuses.contains(&status),
        };
        if !expected {
            let message = format!("`{}` answered with status {status}.", place(url));
            return Err(Trouble::new(Reason::Status(status), message));
        }
        if let Some(text) = &task.contains
            && !contains(response.into_body(), text.as_bytes()).await.map_err(broken)?
        {
            let message = format!(
                "The first 64 KiB that `{}` answered do not contain the expected text.",
                place(url)
            );
            return Err(Trouble::new(Reason::Mismatch, message));
        }
        Ok((status, version))
    };
    let (status, version) = driven(conversation, connection).await?;
    attributes.push(("http.response.status_code", Value::Integer(status.into())));
    let version = if version == Version::HTTP_10 { "1.0" } else { "1.1" };
    attributes.push(("network.protocol.version", Value::Text(version.into())));
    Ok(attributes)
}

/// Reads until the text is found, the body ends, or enough is read.
async fn contains(mut body: Incoming, text: &[u8]) -> Result<bool, hyper::Error> {
    let mut read = Vec::new();
    loop {
        if memchr::memmem::find(&read, text).is_some() {
            return Ok(true);
        }
        let Some(frame) = body.frame().await else { return Ok(false) };
        let Ok(data) = frame?.into_data() else { continue };
        let room = SEARCHED - read.len();
        read.extend_from_slice(&data[..data.len().min(room)]);
        if read.len() == SEARCHED {
            return Ok(memchr::memmem::find(&read, text).is_some());
        }
    }
}

fn request(url: &Url, task: &Task) -> Result<Request<Empty<Bytes>>, Trouble> {
    let invalid = |what: String| Trouble::new(Reason::Invalid, what);
    let mut target = url.path().to_owned();
    if let Some(query) = url.query() {
        write!(target, "?{query}").expect("writing to a string does not fail");
    }
    let mut headers = HeaderMap::new();
    let host = match url.port() {
        Some(_) => place(url),
        None => url.host_str().unwrap_or_default().into(),
    };
    let host = HeaderValue::from_str(&host)
        .map_err(|_| invalid("The host of the URL is no value of a header.".into()))?;
    headers.insert(HOST, host);
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(USER_AGENT, HeaderValue::from_static("tamis-probe"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    if let Some(login) = login(url) {
        headers.insert(AUTHORIZATION, login);
    }
    // What the task says replaces ours, but may be there several times.
    let mut own: HeaderMap = HeaderMap::new();
    for (name, value) in &task.headers {
        let refused = || invalid(format!("The header `{}` cannot be sent.", name.escape_debug()));
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused())?;
        let twice = name == HOST && own.contains_key(HOST);
        if FRAMING.contains(&name.as_str()) || twice {
            return Err(refused());
        }
        let bytes: Result<Vec<u8>, _> = value.chars().map(u8::try_from).collect();
        let value = bytes.ok().and_then(|bytes| HeaderValue::from_bytes(&bytes).ok());
        own.append(name, value.ok_or_else(refused)?);
    }
    for name in own.keys() {
        headers.remove(name);
    }
    headers.extend(own);
    let mut request = Request::get(target)
        .body(Empty::new())
        .map_err(|_| invalid("The path of the URL cannot be asked for.".into()))?;
    *request.headers_mut() = headers;
    Ok(request)
}

/// The credentials of the URL, as `Basic` asks for them.
fn login(url: &Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let plain =
        format!("{}:{}", decoded(url.username()), decoded(url.password().unwrap_or_default()));
    let mut value =
        HeaderValue::from_str(&format!("Basic {}", BASE64_STANDARD.encode(plain))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn trouble(place: &str, error: &hyper::Error) -> Trouble {
    let cause = cause(error);
    if error.is_parse() {
        let message = format!("What `{place}` answered is not HTTP: {error}{cause}.");
        return Trouble::new(Reason::Protocol, message);
    }
    let message = format!("`{place}` closed the connection before the answer was complete{cause}.");
    Trouble::new(Reason::Connect, message)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{
        After, certificate, failure, free_port, hang, key, probe, raw, run_task, task,
    };
    use super::*;
    use std::sync::Arc;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::{TlsAcceptor, rustls};

    /// A server that gives `answer` to one request, over TLS or not, and hands back its head.
    async fn server(answer: &str, secure: bool) -> (u16, tokio::task::JoinHandle<Vec<u8>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let port = listener.local_addr().expect("bound").port();
        let answer = answer.to_owned();
        let task = tokio::task::spawn(async move {
            let (peer, _) = listener.accept().await.expect("accepted");
            match secure {
                true => {
                    let peer = acceptor().accept(peer).await.expect("a handshake");
                    serve(peer, &answer).await
                }
                false => serve(peer, &answer).await,
            }
        });
        (port, task)
    }

    async fn serve(mut peer: impl AsyncReadExt + AsyncWriteExt + Unpin, answer: &str) -> Vec<u8> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match peer.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => break,
            }
        }
        let _ = peer.write_all(answer.as_bytes()).await;
        let _ = peer.shutdown().await;
        head
    }

    async fn text(head: tokio::task::JoinHandle<Vec<u8>>) -> String {
        String::from_utf8(head.await.expect("no panic")).expect("text")
    }

    fn acceptor() -> TlsAcceptor {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = rustls_pki_types::PrivatePkcs8KeyDer::from(key());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate().into()], key.into())
            .expect("they belong together");
        TlsAcceptor::from(Arc::new(config))
    }

    const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

    #[tokio::test]
    async fn one_get_is_sent_with_what_the_task_says() {
        let (port, request) = server(OK, false).await;
        let mut own = task(&format!("http://127.0.0.1:{port}"));
        own.headers = vec![("x-tag".into(), "gr\u{fc}n".into())];
        let success = run_task(own).await.expect("it answers");
        let expected = [
            ("http.response.status_code", Value::Integer(200)),
            ("network.protocol.version", Value::Text("1.1".into())),
        ];
        assert_eq!(success.attributes, expected);
        let head = request.await.expect("no panic");
        let latin = memchr::memmem::find(&head, b"x-tag: gr\xfcn\r\n");
        assert!(latin.is_some(), "values are Latin-1");

        let (port, request) = server(OK, false).await;
        let mut task = task(&format!("http://me:p%40ss@localhost:{port}"));
        task.headers = vec![("x-tag".into(), "a".into()), ("accept".into(), "a/b".into())];
        run_task(task).await.expect("it answers");
        let head = text(request).await;
        assert!(head.starts_with("GET / HTTP/1.1\r\n"), "{head}");
        for line in [
            format!("host: localhost:{port}"),
            "authorization: Basic bWU6cEBzcw==".into(),
            "accept: a/b".into(),
            "x-tag: a".into(),
            "connection: close".into(),
        ] {
            assert_eq!(head.matches(&format!("{line}\r\n")).count(), 1, "{line} in {head}");
        }
        assert!(!head.contains("*/*"), "{head}");
    }

    #[tokio::test]
    async fn host_may_be_set_once_and_framing_may_not() {
        let (port, request) = server(OK, false).await;
        let url = format!("http://127.0.0.1:{port}/health?deep=1#x");
        let mut own = task(&url);
        own.headers = vec![("host".into(), "app.example".into())];
        run_task(own).await.expect("it answers");
        let head = text(request).await;
        assert!(head.starts_with("GET /health?deep=1 HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("host: app.example\r\n") && !head.contains("127.0.0.1"), "{head}");
        let refused: [&[(&str, &str)]; 7] = [
            &[("host", "a"), ("host", "b")],
            &[("content-length", "5")],
            &[("transfer-encoding", "chunked")],
            &[("connection", "upgrade")],
            &[("a b", "c")],
            &[("a", "b\r\nc: d")],
            &[("a", "\u{20ac}")],
        ];
        for headers in refused {
            let port = raw("", After::Close).await;
            let mut task = task(&format!("http://127.0.0.1:{port}"));
            task.headers =
                headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
            let failure = run_task(task).await.expect_err("it is refused");
            assert_eq!(failure.reason, Reason::Invalid, "{headers:?}: {}", failure.message);
        }
    }

    #[tokio::test]
    async fn statuses_and_texts_decide() {
        let body =
            |body: &str| format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let late = format!("{}needle", "x".repeat(SEARCHED - 3));
        type Row<'a> = (&'a str, &'a [u16], Option<&'a str>, Option<Reason>);
        let table: [Row<'_>; 11] = [
            ("HTTP/1.1 204 No Content\r\n\r\n", &[], None, None),
            ("HTTP/1.1 302 Found\r\nlocation: /\r\n\r\n", &[], None, Some(Reason::Status(302))),
            ("HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n", &[], None, Some(Reason::Status(503))),
            ("HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n", &[200, 503], None, None),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
                &[204],
                None,
                Some(Reason::Status(200)),
            ),
            ("HTTP/1.0 200 OK\r\n\r\nit is fine", &[], Some("is fine"), None),
            (&body("it is fine"), &[], Some("is well"), Some(Reason::Mismatch)),
            (&body(&late), &[], Some("needle"), Some(Reason::Mismatch)),
            (&body(&late), &[], Some("xnee"), None),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n",
                &[],
                Some("cd"),
                None,
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\ncut off",
                &[],
                Some("needle"),
                Some(Reason::Connect),
            ),
        ];
        for (answer, statuses, contains, expected) in table {
            let (port, _request) = server(answer, false).await;
            let mut task = task(&format!("http://127.0.0.1:{port}/"));
            task.statuses = statuses.into();
            task.contains = contains.map(String::from);
            let found = run_task(task).await.err();
            let shown = &answer[..answer.len().min(60)];
            let reason = found.as_ref().map(|failure| failure.reason.clone());
            assert_eq!(reason, expected, "{shown:?} {contains:?}: {found:?}");
        }
    }

    #[tokio::test]
    async fn what_a_server_says_is_sorted() {
        let table: [(&str, After, Reason); 6] = [
            ("SSH-2.0-OpenSSH_9.2\r\n", After::Hold, Reason::Protocol),
            ("-ERR wrong number of arguments\r\n", After::Hold, Reason::Protocol),
            ("\0\0\0\0\0\0\0\0\0\0", After::Hold, Reason::Protocol),
            ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", After::Hold, Reason::Protocol),
            ("", After::Close, Reason::Connect),
            ("HTTP/1.1 200 OK\r\nx: ", After::Reset, Reason::Connect),
        ];
        for (says, after, expected) in table {
            let port = raw(says, after).await;
            let (reason, message) = failure(&format!("http://127.0.0.1:{port}")).await;
            assert_eq!(reason, expected, "{says:?}: {message}");
        }
        let port = raw("HTTP/1.1 200 OK\r\nx: ", After::Hold).await;
        hang(&format!("http://127.0.0.1:{port}")).await;
    }

    #[tokio::test]
    async fn tls_tells_its_version_and_the_end_of_the_certificate() {
        let (port, _request) = server(OK, true).await;
        let success = probe(&format!("https://localhost:{port}")).await.expect("it is trusted");
        let text = |text: &str| Value::Text(text.into());
        assert_eq!(success.attributes[0], ("tls.protocol.version", text("1.3")));
        let end = ("tls.server.not_after", text("2055-12-31T23:59:59.000Z"));
        assert_eq!(success.attributes[1], end);
        let (port, _request) = server(OK, true).await;
        let (reason, message) = failure(&format!("https://127.0.0.2:{port}")).await;
        assert_eq!(reason, Reason::Connect, "nobody listens there: {message}");
        let port = raw("HTTP/1.1 400 Bad Request\r\n\r\n", After::Close).await;
        let (reason, message) = failure(&format!("https://127.0.0.1:{port}")).await;
        assert_eq!(reason, Reason::Tls, "{message}");
        let (reason, message) = failure(&format!("https://127.0.0.1:{}", free_port())).await;
        assert_eq!(reason, Reason::Connect, "{message}");
    }
}
