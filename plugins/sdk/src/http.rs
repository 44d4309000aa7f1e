//! What the hooks of an exchange receive: request and response heads, and the summary at the end.
//!
//! These are plain values. What the host does with them, and what it refuses, is in the contract;
//! nothing here knows sockets or framing.

mod body;
mod exchange;
mod next;

pub use body::{Chunk, ChunkAction};
pub use exchange::{Exchange, Exchanges, Timings};
pub use next::{Edit, Next, Reply, next, respond};

use std::time::Duration;

use crate::value::{Attribute, Header, Value};

/// The head of a request.
///
/// ```
/// use tamis_sdk::Request;
///
/// let request = Request::new("GET", "/search?q=tamis").with_header("accept", "text/html");
/// assert_eq!(request.path(), "/search");
/// assert_eq!(request.query(), Some("q=tamis"));
/// assert_eq!(request.header("accept"), Some("text/html"));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The exchange it begins; the key of [`Exchanges`].
    pub exchange: Exchange,
    /// The one name of the exchange in heads, records, events and on the wire. Of high
    /// cardinality: not for metric labels.
    pub request_id: String,
    /// Such as `GET`.
    pub method: String,
    /// Host and optional port, in normal form.
    pub authority: String,
    /// Path and query, the path in the normal form in which the upstream gets it. As received:
    /// `request.exchange.fact("url.original")`.
    pub target: String,
    /// In wire order, repeated names kept, names in lower case. Only those that were subscribed to
    /// with `#[fields(…)]`; all without it.
    pub headers: Vec<Header>,
    /// True when no body follows.
    pub ends: bool,
    /// Name of the matched route in the operator's configuration. Of low cardinality.
    pub route: String,
    /// Address of the client, as far as the proxies before it are trusted.
    pub client_address: String,
}

impl Request {
    /// A request without headers and body, for tests.
    pub fn new(method: impl Into<String>, target: impl Into<String>) -> Self {
        Self {
            exchange: Exchange::default(),
            request_id: "test-request".into(),
            method: method.into(),
            authority: "localhost".into(),
            target: target.into(),
            headers: Vec::new(),
            ends: true,
            route: "default".into(),
            client_address: "127.0.0.1".into(),
        }
    }

    /// Adds a header, for tests.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The path, without the query.
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(&*self.target, |(path, _)| path)
    }

    /// The query, without the question mark; `None` when there is no question mark.
    pub fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }

    /// The first value of this header. `name` is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        first(&self.headers, name)
    }

    /// All values of this header, in wire order. `name` is in lower case.
    pub fn header_values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        all(&self.headers, name)
    }
}

/// The head of a response.
///
/// ```
/// use tamis_sdk::Response;
///
/// let response = Response::new(200).with_header("content-type", "text/html");
/// assert_eq!(response.header("content-type"), Some("text/html"));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// The exchange it belongs to; the key of [`Exchanges`].
    pub exchange: Exchange,
    /// Three digits.
    pub status: u16,
    /// As in [`Request`].
    pub headers: Vec<Header>,
    /// True when no body follows.
    pub ends: bool,
    /// Made by the proxy or by a plugin rather than by an upstream.
    pub local: bool,
}

impl Response {
    /// A response of an upstream without headers and body, for tests.
    pub fn new(status: u16) -> Self {
        Self {
            exchange: Exchange::default(),
            status,
            headers: Vec::new(),
            ends: true,
            local: false,
        }
    }

    /// Adds a header, for tests.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The first value of this header. `name` is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        first(&self.headers, name)
    }

    /// All values of this header, in wire order. `name` is in lower case.
    pub fn header_values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        all(&self.headers, name)
    }
}

/// The first value of a header.
pub(crate) fn first<'a>(headers: &'a [Header], name: &str) -> Option<&'a str> {
    headers.iter().find(|header| header.0 == name).map(|header| &*header.1)
}

fn all<'a>(headers: &'a [Header], name: &'a str) -> impl Iterator<Item = &'a str> {
    headers.iter().filter(move |header| header.0 == name).map(|header| &*header.1)
}

/// What became of an exchange. Enough to count and time it without any other hook.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The exchange that is over. Its id is given to another one after this hook.
    pub exchange: Exchange,
    /// As in [`Request`].
    pub request_id: String,
    /// Such as `GET`.
    pub method: String,
    /// As in [`Request`]: of low cardinality, fit for a metric label.
    pub route: String,
    /// How it ended.
    pub outcome: Outcome,
    /// As sent to the client; 0 when it got no answer.
    pub status: u16,
    /// Bytes of the request's body, as they were on the wire.
    pub request_bytes: u64,
    /// Bytes of the response's body, as they were on the wire.
    pub response_bytes: u64,
    /// From the first byte of the request to the last of the response.
    pub total: Duration,
    /// From connecting to the last byte of the upstream; `None` when it was not asked.
    pub upstream: Option<Duration>,
    /// Spent inside plugins. For details see [`Exchange::timing`].
    pub plugins: Duration,
    /// Those named by `#[done(…)]`: set by plugins, or known to the host (`url.scheme`,
    /// `url.path`, `client.address`, `upstream.name`, `error.type`).
    pub attributes: Vec<Attribute>,
}

impl Summary {
    /// A completed exchange that took no time, for tests.
    pub fn new(method: impl Into<String>, route: impl Into<String>, status: u16) -> Self {
        Self {
            exchange: Exchange::default(),
            request_id: "test-request".into(),
            method: method.into(),
            route: route.into(),
            outcome: Outcome::Completed,
            status,
            request_bytes: 0,
            response_bytes: 0,
            total: Duration::ZERO,
            upstream: None,
            plugins: Duration::ZERO,
            attributes: Vec::new(),
        }
    }

    /// The value of this attribute.
    pub fn attribute(&self, name: &str) -> Option<&Value> {
        self.attributes.iter().find(|attribute| attribute.0 == name).map(|attribute| &attribute.1)
    }
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Outcome {
    /// The client has the answer of the upstream.
    Completed,
    /// The client has the answer of a plugin.
    Answered,
    /// The client went away before it had all of it.
    ClientClosed,
    /// The upstream did not answer, or not to the end.
    UpstreamFailed,
    /// The upstream took too long.
    UpstreamTimeout,
    /// Aborted by a plugin, or refused by a limit of the host.
    Refused,
    /// A plugin failed and its `on-fault` is `closed`.
    Fault,
}

impl Outcome {
    /// The name as the contract writes it, such as `client-closed`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Answered => "answered",
            Self::ClientClosed => "client-closed",
            Self::UpstreamFailed => "upstream-failed",
            Self::UpstreamTimeout => "upstream-timeout",
            Self::Refused => "refused",
            Self::Fault => "fault",
        }
    }
}

lift!(Outcome {
    Completed,
    Answered,
    ClientClosed,
    UpstreamFailed,
    UpstreamTimeout,
    Refused,
    Fault
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_falls_into_path_and_query() {
        let check = |target: &str, path: &str, query: Option<&str>| {
            let request = Request::new("GET", target);
            assert_eq!((request.path(), request.query()), (path, query), "{target}");
        };
        check("/", "/", None);
        check("/a/b", "/a/b", None);
        check("/a?", "/a", Some(""));
        check("/a?b=1?c", "/a", Some("b=1?c"));
        check("*", "*", None);
    }

    #[test]
    fn repeated_headers_keep_their_order() {
        let response =
            Response::new(200).with_header("a", "1").with_header("b", "2").with_header("a", "3");
        assert_eq!(response.header("a"), Some("1"));
        assert_eq!(response.header_values("a").collect::<Vec<_>>(), ["1", "3"]);
        assert_eq!(response.header("c"), None);
    }
}
