#!/usr/bin/env bash
# Does what the book's pages say, with the real binary SAOMA (default: the debug build): install, the service, nginx and Caddy,
# backup and restore, upgrade, the fail2ban filter. A block that follows `<!-- run: NAME -->` is run as it stands, in its Chinese
# page; scripts/docs.sh looks that the English one has the same commands. Nothing outside a folder of its own is touched: the paths of the machine lead there, and `sudo`, `systemctl` and the like are
# played by scripts. WeChat is `saoma sandbox`.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$root"
binary=$(realpath "${SAOMA:-$CARGO_TARGET_DIR/debug/saoma}")
work=$(mktemp -d /tmp/saoma-docs.XXXXXX)
trap 'stop_all; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
for name in "${!SAOMA_@}"; do [ "$name" = SAOMA_TOOLS ] || unset "$name"; done
unset DATABASE_URL RUST_LOG

stop_all() { for pid in "$work"/*.pid; do [ -f "$pid" ] && kill "$(cat "$pid")" 2>/dev/null; done; return 0; }
wait_for() { for _ in $(seq 100); do curl -sf -o /dev/null "$1" && return; sleep 0.1; done; fail "nothing answers at $1"; }

# Sets `system`, the folder that stands for the machine's root, with what plays its commands.
machine() {
    system="$work/$1"
    mkdir -p "$system"/{bin,etc/systemd/system,etc/fail2ban/filter.d,etc/fail2ban/jail.d,usr/lib/sysusers.d,usr/local/bin,var/lib/saoma,tmp}
    cat >"$system/bin/sudo" <<'PLAYED'
#!/bin/sh
[ "$1" != -u ] || shift 2
exec "$@"
PLAYED
    # Owner and group need root.
    cat >"$system/bin/install" <<'PLAYED'
#!/bin/bash
all=()
while [ $# -gt 0 ]; do case $1 in -o | -g) shift 2 ;; *) all+=("$1"); shift ;; esac; done
exec /usr/bin/install "${all[@]}"
PLAYED
    cat >"$system/bin/systemctl" <<PLAYED
#!/bin/bash
cd "$system/var/lib/saoma"
stop() { [ ! -f "$work/service.pid" ] || { kill "\$(cat "$work/service.pid")"; tail -s 0.05 --pid="\$(cat "$work/service.pid")" -f /dev/null; rm "$work/service.pid"; }; }
case "\$*" in
"enable --now saoma" | "restart saoma" | "start saoma")
    stop
    held=()
    [ ! -f "$system/socket" ] || held=(bash "$root/scripts/activated.sh" "127.0.0.1:$port" "$system/activated")
    "\${held[@]}" "$system/usr/local/bin/saoma" serve --config "$system/etc/saoma/saoma.toml" >"$system/out" 2>>"$system/log" </dev/null &
    echo \$! >"$work/service.pid"
    for _ in \$(seq 100); do curl -sf -o /dev/null "http://127.0.0.1:$port/readyz" && exit; sleep 0.1; done
    cat "$system/log" >&2
    exit 1
    ;;
"stop saoma") stop ;;
"enable --now saoma.socket") touch "$system/socket" ;;
"enable --now saoma-backup.timer" | daemon-reload | "reload fail2ban") ;;
*) echo "systemctl \$*: not played" >&2; exit 1 ;;
esac
PLAYED
    printf '#!/bin/sh\ntail "%s/log"\n' "$system" >"$system/bin/journalctl"
    for command in chgrp systemd-sysusers; do printf '#!/bin/sh\n' >"$system/bin/$command"; done
    chmod +x "$system"/bin/*
}

# Runs a block of a page, with the machine's paths in `system`.
run() {
    local code
    code=$(python3 scripts/docs.py block "book/zh/src/$1.md" "$2")
    sed -E "s#(^|[ \"'=])/(etc|usr/local|usr/lib|var/lib|tmp)/#\1$system/\2/#g" <<<"$code" >"$work/block"
    PATH="$system/bin:$system/usr/local/bin:$PATH" bash -euo pipefail "$work/block" >"$work/said" 2>&1 ||
        { cat "$work/block" "$work/said" >&2; fail "the block $2 of $1.md failed"; }
}

# Opens the page and pays 10 yuan through what listens at `public`, and sees that WeChat's notice came in.
pay_by() {
    local token order credited
    token=$("$binary" user-token u1 --config "$system/etc/saoma/saoma.toml")
    curl -sfL -o /dev/null -c "$work/cookies" -b "$work/cookies" "$public/?u=$token" || { curl -siL -c "$work/cookies" -b "$work/cookies" "$public/?u=$token" | head -60 >&2; fail "no page is shown through $2"; }
    order=$(curl -sf "$public/wxpay/recharge" -d "u=$token" -d quantity=10)
    curl -sf -o /dev/null "http://127.0.0.1:$sandbox/control/pay" \
        --json "{\"code_url\": $(python3 -c 'import json, sys; print(json.dumps(json.loads(sys.argv[1])["code_url"]))' "$order")}"
    for _ in $(seq 50); do
        credited=$(curl -sf "http://127.0.0.1:$port/metrics" | awk '/^saoma_notices_total\{.*verdict="credited"/ { all += $2 } END { print all + 0 }')
        [ "$credited" -lt "$1" ] || return 0
        sleep 0.1
    done
    curl -s "http://127.0.0.1:$port/metrics" | grep notices >&2
    fail "no notice came in through $2"
}

for tool in curl openssl python3; do command -v $tool >/dev/null || apt_install $tool; done
need_node
unpacked nginx caddy
sandbox=$(free_port) port=$(free_port) proxy=$(free_port)
"$binary" sandbox --addr "127.0.0.1:$sandbox" --database "sqlite://$work/sandbox.db" >/dev/null 2>"$work/sandbox.log" &
echo $! >"$work/sandbox.pid"
wait_for "http://127.0.0.1:$sandbox/"
public="http://127.0.0.1:$proxy"

say "install"
machine machine
# In the binary's place, which has 170 MB as it is built for tests.
printf '#!/bin/sh\nexec "%s" "$@"\n' "$binary" >"$system/tmp/saoma"
run operators/install files
echo 192006250b4c09247ec02edce69f6a2d | run operators/install secrets
# What a merchant fills in.
sed -i -E "s#^public_url = .*#public_url = \"$public\"#; s#^wechat_appid = .*#wechat_appid = \"wxd930ea5d5a258f4f\"#
    s#^wechat_mch_id = .*#wechat_mch_id = \"10000100\"#; s#/(etc|var/lib)/saoma#$system/\1/saoma#" "$system/etc/saoma/saoma.toml"
printf 'addr = "127.0.0.1:%s"\nwechat_base_url = "http://127.0.0.1:%s"\n' "$port" "$sandbox" |
    cat - "$system/etc/saoma/saoma.toml" >"$system/etc/toml" && mv "$system/etc/toml" "$system/etc/saoma/saoma.toml" &&
    chmod 640 "$system/etc/saoma/saoma.toml"
run operators/install service

say "nginx, Caddy"
bash scripts/proxy.sh nginx "$system/nginx" "$proxy" "$port" &
echo $! >"$work/nginx.pid"
wait_for "$public/readyz"
pay_by 1 nginx
kill "$(cat "$work/nginx.pid")" && tail -s 0.05 --pid="$(cat "$work/nginx.pid")" -f /dev/null
rm "$work/nginx.pid"
! grep -q '?' "$system/nginx/logs/saoma.log" || fail "nginx logged a query"

bash scripts/proxy.sh caddy "$system/caddy" "$proxy" "$port" &
echo $! >"$work/caddy.pid"
wait_for "$public/readyz"
pay_by 2 Caddy

say "doctor, backup, upgrade, restore"
# A warning: no certificate is set, and so nothing can be refunded.
set +e
"$binary" doctor --json --config "$system/etc/saoma/saoma.toml" >"$work/doctor"
[ $? = 1 ] && python3 -c 'import json, sys; sys.exit(any(f["verdict"] == "bad" for f in json.load(open(sys.argv[1]))))' "$work/doctor" ||
    { cat "$work/doctor" >&2; fail "the doctor found more than that there is no certificate"; }
set -e
kill "$(cat "$work/caddy.pid")" && rm "$work/caddy.pid"
mkdir -p "$system/var/lib/saoma/backups"
run operators/backup backup
run operators/backup timer
run operators/upgrade upgrade
run operators/upgrade socket
grep -q 'a socket that was handed over' "$system/log" || { cat "$system/log" >&2; fail "saoma.socket was not used"; }
"$system/bin/systemctl" stop saoma
run operators/backup restore
run operators/backup check
grep -q '2 orders' "$work/said" || { cat "$work/said" >&2; fail "the restored database is another"; }

run operators/people fail2ban
"$system/bin/systemctl" start saoma
curl -s -o /dev/null -H "Origin: $public" -H "Host: 127.0.0.1:$proxy" -d 'name=admin&password=not-this-one' "http://127.0.0.1:$port/admin/login"
python3 scripts/docs.py banned "$system/etc/fail2ban/filter.d/saoma.conf" "$system/log" >"$work/said" && grep -qx 127.0.0.1 "$work/said" ||
    { tail -3 "$system/log" >&2; fail "the fail2ban filter does not read the line of a failed sign-in"; }
"$system/bin/systemctl" stop saoma

say "webhooks"
# The example that Standard Webhooks publishes, as it is, beside another's signature, and changed in each part.
cat >"$work/webhook.mjs" <<JS
import { verify } from '$root/book/snippets/webhook.mjs'
const [secret, id, time] = ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'msg_p5jXN8AQM9LWM0D4loKWxJek', '1614265330']
const [body, right] = ['{"test": 2432232314}', 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=']
const other = 'v1,' + Buffer.alloc(32).toString('base64')
const isTaken = (signatures, at = 0, text = body, name = id) => {
  Date.now = () => (Number(time) + at) * 1000
  const headers = { 'webhook-id': name, 'webhook-timestamp': time, 'webhook-signature': signatures }
  try { return verify(Buffer.from(text), headers, secret).test === 2432232314 } catch { return false }
}
const taken = [isTaken(right), isTaken(right, 300), isTaken(other + ' ' + right), isTaken(right + ' ' + other)]
const refused = [isTaken(other), isTaken(''), isTaken(undefined), isTaken(right.replace('v1', 'v2')), isTaken(right, 301), isTaken(right, -301),
  isTaken(right, 0, body + ' '), isTaken(right, 0, body, id + 'x')]
if (taken.includes(false) || refused.includes(true)) throw new Error(JSON.stringify({ taken, refused }))
JS
node "$work/webhook.mjs" || fail "the verification in book/snippets/webhook.mjs does not do what it should"

say "packaging"
if command -v systemd-analyze >/dev/null && systemd-analyze security --help 2>/dev/null | grep -q offline; then
    level=$(systemd-analyze security --offline=true packaging/systemd/saoma.service | sed -nE 's/.*saoma\.service: ([0-9.]+) .*/\1/p')
    python3 -c 'import sys; sys.exit(float(sys.argv[1]) > 2)' "$level" || fail "the unit's exposure is $level, more than 2.0"
fi
SAOMA="$binary" bash scripts/docs-commands.sh | diff -u book/commands.md - >&2 ||
    fail "book/commands.md is not what the commands say: bash scripts/docs-commands.sh > book/commands.md"
