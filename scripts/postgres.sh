#!/usr/bin/env bash
# Runs a command with a throw-away PostgreSQL: scripts/postgres.sh COMMAND [ARGUMENT…]
# The command finds it in SAOMA_TEST_POSTGRES, as a user who may create databases. It is stopped and removed afterwards.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"

find_postgres() { ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1; }
bin=$(find_postgres)
if [ -z "$bin" ] && command -v initdb >/dev/null; then bin=$(dirname "$(command -v initdb)"); fi
if [ -z "$bin" ]; then
    apt_install postgresql
    bin=$(find_postgres)
fi

# It refuses to run as root.
as=()
if [ "$(id -u)" = 0 ]; then
    id postgres >/dev/null 2>&1 || apt_install postgresql
    as=(runuser -u postgres --)
fi

folder=$(mktemp -d /tmp/saoma-postgres.XXXXXX)
stop() {
    (cd / && "${as[@]}" "$bin/pg_ctl" -D "$folder/data" -m immediate -w stop >/dev/null 2>&1) || true
    rm -rf "$folder"
}
trap stop EXIT
trap 'exit 130' INT TERM
[ ${#as[@]} = 0 ] || chown postgres "$folder"

(cd / && "${as[@]}" "$bin/initdb" -D "$folder/data" -U saoma --auth=trust --encoding=UTF8 --locale=C >/dev/null)
# A port that was free a moment ago; another try if somebody took it.
started=""
for _ in 1 2 3 4 5; do
    port=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')
    options="-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories='$folder' -c max_connections=400 -c fsync=on"
    if (cd / && "${as[@]}" "$bin/pg_ctl" -D "$folder/data" -l "$folder/log" -o "$options" -w start >/dev/null); then
        started=yes
        break
    fi
done
[ -n "$started" ] || { cat "$folder/log" >&2; fail "PostgreSQL did not start"; }
(cd / && "${as[@]}" "$bin/createdb" -h 127.0.0.1 -p "$port" -U saoma saoma)

export SAOMA_TEST_POSTGRES="postgres://saoma@127.0.0.1:$port/saoma"
"$@"
