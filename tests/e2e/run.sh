#!/usr/bin/env bash
# The promises of tamis against real components: `tests/e2e/run.sh [NAME…]`, `--list` for the names,
# `--install` to install what is missing and no more.
#
# Installs what is missing: programs through apt-get, Python packages into `.venv-oracle` (the
# application) and `.venv-e2e` (Bugsink and the judges of events) at the root of the repository. Tests
# the program that TAMIS names, else builds one (`TAMIS_PROFILE=debug` for a quicker build). Binds to
# loopback only, writes below target/e2e/ and the system's temporary folder, and ends what it started.
set -euo pipefail
cd "$(dirname "$0")/../.."

say() { echo "e2e: $*" >&2; }

# A program, and the package that brings it.
programs=(
  prometheus:prometheus promtool:prometheus redis-server:redis-server redis-cli:redis-tools
  nginx:nginx-light curl:curl openssl:openssl
)

missing=()
# Debian keeps some of them where only root looks.
export PATH="$PATH:/usr/sbin:/sbin"
for pair in "${programs[@]}"; do
  command -v "${pair%%:*}" > /dev/null || missing+=("${pair#*:}")
done
if ! command -v initdb > /dev/null && ! compgen -G '/usr/lib/postgresql/*/bin/initdb' > /dev/null; then
  missing+=(postgresql)
fi
python3 -c 'import ensurepip, venv' 2> /dev/null || missing+=(python3-venv)
if [ "${#missing[@]}" -gt 0 ]; then
  as_root=()
  if [ "$(id -u)" != 0 ]; then as_root=(sudo -n); fi
  say "installing ${missing[*]}"
  # Debian would start each as a service; this file says no, and every test starts its own.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" > /dev/null
    "${as_root[@]}" chmod +x "$policy"
  fi
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" > /dev/null
  if [ -n "$(trap -p EXIT)" ]; then
    "${as_root[@]}" rm -f "$policy"
    trap - EXIT
  fi
fi

# One folder per set of packages; its list says which set is in there.
environment() {
  local folder=$1 wanted
  shift
  wanted=$(printf '%s\n' "$@")
  if [ "$(cat "$folder/packages" 2> /dev/null)" != "$wanted" ]; then
    say "installing $* into $folder"
    rm -rf "$folder"
    python3 -m venv "$folder"
    "$folder/bin/pip" install --quiet --disable-pip-version-check "$@"
    printf '%s\n' "$wanted" > "$folder/packages"
  fi
}
environment .venv-oracle django==5.2.19 gunicorn==27.0.1 'psycopg[binary]==3.3.9' redis==8.1.0 python-json-logger==4.2.0
environment .venv-e2e bugsink==2.6.1 sentry-relay==0.10.1 websockets==17.4

if [ "${1:-}" = --install ]; then exit; fi

if [ -z "${TAMIS:-}" ] && [ "${1:-}" != --list ]; then
  profile=${TAMIS_PROFILE:-release}
  target=${CARGO_TARGET_DIR:-target}
  # As `cargo run` selects packages: with others selected the features differ, and all is built again.
  if [ "$profile" = release ]; then cargo build --release --bin tamis; else cargo build --bin tamis; fi
  TAMIS=$target/$profile/tamis
fi
export TAMIS=${TAMIS:-}
exec python3 tests/e2e/run.py "$@"
