/* SPDX-License-Identifier: MIT */
/*
 * stranded_takers.h - everybody who may come for a frame, what SPEC.md says is due to each, and whether
 * each gets it at its first call.
 */
#ifndef STRANDED_TAKERS_H
#define STRANDED_TAKERS_H

#include "stranded_stage.h"

enum call { CALL_PAGES, CALL_ADDRESS, CALL_REQUEST, CALL_NAMED, CALL_BULK1, CALL_BULK64, CALL_AT, CALLS };

static const char *const call_name[CALLS] = { "alloc_pages", "alloc", "alloc_request", "alloc_request(room)",
					      "alloc_bulk(1)", "alloc_bulk(64)", "alloc_at" };

struct taker {
	enum call call;
	lab_gfp_t gfp;
	unsigned int cpu, node, order;
	uint64_t frame; /* of CALL_AT; CALL_NAMED: a frame of the room */
};

struct got {
	int error;
	long count;
	uint64_t frame[64];
};

static const lab_gfp_t all_rights[] = { 0, LAB_GFP_KERNEL, LAB_GFP_ATOMIC, LAB_HIGH | LAB_DIRECT_RECLAIM,
					LAB_HIGH | LAB_NOMEMALLOC, LAB_MEMALLOC, LAB_MEMALLOC | LAB_NOMEMALLOC };
static const lab_gfp_t some_rights[] = { LAB_GFP_KERNEL, LAB_GFP_ATOMIC, LAB_MEMALLOC };
static const lab_gfp_t mobilities[] = { 0, LAB_MOVABLE, LAB_RECLAIMABLE, LAB_COLD, LAB_COLD | LAB_MOVABLE };

/* ---- what is due, by SPEC.md 7 and 10 ---- */

static inline unsigned int zone_asked(lab_gfp_t gfp)
{
	if (gfp & LAB_DMA)
		return LAB_ZONE_DMA;
	if (gfp & LAB_DMA32)
		return LAB_ZONE_DMA32;
	if (gfp & LAB_HIGHMEM)
		return gfp & LAB_MOVABLE ? LAB_ZONE_MOVABLE : LAB_ZONE_HIGHMEM;
	return LAB_ZONE_NORMAL;
}

/* Is this room on the taker's way? */
static inline bool room_suits_taker(const struct taker *taker, unsigned int room)
{
	const struct lab_room_spec *spec = &stage.world->room[room];

	if (taker->call == CALL_NAMED || taker->call == CALL_AT)
		return room == room_at(taker->frame);
	if (taker->call == CALL_ADDRESS && !(stage.world->memory && room == 0))
		return false;
	if (taker->gfp & LAB_THISNODE && spec->node != taker->node)
		return false;
	return (unsigned int)spec->zone <= zone_asked(taker->gfp);
}

static inline uint64_t floor_due(const struct taker *taker, unsigned int room)
{
	const struct lab_room_spec *spec = &stage.world->room[room];
	unsigned int zone = taker->call == CALL_NAMED || taker->call == CALL_AT ? spec->zone : zone_asked(taker->gfp);
	uint64_t half = spec->min - spec->min / 2, floor = spec->min;

	if (taker->gfp & LAB_MEMALLOC && !(taker->gfp & LAB_NOMEMALLOC))
		return 0;
	if (taker->gfp & LAB_HIGH)
		floor = taker->gfp & (LAB_DIRECT_RECLAIM | LAB_NOMEMALLOC) ? half : half - half / 4;
	return floor + spec->lowmem_reserve[zone];
}

/* How many of a room's loose frames this taker can have; of all rooms'. */
static inline uint64_t due_in(const struct taker *taker, unsigned int room)
{
	uint64_t floor = floor_due(taker, room);

	if (stage.closed[room] || !room_suits_taker(taker, room) || stage.loose_in[room] <= floor)
		return 0;
	return stage.loose_in[room] - floor;
}

static inline uint64_t due_to(const struct taker *taker)
{
	uint64_t due = 0;
	unsigned int i;

	for (i = 0; i < stage.world->rooms; i++)
		due += due_in(taker, i);
	return due;
}

/* Is it a request at all, with a room on its way?  (Else another code than -ENOMEM is right.) */
static inline bool has_way(const struct taker *taker)
{
	unsigned int i;

	if (taker->gfp & LAB_MOVABLE && taker->gfp & LAB_RECLAIMABLE)
		return false;

	for (i = 0; i < stage.world->rooms; i++)
		if (room_suits_taker(taker, i))
			return true;
	return false;
}

/* ---- the call ---- */

static inline struct lab_page *ask(const struct taker *taker)
{
	struct lab_request request = LAB_REQUEST(taker->gfp, taker->order);
	void *address;

	switch (taker->call) {
	case CALL_ADDRESS:
		address = lab_alloc(stage.lab, taker->gfp, taker->order);
		return address ? lab_address_page(stage.lab, address) : (struct lab_page *)(intptr_t)-LAB_ENOMEM;
	case CALL_REQUEST:
		request.owner = 5;
		request.use = 2;
		return lab_alloc_request(stage.lab, &request, NULL);
	case CALL_NAMED:
		request.room = (int16_t)room_at(taker->frame);
		return lab_alloc_request(stage.lab, &request, NULL);
	case CALL_AT:
		return lab_alloc_at(stage.lab, taker->frame, &request);
	default:
		return lab_alloc_pages(stage.lab, taker->gfp, taker->order);
	}
}

static inline void take(const struct taker *taker, struct got *got)
{
	struct lab_page *page[64] = { NULL };
	long i, n;

	this_cpu = taker->cpu;
	this_node = taker->node;
	got->error = 0;
	got->count = 0;
	if (taker->call == CALL_BULK1 || taker->call == CALL_BULK64) {
		n = lab_alloc_bulk(stage.lab, taker->gfp, taker->call == CALL_BULK1 ? 1 : 64, page);
		got->error = n < 0 ? (int)n : 0;
	} else {
		page[0] = ask(taker);
		got->error = lab_ptr_err(page[0]);
		n = 1;
	}
	for (i = 0; !got->error && i < n; i++)
		got->frame[got->count++] = lab_page_frame(stage.lab, page[i]);
}

/* ---- the judgement ---- */

static void complain(const char *name, const char *poke, const struct taker *taker, const char *what, long n)
{
	static uint64_t said;

	if (said++ < 20)
		machine_fail(name, "%s: %s (%ld); taker %s, flags %#x, order %u, CPU %u, node %u", poke, what, n,
			     call_name[taker->call], taker->gfp, taker->order, taker->cpu, taker->node);
	else
		machine.failures++;
}

/* Were these frames loose?  They are not any more, until stage_back(). */
static inline bool were_loose(const struct got *got, unsigned int order)
{
	long i;
	uint64_t j;

	for (i = 0; i < got->count; i++)
		for (j = 0; j < (uint64_t)1 << order; j++)
			if (got->frame[i] + j >= FRAMES_MOST || !stage.loose[got->frame[i] + j])
				return false;
	return true;
}

/* What was refused to this one stays for whoever may have it. */
static inline bool left_for_the_entitled(uint64_t frame)
{
	struct taker entitled = { .call = CALL_NAMED, .gfp = LAB_MEMALLOC, .frame = frame };
	struct got got;

	take(&entitled, &got);
	return !got.error && were_loose(&got, 0);
}

/*
 * One taker, one frame.  `frame` is the one just freed.  The state is changed; loose frames are as before in
 * the books.  Returns whether there was anything to try.
 */
static inline bool try_single(const char *name, const char *poke, const struct taker *taker, uint64_t frame)
{
	uint64_t due = due_to(taker), most = taker->call == CALL_BULK64 ? 64 : 1;
	int refusal = taker->call == CALL_AT ? -LAB_EBUSY : -LAB_ENOMEM;
	struct got got;

	if (!has_way(taker))
		return false;
	machine.cases++;
	take(taker, &got);
	if (!due) {
		if (got.error != refusal)
			complain(name, poke, taker, "what it has no right to was not refused by the right code", got.error);
		else if (stage.loose[frame] && !stage.closed[room_at(frame)] && !left_for_the_entitled(frame))
			complain(name, poke, taker, "refused, and then gone for the entitled too", got.error);
		return true;
	}
	if (got.error || got.count != (long)(due < most ? due : most)) {
		complain(name, poke, taker, "a free frame was not given at once", got.error ? got.error : got.count);
		return true;
	}
	if (!were_loose(&got, 0))
		complain(name, poke, taker, "given a frame that was in use", (long)got.frame[0]);
	if (((due == 1 && due_in(taker, room_at(frame))) || taker->call == CALL_AT) && got.frame[0] != frame)
		complain(name, poke, taker, "given another frame than the only one", (long)got.frame[0]);
	if (due == 1) {
		take(taker, &got);
		if (got.error != refusal)
			complain(name, poke, taker, "no frame was left, and it was not refused as none", got.error);
	}
	return true;
}

/* Everything that is due to this taker, one by one, and then none. */
static inline void try_all(const char *name, const char *poke, const struct taker *taker)
{
	uint64_t due = due_to(taker), n = 0;
	struct got got;

	if (!has_way(taker))
		return;
	machine.cases++;
	for (take(taker, &got); !got.error && n <= due; take(taker, &got)) {
		if (!were_loose(&got, 0))
			complain(name, poke, taker, "given a frame that was in use", (long)got.frame[0]);
		n += (uint64_t)got.count;
	}
	if (n != due)
		complain(name, poke, taker, n < due ? "fewer frames than are due" : "more frames than are due",
			 (long)n - (long)due);
	else if (got.error != -LAB_ENOMEM)
		complain(name, poke, taker, "no frame was left, and it was not refused as none", got.error);
}

/* How many aligned blocks of this order lie loose around a frame (within its leaf). */
static inline uint64_t blocks_loose(uint64_t frame, unsigned int order)
{
	uint64_t first = frame / LEAF * LEAF, size = (uint64_t)1 << order, n = 0, at, i;

	for (at = first; at < first + LEAF; at += size) {
		for (i = 0; i < size && stage.loose[at + i]; i++)
			;
		n += i == size;
	}
	return n;
}

/* The same for blocks, to the last of them; in rooms without pools, all that is loose in one leaf. */
static inline void try_blocks(const char *name, const char *poke, const struct taker *taker, uint64_t frame)
{
	uint64_t due = blocks_loose(frame, taker->order), n = 0, size = (uint64_t)1 << taker->order;
	struct got got;
	int none = due * size == stage.loose_in[room_at(frame)] ? -LAB_ENOMEM : -LAB_ENOSPC;

	if (!has_way(taker))
		return;
	machine.cases++;
	for (;;) {
		take(taker, &got);
		if (got.error)
			break;
		if (!were_loose(&got, taker->order))
			complain(name, poke, taker, "given a block that was in use", (long)got.frame[0]);
		n += (uint64_t)got.count;
		if (n > due)
			break;
	}
	if (n != due)
		complain(name, poke, taker, n < due ? "fewer blocks than lay free" : "more blocks than lay free", (long)n);
	else if (got.error != none)
		complain(name, poke, taker, "no block was left, and it was not refused so", got.error);
}

#endif
