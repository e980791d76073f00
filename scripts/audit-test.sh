#!/usr/bin/env bash
# What `make audit` does with an advisory database in a folder: an advisory about a crate in use stops it, one about a version
# that is not in use does not, and without a database it stops.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$root"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A made-up advisory: the crate, and the versions in which it is mended.
advisory() {
    mkdir -p "$work/$1/crates/$2"
    printf '```toml\n[advisory]\nid = "RUSTSEC-2026-9999"\npackage = "%s"\ndate = "2026-01-01"\n\n[versions]\npatched = [%s]\n```\n\n# Made up for a test\n\nNobody found this.\n' \
        "$2" "$3" >"$work/$1/crates/$2/RUSTSEC-2026-9999.md"
}
audit() { ADVISORY_DB="$work/$1" bash scripts/deny.sh advisories >"$work/said" 2>&1; }
wrong() { cat "$work/said" >&2; fail "make audit $*"; }

advisory found ring ''
advisory mended ring '">=0.0.1"'
mkdir "$work/empty"
if audit found; then wrong "passes with an advisory about a crate in use"; fi
grep -q RUSTSEC-2026-9999 "$work/said" && grep -q 'Made up for a test' "$work/said" || wrong "does not name the advisory"
audit mended || wrong "stops at an advisory about versions that are not in use"
for folder in empty missing; do
    if audit $folder; then wrong "passes without a database"; fi
    grep -q "no advisory database: ADVISORY_DB=$work/$folder" "$work/said" || wrong "does not say that there is no database"
done
# A clone whose last change is long ago.
advisory old serde '">=0.0.1"'
git -C "$work/old" init --quiet
git -C "$work/old" add crates
GIT_COMMITTER_DATE=2020-01-01T00:00:00Z git -C "$work/old" -c user.name=saoma -c user.email=saoma@localhost -c commit.gpgsign=false \
    commit --quiet --message old --date 2020-01-01T00:00:00Z
if audit old; then wrong "passes with a database of 2020"; fi
grep -q 'days old' "$work/said" || wrong "does not say how old the database is"
