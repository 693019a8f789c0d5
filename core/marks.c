/* SPDX-License-Identifier: MIT */
/*
 * marks.c - Linux's watermark arithmetic (rules, as facts, from its page allocator; SPEC.md, "Rights").
 *
 *   min_free_kbytes   sqrt(lowmem in kB x 16), within 128 .. 262144
 *   min               a zone's share of it by managed frames; highmem and movable: managed / 1024 within
 *                     32 .. 128
 *   gap               the larger of a quarter of that share and managed x scale / 10000
 *   low, high         min + gap, low + gap
 *   lowmem_reserve[j] managed frames of the node's zones above this one up to j, divided by the ratio
 */
#include "marks.h"

#define FLOORS_MAX (LAB_BANDS_MAX + 1)
#define CANDIDATES_MAX (6u + 4u * LAB_ZONES)
_Static_assert(LAB_BANDS_MAX >= 6, "the floors of a zone's own requests: 0, high, low, min and two inside it; zeroed frames");

uint64_t marks_managed(const struct lab_room_spec *room)
{
	uint64_t managed = room->frames;
	size_t i;

	for (i = 0; i < room->hole_count; i++)
		managed -= room->holes[i].frames;
	return managed;
}

static uint64_t square_root(uint64_t n)
{
	uint64_t root = 0, bit = (uint64_t)1 << 31;

	for (; bit; bit >>= 1)
		if ((root | bit) * (root | bit) <= n)
			root |= bit;
	return root;
}

static bool zone_is_low(unsigned int zone)
{
	return zone <= LAB_ZONE_NORMAL;
}

static uint64_t lowmem_frames(const struct lab_spec *spec)
{
	uint64_t frames = 0;
	unsigned int i;

	for (i = 0; i < spec->room_count; i++)
		if (zone_is_low(spec->rooms[i].zone))
			frames += marks_managed(&spec->rooms[i]);
	return frames;
}

static uint64_t clamp(uint64_t n, uint64_t least, uint64_t most)
{
	return n < least ? least : n > most ? most : n;
}

/* min_free_kbytes in frames. */
static uint64_t min_free_frames(const struct lab_spec *spec)
{
	unsigned int shift = spec->page_shift - 10;
	uint64_t kbytes = spec->min_free_kbytes;

	if (!kbytes)
		kbytes = clamp(square_root((lowmem_frames(spec) << shift) * 16), 128, 262144);
	return kbytes >> shift;
}

/* n x a / b, rounded down, for b < 2^63, where it fits; 0 for b = 0.  Bit by bit, for n x a may not fit. */
static uint64_t share(uint64_t n, uint64_t a, uint64_t b)
{
	uint64_t quotient = 0, rest = 0;
	unsigned int bit;

	if (!b)
		return 0;
	for (bit = 64; bit-- > 0;) { /* the digits of a, in base 2: quotient x b + rest is what they have made of n so far */
		quotient = quotient * 2 + (a >> bit & 1) * (n / b);
		rest *= 2;
		if (rest >= b) {
			rest -= b;
			quotient++;
		}
		rest += (a >> bit & 1) * (n % b);
		if (rest >= b) {
			rest -= b;
			quotient++;
		}
	}
	return quotient;
}

/* Managed frames on this room's node in zones first .. last. */
static uint64_t node_frames(const struct lab_spec *spec, unsigned int node, unsigned int first, unsigned int last)
{
	uint64_t frames = 0;
	unsigned int i;

	for (i = 0; i < spec->room_count; i++)
		if (spec->rooms[i].node == node && spec->rooms[i].zone >= first && spec->rooms[i].zone <= last)
			frames += marks_managed(&spec->rooms[i]);
	return frames;
}

static void linux_reserve(const struct lab_spec *spec, const struct lab_room_spec *room, struct lab_room_spec *marks)
{
	static const unsigned int usual[LAB_ZONES] = { 256, 256, 32, 0, 0 };
	uint64_t zone_frames = node_frames(spec, room->node, room->zone, room->zone);
	unsigned int ratio = spec->lowmem_ratio[room->zone], j;

	if (!ratio)
		ratio = usual[room->zone];
	for (j = room->zone + 1u; ratio && j < LAB_ZONES; j++) /* several rooms of one zone share its reserve */
		marks->lowmem_reserve[j] = share(node_frames(spec, room->node, room->zone + 1u, j) / ratio,
						 marks_managed(room), zone_frames);
}

static uint64_t marks_gap(const struct lab_spec *spec, uint64_t part, uint64_t managed)
{
	uint64_t scaled = share(managed, spec->watermark_scale ? spec->watermark_scale : 10, 10000);

	return part / 4 > scaled ? part / 4 : scaled;
}

void lab_linux_marks(const struct lab_spec *spec, unsigned int number, struct lab_room_spec *marks)
{
	const struct lab_room_spec *room = &spec->rooms[number];
	uint64_t managed = marks_managed(room), part, gap;
	unsigned int j;

	*marks = *room;
	marks->min = marks->low = marks->high = 0;
	for (j = 0; j < LAB_ZONES; j++)
		marks->lowmem_reserve[j] = 0;
	if (room->zone >= LAB_ZONES)
		return;
	part = share(min_free_frames(spec), managed, lowmem_frames(spec));
	marks->min = zone_is_low(room->zone) ? part : clamp(managed / 1024, 32, 128);
	gap = marks_gap(spec, part, managed);
	marks->low = marks->min + gap;
	marks->high = marks->low + gap;
	linux_reserve(spec, room, marks);
}

void marks_resolve(const struct lab_spec *spec, unsigned int number, struct lab_room_spec *marks)
{
	const struct lab_room_spec *room = &spec->rooms[number];
	uint64_t managed = marks_managed(room);

	if (room->min == LAB_MARK_LINUX)
		lab_linux_marks(spec, number, marks);
	else
		*marks = *room;
	if (marks->min && !marks->low)
		marks->low = marks->min + marks_gap(spec, marks->min, managed);
	if (marks->min && !marks->high)
		marks->high = marks->low + (marks->low - marks->min);
}

uint64_t marks_floor(const struct lab_room_spec *marks, enum lab_right right, unsigned int zone)
{
	uint64_t reserve = zone < LAB_ZONES ? marks->lowmem_reserve[zone] : 0, floor;

	switch (right) {
	case LAB_RIGHT_LOW:
		return marks->low + reserve;
	case LAB_RIGHT_MIN:
		return marks->min + reserve;
	case LAB_RIGHT_HIGH:
		return marks->min - marks->min / 2 + reserve;
	case LAB_RIGHT_ATOMIC:
		floor = marks->min - marks->min / 2;
		return floor - floor / 4 + reserve;
	default:
		return 0; /* no watermarks at all */
	}
}

/* Insert into an ascending list without repeats. */
static unsigned int insert(uint64_t *list, unsigned int n, uint64_t value)
{
	unsigned int at = n, i;

	while (at > 0 && list[at - 1] > value)
		at--;
	if (at > 0 && list[at - 1] == value)
		return n;
	for (i = n; i > at; i--)
		list[i] = list[i - 1];
	list[at] = value;
	return n + 1;
}

unsigned int marks_floors(const struct lab_room_spec *marks, uint64_t managed, uint64_t *floor)
{
	uint64_t most = managed < LAB_SLOTS_MAX - 1 ? managed : LAB_SLOTS_MAX - 1;
	uint64_t list[CANDIDATES_MAX + 1];
	unsigned int most_floors = FLOORS_MAX - (marks->zeroed != 0); /* that pool is the last child of the root */
	unsigned int n = 0, right, zone;

	n = insert(list, n, 0);
	n = insert(list, n, clamp(marks->high, 0, most));
	for (right = 0; right < LAB_RIGHTS; right++)
		n = insert(list, n, clamp(marks_floor(marks, (enum lab_right)right, LAB_ZONES), 0, most));
	for (zone = LAB_ZONES; zone-- > 0;) /* the largest first: where floors run out, others are rounded up */
		for (right = 0; marks->lowmem_reserve[zone] && right < LAB_RIGHT_ALL; right++) {
			/* Where a root has few children (32 bits), other zones' requests get one floor each. */
			if (right > LAB_RIGHT_LOW && LAB_BANDS_MAX < CANDIDATES_MAX)
				break;
			if (n < most_floors)
				n = insert(list, n, clamp(marks_floor(marks, (enum lab_right)right, zone), 0, most));
		}
	for (right = 0; right < n; right++)
		floor[right] = list[right];
	return n - 1;
}
