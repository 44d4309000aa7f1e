#!/usr/bin/env bash
# Licences, sources and bans of all dependencies; advisories, too, where their database can be had.
set -euo pipefail
cd "$(dirname "$0")/../.."
if ! command -v cargo-deny > /dev/null; then
  echo "installing cargo-deny" >&2
  cargo install --locked --quiet cargo-deny
fi
cargo deny --workspace check licenses bans sources
if ! cargo deny --workspace check advisories; then
  if cargo deny --workspace fetch > /dev/null 2>&1; then
    exit 1
  fi
  echo "the advisory database cannot be fetched here; advisories were not checked" >&2
fi
