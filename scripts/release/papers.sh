#!/usr/bin/env bash
# Writes into the folder $1 what says of what a release is made: an SBOM (CycloneDX) for each architecture and one for the pages, and the
# licences of everything that is built in. cargo-cyclonedx writes beside each manifest, so it gets a copy of the source.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
out=$(realpath "$1")
linking_tools
registry_tool cargo-cyclonedx 0.5.9
# Comparing texts takes minutes without optimisation.
registry_tool cargo-about 0.9.3 --features cli --config profile.dev.package.spdx.opt-level=3
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git -C "$root" archive HEAD | tar -x -C "$copy"
cd "$copy"

# sbom PACKAGE TARGET FILE
sbom() {
    local file="$1/saoma.cdx.json"
    cargo cyclonedx --manifest-path "$1/Cargo.toml" --target "$2" --format json --spec-version 1.5 --no-build-deps \
        --override-filename saoma.cdx -qq
    sed "s#$copy#/saoma#g" "$file" >"$out/$3"
    # Without what macros need: they run on this machine only.
    cargo tree --locked -p "$1" -e normal,no-proc-macro --target "$2" --prefix none --no-dedupe |
        python3 "$root/scripts/release/sbom.py" "$out/$3" || fail "the SBOM $3 is not whole"
}
for architecture in "${architectures[@]}"; do sbom server "$architecture-unknown-linux-musl" "saoma-$version-$architecture.cdx.json"; done
sbom frontend wasm32-unknown-unknown "saoma-$version-pages.cdx.json"

# notices PACKAGE. Texts come from the crates alone: with a network some would come from elsewhere, and may be others tomorrow.
notices() {
    cargo about generate --frozen --fail --manifest-path "$1/Cargo.toml" --config "$root/scripts/release/about.toml" \
        "$root/scripts/release/about.hbs" >"$copy/$1.txt"
}
notices server
notices frontend
part() { printf '\n\n%s\n\n' "$1" && cat "$2"; }
{
    echo "Saoma is MIT-licensed (LICENSE). This is what it is built from, with the licences of each part."
    part "THE PROGRAM" "$copy/server.txt"
    part "THE PAGES" "$copy/frontend.txt"
    part "musl, the C library of the program" "$packages/ziglang/lib/libc/musl/COPYRIGHT"
    part "libunwind, which the program is linked with" "$packages/ziglang/lib/libunwind/LICENSE.TXT"
    part "zig, whose compiler-rt the program is linked with" "$packages/ziglang/LICENSE"
} >"$out/THIRD-PARTY-NOTICES.txt"
