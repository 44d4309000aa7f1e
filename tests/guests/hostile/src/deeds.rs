//! What can be done wrong without answering anything: time, memory, floods, traps.

use std::hint::black_box;

use crate::config::Config;
use crate::tamis::plugin::error_types::ErrorEvent;
use crate::tamis::plugin::metrics::{self, Kind, SeriesError};
use crate::tamis::plugin::types::{Fault, FaultKind, Severity};
use crate::tamis::plugin::{clock, errors, exchange, log, random};

/// Registers the one metric; its id is always the first.
pub fn register() {
    let _ =
        metrics::register("hostile_total", "What nobody needs", &Kind::Counter, &["value".into()]);
}

pub fn commit(config: &Config) -> Result<(), Fault> {
    match config.deed.as_str() {
        "loop" => loop {
            black_box(());
        },
        "slow" => busy(config.times),
        "trap" => trap(&config.how),
        "memory" => memory(&config.how),
        "memory-fill" => fill(),
        "recurse" => {
            black_box(recurse(black_box(u64::MAX)));
        }
        "flood-calls" => flood_calls(&config.how, config.bytes),
        "flood-log" => {
            for number in 0..config.times {
                log::write(Severity::Info, &format!("line {number}"), &[]);
            }
        }
        "flood-errors" => {
            for number in 0..config.times {
                errors::capture(&event(number));
            }
        }
        "flood-labels" => {
            for number in 0..config.times {
                let series = metrics::series(0, &[number.to_string()]);
                let (Ok(id) | Err(SeriesError::Full(id))) = series else { continue };
                metrics::update(&[(id, 1.0)]);
            }
        }
        "other-exchange" => {
            black_box(exchange::get(4_000_000, "url.scheme"));
        }
        "random" => {
            black_box(random::bytes(64 * 1024 + 1));
        }
        "fault" => return Err(fault(&config.how)),
        _ => {}
    }
    Ok(())
}

fn busy(rounds: u64) {
    for round in 0..rounds {
        black_box(round);
    }
}

fn fault(how: &str) -> Fault {
    let kind = match how {
        "unprocessable" => FaultKind::Unprocessable,
        "unavailable" => FaultKind::Unavailable,
        _ => FaultKind::Internal,
    };
    Fault { kind, message: format!("on purpose: {how}") }
}

fn trap(how: &str) {
    match how {
        "panic" => panic!("on purpose"),
        "divide" => {
            black_box(1 / black_box(0));
        }
        "out-of-bounds" => {
            // SAFETY: none. There is no memory at that address, and that is the point.
            black_box(unsafe { black_box(0xffff_fff0_usize as *const u8).read_volatile() });
        }
        "bad-call" => {
            // SAFETY: none. There is no function of that number, and that is the point.
            let nobody: fn() = unsafe { std::mem::transmute(black_box(0x00ff_ffff_usize)) };
            nobody();
        }
        _ => core::arch::wasm32::unreachable(),
    }
}

fn memory(how: &str) {
    match how {
        "abort" => {
            let mut hoard: Vec<Vec<u8>> = Vec::new();
            loop {
                hoard.push(black_box(vec![1; 1024 * 1024]));
            }
        }
        "trap" => {
            while core::arch::wasm32::memory_grow(0, 16) != usize::MAX {}
            core::arch::wasm32::unreachable()
        }
        // Takes what it can get and goes on.
        _ => while core::arch::wasm32::memory_grow(0, 1) != usize::MAX {},
    }
}

fn fill() {
    let mut buffer = vec![0_u8; 4 * 1024 * 1024];
    loop {
        black_box(&mut buffer).fill(black_box(1));
    }
}

#[expect(unconditional_recursion, reason = "on purpose")]
fn recurse(depth: u64) -> u64 {
    let local = black_box([depth; 16]);
    recurse(black_box(depth - 1)) + local.iter().sum::<u64>()
}

fn flood_calls(how: &str, bytes: usize) {
    let text = "x".repeat(bytes);
    loop {
        match how {
            "clock" => {
                black_box(clock::now());
            }
            _ => log::write(Severity::Trace, &text, &[]),
        }
    }
}

fn event(number: u64) -> ErrorEvent {
    ErrorEvent {
        id: String::new(),
        time: 0,
        severity: Severity::Error,
        kind: "test.flood".into(),
        message: format!("event {number}"),
        exceptions: Vec::new(),
        threads: Vec::new(),
        breadcrumbs: Vec::new(),
        fingerprint: Vec::new(),
        attributes: Vec::new(),
        trace: None,
        request_id: None,
    }
}
