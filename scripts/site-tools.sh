#!/usr/bin/env bash
# Installs wasm-opt and esbuild, as scripts/package-lock.json names them with their checksums. No script of theirs runs.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
stamp="$SAOMA_TOOLS/npm.stamp"
locked=$(sha256sum <"$root/scripts/package-lock.json")
if [ "$(cat "$stamp" 2>/dev/null)" != "$locked" ]; then
    say "fetching wasm-opt and esbuild"
    cp "$root/scripts/package.json" "$root/scripts/package-lock.json" "$SAOMA_TOOLS/"
    (cd "$SAOMA_TOOLS" && npm ci --ignore-scripts --silent --no-audit --no-fund >&2)
    echo "$locked" >"$stamp"
fi
