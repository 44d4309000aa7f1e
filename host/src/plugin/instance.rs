//! One live guest in one store: how it is made, and how a call is opened.
//!
//! An instance that trapped, missed its deadline or was dropped in the middle of a call is
//! never used again: its store is thrown away, and its seat gets a new one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::component::InstancePre;
use wasmtime::{Store, UpdateDeadline};

use super::bindings::tamis::plugin::lifecycle_types;
use super::convert::{self, Manifest};
use super::engine::Engine;
use super::hooks::{BindError, Guest, Indices};
use super::sandbox::{Breach, Budget, Role, Sandbox, Stage};
use super::services::Services;
use crate::filter::{Fault, FaultKind, Hook, Name, Subscription};

/// Everything that all instances of one plugin are made of.
pub struct Blueprint {
    /// The operator's name for the plugin.
    pub name: Name,
    /// The engine.
    pub engine: Engine,
    /// The component with its imports resolved.
    pub pre: InstancePre<Sandbox>,
    /// Where its hooks are.
    pub indices: Indices,
    /// What it may spend.
    pub budget: Budget,
    /// What its imports work on.
    pub services: Arc<Services>,
    /// Its configuration, as a JSON document.
    pub config: Arc<str>,
    /// Whether it runs under `tamis test`.
    pub testing: bool,
}

/// A mistake that a plugin found in its configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// JSON Pointer into the configuration.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

/// Why there is no instance.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The engine cannot make one: the pool is full, or its `start` function trapped.
    #[error("cannot be instantiated: {0}")]
    Instantiate(String),
    /// A hook does not have the types of the contract.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// It failed in `describe` or `init`.
    #[error("failed in `{hook}`: {fault}")]
    Hook {
        /// In which of the two.
        hook: Hook,
        /// What happened.
        fault: Fault,
    },
    /// It does not accept its configuration.
    #[error("does not accept its configuration")]
    Config(Vec<ConfigError>),
}

/// One live guest.
pub struct Instance {
    /// Its store.
    pub store: Store<Sandbox>,
    /// Its hooks.
    pub guest: Guest,
}

impl Instance {
    /// Makes an instance that was not configured yet; all it may do is describe itself.
    ///
    /// # Errors
    ///
    /// [`StartError`]. Nothing is left behind, also when the future is dropped.
    pub async fn make(blueprint: &Blueprint, role: Role) -> Result<Self, StartError> {
        let Blueprint { name, engine, pre, indices, budget, services, .. } = blueprint;
        let sandbox = Sandbox::new(Arc::clone(name), role, Arc::clone(services), *budget);
        let mut store = Store::new(engine.wasmtime(), sandbox);
        store.limiter(|sandbox| sandbox.limits());
        store.set_hostcall_fuel(budget.bytes);
        let clock = engine.clone();
        store.epoch_deadline_callback(move |mut context| {
            clock.slow_call();
            let pause = context.data_mut().tick()?;
            Ok(UpdateDeadline::YieldCustom(1, Box::pin(pause)))
        });
        open(&mut store, budget.start);
        let running = engine.running();
        let instance = pre.instantiate_async(&mut store).await;
        drop(running);
        let instance = instance.map_err(|error| {
            let fault = fault_of(&mut store, &error);
            StartError::Instantiate(fault.message)
        })?;
        let guest = indices.bind(&mut store, &instance)?;
        Ok(Self { store, guest })
    }

    /// Asks the guest who it is.
    ///
    /// # Errors
    ///
    /// [`StartError::Hook`] when it traps, calls an import, or takes too long.
    pub async fn describe(&mut self, blueprint: &Blueprint) -> Result<Manifest, StartError> {
        open(&mut self.store, blueprint.budget.start);
        self.store.data_mut().stage = Stage::Describing;
        let running = blueprint.engine.running();
        let answer = self.guest.lifecycle.call_describe(&mut self.store).await;
        drop(running);
        match answer {
            Ok(manifest) => Ok(convert::manifest(manifest)),
            Err(error) => {
                let fault = fault_of(&mut self.store, &error);
                Err(StartError::Hook { hook: Hook::Describe, fault })
            }
        }
    }

    /// Configures the guest. It may serve afterwards.
    ///
    /// # Errors
    ///
    /// [`StartError::Config`] with all mistakes that it found in its configuration, and
    /// [`StartError::Hook`] when it fails otherwise.
    pub async fn init(&mut self, blueprint: &Blueprint) -> Result<Subscription, StartError> {
        open(&mut self.store, blueprint.budget.start);
        let sandbox = self.store.data_mut();
        sandbox.stage = Stage::Starting;
        sandbox.metrics = sandbox.services.metrics.get().map(|metrics| metrics.instance());
        let role = match sandbox.role {
            Role::Worker => lifecycle_types::Role::Worker,
            Role::Background => lifecycle_types::Role::Background,
        };
        let environment = lifecycle_types::Environment {
            instance_name: &blueprint.name,
            role,
            config: &blueprint.config,
            host_version: env!("CARGO_PKG_VERSION"),
            testing: blueprint.testing,
        };
        let running = blueprint.engine.running();
        let answer = self.guest.lifecycle.call_init(&mut self.store, environment).await;
        drop(running);
        match answer {
            Ok(Ok(subscription)) => {
                let sandbox = self.store.data_mut();
                sandbox.stage = Stage::Serving;
                if let Some(meter) = &mut sandbox.metrics {
                    meter.seal();
                }
                Ok(convert::subscription(subscription))
            }
            Ok(Err(mistakes)) => Err(StartError::Config(
                mistakes
                    .into_iter()
                    .map(|one| ConfigError { path: one.path, message: one.message, hint: one.hint })
                    .collect(),
            )),
            Err(error) => {
                let fault = fault_of(&mut self.store, &error);
                Err(StartError::Hook { hook: Hook::Init, fault })
            }
        }
    }

    /// Makes and configures an instance.
    ///
    /// # Errors
    ///
    /// As [`Instance::make`] and [`Instance::init`].
    pub async fn start(
        blueprint: &Blueprint,
        role: Role,
    ) -> Result<(Self, Subscription), StartError> {
        let mut instance = Self::make(blueprint, role).await?;
        let subscription = instance.init(blueprint).await?;
        Ok((instance, subscription))
    }

    /// Opens the budget of one call.
    pub fn open(&mut self, limit: Duration) -> Instant {
        open(&mut self.store, limit)
    }

    /// Tells the guest that it is about to be dropped, and gives it `limit` to flush.
    pub async fn shut_down(mut self, blueprint: &Blueprint, limit: Duration) {
        self.open(limit);
        let running = blueprint.engine.running();
        let deadline = convert::nanoseconds(limit);
        let farewell = self.guest.lifecycle.call_shutdown(&mut self.store, deadline);
        // Whatever it answers, it is dropped now.
        let _ = tokio::time::timeout(limit, farewell).await;
        drop(running);
    }

    /// Bytes of linear memory that the guest has.
    pub fn memory(&self) -> usize {
        self.store.data().memory()
    }
}

fn open(store: &mut Store<Sandbox>, limit: Duration) -> Instant {
    let now = Instant::now();
    store.set_epoch_deadline(1);
    store.data_mut().open(now, limit);
    now
}

/// What a call that came back with an error is to the host.
pub fn fault_of(store: &mut Store<Sandbox>, error: &wasmtime::Error) -> Fault {
    if let Some(breach) = error.downcast_ref::<Breach>() {
        return Fault::new(breach.kind(), breach.to_string());
    }
    let sandbox = store.data_mut();
    if let Some(refused) = sandbox.take_refused_memory() {
        let limit = sandbox.budget().memory;
        let message = format!(
            "wanted {refused} bytes of memory and may have {limit}; `memory` may be raised"
        );
        return Fault::new(FaultKind::Memory, message);
    }
    if let Some(panic) = sandbox.take_panic() {
        return Fault::new(FaultKind::Trap, panic);
    }
    let text = error.root_cause().to_string();
    if text.contains("fuel allocated for hostcalls") {
        let limit = sandbox.budget().bytes;
        let message = format!("sent more than {limit} bytes to the host in one call");
        return Fault::new(FaultKind::Budget, message);
    }
    Fault::new(FaultKind::Trap, first_line(&text, error))
}

/// The cause of a trap with the innermost functions, when the component carries their names.
fn first_line(text: &str, error: &wasmtime::Error) -> String {
    let mut line = text.lines().next().unwrap_or("trapped").to_owned();
    let Some(trace) = error.downcast_ref::<wasmtime::WasmBacktrace>() else { return line };
    let names = trace.frames().iter().filter_map(|frame| frame.func_name()).take(3);
    let names: Vec<_> = names.collect();
    if !names.is_empty() {
        line.push_str(" in ");
        line.push_str(&names.join(" < "));
    }
    line
}
