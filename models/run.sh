#!/bin/bash
# run.sh [--short | --long] [NAME...]: check the protocols with Spin.  A line a case: ok, FAIL or SKIP.
#
# "pass": Spin must see every state and find nothing.  "fail": it must find an assertion broken, or with
# liveness a cycle without progress; that is how we know that the model can see the mistake.  "fair", "starved": liveness
# in schedules in which every process goes on.  Two cases run
# at a time, each within half of the memory that may be used (6 GiB at most).
set -u
models=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P) || exit 1

# NAME           FORM  EXPECT MODEL  ARGUMENTS OF SPIN                     (live: no cycle without progress)
cases() {
	cat <<'CASES'
tree-4           short pass tree  -DSC=4 -DNPR=4
tree-5           short pass tree  -DSC=5 -DNPR=2
tree-6           short pass tree  -DSC=6 -DNPR=2
tree-7           short pass tree  -DSC=7 -DNPR=3
tree-8           short pass tree  -DSC=8 -DNPR=4 -DFAN=3 -DNN=4 -DNLEAF=9
tree-9           short pass tree  -DSC=9 -DNPR=3
tree-10          short pass tree  -DSC=10 -DNPR=3
tree-1           long  pass tree  -DSC=1 -DNPR=4
tree-2           long  pass tree  -DSC=2 -DNPR=4
tree-3           long  pass tree  -DSC=3 -DNPR=4
tree-11          long  pass tree  -DSC=11 -DNPR=5 -DFAN=3 -DNN=4 -DNLEAF=9
tree-stopped-6   short pass tree  -DSC=6 -DNPR=2 -DVICTIM
tree-stopped-40  short pass tree  -DSC=40 -DNPR=3 -DVICTIM
tree-wrap-5      short pass tree  -DSC=5 -DNPR=2 -DSM=2 -DVERIFY -DNOSTALE -DNOL
tree-wrap-40     long  pass tree  -DSC=40 -DNPR=3 -DNCH=2 -DSM=2 -DVERIFY -DNOSTALE -DNOL
tree-live-20     short live tree  -DSC=20 -DNPR=2
tree-live-21     long  live tree  -DSC=21 -DNPR=3
tree-live-22     long  live tree  -DSC=22 -DNPR=3
tree-m-orig-5    short fail tree  -DSC=5 -DNPR=2 -DORIG
tree-m-orig-6    short fail tree  -DSC=6 -DNPR=2 -DORIG
tree-m-noread-5  short fail tree  -DSC=5 -DNPR=2 -DNORECHECK
tree-m-reorder   short fail tree  -DSC=10 -DNPR=3 -DREORDER
tree-m-untold-30 short fail tree  -DSC=30 -DNPR=3
tree-m-live-20   short dead tree  -DSC=20 -DNPR=2 -DORIG
hint-2           short pass hint  -DSC=2
hint-3           short pass hint  -DSC=3
hint-4           short pass hint  -DSC=4
hint-6           short pass hint  -DSC=6
hint-1           long  pass hint  -DSC=1
hint-5           long  pass hint  -DSC=5
hint-7           long  pass hint  -DSC=7
hint-anew-3      long  pass hint  -DSC=3 -DANEW
hint-live-8      short live hint  -DSC=8
hint-live-9      short live hint  -DSC=9
hint-live-10     short live hint  -DSC=10
hint-m-quiet-3   short fail hint  -DSC=3 -DQUIET
hint-m-once-3    short fail hint  -DSC=3 -DONCE
hint-m-store-3   short fail hint  -DSC=3 -DSTORE
hint-m-peek-6    short fail hint  -DSC=6 -DPEEK
hint-m-wrap-4    short fail hint  -DSC=4 -DSM=8 -DNCH=4
hint-m-anew-8    short dead hint  -DSC=8 -DANEW
hint-m-disturb-9 short dead hint  -DSC=9 -DDISTURB
tag-two          short pass tag   -DCASTAG -DOWN2=2
tag-handle       short pass tag   -DCASTAG -DOWN2=1 -DHANDLE
tag-m-check      short fail tag   -DOWN2=2
tag-m-own        short fail tag   -DCASTAG -DOWN2=1
pool-1           short pass pool  -DSC=1 -DNPR=1 -DLOOP -DNESTED
pool-4           short pass pool  -DSC=4 -DNPR=4
pool-5           short pass pool  -DSC=5 -DNPR=4 -DNF=4 -DNSLOT=2 -DBOUND=2
pool-6           short pass pool  -DSC=6 -DNPR=4 -DNF=4 -DNPOOL=2
pool-7           short pass pool  -DSC=7 -DNPR=3 -DNF=3
pool-8           short pass pool  -DSC=8 -DNPR=2 -DLOOP -DBOUND=1
pool-m-bound-2   short fail pool  -DSC=2 -DNPR=2 -DNESTED
pool-m-bound-5   short fail pool  -DSC=5 -DNPR=4 -DNF=4 -DNSLOT=2 -DBOUND=1
pool-m-once-4    short fail pool  -DSC=4 -DNPR=3 -DONCE
pool-m-have-4    short fail pool  -DSC=4 -DNPR=3 -DHAVEFIRST
pool-m-lack-7    short fail pool  -DSC=7 -DNPR=3 -DNF=3 -DLACKFIRST
pool-m-right-6   short fail pool  -DSC=6 -DNPR=4 -DNF=4 -DNPOOL=2 -DANYPOOL
pool-balance-again-4  short fail pool  -DSC=4 -DNPR=3 -DBALANCE -DAGAIN
pool-balance-untold-4 short fail pool  -DSC=4 -DNPR=3 -DBALANCE -DNOTENT
pool-balance-2   short pass pool  -DSC=2 -DNPR=2 -DBALANCE -DNESTED
pool-balance-1   long  pass pool  -DSC=1 -DNPR=1 -DLOOP -DBALANCE -DNESTED
pool-balance-3   long  pass pool  -DSC=3 -DNPR=3 -DNF=3 -DBALANCE -DNESTED
pool-balance-4   long  pass pool  -DSC=4 -DNPR=3 -DBALANCE -DNESTED
pool-balance-7   long  pass pool  -DSC=7 -DNPR=3 -DNF=3 -DBALANCE -DNESTED
pool-balance-8   long  pass pool  -DSC=8 -DNPR=2 -DLOOP -DBALANCE -DNESTED
pool-balance-6   long  pass pool  -DSC=6 -DNPR=4 -DNF=4 -DNPOOL=2 -DBALANCE -DNESTED
pool-look-free-2 short fail pool  -DSC=2 -DNPR=2 -DFLOOK -DNESTED
pool-look-free-4 short fail pool  -DSC=4 -DNPR=4 -DFLOOK
pool-look-any-3  long  fail pool  -DSC=3 -DNPR=4 -DNF=3 -DFANY
pool-look-draw-3 short fail pool  -DSC=3 -DNPR=3 -DNF=3 -DDLOOK
recover-2        short pass recover -DNPR=2
recover-2-both   short pass recover -DNPR=2 -DDIE=2
recover-stopped  short pass recover -DNPR=2 -DSTOP
recover-frames-2 long  pass recover -DNPR=2 -DNF=2
recover-3        long  pass recover -DNPR=3
recover-slot     short pass recover -DNPR=2 -DSLOT
recover-fair     short fair recover -DNPR=2 -DDIE=0
recover-m-grace  short fail recover -DNPR=2 -DNOGRACE
recover-m-first  short fail recover -DNPR=2 -DNOFIRST
recover-m-look   short fail recover -DNPR=2 -DONELOOK
recover-m-touch  short fail recover -DNPR=2 -DNOTOUCH
recover-m-late   short fail recover -DNPR=2 -DLATE
recover-m-free   short fail recover -DNPR=2 -DFREEQUIET
recover-m-wait   short fail recover -DNPR=2 -DONEWAIT
recover-m-with   short fail recover -DNPR=2 -DSLOT -DWITHSLOT
recover-m-slot   short fail recover -DNPR=2 -DSLOT -DSLOTQUIET
recover-m-quiet  short fail recover -DNPR=2 -DSLOT -DCOLLECTQUIET
recover-m-count  short starved recover -DNPR=2 -DDIE=0 -DONECOUNT
contract-1       short pass contract -DNPR=2 -DNF=4
contract-2       short pass contract -DNPR=3 -DNF=3 -DHOLD=1 -DNS=2 -DG0=2
contract-3       short pass contract -DNPR=2 -DNF=3 -DNS=2 -DADMIN -DHOLD=1
contract-4       short pass contract -DNPR=2 -DNF=4 -DHANDOVER
contract-5       short pass contract -DNPR=2 -DNF=3 -DCLOSE
contract-6       long  pass contract -DNPR=3 -DNF=4 -DNS=2 -DADMIN
contract-7       long  pass contract -DNPR=2 -DNF=4 -DNS=2 -DADMIN -DHANDOVER
contract-m-late-1     short fail contract -DNPR=2 -DNF=4 -DCHARGELATE
contract-m-first-1    short fail contract -DNPR=2 -DNF=4 -DUNCHARGEFIRST
contract-m-commons-1  short fail contract -DNPR=2 -DNF=4 -DCOMMONSFIRST
contract-m-unpaid-4   short fail contract -DNPR=2 -DNF=4 -DHANDOVER -DUNPAID
contract-m-early-3    short fail contract -DNPR=2 -DNF=3 -DNS=2 -DADMIN -DEARLY
contract-m-shrink-3   short fail contract -DNPR=2 -DNF=3 -DNS=2 -DADMIN -DLATE
contract-m-have-1     short fail contract -DNPR=2 -DNF=4 -DHAVEFIRST
contract-m-close-5    short fail contract -DNPR=2 -DNF=3 -DCLOSE -DCLOSELOOK
keeper-flag-1    short pass keeper -DSC=1
keeper-zero-2    short pass keeper -DSC=2
keeper-zero-2-4  long  pass keeper -DSC=2 -DNPR=4
keeper-zero-3    short pass keeper -DSC=3
keeper-m-tell-1  short fail keeper -DSC=1 -DTELLFIRST
keeper-m-look-1  short fail keeper -DSC=1 -DLOOKFIRST
keeper-m-fill-1  short fail keeper -DSC=1 -DFILLCLEARS
keeper-m-unzero-2 short fail keeper -DSC=2 -DUNZEROED
keeper-m-first-2 short fail keeper -DSC=2 -DFILLFIRST
keeper-m-free-2  short fail keeper -DSC=2 -DFREEFILLS
keeper-m-once-2  short fail keeper -DSC=2 -DNPR=4 -DONCE
keeper-m-right-2 short fail keeper -DSC=2 -DNPR=4 -DUNENTITLED
vault-2          short pass vault -DNPR=2
vault-die        short pass vault -DNPR=2 -DDIE=2
vault-laundry    short pass vault -DNPR=2 -DDEFER
vault-share      short pass vault -DNPR=2 -DSHARE
vault-ring       short pass vault -DNPR=2 -DNF=3 -DNOSTALE
vault-3          long  pass vault -DNPR=3 -DNF=2 -DDEFER
vault-m-early    short fail vault -DNPR=2 -DEARLY
vault-m-takeover short fail vault -DNPR=2 -DTAKEOVER
vault-m-twostep  short fail vault -DNPR=2 -DSHARE -DTWOSTEP
vault-m-blind    short fail vault -DNPR=2 -DSHARE -DBLIND
vault-m-ring     short fail vault -DNPR=2 -DNF=3 -DRINGSTORE
vault-m-wash     short fail vault -DNPR=2 -DDEFER -DPLAINWASH
keys-2           short pass keys -DNPR=2
keys-2-2         short pass keys -DNPR=2 -DROUNDS=2
keys-3           long  pass keys -DNPR=3
keys-m-nonce     short fail keys -DNPR=3 -DNONCETWICE
keys-m-setback   short fail keys -DNPR=3 -DSETBACK
keys-m-kept      short fail keys -DNPR=3 -DOLDKEPT
keys-m-flip      short fail keys -DNPR=3 -DFLIPFIRST
keys-m-same      short fail keys -DNPR=3 -DSAMEKEY
keys-m-constant  short fail keys -DNPR=3 -DCONSTANT
keys-m-back      short fail keys -DNPR=3 -DCOPYBACK
CASES
}

form=short names=()
for argument; do
	case $argument in
	--short) form=short ;;
	--long) form=long ;;
	--list)
		cases
		exit 0
		;;
	*) names+=("$argument") ;;
	esac
done
command -v spin >/dev/null && command -v gcc >/dev/null || {
	echo "models/run.sh: wants spin and gcc" >&2
	exit 2
}

# MiB that one case may use: half of what is there, 3 GiB at most (short form: it all fits in far less).
available=$(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)
each=$((available / 2 - 256))
[ $each -le 3072 ] || each=3072
[ "$form" = short ] && optimize=-O0 seconds=200 || optimize=-O2 seconds=7200

work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT

# one NAME EXPECT MODEL ARGUMENT...: in a folder of its own
one() {
	local name=$1 expect=$2 model=$3 place=$work/$1 kind=-DSAFETY search=() verdict= errors
	shift 3
	case $expect in
	live | dead) kind=-DNP search=(-l) ;;
	fair | starved) kind=-DNP search=(-l -f) ;;
	esac
	mkdir "$place" && cd "$place" || return 1
	if ! spin -a "$@" "$models/$model.pml" >spin.log 2>&1 ||
		! gcc "$optimize" -w "$kind" -DCOLLAPSE -DVECTORSZ=4096 -DNFAIR=3 -DMEMLIM="$each" -o pan pan.c >>spin.log 2>&1; then
		tail -n 5 spin.log
		echo "FAIL $name: does not compile"
		return 1
	fi
	timeout --foreground "$seconds" ./pan -m2000000 "${search[@]}" >out 2>&1
	[ $? -ne 124 ] || verdict="not done after $seconds s"
	errors=$(grep -oE 'errors: [0-9]+' out | head -n 1)
	if grep -qiE 'out of memory|reached -DMEMLIM|memory limit' out; then
		verdict="more than $each MiB"
	elif grep -q 'max search depth too small' out; then
		verdict="deeper than the search goes"
	fi
	case $expect in
	pass | live | fair) [ "$errors" = "errors: 0" ] || verdict=${verdict:-"a counterexample: $(grep -m 1 '^pan:[0-9]' out)"} ;;
	fail) grep -q '^pan:[0-9]*: assertion violated' out && verdict= || verdict=${verdict:-"found nothing wrong with it"} ;;
	dead | starved) grep -q 'non-progress cycle' out && verdict= || verdict=${verdict:-"found no cycle without progress"} ;;
	esac
	cd "$work" || return 1
	if [ -z "$verdict" ]; then
		echo "ok $name ($expect, $(grep -oE '[0-9.e+]+ states, stored' "$place/out" | head -n 1))"
	elif [ "$form" = long ] && [[ $verdict == more* ]]; then
		echo "SKIP $name: wants more memory than is here ($verdict)"
		verdict=
	else
		echo "FAIL $name: $verdict (spin $* $model.pml)"
	fi
	rm -rf "$place"
	[ -z "$verdict" ]
}

wanted() {
	local name
	[ ${#names[@]} -gt 0 ] || { [ "$form" = long ] || [ "$2" = short ]; } || return 1
	[ ${#names[@]} -eq 0 ] && return 0
	for name in "${names[@]}"; do [ "$name" = "$1" ] && return 0; done
	return 1
}

status=0 running=0
while read -r name when expect model arguments; do
	wanted "$name" "$when" || continue
	if [ $running -eq 2 ]; then
		wait -n || status=1
		running=$((running - 1))
	fi
	read -ra arguments <<<"$arguments"
	one "$name" "$expect" "$model" "${arguments[@]}" &
	running=$((running + 1))
done < <(cases)
while [ $running -gt 0 ]; do
	wait -n || status=1
	running=$((running - 1))
done
exit $status
