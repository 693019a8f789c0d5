#!/bin/sh
# SPDX-License-Identifier: MIT
#
# replay.sh BINARY SOURCE - `labyrinth replay` as a user meets it: both recorded traces, plain, packed and
# through a pipe; a small trace that has every oddity, with exact counts; what it writes; what it says
# about input and options that it cannot use, and that it then leaves nothing behind.
set -u

binary=${1:?usage: replay.sh BINARY SOURCE}
source=${2:?usage: replay.sh BINARY SOURCE}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0

fail() {
	echo "FAIL replay: $*"
	failures=$((failures + 1))
}

# replay STATUS ARGUMENT...: run it with nothing to read; output in $work/out, $work/err.
replay() {
	wanted=$1
	shift
	"$binary" replay "$@" >"$work/out" 2>"$work/err" </dev/null
	status=$?
	[ "$status" -eq "$wanted" ] || fail "replay $*: exit $status instead of $wanted: $(cat "$work/err")"
}

# check FILE EXPRESSION...: Python expressions over the JSON in FILE (`r`; its members by name if it is an
# object) that must hold.
check() {
	python3 - "$@" <<'PYTHON' || fail "the figures in $1"
import json, sys

r = json.load(open(sys.argv[1]))
names = dict(r) if isinstance(r, dict) else {}
names["r"] = r
wrong = [text for text in sys.argv[2:] if not eval(text, {}, names)]
for text in wrong:
    print("does not hold: " + text)
    word = text.split()[0]
    if word in names and word != "r":
        print("  %s is %s" % (word, names[word]))
sys.exit(bool(wrong))
PYTHON
}

# refused WHAT ARGUMENT...: exit 2, one line on standard error, nothing on standard output, no file.
refused() {
	what=$1
	shift
	rm -rf "$work/new"
	mkdir "$work/new"
	replay 2 "$@"
	[ "$(wc -l <"$work/err")" -eq 1 ] || fail "$what: not one line: $(cat "$work/err")"
	grep -q '^labyrinth replay: .' "$work/err" || fail "$what: unclear: $(cat "$work/err")"
	[ ! -s "$work/out" ] || fail "$what: wrote to standard output"
	[ -z "$(ls -A "$work/new")" ] || fail "$what: left $(ls -A "$work/new")"
	echo "  $what: $(cut -d: -f2- <"$work/err")"
}

build=$source/traces/build-and-net.perf.xz
network=$source/traces/network-rx.ftrace.xz

echo "both traces at full size: an array, nothing refused, no promise broken, two pictures"
replay 0 "$build" "$network" --json "$work/full.json" --map "$work/full.svg"
check "$work/full.json" 'len(r) == 2' \
	'all(t[k] == 0 for t in r for k in ("refused", "again", "refused_while_free", "double_given", "unparsed",
	     "misplaced", "free_errors", "refused_atomic_order0", "lost", "realloc_while_held"))' \
	'all(k in t for t in r for k in "trace events allocs frees unparsed refused again refused_while_free \
double_given live_at_end frees_unmatched reserve_allocs fallbacks alloc_ns free_ns huge_free huge_free_possible \
metadata_bytes memory_frames allocator_ms band_allocs reserve_only_allocs refused_by_reason".split())' \
	'all(0 < t[c]["p50"] <= t[c]["p99"] <= t[c]["p999"] <= t[c]["max"] <= t[c]["max_any"]
	     for t in r for c in ("alloc_ns", "free_ns"))' \
	'all(t["passes_agree"] and t["full_size"] for t in r)' \
	'all(t["events"] == t["allocs"] + t["frees"] for t in r)' \
	'all(0 < t["huge_free"] <= t["huge_free_possible"] for t in r)' \
	'all(t["huge_free_possible"] == (t["memory_frames"] - t["live_at_end"]) // 512 for t in r)' \
	'r[0]["lines"] == 500000 and r[0]["allocs"] == 249264 and r[0]["frees"] == 232258' \
	'r[0]["frees_unmatched"] == 8101 and r[0]["duplicates"] == 18478 and r[0]["cpus"] == 2' \
	'r[0]["live_at_start"] == 19407 and r[0]["live_at_end"] == 43684 and r[0]["peak_frames"] == 45017' \
	'r[0]["memory_frames"] == 12160 * 256 and len(r[0]["rooms"]) == 3' \
	'r[1]["allocs"] == 220887 and r[1]["frees"] == 220832 and r[1]["comments"] == 12' \
	'r[1]["frees_unmatched"] == 277 and r[1]["live_at_end"] == 349' \
	'r[1]["memory_frames"] == 2048 * 256 and len(r[1]["rooms"]) == 2' \
	'r[0]["format"] == "perf script" and r[1]["format"] == "ftrace"'
grep -q 'Every promise held' "$work/out" || fail "no table"
for stem in build-and-net network-rx; do
	[ -s "$work/full-$stem.svg" ] || fail "no picture of $stem"
	[ "$(wc -c <"$work/full-$stem.svg")" -lt 2000000 ] || fail "the picture of $stem is too large"
	python3 -c 'import sys, xml.dom.minidom as d; d.parse(sys.argv[1])' "$work/full-$stem.svg" ||
		fail "the picture of $stem is not XML"
	grep -q "full-$stem.svg" "$work/out" || fail "the table does not name the picture of $stem"
done

echo "1.05 of the peak: reserves work, no atomic single page is refused"
replay 0 "$build" "$network" --memory 1.05x --json "$work/tight.json"
check "$work/tight.json" 'all(t["reserve_allocs"] > 0 and t["refused_atomic_order0"] == 0 for t in r)' \
	'all(t["again"] == t["refused_while_free"] == t["double_given"] == 0 for t in r)' \
	'all(t["memory_frames"] == -(-t["peak_frames"] * 105 // 100) and not t["full_size"] for t in r)' \
	'all(t["reserve_allocs"] == t["band_allocs"] + t["reserve_only_allocs"] for t in r)'

echo "half of the peak: many are refused, none without reason"
replay 0 "$build" "$network" --memory 0.5x --json "$work/half.json"
check "$work/half.json" 'all(t["refused"] > 1000 and t["refused_while_free"] == 0 for t in r)' \
	'all(sum(t["refused_by_reason"].values()) == t["refused"] for t in r)' \
	'all(t["refused_sleeping"] + t["refused_nonsleeping"] == t["refused"] for t in r)' \
	'all(t["again"] == t["double_given"] == t["free_errors"] == 0 for t in r)'

echo "a buddy allocator beside it"
replay 0 "$build" --memory 2x --buddy --json "$work/buddy.json"
check "$work/buddy.json" '0 < buddy_huge_free <= huge_free_possible' 'buddy_refused == 0' \
	'0 < buddy_huge_free_at_peak <= huge_free_possible_at_peak'

echo "packed, plain and through a pipe: the same figures"
xz -dc "$network" >"$work/plain"
replay 0 "$network" --json "$work/packed.json"
replay 0 "$work/plain" --json "$work/plain.json"
"$binary" replay --json "$work/pipe.json" - <"$network" >/dev/null || fail "xz through a pipe"
xz -dc "$network" | "$binary" replay --json - - >"$work/stdout.json" || fail "text through a pipe"
for other in plain pipe stdout; do
	python3 - "$work/packed.json" "$work/$other.json" <<'PYTHON' || fail "$other differs from packed"
import json, sys

a, b = (json.load(open(path)) for path in sys.argv[1:])
for key in a:
    if key not in ("trace", "alloc_ns", "free_ns", "allocator_ms"):
        assert a[key] == b[key], key
PYTHON
done

# Lines of the hand-made trace: line TASK-AND-EVENT PAYLOAD
odd=$work/odd.txt
alloc() {
	echo "  bash-1  [00$1] d..1.  1.00000$1: mm_page_alloc: page=0x1 pfn=$2 order=$3 migratetype=0 gfp_flags=$4"
}
release() {
	echo "  bash-1  [00$1] d..1.  1.00000$1: mm_page_free: page=0x1 pfn=$2 order=$3"
}
{
	echo "# tracer: nop"
	echo ""
	alloc 0 0x1008 3 GFP_KERNEL              # freed in pieces: 1 + 4, the rest stays
	release 0 0x100a 0
	release 0 0x100c 2
	alloc 1 0x2000 0 'GFP_ATOMIC|__GFP_SHINY' # an unknown flag
	alloc 2 0x2000 0 GFP_ATOMIC              # again while held
	release 0 0x2000 0
	release 0 0x2000 0                       # its allocation was lost
	release 0 0x3000 2                       # live from the start
	alloc 0 0x4000 0 GFP_KERNEL
	alloc 0 0x4001 0 GFP_KERNEL
	release 0 0x4000 1                       # both at once
	alloc 0 0x8000 10 GFP_KERNEL             # too large, and its free
	release 0 0x8000 10
	alloc 0 256012 1 0xcc0                   # a decimal frame number, flags as a number
	echo "  bash-1  [000] d..1.  1.0: mm_page_alloc: page=(nil) pfn=0 order=4 migratetype=0 gfp_flags=GFP_ATOMIC"
	echo "  bash-1  [000] d..1.  1.0: mm_page_alloc: page=(null) pfn=0xffffffffffffffff order=0 gfp_flags=GFP_ATOMIC"
	echo "CPU:1 [LOST 7 EVENTS]"
	echo "  bash-1  [000] d..1.  1.0: mm_page_free_batched: page=0x1 pfn=0x1 order=0"
	echo "  bash-1  [000] d..1.  1.0: mm_page_pcpu_drain: page=0x1 pfn=0x1 order=0 migratetype=0"
	echo "  bash-1  [000] d..1.  1.0: sched_switch: prev_comm=x prev_pid=1"
	echo "nonsense"
	alloc 0 0x5000 4000000000 GFP_KERNEL     # not understood
	alloc 0 0x8000000000000000 0 GFP_KERNEL  # not understood
} >"$odd"

echo "a trace with every oddity"
replay 0 "$odd" --json "$work/odd.json"
check "$work/odd.json" 'lines == 25' 'comments == 2' 'allocs == 6' 'frees == 6' 'events == 12' 'pieces == 2' \
	'unknown_flags == 1' 'realloc_while_held == 1' 'frees_unmatched == 2' 'frees_lost == 1' 'merged == 1' \
	'live_at_start == 4' 'too_large == 2' 'failed_requests == 2' 'lost == 7' 'lost_marks == 1' \
	'duplicates == 2' 'other_events == 1' 'unparsed == 3' 'first_unparsed == 23' 'peak_frames == 12' \
	'live_at_end == 5' 'cpus == 3' 'refused == again == double_given == refused_while_free == free_errors == 0' \
	'format == "ftrace"' 'memory_frames == 1024 * 256' 'passes_agree'
replay 0 "$odd" --memory 2M --cpus 1 --zones normal=REST --json "$work/small.json"
check "$work/small.json" 'memory_frames == 512' 'cpus == 1' 'len(rooms) == 1' 'live_at_end == 5'

echo "--json -: nothing else on standard output; --progress: a few lines"
"$binary" replay "$odd" --json "$work/nowhere.json" >&- 2>"$work/err"
[ $? -eq 2 ] || fail "standard output is closed: not exit 2"
grep -q '^labyrinth replay: cannot write standard output: ' "$work/err" || fail "standard output is closed: $(cat "$work/err")"
[ -s "$work/nowhere.json" ] || fail "standard output is closed: no file"
replay 0 "$odd" --threads 1
replay 0 "$odd" --json -
check "$work/out" 'events == 12'
[ ! -s "$work/err" ] || grep -q 'not locked in memory' "$work/err" || fail "said: $(cat "$work/err")"
replay 0 "$odd" --progress
grep -q '100 %' "$work/err" || fail "no progress: $(cat "$work/err")"
[ "$(wc -l <"$work/err")" -le 4 ] || fail "too much progress"

echo "what it cannot use"
: >"$work/empty"
head -c 100000 "$network" >"$work/cut.xz"
head -c 100000 /dev/urandom >"$work/noise"
outputs="--json $work/new/a.json --map $work/new/a.svg"
# shellcheck disable=SC2086 # two options
{
	refused "no trace" $outputs
	refused "missing" $outputs "$work/missing"
	refused "empty" $outputs "$work/empty"
	refused "a folder" $outputs "$work"
	refused "not a trace" $outputs /etc/passwd
	refused "noise" $outputs "$work/noise"
	refused "cut xz" $outputs "$work/cut.xz"
	refused "the second missing" $outputs "$odd" "$work/missing"
	refused "strict" $outputs --strict "$odd"
	grep -q "odd.txt:23: .*nonsense" "$work/err" || fail "--strict does not name the line"
	refused "unknown option" $outputs --frobnicate "$odd"
	refused "no value" "$odd" --memory
	refused "bad memory" $outputs --memory 3Q "$odd"
	refused "bad factor" $outputs --memory 0x "$odd"
	refused "bad zones" $outputs --zones dma=4G,normal=16M "$odd"
	refused "zones too short" $outputs --zones dma=16M "$odd"
	refused "bad cpus" $outputs --cpus 0 "$odd"
	refused "bad min-free-kbytes" $outputs --min-free-kbytes -1 "$odd"
	refused "standard input twice" $outputs - -
}
refused "JSON nowhere" --json "$work/nowhere/a.json" --map "$work/new/a.svg" "$odd"
refused "map nowhere" --json "$work/new/a.json" --map "$work/nowhere/a.svg" "$odd"
refused "JSON is a folder" --json "$work" "$odd"
echo old >"$work/new/kept"
replay 2 --json "$work/new/kept" "$work/missing"
[ "$(cat "$work/new/kept")" = old ] || fail "an older file was touched"
replay 0 --strict "$network"

"$binary" frobnicate >"$work/out" 2>"$work/err"
[ "$? $(wc -l <"$work/err")" = "2 1" ] || fail "an unknown command"
"$binary" --help | grep -q replay || fail "--help"
"$binary" --version | grep -q '^labyrinth [0-9]' || fail "--version"
"$binary" replay --help | grep -q -- --memory || fail "replay --help"

[ "$failures" -eq 0 ] || exit 1
echo "replay: all as expected"
