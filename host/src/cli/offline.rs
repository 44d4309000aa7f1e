//! The plugins of a configuration without a host around them: loaded and configured as for
//! serving, but no socket is opened and nothing runs unless it is called.

use std::path::Path;
use std::sync::Arc;

use crate::app::Options;
use crate::app::assemble;
use crate::app::plugins::{Plugins, Workshop};
use crate::config::{self, Config, Faults};
use crate::filter::Hooks;
use crate::metrics;
use crate::plugin::cache::Cache;
use crate::plugin::convert::Manifest;
use crate::plugin::engine::{Capacity, Engine};
use crate::plugin::load::{self, Compiled, LoadError, Order};
use crate::plugin::sandbox::Budget;
use crate::plugin::services::{Outlets, Random, Reach, Services};
use crate::state::{self, State};

/// Loaded plugins, and what they counted.
pub(super) struct Offline {
    pub(super) plugins: Plugins,
    pub(super) metrics: Arc<metrics::Host>,
}

impl Offline {
    /// Loads all plugins of a configuration.
    ///
    /// # Errors
    ///
    /// Every fault that is found.
    pub(super) async fn load(config: &Config, cache: Option<&Path>) -> Result<Self, Faults> {
        let surroundings = Surroundings::of(config)?;
        let options = Options { cache: cache.map(Path::to_owned), ..Options::default() };
        let workshop = Workshop {
            engine: &assemble::engine(config, 1)?,
            cache: &assemble::cache(&options),
            outlets: &surroundings.outlets,
            reach: &surroundings.reach,
            workers: 1,
            testing: false,
        };
        let plugins = Plugins::load(config, &workshop).await.map_err(assemble::faults)?;
        Ok(Self { plugins, metrics: surroundings.outlets.metrics })
    }
}

/// One component, to be looked at and not to be used.
pub(super) struct Specimen {
    pub(super) engine: Engine,
    pub(super) compiled: Compiled,
}

impl Specimen {
    /// Reads a component.
    ///
    /// # Errors
    ///
    /// As [`load::read`], and as [`Engine::start`] in its words.
    pub(super) fn read(origin: &load::Origin, cache: Option<&Path>) -> Result<Self, LoadError> {
        // A folder for compiled code saves time; without one it works as well.
        let cache = cache.and_then(|folder| Cache::at(folder).ok()).unwrap_or_else(Cache::none);
        let engine = Engine::start(Capacity { instances: 4 })
            .map_err(|error| LoadError::Link(format!("{error}")))?;
        let compiled = load::read(&engine, &cache, origin, None)?;
        Ok(Self { engine, compiled })
    }

    /// The names of what it imports, and of what it exports.
    pub(super) fn interfaces(&self) -> (Vec<String>, Vec<String>) {
        let Self { engine, compiled } = self;
        let component = &compiled.component;
        (load::imports_of(engine, component), load::exports_of(engine, component))
    }

    /// Asks it who it is.
    ///
    /// # Errors
    ///
    /// As [`load::describe`].
    pub(super) async fn describe(&self) -> Result<(Manifest, Hooks), LoadError> {
        let link = |faults: Faults| LoadError::Link(faults.to_string());
        let (config, _) = Config::for_upstream(&[], &config::Overrides::default()).map_err(link)?;
        let Surroundings { outlets, reach } = Surroundings::of(&config).map_err(link)?;
        let name: config::Name = "specimen".parse().expect("the text is a name");
        let component = config::Component::BuiltIn(name.clone());
        let plugin = config::Plugin::new(name.clone(), component, config::Origin::built_in());
        let reach = reach.for_plugin(&plugin, &config);
        let name = name.to_string().into();
        let limits = metrics::Limits::default();
        let services = Services::new(&name, &outlets, limits, Random::System, reach);
        let order = Order {
            name,
            grants: Default::default(),
            budget: Budget::default(),
            services: Arc::new(services),
            config: "null".into(),
            paths: Vec::new(),
            testing: false,
        };
        load::describe(&self.engine, &self.compiled, order).await
    }
}

/// What plugins write to and reach. Nobody reads the one, and the other is nothing.
struct Surroundings {
    outlets: Outlets,
    reach: Reach,
}

impl Surroundings {
    fn of(config: &Config) -> Result<Self, Faults> {
        let metrics = Arc::new(metrics::Host::new(assemble::build()));
        let outlets = assemble::outlets(config, &metrics);
        let state = Arc::new(State::in_memory(state::Limits::default()));
        let reach = Reach::new(assemble::dialer()?, state, metrics);
        Ok(Self { outlets, reach })
    }
}
