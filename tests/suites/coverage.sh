#!/bin/bash
# every line of the core is reached by a test, and every branch but those argued in tests/coverage-argued
. "$(dirname "$0")/../../scripts/suite.sh"

# clang's source coverage of core/ in three builds: with atomic counters for what has threads; without, for what runs
# the core on its own atomics (inject, interleave) and is fast then; for 32 bits.  scripts/coverage.py puts them together.
# coverage.sh [STEM]: only core/STEM.c, which its own test must reach alone (tests/unit/test_STEM.c).
stem=${1:-}
folder=$WORK/coverage
pages=$BUILD/coverage
raw=$folder/raw
rm -rf "$raw"
mkdir -p "$folder" "$pages" "$raw" "$BUILD/logs" || exit 1
printf '[clang]\nsrc:*core/*\n' >"$folder/only-core"
instrument="'-fprofile-instr-generate', '-fcoverage-mapping', '-fprofile-list=$folder/only-core'" # meson's list: a path may have blanks
sed "s/^c = .*/c = ['clang', '--target=i686-linux-gnu']/" "$ROOT/scripts/i686.ini" >"$folder/i686.ini"
export CC=clang

# made NAME CONFIGURE-ARGUMENT... -- TARGET...: a build, or the end
made() {
	local name=$1 arguments=()
	shift
	while [ "$1" != -- ]; do
		arguments+=("$1")
		shift
	done
	shift
	if ! configure "$folder/$name" -Dtools=disabled -Dwerror=false "${arguments[@]}" || ! compile "$folder/$name" "$@"; then
		fail "build-$name" "see the log"
		exit 1
	fi
}

# run BUILD PROGRAM [ARGUMENT...]: its profile goes to the others of this build
run() {
	local build=$1 program=$2 status out=$folder/$1.out
	shift 2
	LLVM_PROFILE_FILE="$raw/$build-%p-$RANDOM.profraw" timeout --foreground --kill-after=10 600 \
		"$folder/$build/$program" "$@" >"$out" 2>&1
	status=$?
	printf -- '--- %s %s %s: %s\n' "$build" "$program" "$*" $status
	[ $status -eq 0 ] && return
	tail -n 30 "$out"
	fail "$(basename "$program")-$build" "ended with $status: $(grep -a -m 1 -E '^FAIL|ERROR' "$out" | cut -c 1-200)"
}

# exported BUILD PROGRAM...: what these programs, with this build's profiles, have reached
exported() {
	local build=$1 objects=() program
	shift
	for program in "${@:2}"; do
		objects+=(-object "$folder/$build/$program")
	done
	llvm-profdata merge -o "$folder/$build.profdata" "$raw/$build"-*.profraw &&
		llvm-cov export -instr-profile="$folder/$build.profdata" "$folder/$build/$1" "${objects[@]}" >"$folder/$build.json" &&
		return
	fail "export-$build" "no coverage of it"
	exit 1
}

core_units() { # those of the core and the home, by the lists in tests/unit/meson.build
	sed -n "/^core_stems = /,/\]/p; /^home_stems = /p" tests/unit/meson.build | grep -oE "'[a-z_]+'" | tr -d "'" | sed 's/^/test_/' |
		while read -r name; do [ -f "tests/unit/$name.c" ] && echo "$name"; done
}
mapfile -t units < <(core_units)
[ ${#units[@]} -gt 10 ] || fail units "tests/unit/meson.build has no lists"

report() { # EXPORT...: and what it says of them
	python3 scripts/coverage.py "$ROOT" tests/coverage-argued "$pages/index.html" "$@" >"$pages/coverage.txt" 2>&1
	status=$?
	cat "$pages/coverage.txt"
	if [ $status -eq 0 ]; then
		ok lines
		ok branches
	else
		fail all "$(grep -c '^FAIL' "$pages/coverage.txt") lines or branches, first: $(grep -m 1 -E '^FAIL|Error' "$pages/coverage.txt" | cut -c 1-200)"
	fi
	return $status
}

threads=(-Dtests=enabled -Doptimization=0 "-Dc_args=[$instrument, '-fprofile-update=atomic']" -Dc_link_args=-fprofile-instr-generate)
if [ -n "$stem" ]; then
	made threads "${threads[@]}" -- "tests/unit/test_$stem"
	run threads "tests/unit/test_$stem"
	exported threads "tests/unit/test_$stem"
	report --of "core/$stem.c" "$folder/threads.json"
	exit 0
fi
measure_threads() {
	made threads "${threads[@]}" -- all "${units[@]/#/tests/unit/}" tests/property/property tests/race/churn
	for name in "${units[@]}"; do
		run threads "tests/unit/$name"
	done
	run threads tests/property/property "$(short_or_long 100000 3000000)"
	run threads tests/race/churn "$(short_or_long 5 100)" 4
	exported threads liblabyrinth.so
}

measure_alone() {
	made alone -Dtests=enabled "-Dc_args=[$instrument]" -Dc_link_args=-fprofile-instr-generate -- tests/race/interleave tests/proof/inject
	run alone tests/proof/inject
	run alone tests/race/interleave --brief
	exported alone tests/proof/inject tests/race/interleave
}

measure_32_bits() {
	made 32-bits --cross-file "$folder/i686.ini" -Doptimization=0 -Dsmall_cmocka=true --default-library=static "-Dc_args=[$instrument]" \
		"-Dc_link_args=-static -fprofile-instr-generate" -- "${units[@]/#/tests/unit/}" tests/property/property
	if "$folder/32-bits/tests/unit/test_marks" >/dev/null 2>&1; then
		for name in "${units[@]}"; do
			run 32-bits "tests/unit/$name"
		done
		run 32-bits tests/property/property 100000
		exported 32-bits "${units[@]/#/tests/unit/}" tests/property/property
	else
		fail build-32-bits "this kernel runs no 32-bit programs: their lines are not measured"
	fi
}

rm -f "$folder"/{threads,alone,32-bits}.json
# Each works one processor most of the time.  (In processes of their own: one that cannot be built ends only itself, and is missed below.)
measure_threads &
(measure_alone)
(measure_32_bits)
wait

if report "$folder"/{threads,32-bits}.json --own-atomics "$folder/alone.json"; then
	sed -n 's/^covered: /machine: P1 P2 P3 P4 P5 P6 | coverage of core | /p' "$pages/coverage.txt" >"$WORK/coverage.line"
	machine_cases "suite coverage" "$WORK/coverage.line"
fi
exit 0
