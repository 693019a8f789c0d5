#!/bin/bash
# the real core under every schedule of two preemptions, then random ones; long: three
. "$(dirname "$0")/../../scripts/suite.sh"
build "$BUILD" -Dtools=enabled -Dtests=enabled
# It prints its own lines, a scene each.
"$BUILD/tests/race/interleave" "$(short_or_long 2 3)" "$(short_or_long 2000 100000)"
