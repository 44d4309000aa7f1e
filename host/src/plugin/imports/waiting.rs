//! The imports that reach outside of the host, and may wait.
//!
//! In an instance that must not wait (a worker, or one that is being configured) they answer
//! `background-only` at once, whatever the state of the outside, so that a plugin cannot work
//! in a test and stall in production. Handing work over never waits and is allowed to all.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::filter::canary::Output;
use crate::health::probe;
use crate::outbound::{self, client, delivery};
use crate::plugin::bindings::tamis::plugin as wit;
use crate::plugin::convert;
use crate::plugin::sandbox::Sandbox;
use crate::state::{self, Store};

/// Largest body of an answer that a plugin may ask for, in bytes.
const MAX_ANSWER: u32 = 1024 * 1024;
/// Longest time that one attempt may take.
const LONGEST: Duration = Duration::from_secs(60);

type StateResult<T> = wasmtime::Result<Result<T, wit::state::StateError>>;

impl Sandbox {
    /// The state of that scope, unless it may not be used here.
    fn scope(&self, scope: wit::state::Scope) -> Result<Scoped<'_>, wit::state::StateError> {
        match scope {
            wit::state::Scope::Local => Ok(Scoped::Local(&self.services.reach.local)),
            wit::state::Scope::Shared if self.must_not_wait() => {
                Err(wit::state::StateError::BackgroundOnly)
            }
            wit::state::Scope::Shared => Ok(Scoped::Shared(&*self.services.reach.shared)),
        }
    }

    /// The same, for what is to be kept there or asked for by a key.
    fn scope_for(
        &self,
        scope: wit::state::Scope,
        parts: [&[u8]; 2],
    ) -> Result<Scoped<'_>, wit::state::StateError> {
        let scoped = self.scope(scope)?;
        if self.services.watch.passes(Output::State, parts) {
            Ok(scoped)
        } else {
            Err(wit::state::StateError::Unavailable)
        }
    }

    fn state_failed(&self, error: &state::Error) -> wit::state::StateError {
        self.services.state_failed(error);
        match error {
            state::Error::Full => wit::state::StateError::Full,
            state::Error::TooLarge { .. } => wit::state::StateError::TooLarge,
            state::Error::NotANumber => wit::state::StateError::NotANumber,
            state::Error::Unavailable(_) => wit::state::StateError::Unavailable,
        }
    }
}

/// One of the two stores of a plugin. The local one is asked without a detour through a
/// future.
enum Scoped<'a> {
    Local(&'a state::Memory),
    Shared(&'a dyn Store),
}

fn lifetime(ttl: Option<u64>) -> Option<Duration> {
    ttl.map(Duration::from_nanos)
}

impl wit::state::Host for Sandbox {
    async fn get(&mut self, scope: wit::state::Scope, key: String) -> StateResult<Option<Vec<u8>>> {
        self.enter()?;
        let answer = match self.scope_for(scope, [key.as_bytes(), &[]]) {
            Err(error) => return Ok(Err(error)),
            Ok(Scoped::Local(store)) => store.get(&key),
            Ok(Scoped::Shared(store)) => store.get(&key).await,
        };
        Ok(match answer {
            Ok(value) => Ok(value.map(|bytes| bytes.to_vec())),
            Err(error) => Err(self.state_failed(&error)),
        })
    }

    async fn set(
        &mut self,
        scope: wit::state::Scope,
        key: String,
        value: Vec<u8>,
        ttl: Option<u64>,
    ) -> StateResult<()> {
        self.enter()?;
        let (value, ttl) = (Bytes::from(value), lifetime(ttl));
        let answer = match self.scope_for(scope, [key.as_bytes(), &value]) {
            Err(error) => return Ok(Err(error)),
            Ok(Scoped::Local(store)) => store.set(&key, value, ttl),
            Ok(Scoped::Shared(store)) => store.set(&key, value, ttl).await,
        };
        Ok(answer.map_err(|error| self.state_failed(&error)))
    }

    async fn remove(&mut self, scope: wit::state::Scope, key: String) -> StateResult<()> {
        self.enter()?;
        let answer = match self.scope_for(scope, [key.as_bytes(), &[]]) {
            Err(error) => return Ok(Err(error)),
            Ok(Scoped::Local(store)) => store.remove(&key),
            Ok(Scoped::Shared(store)) => store.remove(&key).await,
        };
        Ok(answer.map_err(|error| self.state_failed(&error)))
    }

    async fn increment(
        &mut self,
        scope: wit::state::Scope,
        key: String,
        by: i64,
        ttl: Option<u64>,
    ) -> StateResult<i64> {
        self.enter()?;
        let ttl = lifetime(ttl);
        let answer = match self.scope_for(scope, [key.as_bytes(), &[]]) {
            Err(error) => return Ok(Err(error)),
            Ok(Scoped::Local(store)) => store.increment(&key, by, ttl),
            Ok(Scoped::Shared(store)) => store.increment(&key, by, ttl).await,
        };
        Ok(answer.map_err(|error| self.state_failed(&error)))
    }

    async fn swap(
        &mut self,
        scope: wit::state::Scope,
        key: String,
        expected: Option<Vec<u8>>,
        value: Vec<u8>,
    ) -> StateResult<bool> {
        self.enter()?;
        let (expected, value) = (expected.as_deref(), Bytes::from(value));
        let answer = match self.scope_for(scope, [key.as_bytes(), &value]) {
            Err(error) => return Ok(Err(error)),
            Ok(Scoped::Local(store)) => store.swap(&key, expected, value),
            Ok(Scoped::Shared(store)) => store.swap(&key, expected, value).await,
        };
        Ok(answer.map_err(|error| self.state_failed(&error)))
    }
}

/// A request that makes sense and may be sent.
struct Admitted {
    method: Method,
    headers: HeaderMap,
    timeout: Duration,
}

/// Checks a request of a plugin against its grant and against good sense.
fn admit(
    sandbox: &Sandbox,
    request: &wit::outbound_http::Request,
) -> Result<Admitted, wit::outbound_http::SendError> {
    use wit::outbound_http::SendError::{Denied, Invalid};
    let (origin, _) =
        outbound::Origin::split(&request.url).map_err(|error| Invalid(error.to_string()))?;
    if !sandbox.services.reach.origins.contains(&origin) {
        let scheme = if origin.is_secure() { "https" } else { "http" };
        return Err(Denied(format!("{scheme}://{}", origin.authority())));
    }
    let method = Method::from_bytes(request.method.as_bytes())
        .map_err(|_| Invalid(format!("`{}` is no method", convert::shown(&request.method))))?;
    let mut headers = HeaderMap::with_capacity(request.headers.len());
    for (name, value) in &request.headers {
        let parsed = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Invalid(format!("`{}` is no field", convert::shown(name))))?;
        if convert::is_hosts(&parsed) {
            return Err(Invalid(format!("`{parsed}` is a field of the host")));
        }
        let value = HeaderValue::from_str(value)
            .map_err(|_| Invalid(format!("the value for `{parsed}` holds what no field may")))?;
        headers.append(parsed, value);
    }
    let fields = request.headers.iter().flat_map(|(name, value)| [name, value]);
    let texts =
        [&request.url, &request.method].into_iter().chain(fields).map(|text| text.as_bytes());
    let parts = texts.chain([&request.body[..]]);
    if !sandbox.services.watch.passes(Output::Requests, parts) {
        return Err(Invalid("the request holds a canary of [redact]".to_owned()));
    }
    let timeout = Duration::from_nanos(request.timeout).min(LONGEST);
    Ok(Admitted { method, headers, timeout })
}

impl wit::outbound_http::Host for Sandbox {
    async fn send(
        &mut self,
        request: wit::outbound_http::Request,
    ) -> wasmtime::Result<Result<wit::outbound_http::Response, wit::outbound_http::SendError>> {
        use wit::outbound_http::SendError;
        self.enter()?;
        if self.must_not_wait() {
            return Ok(Err(SendError::BackgroundOnly));
        }
        let admitted = match admit(self, &request) {
            Ok(admitted) => admitted,
            Err(error) => return Ok(Err(error)),
        };
        let Admitted { method, headers, timeout } = admitted;
        let limit = u64::from(request.max_bytes.min(MAX_ANSWER));
        let client = std::sync::Arc::clone(&self.services.reach.client);
        let body = Bytes::from(request.body);
        let answer = client.fetch(&method, &request.url, &headers, body, limit, timeout).await;
        Ok(match answer {
            Ok(response) => {
                let (head, body) = response.into_parts();
                let headers = head
                    .headers
                    .iter()
                    .map(|(name, value)| {
                        (name.as_str().to_owned(), convert::text_of(value).into_owned())
                    })
                    .collect();
                let status = head.status.as_u16();
                Ok(wit::outbound_http::Response { status, headers, body: body.to_vec() })
            }
            Err(client::Failure::Timeout { .. }) => Err(SendError::Timeout),
            Err(client::Failure::AnswerBody(crate::wire::BodyError::TooLarge(_))) => {
                Err(SendError::TooLarge)
            }
            Err(client::Failure::Url(error)) => Err(SendError::Invalid(error.to_string())),
            Err(error) => Err(SendError::Connect(error.kind().to_owned())),
        })
    }

    fn enqueue(
        &mut self,
        request: wit::outbound_http::Request,
    ) -> wasmtime::Result<Result<(), wit::outbound_http::SendError>> {
        use wit::outbound_http::SendError;
        self.enter()?;
        let Admitted { method, headers, timeout } = match admit(self, &request) {
            Ok(admitted) => admitted,
            Err(error) => return Ok(Err(error)),
        };
        let request = delivery::Request {
            method,
            url: request.url,
            headers,
            body: request.body.into(),
            timeout,
        };
        Ok(self.services.reach.delivery.enqueue(request).map_err(|refusal| match refusal {
            delivery::Refusal::Full | delivery::Refusal::Closed => SendError::Full,
            delivery::Refusal::Url(error) => SendError::Invalid(error.to_string()),
        }))
    }
}

impl wit::probe::Host for Sandbox {
    async fn run(
        &mut self,
        tasks: Vec<wit::probe::Task>,
    ) -> wasmtime::Result<Vec<Result<wit::probe::Success, wit::probe::Failure>>> {
        self.enter()?;
        if self.must_not_wait() {
            let refused = || wit::probe::Failure {
                reason: wit::probe::Reason::BackgroundOnly,
                message: "Probes run in the background instance only.".to_owned(),
                latency: 0,
            };
            return Ok(tasks.iter().map(|_| Err(refused())).collect());
        }
        let fields = |task: &'_ wit::probe::Task| -> Vec<u8> {
            let headers = task.headers.iter().flat_map(|(name, value)| [&**name, &**value]);
            let texts: Vec<&str> = [&*task.url].into_iter().chain(headers).collect();
            texts.join("\n").into_bytes()
        };
        let watch = &self.services.watch;
        let passes = |task| watch.is_idle() || watch.passes(Output::Requests, [&fields(task)[..]]);
        if !tasks.iter().all(passes) {
            let withheld = || wit::probe::Failure {
                reason: wit::probe::Reason::Invalid,
                message: "A probe holds a canary of [redact].".to_owned(),
                latency: 0,
            };
            return Ok(tasks.iter().map(|_| Err(withheld())).collect());
        }
        let tasks: Vec<_> = tasks
            .into_iter()
            .map(|task| probe::Task {
                url: task.url,
                headers: task.headers,
                statuses: task.statuses,
                contains: task.contains,
                timeout: Duration::from_nanos(task.timeout),
            })
            .collect();
        let reach = &self.services.reach;
        let counts = &self.services.metrics.host().health;
        let outcomes = probe::run(&reach.dialer, counts, &tasks, &reach.targets).await;
        Ok(outcomes.into_iter().map(outcome).collect())
    }
}

fn outcome(
    outcome: Result<probe::Success, probe::Failure>,
) -> Result<wit::probe::Success, wit::probe::Failure> {
    match outcome {
        Ok(success) => Ok(wit::probe::Success {
            latency: convert::nanoseconds(success.latency),
            attributes: success
                .attributes
                .into_iter()
                .map(|(name, value)| {
                    let value = match value {
                        probe::Value::Text(text) => wit::types::ValueResult::Text(text),
                        probe::Value::Integer(number) => wit::types::ValueResult::Integer(number),
                    };
                    (name.to_owned(), value)
                })
                .collect(),
        }),
        Err(failure) => Err(wit::probe::Failure {
            reason: reason(failure.reason),
            message: failure.message,
            latency: convert::nanoseconds(failure.latency),
        }),
    }
}

fn reason(reason: probe::Reason) -> wit::probe::Reason {
    match reason {
        probe::Reason::Denied(entry) => wit::probe::Reason::Denied(entry),
        probe::Reason::Unsupported => wit::probe::Reason::Unsupported,
        probe::Reason::Invalid => wit::probe::Reason::Invalid,
        probe::Reason::Resolve => wit::probe::Reason::Resolve,
        probe::Reason::Connect => wit::probe::Reason::Connect,
        probe::Reason::Tls => wit::probe::Reason::Tls,
        probe::Reason::Timeout => wit::probe::Reason::Timeout,
        probe::Reason::Credentials => wit::probe::Reason::Credentials,
        probe::Reason::Status(status) => wit::probe::Reason::Status(status),
        probe::Reason::Declined => wit::probe::Reason::Declined,
        probe::Reason::Mismatch => wit::probe::Reason::Mismatch,
        probe::Reason::Protocol => wit::probe::Reason::Protocol,
    }
}
