//! Builds the guests of the tests and makes components of them, by the same steps as the
//! host's build does it for the standard plugins.
//!
//! They are built by a cargo of their own, with a target directory of its own. A missing wasm
//! target is installed when rustup is there; otherwise the message says what to do.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "../host/src/plugin/componentize.rs"]
#[expect(unreachable_pub, reason = "shared with the host")]
mod componentize;

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

fn main() {
    if let Err(why) = build() {
        // Cargo shows what a failed build script printed on standard error.
        eprintln!("\nthe guests of the tests cannot be built: {why}\n");
        std::process::exit(1);
    }
}

fn build() -> Result<(), String> {
    let here = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(variable("OUT_DIR")?);
    for watched in ["guests", "../wit", "../plugins/sdk", "../plugins/sdk-macros"] {
        println!("cargo::rerun-if-changed={}", here.join(watched).display());
    }
    println!("cargo::rerun-if-changed=../host/src/plugin/componentize.rs");
    for target in [PLAIN, WASI] {
        ensure(target)?;
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
    write(&out.join("guests.rs"), table.as_bytes())
}

fn build_guest(folder: &Path, target_dir: &Path, guest: &Guest) -> Result<Vec<u8>, String> {
    let output = Command::new(variable("CARGO")?)
        .current_dir(folder)
        .args(["build", "--release", "--locked", "--target", guest.target])
        .args(["--features", guest.features])
        .arg("--target-dir")
        .arg(target_dir)
        // Flags for the tests' own code mean nothing to a guest.
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("RUSTFLAGS")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .env_remove("RUSTC_WRAPPER")
        .env_remove("CARGO_BUILD_TARGET")
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", plain_flags())
        .output()
        .map_err(|error| format!("cargo does not start: {error}"))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(format!("cargo failed in `{}`:\n{why}", folder.display()));
    }
    let name = format!("tamis_{}.wasm", guest.folder);
    let path = target_dir.join(guest.target).join("release").join(name);
    std::fs::read(&path).map_err(|error| format!("`{}` cannot be read: {error}", path.display()))
}

/// The same as for the standard plugins.
fn plain_flags() -> &'static str {
    "-Ctarget-feature=+simd128 -Clink-arg=--initial-memory=1179648 -Clink-arg=-zstack-size=65536"
}

/// Installs the standard library for a target when it is missing.
fn ensure(target: &str) -> Result<(), String> {
    let rustc = variable("RUSTC")?;
    let sysroot = Command::new(&rustc)
        .args(["--print", "sysroot"])
        .output()
        .map_err(|error| format!("`{rustc}` does not start: {error}"))?;
    let sysroot = PathBuf::from(String::from_utf8_lossy(&sysroot.stdout).trim());
    if sysroot.join("lib/rustlib").join(target).join("lib").exists() {
        return Ok(());
    }
    let remedy = format!(
        "the Rust target `{target}` is missing; install it with `rustup target add {target}`"
    );
    let installed = Command::new("rustup")
        .args(["target", "add", target])
        .env_remove("RUSTC")
        .output()
        .map_err(|_| format!("{remedy} (rustup was not found)"))?;
    if installed.status.success() {
        return Ok(());
    }
    Err(format!("{remedy} (rustup said: {})", String::from_utf8_lossy(&installed.stderr).trim()))
}

#[expect(clippy::disallowed_methods, reason = "a build script is told everything by variables")]
fn variable(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("`{name}` is not set"))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    std::fs::write(path, bytes)
        .map_err(|error| format!("`{}` cannot be written: {error}", path.display()))
}
