#!/bin/bash
# what the core wants and the library shows; the ladder of calls; installing and pkg-config
. "$(dirname "$0")/../../scripts/suite.sh"
build "$BUILD" -Dtools=enabled -Dtests=enabled

check core-and-library 60 scripts/check-symbols.sh "$BUILD" include core
check ladder 60 scripts/check-ladder.sh core "$BUILD/core/liblabyrinth-core.a.p"

# Installed, in a place of its own, a program finds it by pkg-config, shared and static, from C and C++.
installed=$(mktemp -d) || exit 1 # a place without blanks: pkg-config's sysroot cannot bear them
trap 'rm -rf "$installed"' EXIT
DESTDIR=$installed meson install -C "$BUILD" --no-rebuild >"$WORK/install.log" 2>&1 || cat "$WORK/install.log"
pc=$(find "$installed" -name labyrinth.pc | head -n 1)
cat >"$WORK/user.c" <<'C'
#include <labyrinth.h>
#include <labyrinth/user.h>
#include <stdio.h>
int main(void)
{
	struct lab_user_room room = { .name = "all", .kind = LAB_ROOM_METADATA, .zone = LAB_ZONE_NORMAL,
				      .size = (uint64_t)4 << 20 };
	struct lab_user_spec spec = { .birth = LAB_LAZY, .rooms = &room, .room_count = 1 };
	struct labyrinth *lab;
	char error[LAB_ERROR_TEXT];
	if (lab_user_open(&spec, &lab, error)) {
		fprintf(stderr, "%s\n", error);
		return 1;
	}
	struct lab_page *page = lab_alloc_pages(lab, LAB_GFP_ATOMIC, 0);
	if (lab_is_err(page) || lab_free_pages(lab, page, 0))
		return 1;
	lab_user_close(lab);
	return 0;
}
C
with_pkgconfig() {
	PKG_CONFIG_PATH=$(dirname "$pc") PKG_CONFIG_SYSROOT_DIR=$installed pkg-config "$@"
}
user_shared() {
	local flags
	read -ra flags < <(with_pkgconfig --cflags --libs labyrinth)
	gcc -Wall -Wextra -Werror -o "$WORK/user-shared" "$WORK/user.c" "${flags[@]}" &&
		LD_LIBRARY_PATH=$(dirname "$(dirname "$pc")") "$WORK/user-shared"
}
user_static() {
	local flags
	read -ra flags < <(with_pkgconfig --cflags labyrinth)
	gcc -Wall -Wextra -Werror -o "$WORK/user-static" "$WORK/user.c" "${flags[@]}" \
		"$(dirname "$(dirname "$pc")")/liblabyrinth.a" -pthread && "$WORK/user-static"
}
headers_alone() {
	local header language
	for header in labyrinth.h $(cd include && ls labyrinth/*.h); do
		for language in c c++; do
			[ $language = c ] || command -v clang >/dev/null || continue
			printf '#include <%s>\n' "$header" | clang -x $language -Wall -Wextra -Werror -fsyntax-only \
				-Iinclude - || return 1
		done
	done
}
export -f user_shared user_static headers_alone with_pkgconfig
export WORK pc installed
if [ -n "$pc" ]; then
	check pkg-config-shared 60 bash -c user_shared
	check pkg-config-static 60 bash -c user_static
else
	fail pkg-config-shared "meson install brought no labyrinth.pc"
fi
check headers-alone 60 bash -c headers_alone
exit 0
