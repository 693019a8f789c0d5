/* SPDX-License-Identifier: MIT */
/*
 * config_spec.h - specifications as somebody hostile, or only careless, would fill them in; which of them birth
 * must refuse, and how much metadata the others need (SPEC.md, 3).
 */
#ifndef FUZZ_CONFIG_SPEC_H
#define FUZZ_CONFIG_SPEC_H

#include "bytes.h"
#include "rules.h"

#define HOLES_MAX 4u

struct hostile {
	struct lab_spec spec;
	struct lab_room_spec rooms[LAB_ROOMS_MAX];
	struct lab_hole holes[LAB_ROOMS_MAX][HOLES_MAX];
	uint8_t distance[LAB_NODES_MAX * LAB_NODES_MAX];
	uint64_t next; /* the first frame behind the rooms so far */
};

/* Mostly the sane value, else any number. */
static inline uint64_t sane_or(struct bytes *in, uint64_t sane)
{
	return take8(in) < 232 ? sane : take_number(in);
}

static inline void take_holes(struct bytes *in, struct hostile *to, struct lab_room_spec *room, unsigned int number)
{
	struct lab_hole *hole = to->holes[number];
	uint64_t at = room->first_frame;
	unsigned int kind = take8(in), i;

	if (kind < 160)
		return;
	room->hole_count = 1 + kind % HOLES_MAX;
	room->holes = kind == 161 ? NULL : hole;
	for (i = 0; i < room->hole_count; i++, at += hole->frames, hole++) {
		at += take8(in);
		hole->first_frame = sane_or(in, at);
		hole->frames = sane_or(in, 1 + pick(in, 40));
	}
}

static inline void take_marks(struct bytes *in, struct lab_room_spec *room)
{
	unsigned int kind = take8(in), i;
	uint64_t step = room->frames / 8 + 1;

	if (kind % 4 == 1)
		room->min = LAB_MARK_LINUX;
	if (kind % 4 == 2)
		room->min = sane_or(in, pick(in, 256) % step);
	if (kind % 4 == 3) {
		room->min = sane_or(in, step * (kind / 4 % 4));
		room->low = sane_or(in, step * (kind / 4 % 4) + kind / 16);
		room->high = sane_or(in, step * (1 + kind / 4 % 4) + kind / 16);
	}
	for (i = 0; kind & 64 && i < LAB_ZONES; i++)
		room->lowmem_reserve[i] = sane_or(in, take8(in));
}

static inline void take_room(struct bytes *in, struct hostile *to, unsigned int number)
{
	static const char *const names[] = { "room", NULL, "", "a name that is longer than what is kept of it" };
	struct lab_room_spec *room = &to->rooms[number];
	unsigned int kind = take8(in);

	room->name = names[kind % 4];
	room->zone = (enum lab_zone)sane_or(in, kind / 4 % (LAB_ZONES + 1));
	room->node = (unsigned int)sane_or(in, to->spec.nodes ? kind % to->spec.nodes : 0);
	room->first_frame = sane_or(in, kind & 32 ? (to->next + 511) & ~(uint64_t)511 : to->next + take8(in) % 4);
	room->frames = sane_or(in, kind & 64 ? 1 + take16(in) % 2000 : 1 + take8(in));
	room->physical_known = kind & 128;
	kind = take8(in);
	if (kind & 1) /* never touched: any address will do */
		room->memory = (void *)(uintptr_t)(kind & 2 ? (uint64_t)take16(in) << 16 :
						   kind & 4 ? room->first_frame << 12 :
							      take_number(in));
	take_holes(in, to, room, number);
	take_marks(in, room);
	to->next = room->first_frame + room->frames;
}

static inline void take_spec(struct bytes *in, struct hostile *to)
{
	unsigned int kind = take8(in), i;

	memset(to, 0, sizeof(*to));
	to->spec.page_shift = (unsigned int)sane_or(in, 12 + 2 * (kind % 3));
	to->spec.cpus = (unsigned int)sane_or(in, 1 + kind / 4 % 8);
	to->spec.rooms = kind == 255 ? NULL : to->rooms;
	to->spec.room_count = (unsigned int)sane_or(in, 1 + kind / 32 % 4);
	kind = take8(in);
	to->spec.nodes = (unsigned int)sane_or(in, kind % 4);
	to->spec.distance = kind & 4 ? to->distance : NULL;
	for (i = 0; kind & 4 && i < sizeof(to->distance); i++)
		to->distance[i] = (uint8_t)(kind & 8 ? kind + i * 37 : 20);
	to->spec.min_free_kbytes = kind & 16 ? take_number(in) : 0;
	to->spec.watermark_scale = kind & 32 ? (unsigned int)take_number(in) : 0;
	for (i = 0; kind & 64 && i < LAB_ZONES; i++)
		to->spec.lowmem_ratio[i] = (unsigned int)sane_or(in, take8(in));
	for (i = 0; i < LAB_ROOMS_MAX && (i < to->spec.room_count || bytes_left(in)); i++)
		take_room(in, to, i);
}

/* ---- which are refused ---- */

static inline bool holes_faulty(const struct lab_room_spec *room)
{
	rule_wide at = room->first_frame, end = at + room->frames, all = 0;
	size_t i;

	if (room->hole_count && !room->holes)
		return true;
	for (i = 0; i < room->hole_count; i++) {
		const struct lab_hole *hole = &room->holes[i];

		if (!hole->frames || hole->first_frame < at || (rule_wide)hole->first_frame + hole->frames > end)
			return true;
		at = (rule_wide)hole->first_frame + hole->frames;
		all += hole->frames;
	}
	return all >= room->frames;
}

static inline bool marks_faulty(const struct lab_spec *spec, unsigned int number)
{
	const struct lab_room_spec *room = &spec->rooms[number];
	struct rule_marks marks;
	unsigned int i;

	if (room->min == LAB_MARK_LINUX)
		return false;
	rule_watermarks(spec, number, &marks);
	for (i = 0; i < LAB_ZONES; i++)
		if (marks.reserve[i] > (uint64_t)1 << 52)
			return true;
	return marks.min > marks.low || marks.low > marks.high || marks.high >= rule_managed(room);
}

/* Is there something wrong with this room, by itself or beside those before it? */
static inline bool room_faulty(const struct lab_spec *spec, unsigned int number)
{
	const struct lab_room_spec *room = &spec->rooms[number];
	unsigned int i;

	if (!room->frames || room->frames > (uint64_t)1 << 40 || room->first_frame > (uint64_t)1 << 52)
		return true;
	if ((unsigned int)room->zone > LAB_ZONE_OWN || room->node >= (spec->nodes ? spec->nodes : 1))
		return true;
	if ((uintptr_t)room->memory % ((uintptr_t)1 << spec->page_shift) || holes_faulty(room))
		return true;
	for (i = 0; i < number; i++) {
		rule_wide first = spec->rooms[i].first_frame;

		if (room->first_frame < first + spec->rooms[i].frames && first < (rule_wide)room->first_frame + room->frames)
			return true;
	}
	return marks_faulty(spec, number);
}

static inline bool labyrinth_faulty(const struct lab_spec *spec)
{
	if (spec->page_shift != 12 && spec->page_shift != 14 && spec->page_shift != 16)
		return true;
	return !spec->rooms || !spec->room_count || spec->room_count > LAB_ROOMS_MAX || !spec->cpus || spec->cpus > 4096 ||
	       spec->nodes > LAB_NODES_MAX;
}

static inline bool spec_faulty(const struct lab_spec *spec)
{
	unsigned int i;

	if (labyrinth_faulty(spec))
		return true;
	for (i = 0; i < spec->room_count; i++)
		if (room_faulty(spec, i))
			return true;
	return false;
}

/* ---- how much metadata ---- */

/* Linux's arithmetic is promised for sizes that machines have; beyond, only that nothing breaks. */
static inline bool figures_usual(const struct lab_spec *spec)
{
	uint64_t frames = 0;
	unsigned int i;

	for (i = 0; i < spec->room_count; i++)
		frames += spec->rooms[i].frames;
	return frames <= (uint64_t)1 << 30 && spec->min_free_kbytes <= (uint64_t)1 << 30;
}

static inline uint64_t lines(uint64_t bytes)
{
	return (bytes + 63) / 64 * 64;
}

static inline uint64_t up(uint64_t n, uint64_t by)
{
	return (n + by - 1) / by;
}

static inline uint64_t pool_bytes(uint64_t slots)
{
	uint64_t leaves = up(slots, 512), bytes = 64 * leaves, nodes = leaves;

	while (nodes > 1) {
		nodes = up(nodes, 32);
		bytes += lines(8 * nodes);
	}
	return 2 * bytes + lines(8 * slots);
}

static inline uint64_t room_bytes(const struct lab_spec *spec, unsigned int number, struct rule_marks *marks)
{
	const struct lab_room_spec *room = &spec->rooms[number];
	uint64_t frames = room->frames + room->first_frame % 512, leaves = up(frames, 512), nodes, cpus = 1;
	uint64_t bytes = 8896 + lines(8 * frames) + 64 * leaves + lines(8 * leaves);
	unsigned int i;

	while (cpus < spec->cpus)
		cpus *= 2;
	for (nodes = leaves; nodes > 32;) {
		nodes = up(nodes, 32);
		bytes += lines(8 * nodes);
	}
	for (nodes = up(leaves, 32);; nodes = up(nodes, 32)) {
		bytes += lines(36 * nodes);
		if (nodes == 1)
			break;
	}
	rule_watermarks(spec, number, marks);
	rule_pools(marks, rule_managed(room));
	for (i = 0; i < marks->bands; i++)
		bytes += pool_bytes(marks->floor[i + 1] - marks->floor[i]);
	return bytes + 64 * cpus;
}

#endif
