#!/bin/bash
# proof: the last free frame is had at once: every path, every place, calls that stand still, threads
. "$(dirname "$0")/../../scripts/suite.sh"
build "$BUILD" -Dtools=enabled -Dtests=enabled
long=()
[ -z "$LONG" ] || long=(--long)
machine everywhere "$(short_or_long 600 7200)" "$BUILD/tests/proof/stranded" "${long[@]}"
seed=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ') # another one each time; a failure prints it
machine threads "$(short_or_long 600 7200)" "$BUILD/tests/proof/stranded_threads" "${long[@]}" --seed "$seed"
exit 0
