#!/usr/bin/env bash
# A PostgreSQL in a folder of its own: scripts/cluster.sh make|start|kill|promote FOLDER PORT. `kill` is without a shutdown, as a
# power cut. `copy FOLDER PORT PRIMARY` makes a standby of the one on port PRIMARY, which `start` starts and `promote` makes the primary.
# Used by scripts/postgres.sh, and by the tests that take the database away. LISTEN is the address on which it listens, PRIMARY that of
# the primary; without them both are of this machine alone.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
what=$1 folder=$2 port=$3 listen=${LISTEN:-127.0.0.1}

# Prints nothing where there is none: `ls` fails then, which ends no script.
find_postgres() { { ls -d /usr/lib/postgresql/*/bin 2>/dev/null || true; } | sort -V | tail -1; }
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
cd /

case $what in
make)
    [ ${#as[@]} = 0 ] || chown postgres "$folder"
    "${as[@]}" "$bin/initdb" -D "$folder/data" -U saoma --auth=trust --encoding=UTF8 --locale=C >/dev/null
    [ "$listen" = 127.0.0.1 ] || printf 'host %s saoma 0.0.0.0/0 trust\n' all replication >>"$folder/data/pg_hba.conf"
    echo 'CREATE DATABASE saoma' | "${as[@]}" "$bin/postgres" --single -c log_checkpoints=off -D "$folder/data" postgres >/dev/null
    ;;
start)
    options="-p $port -c listen_addresses=$listen -c unix_socket_directories='$folder' -c max_connections=400 -c fsync=on"
    "${as[@]}" "$bin/pg_ctl" -D "$folder/data" -l "$folder/log" -o "$options" -w start >/dev/null || { cat "$folder/log" >&2; exit 1; }
    ;;
copy)
    [ ${#as[@]} = 0 ] || chown postgres "$folder"
    "${as[@]}" "$bin/pg_basebackup" -h "${PRIMARY:-127.0.0.1}" -p "$4" -U saoma -D "$folder/data" --write-recovery-conf --wal-method=stream --checkpoint=fast
    ;;
promote) "${as[@]}" "$bin/pg_ctl" -D "$folder/data" -w promote >/dev/null ;;
kill) "${as[@]}" "$bin/pg_ctl" -D "$folder/data" -m immediate -w stop >/dev/null ;;
esac
