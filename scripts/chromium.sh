#!/usr/bin/env bash
# Makes sure that there is a Chromium with Chinese letters for the browser tests, and prints where it is. scripts/chromium.sh shell
# prints Chromium's headless shell instead, where the system has a package of it: the same engine without windows, which takes less
# processor time. It knows no settings of a profile, such as that other sites' cookies are refused.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
find_chromium() { command -v chromium || command -v chromium-browser || command -v google-chrome || true; }
missing=()
[ -n "$(find_chromium)" ] || missing+=(chromium)
if command -v fc-list >/dev/null; then
    [ -n "$(fc-list :lang=zh family | head -1)" ] || missing+=(fonts-noto-cjk)
else
    missing+=(fontconfig fonts-noto-cjk)
fi
[ ${#missing[@]} = 0 ] || apt_install "${missing[@]}"
if [ "${1:-}" = shell ]; then
    has_package() { command -v apt-get >/dev/null && [ -n "$(apt-cache madison chromium-headless-shell 2>/dev/null)" ]; }
    if ! command -v chromium-headless-shell >/dev/null && has_package; then
        apt_install chromium-headless-shell || say "going on with the whole Chromium"
    fi
    command -v chromium-headless-shell && exit
fi
find_chromium
