/* SPDX-License-Identifier: MIT */
/*
 * scenes.h - the scenes of interleave.c: rooms with few free frames, and what each fiber does there.
 */
#ifndef SCENES_H
#define SCENES_H

#include <labyrinth.h>

#include "word.h"

#define FIBERS_MAX 3
#define OPS_MAX 16
#define FREE_MAX 8
#define ROOM_FRAMES 512		/* of each room, where there are two */
#define NEAR_FRAMES (2 * LAB_WORD_BITS) /* free where `near` is set */

enum op_kind { END, TAKE, ATOMIC, ALL, OWN, GIVE, GIVE_TWICE, BLOCK, GIVE_BLOCK, OFF, BULK, FROM, PAUSE, AT, SPLIT, AUDIT };

struct op {
	enum op_kind kind;
	/* GIVE, OFF, AT: which frame; BLOCK: order; BULK: how many; FROM: room; SPLIT: order of the block at 0. */
	unsigned int arg;
};

#define POOLED_FRAME 100000u /* as `arg`: the first frame that a pool keeps at the start */

/* A frame is given, then one taken from this room; then fiber 0 goes on. */
#define WANDER(frame, room) { GIVE, (frame) }, { FROM, (room) }, { PAUSE, 0 }

struct scene {
	const char *name;
	unsigned int frames, min;
	unsigned int drain;	       /* frames taken out of the room's pools before the start */
	int free[FREE_MAX];	       /* frames that are free at the start, then -1 */
	bool block;		       /* the largest free block is what the first leaf holds: leave it whole */
	bool again;		       /* -EAGAIN is an answer here: a call may have frames in its hand */
	bool near;		       /* CPU 1's hint names word 1, and the first two words are free */
	bool whole;		       /* a bulk call takes all it wants at once here, or nothing */
	bool lowered;		       /* the order hints say "none" at the start */
	bool two;		       /* a second room behind the first: DMA32, of as many frames */
	unsigned int only;	       /* where preemptions are tried: a bit a fiber; 0: in all */
	struct op op[FIBERS_MAX][OPS_MAX];
};

static const struct scene scenes[] = {
	{ "give against take, full leaf", 512, 0, 0, { -1 }, .op = { { { GIVE, 3 } }, { { TAKE, 0 } } } },
	{ "two last frames, two takers", 512, 0, 0, { 5, 500, -1 }, .op = { { { TAKE, 0 } }, { { TAKE, 0 } } } },
	{ "last frame, taker and giver", 512, 0, 0, { 5, -1 }, .op = { { { TAKE, 0 } }, { { GIVE, 9 } } } },
	{ "last frame, taker, giver and a taker behind them", 512, 0, 0, { 5, -1 },
	  .op = { { { TAKE, 0 } }, { { GIVE, 9 } }, { { TAKE, 0 } } } },
	{ "two last frames of siblings, giver, two levels", 40 * 512, 0, 0, { 5, 600, -1 },
	  .op = { { { TAKE, 0 } }, { { TAKE, 0 } }, { { GIVE, 7 } } } },
	{ "full, two levels: givers in two subtrees, taker", 40 * 512, 0, 0, { -1 },
	  .op = { { { GIVE, 1 } }, { { GIVE, 39 * 512 } }, { { TAKE, 0 } } } },
	{ "full, two levels: give and take again", 40 * 512, 0, 0, { -1 },
	  .op = { { { GIVE, 1 }, { TAKE, 0 } }, { { GIVE, 39 * 512 }, { TAKE, 0 } } } },
	{ "one frame, churned", 512, 0, 0, { 5, -1 },
	  .op = { { { TAKE, 0 } }, { { GIVE, 70 }, { TAKE, 0 } }, { { TAKE, 0 } } } },
	{ "two frees of one page", 512, 0, 0, { -1 }, .op = { { { GIVE_TWICE, 8 } }, { { GIVE_TWICE, 8 } }, { { OWN, 0 } } } },
	{ "reserve: draw against free", 512, 32, 20, { -1 }, .op = { { { GIVE, 3 } }, { { ATOMIC, 0 } } } },
	{ "reserve: free against two rights", 512, 32, 19, { -1 },
	  .op = { { { GIVE, 3 } }, { { ATOMIC, 0 } }, { { TAKE, 0 } } } },
	{ "reserve: two draws, two frees", 512, 32, 20, { -1 },
	  .op = { { { ATOMIC, 0 }, { GIVE, 3 } }, { { ALL, 0 }, { GIVE, 4 } } } },
	{ "reserve: the last frame, everything drawn", 512, 32, 32, { -1 },
	  .op = { { { GIVE, 3 }, { TAKE, 0 } }, { { ATOMIC, 0 } }, { { GIVE, 4 } } } },
	{ "reserve: band and commons, filled at the edge", 512, 32, 0, { -1 },
	  .op = { { { GIVE, 3 } }, { { TAKE, 0 } }, { { TAKE, 0 } } } },
	{ "reserve: free, draw and take at the floor", 512, 32, 0, { -1 },
	  .op = { { { GIVE, 3 }, { TAKE, 0 } }, { { ATOMIC, 0 }, { TAKE, 0 } } } },
	{ "reserve: one slot, churned", 512, 1, 0, { -1 },
	  .op = { { { ALL, 0 }, { GIVE, 42 } }, { { ALL, 0 }, { GIVE, 40 } }, { { TAKE, 0 } } } },
	/* Whoever has no right to the reserve's only frame must not hide it from who has. */
	{ "reserve: its last frame wanted by number", 512, 1, 0, { -1 },
	  .op = { { { AT, POOLED_FRAME } }, { { ALL, 0 } } } },
	{ "reserve: a pooled frame goes offline, drawn and refilled", 16, 1, 0, { -1 }, .again = true,
	  .op = { { { OFF, POOLED_FRAME } }, { { ALL, 0 }, { GIVE, 9 } }, { { ALL, 0 } } } },
	{ "reserve: a slot claimed while it is filled anew", 512, 1, 0, { 77, -1 }, .again = true,
	  .op = { { { AT, POOLED_FRAME } }, { { ALL, 0 }, { ALL, 0 }, { GIVE, 100 } } } },
	{ "reserve: audit beside exchange and draw", 16, 3, 0, { 14, 15, -1 }, .again = true, .only = 6,
	  .op = { { { AUDIT, 0 } }, { { AT, POOLED_FRAME } }, { { ALL, 0 }, { GIVE, 9 } } } },
	{ "block of 128 given, a take in it, hint at none", 512, 0, 0, { -1 }, .again = true, .lowered = true,
	  .op = { { { GIVE_BLOCK, 0 } }, { { TAKE, 0 } } } },
	{ "block split while its head is marked bad", 512, 0, 0, { 300, -1 },
	  .op = { { { SPLIT, 7 } }, { { OFF, 0 } } } },
	{ "block of 128 against a take in it", 512, 0, 0, { -1 }, .block = true, .again = true,
	  .op = { { { BLOCK, 7 } }, { { TAKE, 0 } } } },
	{ "two blocks of 128 in the same words", 512, 0, 0, { -1 }, .block = true, .again = true,
	  .op = { { { BLOCK, 7 } }, { { BLOCK, 7 } } } },
	{ "block of 128 given, take and block", 512, 0, 0, { -1 }, .again = true,
	  .op = { { { GIVE_BLOCK, 0 }, { BLOCK, 7 } }, { { TAKE, 0 } } } },
	{ "hint lowered against a give that completes", 512, 0, 0, { 0, -1 }, .again = true,
	  .op = { { { BLOCK, 1 } }, { { GIVE, 1 } }, { { BLOCK, 2 } } } },
	{ "hint: two completing gives, two searchers", 512, 0, 0, { 0, 2, -1 }, .again = true,
	  .op = { { { GIVE, 1 }, { BLOCK, 1 } }, { { GIVE, 3 }, { BLOCK, 2 } } } },
	{ "frame offline against its free and a take", 512, 0, 0, { 5, -1 },
	  .op = { { { OFF, 3 } }, { { GIVE, 3 } }, { { TAKE, 0 } } } },
	{ "bulk against take and give", 512, 0, 0, { 5, 6, -1 }, .op = { { { BULK, 3 } }, { { GIVE, 4 } }, { { TAKE, 0 } } } },
	/* The block has word 0 in its hand and will put it back, for the bulk call has word 1. */
	{ "block of 128 that conflicts, all else full", 512, 0, 0, { -1 }, .near = true, .again = true, .whole = true,
	  .op = { { { BLOCK, LAB_WORD_ORDER + 1 } }, { { BULK, LAB_WORD_BITS }, { TAKE, 0 } } } },
	/* There is a free frame at every instant, but never where fiber 0 looks. */
	{ "two rooms, a frame that wanders behind the looker", ROOM_FRAMES, 0, 0, { ROOM_FRAMES + 5, -1 }, .two = true,
	  .only = 1, .op = { { { TAKE, 0 } }, { WANDER(3, 1), WANDER(ROOM_FRAMES + 6, 0), WANDER(4, 1),
	  WANDER(ROOM_FRAMES + 7, 0), WANDER(6, 1) } } },
};

#endif
