//! One of each thing that passes through the corridor of a request, for tests and benchmarks.
//!
//! Those of other crates need them as well, so they are no test code; the host itself makes none.

use std::sync::Arc;
use std::time::Duration;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};

use super::exchange::{Exchange, Moment, Opening, Outcome, RequestHead, ResponseHead, Summary};
use super::value::TraceContext;

/// A GET request for this path and query that was just opened, to walk a chain of so many plugins.
pub fn exchange(target: &str, plugins: usize) -> Arc<Exchange> {
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    Arc::new(Exchange::open(Opening {
        worker: 0,
        request_id: "0198c2f4-8d1f-7000-8000-000000000000".into(),
        route: "app".into(),
        method: Method::GET,
        original: target.into(),
        path: path.into(),
        scheme: "http",
        version: Version::HTTP_11,
        client: "192.0.2.1".into(),
        trace: TraceContext {
            trace_id: "0af7651916cd43dd8448eb211c80319c".into(),
            span_id: "b7ad6b7169203331".into(),
            sampled: true,
        },
        received: Moment::now(),
        plugins,
    }))
}

/// The head of a GET request without a body; for `/` when the target is none.
pub fn request(target: &str) -> RequestHead {
    let mut headers = HeaderMap::with_capacity(16);
    headers.insert("accept", HeaderValue::from_static("*/*"));
    RequestHead {
        method: Method::GET,
        authority: "app.example".into(),
        target: target.parse().unwrap_or_else(|_| PathAndQuery::from_static("/")),
        headers,
        ends: true,
    }
}

/// The head of an upstream's answer without fields, with a body to follow.
pub fn response() -> ResponseHead {
    let headers = HeaderMap::with_capacity(16);
    ResponseHead { status: StatusCode::OK, headers, ends: false, local: false }
}

/// What became of an exchange that went well.
pub fn summary() -> Summary {
    Summary {
        outcome: Outcome::Completed,
        status: Some(StatusCode::OK),
        request_bytes: 0,
        response_bytes: 200,
        total: Duration::from_millis(1),
        upstream: Duration::from_micros(800),
        plugins: Duration::from_micros(5),
        error_type: None,
    }
}
