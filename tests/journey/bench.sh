#!/bin/sh
# SPDX-License-Identifier: MIT
#
# bench.sh BINARY SOURCE - `labyrinth bench` as a user meets it: every bench once, what it writes, what
# it says about a command line that it cannot follow.  No figure is judged here: machines differ and are
# shared.
set -u

binary=${1:?usage: bench.sh BINARY SOURCE}
: "${2:?usage: bench.sh BINARY SOURCE}"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0

fail() {
	echo "FAIL bench: $*"
	failures=$((failures + 1))
	[ -z "${MUTANT:-}" ] || exit 1 # one is enough
}

# refused WHAT ARGUMENT...: exit 2, one line on standard error, nothing on standard output.
refused() {
	what=$1
	shift
	"$binary" bench "$@" >"$work/out" 2>"$work/err" </dev/null
	status=$?
	[ "$status" -eq 2 ] || fail "$what: exit $status instead of 2"
	[ "$(wc -l <"$work/err")" -eq 1 ] || fail "$what: not one line: $(cat "$work/err")"
	[ ! -s "$work/out" ] || fail "$what: wrote to standard output"
	grep -q '^labyrinth bench: .' "$work/err" || fail "$what: unclear: $(cat "$work/err")"
}

# Each line an object with just these fields; each bench measured, or named as skipped, and then null in the JSON.
check_json() {
	python3 - "$@" <<'PYTHON' || fail "the JSON of $1"
import json, sys

lines, table, rounds, names = sys.argv[1], open(sys.argv[2]).read(), int(sys.argv[3]), sys.argv[4:]
modes = {"pair_hot": {"exact", "page", "atomic"}, "burst32": {"exact", "page", "bulk"},
         "fill_1m": {"alloc", "free"}, "cross_cpu": {"exact"}, "refuse_64m": {"exact"}, "refuse_1t": {"exact"},
         "shred_random": {"chacha20"}, "shred_ram": set(), "shred_keys": {"chacha20"}, "shred_zero": {"chacha20"}, "shred_zero_ram": set(),
         "shred_digest": {"chacha20"},
         "pair_exclusive": {"pair", "fill", "shred", "digest"}, "pair_exclusive_zero": {"pair", "fill", "digest"},
         "pair_exclusive_secret": {"pair", "fill", "shred", "digest"}, "pair_exclusive_quiet": {"pair", "fill", "shred"},
         "pair_exclusive_deferred": {"free", "launder"}, "pair_secret": {"pair", "toggle", "readonly"}}
others = {"pair_exclusive": ("libsodium", "openssl"), "pair_secret": ("libsodium",)}
fields = {"bench": str, "who": str, "mode": str, "ns": float, "min": float, "rounds": int, "threads": int}
seen, lacking = {}, set()
for line in open(lines):
    figure = json.loads(line)
    if figure.get("ns", 0) is None:
        assert list(figure) == list(fields) + ["why"] and figure["why"] and figure["who"] == "labyrinth", line
        lacking.add(figure["bench"])
        continue
    assert list(figure) == list(fields), "fields of " + line
    for field, kind in fields.items():
        assert type(figure[field]) is kind, field + " in " + line
    assert 0 < figure["min"] <= figure["ns"], line
    assert figure["rounds"] == rounds, line
    assert figure["threads"] == (2 if figure["bench"] == "cross_cpu" else 1), line
    key = (figure["bench"], figure["who"])
    assert figure["mode"] not in seen.setdefault(key, set()), "twice: " + line
    seen[key].add(figure["mode"])
for name in names:
    skipped = "SKIP %s:" % name in table or "SKIP %s labyrinth:" % name in table
    assert skipped == (name in lacking), "%s: named as skipped, or null in the JSON, not both" % name
    missing = modes[name] - seen.get((name, "labyrinth"), set())
    assert skipped or not missing, "%s: labyrinth lacks %s" % (name, missing)
    if "SKIP %s:" % name in table:
        continue
    for peer in others.get(name, ("glibc", "tcmalloc", "jemalloc", "mimalloc")):
        if name.startswith(("refuse", "shred", "pair_exclusive_")):
            continue
        skipped = "SKIP %s:" % peer in table or "SKIP %s %s:" % (name, peer) in table
        assert skipped or (name, peer) in seen, "%s: %s neither measured nor named" % (name, peer)
assert {name for name, who in seen} <= set(names), "others than were asked for"
PYTHON
}

# exit_of FILE: what the bench has to exit with that wrote this JSON.
exit_of() {
	! grep -q '"ns":null' "$1"
	echo $?
}

shreds="shred_random shred_ram shred_keys shred_zero shred_zero_ram shred_digest"
exclusives="pair_exclusive pair_exclusive_zero pair_exclusive_secret pair_exclusive_quiet pair_exclusive_deferred pair_secret"
all="pair_hot burst32 fill_1m cross_cpu refuse_64m refuse_1t $shreds $exclusives"

"$binary" bench --list >"$work/list" || fail "--list: exit $?"
for name in $all; do
	grep -q "^$name  *[a-zA-Z0-9]" "$work/list" || fail "--list does not tell of $name"
done

# Everything, once.
"$binary" bench --rounds 1 --json "$work/all.json" >"$work/table" 2>"$work/err" </dev/null
status=$?
[ "$status" -eq "$(exit_of "$work/all.json")" ] || fail "all benches: exit $status: $(cat "$work/err")"
# shellcheck disable=SC2086 # a list of words
check_json "$work/all.json" "$work/table" 1 $all
grep -q 'x labyrinth' "$work/table" || fail "no table for people"

# "-": standard output is JSON and nothing else, the table goes to standard error.
"$binary" bench pair_hot --rounds 2 --json - >"$work/dash.json" 2>"$work/table" </dev/null ||
	fail "--json -: exit $?"
check_json "$work/dash.json" "$work/table" 2 pair_hot

# A group's name stands for all in it.
# shellcheck disable=SC2086 # a list of words
"$binary" bench shred --rounds 1 --json "$work/group.json" >"$work/table" 2>"$work/err" </dev/null
[ $? -eq "$(exit_of "$work/group.json")" ] || fail "bench shred: $(cat "$work/err")"
# shellcheck disable=SC2086 # a list of words
check_json "$work/group.json" "$work/table" 1 $shreds
for name in $shreds; do
	grep -q "^$name \|^SKIP $name labyrinth:" "$work/table" || fail "bench shred has no $name"
done

# Exclusive pages: one name is that row alone; where memory may not be locked, the rows are named with the reason, nothing less is
# measured under their names, the exit status tells, and those who can be measured are.
"$binary" bench pair_exclusive --rounds 1 --json "$work/pair.json" >"$work/table" 2>"$work/err" </dev/null
[ $? -eq "$(exit_of "$work/pair.json")" ] || fail "bench pair_exclusive: $(cat "$work/err")"
check_json "$work/pair.json" "$work/table" 1 pair_exclusive
python3 - "$binary" "$work" <<'PYTHON' || fail "without memory that may be locked"
import ctypes, json, os, resource, subprocess, sys

binary, work = sys.argv[1:]
def poor():
    ctypes.CDLL(None).prctl(24, 14, 0, 0, 0)  # PR_CAPBSET_DROP, CAP_IPC_LOCK
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
run = subprocess.run([binary, "bench", "pair_exclusive", "pair_exclusive_zero", "--rounds", "1", "--json", work + "/poor.json"],
                     preexec_fn=poor, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
assert run.returncode == 1 and "not all figures" in run.stderr, run
lines = [json.loads(line) for line in open(work + "/poor.json")]
for name in ("pair_exclusive", "pair_exclusive_zero"):
    assert "SKIP %s labyrinth: " % name in run.stdout and "RLIMIT_MEMLOCK" in run.stdout, run.stdout
    own = [line for line in lines if (line["bench"], line["who"]) == (name, "labyrinth")]
    assert len(own) == 1 and own[0]["ns"] is None and own[0]["mode"] is None and "RLIMIT_MEMLOCK" in own[0]["why"], own
for peer in ("libsodium", "openssl"):
    assert "SKIP %s:" % peer in run.stdout or "SKIP pair_exclusive %s:" % peer in run.stdout or any(line["who"] == peer for line in lines), run.stdout
PYTHON

# A peer whose library is not to be had is named with its package, and its name stands over no figure.
mkdir "$work/broken libraries"
for library in libtcmalloc_minimal.so.4 libtcmalloc.so.4; do
	echo "not a library" >"$work/broken libraries/$library"
done
LD_LIBRARY_PATH="$work/broken libraries" "$binary" bench pair_hot --rounds 1 --json "$work/less.json" \
	>"$work/table" 2>"$work/err" </dev/null || fail "without a peer: exit $?"
grep -q '^SKIP tcmalloc: .*apt-get install libtcmalloc-minimal4' "$work/table" || fail "tcmalloc is not named"
! grep -q tcmalloc "$work/less.json" || fail "figures for a tcmalloc that is not there"
check_json "$work/less.json" "$work/table" 1 pair_hot

# On one CPU what needs two is named as skipped, and is no figure.
python3 -c 'import os, sys
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
os.execv(sys.argv[1], sys.argv[1:])' "$binary" bench cross_cpu --rounds 1 --json "$work/one.json" \
	>"$work/table" 2>"$work/err" </dev/null
[ $? -eq 1 ] || fail "on one CPU: not exit 1"
grep -q '^SKIP cross_cpu: needs two CPUs' "$work/table" || fail "on one CPU: cross_cpu is not named as skipped"
check_json "$work/one.json" "$work/table" 1 cross_cpu
! grep -q '"ns":[0-9]' "$work/one.json" || fail "on one CPU: figures of two"

refused "unknown name" no_such_bench --json "$work/never"
refused "half a group" shre --json "$work/never"
refused "a name after a good one" pair_hot no_such_bench --json "$work/never"
refused "unknown option" --no-such-option --json "$work/never"
refused "--rounds 0" pair_hot --rounds 0 --json "$work/never"
refused "--rounds x" pair_hot --json "$work/never" --rounds x
refused "--rounds without a value" pair_hot --json "$work/never" --rounds
refused "--cpu 1023" pair_hot --json "$work/never" --cpu 1023
refused "--cpu -1" pair_hot --json "$work/never" --cpu -1
refused "--json without a value" pair_hot --json
refused "an option for a value" pair_hot --json --list
refused "unwritable --json" pair_hot --json "$work/no such folder/out.json"
[ ! -e "$work/never" ] || fail "a refused command line left a file"

# A full disk is told, not hidden.
if [ -w /dev/full ]; then
	"$binary" bench refuse_64m --rounds 1 --json /dev/full >"$work/table" 2>"$work/err" </dev/null
	status=$?
	[ "$status" -eq 2 ] || fail "--json on a full disk: exit $status instead of 2"
	grep -q 'cannot write /dev/full' "$work/err" || fail "--json on a full disk: $(cat "$work/err")"
	for option in --help --list "refuse_64m --rounds 1" "refuse_64m --rounds 1 --json -"; do
		# shellcheck disable=SC2086 # several words
		"$binary" bench $option >/dev/full 2>"$work/err" </dev/null
		status=$?
		[ "$status" -eq 2 ] || fail "$option to a full disk: exit $status instead of 2"
		[ "$(grep -c 'labyrinth bench: cannot write standard output: No space left' "$work/err")" -eq 1 ] ||
			fail "$option to a full disk: $(cat "$work/err")"
	done
fi
"$binary" bench refuse_64m --rounds 1 >&- 2>"$work/err" </dev/null
[ $? -eq 2 ] && grep -q 'cannot write standard output: Bad file descriptor' "$work/err" || fail "to a closed standard output: $(cat "$work/err")"

[ "$failures" -eq 0 ] && echo "PASS bench"
[ "$failures" -eq 0 ]
