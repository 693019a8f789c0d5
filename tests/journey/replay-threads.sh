#!/bin/sh
# SPDX-License-Identifier: MIT
#
# replay-threads.sh BINARY SOURCE - `labyrinth replay --threads`: both recorded traces, and a made one that keeps
# a small machine at the edge of full, by threads at once.  No page may be refused while one was surely free,
# none be given twice or lost, and every event must be done.  With MUTANT=1 in the environment the made one only.
set -u

binary=${1:?usage: replay-threads.sh BINARY SOURCE}
source=${2:?usage: replay-threads.sh BINARY SOURCE}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0

fail() {
	echo "FAIL replay-threads: $*"
	failures=$((failures + 1))
	[ -z "${MUTANT:-}" ] || exit 1 # one is enough
}

# replay STATUS ARGUMENT...: run it with nothing to read; output in $work/out, $work/err.
replay() {
	wanted=$1
	shift
	"$binary" replay "$@" >"$work/out" 2>"$work/err" </dev/null
	status=$?
	[ "$status" -eq "$wanted" ] || fail "replay $*: exit $status instead of $wanted: $(cat "$work/err" "$work/out")"
}

# check FILE EXPRESSION...: Python expressions over the reports in FILE (`r`, a list; `one`, the same by one
# thread) that must hold; the figures that say most are printed.
check() {
	python3 - "$work/one.json" "$@" <<'PYTHON' || fail "the figures in $1"
import json, sys

def load(path):
    reports = json.load(open(path))
    return reports if isinstance(reports, list) else [reports]

def sound(t):
    """Whatever the threads did."""
    p = t["per_thread"]
    return (all(t[k] == 0 for k in ("refused_while_free", "again_while_free", "double_given", "misplaced",
                                    "free_errors", "frames_lost", "claims_unsettled", "audit_broken"))
            and t["audit"] == "ok" and t["threads"] == len(p) and t["claimed"] > 0
            and sum(x["events"] for x in p) + t["events_idle"] == t["events"]
            and sum(x["calls"] for x in p) == t["calls"] and sum(x["waits"] for x in p) == t["waits"]
            and sum(x["refused"] for x in p) == t["refused"] and sum(x["again"] for x in p) == t["again"]
            and sum(t["refused_by_reason"].values()) == t["refused"] and t["elapsed_ms"] > 0
            and not {"alloc_ns", "free_ns", "allocator_ms", "huge_free_at_peak", "passes_agree"} & set(t))

one = load(sys.argv[1])
r = load(sys.argv[2])
for t in r:
    print("  %-24s %2d threads: %7d events, %6d waited, %6d refused, %5d again, %4.0f ms" % (
        t["trace"].split("/")[-1], t["threads"], t["events"], t["waits"], t["refused"], t["again"], t["elapsed_ms"]))
wrong = [text for text in ["all(sound(t) for t in r)"] + sys.argv[3:] if not eval(text)]
with open(sys.argv[1] + ".cases", "a") as cases:
    print(sum(t["calls"] for t in r), file=cases)
for text in wrong:
    print("does not hold: " + text)
for t in r if wrong else []:
    print({k: t[k] for k in t if k not in ("rooms", "per_thread")}, t["per_thread"])
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

# A trace at the edge of full: waves of single pages, by CPUS CPUs, up to 1000 at once, for whoever may have all.
awk -v cpus=4 'BEGIN {
	srand(1)
	for (i = 0; i < 150000; i++) {
		if (i % 400 == 0)
			rising = 40 + 30 * int(3 * rand())
		cpu = int(cpus * rand())
		if (live < 1000 && (!live || 100 * rand() < rising)) {
			held[live++] = ++frame
			printf " a-1 [%03d] d..1. 1.0: mm_page_alloc: page=0x1 pfn=%d order=0 gfp_flags=__GFP_MEMALLOC\n", cpu, frame
		} else {
			at = int(live * rand())
			printf " a-1 [%03d] d..1. 1.0: mm_page_free: page=0x1 pfn=%d order=0\n", cpu, held[at]
			held[at] = held[--live]
		}
	}
}' >"$work/edge.txt"

echo "a machine of hardly more, and of less, than the most pages at once"
replay 0 "$work/edge.txt" --json "$work/one.json"
for threads in 2 3 4 8; do
	for memory in 1001 1010 900; do
		replay 0 "$work/edge.txt" --threads "$threads" --zones normal=REST --memory $((memory * 4))K --json "$work/edge.json"
		check "$work/edge.json" 'r[0]["events"] == one[0]["events"] == 150000 == r[0]["calls"]' \
			'min(x["events"] for x in r[0]["per_thread"]) > 0'
		[ "$failures" -eq 0 ] || break 2
	done
done
if [ "${MUTANT:-0}" = 1 ]; then
	[ "$failures" -eq 0 ] || exit 1
	echo "replay-threads: all as expected"
	exit 0
fi

build=$source/traces/build-and-net.perf.xz
network=$source/traces/network-rx.ftrace.xz

echo "both traces, at full size, twice and 1.05 times the peak"
replay 0 "$build" "$network" --threads 1 --json "$work/one.json"
for memory in "" "--memory=2x" "--memory=1.05x"; do
	for threads in 2 8; do
		# shellcheck disable=SC2086 # an option or nothing
		replay 0 "$build" "$network" --threads "$threads" $memory --json "$work/threads.json"
		grep -q 'Every promise held: no frame given twice or lost' "$work/out" || fail "no table"
		check "$work/threads.json" \
			'all(t["events"] == o["events"] == t["calls"] and t["allocs"] == o["allocs"] for t, o in zip(r, one))' \
			'all(t["alloc_ns"]["calls"] + t["free_ns"]["calls"] == t["events"] for t in one)' \
			'all(min(x["events"] for x in t["per_thread"]) > 1000 for t in r)' \
			'all(t["live_at_end"] == o["live_at_end"] for t, o in zip(r, one) if not t["refused"] + t["again"])'
	done
done
check "$work/threads.json" 'all(max(x["events"] for x in t["per_thread"]) - min(x["events"] for x in t["per_thread"]) < 2
	for t in r if t["cpus"] == 1)'

echo "half of the peak, and more threads than CPUs by far: many are refused, none without reason"
replay 0 "$build" "$network" --threads 64 --memory 0.5x --json "$work/half.json"
check "$work/half.json" 'all(t["refused"] > 100 and t["refused_unproven"] > 0 for t in r)' \
	'all(t["frees_of_refused"] > 0 for t in r)'

echo "one thread is what it was"
replay 0 "$network" --json "$work/plain.json"
replay 0 "$network" --threads 1 --buddy --json "$work/buddy.json"
python3 - "$work/plain.json" "$work/buddy.json" <<'PYTHON' || fail "--threads 1 is not as without"
import json, sys

plain, buddy = (json.load(open(path)) for path in sys.argv[1:])
assert plain["threads"] == 1
times = ("alloc_ns", "free_ns", "allocator_ms")
assert [k for k in buddy if not k.startswith("buddy_")] == list(plain)
assert all(plain[k] == buddy[k] for k in plain if k not in times)
new = {"elapsed_ms", "waits", "calls", "per_thread", "audit", "again_while_free", "claimed", "refused_unproven"}
assert not new & set(plain)
PYTHON

echo "the other options"
replay 0 "$network" --threads 3 --memory 2x --cpus 7 --zones normal=REST --min-free-kbytes 400 --strict --progress \
	--map "$work/map.svg" --json -
cp "$work/out" "$work/stdout.json"
check "$work/stdout.json" 'r[0]["cpus"] == 7' 'len(r[0]["rooms"]) == 1' 'r[0]["rooms"][0]["min"] == 100'
python3 -c 'import sys, xml.dom.minidom as d; d.parse(sys.argv[1])' "$work/map.svg" || fail "the picture is not XML"
grep -q '100 %\|50 %' "$work/err" || fail "no progress: $(cat "$work/err")"
xz -dc "$network" | "$binary" replay --threads 2 --json "$work/pipe.json" - >/dev/null || fail "through a pipe"
check "$work/pipe.json" 'r[0]["events"] == 441719'

echo "what it cannot use"
outputs="--json $work/new/a.json --map $work/new/a.svg"
# shellcheck disable=SC2086 # two options
{
	for value in 0 -1 1000 65 abc 2x 1.5 0x8 99999999999999999999 ""; do
		refused "--threads '$value'" $outputs "$network" --threads "$value"
	done
	refused "no value" $outputs "$network" --threads
	refused "with --buddy" $outputs "$network" --threads 2 --buddy
	ulimit -s 8192
	(ulimit -v 250000 && refused "no memory for threads" $outputs "$network" --memory 2x --threads 64
		[ "$failures" -eq 0 ]) || fail "no memory for threads"
}

echo "stopped: at once, by the signal that it was told, and nothing is left behind"
mkdir "$work/stopped"
python3 - "$binary" "$build" "$work/stopped/a.json" <<'PYTHON' || fail "it does not stop well"
import os, signal, subprocess, sys, time

binary, trace, output = sys.argv[1:]
for number in (signal.SIGINT, signal.SIGTERM):
    for part in (0.1, 0.5, 2):
        child = subprocess.Popen([binary, "replay", trace, "--threads", "8", "--memory", "0.9x", "--json", output],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                 preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        time.sleep(part)
        child.send_signal(number)
        out, err = child.communicate(timeout=60)
        print("  after %s s: %s %s" % (part, child.returncode, err.strip()))
        if child.returncode == 0:
            os.remove(output)
            continue # it was done before
        assert child.returncode == -number and not out and err.count("\n") <= 1
        assert not os.listdir(os.path.dirname(output))
PYTHON

[ "$failures" -eq 0 ] || exit 1
echo "replay-threads: all as expected"
awk '{ calls += $1 } END { printf "machine: P2 P4 P5 | recorded requests by many threads | %d\n", calls }' "$work/one.json.cases"
