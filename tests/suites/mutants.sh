#!/bin/bash
# each wrong line in tests/mutants/*.patch is noticed by the test that it names
. "$(dirname "$0")/../../scripts/suite.sh"

# A patch's head says who must notice, one or more lines "Expect: PROGRAM [ARGUMENT...]", the program as in the
# build folder (tests/unit/test_tree).  One of them must fail, or hang.  A patch that no longer applies fails.
tree=$WORK/mutants
compgen -G 'tests/mutants/*.patch' >/dev/null || {
	skip all "there are no mutants yet"
	exit 0
}
rm -rf "$tree/src"
mkdir -p "$tree" || exit 1
fresh() { # the tree as it stands, without what is built or stored
	rm -rf "$tree/src" && mkdir "$tree/src" &&
		tar -C "$ROOT" --exclude=./build --exclude=./.git --exclude=./traces --exclude='./build-*' -cf - . | tar -C "$tree/src" -xf -
}
fresh || { fail copy "could not copy the tree"; exit 1; }
rm -rf "$tree/build"
meson setup -Dtests=enabled -Dwerror=false "$tree/build" "$tree/src" </dev/null || { fail copy "could not configure"; exit 1; }

for patch in tests/mutants/*.patch; do
	name=$(basename "$patch" .patch)
	printf -- '--- %s\n' "$name"
	mapfile -t expect < <(sed -n 's/^Expect: *//p' "$patch")
	if [ ${#expect[@]} -eq 0 ]; then
		fail "$name" "no line Expect: in it"
		continue
	fi
	if ! patch -d "$tree/src" -p1 --forward --fuzz=0 <"$patch"; then
		fail "$name" "no longer applies"
		fresh
		continue
	fi
	noticed= built=1
	for program in "${expect[@]}"; do
		read -ra words <<<"$program"
		if ! ninja -C "$tree/build" "${words[0]}"; then
			fail "$name" "does not build"
			built=
			break
		fi
		timeout --foreground --kill-after=5 120 "$tree/build/${words[0]}" "${words[@]:1}" >"$tree/out" 2>&1
		status=$?
		tail -n 5 "$tree/out"
		printf '%s: %s\n' "$program" $status
		[ $status -ne 0 ] && { noticed=$program; break; }
	done
	if [ -n "$noticed" ]; then
		ok "$name"
	elif [ -n "$built" ]; then
		fail "$name" "not noticed by: ${expect[*]}"
	fi
	patch -d "$tree/src" -p1 --reverse --fuzz=0 <"$patch" >/dev/null || fresh
done
exit 0
