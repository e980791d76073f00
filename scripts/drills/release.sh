#!/usr/bin/env bash
# The drill of a release: builds one twice, in other folders, with another umask, crate folder and date, and compares byte for byte; sees
# that an advisory stops it and that a changed byte is refused by what the book says; installs the Debian package in a clean Debian, pays
# one sandbox yuan there, removes it and finds the data; pays one with the binary for aarch64 under qemu, and with the image.
#   release.sh                          everything, and a line for each in docs/drills.md; takes about an hour with two cores
#   release.sh with FOLDER PART…        parts of it with a release that is there: verified, static, package, foreign, image
# ADVISORY_DB is what `make release` asks; without it the drill makes one up, with nothing in it about us.
source "$(dirname "${BASH_SOURCE[0]}")/../release/lib.sh"
cd "$root"
[ "$(id -u)" = 0 ] || fail "a Debian root of the drill's own needs root"
work=$(mktemp -d /tmp/saoma-release.XXXXXX)
trap 'stop_all; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1 LC_ALL=C.UTF-8
key=${SAOMA_RELEASE_KEY:-}
for name in "${!SAOMA_@}"; do [ "$name" = SAOMA_TOOLS ] || unset "$name"; done
unset DATABASE_URL RUST_LOG

stop_all() { for pid in "$work"/*.pid; do [ -f "$pid" ] && kill "$(cat "$pid")" 2>/dev/null; done; return 0; }
stop() { kill "$(cat "$work/$1.pid")" && tail -s 0.05 --pid="$(cat "$work/$1.pid")" -f /dev/null && rm "$work/$1.pid"; }
wait_for() {
    for _ in $(seq 300); do
        curl -sf -o /dev/null "$1" && return
        sleep 0.1
    done
    tail -5 "$work"/*.log >&2
    fail "nothing answers at $1"
}
# The drill's findings, for docs/drills.md.
seen() { say "seen: $*" && echo "- $*" >>"$work/seen"; }
must_fail() {
    local why=$1
    shift
    if "$@" >"$work/said" 2>&1; then
        cat "$work/said" >&2
        fail "$why"
    fi
}

# --- the release, twice ------------------------------------------------------------------------------------------------------

# A made-up advisory: the crate, and the versions in which it is mended.
advisory() {
    mkdir -p "$work/$1/crates/$2"
    printf '```toml\n[advisory]\nid = "RUSTSEC-2026-9999"\npackage = "%s"\ndate = "2026-01-01"\n\n[versions]\npatched = [%s]\n```\n\n# Made up\n\nNobody found this.\n' \
        "$2" "$3" >"$work/$1/crates/$2/RUSTSEC-2026-9999.md"
}

stopped_by_an_advisory() {
    advisory found ring ''
    must_fail "make release does not stop at an advisory about a crate in use" make release ADVISORY_DB="$work/found"
    grep -q RUSTSEC-2026-9999 "$work/said" || fail "make release does not name the advisory"
    must_fail "make release goes on without an advisory database" make release ADVISORY_DB="$work/none"
    grep -q 'no advisory database' "$work/said" || fail "make release does not say that there is no advisory database"
    [ ! -e dist ] || fail "a release that was stopped left files in dist/"
    seen "\`make release\` stops at an advisory about a crate in use, and without an advisory database; dist/ stays empty"
}

built_twice() {
    if [ -z "${ADVISORY_DB:-}" ]; then
        advisory mended ring '">=0.0.1"'
        export ADVISORY_DB="$work/mended"
    fi
    if [ -z "$key" ]; then
        key="$work/key"
        ssh-keygen -q -t ed25519 -N '' -C drill -f "$key"
    fi
    local started=$SECONDS again="$work/another/folder/with a longer name" name
    make release SAOMA_RELEASE_KEY="$key"
    [ -s dist/SHA256SUMS.sig ] || fail "the release is not signed"
    cp -r dist "$work/first"
    seen "the first build: $(((SECONDS - started) / 60)) min, $(find dist -type f | wc -l) files"

    command -v faketime >/dev/null || apt_install faketime
    started=$SECONDS
    mkdir -p "${again%/*}"
    git clone --quiet . "$again"
    (
        cd "$again"
        umask 077
        export CARGO_TARGET_DIR="$work/another target" CARGO_HOME="$work/crates"
        mkdir "$CARGO_HOME"
        cp -r "${OLD_CARGO_HOME:-$HOME/.cargo}"/config* "$CARGO_HOME/" 2>/dev/null || true
        faketime -f "+40d" make release 2>&1 | tee "$work/second.log" >&2
    )
    tail -1 "$work/second.log" | grep -q 'unsigned$' || fail "a release without a key does not end with the word unsigned"
    for name in "$again"/dist/*; do cmp "$name" "$work/first/${name##*/}" || fail "${name##*/} differs between two builds"; done
    [ "$(ls "$again/dist")" = "$(cd "$work/first" && ls -- * | grep -vx SHA256SUMS.sig)" ] || fail "two builds made other files"
    seen "the second build (another folder, target and crate folder, umask 077, 40 days later): $(((SECONDS - started) / 60)) min, byte for byte the same; without a key it ends with \"unsigned\""
    rm -rf "$again" "$work/another target" "$work/crates"
}

# --- what a user does with it ------------------------------------------------------------------------------------------------

# The book's block, in a folder with the release and the line that names who may sign.
verify() { (cd "$work/download" && bash -euo pipefail "$work/verify.sh"); }

verified() {
    local name
    python3 scripts/docs.py block book/zh/src/operators/download.md verify >"$work/verify.sh"
    mkdir "$work/download"
    cp "$release"/* "$work/download/"
    if [ ! -e "$work/download/SHA256SUMS.sig" ]; then
        key="$work/key"
        ssh-keygen -q -t ed25519 -N '' -C drill -f "$key"
        ssh-keygen -Y sign -q -f "$key" -n saoma-release "$work/download/SHA256SUMS"
    fi
    echo "saoma $(cut -d' ' -f1,2 "$key.pub")" >"$work/download/saoma_signers"
    verify >"$work/said" 2>&1 || { cat "$work/said" >&2; fail "the book's block refuses a whole release"; }
    for name in "$work"/download/*; do
        case $name in */SHA256SUMS.sig | */saoma_signers) continue ;; esac
        flip "$name"
        must_fail "a changed byte of ${name##*/} is not refused" verify
        flip "$name"
    done
    verify >/dev/null 2>&1 || fail "the book's block refuses what was put right"
    ssh-keygen -q -t ed25519 -N '' -C stranger -f "$work/stranger"
    rm "$work/download/SHA256SUMS.sig"
    ssh-keygen -Y sign -q -f "$work/stranger" -n saoma-release "$work/download/SHA256SUMS"
    must_fail "another's signature is not refused" verify
    seen "a changed byte is refused in each of $(($(find "$work/download" -type f | wc -l) - 2)) files by the commands of the book, and so is another's signature"
}
# Changes the byte in the middle of a file, and back.
flip() { python3 -c 'import sys; f = open(sys.argv[1], "r+b"); at = f.seek(0, 2) // 2; f.seek(at); b = f.read(1)[0]; f.seek(at); f.write(bytes([b ^ 1]))' "$1"; }

unpack() { mkdir -p "$work/$1" && tar -xzf "$release"/saoma-*-"$1"-linux.tar.gz -C "$work/$1" --strip-components=1; }

static() {
    local empty="$work/empty"
    mkdir -p "$empty"
    for architecture in ${ARCHS:-"${architectures[@]}"}; do
        unpack "$architecture"
        ! readelf -ld "$work/$architecture/saoma" | grep -E 'INTERP|NEEDED' || fail "the binary for $architecture is not static"
    done
    cp "$work/x86_64/saoma" "$empty/"
    chroot "$empty" /saoma --version >"$work/said" || fail "the binary does not run in an empty folder"
    seen "both binaries are static; \`$(cat "$work/said")\` in a root of nothing else"
}

# Starts what stands for WeChat: the release's own sandbox, by a command in front of it.
wechat() {
    sandbox=$(free_port) port=$(free_port)
    "$@" sandbox --addr "127.0.0.1:$sandbox" --database "sqlite://$work/sandbox.db" >/dev/null 2>"$work/sandbox.log" &
    echo $! >"$work/sandbox.pid"
    wait_for "http://127.0.0.1:$sandbox/"
}
# What a merchant fills into the settings file of the release.
fill_in() {
    sed -i -E "s#^public_url = .*#public_url = \"http://127.0.0.1:$port\"#; s#^wechat_appid = .*#wechat_appid = \"wxd930ea5d5a258f4f\"#
        s#^wechat_mch_id = .*#wechat_mch_id = \"10000100\"#" "$1"
    printf 'addr = "127.0.0.1:%s"\nwechat_base_url = "http://127.0.0.1:%s"\n' "$port" "$sandbox" | cat - "$1" >"$work/toml"
    cat "$work/toml" >"$1"
}
secrets() {
    echo 192006250b4c09247ec02edce69f6a2d >"$1/wechat_api_key"
    openssl rand -hex 32 | tee "$1/user_token_secret" >"$1/secret_key"
    openssl rand -base64 18 >"$1/admin_password"
}
# Opens the page with a token, orders one yuan, pays it at the sandbox, and sees the notice credited.
pay() {
    local token=$1 url="http://127.0.0.1:$port" order
    wait_for "$url/readyz"
    order=$(curl -sf "$url/wxpay/recharge" -d "u=$token" -d quantity=1) || fail "no order is made"
    curl -sf -o /dev/null "http://127.0.0.1:$sandbox/control/pay" \
        --json "{\"code_url\": $(python3 -c 'import json, sys; print(json.dumps(json.loads(sys.argv[1])["code_url"]))' "$order")}"
    for _ in $(seq 300); do
        ! curl -sf "$url/metrics" | grep -qE '^saoma_notices_total\{.*verdict="credited".*\} [1-9]' || return 0
        sleep 0.1
    done
    tail -5 "$work"/*.log >&2
    fail "the payment is not credited"
}
one_order() { grep -q '1 order' "$1" || { cat "$1" >&2; fail "$2"; }; }

package() {
    local deb debian="$work/debian" settings=/etc/saoma/saoma.toml sum
    deb=$(echo "$release"/saoma_*_amd64.deb)
    command -v debootstrap >/dev/null || apt_install debootstrap
    command -v lintian >/dev/null || apt_install lintian
    lintian --fail-on error,warning "$release"/*.deb >"$work/said" || { cat "$work/said" >&2; fail "lintian complains"; }
    say "a clean Debian"
    debootstrap --variant=minbase --include=ca-certificates,openssl bookworm "$debian" >"$work/debootstrap.log" 2>&1 ||
        { tail -5 "$work/debootstrap.log" >&2; fail "debootstrap did not work"; }
    in_debian() { DEBIAN_FRONTEND=noninteractive chroot "$debian" "$@"; }
    as_saoma() { chroot --userspec=saoma:saoma "$debian" saoma "$@"; }
    install_it() { cp "$deb" "$debian/saoma.deb" && in_debian dpkg -i /saoma.deb >"$work/dpkg.log" 2>&1 || { cat "$work/dpkg.log" >&2; fail "dpkg -i"; }; }
    start() {
        as_saoma serve --config $settings >/dev/null 2>"$work/server.log" &
        echo $! >"$work/server.pid"
    }
    install_it
    [ "$(in_debian stat -c '%U:%G %a' /var/lib/saoma /etc/saoma $settings | tr '\n' ' ')" = "saoma:saoma 700 root:saoma 750 root:saoma 640 " ] ||
        fail "owners and modes of the package's files are others"
    wechat chroot "$debian" saoma
    fill_in "$debian$settings"
    secrets "$debian/etc/saoma"
    in_debian sh -c 'chgrp saoma /etc/saoma/* && chmod 640 /etc/saoma/*'
    start
    pay "$(as_saoma user-token u1 --config $settings)"
    stop server
    as_saoma check --config $settings >"$work/said" && one_order "$work/said" "the package's server has not stored one order"
    sum=$(sha256sum <"$debian/var/lib/saoma/saoma.db")

    in_debian dpkg -r saoma >"$work/dpkg.log" 2>&1 || { cat "$work/dpkg.log" >&2; fail "dpkg -r"; }
    [ ! -e "$debian/usr/bin/saoma" ] && [ -e "$debian$settings" ] || fail "dpkg -r left the program, or took the settings"
    in_debian dpkg -P saoma >"$work/dpkg.log" 2>&1 || { cat "$work/dpkg.log" >&2; fail "dpkg -P"; }
    [ "$(sha256sum <"$debian/var/lib/saoma/saoma.db")" = "$sum" ] && [ -e "$debian/etc/saoma/secret_key" ] || fail "dpkg -P took data or keys"
    install_it
    fill_in "$debian$settings"
    start
    wait_for "http://127.0.0.1:$port/readyz"
    stop server
    as_saoma check --config $settings >"$work/said" && one_order "$work/said" "the data does not outlive remove and purge"
    in_debian sh -c 'echo saoma saoma/purge_data boolean true | debconf-set-selections'
    in_debian dpkg -P saoma >"$work/dpkg.log" 2>&1 || { cat "$work/dpkg.log" >&2; fail "dpkg -P"; }
    [ ! -e "$debian/var/lib/saoma" ] && [ ! -e "$debian/etc/saoma" ] || fail "dpkg -P leaves data that it was told to erase"
    stop sandbox
    rm -rf "$debian" "$work/sandbox.db"*
    seen "the .deb in a clean Debian (lintian: nothing): installed, one sandbox yuan paid, removed and purged with the data kept, installed again on it, purged with the data erased when debconf was told so"
}

foreign() {
    unpack aarch64
    local folder="$work/aarch64"
    command -v qemu-aarch64-static >/dev/null || apt_install qemu-user-static
    wechat qemu-aarch64-static "$folder/saoma"
    secrets "$folder"
    sed -i "s#/etc/saoma/#$folder/#; s#sqlite:///var/lib/saoma/#sqlite://$folder/#" "$folder/packaging/etc/saoma.toml"
    fill_in "$folder/packaging/etc/saoma.toml"
    chmod 640 "$folder"/*_key "$folder"/*_secret "$folder"/admin_password
    local settings="$folder/packaging/etc/saoma.toml"
    qemu-aarch64-static "$folder/saoma" serve --config "$settings" >/dev/null 2>"$work/server.log" &
    echo $! >"$work/server.pid"
    pay "$(qemu-aarch64-static "$folder/saoma" user-token u1 --config "$settings")"
    stop server
    qemu-aarch64-static "$folder/saoma" check --config "$settings" >"$work/said" && one_order "$work/said" "no order under qemu"
    stop sandbox
    rm -f "$work/sandbox.db"*
    seen "the binary for aarch64 under $(qemu-aarch64-static --version | sed -nE '1s/.*version ([0-9.]+).*/qemu-user \1/p'): one sandbox yuan paid, the books sound"
}

# Runs the image's only process as compose.yml does: nothing to write to but the folders that are given, no capability, the image's user.
image() {
    for tool in skopeo umoci crun; do command -v $tool >/dev/null || apt_install $tool; done
    local name bundle="$work/bundle" size
    name=$(echo "$release"/saoma-*-image-amd64.tar)
    size=$(stat -c %s "$name")
    [ "$size" -le 25000000 ] || fail "the image has $size bytes"
    skopeo copy --quiet "oci-archive:$name" "oci:$work/layout:release"
    skopeo copy --quiet "docker-archive:$name" "oci:$work/docker:release" || fail "the image is no archive for docker load"
    umoci unpack --image "$work/layout:release" "$bundle" >/dev/null 2>&1
    unpack x86_64
    wechat "$work/x86_64/saoma"
    mkdir "$work/etc" "$work/data"
    secrets "$work/etc"
    cp packaging/etc/saoma.toml "$work/etc/"
    fill_in "$work/etc/saoma.toml"
    chmod 640 "$work"/etc/*
    chgrp -R 65532 "$work/etc"
    chown 65532 "$work/data"
    chmod 700 "$work/data"
    # crun knows the unified cgroups only, which not every machine has mounted.
    echo 'exec unshare --mount sh -c "umount -l /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup; exec crun --cgroup-manager=disabled \"\$@\"" sh "$@"' \
        >"$work/crun"
    # Without the volume: the root cannot be written to.
    as_container "" serve --config /etc/saoma/saoma.toml
    must_fail "the image starts without a place for its data" timeout 20 bash "$work/crun" run --bundle "$bundle" saoma-drill
    grep -q 'saoma.db' "$work/said" || { cat "$work/said" >&2; fail "the image does not say what it cannot write to"; }
    tail -1 "$work/said" >"$work/line"
    as_container "$work/data" serve --config /etc/saoma/saoma.toml
    bash "$work/crun" run --bundle "$bundle" saoma-drill >/dev/null 2>"$work/server.log" &
    echo $! >"$work/server.pid"
    pay "$("$work/x86_64/saoma" user-token u1 --config "$work/etc/token.toml")"
    crun kill saoma-drill TERM
    wait "$(cat "$work/server.pid")" || fail "the image does not end well on SIGTERM"
    rm "$work/server.pid"
    as_container "$work/data" check --config /etc/saoma/saoma.toml
    bash "$work/crun" run --bundle "$bundle" saoma-drill >"$work/said" 2>/dev/null
    one_order "$work/said" "no order in the volume"
    stop sandbox
    seen "the image ($((size / 1000000)) MB), read-only, without capabilities, as user 65532: one sandbox yuan paid; without a volume it ends with: $(cat "$work/line")"
}
# The bundle's config.json: as_container VOLUME ARGUMENT…
as_container() {
    sed "s#/etc/saoma/#$work/etc/#" "$work/etc/saoma.toml" >"$work/etc/token.toml"
    chmod 640 "$work/etc/token.toml"
    python3 - "$work/bundle/config.json" "$work/etc" "127.0.0.1:$port" "$@" <<'PYTHON'
import json, sys
path, settings, address, volume, *arguments = sys.argv[1:]
with open(path) as file:
    config = json.load(file)
config["process"]["terminal"] = False
# With play keys it listens on loopback only.
config["process"]["env"] = [f"SAOMA_ADDR={address}" if one.startswith("SAOMA_ADDR=") else one for one in config["process"]["env"]]
config["process"]["args"] = ["/usr/local/bin/saoma", *arguments]
config["process"]["capabilities"] = {}
config["process"]["noNewPrivileges"] = True
assert config["process"]["user"]["uid"] == 65532, config["process"]["user"]
config["root"]["readonly"] = True
config["linux"].pop("resources", None)
# The sandbox is on this machine's loopback.
config["linux"]["namespaces"] = [one for one in config["linux"]["namespaces"] if one["type"] in ("mount", "pid", "ipc", "uts")]
config["mounts"] = [one for one in config["mounts"] if one["destination"] in ("/proc", "/dev")]
def bind(source, to, *more):
    return {"type": "bind", "source": source, "destination": to, "options": ["bind", *more]}
config["mounts"].append(bind(settings, "/etc/saoma", "ro"))
if volume:
    config["mounts"].append(bind(volume, "/var/lib/saoma", "rw"))
with open(path, "w") as file:
    json.dump(config, file)
PYTHON
}

if [ "${1:-}" = with ]; then
    release=$(realpath "$2")
    for part in "${@:3}"; do "$part"; done
    exit
fi
[ -z "$(git status --porcelain)" ] || fail "the drill builds a commit, and there are changes that are in none"
stopped_by_an_advisory
built_twice
release="$work/first"
for part in verified static package foreign image; do "$part"; done
{
    printf '\n## Release, %s, %s\n\n`bash scripts/drills/release.sh`, %s, %s cores\n\n' \
        "$(date -u +%F)" "${commit:0:12}" "$(rustc --version)" "$(nproc)"
    cat "$work/seen"
} >>docs/drills.md
say "docs/drills.md has what was seen"
