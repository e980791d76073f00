#!/usr/bin/env bash
# Installs wasm-bindgen (the version that Cargo.lock names: it must be the same), and wasm-opt and esbuild from npm.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
binaryen=132.0.0
esbuild=0.28.2

wanted=$(grep -A1 '^name = "wasm-bindgen"$' "$root/Cargo.lock" | sed -n 's/^version = "\(.*\)"/\1/p')
if [ "$(wasm-bindgen --version 2>/dev/null)" != "wasm-bindgen $wanted" ]; then
    say "compiling wasm-bindgen $wanted (about 80 s)"
    # Not --locked: its lock file may name crate versions that a mirror does not have yet.
    CARGO_TARGET_DIR="$CARGO_TARGET_DIR/tools" cargo install --quiet --debug --force --root "$SAOMA_TOOLS" wasm-bindgen-cli --version "$wanted"
fi

stamp="binaryen $binaryen esbuild $esbuild"
if [ "$(cat "$SAOMA_TOOLS/npm.stamp" 2>/dev/null)" != "$stamp" ]; then
    say "fetching wasm-opt and esbuild"
    npm install --silent --no-audit --no-fund --no-save --prefix "$SAOMA_TOOLS" "binaryen@$binaryen" "esbuild@$esbuild" >&2
    echo "$stamp" >"$SAOMA_TOOLS/npm.stamp"
fi
