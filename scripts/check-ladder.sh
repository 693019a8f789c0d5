#!/bin/bash
# check-ladder.sh CORE-FOLDER OBJECT-FOLDER
#
# core/README.md has the ladder in a block that begins with ```ladder: a line a rung, the topmost first, the
# files of a rung by their stems.  A file may include headers of its own stem and of lower rungs only, and
# call functions of lower rungs only.  A line a breach; exit 1 if any.
set -u
core=$1 objects=$2
ladder=$(sed -n '/^```ladder/,/^```$/{/^```/d;p}' "$core/README.md" 2>/dev/null)
if [ -z "$ladder" ]; then
	echo "core/README.md has no block \`\`\`ladder"
	exit 1
fi
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

printf '%s\n' "$ladder" | awk '{ for (i = 1; i <= NF; i++) print $i, NR }' >"$work/rungs"
rung() { awk -v stem="$1" '$1 == stem { print $2 }' "$work/rungs"; }

status=0
breach() {
	printf '%s\n' "$1"
	status=1
}

for file in "$core"/*.c "$core"/*.h; do
	stem=$(basename "$file") stem=${stem%.*}
	own=$(rung "$stem")
	[ -n "$own" ] || { breach "$stem is not on the ladder"; continue; }
	for header in $(sed -nE 's/^#include "([a-z0-9_]+)\.h"/\1/p' "$file"); do
		[ "$header" = "$stem" ] && continue
		below=$(rung "$header")
		[ -n "$below" ] && [ "$below" -gt "$own" ] || breach "$(basename "$file") includes $header.h, which is not below it"
	done
done

# Calls: who defines what, who wants what.
for object in "$objects"/*.o; do
	stem=$(basename "$object" .c.o)
	nm "$object" | awk -v stem="$stem" '$2 ~ /^[TDBRVW]$/ { print $3, stem }' >>"$work/defines"
	nm -u "$object" | awk -v stem="$stem" '{ print $2, stem }' >>"$work/wants"
done
while read -r symbol caller; do
	callee=$(awk -v symbol="$symbol" '$1 == symbol { print $2 }' "$work/defines")
	[ -n "$callee" ] && [ "$callee" != "$caller" ] || continue
	above=$(rung "$caller") below=$(rung "$callee")
	[ -n "$above" ] && [ -n "$below" ] && [ "$below" -gt "$above" ] ||
		breach "$caller.c calls $symbol of $callee.c, which is not below it"
done <"$work/wants"
exit $status
