#!/usr/bin/env bash
# Builds what the browser gets into site/: the wasm, its glue, the style sheet and the files of public/, each with a
# Brotli copy beside it. Files in site/pkg carry a hash in their name, so browsers may keep them for ever; site/names
# tells the server these names. The same steps as cargo-leptos takes, which would cost 20 minutes to compile.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
site="$root/site"

say "building the browser's part"
cargo_wasm build -p frontend
wasm="$CARGO_TARGET_DIR/wasm32-unknown-unknown/wasm-release/frontend.wasm"

inputs=$(cd "$root" && {
    sha256sum <"$wasm"
    sha256sum scripts/site.sh scripts/site.mjs scripts/slim.mjs scripts/wasm-tools.sh style/main.css
    find public -type f -not -name '.*' -exec sha256sum {} + | sort
} | sha256sum)
if [ "$(cat "$site/stamp" 2>/dev/null)" = "$inputs" ]; then exit 0; fi
say "making the site files"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
wasm-bindgen --target web --no-typescript --remove-name-section --remove-producers-section \
    --out-dir "$work" --out-name saoma "$wasm"
# The features are named one by one: with --all-features it writes compact imports, which browsers do not read yet.
features=(--enable-bulk-memory --enable-bulk-memory-opt --enable-reference-types --enable-nontrapping-float-to-int
    --enable-sign-ext --enable-mutable-globals --enable-multivalue --enable-call-indirect-overlong)
node "$root/scripts/slim.mjs" roots "$work/saoma_bg.wasm" "$work/graph.json"
wasm-metadce "${features[@]}" "$work/saoma_bg.wasm" --graph-file "$work/graph.json" -o "$work/needed.wasm" >/dev/null
wasm-opt "${features[@]}" "$work/needed.wasm" -o "$work/saoma.wasm" -Oz --converge --low-memory-unused \
    --zero-filled-memory --strip-producers --strip-target-features
node "$root/scripts/slim.mjs" names "$work/saoma.wasm" "$work/saoma.js"
esbuild --minify --format=esm --log-level=warning "$work/saoma.js" --outfile="$work/saoma.min.js"
esbuild --minify --log-level=warning "$root/style/main.css" --outfile="$work/main.min.css"

node "$root/scripts/site.mjs" "$work" "$root/public" "$site.new"
echo "$inputs" >"$site.new/stamp"
rm -rf "$site"
mv "$site.new" "$site"
