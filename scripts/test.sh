#!/usr/bin/env bash
# All tests of the server's side, on SQLite and on a throw-away PostgreSQL. Arguments go to `cargo test`.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$root"
exec bash scripts/postgres.sh cargo test --workspace --exclude frontend --features "$all_features" "$@"
