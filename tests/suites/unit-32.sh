#!/bin/bash
# the core, the home, unit and property tests for 32 bits (i686)
. "$(dirname "$0")/../../scripts/suite.sh"

# unit-32.sh [STEM]: only tests/unit/test_STEM.c.
# Linked statically: no 32-bit libraries need be installed.  An x86-64 kernel runs them; else qemu-i386.
printf 'int main(void) { return 0; }\n' >"$WORK/true.c"
i686-linux-gnu-gcc -static -o "$WORK/true-i686" "$WORK/true.c" || { fail compiler "i686-linux-gnu-gcc does not work"; exit 1; }
if "$WORK/true-i686" 2>/dev/null; then
	emulator=()
elif command -v qemu-i386 >/dev/null; then
	emulator=(qemu-i386)
else
	skip machine "this kernel runs no 32-bit programs, and there is no qemu-i386"
	exit 0
fi
how=(--cross-file "$ROOT/scripts/i686.ini" -Dtools=disabled -Dsmall_cmocka=true --default-library=static)
if [ -n "${1:-}" ]; then
	if configure "$WORK/i686" "${how[@]}" && compile "$WORK/i686" "tests/unit/test_$1"; then
		check_cmocka "$1" 300 "${emulator[@]}" "$WORK/i686/tests/unit/test_$1"
	else
		fail build "see the log"
	fi
	exit 0
fi
build "$WORK/i686" "${how[@]}"
check_units "$WORK/i686" "${emulator[@]}" | tee "$WORK/unit-32.out"
printf 'machine: P1 P2 P3 P4 P5 P6 | unit tests, 32 bits | %s\n' "$(grep -ac '^ok ' "$WORK/unit-32.out")" >"$WORK/unit-32.line"
grep -a '^FAIL' "$WORK/unit-32.out" >>"$WORK/unit-32.line"
machine_cases 'suite unit-32' "$WORK/unit-32.line"
for test in "$WORK"/i686/tests/property/*; do
	[ -f "$test" ] && [ -x "$test" ] &&
		check "$(basename "$test")" 600 "${emulator[@]}" "$test" "$(short_or_long 1000000 10000000)"
done
exit 0
