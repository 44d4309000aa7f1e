//! From the plugins of a configuration to plugins in service, and to the chains they stand in.
//!
//! Every plugin is taken through all stages of loading before any is put into service, and
//! everything that is wrong with all of them is reported at once, on the operator's lines.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::config::{self, Component, Config, Fault, Given, Isolation};
use crate::filter::background::Background;
use crate::filter::logs::LogChain;
use crate::filter::scrub::Scrubbers;
use crate::filter::{Chain, Filter, Hook, Link, Name, OnFault, Stance};
use crate::metrics;
use crate::plugin::cache::Cache;
use crate::plugin::engine::Engine;
use crate::plugin::grant::{Capability, Grants};
use crate::plugin::load::{self, LoadError, Order};
use crate::plugin::sandbox::Budget;
use crate::plugin::services::{Outlets, Random, Services};
use crate::plugin::{self, Plugin};

/// The plugins of one version of the configuration.
pub struct Plugins {
    by_name: BTreeMap<String, (Arc<Plugin>, Link)>,
    /// In the order of the configuration.
    order: Vec<Arc<Plugin>>,
}

/// What loading needs beside the configuration.
pub struct Workshop<'a> {
    /// The engine.
    pub engine: &'a Engine,
    /// Compiled code.
    pub cache: &'a Cache,
    /// Where records, events and metrics go.
    pub outlets: &'a Outlets,
    /// What imports that reach outside work on.
    pub reach: &'a plugin::services::Reach,
    /// Workers of the request path.
    pub workers: usize,
    /// Whether plugins run under `tamis test`.
    pub testing: bool,
}

impl Plugins {
    /// Loads all plugins of a configuration.
    ///
    /// # Errors
    ///
    /// Every fault of every plugin, and those of how they stand together. Nothing is left in
    /// service.
    pub async fn load(config: &Config, workshop: &Workshop<'_>) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut plugins = Self { by_name: BTreeMap::new(), order: Vec::new() };
        for plugin in &config.plugins {
            match load_one(plugin, config, workshop).await {
                Ok(loaded) => {
                    let filter: Arc<dyn Filter> = Arc::clone(&loaded) as _;
                    let on_fault = match &plugin.on_fault {
                        Some(given) => match given.value {
                            config::OnFault::Open => OnFault::Open,
                            config::OnFault::Closed => OnFault::Closed,
                        },
                        None => OnFault::by_default(filter.stance()),
                    };
                    let link = Link { filter, on_fault };
                    plugins.by_name.insert(plugin.name.to_string(), (Arc::clone(&loaded), link));
                    plugins.order.push(loaded);
                }
                Err(more) => faults.extend(more),
            }
        }
        plugins.check_logs(config, &mut faults);
        if faults.is_empty() { Ok(plugins) } else { Err(faults) }
    }

    /// In the order of the configuration.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Plugin>> {
        self.order.iter()
    }

    /// The plugin of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<Plugin>> {
        self.by_name.get(name).map(|(plugin, _)| plugin)
    }

    /// The background sides, in the order of the configuration.
    pub fn backgrounds(&self) -> Vec<Arc<dyn Background>> {
        self.order.iter().map(|plugin| Arc::clone(plugin) as Arc<dyn Background>).collect()
    }

    /// The chain of plugins of these names.
    pub fn chain(&self, names: &[Given<config::Name>]) -> Arc<Chain> {
        Arc::new(Chain::new(self.links(names)))
    }

    /// The chain of the log corridor.
    pub fn log_chain(&self, names: &[Given<config::Name>]) -> Arc<LogChain> {
        Arc::new(LogChain::new(self.links(names)))
    }

    /// Everything that can clean texts: the guards of the log corridor first, in its order,
    /// then all others.
    pub fn scrubbers(&self, config: &Config) -> Arc<Scrubbers> {
        let mut links = self.links(&config.logs.plugins);
        for plugin in &self.order {
            let name = Filter::name(&**plugin);
            if !links.iter().any(|link| link.filter.name() == name)
                && let Some((_, link)) = self.by_name.get(&**name)
            {
                links.push(link.clone());
            }
        }
        Arc::new(Scrubbers::new(&links))
    }

    fn links(&self, names: &[Given<config::Name>]) -> Vec<Link> {
        let link = |given: &Given<config::Name>| {
            self.by_name.get(given.value.as_str()).map(|(_, link)| link.clone())
        };
        names.iter().filter_map(link).collect()
    }

    /// What was captured must not leave before it was cleaned: a plugin that may send stands
    /// behind every guard of the log corridor.
    fn check_logs(&self, config: &Config, faults: &mut Vec<Fault>) {
        let mut sender: Option<&Given<config::Name>> = None;
        for given in &config.logs.plugins {
            let Some(plugin) = config.plugin(&given.value) else { continue };
            let Some(loaded) = self.get(&given.value) else { continue };
            let guards =
                loaded.stance() == Stance::Guard && Filter::hooks(&**loaded).contains(Hook::OnLogs);
            if let (true, Some(sender)) = (guards, sender) {
                faults.push(
                    Fault::new(
                        &sender.origin,
                        format!(
                            "`{}` may send to others and stands before the guard `{}`",
                            sender.value, given.value
                        ),
                    )
                    .remedy(format!("put \"{}\" before \"{}\"", given.value, sender.value)),
                );
            }
            if !plugin.grants.http.is_empty() && sender.is_none() {
                sender = Some(given);
            }
        }
    }

    /// What deserves a second look, now that it is known what the plugins are.
    pub fn warnings(&self, config: &Config) -> Vec<config::Warning> {
        let mut warnings = Vec::new();
        for plugin in &config.plugins {
            let Some(loaded) = self.get(&plugin.name) else { continue };
            let guard = Filter::stance(&**loaded) == Stance::Guard;
            let opened =
                plugin.on_fault.as_ref().filter(|given| given.value == config::OnFault::Open);
            if let (true, Some(given)) = (guard, opened) {
                warnings.push(
                    Fault::new(
                        &given.origin,
                        format!(
                            "`{}` is a guard and lets everything pass when it fails",
                            plugin.name
                        ),
                    )
                    .remedy("remove `on-fault`; guards are closed by default")
                    .into(),
                );
            }
            let hooks = Filter::hooks(&**loaded);
            if guard && hooks.contains(Hook::OnLogs) && !hooks.contains(Hook::Scrub) {
                warnings.push(
                    Fault::new(
                        &plugin.origin,
                        format!("`{}` redacts records and has no `scrub`: error events and pages pass it by", plugin.name),
                    )
                    .remedy("export `scrubber` as well")
                    .into(),
                );
            }
        }
        warnings
    }

    /// Tells every instance that it is about to be dropped.
    pub async fn shut_down(&self, limit: std::time::Duration) {
        futures_util::future::join_all(self.order.iter().map(|plugin| plugin.shut_down(limit)))
            .await;
    }
}

async fn load_one(
    plugin: &config::Plugin,
    config: &Config,
    workshop: &Workshop<'_>,
) -> Result<Arc<Plugin>, Vec<Fault>> {
    let origin = match &plugin.component {
        Component::BuiltIn(name) => load::Origin::Builtin(name.to_string()),
        Component::File(path) => load::Origin::File(path.clone()),
    };
    let at = |error: LoadError| explain(plugin, &origin, &error);
    let expected = plugin.sha256.map(hex);
    let compiled =
        load::read(workshop.engine, workshop.cache, &origin, expected.as_deref()).map_err(at)?;
    let name: Name = plugin.name.to_string().into();
    let limits = metrics::Limits {
        labels: config.metrics.labels as usize,
        series: config.metrics.series as usize,
        value_bytes: config.metrics.value_length.bytes(),
        ..metrics::Limits::default()
    };
    let reach = workshop.reach.for_plugin(plugin, config);
    let random = if workshop.testing { Random::Seeded(Mutex::new(1)) } else { Random::System };
    let services = Services::new(&name, workshop.outlets, limits, random, reach);
    let services = Arc::new(if workshop.testing { services.unhurried() } else { services });
    let order = Order {
        name,
        grants: grants(&plugin.grants),
        budget: budget(&plugin.budget),
        services,
        config: plugin.settings.json().to_string().into(),
        paths: plugin.paths.iter().map(ToString::to_string).collect(),
        testing: workshop.testing,
    };
    let loaded = load::load(workshop.engine, &compiled, order).await.map_err(at)?;
    let isolation = match plugin.isolation {
        Isolation::Worker => plugin::Isolation::Worker,
        Isolation::Exchange => plugin::Isolation::Exchange,
    };
    let host = &workshop.outlets.metrics;
    Ok(Plugin::serve(loaded, &compiled, isolation, workshop.workers, host).await)
}

fn hex(digest: [u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn grants(grants: &config::Grants) -> Grants {
    let named = [
        (grants.metrics, Capability::Metrics),
        (grants.state, Capability::State),
        (grants.errors, Capability::Errors),
    ];
    Grants {
        allow: named.into_iter().filter(|(given, _)| *given).map(|(_, one)| one).collect(),
        outbound: grants.outbound,
        allow_http: grants.http.iter().map(|origin| origin.value.to_string()).collect(),
        allow_probe: grants.probe.iter().map(|target| target.value.to_string()).collect(),
    }
}

fn budget(budget: &config::Budget) -> Budget {
    Budget {
        hook: budget.deadline,
        body: budget.body_deadline,
        background: budget.background_deadline,
        memory: budget.memory.bytes(),
        host_calls: budget.host_calls,
        ..Budget::default()
    }
}

/// What is wrong with a plugin, on the lines that have to change.
fn explain(plugin: &config::Plugin, origin: &load::Origin, error: &LoadError) -> Vec<Fault> {
    if let Some(mistakes) = error.config_errors() {
        return mistakes
            .iter()
            .map(|mistake| {
                plugin.settings.fault(&mistake.path, &mistake.message, mistake.hint.as_deref())
            })
            .collect();
    }
    let fault = Fault::new(&plugin.origin, format!("`{origin}` {error}"));
    let fault = match error {
        LoadError::Imports(refused) => {
            let names = refused.iter().map(|(name, _)| name.as_str());
            let lines = grants(&plugin.grants).lines(names, plugin::hooks::CONTRACT);
            if lines.is_empty() {
                fault
            } else {
                fault.remedy(format!("add to [plugins.{}]: {}", plugin.name, lines.join(" and ")))
            }
        }
        LoadError::Read(..) => fault.remedy("check the path; it is relative to the file"),
        LoadError::Digest { .. } => {
            fault.remedy("if the new file is the right one, put its digest into `sha256`")
        }
        _ => fault,
    };
    vec![fault]
}
