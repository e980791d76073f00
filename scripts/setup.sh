#!/usr/bin/env bash
# Makes ready what a build needs: a compiler for the browser part, and the tools that turn its output into site files.
# Everything lands in .tools; nothing is done, and no network used, when it is all there.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
mkdir -p "$SAOMA_TOOLS"
command -v cc >/dev/null || apt_install gcc libc6-dev
command -v node >/dev/null && command -v npm >/dev/null || apt_install nodejs npm

# The choice of the compiler is asked again only when the compiler itself changed.
now=$(rustc --version 2>/dev/null || true; [ ! -x /usr/bin/rustc ] || /usr/bin/rustc --version)
if [ ! -f "$SAOMA_TOOLS/toolchain" ] || [ "$(cat "$SAOMA_TOOLS/toolchain.seen" 2>/dev/null)" != "$now" ]; then
    rm -f "$SAOMA_TOOLS/toolchain"
    chosen=$(bash "$root/scripts/toolchain.sh")
    echo "$chosen" >"$SAOMA_TOOLS/toolchain"
    (rustc --version 2>/dev/null || true; [ ! -x /usr/bin/rustc ] || /usr/bin/rustc --version) >"$SAOMA_TOOLS/toolchain.seen"
fi
bash "$root/scripts/wasm-tools.sh"
