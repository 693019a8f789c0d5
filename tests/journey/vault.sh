#!/bin/sh
# SPDX-License-Identifier: MIT
#
# vault.sh BINARY SOURCE - `labyrinth vault` as a user meets it: what it says is consistent, with rights and without; what it refuses.
set -u

binary=${1:?usage: vault.sh BINARY SOURCE}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0

fail() {
	echo "FAIL vault: $*"
	failures=$((failures + 1))
	[ -z "${MUTANT:-}" ] || exit 1 # one is enough
}

# refused WHAT ARGUMENT...: exit 2, one line on standard error, nothing on standard output.
refused() {
	what=$1
	shift
	"$binary" vault "$@" >"$work/out" 2>"$work/err"
	[ $? -eq 2 ] || fail "$what: not exit 2"
	[ "$(wc -l <"$work/err")" -eq 1 ] || fail "$what: not one line: $(cat "$work/err")"
	[ ! -s "$work/out" ] || fail "$what: wrote to standard output"
	echo "  $what: $(cut -d: -f2- <"$work/err")"
}

cat >"$work/check.py" <<'PYTHON'
# check.py JSON [poor]: the shape, and what must be so on every machine; poor: of a user who may not lock memory
import json, sys
found, poor = json.load(open(sys.argv[1])), len(sys.argv) > 2
problems = []

def want(what, fine):
    if not fine:
        problems.append(what)

names = {"LOCKED", "PINNED", "NODUMP", "NOFORK", "GUARDED", "SHREDDED_KILLED"}
kinds = {kind["memory"]: kind for kind in found["memory"]}
want("three kinds", set(kinds) == {"anonymous", "secret", "hugetlb"})
for name, kind in kinds.items():
    sets = {frozenset(trial["required"]): trial for trial in kind["sets"]}
    want(f"{name}: 64 sets", len(sets) == 64 and len(kind["sets"]) == 64)
    had = {bit for trial in sets.values() if trial["met"] for bit in trial["guarantees"]}
    want(f"{name}: how", set(kind["looked_at"]) == names and {bit for bit, how in kind["looked_at"].items() if how} == had & names)
    for required, trial in sets.items():
        want(f"{name} {set(required)}: tried", trial["met"] is not None)
        if trial["met"]:
            want(f"{name} {set(required)}: met is what was required", required <= set(trial["guarantees"]))
            for less in required:
                want(f"{name} {set(required)}: met, less is not", sets[required - {less}]["met"])
        else:
            want(f"{name} {set(required)}: why", "failed: " in trial["why"] or "LAB_" in trial["why"])
    want(f"{name}: the largest", all(t["largest"] == (not any(o["met"] and set(o["required"]) > set(t["required"]) for o in kind["sets"]))
                                     for t in kind["sets"] if t["met"]))
plain = {frozenset(trial["required"]): trial for trial in kinds["anonymous"]["sets"]}
want("anonymous memory can be kept out of dumps and forks", plain[frozenset({"NODUMP", "NOFORK", "GUARDED"})]["met"])
want("anonymous memory is not cleared", not plain[frozenset({"SHREDDED_KILLED"})]["met"])
if poor:
    locked = plain[frozenset({"LOCKED"})]
    want("locked without the right: " + str(locked), not locked["met"] and "RLIMIT_MEMLOCK is 0" in locked["why"] and "CAP_IPC_LOCK" in locked["why"])
    secret = {frozenset(trial["required"]): trial for trial in kinds["secret"]["sets"]}[frozenset()]
    want("secret without the right", not secret["met"] and ("RLIMIT_MEMLOCK is 0" in secret["why"] or "secretmem" in secret["why"]))
readers = {"core dump", "/proc/PID/mem", "process_vm_readv", "pidfd_getfd", "map_files", "forked child", "swap", "RAM after SIGKILL"}
want("vaults", len(found["vaults"]) >= 2)
for vault in found["vaults"]:
    seen = {reader["reader"]: reader for reader in vault["readers"]}
    has, name = set(vault["guarantees"]), vault["memory"] + " " + " ".join(vault["guarantees"])
    want(f"{name}: readers", set(seen) == readers and all(reader["how"] for reader in seen.values()))
    want(f"{name}: results", all(reader["result"] in ("reads", "cannot", "not tested") for reader in seen.values()))
    # What is promised is not read; and, that the attempts are worth anything, what is not promised is.
    want(f"{name}: core", seen["core dump"]["result"] in ({"cannot", "not tested"} if "NODUMP" in has else {"reads", "not tested"}))
    want(f"{name}: child", seen["forked child"]["result"] == ("cannot" if "NOFORK" in has else "reads"))
    want(f"{name}: swap", "LOCKED" not in has or seen["swap"]["result"] == "cannot")
    want(f"{name}: descriptors", seen["pidfd_getfd"]["result"] != "reads")
    for reader in ("/proc/PID/mem", "process_vm_readv"):
        want(f"{name}: {reader}", seen[reader]["result"] in ({"cannot", "not tested"} if vault["memory"] == "secret" else {"reads", "not tested"}))
for problem in problems:
    print("FAIL vault:", problem)
print("  " + "; ".join(f"{name}: {' '.join(max((t['required'] for t in kind['sets'] if t['met']), key=len, default=['-']))}"
                       for name, kind in kinds.items()))
sys.exit(bool(problems))
PYTHON

echo "as this user"
before=$(ls -d /tmp/labyrinth-vault.* 2>/dev/null)
"$binary" vault --json "$work/found.json" >"$work/text" || fail "exit $?"
python3 "$work/check.py" "$work/found.json" || fail "the findings"
for word in anonymous secret hugetlb GUARDED 'core dump' 'process_vm_readv'; do
	grep -q "$word" "$work/text" || fail "the text has no $word"
done
sed -n '/^How it was looked at/,/^$/p' "$work/text" | sed 's/^  [A-Z_]* *//' | sort | uniq -d | grep -q . && fail "told twice how something was looked at"
grep -q 'SHREDDED_KILLED: the kernel' "$work/text" || fail "anonymous memory and SHREDDED_KILLED: not said once"
grep -q 'SHREDDED_KILLED: LAB_' "$work/text" && fail "a reason names its bit twice"
"$binary" vault --json - >"$work/only.json" || fail "exit $? of --json -"
python3 "$work/check.py" "$work/only.json" || fail "the findings on standard output"
[ "$(ls -d /tmp/labyrinth-vault.* 2>/dev/null)" = "$before" ] || fail "a folder is left in /tmp"

if command -v prlimit >/dev/null && command -v setpriv >/dev/null; then
	echo "who may not lock memory"
	if [ "$(id -u)" -eq 0 ]; then
		set -- setpriv --bounding-set=-ipc_lock --inh-caps=-ipc_lock
	else
		set --
	fi
	if prlimit --memlock=0 "$@" "$binary" vault --json - >"$work/poor.json" 2>"$work/err"; then
		python3 "$work/check.py" "$work/poor.json" poor || fail "the findings of who may not lock"
		prlimit --memlock=0 "$@" "$binary" vault --times >"$work/text" || fail "without rights, the text: exit $?"
		grep -q '^  LOCKED  *smaps' "$work/text" && fail "how LOCKED was looked at, where nothing could be locked"
		grep -q 'specification:' "$work/text" && fail "the fault of a specification that nobody wrote"
	else
		fail "without rights: exit $?: $(cat "$work/err")"
	fi
else
	echo "SKIP vault without rights: there is no prlimit or setpriv"
fi

echo "times"
"$binary" vault --times --json "$work/times.json" | grep -q ' no vault$' || fail "--times"
python3 - "$work/times.json" <<'PYTHON' || fail "the times"
import json, sys
times = json.load(open(sys.argv[1]))["times"]
print("  " + "; ".join(f"{t['memory']} {' '.join(t['guarantees'])}: " + (t.get("why") or f"{t['made_ms']:.1f}, fork {t['fork_ms']:.3f} ms") for t in times))
sys.exit(len(times) != 6 or any("why" not in t and not 0 < t["fork_ms"] for t in times))
PYTHON

echo "few descriptors, no process: not tried is neither yes nor no"
cat >"$work/starved.py" <<'PYTHON'
import json, os, resource, subprocess, sys

binary, work = sys.argv[1:]

def run(prepare, *words):
    return subprocess.run([binary, "vault", *words], preexec_fn=prepare, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

def few_files():
    resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4))

def no_process():
    if os.getuid() == 0: # who is not held by the limit
        os.setgroups([])
        os.setgid(65533)
        os.setuid(65533)
    resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))

def check(prepare, limit, *words):
    starved = run(prepare, "--json", "-", *words)
    assert starved.returncode == 1, starved
    assert starved.stderr.count("\n") == 1 and limit in starved.stderr, starved.stderr
    found = json.loads(starved.stdout)
    assert found["vaults"], "nothing is said of the readers"
    for vault in found["vaults"]:
        assert vault["readers"] is None and vault["guarantees"] is None and limit in vault["why"], vault
    text = run(prepare, *words)
    assert text.returncode == 1 and "  not tried  " in text.stdout and text.stderr == starved.stderr, text
    return found

sets = [trial for kind in check(few_files, "RLIMIT_NOFILE is 4: raise it")["memory"] if kind["memory"] == "anonymous" for trial in kind["sets"]]
guarded = [trial for trial in sets if trial["required"] == ["GUARDED"]]
assert guarded[0]["met"] is None and "RLIMIT_NOFILE is 4" in guarded[0]["why"], guarded
try:
    possible = run(no_process, "--help").returncode == 0
except PermissionError:
    possible = False
if possible:
    times = check(no_process, "RLIMIT_NPROC is 1: raise it", "--times")["times"]
    assert all(time["fork_ms"] is None for time in times if "why" not in time), times
else:
    print("SKIP vault without processes: another user cannot run the program where it lies")
PYTHON
python3 "$work/starved.py" "$binary" "$work" || fail "where the command itself lacks something"

echo "refused"
refused "unknown option" --frobnicate
refused "a word too many" five
refused "no value" --json
refused "a file without a name" --json ""
grep -q 'whose name is empty' "$work/err" || fail "a file without a name: $(cat "$work/err")"
refused "no such folder" --json "$work/none/found.json"
"$binary" vault --help | grep -q -- --json || fail "--help"
"$binary" --help | grep -q vault || fail "labyrinth --help"

[ "$failures" -eq 0 ] || exit 1
echo "vault: all as expected"
