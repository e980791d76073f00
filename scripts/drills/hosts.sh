#!/usr/bin/env bash
# Two hosts for PostgreSQL, `a` and `b`, each with a network of its own (a namespace), and haproxy in front of them, which leads to the
# one that takes writes. All of it is gone with the command.
#   hosts.sh with COMMAND [ARGUMENT…]       runs a command in a network that has them: haproxy is on 127.0.0.1:5432
#   hosts.sh on HOST WHAT FOLDER [OTHER]    scripts/cluster.sh WHAT on a host; `copy` from the host OTHER
#   hosts.sh cut HOST                       no packet comes or goes any more, and nobody is told
#   hosts.sh mend HOST
# The last three work within the first only.
source "$(dirname "${BASH_SOURCE[0]}")/../env.sh"
address() { case $1 in a) echo 10.77.1.2 ;; b) echo 10.77.2.2 ;; esac; }
gateway() { case $1 in a) echo 10.77.1.1 ;; b) echo 10.77.2.1 ;; esac; }
on() { ip netns exec "saoma-$1" "${@:2}"; }

# What a client of PostgreSQL sends first, and what a server says to it that takes writes. (A parameter that servers from 14 on report.)
hello() { python3 -c 'import struct; said = b"user\0saoma\0database\0saoma\0\0"; print((struct.pack("!ii", len(said) + 8, 196608) + said).hex())'; }
primary() { printf 'in_hot_standby\0off\0' | od -An -tx1 -v | tr -d ' \n'; }

case $1 in
with)
    [ "$(id -u)" = 0 ] || fail "networks of the drill's own need root"
    for tool in ip:iproute2 unshare:util-linux python3:python3; do
        command -v "${tool%:*}" >/dev/null || apt_install "${tool#*:}"
    done
    unpacked haproxy
    exec unshare --net --mount bash "${BASH_SOURCE[0]}" inside "${@:2}"
    ;;
inside)
    mount --make-rprivate /
    mkdir -p /run/netns
    mount -t tmpfs none /run/netns
    ip link set lo up
    echo 1 >/proc/sys/net/ipv4/ip_forward
    for host in a b; do
        ip netns add "saoma-$host"
        ip link add "to-$host" type veth peer name eth netns "saoma-$host"
        ip address add "$(gateway $host)/30" dev "to-$host"
        ip link set "to-$host" up
        on "$host" ip link set lo up
        on "$host" ip address add "$(address $host)/30" dev eth
        bash "${BASH_SOURCE[0]}" mend $host
    done
    folder=$(mktemp -d /tmp/saoma-haproxy.XXXXXX)
    # No `on-marked-down shutdown-sessions`, which would tell the program at once that a host is gone.
    cat >"$folder/haproxy.cfg" <<CONFIG
global
    maxconn 2000
defaults
    mode tcp
    retries 2
    option redispatch
    timeout connect 2s
    timeout client 30m
    timeout server 30m
    timeout check 1s
listen postgresql
    bind 127.0.0.1:5432
    option tcp-check
    tcp-check connect
    tcp-check send-binary $(hello)
    tcp-check expect binary $(primary)
    default-server check inter 500ms fall 2 rise 1
    server a $(address a):5432
    server b $(address b):5432
CONFIG
    haproxy -db -q -f "$folder/haproxy.cfg" &
    proxy=$!
    trap 'kill $proxy; rm -rf "$folder"' EXIT
    "${@:2}"
    ;;
on)
    export LISTEN PRIMARY
    LISTEN=$(address "$2") PRIMARY=$(address "${5:-$2}")
    on "$2" bash "$root/scripts/cluster.sh" "$3" "$4" 5432 5432
    ;;
cut) on "$2" ip link set eth down ;;
mend)
    on "$2" ip link set eth up
    on "$2" ip route replace default via "$(gateway "$2")"
    ;;
esac
