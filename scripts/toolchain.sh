#!/usr/bin/env bash
# Makes sure that there is a Rust compiler that can build for wasm32-unknown-unknown, and prints the name that
# RUSTUP_TOOLCHAIN must have for it (empty: the default one will do). Does nothing the second time.
set -euo pipefail
target=wasm32-unknown-unknown
say() { echo "toolchain: $*" >&2; }

# Whether the given rustc has a standard library for the target.
has_target() { ls "$("$1" --print target-libdir --target $target 2>/dev/null)"/libstd-*.rlib >/dev/null 2>&1; }

# We may have built that library ourselves, for Debian's compiler (below): it fits only the version it was built with.
debian_stamp=/usr/lib/rustlib/$target/saoma-rustc-version
is_debian() { [ "$("$1" --print sysroot 2>/dev/null)" = /usr ]; }
is_stale() { is_debian "$1" && [ -f $debian_stamp ] && [ "$("$1" --version)" != "$(cat $debian_stamp)" ]; }
usable() { command -v "$1" >/dev/null && has_target "$1" && ! is_stale "$1"; }

debian_name() {
    if command -v rustup >/dev/null; then
        rustup toolchain list 2>/dev/null | grep -q '^debian' || rustup toolchain link debian /usr >&2
        echo debian
    fi
}

if usable rustc; then echo "${RUSTUP_TOOLCHAIN:-}"; exit 0; fi
# Debian's compiler, once chosen, stays chosen: asking rustup's server again would only cost time.
if usable /usr/bin/rustc; then debian_name; exit 0; fi
if command -v rustup >/dev/null && ! is_debian rustc; then
    say "adding $target with rustup"
    if timeout 180 rustup target add $target >&2 && has_target rustc; then echo "${RUSTUP_TOOLCHAIN:-}"; exit 0; fi
fi

command -v apt-get >/dev/null || { say "no $target here: install Rust with rustup and run 'rustup target add $target'"; exit 1; }
sudo=""; [ "$(id -u)" = 0 ] || sudo=sudo
say "rustup cannot add $target; installing Debian's rustc-web and building the target's library from its source"
$sudo apt-get update -qq >&2
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends \
    rustc-web cargo-web rust-web-src rust-web-llvm rust-web-clippy rustfmt-web gcc libc6-dev >&2
lld=$(basename "$(readlink /usr/bin/rust-lld || echo lld)")
command -v "$lld" >/dev/null || DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "$lld" >&2

work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
mkdir -p "$work/src"
printf '[package]\nname = "stdprobe"\nversion = "0.0.0"\nedition = "2024"\n[profile.release]\npanic = "abort"\n' >"$work/Cargo.toml"
echo '#![no_std]' >"$work/src/lib.rs"
(cd "$work" && env -u RUSTUP_TOOLCHAIN RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR="$work/target" \
    /usr/bin/cargo build --quiet --release --target $target -Zbuild-std=std,panic_abort,panic_unwind,proc_macro >&2)
$sudo mkdir -p /usr/lib/rustlib/$target/lib
$sudo find /usr/lib/rustlib/$target/lib -name '*.r*' -delete
for f in "$work/target/$target/release/deps/"*.rlib "$work/target/$target/release/deps/"*.rmeta; do
    case "$f" in *stdprobe*) ;; *) $sudo cp "$f" /usr/lib/rustlib/$target/lib/ ;; esac
done
/usr/bin/rustc --version | $sudo tee $debian_stamp >/dev/null
usable /usr/bin/rustc || { say "building the library of $target did not work"; exit 1; }
debian_name
