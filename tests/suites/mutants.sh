#!/bin/bash
# each wrong line in tests/mutants/*.patch is noticed by the machine that it names
. "$(dirname "$0")/../../scripts/suite.sh"

# A patch's head says who must notice it, a line each:
#     Expect: PROGRAM [ARGUMENT...]     a program as in the build folder (tests/unit/test_tree)
#     Expect: suite NAME [ARGUMENT...]  tests/suites/NAME.sh with MUTANT=1, in a quick form
# Every one of them must fail; it may hang instead only where the head has a line "Hangs: REASON".  A patch that no longer applies fails.  As an argument: part of a patch's name.
# What each machine caught goes to proof.mutants, for proof.sh.  Two trees are worked on at a time.
LANES=2
SECONDS_EACH=150
SECONDS_HANGING=30 # of one that may hang: then it is noticed

fresh() { # TREE: the sources as they stand, without what is built or stored
	rm -rf "$1/src" && mkdir -p "$1/src" "$1/suites/logs" &&
		tar -C "$ROOT" --exclude=./build --exclude=./.git --exclude=./traces --exclude='./build-*' -cf - . |
		tar -C "$1/src" -xmf - && ln -s "$ROOT/traces" "$1/src/traces"
}

# noticed TREE SECONDS WORD...: does this program, or suite, fail in the changed tree?  2: it does not build.  4: a suite's machine cannot be had here.
noticed() {
	local tree=$1 status limit=$2
	shift 2
	if [ "$1" = suite ]; then
		MUTANT=1 LONG='' ROOT=$tree/src BUILD=$tree/suites timeout --foreground --kill-after=5 $((4 * SECONDS_EACH)) \
			bash "$tree/src/tests/suites/$2.sh" "${@:3}" </dev/null >"$tree/out" 2>&1
		status=$?
		grep -aqE '^FAIL [a-z-]+/build[^:]*: ' "$tree/out" && return 2
		grep -aq '^FAIL ' "$tree/out" && return 0
		grep -aq "^SKIP $2/machine: " "$tree/out" && return 4
		[ $status -ne 124 ] && [ $status -ne 137 ] && return 1
	else
		ninja -C "$tree/build" "$1" >"$tree/out" 2>&1 || return 2
		timeout --foreground --kill-after=5 "$limit" "$tree/build/$1" "${@:2}" </dev/null >"$tree/out" 2>&1
		status=$?
	fi
	case $1:$status in
	*:0 | *:77) return 1 ;;
	*:124 | *:137) return 3 ;;
	*:126 | *:127) return 2 ;; # not to be run
	tests/unit/*) return 0 ;; # cmocka's status is how many have failed
	*:2 | *:3) return 2 ;; # wrong arguments, no such case
	*) return 0 ;;
	esac
}

# attempt TREE PATCH: one line for ./test, and one for the table a program
attempt() {
	local tree=$1 patch=$2 name line words missed='' said='' began=$SECONDS limit=$SECONDS_EACH
	name=$(basename "$patch" .patch)
	mapfile -t expect < <(sed -n 's/^Expect: *//p' "$patch")
	if [ ${#expect[@]} -eq 0 ]; then
		fail "$name" "no line Expect: in it"
		return
	fi
	if ! patch -s -d "$tree/src" -p1 --forward --fuzz=0 <"$patch" >"$tree/out" 2>&1; then
		fail "$name" "no longer applies"
		fresh "$tree"
		return
	fi
	! grep -q '^Hangs: ' "$patch" || limit=$SECONDS_HANGING
	for line in "${expect[@]}"; do
		[ -z "$missed" ] || break
		read -ra words <<<"$line"
		noticed "$tree" "$limit" "${words[@]}"
		case $? in
		0) said="$(grep -a -m 1 -E '^FAIL|FAILED|Assert' "$tree/out" | cut -c 1-160)" ;;
		1) missed="not noticed by $line" ;;
		3) [ "$limit" = "$SECONDS_HANGING" ] && said="not done after $limit s" || missed="not done in time: $line" ;;
		4)
			skip "$name" "$(sed -n "s|^SKIP [^:]*: ||p" "$tree/out" | head -n 1)"
			patch -s -d "$tree/src" -p1 --reverse --fuzz=0 <"$patch" >/dev/null || fresh "$tree"
			return
			;;
		*)
			tail -n 5 "$tree/out"
			missed="$line: cannot be built or run"
			;;
		esac
		printf '%s\t%s\t%s\n' "$name" "$line" "$([ -z "$missed" ] && echo 1 || echo 0)" >>"$CASES.mutants"
	done
	if [ -z "$missed" ]; then
		ok "$name"
		printf '   %d s: %s\n' $((SECONDS - began)) "$said"
	else
		fail "$name" "$missed"
	fi
	patch -s -d "$tree/src" -p1 --reverse --fuzz=0 <"$patch" >/dev/null || fresh "$tree"
}

# next: the lanes take from one list, one after the other
next() (
	exec 7>"$CASES.lock" && flock 7 || exit
	number=$(cat "$CASES.next") && [ "$number" -lt ${#patches[@]} ] || exit
	echo $((number + 1)) >"$CASES.next"
	printf '%s' "${patches[number]}"
)

lane() {
	local number=$1 tree=$WORK/mutants-$1 patch
	if ! fresh "$tree" || { rm -rf "$tree/build" && ! meson setup -Dtests=enabled -Dwerror=false "$tree/build" \
		"$tree/src" </dev/null >"$tree/out" 2>&1; }; then
		tail -n 20 "$tree/out"
		fail "tree-$number" "could not copy or configure"
		return
	fi
	while patch=$(next); do
		attempt "$tree" "$patch"
	done
}

shopt -s nullglob
# Those of one file one behind the other: it is compiled anew for each, and not once more when the one before is taken back.
mapfile -t patches < <(for patch in tests/mutants/*"${1:-}"*.patch; do
	printf '%s\t%s\n' "$(sed -n '0,/^+++ b/s|^+++ b/||p' "$patch")" "$patch"
done | sort | cut -f 2-)
[ ${#patches[@]} -gt 0 ] || { fail all "there are no such mutants"; exit 0; }
: >"$CASES.mutants"
echo 0 >"$CASES.next"
for ((i = 0; i < LANES; i++)); do
	lane $i &
done
wait
exit 0
