#!/usr/bin/env bash
# cargo with the compiler and the folders of this project.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$root"
exec cargo "$@"
