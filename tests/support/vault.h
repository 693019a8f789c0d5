/* SPDX-License-Identifier: MIT */
/*
 * vault.h - what the tests of vaults share: a labyrinth with a vault (room 0) and an ordinary room, with memory and keys.
 */
#ifndef LAB_TEST_VAULT_H
#define LAB_TEST_VAULT_H

#include "room.h"

#include "fill.h"
#include "page.h"
#include "tree.h"
#include "../../core/vault.h"

#define FRAMES 1200u
#define MARK 0x5a
#define VAULT 0
#define ORDINARY 1

static struct {
	struct labyrinth *lab;
	struct lab_room *room;
	char *memory, *ordinary, *keys;
	uint8_t seed[32];
	struct lab_vault vault;
	struct lab_room_spec rooms[2];
	struct lab_spec spec;
} world;

static inline void describe(const struct lab_vault *vault)
{
	unsigned int i;

	memset(&world, 0, sizeof(world));
	world.vault = *vault;
	world.keys = zeroed(LAB_KEYS_BYTES);
	for (i = 0; i < sizeof(world.seed); i++)
		world.seed[i] = (uint8_t)(i * 7 + 1);
	world.memory = zeroed((size_t)FRAMES * 2 << 12);
	world.ordinary = zeroed((size_t)512 << 12);
	world.rooms[VAULT] = (struct lab_room_spec){ .name = "vault", .zone = LAB_ZONE_OWN, .frames = FRAMES, .memory = world.memory,
						     .vault = &world.vault };
	world.rooms[ORDINARY] = (struct lab_room_spec){ .name = "other", .zone = LAB_ZONE_NORMAL, .first_frame = 2048, .frames = 512,
							.memory = world.ordinary };
	world.spec = spec_of(world.rooms, 2);
	world.spec.keys = world.keys;
	world.spec.seed = world.seed;
	world.spec.clients = 2;
	world.spec.contract_frames = 10;
}

static inline void begin(const struct lab_vault *vault)
{
	describe(vault);
	world.lab = born(&world.spec);
	world.room = labyrinth_room(world.lab, VAULT);
}

/* As it is. */
static inline void drop(void)
{
	free(world.lab);
	free(world.memory);
	free(world.ordinary);
	free(world.keys);
}

static inline void end(void)
{
	assert_whole(world.lab);
	drop();
}

static inline struct lab_page *ask(unsigned int owner, lab_gfp_t gfp)
{
	struct lab_request request = LAB_REQUEST(gfp, 0);

	request.room = VAULT;
	request.owner = (uint16_t)owner;
	return lab_alloc_request(world.lab, &request, NULL);
}

static inline struct lab_page *take(unsigned int owner)
{
	struct lab_page *page = ask(owner, LAB_GFP_ATOMIC);

	assert_false(lab_is_err(page));
	return page;
}

static inline void give(struct lab_page *page, unsigned int owner)
{
	assert_int_equal(lab_free_as(world.lab, page, 0, owner, 0), 0);
}

static inline char *contents(const struct lab_page *page)
{
	return room_frame(world.room, (lab_bit)(page - room_page(world.room, 0)));
}

static inline unsigned int equal_words(const void *one, const void *other)
{
	const uint64_t *a = one, *b = other;
	unsigned int i, n = 0;

	for (i = 0; i < 512; i++)
		n += a[i] == b[i];
	return n;
}

static inline uint64_t how_often(enum lab_counter counter)
{
	struct lab_stats stats;

	lab_stats(world.lab, &stats);
	return stats.counter[counter];
}

static inline struct lab_page_info info_of(const struct lab_page *page)
{
	struct lab_page_info info;

	assert_int_equal(lab_page_info(world.lab, page, &info), 0);
	return info;
}

static inline unsigned int client_with(uint32_t frames, uint32_t maximum)
{
	const struct lab_client_spec spec = { .name = "theirs", .node = LAB_NODE_LOCAL, .room = VAULT, .frames = frames, .maximum = maximum };
	unsigned int owner = 0;

	assert_int_equal(lab_client_open(world.lab, &spec, &owner, NULL), 0);
	return owner;
}

#endif
