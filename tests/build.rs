//! Builds the guests of the tests and makes components of them, by the same steps as the
//! host's build does it for the standard plugins.

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
    write(&out.join("guests.rs"), table.as_bytes())
}

fn build_guest(folder: &Path, target_dir: &Path, guest: &Guest) -> Result<Vec<u8>, String> {
    let mut cargo = guest::cargo(folder, guest.target, target_dir)?;
    cargo.args(["--release", "--features", guest.features]);
    guest::run(&mut cargo).map_err(|why| format!("`{}`: {why}", folder.display()))?;
    let name = format!("tamis_{}.wasm", guest.folder);
    read(&target_dir.join(guest.target).join("release").join(name))
}
