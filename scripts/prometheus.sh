#!/usr/bin/env bash
# Checks the alerts and the dashboard in ops/: promtool reads the rules and runs their tests, and a Prometheus that watches a
# sandbox finds something for every panel. scripts/prometheus.sh [rules] stops after promtool.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$root"

# Debian's package starts a service when it is installed, so that only its programs are taken out of it.
programs="$SAOMA_TOOLS/prometheus"
if ! { command -v promtool && command -v prometheus; } >/dev/null && [ ! -x "$programs/usr/bin/promtool" ]; then
    command -v apt-get >/dev/null || fail "please install prometheus with promtool"
    say "fetching prometheus"
    mkdir -p "$programs"
    (cd "$programs" && { apt-get download -qq prometheus || { apt-get update -qq && apt-get download -qq prometheus; }; } >&2)
    dpkg-deb -x "$programs"/prometheus_*.deb "$programs"
    rm "$programs"/prometheus_*.deb
fi
export PATH="$PATH:$programs/usr/bin"

say "alert rules"
promtool check rules ops/prometheus/saoma.rules.yml >/dev/null
promtool test rules ops/prometheus/saoma.rules.test.yml >/dev/null
promtool check config --syntax-only ops/prometheus/prometheus.yml >/dev/null
[ "${1:-}" != rules ] || exit 0
say "what the dashboard shows of a sandbox"
need_node
node "$root/scripts/prometheus.mjs" "${SAOMA_BIN:-$CARGO_TARGET_DIR/debug/saoma}" "$root/ops"
