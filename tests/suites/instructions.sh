#!/bin/bash
# every public operation interrupted and stopped at each of its instructions (x86-64); long: every boundary of all calls
. "$(dirname "$0")/../../scripts/suite.sh"
build "$BUILD" -Dtools=enabled -Dtests=enabled
program=$BUILD/tests/proof/instructions
"$program" --only no/case >/dev/null # what it says of this machine
if [ $? -eq 77 ]; then
	skip every-boundary "it steps with the trap flag of x86-64 Linux"
else
	machine every-boundary "$(short_or_long 800 14000)" "$program" ${LONG:+--long}
fi
