# Sourced by the other scripts: where things are, which compiler to use, and how to install a Debian package.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export SAOMA_TOOLS="${SAOMA_TOOLS:-$root/.tools}"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$root/target}"
# What the server's side is built with in tests and checks: one set, so that nothing is compiled twice.
all_features=app/ssr,wxpay/client,server/otlp
export PATH="$SAOMA_TOOLS/bin:$SAOMA_TOOLS/node_modules/.bin:$PATH"
# scripts/setup.sh writes down the compiler that can build for the browser. Empty: the default one can.
if [ -s "$SAOMA_TOOLS/toolchain" ]; then
    RUSTUP_TOOLCHAIN=$(cat "$SAOMA_TOOLS/toolchain")
    export RUSTUP_TOOLCHAIN
fi

say() { echo "saoma: $*" >&2; }
fail() { say "$*"; exit 1; }

# Installs Debian packages. Elsewhere it says what is missing, in words that a user of any system can act on.
apt_install() {
    command -v apt-get >/dev/null || fail "please install (names as on Debian): $*"
    local sudo=""
    [ "$(id -u)" = 0 ] || sudo=sudo
    say "installing $*"
    $sudo apt-get update -qq >&2
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

# Makes programs found that are named as their Debian packages. What the machine lacks is only unpacked, so that no service of it is
# started; their libraries are installed.
unpacked() {
    local folder="$SAOMA_TOOLS/unpacked" package libraries
    local download="apt-get -qq -o APT::Sandbox::User=root download"
    export PATH="$PATH:$folder/usr/sbin:$folder/usr/bin"
    for package in "$@"; do
        ! command -v "$package" >/dev/null || continue
        command -v apt-get >/dev/null || fail "please install (names as on Debian): $package"
        say "fetching $package"
        rm -rf "$folder/$package" && mkdir -p "$folder/$package"
        # A machine that has no list of packages yet gets one with the other package.
        (cd "$folder/$package" && { $download "$package" >&2 || { apt_install ca-certificates && $download "$package" >&2; }; })
        libraries=$(dpkg-deb -f "$folder/$package"/*.deb Depends | tr ',' '\n' | sed -nE 's/^ *(lib[a-z0-9.+-]+).*/\1/p')
        dpkg -x "$folder/$package"/*.deb "$folder"
        rm -r "$folder/$package"
        # shellcheck disable=SC2086
        ! ldd "$(command -v "$package")" 2>/dev/null | grep -q 'not found' || apt_install --no-upgrade $libraries
    done
}

# Prints a free port of 127.0.0.1. Another program may take it before it is used.
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# python_wheels FOLDER REQUIREMENTS WHAT: programs of the Python registry in a folder of their own, as the requirements name them with
# their checksums. Installed once, and again where the requirements change.
python_wheels() {
    local folder=$1 wanted
    wanted=$(sha256sum <"$2")
    [ "$(cat "$folder/ready" 2>/dev/null)" != "$wanted" ] || return 0
    say "installing $3"
    python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install python3 python3-venv
    rm -rf "$folder"
    python3 -m venv "$folder"
    "$folder/bin/pip" install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes -r "$2" >&2
    echo "$wanted" >"$folder/ready"
}

# registry_tool NAME VERSION [FLAG OF CARGO INSTALL…]: a program of the crate registry, compiled once.
registry_tool() {
    local name=$1 wanted=$2
    ! cargo install --list --root "$SAOMA_TOOLS" | grep -qx "$name v$wanted:" || return 0
    say "compiling $name $wanted (about 2 minutes)"
    CARGO_TARGET_DIR="$CARGO_TARGET_DIR/tools" cargo install --locked --quiet --debug --force --root "$SAOMA_TOOLS" "${@:3}" "$name@$wanted"
}

# Node.js builds the small site of a release and runs the tests in a browser; `make run` does without.
need_node() { { command -v node && command -v npm; } >/dev/null || apt_install nodejs npm; }

# cargo for the browser's part of a release. Panic messages name source files: without the folders before them the module is
# 3 % smaller, and the same on every machine.
cargo_wasm() {
    local sources="${CARGO_HOME:-$HOME/.cargo}/registry/src"
    (cd "$root" && CARGO_ENCODED_RUSTFLAGS="--remap-path-prefix=$sources/=" \
        cargo "$1" --locked --profile wasm-release --target wasm32-unknown-unknown "${@:2}")
}

# cargo for `make run`, server and browser alike. Other people's crates are optimised for tests only: who tries Saoma waits for
# the compiler. With --target the flags of .cargo/config.toml do not reach build scripts and macros, so that both sides share them.
cargo_dev() {
    (cd "$root" && cargo build --locked \
        --config 'profile.dev.package."*".opt-level=0' --config 'profile.dev.package.libsqlite3-sys.opt-level=1' "$@")
}
host_triple() { rustc -vV | sed -n 's/^host: //p'; }
