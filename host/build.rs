//! Builds the standard plugins for `wasm32-unknown-unknown`, makes components of them,
//! compiles those with the engine's own settings, and embeds both.
//!
//! The plugins are built by a cargo of their own, with a target directory of its own, since
//! the one that runs this script holds the other. The wasm target is installed when it is
//! missing and rustup is there; otherwise the message says what to do.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

#[path = "src/plugin/componentize.rs"]
#[expect(unreachable_pub, reason = "shared with the host")]
mod componentize;
#[path = "src/plugin/engine/settings.rs"]
#[expect(unreachable_pub, reason = "shared with the host")]
mod settings;

const PLUGINS: [&str; 4] = ["redact", "timing", "health", "errors"];
const TARGET: &str = "wasm32-unknown-unknown";

#[expect(clippy::print_stderr, reason = "cargo shows what a failed build script printed there")]
fn main() -> ExitCode {
    if let Err(why) = build() {
        eprintln!("\nthe standard plugins cannot be built: {why}\n");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn build() -> Result<(), String> {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join("..");
    let out = PathBuf::from(variable("OUT_DIR")?);
    for watched in ["plugins", "wit", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", root.join(watched).display());
    }
    for file in ["componentize.rs", "engine/settings.rs"] {
        println!("cargo::rerun-if-changed=src/plugin/{file}");
    }
    println!("cargo::rerun-if-env-changed=TAMIS_REVISION");
    println!("cargo::rustc-env=TAMIS_REVISION={}", revision(&root));

    ensure_target()?;
    build_modules(&root, &out)?;
    let engine = wasmtime::Engine::new(&settings::compiling())
        .map_err(|error| format!("the engine does not start: {error:#}"))?;
    let mut table = String::from("/// All of them.\npub const ALL: &[Embedded] = &[\n");
    for name in PLUGINS {
        let module = out.join(format!("guests/{TARGET}/guest/tamis_{name}.wasm"));
        let module = std::fs::read(&module)
            .map_err(|error| format!("`{}` cannot be read: {error}", module.display()))?;
        let component = componentize::componentize(&module)
            .map_err(|why| format!("`plugins/{name}` is not a plugin: {why}"))?;
        let code = engine
            .precompile_component(&component)
            .map_err(|error| format!("`plugins/{name}` does not compile: {error:#}"))?;
        write(&out.join(format!("{name}.wasm")), &component)?;
        write(&out.join(format!("{name}.cwasm")), &code)?;
        let embedded = format!(
            "    Embedded {{\n        name: {name:?},\n        component: \
             include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}.wasm\")),\n        code: \
             include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}.cwasm\")),\n    }},\n"
        );
        table.push_str(&embedded);
    }
    table.push_str("];\n");
    write(&out.join("embedded.rs"), table.as_bytes())
}

fn build_modules(root: &Path, out: &Path) -> Result<(), String> {
    let mut cargo = Command::new(variable("CARGO")?);
    cargo
        .current_dir(root)
        .args(["build", "--profile", "guest", "--target", TARGET, "--locked"])
        .arg("--target-dir")
        .arg(out.join("guests"))
        // Flags for the host's own code mean nothing to a guest.
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("RUSTFLAGS")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .env_remove("RUSTC_WRAPPER")
        .env_remove("CARGO_BUILD_TARGET")
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", guest_flags());
    for name in PLUGINS {
        cargo.args(["--package", &format!("tamis-{name}")]);
    }
    let output = cargo.output().map_err(|error| format!("cargo does not start: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let mut why = String::from("cargo failed:\n");
    let _ = write!(why, "{}", String::from_utf8_lossy(&output.stderr));
    Err(why)
}

/// SIMD for the scans; a memory that is large enough for the first calls, since growing it
/// costs two system calls per fresh instance.
fn guest_flags() -> &'static str {
    "-Ctarget-feature=+simd128 -Clink-arg=--initial-memory=1179648 -Clink-arg=-zstack-size=65536"
}

/// Installs the standard library for guests when it is missing.
fn ensure_target() -> Result<(), String> {
    let rustc = variable("RUSTC")?;
    let sysroot = Command::new(&rustc)
        .args(["--print", "sysroot"])
        .output()
        .map_err(|error| format!("`{rustc}` does not start: {error}"))?;
    let sysroot = PathBuf::from(String::from_utf8_lossy(&sysroot.stdout).trim());
    let library = sysroot.join("lib/rustlib").join(TARGET).join("lib");
    if library.exists() {
        return Ok(());
    }
    let remedy = format!(
        "the Rust target `{TARGET}` is missing; install it with `rustup target add {TARGET}`"
    );
    let installed = Command::new("rustup")
        .args(["target", "add", TARGET])
        .env_remove("RUSTC")
        .output()
        .map_err(|_| format!("{remedy} (rustup was not found)"))?;
    if installed.status.success() {
        return Ok(());
    }
    Err(format!("{remedy} (rustup said: {})", String::from_utf8_lossy(&installed.stderr).trim()))
}

/// The commit that is built, for `tamis --version`; `unknown` outside of a checkout.
fn revision(root: &Path) -> String {
    if let Ok(revision) = variable("TAMIS_REVISION") {
        return revision;
    }
    let git =
        Command::new("git").current_dir(root).args(["rev-parse", "--short=12", "HEAD"]).output();
    match git {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        }
        _ => "unknown".to_owned(),
    }
}

#[expect(clippy::disallowed_methods, reason = "a build script is told everything by variables")]
fn variable(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("`{name}` is not set"))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    std::fs::write(path, bytes)
        .map_err(|error| format!("`{}` cannot be written: {error}", path.display()))
}
