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

# The redact plugin in its sandbox beside native engines, on the same text; `--quick` leaves those out.
bench-redact *args:
    tests/bench/redact/run.sh "$@"

# Recall and precision of the default rules on labelled texts, native: `just redact-score --show 5 [FILE…]`.
redact-score *args:
    cargo run --release --quiet -p tamis-redact --example corpus -- "$@" ${TAMIS_CASES:-}

# So many lines of logs without personal data; `just clean-logs 100000 1 --hits` prints false alarms.
clean-logs *args:
    cargo run --release --quiet -p tamis-redact --example clean_logs -- "$@"

# The book, into docs/book; `cargo test` runs its examples. mdBook: `cargo install --locked mdbook`
book:
    @command -v mdbook > /dev/null || { echo "mdbook is missing: cargo install --locked mdbook" >&2; exit 1; }
    mdbook build docs
