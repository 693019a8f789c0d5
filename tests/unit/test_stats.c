/* SPDX-License-Identifier: MIT */
/*
 * test_stats.c - every figure against a naive count over single frames.
 */
#include "../support/room.h"

#define FRAMES 3000u /* the last leaf is not whole */

static unsigned char used[FRAMES];

static bool block_free(uint64_t first, unsigned int order)
{
	uint64_t i;

	for (i = first; i < first + ((uint64_t)1 << order); i++)
		if (i >= FRAMES || used[i])
			return false;
	return true;
}

/* As a buddy counts: a block that is free, and not half of a free one. */
static uint64_t naive_blocks(unsigned int order)
{
	uint64_t first, n = 0;

	for (first = 0; first < FRAMES; first += (uint64_t)1 << order)
		if (block_free(first, order) &&
		    (order == LAB_ORDER_MAX || !block_free(first >> (order + 1) << (order + 1), order + 1)))
			n++;
	return n;
}

static void assert_counts(const struct labyrinth *lab)
{
	struct lab_room_stats stats;
	uint64_t leaf, frame, free = 0;
	unsigned int order;

	assert_int_equal(lab_room_stats(lab, 0, &stats), 0);
	for (leaf = 0; leaf * 512 < FRAMES; leaf++) {
		int n = 0;

		for (frame = leaf * 512; frame < FRAMES && frame < leaf * 512 + 512; frame++)
			n += !used[frame];
		assert_int_equal(lab_leaf_free(lab, 0, leaf), n);
		free += (uint64_t)n;
	}
	assert_int_equal(stats.free_commons, free);
	for (order = 0; order <= LAB_ORDER_MAX; order++)
		assert_int_equal(stats.free_blocks[order], naive_blocks(order));
	assert_int_equal(stats.leaves_whole, naive_blocks(LAB_ORDER_MAX));
}

static void against_naive_counts(void **state)
{
	struct labyrinth *lab = born_plain(FRAMES);
	struct lab_page *held[FRAMES];
	unsigned int orders[FRAMES], n = 0, step, i;
	uint64_t seed = 5, frame;

	(void)state;
	memset(used, 0, sizeof(used));
	assert_counts(lab);
	for (step = 0; step < 3000; step++) {
		unsigned int order = (unsigned int)(next_random(&seed) % 50 ? next_random(&seed) % 6 : 9);

		if (n && next_random(&seed) % 9 < 4) {
			i = (unsigned int)(next_random(&seed) % n);
			frame = lab_page_frame(lab, held[i]);
			memset(used + frame, 0, (size_t)1 << orders[i]);
			assert_int_equal(lab_free_pages(lab, held[i], orders[i]), 0);
			held[i] = held[--n];
			orders[i] = orders[n];
		} else {
			held[n] = lab_alloc_pages(lab, LAB_GFP_ATOMIC, order);
			if (lab_is_err(held[n]))
				continue;
			orders[n] = order;
			memset(used + lab_page_frame(lab, held[n++]), 1, (size_t)1 << order);
		}
		if (step % 20 == 0)
			assert_counts(lab);
	}
	assert_counts(lab);
	buried(lab);
}

static void what_a_room_is(void **state)
{
	static const struct lab_hole hole = { 600, 88 };
	struct lab_room_spec rooms[2] = {
		{ .name = "a-name-that-is-too-long", .zone = LAB_ZONE_MOVABLE, .node = 1, .first_frame = 300, .frames = 2000,
		  .holes = &hole, .hole_count = 1, .min = 100, .low = 150, .high = 200 },
		{ .zone = LAB_ZONE_OWN, .first_frame = 1 << 20, .frames = 1 },
	};
	struct lab_spec spec = spec_of(rooms, 2);
	static const uint64_t size[5] = { 38, 12, 50, 50, 50 }, floor[5] = { 0, 38, 50, 100, 150 };
	struct lab_room_stats stats;
	struct labyrinth *lab;
	struct lab_stats all;
	unsigned int i;

	(void)state;
	spec.nodes = 2;
	lab = born(&spec);
	assert_int_equal(lab_room_stats(lab, 0, &stats), 0);
	assert_string_equal(stats.name, "a-name-that-is-");
	assert_int_equal(stats.zone, LAB_ZONE_MOVABLE);
	assert_int_equal(stats.node, 1);
	assert_true(stats.online);
	assert_false(stats.keeper_wanted);
	assert_int_equal(stats.first_frame, 300);
	assert_int_equal(stats.frames, 2000);
	assert_int_equal(stats.managed, 1912);
	assert_int_equal(stats.min, 100);
	assert_int_equal(stats.low, 150);
	assert_int_equal(stats.high, 200);
	assert_int_equal(stats.free_pooled, 200);
	assert_int_equal(stats.free_commons, 1712);
	assert_int_equal(stats.bands, 5);
	for (i = 0; i < 5; i++) {
		assert_int_equal(stats.band_floor[i], floor[i]);
		assert_int_equal(stats.band_frames[i], size[i]);
		assert_int_equal(stats.band_free[i], size[i]);
	}
	assert_int_equal(lab_room_stats(lab, 1, &stats), 0);
	assert_string_equal(stats.name, "");
	assert_int_equal(stats.free_blocks[0], 1);
	assert_int_equal(lab_room_stats(lab, 2, &stats), -LAB_ENXIO);
	assert_int_equal(lab_leaf_free(lab, 2, 0), -LAB_ENXIO);
	assert_int_equal(lab_leaf_free(lab, 1, 1), -LAB_ERANGE);
	assert_int_equal(lab_leaf_free(lab, 1, 0), 1);
	assert_int_equal(lab_stats(lab, &all), 0);
	assert_int_equal(all.rooms, 2);
	assert_int_equal(all.page_shift, 12);
	assert_int_equal(all.metadata_bytes, lab_metadata_bytes(&spec));
	buried(lab);
}

static void counters_have_names(void **state)
{
	unsigned int i, j;

	(void)state;
	for (i = 0; i < LAB_COUNTERS; i++) {
		assert_non_null(lab_counter_name((enum lab_counter)i));
		for (j = 0; j < i; j++)
			assert_true(strcmp(lab_counter_name((enum lab_counter)i), lab_counter_name((enum lab_counter)j)) != 0);
	}
	assert_null(lab_counter_name(LAB_COUNTERS));
	assert_null(lab_counter_name((enum lab_counter)-1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(against_naive_counts),
		cmocka_unit_test(what_a_room_is),
		cmocka_unit_test(counters_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
