#!/usr/bin/env bash
# Makes sure that there is a Chromium with Chinese letters for the browser tests, and prints where it is.
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
find_chromium
