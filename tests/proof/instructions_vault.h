/* SPDX-License-Identifier: MIT */
/*
 * instructions_vault.h - a vault beside the rooms of instructions.c: three frames, one of them in quarantine, and what a call and its handler
 * do there: take a page, which nobody has left anything in, write to it, and free it.
 *
 * Never more than one is in a call's hand, and one in its handler's, so neither is ever refused.  Memory and keys stand behind the metadata,
 * and are put back with them.
 */
#ifndef INSTRUCTIONS_VAULT_H
#define INSTRUCTIONS_VAULT_H

#include <labyrinth.h>
#include <string.h>

#include "layout.h"
#include "page.h"

#define VAULT_FRAMES 3u
#define VAULT_RING 1u
#define VAULT_FIRST 65536u /* behind all rooms */
#define VAULT_WORDS (4096 / sizeof(uint64_t))
#define VAULT_MARK UINT64_C(0x5ec2e75ec2e75ec2)

static const struct lab_vault vault_spec = { .shred = LAB_SHRED_RANDOM, .quarantine = VAULT_RING };

static size_t vault_at(size_t bytes)
{
	return (bytes + 4095) & ~(size_t)4095;
}

/* Metadata of so many bytes, and all of the vault's behind them. */
static size_t vault_total(size_t bytes)
{
	return vault_at(bytes) + ((size_t)VAULT_FRAMES << 12) + LAB_KEYS_BYTES;
}

static void vault_describe(struct lab_room_spec *room)
{
	*room = (struct lab_room_spec){ .name = "vault", .zone = LAB_ZONE_OWN, .first_frame = VAULT_FIRST, .frames = VAULT_FRAMES,
					.vault = &vault_spec };
}

static void vault_place(struct lab_spec *spec, struct lab_room_spec *room, char *metadata, size_t bytes)
{
	static uint8_t seed[32];

	memset(seed, 0x5a, sizeof(seed));
	room->memory = metadata + vault_at(bytes);
	spec->keys = metadata + vault_at(bytes) + ((size_t)VAULT_FRAMES << 12);
	spec->seed = seed;
}

static bool vault_marked(const uint64_t *memory)
{
	return memory[0] == VAULT_MARK || memory[VAULT_WORDS / 2] == VAULT_MARK || memory[VAULT_WORDS - 1] == VAULT_MARK;
}

/* The vault is the last room.  NULL, or what is wrong. */
static const char *vault_take_and_free(struct labyrinth *lab)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_NOWAIT, 0);
	struct lab_page *page;
	uint64_t *memory;

	request.room = (int16_t)(lab->rooms - 1);
	page = lab_alloc_request(lab, &request, NULL);
	if (lab_is_err(page))
		return "a vault refused, though it has a page";
	memory = lab_page_address(lab, page);
	if (vault_marked(memory))
		return "a page of a vault with what its last owner wrote";
	memory[0] = memory[VAULT_WORDS / 2] = memory[VAULT_WORDS - 1] = VAULT_MARK;
	if (!lab_free_as(lab, page, 0, LAB_OWNER_EXCLUSIVE + 1, 0))
		return "a page of a vault freed by another than its owner";
	return lab_free_as(lab, page, 0, LAB_OWNER_EXCLUSIVE, 0) ? "an owner's free refused" : NULL;
}

/* At any instant: what says that it is free is overwritten, and nobody has been taken for an intruder. */
static const char *vault_now(struct labyrinth *lab)
{
	struct lab_room *room = labyrinth_room(lab, lab->rooms - 1u);
	lab_bit bit;

	for (bit = room->lead; bit < room->lead + room->frames; bit++)
		if (tag_state(room_page(room, bit)->tag) == LAB_FREE && vault_marked((uint64_t *)(void *)room_frame(room, bit)))
			return "a frame of a vault says that it is free, and is not overwritten";
	return lab->counter[LAB_COUNT_CORRUPT] ? "a page of a vault that nobody wrote to was taken out of service" : NULL;
}

#endif
