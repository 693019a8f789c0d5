#!/bin/bash
# watermarks and admission against a model of Linux's rules; each difference is listed, and one still
. "$(dirname "$0")/../../scripts/suite.sh"
build "$BUILD" -Dtools=enabled -Dtests=enabled
machine against-the-model "$(short_or_long 300 7200)" "$BUILD/tests/proof/linux_arithmetic" ${LONG:+--long}

# What the machine lists as different stands in SPEC.md, section 18, in these words; line ends do not count.
listed() {
	local section words status=1
	section=$(sed -n '/^## 18 /,$p' SPEC.md | tr '\n' ' ' | tr -s ' ')
	while IFS= read -r words; do
		status=${status/1/0}
		case $section in
		*"$words"*) ;;
		*)
			printf 'FAIL: not in SPEC.md, section 18: %s\n' "$words"
			return 1
			;;
		esac
	done < <(sed -n 's/^difference: [^|]*| //p' "$1")
	return $status
}
export -f listed
check differences-in-spec 60 bash -c 'listed "$@"' listed "$WORK/$SUITE.against-the-model.machine"
exit 0
