/* SPDX-License-Identifier: MIT */
/*
 * steps_many.h - given frames, many frames at once, many rooms.
 */
#ifndef STEPS_MANY_H
#define STEPS_MANY_H

#include "steps_blocks.h"
#include "steps_pools.h"

#define ROOMS_BEFORE 3u

/* ---- a given frame ---- */

static void at(lab_word leaves)
{
	lab_bit bit;

	call.gfp = LAB_GFP_KERNEL;
	call.order = 0;
	if (scene_wanted(AT, "empty room", true)) {
		world_open(leaves, EMPTY, NULL);
		call.frame = world.room->first_frame + bit_at(leaf_apart(1, false), 77);
		measure(call_alloc_at, 0);
	}
	if (!scene_wanted(AT, "in use", false) && !scene_wanted(AT, "last frame", false))
		return;
	world_open(leaves, FULL, NULL);
	bit = bit_at(leaf_apart(1, false), 77);
	open_frames(bit, 0);
	call.frame = world.room->first_frame + bit;
	measure_if(scene_wanted(AT, "last frame", false), call_alloc_at, 0);
	at_rest();
	measure_if(scene_wanted(AT, "in use", false), call_alloc_at, -LAB_EBUSY);
}

/* A frame that a pool keeps: paid for with the commons' last one, or with the last one of a pool further out. */
static void at_pooled(lab_word leaves, unsigned int p)
{
	static const struct marks ones = { 2, 2, 2 };

	call.gfp = LAB_GFP_KERNEL;
	call.order = 0;
	if (scene_wanted(AT_POOLED, state_p(p, "last of the pool, paid with the last of the commons"),
			 false)) {
		open_pool(leaves, p);
		draw(1);
		tree_give(&world.room->commons, bit_at(leaf_apart(3, false), 200));
		call.frame = world.room->first_frame + *pool_slot(&world.room->pool[0], pool_slots[p] - 1);
		measure(call_alloc_at, 0);
		at_rest();
	}
	if (p > 1)
		return;
	call.gfp = LAB_GFP_ATOMIC | LAB_MEMALLOC;
	if (scene_wanted(AT_POOLED, "only frame of a pool, paid with that of another", false)) {
		world_open(leaves, FULL, &ones);
		world.p = 1;
		point_at(bit_at(leaf_full_near(), 511));
		call.frame = world.room->first_frame + *pool_slot(&world.room->pool[0], 0);
		measure(call_alloc_at, 0);
	}
	if (scene_wanted(AT_POOLED, "of an inner pool, paid with the last of an outer one", false)) {
		open_five(leaves, 51);
		call.gfp = LAB_GFP_ATOMIC | LAB_MEMALLOC;
		call.frame = world.room->first_frame + *pool_slot(&world.room->pool[0], 7);
		measure(call_alloc_at, 0);
	}
}

/* ---- blocks out of pools ---- */

/* A block whose frames pools keep, each paid for with a frame of a pool further out, or of a leaf's last. */
static void exchange(lab_word leaves, unsigned int order, bool commons)
{
	unsigned int i, frames = 1u << order;

	call.gfp = LAB_GFP_KERNEL;
	if (!scene_wanted(BLOCK,
			  state_k(order, commons ? "exchanged for frames of the commons"
						 : "exchanged for frames of pools"),
			  false))
		return;
	open_five(leaves, 200);
	call.order = order;
	know_of_none(0);
	for (i = 0; commons && i < frames; i++) /* a leaf each; nobody's hints know of them */
		tree_give(&world.room->commons, bit_at(leaves / 32 * (i + 1) + i, 200));
	scene_extra(EXCHANGED, frames);
	scene_extra(LOOKED, frames);
	measure(call_alloc, 0);
	at_rest();
}

/* At LOW two frames can be paid for, a third not: they are put back, in each of three blocks; MIN pays for four. */
static void exchange_retried(lab_word leaves)
{
	static const struct marks few = { 8, 10, 12 };

	call.gfp = LAB_GFP_KERNEL;
	if (!scene_wanted(BLOCK, state_k(2, "exchanged after others were put back"), false))
		return;
	world_open(leaves, FULL, &few);
	world.p = 1;
	know_of_none(0);
	scene_extra(EXCHANGED, 3 * 3 + 4);
	scene_extra(LOOKED, 4 * 4);
	measure(call_alloc, 0);
	at_rest();
}

/* The blocks around all pooled frames are in use: at each right they are looked at, up to the first used frame. */
static void exchange_none(lab_word leaves)
{
	call.gfp = LAB_GFP_ATOMIC | LAB_MEMALLOC;
	if (!scene_wanted(REFUSAL_BLOCK, state_k(9, "pools full, no block"), false))
		return;
	open_five(leaves, 200);
	call.order = 9;
	know_of_none(0);
	scene_extra(LOOKED, 201 * 3); /* rights LOW, MIN, ALL */
	measure(call_alloc, -LAB_ENOSPC);
}

static void exchanges(lab_word leaves)
{
	exchange(leaves, 1, false);
	exchange(leaves, 1, true);
	if (size_from(ENDS)) {
		exchange(leaves, 3, false);
		exchange(leaves, 3, true);
	}
	exchange_retried(leaves);
	exchange_none(leaves);
}

/* ---- many at once ---- */

static void bulk_alloc(lab_word leaves)
{
	unsigned int i, step = (unsigned int)(leaves / BULK_PAGES);

	call.gfp = LAB_GFP_ATOMIC;
	if (scene_wanted(BULK, "a free word", true)) {
		world_open(leaves, EMPTY, NULL);
		point_at(bit_at(5, 64));
		measure(call_bulk, BULK_PAGES);
	}
	/* One free frame in each of 32 leaves, each under a child of the root of its own. */
	if (scene_wanted(BULK, "the last 32 frames, a child of the root each", false)) {
		world_open(leaves, FULL, NULL);
		for (i = 0; i < BULK_PAGES; i++)
			open_frames(bit_at((lab_word)i * step, 200), 0);
		for (i = 0; machine.long_form && i < BULK_PAGES; i++) /* three of them passed by each time */
			*room_note(world.room, (lab_word)i * step) =
				(struct lab_note){ .tenant = 1 << 2, .freer = 2 };
		at_rest();
		measure(call_bulk, BULK_PAGES);
		at_rest();
	}
}

static void bulk_free(lab_word leaves)
{
	unsigned int i, step = (unsigned int)(leaves / BULK_PAGES);

	call.gfp = LAB_GFP_ATOMIC;
	call.order = 0;
	if (scene_wanted(FREE_BULK, "of one word", true)) {
		world_open(leaves, EMPTY, NULL);
		point_at(bit_at(5, 64));
		call_bulk(NULL);
		measure(call_free_bulk, BULK_PAGES);
	}
	if (scene_wanted(FREE_BULK, "the first 32 free frames, a child of the root each", false)) {
		world_open(leaves, FULL, NULL);
		for (i = 0; i < BULK_PAGES; i++) {
			open_frames(bit_at((lab_word)i * step, 200), 0);
			call.pages[i] = take_frames(bit_at((lab_word)i * step, 200), 0);
			know_of_none((lab_word)i * step);
		}
		at_rest();
		measure(call_free_bulk, BULK_PAGES);
		at_rest();
	}
}

static void split(lab_word leaves)
{
	call.gfp = LAB_GFP_KERNEL;
	call.order = 9;
	if (!scene_wanted(SPLIT, "order 9", true))
		return;
	world_open(leaves, EMPTY, NULL);
	call_alloc(NULL);
	measure(call_split, 0);
}

/* ---- many rooms ---- */

/* DMA and DMA32 rooms behind a NORMAL one: full but for the last, which has one frame or none. */
static void open_rooms(lab_word leaves, bool there)
{
	static const enum lab_zone zone[] = { LAB_ZONE_NORMAL, LAB_ZONE_DMA32, LAB_ZONE_DMA, LAB_ZONE_DMA };
	struct lab_room_spec rooms[ROOMS_BEFORE + 1];
	struct lab_spec spec = {
		.page_shift = 12, .cpus = CPUS, .rooms = rooms, .room_count = ROOMS_BEFORE + 1
	};
	unsigned int i;

	for (i = 0; i <= ROOMS_BEFORE; i++)
		rooms[i] = (struct lab_room_spec){ .name = "steps",
						   .zone = zone[i],
						   .first_frame = (uint64_t)i * leaves * LAB_LEAF_FRAMES,
						   .frames = (uint64_t)leaves * LAB_LEAF_FRAMES };
	world_born(&spec);
	for (i = 0; i <= ROOMS_BEFORE; i++) {
		world.room = labyrinth_room(world.lab, i);
		fill_leaves(&world.room->commons, FULL);
		point_at(bit_at(leaf_full_near(), 511));
	}
	if (there)
		open_frames(bit_at(leaf_apart(3, false), 200), 0);
}

static void rooms(lab_word leaves)
{
	call.gfp = LAB_GFP_ATOMIC;
	call.order = 0;
	if (leaves > 1024)
		return;
	if (scene_wanted(ALLOC, "last frame, in the fourth room", false)) {
		open_rooms(leaves, true);
		scene_extra(FURTHER_ROOM, ROOMS_BEFORE);
		measure(call_alloc, 0);
	}
	if (scene_wanted(FREE, "first free frame, in the fourth room", false)) {
		open_rooms(leaves, true);
		call_alloc(NULL);
		know_of_none(leaf_apart(3, false));
		scene_extra(FURTHER_ROOM, ROOMS_BEFORE);
		measure(call_free, 0);
	}
	if (scene_wanted(REFUSAL, "four rooms full", false)) {
		open_rooms(leaves, false);
		scene_extra(FURTHER_ROOM, ROOMS_BEFORE);
		measure(call_alloc, -LAB_ENOMEM);
	}
}

static void many(lab_word leaves)
{
	unsigned int p;

	at(leaves);
	for (p = 1; p <= 2; p++)
		if (pool_slots[p] < leaves * LAB_LEAF_FRAMES)
			at_pooled(leaves, p);
	exchanges(leaves);
	if (size_from(ENDS)) {
		bulk_alloc(leaves);
		bulk_free(leaves);
		split(leaves);
	}
	rooms(leaves);
}

#endif
