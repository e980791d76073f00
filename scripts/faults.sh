#!/usr/bin/env bash
# Every check that docs/faults.md names (`file::test`) is in the tree, and none of the thirty scenarios is missing.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$root"
wrong=0
complain() { say "docs/faults.md: $*"; wrong=1; }

for number in $(seq 30); do
    grep -q "^## $number\. " docs/faults.md || complain "scenario $number is missing"
done
names=$(grep -oE '`[a-z0-9_./-]+\.(rs|ts)::[^`]+`' docs/faults.md | tr -d '`' | sort -u)
[ -n "$names" ] || complain "no check is named"
while IFS= read -r name; do
    file=${name%%::*} test=${name#*::}
    case $file in
    *.rs) pattern="^ *(async )?fn $test\(" ;;
    *) pattern="test\(['\"\`]$test" ;;
    esac
    grep -qE "$pattern" "$file" 2>/dev/null || complain "there is no $name"
done <<<"$names"
exit $wrong
