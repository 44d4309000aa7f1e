//! Config → rooms → running tasks; the only file that sees all.
//!
//! Building loads every plugin and binds every socket, so that whatever is wrong is said
//! before anything is served. Running starts the tasks, and ends them in order: readiness
//! first, then the listeners, exchanges, the application, records, error events, plugins.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Notify;
use tokio::task::JoinSet;

pub mod admin;
pub mod assemble;
pub mod background;
pub mod checks;
pub mod counts;
pub mod front;
pub mod plugins;
pub mod records;

use admin::AdminPages;
pub use assemble::watch;
use assemble::{build, cache, dialer, engine, fault, faults, outlets, state, version, workers};
use background::Errors;
use plugins::{Plugins, Workshop};

use crate::config::{AdminListen, Config, Faults, LogSourceKind, Warning};
use crate::filter::background::{Background, Status};
use crate::filter::canary::Watch;
use crate::filter::queue::Bound;
use crate::filter::{Filter, Stance};
use crate::health::{self, Board, Said, Source};
use crate::log::capture::Capture;
use crate::log::source::Intake;
use crate::log::source::child::{self, Child};
use crate::log::source::stdin;
use crate::log::{Clock, Corridor, Task};
use crate::metrics;
use crate::outbound::client::{self, Client};
use crate::outbound::{Dialer, delivery};
use crate::plugin;
use crate::plugin::services::{Inbox, Outlets, Reach};
use crate::proxy::Version;
use crate::proxy::access::Records;
use crate::proxy::upstream::Upstream;
use crate::server::admin::Admin;
use crate::server::{Drain, Server};
use crate::state::{self, State};

/// Error events that may wait to be cleaned.
const EVENTS: Bound = Bound { items: 1000, weight: 16 * 1024 * 1024 };
/// Records that may wait for the log corridor, by number; by weight the operator says.
const RECORDS: usize = 65_536;
/// Largest answer to a delivery that is read, in bytes; nobody looks at it.
const ANSWER: u64 = 64 * 1024;
/// How long plugins may take to say farewell, all together.
const FAREWELL: Duration = Duration::from_secs(2);
/// How long what waits in the back room gets once everything before it has ended.
const LAST_CALL: Duration = Duration::from_secs(5);

/// What the host is told beside its configuration.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Where compiled code is kept; nowhere when absent.
    pub cache: Option<PathBuf>,
    /// The application to start, with its arguments.
    pub command: Option<Vec<OsString>>,
    /// Whether standard input is a source of records.
    pub stdin_logs: bool,
    /// Workers of the request path, whatever the configuration says.
    pub workers: Option<usize>,
}

/// How a host ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The exit status: that of the application if one was started, else 0 or 1.
    pub code: u8,
    /// What went wrong with the host itself, if anything.
    pub failure: Option<String>,
}

/// Ends a host. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Stop {
    drain: Drain,
    /// Wakes whoever tells the world how the host is.
    hurry: Arc<Notify>,
}

impl Stop {
    /// Says that it is not ready any more, waits as long as configured for balancers to
    /// notice, takes nothing new in, finishes what is under way within the grace, and ends.
    /// Further calls change nothing.
    pub fn gracefully(&self) {
        self.drain.announce();
        self.hurry.notify_waiters();
        self.hurry.notify_one();
    }

    /// Ends at once.
    pub fn now(&self) {
        self.drain.now();
    }
}

/// Plugins without a host: loaded, in service, and with nothing but their metrics around them.
/// For commands that look at plugins or use them as filters.
pub struct Offline {
    /// The plugins.
    pub plugins: Plugins,
    /// What they count.
    pub metrics: Arc<metrics::Host>,
    /// What they write. Nobody takes it out but who asked for it.
    pub records: Inbox,
}

impl Offline {
    /// Loads the plugins of a configuration. Nothing is dialled, and nothing is listened on.
    ///
    /// # Errors
    ///
    /// Every fault that is found.
    pub async fn load(config: &Config, cache: Option<&Path>) -> Result<Self, Faults> {
        Self::make(config, cache, false).await
    }

    /// As [`Self::load`], for trying out what they do: they are told so, and may write as many
    /// records as they like.
    ///
    /// # Errors
    ///
    /// Every fault that is found.
    pub async fn on_trial(config: &Config, cache: Option<&Path>) -> Result<Self, Faults> {
        Self::make(config, cache, true).await
    }

    async fn make(config: &Config, cache: Option<&Path>, testing: bool) -> Result<Self, Faults> {
        let metrics = Arc::new(metrics::Host::new(build()));
        let outlets = outlets(config, &metrics, watch(config, Some(&metrics))?);
        let state = Arc::new(State::in_memory(state::Limits::default()));
        let reach = Reach::new(dialer()?, state, Arc::clone(&metrics));
        let engine = engine(config, 1)?;
        let cache = self::cache(cache);
        let workshop = Workshop {
            engine: &engine,
            cache: &cache,
            outlets: &outlets,
            reach: &reach,
            workers: 1,
            testing,
        };
        let plugins = Plugins::load(config, &workshop).await.map_err(faults)?;
        for plugin in plugins.iter() {
            plugin.publish_metrics();
        }
        Ok(Self { plugins, metrics, records: outlets.records.clone() })
    }
}

/// A host that is ready to serve: plugins loaded, sockets bound.
pub struct App {
    config: Config,
    options: Options,
    server: Server,
    admin: Option<Admin>,
    drain: Drain,
    hurry: Arc<Notify>,
    outlets: Outlets,
    reach: Reach,
    plugins: Plugins,
    version: Arc<ArcSwap<Version>>,
    dialer: Arc<Dialer>,
    board: Board,
    corridor: Corridor,
    /// What serves the sinks and the sources that are there from the beginning.
    logging: Vec<Task>,
    host_records: Intake,
}

impl App {
    /// Loads the plugins and binds the sockets.
    ///
    /// # Errors
    ///
    /// Every fault that is found. Nothing stays behind.
    pub async fn build(config: Config, options: Options) -> Result<Self, Faults> {
        let workers = workers(&config, &options);
        let metrics = Arc::new(metrics::Host::new(build()));
        let outlets = outlets(&config, &metrics, watch(&config, Some(&metrics))?);
        let dialer = dialer()?;
        let reach = Reach::new(
            Arc::clone(&dialer),
            Arc::new(state(&config, &dialer)?),
            Arc::clone(&metrics),
        );
        let engine = engine(&config, workers)?;
        let cache = cache(options.cache.as_deref());
        let workshop = Workshop {
            engine: &engine,
            cache: &cache,
            outlets: &outlets,
            reach: &reach,
            workers,
            testing: false,
        };
        let plugins = Plugins::load(&config, &workshop).await.map_err(faults)?;
        let version = version(&config, &plugins, &metrics, 1)?;
        let chain = plugins.log_chain(&config.logs.plugins);
        let (corridor, sinks) = records::corridor(&config, chain, &outlets.watch)?;
        let (host_records, host_task) = corridor.records("host");
        let server = front::bind(&config, workers)?;
        let admin = match config.admin.listen.value {
            AdminListen::Off => None,
            AdminListen::At(address) => Some(Admin::bind(address).await.map_err(|error| {
                fault(&config.admin.listen.origin, format!("cannot listen on `{address}`: {error}"))
            })?),
        };
        for plugin in plugins.iter() {
            plugin.publish_metrics();
        }
        metrics.settings.loaded();
        Ok(Self {
            board: Board::new(metrics),
            version: Arc::new(ArcSwap::from_pointee(version)),
            drain: Drain::default(),
            hurry: Arc::default(),
            config,
            options,
            server,
            admin,
            outlets,
            reach,
            plugins,
            dialer,
            corridor,
            logging: sinks.into_iter().chain([host_task]).collect(),
            host_records,
        })
    }

    /// What turns the host's own events into records of its log corridor. To be installed by
    /// whoever owns the process.
    pub fn capture(&self) -> Capture {
        let least = records::severity(self.config.logs.level);
        Capture::new(self.host_records.clone(), Clock::system(), "tamis", least)
    }

    /// Everything that can be known without a socket: loads the plugins and puts them
    /// together. Compiled code is kept in `cache`, if it is given.
    ///
    /// # Errors
    ///
    /// Every fault that is found.
    pub async fn check(config: &Config, cache: Option<&Path>) -> Result<Vec<Warning>, Faults> {
        let Offline { plugins, metrics, .. } = Offline::load(config, cache).await?;
        version(config, &plugins, &metrics, 1)?;
        front::certificates(config)?;
        Ok(plugins.warnings(config))
    }

    /// The public addresses, with the ports that were taken.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.server.addresses()
    }

    /// The address for operators.
    pub fn admin(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(Admin::address)
    }

    /// What it runs on.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What looks for canaries in all that leaves.
    pub fn watch(&self) -> Watch {
        self.outlets.watch.clone()
    }

    /// The plugins in service, in the order of the configuration.
    pub fn plugins(&self) -> Vec<plugin::Report> {
        self.plugins.iter().map(|plugin| plugin.report()).collect()
    }

    /// The way to end it.
    pub fn stop(&self) -> Stop {
        Stop { drain: self.drain.clone(), hurry: Arc::clone(&self.hurry) }
    }

    /// Serves until it is stopped or the application that it started has ended.
    pub async fn run(self) -> Ended {
        let sources = self.sources();
        let Self {
            config,
            options,
            server,
            admin,
            drain,
            hurry,
            outlets,
            reach,
            plugins,
            version,
            dialer,
            board,
            corridor,
            logging,
            host_records,
            ..
        } = self;
        let mut logs = JoinSet::new();
        for task in logging {
            logs.spawn(task);
        }
        let access = config.logs.access.then(|| {
            let (intake, task) = corridor.records("access");
            logs.spawn(task);
            let records: Records = Arc::new(move |record| intake.push(record));
            records
        });
        let intakes = plugins.iter().map(|plugin| {
            let source: crate::filter::Source =
                format!("plugin:{}", Filter::name(&**plugin)).into();
            let (intake, task) = corridor.records(Arc::clone(&source));
            logs.spawn(task);
            (source, intake)
        });
        let intakes = intakes.collect();
        logs.spawn(records::route(outlets.records.clone(), intakes));
        let application = match application(&config, &options, &corridor, &mut logs) {
            Ok(application) => application,
            Err(error) => {
                tracing::error!("{error}");
                drain.now();
                drop(host_records);
                outlets.records.close();
                corridor.drain(LAST_CALL).await;
                return Ended { code: error.code(), failure: Some(error.to_string()) };
            }
        };
        let control = application.as_ref().map(|application| application.control.clone());

        let scrubbers = plugins.scrubbers(&config);
        let backgrounds = plugins.backgrounds();
        let mut back = JoinSet::new();
        for plugin in &backgrounds {
            back.spawn(background::tick(Arc::clone(plugin)));
        }
        for (_, delivery) in reach.take_deliveries() {
            let client = Arc::clone(reach.client());
            let drain = drain.clone();
            back.spawn(async move { deliver(&delivery, &client, drain).await });
        }
        for (upstream, config) in version.load().upstreams.iter().zip(&config.upstreams) {
            let Some(check) = &config.check else { continue };
            for index in 0..config.servers.len() {
                back.spawn(checks::run(
                    Arc::clone(upstream),
                    index,
                    check.clone(),
                    Arc::clone(&dialer),
                    Arc::clone(&outlets.metrics),
                ));
            }
        }
        let (delay, grace) = (config.server.drain_delay, config.server.grace);
        back.spawn(wind_down(drain.clone(), delay, grace));
        back.spawn(rounds(board.clone(), sources, backgrounds.clone(), hurry));
        back.spawn(pass_signals(control.clone(), corridor.clone()));
        let errors = Errors::new(
            outlets.errors.clone(),
            Arc::clone(&scrubbers),
            &backgrounds,
            &outlets.metrics,
            outlets.watch.clone(),
        );
        let mut sending = JoinSet::new();
        sending.spawn(errors.run());
        if let Some(admin) = admin {
            let pages = AdminPages {
                metrics: Arc::clone(&outlets.metrics),
                board,
                logs: counts::LogCounts::new(corridor.clone()),
                server: server.counts(),
                version: Arc::clone(&version),
                plugins: plugins.iter().map(Arc::clone).collect(),
                scrubbers,
                watch: outlets.watch.clone(),
                errors: config.admin.errors.as_ref().map(|given| given.value.to_string()),
                token: config.admin.token.clone(),
            };
            back.spawn(admin.run(Arc::new(pages)));
        }

        let make = {
            let outlets = outlets.clone();
            move |worker| front::Front::start(worker, &version, &dialer, &outlets, access.clone())
        };
        let mut ended = Ended { code: 0, failure: None };
        let serving = server.run(make, drain.clone());
        let served = match application {
            None => serving.await,
            Some(application) => {
                let followed = follow(application, drain.clone(), grace);
                let (served, code) = tokio::join!(serving, followed);
                ended.code = code;
                served
            }
        };
        if let Err(error) = served {
            ended = Ended { code: 1, failure: Some(error.to_string()) };
        }
        // From here on nothing new comes in; what is under way is finished in order.
        outlets.errors.close();
        outlets.records.close();
        drop(host_records);
        let flushed = corridor.drain(LAST_CALL).await;
        if !flushed.holds() {
            ended.failure.get_or_insert("records are missing in the account of the logs".into());
        }
        let _ = tokio::time::timeout(LAST_CALL, sending.join_all()).await;
        plugins.shut_down(FAREWELL).await;
        back.shutdown().await;
        ended
    }

    /// What the host itself can say about how it is.
    fn sources(&self) -> Vec<Source> {
        let mut sources: Vec<Source> = Vec::new();
        let drain = self.drain.clone();
        sources.push(Box::new(move || {
            let stopping = drain.phase() != crate::server::Phase::Serving;
            Said {
                component: "host".to_owned(),
                status: if stopping { Status::Unhealthy } else { Status::Healthy },
                at_worst: Status::Healthy,
                reason: stopping.then(|| "draining".to_owned()),
            }
        }));
        for upstream in &self.version.load().upstreams {
            let upstream = Arc::clone(upstream);
            sources.push(Box::new(move || said_of_upstream(&upstream)));
        }
        for plugin in self.plugins.iter() {
            let plugin = Arc::clone(plugin);
            sources.push(Box::new(move || {
                let report = plugin.report();
                let serving = report.state == "serving";
                let guard = Filter::stance(&*plugin) == Stance::Guard;
                Said {
                    component: format!("plugin:{}", report.name),
                    status: if serving { Status::Healthy } else { Status::Unhealthy },
                    at_worst: if guard { Status::Unhealthy } else { Status::Degraded },
                    reason: (!serving).then(|| "in quarantine".to_owned()),
                }
            }));
        }
        sources
    }
}

/// The application that was started, and what it takes to follow it.
struct Application {
    child: Child,
    control: child::Control,
    intake: crate::log::source::LineIntake,
}

/// Starts the application, if there is one to start, and opens the sources of lines.
fn application(
    config: &Config,
    options: &Options,
    corridor: &Corridor,
    logs: &mut JoinSet<()>,
) -> Result<Option<Application>, child::Error> {
    if options.stdin_logs {
        let settings = records::lines(config, LogSourceKind::Stdin);
        let (intake, task) = corridor.lines("stdin", settings);
        logs.spawn(task);
        logs.spawn(async move {
            if let Err(error) = stdin::read(std::io::stdin(), intake, Clock::system()).await {
                tracing::error!("standard input cannot be read any more: {error}");
            }
        });
    }
    let Some((program, arguments)) = options.command.as_deref().and_then(<[OsString]>::split_first)
    else {
        return Ok(None);
    };
    // Signals are passed on by the host, in its own order: what is under way is finished
    // before the application is told to end.
    let settings = child::Settings { forward: false, ..child::Settings::default() };
    let child = Child::start(program, arguments, settings)?;
    let settings = records::lines(config, LogSourceKind::App);
    let configured = config.logs.sources.iter().find(|source| source.kind == LogSourceKind::App);
    let name = configured.map_or("app", |source| source.name.as_str());
    let (intake, task) = corridor.lines(name, settings);
    logs.spawn(task);
    Ok(Some(Application { control: child.control(), child, intake }))
}

/// Reads the application's output until it ends. The host ends with it; when the host is to
/// end first, the application is told once everything under way is finished. Answers its
/// status.
async fn follow(application: Application, drain: Drain, grace: Duration) -> u8 {
    let Application { child, control, intake } = application;
    let mut running = std::pin::pin!(child.run(intake, Clock::system()));
    let told = async {
        drain.finished(grace).await;
        control.stop().await;
        std::future::pending::<()>().await;
    };
    let exit = tokio::select! {
        exit = &mut running => exit,
        () = told => unreachable!("it waits for ever once the application was told"),
    };
    // Nobody is left who could answer.
    drain.start(Duration::from_secs(1));
    exit.code
}

/// Passes on the signals that mean something to applications. SIGHUP also has files opened
/// again.
async fn pass_signals(control: Option<child::Control>, corridor: Corridor) {
    use rustix::process::Signal;
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| signal(kind).ok();
    let (Some(mut hangup), Some(mut quit), Some(mut one), Some(mut two)) = (
        listen(SignalKind::hangup()),
        listen(SignalKind::quit()),
        listen(SignalKind::user_defined1()),
        listen(SignalKind::user_defined2()),
    ) else {
        tracing::warn!("signals for the application cannot be heard, and are not passed on");
        return;
    };
    loop {
        let heard = tokio::select! {
            _ = hangup.recv() => {
                corridor.reopen();
                Signal::HUP
            }
            _ = quit.recv() => Signal::QUIT,
            _ = one.recv() => Signal::USR1,
            _ = two.recv() => Signal::USR2,
        };
        if let Some(control) = &control {
            control.signal(heard).await;
        }
    }
}

fn said_of_upstream(upstream: &Upstream) -> Said {
    let (all, serving) = upstream.standing();
    let (status, reason) = match serving {
        0 => (Status::Unhealthy, Some("no server is up".to_owned())),
        some if some < all => (Status::Degraded, Some(format!("{some} of {all} servers are up"))),
        _ => (Status::Healthy, None),
    };
    let component = format!("upstream:{}", upstream.name);
    Said { component, status, at_worst: Status::Unhealthy, reason }
}

/// Sends what a plugin handed over, and flushes when the host stops.
async fn deliver(queue: &delivery::Delivery, client: &Client, drain: Drain) {
    let send = |request: Arc<delivery::Request>| async move {
        let delivery::Request { method, url, headers, body, timeout } = &*request;
        let answer = client.fetch(method, url, headers, body.clone(), ANSWER, *timeout).await;
        match answer {
            Ok(response) => {
                let retry_after = response.headers().get(http::header::RETRY_AFTER);
                let retry_after = retry_after.and_then(|value| value.to_str().ok());
                Ok(delivery::Answer {
                    status: response.status().as_u16(),
                    retry_after: retry_after.map(str::to_owned),
                })
            }
            Err(client::Failure::Url(_)) => Err(delivery::Failure::Invalid),
            Err(_) => Err(delivery::Failure::Network),
        }
    };
    let stop = async {
        drain.started().await;
        tokio::time::Instant::now() + LAST_CALL
    };
    queue.run(send, stop).await;
}

async fn rounds(
    board: Board,
    sources: Vec<Source>,
    plugins: Vec<Arc<dyn Background>>,
    hurry: Arc<Notify>,
) {
    let mut interval = tokio::time::interval(health::ROUND);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = interval.tick() => {}
            () = hurry.notified() => {}
        }
        board.round(&sources, &plugins).await;
    }
}

/// Follows a wish to stop: balancers get their time to notice before nothing is taken in.
async fn wind_down(drain: Drain, delay: Duration, grace: Duration) {
    drain.announced().await;
    tokio::time::sleep(delay).await;
    drain.start(grace);
}
