/* SPDX-License-Identifier: MIT */
/*
 * test_exchange.c - blocks out of frames that pools keep: had by right or paid for, and no pool is poorer.
 */
#include "../support/room.h"

static void assert_pooled(const struct labyrinth *lab, uint64_t pooled, uint64_t commons)
{
	struct lab_room_stats stats;

	assert_int_equal(lab_room_stats(lab, 0, &stats), 0);
	assert_int_equal(stats.free_pooled, pooled);
	assert_int_equal(stats.free_commons, commons);
}

/* Every leaf but the one with pooled frames is in use: the block there is paid for with the last others. */
static void paid_for(void **state)
{
	struct labyrinth *lab = born_marked();
	struct lab_page *block, *pages[8];
	unsigned int i;

	(void)state;
	/* 4096 = 7 blocks of 512, and 200 pooled and 312 free in the last one. */
	for (i = 0; i < 7; i++)
		pages[i] = alloc_ok(lab, LAB_GFP_KERNEL, 9);
	assert_pooled(lab, 200, 312);
	/* Linux: 512 - 255 = 257 > 100, and the block is there. */
	block = alloc_ok(lab, LAB_GFP_KERNEL, 8);
	assert_int_equal(lab_page_frame(lab, block) % 256, 0);
	assert_pooled(lab, 200, 56);
	assert_whole(lab);
	/* 256 - 255 = 1 is not above min, nor above half of it. */
	assert_true(lab_is_err(lab_alloc_pages(lab, LAB_GFP_ATOMIC, 8)));
	assert_pooled(lab, 200, 56);
	pages[7] = alloc_ok(lab, LAB_MEMALLOC, 8); /* by right */
	assert_pooled(lab, 0, 0);
	assert_whole(lab);
	assert_int_equal(lab_free_pages(lab, pages[7], 8), 0);
	assert_int_equal(lab_free_pages(lab, block, 8), 0);
	for (i = 0; i < 7; i++)
		assert_int_equal(lab_free_pages(lab, pages[i], 9), 0);
	assert_pooled(lab, 200, MARKED_FRAMES - 200);
	buried(lab);
}

/* A frame by its number, in a pool: another one takes its place. */
static void given_frames_are_exchanged(void **state)
{
	struct labyrinth *lab = born_marked();
	struct lab_request request = LAB_REQUEST(LAB_GFP_KERNEL, 0);
	uint64_t commons = MARKED_FRAMES - 200, frame;
	struct lab_page_info info;

	(void)state;
	for (frame = 0; frame < MARKED_FRAMES && commons > 3700; frame += 3) {
		assert_int_equal(lab_page_info(lab, lab_frame_page(lab, frame), &info), 0);
		if (info.state != LAB_POOLED)
			continue;
		assert_int_equal(lab_page_frame(lab, lab_alloc_at(lab, frame, &request)), frame);
		assert_pooled(lab, 200, --commons);
	}
	assert_true(commons < MARKED_FRAMES - 200);
	buried(lab);
}

/* Random blocks down to the floor, and back: never more is taken than Linux would, the pools end whole. */
static void random_blocks(void **state)
{
	static const lab_gfp_t kinds[] = { LAB_GFP_KERNEL, LAB_GFP_ATOMIC, LAB_MEMALLOC, LAB_GFP_HIGHUSER_MOVABLE };
	static const uint64_t floors[] = { 100, 38, 0, 100 };
	static struct lab_page *held[MARKED_FRAMES];
	static unsigned int orders[MARKED_FRAMES];
	struct labyrinth *lab = born_marked();
	uint64_t seed = 77, free = MARKED_FRAMES;
	unsigned int n = 0, step;

	(void)state;
	for (step = 0; step < 20000; step++) {
		unsigned int order = (unsigned int)(next_random(&seed) % 10), k = (unsigned int)(next_random(&seed) % 4), i;
		struct lab_page *page;

		if (n && next_random(&seed) % 100 < (free < 300 ? 45 : 20)) {
			i = (unsigned int)(next_random(&seed) % n);
			assert_int_equal(lab_free_pages(lab, held[i], orders[i]), 0);
			free += (uint64_t)1 << orders[i];
			held[i] = held[--n];
			orders[i] = orders[n];
		} else {
			page = lab_alloc_pages(lab, kinds[k], order);
			if (!lab_is_err(page)) {
				assert_true(free >= (uint64_t)1 << order && free - (1u << order) + 1 > floors[k]);
				free -= (uint64_t)1 << order;
				held[n] = page;
				orders[n++] = order;
			}
		}
		assert_int_equal(free_frames(lab, 0), free);
		if (step % 500 == 0)
			assert_whole(lab);
	}
	while (n--)
		assert_int_equal(lab_free_pages(lab, held[n], orders[n]), 0);
	assert_pooled(lab, 200, MARKED_FRAMES - 200);
	buried(lab);
}

/* More places than one exchange looks at, all with a frame in use: not found, and not said to be absent. */
static void more_than_are_looked_at(void **state)
{
	struct lab_room_spec room = { .name = "wide", .zone = LAB_ZONE_NORMAL, .frames = 20000,
				      .min = 6000, .low = 7000, .high = 9000 };
	struct lab_spec spec = spec_of(&room, 1);
	struct labyrinth *lab;
	uint64_t frame;
	int error;

	(void)state;
	if (!IS_64_BIT) /* a room's pools hold fewer frames there than are looked at */
		skip();
	lab = born(&spec);
	assert_int_equal(drain(lab, LAB_MEMALLOC, &error), 20000);
	for (frame = 1; frame < 20000; frame += 2)
		assert_int_equal(lab_free_pages(lab, lab_frame_page(lab, frame), 0), 0);
	assert_pooled(lab, 9000, 1000);
	assert_int_equal(lab_ptr_err(lab_alloc_pages(lab, LAB_MEMALLOC, 1)), -LAB_EAGAIN);
	assert_pooled(lab, 9000, 1000);
	buried(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paid_for),
		cmocka_unit_test(given_frames_are_exchanged),
		cmocka_unit_test(random_blocks),
		cmocka_unit_test(more_than_are_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
