# Every command that anyone runs, the ones CI runs among them.

set positional-arguments

# What there is.
default:
    @just --list --unsorted

# Everything CI checks that needs nothing but this repository: formatting, lints, documentation, tests.
check: fmt-check lint doc deny
    cargo test --workspace

# Formats everything.
fmt:
    cargo fmt --all

fmt-check:
    cargo fmt --all --check

lint:
    cargo clippy --workspace --all-targets -- -D warnings

doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# Licences, sources, bans; advisories where their database can be had.
deny:
    tests/tools/deny.sh

# The tests, or those named.
test *args:
    cargo test "$@"

# The same promises against real components; installs what it needs.
e2e *args:
    tests/e2e/run.sh "$@"

# The demo; `just demo --once` runs it through and ends.
demo *args:
    cargo run --release -- demo "$@"

# tamis beside nginx and a minimal hyper proxy, interleaved; prints ratios.
bench *args:
    tests/bench/run.sh "$@"

# The book, into docs/book; `cargo test` runs its examples. mdBook: `cargo install --locked mdbook`
book:
    @command -v mdbook > /dev/null || { echo "mdbook is missing: cargo install --locked mdbook" >&2; exit 1; }
    mdbook build docs
