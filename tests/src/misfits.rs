//! Components that do not fit: made of the contract's own text with one thing changed.
//!
//! Their functions do nothing but trap; what matters is what they say that they are. Since
//! the text is the one in `wit/`, they change along with the contract.

use std::path::Path;

use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve, SourceMap};

/// A component of a world with these lines, as the contract has it.
pub fn of_world(lines: &str) -> Vec<u8> {
    of_changed(lines, |text| text)
}

/// A component of a world with these lines, of a contract in which every file was changed.
///
/// # Panics
///
/// When the text is not WIT any more, which is a mistake of the test.
pub fn of_changed(lines: &str, change: impl Fn(String) -> String) -> Vec<u8> {
    make(lines, "", change, LiftLowerAbi::Sync)
}

/// A component of a world with these lines, which may also name interfaces of another package.
pub fn with_package(lines: &str, package: &str) -> Vec<u8> {
    make(lines, package, |text| text, LiftLowerAbi::Sync)
}

/// A component of a world with these lines, whose functions are of the ABI for waiting.
pub fn of_async_world(lines: &str) -> Vec<u8> {
    make(lines, "", |text| text, LiftLowerAbi::AsyncStackful)
}

/// A component of the contract's core functions in text form, for a world with these lines,
/// which may also name interfaces of another package.
///
/// # Panics
///
/// When the text is no module or not one for that world.
pub fn of_core(lines: &str, package: &str, module: &str) -> Vec<u8> {
    let (resolve, world) = world(lines, package, |text| text);
    let mut module = wat::parse_str(module).expect("the test wrote a module");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false)
        .expect("its world is sound");
    encode(&module)
}

fn make(
    lines: &str,
    package: &str,
    change: impl Fn(String) -> String,
    abi: LiftLowerAbi,
) -> Vec<u8> {
    let (resolve, world) = world(lines, package, change);
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Legacy(abi));
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false)
        .expect("its world is sound");
    encode(&module)
}

fn world(
    lines: &str,
    package: &str,
    change: impl Fn(String) -> String,
) -> (Resolve, wit_parser::WorldId) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    let mut contract = SourceMap::default();
    for entry in std::fs::read_dir(folder).expect("the contract is there") {
        let path = entry.expect("it can be listed").path();
        let text = std::fs::read_to_string(&path).expect("it can be read");
        contract.push(&path, change(text));
    }
    let mut resolve = Resolve::default();
    let contract = contract.parse().map_err(|(_, error)| error).expect("it is still WIT");
    resolve.push_group(contract).expect("it is still sound");
    if !package.is_empty() {
        resolve.push_source("other.wit", package).expect("the test wrote a package");
    }
    let text = format!("package test:misfit; world misfit {{ {lines} }}");
    let own = resolve.push_source("misfit.wit", &text).expect("the test wrote a world");
    let world = resolve.select_world(&[own], Some("misfit")).expect("it has one");
    (resolve, world)
}

fn encode(module: &[u8]) -> Vec<u8> {
    ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|encoder| encoder.encode())
        .expect("the module is of its world")
}
