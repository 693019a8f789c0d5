#!/bin/sh
# SPDX-License-Identifier: MIT
#
# command.sh BINARY SOURCE - the `labyrinth` command itself: what it says when it cannot be followed, when what it prints
# has no place, and when it is started without standard input, output or error.
set -u

binary=${1:?usage: command.sh BINARY SOURCE}
: "${2:?usage: command.sh BINARY SOURCE}"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0

fail() {
	echo "FAIL command: $*"
	failures=$((failures + 1))
}

# refused WHAT STATUS LINE: exit 2 and this one line on standard error.
refused() {
	[ "$2" -eq 2 ] || fail "$1: exit $2 instead of 2"
	[ "$(wc -l <"$work/err")" -eq 1 ] || fail "$1: not one line: $(cat "$work/err")"
	grep -q "^$3" "$work/err" || fail "$1: says $(cat "$work/err")"
}

[ "$("$binary" --version)" = "$("$binary" --version 2>&1)" ] || fail "--version"
"$binary" --help | grep -q '^Usage: labyrinth COMMAND' || fail "--help"

for words in "" "--version x" "--help extra" "no-such-command" "--no-such-option"; do
	# shellcheck disable=SC2086 # none or two words
	"$binary" $words >"$work/out" 2>"$work/err"
	refused "'$words'" $? 'labyrinth: .'
	[ ! -s "$work/out" ] || fail "'$words': wrote to standard output"
done

for words in "--help" "--version" "replay --help" "bench --help" "explain --help" "audio --help" "size --help" \
	"size --period 1us --hold 1ms"; do
	command=${words%% *}
	who="labyrinth $command"
	[ "$command" != "${command#--}" ] && who=labyrinth
	if [ -w /dev/full ]; then
		# shellcheck disable=SC2086 # several words
		"$binary" $words >/dev/full 2>"$work/err"
		refused "'$words' to a full disk" $? "$who: cannot write standard output: No space left on device$"
	fi
	# shellcheck disable=SC2086
	"$binary" $words >&- 2>"$work/err"
	refused "'$words' to nowhere" $? "$who: cannot write standard output: Bad file descriptor$"
done

# A descriptor that was closed is not another file's.
"$binary" explain <&- >"$work/out" 2>"$work/err"
refused "explain from nowhere" $? 'labyrinth explain: standard input: .'
"$binary" size --period 1us --hold 1ms <&- >"$work/out" 2>&- || fail "size without standard input and error: exit $?"
[ -s "$work/out" ] || fail "size without standard input and error: nothing printed"

[ "$failures" -eq 0 ] || exit 1
echo "command: all as expected"
