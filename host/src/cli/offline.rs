//! One component without a host around it: compiled and asked who it is, never configured.

use std::path::Path;

use crate::filter::Hooks;
use crate::plugin::cache::Cache;
use crate::plugin::convert::Manifest;
use crate::plugin::engine::{Capacity, Engine};
use crate::plugin::load::{self, Compiled, LoadError};

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
        load::describe(&self.engine, &self.compiled).await
    }
}
