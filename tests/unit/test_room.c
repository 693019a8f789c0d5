/* SPDX-License-Identifier: MIT */
/*
 * test_room.c - a zone's watermarks and reserves as requests meet them: Linux's floors, exactly.
 *
 * min 800, low 1000, high 1200: HIGH reaches 400 (50 % of min), ATOMIC 300 (62.5 %), MEMALLOC 0.
 */
#include "../support/room.h"

#define FRAMES 8192u
#define MIN 800u

static struct labyrinth *marked(void)
{
	struct lab_room_spec room = { .name = "reserves", .zone = LAB_ZONE_NORMAL, .frames = FRAMES,
				      .min = MIN, .low = 1000, .high = 1200 };
	struct lab_spec spec = spec_of(&room, 1);

	return born(&spec);
}

static void depth_of_each_right(void **state)
{
	static const struct {
		lab_gfp_t gfp;
		uint64_t floor;
	} rights[] = {
		{ LAB_GFP_KERNEL, 800 },
		{ LAB_GFP_NOWAIT, 800 },
		{ LAB_GFP_USER, 800 },
		{ LAB_GFP_HIGHUSER_MOVABLE, 800 },
		{ 0, 800 },
		{ LAB_GFP_KERNEL | LAB_HIGH, 400 },
		{ LAB_GFP_ATOMIC | LAB_NOMEMALLOC, 400 },
		{ LAB_GFP_ATOMIC, 300 },
		{ LAB_HIGH, 300 },
		{ LAB_GFP_ATOMIC | LAB_COLD, 300 },
		{ LAB_GFP_ATOMIC | LAB_EXCLUSIVE, 300 },
		{ LAB_GFP_KERNEL | LAB_MEMALLOC, 0 },
		{ LAB_GFP_ATOMIC | LAB_MEMALLOC, 0 },
		{ LAB_GFP_KERNEL | LAB_MEMALLOC | LAB_NOMEMALLOC, 800 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rights); i++) {
		struct labyrinth *lab = marked();
		int error;

		assert_int_equal(drain(lab, rights[i].gfp, &error), FRAMES - rights[i].floor);
		assert_int_equal(error, -LAB_ENOMEM);
		assert_int_equal(free_frames(lab, 0), rights[i].floor);
		buried(lab);
	}
}

/* One after the other in one room: each gets what the one before had no right to. */
static void depths_are_nested(void **state)
{
	struct labyrinth *lab = marked();
	int error;

	(void)state;
	assert_int_equal(drain(lab, LAB_GFP_KERNEL, &error), FRAMES - 800);
	assert_int_equal(drain(lab, LAB_GFP_NOWAIT, &error), 0);
	assert_int_equal(drain(lab, LAB_GFP_KERNEL | LAB_HIGH, &error), 400);
	assert_int_equal(drain(lab, LAB_GFP_ATOMIC, &error), 100);
	assert_int_equal(drain(lab, LAB_GFP_KERNEL | LAB_HIGH, &error), 0);
	assert_int_equal(drain(lab, LAB_MEMALLOC, &error), 300);
	assert_int_equal(drain(lab, LAB_MEMALLOC, &error), 0);
	assert_int_equal(free_frames(lab, 0), 0);
	assert_int_equal(counted(lab, LAB_COUNT_BAND), 400);
	assert_int_equal(counted(lab, LAB_COUNT_RESERVE), 800);
	buried(lab);
}

/* Take up to `want` frames and keep them; how many there were. */
static unsigned int keep(struct labyrinth *lab, lab_gfp_t gfp, unsigned int want, struct lab_page **pages)
{
	unsigned int n = 0;

	while (n < want && !lab_is_err(pages[n] = lab_alloc_pages(lab, gfp, 0)))
		n++;
	return n;
}

/* What Linux grants of `want`: while more is free than the floor. */
static unsigned int linux_grants(uint64_t *free, unsigned int want, uint64_t floor)
{
	unsigned int n = 0;

	for (; n < want && *free > floor; n++)
		--*free;
	return n;
}

/*
 * Three times everything is taken down to min, atomic callers want 400 and keep them, and as many frames
 * come back from others: the reserve is a quantity, so it is whole each time.
 */
static void episodes_of_pressure(void **state)
{
	static struct lab_page *ordinary[FRAMES], *atomic[3 * 400];
	struct labyrinth *lab = marked();
	unsigned int held = keep(lab, LAB_GFP_KERNEL, FRAMES, ordinary), episode, i, kept = 0;
	uint64_t free = FRAMES;

	(void)state;
	assert_int_equal(held, linux_grants(&free, FRAMES, MIN));
	for (episode = 0; episode < 3; episode++) {
		assert_int_equal(linux_grants(&free, 400, 300), 400);
		assert_int_equal(keep(lab, LAB_GFP_ATOMIC, 400, atomic + kept), 400);
		kept += 400;
		for (i = 0; i < 400; i++)
			assert_int_equal(lab_free_pages(lab, ordinary[--held], 0), 0);
		free += 400;
		/* Nothing of that was for others. */
		assert_int_equal(keep(lab, LAB_GFP_KERNEL, 1, ordinary + held), linux_grants(&free, 1, MIN));
		assert_int_equal(free_frames(lab, 0), free);
		assert_whole(lab);
	}
	for (i = 0; i < kept; i++)
		assert_int_equal(lab_free_pages(lab, atomic[i], 0), 0);
	buried(lab);
}

/* The same with less coming back than was taken, so that the later ones find less. */
static void episodes_that_drain(void **state)
{
	static struct lab_page *ordinary[FRAMES], *atomic[1200];
	struct labyrinth *lab = marked();
	unsigned int held = keep(lab, LAB_GFP_KERNEL, FRAMES, ordinary), episode, i, kept = 0;
	static const unsigned int expected[4] = { 400, 250, 150, 150 };
	uint64_t free = MIN;

	(void)state;
	for (episode = 0; episode < 4; episode++) {
		unsigned int got = keep(lab, LAB_GFP_ATOMIC, 400, atomic + kept);

		assert_int_equal(got, linux_grants(&free, 400, 300));
		assert_int_equal(got, expected[episode]);
		kept += got;
		for (i = 0; i < 150; i++)
			assert_int_equal(lab_free_pages(lab, ordinary[--held], 0), 0);
		free += 150;
		assert_int_equal(free_frames(lab, 0), free);
	}
	buried(lab);
}

/* Random requests and frees at the edge: each is granted exactly when Linux's count says so. */
static void random_pressure(void **state)
{
	static const struct {
		lab_gfp_t gfp;
		uint64_t floor;
	} kind[] = { { LAB_GFP_KERNEL, 800 }, { LAB_GFP_ATOMIC, 300 }, { LAB_GFP_KERNEL | LAB_HIGH, 400 },
		     { LAB_MEMALLOC, 0 }, { LAB_GFP_HIGHUSER_MOVABLE, 800 } };
	static struct lab_page *held[FRAMES];
	struct labyrinth *lab = marked();
	unsigned int n = keep(lab, LAB_GFP_KERNEL, FRAMES - 1000, held), step;
	uint64_t free = 1000, seed = 31337;

	(void)state;
	for (step = 0; step < 40000; step++) {
		uint64_t dice = next_random(&seed) % 1000;
		size_t k = (size_t)(next_random(&seed) % COUNT_OF(kind));

		if (dice < free * 5 / 8) { /* towards the middle of the reserves */
			struct lab_page *page = lab_alloc_pages(lab, kind[k].gfp, 0);

			assert_int_equal(lab_is_err(page), free <= kind[k].floor);
			if (!lab_is_err(page)) {
				held[n++] = page;
				free--;
			}
		} else {
			unsigned int i = (unsigned int)(next_random(&seed) % n);

			assert_int_equal(lab_free_pages(lab, held[i], 0), 0);
			held[i] = held[--n];
			free++;
		}
	}
	assert_int_equal(free_frames(lab, 0), free);
	buried(lab);
}

/* Blocks are admitted as Linux does: free - (2^order - 1) above the floor, and a block there. */
static void blocks_and_floors(void **state)
{
	static const struct {
		lab_gfp_t gfp;
		unsigned int blocks; /* of 512, of 8192 frames */
	} rights[] = { { LAB_GFP_KERNEL, 14 }, { LAB_GFP_ATOMIC, 15 }, { LAB_MEMALLOC, 16 } };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rights); i++) {
		struct labyrinth *lab = marked();
		struct lab_page *page;
		unsigned int n = 0;

		while (!lab_is_err(page = lab_alloc_pages(lab, rights[i].gfp, 9)))
			n++;
		assert_int_equal(n, rights[i].blocks);
		assert_int_equal(free_frames(lab, 0), FRAMES - 512 * n);
		assert_true(lab_ptr_err(page) == -LAB_ENOMEM || lab_ptr_err(page) == -LAB_ENOSPC);
		buried(lab);
	}
}

/* What a lower zone keeps from requests that could have gone higher. */
static void lowmem_reserve(void **state)
{
	struct lab_room_spec rooms[2] = {
		{ .name = "normal", .zone = LAB_ZONE_NORMAL, .frames = 512 },
		{ .name = "dma", .zone = LAB_ZONE_DMA, .first_frame = 512, .frames = 2048, .min = 64, .low = 80, .high = 96 },
	};
	struct lab_spec spec = spec_of(rooms, 2);
	struct labyrinth *lab;
	/* Where roots have few children (32 bits), other zones' requests have one floor: low's. */
	uint64_t left = IS_64_BIT ? 1064 : 1080;
	int error;

	(void)state;
	rooms[1].lowmem_reserve[LAB_ZONE_NORMAL] = 1000;
	lab = born(&spec);
	assert_int_equal(drain(lab, LAB_GFP_KERNEL, &error), 512 + 2048 - left);
	assert_int_equal(error, -LAB_ENOMEM);
	assert_int_equal(free_frames(lab, 1), left);
	assert_int_equal(drain(lab, LAB_GFP_KERNEL | LAB_DMA, &error), left - 64);
	assert_int_equal(drain(lab, LAB_GFP_ATOMIC | LAB_DMA, &error), 40);
	assert_int_equal(drain(lab, LAB_MEMALLOC, &error), 24);
	buried(lab);
}

/* The keeper is wanted from low downwards. */
static void keeper_is_wanted(void **state)
{
	static struct lab_page *held[FRAMES];
	struct labyrinth *lab = marked();
	struct lab_room_stats stats;
	unsigned int n = 0;

	(void)state;
	for (; n < FRAMES - 1000; n++)
		held[n] = alloc_ok(lab, LAB_GFP_KERNEL, 0);
	lab_room_stats(lab, 0, &stats);
	assert_false(stats.keeper_wanted);
	held[n++] = alloc_ok(lab, LAB_GFP_KERNEL, 0);
	lab_room_stats(lab, 0, &stats);
	assert_true(stats.keeper_wanted);
	while (n > FRAMES - 1000)
		assert_int_equal(lab_free_pages(lab, held[--n], 0), 0);
	lab_room_stats(lab, 0, &stats);
	assert_true(stats.keeper_wanted); /* low is not enough */
	while (n > FRAMES - 1200)
		assert_int_equal(lab_free_pages(lab, held[--n], 0), 0);
	lab_room_stats(lab, 0, &stats);
	assert_true(stats.keeper_wanted); /* until a keeper has seen it (test_keeper.c) */
	buried(lab);
}

/* More min than there are frames, as Linux computes it for a tiny zone: all of it is reserve. */
static void tiny_room(void **state)
{
	struct lab_room_spec room = { .name = "tiny", .zone = LAB_ZONE_NORMAL, .frames = 16, .min = LAB_MARK_LINUX };
	struct lab_spec spec = spec_of(&room, 1);
	struct labyrinth *lab = born(&spec);
	int error;

	(void)state;
	assert_int_equal(drain(lab, LAB_GFP_KERNEL, &error), 0);
	assert_int_equal(error, -LAB_ENOMEM);
	assert_int_equal(drain(lab, LAB_GFP_ATOMIC, &error), 4); /* min 32: down to 12 */
	assert_int_equal(drain(lab, LAB_MEMALLOC, &error), 12);
	buried(lab);
}

/* Where leaves are plenty, each mobility keeps to its own: but only where another takes frames just now. */
static void leaves_of_others(void **state)
{
	struct lab_room_spec room = { .name = "plenty", .zone = LAB_ZONE_NORMAL, .frames = 64 * 512 };
	struct lab_spec spec = spec_of(&room, 1);
	struct labyrinth *lab;
	unsigned int i;

	(void)state;
	spec.cpus = 1;
	lab = born(&spec);
	for (i = 0; i <= 512; i++)
		alloc_ok(lab, LAB_GFP_KERNEL, 0); /* leaf 0 is used up, leaf 1 begun */
	assert_int_equal(lab_page_frame(lab, alloc_ok(lab, LAB_GFP_KERNEL | LAB_RECLAIMABLE, 0)), 2 * 512);
	for (i = 1; i < 512; i++)
		alloc_ok(lab, LAB_GFP_KERNEL | LAB_RECLAIMABLE, 0);
	assert_int_equal(lab_free_pages(lab, lab_frame_page(lab, 77), 0), 0);
	/* Unmovable requests came to leaf 0 last, but they have gone on. */
	assert_int_equal(lab_page_frame(lab, alloc_ok(lab, LAB_GFP_KERNEL | LAB_RECLAIMABLE, 0)), 77);
	buried(lab);
}

/* The last leaf of a search from the high end is passed by too, and is taken where there is no other. */
static void passed_by_at_the_end(void **state)
{
	struct labyrinth *lab = born_plain(2 * 512);
	struct lab_request request = LAB_REQUEST(LAB_GFP_KERNEL, 0);
	lab_gfp_t movable = LAB_GFP_KERNEL | LAB_MOVABLE;
	unsigned int i;

	(void)state;
	for (i = 512; i < 2 * 512; i++)
		assert_int_equal(lab_ptr_err(lab_alloc_at(lab, i, &request)), 0);
	for (i = 0; i < 512; i++)
		alloc_ok(lab, movable, 0);
	assert_int_equal(lab_free_pages(lab, lab_frame_page(lab, 600), 0), 0);
	assert_int_equal(lab_page_frame(lab, alloc_ok(lab, movable, 0)), 600); /* the hint is in leaf 1 now */
	lab_user_cpu_override = 1;
	assert_int_equal(lab_free_pages(lab, lab_frame_page(lab, 5), 0), 0); /* another CPU frees into leaf 0 */
	lab_user_cpu_override = 0;
	assert_int_equal(lab_page_frame(lab, alloc_ok(lab, movable, 0)), 5);
	buried(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(depth_of_each_right),
		cmocka_unit_test(depths_are_nested),
		cmocka_unit_test(episodes_of_pressure),
		cmocka_unit_test(episodes_that_drain),
		cmocka_unit_test(random_pressure),
		cmocka_unit_test(blocks_and_floors),
		cmocka_unit_test(lowmem_reserve),
		cmocka_unit_test(keeper_is_wanted),
		cmocka_unit_test(tiny_room),
		cmocka_unit_test(leaves_of_others),
		cmocka_unit_test(passed_by_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
