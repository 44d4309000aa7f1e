//! The plugin of `tests/bench/guest`, which does in each hook what its settings say and nothing
//! else: built when a benchmark starts, as the host's build makes the standard plugins.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tamis_host::plugin::componentize::componentize;

use crate::room::Room;

/// With the plugin that does nothing but what `settings` say, in the syntax of TOML.
pub(crate) fn measured(settings: &str, isolation: &str) -> Room {
    Room::of(&format!(
        "[[routes]]\nupstream = \"http://127.0.0.1:9\"\nplugins = [\"measured\"]\n\n[logs]\n\
         plugins = [\"measured\"]\n\n[plugins.measured]\ncomponent = \"{}\"\nisolation = \
         \"{isolation}\"\nconfig = {{ {settings} }}\n",
        guest().display()
    ))
}

/// The component of `tests/bench/guest`, built once per run as the host's build makes the
/// standard plugins.
fn guest() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        const TARGET: &str = "wasm32-unknown-unknown";
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/bench/guest");
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guest");
        let status = Command::new(env!("CARGO"))
            .current_dir(&folder)
            .args(["build", "--release", "--quiet", "--locked", "--target", TARGET])
            .arg("--target-dir")
            .arg(&out)
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env_remove("RUSTFLAGS")
            .env(
                "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS",
                "-Ctarget-feature=+simd128 -Clink-arg=--initial-memory=1179648 \
                 -Clink-arg=-zstack-size=65536",
            )
            .status()
            .expect("cargo starts");
        assert!(status.success(), "`{}` is built", folder.display());
        let module = out.join(TARGET).join("release/tamis_bench_guest.wasm");
        let module = std::fs::read(&module).expect("the module was built");
        let component = componentize(&module).expect("the module is a plugin");
        let path = out.join("measured.wasm");
        std::fs::write(&path, component).expect("the folder can be written");
        path
    })
}
