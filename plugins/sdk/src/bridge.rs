//! Between the exported functions of a component and the methods of [`Plugin`].
//!
//! A component has one plugin, made by `init`. Each function hands its arguments over by move,
//! turns what the hook returned into what crosses the boundary, and then hands over the samples
//! that were counted meanwhile.

use std::cell::RefCell;
use std::thread::LocalKey;

use crate::http::Exchange;
use crate::plugin::Plugin;
use crate::subscription::{Manifest, Subscription};

/// What `#[plugin]` writes beside the hooks.
#[doc(hidden)]
pub trait Hosted: Plugin {
    /// Where the plugin of this component is kept. Instances are not shared between threads.
    fn slot() -> &'static LocalKey<RefCell<Option<Self>>>;

    /// Who the plugin is. Pure.
    fn manifest() -> Manifest;

    /// What the attributes on the hooks subscribe to.
    fn subscription() -> Subscription;

    /// Forgets what is remembered about an exchange that is over.
    fn forget(&mut self, _: Exchange) {}
}

/// Makes the plugin and finds out what it wants delivered.
pub(crate) fn configure<P: Hosted>(
    config: crate::config::Config,
) -> Result<(P, Subscription), Vec<crate::config::ConfigError>> {
    let plugin = P::configure(config)?;
    let mut subscription = P::subscription();
    plugin.subscribe(&mut subscription);
    Ok((plugin, subscription))
}

#[cfg(target_arch = "wasm32")]
pub use exports::Bridge;

#[cfg(target_arch = "wasm32")]
mod exports {
    use std::marker::PhantomData;
    use std::time::Duration;

    use super::{Hosted, configure};
    use crate::background::{Background, Tick};
    use crate::bindings;
    use crate::config::{Config, ConfigError};
    use crate::errors::ErrorEvent;
    use crate::fault::{Answer, Fault};
    use crate::health::{Check, Status};
    use crate::http::{Chunk, ChunkAction, Exchange, Next, Reply, Request, Response, Summary};
    use crate::logs::{Batch, LogEdit, Record};
    use crate::metrics::after_hook;
    use crate::page::PageRequest;
    use crate::scrub::Passage;
    use crate::subscription::Manifest;
    use crate::time::{Timestamp, nanos};
    use crate::wire;

    /// Implements every exported interface for a plugin; `#[plugin]` exports those it wrote.
    #[doc(hidden)]
    pub struct Bridge<P>(PhantomData<P>);

    impl<P: Hosted> Bridge<P> {
        /// Runs a hook that answers.
        #[inline]
        fn ask<T>(call: impl FnOnce(&mut P) -> Result<T, Fault>) -> Result<T, Fault> {
            let answer = P::slot().with_borrow_mut(|slot| match slot {
                Some(plugin) => call(plugin),
                None => Err(Fault::internal("called before `init`")),
            });
            after_hook();
            answer
        }

        /// Runs a hook that cannot fail.
        #[inline]
        fn tell<T: Default>(call: impl FnOnce(&mut P) -> T) -> T {
            let answer =
                P::slot().with_borrow_mut(|slot| slot.as_mut().map(call).unwrap_or_default());
            after_hook();
            answer
        }
    }

    impl<P: Hosted> bindings::lifecycle::exports::tamis::plugin::lifecycle::Guest for Bridge<P> {
        fn describe() -> Manifest {
            P::manifest()
        }

        fn init(config: Config) -> Result<wire::lifecycle_types::Subscription, Vec<ConfigError>> {
            crate::panic::install();
            let (plugin, subscription) = configure::<P>(config)?;
            P::slot().set(Some(plugin));
            after_hook();
            Ok(wire::lifecycle_types::Subscription {
                paths: subscription.paths,
                request: subscription.request,
                response: subscription.response,
                done: subscription.done,
                logs: subscription.logs.map(|logs| wire::lifecycle_types::LogSubscription {
                    form: logs.form,
                    min_severity: logs.min_severity,
                    max_batch: logs.max_batch,
                    max_delay: nanos(logs.max_delay),
                    access_log: logs.access_log,
                }),
                tick: subscription.tick.map(nanos),
                health: subscription.health,
                errors: subscription.errors,
            })
        }

        fn shutdown(deadline: u64) {
            Self::tell(|plugin| plugin.shutdown(Duration::from_nanos(deadline)));
        }
    }

    impl<P: Hosted> bindings::on_request::exports::tamis::plugin::http_request::Guest for Bridge<P> {
        fn on_request(id: u32, head: wire::http_types::RequestHead) -> Result<Next, Fault> {
            let request = Request {
                exchange: Exchange::new(id),
                request_id: head.request_id,
                method: head.method,
                authority: head.authority,
                target: head.target,
                headers: head.headers,
                ends: head.ends,
                route: head.route,
                client_address: head.client_address,
            };
            Self::ask(|plugin| plugin.on_request(request).answer())
        }
    }

    impl<P: Hosted> bindings::on_request_body::exports::tamis::plugin::http_request_body::Guest
        for Bridge<P>
    {
        fn on_request_body(id: u32, part: wire::http_types::Chunk) -> Result<ChunkAction, Fault> {
            let chunk = chunk(id, part);
            Self::ask(|plugin| plugin.on_request_body(chunk).answer())
        }
    }

    impl<P: Hosted> bindings::on_response::exports::tamis::plugin::http_response::Guest for Bridge<P> {
        fn on_response(id: u32, head: wire::http_types::ResponseHead) -> Result<Next, Fault> {
            let response = Response {
                exchange: Exchange::new(id),
                status: head.status,
                headers: head.headers,
                ends: head.ends,
                local: head.local,
            };
            Self::ask(|plugin| plugin.on_response(response).answer())
        }
    }

    impl<P: Hosted> bindings::on_response_body::exports::tamis::plugin::http_response_body::Guest
        for Bridge<P>
    {
        fn on_response_body(id: u32, part: wire::http_types::Chunk) -> Result<ChunkAction, Fault> {
            let chunk = chunk(id, part);
            Self::ask(|plugin| plugin.on_response_body(chunk).answer())
        }
    }

    fn chunk(id: u32, part: wire::http_types::Chunk) -> Chunk {
        Chunk { exchange: Exchange::new(id), data: part.data, offset: part.offset, last: part.last }
    }

    impl<P: Hosted> bindings::on_done::exports::tamis::plugin::http_done::Guest for Bridge<P> {
        fn on_done(what: wire::http_types::Summary) {
            let exchange = Exchange::new(what.exchange);
            let summary = Summary {
                exchange,
                request_id: what.request_id,
                method: what.method,
                route: what.route,
                outcome: what.outcome,
                status: what.status,
                request_bytes: what.request_bytes,
                response_bytes: what.response_bytes,
                total: Duration::from_nanos(what.total),
                upstream: (what.upstream > 0).then(|| Duration::from_nanos(what.upstream)),
                plugins: Duration::from_nanos(what.plugins),
                attributes: what.attributes,
            };
            Self::tell(|plugin| {
                plugin.on_done(summary);
                plugin.forget(exchange);
            });
        }
    }

    impl<P: Hosted> bindings::on_logs::exports::tamis::plugin::log_filter::Guest for Bridge<P> {
        fn on_logs(source: String, batch: Vec<Record>) -> Result<Vec<LogEdit>, Fault> {
            let batch = Batch { source, records: batch };
            Self::ask(|plugin| plugin.on_logs(batch).answer()).map(|edits| edits.changes)
        }
    }

    impl<P: Hosted> bindings::scrub::exports::tamis::plugin::scrubber::Guest for Bridge<P> {
        fn scrub(passages: Vec<Passage>) -> Result<Vec<Option<String>>, Fault> {
            Self::ask(|plugin| plugin.scrub(passages).answer())
        }
    }

    impl<P: Hosted> bindings::on_tick::exports::tamis::plugin::ticker::Guest for Bridge<P> {
        fn on_tick(now: u64, missed: u32) -> Result<(), Fault> {
            let tick = Tick { now: Timestamp::from_unix_nanos(now), missed };
            Self::ask(|plugin| plugin.on_tick(tick, &Background::new()).answer())
        }
    }

    impl<P: Hosted> bindings::on_errors::exports::tamis::plugin::error_sink::Guest for Bridge<P> {
        fn on_errors(batch: Vec<ErrorEvent>) -> Result<(), Fault> {
            Self::ask(|plugin| plugin.on_errors(batch, &Background::new()).answer())
        }
    }

    impl<P: Hosted> bindings::checks::exports::tamis::plugin::health_source::Guest for Bridge<P> {
        fn checks() -> Vec<Check> {
            Self::tell(|plugin| plugin.checks())
        }
    }

    impl<P: Hosted> bindings::on_health::exports::tamis::plugin::health_observer::Guest for Bridge<P> {
        fn on_health(all: Vec<Check>) -> Result<Status, Fault> {
            Self::ask(|plugin| plugin.on_health(all, &Background::new()).answer())
        }
    }

    impl<P: Hosted> bindings::on_page::exports::tamis::plugin::admin_pages::Guest for Bridge<P> {
        fn on_page(request: PageRequest) -> Result<Reply, Fault> {
            Self::ask(|plugin| plugin.on_page(request, &Background::new()).answer())
        }
    }
}
