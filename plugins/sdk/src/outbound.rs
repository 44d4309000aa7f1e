//! Outgoing HTTP: only to origins on the operator's allow-list (`allow-http`).
//!
//! [`host::enqueue`](crate::host::enqueue) hands over and never waits;
//! [`Background::send`](crate::Background::send) waits and sees the answer.

use std::time::Duration;

use crate::fault::Fault;
use crate::time::nanos;
use crate::value::Header;

/// What to send. Ten seconds for one attempt and 1 MiB of answer, unless said otherwise.
///
/// ```
/// use std::time::Duration;
/// use tamis_sdk::outbound::Request;
///
/// let request = Request::post("https://sentry.example/api/1/envelope/", "…")
///     .header("content-type", "application/x-sentry-envelope")
///     .timeout(Duration::from_secs(5));
/// # assert_eq!(request.method, "POST");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Such as `POST`.
    pub method: String,
    /// Absolute, `http` or `https`.
    pub url: String,
    /// Names in lower case. The host adds those which frame the message.
    pub headers: Vec<Header>,
    /// The whole body.
    pub body: Vec<u8>,
    pub(crate) timeout: u64,
    /// Largest response body to accept.
    pub max_bytes: u32,
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout: nanos(Duration::from_secs(10)),
            max_bytes: 1 << 20,
        }
    }

    /// A GET.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// A POST of this body.
    pub fn post(url: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        let mut request = Self::new("POST", url);
        request.body = body.into();
        request
    }

    /// Adds a header. `name` is in lower case.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the time for one attempt, from connecting to the last byte.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = nanos(timeout);
        self
    }

    /// Sets the largest response body to accept, in bytes.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u32) -> Self {
        self.max_bytes = bytes;
        self
    }
}

/// What came back, whatever the status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Three digits.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<Header>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Response {
    /// The first value of this header. `name` is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        crate::http::first(&self.headers, name)
    }

    /// Whether the status is one of 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Why nothing came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendError {
    /// Not on the allow-list; carries the entry that would allow it.
    Denied(String),
    /// It took longer than [`Request::timeout`].
    Timeout,
    /// The response is larger than [`Request::max_bytes`].
    TooLarge,
    /// No connection, or it was cut off.
    Connect(String),
    /// The request itself makes no sense.
    Invalid(String),
    /// The queue of `enqueue` is full; counted as dropped.
    Full,
    /// Waiting was tried where nothing may wait.
    BackgroundOnly,
}

impl std::fmt::Display for SendError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Denied(entry) => write!(f, "not allowed; `{entry}` in `allow-http` would"),
            Self::Timeout => f.write_str("no answer in time"),
            Self::TooLarge => f.write_str("the answer is too large"),
            Self::Connect(why) => write!(f, "no connection: {why}"),
            Self::Invalid(why) => write!(f, "not a request: {why}"),
            Self::Full => f.write_str("the queue is full"),
            Self::BackgroundOnly => f.write_str("only the background instance may wait"),
        }
    }
}

impl std::error::Error for SendError {}

impl From<SendError> for Fault {
    /// A request that makes no sense and a wait in the wrong place are the plugin's own mistakes,
    /// the rest is somebody else's trouble.
    fn from(error: SendError) -> Self {
        let message = format!("sending failed: {error}");
        match error {
            SendError::Invalid(_) | SendError::BackgroundOnly => Self::internal(message),
            _ => Self::unavailable(message),
        }
    }
}
