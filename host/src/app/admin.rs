//! The pages for operators.
//!
//! `/metrics`, `/plugins`, `/health`, `/redaction`, `/errors`, and the pages of plugins under
//! `/plugins/<name>/`. What a plugin shows passes the scrubbers first, and all of it those who
//! look for canaries.

use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use serde::Serialize;

use super::counts::{LogCounts, publish_server};
use crate::config::Secret;
use crate::filter::background::{Background, PageRequest};
use crate::filter::canary::{self, Output, Watch};
use crate::filter::scrub::Scrubbers;
use crate::filter::{Filter as _, Hook, Origin, Passage, Stance};
use crate::health::Board;
use crate::plugin::Plugin;
use crate::proxy::Version;
use crate::server::admin::{Pages, plain};
use crate::{metrics, server};

/// Everything that pages show.
pub struct AdminPages {
    /// The metrics.
    pub metrics: Arc<metrics::Host>,
    /// All checks.
    pub board: Board,
    /// The log corridor, whose counts join the metrics.
    pub logs: LogCounts,
    /// What the server counts, for the metrics.
    pub server: Arc<server::Counts>,
    /// The upstreams in force.
    pub version: Arc<ArcSwap<Version>>,
    /// The plugins, in the order of the configuration.
    pub plugins: Vec<Arc<Plugin>>,
    /// What cleans the pages of plugins.
    pub scrubbers: Arc<Scrubbers>,
    /// What looks for canaries.
    pub watch: Watch,
    /// The plugin behind `/errors`.
    pub errors: Option<String>,
    /// What a request has to carry as bearer token, if anything.
    pub token: Option<Secret>,
}

#[async_trait::async_trait]
impl Pages for AdminPages {
    async fn page(&self, request: Request<Bytes>) -> Response<Bytes> {
        let response = self.answer(request).await;
        // What is packed was looked at before.
        if self.watch.is_idle() || response.headers().contains_key(CONTENT_ENCODING) {
            return response;
        }
        let fields = response.headers().values().map(HeaderValue::as_bytes);
        let parts = fields.chain([&response.body()[..]]);
        if self.watch.passes(Output::Pages, parts) { response } else { withheld() }
    }
}

/// What is shown of canaries, and of those who are there to redact.
#[derive(Serialize)]
struct Redaction {
    /// Nothing when none are planted.
    canaries: Option<canary::Report>,
    guards: Vec<Guard>,
}

/// A plugin that guards, and what it counted under names of its own: which rules, where, how often.
#[derive(Serialize)]
struct Guard {
    plugin: String,
    state: &'static str,
    counts: Vec<metrics::Count>,
}

impl AdminPages {
    async fn answer(&self, request: Request<Bytes>) -> Response<Bytes> {
        if !self.admits(request.headers()) {
            let mut response = plain(StatusCode::UNAUTHORIZED, "a bearer token is needed\n");
            let challenge = HeaderValue::from_static("Bearer realm=\"tamis\"");
            response.headers_mut().insert(http::header::WWW_AUTHENTICATE, challenge);
            return response;
        }
        let path = request.uri().path().to_owned();
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        match path.trim_end_matches('/') {
            "" if reads => self.index(),
            "/metrics" if reads => self.metrics(request.headers()),
            "/plugins" if reads => {
                json(&self.plugins.iter().map(|one| one.report()).collect::<Vec<_>>())
            }
            "/health" if reads => self.health(),
            "/redaction" if reads => self.redaction(),
            "" | "/metrics" | "/plugins" | "/health" | "/redaction" => {
                plain(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered here\n")
            }
            _ => self.page_of_plugin(request, &path).await,
        }
    }

    fn admits(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else { return true };
        let given = headers.get(http::header::AUTHORIZATION).map(HeaderValue::as_bytes);
        let given = given.and_then(|value| value.strip_prefix(b"Bearer "));
        // Every byte is looked at, so that the time taken says nothing of how far it fits.
        given.is_some_and(|given| {
            let expected = token.expose().as_bytes();
            given.len() == expected.len()
                && given.iter().zip(expected).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
        })
    }

    fn index(&self) -> Response<Bytes> {
        let mut text = String::from("tamis\n\n/metrics\n/plugins\n/health\n/redaction\n");
        if self.errors.is_some() {
            text.push_str("/errors\n");
        }
        for plugin in &self.plugins {
            if Background::hooks(&**plugin).contains(Hook::OnPage) {
                text.push_str("/plugins/");
                text.push_str(Background::name(&**plugin));
                text.push_str("/\n");
            }
        }
        plain(StatusCode::OK, &text)
    }

    fn metrics(&self, headers: &HeaderMap) -> Response<Bytes> {
        for plugin in &self.plugins {
            plugin.publish_sizes(&self.metrics);
        }
        self.logs.publish(&self.metrics.logs);
        publish_server(&self.server, &self.metrics.exchanges);
        for upstream in &self.version.load().upstreams {
            upstream.publish_connections();
        }
        let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        if !self.watch.is_idle() {
            let shown = self.metrics.expose(text(ACCEPT), None);
            if !self.watch.passes(Output::Metrics, [&shown.body[..]]) {
                return withheld();
            }
        }
        let exposition = self.metrics.expose(text(ACCEPT), text(ACCEPT_ENCODING));
        let mut response = Response::new(exposition.body);
        let kind = HeaderValue::from_str(&exposition.content_type);
        let kind = kind.unwrap_or(HeaderValue::from_static("text/plain"));
        response.headers_mut().insert(CONTENT_TYPE, kind);
        if let Some(coding) = exposition.content_encoding {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
        }
        response
    }

    fn health(&self) -> Response<Bytes> {
        let shown = self.board.shown();
        let mut response = json(&shown);
        if shown.status == crate::filter::Status::Unhealthy {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        response
    }

    fn redaction(&self) -> Response<Bytes> {
        let guards = self.plugins.iter().filter(|plugin| plugin.stance() == Stance::Guard);
        let guard = |plugin: &Arc<Plugin>| {
            let report = plugin.report();
            let counts = self.metrics.counts_of(&report.name);
            Guard { plugin: report.name, state: report.state, counts }
        };
        json(&Redaction { canaries: self.watch.report(), guards: guards.map(guard).collect() })
    }

    async fn page_of_plugin(&self, request: Request<Bytes>, path: &str) -> Response<Bytes> {
        let found = self.find(path);
        let Some((plugin, rest)) = found else {
            return plain(StatusCode::NOT_FOUND, "there is no such page; / lists them\n");
        };
        let (parts, body) = request.into_parts();
        let request = PageRequest {
            method: parts.method,
            path: if rest.is_empty() { "/".to_owned() } else { rest.to_owned() },
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers,
            body,
        };
        let Ok(page) = plugin.on_page(&request).await else {
            let text = "the plugin failed on this page; the log says why\n";
            return plain(StatusCode::INTERNAL_SERVER_ERROR, text);
        };
        // What is not text cannot be cleaned, and is not shown.
        let Ok(text) = String::from_utf8(page.body.to_vec()) else {
            return plain(StatusCode::BAD_GATEWAY, "the page of the plugin is not text\n");
        };
        let passage = Passage { text, origin: Origin::Page, name: String::new() };
        let Some(text) = self.scrubbers.clean_one(passage).await else {
            let text = "the page is withheld, because it could not be cleaned\n";
            return plain(StatusCode::SERVICE_UNAVAILABLE, text);
        };
        let mut response = Response::new(Bytes::from(text));
        *response.status_mut() = page.status;
        *response.headers_mut() = page.headers;
        response
    }

    /// The plugin that a path belongs to, and the path below its place.
    fn find<'a>(&self, path: &'a str) -> Option<(&Arc<Plugin>, &'a str)> {
        let (name, rest) = match path.strip_prefix("/plugins/") {
            Some(rest) => {
                let end = rest.find('/').unwrap_or(rest.len());
                (&rest[..end], &rest[end..])
            }
            None => {
                let rest = path.strip_prefix("/errors")?;
                let below = rest.is_empty() || rest.starts_with('/');
                (self.errors.as_deref().filter(|_| below)?, rest)
            }
        };
        let plugin = self.plugins.iter().find(|plugin| &**Background::name(&***plugin) == name)?;
        Background::hooks(&**plugin).contains(Hook::OnPage).then_some((plugin, rest))
    }
}

fn withheld() -> Response<Bytes> {
    let text = "the page is withheld, because it holds a canary; /redaction says which\n";
    plain(StatusCode::SERVICE_UNAVAILABLE, text)
}

fn json(value: &impl Serialize) -> Response<Bytes> {
    // These values hold nothing that JSON cannot say.
    let mut text = serde_json::to_vec_pretty(value).unwrap_or_default();
    text.push(b'\n');
    let mut response = Response::new(Bytes::from(text));
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
