#!/usr/bin/env bash
# The tests of the server's side, on SQLite and on a throw-away PostgreSQL: scripts/tests.sh [ARGUMENT OF CARGO TEST…]
# Most tests wait most of the time, for a disk to flush or for something to happen. So there are two at once for each processor,
# SQLite's files are kept in memory, and PostgreSQL does not wait for the disk: the tests end programs without a warning,
# not the machine, and what a program has written is not lost with it. Each of the three is as the environment says, if it says so.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$root"

if [ -z "${TMPDIR:-}" ] && [ -w /dev/shm ] && [ "$(df --output=avail -k /dev/shm | tail -1)" -gt 2000000 ]; then
    TMPDIR=$(mktemp -d /dev/shm/saoma-tests.XXXXXX)
    export TMPDIR
    # PostgreSQL's programs have a user of their own.
    chmod 711 "$TMPDIR"
    trap 'rm -rf "$TMPDIR"' EXIT
fi
export RUST_TEST_THREADS="${RUST_TEST_THREADS:-$((2 * $(nproc)))}"
export SAOMA_POSTGRES_FSYNC="${SAOMA_POSTGRES_FSYNC:-off}"
bash scripts/postgres.sh cargo test --locked --workspace --exclude frontend --features "$all_features" "$@"
