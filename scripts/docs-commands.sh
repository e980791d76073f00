#!/usr/bin/env bash
# Prints the help of every command of the binary SAOMA (default: the debug build), for book/commands.md.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
binary=$(realpath "${SAOMA:-$CARGO_TARGET_DIR/debug/saoma}")
# Help names the program as it was called.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
ln -s "$binary" "$folder/saoma"
cd "$folder"

show() {
    printf '## `saoma%s`\n\n```text\n' "${1:+ $1}"
    # -h of `serve` lists no settings: they have a page of their own.
    # shellcheck disable=SC2086
    ./saoma ${1:-} -h </dev/null 2>/dev/null | sed 's/[[:space:]]*$//'
    printf '```\n\n'
}
subcommands() { ./saoma $1 -h </dev/null 2>/dev/null | sed -n '/^Commands:/,/^$/p' | sed -nE 's/^  ([a-z][a-z-]*) .*/\1/p' | grep -vx help || true; }

show ""
for command in $(subcommands ""); do
    show "$command"
    for action in $(subcommands "$command"); do show "$command $action"; done
done
