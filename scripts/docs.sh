#!/usr/bin/env bash
# The book in book/, in Chinese and English:
#   docs.sh            builds both and serves them on http://127.0.0.1:8000 (PORT=n)
#   docs.sh build      builds them into target/book
#   docs.sh check      builds them, and looks that both have the same tree, that all links inside lead somewhere, and that each
#                      name of the code that needs a page has one
# Lists that the code has (errors, log lines, checks of the doctor) are written from the code at each build. mdBook is installed once, at the version and with the checksums in book/requirements.txt.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$root"

install_mdbook() {
    export PATH="$SAOMA_TOOLS/book/bin:$PATH"
    python_wheels "$SAOMA_TOOLS/book" book/requirements.txt mdBook
}

build() {
    install_mdbook
    python3 scripts/docs.py generate
    local language log
    for language in zh en; do
        rm -rf "target/book/$language"
        log=$(mdbook build "book/$language" 2>&1) || { echo "$log" >&2; fail "the book in $language cannot be built"; }
        # An include that finds nothing is only a line of mdBook's log.
        ! grep -E 'ERROR|WARN' <<<"$log" >&2 || fail "the book in $language is not whole"
    done
    cp book/index.html target/book/index.html
}

case "${1:-serve}" in
build) build ;;
check)
    build
    python3 scripts/docs.py check target/book
    ;;
serve)
    build
    say "the book: http://127.0.0.1:${PORT:-8000}"
    exec python3 -m http.server --bind 127.0.0.1 --directory target/book "${PORT:-8000}" >/dev/null 2>&1
    ;;
*) fail "docs.sh build, check or serve" ;;
esac
