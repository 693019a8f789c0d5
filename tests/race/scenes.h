/* SPDX-License-Identifier: MIT */
/*
 * scenes.h - the scenes of interleave.c: rooms with few free frames, and what each fiber does there.
 */
#ifndef SCENES_H
#define SCENES_H

#include <labyrinth.h>

#include "word.h"
#include "fibers.h"

#define OPS_MAX 16
#define FREE_MAX 8
#define LEAF ((int)LAB_LEAF_FRAMES)
#define WORD ((int)LAB_WORD_BITS)
#define TWO_LEVELS (LAB_FANOUT + LAB_FANOUT / 4) /* leaves */
#define MULTI (LAB_WORD_ORDER + 1)		 /* an order of several words: of two */
#define NEAR_FRAMES (2 * LAB_WORD_BITS)		 /* free where `near` is set */
#define BLOCK_FRAMES (4 * LAB_WORD_BITS)	 /* free where `block` is set */

/* A reserve of 32 frames (8, where leaves are small): its floors are 0, 37.5 %, 50 % and all of it. */
#define MIN (LAB_LEAF_FRAMES >= 512 ? 32u : 8u)
#define MIN_ATOMIC (MIN / 2 - MIN / 8)

/* In the order of what the judge knows of them: TAKE .. OWN are single frames taken by right.  (CLEAN: zeroed.) */
enum op_kind { END, TAKE, ATOMIC, ALL, CLEAN, OWN, GIVE, GIVE_TWICE, BLOCK, GIVE_BLOCK, OFF, BULK, FROM, PAUSE, AT, SPLIT, AUDIT,
	       ON, CLOSE, OPEN, GIVE_BULK, REST, KEEP, READY, ZEROES,
	       /* for a client (clients.h) */
	       CLIENT_TAKE, CLIENT_LAST, CLIENT_GIVE, HAND_OVER, RESIZE, CLIENT_CLOSE, CLIENT_ANEW, WITHDRAW,
	       /* of the one page that a client has at the start (`shared`): to a client (0), or an owner that is none (1) */
	       HAND_SHARED, GIVE_SHARED, RELEASE,
	       /* in a vault (vaults.h): a frame for VAULT_BACK to free; frames that are held at the start; how many to launder */
	       VAULT_TAKE, VAULT_BACK, VAULT_GIVE, VAULT_GIVE_REF, VAULT_HAND, SHARE, UNSHARE, SHRED_NOW, LAUNDER, PANIC,
	       /* of the keys alone (secrets.h): a page overwritten; a seed from outside */
	       KEYS_SHRED, KEYS_SEED };

struct op {
	enum op_kind kind;
	/* GIVE, OFF, ON, AT: which frame; BLOCK: order; BULK: how many; FROM: room; SPLIT: order of the block at 0;
	 * GIVE_BULK: the first of two frames.  REST: the keeper's flag; KEEP, READY: a frame zeroed, and put aside; ZEROES: by
	 * a keeper's own call.  RESIZE: to how many frames. */
	int arg;
};

#define POOLED_FRAME 100000 /* as `arg`: the first frame that a pool keeps at the start */

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
	unsigned int zeroed, ready;    /* slots for zeroed frames, and how many of the free ones are there at the start */
	bool small;		       /* only where leaves are small: the state would be too large */
	unsigned int contract;	       /* guaranteed frames of a client; `free` are those beside them ... */
	unsigned int beyond;	       /* ... of which it may have so many */
	bool clients;		       /* there are any */
	bool offered;		       /* the client has a page on offer */
	bool truthful;		       /* takes and gives only: each refusal must be true of contract and commons together */
	bool shared;		       /* it has a page at the start, for several to free or hand over */
	bool abandoned;		       /* it is in quarantine */
	bool closes;		       /* it may be closed under who asks */
	struct {
		bool is, random, deferred;
		unsigned int ring; /* frames in quarantine: the last ones */
	} vault;		       /* the room is one */
	bool keys;		       /* there are keys; two nonces, and the batch is over */
	unsigned int only;	       /* where preemptions are tried: a bit a fiber; 0: in all */
	struct op op[FIBERS_MAX][OPS_MAX];
};

static const struct scene scenes[] = {
	{ "give against take, full leaf", LEAF, 0, 0, { -1 }, .op = { { { GIVE, 3 } }, { { TAKE, 0 } } } },
	{ "two last frames, two takers", LEAF, 0, 0, { 5, LEAF - 2, -1 }, .op = { { { TAKE, 0 } }, { { TAKE, 0 } } } },
	{ "last frame, taker and giver", LEAF, 0, 0, { 5, -1 }, .op = { { { TAKE, 0 } }, { { GIVE, 9 } } } },
	{ "last frame, taker, giver and a taker behind them", LEAF, 0, 0, { 5, -1 },
	  .op = { { { TAKE, 0 } }, { { GIVE, 9 } }, { { TAKE, 0 } } } },
	{ "two last frames of siblings, giver, two levels", TWO_LEVELS * LEAF, 0, 0, { 5, LEAF + 3, -1 },
	  .op = { { { TAKE, 0 } }, { { TAKE, 0 } }, { { GIVE, 7 } } } },
	{ "full, two levels: givers in two subtrees, taker", TWO_LEVELS * LEAF, 0, 0, { -1 },
	  .op = { { { GIVE, 1 } }, { { GIVE, (TWO_LEVELS - 1) * LEAF } }, { { TAKE, 0 } } } },
	{ "full, two levels: give and take again", TWO_LEVELS * LEAF, 0, 0, { -1 },
	  .op = { { { GIVE, 1 }, { TAKE, 0 } }, { { GIVE, (TWO_LEVELS - 1) * LEAF }, { TAKE, 0 } } } },
	{ "one frame, churned", LEAF, 0, 0, { 5, -1 },
	  .op = { { { TAKE, 0 } }, { { GIVE, 2 * WORD + 1 }, { TAKE, 0 } }, { { TAKE, 0 } } } },
	{ "two frees of one page", LEAF, 0, 0, { -1 }, .op = { { { GIVE_TWICE, 8 } }, { { GIVE_TWICE, 8 } }, { { OWN, 0 } } } },
	{ "three levels, full: giver and taker", (LAB_FANOUT * LAB_FANOUT + 1) * LEAF, 0, 0, { -1 }, .small = true,
	  .op = { { { GIVE, 1 } }, { { TAKE, 0 } } } },
	{ "three levels, a last frame: taker against giver", (LAB_FANOUT * LAB_FANOUT + 1) * LEAF, 0, 0, { 5, -1 },
	  .small = true, .op = { { { TAKE, 0 } }, { { GIVE, 2 * LEAF + 1 } } } },
	{ "three levels: givers in two subtrees, taker", (LAB_FANOUT * LAB_FANOUT + 1) * LEAF, 0, 0, { -1 }, .small = true,
	  .op = { { { GIVE, 1 } }, { { GIVE, LAB_FANOUT * LAB_FANOUT * LEAF } }, { { TAKE, 0 } } } },
	{ "reserve: draw against free", LEAF, MIN, MIN - MIN_ATOMIC, { -1 }, .op = { { { GIVE, 3 } }, { { ATOMIC, 0 } } } },
	{ "reserve: free against two rights", LEAF, MIN, MIN - MIN_ATOMIC - 1, { -1 },
	  .op = { { { GIVE, 3 } }, { { ATOMIC, 0 } }, { { TAKE, 0 } } } },
	{ "reserve: two draws, two frees", LEAF, MIN, MIN - MIN_ATOMIC, { -1 },
	  .op = { { { ATOMIC, 0 }, { GIVE, 3 } }, { { ALL, 0 }, { GIVE, 4 } } } },
	{ "reserve: the last frame, everything drawn", LEAF, MIN, MIN, { -1 },
	  .op = { { { GIVE, 3 }, { TAKE, 0 } }, { { ATOMIC, 0 } }, { { GIVE, 4 } } } },
	{ "reserve: band and commons, filled at the edge", LEAF, MIN, 0, { -1 },
	  .op = { { { GIVE, 3 } }, { { TAKE, 0 } }, { { TAKE, 0 } } } },
	{ "reserve: free, draw and take at the floor", LEAF, MIN, 0, { -1 },
	  .op = { { { GIVE, 3 }, { TAKE, 0 } }, { { ATOMIC, 0 }, { TAKE, 0 } } } },
	{ "reserve: one slot, churned", LEAF, 1, 0, { -1 },
	  .op = { { { ALL, 0 }, { GIVE, LEAF - 4 } }, { { ALL, 0 }, { GIVE, LEAF - 6 } }, { { TAKE, 0 } } } },
	{ "reserve: bulk free into two pools, draws", LEAF, MIN, MIN - MIN_ATOMIC + 1, { -1 },
	  .op = { { { GIVE_BULK, 4 } }, { { ATOMIC, 0 } }, { { ALL, 0 } } } },
	/* Whoever has no right to the reserve's only frame must not hide it from who has. */
	{ "reserve: its last frame wanted by number", LEAF, 1, 0, { -1 },
	  .op = { { { AT, POOLED_FRAME } }, { { ALL, 0 } } } },
	{ "reserve: a pooled frame goes offline, drawn and refilled", 16, 1, 0, { -1 }, .again = true,
	  .op = { { { OFF, POOLED_FRAME } }, { { ALL, 0 }, { GIVE, 9 } }, { { ALL, 0 } } } },
	{ "reserve: a slot claimed while it is filled anew", LEAF, 1, 0, { LEAF - 3, -1 }, .again = true,
	  .op = { { { AT, POOLED_FRAME } }, { { ALL, 0 }, { ALL, 0 }, { GIVE, LEAF / 2 } } } },
	{ "reserve: audit beside exchange and draw", 16, 3, 0, { 14, 15, -1 }, .again = true, .only = 6,
	  .op = { { { AUDIT, 0 } }, { { AT, POOLED_FRAME } }, { { ALL, 0 }, { GIVE, 9 } } } },
	{ "reserve: a block by exchange against a draw", 16, 3, 0, { 14, -1 }, .again = true,
	  .op = { { { BLOCK, 1 } }, { { ALL, 0 } } } },
	{ "reserve: a block by exchange against a free and a take", 16, 2, 0, { 14, -1 }, .again = true,
	  .op = { { { BLOCK, 1 } }, { { GIVE, 9 } }, { { TAKE, 0 } } } },
	{ "reserve: two blocks by exchange", 16, 4, 0, { 13, 14, -1 }, .again = true,
	  .op = { { { BLOCK, 1 } }, { { BLOCK, 1 } } } },
	{ "block given, a take in it, hint at none", LEAF, 0, 0, { -1 }, .again = true, .lowered = true,
	  .op = { { { GIVE_BLOCK, 0 } }, { { TAKE, 0 } } } },
	{ "block split while its head is marked bad", LEAF, 0, 0, { LEAF - 4, -1 },
	  .op = { { { SPLIT, MULTI } }, { { OFF, 0 } } } },
	{ "block of two words against a take in it", LEAF, 0, 0, { -1 }, .block = true, .again = true,
	  .op = { { { BLOCK, MULTI } }, { { TAKE, 0 } } } },
	{ "two blocks in the same words", LEAF, 0, 0, { -1 }, .block = true, .again = true,
	  .op = { { { BLOCK, MULTI } }, { { BLOCK, MULTI } } } },
	{ "blocks of two and of four words", LEAF, 0, 0, { -1 }, .block = true, .again = true,
	  .op = { { { BLOCK, MULTI } }, { { BLOCK, MULTI + 1 } } } },
	{ "block given, take and block", LEAF, 0, 0, { -1 }, .again = true,
	  .op = { { { GIVE_BLOCK, 0 }, { BLOCK, MULTI } }, { { TAKE, 0 } } } },
	{ "hint too high: a searcher against a free", LEAF, 0, 0, { -1 }, .again = true,
	  .op = { { { BLOCK, 1 } }, { { GIVE, 1 } } } },
	{ "hint too high: two searchers against a free", LEAF, 0, 0, { -1 }, .again = true,
	  .op = { { { BLOCK, 1 } }, { { GIVE, 1 } }, { { BLOCK, 2 } } } },
	{ "hint lowered against a give that completes", LEAF, 0, 0, { 0, -1 }, .again = true,
	  .op = { { { BLOCK, 1 } }, { { GIVE, 1 } }, { { BLOCK, 2 } } } },
	{ "hint: two completing gives, two searchers", LEAF, 0, 0, { 0, 2, -1 }, .again = true,
	  .op = { { { GIVE, 1 }, { BLOCK, 1 } }, { { GIVE, 3 }, { BLOCK, 2 } } } },
	{ "frame offline against its free and a take", LEAF, 0, 0, { 5, -1 },
	  .op = { { { OFF, 3 } }, { { GIVE, 3 } }, { { TAKE, 0 } } } },
	{ "frame offline and online against a take", LEAF, 0, 0, { 5, -1 },
	  .op = { { { OFF, 5 }, { ON, 5 } }, { { TAKE, 0 } } } },
	{ "room closed and opened against take and give", LEAF, 0, 0, { 5, -1 }, .small = true,
	  .op = { { { CLOSE, 0 }, { OPEN, 0 } }, { { TAKE, 0 } }, { { GIVE, 9 } } } },
	{ "bulk against take and give", LEAF, 0, 0, { 5, 6, -1 }, .op = { { { BULK, 3 } }, { { GIVE, 4 } }, { { TAKE, 0 } } } },
	{ "bulk free against takes", LEAF, 0, 0, { -1 }, .op = { { { GIVE_BULK, 4 } }, { { TAKE, 0 } }, { { TAKE, 0 } } } },
	/* The block has word 0 in its hand and will put it back, for the bulk call has word 1. */
	{ "block that conflicts, all else full", LEAF, 0, 0, { -1 }, .near = true, .again = true, .whole = true,
	  .op = { { { BLOCK, MULTI } }, { { BULK, WORD }, { TAKE, 0 } } } },
	{ "contract: of one frame, two callers", 16, 0, 0, { -1 }, .truthful = true, .clients = true, .contract = 1,
	  .op = { { { CLIENT_TAKE, 0 }, { CLIENT_GIVE, 0 } }, { { CLIENT_TAKE, 0 }, { CLIENT_GIVE, 0 } } } },
	{ "contract: of two frames, two callers, again", 16, 0, 0, { -1 }, .clients = true, .contract = 2,
	  .op = { { { CLIENT_TAKE, 0 }, { CLIENT_GIVE, 0 }, { CLIENT_TAKE, 0 } }, { { CLIENT_TAKE, 0 }, { CLIENT_GIVE, 0 } } } },
	{ "contract: of three frames, three callers", 16, 0, 0, { -1 }, .clients = true, .contract = 3,
	  .op = { { { CLIENT_TAKE, 0 } }, { { CLIENT_TAKE, 0 }, { CLIENT_GIVE, 0 } }, { { CLIENT_TAKE, 0 } } } },
	{ "contract: and one frame beyond it", 16, 0, 0, { 9, -1 }, .truthful = true, .clients = true, .contract = 1, .beyond = 1,
	  .op = { { { CLIENT_TAKE, 0 }, { CLIENT_GIVE, 0 }, { CLIENT_TAKE, 0 } }, { { CLIENT_TAKE, 0 }, { CLIENT_GIVE, 0 } } } },
	{ "contract: a frame beyond it, and the maximum reached", 16, 0, 0, { 9, -1 }, .clients = true, .contract = 1,
	  .op = { { { CLIENT_TAKE, 0 }, { CLIENT_GIVE, 0 } }, { { CLIENT_TAKE, 0 }, { CLIENT_GIVE, 0 } } } },
	{ "contract: beyond it, and others want that too", 16, 0, 0, { 9, -1 }, .truthful = true, .clients = true, .contract = 1, .beyond = 1,
	  .op = { { { CLIENT_TAKE, 0 }, { CLIENT_GIVE, 0 } }, { { CLIENT_TAKE, 0 }, { CLIENT_GIVE, 0 } }, { { TAKE, 0 } } } },
	{ "contract: filled while the rest is searched", 16, 0, 0, { 9, -1 }, .clients = true, .contract = 1, .beyond = 1, .truthful = true,
	  .op = { { { CLIENT_TAKE, 0 }, { CLIENT_GIVE, 0 }, { TAKE, 0 } }, { { CLIENT_TAKE, 0 } } } },
	{ "contract: enlarged under its callers", 16, 0, 0, { 9, -1 }, .clients = true, .contract = 1, .beyond = 1, .again = true,
	  .op = { { { RESIZE, 2 } }, { { CLIENT_TAKE, 0 }, { CLIENT_GIVE, 0 } }, { { CLIENT_TAKE, 0 } } } },
	{ "contract: shrunk under its callers", 16, 0, 0, { -1 }, .clients = true, .contract = 2,
	  .op = { { { RESIZE, 1 } }, { { CLIENT_TAKE, 0 }, { CLIENT_GIVE, 0 } }, { { CLIENT_TAKE, 0 }, { CLIENT_GIVE, 0 } } } },
	{ "contract: a page handed over, the giver asks again", 16, 0, 0, { 9, -1 }, .clients = true, .contract = 1,
	  .op = { { { CLIENT_TAKE, 0 }, { HAND_OVER, 0 }, { CLIENT_TAKE, 0 } }, { { TAKE, 0 } } } },
	{ "contract: a page handed over beside another caller", 16, 0, 0, { 9, -1 }, .clients = true, .contract = 2,
	  .op = { { { CLIENT_TAKE, 0 }, { HAND_OVER, 0 }, { CLIENT_TAKE, 0 } }, { { CLIENT_TAKE, 0 }, { CLIENT_GIVE, 0 } } } },
	{ "client: its page handed over and freed", 16, 0, 0, { 9, -1 }, .clients = true, .contract = 1, .shared = true,
	  .op = { { { HAND_SHARED, 0 } }, { { GIVE_SHARED, 0 } } } },
	{ "client: its page handed over to an owner, and freed", 16, 0, 0, { 9, -1 }, .clients = true, .contract = 1, .shared = true,
	  .op = { { { HAND_SHARED, 1 } }, { { GIVE_SHARED, 0 } } } },
	{ "client: its page handed over unpaid, and freed", 16, 0, 0, { 9, -1 }, .clients = true, .shared = true, .beyond = 1,
	  .op = { { { HAND_SHARED, 0 } }, { { GIVE_SHARED, 0 } } } },
	{ "client: its page handed over unpaid to an owner, and freed", 16, 0, 0, { 9, -1 }, .clients = true, .shared = true, .beyond = 1,
	  .op = { { { HAND_SHARED, 1 } }, { { GIVE_SHARED, 0 } } } },
	{ "client: its page handed over while it is marked bad", 16, 0, 0, { 9, -1 }, .clients = true, .contract = 1, .shared = true,
	  .op = { { { HAND_SHARED, 0 } }, { { OFF, POOLED_FRAME } } } },
	{ "client closed while it is resized", 16, 0, 0, { 9, -1 }, .clients = true, .contract = 1, .beyond = 1, .closes = true,
	  .op = { { { RESIZE, 2 } }, { { CLIENT_CLOSE, 0 } } } },
	{ "client released twice, its page freed", 16, 0, 0, { -1 }, .clients = true, .contract = 1, .shared = true, .abandoned = true,
	  .op = { { { RELEASE, 0 } }, { { GIVE_SHARED, 0 } }, { { RELEASE, 0 } } } },
	{ "client: borrows beside a free", LEAF, 1, 0, { -1 }, .clients = true, .beyond = 1,
	  .op = { { { CLIENT_LAST, 0 }, { CLIENT_GIVE, 0 } }, { { GIVE, 3 } } } },
	{ "client: two borrow, and give back", LEAF, 2, 0, { -1 }, .clients = true, .beyond = 2,
	  .op = { { { CLIENT_LAST, 0 }, { CLIENT_GIVE, 0 } }, { { CLIENT_LAST, 0 }, { CLIENT_GIVE, 0 } } } },
	{ "client closed under its callers", 16, 0, 0, { -1 }, .clients = true, .contract = 2, .closes = true,
	  .op = { { { CLIENT_CLOSE, 0 } }, { { CLIENT_TAKE, 0 }, { CLIENT_GIVE, 0 } }, { { CLIENT_TAKE, 0 }, { CLIENT_GIVE, 0 } } } },
	{ "client closed, its number used anew", 16, 0, 0, { -1 }, .clients = true, .contract = 1, .closes = true,
	  .op = { { { CLIENT_CLOSE, 0 } }, { { CLIENT_ANEW, 0 } } } },
	{ "client: its last offer wanted twice", 16, 0, 0, { -1 }, .clients = true, .offered = true, .beyond = 2,
	  .op = { { { CLIENT_LAST, 0 } }, { { CLIENT_LAST, 0 }, { CLIENT_GIVE, 0 } } } },
	{ "client: its last offer withdrawn and wanted", 16, 0, 0, { -1 }, .clients = true, .offered = true, .beyond = 2,
	  .op = { { { CLIENT_LAST, 0 }, { CLIENT_GIVE, 0 } }, { { WITHDRAW, 0 } } } },
	{ "keeper: its flag against a draw", LEAF, MIN, MIN / 2, { -1 }, .op = { { { REST, 0 } }, { { ATOMIC, 0 } } } },
	{ "keeper: its flag, a fill and a draw, the reserve empty", LEAF, 1, 1, { -1 },
	  .op = { { { REST, 0 }, { REST, 0 } }, { { GIVE, 3 } }, { { ALL, 0 } } } },
	/* The first two fill the band low..min, the third is to fill high..low, while a draw goes below low. */
	{ "keeper: its flag between a fill above low and a draw below it", LEAF, MIN, 0, { -1 }, .small = true,
	  .op = { { { REST, 0 } }, { { GIVE, 3 }, { GIVE, 4 }, { GIVE, 5 } }, { { TAKE, 0 } } } },
	{ "zeroed: made ready while one is taken", LEAF, 0, 0, { 5, 6, -1 }, .zeroed = 1,
	  .op = { { { KEEP, 0 }, { READY, 0 } }, { { CLEAN, 0 } }, { { TAKE, 0 } } } },
	{ "zeroed: the last one, for all", LEAF, 0, 0, { 5, -1 }, .zeroed = 1, .ready = 1,
	  .op = { { { CLEAN, 0 } }, { { TAKE, 0 } }, { { GIVE, 3 }, { CLEAN, 0 } } } },
	{ "zeroed: two keepers and one slot", LEAF, 0, 0, { 5, 6, -1 }, .zeroed = 1,
	  .op = { { { KEEP, 0 }, { READY, 0 } }, { { KEEP, 0 }, { READY, 0 } }, { { CLEAN, 0 } } } },
	{ "zeroed: beside a reserve that lacks", LEAF, 1, 0, { 5, 6, -1 }, .zeroed = 1,
	  .op = { { { KEEP, 0 }, { READY, 0 } }, { { ALL, 0 }, { ALL, 0 } }, { { CLEAN, 0 } } } },
	{ "zeroed: a keeper for whom nothing is left", LEAF, 1, 0, { 5, 6, -1 }, .zeroed = 2,
	  .op = { { { ZEROES, 0 } }, { { TAKE, 0 }, { ALL, 0 } } } },
	{ "zeroed: a block of it and of the commons", 16, 0, 0, { 14, 15, -1 }, .zeroed = 1, .ready = 1, .again = true,
	  .op = { { { BLOCK, 1 } }, { { CLEAN, 0 } }, { { GIVE, 9 } } } },
	{ "vault: two frees of one page", 8, 0, 0, { -1 }, .vault = { .is = true },
	  .op = { { { VAULT_GIVE, 3 } }, { { VAULT_GIVE, 3 } }, { { VAULT_TAKE, 0 } } } },
	{ "vault: a page freed by its handle, by its owner, and taken", 8, 0, 0, { -1 }, .vault = { .is = true },
	  .op = { { { VAULT_GIVE_REF, 3 } }, { { VAULT_GIVE, 3 } }, { { VAULT_TAKE, 0 }, { VAULT_BACK, 0 } } } },
	{ "vault: the last page freed and wanted", 8, 0, 0, { -1 }, .vault = { .is = true, .random = true },
	  .op = { { { VAULT_GIVE, 3 } }, { { VAULT_TAKE, 0 } } } },
	{ "vault: one frame, churned", 8, 0, 0, { 5, -1 }, .vault = { .is = true },
	  .op = { { { VAULT_TAKE, 0 }, { VAULT_BACK, 0 } }, { { VAULT_TAKE, 0 }, { VAULT_BACK, 0 } }, { { VAULT_GIVE, 3 } } } },
	{ "vault: a page shared, and freed", 8, 0, 0, { -1 }, .vault = { .is = true },
	  .op = { { { SHARE, 3 }, { UNSHARE, 3 } }, { { VAULT_GIVE, 3 } }, { { VAULT_TAKE, 0 } } } },
	{ "vault: two share a page, one leaves it, and it is freed", 8, 0, 0, { -1 }, .vault = { .is = true },
	  .op = { { { SHARE, 3 }, { UNSHARE, 3 } }, { { SHARE, 3 }, { UNSHARE, 3 } }, { { VAULT_GIVE, 3 } } } },
	{ "vault: two frees through a quarantine of one", 8, 0, 0, { -1 }, .vault = { .is = true, .ring = 1 },
	  .op = { { { VAULT_GIVE, 3 } }, { { VAULT_GIVE, 4 } }, { { VAULT_TAKE, 0 } } } },
	{ "vault: a quarantine of one, random", 8, 0, 0, { -1 }, .vault = { .is = true, .ring = 1, .random = true },
	  .op = { { { VAULT_GIVE, 3 } }, { { VAULT_GIVE, 4 }, { VAULT_TAKE, 0 } } } },
	{ "vault: three frees through a quarantine of two", 8, 0, 0, { -1 }, .vault = { .is = true, .ring = 2 },
	  .op = { { { VAULT_GIVE, 3 } }, { { VAULT_GIVE, 4 }, { VAULT_TAKE, 0 } }, { { VAULT_GIVE, 2 } } } },
	{ "vault: two launderers", 8, 0, 0, { -1 }, .vault = { .is = true, .deferred = true },
	  .op = { { { VAULT_GIVE, 3 }, { LAUNDER, 2 } }, { { LAUNDER, 1 }, { LAUNDER, 1 } } } },
	{ "vault: two launderers, two frees, a take", 8, 0, 0, { -1 }, .vault = { .is = true, .deferred = true },
	  .op = { { { VAULT_GIVE, 3 }, { LAUNDER, 2 } }, { { VAULT_GIVE, 4 }, { LAUNDER, 2 } }, { { VAULT_TAKE, 0 } } } },
	{ "vault: laundered against a take", 8, 0, 0, { -1 }, .vault = { .is = true, .deferred = true, .random = true },
	  .op = { { { VAULT_GIVE, 3 }, { LAUNDER, 1 } }, { { VAULT_TAKE, 0 } } } },
	{ "vault: laundered into a quarantine of one", 8, 0, 0, { -1 }, .vault = { .is = true, .deferred = true, .ring = 1 },
	  .op = { { { VAULT_GIVE, 3 }, { LAUNDER, 1 } }, { { VAULT_GIVE, 4 }, { LAUNDER, 2 } }, { { VAULT_TAKE, 0 } } } },
	{ "vault: a page handed over and freed", 8, 0, 0, { -1 }, .vault = { .is = true },
	  .op = { { { VAULT_HAND, 3 } }, { { VAULT_GIVE, 3 } }, { { VAULT_TAKE, 0 } } } },
	{ "vault: a page shared, and handed over", 8, 0, 0, { -1 }, .vault = { .is = true },
	  .op = { { { SHARE, 3 }, { UNSHARE, 3 } }, { { VAULT_HAND, 3 } } } },
	{ "vault: a page handed over, or two", 8, 0, 0, { -1 }, .vault = { .is = true },
	  .op = { { { VAULT_HAND, 3 } }, { { VAULT_HAND, 3 } }, { { SHARE, 3 } } } },
	{ "vault: a client's page handed over and freed", 8, 0, 0, { 6, -1 }, .vault = { .is = true }, .clients = true, .contract = 1,
	  .shared = true, .op = { { { HAND_SHARED, 0 } }, { { GIVE_SHARED, 0 } } } },
	{ "vault: a contract drawn and freed by two", 8, 0, 0, { -1 }, .vault = { .is = true }, .truthful = true, .clients = true,
	  .contract = 1,
	  .op = { { { CLIENT_TAKE, 0 }, { CLIENT_GIVE, 0 } }, { { CLIENT_TAKE, 0 }, { CLIENT_GIVE, 0 } } } },
	{ "vault: a contract of two, through a quarantine", 8, 0, 0, { -1 }, .vault = { .is = true, .ring = 1 }, .clients = true,
	  .contract = 2,
	  .op = { { { CLIENT_TAKE, 0 }, { CLIENT_GIVE, 0 } }, { { CLIENT_TAKE, 0 }, { CLIENT_GIVE, 0 } } } },
	{ "vault: a page overwritten while it is marked bad", 8, 0, 0, { -1 }, .vault = { .is = true },
	  .op = { { { SHRED_NOW, 3 } }, { { OFF, 3 } }, { { VAULT_TAKE, 0 } } } },
	{ "vault: a page freed while it is marked bad", 8, 0, 0, { -1 }, .vault = { .is = true },
	  .op = { { { VAULT_GIVE, 3 } }, { { OFF, 3 } }, { { VAULT_TAKE, 0 } } } },
	{ "vault: a bad page into quarantine", 8, 0, 0, { -1 }, .vault = { .is = true, .ring = 1 },
	  .op = { { { VAULT_GIVE, 3 } }, { { OFF, 3 } }, { { VAULT_GIVE, 4 }, { VAULT_TAKE, 0 } } } },
	{ "vault: a frame offline and online against a take", 8, 0, 0, { 5, -1 }, .vault = { .is = true, .random = true },
	  .op = { { { OFF, 5 }, { ON, 5 } }, { { VAULT_TAKE, 0 } } } },
	{ "vault: a panic against a free and a take", 8, 0, 0, { 5, -1 }, .vault = { .is = true },
	  .op = { { { PANIC, 0 } }, { { VAULT_GIVE, 3 } }, { { VAULT_TAKE, 0 }, { VAULT_TAKE, 0 } } } },
	{ "vault: a panic, random, against a take", 3, 0, 0, { 1, -1 }, .vault = { .is = true, .random = true },
	  .op = { { { PANIC, 0 } }, { { VAULT_TAKE, 0 } } } },
	{ "vault: a panic, a page shared, one in the laundry", 8, 0, 0, { -1 }, .vault = { .is = true, .deferred = true },
	  .op = { { { PANIC, 0 } }, { { SHARE, 3 } }, { { VAULT_GIVE, 4 } } } },
	{ "vault: two panics share the work", 8, 0, 0, { 5, -1 }, .vault = { .is = true },
	  .op = { { { PANIC, 0 } }, { { PANIC, 0 } }, { { VAULT_GIVE, 3 } } } },
	{ "vault: audited beside the laundry and a quarantine", 3, 0, 0, { -1 }, .vault = { .is = true, .deferred = true, .ring = 1 },
	  .op = { { { AUDIT, 0 } }, { { VAULT_GIVE, 0 }, { LAUNDER, 1 }, { VAULT_TAKE, 0 } } } },
	{ "vault: audited beside two frees", 3, 0, 0, { -1 }, .vault = { .is = true, .ring = 1 },
	  .op = { { { AUDIT, 0 } }, { { VAULT_GIVE, 0 } }, { { VAULT_GIVE, 1 } } } },
	{ "keys: two shredders at the end of a batch", 16, 0, 0, { -1 }, .keys = true,
	  .op = { { { KEYS_SHRED, 0 }, { KEYS_SHRED, 0 } }, { { KEYS_SHRED, 0 } } } },
	{ "keys: a shredder and a seed", 16, 0, 0, { -1 }, .keys = true,
	  .op = { { { KEYS_SEED, 0 } }, { { KEYS_SHRED, 0 }, { KEYS_SHRED, 0 } } } },
	/* There is a free frame at every instant, but never where fiber 0 looks. */
	{ "two rooms, a frame that wanders behind the looker", LEAF, 0, 0, { LEAF + 5, -1 }, .two = true,
	  .only = 1, .op = { { { TAKE, 0 } }, { WANDER(3, 1), WANDER(LEAF + 6, 0), WANDER(4, 1),
	  WANDER(LEAF + 7, 0), WANDER(6, 1) } } },
};

#endif
