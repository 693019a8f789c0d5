/* SPDX-License-Identifier: MIT */
/*
 * steps_single.h - one frame of the commons: taken, given, refused; every state of SPEC's worst cases.
 */
#ifndef STEPS_SINGLE_H
#define STEPS_SINGLE_H

#include "steps_calls.h"

/* ---- alloc ---- */

static void alloc_usual(lab_word leaves, unsigned int kind)
{
	if (!scene_wanted(ALLOC, state_of(kind, "word of the hint"), kind < PLAIN_KINDS))
		return;
	world_open(leaves, EMPTY, NULL);
	call_alloc(NULL); /* leaves its hint */
	measure(call_alloc, 0);
}

static void alloc_first(lab_word leaves, unsigned int kind)
{
	if (!scene_wanted(ALLOC, state_of(kind, "no hint, empty room"), false))
		return;
	world_open(leaves, EMPTY, NULL);
	measure(call_alloc, 0);
}

/* One frame left in the room, the hint naming its word or a full leaf or nothing. */
static void alloc_last(lab_word leaves, unsigned int kind, unsigned int where)
{
	static const char *const wheres[] = { "last frame, hinted",
					      "last frame, leaf of the hint, last word looked at",
					      "last frame, hint exhausted", "last frame, no hint" };
	lab_bit bit;

	if (!scene_wanted(ALLOC, state_of(kind, wheres[where]), false))
		return;
	world_open(leaves, FULL, NULL);
	bit = bit_at(leaf_met(3), 200);
	open_frames(bit, 0);
	if (where == 0)
		point_at(bit);
	if (where == 1) /* the word behind it: the search goes round */
		point_at(bit + LAB_WORD_BITS);
	if (where == 2)
		point_at(bit_at(leaf_full_near(), 511));
	at_rest();
	measure(call_alloc, 0);
}

/* Somebody frees into this leaf of ours, or takes from it as well. */
static void make_unattractive(lab_word leaf, unsigned int other, bool freer)
{
	struct lab_note *note = room_note(world.room, leaf);
	unsigned int slot = hint_of(call.gfp);

	note->tenant = (uint16_t)((freer ? 1u : other + 1u) << 2 | slot);
	note->freer = freer ? (uint16_t)(other + 1) : 0;
	if (!freer)
		room_cpu(world.room, other)->near[slot] = bit_at(leaf, 0) + 1;
}

/*
 * The worst: hint exhausted, three leaves passed by, a leaf's last frame taken, every level unlisted.  By flags, or by
 * a request with everything in it.
 */
static void alloc_passing(lab_word leaves, const char *state, bool freer, void (*function)(void *))
{
	unsigned int i;

	if (!freer && leaves < CPUS * 64)
		return; /* such leaves are not passed by in small rooms */
	if (!scene_wanted(ALLOC, state, false))
		return;
	world_open(leaves, FULL, NULL);
	for (i = 0; i < 4; i++)
		open_frames(bit_at(leaf_met(i), 200), 0);
	for (i = 0; i < 4; i++) /* the fourth too: nobody passes by more than three */
		make_unattractive(leaf_met(i), i % 3 + 1, freer);
	point_at(bit_at(leaf_full_near(), 511));
	at_rest();
	measure(function, 0);
}

static void alloc_passings(lab_word leaves, unsigned int kind)
{
	alloc_passing(leaves, state_of(kind, "three leaves passed by, freed into"), true, call_alloc);
	if (kind && !machine.long_form)
		return;
	alloc_passing(leaves, state_of(kind, "three leaves passed by, taken from"), false, call_alloc);
	alloc_passing(leaves, state_of(kind, "three leaves passed by, whole request"), true, call_request);
}

static void alloc_scattered(lab_word leaves, unsigned int kind, enum pattern pattern)
{
	if (!scene_wanted(ALLOC,
			  state_of(kind, pattern == ONE_A_LEAF ? "one free frame a leaf"
							       : "every second frame free"),
			  false))
		return;
	world_open(leaves, pattern, NULL);
	at_rest();
	measure(call_alloc, 0);
}

/* Full leaves as stopped callers leave them, listed to the root; each is met once, and not by the next call. */
static void alloc_stale(lab_word leaves, unsigned int kind, unsigned int stale)
{
	char behind[64], after[64];
	bool wanted;
	unsigned int i;

	snprintf(behind, sizeof(behind), "last frame behind %u stale listings", stale);
	snprintf(after, sizeof(after), "last frame after %u stale listings", stale);
	if (!scene_wanted(ALLOC, state_of(kind, after), false) &&
	    !scene_wanted(ALLOC, state_of(kind, behind), false))
		return;
	world_open(leaves, FULL, NULL);
	open_frames(bit_at(leaf_met(3), 200), 0);
	at_rest();
	for (i = 0; i < stale; i++)
		list_full(leaf_met(i));
	wanted = scene_wanted(ALLOC, state_of(kind, behind), false);
	scene_extra(STALE_LISTING, stale);
	measure_if(wanted, call_alloc, 0);
	open_frames(bit_at(leaf_met(3), 200), 0);
	measure_if(scene_wanted(ALLOC, state_of(kind, after), false), call_alloc, 0);
	at_rest();
}

/* Kinds of request beside ATOMIC: their ways differ before the commons and after it, not in it. */
static bool kind_wanted(unsigned int kind, unsigned int scarce)
{
	return kind == 0 || machine.long_form || (scene.rank == ENDS && kind != scarce);
}

static void singles_alloc(lab_word leaves)
{
	unsigned int kind, i;

	for (kind = 0; kind < KINDS; kind++) {
		alloc_usual(leaves, kind);
		if (!kind_wanted(kind, 1))
			continue;
		alloc_passings(leaves, kind);
		if (kind && !machine.long_form)
			continue;
		alloc_first(leaves, kind);
		for (i = 0; i < 4; i++)
			alloc_last(leaves, kind, i);
		alloc_scattered(leaves, kind, ONE_A_LEAF);
		alloc_scattered(leaves, kind, EVERY_SECOND);
		for (i = 1; i <= 3; i++)
			if (i != 2 || machine.long_form)
				alloc_stale(leaves, kind, i);
	}
}

/* ---- refusals ---- */

static void refuse(lab_word leaves, unsigned int kind, unsigned int stale, bool hinted)
{
	char state[64], repaired[64];
	bool wanted;
	unsigned int i;

	snprintf(state, sizeof(state), "full%s, %u stale listings", hinted ? ", hint names a leaf" : "",
		 stale);
	snprintf(repaired, sizeof(repaired), "full, %u stale listings repaired", stale);
	if (!scene_wanted(REFUSAL, state_of(kind, repaired), false) &&
	    !scene_wanted(REFUSAL, state_of(kind, state), !stale && !hinted))
		return;
	world_open(leaves, FULL, NULL);
	at_rest();
	for (i = 0; i < stale; i++)
		list_full(leaf_met(i));
	if (hinted)
		point_at(bit_at(leaf_full_near(), 511));
	wanted = scene_wanted(REFUSAL, state_of(kind, state), !stale && !hinted);
	scene_extra(STALE_LISTING, stale);
	measure_if(wanted, call_alloc, -LAB_ENOMEM);
	if (stale)
		measure_if(scene_wanted(REFUSAL, state_of(kind, repaired), false), call_alloc, -LAB_ENOMEM);
	at_rest();
}

/* While a call with frames in its hand is stopped. */
static void refuse_again(lab_word leaves, unsigned int kind)
{
	if (!scene_wanted(AGAIN, state_of(kind, "full, another has frames in its hand"), false))
		return;
	world_open(leaves, FULL, NULL);
	room_raise(world.room);
	point_at(bit_at(leaf_full_near(), 511));
	measure(call_alloc, -LAB_EAGAIN);
}

static void refuse_first(lab_word leaves)
{
	if (!scene_wanted(REFUSAL, "full, the first of all", false))
		return;
	scene_extra(FIRST_REFUSAL, 1);
	world_open(leaves, FULL, NULL);
	at_rest();
	world.lab->first_state = 0;
	measure(call_alloc, -LAB_ENOMEM);
}

static void singles_refused(lab_word leaves)
{
	unsigned int kind, i;

	call.gfp = LAB_GFP_KERNEL;
	refuse_first(leaves);

	for (kind = 0; kind < KINDS; kind++) {
		if (!kind_wanted(kind, 1))
			continue;
		refuse(leaves, kind, 0, false);
		refuse(leaves, kind, 0, true);
		if (kind && !machine.long_form)
			continue;
		for (i = 1; i <= 4; i++)
			if (i == 1 || i == 4 || machine.long_form)
				refuse(leaves, kind, i, true);
		if (machine.long_form || leaves == 32)
			refuse_again(leaves, kind);
	}
}

/* ---- free ---- */

static void free_usual(lab_word leaves)
{
	if (!scene_wanted(FREE, "an ordinary leaf", true))
		return;
	call.gfp = LAB_GFP_ATOMIC;
	call.order = 0;
	world_open(leaves, EMPTY, NULL);
	call_alloc(NULL);
	measure(call_free, 0);
	at_rest();
}

/* The first free frame under every ancestor; the leaf's hint knows of no block, or of the largest. */
static void free_first(lab_word leaves, unsigned int where, bool none)
{
	char state[64];
	lab_word leaf;

	snprintf(state, sizeof(state), "first free frame, %u of 4, hint says %s", where,
		 none ? "none" : "all");
	if (!scene_wanted(FREE, state, false))
		return;
	world_open(leaves, FULL, NULL);
	call.order = 0;
	leaf = leaf_apart(where, false);
	open_frames(bit_at(leaf, 200), 0);
	call.page = take_frames(bit_at(leaf, 200), 0);
	if (none)
		know_of_none(leaf);
	at_rest();
	measure(call_free, 0);
	at_rest();
}

/* The frame that completes a block, which no summary on the way knows of. */
static void free_completes(lab_word leaves, unsigned int order)
{
	char state[64];
	lab_word leaf;

	snprintf(state, sizeof(state), "completes a block of order %u", order);
	if (!scene_wanted(FREE, state, false))
		return;
	world_open(leaves, FULL, NULL);
	call.order = 0;
	leaf = leaf_apart(3, false);
	open_frames(bit_at(leaf, 0), order);
	call.page = take_frames(bit_at(leaf, (1u << order) - 1), 0);
	know_of_none(leaf);
	know_of(leaf, order - 1);
	at_rest();
	measure(call_free, 0);
	at_rest();
}

/* A mark that takes the frame out of service; an announcement that a stopped caller left. */
static void free_odd(lab_word leaves)
{
	unsigned int level;
	lab_word leaf;

	call.order = 0;
	call.gfp = LAB_GFP_ATOMIC;
	if (scene_wanted(FREE, "marked as bad", false)) {
		world_open(leaves, EMPTY, NULL);
		call_alloc(NULL);
		lab_frame_offline(world.lab, lab_page_frame(world.lab, call.page));
		measure(call_free, 0);
	}
	if (!scene_wanted(FREE, "announced as full at every level", false))
		return;
	world_open(leaves, FULL, NULL);
	leaf = leaf_apart(2, false);
	open_frames(bit_at(leaf, 200), 0);
	call.page = take_frames(bit_at(leaf, 200), 0);
	know_of_none(leaf);
	list_full(leaf);
	room_note(world.room, leaf)->hint |= HINT_ANNOUNCED;
	for (level = 0; level < world.h; level++) {
		lab_word child = leaf >> (LAB_FANOUT_SHIFT * level);
		lab_word *word = tree_parent(&world.room->commons, level, child >> LAB_FANOUT_SHIFT);

		*word = parent_announce(*word, (unsigned int)(child % LAB_FANOUT));
	}
	measure(call_free, 0);
	at_rest();
}

static void free_refused(lab_word leaves)
{
	call.order = 0;
	call.gfp = LAB_GFP_ATOMIC;
	world_open(leaves, EMPTY, NULL);
	if (scene_wanted(FREE_REFUSED, "twice", false)) {
		call_alloc(NULL);
		call_free(NULL);
		measure(call_free, -LAB_EALREADY);
	}
	if (scene_wanted(FREE_REFUSED, "inside a block", false)) {
		call.page = take_frames(bit_at(leaves - 1, 0), 9) + 511;
		measure(call_free, -LAB_ENOTBLK);
	}
	call_alloc(NULL);
	call.order = 3;
	if (scene_wanted(FREE_REFUSED, "of another order", false))
		measure(call_free, -LAB_EMSGSIZE);
	if (scene_wanted(FREE_REFUSED, "split, of another order", false))
		measure(call_split, -LAB_EMSGSIZE);
	call.order = 0;
	call.gfp = LAB_GFP_ATOMIC | LAB_EXCLUSIVE;
	call_alloc(NULL);
	if (scene_wanted(FREE_REFUSED, "owned by another", false))
		measure(call_free, -LAB_EPERM);
	call.page = (struct lab_page *)world.map;
	if (scene_wanted(FREE_REFUSED, "no page", false))
		measure(call_free, -LAB_ERANGE);
}

static void singles_free(lab_word leaves)
{
	unsigned int i;

	free_usual(leaves);
	for (i = 0; i < 4; i++) {
		if (!size_from(ENDS) && i % 3)
			continue;
		free_first(leaves, i, true);
		free_first(leaves, i, false);
	}
	for (i = 1; i <= LAB_ORDER_MAX; i++)
		if (size_from(ENDS) || i == 1 || i == LAB_ORDER_MAX)
			free_completes(leaves, i);
	free_odd(leaves);
	if (size_from(ENDS))
		free_refused(leaves);
}

#endif
