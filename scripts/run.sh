#!/usr/bin/env bash
# Builds server and browser part for development and serves in the foreground. The library for the browser's side, where
# Debian's compiler needs one, is built while the server compiles.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$root"

steps=4 step=0
next() { step=$((step + 1)); say "[$step/$steps, $((SECONDS / 60)):$(printf %02d $((SECONDS % 60)))] $*"; }

# A word every 20 seconds from what says nothing by itself.
ticking() {
    local name=$1
    shift
    (while sleep 20; do say "    $name, $((SECONDS / 60)):$(printf %02d $((SECONDS % 60)))"; done) &
    local ticker=$!
    "$@" && local code=0 || local code=$?
    kill $ticker 2>/dev/null || true
    return $code
}

if ! ls "$CARGO_TARGET_DIR"/*/debug/saoma >/dev/null 2>&1; then
    say "the first time compiles everything: about 6 minutes with two cores; later a few seconds"
    [ "$(id -u)" != 0 ] && command -v apt-get >/dev/null && ! command -v cc >/dev/null && say "sudo may ask for your password, to install Debian packages"
fi
next "compiler"
ticking "installing" bash scripts/setup.sh compiler
source scripts/env.sh

next "server"
library=$(mktemp -d)
trap 'rm -rf "$library"' EXIT
{
    bash scripts/toolchain.sh library >"$library/log" 2>&1 && echo built >"$library/result" || echo failed >"$library/result"
} &
cargo_dev -p server -p xtask --target "$(host_triple)"

next "pages"
until_built() { while [ ! -s "$library/result" ]; do sleep 0.1; done; }
ticking "the standard library for the browser" until_built
if [ "$(cat "$library/result")" = failed ]; then
    cat "$library/log" >&2
    fail "there is no compiler for the browser's part"
fi
bash scripts/site.sh dev

next "start"
rm -rf "$library"
exec "$CARGO_TARGET_DIR/$(host_triple)/debug/saoma" serve
