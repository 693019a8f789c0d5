/* SPDX-License-Identifier: MIT */
/*
 * stranded_threads.h - the scenes of stranded_threads.c, and the tokens by which it knows that a frame is free.
 *
 * There are as many tokens as frames.  Whoever asks claims first: a token for each frame, and for the call's
 * time one more for each frame below the floor of its right (SPEC.md 7), for those may be all that is free.
 * A frame's token goes back when its free has returned.  So at every instant of the call more frames than its
 * floor are in nobody's hand, and a refusal is wrong, whatever the others do.
 */
#ifndef STRANDED_THREADS_H
#define STRANDED_THREADS_H

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

#include <labyrinth.h>

#include "machine.h"

#define THREADS 8u
#define ROOMS_MOST 3u
#define HELD_MAX 4096u
#define FRAMES_MOST (1u << 17)

struct scene {
	const char *name;
	struct lab_room_spec room[ROOMS_MOST];
	unsigned int rooms, cpus;
	unsigned int keep;	/* so many frames of each room are in play, far apart; 0: all */
	unsigned int order_max; /* the odd threads ask for blocks too */
	unsigned int rights;	/* how many of the table below are asked with */
	bool bulk, wander, interrupts, service;
	unsigned int share; /* of the requests, in hundredths of the usual */
};

#define ROOM(z, first, count) { .name = #z, .zone = LAB_ZONE_##z, .first_frame = (first), .frames = (count) }
#define MARKED(z, first, count, a, b, c)                                                                     \
	{ .name = #z, .zone = LAB_ZONE_##z, .first_frame = (first), .frames = (count), .min = (a), .low = (b), \
	  .high = (c) }

static const struct scene scenes[] = {
	{ "one-word", { ROOM(NORMAL, 0, 64) }, 1, 4, .rights = 1, .share = 100 },
	{ "one-word-3-free", { ROOM(NORMAL, 0, 64) }, 1, 4, .keep = 3, .rights = 1, .share = 100 },
	{ "three-leaves", { ROOM(NORMAL, 70, 1400) }, 1, 4, .rights = 1, .bulk = true, .share = 100 },
	{ "three-leaves-7-free", { ROOM(NORMAL, 70, 1400) }, 1, 4, .keep = 7, .rights = 1, .share = 100 },
	{ "two-levels-12-free", { ROOM(NORMAL, 0, 20480) }, 1, 4, .keep = 12, .rights = 1, .interrupts = true,
	  .share = 100 },
	{ "two-levels-2-free", { ROOM(NORMAL, 0, 20480) }, 1, 8, .keep = 2, .rights = 1, .share = 60 },
	{ "leaves-of-ones-own", { ROOM(NORMAL, 0, 66560) }, 1, 1, .keep = 40, .rights = 1, .share = 100 },
	{ "in-and-out-of-service", { ROOM(NORMAL, 0, 600) }, 1, 4, .keep = 9, .rights = 1, .service = true, .share = 60 },
	{ "two-rooms", { ROOM(DMA32, 0, 64), ROOM(NORMAL, 512, 700) }, 2, 4, .keep = 5, .rights = 1, .share = 100 },
	{ "wandering", { ROOM(DMA, 0, 64), ROOM(DMA32, 512, 1024), ROOM(NORMAL, 1536, 100) }, 3, 4, .keep = 1,
	  .rights = 1, .wander = true, .interrupts = true, .share = 60 },
	{ "wandering-two-rooms", { ROOM(DMA32, 0, 600), ROOM(NORMAL, 1024, 64) }, 2, 8, .keep = 1, .rights = 1,
	  .wander = true, .share = 60 },
	{ "reserves-memalloc", { MARKED(NORMAL, 0, 256, 64, 80, 96) }, 1, 4, .keep = 4, .rights = 1, .share = 60 },
	{ "reserves-all-rights", { MARKED(NORMAL, 0, 700, 64, 80, 96) }, 1, 4, .rights = 4, .share = 60 },
	{ "reserves-few-slots", { MARKED(NORMAL, 0, 300, 8, 10, 12) }, 1, 4, .keep = 14, .rights = 4, .share = 60 },
	{ "reserves-two-rooms", { MARKED(DMA32, 0, 300, 8, 10, 12), MARKED(NORMAL, 512, 300, 8, 12, 20) }, 2, 4,
	  .keep = 14, .rights = 1, .share = 60 },
	{ "blocks", { ROOM(NORMAL, 0, 4096) }, 1, 4, .order_max = 6, .rights = 1, .share = 60 },
	{ "blocks-80-free", { ROOM(NORMAL, 0, 20480) }, 1, 4, .keep = 80, .order_max = 4, .rights = 1, .share = 60 },
	{ "blocks-bulk-two-rooms", { ROOM(DMA32, 0, 128), ROOM(NORMAL, 512, 600) }, 2, 2, .order_max = 6, .rights = 1,
	  .bulk = true, .share = 60 },
	{ "interrupted", { ROOM(NORMAL, 0, 1536) }, 1, 4, .keep = 6, .rights = 1, .interrupts = true, .share = 60 },
	{ "interrupted-reserves", { MARKED(NORMAL, 0, 300, 8, 10, 12) }, 1, 4, .keep = 15, .rights = 4,
	  .interrupts = true, .share = 60 },
};
#define SCENES (sizeof(scenes) / sizeof(*scenes))

/* In this order, the first in scenes without reserves (or where everything is anybody's). */
static const lab_gfp_t rights[] = { LAB_MEMALLOC, LAB_GFP_ATOMIC, LAB_HIGH | LAB_DIRECT_RECLAIM, LAB_GFP_KERNEL };
static const lab_gfp_t manners[] = { 0, LAB_MOVABLE, LAB_RECLAIMABLE, 0, LAB_COLD, LAB_MOVABLE, 0, LAB_COLD | LAB_MOVABLE };

/* How many frames of the only room must be left to a request with this right; SPEC.md 7. */
static inline unsigned int floor_of(const struct scene *scene, unsigned int right)
{
	unsigned int min = (unsigned int)scene->room[0].min, half = min - min / 2;

	return right == 0 ? 0 : right == 1 ? half - half / 4 : right == 2 ? half : min;
}

/* ---- tokens ---- */

static _Atomic long tokens __attribute__((aligned(64)));
static _Atomic long tokens_end __attribute__((aligned(64), unused));

/* How many are left, or -1: there were too few. */
static inline long claim(long n)
{
	long have = atomic_load(&tokens);

	while (have >= n)
		if (atomic_compare_exchange_weak(&tokens, &have, have - n))
			return have - n;
	return -1;
}

static inline void unclaim(long n)
{
	atomic_fetch_add(&tokens, n);
}

#endif
