#!/usr/bin/env bash
# Makes ready what every build needs: a linker and the Rust compiler. `setup.sh compiler` stops there; without an argument it
# makes sure of the standard library for the browser too. Nothing is done, and no network used, when it is all there.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
# The server is compiled for files in this folder; without it, it would be compiled for none.
mkdir -p "$SAOMA_TOOLS" "$root/site"
command -v cc >/dev/null || apt_install gcc libc6-dev

versions() { rustc --version 2>/dev/null || true; [ ! -x /usr/bin/rustc ] || /usr/bin/rustc --version; }
# The choice of the compiler is asked again only when a compiler changed.
if [ ! -f "$SAOMA_TOOLS/toolchain" ] || [ "$(cat "$SAOMA_TOOLS/toolchain.seen" 2>/dev/null)" != "$(versions)" ]; then
    rm -f "$SAOMA_TOOLS/toolchain"
    chosen=$(bash "$root/scripts/toolchain.sh" compiler)
    echo "$chosen" >"$SAOMA_TOOLS/toolchain"
    versions >"$SAOMA_TOOLS/toolchain.seen"
fi
[ "${1:-}" = compiler ] || bash "$root/scripts/toolchain.sh" library
