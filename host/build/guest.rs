//! How a guest is built: by a cargo of its own, for a target that is installed when it is missing.
//!
//! Shared by the build scripts of the host and of its tests, so that the guests of the tests are
//! built as the standard plugins are.

use std::path::{Path, PathBuf};
use std::process::Command;

/// SIMD for the scans; a memory that is large enough for the first calls, since growing it
/// costs two system calls per fresh instance. No vectors where the source has none: what LLVM
/// gains from packing scalars is lost in moving them between registers, and a scan of masks of
/// bits takes a twentieth longer.
const FLAGS: &str = "-Ctarget-feature=+simd128 -Cno-vectorize-slp \
                     -Clink-arg=--initial-memory=1179648 -Clink-arg=-zstack-size=65536";

/// A `cargo build --locked` for this target, in this folder.
///
/// It has a target directory of its own: the cargo that runs a build script holds the other.
pub fn cargo(folder: &Path, target: &str, target_dir: &Path) -> Result<Command, String> {
    let mut cargo = Command::new(variable("CARGO")?);
    cargo
        .current_dir(folder)
        .args(["build", "--locked", "--target", target])
        .arg("--target-dir")
        .arg(target_dir)
        // Flags for the code around it mean nothing to a guest.
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("RUSTFLAGS")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .env_remove("RUSTC_WRAPPER")
        .env_remove("CARGO_BUILD_TARGET")
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", FLAGS);
    Ok(cargo)
}

/// Runs it to its end.
pub fn run(cargo: &mut Command) -> Result<(), String> {
    let output = cargo.output().map_err(|error| format!("cargo does not start: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("cargo failed:\n{}", String::from_utf8_lossy(&output.stderr)))
}

/// Installs the standard library for a target when it is missing and rustup is there; otherwise
/// says what to do.
pub fn ensure(target: &str) -> Result<(), String> {
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

/// A variable by which cargo tells a build script something.
#[expect(clippy::disallowed_methods, reason = "a build script is told everything by variables")]
pub fn variable(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("`{name}` is not set"))
}

/// The bytes of a file.
pub fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("`{}` cannot be read: {error}", path.display()))
}

/// Writes a file.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    std::fs::write(path, bytes)
        .map_err(|error| format!("`{}` cannot be written: {error}", path.display()))
}
