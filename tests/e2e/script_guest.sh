#!/usr/bin/env bash
# Builds the plugin in JavaScript with jco and QuickJS and has it serve.
#
# Needs node and npm, and the registry of npm for the toolchain, which is installed into
# target/e2e. Without them it says so and skips. Run from anywhere.
set -euo pipefail

jco=1.35.0
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$root/target/e2e/script

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
  echo "skipped: the plugin in JavaScript needs node and npm, and one of them is not installed"
  exit 0
fi

mkdir -p "$work"
cd "$work"
if [ "$(node -p "try { require('./node_modules/@bytecodealliance/jco/package.json').version } catch { '' }")" != "$jco" ]; then
  echo '{ "private": true }' >package.json
  if ! npm install --no-audit --no-fund --silent "@bytecodealliance/jco@$jco"; then
    echo "skipped: the toolchain for the plugin in JavaScript cannot be installed"
    exit 0
  fi
fi

# The toolchain looks for other packages below deps/.
rm -rf wit
mkdir -p wit/deps/plugin
cp "$root"/wit/*.wit wit/deps/plugin/
cp "$root/tests/guests/script/script.wit" wit/

build() { # NAME FLAGS...
  local name=$1
  shift
  ./node_modules/.bin/jco componentize "$root/tests/guests/script/plugin.js" \
    --wit wit --world-name script --backend quickjs "$@" -o "$name.wasm"
}

# As it has to be built, and as it is built by those who leave out a flag.
build script --backend-qjs-disable-async --backend-qjs-stub-wasi
build script-async --backend-qjs-stub-wasi
build script-wasi --backend-qjs-disable-async

cd "$root"
cargo test -p tamis-tests --features e2e --test script
