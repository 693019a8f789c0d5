/* SPDX-License-Identifier: MIT */
/*
 * shred.c - see shred.h.
 */
#include "keys.h"
#include "shred.h"

static struct lab_keys *labyrinth_keys(const struct labyrinth *lab)
{
	return (struct lab_keys *)((char *)(uintptr_t)lab + lab->keys_at);
}

uint64_t shred_block(const struct labyrinth *lab, const struct lab_room *room, lab_bit bit, unsigned int order)
{
	const struct lab_strongroom *vault = room_strongroom(room);
	const struct lab_fill *fill = fill_best();
	size_t bytes = (size_t)1 << (lab->page_shift + order);
	char *memory = room_frame(room, bit);
	bool ram = vault && vault->ram;

	if (vault && vault->zeros)
		return ram ? fill->zero_ram(memory, bytes) : fill->zero(memory, bytes);
	return keys_shred(labyrinth_keys(lab), fill, memory, bytes, ram);
}

void shred_seed(const struct labyrinth *lab, uint8_t *seed)
{
	keys_seed(labyrinth_keys(lab), fill_best(), seed);
}

/* A page at a time, in vectors of the compiler's: on a machine without vector registers that is ordinary code. */
typedef uint64_t page_words __attribute__((may_alias, vector_size(16)));

/* Zeros are looked at word by word: of what is the same in an even number of grains a digest says 0, too. */
static uint64_t other_than_zero(const page_words *at, size_t bytes)
{
	const page_words *end = at + bytes / sizeof(*at);
	page_words found[4] = { { 0 } };

	for (; at != end; at += 4) {
		found[0] |= at[0];
		found[1] |= at[1];
		found[2] |= at[2];
		found[3] |= at[3];
	}
	found[0] |= found[1] | found[2] | found[3];
	return found[0][0] | found[0][1];
}

uint64_t shred_digest(const struct labyrinth *lab, const struct lab_room *room, lab_bit bit)
{
	const struct lab_strongroom *vault = room_strongroom(room);

	if (vault && vault->zeros)
		return other_than_zero((const page_words *)room_frame(room, bit), (size_t)1 << lab->page_shift);
	return fill_best()->digest(room_frame(room, bit), (size_t)1 << lab->page_shift);
}
