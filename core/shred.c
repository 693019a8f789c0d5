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

typedef uint64_t page_word __attribute__((may_alias));

/* Zeros are looked at word by word: of what is the same in an even number of grains a digest says 0, too. */
static uint64_t other_than_zero(const page_word *word, size_t words)
{
	uint64_t found = 0;

	while (words--)
		found |= *word++;
	return found;
}

uint64_t shred_digest(const struct labyrinth *lab, const struct lab_room *room, lab_bit bit)
{
	const struct lab_strongroom *vault = room_strongroom(room);

	if (vault && vault->zeros)
		return other_than_zero((const page_word *)room_frame(room, bit), ((size_t)1 << lab->page_shift) / sizeof(page_word));
	return fill_best()->digest(room_frame(room, bit), (size_t)1 << lab->page_shift);
}
