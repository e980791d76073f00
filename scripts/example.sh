#!/usr/bin/env bash
# Runs examples/pay-per-use beside a Saoma in sandbox mode (as `make run`), with a key and a webhook endpoint of its own, and stops
# both together. KEEP=site: the example keeps its users' balances itself.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
need_node
cd "$root/examples/pay-per-use"
[ -d node_modules ] || npm ci --ignore-scripts --silent --no-audit --no-fund >&2
port="${PORT:-4000}"
export SITE_URL="http://127.0.0.1:$port" SAOMA_URL="http://127.0.0.1:3000"

SAOMA_FRAME_ANCESTORS="$SITE_URL" SAOMA_SITE_URL="$SITE_URL" bash "$root/scripts/run.sh" &
desk=$!
trap 'kill $desk 2>/dev/null; wait' EXIT
until curl -sf -o /dev/null "$SAOMA_URL/healthz"; do
    kill -0 $desk 2>/dev/null || fail "Saoma did not start"
    sleep 0.5
done

saoma=$(ls -t "$CARGO_TARGET_DIR"/*/debug/saoma "$CARGO_TARGET_DIR/debug/saoma" 2>/dev/null | head -1)
scopes=sessions:write,balances:read,spend:write,webhooks:write
cd "$root"
SAOMA_KEY=$("$saoma" key create pay-per-use --scopes $scopes 2>/dev/null || "$saoma" key rotate pay-per-use --keep-old 0 2>/dev/null)
export SAOMA_KEY
api() { curl -sf -X "$1" "$SAOMA_URL/api/v1$2" -H "Authorization: Bearer $SAOMA_KEY" -H "Content-Type: application/json" "${@:3}"; }
field() { node -e 'const all = JSON.parse(require("fs").readFileSync(0)); console.log(process.argv.slice(1).reduce((v, f) => v?.[f], all) ?? "")' "$@"; }
# The secret is shown only when it is made: whatever was left of an earlier run goes.
while old=$(api GET /webhook_endpoints | field data 0 id) && [ -n "$old" ]; do api DELETE "/webhook_endpoints/$old" >/dev/null; done
types='"recharge.paid", "recharge.paid_late", "recharge.refund_requested", "recharge.refund_failed", "recharge.refunded"'
SAOMA_WEBHOOK_SECRET=$(api POST /webhook_endpoints -d "{\"url\": \"$SITE_URL/hooks/saoma\", \"types\": [$types]}" | field secret)
export SAOMA_WEBHOOK_SECRET PORT="$port"
[ -n "$SAOMA_WEBHOOK_SECRET" ] || fail "no webhook endpoint could be made"

say "the example: $SITE_URL    Saoma: $SAOMA_URL"
node "$root/examples/pay-per-use/server.mjs"
