/* SPDX-License-Identifier: MIT */
/*
 * reclaim.h - what the tests of reclaim share: a labyrinth with a keeper by hand, and two caches that can shrink.
 */
#ifndef LAB_TEST_RECLAIM_H
#define LAB_TEST_RECLAIM_H

#include "home.h"

#define FRAMES 2048u
#define MS ((uint64_t)1000000)

static struct labyrinth *lab;
static struct lab_keeper *keeper;
static struct lab_request patient; /* may sleep */

/* A program's cache: pages that it can do without. */
struct cache {
	struct lab_page *page[FRAMES];
	unsigned int pages;
	long most;	     /* that one call frees; 0: as many as it is asked for */
	unsigned int calls;
	unsigned int number; /* of the last call, among all caches' */
	long asked;	     /* by the last call */
};

static struct cache one, two;
static unsigned int asked_in_all;

static inline long shrink_cache(void *arg, long frames)
{
	struct cache *cache = arg;
	long n = 0, most = cache->most && cache->most < frames ? cache->most : frames;

	cache->calls++;
	cache->number = ++asked_in_all;
	cache->asked = frames;
	for (; n < most && cache->pages; n++)
		assert_int_equal(lab_free_pages(lab, cache->page[--cache->pages], 0), 0);
	return n;
}

static struct lab_shrinker first = { .name = "one", .shrink = shrink_cache, .arg = &one, .priority = 1 };
static struct lab_shrinker second = { .name = "two", .shrink = shrink_cache, .arg = &two, .priority = 2 };

static inline void fill_cache(struct cache *cache, unsigned int pages)
{
	for (; pages; pages--)
		cache->page[cache->pages++] = alloc_ok(lab, LAB_MEMALLOC, 0);
}

static inline struct lab_keeper_stats figures(void)
{
	struct lab_keeper_stats stats;

	assert_int_equal(lab_keeper_stats(keeper, &stats), 0);
	return stats;
}

static inline struct lab_user_room marked_room(void)
{
	struct lab_user_room room = memory_room(FRAMES * 4096);

	room.min = 100;
	room.low = 150;
	room.high = 200;
	return room;
}

static inline int setup(void **state)
{
	struct lab_user_room room = marked_room();
	struct lab_keeper_spec by_hand = { .by_hand = true };

	(void)state;
	memset(&one, 0, sizeof(one));
	memset(&two, 0, sizeof(two));
	asked_in_all = 0;
	patient = LAB_REQUEST(LAB_GFP_KERNEL, 0);
	lab = opened(&room, LAB_LAZY);
	assert_int_equal(lab_keeper_start(lab, &by_hand, &keeper), 0);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	assert_whole(lab);
	lab_user_close(lab);
	return 0;
}

#endif
