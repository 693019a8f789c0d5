/* SPDX-License-Identifier: MIT */
/*
 * instructions_world.h - the labyrinths of instructions.c, how full they are, who holds what, and the truth
 * about them, read off the bitmaps.
 *
 * All rooms have the same furniture in their last leaf: held blocks of several orders, pages with owners, a bad
 * one, one out of service.  The states differ in what is free besides.  Beside them there is a vault (instructions_vault.h).
 */
#ifndef INSTRUCTIONS_WORLD_H
#define INSTRUCTIONS_WORLD_H

#include <stddef.h>
#include <sys/mman.h>

#include "instructions_symbols.h"
#include "instructions_vault.h"
#include "port.h"
#include "route.h"

#define LEAF ((uint64_t)LAB_LEAF_FRAMES)
#define TALL (32 * LEAF) /* first frame of a 33rd leaf: two levels of parents */
#define FRAMES_MOST (33 * LEAF)
#define MEMORY_FRAMES (2 * LEAF)
#define MANY_MOST 64u

/* ---- this test's own port ---- */

static _Thread_local unsigned int this_cpu;

unsigned int lab_port_cpu(void)
{
	return this_cpu;
}

unsigned int lab_port_node(void)
{
	return 0;
}

struct labyrinth *lab_port_default(void)
{
	return NULL;
}

/* ---- grounds and states ---- */

static const struct lab_hole tall_hole = { .first_frame = 8, .frames = TALL - 8 };

static const struct ground {
	const char *name;
	uint64_t base; /* where the furniture stands */
	uint64_t frames;
	bool memory;
	unsigned int rooms;
	struct lab_room_spec room[2];
} grounds[] = {
	{ "plain", LEAF, 2 * LEAF, true, 1, { { .name = "plain", .zone = LAB_ZONE_NORMAL, .frames = 2 * LEAF } } },
	/* Pools of 3, 1, 4 (inside min), 2 and 2 frames, at the room's low end. */
	{ "pools", LEAF, 2 * LEAF, true, 1,
	  { { .name = "pools", .zone = LAB_ZONE_NORMAL, .frames = 2 * LEAF, .min = 8, .low = 10, .high = 12 } } },
	{ "two", LEAF, 2 * LEAF, true, 2,
	  { { .name = "normal", .zone = LAB_ZONE_NORMAL, .first_frame = LEAF, .frames = LEAF, .min = 8, .low = 10, .high = 12 },
	    { .name = "dma", .zone = LAB_ZONE_DMA, .frames = 64, .min = 4, .low = 5, .high = 6,
	      .lowmem_reserve = { [LAB_ZONE_DMA32] = 8, [LAB_ZONE_NORMAL] = 8 } } } },
	{ "tall", TALL, TALL + LEAF, false, 1,
	  { { .name = "tall", .zone = LAB_ZONE_NORMAL, .frames = TALL + LEAF, .holes = &tall_hole, .hole_count = 1 } } },
};
enum { PLAIN, POOLS, TWO, HIGH };

enum fill {
	ROOMY,	   /* the furniture only */
	SPLINTERS, /* single frames free, side by side with held ones */
	FULL,	   /* the commons hold nothing but the frames in `left` */
};

static const struct state {
	const char *name;
	unsigned char ground, fill;
	bool near;	      /* CPU 0's hint names the furniture's leaf, not the first one */
	bool empty;	      /* with FULL, SPLINTERS: but the first leaf is left free */
	bool closed;	      /* room 0 is */
	bool slow;	      /* slow operations are run here in the short form too */
	unsigned char early;  /* this frame and the next are pages of ours too; 0: they are not */
	unsigned char drawn[2]; /* frames taken out of each room's pools */
	int16_t left[4];      /* frames left free: relative to the base; - 1 - n: frame n; 0: no more */
} states[] = {
	{ .name = "plain-roomy", .ground = PLAIN, .fill = ROOMY },
	{ .name = "plain-splinters", .ground = PLAIN, .fill = SPLINTERS },
	{ .name = "plain-one-left", .slow = true, .early = 1, .ground = PLAIN, .fill = FULL, .left = { 450 } },
	{ .name = "plain-one-near", .ground = PLAIN, .fill = FULL, .near = true, .left = { 226 } },
	{ .name = "plain-full", .ground = PLAIN, .fill = FULL, .near = true },
	{ .name = "pools-roomy", .ground = POOLS, .fill = ROOMY },
	{ .name = "pools-swap", .slow = true, .ground = POOLS, .fill = SPLINTERS, .empty = true },
	{ .name = "pools-one-left", .ground = POOLS, .fill = FULL, .near = true, .left = { 226 } },
	{ .name = "pools-full", .slow = true, .early = 20, .ground = POOLS, .fill = FULL },
	{ .name = "pools-drawn", .ground = POOLS, .fill = FULL, .drawn = { 5 } },
	{ .name = "pools-one-kept", .ground = POOLS, .fill = FULL, .drawn = { 11 } },
	{ .name = "pools-dry", .ground = POOLS, .fill = FULL, .drawn = { 12 } },
	{ .name = "two-roomy", .ground = TWO, .fill = ROOMY },
	{ .name = "two-first-full", .ground = TWO, .fill = FULL, .empty = true, .drawn = { 12 } },
	{ .name = "two-one-left", .slow = true, .early = 20, .ground = TWO, .fill = FULL, .drawn = { 0, 13 }, .left = { 450 } },
	{ .name = "two-one-kept", .ground = TWO, .fill = FULL, .drawn = { 12, 12 } },
	{ .name = "two-closed", .ground = TWO, .fill = FULL, .closed = true, .left = { 226, 450, -41 } },
	{ .name = "tall-one-left", .ground = HIGH, .fill = FULL, .near = true, .left = { 226 } },
	{ .name = "tall-one-first", .ground = HIGH, .fill = FULL, .near = true, .left = { -4 } },
	{ .name = "tall-full", .ground = HIGH, .fill = FULL, .near = true },
};
#define STATES (sizeof(states) / sizeof(*states))

/* The furniture, from the base on; leaf 0's blocks are whatever fits. */
enum {
	BLOCK_7 = 0, BLOCK_6 = 128, BLOCK_3 = 192, BLOCK_1 = 200, SINGLE = 202, OWNED = 203, HANDLED = 204,
	EXCLUSIVE = 205, BAD = 206, OUT = 207, BULK = 212, BULK_END = 216, BAD_BLOCK = 216, REST = 224, INNER = 240,
};
#define OWNER 7u
#define USE 3u

/* Pages of ours that the handler may free; -1, -2: the early ones. */
static const int16_t victims[] = { 208, -1, 400, -2 };
#define VICTIMS ((unsigned int)(sizeof(victims) / sizeof(*victims)))

/* ---- what a run changes ---- */

enum holder { NOBODY, OURS, NESTED, OUTER, OTHERS };

struct answer {
	long code; /* 0 or more: done; else the error */
	unsigned int pages;
	struct lab_page *page[MANY_MOST];
	uint64_t seen[24]; /* what a call that only reads has said */
};

static struct world {
	struct answer answer;
	union {
		struct lab_room_stats room;
		struct lab_stats all;
		struct lab_audit audit;
	} out;
	unsigned char holder[FRAMES_MOST];
} world, world_before;

static const struct ground *ground;
static const struct state *state;
static struct labyrinth *lab;
static char *metadata, *metadata_before, *memory;
static size_t metadata_bytes;

static size_t world_bytes(void)
{
	return offsetof(struct world, holder) + ground->frames;
}

static uint64_t frame_at(int32_t at)
{
	return at < 0 ? (uint64_t)(-1 - at) : ground->base + (uint64_t)at;
}

static struct lab_page *page_at(int32_t at)
{
	return lab_frame_page(lab, frame_at(at));
}

/* The frame of a page that the handler may free; there may be none in this state. */
static bool victim(unsigned int which, uint64_t *frame)
{
	int16_t at = victims[which % VICTIMS];

	*frame = at < 0 ? state->early + (uint64_t)(-1 - at) : frame_at(at);
	return at >= 0 || state->early;
}

/* ---- failures ---- */

static char case_name[128];
static uintptr_t case_place; /* of the instruction in question; 0: none */
#define FAILURES_SHOWN 20u

#define FAIL(why, ...)                                                                                       \
	do {                                                                                                 \
		machine_fail(case_name, why " [at %s]", ##__VA_ARGS__, place_name(case_place));                \
		if (machine.failures >= FAILURES_SHOWN)                                                      \
			exit(1);                                                                             \
	} while (0)

/* ---- who holds what ---- */

static void mark(uint64_t frame, unsigned int order, enum holder who)
{
	uint64_t i;

	for (i = frame; i < frame + ((uint64_t)1 << order); i++) {
		if (who != NOBODY && world.holder[i])
			FAIL("frame %" PRIu64 " given to %d while %d holds it", i, (int)who, world.holder[i]);
		world.holder[i] = (unsigned char)who;
	}
}

static void mark_page(const struct lab_page *page, unsigned int order, enum holder who)
{
	uint64_t frame = lab_page_frame(lab, page);

	if (frame + ((uint64_t)1 << order) > ground->frames)
		FAIL("no frame of this labyrinth was given: %" PRIu64, frame);
	else
		mark(frame, order, who);
}

static void hold(uint64_t frame, unsigned int order, const struct lab_request *as)
{
	struct lab_request request = *as;
	int error;

	request.order = (uint8_t)order;
	error = lab_ptr_err(lab_alloc_at(lab, frame, &request));
	if (error) {
		fprintf(stderr, "%s: frame %" PRIu64 ", order %u: %d\n", state->name, frame, order, error);
		exit(1);
	}
	mark(frame, order, OURS);
}

/* ---- set-up ---- */

static unsigned int client; /* guaranteed two frames of room 0, behind the furniture */

static void set_up_client(void)
{
	struct lab_client_spec spec = { .node = LAB_NODE_LOCAL, .room = 0, .frames = 2 };
	struct lab_room *room = labyrinth_room(lab, 0);

	this_cpu = 3;
	room_cpu(room, 3)->near[0] = (lab_word)(frame_at(480) - room->first_frame) + 1;
	if (lab_client_open(lab, &spec, &client, NULL))
		exit(1);
	room_cpu(room, 3)->near[0] = 0;
	this_cpu = 0;
}

static void set_up_birth(void)
{
	struct lab_room_spec rooms[3];
	struct lab_spec spec = { .page_shift = 12, .cpus = 4, .rooms = rooms, .room_count = ground->rooms + 1, .clients = 1,
				 .contract_frames = 2 };
	unsigned int i;
	size_t bytes;

	for (i = 0; i < ground->rooms; i++) {
		rooms[i] = ground->room[i];
		rooms[i].memory = ground->memory ? memory + (rooms[i].first_frame << 12) : NULL;
	}
	vault_describe(&rooms[ground->rooms]);
	bytes = lab_metadata_bytes(&spec);
	metadata_bytes = vault_total(bytes);
	free(metadata);
	free(metadata_before);
	metadata = aligned_alloc(4096, vault_at(metadata_bytes));
	metadata_before = malloc(metadata_bytes);
	memset(metadata, 0, metadata_bytes);
	memset(&world, 0, sizeof(world));
	vault_place(&spec, &rooms[ground->rooms], metadata, bytes);
	if (lab_birth(&spec, metadata, bytes, &lab, NULL, NULL))
		exit(1);
	lab_set_default(lab);
}

static void set_up_furniture(void)
{
	static const struct {
		int16_t at, order;
	} plain[] = { { BLOCK_7, 7 }, { BLOCK_6, 6 }, { BLOCK_3, 3 }, { BLOCK_1, 1 },	{ SINGLE, 0 },	{ HANDLED, 0 },
		      { BAD, 0 },     { OUT, 0 },     { 208, 0 },     { 209, 0 },	{ 210, 1 },	{ BULK, 0 },
		      { BULK + 1, 0 }, { BULK + 2, 0 }, { BULK + 3, 0 }, { BAD_BLOCK, 3 }, { 400, 0 },	{ 401, 0 } };
	struct lab_request request = LAB_REQUEST(LAB_GFP_KERNEL, 0);
	size_t i;

	for (i = 0; i < sizeof(plain) / sizeof(*plain); i++)
		hold(frame_at(plain[i].at), (unsigned int)plain[i].order, &request);
	request.owner = OWNER;
	request.use = USE;
	hold(frame_at(OWNED), 0, &request);
	request = LAB_REQUEST(LAB_GFP_KERNEL | LAB_EXCLUSIVE, 0);
	hold(frame_at(EXCLUSIVE), 0, &request);
	lab_frame_offline(lab, frame_at(BAD));
	lab_frame_offline(lab, frame_at(BAD_BLOCK));
	lab_free_pages(lab, page_at(OUT), 0);
	mark(frame_at(OUT), 0, NOBODY);
	lab_frame_offline(lab, frame_at(OUT));
	set_up_client();
}

/* Not held, not kept by a pool, not out, not to be left free. */
static bool to_fill(uint64_t frame)
{
	struct lab_page_info info;
	unsigned int i;

	if (world.holder[frame] || lab_page_info(lab, lab_frame_page(lab, frame), &info) || info.state != LAB_FREE)
		return false;
	for (i = 0; i < 4 && state->left[i]; i++)
		if (frame == frame_at(state->left[i]))
			return false;
	return state->fill != SPLINTERS || frame < frame_at(REST) || !(frame & 1);
}

/* Hold the frames from .. end - 1 that are to be filled, in blocks as large as can be. */
static void set_up_fill(uint64_t from, uint64_t end)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_KERNEL, 0);

	while (from < end) {
		unsigned int order = 0;
		uint64_t last;

		if (!to_fill(from)) {
			from++;
			continue;
		}
		for (last = from + 1; last < end && to_fill(last);)
			last++;
		while (order < LAB_ORDER_MAX && !(from & (((uint64_t)2 << order) - 1)) &&
		       from + ((uint64_t)2 << order) <= last)
			order++;
		hold(from, order, &request);
		from += (uint64_t)1 << order;
	}
}

static void set_up_drawn(unsigned int room, unsigned int count)
{
	struct lab_request request = LAB_REQUEST(LAB_MEMALLOC, 0);
	struct lab_page *page;

	request.room = (int16_t)room;
	for (; count; count--) {
		page = lab_alloc_request(lab, &request, NULL);
		if (lab_is_err(page))
			exit(1);
		mark_page(page, 0, OURS);
	}
}

/* As after a search for a block in vain: no hint is too high. */
static void set_up_hints(void)
{
	lab_word leaf;
	unsigned int i;

	for (i = 0; i < lab->rooms; i++)
		for (leaf = 0; leaf < labyrinth_room(lab, i)->commons.leaves; leaf++)
			hint_lower(labyrinth_room(lab, i), leaf);
}

static void set_up(const struct state *as)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_KERNEL, 0);
	unsigned int i;

	state = as;
	ground = &grounds[as->ground];
	this_cpu = 0;
	set_up_birth();
	set_up_furniture();
	request.room = 0;
	if (!as->near) /* the hint: to the first leaf with free frames */
		lab_free_pages(lab, lab_alloc_request(lab, &request, NULL), 0);
	if (as->early) {
		hold(as->early, 0, &request);
		hold(as->early + 1u, 0, &request);
	}
	if (as->fill != ROOMY && !as->empty)
		set_up_fill(0, ground->base < LEAF ? ground->base : LEAF);
	if (as->near)
		lab_free_pages(lab, lab_alloc_request(lab, &request, NULL), 0);
	if (as->fill != ROOMY)
		set_up_fill(ground->base, ground->base + LEAF);
	for (i = 0; i < 2; i++)
		set_up_drawn(i, as->drawn[i]);
	if (as->ground == POOLS || as->ground == TWO) /* so that a block is exchanged for at once */
		set_up_hints();
	if (as->closed)
		lab_room_offline(lab, 0);
	memcpy(metadata_before, metadata, metadata_bytes);
	world_before = world;
}

/* As it was before the call. */
static void rewind_all(void)
{
	memcpy(metadata, metadata_before, metadata_bytes);
	memcpy(&world, &world_before, world_bytes());
	this_cpu = 0;
}

/* ---- the truth, read off the bitmaps ---- */

static uint64_t clear_bits(const struct lab_tree *tree)
{
	lab_word i;
	uint64_t n = 0;

	for (i = 0; i < tree->leaves * LAB_LEAF_WORDS; i++)
		n += word_count(~tree_leaf(tree, 0)[i]);
	return n;
}

/* What a request could have at this instant. */
struct look {
	int error;	   /* it has no way at all */
	uint64_t eligible; /* frames */
	int whole;	   /* the largest order of a free block in the commons; -1: none */
	bool tentative;	   /* some call may give back what it took */
	bool pools;
};

static struct look look_for(const struct lab_request *request)
{
	struct look look = { .whole = -1 };
	struct lab_way way;
	unsigned int i, k;
	lab_word leaf;

	look.error = route_find(lab, request, false, &way);
	for (i = 0; !look.error && i < way.rooms; i++) {
		struct lab_room *room = labyrinth_room(lab, way.room[i]);

		if (room->offline)
			continue;
		look.eligible += clear_bits(&room->commons);
		look.tentative |= (room->tentative & LAB_TENTATIVE_COUNTS) != 0;
		look.pools |= room->bands != 0;
		for (k = 0; k < room->bands; k++)
			if (route_bands(room, &way, way.right) >> k & 1)
				look.eligible += clear_bits(&room->pool[k].have);
		for (leaf = 0; leaf < room->commons.leaves; leaf++)
			if (leaf_order(tree_leaf(&room->commons, leaf)) > look.whole)
				look.whole = leaf_order(tree_leaf(&room->commons, leaf));
	}
	return look;
}

static uint64_t free_for_all(void)
{
	struct lab_request request = LAB_REQUEST(LAB_MEMALLOC, 0);

	return look_for(&request).eligible;
}

/* How often calls in any room began to hold what they may give back. */
static uint64_t tentative_calls(void)
{
	uint64_t n = 0;
	unsigned int i;

	for (i = 0; i < lab->rooms; i++)
		n += labyrinth_room(lab, i)->tentative;
	return n;
}

/* Whoever is in no call: every rule holds, every frame is somebody's.  `out`: how many may be out of service. */
static void check_rest(uint64_t out_least, uint64_t out_most)
{
	struct lab_audit audit;
	uint64_t held = 0, frames = VAULT_FRAMES - VAULT_RING, i;

	for (i = 0; i < ground->rooms; i++)
		frames += ground->room[i].frames;
	for (i = 0; i < ground->frames; i++)
		held += world.holder[i] != NOBODY;
	if (lab_audit(lab, true, &audit))
		FAIL("the audit: %s (room %d, frame %" PRIu64 ")", audit.text, audit.room, audit.frame);
	else if (audit.shredding != VAULT_RING)
		FAIL("%" PRIu64 " pages of a vault are SHREDDING", audit.shredding);
	else if (audit.owned != held || audit.in_hand || audit.kept != 2 || audit.free + audit.pooled + audit.kept + held + audit.offline != frames)
		FAIL("%" PRIu64 " free, %" PRIu64 " pooled, %" PRIu64 " owned (known: %" PRIu64 "), %" PRIu64 " in hand, %" PRIu64
		     " out, of %" PRIu64, audit.free, audit.pooled, audit.owned, held, audit.in_hand, audit.offline, frames);
	else if (audit.offline < out_least || audit.offline > out_most)
		FAIL("%" PRIu64 " frames are out of service", audit.offline);
}

static uint64_t frames_out(void)
{
	struct lab_audit audit;

	lab_audit(lab, true, &audit);
	return audit.offline;
}

#endif
