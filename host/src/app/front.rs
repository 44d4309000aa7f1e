//! The public side: the server as configured, and the proxy as its service.

use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{Request, Response};

use super::assemble::{fault, head_limits};
use crate::config::{Config, Faults, Scheme};
use crate::outbound::Dialer;
use crate::plugin::services::Outlets;
use crate::proxy::access::{After, Records};
use crate::proxy::{self, Proxy, Version};
use crate::server::{Acceptor, ConnectionInfo, Listen, Server, Service, Settings, Timeouts};
use crate::wire::{Body, Refusal};

/// Binds the public addresses.
///
/// # Errors
///
/// The address that cannot be listened on, or what is wrong with the certificate.
pub fn bind(config: &Config, workers: usize) -> Result<Server, Faults> {
    let acceptor = certificates(config)?;
    let listen = config
        .server
        .listen
        .iter()
        .map(|given| Listen {
            address: given.value.address,
            tls: acceptor.clone().filter(|_| given.value.scheme == Scheme::Https),
        })
        .collect();
    Server::bind(listen, settings(config, workers)).map_err(|error| {
        // The address is in the text; the line is that of the first listener.
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        let text = match cause {
            Some(cause) => format!("{error} ({cause})"),
            None => error.to_string(),
        };
        match config.server.listen.first() {
            Some(first) => fault(&first.origin, text),
            None => fault(&crate::config::Origin::built_in(), text),
        }
    })
}

/// Reads the certificate and its key.
///
/// # Errors
///
/// What is wrong with either file.
pub fn certificates(config: &Config) -> Result<Option<Acceptor>, Faults> {
    let Some(tls) = &config.server.tls else { return Ok(None) };
    let read = |path: &std::path::Path| {
        std::fs::read(path).map_err(|error| {
            fault(&tls.origin, format!("`{}` cannot be read: {error}", path.display()))
        })
    };
    let (chain, key) = (read(&tls.certificate)?, read(&tls.key)?);
    let acceptor =
        Acceptor::from_pem(&chain, &key).map_err(|error| fault(&tls.origin, error.to_string()))?;
    Ok(Some(acceptor))
}

fn settings(config: &Config, workers: usize) -> Settings {
    let (limits, timeouts) = (&config.server.limits, &config.server.timeouts);
    let default = Settings::default();
    Settings {
        workers: NonZeroUsize::new(workers).unwrap_or(NonZeroUsize::MIN),
        connections: config.server.max_connections.unwrap_or(default.connections),
        requests: u64::from(limits.requests_per_connection),
        head: head_limits(limits),
        timeouts: Timeouts {
            first_byte: timeouts.first_byte,
            head: timeouts.head,
            idle: timeouts.keep_alive,
            body_idle: timeouts.body_idle,
            body_rate: timeouts.body_rate.map_or(0, |rate| rate.0.0),
            body_grace: timeouts.body_rate_grace,
            write: timeouts.write,
            ..Timeouts::default()
        },
        streams: limits.streams,
    }
}

/// The proxy on one worker, as the server calls it.
pub struct Front {
    proxy: Proxy,
}

impl Front {
    /// On the thread of a worker: also starts what is done after exchanges.
    pub fn start(
        worker: usize,
        version: &Arc<ArcSwap<Version>>,
        dialer: &Arc<Dialer>,
        outlets: &Outlets,
        access: Option<Records>,
    ) -> Self {
        let after = After::new(access, &outlets.metrics);
        let running = after.clone();
        tokio::task::spawn_local(async move { running.run().await });
        Self { proxy: Proxy::new(worker, Arc::clone(version), Arc::clone(dialer), after) }
    }
}

impl Service for Front {
    type Connection = proxy::Connection;

    fn connect(&self, info: ConnectionInfo) -> proxy::Connection {
        proxy::Connection::new(info.peer, info.local, info.tls.is_some())
    }

    async fn serve(
        &self,
        request: Request<Body>,
        connection: &Rc<proxy::Connection>,
    ) -> Response<Body> {
        self.proxy.handle(request, connection).await
    }

    fn refuse(&self, refusal: Refusal, _connection: &proxy::Connection) -> Response<Bytes> {
        let response = proxy::refuse(refusal);
        self.proxy.after().turned_away(response.status(), "refused");
        response
    }

    async fn finish(&self) {
        // What ended is told to plugins and recorded before the worker goes.
        let _ = tokio::time::timeout(Duration::from_secs(2), self.proxy.after().settle()).await;
    }
}
