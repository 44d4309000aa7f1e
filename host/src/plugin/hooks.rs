//! Binds the hooks that a component exports, each one optional.
//!
//! A missing interface is fine; a present one that is misshapen is refused, never skipped:
//! a redaction hook that is silently not called is a leak. Names are compared before there
//! is an instance, types only with one, so both steps are made before a plugin is accepted.

use wasmtime::Store;
use wasmtime::component::{Component, Instance, InstancePre};

use super::bindings::exports::tamis::plugin as exports;
use super::sandbox::Sandbox;
use crate::filter::{Hook, Hooks};

/// The version of the contract that this host speaks.
pub const CONTRACT: &str = "0.1.0";
/// The package of the contract.
pub const PACKAGE: &str = "tamis:plugin";

/// The interfaces that may be exported, with the hook that each stands for. `lifecycle`
/// stands for three and must be there.
pub const INTERFACES: [(&str, Hook); 12] = [
    ("http-request", Hook::OnRequest),
    ("http-request-body", Hook::OnRequestBody),
    ("http-response", Hook::OnResponse),
    ("http-response-body", Hook::OnResponseBody),
    ("http-done", Hook::OnDone),
    ("log-filter", Hook::OnLogs),
    ("scrubber", Hook::Scrub),
    ("ticker", Hook::OnTick),
    ("error-sink", Hook::OnErrors),
    ("health-source", Hook::Checks),
    ("health-observer", Hook::OnHealth),
    ("admin-pages", Hook::OnPage),
];

/// Why a component's hooks do not fit.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// There is no `lifecycle`.
    #[error(
        "exports no `tamis:plugin/lifecycle@{CONTRACT}`, so it is not a tamis plugin, or one of \
         another contract version"
    )]
    NoLifecycle,
    /// An interface is there, but not as the contract has it.
    #[error("exports `{interface}`, but not as contract {CONTRACT} has it: {why}")]
    Misshapen {
        /// The interface, with package and version.
        interface: String,
        /// What the engine says.
        why: String,
    },
}

type Bind<T> = Result<Option<T>, BindError>;

/// Where the exported hooks of one component are.
pub struct Indices {
    lifecycle: exports::lifecycle::GuestIndices,
    http_request: Option<exports::http_request::GuestIndices>,
    http_request_body: Option<exports::http_request_body::GuestIndices>,
    http_response: Option<exports::http_response::GuestIndices>,
    http_response_body: Option<exports::http_response_body::GuestIndices>,
    http_done: Option<exports::http_done::GuestIndices>,
    log_filter: Option<exports::log_filter::GuestIndices>,
    scrubber: Option<exports::scrubber::GuestIndices>,
    ticker: Option<exports::ticker::GuestIndices>,
    error_sink: Option<exports::error_sink::GuestIndices>,
    health_source: Option<exports::health_source::GuestIndices>,
    health_observer: Option<exports::health_observer::GuestIndices>,
    admin_pages: Option<exports::admin_pages::GuestIndices>,
}

/// The hooks of one instance.
pub struct Guest {
    pub(super) lifecycle: exports::lifecycle::Guest,
    pub(super) http_request: Option<exports::http_request::Guest>,
    pub(super) http_request_body: Option<exports::http_request_body::Guest>,
    pub(super) http_response: Option<exports::http_response::Guest>,
    pub(super) http_response_body: Option<exports::http_response_body::Guest>,
    pub(super) http_done: Option<exports::http_done::Guest>,
    pub(super) log_filter: Option<exports::log_filter::Guest>,
    pub(super) scrubber: Option<exports::scrubber::Guest>,
    pub(super) ticker: Option<exports::ticker::Guest>,
    pub(super) error_sink: Option<exports::error_sink::Guest>,
    pub(super) health_source: Option<exports::health_source::Guest>,
    pub(super) health_observer: Option<exports::health_observer::Guest>,
    pub(super) admin_pages: Option<exports::admin_pages::Guest>,
}

fn qualified(interface: &str) -> String {
    format!("{PACKAGE}/{interface}@{CONTRACT}")
}

fn has(component: &Component, interface: &str) -> bool {
    component.get_export_index(None, qualified(interface)).is_some()
}

/// What the engine says, with its causes, in one line.
fn reason(error: &wasmtime::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.contains(&cause) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause);
    }
    text.replace('\n', " ")
}

fn fit<T>(interface: &str, bound: wasmtime::Result<T>) -> Result<T, BindError> {
    bound.map_err(|error| BindError::Misshapen {
        interface: qualified(interface),
        why: reason(&error),
    })
}

impl Indices {
    /// Finds the hooks by name.
    ///
    /// # Errors
    ///
    /// [`BindError`] for the first interface that is there without its function, and when
    /// `lifecycle` is not there at all.
    pub fn find(pre: &InstancePre<Sandbox>) -> Result<Self, BindError> {
        let component = pre.component();
        if !has(component, "lifecycle") {
            return Err(BindError::NoLifecycle);
        }
        Ok(Self {
            lifecycle: fit("lifecycle", exports::lifecycle::GuestIndices::new(pre))?,
            http_request: find(pre, "http-request", exports::http_request::GuestIndices::new)?,
            http_request_body: find(
                pre,
                "http-request-body",
                exports::http_request_body::GuestIndices::new,
            )?,
            http_response: find(pre, "http-response", exports::http_response::GuestIndices::new)?,
            http_response_body: find(
                pre,
                "http-response-body",
                exports::http_response_body::GuestIndices::new,
            )?,
            http_done: find(pre, "http-done", exports::http_done::GuestIndices::new)?,
            log_filter: find(pre, "log-filter", exports::log_filter::GuestIndices::new)?,
            scrubber: find(pre, "scrubber", exports::scrubber::GuestIndices::new)?,
            ticker: find(pre, "ticker", exports::ticker::GuestIndices::new)?,
            error_sink: find(pre, "error-sink", exports::error_sink::GuestIndices::new)?,
            health_source: find(pre, "health-source", exports::health_source::GuestIndices::new)?,
            health_observer: find(
                pre,
                "health-observer",
                exports::health_observer::GuestIndices::new,
            )?,
            admin_pages: find(pre, "admin-pages", exports::admin_pages::GuestIndices::new)?,
        })
    }

    /// Which hooks there are. `lifecycle` is not among them: everybody has it.
    pub fn hooks(&self) -> Hooks {
        let present = [
            (self.http_request.is_some(), Hook::OnRequest),
            (self.http_request_body.is_some(), Hook::OnRequestBody),
            (self.http_response.is_some(), Hook::OnResponse),
            (self.http_response_body.is_some(), Hook::OnResponseBody),
            (self.http_done.is_some(), Hook::OnDone),
            (self.log_filter.is_some(), Hook::OnLogs),
            (self.scrubber.is_some(), Hook::Scrub),
            (self.ticker.is_some(), Hook::OnTick),
            (self.error_sink.is_some(), Hook::OnErrors),
            (self.health_source.is_some(), Hook::Checks),
            (self.health_observer.is_some(), Hook::OnHealth),
            (self.admin_pages.is_some(), Hook::OnPage),
        ];
        present.into_iter().filter(|(there, _)| *there).map(|(_, hook)| hook).collect()
    }

    /// Binds the hooks of an instance, comparing types.
    ///
    /// # Errors
    ///
    /// [`BindError`] for the first interface whose types differ.
    pub fn bind(
        &self,
        store: &mut Store<Sandbox>,
        instance: &Instance,
    ) -> Result<Guest, BindError> {
        // One line per interface: each has types of its own, so there is nothing to loop over.
        let lifecycle = fit("lifecycle", self.lifecycle.load(&mut *store, instance))?;
        let http_request = match &self.http_request {
            Some(found) => Some(fit("http-request", found.load(&mut *store, instance))?),
            None => None,
        };
        let http_request_body = match &self.http_request_body {
            Some(found) => Some(fit("http-request-body", found.load(&mut *store, instance))?),
            None => None,
        };
        let http_response = match &self.http_response {
            Some(found) => Some(fit("http-response", found.load(&mut *store, instance))?),
            None => None,
        };
        let http_response_body = match &self.http_response_body {
            Some(found) => Some(fit("http-response-body", found.load(&mut *store, instance))?),
            None => None,
        };
        let http_done = match &self.http_done {
            Some(found) => Some(fit("http-done", found.load(&mut *store, instance))?),
            None => None,
        };
        let log_filter = match &self.log_filter {
            Some(found) => Some(fit("log-filter", found.load(&mut *store, instance))?),
            None => None,
        };
        let scrubber = match &self.scrubber {
            Some(found) => Some(fit("scrubber", found.load(&mut *store, instance))?),
            None => None,
        };
        let ticker = match &self.ticker {
            Some(found) => Some(fit("ticker", found.load(&mut *store, instance))?),
            None => None,
        };
        let error_sink = match &self.error_sink {
            Some(found) => Some(fit("error-sink", found.load(&mut *store, instance))?),
            None => None,
        };
        let health_source = match &self.health_source {
            Some(found) => Some(fit("health-source", found.load(&mut *store, instance))?),
            None => None,
        };
        let health_observer = match &self.health_observer {
            Some(found) => Some(fit("health-observer", found.load(&mut *store, instance))?),
            None => None,
        };
        let admin_pages = match &self.admin_pages {
            Some(found) => Some(fit("admin-pages", found.load(&mut *store, instance))?),
            None => None,
        };
        Ok(Guest {
            lifecycle,
            http_request,
            http_request_body,
            http_response,
            http_response_body,
            http_done,
            log_filter,
            scrubber,
            ticker,
            error_sink,
            health_source,
            health_observer,
            admin_pages,
        })
    }
}

fn find<T>(
    pre: &InstancePre<Sandbox>,
    interface: &str,
    new: impl Fn(&InstancePre<Sandbox>) -> wasmtime::Result<T>,
) -> Bind<T> {
    if !has(pre.component(), interface) {
        return Ok(None);
    }
    fit(interface, new(pre)).map(Some)
}
