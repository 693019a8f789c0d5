#!/bin/bash
# the real core under every interleaving of a few calls, with weak memory too, and with small leaves
. "$(dirname "$0")/../../scripts/suite.sh"
build "$BUILD" -Dtools=enabled -Dtests=enabled
read -ra long <<<"$(short_or_long '' --long)"
machine the-explorer 300 "$BUILD/tests/race/reduction" "${long[@]}"
machine native "$(short_or_long 900 14000)" "$BUILD/tests/race/interleave" "${long[@]}" &
machine small-leaves "$(short_or_long 900 14000)" "$BUILD/tests/race/interleave_small" "${long[@]}" &
wait
