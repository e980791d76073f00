#!/usr/bin/env bash
# Has somebody else's program judge the contract: run.sh validator, redocly or spectral (DOCUMENT is the file), run.sh types (EXAMPLE is a
# folder of programs besides, which have to fit the types that are made from the document), or run.sh schemathesis
# (SERVER is a server's address, KEY one of its keys, SECONDS_MOST how long). Or run.sh otlp receives spans until it is ended.
# Installs what it needs, once.
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/env.sh"
judges="$root/server/judges" tools="$SAOMA_TOOLS/contract-judges"
mkdir -p "$tools"
# The tests run at the same time: one installs, the others wait for it.
exec 9>"$tools/lock"
flock 9

# Copies the files that name the packages and installs them there, unless that was done for these files before.
install() {
    local folder="$tools/$1" now
    now=$(cat "$judges/$1"/*.txt "$judges/$1"/package*.json 2>/dev/null | sha256sum; "$2" --version)
    [ "$(cat "$folder/ready" 2>/dev/null)" != "$now" ] || return 0
    say "installing the judges of the contract in $1"
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
python() {
    command -v python3 >/dev/null || apt_install python3 python3-venv
    install python python3
}

# They ask this machine, whatever proxy there is, and tell nobody.
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1 REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true
case "${1:-}" in
validator)
    python
    exec "$tools/python/venv/bin/openapi-spec-validator" "$DOCUMENT" 9>&-
    ;;
redocly)
    need_node
    install node node
    exec "$tools/node/node_modules/.bin/redocly" lint --config "$judges/node/redocly.yaml" "$DOCUMENT" 9>&-
    ;;
spectral)
    need_node
    install node node
    exec "$tools/node/node_modules/.bin/spectral" lint --ruleset "$judges/node/spectral.yaml" --fail-severity error "$DOCUMENT" 9>&-
    ;;
types)
    need_node
    install node node
    # The compiler looks for packages in the folders above the program.
    folder=$(mktemp -d "$tools/node/example.XXXXXX")
    trap 'rm -rf "$folder"' EXIT
    cp "$EXAMPLE"/*.mjs "$judges/node/tsconfig.json" "$folder"
    "$tools/node/node_modules/.bin/openapi-typescript" "$DOCUMENT" -o "$folder/saoma-api.d.ts" >&2
    "$tools/node/node_modules/.bin/tsc" -p "$folder"
    ;;
schemathesis)
    python
    cd "$(mktemp -d)"
    export SAOMA_KEY="$KEY"
    exec "$tools/python/venv/bin/schemathesis" --config-file "$judges/python/schemathesis.toml" run "$SERVER/api/openapi.json" \
        --url "$SERVER" --include-path-regex '^/api/v1/' --seed "${SEED:-1}" --generation-deterministic --max-time "$SECONDS_MOST" 9>&-
    ;;
otlp)
    python_wheels "$tools/otlp" "$judges/otlp/requirements.txt" "OpenTelemetry's messages"
    exec "$tools/otlp/bin/python" "$judges/otlp/receiver.py" 9>&-
    ;;
*) fail "which judge? validator, redocly, spectral, types, schemathesis or otlp" ;;
esac
