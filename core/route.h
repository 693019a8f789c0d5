/* SPDX-License-Identifier: MIT */
/*
 * route.h - from a request to the rooms it may try and the rights it has there.
 *
 * On the way: entrance -> route -> room.  The tables are written at birth.  The rules are Linux's
 * (Documentation/mm and the flags' own comments there; SPEC.md, "Rights"):
 *
 *   zone      the highest one that the modifiers allow, then downwards; within a node first, then the
 *             next node by distance; LAB_THISNODE: no other node
 *   rights    MEMALLOC without NOMEMALLOC: everything.  HIGH: half of min; if it neither sleeps nor says
 *             NOMEMALLOC, a quarter of what is left too.  Else down to min.
 *   walk      right-major: all rooms down to low, all down to min, then the reserves
 */
#ifndef LAB_ROUTE_H
#define LAB_ROUTE_H

#include "room.h"

struct lab_way {
	const struct lab_request *request;
	struct lab_asker asker;
	enum lab_right right; /* the deepest one */
	uint8_t zone;	      /* highest zone: which lowmem reserves bind */
	bool memory;  /* only rooms that have some */
	uint8_t rooms;
	uint8_t room[LAB_ROOMS_MAX];
};

/* The highest zone that the modifiers of these flags allow. */
static inline unsigned int route_zone(lab_gfp_t gfp)
{
	/* By DMA, HIGHMEM, DMA32, MOVABLE (bits 0..3); the stricter modifier wins where two contradict. */
	static const uint8_t zone[16] = {
		LAB_ZONE_NORMAL,  LAB_ZONE_DMA, LAB_ZONE_HIGHMEM, LAB_ZONE_DMA, LAB_ZONE_DMA32,	 LAB_ZONE_DMA,
		LAB_ZONE_DMA32,	  LAB_ZONE_DMA, LAB_ZONE_NORMAL,  LAB_ZONE_DMA, LAB_ZONE_MOVABLE, LAB_ZONE_DMA,
		LAB_ZONE_DMA32,	  LAB_ZONE_DMA, LAB_ZONE_DMA32,	  LAB_ZONE_DMA,
	};

	return zone[gfp & 15];
}

static inline void route_asker(lab_gfp_t gfp, struct lab_asker *asker)
{
	asker->slot = (unsigned int)(gfp >> 3) & 3;
	asker->end = gfp & LAB_MOVABLE ? LAB_HIGH_END : LAB_LOW_END;
	if (gfp & LAB_COLD) { /* where this mobility's warm frames are not */
		asker->slot = LAB_COLD_HINT;
		asker->end = asker->end == LAB_LOW_END ? LAB_HIGH_END : LAB_LOW_END;
	}
}

enum lab_right route_right(lab_gfp_t gfp);

/* Is a request possible at all?  0, -LAB_EINVAL, -LAB_ENXIO. */
int route_check(const struct labyrinth *lab, const struct lab_request *request);

/*
 * Check a request and find its way; with `memory` only through rooms that have memory behind them.
 * 0, -LAB_EINVAL, -LAB_ENXIO, -LAB_ENOTSUP.
 */
int route_find(const struct labyrinth *lab, const struct lab_request *request, bool memory, struct lab_way *way);

/* The right after this one on a way: everybody's two, then step by step, or the whole reserve at once. */
static inline unsigned int route_next_right(const struct lab_way *way, unsigned int right)
{
	return right == LAB_RIGHT_MIN && way->right == LAB_RIGHT_ALL ? LAB_RIGHT_ALL : right + 1;
}

/* The pools that a way may draw from in a room at a right. */
static inline uint32_t route_bands(const struct lab_room *room, const struct lab_way *way, enum lab_right right)
{
	return room->entitled[right][way->zone];
}

#endif
