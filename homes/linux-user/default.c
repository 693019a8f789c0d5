/* SPDX-License-Identifier: MIT */
/*
 * default.c - the labyrinth behind lab_default() where a program set none: one lazy room of anonymous
 * memory, made at the first call.  LABYRINTH_DEFAULT_SIZE (bytes, K, M or G) overrides its size.
 */
#include <stdlib.h>

#include "home.h"
#include "../../core/port.h"

#define DEFAULT_BYTES ((uint64_t)256 << 20)

static struct labyrinth *made;

static uint64_t wanted_bytes(void)
{
	const char *text = getenv("LABYRINTH_DEFAULT_SIZE");
	unsigned int shift = 0;
	uint64_t bytes = 0;

	if (!text)
		return DEFAULT_BYTES;
	for (; *text >= '0' && *text <= '9' && bytes < (uint64_t)1 << 40; text++)
		bytes = bytes * 10 + (uint64_t)(*text - '0');
	if (*text)
		shift = *text == 'K' ? 10 : *text == 'M' ? 20 : *text == 'G' ? 30 : 64;
	if (!bytes || shift == 64 || (*text && text[1]))
		return DEFAULT_BYTES;
	return (bytes << shift) & ~(uint64_t)4095;
}

struct labyrinth *lab_port_default(void)
{
	struct lab_user_room room = { .name = "default",
				      .kind = LAB_ROOM_ANONYMOUS,
				      .zone = LAB_ZONE_NORMAL,
				      .size = wanted_bytes(),
				      .watermarks = true };
	struct lab_user_spec spec = { .birth = LAB_LAZY, .rooms = &room, .room_count = 1 };
	struct labyrinth *lab = __atomic_load_n(&made, __ATOMIC_ACQUIRE), *mine;

	if (lab || lab_user_open(&spec, &mine, NULL))
		return lab;
	/* Of several first callers one wins; partner: the load above. */
	if (__atomic_compare_exchange_n(&made, &lab, mine, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return mine;
	lab_user_close(mine);
	return lab;
}
