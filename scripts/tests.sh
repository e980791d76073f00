#!/usr/bin/env bash
# The tests of the server's side, on SQLite and on a throw-away PostgreSQL: scripts/tests.sh [ARGUMENT OF CARGO TEST…]
# Most tests wait most of the time, for a disk to flush or for something to happen. So there are two at once for each processor, and
# all databases are in memory where there is room for them (about 6 GB): the tests end programs without a warning, not the machine, and
# what a program has written is not lost with it. TMPDIR and RUST_TEST_THREADS say otherwise where they are set.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$root"

room=$(df --output=avail -k /dev/shm 2>/dev/null | tail -1)
memory=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo 2>/dev/null || true)
if [ -z "${TMPDIR:-}" ] && [ -w /dev/shm ] && [ "${room:-0}" -gt 10000000 ] && [ "${memory:-0}" -gt 12000000 ]; then
    TMPDIR=$(mktemp -d /dev/shm/saoma-tests.XXXXXX)
    export TMPDIR
    # PostgreSQL's programs have a user of their own.
    chmod 711 "$TMPDIR"
    # scripts/postgres.sh removes its own part meanwhile, which is no failure.
    trap 'rm -rf "$TMPDIR" 2>/dev/null || true' EXIT
fi
export RUST_TEST_THREADS="${RUST_TEST_THREADS:-$((2 * $(nproc)))}"
bash scripts/postgres.sh cargo test --locked --workspace --exclude frontend --features "$all_features" "$@"
