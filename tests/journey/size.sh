#!/bin/sh
# SPDX-License-Identifier: MIT
#
# size.sh BINARY SOURCE - `labyrinth size` as a user meets it: the figures, how times are rounded, what it refuses.
set -u

binary=${1:?usage: size.sh BINARY SOURCE}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0

fail() {
	echo "FAIL size: $*"
	failures=$((failures + 1))
}

# frames WANTED ARGUMENT...
frames() {
	wanted=$1
	shift
	got=$("$binary" size "$@" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["frames"])')
	[ "$got" = "$wanted" ] || fail "$*: $got instead of $wanted"
	"$binary" size "$@" | head -n 1 | grep -q "^$wanted frames, " || fail "$*: text and JSON differ"
}

# refused WHAT ARGUMENT...: exit 2, one line on standard error, nothing on standard output.
refused() {
	what=$1
	shift
	"$binary" size "$@" >"$work/out" 2>"$work/err"
	[ $? -eq 2 ] || fail "$what: not exit 2"
	[ "$(wc -l <"$work/err")" -eq 1 ] || fail "$what: not one line: $(cat "$work/err")"
	[ ! -s "$work/out" ] || fail "$what: wrote to standard output"
	echo "  $what: $(cut -d: -f2- <"$work/err")"
}

echo "sound at 192 kHz"
frames 5826 --period 5.208us --hold 20ms --burst 64 --refill 10ms
"$binary" size --period 5.208us --hold 20ms --burst 64 --refill 10ms >"$work/out"
grep -q '5760 + 1 + 64 + 1 = 5826$' "$work/out" || fail "the arithmetic: $(cat "$work/out")"
grep -q ', 22.8 MiB in pages of 4 KiB$' "$work/out" || fail "the weight: $(cat "$work/out")"

echo "rounded so that it is never too little"
frames 1002 --period 1.0009us --hold 1ms       # as if each 1000 ns; each 1000.9 ns it were 1001
frames 12 --period 100ns --hold 999.1ns        # as if held 1000 ns
frames 11 --period 100ns --hold 999ns
frames 12 --period 100ns --hold 999ns --refill 0.001ns
frames 2 --period 1s --hold 0ns
frames 5 --period 1s --hold 0 --refill 0 --callers 4
frames 5826 --period 5.208µs --hold 20ms --burst 64 --refill 10ms # the micro sign; the Greek letter
frames 5826 --period 5.208μs --hold 20ms --burst 64 --refill 10ms
"$binary" size --period 1us --hold 1s | grep -q 'guaranteed 16384 at most' || fail "does not say that it is too many"

echo "refused"
refused "no period" --hold 1ms
refused "no hold" --period 1ms
refused "no unit" --period 5 --hold 1ms
refused "negative" --period -5us --hold 1ms
refused "too short" --period 0.9ns --hold 1ms
refused "too long" --period 1ns --hold 300000000000s
refused "too many" --period 1ns --hold 5s
refused "bad burst" --period 1us --hold 1ms --burst 4294967296
refused "bad callers" --period 1us --hold 1ms --callers 0
refused "bad page" --period 1us --hold 1ms --page 8K
refused "no value" --period
refused "an option for a value" --period --hold 1ms
refused "unknown option" --frobnicate
refused "a word too many" --period 1us --hold 1ms 5
"$binary" size --help | grep -q -- --burst || fail "--help"

[ "$failures" -eq 0 ] || exit 1
echo "size: all as expected"
