#!/usr/bin/env bash
# Makes sure of a Rust compiler that can build for wasm32-unknown-unknown, in two steps that do nothing the second time:
#   toolchain.sh compiler           finds or installs it, and prints the RUSTUP_TOOLCHAIN that it needs (empty: the default one)
#   toolchain.sh library [TARGET]   makes sure of the standard library for the target, where the compiler came without; a release
#                                   asks for those of its architectures
# A compiler of rustup's gets that library from rustup. Where rustup is missing or cannot reach its server, Debian's
# rustc-web is the only one new enough; Debian packages no library for wasm32 or musl with it, only the source, so it is built from
# that (40 s of processor time). RUSTC_BOOTSTRAP=1 allows the unstable -Zbuild-std for this one build.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
target=${2:-wasm32-unknown-unknown}
stamp=/usr/lib/rustlib/$target/saoma-rustc-version

has_target() { ls "$("$1" --print target-libdir --target $target 2>/dev/null)"/libstd-*.rlib >/dev/null 2>&1; }
is_debian() { [ "$("$1" --print sysroot 2>/dev/null)" = /usr ]; }
# A library that we built for Debian's compiler fits only the version it was built with.
is_stale() { is_debian "$1" && [ -f $stamp ] && [ "$("$1" --version)" != "$(cat $stamp)" ]; }
usable() { command -v "$1" >/dev/null && has_target "$1" && ! is_stale "$1"; }

debian_name() {
    if command -v rustup >/dev/null; then
        rustup toolchain list 2>/dev/null | grep -q '^debian' || rustup toolchain link debian /usr >&2
        echo debian
    fi
}

compiler() {
    if usable rustc; then echo "${RUSTUP_TOOLCHAIN:-}"; return; fi
    # Debian's compiler, once chosen, stays chosen: asking rustup's server again would only cost time.
    if usable /usr/bin/rustc; then debian_name; return; fi
    if command -v rustup >/dev/null && ! is_debian rustc; then
        say "adding $target with rustup"
        if timeout 180 rustup target add $target >&2 && has_target rustc; then echo "${RUSTUP_TOOLCHAIN:-}"; return; fi
    fi
    command -v apt-get >/dev/null || fail "no $target here: install Rust with rustup and run 'rustup target add $target'"
    apt_install rustc-web cargo-web gcc libc6-dev
    local needed have
    needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$root/Cargo.toml") have=$(/usr/bin/rustc --version | cut -d' ' -f2)
    printf '%s\n' "$needed" "$have" | sort -CV || fail "Debian's rustc-web is $have here, and $needed is needed: the line
    deb http://deb.debian.org/debian-security bookworm-security main
is missing in /etc/apt/sources.list (or install Rust with rustup)"
    debian_name
}

library() {
    if usable rustc; then return; fi
    if [ $target != wasm32-unknown-unknown ] && command -v rustup >/dev/null && ! is_debian rustc; then
        say "adding $target with rustup"
        timeout 180 rustup target add $target >&2 || true
        if has_target rustc; then return; fi
    fi
    is_debian rustc || fail "the standard library for $target is missing: run 'rustup target add $target'"
    apt_install rust-web-src rust-web-llvm
    # /usr/bin/rust-lld, which links for the target, is a link to a program of another package.
    local lld
    lld=$(basename "$(readlink /usr/bin/rust-lld || echo lld)")
    command -v "$lld" >/dev/null || apt_install "$lld"
    say "building the standard library for $target"
    local work sudo="" file
    [ "$(id -u)" = 0 ] || sudo=sudo
    work=$(mktemp -d)
    mkdir -p "$work/src"
    printf '[package]\nname = "stdprobe"\nversion = "0.0.0"\nedition = "2024"\n' >"$work/Cargo.toml"
    # The browser's module ends at a panic; a server catches it, and its LTO needs the bitcode, which cargo would leave out.
    local flags=-Cembed-bitcode=yes
    if [ $target = wasm32-unknown-unknown ]; then
        flags=""
        printf '[profile.release]\npanic = "abort"\n' >>"$work/Cargo.toml"
    fi
    echo '#![no_std]' >"$work/src/lib.rs"
    (cd "$work" && RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR="$work/target" RUSTFLAGS="$flags" cargo build --quiet --release --target $target \
        -Zbuild-std=std,panic_abort,panic_unwind,proc_macro >&2)
    $sudo mkdir -p /usr/lib/rustlib/$target/lib
    $sudo find /usr/lib/rustlib/$target/lib -name '*.r*' -delete
    for file in "$work/target/$target/release/deps/"*.rlib "$work/target/$target/release/deps/"*.rmeta; do
        case "$file" in *stdprobe*) ;; *) $sudo cp "$file" /usr/lib/rustlib/$target/lib/ ;; esac
    done
    rm -rf "$work"
    rustc --version | $sudo tee $stamp >/dev/null
    usable rustc || fail "building the standard library for $target did not work"
}

"$1"
