#!/usr/bin/env bash
# nginx or Caddy with its file in packaging/, in front of a server on this machine, until it is killed:
# scripts/proxy.sh nginx|caddy FOLDER PORT PORT-OF-SAOMA. It listens without TLS on PORT, and keeps everything in FOLDER.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
folder=$2 port=$3 saoma=$4
unpacked "$1"
case $1 in
nginx)
    command -v openssl >/dev/null || apt_install openssl
    mkdir -p "$folder/logs"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=127.0.0.1 -days 2 \
        -keyout "$folder/privkey.pem" -out "$folder/fullchain.pem" 2>/dev/null
    sed -E "s#listen 80;#listen 127.0.0.1:$(free_port);#; s#listen 443 ssl;#listen 127.0.0.1:$(free_port) ssl; listen 127.0.0.1:$port;#
        s#/etc/letsencrypt/live/pay.example.com/#$folder/#; s#pay.example.com#127.0.0.1#; s#127.0.0.1:3000#127.0.0.1:$saoma#
        s#/var/log/nginx/#$folder/logs/#" "$root/packaging/nginx/saoma.conf" >"$folder/saoma.conf"
    printf 'daemon off; pid nginx.pid; error_log logs/error.log; events { worker_connections 4096; } http { access_log off; client_body_temp_path body;
        proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi; include saoma.conf; }\n' >"$folder/nginx.conf"
    nginx -p "$folder" -c nginx.conf -t 2>"$folder/said" || { cat "$folder/said" >&2; fail "nginx does not take its file"; }
    exec nginx -p "$folder" -c nginx.conf 2>/dev/null
    ;;
caddy)
    mkdir -p "$folder"
    export XDG_DATA_HOME="$folder/data" XDG_CONFIG_HOME="$folder/data"
    caddy validate --config "$root/packaging/caddy/Caddyfile" --adapter caddyfile >"$folder/said" 2>&1 ||
        { cat "$folder/said" >&2; fail "Caddy does not take its file"; }
    { printf '{\n\tadmin off\n}\n'; sed "s#^pay.example.com#http://127.0.0.1:$port#; s#127.0.0.1:3000#127.0.0.1:$saoma#" "$root/packaging/caddy/Caddyfile"; } >"$folder/Caddyfile"
    exec caddy run --config "$folder/Caddyfile" --adapter caddyfile 2>/dev/null
    ;;
esac
