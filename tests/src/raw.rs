//! A plugin in its core form, so that it can do what no toolchain would: trap while it is
//! made, hand back addresses that do not exist, loop where only the host calls.
//!
//! As it is, every function answers with zeroes, which are a manifest without a name, a
//! subscription to nothing and an answer that changes nothing. Each part can be replaced by
//! instructions in text form.

use crate::misfits;

/// The parts of the module. Empty ones are left out.
#[derive(Debug, Clone, Copy)]
pub struct Raw {
    /// Further fields of the module: data, tables, globals, functions.
    pub fields: &'static str,
    /// The body of the start function.
    pub start: &'static str,
    /// The body of `describe`, answering with the address of a manifest.
    pub describe: &'static str,
    /// The body of `init`, answering with the address of a result.
    pub init: &'static str,
    /// The body of `on-request`, answering with the address of a result.
    pub on_request: &'static str,
    /// The body of what is called after `on-request`, with the address as parameter.
    pub after_request: &'static str,
    /// The body of the allocator for what the host passes.
    pub realloc: &'static str,
}

impl Default for Raw {
    fn default() -> Self {
        Self {
            fields: "",
            start: "",
            describe: "i32.const 0",
            // Asks for the heads of requests: a phase is there, its fields are all.
            init: "i32.const 64",
            on_request: "i32.const 0",
            after_request: "",
            realloc: "i32.const 1024",
        }
    }
}

impl Raw {
    /// The component.
    pub fn component(self) -> Vec<u8> {
        self.component_with("", "", "")
    }

    /// The component, with further imports: in core form, as lines of its world, and the
    /// package that those are of.
    pub fn component_with(self, imports: &str, lines: &str, package: &str) -> Vec<u8> {
        let Self { fields, start, describe, init, on_request, after_request, realloc } = self;
        let start = match start {
            "" => String::new(),
            body => format!("(func $start {body}) (start $start)"),
        };
        let module = format!(
            r#"(module
                (import "tamis:plugin/clock@0.1.0" "now" (func $now (result i64)))
                {imports}
                (memory (export "memory") 2)
                ;; A result at 64, and at its offset 8 a subscription: no paths (8, 12), then
                ;; the phase of requests at 16.
                (data (i32.const 80) "\01")
                {fields}
                {start}
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) {realloc})
                (func (export "tamis:plugin/lifecycle@0.1.0#describe") (result i32) {describe})
                (func (export "tamis:plugin/lifecycle@0.1.0#init")
                    (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32) {init})
                (func (export "tamis:plugin/lifecycle@0.1.0#shutdown") (param i64))
                (func (export "tamis:plugin/http-request@0.1.0#on-request")
                    (param i32 i32 i32 i32 i32 i32 i32 i32)
                    (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32) {on_request})
                (func (export "cabi_post_tamis:plugin/http-request@0.1.0#on-request")
                    (param i32) {after_request}))"#
        );
        let world = format!(
            "import tamis:plugin/clock@0.1.0; {lines} export tamis:plugin/lifecycle@0.1.0; \
             export tamis:plugin/http-request@0.1.0;"
        );
        misfits::of_core(&world, package, &module)
    }
}
