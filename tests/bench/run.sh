#!/bin/sh
# Builds tamis and the bench, gets nginx when it is missing, and compares.
#
# Everything behind it goes to the bench: `--quick`, `--rounds 7 --seconds 3`, `--json FILE`,
# `--enforce`, `--only NAME,…`; `--help` says the rest. TAMIS names another tamis than the one
# of this checkout. Wants a quiet machine: whatever else runs is in the figures.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
here="$root/tests/bench"

if ! command -v nginx >/dev/null; then
    echo "nginx is missing; installing nginx-light" >&2
    as_root=
    [ "$(id -u)" = 0 ] || as_root=sudo
    export DEBIAN_FRONTEND=noninteractive
    # Its service must not take port 80: a policy that starts nothing stands in meanwhile.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
        $as_root chmod +x "$policy"
        trap '$as_root rm -f "$policy"' EXIT
    fi
    $as_root apt-get update -qq
    $as_root apt-get install -qq -y --no-install-recommends nginx-light >/dev/null
fi

target=${CARGO_TARGET_DIR:-}
if [ -z "${TAMIS:-}" ]; then
    (cd "$root" && cargo build --release --package tamis-host)
    TAMIS="${target:-$root/target}/release/tamis"
fi
cargo build --release --quiet --locked --manifest-path "$here/Cargo.toml"
"${target:-$here/target}/release/tamis-bench" --tamis "$TAMIS" "$@"
