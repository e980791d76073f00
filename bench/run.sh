#!/usr/bin/env bash
# Measures Saoma beside its peers and prints one table; with nothing named, also into results/latest.md.
# `bash bench/run.sh --help` lists what can be named and changed; `click` stands apart, see click.mjs. All traffic stays on 127.0.0.0/8.
source "$(dirname "${BASH_SOURCE[0]}")/../scripts/env.sh"
cd "$root"
need_node

# Installs what a folder's lock file names, unless it is there already for this lock and this Node.
npm_once() {
    local stamp="$1/node_modules/.ready" now
    now=$(node --version; sha256sum "$1/package-lock.json")
    [ "$(cat "$stamp" 2>/dev/null)" != "$now" ] || return 0
    say "installing the packages of $(basename "$1")"
    (cd "$1" && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund --loglevel=error >&2)
    echo "$now" >"$stamp"
}
[ -d "$root/end2end/node_modules/playwright-core" ] || npm_once "$root/end2end"
SAOMA_CHROMIUM=$(bash "$root/scripts/chromium.sh")
export SAOMA_CHROMIUM

# Only Chromium and what was built before: `bash bench/run.sh click PROGRAM…`.
if [ "${1:-}" = click ]; then exec node "$root/bench/click.mjs" "${@:2}"; fi

for tool in taskset setpriv; do command -v "$tool" >/dev/null || apt_install util-linux; done
command -v g++ >/dev/null && command -v make >/dev/null && command -v python3 >/dev/null || apt_install g++ make python3
# The peer's SQLite is compiled here, with the headers of the Node that will run it where they are installed.
node_home=$(dirname "$(dirname "$(node -p 'fs.realpathSync(process.execPath)')")")
if [ -f "$node_home/include/node/node.h" ]; then export npm_config_nodedir="$node_home"; fi
npm_config_build_from_source=true npm_once "$root/bench/peers/koa2"

# Together with the server, so that what they share is compiled once.
cargo build --locked --quiet --release -p server -p bench

cores=()
for ((core = 0; core < 1024 && ${#cores[@]} < 2; core++)); do
    if taskset -c "$core" true 2>/dev/null; then cores+=("$core"); fi
done
pin=(taskset -c "${cores[0]}")
server=(--core "${cores[1]:-}")
if [ ${#cores[@]} -lt 2 ]; then
    say "this machine has one core: server and load share it"
    server=()
fi
# PostgreSQL's own programs, pgbench among them, are beside its server.
PATH="$PATH:$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)"
exec bash "$root/scripts/postgres.sh" "${pin[@]}" "$CARGO_TARGET_DIR/release/load" "${server[@]}" \
    --saoma "$CARGO_TARGET_DIR/release/saoma" --bare "$CARGO_TARGET_DIR/release/bare" --koa2 "$root/bench/peers/koa2" \
    --page "$root/bench/page.mjs" --work "$root/bench/results/tmp" --out "$root/bench/results/latest.md" "$@"
