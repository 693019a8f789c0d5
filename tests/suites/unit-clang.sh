#!/bin/bash
# everything built with clang, warnings as errors; every unit test
. "$(dirname "$0")/../../scripts/suite.sh"
export CC=clang
build "$WORK/clang" -Dtools=enabled -Dtests=enabled
check_units "$WORK/clang"
