//! The trait that a plugin implements: one method per hook of the contract.

use std::time::Duration;

use crate::background::{Background, Tick};
use crate::config::{Config, ConfigError};
use crate::errors::ErrorEvent;
use crate::fault::{Answer, Fault};
use crate::health::{Check, Status};
use crate::http::{Chunk, ChunkAction, Next, Reply, Request, Response, Summary};
use crate::logs::{Batch, Edits};
use crate::page::PageRequest;
use crate::scrub::Passage;
use crate::subscription::Subscription;

/// A plugin. Write the hooks you want under `#[plugin]`; only those are exported.
///
/// A hook may return what is asked for or a `Result` of it, see [`Answer`]. The host keeps two
/// kinds of instances, made alike and sharing no memory: *workers* for exchanges and log records,
/// which never wait, and one *background* instance for everything that takes a [`Background`].
/// Both may be dropped and made anew at any time; what must survive goes through
/// [`host::state`](crate::host::state).
#[expect(unused_variables, reason = "the names are documentation")]
pub trait Plugin: Sized + 'static {
    /// Makes the plugin from its configuration. Called once per instance, before any other hook,
    /// and by `tamis check`: no network here, and keep it cheap. `#[plugin]` writes it, when it
    /// is missing, as `config.parse()`.
    ///
    /// # Errors
    ///
    /// All mistakes in the configuration, not only the first.
    fn configure(config: Config) -> Result<Self, Vec<ConfigError>>;

    /// Changes what the attributes on the hooks subscribe to, by configuration. The same for all
    /// instances.
    fn subscribe(&self, subscription: &mut Subscription) {}

    /// Sees the head of each request, before it goes to the next plugin or upstream. Plugins are
    /// asked in the operator's order. Worker.
    ///
    /// `#[fields("accept", "cookie")]` says which headers to deliver: each costs about 100 ns.
    /// Without it, all.
    fn on_request(&mut self, request: Request) -> impl Answer<Next> {}

    /// Sees the body of each request, chunk by chunk; not at all when the head said `ends`. Worker.
    ///
    /// Needs `#[body(mode, max = "…")]` with the mode `observe`, `transform` or `whole`, and where
    /// wanted `types("application/json", …)`, `decode`, `unit = "bytes" | "line" | "event"` and
    /// `overflow = "pass" | "reject"`.
    fn on_request_body(&mut self, chunk: Chunk) -> impl Answer<ChunkAction> {}

    /// Sees the head of each response, also of those made by the host or by a plugin, before
    /// anything reaches the client. Plugins are asked in reverse order. Worker.
    ///
    /// `#[fields(…)]` as with [`on_request`](Self::on_request).
    fn on_response(&mut self, response: Response) -> impl Answer<Next> {}

    /// Sees the body of each response, chunk by chunk; not at all when the head said `ends`.
    /// Worker. Needs `#[body(…)]` as [`on_request_body`](Self::on_request_body).
    fn on_response_body(&mut self, chunk: Chunk) -> impl Answer<ChunkAction> {}

    /// Told when an exchange is over, once for each on the subscribed paths: also after an abort,
    /// and also when no other hook ran. The client has its answer by then. Worker.
    ///
    /// `#[done("url.path", "error.type")]` says which attributes to deliver. Without it, none.
    /// With `min = 500` answers of a lower status pass unseen.
    fn on_done(&mut self, summary: Summary) {}

    /// Sees, changes or drops log records, in batches of one source, in order. Worker of the log
    /// path. When a guard faults, the host offers the records again one at a time.
    ///
    /// Needs `#[logs(form)]` with `raw`, `block` or `parsed`, and where wanted `min = "info"`,
    /// `batch = 512`, `delay = "50ms"` and `access_log`.
    fn on_logs(&mut self, batch: Batch) -> impl Answer<Edits> {}

    /// Cleans texts that leave by another way than exchanges and log records: error events, fault
    /// messages, pages. One answer for each, in order: the text to use instead, or `None` when it
    /// is clean. On a fault the texts are withheld and counted. Worker of the log path.
    fn scrub(&mut self, passages: Vec<Passage>) -> impl Answer<Vec<Option<String>>> {
        vec![None; passages.len()]
    }

    /// Called by the clock: probe, flush, refresh, expire. Never overlaps itself. Background.
    ///
    /// Needs `#[tick("10s")]`.
    fn on_tick(&mut self, tick: Tick, background: &Background) -> impl Answer<()> {}

    /// Forwards errors, captured by any plugin or by the host, after they were scrubbed. A batch
    /// that faults is offered again with growing pauses, then dropped and counted. Background.
    fn on_errors(&mut self, batch: Vec<ErrorEvent>, background: &Background) -> impl Answer<()> {}

    /// Says how it is, or how what it watches is, from memory: called about once a second and after
    /// each tick. Background, and must not wait.
    fn checks(&mut self) -> Vec<Check> {
        Vec::new()
    }

    /// Turns all checks into one verdict, whenever one of them changes. Background.
    fn on_health(&mut self, checks: Vec<Check>, background: &Background) -> impl Answer<Status> {
        Status::Unknown
    }

    /// Answers a request to the admin listener, below the place where the plugin is mounted. What
    /// the page shows is scrubbed. Background.
    fn on_page(&mut self, request: PageRequest, background: &Background) -> impl Answer<Reply> {
        Err::<Reply, _>(Fault::internal("there are no pages"))
    }

    /// The instance is about to be dropped: reload, shutdown, or recycling because of its age or
    /// memory. Flush now; `deadline` is the time left. Not called after a trap.
    fn shutdown(&mut self, deadline: Duration) {}
}
