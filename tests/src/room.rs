//! The plugin room with everything that a plugin is given, and exchanges that walk a chain of
//! plugins as the proxy would take them, without a socket.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tamis_host::filter::body::{BodyStop, BodyWalk};
use tamis_host::filter::canary::Watch;
use tamis_host::filter::queue::{Bound, Queue};
use tamis_host::filter::{
    Chain, Closed, ErrorEvent, Exchange, Filter, Link, Name, OnFault, Record, RequestHead,
    RequestWalk, ResponseHead, ResponseWalk, Source, Summary, sample,
};
use tamis_host::metrics;
use tamis_host::outbound::client::{self, Client};
use tamis_host::outbound::delivery::{self, Delivery};
use tamis_host::outbound::{Dialer, Dialing};
use tamis_host::plugin::cache::Cache;
use tamis_host::plugin::engine::{Capacity, Engine};
use tamis_host::plugin::grant::{Capability, Grants};
use tamis_host::plugin::load::{self, Compiled, LoadError, Order, Origin};
use tamis_host::plugin::sandbox::Budget;
use tamis_host::plugin::services::{Clock, Outlets, PluginReach, Random, Services};
use tamis_host::plugin::{Isolation, Plugin};
use tamis_host::state::{self, State};

/// An engine with what plugins hand over to.
pub struct Room {
    /// The engine.
    pub engine: Engine,
    /// What is counted.
    pub metrics: Arc<metrics::Host>,
    /// What plugins wrote.
    pub records: Queue<(Source, Record)>,
    /// What plugins and the host captured.
    pub errors: Queue<ErrorEvent>,
    outlets: Outlets,
}

impl Default for Room {
    fn default() -> Self {
        Self::with_capacity(Capacity::for_plugins(1, 4, 64))
    }
}

impl Room {
    /// With room for so many instances.
    ///
    /// # Panics
    ///
    /// When the engine does not start on this machine.
    pub fn with_capacity(capacity: Capacity) -> Self {
        let engine = Engine::start(capacity).expect("the engine starts");
        let build = metrics::Build { version: "0", revision: "0" };
        let metrics = Arc::new(metrics::Host::new(build));
        let bound = Bound { items: 10_000, weight: 16 * 1024 * 1024 };
        let (records, errors) = (Queue::new(bound), Queue::new(bound));
        let outlets = Outlets {
            records: records.clone(),
            errors: errors.clone(),
            metrics: Arc::clone(&metrics),
            clock: Clock::system(),
            watch: Watch::default(),
        };
        Self { engine, metrics, records, errors, outlets }
    }

    /// Compiles a component, unless an earlier run did.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    ///
    /// # Panics
    ///
    /// When the file system does not do its part.
    pub fn compile(&self, component: &[u8]) -> Result<Compiled, LoadError> {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("plugin.wasm");
        std::fs::write(&path, component).expect("a file can be written");
        let code = std::path::Path::new(env!("OUT_DIR")).join("code");
        let cache = Cache::at(&code).expect("the folder is ours");
        load::read(&self.engine, &cache, &Origin::File(path), None)
    }

    /// A plugin to be made of a component.
    ///
    /// # Panics
    ///
    /// When it is no component.
    pub fn plugin(&self, component: &[u8]) -> Make<'_> {
        self.make(Arc::new(self.compile(component).expect("it compiles")))
    }

    /// A plugin to be made of a compiled component.
    pub fn make(&self, compiled: Arc<Compiled>) -> Make<'_> {
        Make {
            room: self,
            compiled,
            name: "plugin".into(),
            config: "{}".into(),
            grants: Grants { allow: Capability::ALL.into_iter().collect(), ..Grants::default() },
            budget: Budget {
                // Waiting counts in the background, and the machine may be busy.
                background: Duration::from_millis(500),
                logs: Duration::from_millis(50),
                start: Duration::from_millis(100),
                ..Budget::default()
            },
            isolation: Isolation::Worker,
        }
    }

    /// State in memory, and nobody to send to or to probe.
    fn reach(&self, plugin: &Name) -> PluginReach {
        let dialer = Arc::new(Dialer::new(Dialing::default()).expect("it needs nothing"));
        let client = Arc::new(Client::new(Arc::clone(&dialer), client::Settings::default()));
        let state = State::in_memory(state::Limits::default());
        let (settings, wall) =
            (delivery::Settings::default(), Arc::new(std::time::SystemTime::now));
        PluginReach {
            dialer,
            client,
            local: state.local(plugin),
            shared: state.shared(plugin),
            origins: Vec::new(),
            targets: Vec::new(),
            delivery: Arc::new(Delivery::new(plugin, settings, &self.metrics, wall)),
        }
    }

    /// The messages that were written since this was last asked.
    pub fn written(&self) -> Vec<String> {
        std::iter::from_fn(|| self.records.try_pop()).map(|(_, record)| record.message).collect()
    }
}

impl Room {
    /// Everything that is counted, as it is shown.
    ///
    /// # Panics
    ///
    /// When it is no text.
    pub fn exposed(&self) -> String {
        String::from_utf8(self.metrics.expose(None, None).body.to_vec()).expect("it is text")
    }

    /// The sum of the samples of that name whose labels have all these values.
    pub fn counted(&self, name: &str, values: &[&str]) -> f64 {
        let text = self.exposed();
        let fits = |line: &&str| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{'))
                && values.iter().all(|value| line.contains(&format!("=\"{value}\"")))
        };
        let number = |line: &str| line.rsplit_once("} ")?.1.split(' ').next()?.parse::<f64>().ok();
        text.lines().filter(fits).filter_map(number).sum::<f64>()
    }
}

/// A plugin that is being put together.
#[derive(Clone)]
pub struct Make<'a> {
    room: &'a Room,
    compiled: Arc<Compiled>,
    name: Name,
    config: Arc<str>,
    /// What it may have; everything that is granted by name unless changed.
    pub grants: Grants,
    /// What it may spend.
    pub budget: Budget,
    isolation: Isolation,
}

impl Make<'_> {
    /// Another name than `plugin`.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    /// A configuration; `{}` otherwise.
    #[must_use]
    pub fn config(mut self, config: &str) -> Self {
        self.config = config.into();
        self
    }

    /// A fresh instance for each exchange.
    #[must_use]
    pub fn fresh(mut self) -> Self {
        self.isolation = Isolation::Exchange;
        self
    }

    /// Another budget.
    #[must_use]
    pub fn budget(mut self, change: impl FnOnce(&mut Budget)) -> Self {
        change(&mut self.budget);
        self
    }

    /// Other grants.
    #[must_use]
    pub fn grants(mut self, grants: Grants) -> Self {
        self.grants = grants;
        self
    }

    /// Takes it through all stages and into service for one worker.
    ///
    /// # Errors
    ///
    /// Why it is not taken.
    pub async fn load(self) -> Result<Arc<Plugin>, LoadError> {
        let Self { room, compiled, name, config, grants, budget, isolation } = self;
        let limits = metrics::Limits::default();
        let reach = room.reach(&name);
        let services = Services::new(&name, &room.outlets, limits, Random::System, reach);
        let services = Arc::new(services);
        let paths = Vec::new();
        let order = Order { name, grants, budget, services, config, paths, testing: false };
        let loaded = load::load(&room.engine, &compiled, order).await?;
        Ok(Plugin::serve(loaded, &compiled, isolation, 1, &room.metrics).await)
    }

    /// As [`Make::load`], for one that is known to be good.
    ///
    /// # Panics
    ///
    /// When it is not.
    pub async fn serve(self) -> Arc<Plugin> {
        let plugin = self.load().await.unwrap_or_else(|error| {
            panic!("the plugin is taken: {error} {:?}", error.config_errors())
        });
        plugin.publish_metrics();
        plugin
    }
}

/// A chain of plugins, each of whose faults do what its stance says.
pub fn chain(plugins: &[&Arc<Plugin>]) -> Arc<Chain> {
    let link = |plugin: &&Arc<Plugin>| Link::new(Arc::clone(plugin) as Arc<dyn Filter>);
    Arc::new(Chain::new(plugins.iter().map(link).collect()))
}

/// A chain of one plugin.
pub fn chain_of(plugin: &Arc<Plugin>, on_fault: OnFault) -> Arc<Chain> {
    let filter = Arc::clone(plugin) as Arc<dyn Filter>;
    Arc::new(Chain::new(vec![Link { filter, on_fault }]))
}

/// One exchange on its way through a chain. What is not asked for does not happen.
pub struct Journey {
    chain: Arc<Chain>,
    /// The exchange.
    pub exchange: Arc<Exchange>,
    /// The request, with all edits so far.
    pub request: RequestHead,
    /// The response, with all edits so far.
    pub response: ResponseHead,
}

impl Journey {
    /// A GET request for that path, with a body to follow.
    pub fn new(chain: &Arc<Chain>, path: &str) -> Self {
        let exchange = sample::exchange(path, chain.len());
        let request = RequestHead { ends: false, ..sample::request(path) };
        let response = sample::response();
        Self { chain: Arc::clone(chain), exchange, request, response }
    }

    /// The head of the request goes through.
    ///
    /// # Errors
    ///
    /// A plugin failed that is closed on faults.
    pub async fn on_request(&mut self) -> Result<RequestWalk, Closed> {
        self.chain.on_request(&self.exchange, &mut self.request).await
    }

    /// The head of the response goes through.
    ///
    /// # Errors
    ///
    /// A plugin failed that is closed on faults.
    pub async fn on_response(&mut self) -> Result<ResponseWalk, Closed> {
        let below = self.chain.len();
        self.chain.on_response(&self.exchange, &mut self.response, below).await
    }

    /// The way of the request's body.
    pub fn request_body(&self) -> Option<BodyWalk> {
        self.chain.request_body(&self.exchange, &self.request.headers, None)
    }

    /// The way of the response's body.
    pub fn response_body(&self) -> Option<BodyWalk> {
        self.chain.response_body(&self.exchange, &self.response.headers, self.chain.len())
    }

    /// The exchange is over.
    pub async fn on_done(&mut self) {
        let summary = Summary { plugins: self.exchange.spent(), ..sample::summary() };
        self.chain.on_done(&self.exchange, &summary).await;
    }

    /// All phases, one after the other, with two chunks in each body, ended by whatever
    /// stops the message; always ends with the farewell. Answers both bodies as they came
    /// out.
    ///
    /// # Errors
    ///
    /// What stopped it.
    pub async fn all(&mut self) -> Result<(String, String), Stop> {
        let outcome = self.most().await;
        self.on_done().await;
        outcome
    }

    async fn most(&mut self) -> Result<(String, String), Stop> {
        match self.on_request().await? {
            RequestWalk::Proceed(_) => {}
            RequestWalk::Answered { .. } => return Err(Stop::Answered),
            RequestWalk::Aborted => return Err(Stop::Aborted),
        }
        let sent = whole(self.request_body()).await?;
        match self.on_response().await? {
            ResponseWalk::Proceed(_) => {}
            ResponseWalk::Aborted => return Err(Stop::Aborted),
        }
        let got = whole(self.response_body()).await?;
        Ok((sent, got))
    }
}

/// Takes two chunks through, `one` and `two`.
///
/// # Errors
///
/// What stopped them.
pub async fn whole(walk: Option<BodyWalk>) -> Result<String, BodyStop> {
    let mut out = Vec::new();
    let Some(mut walk) = walk else { return Ok("onetwo".to_owned()) };
    for (piece, last) in [("one", false), ("two", true)] {
        out.extend_from_slice(&walk.push(Bytes::from(piece), last).await?);
        walk.settle().await;
    }
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// What ended a journey before its end.
#[derive(Debug)]
pub enum Stop {
    /// A plugin failed that is closed on faults.
    Closed(Closed),
    /// The same in the middle of a body, or another way that a body can end.
    Body(BodyStop),
    /// A plugin answered.
    Answered,
    /// A plugin cut it off.
    Aborted,
}

impl Stop {
    /// The failure of a plugin that it was.
    ///
    /// # Panics
    ///
    /// When it was something else.
    pub fn closed(self) -> Closed {
        match self {
            Self::Closed(closed) | Self::Body(BodyStop::Closed(closed)) => closed,
            other => panic!("a plugin failed: {other:?}"),
        }
    }
}

impl From<Closed> for Stop {
    fn from(closed: Closed) -> Self {
        Self::Closed(closed)
    }
}

impl From<BodyStop> for Stop {
    fn from(stop: BodyStop) -> Self {
        Self::Body(stop)
    }
}
