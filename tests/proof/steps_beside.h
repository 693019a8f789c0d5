/* SPDX-License-Identifier: MIT */
/*
 * steps_beside.h - what a call costs while others run: each atomic operation of theirs has a price.
 *
 * The others act in the single-step handler, between two instructions of the call, just before one that touches a
 * word that changes: single operations of the protocol, after which their caller is stopped for good (a claim
 * without the unlisting, a clear without the listing, ...), and whole calls.  A whole call counts as one operation
 * here, so that it is judged more strictly than the bound says.
 */
#ifndef STEPS_BESIDE_H
#define STEPS_BESIDE_H

#include "steps_calls.h"

enum act { CLAIM, CLEAR, LIST, ANNOUNCE, COMMIT, HINT, TAKE, GIVE, ACTS };

static const char *const act_name[ACTS] = { "claim",  "clear", "list", "announce",
					    "commit", "hint",  "take", "give" };

#define BESIDE_LIMIT 200000u /* instructions: more than the bound of any run here */

/* The frames of the leaf: the call's, the others'. */
#define MINE 200u
#define THEIRS 300u
#define THEIR_PAGE 400u

static struct {
	lab_word leaf;
	struct lab_page *page; /* a whole page of theirs in it */
	uint64_t seen, at; /* places where they may act; the place where they begin */
	unsigned int left, done;
	bool any; /* which of the acts, and at which level: at random */
	enum act act;
	unsigned int level;
	uint64_t random;
} others;

static uint64_t others_random(uint64_t below)
{
	others.random ^= others.random << 13;
	others.random ^= others.random >> 7;
	others.random ^= others.random << 17;
	return others.random % below;
}

/* ---- single operations; false: there was nothing to do ---- */

static bool do_claim(void)
{
	lab_word *words = tree_leaf(&world.room->commons, others.leaf);
	unsigned int i;
	bool left;

	for (i = 0; i < LAB_LEAF_WORDS; i++)
		if (leaf_claim(&words[i], 0, &left) != LAB_WORD_BITS)
			return true;
	return false;
}

static bool do_clear(void)
{
	lab_word bit = (lab_word)1 << THEIRS % LAB_WORD_BITS;

	return and_seq(tree_word(&world.room->commons, bit_at(others.leaf, THEIRS)), ~bit) & bit;
}

/* What a caller does to the parent of the leaf's ancestor at a level. */
static bool do_parent(enum act act, unsigned int level)
{
	const struct lab_tree *tree = &world.room->commons;
	lab_word node = others.leaf >> (LAB_FANOUT_SHIFT * level);
	unsigned int child = (unsigned int)(node % LAB_FANOUT);
	lab_word *parent = tree_parent(tree, level, node >> LAB_FANOUT_SHIFT), w = load_seq(parent);

	switch (act) {
	case LIST:
		if (parent_lists(w, child) && parent_announced(w) < 0)
			return false;
		and_seq(parent, parent_list_mask(child));
		return true;
	case ANNOUNCE: /* a sibling; it stands announced already: somebody withdraws it */
		if (parent_announced(w) == (int)(child ^ 1))
			return cas_seq(parent, &w, parent_withdraw(w));
		return cas_seq(parent, &w, parent_announce(w, child ^ 1));
	default: /* for the call, what it has announced itself */
		if (parent_announced(w) != (int)child || !tree_full(tree, level, node))
			return false;
		return cas_seq(parent, &w, parent_commit(w, child));
	}
}

static bool do_hint(void)
{
	uint32_t *hint = &room_note(world.room, others.leaf)->hint, old = load_seq(hint);

	return cas_seq(hint, &old, hint_announce(old));
}

/* ---- whole calls, on CPU 1 ---- */

static bool do_take(void)
{
	return !lab_is_err(lab_alloc_pages(world.lab, LAB_GFP_ATOMIC, 0));
}

static bool do_give(void)
{
	bool done = others.page && !lab_free_pages(world.lab, others.page, 0);

	others.page = NULL;
	return done;
}

static bool act_once(void)
{
	enum act act = others.any ? (enum act)others_random(ACTS) : others.act;
	unsigned int level = others.any ? (unsigned int)others_random(world.h) : others.level;
	bool done;

	cpu_now = 1;
	switch (act) {
	case CLAIM:
		done = do_claim();
		break;
	case CLEAR:
		done = do_clear();
		break;
	case HINT:
		done = do_hint();
		break;
	case TAKE:
		done = do_take();
		break;
	case GIVE:
		done = do_give();
		break;
	default:
		done = do_parent(act, level);
	}
	cpu_now = 0;
	return done;
}

/* Before an instruction that touches metadata.  True: they could do nothing there, the run is void. */
static bool others_act(uintptr_t address)
{
	const struct lab_room *room = world.room;
	bool moves = (address >= (uintptr_t)tree_leaf(&room->commons, 0) &&
		      address < (uintptr_t)room_page(room, 0)) ||
		     (address >= (uintptr_t)room && address < (uintptr_t)&room->commons);

	if (!moves || !others.left || others.seen++ < others.at)
		return false;
	if (act_once()) {
		others.done++;
		others.left--;
		return false;
	}
	return !others.any;
}

/* ---- the calls ---- */

enum outer { LAST_HINTED, LAST_BUT_ONE, LAST_SEARCHED, FIRST_FREE, COMPLETES, REFUSED, OUTERS };

static const struct {
	const char *name;
	enum row row;
	void (*function)(void *);
	bool refusable;
} outers[OUTERS] = {
	[LAST_HINTED] = { "last frame, hinted", ALLOC, call_alloc, true },
	[LAST_BUT_ONE] = { "last frame of the hinted leaf, another elsewhere", ALLOC, call_alloc, true },
	[LAST_SEARCHED] = { "last frame, searched for", ALLOC, call_alloc, true },
	[FIRST_FREE] = { "first free frame", FREE, call_free, false },
	[COMPLETES] = { "completes a block of order 9", FREE, call_free, false },
	[REFUSED] = { "full", REFUSAL, call_alloc, true },
};

static void open_outer(lab_word leaves, enum outer outer)
{
	lab_word leaf;

	call.gfp = LAB_GFP_ATOMIC;
	call.order = 0;
	world_open(leaves, FULL, NULL);
	leaf = others.leaf = leaf_apart(0, false);
	open_frames(bit_at(leaf, 0), outer == COMPLETES ? 9 : 0);
	if (outer != COMPLETES)
		take_frames(bit_at(leaf, 0), 0);
	others.page = NULL;
	if (outer != COMPLETES) {
		open_frames(bit_at(leaf, THEIR_PAGE), 0);
		others.page = take_frames(bit_at(leaf, THEIR_PAGE), 0);
		open_frames(bit_at(leaf, MINE), 0);
	}
	if (outer == LAST_BUT_ONE)
		open_frames(bit_at(leaf_apart(3, false), MINE), 0);
	if (outers[outer].row == ALLOC)
		point_at(bit_at(outer == LAST_SEARCHED ? leaf_full_near() : leaf, MINE));
	else
		call.page = take_frames(bit_at(leaf, MINE), 0);
	if (outer == FIRST_FREE)
		know_of_none(leaf);
	if (outer == COMPLETES) {
		know_of_none(leaf);
		know_of(leaf, 8);
	}
}

static void judge_beside(enum outer outer, const struct cost *seen)
{
	const uint64_t cost[METRICS] = { seen->rmw, seen->lines, seen->instructions };
	unsigned int metric;

	machine.cases++;
	if (call.result &&
	    !(outers[outer].refusable && (call.result == -LAB_ENOMEM || call.result == -LAB_EAGAIN)))
		machine_fail(scene.name, "answered %ld beside others", call.result);
	for (metric = 0; metric < METRICS; metric++) {
		uint64_t alone = price_at(&bounds[outers[outer].row].worst[metric], world.h, 0);
		uint64_t each = price_at(&bounds[BESIDE].worst[metric], world.h, 0);
		uint64_t over = cost[metric] > alone ? cost[metric] - alone : 0;

		if (over > others.done * each)
			machine_fail(scene.name,
				     "%s %" PRIu64 " times from place %" PRIu64 ": %" PRIu64
				     " %s, alone at most %" PRIu64 ", and %" PRIu64
				     " for each operation of others are published",
				     others.any ? "any" : act_name[others.act], (uint64_t)others.done,
				     others.at, cost[metric], metric_name[metric], alone, each);
		if (!others.any && over > worst[BESIDE][0][world.h][0][metric])
			worst[BESIDE][0][world.h][0][metric] = over;
	}
}

/* One run; false: the others had no chance to act. */
static bool run_beside(lab_word leaves, enum outer outer, uint64_t at, unsigned int acts)
{
	struct cost cost;

	open_outer(leaves, outer);
	others.at = at;
	others.seen = others.done = 0;
	others.left = acts;
	count.beside = others_act;
	cost = count_call(outers[outer].function, world.lab, world.bytes, BESIDE_LIMIT);
	count.beside = NULL;
	if (!others.done)
		return false;
	judge_beside(outer, &cost);
	return true;
}

/* One operation of others at one place, every `stride`th of them. */
static void beside_once(lab_word leaves, enum outer outer, uint64_t stride)
{
	uint64_t places, run = machine.seed;
	unsigned int act, level;

	others.any = false;
	others.act = ACTS;
	run_beside(leaves, outer, UINT64_MAX, 1);
	places = others.seen;
	for (act = 0; act < ACTS; act++)
		for (level = 0; level < (act >= LIST && act <= COMMIT ? world.h : 1); level++)
			for (others.at = 0; others.at < places; others.at++) {
				if (run++ % stride && !(act == CLAIM && outer == LAST_BUT_ONE))
					continue;
				others.act = (enum act)act;
				others.level = level;
				run_beside(leaves, outer, others.at, 1);
			}
}

/* They act before every instruction that touches a word that changes, until they have done so many things. */
static void beside_always(lab_word leaves, enum outer outer, unsigned int runs)
{
	unsigned int i;

	others.any = true;
	for (i = 0; i < runs; i++) {
		others.random = machine.seed * 1000003 + i * 7919 + (uint64_t)outer + 1;
		run_beside(leaves, outer, others_random(24), 2u << i % 5);
	}
}

static void beside(lab_word leaves)
{
	bool near = leaves == 32 || leaves == 1024;
	enum outer outer;

	for (outer = 0; outer < OUTERS; outer++) {
		if (!scene_wanted(BESIDE, outers[outer].name, false) || !(near || size_from(ENDS)))
			continue;
		if (near || (machine.long_form && leaves <= 32768))
			beside_once(leaves, outer, machine.long_form ? 1 : leaves == 32 ? 5 : 23);
		beside_always(leaves, outer, machine.long_form ? 100 : near ? 10 : 5);
	}
}

#endif
