//! Connections against requests that are spelled out byte by byte.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use tokio::{
    io::{AsyncWriteExt, DuplexStream, duplex},
    task::LocalSet,
};

use super::{
    super::{Phase, Settings, Timeouts},
    *,
};
use crate::wire::{Body, BodyError, TunnelEnd, body::whole};

/// Answers by path, and remembers what it was asked.
#[derive(Default)]
struct Probe {
    asked: RefCell<Vec<String>>,
    dropped: Rc<Cell<u32>>,
    tunnelled: Rc<Cell<Option<TunnelEnd>>>,
    far: RefCell<Option<DuplexStream>>,
}

struct CountsDrop(Rc<Cell<u32>>);

impl Drop for CountsDrop {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

impl Service for Probe {
    type Connection = ConnectionInfo;

    fn connect(&self, info: ConnectionInfo) -> ConnectionInfo {
        info
    }

    async fn serve(&self, request: Request<Body>, _: &Rc<ConnectionInfo>) -> Response<Body> {
        let (head, body) = request.into_parts();
        self.asked.borrow_mut().push(format!("{} {}", head.method, head.uri.path()));
        let text = match head.uri.path() {
            "/hang" => {
                let _guard = CountsDrop(Rc::clone(&self.dropped));
                std::future::pending().await
            }
            "/slow" => {
                tokio::time::sleep(Duration::from_secs(100)).await;
                Bytes::from_static(b"slow")
            }
            "/unread" => Bytes::from_static(b"unread"),
            "/large" => Bytes::from(vec![b'x'; 1 << 20]),
            "/pieces" => {
                let piece = || Ok(Frame::data(Bytes::from_static(&[b'x'; 1024])));
                let frames = futures_util::stream::repeat_with(piece);
                return Response::new(Body::boxed(http_body_util::StreamBody::new(frames)));
            }
            "/cut" => {
                let frames = vec![
                    Ok(Frame::data(Bytes::from_static(b"part"))),
                    Err(BodyError::UpstreamGone(None)),
                ];
                let frames = futures_util::stream::iter(frames);
                return Response::new(Body::boxed(http_body_util::StreamBody::new(frames)));
            }
            "/ws" => {
                let (near, far) = duplex(1024);
                *self.far.borrow_mut() = Some(far);
                let told = Rc::clone(&self.tunnelled);
                let tunnel = Tunnel {
                    stream: Stream::Memory(near),
                    early: Bytes::from_static(b"early"),
                    idle: None,
                    on_end: Some(Box::new(move |end| told.set(Some(end)))),
                };
                let response = Response::builder()
                    .status(101)
                    .header("connection", "upgrade")
                    .header("upgrade", "websocket");
                return response.body(Body::Tunnel(Box::new(tunnel))).expect("valid");
            }
            _ => match whole(body, 1 << 20).await {
                Ok(bytes) => bytes,
                Err(error) => {
                    let status = match error {
                        BodyError::Idle(_) | BodyError::TooSlow(_) => 408,
                        _ => 400,
                    };
                    let body = Body::from(Bytes::from(error.to_string()));
                    return Response::builder().status(status).body(body).expect("valid");
                }
            },
        };
        Response::new(Body::from(text))
    }

    fn refuse(&self, refusal: Refusal, _: &ConnectionInfo) -> Response<Bytes> {
        let status = match refusal {
            Refusal::HeadTimeout => 408,
            Refusal::HeadTooLarge => 431,
            Refusal::Overloaded => 503,
            _ => 400,
        };
        let text = Bytes::from(format!("{refusal:?}"));
        Response::builder().status(status).header("x-request-id", "r").body(text).expect("valid")
    }
}

fn worker(settings: Settings) -> Rc<Worker<Probe>> {
    let counts = Arc::new(Counts::default());
    Rc::new(Worker::new(0, Probe::default(), Arc::new(settings), counts, Phase::Serving))
}

fn info() -> ConnectionInfo {
    let address = "127.0.0.1:1".parse().expect("an address");
    ConnectionInfo { peer: address, local: address, tls: None, worker: 0 }
}

/// Serves one connection on this thread; the other end is the client.
fn connect(worker: &Rc<Worker<Probe>>, room: usize) -> DuplexStream {
    let (near, far) = duplex(room);
    let worker = Rc::clone(worker);
    tokio::task::spawn_local(async move {
        let state = State::new();
        let _enlisted = worker.enlist(&state);
        let first_byte = Instant::now() + worker.settings.timeouts.first_byte;
        converse(Rc::clone(&worker), state, Stream::Memory(near), info(), first_byte).await;
    });
    far
}

/// Lets the other tasks run until something is so.
async fn until(is_so: impl Fn() -> bool) {
    for _ in 0..1_000_000 {
        if is_so() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it never came to that");
}

async fn here<F: Future>(test: F) -> F::Output {
    LocalSet::new().run_until(test).await
}

/// Sends everything at once and reads to the end.
async fn exchange(worker: &Rc<Worker<Probe>>, bytes: &[u8]) -> String {
    let mut client = connect(worker, 1 << 20);
    client.write_all(bytes).await.expect("there is room");
    read_all(&mut client).await
}

async fn read_all(client: &mut DuplexStream) -> String {
    let mut all = Vec::new();
    // A reset ends the reading, too.
    let _ = client.read_to_end(&mut all).await;
    String::from_utf8_lossy(&all).into_owned()
}

/// Reads an answer whose body has a length, and leaves the connection open.
async fn read_answer(client: &mut DuplexStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.expect("more of the head"));
    }
    let head = String::from_utf8(head).expect("text").to_lowercase();
    let length = head.split_once("content-length: ").expect("a length").1;
    let length = length.lines().next().expect("a line").parse().expect("a number");
    let mut body = vec![0; length];
    client.read_exact(&mut body).await.expect("a body");
    head + &String::from_utf8_lossy(&body)
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn requests_are_answered_in_order_on_one_connection() {
    here(async {
        let worker = worker(Settings::default());
        let mut client = connect(&worker, 1 << 16);
        for _ in 0..3 {
            client.write_all(GET).await.expect("open");
            assert!(read_answer(&mut client).await.starts_with("http/1.1 200"));
        }
        let all = exchange(
            &worker,
            b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc\
              POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\n\
              GET /c HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        )
        .await;
        assert_eq!(all.matches("HTTP/1.1 200").count(), 3, "{all}");
        assert!(all.find("abc").expect("echoed") < all.find("de").expect("echoed"));
        let asked = worker.service.asked.borrow();
        assert_eq!(asked[3..], ["POST /a", "POST /b", "GET /c"]);
    })
    .await;
}

#[tokio::test]
async fn a_refused_head_reaches_nobody_and_closes_the_connection() {
    here(async {
        for (bytes, status, answered) in [
            (&b"GET / HTTP/1.1\r\n\r\n"[..], "400", 0),
            (b"GET / HTTP/1.1\nHost: a\n\n", "400", 0),
            (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400", 0),
            (b"\x16\x03\x01 a TLS hello", "400", 0),
            // A good one first: it is answered, then the bad one.
            (b"GET /good HTTP/1.1\r\nHost: a\r\n\r\nGET /bad HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400", 1),
            (b"POST /good HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nokGET /bad HTTP/1.1\r\n x\r\n\r\n", "400", 1),
        ] {
            let worker = worker(Settings::default());
            let all = exchange(&worker, bytes).await;
            let asked = worker.service.asked.borrow();
            assert_eq!(asked.len(), answered, "{}", bytes.escape_ascii());
            assert!(!asked.iter().any(|asked| asked.contains("bad")));
            let last = all.rfind("HTTP/1.1 ").map(|at| &all[at..]).expect("an answer");
            assert!(last.starts_with(&format!("HTTP/1.1 {status} ")), "{all}");
            assert!(last.contains("connection: close\r\n"), "{all}");
            assert!(last.contains("x-request-id: r\r\n"), "worded by the service: {all}");
            assert_eq!(all.matches("HTTP/1.1 ").count(), answered + 1, "{all}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_body_that_is_malformed_breaks_off_and_is_answered_once() {
    here(async {
        let start = "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        for body in ["2\nab\r\n0\r\n\r\n", "2\r\nabX", "zz\r\n", "2;\u{1}\r\nab\r\n0\r\n\r\n"] {
            // What came together with its head takes the head with it.
            let worker = worker(Settings::default());
            let all = exchange(&worker, format!("{start}{body}GET /bad").as_bytes()).await;
            assert!(all.starts_with("HTTP/1.1 400 "), "{body:?}: {all}");
            assert_eq!(all.matches("HTTP/1.1").count(), 1, "{body:?}: {all}");
            assert!(worker.service.asked.borrow().is_empty(), "{body:?}");
            // What comes later breaks the body off.
            let mut client = connect(&worker, 1 << 16);
            client.write_all(start.as_bytes()).await.expect("open");
            until(|| !worker.service.asked.borrow().is_empty()).await;
            client.write_all(format!("{body}GET /bad").as_bytes()).await.expect("open");
            let all = read_all(&mut client).await;
            assert!(all.starts_with("HTTP/1.1 400 "), "{body:?}: {all}");
            assert_eq!(all.matches("HTTP/1.1").count(), 1, "{body:?}: {all}");
            assert_eq!(*worker.service.asked.borrow(), ["POST /x"]);
        }
    })
    .await;
}

#[tokio::test]
async fn heads_and_bodies_may_come_byte_by_byte() {
    here(async {
        let worker = worker(Settings::default());
        let client = connect(&worker, 1);
        let bytes = b"\r\nPOST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc\
            POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n";
        let (mut read, mut write) = tokio::io::split(client);
        let reads = async {
            let mut all = Vec::new();
            while !all.ends_with(b"\r\n\r\nx") {
                all.push(read.read_u8().await.expect("more comes"));
            }
            String::from_utf8_lossy(&all).into_owned()
        };
        let (sent, all) = tokio::join!(write.write_all(bytes), reads);
        assert!(sent.is_ok() && all.contains("\r\n\r\nabcHTTP/1.1 200 "), "{all}");
    })
    .await;
}

#[tokio::test]
async fn a_head_may_be_as_large_as_its_limit() {
    here(async {
        let limit = Settings::default().head.bytes;
        for (size, status) in [(limit - 1, "200"), (limit, "200"), (limit + 1, "431")] {
            let worker = worker(Settings::default());
            let frame = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nx: \r\n\r\n".len();
            let filler = "v".repeat(size - frame);
            let head =
                format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nx: {filler}\r\n\r\n");
            let all = exchange(&worker, head.as_bytes()).await;
            assert!(all.starts_with(&format!("HTTP/1.1 {status} ")), "{size}: {all:.40}");
        }
        for (count, status) in [(100, "200"), (101, "400")] {
            let worker = worker(Settings::default());
            let fields = "x: y\r\n".repeat(count - 2);
            let head = format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
            let all = exchange(&worker, head.as_bytes()).await;
            assert!(all.starts_with(&format!("HTTP/1.1 {status} ")), "{count}: {all:.40}");
        }
    })
    .await;
}

/// Sends `bytes`, then nothing; gives what came and after how many seconds the end did.
async fn silence_after(bytes: &[u8], settings: Settings) -> (String, u64) {
    here(async {
        let worker = worker(settings);
        let start = Instant::now();
        let mut client = connect(&worker, 1 << 16);
        client.write_all(bytes).await.expect("there is room");
        let all = read_all(&mut client).await;
        (all, start.elapsed().as_secs())
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn each_phase_ends_in_time() {
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n";
    let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab";
    for (bytes, answer, seconds) in [
        (&b""[..], "", 10),
        (b"PRI * HTTP/2.0\r\n", "", 10),
        (b"GET / HTTP/1.1\r\nHost: a", "HTTP/1.1 408 ", 10),
        (b"G", "HTTP/1.1 408 ", 10),
        (post.as_bytes(), "HTTP/1.1 408 ", 10 + 2),
        (chunked.as_bytes(), "HTTP/1.1 408 ", 10 + 2),
        (GET, "HTTP/1.1 200 ", 30),
    ] {
        let (all, took) = silence_after(bytes, Settings::default()).await;
        assert!(all.starts_with(answer), "{}: {all}", bytes.escape_ascii());
        assert_eq!(all.is_empty(), answer.is_empty());
        // Two seconds are left to a client that was told to go away.
        assert!((seconds - 2..=seconds + 2).contains(&took), "{}: {took}", bytes.escape_ascii());
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_rests_is_served_when_it_comes_back() {
    here(async {
        let worker = worker(Settings::default());
        let mut client = connect(&worker, 1 << 16);
        for pause in [0, 5, 29, 0, 2] {
            tokio::time::sleep(Duration::from_secs(pause)).await;
            client.write_all(GET).await.expect("open");
            assert!(read_answer(&mut client).await.starts_with("http/1.1 200"));
        }
        // It may come back slowly, or with nonsense.
        tokio::time::sleep(Duration::from_secs(5)).await;
        for byte in GET {
            client.write_all(&[*byte]).await.expect("open");
            tokio::task::yield_now().await;
        }
        assert!(read_answer(&mut client).await.starts_with("http/1.1 200"));
        tokio::time::sleep(Duration::from_secs(5)).await;
        client.write_all(b"GET / HTTP/1.1\r\n\r\n").await.expect("open");
        assert!(read_all(&mut client).await.starts_with("HTTP/1.1 400 "));
        // Rest counts as idleness, and a drain or the need for room ends it.
        let mut client = connect(&worker, 1 << 16);
        client.write_all(GET).await.expect("open");
        read_answer(&mut client).await;
        let start = Instant::now();
        assert_eq!(read_all(&mut client).await, "");
        assert_eq!(start.elapsed().as_secs(), 30);
        for drain in [false, true] {
            let mut client = connect(&worker, 1 << 16);
            client.write_all(GET).await.expect("open");
            read_answer(&mut client).await;
            tokio::time::sleep(Duration::from_secs(5)).await;
            if drain {
                worker.enter(Phase::Draining(Instant::now() + Duration::from_secs(9)));
            } else {
                assert!(worker.shed());
            }
            let start = Instant::now();
            assert_eq!(read_all(&mut client).await, "");
            assert!(start.elapsed() < Duration::from_secs(1));
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_body_is_given_up_when_it_is_silent_or_too_slow() {
    let timeouts = Timeouts { body_rate: 0, ..Timeouts::default() };
    let settings = Settings { timeouts, ..Settings::default() };
    let post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab";
    let (all, took) = silence_after(post, settings).await;
    assert!(all.starts_with("HTTP/1.1 408 "), "{all}");
    assert!((30..=33).contains(&took), "idle: {took}");
    // 600 bytes a second, where 1024 are asked for after ten.
    here(async {
        let worker = worker(Settings::default());
        let start = Instant::now();
        let mut client = connect(&worker, 1 << 16);
        let head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n";
        client.write_all(head).await.expect("open");
        while client.write_all(&[b'x'; 600]).await.is_ok() && start.elapsed().as_secs() < 60 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let took = start.elapsed().as_secs();
        // 600 t = 1024 (t - 10) at 24.2 s.
        assert!((24..=28).contains(&took), "{took}");
        assert!(read_all(&mut client).await.starts_with("HTTP/1.1 408 "));
    })
    .await;
    // What is fast enough may take as long as it likes.
    here(async {
        let worker = worker(Settings::default());
        let mut client = connect(&worker, 1 << 16);
        let head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n";
        client.write_all(head).await.expect("open");
        for _ in 0..100 {
            client.write_all(&[b'x'; 2000]).await.expect("open");
            tokio::time::sleep(Duration::from_millis(1500)).await;
        }
        assert!(read_answer(&mut client).await.starts_with("http/1.1 200 "));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn our_own_slowness_is_not_the_clients_fault() {
    let (all, took) =
        silence_after(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n", Settings::default()).await;
    assert!(all.ends_with("slow"), "{all}");
    assert!((130..=132).contains(&took), "answered after 100, idle for 30: {took}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_read_is_cut_off() {
    here(async {
        let worker = worker(Settings::default());
        let start = Instant::now();
        let mut client = connect(&worker, 1000);
        client.write_all(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("open");
        tokio::time::sleep(Duration::from_secs(29)).await;
        let mut some = [0; 500];
        client.read_exact(&mut some).await.expect("still open");
        tokio::time::sleep(Duration::from_secs(29)).await;
        client.read_exact(&mut some).await.expect("reading keeps it open");
        while worker.counts.write_timeouts.load(std::sync::atomic::Ordering::Relaxed) == 0 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert!(start.elapsed().as_secs() < 120);
        }
        assert!((87..=90).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
        assert!(read_all(&mut client).await.len() < 2000, "what was written, and the end");
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_does_not_look_complete() {
    here(async {
        let all =
            exchange(&worker(Settings::default()), b"GET /cut HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert!(!all.ends_with("0\r\n\r\n"), "{all}");
    })
    .await;
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_request_with_it() {
    here(async {
        let worker = worker(Settings::default());
        let mut client = connect(&worker, 1 << 16);
        client.write_all(b"GET /hang HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("open");
        until(|| !worker.service.asked.borrow().is_empty()).await;
        drop(client);
        until(|| worker.service.dropped.get() > 0).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_before_the_body_was_read_reaches_the_client() {
    here(async {
        let worker = worker(Settings::default());
        let mut client = connect(&worker, 1000);
        let head = b"POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n";
        client.write_all(head).await.expect("open");
        // Keeps sending, as clients do, while the answer is on its way.
        let sent = client.write_all(&[b'x'; 20_000]).await;
        assert!(sent.is_ok(), "what it sends is still read");
        assert!(read_all(&mut client).await.ends_with("unread"));
    })
    .await;
}

#[tokio::test]
async fn a_client_is_told_to_continue_when_its_body_is_asked_for() {
    here(async {
        let worker = worker(Settings::default());
        let ask = |path: &str| {
            format!("POST {path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        };
        let mut client = connect(&worker, 1 << 16);
        client.write_all(ask("/read").as_bytes()).await.expect("open");
        let mut interim = [0; 25];
        client.read_exact(&mut interim).await.expect("asked for");
        assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
        client.write_all(b"ok").await.expect("open");
        assert!(read_answer(&mut client).await.ends_with("ok"));
        let mut client = connect(&worker, 1 << 16);
        client.write_all(ask("/unread").as_bytes()).await.expect("open");
        let all = read_all(&mut client).await;
        assert!(all.starts_with("HTTP/1.1 200 ") && !all.contains(" 100 "), "{all}");
    })
    .await;
}

/// Opens an HTTP/2 connection whose streams may take in `window` bytes.
async fn http2(
    client: DuplexStream,
    window: u32,
) -> (
    hyper::client::conn::http2::SendRequest<http_body_util::Empty<Bytes>>,
    tokio::task::JoinHandle<bool>,
) {
    let executor = hyper_util::rt::TokioExecutor::new();
    let mut builder = hyper::client::conn::http2::Builder::new(executor);
    builder.initial_stream_window_size(window);
    let io = hyper_util::rt::TokioIo::new(client);
    let (sender, connection) = builder.handshake(io).await.expect("HTTP/2 is spoken");
    (sender, tokio::task::spawn_local(async move { connection.await.is_ok() }))
}

fn http2_get(path: &str) -> Request<http_body_util::Empty<Bytes>> {
    let request = Request::get(format!("http://a{path}"));
    request.body(http_body_util::Empty::new()).expect("valid")
}

#[tokio::test(start_paused = true)]
async fn an_http2_stream_that_takes_nothing_in_is_cut_off() {
    here(async {
        let worker = worker(Settings::default());
        let start = Instant::now();
        let (mut sender, connection) = http2(connect(&worker, 1 << 20), 1000).await;
        let response = sender.send_request(http2_get("/pieces")).await.expect("a head");
        let _ = connection.await;
        assert_eq!(worker.counts.write_timeouts.load(std::sync::atomic::Ordering::Relaxed), 1);
        assert!((29..=31).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
        drop(response);
        // What the library has taken over as a whole counts as idle, and goes with the rest.
        let start = Instant::now();
        let (mut sender, connection) = http2(connect(&worker, 1 << 20), 1000).await;
        let response = sender.send_request(http2_get("/large")).await.expect("a head");
        let _ = connection.await;
        assert!((29..=36).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
        drop(response);
        // A slow answer of ours is not taken for one.
        let start = Instant::now();
        let (mut sender, _connection) = http2(connect(&worker, 1 << 20), 1000).await;
        sender.send_request(http2_get("/slow")).await.expect("answered");
        assert_eq!(start.elapsed().as_secs(), 100);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_idle_http2_connection_is_closed_in_good_order() {
    here(async {
        for draining in [false, true] {
            let worker = worker(Settings::default());
            let (mut sender, connection) = http2(connect(&worker, 1 << 20), 1 << 16).await;
            sender.send_request(http2_get("/unread")).await.expect("answered");
            let start = Instant::now();
            if draining {
                worker.enter(Phase::Draining(start + Duration::from_secs(60)));
            }
            assert!(connection.await.expect("no panic"), "with a goodbye");
            let seconds = start.elapsed().as_secs();
            assert!(if draining { seconds < 1 } else { (29..=31).contains(&seconds) }, "{seconds}");
            assert!(sender.send_request(http2_get("/")).await.is_err());
        }
    })
    .await;
}

#[tokio::test]
async fn an_http2_stream_that_is_reset_at_once_reaches_nobody() {
    here(async {
        let worker = worker(Settings::default());
        let mut client = connect(&worker, 1 << 20);
        let mut bytes = http2::PREFACE.to_vec();
        bytes.extend([0, 0, 0, 4, 0, 0, 0, 0, 0]);
        // GET http://a/ by index, then a reset, for the streams 1 to 29; the last one stays.
        for stream in (1..=31u8).step_by(2) {
            bytes.extend([0, 0, 6, 1, 5, 0, 0, 0, stream, 0x82, 0x86, 0x84, 0x41, 1, b'a']);
            if stream < 31 {
                bytes.extend([0, 0, 4, 3, 0, 0, 0, 0, stream, 0, 0, 0, 8]);
            }
        }
        client.write_all(&bytes).await.expect("open");
        until(|| !worker.service.asked.borrow().is_empty()).await;
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(*worker.service.asked.borrow(), ["GET /"]);
    })
    .await;
}

#[tokio::test]
async fn an_http2_stream_that_is_reset_takes_its_request_with_it() {
    here(async {
        let worker = worker(Settings::default());
        let (mut sender, _connection) = http2(connect(&worker, 1 << 20), 1 << 16).await;
        let request = tokio::task::spawn_local(sender.send_request(http2_get("/hang")));
        until(|| !worker.service.asked.borrow().is_empty()).await;
        request.abort();
        until(|| worker.service.dropped.get() > 0).await;
        sender.send_request(http2_get("/unread")).await.expect("the connection lives");
    })
    .await;
}

#[tokio::test]
async fn a_tunnel_begins_with_the_101_and_not_before() {
    here(async {
        let worker = worker(Settings::default());
        let mut client = connect(&worker, 1 << 16);
        let ask = b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nframe";
        client.write_all(ask).await.expect("open");
        until(|| worker.service.far.borrow().is_some()).await;
        let mut upstream = worker.service.far.take().expect("just seen");
        let mut frame = [0; 5];
        upstream.read_exact(&mut frame).await.expect("what came early arrives");
        assert_eq!(&frame, b"frame");
        upstream.write_all(b" more").await.expect("open");
        drop(upstream);
        drop(client.shutdown().await);
        let all = read_all(&mut client).await;
        assert!(all.starts_with("HTTP/1.1 101 "), "{all}");
        assert!(all.ends_with("\r\n\r\nearly more"), "{all}");
        let end = worker.service.tunnelled.get().expect("the end was told");
        assert_eq!((end.to_upstream, end.to_client), (5, 10));
    })
    .await;
}

#[tokio::test]
async fn what_follows_an_upgrade_that_was_not_granted_is_a_request() {
    here(async {
        let worker = worker(Settings::default());
        let ask = "GET /no HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
        let next = "GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        let all = exchange(&worker, format!("{ask}{next}").as_bytes()).await;
        assert_eq!(all.matches("HTTP/1.1 200").count(), 2, "{all}");
        assert_eq!(*worker.service.asked.borrow(), ["GET /no", "GET /next"]);
        let all = exchange(&worker, format!("{ask}\u{1}raw").as_bytes()).await;
        assert_eq!(all.matches("HTTP/1.1 200").count(), 1, "{all}");
        assert_eq!(all.matches("HTTP/1.1 400").count(), 1, "{all}");
        // A 101 that comes for a request without an upgrade is not let through.
        let all =
            exchange(&worker, b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        assert!(!all.contains(" 101 "), "{all}");
    })
    .await;
}

#[tokio::test]
async fn a_connection_ends_after_its_last_request() {
    here(async {
        let worker = worker(Settings { requests: 3, ..Settings::default() });
        let mut client = connect(&worker, 1 << 16);
        for last in [false, false, true] {
            client.write_all(GET).await.expect("open");
            let answer = read_answer(&mut client).await;
            assert_eq!(answer.contains("connection: close"), last, "{answer}");
        }
        assert_eq!(read_all(&mut client).await, "");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_silent_and_idle_connections_soon_and_finishes_the_others() {
    here(async {
        let worker = worker(Settings::default());
        let mut silent = connect(&worker, 1 << 16);
        let mut fresh = connect(&worker, 1 << 16);
        let mut idle = connect(&worker, 1 << 16);
        idle.write_all(GET).await.expect("open");
        read_answer(&mut idle).await;
        let mut racing = connect(&worker, 1 << 16);
        racing.write_all(GET).await.expect("open");
        read_answer(&mut racing).await;
        let mut busy = connect(&worker, 1 << 16);
        busy.write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("open");
        let start = Instant::now();
        until(|| worker.service.asked.borrow().len() >= 3).await;
        worker.enter(Phase::Draining(start + Duration::from_secs(1000)));
        tokio::time::sleep(Duration::from_millis(100)).await;
        fresh.write_all(GET).await.expect("open");
        let answer = read_answer(&mut fresh).await;
        assert!(answer.contains("connection: close"), "a first request on its way: {answer}");
        racing.write_all(GET).await.expect("open");
        let answer = read_answer(&mut racing).await;
        assert!(answer.contains("connection: close"), "a request on its way: {answer}");
        assert_eq!(read_all(&mut racing).await, "");
        assert_eq!(read_all(&mut idle).await, "");
        assert_eq!(read_all(&mut silent).await, "");
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
        let all = read_all(&mut busy).await;
        assert!(all.contains("connection: close") && all.ends_with("slow"), "{all}");
    })
    .await;
}

#[tokio::test]
async fn an_announced_drain_keeps_connections_and_asks_clients_to_leave() {
    here(async {
        let worker = worker(Settings::default());
        let mut client = connect(&worker, 1 << 16);
        client.write_all(GET).await.expect("open");
        assert!(!read_answer(&mut client).await.contains("connection: close"));
        worker.enter(Phase::Announcing);
        client.write_all(GET).await.expect("still open");
        assert!(read_answer(&mut client).await.contains("connection: close"));
        assert_eq!(read_all(&mut client).await, "");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_connection_idle_for_longest_makes_room() {
    here(async {
        let worker = worker(Settings::default());
        assert!(!worker.shed(), "nobody is there");
        let mut clients = Vec::new();
        for _ in 0..3 {
            let mut client = connect(&worker, 1 << 16);
            client.write_all(GET).await.expect("open");
            read_answer(&mut client).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            clients.push(client);
        }
        // The first is used again, so the second is the oldest.
        clients[0].write_all(GET).await.expect("open");
        read_answer(&mut clients[0]).await;
        assert!(worker.shed());
        assert_eq!(read_all(&mut clients[1]).await, "");
        clients[0].write_all(GET).await.expect("open");
        read_answer(&mut clients[0]).await;
        clients[2].write_all(b"GET /hang HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("open");
        clients[0].write_all(b"GET /hang HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("open");
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(!worker.shed(), "who is being answered is spared");
    })
    .await;
}
