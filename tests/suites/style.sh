#!/bin/bash
# files of at most 500 lines, functions of at most 60; clang-format is asked for information only
. "$(dirname "$0")/../../scripts/suite.sh"

long_files() { find core homes tools -name '*.[ch]' -exec awk 'END { if (NR > 500) { print FILENAME ": " NR " lines"; exit 1 } }' {} \; ; }
# In this style a function's braces stand alone in the first column.
long_functions() {
	find core homes tools -name '*.c' -print0 | xargs -0 awk '
		FNR == 1 { start = 0 }
		/^{/ { start = FNR }
		/^}/ && start { if (FNR - start - 1 > 60) printf "%s:%d: a function of %d lines\n", FILENAME, start, FNR - start - 1; start = 0 }'
}
none() {
	local found
	found=$("$1")
	[ -z "$found" ] && return 0
	printf '%s\n' "$found"
	return 1
}
check file-length 60 bash -c "$(declare -f long_files none); none long_files"
check function-length 60 bash -c "$(declare -f long_functions none); none long_functions"
licence() { find core homes tools include bench tests -name '*.[ch]' -print0 | xargs -0 grep -L 'SPDX-License-Identifier: MIT'; }
check licence 60 bash -c "$(declare -f licence none); none licence"
if command -v clang-format >/dev/null; then
	find core homes tools include -name '*.[ch]' -print0 | xargs -0 clang-format --dry-run 2>&1 | grep -c 'warning:' |
		sed 's/$/ places that clang-format would set otherwise (for information)/'
fi
exit 0
