#!/bin/bash
# scripts/steps-table.sh [--check] [PROGRAM]    (build/tests/proof/steps)
#
# Writes the table of bounds into SPEC.md, between its markers, as the program prints it; --check only compares.
set -u
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P) || exit 1
check=
if [ "${1:-}" = --check ]; then
	check=1
	shift
fi
case ${1:-} in -*) printf 'usage: %s [--check] [PROGRAM]\n' "$0" >&2; exit 2 ;; esac
program=${1:-$ROOT/build/tests/proof/steps}
spec=$ROOT/SPEC.md
table=$(mktemp) && new=$(mktemp) || exit 1
trap 'rm -f "$table" "$new"' EXIT

"$program" --spec >"$table" || { printf '%s does not print it\n' "$program"; exit 1; }
if [ "$(grep -c '^<!-- steps: begin -->$' "$spec")" != 1 ] || [ "$(grep -c '^<!-- steps: end -->$' "$spec")" != 1 ]; then
	printf 'SPEC.md has not one pair of markers\n'
	exit 1
fi
awk -v table="$table" '
	/^<!-- steps: begin -->$/ { while ((getline line < table) > 0) print line; inside = 1 }
	!inside { print }
	/^<!-- steps: end -->$/ { inside = 0 }' "$spec" >"$new"
if cmp -s "$spec" "$new"; then
	exit 0
elif [ -n "$check" ]; then
	diff -u "$spec" "$new"
	printf 'FAIL SPEC.md: its table of bounds is not the one of tests/proof/steps_bounds.h: scripts/steps-table.sh writes it\n'
	exit 1
fi
cat "$new" >"$spec"
