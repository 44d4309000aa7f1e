//! The inert WASI: what components of other toolchains import without meaning to reach anything.
//!
//! A plugin built for `wasm32-wasip2`, or by a toolchain for C, JavaScript or Python, asks for
//! a clock, for randomness and for its standard streams because its runtime does. It gets the
//! clock and the randomness of the contract's own imports, no arguments and no environment, an
//! empty standard input, and an output that goes to the log line by line. Nothing here waits:
//! who wants to wait traps. Files, sockets and HTTP are not here; [`is_inert`] is asked by
//! `grant`, which refuses them by name.
//!
//! What a plugin in Rust for `wasm32-wasip2` imports, found by building it (Rust 1.95): with
//! plain `wit-bindgen` and nothing of the standard library's input and output, thirteen
//! interfaces of `wasi:io` and `wasi:cli`, since the runtime names them all; with `println!`,
//! `HashMap`, `SystemTime` and `Instant`, also the clocks and `insecure-seed`. `wasi:filesystem`
//! comes in with the first use of `std::fs` and not before. So who reaches for files is refused
//! at load, and who does not never notices that there are none.
//! QuickJS by `jco` brings `wasi:filesystem` in whatever the script does, unless it is told to
//! stub WASI.
//!
//! Any version 0.2.x is linked under the very name that the component imports. Unlike the
//! imports of the contract these can be called while the plugin describes itself: a runtime
//! that seeds its hash tables is no impurity. What it prints then is dropped.
//!
//! Handles (streams, pollables) are counted by the store; whoever holds too many traps.

use wasmtime::StoreContextMut;
use wasmtime::component::{
    ComponentType, Lift, Linker, LinkerInstance, Lower, Resource, ResourceType,
};

use super::imports::MAX_RANDOM;
use super::sandbox::{Breach, Sandbox};
use crate::filter::Severity;

mod io;
mod output;

pub use output::{Output, Stream};

/// The interfaces that are here, without version.
const INTERFACES: [&str; 18] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:cli/terminal-stderr",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
];
/// Has no released version, so none is compared.
const LOGGING: &str = "wasi:logging/logging";

/// Whether an import is one that is linked here, by its full name:
/// `wasi:io/streams@0.2.6`.
pub fn is_inert(import: &str) -> bool {
    let (interface, version) = import.split_once('@').unwrap_or((import, ""));
    let released = version.strip_prefix("0.2.").is_some_and(|patch| {
        !patch.is_empty() && patch.bytes().all(|digit| digit.is_ascii_digit())
    });
    interface == LOGGING || (released && INTERFACES.contains(&interface))
}

/// Links those of the imports that are WASI's. Others are left alone.
///
/// # Errors
///
/// What the engine says, which would be a mistake of this program.
pub fn link(linker: &mut Linker<Sandbox>, imports: &[String]) -> wasmtime::Result<()> {
    for import in imports.iter().filter(|import| is_inert(import)) {
        let mut instance = linker.instance(import)?;
        let interface = import.split('@').next().unwrap_or(import);
        link_one(&mut instance, interface)?;
    }
    Ok(())
}

type Context<'a> = StoreContextMut<'a, Sandbox>;
type Into<'a> = LinkerInstance<'a, Sandbox>;

fn link_one(into: &mut Into<'_>, interface: &str) -> wasmtime::Result<()> {
    match interface {
        "wasi:cli/environment" => environment(into),
        "wasi:cli/exit" => exit(into),
        "wasi:cli/stdin" => into.func_wrap("get-stdin", |mut store: Context<'_>, (): ()| {
            Ok((keep(&mut store, io::Input)?,))
        }),
        "wasi:cli/stdout" => stream(into, "get-stdout", Stream::Out),
        "wasi:cli/stderr" => stream(into, "get-stderr", Stream::Error),
        // There is no terminal, so nobody ever holds one.
        "wasi:cli/terminal-input" => resource::<TerminalInput>(into, "terminal-input"),
        "wasi:cli/terminal-output" => resource::<TerminalOutput>(into, "terminal-output"),
        "wasi:cli/terminal-stdin" => terminal::<TerminalInput>(into, "get-terminal-stdin"),
        "wasi:cli/terminal-stdout" => terminal::<TerminalOutput>(into, "get-terminal-stdout"),
        "wasi:cli/terminal-stderr" => terminal::<TerminalOutput>(into, "get-terminal-stderr"),
        "wasi:clocks/monotonic-clock" => monotonic_clock(into),
        "wasi:clocks/wall-clock" => wall_clock(into),
        "wasi:io/error" => io::error(into),
        "wasi:io/poll" => io::poll(into),
        "wasi:io/streams" => io::streams(into),
        "wasi:random/random" => randomness(into, "get-random-bytes", "get-random-u64"),
        "wasi:random/insecure" => {
            randomness(into, "get-insecure-random-bytes", "get-insecure-random-u64")
        }
        "wasi:random/insecure-seed" => {
            into.func_wrap("insecure-seed", |mut store: Context<'_>, (): ()| {
                let sandbox = enter(&mut store)?;
                Ok(((sandbox.random_number()?, sandbox.random_number()?),))
            })
        }
        LOGGING => logging(into),
        _ => Ok(()),
    }
}

/// To be called first by every function: counts it, whatever stage the plugin is in.
fn enter<'a>(store: &'a mut Context<'_>) -> Result<&'a mut Sandbox, Breach> {
    let sandbox = store.data_mut();
    sandbox.count_call()?;
    Ok(sandbox)
}

/// Puts a thing into the table of handles.
fn keep<T: Send + 'static>(store: &mut Context<'_>, thing: T) -> wasmtime::Result<Resource<T>> {
    let sandbox = enter(store)?;
    sandbox.handles.push(thing).map_err(|_| Breach::Handles.into())
}

/// Defines a resource whose things live in the table of handles.
fn resource<T: Send + 'static>(into: &mut Into<'_>, name: &str) -> wasmtime::Result<()> {
    into.resource(name, ResourceType::host::<T>(), |mut store, number| {
        store.data_mut().handles.delete(Resource::<T>::new_own(number))?;
        Ok(())
    })
}

struct TerminalInput;
struct TerminalOutput;

fn terminal<T: Send + 'static>(into: &mut Into<'_>, name: &str) -> wasmtime::Result<()> {
    into.func_wrap(name, |mut store: Context<'_>, (): ()| {
        enter(&mut store)?;
        Ok((None::<Resource<T>>,))
    })
}

fn stream(into: &mut Into<'_>, name: &str, stream: Stream) -> wasmtime::Result<()> {
    into.func_wrap(name, move |mut store: Context<'_>, (): ()| Ok((keep(&mut store, stream)?,)))
}

fn environment(into: &mut Into<'_>) -> wasmtime::Result<()> {
    into.func_wrap("get-environment", |mut store: Context<'_>, (): ()| {
        enter(&mut store)?;
        Ok((Vec::<(String, String)>::new(),))
    })?;
    into.func_wrap("get-arguments", |mut store: Context<'_>, (): ()| {
        enter(&mut store)?;
        Ok((Vec::<String>::new(),))
    })?;
    into.func_wrap("initial-cwd", |mut store: Context<'_>, (): ()| {
        enter(&mut store)?;
        Ok((None::<String>,))
    })
}

/// Nobody ends but in a trap: a hook that does not come back gave no answer.
fn exit(into: &mut Into<'_>) -> wasmtime::Result<()> {
    into.func_wrap("exit", |_: Context<'_>, (_,): (Result<(), ()>,)| {
        Err::<(), _>(Breach::Exit.into())
    })?;
    into.func_wrap("exit-with-code", |_: Context<'_>, (_,): (u8,)| {
        Err::<(), _>(Breach::Exit.into())
    })
}

fn monotonic_clock(into: &mut Into<'_>) -> wasmtime::Result<()> {
    into.func_wrap("now", |mut store: Context<'_>, (): ()| Ok((enter(&mut store)?.times().1,)))?;
    into.func_wrap("resolution", |mut store: Context<'_>, (): ()| {
        enter(&mut store)?;
        Ok((100_000_u64,))
    })?;
    into.func_wrap("subscribe-instant", |mut store: Context<'_>, (when,): (u64,)| {
        Ok((keep(&mut store, io::Pollable::At(when))?,))
    })?;
    into.func_wrap("subscribe-duration", |mut store: Context<'_>, (after,): (u64,)| {
        let (_, now) = store.data_mut().times();
        Ok((keep(&mut store, io::Pollable::At(now.saturating_add(after)))?,))
    })
}

#[derive(ComponentType, Lower, Lift)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

impl Datetime {
    fn of(nanoseconds: u64) -> Self {
        const SECOND: u64 = 1_000_000_000;
        let rest = u32::try_from(nanoseconds % SECOND).unwrap_or_default();
        Self { seconds: nanoseconds / SECOND, nanoseconds: rest }
    }
}

fn wall_clock(into: &mut Into<'_>) -> wasmtime::Result<()> {
    into.func_wrap("now", |mut store: Context<'_>, (): ()| {
        Ok((Datetime::of(enter(&mut store)?.times().0),))
    })?;
    into.func_wrap("resolution", |mut store: Context<'_>, (): ()| {
        enter(&mut store)?;
        Ok((Datetime::of(1_000),))
    })
}

fn randomness(into: &mut Into<'_>, bytes: &str, number: &str) -> wasmtime::Result<()> {
    into.func_wrap(bytes, |mut store: Context<'_>, (len,): (u64,)| {
        let sandbox = enter(&mut store)?;
        let len = u32::try_from(len).ok().filter(|&len| len <= MAX_RANDOM);
        Ok((sandbox.random_bytes(len.ok_or(Breach::Random)?)?,))
    })?;
    into.func_wrap(number, |mut store: Context<'_>, (): ()| {
        Ok((enter(&mut store)?.random_number()?,))
    })
}

#[derive(Clone, Copy, ComponentType, Lift, Lower)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "all but the first are only ever made by a guest")]
enum Level {
    #[component(name = "trace")]
    Trace,
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
    #[component(name = "critical")]
    Critical,
}

fn logging(into: &mut Into<'_>) -> wasmtime::Result<()> {
    type Line = (Level, String, String);
    into.func_wrap("log", |mut store: Context<'_>, (level, context, message): Line| {
        let sandbox = enter(&mut store)?;
        let severity = match level {
            Level::Trace => Severity::Trace,
            Level::Debug => Severity::Debug,
            Level::Info => Severity::Info,
            Level::Warn => Severity::Warn,
            Level::Error => Severity::Error,
            Level::Critical => Severity::Fatal,
        };
        let attributes = match context.is_empty() {
            true => Vec::new(),
            false => vec![("log.logger".to_owned(), context.into())],
        };
        sandbox.record(severity, message, attributes);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_release_of_0_2_is_inert_and_nothing_else() {
        for import in INTERFACES {
            for version in ["0.2.0", "0.2.6", "0.2.12"] {
                assert!(is_inert(&format!("{import}@{version}")), "{import}@{version}");
            }
            for version in ["0.3.0", "0.1.0", "0.2", "0.2.", "0.2.0-rc-2023-11-10"] {
                assert!(!is_inert(&format!("{import}@{version}")), "{import}@{version}");
            }
            assert!(!is_inert(import), "without a version nobody knows what it is");
        }
        assert!(is_inert("wasi:logging/logging@0.1.0-draft"));
        for import in
            ["wasi:filesystem/types@0.2.0", "wasi:climate/heat@0.2.0", "wasi:cli/run@0.2.0"]
        {
            assert!(!is_inert(import), "{import}");
        }
    }

    #[test]
    fn every_interface_can_be_linked_in_two_versions_at_once() {
        let engine = wasmtime::Engine::default();
        let mut linker = Linker::<Sandbox>::new(&engine);
        let versions = ["0.2.0", "0.2.6"];
        let imports: Vec<_> = INTERFACES
            .iter()
            .flat_map(|interface| versions.map(|version| format!("{interface}@{version}")))
            .chain([LOGGING.to_owned()])
            .collect();
        link(&mut linker, &imports).unwrap();
    }

    #[test]
    fn the_time_of_day_is_seconds_and_the_rest() {
        let Datetime { seconds, nanoseconds } = Datetime::of(1_700_000_000_123_456_789);
        assert_eq!((seconds, nanoseconds), (1_700_000_000, 123_456_789));
    }
}
