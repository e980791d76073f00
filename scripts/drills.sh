#!/usr/bin/env bash
# The long drills: scripts/drills.sh [failovers] [restarts] [proxies] [versions] [release], all of them without an argument. FAILOVERS, RESTARTS
# and REQUESTS (for each proxy) say how long; PROXY=nginx|caddy tries only one. What each came to is appended to docs/drills.md, with its date, commit and command.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$root"
cargo=(cargo test --locked --workspace --exclude frontend --features "$all_features,server/drills" --test faults)
export FAILOVERS="${FAILOVERS:-40}" RESTARTS="${RESTARTS:-100}" REQUESTS="${REQUESTS:-1000000}"

# drill NAME VARIABLE TEST COMMAND…: runs one test by the command and writes down what it came to.
drill() {
    local figures commit asked
    figures=$(mktemp)
    asked="make drills DRILL=$1${2:+ $2=${!2:-}}"
    [ "$1" != proxies ] || asked="$asked${PROXY:+ PROXY=$PROXY}"
    commit=$(git rev-parse --short HEAD)
    git diff --quiet HEAD -- . ':!docs/drills.md' || commit="$commit and changes"
    say "$asked"
    DRILL_FIGURES="$figures" "${@:4}" "${cargo[@]}" -- --nocapture "$3"
    [ -s "$figures" ] || fail "$1 said nothing of what it came to"
    echo "| $(date +%F) | $commit | \`$asked\` | $(cat "$figures") |" >>docs/drills.md
    rm "$figures"
}

# The program of the last release that CHANGELOG.md names, built in a work tree of its own; sets PAST.
past() {
    local commit folder tree
    commit=$(sed -nE 's/^Commit: `([0-9a-f]{40})`$/\1/p' CHANGELOG.md | head -1)
    [ -n "$commit" ] || fail "CHANGELOG.md names no commit of a release"
    folder="$CARGO_TARGET_DIR/past" tree="$CARGO_TARGET_DIR/past/tree"
    export PAST="$folder/saoma-$commit"
    [ ! -x "$PAST" ] || return 0
    say "building the last release, $commit"
    git worktree remove --force "$tree" 2>/dev/null || true
    git worktree add --force --detach "$tree" "$commit" >&2
    mkdir -p "$tree/site"
    # With types erased it compiles in a fraction of the time.
    (cd "$tree" && CARGO_TARGET_DIR="$folder/target" CARGO_ENCODED_RUSTFLAGS=$'--cfg\x1ferase_components' cargo build --locked -p server)
    cp "$folder/target/debug/saoma" "$PAST"
    git worktree remove --force "$tree"
}

"${cargo[@]}" --no-run
[ $# -gt 0 ] || set -- failovers restarts proxies versions release
for name in "$@"; do
    case $name in
    failovers) drill failovers FAILOVERS drills::failover bash scripts/drills/hosts.sh with ;;
    restarts) drill restarts RESTARTS restarts:: ;;
    proxies) drill proxies REQUESTS drills::proxies ;;
    release) bash scripts/drills/release.sh ;;
    versions)
        past
        drill versions "" drills::versions bash scripts/postgres.sh
        ;;
    *) fail "there is no drill $name" ;;
    esac
done
