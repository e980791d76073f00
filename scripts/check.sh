#!/usr/bin/env bash
# Formatting, lints and documentation with warnings denied, module circles, dependencies, licences and bans. Clippy runs for each
# side as it is built: all that runs on the server, `wxpay` alone (as another project would take it), the server as it is released, and the
# browser's part.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$root"
cargo clippy --version >/dev/null 2>&1 || apt_install rust-web-clippy
cargo fmt --version >/dev/null 2>&1 || apt_install rustfmt-web

say "checking the names in docs/faults.md and docs/asvs.md"
bash scripts/faults.sh
say "checking formatting"
cargo fmt --all --check
say "module circles and unused dependencies"
cargo run --locked --quiet -p xtask -- circles
cargo run --locked --quiet -p xtask -- dependencies
say "what the rules depend on"
impure=$(cargo tree --locked -p recharge -e normal --prefix none | grep -E '^(axum|hyper|reqwest|rustls|sqlx|tokio)[- ]' || true)
[ -z "$impure" ] || fail "recharge holds rules only, and may not depend on: $impure"
say "clippy, server side"
cargo clippy --locked --quiet --workspace --exclude frontend --all-targets --features "$all_features,server/drills" -- -D warnings
cargo clippy --locked --quiet -p wxpay -- -D warnings
cargo clippy --locked --quiet -p server -- -D warnings
say "clippy, browser side"
cargo_wasm clippy --quiet -p frontend -p app -- -D warnings
say "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --locked --quiet --no-deps --workspace --exclude frontend --features "$all_features"
say "licences and bans"
bash scripts/deny.sh licenses bans sources
say "what the audit stops at"
bash scripts/audit-test.sh
