#!/usr/bin/env bash
# Runs a program as systemd runs saoma.service behind saoma.socket: holds a listening socket, hands it over (LISTEN_FDS), and starts the
# program again whenever it ends: scripts/activated.sh ADDRESS:PORT PIDFILE PROGRAM [ARGUMENT…]. The program's pid stands in PIDFILE.
# The socket comes from systemd-socket-activate, which waits for the first connection, or, where there is none, from Python.
set -euo pipefail

if [ "$1" = --held ]; then
    pid_file=$2
    shift 2
    trap 'kill "$program" 2>/dev/null; wait "$program"; exit 0' TERM INT
    while :; do
        # Whom the socket is for: this very process, which becomes the program.
        (export LISTEN_PID=$BASHPID && exec "$@") &
        program=$!
        echo "$program" >"$pid_file.new"
        mv "$pid_file.new" "$pid_file"
        wait "$program" || sleep 0.2
    done
fi

address=$1
shift
if command -v systemd-socket-activate >/dev/null; then
    # It passes on only what it is told to.
    kept=()
    while IFS= read -r -d '' variable; do kept+=(-E "$variable"); done < <(env -0)
    exec systemd-socket-activate -l "$address" "${kept[@]}" bash "$0" --held "$@"
fi
exec python3 -c '
import os, socket, sys
host, port = sys.argv[1].rsplit(":", 1)
held = socket.create_server((host, int(port)), backlog=4096)
os.dup2(held.fileno(), 3)
os.set_inheritable(3, True)
os.environ["LISTEN_FDS"] = "1"
os.execvp("bash", ["bash", sys.argv[2], "--held", *sys.argv[3:]])
' "$address" "$0" "$@"
