/* SPDX-License-Identifier: MIT */
/*
 * rules.h - SPEC.md's arithmetic, written again from the text: watermarks (8), pools (9), rights (7), routes
 * (10).  Plain and in wide numbers; nothing of it is taken from the core.  64-bit rules only.
 */
#ifndef FUZZ_RULES_H
#define FUZZ_RULES_H

#include <string.h>

#include <labyrinth.h>

#define RULE_SLOTS_MAX (((uint64_t)1 << 24) - 1)
#define RULE_BANDS_MAX 32u

typedef unsigned __int128 rule_wide;

struct rule_marks {
	uint64_t min, low, high, reserve[LAB_ZONES];
	uint64_t floor[RULE_BANDS_MAX + 1]; /* pool i: from floor[i] to floor[i + 1] */
	unsigned int bands;
};

static inline uint64_t rule_managed(const struct lab_room_spec *room)
{
	uint64_t managed = room->frames;
	size_t i;

	for (i = 0; i < room->hole_count; i++)
		managed -= room->holes[i].frames;
	return managed;
}

/* ---- watermarks ---- */

/* Managed frames in zones first .. last; node -1: of all nodes. */
static inline uint64_t rule_frames(const struct lab_spec *spec, int node, unsigned int first, unsigned int last)
{
	uint64_t frames = 0;
	unsigned int i;

	for (i = 0; i < spec->room_count; i++)
		if ((node < 0 || spec->rooms[i].node == (unsigned int)node) && spec->rooms[i].zone >= first &&
		    spec->rooms[i].zone <= last)
			frames += rule_managed(&spec->rooms[i]);
	return frames;
}

static inline uint64_t rule_total(const struct lab_spec *spec)
{
	unsigned int shift = spec->page_shift - 10;
	rule_wide square = ((rule_wide)rule_frames(spec, -1, LAB_ZONE_DMA, LAB_ZONE_NORMAL) << shift) * 16;
	uint64_t root = 0, bit;

	if (spec->min_free_kbytes)
		return spec->min_free_kbytes >> shift;
	for (bit = (uint64_t)1 << 40; bit; bit >>= 1)
		if ((rule_wide)(root + bit) * (root + bit) <= square)
			root += bit;
	return (root < 128 ? 128 : root > 262144 ? 262144 : root) >> shift;
}

static inline uint64_t rule_gap(const struct lab_spec *spec, uint64_t part, uint64_t managed)
{
	rule_wide scaled = (rule_wide)managed * (spec->watermark_scale ? spec->watermark_scale : 10) / 10000;

	return part / 4 > scaled ? part / 4 : (uint64_t)scaled;
}

static inline void rule_reserves(const struct lab_spec *spec, const struct lab_room_spec *room, struct rule_marks *marks)
{
	static const unsigned int usual[LAB_ZONES] = { 256, 256, 32, 0, 0 };
	unsigned int ratio = spec->lowmem_ratio[room->zone], j;
	uint64_t zone = rule_frames(spec, (int)room->node, room->zone, room->zone);

	if (!ratio)
		ratio = usual[room->zone];
	for (j = room->zone + 1u; ratio && j < LAB_ZONES; j++)
		marks->reserve[j] = (uint64_t)((rule_wide)(rule_frames(spec, (int)room->node, room->zone + 1u, j) / ratio) *
					       rule_managed(room) / zone);
}

static inline void rule_linux(const struct lab_spec *spec, const struct lab_room_spec *room, struct rule_marks *marks)
{
	uint64_t managed = rule_managed(room), low = rule_frames(spec, -1, LAB_ZONE_DMA, LAB_ZONE_NORMAL), part;

	if (room->zone >= LAB_ZONES)
		return;
	part = low ? (uint64_t)((rule_wide)rule_total(spec) * managed / low) : 0;
	marks->min = part;
	if (room->zone > LAB_ZONE_NORMAL)
		marks->min = managed / 1024 < 32 ? 32 : managed / 1024 > 128 ? 128 : managed / 1024;
	marks->low = marks->min + rule_gap(spec, part, managed);
	marks->high = marks->low + rule_gap(spec, part, managed);
	rule_reserves(spec, room, marks);
}

/* min, low, high, reserve of a room. */
static inline void rule_watermarks(const struct lab_spec *spec, unsigned int number, struct rule_marks *marks)
{
	const struct lab_room_spec *room = &spec->rooms[number];

	memset(marks, 0, sizeof(*marks));
	if (room->min == LAB_MARK_LINUX) {
		rule_linux(spec, room, marks);
		return;
	}
	marks->min = room->min;
	marks->low = room->low;
	marks->high = room->high;
	memcpy(marks->reserve, room->lowmem_reserve, sizeof(marks->reserve));
	if (marks->min && !marks->low)
		marks->low = marks->min + rule_gap(spec, marks->min, rule_managed(room));
	if (marks->min && !marks->high)
		marks->high = 2 * marks->low - marks->min;
}

/* ---- rights ---- */

static inline enum lab_right rule_right(lab_gfp_t gfp)
{
	if (gfp & LAB_MEMALLOC && !(gfp & LAB_NOMEMALLOC))
		return LAB_RIGHT_ALL;
	if (!(gfp & LAB_HIGH))
		return LAB_RIGHT_MIN;
	return gfp & (LAB_DIRECT_RECLAIM | LAB_NOMEMALLOC) ? LAB_RIGHT_HIGH : LAB_RIGHT_ATOMIC;
}

static inline unsigned int rule_zone(lab_gfp_t gfp)
{
	if (gfp & LAB_DMA)
		return LAB_ZONE_DMA;
	if (gfp & LAB_DMA32)
		return LAB_ZONE_DMA32;
	if (!(gfp & LAB_HIGHMEM))
		return LAB_ZONE_NORMAL;
	return gfp & LAB_MOVABLE ? LAB_ZONE_MOVABLE : LAB_ZONE_HIGHMEM;
}

/* How many frames must be left; zone LAB_ZONES: no lowmem reserve binds. */
static inline uint64_t rule_floor(const struct rule_marks *marks, unsigned int right, unsigned int zone)
{
	uint64_t half = marks->min - marks->min / 2, floor = marks->low;

	if (right == LAB_RIGHT_ALL)
		return 0;
	if (right == LAB_RIGHT_MIN)
		floor = marks->min;
	else if (right == LAB_RIGHT_HIGH)
		floor = half;
	else if (right == LAB_RIGHT_ATOMIC)
		floor = half - half / 4;
	return floor + (zone < LAB_ZONES ? marks->reserve[zone] : 0);
}

/* ---- pools ---- */

static inline void rule_add_floor(struct rule_marks *marks, uint64_t floor, uint64_t most)
{
	unsigned int at = marks->bands + 1, i;

	floor = floor < most ? floor : most;
	for (i = 0; i < at; i++)
		if (marks->floor[i] == floor)
			return;
	for (; at > 0 && marks->floor[at - 1] > floor; at--)
		marks->floor[at] = marks->floor[at - 1];
	marks->floor[at] = floor;
	marks->bands++;
}

/* The floors between which the pools lie; the marks are there. */
static inline void rule_pools(struct rule_marks *marks, uint64_t managed)
{
	uint64_t most = managed < RULE_SLOTS_MAX ? managed : RULE_SLOTS_MAX;
	unsigned int right, zone;

	marks->bands = 0;
	marks->floor[0] = 0;
	rule_add_floor(marks, marks->high, most);
	for (right = LAB_RIGHT_LOW; right < LAB_RIGHT_ALL; right++)
		for (zone = 0; zone <= LAB_ZONES; zone++)
			if (zone == LAB_ZONES || marks->reserve[zone])
				rule_add_floor(marks, rule_floor(marks, right, zone), most);
}

/* Frames that pools hold when all are full. */
static inline uint64_t rule_pooled_most(const struct rule_marks *marks)
{
	return marks->floor[marks->bands];
}

/* The pool that holds the n-th frame of a room's free ones, counted from the innermost; -1: the commons. */
static inline int rule_band(const struct rule_marks *marks, uint64_t n)
{
	unsigned int i;

	for (i = 0; i < marks->bands; i++)
		if (n <= marks->floor[i + 1])
			return (int)i;
	return -1;
}

/* ---- routes ---- */

static inline unsigned int rule_distance(const struct lab_spec *spec, unsigned int from, unsigned int to)
{
	if (from == to)
		return 0;
	return spec->distance ? 1u + spec->distance[from * spec->nodes + to] : 1;
}

/* The rooms of a route, in order: nodes by distance, then number; zones downwards; rooms as given. */
static inline unsigned int rule_route(const struct lab_spec *spec, unsigned int from, unsigned int highest,
				      uint8_t *rooms)
{
	unsigned int nodes = spec->nodes ? spec->nodes : 1, node, i, n = 0, distance;
	int zone;

	for (distance = 0; distance <= 256; distance++)
		for (node = 0; node < nodes; node++) {
			if (rule_distance(spec, from, node) != distance)
				continue;
			for (zone = (int)highest; zone >= 0; zone--)
				for (i = 0; i < spec->room_count; i++)
					if (spec->rooms[i].node == node && (int)spec->rooms[i].zone == zone)
						rooms[n++] = (uint8_t)i;
		}
	return n;
}

#endif
