#!/bin/bash
# the protocols in Spin: what must hold holds, and each mutant of them fails
. "$(dirname "$0")/../../scripts/suite.sh"
models/run.sh "$(short_or_long --short --long)" | sed -u -e "s|^ok |ok $SUITE/|" -e "s|^FAIL |FAIL $SUITE/|" -e "s|^SKIP |SKIP $SUITE/|"
exit "${PIPESTATUS[0]}"
