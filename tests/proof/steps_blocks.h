/* SPDX-License-Identifier: MIT */
/*
 * steps_blocks.h - orders 1 to 9: taken, given, refused, and what each order hint that is too high costs.
 */
#ifndef STEPS_BLOCKS_H
#define STEPS_BLOCKS_H

#include "steps_calls.h"

static enum row alloc_row(unsigned int order)
{
	return order <= LAB_WORD_ORDER ? BLOCK : (enum row)(BLOCK_7 + order - 7);
}

static enum row free_row(unsigned int order)
{
	return order <= LAB_WORD_ORDER ? FREE_BLOCK : (enum row)(FREE_7 + order - 7);
}

static const char *state_k(unsigned int order, const char *state)
{
	static char name[96];

	call.order = order;
	snprintf(name, sizeof(name), "order %u, %s", order, state);
	return name;
}

/* A full room of which hints and summary know nothing but one block, in one leaf. */
static void open_last_block(lab_word leaves, lab_word leaf, unsigned int order, unsigned int in_leaf)
{
	world_open(leaves, FULL, NULL);
	know_of_none(leaf);
	open_frames(bit_at(leaf, in_leaf), order);
}

static void block_alloc(lab_word leaves, unsigned int order)
{
	lab_word leaf;

	call.gfp = LAB_GFP_KERNEL;
	if (scene_wanted(alloc_row(order), state_k(order, "empty room"), true)) {
		world_open(leaves, EMPTY, NULL);
		measure(call_alloc, 0);
		at_rest();
	}
	if (scene_wanted(alloc_row(order), state_k(order, "last block of the room"), false)) {
		world_open(leaves, FULL, NULL);
		leaf = leaf_apart(3, false);
		open_last_block(leaves, leaf, order, LAB_LEAF_FRAMES - (1u << order));
		at_rest();
		measure(call_alloc, 0);
		at_rest();
	}
	call.gfp = LAB_GFP_HIGHUSER_MOVABLE;
	if (scene_wanted(alloc_row(order), state_k(order, "last block of the room, MOVABLE"), false)) {
		world_open(leaves, FULL, NULL);
		leaf = leaf_apart(3, true);
		open_last_block(leaves, leaf, order, LAB_LEAF_FRAMES - (1u << order));
		measure(call_alloc, 0);
	}
}

static void block_free(lab_word leaves, unsigned int order)
{
	lab_word leaf;

	call.gfp = LAB_GFP_KERNEL;
	if (scene_wanted(free_row(order), state_k(order, "empty room"), true)) {
		world_open(leaves, EMPTY, NULL);
		call_alloc(NULL);
		measure(call_free, 0);
		at_rest();
	}
	if (scene_wanted(free_row(order), state_k(order, "empty room, pools full"), true)) {
		world_open(leaves, EMPTY, &five_marks);
		call_alloc(NULL);
		measure(call_free, 0);
	}
	/* The first free frames under every ancestor, and no hint or summary on the way knows of a block. */
	if (scene_wanted(free_row(order), state_k(order, "first free block, pools full"), false)) {
		world_open(leaves, FULL, &five_marks);
		leaf = leaf_astride();
		open_frames(bit_at(leaf, 0), order);
		call.page = take_frames(bit_at(leaf, 0), order);
		know_of_none(leaf);
		at_rest();
		measure(call_free, 0);
		at_rest();
	}
	if (order == LAB_ORDER_MAX ||
	    !scene_wanted(free_row(order), state_k(order, "completes a larger one"), false))
		return;
	world_open(leaves, FULL, NULL);
	leaf = leaf_apart(2, false);
	open_frames(bit_at(leaf, 0), order + 1);
	call.page = take_frames(bit_at(leaf, 0), order);
	know_of_none(leaf);
	know_of(leaf, order);
	at_rest();
	measure(call_free, 0);
	at_rest();
}

/* Leaves that were filled frame by frame since their hints were raised: each is lowered, once. */
static void stale_hints(lab_word leaves, unsigned int order, unsigned int stale, bool there)
{
	enum row row = there ? alloc_row(order) : REFUSAL_BLOCK;
	char state[64], lowered[64];
	bool wanted;
	unsigned int i;

	call.gfp = LAB_GFP_KERNEL;
	snprintf(state, sizeof(state), "%s, %u hints too high", there ? "last block" : "none", stale);
	snprintf(lowered, sizeof(lowered), "none, %u hints lowered before", stale);
	if (!(!there && scene_wanted(row, state_k(order, lowered), false)) &&
	    !scene_wanted(row, state_k(order, state), false))
		return;
	world_open(leaves, FULL, NULL);
	for (i = 0; i < 4; i++)
		know_of_none(leaf_apart(i, false));
	if (there)
		open_frames(bit_at(leaf_apart(3, false), 0), order);
	for (i = 0; i < stale; i++)
		know_of(leaf_apart(i, false), 9);
	at_rest();
	wanted = scene_wanted(row, state_k(order, state), false);
	scene_extra(STALE_HINT, stale);
	measure_if(wanted, call_alloc, there ? 0 : -LAB_ENOMEM);
	at_rest();
	if (!there)
		measure_if(scene_wanted(row, state_k(order, lowered), false), call_alloc, -LAB_ENOMEM);
}

/*
 * A room in which every second frame is free, and every hint says that the largest block may be there: the look is
 * complete, or ends after LAB_BLOCK_ROUNDS_MAX times 1,024 leaves.
 */
static void stale_room(lab_word leaves)
{
	unsigned int met = leaves < 4096 ? (unsigned int)leaves : LAB_BLOCK_ROUNDS_MAX * 1024;

	call.gfp = LAB_GFP_KERNEL;
	if (leaves > (machine.long_form ? 16384u : 32u))
		return;
	if (!scene_wanted(REFUSAL_BLOCK, state_k(1, "every second frame free, all hints too high"), false))
		return;
	world_open(leaves, EVERY_SECOND, NULL);
	scene.tree_whole = false; /* so many more hints are met in a larger room */
	scene_extra(STALE_HINT, met);
	measure(call_alloc, leaves < 4096 ? -LAB_ENOSPC : -LAB_EAGAIN);
	scene.tree_whole = scene.rank != BETWEEN;
}

static void block_refused(lab_word leaves, unsigned int order)
{
	call.gfp = LAB_GFP_KERNEL;
	if (scene_wanted(REFUSAL_BLOCK, state_k(order, "full room"), true)) {
		world_open(leaves, FULL, NULL);
		know_of_none(0);
		measure(call_alloc, -LAB_ENOMEM);
	}
	if (scene_wanted(REFUSAL_BLOCK, state_k(order, "one free frame a leaf"), true)) {
		world_open(leaves, ONE_A_LEAF, NULL);
		know_of_none(0);
		measure(call_alloc, -LAB_ENOSPC);
	}
}

static void blocks(lab_word leaves)
{
	unsigned int order, stale;

	for (order = 1; order <= LAB_ORDER_MAX; order++) {
		if (!size_from(ENDS) && order != 1 && order < LAB_WORD_ORDER)
			continue;
		block_alloc(leaves, order);
		block_free(leaves, order);
		if (size_from(ENDS) || order == 1)
			block_refused(leaves, order);
	}
	for (stale = 1; stale <= 3; stale++) {
		if (!machine.long_form && stale == 3)
			continue;
		stale_hints(leaves, 1, stale, true);
		stale_hints(leaves, 1, stale, false);
	}
	if (size_from(ENDS)) {
		stale_hints(leaves, 9, 3, true);
		stale_hints(leaves, 9, 4, false);
	}
	stale_room(leaves);
}

#endif
