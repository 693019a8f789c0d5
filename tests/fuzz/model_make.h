/* SPDX-License-Identifier: MIT */
/*
 * model_make.h - a small labyrinth out of the first bytes of an input: rooms, zones, nodes, holes, watermarks,
 * reserves, memory.  Always one that birth must accept (tests/fuzz/configuration.c tries the others).
 */
#ifndef FUZZ_MODEL_MAKE_H
#define FUZZ_MODEL_MAKE_H

#include "model.h"

static char arena[ARENA_BYTES] __attribute__((aligned(65536))); /* what lies behind it is poisoned */

static uint64_t up_to_leaf(uint64_t frame)
{
	return (frame + 511) & ~(uint64_t)511;
}

static void make_span(struct bytes *in, unsigned int number, uint64_t *next)
{
	struct lab_room_spec *room = &model.rooms[number];
	unsigned int kind = take8(in);

	room->first_frame = kind & 2 ? up_to_leaf(*next) : *next + (kind & 1);
	if ((kind & 3) == 3)
		room->first_frame += pick(in, 512);
	switch (kind >> 2 & 3) {
	case 0:
		room->frames = 1 + take8(in);
		break;
	case 1:
		room->frames = 64 * (1 + pick(in, FRAMES_USUAL / 64));
		break;
	case 2:
		room->frames = 512 * (1 + pick(in, FRAMES_USUAL / 512));
		if (kind & 128)
			room->frames = FRAMES_MAX - pick(in, 1024);
		break;
	default:
		room->frames = 1 + pick(in, FRAMES_USUAL);
	}
	*next = room->first_frame + room->frames;
	room->physical_known = kind >> 4 & 1;
	room->hole_count = kind >> 5 & 1;
	if (kind >> 6 & 1 && room->frames << model.spec.page_shift <= (size_t)(model.arena_end - arena)) {
		model.arena_end -= room->frames << model.spec.page_shift;
		room->memory = model.arena_end;
	}
}

/* A large room is a hole but for its ends: two levels of parents over few frames. */
static void make_large_hole(struct bytes *in, unsigned int number)
{
	struct lab_room_spec *room = &model.rooms[number];
	uint64_t low = pick(in, FRAMES_USUAL / 2), high = 1 + pick(in, FRAMES_USUAL / 2 - 1);

	model.holes[number][0] =
		(struct lab_hole){ .first_frame = room->first_frame + low, .frames = room->frames - low - high };
	room->hole_count = 1;
	room->holes = model.holes[number];
}

/* At most two holes; something is left. */
static void make_holes(struct bytes *in, unsigned int number)
{
	struct lab_room_spec *room = &model.rooms[number];
	uint64_t at = 0, frames, all = 0;
	size_t wanted = room->hole_count ? 1 + pick(in, 2) : 0;

	room->holes = model.holes[number];
	room->hole_count = 0;
	while (room->hole_count < wanted && at + 1 < room->frames) {
		at += pick(in, (unsigned int)(room->frames - at));
		frames = 1 + pick(in, 100);
		if (frames > room->frames - at)
			frames = room->frames - at;
		if (all + frames == room->frames)
			break;
		all += frames;
		model.holes[number][room->hole_count++] =
			(struct lab_hole){ .first_frame = room->first_frame + at, .frames = frames };
		at += frames;
	}
}

static void make_marks(struct bytes *in, unsigned int number)
{
	struct lab_room_spec *room = &model.rooms[number];
	unsigned int kind = take8(in), managed = (unsigned int)rule_managed(room), i;
	struct rule_marks marks;

	switch (kind % 4) {
	case 0:
		return;
	case 1:
		room->min = LAB_MARK_LINUX;
		return;
	case 2:
		room->min = pick(in, managed);
		rule_watermarks(&model.spec, number, &marks);
		if (marks.high >= managed)
			room->min = 0;
		break;
	default:
		room->min = pick(in, managed);
		room->low = room->min + pick(in, managed - (unsigned int)room->min);
		room->high = room->low + pick(in, managed - (unsigned int)room->low);
		if (!room->min && kind & 64) /* a pool without a floor of any right */
			room->low = 0;
		rule_watermarks(&model.spec, number, &marks); /* 0 means: computed, where there is a min */
		if (marks.high >= managed || marks.low > marks.high)
			room->min = room->low = room->high = 0;
	}
	for (i = 0; kind & 128 && i < LAB_ZONES && room->zone < LAB_ZONES; i++)
		room->lowmem_reserve[i] = pick(in, 2 * FRAMES_USUAL) % (kind & 32 ? 3 * FRAMES_USUAL : 64);
}

static void make_spec(struct bytes *in)
{
	static const uint64_t begins[] = { 0, 0, 16, 511, 512, (uint64_t)1 << 32, ((uint64_t)1 << 52) - 40960 };
	unsigned int kind = take8(in), rooms = 1 + kind % ROOMS_MAX, i;
	uint64_t next = begins[kind / 4 % 7];

	model.spec = (struct lab_spec){ .page_shift = 12 + 2 * (kind / 32 % 3), .rooms = model.rooms, .room_count = rooms };
	model.spec.cpus = 1 + pick(in, 5);
	kind = take8(in);
	model.spec.nodes = kind % 3;
	for (i = 0; i < 4; i++)
		model.distance[i] = i % 3 ? (uint8_t)(11 + take8(in) % 100) : 10;
	model.spec.distance = kind & 4 ? model.distance : NULL;
	model.spec.min_free_kbytes = kind & 8 ? take16(in) : 0;
	model.spec.watermark_scale = kind & 16 ? pick(in, 3000) : 0;
	for (i = 0; i < LAB_ZONES; i++)
		model.spec.lowmem_ratio[i] = kind & 32 ? take8(in) : 0;
	model.spec.identity = kind & 64 ? &model.identity : NULL;
	for (i = 0; i < rooms; i++) {
		model.rooms[i].name = "room";
		model.rooms[i].zone = (enum lab_zone)pick(in, LAB_ZONES + 1);
		model.rooms[i].node = model.spec.nodes ? pick(in, model.spec.nodes) : 0;
		make_span(in, i, &next);
		if (model.rooms[i].frames > FRAMES_USUAL)
			make_large_hole(in, i);
		else
			make_holes(in, i);
	}
	for (i = 0; i < rooms; i++)
		make_marks(in, i);
}

static void make_room(unsigned int number)
{
	struct model_room *room = &model.room[number];
	const struct lab_room_spec *spec = &model.rooms[number];
	size_t i;

	memset(room, 0, offsetof(struct model_room, frame) + spec->frames * sizeof(room->frame[0]));
	rule_watermarks(&model.spec, number, &room->marks);
	room->managed = room->free = rule_managed(spec);
	rule_pools(&room->marks, room->managed);
	room->first = lab_frame_page(model.lab, spec->first_frame);
	CHECK(room->first, "room %u has no first page", number);
	for (i = 0; i < spec->hole_count; i++) {
		uint64_t k;

		for (k = 0; k < spec->holes[i].frames; k++)
			frame_at(spec->holes[i].first_frame + k)->state = HOLE;
	}
}

/* The labyrinth; its metadata is free()d by the caller. */
static void *make_labyrinth(struct bytes *in)
{
	const char *why = "";
	void *metadata = NULL;
	size_t bytes;
	unsigned int i;
	int which = -1;

	memset(&model, 0, (size_t)((char *)model.held - (char *)&model));
	model.identity = LAB_IDENTITY;
	model.arena_end = arena + sizeof(arena);
	make_spec(in);
	bytes = lab_metadata_bytes(&model.spec);
	CHECK(bytes && !posix_memalign(&metadata, 64, bytes), "no metadata");
	memset(metadata, 0, bytes);
	CHECK(!lab_birth(&model.spec, metadata, bytes, &model.lab, &which, &why), "birth: room %d: %s", which, why);
	for (i = 0; i < model.spec.room_count; i++)
		make_room(i);
	return metadata;
}

#endif
