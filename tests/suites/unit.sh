#!/bin/bash
# every unit test, built with gcc
. "$(dirname "$0")/../../scripts/suite.sh"
build "$BUILD" -Dtools=enabled -Dtests=enabled
check_units "$BUILD" | tee "$WORK/unit.out"
printf 'machine: P1 P2 P3 P4 P5 P6 | unit tests | %s\n' "$(grep -ac '^ok ' "$WORK/unit.out")" >"$WORK/unit.line"
grep -a '^FAIL' "$WORK/unit.out" >>"$WORK/unit.line"
machine_cases tests/unit "$WORK/unit.line"
