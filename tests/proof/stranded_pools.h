/* SPDX-License-Identifier: MIT */
/*
 * stranded_pools.h - rooms with reserves: whoever may have the frame that has just come back has it, whoever
 * may not is refused and leaves it, with every number of frames free before and whatever was done with them.
 */
#ifndef STRANDED_POOLS_H
#define STRANDED_POOLS_H

#include "stranded_paths.h"

#define MARKED(which, first, count, mins, lows, highs)                                                       \
	.name = #which, .zone = LAB_ZONE_##which, .first_frame = (first), .frames = (count), .min = (mins), \
	.low = (lows), .high = (highs)
#define RESERVE(normal, highmem, movable) .lowmem_reserve = { 0, 0, (normal), (highmem), (movable) }

static const struct world pool_worlds[] = {
	{ "marks", 4, 1, 1, false, { { MARKED(NORMAL, 1606, 1300, 16, 22, 30) } }, { NOWHERE } },
#if UINTPTR_MAX > 0xffffffffu /* with 32 bits other zones' floors are rounded up */
	{ "lowmem", 4, 1, 1, false, { { MARKED(DMA32, 0, 600, 16, 22, 30), RESERVE(20, 24, 50) } }, { NOWHERE } },
	{ "two-rooms", 4, 1, 2, false, { { MARKED(DMA32, 0, 600, 8, 10, 12), RESERVE(9, 10, 11) },
					 { MARKED(NORMAL, 1024, 600, 12, 14, 20) } }, { NOWHERE } },
	{ "large-pools", 4, 1, 1, false, { { MARKED(NORMAL, 0, 20480, 700, 1400, 20000) } }, { NOWHERE } },
#endif
};
#define POOL_WORLDS (sizeof(pool_worlds) / sizeof(*pool_worlds))

/* A frame of a room that is in use, and the seven around it too. */
static inline uint64_t some_frame(unsigned int room)
{
	const struct lab_room_spec *spec = &stage.world->room[room];
	uint64_t first = (spec->first_frame + 7) & ~(uint64_t)7, eights = (spec->first_frame + spec->frames - first) / 8;
	uint64_t frame, i;

	do {
		frame = first + rnd(eights) * 8;
		for (i = 0; i < 8 && !stage.loose[frame + i]; i++)
			;
	} while (i < 8);
	return frame + rnd(8);
}

/* Free so many frames: some in runs of eight, so that there are blocks. */
static inline void pools_fill(unsigned int room, uint64_t count)
{
	uint64_t low = stage.world->room[room].first_frame;

	if (count > stage.world->room[room].frames / 2) { /* too many to be thrown at random */
		for (loosen(low, count); count; count--)
			must(lab_free_pages(stage.lab, page_at(low++), 0), "a free before");
	}
	while (count) {
		uint64_t frame = some_frame(room), run = count >= 8 && rnd(2) ? 8 : 1, i;

		frame = run == 8 ? frame & ~(uint64_t)7 : frame;
		for (i = 0; i < run; i++)
			must(lab_free_pages(stage.lab, page_at(frame + i), 0), "a free before");
		loosen(frame, run);
		count -= run;
	}
}

static inline bool a_block_is_loose(unsigned int room, uint64_t size)
{
	const struct lab_room_spec *spec = &stage.world->room[room];
	uint64_t at = (spec->first_frame + size - 1) & ~(size - 1), i;

	for (; at + size <= spec->first_frame + spec->frames; at += size) {
		for (i = 0; i < size && stage.loose[at + i]; i++)
			;
		if (i == size)
			return true;
	}
	return false;
}

/* A block comes and goes: exchanged for, paid for, given back half way, or drawn. */
static inline void scramble_block(unsigned int room)
{
	struct lab_request request = LAB_REQUEST(all_rights[rnd(7)], 1 + rnd(3));
	struct taker as_single = { .call = CALL_NAMED, .gfp = request.gfp, .frame = stage.world->room[room].first_frame };
	struct lab_page *page;
	uint64_t frame, due = due_in(&as_single, room), size = (uint64_t)1 << request.order;

	request.room = (int16_t)room;
	page = lab_alloc_request(stage.lab, &request, NULL);
	if (lab_is_err(page)) {
		if (lab_ptr_err(page) != (due ? -LAB_ENOSPC : -LAB_ENOMEM) || (due >= size && a_block_is_loose(room, size)))
			machine_fail(case_name, "a block was refused by %d with %" PRIu64 " frames due", lab_ptr_err(page), due);
		return;
	}
	frame = lab_page_frame(stage.lab, page);
	if (due < size)
		machine_fail(case_name, "a block of %" PRIu64 " was given with %" PRIu64 " frames due", size, due);
	fasten(frame, size);
	stage_check(case_name);
	if (rnd(2)) {
		must(lab_split(stage.lab, page, request.order), "split");
		must(lab_free_pages(stage.lab, page_at(frame + size - 1), 0), "the free of a piece");
		loosen(frame + size - 1, 1);
	} else {
		must(lab_free_pages(stage.lab, page, request.order), "the free of a block");
		loosen(frame, size);
	}
}

/* A frame that is free is taken out of service; another is brought back if one was out. */
static inline void scramble_offline(unsigned int room)
{
	const struct lab_room_spec *spec = &stage.world->room[room];
	uint64_t frame = spec->first_frame + rnd(spec->frames);
	int error;

	if (!stage.loose[frame])
		return;
	error = lab_frame_offline(stage.lab, frame);
	if (error) {
		machine_fail(case_name, "a free frame did not go offline: %d", error);
		return;
	}
	fasten(frame, 1);
	if (rnd(2)) {
		must(lab_frame_online(stage.lab, frame), "online");
		loosen(frame, 1);
	}
}

static inline void scramble_single(unsigned int room)
{
	struct taker taker = { .call = CALL_NAMED, .gfp = all_rights[rnd(7)] | mobilities[rnd(5)],
			       .cpu = (unsigned int)rnd(4), .frame = stage.world->room[room].first_frame };
	uint64_t due = due_to(&taker);
	struct got got;

	take(&taker, &got);
	if (!got.error != !!due)
		complain(case_name, "while scrambling", &taker, "due, and refused, or the reverse", got.error);
	if (got.error)
		return;
	fasten(got.frame[0], 1);
	if (rnd(2)) {
		must(lab_free_pages(stage.lab, page_at(got.frame[0]), 0), "a free");
		loosen(got.frame[0], 1);
	}
}

/* Many a call, one after the other: nothing of it may leave a frame where it is not due. */
static inline void pools_scramble(void)
{
	unsigned int i;

	for (i = 0; i < 40; i++) {
		unsigned int room = (unsigned int)rnd(stage.world->rooms);

		if (rnd(3) == 0)
			scramble_block(room);
		else if (rnd(2))
			scramble_offline(room);
		else
			scramble_single(room);
	}
	stage_check(case_name);
}

/* Whoever may come, with the state as it is kept. */
static inline void pool_takers(const char *name, uint64_t frame)
{
	static const lab_gfp_t zone[] = { 0, LAB_DMA32, LAB_HIGHMEM, LAB_HIGHMEM | LAB_MOVABLE };
	struct taker taker = { .frame = frame };
	unsigned int n, rest;

	for (n = 0; n < 7 * 3 * CALLS * 4; n++) {
		rest = n;
		taker.gfp = all_rights[digit(&rest, 7)] | mobilities[2 * digit(&rest, 3)];
		taker.call = (enum call)digit(&rest, CALLS);
		taker.gfp |= zone[rest];
		taker.cpu = (unsigned int)rnd(5);
		stage_back();
		try_single(name, "pools", &taker, frame);
	}
	for (n = 0; n < (stage.world->room[0].frames > 2000 ? 7 : 7 * 2 * 4); n++) {
		rest = n;
		taker.gfp = all_rights[digit(&rest, 7)];
		taker.call = digit(&rest, 2) ? CALL_NAMED : CALL_BULK64;
		taker.gfp |= zone[rest];
		stage_back();
		try_all(name, "pools", &taker);
	}
}

/* So many frames free, then one more by this path. */
static inline void pool_case(const char *name, const uint64_t *count, bool scrambled, const struct path *path)
{
	uint64_t frame, first = 0;
	unsigned int i;

	random_state = (machine.seed * 1000003 + count[0] * 8191 + count[1] * 31 + scrambled) * 0x9e3779b97f4a7c15u | 1;
	stage_base();
	for (i = 0; i < stage.world->rooms; i++)
		pools_fill(i, count[i]);
	if (scrambled)
		pools_scramble();
	stage_check(name);
	frame = some_frame((unsigned int)rnd(stage.world->rooms));
	path->prepare(frame, 0);
	path->put(frame, 0, &first);
	loosen(frame, 1);
	stage_check(name);
	stage_keep(frame);
	stage.range[0].bytes = stage.bytes; /* draws go to any leaf */
	stage.range[1].bytes = 0;
	stage_copy(stage.shot, stage.metadata);
	pool_takers(name, frame);
}

/* Which numbers of free frames: every one about small floors, those about the edges of large pools' leaves. */
static inline bool pool_count_wanted(const struct world *world, uint64_t count)
{
	static const uint64_t edges[] = { 0, 262, 350, 511, 700, 1023, 1400, 1911, 1912, 17783, 17784, 19999, 20000, 20001 };
	unsigned int i;

	if (world->room[0].high < 1000)
		return true;
	for (i = 0; i < sizeof(edges) / sizeof(*edges); i++)
		if (count == edges[i])
			return true;
	return false;
}

static inline void pools_of(const struct world *world)
{
	const struct lab_room_spec *room = &world->room[0];
	unsigned int most = (unsigned int)(room->high + room->lowmem_reserve[LAB_ZONE_MOVABLE]) + 3, n, rest, scrambled, p;
	bool open = false;
	uint64_t count[2];

	for (n = 0; n < (most + 1) * PATHS * 2; n++) {
		rest = n;
		scrambled = digit(&rest, 2);
		p = digit(&rest, PATHS);
		count[0] = rest;
		count[1] = world->rooms > 1 ? (rest * 7 + p * 2 + scrambled) % 22 : 0;
		snprintf(case_name, sizeof(case_name), "pools/%s/%" PRIu64 "+%" PRIu64 "-free%s/%s", world->name, count[0],
			 count[1], scrambled ? "/scrambled" : "", paths[p].name);
		if (paths[p].most || paths[p].memory || !pool_count_wanted(world, count[0]) || !wanted(case_name))
			continue;
		if (room->high > 1000 && p && !machine.long_form)
			continue;
		if (!open)
			stage_open(world);
		open = true;
		pool_case(case_name, count, scrambled, &paths[p]);
	}
	if (open)
		stage_close();
}

#endif
