#!/bin/bash
# what secrets leave in a machine's physical memory and on its swap disk, looked at from outside
. "$(dirname "$0")/../../scripts/suite.sh"
# As arguments: only the cases with that text in SCENE/SUBJECT (free/labyrinth).  MUTANT=1: no other program is built, and the kernel that
# the tree around the mutants has is taken, where it has one.
kernel=$BUILD/kernel
[ -z "${MUTANT:-}" ] || [ ! -f "$BUILD/../../../kernel/vmlinux" ] || kernel=$BUILD/../../../kernel
machines=$WORK/remanence

leave() {
	skip machine "$1"
	exit 0
}

# The kernel is unpacked only: nothing of it is installed.
unpack_kernel() {
	local package log=$BUILD/logs/kernel.log
	package=$(apt-cache search --names-only '^linux-image-6\.1\.0-[0-9]+-amd64$' | sort -V | tail -n 1 | cut -d' ' -f1)
	[ -n "$package" ] || return 1
	rm -rf "$kernel" && mkdir -p "$kernel" || return 1
	(cd "$kernel" && apt-get download "$package") >"$log" 2>&1 &&
		python3 tests/remanence/kernel.py "$kernel"/"$package"_*.deb "$kernel" >>"$log" 2>&1
	package=$?
	rm -f "$kernel"/*.deb
	return $package
}

# The lists of packages may be old, or not there.
fetch_kernel() {
	local as
	[ ! -f "$kernel/vmlinux" ] || return 0
	command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
	! unpack_kernel || return 0
	as=$(rights) && timeout 120 $as apt-get update </dev/null >"$BUILD/logs/packages.log" 2>&1
	unpack_kernel
}

# Meson has looked for libsodium before it was installed, maybe.
build_rig() {
	{
		! command -v flock >/dev/null || flock 7
		configure "$BUILD" -Dtools=enabled -Dtests=enabled || return 1
		grep -q '^build tests/remanence/guest:' "$BUILD/build.ninja" ||
			meson setup --reconfigure "$BUILD" "$ROOT" </dev/null >>"$BUILD/logs/configure-$(basename "$BUILD").log" 2>&1 || return 1
		compile "$BUILD" tests/remanence/guest tests/remanence/scan
	} 7>"$BUILD/logs/build.lock"
}

[ "$(uname -m)" = x86_64 ] || leave "its machine is an x86-64, and so must the host be that builds its programs"
mkdir -p "$BUILD/logs"
(install_missing "${PACKAGES_REMANENCE[@]}") || leave "not to be had here: ${PACKAGES_REMANENCE[*]} (see the log)"
fetch_kernel || leave "no kernel of Debian's (linux-image-6.1.0-*-amd64) to be downloaded here"
build_rig || { fail build "see the log"; exit 1; }

rm -rf "$machines" && mkdir -p "$machines" || exit 1
trap 'rm -rf "$machines" "$machines.said"' EXIT
room=$(df --output=avail -k "$machines" | tail -n 1)
[ "$room" -gt "$(short_or_long 3000000 6000000)" ] || leave "too little room on the disk: $((room / 1024)) MiB"

timeout --foreground --kill-after=20 "$(short_or_long 400 7200)" python3 tests/remanence/rig.py ${LONG:+--long} --only "${1:-}" \
	"$kernel" "$BUILD/tests/remanence/guest" "$BUILD/tests/remanence/scan" "$machines" "$BUILD/remanence.json" | tee "$machines.said"
status=${PIPESTATUS[0]}
machine_cases "suite remanence" "$machines.said"
rm -f "$machines.said"
[ $status -ne 124 ] && [ $status -ne 137 ] || fail rig "not done in time"
exit $status
