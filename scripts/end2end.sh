#!/usr/bin/env bash
# The real server with its sandbox in a real browser. Arguments go to `playwright test`.
# It takes the binary that `cargo test` has just built (SAOMA_BIN), so that nothing is compiled a second time.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
need_node
# Both, because only the whole one refuses the cookies of other sites.
SAOMA_CHROMIUM=$(bash "$root/scripts/chromium.sh")
SAOMA_CHROMIUM_SHELL=$(bash "$root/scripts/chromium.sh" shell)
export SAOMA_CHROMIUM SAOMA_CHROMIUM_SHELL
export SAOMA_BIN="${SAOMA_BIN:-$CARGO_TARGET_DIR/debug/saoma}"
cd "$root/end2end"
stamp="$SAOMA_TOOLS/end2end.stamp"
locked=$(sha256sum package-lock.json; pwd)
if [ ! -d node_modules ] || [ "$(cat "$stamp" 2>/dev/null)" != "$locked" ]; then
    say "fetching Playwright"
    PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --ignore-scripts --silent --no-audit --no-fund >&2
    echo "$locked" >"$stamp"
fi
# The site of examples/pay-per-use has its one dependency beside it.
example="$root/examples/pay-per-use"
if [ ! -d "$example/node_modules" ]; then (cd "$example" && npm ci --ignore-scripts --silent --no-audit --no-fund >&2); fi
exec npx --no-install playwright test "$@"
