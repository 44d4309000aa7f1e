//! Builds the standard plugins for `wasm32-unknown-unknown`, makes components of them,
//! compiles those with the engine's own settings, and embeds both.
//!
//! A wasm target that is missing is installed when rustup is there; otherwise the message says
//! what to do.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

#[path = "build/guest.rs"]
#[expect(unreachable_pub, reason = "shared with the tests")]
mod guest;
use guest::{read, variable, write};

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
    println!("cargo::rerun-if-changed=build/guest.rs");
    println!("cargo::rerun-if-env-changed=TAMIS_REVISION");
    println!("cargo::rustc-env=TAMIS_REVISION={}", revision(&root));

    guest::ensure(TARGET)?;
    build_modules(&root, &out)?;
    let engine = wasmtime::Engine::new(&settings::compiling())
        .map_err(|error| format!("the engine does not start: {error:#}"))?;
    let mut table = String::from("/// All of them.\npub const ALL: &[Embedded] = &[\n");
    for name in PLUGINS {
        let module = out.join(format!("guests/{TARGET}/guest/tamis_{name}.wasm"));
        let component = componentize::componentize(&read(&module)?)
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
    let mut cargo = guest::cargo(root, TARGET, &out.join("guests"))?;
    cargo.args(["--profile", "guest"]);
    for name in PLUGINS {
        cargo.args(["--package", &format!("tamis-{name}")]);
    }
    guest::run(&mut cargo)
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
