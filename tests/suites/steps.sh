#!/bin/bash
# instructions, atomic operations and cache lines of every call, counted; SPEC's table of bounds is the tool's own
. "$(dirname "$0")/../../scripts/suite.sh"
build "$BUILD" -Dtools=enabled -Dtests=enabled
program=$BUILD/tests/proof/steps
if [ ! -x "$program" ]; then
	fail steps "was not built: is libcapstone-dev there?"
	exit 0
fi
check table 60 scripts/steps-table.sh --check "$program"
if [ "$(uname -m)" != x86_64 ]; then
	skip steps "single steps need x86-64"
	exit 0
fi
# shellcheck disable=SC2046 # nothing, or one word
machine steps "$(short_or_long 600 10800)" "$program" $(short_or_long '' --long)
exit 0
