#!/usr/bin/env bash
# Builds the server and starts it in the foreground. A debug build: it is ready minutes sooner than a release.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$root"
say "building the server (the first time takes some minutes)"
cargo build -p server
exec "$CARGO_TARGET_DIR/debug/saoma" serve
