//! The listener for operators: metrics, plugins, errors, health.
//!
//! An address of its own, loopback by default, with few connections and short deadlines. What
//! is answered is the business of whoever hands in the pages; nothing here comes near the
//! request path.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Connections at once. A scraper has one, a person a few.
const CONNECTIONS: usize = 64;
/// For a head to arrive.
const HEAD: Duration = Duration::from_secs(10);
/// For a page to be made and sent.
const PAGE: Duration = Duration::from_secs(30);
/// Largest request body in bytes.
const BODY: usize = 64 * 1024;

/// Answers requests of operators.
#[async_trait::async_trait]
pub trait Pages: Send + Sync + 'static {
    /// The page for a request.
    async fn page(&self, request: Request<Bytes>) -> Response<Bytes>;
}

/// A bound listener.
#[derive(Debug)]
pub struct Admin {
    listener: TcpListener,
    address: SocketAddr,
}

impl Admin {
    /// Binds the address; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// The system's words when it cannot be listened on.
    pub async fn bind(address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// The address, with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves for ever; dropping the future closes all connections.
    pub async fn run(self, pages: Arc<dyn Pages>) {
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        let mut connections = tokio::task::JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            // Beyond the limit nobody is accepted; the system's backlog waits.
            let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!("the admin listener cannot accept: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let pages = Arc::clone(&pages);
            connections.spawn(async move {
                let service = service_fn(move |request| answer(Arc::clone(&pages), request));
                let connection = hyper::server::conn::http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEAD)
                    .max_headers(64)
                    .serve_connection(TokioIo::new(stream), service);
                // A connection that breaks concerns nobody but its client.
                let _ = connection.await;
                drop(place);
            });
        }
    }
}

async fn answer(
    pages: Arc<dyn Pages>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let answer = async {
        let Ok(body) = Limited::new(body, BODY).collect().await else {
            return plain(http::StatusCode::PAYLOAD_TOO_LARGE, "the body is too large\n");
        };
        pages.page(Request::from_parts(parts, body.to_bytes())).await
    };
    let response = tokio::time::timeout(PAGE, answer).await.unwrap_or_else(|_| {
        plain(http::StatusCode::GATEWAY_TIMEOUT, "the page was not ready in time\n")
    });
    Ok(response.map(Full::new))
}

/// A short answer in plain text.
pub fn plain(status: http::StatusCode, text: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::copy_from_slice(text.as_bytes()));
    *response.status_mut() = status;
    let kind = http::HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(http::header::CONTENT_TYPE, kind);
    response
}
