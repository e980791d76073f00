#!/usr/bin/env bash
# Has somebody else's client ask a sandbox: run.sh wechatpayv3 | axios-plugin | node-v3, with SANDBOX (its address), KEYS (its key
# files), NOTIFY_URL and BILL_DATE (a day with a payment, yyyy-MM-dd) set. Installs what it needs, once.
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/env.sh"
judges="$root/sandbox/judges" tools="$SAOMA_TOOLS/judges"
mkdir -p "$tools"
# The tests run at the same time: one installs, the others wait for it.
exec 9>"$tools/lock"
flock 9

# Copies the files that name the packages and installs them there, unless that was done for these files before.
install() {
    local folder="$tools/$1" now
    now=$(cat "$judges/$1"/*.txt "$judges/$1"/*.json 2>/dev/null | sha256sum; "$2" --version)
    [ "$(cat "$folder/ready" 2>/dev/null)" != "$now" ] || return 0
    say "installing the judges of $1"
    rm -rf "$folder"
    mkdir -p "$folder"
    "install_$1" "$folder"
    echo "$now" >"$folder/ready"
}
install_python() {
    python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install python3 python3-venv
    python3 -m venv "$1/venv"
    "$1/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$judges/python/requirements.txt" >&2
}
install_node() {
    cp "$judges/node/package.json" "$judges/node/package-lock.json" "$1"
    (cd "$1" && npm ci --ignore-scripts --silent --no-audit --no-fund >&2)
}

# They ask this machine, whatever proxy there is.
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
case "${1:-}" in
wechatpayv3)
    command -v python3 >/dev/null || apt_install python3 python3-venv
    install python python3
    exec "$tools/python/venv/bin/python" "$judges/python/judge_wechatpayv3.py" 9>&-
    ;;
axios-plugin | node-v3)
    need_node
    install node node
    # Node looks for packages beside the program.
    cp "$judges/node/"*.mjs "$tools/node/"
    exec node "$tools/node/$1.mjs" 9>&-
    ;;
*) fail "which judge? wechatpayv3, axios-plugin or node-v3" ;;
esac
