# Sourced by ./run and ./test: what has to be installed, and the build folder.  Needs bash and coreutils.
# shellcheck shell=bash disable=SC2034 # the lists are for those who source this

# Nothing here may wait for an answer.
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

say() { printf "%s\n" "$*"; }
die() {
	printf '%s\n' "$*" >&2
	exit 1
}

# ---------------------------------------------------------------- packages

# Is what this Debian package brings already here?  Asked of the thing, not of dpkg, so that other systems
# work too once somebody has installed it.
present() {
	case $1 in
	gcc | clang | meson | spin | patch | python3 | cpio | pkg-config) command -v "$1" >/dev/null ;;
	ninja-build) command -v ninja >/dev/null ;;
	xz-utils) command -v xz >/dev/null ;;
	libc6-dev) printf '#include <stdlib.h>\n' | gcc -E -xc - >/dev/null 2>&1 ;;
	libjansson-dev) pkg-config --exists jansson 2>/dev/null ;;
	liblzma-dev) pkg-config --exists liblzma 2>/dev/null ;;
	libsndfile1-dev) pkg-config --exists sndfile 2>/dev/null ;;
	libsodium-dev) pkg-config --exists libsodium 2>/dev/null ;;
	qemu-system-x86) command -v qemu-system-x86_64 >/dev/null ;;
	libcapstone-dev) pkg-config --exists capstone 2>/dev/null ;;
	llvm) command -v llvm-cov >/dev/null ;;
	libcmocka-dev) pkg-config --exists cmocka 2>/dev/null ;;
	libclang-rt-14-dev) ls "$(clang -print-resource-dir 2>/dev/null)"/lib/linux/libclang_rt.tsan-*.a >/dev/null 2>&1 ;;
	gcc-i686-linux-gnu) command -v i686-linux-gnu-gcc >/dev/null ;;
	libc6-dev-i386-cross) printf '#include <stdlib.h>\n' | i686-linux-gnu-gcc -E -xc - >/dev/null 2>&1 ;;
	*) dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed' ;;
	esac
}

# Prints how to become root ("" or "sudo"); fails where there is no way without a password.
rights() {
	if [ "$(id -u)" -eq 0 ]; then
		return 0
	elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; }; }; then
		echo sudo
	else
		return 1
	fi
}

# install_missing PACKAGE...: nothing at all is asked of the network when all is here.
install_missing() {
	local package missing=() as log=$BUILD/logs/packages.log
	for package; do
		present "$package" || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	if ! command -v apt-get >/dev/null; then
		die "Needs, under Debian's names: ${missing[*]}.  There is no apt-get here; please install them."
	fi
	as=$(rights) || die "Needs root to install: ${missing[*]}.  Neither root nor sudo here; please run: apt-get install --no-install-recommends ${missing[*]}"
	say "Installing ${missing[*]}"
	if ! {
		$as apt-get update || true # one broken source of several is no reason to stop yet
		$as env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
			-o DPkg::Lock::Timeout=600 "${missing[@]}"
	} </dev/null >"$log" 2>&1; then
		tail -n 20 "$log" >&2
		die "apt-get could not install ${missing[*]} (above; in full: $log)"
	fi
	for package in "${missing[@]}"; do
		present "$package" || die "apt-get has installed $package, but it cannot be found (log: $log)"
	done
}

# ---------------------------------------------------------------- the build folder

# Two of us at once take turns: everything below build/ is written under this lock.
take_build() {
	if ! { mkdir -p "$BUILD" && : >>"$BUILD/.lock"; } 2>/dev/null; then
		local folder=$BUILD
		while [ ! -e "$folder" ] && [ "$folder" != / ]; do folder=$(dirname "$folder"); done
		if [ "$folder" != "$BUILD" ]; then
			die "Cannot make $BUILD: $folder cannot be written (it belongs to $(stat -c %U "$folder")).  Run as its owner, or from a copy of your own."
		fi
		die "Cannot write to $BUILD: it belongs to $(stat -c %U "$BUILD" 2>/dev/null || echo another).  Remove it, or run as its owner."
	fi
	exec 9>>"$BUILD/.lock"
	if command -v flock >/dev/null && ! flock -n 9; then
		say "Waiting for another run in this folder"
		flock 9
	fi
	mkdir -p "$BUILD/logs"
}

# configure FOLDER ARGUMENT...: a meson build folder for these arguments and this place; begun anew when
# either has changed (a copied tree brings the old one's paths along).
configure() {
	local folder=$1 log stamp
	shift
	log=$BUILD/logs/configure-$(basename "$folder").log
	stamp=$(printf '%s|' "$ROOT" "$(meson --version)" "$(tests_there)" "$@")
	if [ -f "$folder/build.ninja" ] && [ "$(cat "$folder/.stamp" 2>/dev/null)" = "$stamp" ]; then
		return 0
	fi
	if [ -d "$folder/meson-private" ]; then
		if [ "$folder" = "$BUILD" ]; then # the suites' folders, logs and reports stay
			(cd "$folder" && rm -rf meson-* build.ninja .ninja_* compile_commands.json ./*.p bench core homes tools tests)
		else
			rm -rf "$folder"
		fi
	fi
	if ! meson setup "$@" "$folder" "$ROOT" </dev/null >"$log" 2>&1; then
		tail -n 20 "$log" >&2
		say "meson could not configure $folder (above; in full: $log)" >&2
		return 1
	fi
	printf '%s' "$stamp" >"$folder/.stamp"
}
# The lists in tests/ look at which files there are.
tests_there() { (cd "$ROOT" && ls tests/unit tests/property tests/race tests/proof tests/fuzz 2>/dev/null) | cksum; }

# compile FOLDER [TARGET...]
compile() {
	local folder=$1 log
	log=$BUILD/logs/compile-$(basename "$folder").log
	shift
	if [ -t 1 ] && [ -z "${QUIET:-}" ]; then
		ninja -C "$folder" "$@" </dev/null && return 0
	else
		ninja -C "$folder" "$@" </dev/null >"$log" 2>&1 && return 0
		grep -vE '^\[[0-9]+/[0-9]+\] |^ninja: Entering' "$log" | tail -n 40 >&2
	fi
	say "The build in $folder failed" >&2
	return 1
}

PACKAGES_RUN=(gcc libc6-dev meson ninja-build pkg-config libjansson-dev liblzma-dev libsndfile1-dev)
PACKAGES_TEST=(libcmocka-dev libcapstone-dev llvm clang libclang-rt-14-dev gcc-i686-linux-gnu libc6-dev-i386-cross spin patch python3 xz-utils)
PACKAGES_REMANENCE=(qemu-system-x86 cpio libsodium-dev) # its suite asks for them, and is skipped where they are not to be had
