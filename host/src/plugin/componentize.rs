//! From a core module that was built with the contract's bindings to a component.
//!
//! The build scripts include this file. A module for `wasm32-unknown-unknown` needs
//! no adapter and imports nothing but what it uses of the contract.

use wit_component::ComponentEncoder;

/// Makes a component of a core module.
///
/// # Errors
///
/// What is wrong with the module, in one line: not WebAssembly, no bindings of the contract
/// in it, imports that the contract does not have.
pub fn componentize(module: &[u8]) -> Result<Vec<u8>, String> {
    ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|encoder| encoder.encode())
        .map_err(|error| format!("{error:#}").replace('\n', " "))
}
