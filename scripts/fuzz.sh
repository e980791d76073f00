#!/usr/bin/env bash
# Fuzzes every target in turn, or those that are named: scripts/fuzz.sh [RUNS [TARGET ...]]. Begins with the documents of
# WeChat's own pages and goes on with what it found before, in fuzz/corpus. A finding ends it and stands in fuzz/artifacts.
# Installs cargo-fuzz if need be.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
runs="${1:-10000000}"
cargo fuzz --version >/dev/null 2>&1 || {
    say "compiling cargo-fuzz"
    CARGO_TARGET_DIR="$CARGO_TARGET_DIR/tools" cargo install --locked --quiet --debug --root "$SAOMA_TOOLS" cargo-fuzz
}
# Coverage needs an unstable flag. The code has no `unsafe`, so no sanitizer is needed, and it is twice as fast without.
export RUSTC_BOOTSTRAP=1
cd "$root/fuzz"
CARGO_TARGET_DIR="$CARGO_TARGET_DIR/fuzz" cargo run --locked --quiet --example seeds
if [ $# -gt 1 ]; then targets=("${@:2}"); else mapfile -t targets < <(cargo fuzz list); fi
for target in "${targets[@]}"; do
    say "fuzzing $target, $runs runs"
    CARGO_TARGET_DIR="$CARGO_TARGET_DIR/fuzz" cargo fuzz run --sanitizer none "$target" -- -runs="$runs" -timeout=10 -print_final_stats=1
done
