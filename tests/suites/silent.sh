#!/bin/bash
# proof: an armed labyrinth makes no system call and takes no page fault, in a cage where both would be seen
. "$(dirname "$0")/../../scripts/suite.sh"
build "$BUILD" -Dtools=enabled -Dtests=enabled
long=()
[ -z "$LONG" ] || long=(--long)
# A kernel, a container or a limit may not let a process be caged: it says so and ends with 77.
"$BUILD/tests/proof/silent" --only two-threads
if [ $? -eq 77 ]; then
	skip cage "$("$BUILD/tests/proof/silent" --only two-threads | tail -n 1)"
	exit 0
fi
machine caged "$(short_or_long 600 3600)" "$BUILD/tests/proof/silent" "${long[@]}"
# The CPU's number from the vDSO, as with a C library that registers no restartable sequences.
check without-rseq 600 env GLIBC_TUNABLES=glibc.pthread.rseq=0 "$BUILD/tests/proof/silent"
exit 0
