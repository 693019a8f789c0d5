#!/bin/bash
# threads at the edge of full, clients against each other: no refusal that is untrue, no frame twice, a clean audit
. "$(dirname "$0")/../../scripts/suite.sh"
build "$BUILD" -Dtools=enabled -Dtests=enabled
machine four-threads "$(short_or_long 300 3600)" "$BUILD/tests/race/churn" "$(short_or_long 200 5000)" 4
machine as-many-as-cpus "$(short_or_long 300 3600)" "$BUILD/tests/race/churn" "$(short_or_long 200 5000)" "$(nproc | awk '{ print ($1 > 16 ? 16 : $1 < 2 ? 2 : $1) }')"
long=()
[ -z "$LONG" ] || long=(--long)
machine vaults "$(short_or_long 300 3600)" "$BUILD/tests/race/vault_threads" "$(short_or_long 200 5000)" 4
machine clients "$(short_or_long 300 3600)" "$BUILD/tests/race/clients" "${long[@]}"
machine more-than-cpus "$(short_or_long 300 3600)" "$BUILD/tests/race/churn" "$(short_or_long 50 1000)" 12
