//! How code is compiled: every setting that changes the machine code, each with its reason.
//!
//! The build script includes this same file, so what it compiles ahead of time is what the
//! host would compile. Settings that only matter at run time (the pool) are in `engine`.

use wasmtime::{Config, Strategy};

/// How many bytes of stack a guest may use.
pub const GUEST_STACK: usize = 256 * 1024;

/// The settings for compiling.
pub fn compiling() -> Config {
    let mut config = Config::new();
    // The other compiler of wasmtime had a leak, a panic and an escape within one year.
    config.strategy(Strategy::Cranelift);
    // A no-op call costs 99 ns instead of 335 without it. Components that use the async ABI
    // are refused at load, with a text that says how to build them instead.
    config.concurrency_support(false);
    // Ends loops, and lets neighbours run meanwhile. Costs nothing on short calls.
    config.epoch_interruption(true);
    // The difference to the stack of the fiber is all that a host function has.
    config.max_wasm_stack(GUEST_STACK);
    // What guests do not need, and where most advisories of the runtime were.
    config.wasm_memory64(false);
    config.wasm_tail_call(false);
    config.wasm_custom_page_sizes(false);
    config.wasm_extended_const(true);
    // Not for guests, of whom nobody asks for it: a component that is composed of several is
    // joined by code that copies from memory to memory, and the engine panics on its own code
    // when that is not allowed. The pool has four memories for a component, and the limit on
    // memory is for all of them together.
    config.wasm_multi_memory(true);
    // Results of relaxed operations differ between machines.
    config.wasm_relaxed_simd(false);
    config.wasm_simd(true);
    config
}
