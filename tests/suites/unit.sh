#!/bin/bash
# every unit test, built with gcc
. "$(dirname "$0")/../../scripts/suite.sh"
build "$BUILD" -Dtools=enabled -Dtests=enabled
check_units "$BUILD"
