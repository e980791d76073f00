#!/usr/bin/env bash
# Runs cargo-deny with the given checks, e.g. `licenses bans sources`; installs it first (under 2 minutes) if need be.
# `advisories` asks RustSec's database over the network, or the copy of it in the folder ADVISORY_DB, and fails without one.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
wanted=0.20.2
# A database that is older knows nothing of what was found since.
oldest_days=90
[ "$(cargo-deny --version 2>/dev/null)" = "cargo-deny $wanted" ] || registry_tool cargo-deny $wanted
cd "$root"

# Makes `work`, and lets cargo-deny read a copy of the folder in $1. It reads only what it has cloned from RustSec's address with git;
# the folder may be a clone, or an archive that was unpacked, and git is told to take a repository of it for that address.
local_database() {
    local folder=$1 age copy
    [ -n "$(find -L "$folder/crates" -name '*.md' -print -quit 2>/dev/null)" ] ||
        fail "no advisory database: ADVISORY_DB=$folder has no advisories under crates/"
    if age=$(git -C "$folder" log -1 --format=%ct -- crates 2>/dev/null) && [ -n "$age" ]; then
        age=$((($(date +%s) - age) / 86400))
        [ "$age" -le $oldest_days ] || fail "the advisory database in ADVISORY_DB=$folder is $age days old: fetch a newer one"
    fi
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    copy="$work/advisories"
    mkdir "$copy" "$work/clones"
    cp -rL "$folder/crates" "$copy/"
    git -C "$copy" init --quiet --initial-branch main
    git -C "$copy" add crates
    git -C "$copy" -c user.name=saoma -c user.email=saoma@localhost -c commit.gpgsign=false commit --quiet --message copy
    { cat deny.toml; printf '\n[advisories]\ndb-path = "%s"\n' "$work/clones"; } >"$work/deny.toml"
    export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0="url.file://$copy.insteadOf" GIT_CONFIG_VALUE_0=https://github.com/RustSec/advisory-db
}

# It reads the manifests of crates for every system, of which a build here downloads only its own.
cargo fetch --locked --quiet
offline=(--offline)
config=deny.toml
if [ "$1" = advisories ]; then
    offline=()
    command -v git >/dev/null || apt_install git
    if [ -n "${ADVISORY_DB:-}" ]; then
        local_database "$(realpath -m "$ADVISORY_DB")"
        config="$work/deny.toml"
    fi
fi
cargo-deny "${offline[@]}" --config "$config" --log-level error --workspace --all-features check --hide-inclusion-graph "$@" || {
    say "cargo-deny found something, or could not look: see deny.toml for what is allowed"
    [ "$1" != advisories ] || say "without a network, ADVISORY_DB=folder names a copy of RustSec's advisory database"
    exit 1
}
