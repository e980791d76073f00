#!/usr/bin/env bash
# Every check that docs/faults.md and docs/asvs.md name (`file::test`) is in the tree, and none of the thirty scenarios is missing.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$root"
wrong=0
complain() { say "$*"; wrong=1; }

for number in $(seq 30); do
    grep -q "^## $number\. " docs/faults.md || complain "docs/faults.md: scenario $number is missing"
done
for page in docs/faults.md docs/asvs.md; do
    names=$(grep -oE '`[a-z0-9_./-]+\.(rs|ts)::[^`]+`' $page | tr -d '`' | sort -u)
    [ -n "$names" ] || complain "$page: no check is named"
    while IFS= read -r name; do
        file=${name%%::*} test=${name#*::}
        case $file in
        *.rs) pattern="^ *(async )?fn $test\(" ;;
        *) pattern="test\(['\"\`]$test" ;;
        esac
        grep -qE "$pattern" "$file" 2>/dev/null || complain "$page: there is no $name"
    done <<<"$names"
done
exit $wrong
