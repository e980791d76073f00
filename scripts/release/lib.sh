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
    local wanted
    wanted=$(sha256sum <"$root/scripts/release/requirements.txt")
    if [ "$(cat "$wheels/ready" 2>/dev/null)" != "$wanted" ]; then
        say "installing zig and cargo-zigbuild"
        python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install python3 python3-venv
        rm -rf "$wheels"
        python3 -m venv "$wheels"
        "$wheels/bin/pip" install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
            -r "$root/scripts/release/requirements.txt" >&2
        echo "$wanted" >"$wheels/ready"
    fi
    packages=$("$wheels/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
}

# registry_tool NAME VERSION [FLAG OF CARGO INSTALL…]: a program of the crate registry, compiled once.
registry_tool() {
    local name=$1 wanted=$2
    ! cargo install --list --root "$SAOMA_TOOLS" | grep -qx "$name v$wanted:" || return 0
    say "compiling $name $wanted (about 2 minutes)"
    CARGO_TARGET_DIR="$CARGO_TARGET_DIR/tools" cargo install --locked --quiet --debug --force --root "$SAOMA_TOOLS" "${@:3}" "$name@$wanted"
}
