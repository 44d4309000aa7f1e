//! Builds the guests of the tests and the plugins of the book and makes components of them, by
//! the same steps as the host's build does it for the standard plugins.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[path = "../host/src/plugin/componentize.rs"]
#[expect(unreachable_pub, reason = "shared with the host")]
mod componentize;
#[path = "../host/build/guest.rs"]
#[expect(unreachable_pub, reason = "shared with the host")]
mod guest;
use guest::{read, variable, write};

/// How a guest is built.
struct Guest {
    /// The constant by which the tests know it.
    constant: &'static str,
    /// Its folder.
    folder: &'static str,
    features: &'static str,
    target: &'static str,
}

const PLAIN: &str = "wasm32-unknown-unknown";
const WASI: &str = "wasm32-wasip2";

const GUESTS: [Guest; 5] = [
    Guest { constant: "TAG", folder: "tag", features: "", target: PLAIN },
    Guest { constant: "HOSTILE", folder: "hostile", features: "", target: PLAIN },
    Guest { constant: "HOSTILE_WATCHER", folder: "hostile", features: "watcher", target: PLAIN },
    Guest { constant: "FOREIGN", folder: "foreign", features: "", target: WASI },
    Guest { constant: "FOREIGN_FILES", folder: "foreign", features: "files", target: WASI },
];

/// The plugins of the book, a folder each below `docs/examples`.
const EXAMPLES: [&str; 4] = ["stamp", "closed", "tally", "veil"];
/// The one that the book also builds for WASI's own target, and the name that gets.
const EXAMPLE_OF_WASI: (&str, &str) = ("stamp", "stamp-wasi");

#[expect(clippy::print_stderr, reason = "cargo shows what a failed build script printed there")]
fn main() -> ExitCode {
    if let Err(why) = build() {
        eprintln!("\nthe guests of the tests cannot be built: {why}\n");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn build() -> Result<(), String> {
    let here = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(variable("OUT_DIR")?);
    for watched in ["guests", "../wit", "../plugins/sdk", "../plugins/sdk-macros"] {
        println!("cargo::rerun-if-changed={}", here.join(watched).display());
    }
    // Without the folder that building there leaves behind.
    for watched in EXAMPLES.iter().chain(&["Cargo.toml", "Cargo.lock"]) {
        println!(
            "cargo::rerun-if-changed={}",
            here.join("../docs/examples").join(watched).display()
        );
    }
    for shared in ["build/guest.rs", "src/plugin/componentize.rs"] {
        println!("cargo::rerun-if-changed=../host/{shared}");
    }
    for target in [PLAIN, WASI] {
        guest::ensure(target)?;
    }
    let mut table = String::new();
    for guest in GUESTS {
        let Guest { constant, folder, target, .. } = guest;
        let built = build_guest(&here.join("guests").join(folder), &out.join("guests"), &guest)?;
        // The linker of WASI's own target makes components itself.
        let component = match target {
            PLAIN => componentize::componentize(&built)
                .map_err(|why| format!("`guests/{folder}` is not a plugin: {why}"))?,
            _ => built,
        };
        let file = format!("{}.wasm", constant.to_lowercase());
        write(&out.join(&file), &component)?;
        let _ = writeln!(
            table,
            "/// `guests/{folder}`, see there.\npub const {constant}: &[u8] = \
             include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{file}\"));"
        );
    }
    write(&out.join("guests.rs"), table.as_bytes())?;
    build_examples(&here.join("../docs/examples"), &out)
}

/// The plugins of the book, in the ways that it names.
fn build_examples(folder: &Path, out: &Path) -> Result<(), String> {
    let target_dir = out.join("examples");
    let (wasi, wasi_name) = EXAMPLE_OF_WASI;
    build_with_cargo(folder, &target_dir, PLAIN, &["--workspace"])?;
    build_with_cargo(folder, &target_dir, WASI, &["--package", wasi])?;
    let built = |name: &str, target: &str| {
        read(&target_dir.join(target).join("release").join(format!("{name}.wasm")))
    };
    let mut components = vec![(wasi_name, built(wasi, WASI)?)];
    for name in EXAMPLES {
        let component = componentize::componentize(&built(name, PLAIN)?)
            .map_err(|why| format!("`docs/examples/{name}` is not a plugin: {why}"))?;
        components.push((name, component));
    }
    let mut table = String::from("/// Each by its name.\npub const ALL: &[(&str, &[u8])] = &[\n");
    for (name, component) in components {
        let file = format!("example-{name}.wasm");
        write(&out.join(&file), &component)?;
        let _ = writeln!(
            table,
            "    ({name:?}, include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{file}\"))),"
        );
    }
    table.push_str("];\n");
    write(&out.join("examples.rs"), table.as_bytes())
}

fn build_guest(folder: &Path, target_dir: &Path, guest: &Guest) -> Result<Vec<u8>, String> {
    build_with_cargo(folder, target_dir, guest.target, &["--features", guest.features])?;
    let name = format!("tamis_{}.wasm", guest.folder);
    read(&target_dir.join(guest.target).join("release").join(name))
}

fn build_with_cargo(
    folder: &Path,
    target_dir: &Path,
    target: &str,
    more: &[&str],
) -> Result<(), String> {
    let mut cargo = guest::cargo(folder, target, target_dir)?;
    cargo.arg("--release").args(more);
    guest::run(&mut cargo).map_err(|why| format!("`{}`: {why}", folder.display()))
}
