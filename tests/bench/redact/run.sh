#!/bin/sh
# Builds the host's benchmark and the peers, and compares. What is behind it goes to the comparison:
# `--quick` leaves the peers out, `--enforce` ends with 1 when a bar is missed, `--help` says the rest.
set -eu

root=$(cd "$(dirname "$0")/../../.." && pwd)
here="$root/tests/bench/redact"

built=$(cd "$root" && cargo bench --bench throughput --no-run --message-format json |
    sed -n 's/.*"name":"throughput".*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
[ -n "$built" ] || { echo "the benchmark was not built" >&2; exit 1; }
cargo build --release --quiet --locked --manifest-path "$here/Cargo.toml"
"${CARGO_TARGET_DIR:-$here/target}/release/tamis-bench-redact" --throughput "$built" "$@"
