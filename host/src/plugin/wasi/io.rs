//! `wasi:io`: streams of which one is empty and the others are the log, and a poll that never
//! waits.
//!
//! Streams are always ready. A clock is ready when its time has come, and since time stands
//! still during a call, one that is not yet ready will not become so: asking to wait for it
//! is a trap that says so, instead of a call that hangs until its deadline.

use wasmtime::component::{ComponentType, Lift, Lower, Resource};

use super::{Context, Into, Stream, enter, keep, resource};
use crate::plugin::sandbox::{Breach, Sandbox};

/// As much as may be written at once. More is taken all the same; the engine bounds it.
const ROOM: u64 = 64 * 1024;

/// Standard input: nothing comes.
pub(super) struct Input;

/// Why a stream failed. None does, so nobody ever holds one.
pub(super) struct Failure;

/// Something to wait for.
pub(super) enum Pollable {
    /// A stream.
    Ready,
    /// A point on the monotonic clock.
    At(u64),
}

#[derive(ComponentType, Lower, Lift)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    // Part of the interface, though no operation fails.
    Failed(Resource<Failure>),
    #[component(name = "closed")]
    Closed,
}

type Done = Result<(), StreamError>;

pub(super) fn error(into: &mut Into<'_>) -> wasmtime::Result<()> {
    resource::<Failure>(into, "error")?;
    into.func_wrap(
        "[method]error.to-debug-string",
        |mut store: Context<'_>, (_,): (Resource<Failure>,)| {
            enter(&mut store)?;
            Ok((String::new(),))
        },
    )
}

pub(super) fn poll(into: &mut Into<'_>) -> wasmtime::Result<()> {
    type One = (Resource<Pollable>,);
    resource::<Pollable>(into, "pollable")?;
    into.func_wrap("[method]pollable.ready", |mut store: Context<'_>, (one,): One| {
        let sandbox = enter(&mut store)?;
        Ok((is_ready(sandbox, &one)?,))
    })?;
    into.func_wrap("[method]pollable.block", |mut store: Context<'_>, (one,): One| {
        let sandbox = enter(&mut store)?;
        if is_ready(sandbox, &one)? { Ok(()) } else { Err(Breach::Wait.into()) }
    })?;
    into.func_wrap("poll", |mut store: Context<'_>, (all,): (Vec<Resource<Pollable>>,)| {
        let sandbox = enter(&mut store)?;
        let mut ready = Vec::new();
        for (index, one) in (0_u32..).zip(&all) {
            if is_ready(sandbox, one)? {
                ready.push(index);
            }
        }
        if ready.is_empty() { Err(Breach::Wait.into()) } else { Ok((ready,)) }
    })
}

fn is_ready(sandbox: &mut Sandbox, one: &Resource<Pollable>) -> wasmtime::Result<bool> {
    let (_, now) = sandbox.times();
    Ok(match sandbox.handles.get(one)? {
        Pollable::Ready => true,
        Pollable::At(when) => *when <= now,
    })
}

pub(super) fn streams(into: &mut Into<'_>) -> wasmtime::Result<()> {
    inputs(into)?;
    outputs(into)
}

fn inputs(into: &mut Into<'_>) -> wasmtime::Result<()> {
    type Read = (Resource<Input>, u64);
    resource::<Input>(into, "input-stream")?;
    for name in ["read", "blocking-read"] {
        let name = format!("[method]input-stream.{name}");
        into.func_wrap(&name, |mut store: Context<'_>, (_, _): Read| {
            enter(&mut store)?;
            Ok((Err::<Vec<u8>, _>(StreamError::Closed),))
        })?;
    }
    for name in ["skip", "blocking-skip"] {
        let name = format!("[method]input-stream.{name}");
        into.func_wrap(&name, |mut store: Context<'_>, (_, _): Read| {
            enter(&mut store)?;
            Ok((Err::<u64, _>(StreamError::Closed),))
        })?;
    }
    into.func_wrap(
        "[method]input-stream.subscribe",
        |mut store: Context<'_>, (_,): (Resource<Input>,)| {
            Ok((keep(&mut store, Pollable::Ready)?,))
        },
    )
}

fn outputs(into: &mut Into<'_>) -> wasmtime::Result<()> {
    type One = (Resource<Stream>,);
    type Write = (Resource<Stream>, Vec<u8>);
    type Zeroes = (Resource<Stream>, u64);
    type Splice = (Resource<Stream>, Resource<Input>, u64);
    resource::<Stream>(into, "output-stream")?;
    into.func_wrap("[method]output-stream.check-write", |mut store: Context<'_>, (_,): One| {
        enter(&mut store)?;
        Ok((Ok::<_, StreamError>(ROOM),))
    })?;
    for name in ["write", "blocking-write-and-flush"] {
        let name = format!("[method]output-stream.{name}");
        into.func_wrap(&name, |mut store: Context<'_>, (to, bytes): Write| {
            let sandbox = enter(&mut store)?;
            let stream = *sandbox.handles.get(&to)?;
            sandbox.print(stream, &bytes);
            Ok((Done::Ok(()),))
        })?;
    }
    for name in ["write-zeroes", "blocking-write-zeroes-and-flush"] {
        let name = format!("[method]output-stream.{name}");
        into.func_wrap(&name, |mut store: Context<'_>, (_, _): Zeroes| {
            enter(&mut store)?;
            // No line of a log is made of these.
            Ok((Done::Ok(()),))
        })?;
    }
    // A line is written when it is complete; flushing half a line would only cut it.
    for name in ["flush", "blocking-flush"] {
        let name = format!("[method]output-stream.{name}");
        into.func_wrap(&name, |mut store: Context<'_>, (_,): One| {
            enter(&mut store)?;
            Ok((Done::Ok(()),))
        })?;
    }
    for name in ["splice", "blocking-splice"] {
        let name = format!("[method]output-stream.{name}");
        into.func_wrap(&name, |mut store: Context<'_>, (_, _, _): Splice| {
            enter(&mut store)?;
            Ok((Err::<u64, _>(StreamError::Closed),))
        })?;
    }
    into.func_wrap("[method]output-stream.subscribe", |mut store: Context<'_>, (_,): One| {
        Ok((keep(&mut store, Pollable::Ready)?,))
    })
}
