#!/bin/bash
# the main job within 2 GiB: both traces, at full size and at 1.05 x the peak
. "$(dirname "$0")/../../scripts/suite.sh"
build "$BUILD" -Dtools=enabled -Dtests=enabled

# Address space is more than memory ever used, so this is the stricter of the two.
within() {
	ulimit -v $((2 * 1024 * 1024)) || return 1
	"$BUILD/labyrinth" replay "$ROOT"/traces/*.xz --json "$WORK/memory.json" "$@" </dev/null
}
export -f within
export BUILD ROOT WORK
check full 400 bash -c 'within "$@"' within
check tight 400 bash -c 'within "$@"' within --memory 1.05x
exit 0
