//! A plugin's component exports the hooks it wrote, imports what it uses, and nothing else.
//!
//! Builds guests as the host's build does it: `wasm32-unknown-unknown`, then `wit-component`.

use std::path::{Path, PathBuf};
use std::process::Command;

use wit_component::{ComponentEncoder, DecodedWasm};
use wit_parser::{Resolve, WorldItem, WorldKey};

/// What the world of a component says: names of interfaces, those that hold only types left out.
struct Component {
    exports: Vec<String>,
    imports: Vec<String>,
    bytes: usize,
}

impl Component {
    /// Builds the guest in this folder, named as it is below this package.
    fn of_guest(folder: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let name = folder.file_name().expect("a folder has a name").to_string_lossy();
        let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("guests");
        let status = Command::new(env!("CARGO"))
            .args(["build", "--release", "--target", "wasm32-unknown-unknown", "--quiet"])
            .arg("--manifest-path")
            .arg(folder.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(&target)
            .env_remove("RUSTFLAGS")
            .env("CARGO_ENCODED_RUSTFLAGS", "-Ctarget-feature=+simd128")
            .status()
            .expect("cargo runs");
        assert!(status.success(), "the guest `{name}` builds");
        let module = target
            .join("wasm32-unknown-unknown/release")
            .join(format!("tamis_{}.wasm", name.replace('-', "_")));
        Self::of_module(&std::fs::read(&module).expect("the module was built"))
    }

    fn of_module(module: &[u8]) -> Self {
        let component = ComponentEncoder::default()
            .validate(true)
            .module(module)
            .expect("the module describes its world")
            .encode()
            .expect("the module keeps to its world");
        let DecodedWasm::Component(resolve, world) =
            wit_component::decode(&component).expect("it can be read again")
        else {
            panic!("a component was encoded");
        };
        let world = &resolve.worlds[world];
        Self {
            exports: names(&resolve, &world.exports),
            imports: names(&resolve, &world.imports),
            bytes: component.len(),
        }
    }
}

fn names<'a>(
    resolve: &Resolve,
    items: impl IntoIterator<Item = (&'a WorldKey, &'a WorldItem)>,
) -> Vec<String> {
    let mut names: Vec<_> = items
        .into_iter()
        .filter(|(_, item)| match item {
            WorldItem::Interface { id, .. } => !resolve.interfaces[*id].functions.is_empty(),
            _ => true,
        })
        .map(|(key, _)| resolve.name_world_key(key))
        .collect();
    names.sort();
    names
}

#[test]
fn the_dozen_line_plugin_exports_one_hook_and_imports_the_log() {
    let tag = Component::of_guest("../../tests/guests/tag");
    assert_eq!(tag.exports, ["http-request", "lifecycle"].map(named));
    assert_eq!(tag.imports, ["log"].map(named), "panics are logged");
    assert!(tag.bytes < 100_000, "{} bytes are more than serde and a panic hook need", tag.bytes);
}

#[test]
fn every_hook_and_every_call_crosses_the_boundary() {
    let all = Component::of_guest("tests/all-hooks");
    let hooks = [
        "admin-pages",
        "error-sink",
        "health-observer",
        "health-source",
        "http-done",
        "http-request-body",
        "http-request",
        "http-response-body",
        "http-response",
        "lifecycle",
        "log-filter",
        "scrubber",
        "ticker",
    ];
    let calls = [
        "clock",
        "errors",
        "exchange",
        "log",
        "metrics",
        "outbound-http",
        "probe",
        "random",
        "state",
    ];
    assert_eq!(all.exports, hooks.map(named));
    assert_eq!(all.imports, calls.map(named));
    assert!(all.bytes < 300_000, "{} bytes", all.bytes);
}

fn named(interface: &str) -> String {
    format!("tamis:plugin/{interface}@0.1.0")
}
