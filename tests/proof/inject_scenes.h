/* SPDX-License-Identifier: MIT */
/*
 * inject_scenes.h - the catalogue: states of a labyrinth, and the calls that meet in each.
 */
#ifndef INJECT_SCENES_H
#define INJECT_SCENES_H

#include "inject_world.h"

#define W LAB_WORD_BITS
#define LEAF LAB_LEAF_FRAMES

/* ---- preparing ---- */

static void prepared(bool well)
{
	if (!well) {
		printf("FAIL %s: could not be prepared\n", scene->name);
		exit(1);
	}
}

static void hold(uint64_t frame, unsigned int order)
{
	struct lab_request request = LAB_REQUEST(LAB_MEMALLOC, order);

	prepared(!lab_is_err(lab_alloc_at(lab, frame, &request)));
}

static void give(uint64_t frame, unsigned int order)
{
	prepared(!lab_free_pages(lab, lab_frame_page(lab, frame), order));
}

/* Every frame of the commons, single. */
static void hold_commons(void)
{
	uint64_t end = scene->first + scene->frames + scene->second, frame;
	struct lab_request request = LAB_REQUEST(LAB_GFP_KERNEL, 0);

	for (frame = scene->first; frame < end; frame++)
		lab_alloc_at(lab, frame, &request);
}

/* Every frame of the commons; what pools keep stays there, the bands above min too. */
static void leave_pools(void)
{
	struct lab_room_stats stats;

	while (!lab_room_stats(lab, 0, &stats) && stats.free_commons)
		prepared(!lab_is_err(lab_alloc_pages(lab, LAB_GFP_KERNEL, 0)));
}

static void draw(unsigned int frames)
{
	while (frames--)
		prepared(!lab_is_err(lab_alloc_pages(lab, LAB_MEMALLOC, 0)));
}

/* The leaf's order hint says that there is no block. */
static void lower(void)
{
	unsigned int order;

	for (order = 1; order <= LAB_ORDER_MAX; order++)
		prepared(lab_is_err(lab_alloc_pages(lab, LAB_GFP_KERNEL, order)));
}

static void owned(uint64_t frame)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_KERNEL, 0);

	request.owner = 7;
	request.use = 3;
	prepared(!lab_is_err(lab_alloc_at(lab, frame, &request)));
}

static void owned_block(void)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_KERNEL, 2);

	request.owner = 7;
	prepared(!lab_is_err(lab_alloc_at(lab, 4, &request)));
}

static void roomy(void)
{
	hold(3, 0);
	hold(16, 3);
	hold(128, 7);
	hold(LEAF, 8);
	owned(40);
	prepared(!lab_frame_offline(lab, 5));
	hold(60, 0); /* poisoned */
	prepared(lab_frame_offline(lab, 60) == -LAB_EBUSY);
	hold(48, 2); /* a block with a poisoned head */
	prepared(lab_frame_offline(lab, 48) == -LAB_EBUSY);
	draw(1); /* the hint names word 0 */
}

static void last_frame(void)
{
	hold_commons();
	give(5, 0);
}

static void last_hinted(void)
{
	hold_commons();
	give(70, 0);
	draw(1); /* CPU 0's hint names it */
	give(70, 0);
}

static void full(void)
{
	hold(128, 7);
	hold(64, 4);
	hold_commons();
}

static void full_lowered(void)
{
	hold(256, 8);
	hold(128, 3);
	hold_commons();
	lower();
}

static void two_leaves(void)
{
	hold_commons();
	give(5, 0);
	give(600, 0);
}

static void two_levels(void)
{
	hold_commons();
	give(5, 0);
	give(600, 0);
	give(33 * LEAF + 1, 0);
}

static void half_drawn(void)
{
	hold_commons();
	draw(20);
}

static void all_drawn(void)
{
	hold_commons();
	while (!lab_is_err(lab_alloc_pages(lab, LAB_MEMALLOC, 0)))
		;
}

/* Few frames in the commons: an exchange pays with them. */
static void few_to_pay(void)
{
	hold_commons();
	give((uint64_t)find_frame(HELD(0)), 0);
	give((uint64_t)find_frame(HELD(3)), 0);
	give((uint64_t)find_frame(HELD(9)), 0);
}

/* Words 0 and 1 are free, and CPU 1's hint names word 1; all else is taken. */
static void two_words(void)
{
	uint64_t frame;

	hold_commons();
	give(W, 0);
	engine.cpu = 1;
	draw(1);
	engine.cpu = 0;
	for (frame = 0; frame < 2 * W; frame++)
		give(frame, 0);
}

/* Blocks of two frames here and there: searches lower hints. */
static void scattered(void)
{
	uint64_t frame;

	hold_commons();
	for (frame = 0; frame < 3 * LEAF; frame += 96)
		give(frame, 0);
	give(97, 0);
	give(2 * LEAF + 1, 0);
}

static void rooms_last(void)
{
	hold_commons();
	give(300, 0);
}

static void rooms_closed(void)
{
	hold_commons();
	give(3, 0);
	give(300, 0);
	prepared(lab_room_offline(lab, 1) >= 0);
}

static void some_memory(void)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC | LAB_EXCLUSIVE, 0);

	hold(1, 0);
	hold(4, 2);
	prepared(!lab_is_err(lab_alloc_at(lab, 10, &request)));
	hold(16, 4);
}

/* What is held is exclusive: whole, or marked bad; a frame is free. */
static void exclusive(uint64_t frame, unsigned int order, unsigned int owner)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC | LAB_EXCLUSIVE, order);

	request.owner = (uint16_t)owner;
	prepared(!lab_is_err(lab_alloc_at(lab, frame, &request)));
	mark(frame, order);
}

static void exclusives(void)
{
	exclusive(10, 0, 0);
	exclusive(12, 0, 0);
	exclusive(16, 2, 0);
	exclusive(20, 1, 0);
	prepared(lab_frame_offline(lab, 12) == -LAB_EBUSY);
	prepared(lab_frame_offline(lab, 20) == -LAB_EBUSY);
	hold_commons();
	give(3, 0);
}

static void in_a_vault(void)
{
	uint64_t frame;

	for (frame = 4; frame < 14; frame++)
		exclusive(frame, 0, 7);
	prepared(lab_frame_offline(lab, 12) == -LAB_EBUSY);
	prepared(!lab_frame_offline(lab, 3));
	if (scene->deferred) /* one is in the laundry */
		prepared(!lab_free_as(lab, lab_frame_page(lab, 13), 0, 7, 0));
	if (scene->ring || scene->deferred) {
		hold_commons(); /* but what cannot be had, and one */
		prepared(!lab_free_as(lab, lab_frame_page(lab, 1), 0, LAB_OWNER_EXCLUSIVE, 0));
	}
}

static void leading(void)
{
	hold(112, 2);
	hold(130, 0);
	draw(2);
}

/* Two zeroed frames are ready, a third could be. */
static void two_ready(void)
{
	hold(3, 0);
	prepared(keeper_zero(lab, labyrinth_room(lab, 0), 0, 2) == 2);
}

/* A room that thinks its leaves are plenty: CPUs keep out of each other's. */
static void plenty(void)
{
	labyrinth_room(lab, 0)->plenty = 2;
	draw(1);
	engine.cpu = 1;
	draw(2);
	engine.cpu = 0;
	hold(64, 5);
}

/* CPU 0's hint names a word that is full; there are others in its leaf. */
static void used_up(void)
{
	draw(W);
}

/* Nothing is free, and the hints of both CPUs name the only word. */
static void full_hinted(void)
{
	draw(1);
	engine.cpu = 1;
	draw(1);
	engine.cpu = 0;
	hold_commons();
}

static void one_drawn(void)
{
	hold_commons();
	draw(1);
}

/* So few frames that an audit can be interrupted at each of its operations. */
static void tiny(void)
{
	hold(5, 0);
	hold(8, 2);
	hold(14, 0);
	prepared(!lab_frame_offline(lab, 15));
}

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
