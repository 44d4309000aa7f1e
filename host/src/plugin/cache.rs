//! Compiled code, kept so that a plugin is compiled once and mapped ever after.
//!
//! The key is everything that the code depends on: the component's own bytes, the engine's
//! version and settings, and the features of this processor. What is mapped is native code
//! and is not checked by the engine, so only this process and its build put anything there:
//! the directory belongs to the user alone, and so must each file.

use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use super::engine::Engine;

/// The SHA-256 of the bytes of a component, in lower-case hex.
pub fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A component that cannot be compiled, or is none.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct CompileError(pub String);

/// Where compiled code is kept.
#[derive(Debug, Clone, Default)]
pub struct Cache {
    directory: Option<PathBuf>,
}

impl Cache {
    /// A cache in a directory, made when it is missing. A directory that cannot be trusted
    /// (not the user's own, or open to others) is not used, and the answer says why.
    pub fn at(directory: &Path) -> Result<Self, String> {
        let shown = directory.display();
        std::fs::create_dir_all(directory)
            .map_err(|error| format!("`{shown}` cannot be made: {error}"))?;
        restrict(directory, 0o700)
            .map_err(|error| format!("`{shown}` cannot be kept to its owner: {error}"))?;
        if !is_own(directory) {
            return Err(format!("`{shown}` belongs to somebody else or is open to others"));
        }
        Ok(Self { directory: Some(directory.to_owned()) })
    }

    /// No cache: everything is compiled anew.
    pub fn none() -> Self {
        Self::default()
    }

    /// The compiled component of these bytes, from the cache or compiled now and put there.
    ///
    /// A cache that cannot be read or written costs time, never the plugin.
    ///
    /// # Errors
    ///
    /// [`CompileError`] when the bytes are no component that this engine takes.
    pub fn compile(&self, engine: &Engine, bytes: &[u8]) -> Result<Component, CompileError> {
        let path = self.path(engine, bytes);
        if let Some(component) = path.as_deref().and_then(|path| map(engine, path)) {
            return Ok(component);
        }
        let code = translate(engine, bytes)?;
        if let Some(path) = path
            && keep(&path, &code).is_ok()
            && let Some(component) = map(engine, &path)
        {
            return Ok(component);
        }
        load(engine, &code).map_err(|error| CompileError(explain(&error)))
    }

    /// A component that the build compiled, unless this processor cannot run it; then it is
    /// compiled from its own bytes. Neither keeps memory afterwards.
    ///
    /// # Errors
    ///
    /// As [`Cache::compile`].
    pub fn embedded(
        &self,
        engine: &Engine,
        bytes: &'static [u8],
        code: &'static [u8],
    ) -> Result<Component, CompileError> {
        let component = match load(engine, code) {
            Ok(component) => Ok(component),
            Err(_) => self.compile(engine, bytes),
        };
        let_go(bytes);
        let_go(code);
        component
    }

    fn path(&self, engine: &Engine, bytes: &[u8]) -> Option<PathBuf> {
        let directory = self.directory.as_ref()?;
        let mut key = Sha256::new();
        key.update(bytes);
        key.update(settings_key(engine));
        Some(directory.join(format!("{}.cwasm", hex(&key.finalize()))))
    }
}

/// What the code depends on beside the component: the engine says it in one number.
fn settings_key(engine: &Engine) -> Vec<u8> {
    use std::hash::{Hash, Hasher};
    let mut hasher = std::hash::DefaultHasher::new();
    engine.wasmtime().precompile_compatibility_hash().hash(&mut hasher);
    let mut key = hasher.finish().to_le_bytes().to_vec();
    key.extend_from_slice(env!("CARGO_PKG_VERSION").as_bytes());
    key
}

fn keep(path: &Path, code: &[u8]) -> std::io::Result<()> {
    // Written aside and renamed, so that nobody ever maps half a file.
    let aside = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(&aside)?;
    restrict(&aside, 0o600)?;
    let written = file.write_all(code).and_then(|()| file.sync_all());
    let kept = written.and_then(|()| std::fs::rename(&aside, path));
    if kept.is_err() {
        // What is left of it is of no use; if it cannot be removed either, it is not mapped.
        let _ = std::fs::remove_file(&aside);
    }
    kept
}

#[expect(unsafe_code, reason = "the engine cannot check compiled code; `is_own` is the check")]
fn map(engine: &Engine, path: &Path) -> Option<Component> {
    if !path.exists() || !path.parent().is_some_and(is_own) || !is_own(path) {
        return None;
    }
    // SAFETY: the file is in a directory that only this user can write to, is this user's own
    // and writable by nobody else, so it was written by `keep`. The engine refuses code of
    // another version, other settings or another processor.
    unsafe { Component::deserialize_file(engine.wasmtime(), path) }.ok()
}

#[expect(unsafe_code, reason = "the bytes were made by this engine in this process or its build")]
fn load(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: as above; the bytes never came from outside.
    unsafe { Component::deserialize(engine.wasmtime(), code) }
}

/// Gives back the pages of a constant of this program: what was copied out of it would lie in memory
/// twice. Whoever reads it again gets it from the program's file.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the system is told of addresses")]
fn let_go(constant: &'static [u8]) {
    use rustix::mm::{Advice, madvise};
    let page = rustix::param::page_size();
    let begin = constant.as_ptr().align_offset(page);
    let whole = constant.len().saturating_sub(begin) / page * page;
    if let Some(pages) = constant.get(begin..begin + whole).filter(|pages| !pages.is_empty()) {
        // SAFETY: whole pages of a constant, which are a private mapping of the program's file that
        // nobody has written to; the advice drops them, and the next read maps them again.
        let advised = unsafe {
            madvise(pages.as_ptr().cast_mut().cast(), pages.len(), Advice::LinuxDontNeed)
        };
        if let Err(error) = advised {
            tracing::debug!(%error, "memory of compiled code is not given back");
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn let_go(_: &'static [u8]) {}

#[cfg(unix)]
fn is_own(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let Ok(metadata) = std::fs::symlink_metadata(path) else { return false };
    !metadata.is_symlink()
        && metadata.uid() == rustix::process::geteuid().as_raw()
        && metadata.mode() & 0o022 == 0
}

#[cfg(unix)]
fn restrict(path: &Path, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

/// Compiles. The compiler has panicked on components before, and one of them must not end a host
/// that serves.
fn translate(engine: &Engine, bytes: &[u8]) -> Result<Vec<u8>, CompileError> {
    // Nothing of ours is shared with the compiler but bytes that it only reads.
    let compiled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        engine.wasmtime().precompile_component(bytes)
    }));
    match compiled {
        Ok(code) => code.map_err(|error| CompileError(explain(&error))),
        Err(_) => {
            let why = "the compiler of the engine failed on it; the component may be malformed, \
                       and if another host takes it, this is worth a report";
            Err(CompileError(why.to_owned()))
        }
    }
}

/// What the engine says, with what to do about it where that is known.
fn explain(error: &wasmtime::Error) -> String {
    let text = format!("{error:#}").replace('\n', " ");
    if text.contains("component model async") || text.contains("async feature") {
        return format!(
            "is built with the async ABI, which this host does not take; with `jco componentize` \
             add `--backend-qjs-disable-async --backend-qjs-stub-wasi` ({text})"
        );
    }
    if text.contains("not a component") || text.contains("attempted to parse a wasm module") {
        return format!(
            "is a core module and not a component; make it one with `wasm-tools component new` \
             ({text})"
        );
    }
    text
}
