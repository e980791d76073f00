#!/usr/bin/env bash
# Formatting, clippy with warnings denied, licences and bans. Clippy runs for each side as it is built: all that runs on
# the server, `wxpay` alone (as another project would take it), and what runs in the browser.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$root"
say "checking the names in docs/faults.md"
bash scripts/faults.sh
say "checking formatting"
cargo fmt --all --check
say "clippy, server side"
cargo clippy --quiet --workspace --exclude frontend --all-targets --features "$all_features" -- -D warnings
cargo clippy --quiet -p wxpay -- -D warnings
say "clippy, browser side"
cargo_wasm clippy --quiet -p frontend -p app --features app/hydrate -- -D warnings
say "licences and bans"
bash scripts/deny.sh licenses bans sources
