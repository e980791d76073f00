#!/usr/bin/env bash
# Builds the static binary for one architecture, x86_64 or aarch64: $CARGO_TARGET_DIR/ARCHITECTURE-unknown-linux-musl/release/saoma.
# zig compiles what is C (SQLite, ring, mimalloc) and links, with a musl of its own, so that neither a cross-compiler nor a C library
# is needed from this machine. The folders of this machine are cut off from every name of a source file that a panic may say, and so
# the same commit and compiler give the same bytes in any folder.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
target=$1-unknown-linux-musl
cd "$root"
linking_tools
bash scripts/toolchain.sh library "$target"
cargo fetch --locked --quiet

flags=(--cfg erase_components -C link-self-contained=no)
c_flags=""
remap() {
    flags+=("--remap-path-prefix=$1=$2")
    c_flags+=" $(printf %q "-ffile-prefix-map=$1=$2")"
}
# Of two prefixes that fit, the last one counts.
remap "$root" /saoma
remap "$CARGO_TARGET_DIR" /target
for folder in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do remap "$folder" /crates; done

CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f' && echo "${flags[*]}")
export CARGO_ENCODED_RUSTFLAGS "CFLAGS_${target//-/_}=${c_flags# }"
# Build scripts split flags at every space, unless they are told that some are escaped.
if [[ $c_flags == *\\* ]]; then export CC_SHELL_ESCAPED_FLAGS=1; fi
# Its caches stay with what was built, as names of this machine's folders stand in them.
cache="$CARGO_TARGET_DIR/zig"
export CARGO_ZIGBUILD_CACHE_DIR="$cache" ZIG_GLOBAL_CACHE_DIR="$cache" ZIG_LOCAL_CACHE_DIR="$cache"
export CARGO_ZIGBUILD_ZIG_PATH="$packages/ziglang/zig" PATH="$wheels/bin:$PATH"
say "building for $target (up to 25 minutes with two cores, the first time)"
cargo zigbuild --locked --release -p server --bin saoma --target "$target"
