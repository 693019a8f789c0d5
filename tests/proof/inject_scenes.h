/* SPDX-License-Identifier: MIT */
/*
 * inject_scenes.h - the catalogue: states of a labyrinth, and the calls that meet in each.
 */
#ifndef INJECT_SCENES_H
#define INJECT_SCENES_H

#include "inject_prepare.h"

/* An audit of damage: this frame is inside a block; the call of that number is nowhere near. */
#define DAMAGE_SCENE "sixteen frames"
#define DAMAGED 9
#define HARMLESS 6

/* ---- calls ---- */

#define TAKES(text, flags) { .name = text, .kind = TAKE, .gfp = flags }
#define BLOCK(text, flags, n) { .name = text, .kind = TAKE, .gfp = flags, .order = n }
#define ATS(text, flags, n, f) { .name = text, .kind = AT, .gfp = flags, .order = n, .frame = f }
#define BULKS(text, n) { .name = text, .kind = BULK, .gfp = LAB_GFP_KERNEL, .count = n }
#define GIVES(text, n, f) { .name = text, .kind = GIVE, .order = n, .frame = f }
#define ONE(text, what, f) { .name = text, .kind = what, .frame = f }
#define KERNEL LAB_GFP_KERNEL
#define IN_VAULT(text) { .name = text, .kind = REQUEST, .gfp = KERNEL, .owner = 8, .in = 1 }
#define FROM_VAULT(text, f) { .name = text, .kind = GIVE_AS, .frame = f, .owner = 7 }

static const struct scene scenes[] = {
	{ "roomy", 2 * LEAF, .no_pairs = true, .prepare = roomy, .call = {
		TAKES("take", KERNEL), TAKES("take movable", KERNEL | LAB_MOVABLE),
		TAKES("take cold", KERNEL | LAB_COLD), BLOCK("block 1", KERNEL, 1), BLOCK("block 6", KERNEL, 6),
		BLOCK("block 7", KERNEL, 7), BLOCK("block 8", KERNEL, 8), BLOCK("block 9", KERNEL, 9),
		ATS("at 64", KERNEL, 0, 64), ATS("at 72 order 3", KERNEL, 3, 72),
		ATS("at 256 order 8", KERNEL, 8, 256), ATS("at out", KERNEL, 2, 4), BULKS("bulk 3", 3),
		GIVES("give", 0, 3), GIVES("give block 3", 3, 16), GIVES("give block 7", 7, 128),
		GIVES("give poisoned", 0, 60), GIVES("give poisoned block", 2, 48), GIVES("give body", 0, 17),
		GIVES("give free", 0, 90), GIVES("give wrong order", 2, 3), GIVES("give nowhere", 0, NOWHERE),
		{ "give as owner", GIVE_AS, .frame = 40, .owner = 7, .use = 3 },
		{ "give as another", GIVE_AS, .frame = 40, .owner = 8 },
		{ "give as other use", GIVE_AS, .frame = 40, .owner = 7, .use = 4 },
		ONE("give by handle", GIVE_REF, 3), ONE("give by stale handle", GIVE_REF, 64),
		{ "give bulk", GIVE_BULK, .frame = 1, .count = 4 }, { "split 3", SPLIT, .frame = 16, .order = 3 },
		{ "split poisoned", SPLIT, .frame = 48, .order = 2 }, ONE("off held", OFF, 3),
		ONE("off free", OFF, 64), ONE("off body", OFF, 18), ONE("on", ON, 5), ONE("on free", ON, 64),
		ONE("audit", AUDIT, 0), ONE("look", LOOK, 3),
		{ "owner and use", REQUEST, .gfp = KERNEL, .owner = 9, .use = 1 } } },
	{ "last frame", LEAF, .prepare = last_frame, .call = {
		TAKES("take", KERNEL), TAKES("take movable", KERNEL | LAB_MOVABLE), BLOCK("block 1", KERNEL, 1),
		BULKS("bulk 2", 2), ATS("at 5", KERNEL, 0, 5), GIVES("give 4", 0, 4), GIVES("give 70", 0, 70),
		ONE("off 5", OFF, 5), ONE("off 4", OFF, 4), ONE("audit", AUDIT, 0) } },
	{ "last frame, hinted", 2 * LEAF, .prepare = last_hinted, .call = {
		TAKES("take", KERNEL), BULKS("bulk 2", 2), GIVES("give 71", 0, 71), GIVES("give 600", 0, 600),
		{ "give bulk", GIVE_BULK, .frame = 62, .count = 4 } } },
	{ "full", LEAF, .prepare = full, .call = {
		TAKES("take", KERNEL), GIVES("give 3", 0, 3), GIVES("give block 4", 4, 64),
		GIVES("give block 7", 7, 128), BLOCK("block 1", KERNEL, 1), BLOCK("block 7", KERNEL, 7),
		{ "split", SPLIT, .frame = 64, .order = 4 }, ONE("off", OFF, 3),
		{ "owner", REQUEST, .gfp = KERNEL, .owner = 7 }, ONE("audit", AUDIT, 0), ONE("keep", KEEP, 0) } },
	{ "full, hints lowered", LEAF, .prepare = full_lowered, .call = {
		TAKES("take", KERNEL), GIVES("give 2", 0, 2), GIVES("give 3", 0, 3), GIVES("give block 3", 3, 128),
		GIVES("give block 8", 8, 256), BLOCK("block 1", KERNEL, 1), BLOCK("block 2", KERNEL, 2),
		BLOCK("block 7", KERNEL, 7) } },
	{ "two leaves, a frame each", 2 * LEAF, .prepare = two_leaves, .call = {
		TAKES("take", KERNEL), TAKES("take movable", KERNEL | LAB_MOVABLE), ATS("at 5", KERNEL, 0, 5),
		ATS("at 600", KERNEL, 0, 600), GIVES("give 6", 0, 6), GIVES("give 700", 0, 700) } },
	{ "two levels", 34 * LEAF, .no_pairs = true, .prepare = two_levels, .call = {
		TAKES("take", KERNEL), TAKES("take movable", KERNEL | LAB_MOVABLE), ATS("at 600", KERNEL, 0, 600),
		GIVES("give 6", 0, 6), GIVES("give far", 0, 32 * LEAF + 3) } },
	{ "two levels, full", 33 * LEAF, .no_pairs = true, .prepare = hold_commons, .call = {
		TAKES("take", KERNEL), GIVES("give 6", 0, 6), GIVES("give 700", 0, 700),
		GIVES("give far", 0, 32 * LEAF + 3) } },
	{ "pools full, commons empty", 64, .min = 8, .prepare = leave_pools, .call = {
		TAKES("take", KERNEL), TAKES("all", LAB_MEMALLOC), GIVES("give", 0, HELD(0)),
		GIVES("give another", 0, HELD(1)), ATS("at pooled", LAB_GFP_ATOMIC, 0, POOLED(0)),
		ONE("off pooled", OFF, POOLED(1)), BLOCK("block 1", KERNEL, 1) } },
	{ "down to min", 256, .min = 32, .prepare = hold_commons, .call = {
		TAKES("take", KERNEL), TAKES("atomic", LAB_GFP_ATOMIC), TAKES("half", KERNEL | LAB_HIGH),
		TAKES("all", LAB_MEMALLOC), GIVES("give", 0, HELD(0)), GIVES("give another", 0, HELD(1)),
		ATS("at pooled", LAB_MEMALLOC, 0, POOLED(0)), ATS("at pooled, no right", KERNEL, 0, POOLED(0)),
		ONE("off pooled", OFF, POOLED(1)), BULKS("bulk 2", 2), BLOCK("block 2", LAB_MEMALLOC, 2),
		ONE("audit", AUDIT, 0) } },
	{ "pools half drawn", 256, .min = 32, .prepare = half_drawn, .call = {
		TAKES("take", KERNEL), TAKES("atomic", LAB_GFP_ATOMIC), TAKES("all", LAB_MEMALLOC),
		GIVES("give", 0, HELD(0)), { "give bulk", GIVE_BULK, .frame = HELD(1), .count = 3 },
		ONE("off pooled", OFF, POOLED(0)), BLOCK("block 1", LAB_GFP_ATOMIC, 1), ONE("keep", KEEP, 0) } },
	{ "pools empty", 128, .min = 8, .prepare = all_drawn, .call = {
		TAKES("all", LAB_MEMALLOC), TAKES("atomic", LAB_GFP_ATOMIC), GIVES("give", 0, HELD(0)),
		GIVES("give another", 0, HELD(1)), GIVES("give 3", 0, HELD(2)),
		{ "give bulk", GIVE_BULK, .frame = HELD(3), .count = 2 } } },
	{ "pools, and few to pay", 128, .min = 12, .prepare = few_to_pay, .call = {
		TAKES("take", KERNEL), TAKES("all", LAB_MEMALLOC), GIVES("give", 0, HELD(0)),
		BLOCK("block 1", LAB_GFP_ATOMIC, 1), BLOCK("block 2", KERNEL, 2),
		ATS("at pooled", KERNEL, 0, POOLED(2)), ATS("at pooled, order 1", KERNEL, 1, POOLED(4)),
		ONE("off pooled", OFF, POOLED(3)), ONE("audit", AUDIT, 0) } },
	{ "a reserve of one", 64, .min = 1, .prepare = hold_commons, .call = {
		TAKES("take", KERNEL), TAKES("all", LAB_MEMALLOC), GIVES("give", 0, HELD(0)),
		ATS("at pooled", KERNEL, 0, POOLED(0)), ATS("at pooled, all", LAB_MEMALLOC, 0, POOLED(0)),
		ONE("off pooled", OFF, POOLED(0)), GIVES("give another", 0, HELD(1)) } },
	{ "pools of two leaves", 4096, .min = 1500, .no_pairs = true, .prepare = half_drawn, .call = {
		TAKES("all", LAB_MEMALLOC), GIVES("give", 0, HELD(0)), ONE("off pooled", OFF, POOLED(600)) } },
	{ "two words and nothing else", LEAF, .prepare = two_words, .call = {
		TAKES("take", KERNEL), BULKS("bulk of a word", W), BLOCK("block 6", KERNEL, 6), BLOCK("block 7", KERNEL, 7),
		ATS("at 0 order 7", KERNEL, 7, 0), ATS("at 63", KERNEL, 0, 63), ATS("at 64", KERNEL, 0, 64),
		GIVES("give", 0, 200) } },
	{ "scattered blocks", 3 * LEAF, .no_pairs = true, .prepare = scattered, .call = {
		BLOCK("block 1", KERNEL, 1), BLOCK("block 1 from the end", KERNEL | LAB_MOVABLE, 1),
		BLOCK("block 2", KERNEL, 2), BLOCK("block 7", KERNEL, 7), GIVES("give, makes a block", 0, 193),
		GIVES("give, makes a larger", 0, 98), TAKES("take", KERNEL),
		ONE("keep", KEEP, 0) } },
	{ "two rooms, a frame in the second", 256, 256, .prepare = rooms_last, .call = {
		TAKES("take", KERNEL), TAKES("take low", KERNEL | LAB_DMA32),
		{ "take from first", REQUEST, .gfp = KERNEL, .in = 1 }, GIVES("give first", 0, 3),
		GIVES("give second", 0, 400), BULKS("bulk 2", 2), BLOCK("block 1", KERNEL, 1),
		{ "close second", CLOSE, .in = 2 }, { "open second", OPEN, .in = 2 } } },
	{ "two rooms, the second closed", 128, 256, .prepare = rooms_closed, .call = {
		TAKES("take", KERNEL), GIVES("give second", 0, 301), BLOCK("block 1", KERNEL, 1), BULKS("bulk 2", 2),
		{ "open second", OPEN, .in = 2 }, { "close first", CLOSE, .in = 1 },
		ATS("at second", KERNEL, 0, 300) } },
	{ "two rooms with pools", 128, 128, .min = 8, .min_second = 8, .prepare = hold_commons, .call = {
		TAKES("take", KERNEL), TAKES("atomic", LAB_GFP_ATOMIC), TAKES("all", LAB_MEMALLOC),
		GIVES("give first", 0, HELD(0)), GIVES("give second", 0, HELD(130)),
		BLOCK("block 1", LAB_MEMALLOC, 1) } },
	{ "with memory", 32, .memory = true, .prepare = some_memory, .call = {
		{ "address", ADDRESS, .gfp = LAB_GFP_ATOMIC }, { "zeroed", ADDRESS, .gfp = KERNEL | LAB_ZERO },
		{ "address of a block", ADDRESS, .gfp = KERNEL, .order = 2 }, ONE("exclusive", EXCLUSIVE, 0),
		ONE("give address", GIVE_ADDRESS, 1),
		{ "give address of a block", GIVE_ADDRESS, .frame = 4, .order = 2 },
		ONE("give exclusive", GIVE_EXCLUSIVE, 10), ONE("give of another", GIVE_EXCLUSIVE, 1),
		{ "exclusive of a use", REQUEST, .gfp = LAB_GFP_ATOMIC | LAB_EXCLUSIVE, .use = 5 },
		BULKS("bulk 3", 3), TAKES("take", KERNEL) } },
	{ "with keys", 32, .memory = true, .keys = true, .prepare = exclusives, .call = {
		ONE("exclusive", EXCLUSIVE, 0), TAKES("take", KERNEL), ATS("at 10", KERNEL, 0, 10),
		BLOCK("block 2", KERNEL, 2), ONE("give exclusive", GIVE_EXCLUSIVE, 10), GIVES("give", 0, 2),
		{ "give a block", GIVE_AS, .frame = 16, .order = 2, .owner = LAB_OWNER_EXCLUSIVE },
		{ "give what is bad", GIVE_AS, .frame = 12, .owner = LAB_OWNER_EXCLUSIVE },
		{ "give a block that is bad", GIVE_AS, .frame = 20, .order = 1, .owner = LAB_OWNER_EXCLUSIVE },
		{ "give by handle", GIVE_REF, .frame = 10, .owner = LAB_OWNER_EXCLUSIVE },
		{ "split", SPLIT, .frame = 16, .order = 2 }, ONE("off", OFF, 10), ONE("audit", AUDIT, 0) } },
	{ "a vault", 16, .zone = LAB_ZONE_OWN, .memory = true, .keys = true, .vault = true, .prepare = in_a_vault, .call = {
		IN_VAULT("take"), { "at 10", AT, .gfp = KERNEL, .frame = 10, .owner = 8 }, FROM_VAULT("give", 10),
		FROM_VAULT("give another", 5), FROM_VAULT("give what is bad", 12), ONE("give as another", GIVE_EXCLUSIVE, 10),
		{ "give by handle", GIVE_REF, .frame = 10, .owner = 7 }, ONE("off", OFF, 10), ONE("on", ON, 3),
		ONE("audit", AUDIT, 0), ONE("look", LOOK, 10) } },
	{ "a vault with a quarantine", 16, .zone = LAB_ZONE_OWN, .memory = true, .keys = true, .vault = true, .ring = 1,
	  .prepare = in_a_vault, .call = {
		IN_VAULT("take"), { "at 10", AT, .gfp = KERNEL, .frame = 10, .owner = 8 }, FROM_VAULT("give", 10),
		FROM_VAULT("give another", 5), FROM_VAULT("give what is bad", 12), ONE("off", OFF, 10), ONE("audit", AUDIT, 0) } },
	{ "a vault, pages shared", 16, .zone = LAB_ZONE_OWN, .memory = true, .keys = true, .vault = true, .prepare = in_a_vault,
	  .call = {
		ONE("share", SHARE, 10), ONE("unshare", UNSHARE, 10), FROM_VAULT("give", 10), ONE("off", OFF, 10),
		{ "give by handle", GIVE_REF, .frame = 10, .owner = 7 }, { "overwrite", SHRED, .frame = 6, .owner = 7 },
		IN_VAULT("take"), { "at 10", AT, .gfp = KERNEL, .frame = 10, .owner = 8 } } },
	{ "a vault, all overwritten", 16, .zone = LAB_ZONE_OWN, .memory = true, .keys = true, .vault = true, .prepare = in_a_vault,
	  .call = {
		ONE("panic", PANIC, 0), IN_VAULT("take"), { "at 1", AT, .gfp = KERNEL, .frame = 1, .owner = 8 },
		FROM_VAULT("give", 10), ONE("audit", AUDIT, 0) } },
	{ "a vault, a page written to", 16, .zone = LAB_ZONE_OWN, .memory = true, .keys = true, .vault = true, .intruded = 1,
	  .prepare = in_a_vault, .call = {
		IN_VAULT("take"), { "at 1", AT, .gfp = KERNEL, .frame = 1, .owner = 8 }, FROM_VAULT("give", 10),
		ONE("audit", AUDIT, 0) } },
	{ "a vault with a laundry", 16, .zone = LAB_ZONE_OWN, .memory = true, .keys = true, .vault = true, .deferred = true,
	  .all_pairs = true, .prepare = in_a_vault, .call = {
		IN_VAULT("take"), { "at 13", AT, .gfp = KERNEL, .frame = 13, .owner = 8 }, FROM_VAULT("give", 10),
		FROM_VAULT("give another", 5), { "launder 1", LAUNDER, .count = 1 }, { "launder 2", LAUNDER, .count = 2 },
		ONE("audit", AUDIT, 0) } },
	{ "a lead and holes", 200, .first = 100, .holes = true, .prepare = leading, .call = {
		TAKES("take", KERNEL), BLOCK("block 2", KERNEL, 2), BLOCK("block 6", KERNEL, 6),
		ATS("at hole", KERNEL, 0, 107), ATS("at 256", KERNEL, 5, 256), GIVES("give", 0, 130),
		GIVES("give block", 2, 112), GIVES("give hole", 0, 107), ONE("on hole", ON, 108),
		ONE("off", OFF, 131) } },
	{ "a room outside the zones", 64, .min = 4, .zone = LAB_ZONE_OWN, .prepare = hold_commons, .call = {
		{ "take", REQUEST, .gfp = KERNEL, .in = 1 }, { "atomic", REQUEST, .gfp = LAB_GFP_ATOMIC, .in = 1 },
		ATS("at pooled", LAB_GFP_ATOMIC, 0, POOLED(0)), GIVES("give", 0, HELD(0)), TAKES("no route", KERNEL),
		ONE("look", LOOK, HELD(0)) } },
	{ "plenty of leaves", 4 * LEAF, .no_pairs = true, .prepare = plenty, .call = {
		TAKES("take", KERNEL), TAKES("take movable", KERNEL | LAB_MOVABLE),
		TAKES("take reclaimable", KERNEL | LAB_RECLAIMABLE), TAKES("take cold", KERNEL | LAB_COLD),
		GIVES("give", 0, HELD(0)) } },
	{ "a hint used up", 192, .prepare = used_up, .call = {
		TAKES("take", KERNEL), BULKS("bulk 2", 2), GIVES("give", 0, 7), ATS("at", KERNEL, 0, W),
		BLOCK("block 6", KERNEL, 6) } },
	{ "sixteen frames", 16, .all_pairs = true, .prepare = tiny, .call = {
		ONE("audit", AUDIT, 0), GIVES("give", 0, 5), ATS("at", KERNEL, 2, 4), GIVES("give block", 2, 8),
		ATS("in the block", KERNEL, 0, 9), { "split", SPLIT, .frame = 8, .order = 2 }, ONE("off", OFF, 14),
		ATS("at block", KERNEL, 2, 8), GIVES("give at", 2, 4), ATS("at 0", KERNEL, 2, 0),
		GIVES("give 0", 2, 0), { "at as owner", AT, .gfp = KERNEL, .frame = 12, .owner = 7, .use = 3 },
		{ "give as owner", GIVE_AS, .frame = 12, .owner = 7, .use = 3 }, ONE("on", ON, 15) } },
	{ "splits of one block", 16, .all_parks = true, .prepare = owned_block, .call = {
		{ "split", SPLIT, .frame = 4, .order = 2 }, { "give as owner", GIVE_AS, .frame = 4, .order = 2, .owner = 7 },
		ONE("look", LOOK, 4) } },
	{ "one pool pays for another", 64, .min = 8, .all_pairs = true, .prepare = leave_pools, .call = {
		ATS("at inner", LAB_MEMALLOC, 0, INNERMOST), GIVES("give", 0, HELD(0)),
		GIVES("give another", 0, HELD(1)), TAKES("all", LAB_MEMALLOC) } },
	{ "zeroed frames", 64, .min = 4, .memory = true, .zeroed = 3, .prepare = two_ready, .call = {
		ONE("keep", KEEP, 0), { "zeroed", ADDRESS, .gfp = KERNEL | LAB_ZERO },
		{ "zeroed again", REQUEST, .gfp = LAB_GFP_ATOMIC | LAB_ZERO }, TAKES("take", KERNEL),
		GIVES("give", 0, HELD(0)), ATS("at pooled", KERNEL, 0, POOLED(7)), ONE("off pooled", OFF, POOLED(6)),
		BLOCK("block 3", KERNEL, 3) } },
	{ "one word, full and hinted", W, .all_parks = true, .prepare = full_hinted, .call = {
		TAKES("take", KERNEL), GIVES("give 4", 0, 4), GIVES("give 5", 0, 5), BLOCK("block 1", KERNEL, 1) } },
	{ "one slot lacks", 64, .min = 8, .prepare = one_drawn, .call = {
		TAKES("all", LAB_MEMALLOC), GIVES("give", 0, HELD(0)), GIVES("give another", 0, HELD(1)) } },
	{ "from pool to pool", 64, .min = 8, .all_pairs = true, .prepare = hold_commons, .call = {
		ATS("at inner", LAB_MEMALLOC, 0, INNERMOST), GIVES("give inner", 0, INNERMOST),
		TAKES("all", LAB_MEMALLOC), ATS("at other", LAB_MEMALLOC, 0, POOLED(3)),
		GIVES("give other", 0, POOLED(3)), GIVES("give", 0, HELD(0)), ONE("off inner", OFF, INNERMOST),
		ATS("two", LAB_MEMALLOC, 1, POOLED(2)) } },
};

#endif
