#!/bin/bash
# ASan and UBSan (clang) over unit and property tests; TSan (clang, gcc) over the races
. "$(dirname "$0")/../../scripts/suite.sh"
export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:allocator_may_return_null=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export TSAN_OPTIONS=halt_on_error=1

export CC=clang
build "$WORK/asan" -Dtools=enabled -Dtests=enabled -Db_sanitize=address,undefined -Db_lundef=false
check_units "$WORK/asan"
check property "$(short_or_long 300 3600)" "$WORK/asan/tests/property/property" "$(short_or_long 300000 10000000)"
check race-asan "$(short_or_long 300 3600)" "$WORK/asan/tests/race/churn" "$(short_or_long 10 500)" 4
check vaults-asan "$(short_or_long 300 3600)" "$WORK/asan/tests/race/vault_threads" "$(short_or_long 10 500)" 4

check replay 400 "$WORK/asan/labyrinth" replay traces/network-rx.ftrace.xz --memory 1.05x --json "$WORK/asan.json" \
	--map "$WORK/asan.svg"

# TSan wants its memory map; newer kernels randomize addresses more than it can bear.
tsan() {
	local name=$1 folder=$2 still=()
	printf 'int main(void) { return 0; }\n' >"$WORK/true.c"
	$CC -fsanitize=thread -o "$WORK/true-tsan" "$WORK/true.c" || { fail "$name" "$CC has no TSan"; return; }
	if ! "$WORK/true-tsan" >/dev/null 2>&1; then
		still=(setarch -R)
		if ! "${still[@]}" "$WORK/true-tsan"; then
			skip "$name" "TSan cannot start on this kernel"
			return
		fi
	fi
	build "$folder" -Dtools=disabled -Dtests=enabled -Db_sanitize=thread -Db_lundef=false
	check "$name" "$(short_or_long 400 3600)" "${still[@]}" "$folder/tests/race/churn" "$(short_or_long 5 200)" 4
	check "$name-vaults" "$(short_or_long 400 3600)" "${still[@]}" "$folder/tests/race/vault_threads" "$(short_or_long 5 200)" 4
}
tsan race-tsan "$WORK/tsan"
if [ -n "$LONG" ]; then
	export CC=gcc
	tsan race-tsan-gcc "$WORK/tsan-gcc"
fi
exit 0
