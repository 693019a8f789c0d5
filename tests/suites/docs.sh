#!/bin/bash
# the README's and the documents' C examples compile and run; their commands work
. "$(dirname "$0")/../../scripts/suite.sh"
build "$BUILD" -Dtools=enabled -Dtests=enabled

place=$WORK/docs
rm -rf "$place"
mkdir -p "$place/here" || exit 1
# Commands run beside links to what a reader has in the folder; what they write stays there.
for entry in build traces include examples docs README.md; do
	[ -e "$ROOT/$entry" ] && ln -s "$ROOT/$entry" "$place/here/$entry"
done

# Each fenced block of C or shell as a file: NUMBER-DOCUMENT-LINE.c or .sh
python3 - "$place" README.md DESIGN.md SPEC.md CAVEATS.md core/README.md docs examples <<'PYTHON'
import pathlib, re, sys
place, count = pathlib.Path(sys.argv[1]), 0
for name in sys.argv[2:]:
    path = pathlib.Path(name)
    files = sorted(path.rglob("*.md")) if path.is_dir() else [path] if path.exists() else []
    for file in files:
        text = file.read_text()
        for block in re.finditer(r"^```(\w+)[^\n]*\n(.*?)^```", text, flags=re.S | re.M):
            kind = {"c": "c", "sh": "sh", "shell": "sh", "bash": "sh"}.get(block.group(1))
            if not kind:
                continue
            line = text.count("\n", 0, block.start()) + 1
            count += 1
            (place / ("%02d-%s-%d.%s" % (count, str(file).replace("/", "-"), line, kind))).write_text(block.group(2))
PYTHON

flags=(-std=gnu11 -Wall -Wextra -Werror -I"$ROOT/include")
libraries=("$BUILD/liblabyrinth.a" -pthread)
compile_c() { # a whole program, or a piece of one
	if grep -qE '\bmain *\(' "$1"; then
		gcc "${flags[@]}" -o "${1%.c}" "$1" "${libraries[@]}" && (cd "$place/here" && timeout 60 "${1%.c}")
	elif grep -q '^#include' "$1"; then
		gcc "${flags[@]}" -Wno-unused -c -o "${1%.c}.o" "$1"
	else # statements and declarations: anything but a syntax error
		sed '1i #include <labyrinth.h>\n#include <labyrinth/user.h>' "$1" >"$1.c"
		gcc "${flags[@]}" -Wno-unused -fsyntax-only "$1.c" || {
			printf '#include <labyrinth.h>\n#include <labyrinth/user.h>\n#include <stdio.h>\nextern struct labyrinth *lab;\nvoid piece(void);\nvoid piece(void)\n{\n'
			cat "$1"
			printf '}\n'
		} >"$1.c" && gcc "${flags[@]}" -Wno-unused -fsyntax-only "$1.c"
	fi
}
# ./run and ./test are what got us here; what records, installs or needs root is only read.
commands() {
	local line
	bash -n "$1" || return 1
	sed -e ':a;/\\$/{N;s/\\\n//;ba}' "$1" | while IFS= read -r line; do
		line=${line#\$ }
		case $line in
		'' | '#'* | *sudo* | *apt-get* | ./run* | ./test* | git\ * | cd\ *) ;;
		build/labyrinth* | ./build/labyrinth* | cc\ * | gcc\ *)
			printf '$ %s\n' "$line"
			(cd "$place/here" && PKG_CONFIG_PATH=$BUILD/meson-uninstalled timeout 300 bash -c "$line" </dev/null) || {
				printf 'ended with %s\n' $?
				exit 1
			}
			;;
		esac
	done
}
found=
for file in "$place"/*.c "$place"/*.sh; do
	[ -f "$file" ] || continue
	case $file in *.c.c) continue ;; esac
	found=1
	name=$(basename "$file")
	printf -- '--- %s\n' "$name"
	if case $file in *.c) compile_c "$file" ;; *) commands "$file" ;; esac; then
		ok "$name"
	else
		fail "$name" "see the log"
	fi
done
[ -n "$found" ] || fail examples "no document has a block of C or shell"
exit 0
