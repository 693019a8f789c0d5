/* SPDX-License-Identifier: MIT */
/*
 * instructions_judge.h - is the outer call's answer true, and was what others could have meanwhile exactly
 * what was free?
 *
 * A pair is an operation in a state.  What it does undisturbed is found out first: which answer, how many
 * frames are free before and after, whether it ever holds frames that it may give back.
 */
#ifndef INSTRUCTIONS_JUDGE_H
#define INSTRUCTIONS_JUDGE_H

#include "instructions_calls.h"
#include "instructions_others.h"

static struct pair {
	const struct op *op;
	struct answer usual;
	uint64_t free_before, free_after; /* to everybody's rights */
	uint64_t out_before;
	uint64_t tentative; /* how often it held what it may give back */
	bool single;	    /* takes effect at one instruction */
	bool pools;
	uint64_t length;    /* instructions */
	uint64_t depth;	    /* how many are gone through at most */
	uint64_t last;	    /* how many frames others could have at the boundary before */
	bool any;	    /* there was one */
} pair;

/* Of one run: what the outer call could have at the instants that it can have seen. */
static struct {
	uint64_t least, most;
	int whole; /* the largest order of a block that was free at all of them */
	bool neutral;	/* all that was taken was given back */
	bool stormy;	/* many instants, not one */
	bool in_hand;	/* others may have had frames in hand at these instants */
	uint64_t more;	/* frames of ours that became free meanwhile */
} seen, seen_first;

/* What the same call said that was made in the middle of this one. */
#define NOT_TWICE 1000000
static long twice = NOT_TWICE;

static char *metadata_usual; /* after an undisturbed run */

static void seen_begin(void)
{
	seen.least = UINT64_MAX;
	seen.most = 0;
	seen.whole = LAB_ORDER_MAX;
	seen.neutral = true;
	seen.stormy = seen.in_hand = false;
	seen.more = 0;
}

/* The outer call may look now. */
static void seen_now(void)
{
	struct lab_request request = op_request(pair.op);
	struct look look = look_for(&request);

	if (look.eligible < seen.least)
		seen.least = look.eligible;
	if (look.eligible > seen.most)
		seen.most = look.eligible;
	if (look.whole < seen.whole)
		seen.whole = look.whole;
}

/* ---- the outer call's answer ---- */

static void judge_taken(void)
{
	unsigned int order = pair.op->type == TAKE_MANY ? 0 : pair.op->order, i;

	for (i = 0; i < world.answer.pages; i++)
		mark_page(world.answer.page[i], order, OUTER);
	if (pair.op->type != TAKE_AT && seen.most + seen.more < (uint64_t)world.answer.pages << order)
		FAIL("the call was given %u blocks, with never more than %" PRIu64 " frames free to it",
		     world.answer.pages, seen.most + seen.more);
}

static void judge_refused(long code)
{
	const struct op *op = pair.op;

	switch (code) {
	case -LAB_ENOMEM:
		if (seen.least)
			FAIL("the call says out of memory, but %" PRIu64 " frames were always free to it", seen.least);
		break;
	case -LAB_ENOSPC:
		if (!op->order || (!seen.stormy && seen.neutral && seen.whole >= (int)op->order))
			FAIL("the call says no such block, but one of order %d was always free", seen.whole);
		break;
	case -LAB_EAGAIN:
		/* One disturbance cannot spoil every round; nor what always leaves a frame, and holds nothing that it gives back. */
		if (!seen.stormy || (!op->order && !seen.in_hand && seen.least))
			FAIL("the call says try again, after %s", seen.stormy ? "calls that hold nothing" : "one disturbance");
		break;
	default:
		if (code != pair.usual.code)
			FAIL("the call says %ld instead of %ld", code, pair.usual.code);
	}
}

static void judge_take(void)
{
	long code = world.answer.code;

	judge_taken();
	if (code < 0 || pair.op->type == TAKE_MANY)
		seen_now(); /* what it has put back, or left */
	/* Nothing has moved: nothing else to be said. */
	if (!pair.pools && seen.neutral && !seen.stormy && code != pair.usual.code)
		FAIL("the call says %ld instead of %ld, and nothing had changed", code, pair.usual.code);
	if (code < 0)
		judge_refused(code);
	else if (pair.op->type == TAKE_MANY && code < pair.op->at && seen.least)
		FAIL("%ld pages, but %" PRIu64 " more were always free to the call", code, seen.least);
}

static void judge_take_at(void)
{
	long code = world.answer.code, usual = pair.usual.code;
	bool moved = pair.pools || !seen.neutral || seen.stormy;

	judge_taken();
	if (code == usual || (moved && code == -LAB_EBUSY && !usual) || (moved && usual == -LAB_EBUSY && !code))
		return;
	FAIL("the call says %ld instead of %ld", code, usual);
}

static void judge_leave(void)
{
	long code = world.answer.code;
	bool moved = pair.pools || !seen.neutral || seen.stormy;

	/* Whoever took the frame before it could leave: it is marked (EBUSY), or in a block or a hand (EAGAIN). */
	if (code == pair.usual.code || (moved && (!code || code == -LAB_EBUSY || code == -LAB_EAGAIN)))
		return;
	FAIL("the call says %ld instead of %ld", code, pair.usual.code);
}

static void judge_reading(void)
{
	const struct lab_room_stats *room = &world.out.room;
	uint64_t free = 0;
	unsigned int i;

	if (pair.op->call == call_leaf) {
		if (world.answer.code < 0 || world.answer.code > (long)LEAF)
			FAIL("%ld frames of a leaf are free", world.answer.code);
		return;
	}
	if (world.answer.code != pair.usual.code)
		FAIL("the call says %ld instead of %ld", world.answer.code, pair.usual.code);
	if (memcmp(world.answer.seen, pair.usual.seen, sizeof(pair.usual.seen)))
		FAIL("the call read something else: %" PRIu64, world.answer.seen[0]);
	if (pair.op->call == call_room_stats) {
		for (i = 0; i <= LAB_ORDER_MAX; i++)
			free += room->free_blocks[i] << i;
		if (free != room->free_commons || room->free_commons + room->free_pooled > 2 * LEAF + room->frames ||
		    room->leaves_unused < room->leaves_whole)
			FAIL("%" PRIu64 " frames in blocks, %" PRIu64 " in the commons", free, room->free_commons);
	}
	if (pair.op->call == call_audit && world.out.audit.broken)
		FAIL("the audit: %s (frame %" PRIu64 ")", world.out.audit.text, world.out.audit.frame);
}

/* What can be done once has been done once; bulk frees count what they have done. */
static void judge_twice(void)
{
	long code = world.answer.code, usual = pair.usual.code;

	if (pair.op->type == GIVE_MANY ? code + twice != usual : usual ? code != usual && twice != usual : !code == !twice)
		FAIL("the call says %ld, and the same call made in its middle %ld", code, twice);
}

static void judge(void)
{
	if (twice != NOT_TWICE) {
		judge_twice();
		return;
	}
	switch (pair.op->type) {
	case TAKE:
	case TAKE_MANY:
		judge_take();
		break;
	case TAKE_AT:
		judge_take_at();
		break;
	case LEAVE:
		judge_leave();
		break;
	case CLOSE:
		if (world.answer.code < 0 || world.answer.code > (long)ground->frames)
			FAIL("%ld frames of a room are out", world.answer.code);
		break;
	default:
		judge_reading();
	}
}

/* Everything is over: what was kept goes back, and all must be whole. */
static void judge_end(void)
{
	bool leaves = pair.op->type == LEAVE || pair.op->call == call_offline || pair.op->at == BAD || pair.op->at == BAD_BLOCK;
	uint64_t out = pair.out_before - (pair.op->type == RETURN);

	judge();
	nested_give_all();
	check_rest(out, out + leaves);
}

/* ---- what others could have ---- */

/* While the call is stopped others could have n frames. */
static void judge_obtained(uint64_t n)
{
	uint64_t before = pair.free_before, after = pair.free_after;
	uint64_t low = before < after ? before : after, high = before < after ? after : before;
	uint64_t hand = pair.tentative ? op_frames(pair.op) + pair.pools : 0;

	if (pair.single && n != before && n != after)
		FAIL("others could have %" PRIu64 " frames, neither %" PRIu64 " nor %" PRIu64, n, before, after);
	if (pair.tentative && before < low + hand)
		low = before > hand ? before - hand : 0; /* it may hold so many and put them back, and one more to pay with */
	if (n < low || n > high)
		FAIL("others could have %" PRIu64 " frames, of %" PRIu64 " to %" PRIu64, n, low, high);
	if (pair.any && !pair.tentative && (after < before ? n > pair.last : n < pair.last))
		FAIL("others could have %" PRIu64 " frames, and %" PRIu64 " at the boundary before", n, pair.last);
	pair.last = n;
	pair.any = true;
}

static void judge_obtained_again(void)
{
	uint64_t first = others.first, again = others.again;

	/* Given back to where others look: what the call has only half given may come to light. */
	if (outer_gives ? again < first || again > first + outer_gives : again != first)
		FAIL("others could have %" PRIu64 " frames, and %" PRIu64 " after all was given back", first, again);
}

/* ---- Invariant L ---- */

static bool leaf_listed(const struct lab_tree *tree, lab_word index)
{
	unsigned int level, child;

	for (level = 0; level < tree->height; level++, index >>= LAB_FANOUT_SHIFT) {
		child = (unsigned int)(index % LAB_FANOUT) + (level + 1u == tree->height ? tree->root_child : 0);
		if (!parent_lists(*tree_parent(tree, level, index >> LAB_FANOUT_SHIFT), child))
			return false;
	}
	return true;
}

/* A free bit of this leaf whose give is not under way; LAB_NO_BIT: none. */
static lab_bit leaf_free_bit(const struct lab_tree *tree, lab_word leaf, const struct lab_room *room)
{
	lab_bit bit;

	for (bit = leaf * LAB_LEAF_FRAMES; bit < (leaf + 1) * LAB_LEAF_FRAMES; bit++) {
		if (*tree_word(tree, bit) == LAB_ALL)
			bit |= LAB_WORD_BITS - 1;
		else if (!(*tree_word(tree, bit) >> bit % LAB_WORD_BITS & 1) && !(room && op_gives(pair.op, room->first_frame + bit)))
			return bit;
	}
	return LAB_NO_BIT;
}

static void check_tree(const struct lab_tree *tree, const struct lab_room *room)
{
	lab_word leaf;
	lab_bit bit;

	for (leaf = 0; leaf < tree->leaves; leaf++) {
		if (leaf_listed(tree, leaf))
			continue;
		bit = leaf_free_bit(tree, leaf, room);
		if (bit != LAB_NO_BIT)
			FAIL("%s %" PRIuPTR " is free, its give has returned, and it is not listed", room ? "bit" : "slot", bit);
	}
}

/* Whatever is surely free is listed all the way up: at this instant, whoever asks. */
static void check_listed(void)
{
	unsigned int i, k;

	for (i = 0; !pair.tentative && i < lab->rooms; i++) {
		const struct lab_room *room = labyrinth_room(lab, i);

		check_tree(&room->commons, room);
		for (k = 0; !outer_gives && k < room->bands; k++)
			check_tree(&room->pool[k].have, NULL);
	}
}

/* ---- a pair ---- */

/* Run it undisturbed, twice: the first time binds what the linker has left to be bound. */
static void pair_begin(const struct op *op, void (*run)(void *))
{
	uint64_t tentative;
	bool lacks = false;
	unsigned int i;

	pair = (struct pair){ .op = op };
	run(NULL);
	rewind_all();
	outer_gives = 0;
	pair.free_before = free_for_all();
	pair.out_before = frames_out();
	tentative = tentative_calls();
	for (i = 0; i < lab->rooms; i++) {
		pair.pools |= labyrinth_room(lab, i)->bands != 0;
		lacks |= pool_lacks(labyrinth_room(lab, i));
	}
	seen_begin();
	seen_now();
	seen_first = seen;
	op_lets_go(op);
	run(NULL);
	metadata_usual = realloc(metadata_usual, metadata_bytes);
	memcpy(metadata_usual, metadata, metadata_bytes);
	pair.usual = world.answer;
	pair.free_after = free_for_all();
	pair.tentative = tentative_calls() - tentative;
	judge_end();
	pair.single = !pair.tentative && op->type != TAKE_MANY && op->type != GIVE_MANY &&
		      !(op->type == GIVE && op->order && (lacks || op->order > LAB_WORD_ORDER || op->at == BAD_BLOCK));
	if (op->type == GIVE || op->type == GIVE_MANY || op->type == RETURN)
		outer_gives = op_frames(op);
	else if (pair.tentative && pair.pools)
		outer_gives = 1; /* an exchange puts back, and swaps, frame by frame */
	if (pair.tentative && (op->type == GIVE || op->type == RETURN || op->type == GIVE_MANY ||
			       (!pair.pools && op->order <= LAB_WORD_ORDER)))
		FAIL("a call of order %u holds what it may give back", op->order);
	rewind_all();
}

#endif
