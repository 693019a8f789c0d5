/* SPDX-License-Identifier: MIT */
/*
 * test_keeper.c - what a keeper does in a room: the flag, how much is missing, demand and its decay, tidying.
 * (Zeroed frames: test_zeroed.c.)
 *
 * The pools of born_marked(): 38, 12, 50 frames (inside min), 50 (low..min), 50 (high..low).  Low is 150, high 200.
 */
#include "../support/keeper.h"

#define SECOND ((uint64_t)1 << 30) /* of the decay */

static int setup(void **state)
{
	(void)state;
	lab = born_marked();
	room = labyrinth_room(lab, 0);
	watch = (struct keeper_watch){ 0 };
	holding = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buried(lab);
	return 0;
}

/* ---- the flag ---- */

static void falls_to_low_and_rises_to_high(void **state)
{
	(void)state;
	assert_false(keeper_look(room, &watch, 0));
	leave_free(150); /* the band high..low is for everybody */
	assert_false(keeper_look(room, &watch, 0));
	leave_free(149);
	assert_true(keeper_look(room, &watch, 0));
	leave_free(199);
	assert_true(keeper_look(room, &watch, 0)); /* until high */
	assert_false(keeper_rest(room, &watch));
	assert_int_equal(room->keeper, 1);
	leave_free(200);
	assert_true(keeper_look(room, &watch, 0));
	assert_true(keeper_rest(room, &watch));
	assert_int_equal(room->keeper, 0);
	assert_false(keeper_look(room, &watch, 0));
	leave_free(151);
	assert_false(keeper_look(room, &watch, 0));
}

/* Whoever was stopped between listing its slot and setting the flag: the list is looked at as well. */
static void flag_that_was_never_set(void **state)
{
	(void)state;
	leave_free(149);
	room->keeper = 0;
	assert_true(keeper_look(room, &watch, 0));
	assert_false(keeper_rest(room, &watch));
	assert_int_equal(room->keeper, 1);
}

/* A frame that leaves a reserve by going offline tells the keeper too. */
static void offline_tells(void **state)
{
	(void)state;
	leave_free(150);
	assert_int_equal(lab_frame_offline(lab, room->first_frame + *pool_slot(&room->pool[0], 3)), 0);
	assert_int_equal(room->keeper, 1);
	assert_true(keeper_look(room, &watch, 0));
}

/* Where high is low there is no pool between them, and still an end. */
static void high_is_low(void **state)
{
	struct lab_room_spec spec_room = { .name = "flat", .zone = LAB_ZONE_NORMAL, .frames = 1024,
					   .min = 100, .low = 150, .high = 150 };
	struct lab_spec spec = spec_of(&spec_room, 1);
	struct labyrinth *flat = born(&spec);
	struct lab_page *page;
	int error;

	(void)state;
	room = labyrinth_room(flat, 0);
	drain(flat, LAB_GFP_NOWAIT, &error);
	page = lab_frame_page(flat, 1000);
	assert_true(keeper_look(room, &watch, 0));
	assert_true(keeper_missing(room, &watch) >= 50);
	for (; keeper_missing(room, &watch); page--)
		assert_int_equal(lab_free_pages(flat, page, 0), 0);
	assert_true(keeper_rest(room, &watch));
	assert_false(keeper_look(room, &watch, 0));
	assert_int_equal(room->keeper, 0);
	buried(flat);
}

/* What other zones' requests may not have is not missing. */
static void lowmem_reserve_is_not_missing(void **state)
{
	struct lab_room_spec spec_room = { .name = "dma", .zone = LAB_ZONE_DMA, .frames = 1024, .min = 20, .low = 30, .high = 40,
					   .lowmem_reserve = { [LAB_ZONE_NORMAL] = 600 } };
	struct lab_spec spec = spec_of(&spec_room, 1);
	struct labyrinth *dma = born(&spec);
	unsigned int i;

	(void)state;
	room = labyrinth_room(dma, 0);
	for (i = 0; i < 1024 - 40; i++)
		alloc_ok(dma, LAB_GFP_KERNEL | LAB_DMA, 0);
	assert_true(pool_lacks(room));
	assert_false(keeper_look(room, &watch, 0));
	assert_int_equal(keeper_missing(room, &watch), 0);
	alloc_ok(dma, LAB_GFP_KERNEL | LAB_DMA, 0);
	assert_int_equal(keeper_missing(room, &watch), 1);
	buried(dma);
}

/* ---- how much ---- */

static void demand_is_remembered_and_decays(void **state)
{
	lab_word before;
	unsigned int i;

	(void)state;
	leave_free(120); /* 80 below high within this period */
	assert_true(keeper_look(room, &watch, 1000000));
	assert_int_equal(keeper_boost(&watch), 80);
	assert_int_equal(keeper_missing(room, &watch), 80 + 80);
	assert_true(keeper_look(room, &watch, 0)); /* the same ones are not counted again */
	assert_int_equal(keeper_boost(&watch), 80);
	leave_free(110);
	keeper_look(room, &watch, 0); /* 10 more: less than was seen */
	assert_int_equal(keeper_boost(&watch), 80);
	keeper_look(room, &watch, SECOND);
	assert_int_equal(keeper_boost(&watch), 70);
	for (i = 0; i < 1000; i++)
		keeper_look(room, &watch, SECOND / 1000);
	assert_in_range(keeper_boost(&watch), 61, 62); /* the same in small steps */
	before = keeper_boost(&watch);
	leave_free(280);
	assert_int_equal(keeper_missing(room, &watch), 0);
	leave_free(200 + before - 1);
	assert_int_equal(keeper_missing(room, &watch), 1); /* high is not enough */
	keeper_look(room, &watch, UINT64_MAX);
	assert_int_equal(keeper_boost(&watch), 0);
	assert_int_equal(keeper_missing(room, &watch), 0);
}

/* Marks beyond what pools can hold. */
static void demand_has_an_end(void **state)
{
	(void)state;
	room->high = (uint64_t)1 << 60;
	room->keeper = 1;
	assert_true(keeper_look(room, &watch, SECOND));
	assert_int_equal(keeper_boost(&watch), LAB_SLOTS_MAX);
	assert_true(keeper_look(room, &watch, SECOND));
	assert_int_equal(keeper_boost(&watch), LAB_SLOTS_MAX / 8 * 7);
	room->high = 200;
}

/* A room without such a pool. */
static void none_zeroed(void **state)
{
	(void)state;
	assert_int_equal(keeper_zero(lab, room, 0, 8), 0);
	assert_false(keeper_give(room, keeper_take(room)));
	assert_int_equal(free_frames(lab, 0), MARKED_FRAMES);
}

/* The room that needs least, of those that are open. */
static void needs_in_two_rooms(void **state)
{
	struct lab_room_spec rooms[2] = {
		{ .name = "large", .zone = LAB_ZONE_NORMAL, .frames = 1024, .min = 100, .low = 150, .high = 200 },
		{ .name = "small", .zone = LAB_ZONE_DMA32, .first_frame = 1024, .frames = 1024, .min = 10, .low = 20, .high = 30 },
	};
	struct lab_spec spec = spec_of(rooms, 2);
	struct labyrinth *two = born(&spec);
	struct lab_request kernel = LAB_REQUEST(LAB_GFP_KERNEL, 0);
	int error;

	(void)state;
	drain(two, LAB_MEMALLOC, &error);
	assert_int_equal(keeper_needs(two, &kernel), 11);
	lab_room_offline(two, 1);
	assert_int_equal(keeper_needs(two, &kernel), 101);
	lab_room_offline(two, 0);
	assert_int_equal(keeper_needs(two, &kernel), 0);
	rooms[0].zone = LAB_ZONE_DMA32;
	rooms[1].zone = LAB_ZONE_NORMAL;
	buried(two);
	two = born(&spec);
	drain(two, LAB_MEMALLOC, &error);
	assert_int_equal(keeper_needs(two, &kernel), 11);
	buried(two);
}

/* A fall that was over before anybody looked: so deep at least, once. */
static void fall_between_two_looks(void **state)
{
	(void)state;
	leave_free(149);
	leave_free(300);
	assert_true(keeper_look(room, &watch, 0));
	assert_int_equal(keeper_boost(&watch), 51);
	assert_true(keeper_look(room, &watch, SECOND));
	assert_int_equal(keeper_boost(&watch), 44);
	assert_true(keeper_rest(room, &watch));
	assert_false(keeper_look(room, &watch, 0));
	assert_int_equal(keeper_boost(&watch), 44);
}

static void needs_of_a_request(void **state)
{
	struct lab_request kernel = LAB_REQUEST(LAB_GFP_KERNEL, 0), all = LAB_REQUEST(LAB_MEMALLOC, 2), wrong = kernel;

	(void)state;
	leave_free(0);
	assert_int_equal(keeper_needs(lab, &kernel), 101); /* min comes first */
	assert_int_equal(keeper_needs(lab, &all), 4);
	wrong.node = 3;
	assert_int_equal(keeper_needs(lab, &wrong), 0);
	leave_free(101);
	held[holding++] = alloc_ok(lab, LAB_GFP_KERNEL, 0);
}

/* ---- tidying ---- */

/* Every hint is too high once everything is taken; after a round none is, and a search need not look. */
static void tidies_hints(void **state)
{
	unsigned int i;

	(void)state;
	leave_free(0);
	memset((char *)room + room->cpus_at, 0, sizeof(struct lab_cpu) * (room->cpu_mask + 1u)); /* no CPU is here any more */
	assert_int_equal(hint_search(room, 1, LAB_LOW_END), 0);
	assert_int_equal(keeper_tidy(room, &watch, 3), 3);
	assert_int_equal(watch.leaf, 3);
	assert_int_equal(hint_search(room, 1, LAB_LOW_END), 3);
	assert_int_equal(keeper_tidy(room, &watch, 1000), 5); /* once around: there are 8 */
	assert_int_equal(keeper_tidy(room, &watch, 8), 0);
	assert_true(hint_search(room, 1, LAB_LOW_END) == LAB_NO_BIT);
	leave_free(MARKED_FRAMES);
	for (i = 0; i <= LAB_ORDER_MAX; i++) /* and what is freed is found */
		assert_int_equal(lab_free_pages(lab, alloc_ok(lab, LAB_GFP_KERNEL, i), i), 0);
}

/* A leaf that somebody takes from now keeps its hint. */
static void leaves_hot_leaves_alone(void **state)
{
	lab_word leaf;

	(void)state;
	leave_free(3000);
	leaf = (room_cpu(room, 0)->near[0] - 1) / LAB_LEAF_FRAMES;
	keeper_tidy(room, &watch, 8);
	assert_int_equal(hint_order(room_note(room, leaf)->hint), LAB_LEAF_ORDER);
	assert_true(hint_order(room_note(room, 0)->hint) < (int)LAB_LEAF_ORDER);
}

/* What a caller that was stopped has left behind: a full leaf that is listed, a summary that says "some". */
static void tidies_what_was_left(void **state)
{
	lab_word leaf;

	(void)state;
	leave_free(0);
	memset((char *)room + room->cpus_at, 0, sizeof(struct lab_cpu) * (room->cpu_mask + 1u));
	keeper_tidy(room, &watch, 8);
	room->commons_root.word &= ~(lab_word)4;
	assert_int_equal(tree_count(&room->commons, 1), 0); /* who counts tidies, too */
	assert_int_equal(tree_holds(&room->commons, &leaf), LAB_RULE_NONE);
	room->commons_root.word &= ~(lab_word)4;
	room_summary(room, 0)->none[2] &= ~(uint32_t)2;
	assert_int_equal(tree_holds(&room->commons, &leaf), LAB_RULE_STALE);
	assert_int_equal(keeper_tidy(room, &watch, 8), 1);
	assert_int_equal(tree_holds(&room->commons, &leaf), LAB_RULE_NONE);
	assert_true(hint_search(room, 3, LAB_LOW_END) == LAB_NO_BIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(falls_to_low_and_rises_to_high, setup, teardown),
		cmocka_unit_test_setup_teardown(flag_that_was_never_set, setup, teardown),
		cmocka_unit_test_setup_teardown(offline_tells, setup, teardown),
		cmocka_unit_test_setup_teardown(high_is_low, setup, teardown),
		cmocka_unit_test_setup_teardown(lowmem_reserve_is_not_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(demand_is_remembered_and_decays, setup, teardown),
		cmocka_unit_test_setup_teardown(demand_has_an_end, setup, teardown),
		cmocka_unit_test_setup_teardown(none_zeroed, setup, teardown),
		cmocka_unit_test_setup_teardown(needs_in_two_rooms, setup, teardown),
		cmocka_unit_test_setup_teardown(fall_between_two_looks, setup, teardown),
		cmocka_unit_test_setup_teardown(needs_of_a_request, setup, teardown),
		cmocka_unit_test_setup_teardown(tidies_hints, setup, teardown),
		cmocka_unit_test_setup_teardown(leaves_hot_leaves_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(tidies_what_was_left, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
