#!/bin/sh
# SPDX-License-Identifier: MIT
#
# audio.sh BINARY SOURCE - `labyrinth audio` as a user meets it: two seconds of a made signal and a file of several
# channels, with noise that drains the reserves; what comes out is identical, no request of the contract fails or
# is late by the allocator, and those without one fail.  Then what it says about files and options that it cannot use.
# With MUTANT=1 in the environment the made signal and the file only.
set -u

binary=${1:?usage: audio.sh BINARY SOURCE}
: "${2:?usage: audio.sh BINARY SOURCE}"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0

fail() {
	echo "FAIL audio: $*"
	failures=$((failures + 1))
	[ -z "${MUTANT:-}" ] || exit 1 # one is enough
}

# make FILE RATE BYTES CHANNELS FRAMES: a WAV file of random samples.
make() {
	python3 - "$@" <<'PYTHON' || exit 1
import random, sys, wave

path, (rate, width, channels, frames) = sys.argv[1], map(int, sys.argv[2:])
with wave.open(path, "wb") as file:
    file.setnchannels(channels)
    file.setsampwidth(width)
    file.setframerate(rate)
    file.writeframes(random.Random(5).randbytes(width * channels * frames))
PYTHON
}

# check FILE BLOCKS CHANNELS: what must hold of every run.
check() {
	python3 - "$@" <<'PYTHON' || fail "the figures in $1"
import json, sys

j, blocks, channels = json.load(open(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3])
c, a, noise = j["contract"], j["atomic"], j["noise"]
for who in ("contract", "atomic", "glibc", "jemalloc", "mimalloc", "tcmalloc", "control"):
    if who in j:
        r = j[who]
        print("  %-9s %7d blocks, %6d failed, %6d late, %s system calls, %s faults; p50 %d, p99.99 %d, max %d ns" % (
            who, r["blocks"], r["failed"], r["late_by_alloc"], r["syscalls"], r["faults"], r["alloc_ns"]["p50"],
            r["alloc_ns"]["p9999"], r["alloc_ns"]["max"]))
def times(r):
    t = [r["alloc_ns"][k] for k in ("p50", "p99", "p999", "p9999", "max")]
    return t == sorted(t) and t[-1] > 0
wrong = [text for text in (
    'j["rate"] == 192000 and j["bits"] == 24 and j["channels"] == channels and j["blocks"] == blocks',
    'j["identical"] is True',
    'c["blocks"] == blocks and c["failed"] == 0 and c["late_by_alloc"] == 0 and c["late_by_tries"] == 0',
    'c["faults"] == 0', 'c["syscalls"] == (None if c["syscalls_by"] == "not counted" else 0)',
    'c["damaged"] == 0 and c["misfreed"] == 0',
    'c["from_contract"] >= blocks and c["from_commons"] == 0 and c["held_most"] < c["contract_frames"]',
    'a["blocks"] == blocks and a["failed"] > 0 and a["misfreed"] == 0 and a["damaged"] == 0',
    'noise["refused"] > 0 and noise["allocs"] > 0 and noise["drains"] > 0',
    'noise["damaged"] == 0 and noise["misfreed"] == 0 and noise["allocs"] == noise["frees"]',
    'all(times(j[who]) for who in ("contract", "atomic", "control"))',
    'j["control"]["failed"] == 0 and j["control"]["blocks"] == blocks',
) if not eval(text)]
for text in wrong:
    print("does not hold: " + text)
sys.exit(bool(wrong))
PYTHON
}

# A made signal, and all that is here.
# shellcheck disable=SC2086 # none or two words
"$binary" audio --seconds 2 ${MUTANT:+--beside atomic,control} --json "$work/made.json" --svg "$work/made.svg" >"$work/table" 2>"$work/err" </dev/null
status=$?
[ "$status" -eq 0 ] || fail "a made signal: exit $status: $(cat "$work/err")"
check "$work/made.json" 384000 2
if [ -z "${MUTANT:-}" ]; then
	grep -q '^contract  *384000  *0  *0 ' "$work/table" || fail "no table for people"
	python3 - "$work/made.svg" <<'PYTHON' || fail "the picture"
import sys, xml.etree.ElementTree as tree
text = "".join(tree.parse(sys.argv[1]).getroot().itertext())
assert "contract" in text and "one sample time" in text and "0 failed, 0 late by the allocator" in text
PYTHON
	for peer in glibc jemalloc mimalloc tcmalloc; do
		grep -q "^$peer  *384000 " "$work/table" || grep -q "^SKIP $peer: ." "$work/table" ||
			fail "$peer neither played nor named"
	done
fi

# A file: all channels of a frame in one page.
make "$work/in.wav" 192000 3 6 96000
"$binary" audio --beside atomic,control --hold 10 "$work/in.wav" "$work/out.wav" --json "$work/file.json" >"$work/table" \
	2>"$work/err" </dev/null
status=$?
[ "$status" -eq 0 ] || fail "a file: exit $status: $(cat "$work/err")"
check "$work/file.json" 96000 6
python3 - "$work/in.wav" "$work/out.wav" <<'PYTHON' || fail "OUT.wav is not IN.wav"
import sys, wave
one, other = (wave.open(path, "rb") for path in sys.argv[1:])
assert one.getparams()[:4] == other.getparams()[:4]
assert one.readframes(1 << 30) == other.readframes(1 << 30)
PYTHON

# With exclusive pages: the same promises, and every page comes from a vault and is overwritten when it is freed.
"$binary" audio --exclusive --seconds 1 --beside atomic,control --json "$work/exclusive.json" >"$work/table" 2>"$work/err" </dev/null
status=$?
[ "$status" -eq 0 ] || fail "exclusive pages: exit $status: $(cat "$work/err")"
check "$work/exclusive.json" 192000 2
python3 - "$work/exclusive.json" "$work/made.json" <<'PYTHON' || fail "exclusive pages"
import json, sys
j, ordinary = (json.load(open(path)) for path in sys.argv[1:])
c = j["contract"]
print("  exclusive: %s; %s from elsewhere, %s left" % (c.get("guarantees"), c.get("elsewhere"), c.get("left")))
assert j["exclusive"] is True and ordinary["exclusive"] is False and "guarantees" not in ordinary["contract"]
assert {"NODUMP", "NOFORK", "GUARDED", "SHREDDED"} <= set(c["guarantees"].split())
assert c["memory"] != "armed" or "LOCKED" in c["guarantees"].split()
assert c["elsewhere"] == 0 and c["left"] == 0
PYTHON
grep -q '^Exclusive pages: .*SHREDDED; 0 from elsewhere, 0 left' "$work/table" || fail "exclusive pages: not in the table"
if [ -n "${MUTANT:-}" ]; then
	[ "$failures" -eq 0 ]
	exit
fi

# ---- what it cannot use

# refused WHAT ARGUMENT...: exit 2, one line on standard error, nothing on standard output, no file.
refused() {
	what=$1
	shift
	"$binary" audio "$@" >"$work/out" 2>"$work/err" </dev/null
	status=$?
	[ "$status" -eq 2 ] || fail "$what: exit $status instead of 2"
	[ "$(wc -l <"$work/err")" -eq 1 ] || fail "$what: not one line: $(cat "$work/err")"
	[ ! -s "$work/out" ] || fail "$what: wrote to standard output"
	grep -q '^labyrinth audio: .' "$work/err" || fail "$what: unclear: $(cat "$work/err")"
	for file in "$work"/never*; do
		[ ! -e "$file" ] || fail "$what: left $file"
		rm -rf "$file"
	done
}

make "$work/slow.wav" 48000 3 2 4800
make "$work/thin.wav" 192000 2 2 19200
make "$work/empty.wav" 192000 3 2 0
echo "RIFF, but no more than that" >"$work/text.wav"
: >"$work/nothing.wav"
head -c 30 "$work/in.wav" >"$work/cut.wav"
cp "$work/in.wav" "$work/kept.wav"
ln "$work/in.wav" "$work/linked.wav"
ln -s in.wav "$work/pointing.wav"

refused "not a WAV" "$work/text.wav" "$work/never.wav" --json "$work/never.json"
refused "an empty file" "$work/nothing.wav" "$work/never.wav"
refused "a cut header" "$work/cut.wav" "$work/never.wav"
refused "no such file" "$work/no such.wav" "$work/never.wav"
refused "a folder" "$work" "$work/never.wav"
refused "48 kHz" "$work/slow.wav" "$work/never.wav" --json "$work/never.json" --svg "$work/never.svg"
grep -q '48000 Hz' "$work/err" || fail "48 kHz: the rate is not named: $(cat "$work/err")"
refused "16 bits" "$work/thin.wav" "$work/never.wav"
refused "no samples" "$work/empty.wav" "$work/never.wav"
refused "one file only" "$work/in.wav"
refused "three files" "$work/in.wav" "$work/never.wav" "$work/never2.wav"
refused "OUT is IN" "$work/in.wav" "$work/in.wav"
refused "OUT is IN by another way" "$work/in.wav" "$work/../$(basename "$work")/in.wav"
refused "OUT is a hard link to IN" "$work/in.wav" "$work/linked.wav"
refused "OUT is a symbolic link to IN" "$work/in.wav" "$work/pointing.wav"
refused "--json is OUT" "$work/in.wav" "$work/never.wav" --json "$work/never.wav"
refused "--json is OUT by another way" "$work/in.wav" "$work/never.wav" --json "$work/./never.wav"
refused "--json is IN" "$work/in.wav" "$work/never.wav" --json "$work/in.wav"
refused "--svg is --json" --json "$work/never" --svg "$work/never"
refused "OUT cannot be written" "$work/in.wav" "$work/no such folder/never.wav"
refused "OUT is a folder" "$work/in.wav" "$work" --json "$work/never.json"
refused "--json cannot be written" "$work/in.wav" "$work/never.wav" --json "$work/no such folder/never.json"
refused "OUT is -" "$work/in.wav" -
refused "unknown option" --no-such-option
refused "--seconds 0" --seconds 0
refused "--seconds x" --seconds x --json "$work/never.json"
refused "--seconds without a value" --json "$work/never.json" --seconds
refused "an option for a value" --json --no-progress
refused "--hold 0" --hold 0
refused "--hold 1000" --hold 1000
refused "--noise 17" --noise 17
refused "--beside nobody" --beside nobody
refused "--beside with an empty name" --beside atomic,,control
cmp -s "$work/in.wav" "$work/kept.wav" || fail "IN.wav was changed"

# What stands at OUT already stays until the new one is whole.
echo "old" >"$work/old.wav"
refused "16 bits, over an old file" "$work/thin.wav" "$work/old.wav"
[ "$(cat "$work/old.wav")" = old ] || fail "an old OUT.wav was lost"

# "-": standard output is JSON and nothing else.  Without noise nobody is refused.
"$binary" audio --seconds 1 --noise 0 --beside atomic --json - >"$work/dash.json" 2>"$work/err" </dev/null ||
	fail "--json -: exit $?: $(cat "$work/err")"
python3 - "$work/dash.json" <<'PYTHON' || fail "--json -, without noise"
import json, sys
j = json.load(open(sys.argv[1]))
assert j["noise"] == dict(threads=0, allocs=0, refused=0, frees=0, drains=0, damaged=0, misfreed=0), j["noise"]
assert j["atomic"]["failed"] == 0 and j["contract"]["failed"] == 0 and "glibc" not in j
PYTHON

# On one CPU nothing is pinned or made real-time, and the promise is the same.
python3 -c 'import os, sys
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
os.execv(sys.argv[1], sys.argv[1:])' "$binary" audio --seconds 1 --beside none --json "$work/one.json" >"$work/table" \
	2>"$work/err" </dev/null || fail "on one CPU: exit $?: $(cat "$work/err" "$work/table")"
grep -q 'not pinned' "$work/table" || fail "on one CPU: not said"

# A file that was cut off: what is there is played, and that it is less is said.
head -c -6000 "$work/in.wav" >"$work/short.wav"
"$binary" audio --beside none "$work/short.wav" "$work/out.wav" >"$work/table" 2>"$work/err" </dev/null || fail "a cut file: exit $?"
grep -q '^labyrinth audio: .*short.wav: shorter than its header says' "$work/err" || fail "a cut file: not said: $(cat "$work/err")"

# Nothing open to read from.
"$binary" audio --seconds 1 --beside none >"$work/table" 2>"$work/err" <&- || fail "no standard input: exit $?: $(cat "$work/err")"

# Two at once: each comes to its end.
for run in 1 2; do
	timeout 60 "$binary" audio --seconds 1 --beside none >"$work/table-$run" 2>&1 </dev/null &
	children="${children:-} $!"
done
for child in $children; do
	wait "$child" || fail "two at once: exit $?: $(cat "$work"/table-*)"
done

# Interrupted: nobody is left running, nothing is left behind.
"$binary" audio --seconds 30 --json "$work/never.json" >/dev/null 2>&1 </dev/null &
child=$!
sleep 1
kill -TERM "$child"
wait "$child" 2>/dev/null
[ ! -e "$work/never.json" ] || fail "interrupted: left a file"

[ "$failures" -eq 0 ] || exit 1
echo "audio: all as expected"
python3 - "$work/made.json" "$work/file.json" <<'PYTHON'
import json, sys
print("machine: P1 P3 P5 | a stream under noise | %d" % sum(json.load(open(f))["contract"]["blocks"] for f in sys.argv[1:]))
PYTHON
