#!/bin/sh
# SPDX-License-Identifier: MIT
#
# explain.sh BINARY SOURCE - `labyrinth explain` as a user meets it: kernels' reports of refused pages, whole, wrapped,
# between other lines, cut off; a labyrinth's own report; what it says about input that has nothing to explain.
#
# The logs in explain/ are made up (formats of 2.6.32 to 6.6); their figures were judged by hand.
set -u

binary=${1:?usage: explain.sh BINARY SOURCE}
source=${2:?usage: explain.sh BINARY SOURCE}
logs=$source/tests/journey/explain
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0

fail() {
	echo "FAIL explain: $*"
	failures=$((failures + 1))
}

# explain FILE EXPRESSION...: both forms work; Python expressions over the JSON (`r`; `one`: its last) hold.
explain() {
	file=$1
	shift
	"$binary" explain "$file" >"$work/text" 2>"$work/err" </dev/null || fail "$file: $(cat "$work/err")"
	"$binary" explain --json "$file" >"$work/json" 2>"$work/err" </dev/null || fail "$file: $(cat "$work/err")"
	python3 - "$work/json" "$@" <<'PYTHON' || fail "the figures of $file"
import json, sys

r = json.load(open(sys.argv[1]))
one = r[-1]
zone = {(z["node"], z["zone"]): z for z in one.get("walk", [])}
remedies = [x["remedy"] for x in one["remedies"]] if "remedies" in one else []
wrong = [text for text in sys.argv[2:] if not eval(text, globals())]
for text in wrong:
    print("does not hold: " + text)
if wrong:
    print(json.dumps(r, indent=1)[:3000])
sys.exit(bool(wrong))
PYTHON
}

says() {
	grep -q "$1" "$work/text" || fail "$file: does not say: $1"
}

# refused WHAT ARGUMENT...: exit 2, one line on standard error, nothing on standard output.
refused() {
	what=$1
	shift
	"$binary" explain "$@" >"$work/text" 2>"$work/err" </dev/null
	[ $? -eq 2 ] || fail "$what: not exit 2"
	[ "$(wc -l <"$work/err")" -eq 1 ] || fail "$what: not one line: $(cat "$work/err")"
	grep -q '^labyrinth explain: .' "$work/err" || fail "$what: unclear: $(cat "$work/err")"
	[ ! -s "$work/text" ] || fail "$what: wrote to standard output"
	echo "  $what: $(cut -d: -f2- <"$work/err")"
}

echo "a single atomic page, a small machine: 37.5 % of min in DMA32; DMA is kept for others"
atomic='len(r) == 1 and one["task"] == "swapper/1" and one["cpu"] == 1 and one["order"] == 0
	and not one["may_sleep"] and one["right"] == "37.5 % of min"
	and [(z["zone"], z["floor_kb"], z["reserve_kb"], z["says"]) for z in one["walk"]] ==
	[("DMA32", 2088, 0, "below the floor"), ("DMA", 24, 7872, "lowmem reserve")]
	and one["stopped_at"] == 0 and remedies == ["right"] and one["missing"] == []'
atomic=$(echo "$atomic" | tr '\n\t' '  ')
explain "$logs/atomic-dma32.log" "$atomic" 'one["line"] == 2' \
	'sum(b["count"] << b["order"] for b in zone[0, "DMA32"]["blocks"]) * 4 == zone[0, "DMA32"]["free_kb"] == 1876' \
	'zone[0, "DMA32"]["low_kb"] == 6960 and zone[0, "DMA32"]["high_kb"] == 8352 and zone[0, "DMA32"]["free_pcp_kb"] == 312'
says 'Stopped at 37.5 % of min: node 0 DMA32 had 1876 kB free where it takes 2092 kB'
for how in wrapped mail split; do
	echo "the same, $how"
	explain "$logs/$how.log" "$atomic"
done

echo "a block of order 3: torn apart"
explain "$logs/order3-torn.log" 'one["walk"][one["stopped_at"]]["zone"] == "Normal"' \
	'zone[0, "Normal"]["says"] == "torn apart" and zone[0, "Normal"]["largest_order"] == 2' \
	'zone[0, "DMA32"]["largest_order"] == 2 and zone[0, "DMA32"]["says"] == "below the floor"' \
	'remedies[0] == "smaller"'
says 'No block of order 3: node 0 Normal'

echo "lower zones have plenty, and keep it"
explain "$logs/lowmem-reserve.log" '[z["says"] for z in one["walk"]] == ["below the floor", "lowmem reserve", "lowmem reserve"]' \
	'[z["reserve_kb"] for z in one["walk"]] == [0, 4 * 12926, 4 * 15827]' 'one["may_sleep"] and one["movable"]'
says 'Stopped at min: node 0 Normal'

echo "bound: by a memory control group, by a cpuset"
explain "$logs/memcg.log" 'one["constraint"] == "memcg" and one["walk"] == [] and remedies == ["limit"] and not one["missing"]'
explain "$logs/cpuset.log" 'one["constraint"] == "cpuset" and [z["node"] for z in one["walk"]] == [1]' \
	'remedies[0] == "node"' '"node 0 Normal" in one["remedies"][0]["text"]'

echo "NOWAIT: min is its floor, a deeper right would do"
explain "$logs/nowait.log" 'one["right"] == "min" and zone[0, "DMA32"]["says"] == "below the floor"' \
	'"right" in remedies and "__GFP_HIGH" in one["remedies"][-1]["text"]'

echo "no flags at all"
sed 's/gfp_mask=[^,]*,/gfp_mask=0x0(),/; s/mode:[^,]*,/mode:0x0(),/' "$logs/nowait.log" >"$work/no-flags.log"
explain "$work/no-flags.log" 'one["flags"] == "0x0()" and one["right"] == "min" and one["missing"] == []'
says 'largest block$'
says ' order [0-9]'

echo "old, 32 bits, flags as a number"
explain "$logs/old-highmem.log" 'one["right"] == "37.5 % of min" and one["highest_zone"] == "Normal"' \
	'zone[0, "Normal"]["says"] == "torn apart" and zone[0, "DMA"]["reserve_kb"] == 4 * 863' 'remedies[:2] == ["smaller", "zone"]'

echo "pages of 16 KiB; free, but contiguous-memory areas"
explain "$logs/cma-16k.log" 'zone[0, "DMA"]["says"] == "CMA only" and remedies[0] == "movable"' \
	'zone[0, "DMA"]["usable_kb"] == 20480'

echo "cut off: what is there counts, and what is not is said"
explain "$logs/cut-off.log" 'zone[0, "DMA32"]["says"] == "unknown" and zone[0, "DMA"]["says"] == "lowmem reserve"' \
	'"free or min of a zone" in one["missing"] and "the end of a line" in one["missing"]'

echo "several in one log"
explain "$logs/several.log" 'len(r) == 3 and [x["line"] for x in r] == [13, 14, 52]' \
	'r[0]["missing"] == ["Mem-Info"] and r[0]["stopped_at"] is None' \
	'r[1]["kind"] == "page allocation stall" and len(r[1]["walk"]) == 3' 'r[2]["task"] == "ksoftirqd/3"'

echo "packed, and through a pipe"
xz -c "$logs/several.log" >"$work/several.xz"
explain "$work/several.xz" 'len(r) == 3'
"$binary" explain --json <"$logs/several.log" | cmp -s - "$work/json" || fail "through a pipe: differs"

echo "a labyrinth's own report"
cat >"$work/own.txt" <<'TEXT'
labyrinth first refusal: sequence=1 error=-12 order=0 gfp=0x220 right=atomic owner=0 node=-1 room=0 name="main" floor=96 remedy=right remedy_right=all remedy_room=-1
labyrinth first refusal room: room=0 name="main" commons=0 bands=0x3
labyrinth first refusal room: room=1 name="side" commons=1 bands=0x0
Nov 20 17:02:21 host engine[77]: labyrinth refusal: sequence=2 error=-122 order=0 gfp=0x200 right=min owner=65535 node=-1 room=0 name="main" floor=256 remedy=quota remedy_right=- remedy_room=-1
labyrinth refusal: sequence=3 error=-12 ord
TEXT
explain "$work/own.txt" 'len(r) == 2 and r[0]["flags"] == "HIGH|KSWAPD_RECLAIM" and r[0]["floor_frames"] == 96' \
	'[x["name"] for x in r[0]["rooms"]] == ["main", "side"] and r[0]["rooms"][0]["bands"] == 3' \
	'one["remedy"] == "quota" and one["owner"] == 65535 and one["error"] == -122'
says '1 damaged lines'
says 'Stopped by its client: beyond its maximum'
sed -n 5p "$work/own.txt" >"$work/damaged.txt"

echo "a vault's refusals: where its frames are, for every refusal of the same report"
cat >"$work/vault.txt" <<'TEXT'
labyrinth first refusal: sequence=1 error=-12 order=0 gfp=0x220 right=atomic owner=0 node=-1 room=1 name="keys" floor=0 remedy=none remedy_right=- remedy_room=-1
labyrinth first refusal room: room=0 name="main" commons=0 bands=0x3
labyrinth first refusal room: room=1 name="keys" commons=0 bands=0x0
labyrinth vault: room=1 name="keys" frames=16 free=0 used=9 kept=3 quarantine=4 laundry=0 offline=0
labyrinth refusal: sequence=2 error=-12 order=0 gfp=0x220 right=atomic owner=0 node=-1 room=0 name="main" floor=96 remedy=none remedy_right=- remedy_room=-1
labyrinth refusal: sequence=3 error=-12 order=0 gfp=0x220 right=atomic owner=0 node=-1 room=1 name="keys" floor=0 remedy=none remedy_right=- remedy_room=-1
labyrinth first refusal: sequence=1 error=-12 order=0 gfp=0x220 right=atomic owner=0 node=-1 room=1 name="keys" floor=0 remedy=none remedy_right=- remedy_room=-1
TEXT
explain "$work/vault.txt" '[x["vault_now"] and x["vault_now"]["quarantine"] for x in r] == [4, None, 4, None]' \
	'"smaller quarantine, less kept for clients" in r[0]["verdict"] and "4 in quarantine, 0 in the laundry" in r[2]["verdict"]' \
	'"vault" not in r[1]["verdict"] and "quarantine" not in one["verdict"]' 'all("of min of room 1" not in x["verdict"] for x in r)'
says 'Stopped in vault 1 "keys", which keeps no reserve'
sed 's/laundry=0/laundry=2/' "$work/vault.txt" >"$work/laundry.txt"
explain "$work/laundry.txt" '"lab_launder(), or a keeper, which calls it: 2 freed" in r[0]["verdict"]'

echo "nothing to explain: one clear line"
head -c 100000 /dev/urandom >"$work/noise"
: >"$work/empty"
sed 1,/Mem-Info/d "$logs/nowait.log" >"$work/headless"
head -c 300 "$work/several.xz" >"$work/cut.xz"
refused "missing file" "$work/missing"
refused "a folder" "$work"
refused "empty" "$work/empty"
refused "noise" "$work/noise"
refused "something else" "$source/README.md"
refused "no head" "$work/headless"
refused "own, damaged" "$work/damaged.txt"
refused "cut xz" "$work/cut.xz"
refused "two files" "$logs/nowait.log" "$logs/memcg.log"
refused "unknown option" --frobnicate "$logs/nowait.log"
"$binary" explain --help | grep -q -- --json || fail "--help"
if [ -w /dev/full ] && "$binary" explain "$logs/nowait.log" >/dev/full 2>"$work/err"; then
	fail "a full disk went unnoticed"
fi

[ "$failures" -eq 0 ] || exit 1
echo "explain: all as expected"
