#!/bin/bash
# check-symbols.sh BUILD-FOLDER INCLUDE-FOLDER CORE-FOLDER
#
# What the linked core wants from outside is exactly what core/port.h declares, and memset/memcpy; what the
# shared library shows is exactly what the headers mark LAB_API.  A line a difference; exit 1 if any.
set -u
build=$1 include=$2 core=$3
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# Names that a header declares with LAB_API, comments gone.
python3 - "$include" >"$work/api" <<'PYTHON'
import pathlib, re, sys
for header in sorted(pathlib.Path(sys.argv[1]).rglob("*.h")):
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", header.read_text(), flags=re.S)
    text = re.sub(r"^[ \t]*#[^\n]*(\\\n[^\n]*)*", "", text, flags=re.M)
    for declaration in re.findall(r"\bLAB_API\b([^;{]*)[;{]", text):
        name = re.search(r"(\w+)\s*\(", declaration) or re.search(r"(\w+)\s*(\[[^]]*\])?\s*$", declaration)
        print(name.group(1))
PYTHON
sort -u -o "$work/api" "$work/api"
[ -s "$work/api" ] || { echo "no LAB_API declaration found in $include"; exit 1; }

sed 's|/\*.*\*/||' "$core/port.h" | grep -oE '\blab_port_[a-z0-9_]+ *\(' | tr -d ' (' | sort -u >"$work/port"

ld -r -o "$work/core.o" --whole-archive "$build/core/liblabyrinth-core.a" 2>"$work/ld" ||
	ld -r -o "$work/core.o" "$build"/core/liblabyrinth-core.a.p/*.o || exit 1
nm -u "$work/core.o" | awk '{ print $NF }' | grep -vxE 'memset|memcpy|_GLOBAL_OFFSET_TABLE_' | sort -u >"$work/wanted"
nm -D --defined-only "$build/liblabyrinth.so.0" | awk '{ print $NF }' | sort -u >"$work/shown"

status=0
differ() { # WHAT FILE FILE
	local lines
	lines=$(comm "$4" "$2" "$3") && [ -n "$lines" ] || return 0
	printf '%s: %s\n' "$1" "$(printf '%s' "$lines" | tr -s '\n\t' '  ')"
	status=1
}
differ "the core wants, and port.h does not declare" "$work/wanted" "$work/port" -23
differ "port.h declares, and the core does not want" "$work/wanted" "$work/port" -13
differ "the shared library shows, and no header marks LAB_API" "$work/shown" "$work/api" -23
differ "a header marks LAB_API, and the shared library does not show" "$work/shown" "$work/api" -13
exit $status
