/* SPDX-License-Identifier: MIT */
/*
 * oracle.h - every frame's state, and Linux's arithmetic over plain counts of them; property.c's other half.
 */
#ifndef ORACLE_H
#define ORACLE_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <labyrinth.h>

#define ROOMS 4
#define HELD_MAX 60000
#define FRAMES_MAX 40000

enum { FREE, HELD, BODY, OUT, HOLE };

struct held {
	struct lab_page *page;
	uint64_t frame;
	uint16_t owner;
	uint8_t order, use;
	uint32_t generation;
};

static struct labyrinth *lab;
static struct lab_spec spec;
static struct lab_room_spec rooms[ROOMS], marks[ROOMS];
static const uint8_t distances[4] = { 10, 20, 20, 10 };
static const struct lab_hole holes[] = { { 4096 + 700, 90 }, { 4096 + 3000, 513 } };

static struct {
	unsigned char state[FRAMES_MAX]; /* by frame number */
	unsigned char poisoned[FRAMES_MAX];
	uint64_t free[ROOMS];
	struct held held[HELD_MAX];
	unsigned int count;
} oracle;

static uint64_t random_state, operation, seed;
static uint64_t done[32];

static uint64_t rnd(uint64_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return below ? random_state % below : 0;
}

#define CHECK(what, ...)                                                                                     \
	do {                                                                                                 \
		if (!(what)) {                                                                               \
			printf("FAIL %s:%d: %s: ", __FILE__, __LINE__, #what);                               \
			printf(__VA_ARGS__);                                                                 \
			printf("\nrerun: property %" PRIu64 " %" PRIu64 "\n", operation + 1, seed);           \
			exit(1);                                                                             \
		}                                                                                            \
	} while (0)

static int room_of(uint64_t frame)
{
	int i;

	for (i = 0; i < ROOMS; i++)
		if (frame - rooms[i].first_frame < rooms[i].frames)
			return i;
	return -1;
}

static void oracle_take(uint64_t frame, unsigned int order)
{
	uint64_t i, n = (uint64_t)1 << order;

	CHECK(!(frame & (n - 1)), "frame %" PRIu64 " order %u not aligned", frame, order);
	for (i = 0; i < n; i++) {
		CHECK(oracle.state[frame + i] == FREE, "frame %" PRIu64 " given twice", frame + i);
		oracle.state[frame + i] = i ? BODY : HELD;
	}
	oracle.free[room_of(frame)] -= n;
}

static void oracle_give(uint64_t frame, unsigned int order)
{
	uint64_t i;

	for (i = 0; i < (uint64_t)1 << order; i++) {
		oracle.state[frame + i] = FREE;
		oracle.free[room_of(frame)]++;
	}
	if (oracle.poisoned[frame]) { /* only heads can be marked */
		oracle.poisoned[frame] = 0;
		oracle.state[frame] = OUT;
		oracle.free[room_of(frame)]--;
	}
}

/* Memory behind a page: zero where that was asked for; and dirty from now on, as its holder leaves it. */
static void use_memory(const struct lab_page *page, const struct lab_request *request)
{
	uint64_t *word = lab_page_address(lab, page);
	uint64_t frames = (uint64_t)1 << request->order, i;

	for (i = 0; word && i < frames; i++, word += 512) {
		unsigned int some = (unsigned int)rnd(512);

		if (request->gfp & LAB_ZERO)
			CHECK(!word[0] && !word[some] && !word[511], "a frame that is not zero");
		word[0] = word[some] = word[511] = operation + 1;
	}
}

static void hold(struct lab_page *page, const struct lab_request *request)
{
	struct held *held = &oracle.held[oracle.count++];
	struct lab_page_info info;

	CHECK(!lab_page_info(lab, page, &info), "no info");
	*held = (struct held){ .page = page, .frame = info.frame, .order = request->order, .use = request->use,
			       .owner = request->owner, .generation = info.generation };
	if (request->gfp & LAB_EXCLUSIVE && !held->owner)
		held->owner = LAB_OWNER_EXCLUSIVE;
	CHECK(info.state == LAB_OWNED && info.order == held->order && info.owner == held->owner && info.use == held->use,
	      "tag of frame %" PRIu64 " is not what was asked", info.frame);
	CHECK(lab_frame_page(lab, held->frame) == page && lab_page_frame(lab, page) == held->frame, "conversion");
	oracle_take(held->frame, held->order);
	use_memory(page, request);
}

static void forget(unsigned int i)
{
	oracle.held[i] = oracle.held[--oracle.count];
}

/*
 * With 32-bit words a room has at most 8 pools, so the floors of other zones' requests are coarser: the next
 * one at which a pool begins.  With 64 bits each floor is one.
 */
static uint64_t rounded_floor(uint64_t floor, int room)
{
	struct lab_room_stats stats;
	unsigned int i;

	if (LAB_OWNER_MAX == 0xffffu || !lab || lab_room_stats(lab, (unsigned int)room, &stats))
		return floor;
	for (i = 0; i < stats.bands; i++)
		if (stats.band_floor[i] >= floor)
			return stats.band_floor[i];
	i = stats.bands - 1;
	return stats.bands ? stats.band_floor[i] + stats.band_frames[i] : floor;
}

/* Linux's floor for one zone, written again from the rules. */
static uint64_t linux_floor(const struct lab_request *request, int room)
{
	lab_gfp_t gfp = request->gfp;
	unsigned int zone = LAB_ZONE_NORMAL;
	uint64_t floor = marks[room].min;

	if (gfp & LAB_MEMALLOC && !(gfp & LAB_NOMEMALLOC))
		return 0;
	if (gfp & LAB_HIGH) {
		floor -= floor / 2;
		if (!(gfp & LAB_DIRECT_RECLAIM) && !(gfp & LAB_NOMEMALLOC))
			floor -= floor / 4;
	}
	if (gfp & LAB_DMA)
		zone = LAB_ZONE_DMA;
	else if (gfp & LAB_DMA32)
		zone = LAB_ZONE_DMA32;
	else if (gfp & LAB_HIGHMEM)
		zone = gfp & LAB_MOVABLE ? LAB_ZONE_MOVABLE : LAB_ZONE_HIGHMEM;
	if (request->room >= 0)
		zone = rooms[room].zone;
	return rounded_floor(floor + (zone < LAB_ZONES ? marks[room].lowmem_reserve[zone] : 0), room);
}

/* Is a block of this order free in this room, whoever keeps its frames?  Slow; at refusals only. */
static bool block_free(int room, unsigned int order)
{
	uint64_t first = rooms[room].first_frame, end = first + rooms[room].frames, n = (uint64_t)1 << order, f, i;

	for (f = (first + n - 1) & ~(n - 1); f + n <= end; f += n) {
		for (i = 0; i < n && oracle.state[f + i] == FREE; i++)
			;
		if (i == n)
			return true;
	}
	return false;
}

/* Linux: what is left must not be below the floor, and there must be such a block. */
static bool linux_admits(const struct lab_request *request, int room)
{
	uint64_t n = (uint64_t)1 << request->order;

	return oracle.free[room] >= n && oracle.free[room] - n >= linux_floor(request, room) &&
	       (!request->order || block_free(room, request->order));
}

static void check_refusal(const struct lab_request *request, int error)
{
	struct lab_step steps[64];
	int n = lab_route_show(lab, request, steps, 64), i;
	bool any = false;

	if (n < 0) {
		CHECK(error == n, "refused by %d, its route by %d", error, n);
		return;
	}
	CHECK(error == -LAB_ENOMEM || (request->order && error == -LAB_ENOSPC), "error %d of order %u", error,
	      request->order);
	for (i = 0; i < n; i++) {
		int room = steps[i].room;

		CHECK(!linux_admits(request, room),
		      "gfp %x order %u refused, room %d has %" PRIu64 " free, floor %" PRIu64, request->gfp, request->order,
		      room, oracle.free[room], linux_floor(request, room));
		any |= oracle.free[room] > linux_floor(request, room);
	}
	CHECK(error != -LAB_ENOMEM || !any, "no memory, but there is some");
}

#endif
