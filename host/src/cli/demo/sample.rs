//! The application of the demo: a shop that was written in a hurry.
//!
//! Leaks personal data in its log and its answers, fails with tracebacks, answers some requests
//! slowly, and loses its database when told to. It knows nothing of tamis and behaves like any
//! application behind it: HTTP on one port, text on standard output and error. Because of what it
//! leaks it listens on loopback addresses only.

mod database;
pub(super) mod journal;
pub(super) mod people;
pub(super) mod shop;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;

use crate::cli::run::Signals;
use crate::cli::{Failure, with_runtime};
use database::Database;
use journal::Journal;
use shop::Shop;

type Body = UnsyncBoxBody<Bytes, std::convert::Infallible>;

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 256;

/// Runs the sample application of the demo, on loopback addresses.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Where the shop answers.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9000")]
    listen: SocketAddr,

    /// Where its database answers.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9001")]
    database: SocketAddr,

    /// Where it takes commands: what takes the database away and brings it back.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9002")]
    control: SocketAddr,
}

impl Arguments {
    pub(in crate::cli) fn act(self) -> Result<u8, Failure> {
        let addresses = [self.listen, self.database, self.control];
        if let Some(address) = addresses.iter().find(|address| !address.ip().is_loopback()) {
            let problem = format!("`{address}` can be reached by others");
            let help = "the sample application leaks on purpose; take a port of 127.0.0.1";
            return Err(Failure::usage(problem).help(help));
        }
        with_runtime(async {
            let mut signals = Signals::listen()?;
            let journal = Journal::new(io::stdout(), io::stderr());
            let sample = Sample::bind(self.listen, self.control, self.database, journal).await?;
            tokio::select! {
                () = sample.run() => {}
                () = signals.stop() => {}
            }
            Ok(0)
        })
    }
}

/// The application, bound and not yet serving.
pub(super) struct Sample {
    shop: Arc<Shop>,
    public: TcpListener,
    control: TcpListener,
}

impl Sample {
    pub(super) async fn bind(
        listen: SocketAddr,
        control: SocketAddr,
        database: SocketAddr,
        journal: Journal,
    ) -> Result<Self, Failure> {
        let database = Database::start(database).await?;
        let (public, control) = (bind(listen)?, bind(control)?);
        Ok(Self { shop: Arc::new(Shop::new(journal, database)), public, control })
    }

    /// Serves until the future is dropped.
    pub(super) async fn run(self) {
        let Self { shop, public, control } = self;
        let at = public.local_addr().map(|address| address.to_string()).unwrap_or_default();
        shop.journal.info("shop", &format!("listening on {at}"));
        let mut connections = JoinSet::new();
        loop {
            let (stream, for_control) = tokio::select! {
                accepted = public.accept() => (accepted, false),
                accepted = control.accept() => (accepted, true),
                // So that those that are over do not pile up.
                Some(_) = connections.join_next() => continue,
            };
            // A client that is gone already is no reason to stop.
            let Ok((stream, _)) = stream else { continue };
            let shop = Arc::clone(&shop);
            connections.spawn(async move {
                let service = service_fn(|request: Request<Incoming>| {
                    let shop = Arc::clone(&shop);
                    async move {
                        Ok::<_, std::convert::Infallible>(if for_control {
                            command(&shop, &request).await
                        } else {
                            shop.answer(request).await
                        })
                    }
                });
                // How a connection ends is the client's affair.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    }
}

/// Listens on a port that somebody else of this user may hold for us without listening: whoever
/// chose it keeps it from being given away until we are here.
fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    let listen = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.set_reuseport(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    let problem = || format!("cannot listen on `{address}`");
    listen().map_err(|error| Failure::failed(problem()).because(error))
}

/// What the demo asks of it beside what a customer would.
async fn command(shop: &Shop, request: &Request<Incoming>) -> Response<Body> {
    match (request.method(), request.uri().path()) {
        (&Method::POST, "/database/down") => {
            shop.database.set(false).await;
            answer(StatusCode::NO_CONTENT, "text/plain", String::new())
        }
        (&Method::POST, "/database/up") => {
            shop.database.set(true).await;
            answer(StatusCode::NO_CONTENT, "text/plain", String::new())
        }
        (&Method::GET, "/journal") => json(StatusCode::OK, &shop.journal.kept()),
        (&Method::GET, "/tally") => json(StatusCode::OK, &shop.tally()),
        _ => answer(StatusCode::NOT_FOUND, "text/plain", "no such command\n".to_owned()),
    }
}

fn json(status: StatusCode, value: &impl serde::Serialize) -> Response<Body> {
    let text = serde_json::to_string(value).expect("plain data");
    answer(status, "application/json", text)
}

fn answer(status: StatusCode, kind: &str, body: String) -> Response<Body> {
    let body = http_body_util::Full::new(Bytes::from(body)).boxed_unsync();
    let response = Response::builder().status(status).header("content-type", kind);
    response.body(body).expect("both are valid")
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::cli::demo::client::{Asked, Asker};
    use crate::cli::demo::sample::journal::Entry;
    use crate::cli::demo::sample::people::{PASSWORD, PEOPLE, TOKEN, leaks};
    use crate::cli::demo::sample::shop::Tally;

    /// The application on free ports, and how to ask it and to command it.
    struct Running {
        public: String,
        control: String,
        database: SocketAddr,
        asker: Asker,
        _task: JoinSet<()>,
    }

    impl Running {
        async fn start() -> Self {
            let any = "127.0.0.1:0".parse().expect("an address");
            let journal = Journal::new(io::sink(), io::sink());
            let sample = Sample::bind(any, any, any, journal).await.expect("free ports");
            let url = |listener: &TcpListener| {
                format!("http://{}", listener.local_addr().expect("it is bound"))
            };
            let (public, control) = (url(&sample.public), url(&sample.control));
            let database = sample.shop.database.address();
            let mut task = JoinSet::new();
            task.spawn(sample.run());
            let asker = Asker::new().expect("no authority is configured");
            Self { public, control, database, asker, _task: task }
        }

        async fn get(&self, target: &str) -> Asked {
            let url = format!("{}{target}", self.public);
            self.asker.get(&url).await.expect("it answers")
        }

        async fn command(&self, command: &str) {
            let url = format!("{}{command}", self.control);
            let answer = self.asker.ask(&Method::POST, &url, &HeaderMap::new(), "").await;
            assert_eq!(answer.expect("it answers").status, 204);
        }

        async fn journal(&self) -> Vec<Entry> {
            let journal = self.asker.get(&format!("{}/journal", self.control)).await;
            serde_json::from_str(&journal.expect("it answers").body).expect("entries")
        }

        async fn tally(&self) -> Tally {
            let tally = self.asker.get(&format!("{}/tally", self.control)).await;
            serde_json::from_str(&tally.expect("it answers").body).expect("a tally")
        }
    }

    #[tokio::test]
    async fn it_leaks_in_its_answers_and_in_its_log() {
        let shop = Running::start().await;
        let customer = shop.get("/api/customers/0").await;
        assert_eq!(customer.status, 200);
        assert!(customer.body.contains(PEOPLE[0].email), "{}", customer.body);
        assert!(customer.body.contains("\"balance\": 12.50"), "spelled like this");
        shop.get(&format!("/search?q=tea&password={PASSWORD}")).await;
        let mut headers = HeaderMap::new();
        let value = format!("Bearer {TOKEN}").parse().expect("a value");
        headers.insert("authorization", value);
        let account = format!("{}/api/account", shop.public);
        shop.asker.ask(&Method::GET, &account, &headers, "").await.expect("it answers");
        let order = format!("{}/api/orders/4", shop.public);
        shop.asker.ask(&Method::POST, &order, &HeaderMap::new(), "").await.expect("it answers");
        let text: Vec<_> = shop.journal().await.into_iter().map(|entry| entry.text).collect();
        // The password, the token, and of the order an address and a card.
        assert_eq!(leaks(&text.join("\n")), 4, "{text:#?}");
    }

    #[tokio::test]
    async fn it_fails_with_tracebacks_that_it_counts() {
        let shop = Running::start().await;
        assert_eq!(shop.get("/api/reports/monthly").await.status, 500);
        let order = format!("{}/api/orders/5", shop.public);
        let declined = shop.asker.ask(&Method::POST, &order, &HeaderMap::new(), "").await;
        assert_eq!(declined.expect("it answers").status, 500);
        let journal = shop.journal().await;
        let traces: Vec<_> = journal.iter().filter(|entry| entry.stream == "stderr").collect();
        assert_eq!(traces.len(), 2);
        for trace in traces {
            let lines: Vec<_> = trace.text.lines().collect();
            assert!(
                lines[0].contains(" ERROR django.request: Internal Server Error: "),
                "{lines:?}"
            );
            assert_eq!(lines[1], "Traceback (most recent call last):");
            assert!(lines[2].starts_with("  File \"/srv/shop/"), "{lines:?}");
        }
        let tally = shop.tally().await;
        let types: Vec<_> = tally.exceptions.keys().map(String::as_str).collect();
        assert_eq!(types, ["ZeroDivisionError", "shop.payments.PaymentDeclined"]);
        assert_eq!(tally.requests, 2);
    }

    #[tokio::test]
    async fn its_database_goes_and_comes_back_at_the_same_port() {
        let shop = Running::start().await;
        let url = format!("http://{}/", shop.database);
        assert_eq!(shop.get("/api/stock").await.status, 200);
        for _ in 0..3 {
            shop.command("/database/down").await;
            let failure = shop.asker.get(&url).await.expect_err("nobody is there");
            assert!(failure.contains("refused"), "{failure}");
            assert_eq!(shop.get("/api/stock").await.status, 503);
            shop.command("/database/up").await;
            let failure = shop.asker.get(&url).await.expect_err("it speaks no HTTP");
            assert!(!failure.contains("refused"), "somebody is there: {failure}");
            assert_eq!(shop.get("/api/stock").await.status, 200);
        }
    }

    #[tokio::test]
    async fn it_answers_what_a_shop_answers() {
        let shop = Running::start().await;
        for (target, status, fragment) in [
            ("/", 200, "<form method=post action=/login>"),
            ("/healthz", 200, "ok"),
            ("/api/products", 200, "coffee"),
            ("/api/reports/yearly", 200, "revenue"),
            ("/api/events", 200, "data: {\"order\":2004"),
            ("/nowhere", 404, "not found"),
            ("/api/customers/x", 404, "not found"),
        ] {
            let answer = shop.get(target).await;
            assert_eq!(answer.status, status, "{target}");
            assert!(answer.body.contains(fragment), "{target}: {}", answer.body);
        }
        let login = format!("{}/login", shop.public);
        let form = format!("email={}&password={PASSWORD}", PEOPLE[1].email.replace('@', "%40"));
        let answer = shop.asker.ask(&Method::POST, &login, &HeaderMap::new(), &form).await;
        assert_eq!(answer.expect("it answers").status, 303);
        let journal = shop.journal().await;
        assert!(journal.iter().any(|entry| leaks(&entry.text) == 2), "{journal:#?}");
    }

    #[test]
    fn it_stays_on_this_machine() {
        let address = "0.0.0.0:0".parse().expect("an address");
        let loopback = "127.0.0.1:0".parse().expect("an address");
        let arguments = Arguments { listen: loopback, database: loopback, control: address };
        let failure = arguments.act().expect_err("others could reach it");
        assert_eq!(failure.status(), 2);
    }
}
