#!/bin/bash
# the command as a user meets it: tests/journey/*.sh, each given the program and the source
. "$(dirname "$0")/../../scripts/suite.sh"
# MUTANT=1: no other program is needed.
if [ -n "${MUTANT:-}" ]; then
	configure "$BUILD" -Dtools=enabled -Dtests=enabled && compile "$BUILD" labyrinth || { fail build "see the log"; exit 1; }
else
	build "$BUILD" -Dtools=enabled -Dtests=enabled
fi
# Names behind it: only these journeys.
if [ $# -gt 0 ]; then
	scripts=("${@/#/tests/journey/}")
	scripts=("${scripts[@]/%/.sh}")
else
	scripts=(tests/journey/*.sh)
fi
failed=0 passed=0
for script in "${scripts[@]}"; do
	name=$(basename "$script" .sh)
	if [ ! -f "$script" ]; then
		failed=1
		fail "build-$name" "there is no such journey"
		continue
	fi
	out=$WORK/journey-$name.log
	printf -- '--- %s\n' "$name"
	LONG=$LONG timeout --foreground --kill-after=10 "$(short_or_long 400 3600)" bash "$script" "$BUILD/labyrinth" "$ROOT" </dev/null >"$out" 2>&1
	status=$?
	[ $status -eq 0 ] || [ $status -eq 77 ] || failed=1
	# A journey's own FAIL lines are its reasons; the case is the whole of it.
	sed 's/^\(ok\|FAIL\|SKIP\) /  \1 /' "$out"
	case $status in
	0)
		ok "$name"
		passed=$((passed + 1))
		machine_cases "suite journey $name" "$out"
		;;
	77) skip "$name" "$(tail -n 1 "$out")" ;;
	124 | 137) fail "$name" "not done in time" ;;
	*) fail "$name" "$(grep -m 1 '^FAIL' "$out" | cut -d' ' -f2- || true) (ended with $status)" ;;
	esac
done
# Those that are no machines by themselves are one together.
[ $failed -eq 0 ] && printf 'machine: tools | the command as a user meets it | %s\n' "$passed" >"$WORK/journey.line" && machine_cases 'suite journey' "$WORK/journey.line"
exit $failed
