#!/bin/bash
# the protocols in Spin: what must hold holds, and each mutant of them fails
. "$(dirname "$0")/../../scripts/suite.sh"
models/run.sh "$(short_or_long --short --long)" | tee "$WORK/models.out" | sed -u -e "s|^ok |ok $SUITE/|" -e "s|^FAIL |FAIL $SUITE/|" -e "s|^SKIP |SKIP $SUITE/|"
status=${PIPESTATUS[0]}
# Those that must be found wrong are its mutants.
awk '/^(ok|FAIL) .*[(](fail|dead)|^FAIL .*found no/ { printf "%s\tmodels\t%d\n", $2, $1 == "ok" }' "$WORK/models.out" >"$CASES.mutants"
printf 'machine: P1 P2 P4 P6 | the protocols in Spin | %s\n' "$(grep -cE '^ok .*[(](pass|live)' "$WORK/models.out")" >"$WORK/models.line"
grep '^FAIL' "$WORK/models.out" >>"$WORK/models.line"
machine_cases models "$WORK/models.line"
exit "$status"
