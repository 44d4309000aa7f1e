//! The client against answers that are spelled out byte by byte.

use http::HeaderValue;
use http_body::Frame;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    sync::mpsc,
    task::JoinSet,
};

use super::{super::Dialing, *};
use crate::wire::{Body, body::whole};

/// A pool whose upstream is in this test.
fn memory(settings: Settings) -> (Arc<Pool>, mpsc::Receiver<DuplexStream>) {
    let (sender, peers) = mpsc::channel(8);
    let dialer = Dialer::to_memory(Dialing::default(), sender).expect("no authority");
    let origin = Origin::parse("http://upstream:8080").expect("valid");
    (Pool::new(origin, Arc::new(dialer), settings), peers)
}

/// Reads a request: its head, and its body if the length is given.
async fn head_of(peer: &mut DuplexStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(peer.read_u8().await.ok()?);
    }
    let mut text = String::from_utf8_lossy(&head).into_owned();
    if let Some((_, length)) = text.split_once("content-length: ") {
        let length = length.lines().next().and_then(|length| length.parse::<usize>().ok());
        let mut body = vec![0; length.expect("a number")];
        peer.read_exact(&mut body).await.ok()?;
        text.push_str(&String::from_utf8_lossy(&body));
    }
    Some(text)
}

/// Answers each request with the next text; `None` closes the connection without an answer.
async fn answering(mut peer: DuplexStream, answers: Vec<Option<&'static str>>) -> Vec<String> {
    let mut heads = Vec::new();
    for answer in answers {
        let Some(head) = head_of(&mut peer).await else { break };
        heads.push(head);
        let Some(answer) = answer else { return heads };
        if peer.write_all(answer.as_bytes()).await.is_err() {
            break;
        }
    }
    heads
}

async fn ask(pool: &Arc<Pool>, method: Method) -> Result<(Answer<Body>, HeaderMap), Failure> {
    let headers = HeaderMap::new();
    let request = Request {
        method: &method,
        target: "/x",
        authority: None,
        headers: &headers,
        upgrade: None,
    };
    let answer = pool.send(request, Body::Empty).await?;
    let fields = answer.head.headers.clone();
    Ok((answer, fields))
}

async fn get(pool: &Arc<Pool>) -> Result<(u16, Result<Bytes, BodyError>), Failure> {
    let (answer, _) = ask(pool, Method::GET).await?;
    Ok((answer.head.status.as_u16(), whole(answer.body, 1 << 20).await))
}

/// One answer over a fresh connection that is closed behind it: status, body or the failure,
/// and whether the connection was kept.
async fn outcome(method: Method, answer: &'static str) -> (String, bool) {
    let (pool, mut peers) = memory(Settings::default());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let peer = peers.recv().await.expect("dialled");
        answering(peer, vec![Some(answer)]).await
    });
    let text = match ask(&pool, method).await {
        Ok((answer, _)) => {
            let status = answer.head.status.as_u16();
            match whole(answer.body, 1 << 20).await {
                Ok(body) => format!("{status} {}", String::from_utf8_lossy(&body)),
                Err(error) => format!("{status} then {}", body_kind(&error)),
            }
        }
        Err(failure) => failure.kind().to_owned(),
    };
    (text, pool.counts().idle == 1)
}

#[tokio::test]
async fn hostile_answers_are_never_repaired() {
    #[track_caller]
    fn equal(answer: &str, have: (String, bool), want: &str, kept: bool) {
        assert_eq!((have.0.as_str(), have.1), (want, kept), "{answer:?}");
    }
    let bad = "upstream.bad-response";
    let long = |unit: &str, count: usize| -> &'static str {
        let fields = unit.repeat(count);
        Box::leak(format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 0\r\n\r\n").into())
    };
    for (answer, want, kept) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "200 ok", true),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            "200 ok",
            true,
        ),
        ("HTTP/1.1 200\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", "200 ok", false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "200 ok", false),
        ("HTTP/1.1 200 OK\r\n\r\nuntil the end", "200 until the end", false),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            bad,
            false,
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", bad, false),
        ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", bad, false),
        ("HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok", bad, false),
        ("HTTP/1.1 200 OK\r\nx: a\rb\r\n\r\n", bad, false),
        ("HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n", bad, false),
        ("HTTP/1.1 200 OK\r\nx: a\r\n b\r\n\r\n", bad, false),
        ("HTTP/1.1 200 OK\r\nx : a\r\n\r\n", bad, false),
        ("HTTP/1.1 200 OK\nContent-Length: 0\n\n", bad, false),
        ("HTTP/1.1 99 X\r\n\r\n", bad, false),
        ("HTTP/1.1 999 X\r\n\r\n", bad, false),
        (long(&format!("x: {}\r\n", "y".repeat(65_536)), 1), bad, false),
        (long(&format!("x: {}\r\n", "y".repeat(1 << 20)), 1), bad, false),
        (long("x: y\r\n", 99), "200 ", true),
        (long("x: y\r\n", 200), bad, false),
        (long("x: y\r\n", 5000), bad, false),
        (
            "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            "200 ok",
            true,
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nraw",
            bad,
            false,
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok", "200 then upstream.reset", false),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nok\r\n0\r\n\r\n", bad, false),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nok\r\n0\r\n\r\n",
            "200 then upstream.reset",
            false,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
            "200 then upstream.reset",
            false,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond",
            "200 ok",
            false,
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", bad, false),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\nok\r\n0\r\n\r\n", bad, false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTrailer: x\r\n\r\nok", "200 ok", true),
        ("hello, this is no HTTP", bad, false),
        ("\u{1}\u{2}\u{3}\u{4}", bad, false),
        ("", "upstream.reset", false),
        ("HTTP/1.1 200 OK\r\nConte", "upstream.reset", false),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nbody", "204 ", false),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 50\r\n\r\n", "304 ", true),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nok",
            bad,
            false,
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n", bad, false),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", bad, false),
        ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", bad, false),
    ] {
        equal(answer, outcome(Method::GET, answer).await, want, kept);
    }
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n";
    equal(head, outcome(Method::HEAD, head).await, "200 ", true);
    let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(1000);
    let storm = format!("{interim}HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let storm: &'static str = Box::leak(storm.into());
    equal("1000 × 100", outcome(Method::GET, storm).await, bad, false);
    for (sent, want) in [(8192, "200 ok"), (8193, "200 then upstream.bad-response")] {
        let trailer = "t".repeat(sent - 7);
        let answer = format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx: {trailer}\r\n\r\n"
        );
        let answer: &'static str = Box::leak(answer.into());
        // The head and 8 KiB are more than one read, so the body streams.
        equal("trailers", outcome(Method::GET, answer).await, want, sent == 8192);
    }
}

#[tokio::test]
async fn a_request_is_written_anew() {
    let (pool, mut peers) = memory(Settings::default());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let peer = peers.recv().await.expect("dialled");
        answering(peer, vec![Some("HTTP/1.1 204 No Content\r\n\r\n"); 4]).await
    });
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("a", "1"),
        ("connection", "x"),
        ("content-length", "99"),
        ("transfer-encoding", "chunked"),
        ("host", "elsewhere"),
        ("a", "2"),
        ("expect", "100-continue"),
        ("te", "trailers"),
        ("keep-alive", "1"),
        ("proxy-connection", "x"),
        ("trailer", "x"),
        ("upgrade", "h2c"),
        ("cookie", "c=\u{e9}"),
        ("proxy-authorization", "x"),
        ("http2-settings", "x"),
    ] {
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("a value");
        headers.append(http::HeaderName::from_static(name), value);
    }
    let bare = HeaderMap::new();
    let get = Request {
        method: &Method::GET,
        target: "/p?q",
        authority: Some("public.example"),
        headers: &headers,
        upgrade: None,
    };
    pool.send(get, Body::Empty).await.expect("answered");
    let post = Request { method: &Method::POST, headers: &bare, authority: None, ..get };
    pool.send(post, Body::Empty).await.expect("answered");
    pool.send(post, Body::from(Bytes::from_static(b"body"))).await.expect("answered");
    let upgrade = Request { method: &Method::GET, upgrade: Some("websocket"), ..post };
    pool.send(upgrade, Body::Empty).await.expect("answered, not upgraded");
    let heads = tasks.join_next().await.expect("one task").expect("no panic");
    assert_eq!(
        heads,
        [
            "GET /p?q HTTP/1.1\r\nhost: public.example\r\na: 1\r\na: 2\r\ncookie: c=\u{e9}\r\n\
             te: trailers\r\nconnection: te\r\n\r\n",
            "POST /p?q HTTP/1.1\r\nhost: upstream:8080\r\ncontent-length: 0\r\n\r\n",
            "POST /p?q HTTP/1.1\r\nhost: upstream:8080\r\ncontent-length: 4\r\n\r\nbody",
            "GET /p?q HTTP/1.1\r\nhost: upstream:8080\r\nconnection: upgrade\r\n\
             upgrade: websocket\r\n\r\n",
        ]
    );
}

#[tokio::test]
async fn an_idle_connection_is_used_again_unless_it_was_touched() {
    let (pool, mut peers) = memory(Settings::default());
    let mut tasks = JoinSet::new();
    let ok = Some("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    tasks.spawn(async move {
        let first = peers.recv().await.expect("dialled");
        // Two requests are served, then the connection is closed while it rests.
        let heads = answering(first, vec![ok, ok]).await.len();
        let second = peers.recv().await.expect("dialled again");
        heads + answering(second, vec![ok]).await.len()
    });
    for _ in 0..2 {
        assert_eq!(get(&pool).await.expect("answered").0, 200);
    }
    assert_eq!(pool.counts(), PoolCounts { dialled: 1, reused: 1, retried: 0, idle: 1 });
    tokio::task::yield_now().await;
    assert_eq!(get(&pool).await.expect("answered").0, 200, "no request meets a dead connection");
    assert_eq!(pool.counts().dialled, 2);
    assert_eq!(tasks.join_next().await.expect("one task").expect("no panic"), 3);
}

/// The upstream takes the second request on a kept connection and closes without an answer.
async fn race(method: Method, body: Body, partial: &'static str) -> (Result<u16, Failure>, u64) {
    let (pool, mut peers) = memory(Settings::default());
    let mut tasks = JoinSet::new();
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    tasks.spawn(async move {
        let mut first = peers.recv().await.expect("dialled");
        head_of(&mut first).await.expect("a request");
        first.write_all(ok.as_bytes()).await.expect("sent");
        head_of(&mut first).await.expect("a request");
        first.write_all(partial.as_bytes()).await.expect("sent");
        drop(first);
        if let Some(second) = peers.recv().await {
            answering(second, vec![Some(ok)]).await;
        }
    });
    assert!(get(&pool).await.is_ok());
    let headers = HeaderMap::new();
    let request =
        Request { method: &method, target: "/", authority: None, headers: &headers, upgrade: None };
    let result = pool.send(request, body).await.map(|answer| answer.head.status.as_u16());
    (result, pool.counts().retried)
}

#[tokio::test]
async fn a_request_is_repeated_only_when_that_cannot_hurt() {
    let (result, retried) = race(Method::GET, Body::Empty, "").await;
    assert_eq!((result.expect("answered"), retried), (200, 1));
    let (result, retried) = race(Method::DELETE, Body::Empty, "").await;
    assert_eq!((result.expect("answered"), retried), (200, 1));
    for (method, body, partial) in [
        (Method::POST, Body::Empty, ""),
        (Method::PATCH, Body::Empty, ""),
        (Method::PUT, Body::from(Bytes::from_static(b"x")), ""),
        (Method::GET, Body::Empty, "HTTP/1.1 2"),
    ] {
        let (result, retried) = race(method.clone(), body, partial).await;
        let failure = result.expect_err("not repeated");
        assert_eq!((failure.kind(), retried), ("upstream.reset", 0), "{method} {partial:?}");
    }
}

#[tokio::test]
async fn a_fresh_connection_that_is_closed_is_not_tried_again() {
    let (pool, mut peers) = memory(Settings::default());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        answering(peers.recv().await.expect("dialled"), vec![None]).await;
        peers.recv().await.is_some()
    });
    assert_eq!(get(&pool).await.expect_err("closed").kind(), "upstream.reset");
    assert_eq!(pool.counts().dialled, 1);
}

#[tokio::test(start_paused = true)]
async fn each_wait_has_its_limit_and_its_name() {
    let start = Instant::now;
    // Nobody answers.
    let (pool, mut peers) = memory(Settings::default());
    let began = start();
    let failure = get(&pool).await.expect_err("silence");
    assert_eq!(failure.kind(), "upstream.timeout.header");
    assert_eq!(began.elapsed().as_secs(), 30);
    // Half a head, then silence.
    let mut tasks = JoinSet::new();
    drop(peers.recv().await);
    tasks.spawn(async move {
        let mut peer = peers.recv().await.expect("dialled");
        peer.write_all(b"HTTP/1.1 200 OK\r\nx: ").await.expect("sent");
        let _ = peer.read_to_end(&mut Vec::new()).await;
    });
    let began = start();
    assert_eq!(get(&pool).await.expect_err("half").kind(), "upstream.timeout.header");
    assert_eq!(began.elapsed().as_secs(), 30);
    // A body that stops; what came before is delivered.
    let (pool, mut peers) = memory(Settings::default());
    tasks.spawn(async move {
        let mut peer = peers.recv().await.expect("dialled");
        peer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n").await.expect("sent");
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_secs(50)).await;
            peer.write_all(b"x").await.expect("sent");
        }
        let _ = peer.read_to_end(&mut Vec::new()).await;
    });
    let began = start();
    let (status, body) = get(&pool).await.expect("a head");
    assert_eq!((status, body_kind(&body.expect_err("it stops"))), (200, "upstream.timeout.body"));
    assert_eq!(began.elapsed().as_secs(), 3 * 50 + 60);
    // An upstream that does not read what it is sent.
    let (pool, mut peers) = memory(Settings::default());
    let headers = HeaderMap::new();
    let request = Request {
        method: &Method::POST,
        target: "/",
        authority: None,
        headers: &headers,
        upgrade: None,
    };
    let began = start();
    let body = Body::from(Bytes::from(vec![0; 1 << 20]));
    let failure = pool.send(request, body).await.expect_err("not read");
    assert!(matches!(failure, Failure::Timeout { wait: Wait::Send, .. }), "{failure:?}");
    assert_eq!(began.elapsed().as_secs(), 30);
    drop(peers.recv().await);
}

#[tokio::test(start_paused = true)]
async fn a_slow_client_is_not_taken_for_a_slow_upstream() {
    let (pool, mut peers) = memory(Settings::default());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut peer = peers.recv().await.expect("dialled");
        let mut all = Vec::new();
        while !all.ends_with(b"\r\n0\r\n\r\n") {
            all.push(peer.read_u8().await.expect("more comes"));
        }
        peer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.expect("sent");
        String::from_utf8_lossy(&all).into_owned()
    });
    let frames = futures_util::stream::unfold(0, |count| async move {
        tokio::time::sleep(Duration::from_secs(25)).await;
        (count < 4).then(|| (Ok(Frame::data(Bytes::from_static(b"abc"))), count + 1))
    });
    let body = Body::boxed(http_body_util::StreamBody::new(frames));
    let headers = HeaderMap::new();
    let request = Request {
        method: &Method::POST,
        target: "/",
        authority: None,
        headers: &headers,
        upgrade: None,
    };
    let answer = pool.send(request, body).await.expect("answered");
    assert_eq!(answer.head.status, 200);
    let sent = tasks.join_next().await.expect("one task").expect("no panic");
    let (_, body) = sent.split_once("\r\n\r\n").expect("a head");
    assert_eq!(body, "3\r\nabc\r\n3\r\nabc\r\n3\r\nabc\r\n3\r\nabc\r\n0\r\n\r\n");
}

#[tokio::test]
async fn an_answer_may_come_before_the_request_is_complete() {
    let (pool, mut peers) = memory(Settings::default());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut peer = peers.recv().await.expect("dialled");
        head_of(&mut peer).await.expect("a head");
        let answer = b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig";
        peer.write_all(answer).await.expect("sent");
    });
    let never = futures_util::stream::pending::<Result<Frame<Bytes>, BodyError>>();
    let headers = HeaderMap::new();
    let request = Request {
        method: &Method::POST,
        target: "/",
        authority: None,
        headers: &headers,
        upgrade: None,
    };
    let body = Body::boxed(http_body_util::StreamBody::new(never));
    let answer = pool.send(request, body).await.expect("answered");
    assert_eq!(answer.head.status, 413);
    assert_eq!(whole(answer.body, 10).await.expect("complete"), "big");
    assert_eq!(pool.counts().idle, 0, "half a request was sent over it");
}

#[tokio::test]
async fn a_request_body_that_breaks_off_takes_the_connection_with_it() {
    let (pool, mut peers) = memory(Settings::default());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut peer = peers.recv().await.expect("dialled");
        let mut all = Vec::new();
        peer.read_to_end(&mut all).await.expect("readable");
        !all.ends_with(b"0\r\n\r\n")
    });
    let frames = vec![Ok(Frame::data(Bytes::from_static(b"x"))), Err(BodyError::ClientGone)];
    let body = Body::boxed(http_body_util::StreamBody::new(futures_util::stream::iter(frames)));
    let headers = HeaderMap::new();
    let request = Request {
        method: &Method::POST,
        target: "/",
        authority: None,
        headers: &headers,
        upgrade: None,
    };
    let failure = pool.send(request, body).await.expect_err("broke off");
    assert!(matches!(failure, Failure::RequestBody(BodyError::ClientGone)), "{failure:?}");
    let cut = tasks.join_next().await.expect("one task").expect("no panic");
    assert!(cut, "the upstream cannot take it for complete");
}

#[tokio::test]
async fn a_protocol_changes_only_to_the_one_asked_for() {
    for (answer, agreed) in [
        ("HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\nearly", true),
        ("HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\nearly", false),
        ("HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\nearly", false),
        ("HTTP/1.1 101 Switching\r\n\r\nearly", false),
    ] {
        let (pool, mut peers) = memory(Settings::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            answering(peers.recv().await.expect("dialled"), vec![Some(answer)]).await
        });
        let headers = HeaderMap::new();
        let request = Request {
            method: &Method::GET,
            target: "/",
            authority: None,
            headers: &headers,
            upgrade: Some("websocket"),
        };
        match pool.send(request, Body::Empty).await {
            Ok(answer) => {
                assert!(agreed);
                assert_eq!(answer.upgraded.expect("a stream").1, "early");
            }
            Err(failure) => {
                assert!(!agreed, "{answer}: {failure:?}");
                assert_eq!(failure.kind(), "upstream.bad-response");
            }
        }
        assert_eq!(pool.counts().idle, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn idle_connections_are_few_and_not_old() {
    let settings = Settings { idle_connections: 2, requests: 3, ..Settings::default() };
    let (pool, mut peers) = memory(settings);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut peers_open = Vec::new();
        while let Some(mut peer) = peers.recv().await {
            let mut serving = JoinSet::new();
            serving.spawn(async move {
                while head_of(&mut peer).await.is_some() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
                    if peer.write_all(answer).await.is_err() {
                        break;
                    }
                }
            });
            peers_open.push(serving);
        }
    });
    let (a, b, c) = tokio::join!(get(&pool), get(&pool), get(&pool));
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert_eq!(pool.counts(), PoolCounts { dialled: 3, reused: 0, retried: 0, idle: 2 });
    for _ in 0..2 {
        assert!(get(&pool).await.is_ok());
    }
    assert_eq!(pool.counts().idle, 1, "a connection that served three requests is not kept");
    tokio::time::advance(Duration::from_secs(20)).await;
    assert!(get(&pool).await.is_ok());
    assert_eq!(pool.counts().dialled, 4, "an old one is not used");
    tokio::time::advance(Duration::from_secs(20)).await;
    pool.sweep();
    assert_eq!(pool.counts().idle, 0);
}

#[tokio::test]
async fn a_url_is_fetched_within_its_limits() {
    let (sender, mut peers) = mpsc::channel(8);
    let dialer = Dialer::to_memory(Dialing::default(), sender).expect("no authority");
    let client = Client::new(Arc::new(dialer), Settings::default());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let peer = peers.recv().await.expect("dialled");
        answering(peer, vec![Some("HTTP/1.1 404 No\r\nContent-Length: 5\r\n\r\nhello"); 3]).await
    });
    let headers = HeaderMap::new();
    let second = Duration::from_secs(1);
    let fetch = async |url: &str, limit| {
        client.fetch(&Method::GET, url, &headers, Bytes::new(), limit, second).await
    };
    let answer = fetch("https://a.example?x", 5).await.expect("answered");
    assert_eq!((answer.status().as_u16(), answer.body().as_ref()), (404, &b"hello"[..]));
    assert!(fetch("https://a.example/y#z", 5).await.is_ok());
    let failure = fetch("https://a.example/", 4).await.expect_err("too large");
    assert_eq!(failure.kind(), "upstream.bad-response");
    for url in ["ftp://a", "http://a/ b", "http://a/\r\n", "http://u@a/", "http://a\\b"] {
        assert_eq!(fetch(url, 5).await.expect_err(url).kind(), "upstream.url", "{url}");
    }
    let heads = tasks.join_next().await.expect("one task").expect("no panic");
    assert!(heads[0].starts_with("GET /?x HTTP/1.1\r\nhost: a.example\r\n"), "{}", heads[0]);
    assert!(heads[1].starts_with("GET /y HTTP/1.1\r\n"), "{}", heads[1]);
}

#[test]
fn a_client_can_be_used_from_any_thread_and_a_future_of_it_moved() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let dialer = Arc::new(Dialer::new(Dialing::default()).expect("no authority"));
    let client = is_send(Client::new(dialer, Settings::default()));
    let headers = HeaderMap::new();
    let fetch =
        client.fetch(&Method::GET, "http://a", &headers, Bytes::new(), 1, Duration::from_secs(1));
    drop(is_send(fetch));
}
