#!/usr/bin/env bash
# Runs a command with a throw-away PostgreSQL: scripts/postgres.sh COMMAND [ARGUMENT…]
# The command finds it in SAOMA_TEST_POSTGRES, as a user who may create databases. It is stopped and removed afterwards.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cluster() { bash "$root/scripts/cluster.sh" "$1" "$folder" "${port:-0}"; }

need_node
folder=$(mktemp -d "${TMPDIR:-/tmp}/saoma-postgres.XXXXXX")
stop() {
    cluster kill 2>/dev/null || true
    # The tests leave a hundred thousand small files. Where the disk is told of each free block at once (the mount option
    # `discard`), removing them takes minutes, which nobody has to wait for.
    rm -rf "$folder" >/dev/null 2>&1 </dev/null &
}
trap stop EXIT
trap 'exit 130' INT TERM
cluster make
# A port that was free a moment ago; another try if somebody took it.
started=""
for _ in 1 2 3 4 5; do
    port=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')
    if cluster start; then
        started=yes
        break
    fi
done
[ -n "$started" ] || fail "PostgreSQL did not start"

export SAOMA_TEST_POSTGRES="postgres://saoma@127.0.0.1:$port/saoma"
"$@"
