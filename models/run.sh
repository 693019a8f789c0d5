#!/bin/bash
# run.sh [--short | --long] [NAME...]: check the protocols with Spin.  A line a case: ok, FAIL or SKIP.
#
# "pass": Spin must see every state and find nothing.  "fail": it must find an assertion broken, or with
# liveness a cycle without progress; that is how we know that the model can see the mistake.  Two cases run
# at a time, each within half of the memory that may be used (6 GiB at most).
set -u
models=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P) || exit 1

# NAME           FORM  EXPECT MODEL  ARGUMENTS OF SPIN                     (live: no cycle without progress)
cases() {
	cat <<'CASES'
tree-2           short pass tree  -DSC=2 -DNPR=4
tree-3           short pass tree  -DSC=3 -DNPR=4
tree-4           short pass tree  -DSC=4 -DNPR=4
tree-5           short pass tree  -DSC=5 -DNPR=2
tree-6           short pass tree  -DSC=6 -DNPR=2
tree-7           short pass tree  -DSC=7 -DNPR=3
tree-8           short pass tree  -DSC=8 -DNPR=4 -DFAN=3 -DNN=4 -DNLEAF=9
tree-9           short pass tree  -DSC=9 -DNPR=3
tree-10          short pass tree  -DSC=10 -DNPR=3
tree-1           long  pass tree  -DSC=1 -DNPR=4
tree-11          long  pass tree  -DSC=11 -DNPR=5 -DFAN=3 -DNN=4 -DNLEAF=9
tree-stopped-6   short pass tree  -DSC=6 -DNPR=2 -DVICTIM
tree-stopped-40  short pass tree  -DSC=40 -DNPR=3 -DVICTIM
tree-wrap-5      short pass tree  -DSC=5 -DNPR=2 -DSM=2 -DVERIFY -DNOSTALE -DNOL
tree-wrap-40     short pass tree  -DSC=40 -DNPR=3 -DNCH=2 -DSM=2 -DVERIFY -DNOSTALE -DNOL
tree-live-20     short live tree  -DSC=20 -DNPR=2
tree-live-21     short live tree  -DSC=21 -DNPR=3
tree-live-22     short live tree  -DSC=22 -DNPR=3
tree-m-orig-5    short fail tree  -DSC=5 -DNPR=2 -DORIG
tree-m-orig-6    short fail tree  -DSC=6 -DNPR=2 -DORIG
tree-m-noread-5  short fail tree  -DSC=5 -DNPR=2 -DNORECHECK
tree-m-reorder   short fail tree  -DSC=10 -DNPR=3 -DREORDER
tree-m-untold-30 short fail tree  -DSC=30 -DNPR=3
tree-m-live-20   short dead tree  -DSC=20 -DNPR=2 -DORIG
hint-3           short pass hint  -DSC=3 -DANN
hint-5           short pass hint  -DSC=5 -DANN
hint-m-quiet-3   short fail hint  -DSC=3
hint-m-once-3    short fail hint  -DSC=3 -DONCE
hint-m-wrap-4    short fail hint  -DSC=4 -DANN -DSM=8 -DNCH=4
tag-two          short pass tag   -DCASTAG -DOWN2=2
tag-handle       short pass tag   -DCASTAG -DOWN2=1 -DHANDLE
tag-m-check      short fail tag   -DOWN2=2
tag-m-own        short fail tag   -DCASTAG -DOWN2=1
CASES
}
