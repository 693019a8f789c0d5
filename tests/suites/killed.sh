#!/bin/bash
# proof: processes killed at any instruction lose nothing, and nothing is taken from the living
. "$(dirname "$0")/../../scripts/suite.sh"
build "$BUILD" -Dtools=enabled -Dtests=enabled
long=()
[ -z "$LONG" ] || long=(--long)
seed=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ') # another one each time; a failure prints it
machine killed "$(short_or_long 600 7200)" "$BUILD/tests/proof/killed" "${long[@]}" --seed "$seed"
exit 0
