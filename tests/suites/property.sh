#!/bin/bash
# random operations against an oracle that knows every frame: 10 million; long: ten seeds
. "$(dirname "$0")/../../scripts/suite.sh"
build "$BUILD" -Dtools=enabled -Dtests=enabled
machine ten-million 600 "$BUILD/tests/property/property" 10000000
if [ -n "$LONG" ]; then
	for seed in 1 2 3 4 5 6 7 8 9; do
		machine "seed-$seed" 1200 "$BUILD/tests/property/property" 10000000 $seed
	done
fi
seed=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ') # another one each time; a failure prints it
machine any-seed 600 "$BUILD/tests/property/property" 1000000 "$seed"
