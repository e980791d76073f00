#!/usr/bin/env bash
# Has somebody else's client ask a sandbox: run.sh NAME (see below), with SANDBOX (its address), KEYS (its key
# files), NOTIFY_URL and BILL_DATE (a day with a payment, yyyy-MM-dd) set; or has it send notices as WeChat would, with SANDBOX,
# SERVER (the merchant's) and ORDERS (JSON, by name) set; or has it verify webhooks, with DELIVERIES set. Installs what it needs, once.
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

# What the book shows for a language, for this sandbox.
snippet() { sed "s|http://127.0.0.1:3080|$SANDBOX|" "$root/book/snippets/sandbox.$1"; }

# They ask this machine, whatever proxy there is.
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
# What WeChat signs with, for those who take its place.
export WECHAT_KEYS="$root/sandbox/src/v3/keys/test_keys"
case "${1:-}" in
wechatpayv3 | wechatpy)
    command -v python3 >/dev/null || apt_install python3 python3-venv
    install python python3
    exec "$tools/python/venv/bin/python" "$judges/python/judge_$1.py" 9>&-
    ;;
docs-python)
    command -v python3 >/dev/null || apt_install python3 python3-venv
    install python python3
    snippet py >"$tools/python/docs.py"
    "$tools/python/venv/bin/python" "$tools/python/docs.py" 9>&- | grep "weixin://"
    echo "ok docs"
    ;;
docs-node)
    need_node
    install node node
    snippet mjs >"$tools/node/docs.mjs"
    node "$tools/node/docs.mjs" 9>&- | grep "weixin://"
    echo "ok docs"
    ;;
notices-python)
    command -v python3 >/dev/null || apt_install python3 python3-venv
    install python python3
    exec "$tools/python/venv/bin/python" "$judges/python/judge_notices.py" 9>&-
    ;;
notices-node)
    need_node
    install node node
    cp "$judges/node/"*.mjs "$tools/node/"
    exec node "$tools/node/notices.mjs" 9>&-
    ;;
webhooks-python)
    command -v python3 >/dev/null || apt_install python3 python3-venv
    install python python3
    exec "$tools/python/venv/bin/python" "$judges/python/judge_webhooks.py" 9>&-
    ;;
webhooks-node)
    need_node
    install node node
    cp "$judges/node/"*.mjs "$tools/node/"
    exec node "$tools/node/webhooks.mjs" 9>&-
    ;;
axios-plugin | node-v3 | invoke | tenpay)
    need_node
    install node node
    # Node looks for packages beside the program.
    cp "$judges/node/"*.mjs "$tools/node/"
    exec node "$tools/node/$1.mjs" 9>&-
    ;;
*) fail "which judge? wechatpayv3, wechatpy, axios-plugin, node-v3, invoke, tenpay, notices-python, notices-node, webhooks-python, webhooks-node, docs-python or docs-node" ;;
esac
