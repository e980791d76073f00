# Sourced by the scripts of a release: the version, the architectures, and where the tools are. Tools are pinned; wheels by checksum,
# programs of the crate registry by version and their own lock files.
source "$(dirname "${BASH_SOURCE[0]}")/../env.sh"
architectures=(x86_64 aarch64)
commit=$(git -C "$root" rev-parse HEAD)
# Every date in a release is that of its commit.
SOURCE_DATE_EPOCH=$(git -C "$root" log -1 --format=%ct)
export SOURCE_DATE_EPOCH
# A commit that has no tag yet sorts behind the last version, and by its day.
version=$(sed -n '/^\[workspace.package\]/,/^$/s/^version = "\(.*\)"/\1/p' "$root/Cargo.toml")
if ! git -C "$root" tag --points-at HEAD | grep -qx "v$version"; then
    version+="+$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d).${commit:0:7}"
fi

wheels="$SAOMA_TOOLS/release"
linking_tools() {
    python_wheels "$wheels" "$root/scripts/release/requirements.txt" "zig and cargo-zigbuild"
    packages=$("$wheels/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
}
