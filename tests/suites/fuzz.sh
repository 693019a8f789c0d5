#!/bin/bash
# libFuzzer with ASan and UBSan (clang): operations, owners beside models, traces, configurations; long: an hour each
. "$(dirname "$0")/../../scripts/suite.sh"

# fuzz.sh [HARNESS]; also FUZZ_ONLY=HARNESS.  FUZZ_SEED=N: this seed.  MUTANT=1: the seeds, and a few seconds.
# The short form makes the same inputs each time, so that a change turns red what it broke; the long one looks for what nobody knows.
# The seeds (tests/fuzz/seeds) are inputs that reach all that was ever reached, and what once failed; what a run finds new
# goes to build/suites/fuzz/corpus, what fails to build/suites/fuzz/found.
only=${1:-${FUZZ_ONLY:-}}
place=$WORK/fuzz
seconds=$(short_or_long 240 3600)
[ -z "${MUTANT:-}" ] || seconds=8
seed=${FUZZ_SEED:-$(short_or_long 2026 "$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')")}
sanitize=address,undefined
flags=(-g -O1 -std=gnu11 -fno-omit-frame-pointer -Wall -Wextra -Werror -Wshadow -fno-sanitize-recover=undefined -Iinclude -Itools)

export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:allocator_may_return_null=1:quarantine_size_mb=64
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1

# harness NAME: what it is made of, with which names put in another's place (-D)
harness() {
	# Without a look at each comparison it is much faster; numbers that hide are configuration's only, where addresses are compared too
	# and would make other inputs each time: long form.  So would the depth of the stack.
	cover=("-fno-sanitize-coverage=trace-cmp,stack-depth")
	case $1 in
	operations)
		sources=(core/*.c) extra=() libraries=()
		options=(-max_len=1024) runs=10000 promises='P2 P5 P6'
		;;
	owners)
		sources=(core/*.c) extra=() libraries=()
		options=(-max_len=600) runs=30000 promises='exclusive P5'
		;;
	trace)
		sources=(tools/trace.c tools/input.c tools/gfp_names.c tools/replay_plan.c tools/replay_held.c)
		extra=(-Dread=fuzz_read) libraries=(-llzma)
		options=(-max_len=2048) runs=6000 promises='tools'
		;;
	configuration)
		sources=(core/*.c homes/linux-user/*.c tools/replay_options.c tools/replay_machine.c tools/option.c)
		extra=(-Dmmap=fuzz_mmap -Dmunmap=fuzz_munmap) libraries=()
		options=(-max_len=1024 -close_fd_mask=1) runs=40000 promises='P5'
		[ -z "$LONG" ] || cover=()
		;;
	esac
}

make_harness() {
	local name=$1 objects=$place/$1.o
	rm -rf "$objects" && mkdir -p "$objects" || return 1
	printf '%s\n' "${sources[@]}" | xargs -P 2 -I{} bash -c '
		name=$1 to=$2/$(printf %s "$1" | tr / -).o
		shift 2
		exec clang "$@" -c "$name" -o "$to"' - {} "$objects" "${flags[@]}" "-fsanitize=fuzzer-no-link,$sanitize" "${cover[@]}" \
		"${extra[@]}" &&
		clang "${flags[@]}" "-fsanitize=fuzzer,$sanitize" "${cover[@]}" "tests/fuzz/$name.c" "$objects"/*.o "${libraries[@]}" -o "$place/$name"
}

# run_harness CASE SECONDS NAME ARGUMENT...: one case, with what it found and how to see it again
run_harness() {
	local case=$1 limit=$2 name=$3 out=$place/$3.out units
	shift 3
	check "$case" "$limit" "${same[@]}" "$place/$name" "${options[@]}" -timeout=60 -rss_limit_mb=1024 -print_final_stats=1 \
		"-artifact_prefix=$place/found/$name-" "$@" >"$out"
	# The thousands of lines about each new input are of no use.
	grep -avE '^#[0-9]+[[:space:]]+(NEW|REDUCE|RELOAD|pulse)|NEW_FUNC' "$out"
	sed -nE "s|.*Test unit written to (.*)|again: FUZZ_SHOW=1 $place/$name \1|p" "$out"
	units=$(sed -nE 's|^stat::number_of_executed_units: *([0-9]+)|\1|p' "$out")
	executed=$((executed + ${units:-0}))
	grep -qa "^ok $SUITE/$case" "$out"
}

whole() {
	local name=$1 executed=0
	harness "$name"
	if ! make_harness "$name"; then
		fail "build-$name" "see the log"
		return
	fi
	[ -n "$LONG" ] || rm -rf "${place:?}/corpus/$name" # what was found before would change what comes
	mkdir -p "$place/corpus/$name"
	# By name: a folder's own order is another on another machine, and would make other inputs.
	find "tests/fuzz/seeds/$name" -type f | LC_ALL=C sort | paste -sd, >"$place/$name.seeds"
	run_harness "$name.seeds" 300 "$name" -runs=0 "tests/fuzz/seeds/$name" || return
	run_harness "$name" $((seconds + 300)) "$name" "-seed=$seed" "-runs=$(short_or_long "$runs" -1)" "-max_total_time=$seconds" -len_control=20 \
		-reload=0 "$place/corpus/$name" "-seed_inputs=@$place/$name.seeds" || return
	printf 'machine: %s | fuzz: %s | %d\n' "$promises" "$name" "$executed" | tee "$place/$name.line"
	machine_cases "suite fuzz $name" "$place/$name.line"
}

same=() # the same addresses each time, where that is permitted: what is mapped may have to be aligned
[ -n "$LONG" ] || ! setarch -R true 2>/dev/null || same=(setarch -R)
mkdir -p "$place/found" || exit 1
known=
for name in operations owners trace configuration; do
	[ -z "$only" ] || [ "$only" = "$name" ] || continue
	known=1
	whole "$name" &
done
wait
[ -n "$known" ] || fail "build-$only" "no such harness"
exit 0
