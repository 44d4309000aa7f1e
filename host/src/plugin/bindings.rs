//! What `wit/` becomes in Rust: generated, and nothing else.
//!
//! Values that go to a guest are borrowed, so that a head crosses without being copied on
//! this side first; values that come back are owned. `convert` is the only file that turns
//! these types into those of `filter`.

#![expect(missing_docs, reason = "generated from wit/, where the documentation is")]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "plugin",
    imports: {
        "tamis:plugin/outbound-http.send": async | trappable,
        "tamis:plugin/state": async | trappable,
        "tamis:plugin/probe": async | trappable,
        default: trappable,
    },
    exports: { default: async },
    ownership: Borrowing { duplicate_if_necessary: true },
});
