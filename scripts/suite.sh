# Sourced by tests/suites/*.sh: how a suite says what it found.  ROOT, BUILD and LONG come from ./test.
# shellcheck shell=bash
set -u
SUITE=$(basename "$0" .sh)
: "${ROOT:?run me by ./test $SUITE}" "${BUILD:?}" "${LONG=}"
cd "$ROOT" || exit 1
. "$ROOT/scripts/setup.sh"
WORK=$BUILD/suites
mkdir -p "$WORK"
# What machines say of themselves, for the proof's table; begun anew by each run of the suite.
CASES=$WORK/proof.$SUITE
printf 'run: %s\n' "${RUN:-by itself}" >"$CASES"

ok() { printf 'ok %s/%s\n' "$SUITE" "$1"; }
fail() { printf 'FAIL %s/%s: %s\n' "$SUITE" "$1" "$2"; }
skip() { printf 'SKIP %s/%s: %s\n' "$SUITE" "$1" "$2"; }

# short_or_long SHORT LONG
short_or_long() { [ -n "$LONG" ] && printf '%s' "$2" || printf '%s' "$1"; }

# check NAME SECONDS COMMAND...: one case, judged by its exit status
check() {
	local name=$1 seconds=$2 status out=$WORK/$SUITE.$1.check
	shift 2
	printf -- '--- %s: %s\n' "$name" "$*"
	timeout --foreground --kill-after=10 "$seconds" "$@" >"$out" 2>&1
	status=$?
	cat "$out"
	case $status in
	0) ok "$name" ;;
	124 | 137) fail "$name" "not done after $seconds s" ;;
	*) fail "$name" "$(grep -a -m 1 -E '^FAIL|ERROR: |WARNING: |runtime error' "$out" | cut -c 1-200 || true) (ended with $status)" ;;
	esac
	return $status
}

# check_cmocka NAME SECONDS COMMAND...: a case a test function
check_cmocka() {
	local name=$1 seconds=$2 status out=$WORK/$SUITE.cmocka
	shift 2
	printf -- '--- %s: %s\n' "$name" "$*"
	timeout --foreground --kill-after=10 "$seconds" "$@" >"$out" 2>&1
	status=$?
	cat "$out"
	sed -nE "s|^\[ +OK +\] ([A-Za-z0-9_]+).*|ok $SUITE/$name.\1|p
		s|^\[ +SKIPPED +\] ([A-Za-z_][A-Za-z0-9_]*)\$|SKIP $SUITE/$name.\1: says the test|p
		s|^\[  FAILED  \] ([A-Za-z_][A-Za-z0-9_]*)\$|FAIL $SUITE/$name.\1: see the log|p" "$out" | sort -u
	if [ $status -eq 124 ] || [ $status -eq 137 ]; then
		fail "$name" "not done after $seconds s"
	elif [ $status -ne 0 ] && ! grep -q '^\[  FAILED  \]' "$out"; then
		fail "$name" "ended with $status"
	elif [ $status -eq 0 ] && ! grep -qE '^\[ +(OK|SKIPPED) +\]' "$out"; then
		fail "$name" "ran no test"
	fi
}

# machine CASE SECONDS PROGRAM [ARGUMENT...]: a machine of the proof (tests/proof/machine.h), judged by its exit status;
# 77: it cannot run here, and its last line says why.
machine() {
	local name=$1 seconds=$2 program=$3 status out=$WORK/$SUITE.$1.machine
	shift 2
	printf -- '--- %s: %s\n' "$name" "$*"
	timeout --foreground --kill-after=10 "$seconds" "$@" 2>&1 </dev/null | tee "$out"
	status=${PIPESTATUS[0]}
	case $status in
	0)
		ok "$name"
		machine_cases "${program#"$BUILD"/}" "$out" || fail "$name" "printed no line 'machine: '"
		;;
	77) skip "$name" "$(tail -n 1 "$out")" ;;
	124 | 137)
		fail "$name" "not done after $seconds s"
		printf 'failed: %s\n' "${program#"$BUILD"/}" >>"$CASES"
		;;
	*)
		printf 'failed: %s\n' "${program#"$BUILD"/}" >>"$CASES"
		fail "$name" "$(grep -a -m 1 '^FAIL' "$out" | sed 's/; again: .*//' | cut -c 6-300) (ended with $status; how to see it again: build/logs/$SUITE.log)"
		;;
	esac
	return $status
}

# machine_cases KEY FILE: what a machine's last line says, for the table; KEY is what a mutant's Expect: names.
machine_cases() {
	local line
	! grep -qa '^FAIL' "$2" || printf 'failed: %s\n' "$1" >>"$CASES"
	line=$(grep -a '^machine: ' "$2" | tail -n 1)
	[ -n "$line" ] && printf '%s | %s\n' "$line" "$1" >>"$CASES"
}

# names of the unit tests that stand in tests/unit
unit_tests() { (cd tests/unit && printf '%s\n' test_*.c | sed 's/\.c$//'); }

# check_units FOLDER [WRAPPER...]: all unit tests that this build folder makes; the others must be said so
check_units() {
	local folder=$1 name
	shift
	for name in $(unit_tests); do
		if [ -x "$folder/tests/unit/$name" ]; then
			check_cmocka "${name#test_}" 300 "$@" "$folder/tests/unit/$name"
		elif grep -q "tests/unit/$name:" "$folder/build.ninja"; then
			fail "${name#test_}" "was not built"
		elif [ "$SUITE" = unit ]; then
			fail "${name#test_}" "tests/unit/meson.build does not list $name.c"
		fi
	done
}

# build FOLDER ARGUMENT...: configure and compile all tests there; one failing case where it does not.  (Two suites may come at once.)
build() {
	local folder=$1
	shift
	{
		! command -v flock >/dev/null || flock 7
		if ! configure "$folder" "$@" || ! compile "$folder" all tests; then
			fail build "see the log"
			exit 1
		fi
	} 7>"$BUILD/logs/build.lock"
}
