/* SPDX-License-Identifier: MIT */
/*
 * stranded.c - the last free frame, put back by every path in every place, is had at once by everybody
 * who may have it, and refused as "none" to everybody else (promises P4 and P2).
 *
 * One thread; the threads are in stranded_threads.c.  A case is one taker at one frame (or block) that has
 * just come back: its answer, and that of the next one.  Everything else is in use.
 *
 *   paths    every path x place x state of the hints x taker; blocks of each order (stranded_paths.h)
 *   pools    the frame that fills each pool: who may have it, with every number of frames free
 *   stopped  the same with one or two calls stopped before each of their atomic operations, and what they
 *            answer when they go on (stranded_stopped.h)
 */
#include "stranded_paths.h"
#include "stranded_pools.h"
#include "stranded_stopped.h"
#include "stranded_given.h"
#include "stranded_wander.h"

#define NORMAL(first, count) { .name = "normal", .zone = LAB_ZONE_NORMAL, .first_frame = (first), .frames = (count) }
#define ZONE(which, first, count) { .name = #which, .zone = LAB_ZONE_##which, .first_frame = (first), .frames = (count) }

static const struct lab_hole holes[] = { { 0, 3 }, { 500, 20 }, { 1000, 512 } };

static const struct world worlds[] = {
	{ "word", 4, 1, 1, false, { NORMAL(0, 64) }, { 0, 31, 63, NOWHERE } },
	{ "lead", 4, 1, 1, false, { NORMAL(1606, 1300) }, { 1606, 2047, 2048, 2300, 2560, 2905, NOWHERE } },
	{ "memory", 4, 1, 1, true, { NORMAL(0, 1024) }, { 0, 511, 512, 700, 1023, NOWHERE } },
	{ "holes", 1, 1, 1, false, { { .name = "holes", .zone = LAB_ZONE_NORMAL, .frames = 1536, .holes = holes,
				       .hole_count = 3 } }, { 3, 499, 520, 999, 1512, NOWHERE } },
	{ "two-levels", 4, 1, 1, false, { NORMAL(0, 20480) }, { 0, 10000, 16383, 16384, 20479, NOWHERE } },
	{ "crowded", 2, 1, 1, false, { NORMAL(0, 66560) }, { 0, 32768, 40000, 66559, NOWHERE } },
	{ "three-levels", 4, 1, 1, false, { NORMAL(0, 527360) }, { 0, 200000, 524287, 524288, 527359, NOWHERE } },
	{ "zones", 4, 1, 4, false, { ZONE(DMA, 0, 512), ZONE(DMA32, 512, 1024), ZONE(NORMAL, 1536, 64),
				     ZONE(MOVABLE, 1600, 100) }, { 0, 511, 512, 1535, 1536, 1599, 1600, NOWHERE } },
	{ "nodes", 4, 2, 3, false, { ZONE(DMA32, 0, 600), NORMAL(1024, 600),
				     { .name = "far", .zone = LAB_ZONE_NORMAL, .node = 1, .first_frame = 2048, .frames = 600 } },
	  { 0, 599, 1024, 1536, 2048, 2647, NOWHERE } },
};
#define WORLDS (sizeof(worlds) / sizeof(*worlds))

static const lab_gfp_t zones[] = { 0, LAB_DMA, LAB_DMA32, LAB_HIGHMEM, LAB_HIGHMEM | LAB_MOVABLE };
static const unsigned int cpus[] = { 0, 1, 3, 4095 }; /* any number may call */

/* Every taker of one frame, with these hints. */
static void all_takers(const char *name, enum poke which, uint64_t frame)
{
	unsigned int zone_count = stage.world->rooms > 1 ? 5 : 1, n, rest, cpu;
	struct taker taker = { .frame = frame };

	for (n = 0; n < CALLS * 3 * 5 * 4 * zone_count && machine.failures < 20; n++) {
		rest = n;
		taker.call = (enum call)digit(&rest, CALLS);
		taker.gfp = some_rights[digit(&rest, 3)] | mobilities[digit(&rest, 5)];
		cpu = digit(&rest, 4);
		taker.gfp |= zones[rest];
		taker.cpu = cpus[cpu];
		taker.node = cpu % stage.world->nodes;
		if (stage.world->nodes > 1 && cpu > 1)
			taker.gfp |= LAB_THISNODE;
		stage_back();
		poke(which, &taker, frame);
		try_single(name, poke_name[which], &taker, frame);
	}
}

/* A block's taker lowers every hint that is too high: in a large room that is for a few takers only. */
static bool too_slow(const struct taker *taker, unsigned int most)
{
	return inside(0)->commons.leaves > 100 && !machine.long_form &&
	       (taker->order != most || taker->cpu > 0 || taker->call != CALL_PAGES);
}

/* Takers of blocks up to this order, and of single frames, until nothing is left. */
static void all_block_takers(const char *name, uint64_t frame, unsigned int most)
{
	static const enum call calls[] = { CALL_PAGES, CALL_REQUEST, CALL_BULK64 };
	static const enum poke pokes[] = { POKE_HISTORY, POKE_NONE, POKE_NEXT_LEAF, POKE_LEFT, POKE_STALE };
	struct taker taker = { .frame = frame };
	unsigned int n, rest;
	enum poke which;

	for (n = 0; n < 5 * 3 * 5 * (most + 1) && machine.failures < 20; n++) {
		rest = n;
		which = pokes[digit(&rest, 5)];
		taker.call = calls[digit(&rest, 3)];
		taker.cpu = digit(&rest, 5);
		taker.gfp = LAB_GFP_KERNEL | mobilities[taker.cpu];
		taker.order = taker.call == CALL_BULK64 ? 0 : rest;
		if (which == POKE_STALE && too_slow(&taker, most))
			continue;
		stage_back();
		poke(which, &taker, frame);
		try_blocks(name, poke_name[which], &taker, frame);
	}
}

/* A block of this order lies in one room, and nothing else: no hole in it. */
static bool block_fits(uint64_t frame, unsigned int order)
{
	const struct lab_room_spec *room = &stage.world->room[room_at(frame)];
	uint64_t last = frame + ((uint64_t)1 << order) - 1, i;

	if (frame < room->first_frame || last >= room->first_frame + room->frames)
		return false;
	for (i = 0; i < room->hole_count; i++)
		if (frame < room->holes[i].first_frame + room->holes[i].frames && last >= room->holes[i].first_frame)
			return false;
	return true;
}

static void path_case(const char *name, const struct path *path, uint64_t place, unsigned int order)
{
	uint64_t frame = place & ~(((uint64_t)1 << order) - 1), first = 0, count;
	unsigned int which;

	if (!block_fits(path->prepare == as_piece ? frame & ~(uint64_t)7 : frame, path->prepare == as_piece ? 3 : order))
		return;
	stage_base();
	this_cpu = 2; /* frees from here; takers are elsewhere, mostly */
	path->prepare(frame, order);
	if (stage.closed[room_at(frame)]) { /* free, but in a closed room: nobody's */
		stage_keep(frame);
		all_takers(name, POKE_HISTORY, frame);
		stage_back();
		this_cpu = 2;
	}
	count = path->put(frame, order, &first);
	loosen(frame + first, count);
	if (stage.bytes < 1000000 || order % 4 == 0 || machine.long_form) /* an audit reads every tag */
		stage_check(name);
	stage_keep(frame + first);
	for (which = 0; !order && which < POKES; which++)
		if (stage.world->rooms == 1 || which == POKE_HISTORY || which == POKE_NEXT_LEAF || which == POKE_LEFT)
			all_takers(name, (enum poke)which, frame);
	if (order && stage.world->rooms == 1)
		all_block_takers(name, frame + first, order);
}

/* How many places a world names. */
static unsigned int places(const struct world *world)
{
	unsigned int n = 0;

	while (world->place[n] != NOWHERE)
		n++;
	return n;
}

static void paths_of(const struct world *world)
{
	unsigned int n, rest, order;
	const struct path *path;
	bool open = false;
	uint64_t place;

	for (n = 0; n < PATHS * (LAB_ORDER_MAX + 1) * places(world); n++) {
		rest = n;
		place = world->place[digit(&rest, places(world))];
		order = digit(&rest, LAB_ORDER_MAX + 1);
		path = &paths[rest];
		snprintf(case_name, sizeof(case_name), "paths/%s/%s/%u/at-%" PRIu64, world->name, path->name, order, place);
		if (order < path->least || order > path->most || !wanted(case_name) || (path->memory && !world->memory))
			continue;
		if (!open)
			stage_open(world);
		open = true;
		path_case(case_name, path, place, order);
	}
	if (open)
		stage_close();
}

static void say(const char *what, const char *name)
{
	static uint64_t before;

	if (machine.cases != before)
		printf("%s/%s: %" PRIu64 " cases\n", what, name, machine.cases - before);
	before = machine.cases;
}

int main(int argc, char **argv)
{
	unsigned int i;

	machine_begin(argc, argv);
	for (i = 0; i < WORLDS; i++) {
		paths_of(&worlds[i]);
		say("paths", worlds[i].name);
	}
	for (i = 0; i < POOL_WORLDS; i++) {
		pools_of(&pool_worlds[i]);
		say("pools", pool_worlds[i].name);
	}
	for (i = 0; i < STOP_WORLDS; i++) {
		stopped_of(&stop_worlds[i]);
		say("stopped", stop_worlds[i].name);
	}
	conflicts();
	say("conflict", "large-blocks");
	stopped_in_pools();
	say("stopped", "pools");
	for (i = 0; i < WANDER_WORLDS; i++) {
		wander_of(&wander_worlds[i]);
		say("wander", wander_worlds[i].name);
	}
	return machine_end("P4 P2", "stranded");
}
