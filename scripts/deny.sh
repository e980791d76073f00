#!/usr/bin/env bash
# Runs cargo-deny with the given checks, e.g. `licenses bans sources`; installs it first (under 2 minutes) if need be.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
wanted=0.20.2
if [ "$(cargo-deny --version 2>/dev/null)" != "cargo-deny $wanted" ]; then
    say "compiling cargo-deny $wanted (about 2 minutes)"
    CARGO_TARGET_DIR="$CARGO_TARGET_DIR/tools" cargo install --locked --quiet --debug --force --root "$SAOMA_TOOLS" cargo-deny --version "$wanted"
fi
cd "$root"
# It reads the manifests of crates for every system, of which a build here downloads only its own.
cargo fetch --locked --quiet
offline=(--offline)
[ "$1" != advisories ] || offline=()
cargo-deny "${offline[@]}" --log-level error --workspace --all-features check --hide-inclusion-graph "$@" ||
    { say "cargo-deny found something: see deny.toml for what is allowed"; exit 1; }
