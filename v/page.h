/* SPDX-License-Identifier: MIT */
/*
 * page.h - which room a page belongs to.  The public conversions stand in page.c.
 */
#ifndef LAB_PAGE_H
#define LAB_PAGE_H

#include "atomic.h"
#include "frame.h"

/* The number of the room whose tag this is, or -1.  Bounded by the number of rooms. */
static inline int page_room(const struct labyrinth *lab, const struct lab_page *page)
{
	unsigned int i;

	for (i = 0; i < lab->rooms; i++) {
		size_t distance = (uintptr_t)page - ((uintptr_t)lab + (uintptr_t)lab->span[i].tags_at);

		if (likely(distance < lab->span[i].tags_bytes))
			return distance % sizeof(struct lab_page) ? -1 : (int)i;
	}
	return -1;
}

/* Is this bit a frame of the room (not before its first or behind its last)? */
static inline bool room_has(const struct lab_room *room, lab_bit bit)
{
	return bit - room->lead < room->frames;
}

#endif
