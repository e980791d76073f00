#!/usr/bin/env bash
# A pgbouncer in transaction mode, until it is killed: scripts/pooler.sh FOLDER PORT PORT-OF-POSTGRESQL SESSIONS. It lends its clients
# that many sessions of the server, transaction by transaction.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
folder=$1
unpacked pgbouncer
echo '"saoma" ""' >"$folder/users"
cat >"$folder/pgbouncer.ini" <<INI
[databases]
* = host=127.0.0.1 port=$3
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $2
unix_socket_dir =
auth_type = trust
auth_file = $folder/users
pool_mode = transaction
default_pool_size = $4
max_client_conn = 200
ignore_startup_parameters = extra_float_digits
INI
# It refuses to run as root.
as=()
if [ "$(id -u)" = 0 ]; then
    chown -R postgres "$folder"
    as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
fi
cd "$folder"
exec "${as[@]}" "$(command -v pgbouncer)" -q "$folder/pgbouncer.ini"
