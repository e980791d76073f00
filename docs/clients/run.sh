#!/usr/bin/env bash
# Runs one of the clients beside this file, as their first lines say: run.sh php|node|python|go story USER, … call METHOD PATH, or
# … serve PORT.
# Installs the language, if need be.
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/env.sh"
here="$root/docs/clients" tools="$SAOMA_TOOLS/clients"
mkdir -p "$tools"
# The tests run at the same time: one installs, the others wait for it.
exec 9>"$tools/lock"
flock 9
case "$1" in
php)
    php -m 2>/dev/null | grep -qx curl || apt_install php-cli php-curl
    [ "$2" != serve ] || exec php -S "127.0.0.1:$3" "$here/saoma.php" 9>&-
    exec php "$here/saoma.php" "${@:2}" 9>&-
    ;;
node)
    need_node
    exec node "$here/saoma.mjs" "${@:2}" 9>&-
    ;;
python)
    command -v python3 >/dev/null || apt_install python3
    exec python3 "$here/saoma.py" "${@:2}" 9>&-
    ;;
go)
    command -v go >/dev/null || apt_install golang-go
    export GOCACHE="$tools/go" GOFLAGS=-mod=mod GO111MODULE=off
    [ "$tools/saoma-go" -nt "$here/saoma.go" ] || go build -o "$tools/saoma-go" "$here/saoma.go"
    exec "$tools/saoma-go" "${@:2}" 9>&-
    ;;
*) fail "which client? php, node, python or go" ;;
esac
