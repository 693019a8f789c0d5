#!/bin/bash
# what is overwritten stays overwritten with -O3 and link-time optimization (gcc): fill kernels, keys, vaults, secrets
. "$(dirname "$0")/../../scripts/suite.sh"

# A compiler that sees the whole program may drop stores that nobody reads.  (Not test_vault_attacks: it takes functions' places at link time.)
# optimized.sh [STEM]: only tests/unit/test_STEM.c.
stems=(fill keys vault secret)
[ $# -eq 0 ] || stems=("$1")
if ! configure "$WORK/optimized" -Dtools=disabled -Dtests=enabled -Doptimization=3 -Db_lto=true ||
	! compile "$WORK/optimized" "${stems[@]/#/tests/unit/test_}"; then
	fail build "see the log"
	exit 0
fi
for stem in "${stems[@]}"; do
	check_cmocka "$stem" 300 "$WORK/optimized/tests/unit/test_$stem"
done | tee "$WORK/optimized.out"
printf 'machine: exclusive | overwritten, with -O3 -flto | %s\n' "$(grep -ac '^ok ' "$WORK/optimized.out")" >"$WORK/optimized.line"
grep -a '^FAIL' "$WORK/optimized.out" >>"$WORK/optimized.line"
machine_cases 'suite optimized' "$WORK/optimized.line"
exit 0
