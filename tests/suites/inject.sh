#!/bin/bash
# every atomic operation of the core made to fail, delayed, raced; every system call of the home refused in turn
. "$(dirname "$0")/../../scripts/suite.sh"
build "$BUILD" -Dtools=enabled -Dtests=enabled
machine every-site "$(short_or_long 600 7200)" "$BUILD/tests/proof/inject" ${LONG:+--long}
exit 0
