/* SPDX-License-Identifier: MIT */
/*
 * linux_model.h - Linux's page admission as plain arithmetic over counts of free pages, written from Linux's
 * rules (mm/page_alloc.c as of 7.2, as facts) and knowing nothing of Labyrinth: not its header, not its words.
 *
 * It answers two questions: which watermarks and lowmem reserves does a machine get, and is a request
 * admitted, from which zone, at which pass.  Single-threaded, and without what Linux may do between two tests
 * (reclaim, compaction, OOM): one call of the allocator that finds what it finds.
 */
#ifndef LINUX_MODEL_H
#define LINUX_MODEL_H

#include <stdbool.h>
#include <stdint.h>

/* From low to high: a request falls back downward, from the highest zone that its flags allow. */
enum linux_zone_kind {
	LINUX_DMA,
	LINUX_DMA32,
	LINUX_NORMAL,
	LINUX_HIGHMEM,
	LINUX_MOVABLE,
	LINUX_KINDS,
	LINUX_NO_KIND = LINUX_KINDS,
};

enum linux_flag {
	LINUX_GFP_DMA = 1 << 0,
	LINUX_GFP_DMA32 = 1 << 1,
	LINUX_GFP_HIGHMEM = 1 << 2,
	LINUX_GFP_MOVABLE = 1 << 3,
	LINUX_GFP_RECLAIMABLE = 1 << 4,
	LINUX_GFP_HIGH = 1 << 5,
	LINUX_GFP_MEMALLOC = 1 << 6,
	LINUX_GFP_NOMEMALLOC = 1 << 7,
	LINUX_GFP_DIRECT_RECLAIM = 1 << 8,
	LINUX_GFP_THISNODE = 1 << 9,
	LINUX_GFP_NOFAIL = 1 << 10,
};

#define LINUX_ORDERS 11u /* 0..10 */
#define LINUX_ZONES_MAX 32u
#define LINUX_NODES_MAX 16u

struct linux_zone {
	enum linux_zone_kind kind;
	unsigned node;
	uint64_t managed;
	/* What linux_setup() computes. */
	uint64_t min, low, high;
	uint64_t lowmem_reserve[LINUX_KINDS];
	/* The state: free pages, how many of those stand in high-order-atomic page blocks, and per order
	 * whether an aligned free block of at least that order exists. */
	uint64_t free, free_highatomic;
	bool block[LINUX_ORDERS];
};

struct linux_machine {
	unsigned page_shift;
	uint64_t min_free_kbytes; /* 0: from the size of lowmem; set by hand: not clamped */
	unsigned watermark_scale; /* of 10,000; Linux's default is 10 */
	unsigned ratio[LINUX_KINDS]; /* lowmem_reserve_ratio; 0: that zone keeps nothing */
	unsigned nodes;
	unsigned distance[LINUX_NODES_MAX][LINUX_NODES_MAX];
	unsigned zones;
	struct linux_zone zone[LINUX_ZONES_MAX];
};

struct linux_request {
	unsigned flags; /* enum linux_flag */
	unsigned order;
	unsigned node; /* the local one, or the one asked for */
	bool realtime_task, oom_victim;
};

enum linux_pass {
	LINUX_PASS_FAST,   /* everybody's first try, at low */
	LINUX_PASS_SLOW,   /* at min, less what the rights allow */
	LINUX_PASS_NOMARK, /* MEMALLOC: without watermarks */
	LINUX_PASSES,
};

struct linux_verdict {
	bool valid;    /* the zone modifiers do not contradict each other */
	bool admitted;
	enum linux_pass pass;
	unsigned zone; /* an index into zone[] */
};

/* ---------------------------------------------------------------- setup */

static inline bool linux_is_lowmem(enum linux_zone_kind kind)
{
	return kind == LINUX_DMA || kind == LINUX_DMA32 || kind == LINUX_NORMAL;
}

static inline uint64_t linux_sqrt(uint64_t square)
{
	uint64_t low = 0, high = (uint64_t)1 << 32;

	while (high - low > 1) { /* low^2 <= square < high^2 */
		uint64_t middle = low + (high - low) / 2;

		if (middle <= square / middle)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static inline uint64_t linux_clamp(uint64_t value, uint64_t least, uint64_t most)
{
	return value < least ? least : value > most ? most : value;
}

static inline uint64_t linux_lowmem_pages(const struct linux_machine *machine)
{
	uint64_t pages = 0;
	unsigned i;

	for (i = 0; i < machine->zones; i++)
		if (linux_is_lowmem(machine->zone[i].kind))
			pages += machine->zone[i].managed;
	return pages;
}

/* Linux: sqrt(lowmem in kB x 16), within 128..262144; what the administrator writes is taken as it is. */
static inline uint64_t linux_min_free_kbytes(const struct linux_machine *machine)
{
	uint64_t lowmem_kbytes = linux_lowmem_pages(machine) << (machine->page_shift - 10);

	if (machine->min_free_kbytes)
		return machine->min_free_kbytes;
	return linux_clamp(linux_sqrt(lowmem_kbytes * 16), 128, 262144);
}

/* value x times / by, rounded down, with room for the product.  (There is no Linux without lowmem.) */
static inline uint64_t linux_share(uint64_t value, uint64_t times, uint64_t by)
{
	return (uint64_t)((unsigned __int128)value * times / by);
}

/*
 * Linux: min of a lowmem zone is its share by managed pages; of highmem and movable, managed / 1024 within
 * 32..128, whatever min_free_kbytes says.  The gap between the marks is the greater of a quarter of the zone's
 * share (the share, not what highmem and movable have for a min: an empty movable zone shows 32, 32, 32 in
 * /proc/zoneinfo) and managed x scale / 10000.
 */
static inline void linux_setup_marks(struct linux_machine *machine, struct linux_zone *zone)
{
	uint64_t all_min = linux_min_free_kbytes(machine) >> (machine->page_shift - 10);
	uint64_t share = linux_share(all_min, zone->managed, linux_lowmem_pages(machine));
	uint64_t gap = linux_share(zone->managed, machine->watermark_scale, 10000);

	zone->min = linux_is_lowmem(zone->kind) ? share : linux_clamp(zone->managed / 1024, 32, 128);
	if (gap < share / 4)
		gap = share / 4;
	zone->low = zone->min + gap;
	zone->high = zone->low + gap;
}

static inline uint64_t linux_managed(const struct linux_machine *machine, unsigned node, unsigned kind)
{
	uint64_t pages = 0;
	unsigned i;

	for (i = 0; i < machine->zones; i++)
		if (machine->zone[i].node == node && (unsigned)machine->zone[i].kind == kind)
			pages += machine->zone[i].managed;
	return pages;
}

/* Linux: zone i of a node keeps, from requests that could have had zone j > i, the managed pages of the node's
 * zones i+1..j by its ratio.  From its own requests, and those of lower zones, it keeps nothing. */
static inline void linux_setup_reserve(const struct linux_machine *machine, struct linux_zone *zone)
{
	uint64_t above = 0;
	unsigned kind;

	for (kind = 0; kind < LINUX_KINDS; kind++) {
		zone->lowmem_reserve[kind] = 0;
		if (kind <= (unsigned)zone->kind)
			continue;
		above += linux_managed(machine, zone->node, kind);
		if (machine->ratio[zone->kind])
			zone->lowmem_reserve[kind] = above / machine->ratio[zone->kind];
	}
}

static inline void linux_setup(struct linux_machine *machine)
{
	unsigned i;

	for (i = 0; i < machine->zones; i++) {
		linux_setup_marks(machine, &machine->zone[i]);
		linux_setup_reserve(machine, &machine->zone[i]);
	}
}

/* ---------------------------------------------------------------- from flags to rights */

struct linux_rights {
	bool min_reserve, non_blocking, highatomic, oom_victim, no_watermarks;
};

/* The highest zone that the flags allow; the test of lowmem reserves asks for this one. */
static inline enum linux_zone_kind linux_highest_zone(unsigned flags)
{
	bool dma = flags & LINUX_GFP_DMA, dma32 = flags & LINUX_GFP_DMA32;
	bool highmem = flags & LINUX_GFP_HIGHMEM, movable = flags & LINUX_GFP_MOVABLE;

	if (dma + dma32 + highmem > 1)
		return LINUX_NO_KIND;
	if (dma)
		return LINUX_DMA;
	if (dma32)
		return LINUX_DMA32;
	if (highmem)
		return movable ? LINUX_MOVABLE : LINUX_HIGHMEM;
	return LINUX_NORMAL;
}

/* The fast path has no rights at all: it tests low as everybody. */
static inline struct linux_rights linux_slow_rights(const struct linux_request *request)
{
	struct linux_rights rights = { 0 };
	bool sleeps = request->flags & LINUX_GFP_DIRECT_RECLAIM;

	rights.min_reserve = request->flags & LINUX_GFP_HIGH;
	rights.non_blocking = !sleeps && !(request->flags & LINUX_GFP_NOMEMALLOC);
	rights.highatomic = rights.non_blocking && rights.min_reserve && request->order > 0;
	if (sleeps && request->realtime_task)
		rights.min_reserve = true;
	rights.oom_victim = request->oom_victim;
	return rights;
}

static inline bool linux_ignores_watermarks(const struct linux_request *request)
{
	return (request->flags & LINUX_GFP_MEMALLOC) && !(request->flags & LINUX_GFP_NOMEMALLOC);
}

/* ---------------------------------------------------------------- the watermark test */

static inline uint64_t linux_floor(uint64_t mark, const struct linux_rights *rights)
{
	uint64_t floor = mark;

	if (rights->min_reserve) {
		floor -= floor / 2;
		if (rights->non_blocking)
			floor -= floor / 4;
	}
	if (rights->oom_victim)
		floor -= floor / 2;
	return floor;
}

static inline bool linux_watermark_ok(const struct linux_zone *zone, const struct linux_request *request,
				      uint64_t mark, const struct linux_rights *rights)
{
	bool reserves = rights->min_reserve || rights->non_blocking || rights->oom_victim;
	__int128 usable = zone->free;
	__int128 floor = linux_floor(mark, rights);

	usable -= ((uint64_t)1 << request->order) - 1;
	if (!reserves)
		usable -= zone->free_highatomic;
	floor += zone->lowmem_reserve[linux_highest_zone(request->flags)];
	return usable > floor;
}

static inline bool linux_has_block(const struct linux_zone *zone, unsigned order)
{
	return order ? zone->free >> order && zone->block[order] : zone->free > 0;
}

/* Does this zone give the request at this pass? */
static inline bool linux_zone_admits(const struct linux_zone *zone, const struct linux_request *request,
				     enum linux_pass pass)
{
	static const struct linux_rights none;
	struct linux_rights rights = linux_slow_rights(request);

	if (!linux_has_block(zone, request->order))
		return false;
	if (pass == LINUX_PASS_FAST)
		return linux_watermark_ok(zone, request, zone->low, &none);
	if (pass == LINUX_PASS_SLOW)
		return linux_watermark_ok(zone, request, zone->min, &rights);
	return linux_ignores_watermarks(request);
}

/* ---------------------------------------------------------------- the way */

static inline bool linux_zone_allowed(const struct linux_zone *zone, const struct linux_request *request)
{
	if ((request->flags & LINUX_GFP_THISNODE) && zone->node != request->node)
		return false;
	return (unsigned)zone->kind <= (unsigned)linux_highest_zone(request->flags);
}

/*
 * Does zone a certainly come before zone b?  Nearer nodes first, within one from the highest zone downward.
 * Nodes at one distance are in an order that these rules do not say: neither comes certainly first.
 */
static inline bool linux_comes_before(const struct linux_machine *machine, const struct linux_request *request,
				      const struct linux_zone *a, const struct linux_zone *b)
{
	unsigned from = request->node;

	if (a->node == b->node)
		return a->kind > b->kind;
	if (a->node == from || b->node == from)
		return a->node == from;
	return machine->distance[from][a->node] < machine->distance[from][b->node];
}

/* May this zone be the one that the pass takes?  Where nodes are equally far, more than one may. */
static inline bool linux_pass_may_take(const struct linux_machine *machine, const struct linux_request *request,
				       enum linux_pass pass, unsigned zone)
{
	const struct linux_zone *this = &machine->zone[zone];
	unsigned i;

	if (!linux_zone_allowed(this, request) || !linux_zone_admits(this, request, pass))
		return false;
	for (i = 0; i < machine->zones; i++) {
		const struct linux_zone *other = &machine->zone[i];

		if (linux_zone_allowed(other, request) && linux_zone_admits(other, request, pass) &&
		    linux_comes_before(machine, request, other, this))
			return false;
	}
	return true;
}

/*
 * The whole call: a pass over all zones at low, one at min with the rights, one without watermarks for whom that
 * is right.  (Linux repeats the slow pass without the node mask of memory policies; there is none here, and
 * THISNODE is not one.)
 */
static inline struct linux_verdict linux_admit(const struct linux_machine *machine,
					       const struct linux_request *request)
{
	struct linux_verdict verdict = { 0 };
	unsigned pass, zone;

	verdict.valid = linux_highest_zone(request->flags) != LINUX_NO_KIND && request->order < LINUX_ORDERS;
	if (!verdict.valid)
		return verdict;
	for (pass = 0; pass < LINUX_PASSES; pass++) {
		for (zone = 0; zone < machine->zones; zone++) {
			if (linux_pass_may_take(machine, request, pass, zone)) {
				verdict.admitted = true;
				verdict.pass = pass;
				verdict.zone = zone;
				return verdict;
			}
		}
	}
	return verdict;
}

/* Linux: who may sleep and says NOFAIL gets a page or does not come back; all others may get nothing. */
static inline bool linux_may_return_nothing(const struct linux_request *request)
{
	return !(request->flags & LINUX_GFP_NOFAIL) || !(request->flags & LINUX_GFP_DIRECT_RECLAIM);
}

#endif
