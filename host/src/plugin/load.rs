//! From the bytes of a component to something that instances can be made of.
//!
//! In this order, each stage with all its faults at once: size and validation, foreign
//! imports, grants, exports, an instance with its types, `describe`, `init` in both roles,
//! subscription against exports and stance. Only what passed all of them is put into service.

use std::path::PathBuf;
use std::sync::Arc;

use wasmtime::component::{Component, Linker};

use super::cache::{Cache, CompileError, digest};
use super::convert::Manifest;
use super::engine::Engine;
use super::grant::{Grants, Verdict};
use super::hooks::{BindError, CONTRACT, INTERFACES, Indices, PACKAGE};
use super::instance::{Blueprint, ConfigError, Instance, StartError};
use super::sandbox::{Budget, Role, Sandbox};
use super::services::Services;
use super::{embedded, imports, wasi};
use crate::filter::{BodyMode, FieldFilter, Hook, Hooks, Name, Stance, Subscription};

/// Largest component that is taken, in bytes. A JavaScript engine has 12 MB.
pub const MAX_COMPONENT: usize = 32 * 1024 * 1024;

/// Where a component comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// One that is part of the program: `builtin:redact`.
    Builtin(String),
    /// A file.
    File(PathBuf),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Builtin(name) => write!(f, "builtin:{name}"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// Why a plugin is not put into service. Each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is no such file, or it cannot be read.
    #[error("`{0}` cannot be read: {1}")]
    Read(Origin, std::io::Error),
    /// No component of that name is part of the program.
    #[error("there is no `builtin:{name}`; there are {known}")]
    NoBuiltin {
        /// The name asked for.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// It is larger than any plugin needs to be.
    #[error("is larger than {MAX_COMPONENT} bytes")]
    TooLarge,
    /// Its bytes are not those that the operator named.
    #[error("has the SHA-256 {found}, and the configuration says {expected}")]
    Digest {
        /// Of the file.
        found: String,
        /// Of the configuration.
        expected: String,
    },
    /// It is no component that this host takes.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// It imports what it may not have. All of it at once.
    #[error("imports what it may not have: {}", imports_shown(.0))]
    Imports(Vec<(String, Verdict)>),
    /// It exports hooks that this host does not know.
    #[error("exports what contract {CONTRACT} does not have: {}", .0.join(", "))]
    Exports(Vec<String>),
    /// A hook is misshapen.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The engine could not resolve its imports, for another reason than a grant.
    #[error("cannot be linked: {0}")]
    Link(String),
    /// It does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// What it asks for does not fit what it exports or is.
    #[error("asks for what does not fit: {}", .0.join("; "))]
    Subscription(Vec<String>),
}

impl LoadError {
    /// The mistakes in its configuration, when that is what it is.
    pub fn config_errors(&self) -> Option<&[ConfigError]> {
        match self {
            Self::Start(StartError::Config(errors)) => Some(errors),
            _ => None,
        }
    }
}

fn imports_shown(refused: &[(String, Verdict)]) -> String {
    let one = |(import, verdict): &(String, Verdict)| match verdict {
        Verdict::Missing { line } => format!("`{import}` needs the line `{line}`"),
        Verdict::Foreign { why } => format!("`{import}`: {why}"),
        Verdict::Granted | Verdict::Inert => format!("`{import}`"),
    };
    refused.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// A component that was read and compiled.
pub struct Compiled {
    /// Where it comes from.
    pub origin: Origin,
    /// The compiled code.
    pub component: Component,
    /// The SHA-256 of its bytes, over exactly what was compiled.
    pub digest: String,
    /// The size of its bytes.
    pub size: usize,
}

/// Reads a component once and compiles just these bytes.
///
/// # Errors
///
/// [`LoadError`] when it is not there, too large, not the expected one, or no component.
pub fn read(
    engine: &Engine,
    cache: &Cache,
    origin: &Origin,
    expected: Option<&str>,
) -> Result<Compiled, LoadError> {
    let check = |found: String| match expected {
        Some(expected) if !expected.eq_ignore_ascii_case(&found) => {
            Err(LoadError::Digest { found, expected: expected.to_owned() })
        }
        _ => Ok(found),
    };
    match origin {
        Origin::Builtin(name) => {
            let Some(builtin) = embedded::find(name) else {
                let known: Vec<_> =
                    embedded::ALL.iter().map(|one| format!("`builtin:{}`", one.name)).collect();
                return Err(LoadError::NoBuiltin { name: name.clone(), known: known.join(", ") });
            };
            // In this order: loading it gives the memory of its bytes back.
            let digest = check(digest(builtin.component))?;
            Ok(Compiled {
                origin: origin.clone(),
                component: cache.embedded(engine, builtin.component, builtin.code)?,
                digest,
                size: builtin.component.len(),
            })
        }
        Origin::File(path) => {
            let bytes =
                std::fs::read(path).map_err(|error| LoadError::Read(origin.clone(), error))?;
            if bytes.len() > MAX_COMPONENT {
                return Err(LoadError::TooLarge);
            }
            let digest = check(digest(&bytes))?;
            let component = cache.compile(engine, &bytes)?;
            Ok(Compiled { origin: origin.clone(), component, digest, size: bytes.len() })
        }
    }
}

/// The names of what a component imports: `tamis:plugin/log@0.1.0`.
pub fn imports_of(engine: &Engine, component: &Component) -> Vec<String> {
    let ty = component.component_type();
    ty.imports(engine.wasmtime()).map(|(name, _)| name.to_owned()).collect()
}

/// The names of what a component exports.
pub fn exports_of(engine: &Engine, component: &Component) -> Vec<String> {
    let ty = component.component_type();
    ty.exports(engine.wasmtime()).map(|(name, _)| name.to_owned()).collect()
}

/// What a plugin is to be made of.
pub struct Order {
    /// The operator's name for it.
    pub name: Name,
    /// What it may have.
    pub grants: Grants,
    /// What it may spend.
    pub budget: Budget,
    /// What its imports work on.
    pub services: Arc<Services>,
    /// Its configuration, as a JSON document.
    pub config: Arc<str>,
    /// The paths that the operator narrows it to; none: all of those it asks for.
    pub paths: Vec<String>,
    /// Whether it runs under `tamis test`.
    pub testing: bool,
}

/// A plugin that passed every stage.
pub struct Loaded {
    /// What its instances are made of.
    pub blueprint: Blueprint,
    /// Who it says it is.
    pub manifest: Manifest,
    /// The hooks that it has.
    pub hooks: Hooks,
    /// What it asked for.
    pub subscription: Subscription,
    /// A first worker and a first background instance, ready to serve.
    pub instances: (Instance, Instance),
}

/// Takes a compiled component through all stages.
///
/// # Errors
///
/// [`LoadError`], with everything that one stage found. Nothing stays behind.
pub async fn load(engine: &Engine, compiled: &Compiled, order: Order) -> Result<Loaded, LoadError> {
    let component = &compiled.component;
    let imports = imports_of(engine, component);
    check_imports(&imports, &order.grants)?;
    check_exports(&exports_of(engine, component))?;
    let mut linker = Linker::<Sandbox>::new(engine.wasmtime());
    link(&mut linker, &imports).map_err(|error| LoadError::Link(format!("{error:#}")))?;
    let pre = linker
        .instantiate_pre(component)
        .map_err(|error| LoadError::Link(format!("{error:#}").replace('\n', " ")))?;
    let indices = Indices::find(&pre)?;
    let hooks = indices.hooks();
    let blueprint = Blueprint {
        name: order.name,
        engine: engine.clone(),
        pre,
        indices,
        budget: order.budget,
        services: order.services,
        config: order.config,
        testing: order.testing,
    };
    let mut worker = Instance::make(&blueprint, Role::Worker).await?;
    let manifest = worker.describe(&blueprint).await?;
    blueprint.services.metrics.declare(&manifest.metrics);
    let subscription = worker.init(&blueprint).await?;
    let (background, other) = Instance::start(&blueprint, Role::Background).await?;
    let mut misfits = check_subscription(&subscription, hooks, manifest.stance);
    if subscription != other {
        misfits.push(
            "`init` answers differently in the two roles; it must not depend on `role`".to_owned(),
        );
    }
    if !misfits.is_empty() {
        return Err(LoadError::Subscription(misfits));
    }
    let mut subscription = subscription;
    subscription.paths = subscription.paths.narrowed(order.paths);
    let instances = (worker, background);
    Ok(Loaded { blueprint, manifest, hooks, subscription, instances })
}

/// Asks a component who it is, without configuring it: nothing of it runs but `describe`, and
/// nothing that it imports does anything.
///
/// # Errors
///
/// [`LoadError`]; grants are not among the reasons.
pub async fn describe(
    engine: &Engine,
    compiled: &Compiled,
) -> Result<(Manifest, Hooks), LoadError> {
    let component = &compiled.component;
    check_exports(&exports_of(engine, component))?;
    let imports = imports_of(engine, component);
    let mut linker = Linker::<Sandbox>::new(engine.wasmtime());
    link(&mut linker, &imports).map_err(|error| LoadError::Link(format!("{error:#}")))?;
    let pre = linker
        .instantiate_pre(component)
        .map_err(|error| LoadError::Link(format!("{error:#}").replace('\n', " ")))?;
    let indices = Indices::find(&pre)?;
    let hooks = indices.hooks();
    let name: Name = "inspected".into();
    let blueprint = Blueprint {
        services: Arc::new(Services::idle(&name)?),
        name,
        engine: engine.clone(),
        pre,
        indices,
        budget: Budget::default(),
        config: "null".into(),
        testing: false,
    };
    let mut instance = Instance::make(&blueprint, Role::Worker).await?;
    Ok((instance.describe(&blueprint).await?, hooks))
}

fn check_imports(imports: &[String], grants: &Grants) -> Result<(), LoadError> {
    let refused: Vec<_> = imports
        .iter()
        .map(|import| (import.clone(), grants.verdict(import, CONTRACT)))
        .filter(|(_, verdict)| matches!(verdict, Verdict::Missing { .. } | Verdict::Foreign { .. }))
        .collect();
    if refused.is_empty() { Ok(()) } else { Err(LoadError::Imports(refused)) }
}

/// Exports of the contract's package that this host would never call are refused: a hook
/// that is silently skipped may be the one that redacts. What toolchains leave behind outside
/// of the package is none of our business.
fn check_exports(exports: &[String]) -> Result<(), LoadError> {
    let unknown: Vec<_> = exports
        .iter()
        .filter_map(|export| {
            let rest = export.strip_prefix(PACKAGE)?.strip_prefix('/')?;
            let (interface, version) = rest.split_once('@').unwrap_or((rest, "no version"));
            let known = interface == "lifecycle"
                || interface.ends_with("types")
                || INTERFACES.iter().any(|&(known, _)| known == interface);
            if known && super::grant::is_compatible(version, CONTRACT) {
                return None;
            }
            Some(if known {
                format!("`{export}` (this host speaks {CONTRACT})")
            } else {
                format!("`{export}` (a hook of a later contract; take a newer host)")
            })
        })
        .collect();
    if unknown.is_empty() { Ok(()) } else { Err(LoadError::Exports(unknown)) }
}

/// Links what the component imports, which at this point is all granted.
fn link(linker: &mut Linker<Sandbox>, imports: &[String]) -> wasmtime::Result<()> {
    for import in imports {
        let Some(rest) = import.strip_prefix("tamis:plugin/") else { continue };
        let interface = rest.split('@').next().unwrap_or(rest);
        imports::link(linker, interface)?;
    }
    wasi::link(linker, imports)
}

fn check_subscription(wants: &Subscription, hooks: Hooks, stance: Stance) -> Vec<String> {
    let mut misfits = Vec::new();
    let mut need = |wanted: bool, what: &str, hook: Hook| {
        if wanted && !hooks.contains(hook) {
            let interface = INTERFACES.iter().find(|&&(_, known)| known == hook);
            let interface = interface.map_or("lifecycle", |&(name, _)| name);
            misfits.push(format!("`{what}` without exporting `{interface}`"));
        }
    };
    let fields = |phase: Option<&crate::filter::Phase>| {
        phase.is_some_and(|phase| phase.fields != FieldFilter::Nothing)
    };
    let body = |phase: Option<&crate::filter::Phase>| {
        phase.is_some_and(|phase| phase.body != BodyMode::Skip)
    };
    need(fields(wants.request.as_ref()), "request.fields", Hook::OnRequest);
    need(fields(wants.response.as_ref()), "response.fields", Hook::OnResponse);
    need(body(wants.request.as_ref()), "request.body", Hook::OnRequestBody);
    need(body(wants.response.as_ref()), "response.body", Hook::OnResponseBody);
    need(wants.done.is_some(), "done", Hook::OnDone);
    need(wants.logs.is_some(), "logs", Hook::OnLogs);
    need(wants.tick.is_some(), "tick", Hook::OnTick);
    need(wants.health, "health", Hook::OnHealth);
    need(wants.errors, "errors", Hook::OnErrors);
    if stance == Stance::Watcher {
        for (phase, name) in [(&wants.request, "request"), (&wants.response, "response")] {
            if phase.as_ref().is_some_and(|phase| phase.body.changes()) {
                misfits.push(format!(
                    "a watcher with `{name}.body` that can change it; say `guard`, or `observe`"
                ));
            }
        }
    }
    for pattern in wants.paths.patterns() {
        if !pattern.starts_with('/') {
            misfits.push(format!("the path `{pattern}` does not begin with `/`"));
        }
        if pattern.trim_end_matches('*').contains('*') {
            misfits.push(format!("the path `{pattern}` has a `*` that is not at its end"));
        }
    }
    if wants.tick.is_some_and(|tick| tick < std::time::Duration::from_millis(10)) {
        misfits.push("a tick of less than 10 ms".to_owned());
    }
    misfits
}
