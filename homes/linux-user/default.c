/* SPDX-License-Identifier: MIT */
/*
 * default.c - the labyrinth behind lab_default() where a program set none: one lazy room of anonymous
 * memory, made at the first call.  LABYRINTH_DEFAULT_SIZE (bytes, or with K, M or G behind them) overrides its size.
 */
#include <stdlib.h>

#include "home.h"
#include "../../core/port.h"

#define DEFAULT_BYTES ((uint64_t)256 << 20)
#define LEAST_BYTES ((uint64_t)1 << 20)
#define MOST_BYTES ((uint64_t)1 << 40)

static struct labyrinth *made;

/* What makes no sense, or is less than 1 MiB or more than 1 TiB, is ignored: a default must be there. */
static uint64_t wanted_bytes(void)
{
	const char *text = getenv("LABYRINTH_DEFAULT_SIZE");
	unsigned int shift = 0;
	uint64_t bytes = 0;

	for (; text && *text >= '0' && *text <= '9' && bytes <= MOST_BYTES; text++)
		bytes = bytes * 10 + (uint64_t)(*text - '0');
	if (text && *text)
		shift = *text == 'K' ? 10 : *text == 'M' ? 20 : *text == 'G' ? 30 : 64;
	if (!text || shift == 64 || (*text && text[1]) || bytes > MOST_BYTES >> shift || bytes << shift < LEAST_BYTES)
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
