//! Asks: the demo as a client of tamis, of the application, and of the pages for operators.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Method};

use crate::cli::Failure;
use crate::outbound::client::{Client, Settings};
use crate::outbound::{Dialer, Dialing};

/// How long an answer may take, and how large it may be in bytes.
const TOTAL: Duration = Duration::from_secs(10);
const LARGEST: u64 = 8 << 20;

/// A client.
pub(super) struct Asker(Client);

/// An answer.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
    /// From asking to the last byte.
    pub(super) took: Duration,
}

impl Asker {
    pub(super) fn new() -> Result<Self, Failure> {
        let dialer = Dialer::new(Dialing::default())
            .map_err(|error| Failure::failed("TLS cannot be set up").because(error))?;
        Ok(Self(Client::new(Arc::new(dialer), Settings::default())))
    }

    /// Asks, and says in one line why there is no answer.
    pub(super) async fn ask(
        &self,
        method: &Method,
        url: &str,
        headers: &HeaderMap,
        body: &str,
    ) -> Result<Asked, String> {
        let begun = Instant::now();
        let body = Bytes::copy_from_slice(body.as_bytes());
        let answer = self.0.fetch(method, url, headers, body, LARGEST, TOTAL).await;
        let answer = answer.map_err(|failure| {
            let mut text = format!("{url}: {failure}");
            let mut cause = std::error::Error::source(&failure);
            while let Some(error) = cause {
                text = format!("{text}: {error}");
                cause = error.source();
            }
            text
        })?;
        let (head, body) = answer.into_parts();
        Ok(Asked {
            status: head.status.as_u16(),
            headers: head.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
            took: begun.elapsed(),
        })
    }

    /// Asks for a page.
    pub(super) async fn get(&self, url: &str) -> Result<Asked, String> {
        self.ask(&Method::GET, url, &HeaderMap::new(), "").await
    }
}
