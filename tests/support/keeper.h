/* SPDX-License-Identifier: MIT */
/*
 * keeper.h - what the tests of the keeper share: a labyrinth, its room, a watch over it, and what is held.
 */
#ifndef LAB_TEST_KEEPER_H
#define LAB_TEST_KEEPER_H

#include "room.h"
#include "../../core/keeper.h"

static struct labyrinth *lab;
static struct lab_room *room;
static struct keeper_watch watch;
static struct lab_page *held[MARKED_FRAMES];
static unsigned int holding;

/* Allocate, or free what was allocated last, until so many frames are free. */
static inline void leave_free(uint64_t frames)
{
	uint64_t free = free_frames(lab, 0);

	for (; free > frames; free--)
		held[holding++] = alloc_ok(lab, LAB_MEMALLOC, 0);
	for (; free < frames; free++)
		assert_int_equal(lab_free_pages(lab, held[--holding], 0), 0);
}

#endif
