//! The least that a proxy made with hyper can be: takes a request, sends it on, answers with
//! what comes back.
//!
//! A floor to compare with, not a proxy to use: no limits, no timeouts, no forwarded fields.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::header::CONNECTION;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri, Version};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};

type Body = BoxBody<Bytes, hyper::Error>;

/// Serves until the process ends, on one thread.
///
/// # Errors
///
/// When it cannot listen.
pub fn serve(address: SocketAddr, upstream: SocketAddr) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, accept(address, upstream))
}

async fn accept(address: SocketAddr, upstream: SocketAddr) -> io::Result<()> {
    let listener = tokio::net::TcpListener::bind(address).await?;
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Client<_, Incoming> = Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(64)
        .set_host(false)
        .build(connector);
    let authority: Rc<str> = upstream.to_string().into();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        let (client, authority) = (client.clone(), Rc::clone(&authority));
        tokio::task::spawn_local(async move {
            let service = service_fn(|request| forward(request, &client, &authority));
            let served = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
            // A connection that breaks is counted at the other end.
            drop(served);
        });
    }
}

async fn forward(
    mut request: Request<Incoming>,
    client: &Client<HttpConnector, Incoming>,
    authority: &str,
) -> Result<Response<Body>, Infallible> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let to = Uri::builder().scheme("http").authority(authority).path_and_query(path).build();
    let answer = async {
        *request.uri_mut() = to.ok()?;
        *request.version_mut() = Version::HTTP_11;
        request.headers_mut().remove(CONNECTION);
        client.request(request).await.ok()
    };
    let response = match answer.await {
        Some(response) => response.map(BodyExt::boxed),
        None => {
            let body = Empty::new().map_err(|never| match never {}).boxed();
            let mut response = Response::new(body);
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            response
        }
    };
    Ok(response)
}
