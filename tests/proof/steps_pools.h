/* SPDX-License-Identifier: MIT */
/*
 * steps_pools.h - one frame out of a pool and back into one; refusals and frees beside pools.
 *
 * A pool of so many slots that its last one stands alone below a child at each of its levels but the topmost: so a
 * call that empties it, or fills it, unlists and lists as much as can be.  All other slots are drawn, or filled, by
 * real calls.
 */
#ifndef STEPS_POOLS_H
#define STEPS_POOLS_H

#include "steps_calls.h"

static const uint64_t pool_slots[P_MAX + 1] = { 0, 1, 513, 16385, 524289 };

static struct lab_page *drawn[524289];
static uint64_t drawn_count;

static void draw(uint64_t left)
{
	const struct lab_pool *pool = &world.room->pool[0];

	call.order = 0;
	for (drawn_count = 0; drawn_count + left < pool->slots; drawn_count++) {
		call_alloc(NULL);
		drawn[drawn_count] = call.page;
	}
}

static void fill(uint64_t left)
{
	while (drawn_count > left) {
		call.page = drawn[--drawn_count];
		call_free(NULL);
	}
}

/* A full commons over one pool, which everybody may draw from down to its last slot. */
static void open_pool(lab_word leaves, unsigned int p)
{
	struct marks marks = { 0, pool_slots[p], pool_slots[p] };

	call.order = 0;
	world_open(leaves, FULL, &marks);
	world.p = world.room->pool[0].have.height;
	if (world.p != p || world.room->bands != 1)
		machine_fail(scene.name, "%u pools of height %u", world.room->bands, world.p);
	point_at(bit_at(leaf_full_near(), 511));
}

static const char *state_p(unsigned int p, const char *state)
{
	static char name[96];

	snprintf(name, sizeof(name), "%s, p = %u", state, p);
	return name;
}

static void pool_allocs(lab_word leaves, unsigned int p)
{
	call.gfp = LAB_GFP_KERNEL;
	if (p > 1 && scene_wanted(ALLOC_POOL, state_p(p, "pool half empty"), true)) {
		open_pool(leaves, p);
		draw(pool_slots[p] / 2);
		measure(call_alloc, 0);
		at_rest();
	}
	if (scene_wanted(ALLOC_POOL, state_p(p, "first draw"), false)) {
		open_pool(leaves, p);
		measure(call_alloc, 0);
	}
	if (scene_wanted(ALLOC_POOL, state_p(p, "last draw"), false)) {
		open_pool(leaves, p);
		draw(1);
		measure(call_alloc, 0);
		at_rest();
	}
}

static void pool_frees(lab_word leaves, unsigned int p)
{
	call.gfp = LAB_GFP_KERNEL;
	if (p > 1 && scene_wanted(FREE_POOL, state_p(p, "pool half empty"), true)) {
		open_pool(leaves, p);
		draw(pool_slots[p] / 2);
		fill(drawn_count - 2);
		call.page = drawn[0];
		measure(call_free, 0);
	}
	if (scene_wanted(FREE_POOL, state_p(p, "first fill"), false)) {
		open_pool(leaves, p);
		draw(0);
		measure(call_free, 0);
	}
	if (scene_wanted(FREE_POOL, state_p(p, "last fill"), false)) {
		open_pool(leaves, p);
		draw(0);
		fill(1);
		call.page = drawn[0];
		measure(call_free, 0);
	}
}

/* ---- beside pools ---- */

static const struct {
	const char *name;
	lab_gfp_t gfp;
} rights[] = {
	{ "MIN", LAB_GFP_KERNEL },
	{ "HIGH", LAB_GFP_KERNEL | LAB_HIGH },
	{ "ATOMIC", LAB_GFP_ATOMIC },
	{ "ALL", LAB_GFP_ATOMIC | LAB_MEMALLOC },
};
#define RIGHTS (sizeof(rights) / sizeof(rights[0]))

/* Five pools, as Linux's marks make them, of which a request with every right leaves so many frames. */
static void open_five(lab_word leaves, unsigned int left)
{
	lab_gfp_t gfp = call.gfp;
	unsigned int i;

	world_open(leaves, FULL, &five_marks);
	world.p = 1;
	call.gfp = LAB_GFP_ATOMIC | LAB_MEMALLOC;
	call.order = 0;
	for (i = 0; i < 200 - left; i++)
		call_alloc(NULL);
	call.gfp = gfp;
	point_at(bit_at(leaf_full_near(), 511));
}

static const char *state_right(unsigned int right, const char *state)
{
	static char name[96];

	call.gfp = rights[right].gfp;
	snprintf(name, sizeof(name), "%s, right %s", state, rights[right].name);
	return name;
}

static void pools_refuse(lab_word leaves, unsigned int right)
{
	unsigned int i;

	if (scene_wanted(REFUSAL_POOLS, state_right(right, "pools empty"), true)) {
		open_five(leaves, 0);
		room_cpu(world.room, 0)->near[0] = 0;
		measure(call_alloc, -LAB_ENOMEM);
	}
	if (scene_wanted(REFUSAL_POOLS, state_right(right, "pools empty, hint names a leaf"), false)) {
		open_five(leaves, 0);
		measure(call_alloc, -LAB_ENOMEM);
	}
	if (scene_wanted(REFUSAL_POOLS, state_right(right, "pools empty, five stale listings in them"),
			 false)) {
		open_five(leaves, 0);
		for (i = 0; i < world.room->bands; i++)
			world.room->have_root.word &= ~((lab_word)1 << i);
		scene_extra(STALE_LISTING, world.room->bands);
		measure(call_alloc, -LAB_ENOMEM);
	}
	if ((machine.long_form || (leaves == 32 && right == 2)) &&
	    scene_wanted(AGAIN, state_right(right, "pools empty, another has frames in its hand"), false)) {
		open_five(leaves, 0);
		room_raise(world.room);
		measure(call_alloc, -LAB_EAGAIN);
	}
}

/* The last frame that a right reaches: all others have been walked before. */
static void pools_deep(lab_word leaves, unsigned int right)
{
	static const unsigned int left[RIGHTS] = { 101, 51, 39, 1 }; /* one above each right's floor */

	if (!scene_wanted(REFUSAL_POOLS, state_right(right, "deeper frames there"), false) &&
	    !scene_wanted(ALLOC_POOL, state_right(right, "last frame of its right"), false))
		return;
	open_five(leaves, left[right]);
	measure_if(scene_wanted(ALLOC_POOL, state_right(right, "last frame of its right"), false), call_alloc,
		   0);
	measure_if(scene_wanted(REFUSAL_POOLS, state_right(right, "deeper frames there"), false), call_alloc,
		   -LAB_ENOMEM);
}

/* Pools full: a free looks at one word more.  By its page, or by a handle. */
static void free_pools_full(lab_word leaves, const char *state, void (*function)(void *))
{
	lab_word leaf;

	if (!scene_wanted(FREE, state, false))
		return;
	world_open(leaves, FULL, &five_marks);
	leaf = leaf_apart(3, false);
	open_frames(bit_at(leaf, 0), 8);
	call.page = take_frames(bit_at(leaf, 255), 0);
	lab_page_ref(world.lab, call.page, &call.ref);
	know_of_none(leaf);
	know_of(leaf, 7);
	measure(function, 0);
}

static void pools_full(lab_word leaves)
{
	call.gfp = LAB_GFP_ATOMIC;
	call.order = 0;
	if (scene_wanted(FREE, "an ordinary leaf, pools full", true)) {
		world_open(leaves, EMPTY, &five_marks);
		call_alloc(NULL);
		measure(call_free, 0);
	}
	if (scene_wanted(ALLOC, "word of the hint, pools full", true)) {
		world_open(leaves, EMPTY, &five_marks);
		call_alloc(NULL);
		measure(call_alloc, 0);
	}
	free_pools_full(leaves, "completes a block of order 8, pools full", call_free);
	free_pools_full(leaves, "completes a block of order 8, pools full, by handle", call_free_ref);
}

static void pools(lab_word leaves)
{
	unsigned int p, right;

	for (p = 1; p <= P_MAX; p++) {
		bool first = pool_slots[p] < leaves * LAB_LEAF_FRAMES &&
			     pool_slots[p] >= leaves * LAB_LEAF_FRAMES / 64;

		/* The tall ones once, in the smallest room that has them: a commons' height does not matter there. */
		if (p == 1 || (p == 2 && leaves <= 1024) || first ||
		    (machine.long_form && pool_slots[p] < leaves)) {
			pool_allocs(leaves, p);
			pool_frees(leaves, p);
		}
	}
	for (right = 0; right < RIGHTS; right++) {
		if (!size_from(ENDS) && (right != 2 || !size_from(WHOLE)))
			continue;
		pools_refuse(leaves, right);
		pools_deep(leaves, right);
	}
	pools_full(leaves);
}

#endif
