#!/bin/bash
# each promise with the machines that try to break it, and the planted bugs that each has caught: one table
. "$(dirname "$0")/../../scripts/suite.sh"

# Machines that another suite of the same ./test has run already are not run again; all in their short form, but
# for this each is a suite of its own (./test --list), with a long form.
machines=(unit unit-32 optimized property linux race interleave instructions steps stranded killed silent inject journey fuzz remanence coverage models mutants)
for name in "${machines[@]}"; do
	[ -f "tests/suites/$name.sh" ] || continue
	if [ "$(head -n 1 "$WORK/proof.$name" 2>/dev/null)" != "run: ${RUN:-}" ]; then
		printf '=== %s\n' "$name"
		LONG='' bash "tests/suites/$name.sh" 2>&1 </dev/null |
			sed -u -E "s#^(ok|FAIL|SKIP) $name/#\1 $SUITE/$name.#"
	fi
done
header=${RUN:-by itself}
check table 60 python3 scripts/proof-table.py "$WORK" "$BUILD" "run: $header"
