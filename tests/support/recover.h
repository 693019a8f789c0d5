/* SPDX-License-Identifier: MIT */
/*
 * recover.h - a labyrinth of five processes, some of them dead; one process plays them all: who calls is the second identity word.
 */
#ifndef SUPPORT_RECOVER_H
#define SUPPORT_RECOVER_H

#include "room.h"

#include "client.h"
#include "page.h"

#define PROCESSES 5u
#define HERE 4u /* who recovers */

static struct {
	uint32_t *identity;
	struct labyrinth *lab;
	struct lab_room *room;
	uint64_t frames; /* free ones, with nobody in a call */
	bool dead[PROCESSES];
	unsigned int asks, waits;
	void (*meanwhile)(void); /* at each wait */
	struct lab_recovered found;
} world;

static inline void be(unsigned int process)
{
	world.identity[1] = process;
}

static inline void begin_rooms(const struct lab_room_spec *rooms, unsigned int count)
{
	struct lab_spec spec = spec_of(rooms, count);
	unsigned int i;
	size_t bytes;
	char *memory;

	memset(&world, 0, sizeof(world));
	lab_user_cpu_override = 0;
	spec.processes = PROCESSES;
	spec.clients = 3;
	spec.contract_frames = 20;
	spec.contract_blocks = 4;
	bytes = lab_metadata_bytes(&spec);
	assert_true(bytes > 0);
	memory = zeroed(64 + bytes);
	world.identity = (uint32_t *)(void *)memory;
	spec.identity = world.identity;
	assert_int_equal(lab_birth(&spec, memory + 64, bytes, &world.lab, NULL, NULL), 0);
	world.identity[0] = LAB_IDENTITY_SHARED;
	world.room = labyrinth_room(world.lab, 0);
	for (i = 0; i < PROCESSES; i++)
		lab_process_arrive(world.lab, i, 100 + i);
	be(HERE);
	world.frames = free_frames(world.lab, 0);
}

/* Pools of 38, 12, 50, 50 and 50 frames, and a commons. */
static inline void begin(void)
{
	const struct lab_room_spec room = { .name = "shared", .zone = LAB_ZONE_NORMAL, .frames = MARKED_FRAMES, .min = 100,
					    .low = 150, .high = 200 };

	begin_rooms(&room, 1);
}

static inline void end(void)
{
	assert_whole(world.lab);
	free(world.identity);
}

static inline bool is_dead(void *home, unsigned int process)
{
	(void)home;
	world.asks++;
	return world.dead[process];
}

static inline bool wait_once(void *home)
{
	(void)home;
	if (world.meanwhile)
		world.meanwhile();
	return world.waits++ < 100;
}

static inline int recover(void)
{
	const struct lab_survey survey = { .dead = is_dead, .wait = wait_once };

	be(HERE);
	return lab_recover(world.lab, &survey, &world.found);
}

/* This process enters a call, and dies in it. */
static inline void dies_inside(unsigned int process)
{
	lab_word *count;

	be(process);
	assert_int_equal(process_enter(world.lab, &count), 0);
	assert_non_null(count);
	world.dead[process] = true;
}

/* All is free again that was. */
static inline void assert_returned(void)
{
	assert_int_equal(recover(), 0);
	assert_int_equal(world.found.doubtful, 0);
	assert_int_equal(free_frames(world.lab, 0), world.frames);
	assert_whole(world.lab);
}

static inline lab_bit take(void)
{
	const struct lab_asker asker = { 0 };
	lab_word proof;
	lab_bit bit = room_take(world.room, &asker, &proof);

	assert_true(bit != LAB_NO_BIT);
	return bit;
}

static inline bool bit_is_set(lab_bit bit)
{
	return *tree_word(&world.room->commons, bit) >> bit % LAB_WORD_BITS & 1;
}

#endif
