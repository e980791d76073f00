#!/usr/bin/env bash
# Lays out what the browser gets in site/: the wasm, its glue, the style sheet and the files of public/. Files in site/pkg carry
# a hash in their name, so browsers may keep them for ever; site/names tells the server these names.
#   site.sh release   small, with a Brotli copy beside each file: for a release, for tests and for measurements
#   site.sh dev       as it comes out of the compiler, ready in seconds and without Node.js: for `make run`
# Each kind is kept in the target folder, so that going from one to the other only copies it. site/stamp names the kind.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
kind=$1
kept="$CARGO_TARGET_DIR/site/$kind"
[ "$kind" = dev ] || need_node

say "building the browser's part"
if [ "$kind" = dev ]; then
    cargo_dev -p frontend --target wasm32-unknown-unknown
    wasm="$CARGO_TARGET_DIR/wasm32-unknown-unknown/debug/frontend.wasm"
    xtask="$CARGO_TARGET_DIR/$(host_triple)/debug/xtask"
else
    cargo_wasm build -p frontend
    wasm="$CARGO_TARGET_DIR/wasm32-unknown-unknown/wasm-release/frontend.wasm"
    (cd "$root" && cargo build --locked --quiet -p xtask)
    xtask="$CARGO_TARGET_DIR/debug/xtask"
fi

# The files of public/ that visitors get.
public() { (cd "$root/public" && find . -type f -not -name '.*' -printf '%P\n' | sort); }
inputs="$kind $(cd "$root" && {
    sha256sum <"$wasm"
    sha256sum scripts/site.sh scripts/site.mjs scripts/slim.mjs scripts/package-lock.json style/main.css
    public | sed 's|^|public/|' | xargs -d '\n' sha256sum
} | sha256sum)"

# Named by their content, as `site.mjs` names those of a release.
lay_out_dev() {
    local out=$1 bundle sheet
    bundle=saoma-$(cat "$work/saoma_bg.wasm" "$work/saoma.js" | sha256sum | cut -c1-12)
    sheet=main-$(sha256sum <"$root/style/main.css" | cut -c1-12).css
    mkdir -p "$out/pkg"
    cp "$work/saoma.js" "$out/pkg/$bundle.js"
    cp "$work/saoma_bg.wasm" "$out/pkg/${bundle}_bg.wasm"
    cp "$root/style/main.css" "$out/pkg/$sheet"
    public | (cd "$root/public" && xargs -d '\n' cp --parents -t "$out")
    printf '%s\n%s\n' "$bundle" "$sheet" >"$out/names"
}

lay_out_release() {
    # The features are named one by one: with --all-features it writes compact imports, which browsers do not read yet.
    local features=(--enable-bulk-memory --enable-bulk-memory-opt --enable-reference-types --enable-nontrapping-float-to-int
        --enable-sign-ext --enable-mutable-globals --enable-multivalue --enable-call-indirect-overlong)
    bash "$root/scripts/site-tools.sh"
    wasm-opt "${features[@]}" "$work/saoma_bg.wasm" -o "$work/saoma.wasm" -Oz --converge --low-memory-unused \
        --zero-filled-memory --strip-producers --strip-target-features
    node "$root/scripts/slim.mjs" "$work/saoma.wasm" "$work/saoma.js"
    esbuild --minify --format=esm --log-level=warning "$work/saoma.js" --outfile="$work/saoma.min.js"
    esbuild --minify --log-level=warning "$root/style/main.css" --outfile="$work/main.min.css"
    node "$root/scripts/site.mjs" "$work" "$root/public" "$1"
}

if [ "$(cat "$kept/stamp" 2>/dev/null)" != "$inputs" ]; then
    say "making the site files"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    "$xtask" bindgen "$wasm" "$work"
    rm -rf "$kept.new"
    mkdir -p "$kept.new"
    "lay_out_$kind" "$kept.new"
    echo "$inputs" >"$kept.new/stamp"
    rm -rf "$kept"
    mv "$kept.new" "$kept"
fi
if [ "$(cat "$root/site/stamp" 2>/dev/null)" != "$inputs" ]; then
    rm -rf "$root/site.new" "$root/site"
    cp -r "$kept" "$root/site.new"
    mv "$root/site.new" "$root/site"
fi
