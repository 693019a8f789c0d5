/* SPDX-License-Identifier: MIT */
/*
 * test_hint.c - where blocks may be: hints against the bits, raising, lowering, the summary, damage.
 *
 * A hint may be too high, never too low at rest; a summary bit likewise.
 */
#include "../support/room.h"
#include "hint.h"

/* Leaves enough for two levels of summary. */
#define LEAVES (LAB_FANOUT + LAB_FANOUT / 2)

static struct labyrinth *leafy(struct lab_room **room)
{
	struct labyrinth *lab = born_plain((uint64_t)LEAVES * LAB_LEAF_FRAMES);

	*room = labyrinth_room(lab, 0);
	assert_int_equal((*room)->commons.height, 2);
	return lab;
}

static bool bit_free(const struct lab_room *room, lab_bit bit)
{
	return !(*tree_word(&room->commons, bit) >> bit % LAB_WORD_BITS & 1);
}

static bool naive_run_free(const struct lab_room *room, lab_bit bit, unsigned int order)
{
	lab_bit first = bit >> order << order, i;

	for (i = first; i < first + ((lab_bit)1 << order); i++)
		if (!bit_free(room, i))
			return false;
	return true;
}

static bool naive_exists(const struct lab_room *room, unsigned int order)
{
	lab_bit bit;

	for (bit = 0; bit < room->commons.bits; bit += (lab_bit)1 << order)
		if (naive_run_free(room, bit, order))
			return true;
	return false;
}

static void assert_hint_holds(const struct lab_room *room)
{
	lab_word leaf;

	assert_true(hint_holds(room, &leaf));
}

static int order_of(const struct lab_room *room, lab_word leaf)
{
	return hint_order(room_note(room, leaf)->hint);
}

static void hint_words(void **state)
{
	uint32_t hint = 0;
	int order;

	(void)state;
	assert_int_equal(hint_order(0), LAB_LEAF_ORDER);
	for (order = -1; order <= (int)LAB_LEAF_ORDER; order++) {
		uint32_t with = hint_with(hint_announce(hint), order);

		assert_int_equal(hint_order(with), order);
		assert_false(with & HINT_ANNOUNCED);
		assert_int_equal(with / HINT_SEQUENCE_ONE, hint / HINT_SEQUENCE_ONE + 1);
		/* An announcement says nothing about the order. */
		assert_int_equal(hint_order(hint_announce(with)), order);
		assert_true(hint_announce(with) & HINT_ANNOUNCED);
		hint = with;
	}
	assert_int_equal(hint_order(hint_announce(UINT32_MAX - 255 + 3)), LAB_LEAF_ORDER - 3);
}

static void runs_against_bits(void **state)
{
	struct lab_room *room;
	struct labyrinth *lab = leafy(&room);
	uint64_t seed = 7;
	unsigned int round, order, i;

	(void)state;
	for (round = 0; round < 60; round++) {
		lab_word *leaf = tree_leaf(&room->commons, 1);
		lab_bit bit;

		for (i = 0; i < LAB_LEAF_WORDS; i++)
			leaf[i] = next_random(&seed) % 3 ? 0 : (lab_word)1 << next_random(&seed) % LAB_WORD_BITS;
		for (order = 0; order <= LAB_LEAF_ORDER; order++)
			for (bit = LAB_LEAF_FRAMES; bit < 2 * LAB_LEAF_FRAMES; bit += 3)
				assert_int_equal(hint_run_free(room, bit, order), naive_run_free(room, bit, order));
	}
	free(lab);
}

static void lowering(void **state)
{
	struct lab_room *room;
	struct labyrinth *lab = leafy(&room);
	unsigned int order;

	(void)state;
	assert_true(tree_take_at(&room->commons, 0));
	assert_int_equal(order_of(room, 0), LAB_LEAF_ORDER); /* too high, as it may be */
	assert_hint_holds(room);
	hint_lower(room, 0);
	assert_int_equal(order_of(room, 0), LAB_LEAF_ORDER - 1);
	assert_true(hint_search(room, LAB_LEAF_ORDER, LAB_LOW_END) == 1);
	for (order = 1; order < LAB_LEAF_ORDER; order++)
		assert_true(hint_search(room, order, LAB_LOW_END) == 0);
	assert_true(hint_search(room, 1, LAB_HIGH_END) == LEAVES - 1);
	/* Nothing to lower. */
	hint_lower(room, 5);
	assert_int_equal(order_of(room, 5), LAB_LEAF_ORDER);
	assert_true(hint_search(room, LAB_LEAF_ORDER, LAB_LOW_END) == 1);
	while (tree_take_leaf(&room->commons, 0) != LAB_NO_BIT)
		;
	hint_lower(room, 0);
	assert_int_equal(order_of(room, 0), -1);
	for (order = 1; order <= LAB_LEAF_ORDER; order++)
		assert_true(hint_search(room, order, LAB_LOW_END) == 1);
	assert_hint_holds(room);
	free(lab);
}

static void raising(void **state)
{
	struct lab_room *room;
	struct labyrinth *lab = leafy(&room);
	lab_bit bit;
	int order = -1;

	(void)state;
	while (tree_take_leaf(&room->commons, 2) != LAB_NO_BIT)
		;
	hint_lower(room, 2);
	/* Bit by bit from the low end: the hint is the largest aligned run, at each instant. */
	for (bit = 0; bit < LAB_LEAF_FRAMES; bit++) {
		tree_give(&room->commons, 2 * LAB_LEAF_FRAMES + bit);
		hint_raise(room, 2 * LAB_LEAF_FRAMES + bit, 0);
		while ((lab_bit)1 << (order + 1) <= bit + 1)
			order++;
		assert_int_equal(order_of(room, 2), order);
		assert_hint_holds(room);
	}
	assert_int_equal(order_of(room, 2), LAB_LEAF_ORDER);
	free(lab);
}

/* Of a run that was cleared one frame is taken again before its hint is raised: the rest is found still. */
static void raising_a_run(void **state)
{
	struct lab_room *room;
	struct labyrinth *lab = leafy(&room);
	lab_bit bit;

	(void)state;
	while (tree_take_leaf(&room->commons, 2) != LAB_NO_BIT)
		;
	hint_lower(room, 2);
	assert_int_equal(order_of(room, 2), -1);
	for (bit = 16; bit < 24; bit++)
		tree_give(&room->commons, 2 * LAB_LEAF_FRAMES + bit);
	assert_true(tree_take_at(&room->commons, 2 * LAB_LEAF_FRAMES + 16));
	hint_raise(room, 2 * LAB_LEAF_FRAMES + 16, 3);
	assert_int_equal(order_of(room, 2), 3); /* too high, as it may be */
	assert_hint_holds(room);
	hint_lower(room, 2);
	assert_int_equal(order_of(room, 2), 2);
	/* What it completes counts too: 24..31 stood free, 16..31 is an order 4. */
	for (bit = 24; bit < 32; bit++)
		tree_give(&room->commons, 2 * LAB_LEAF_FRAMES + bit);
	hint_raise(room, 2 * LAB_LEAF_FRAMES + 24, 3);
	tree_give(&room->commons, 2 * LAB_LEAF_FRAMES + 16);
	hint_raise(room, 2 * LAB_LEAF_FRAMES + 16, 0);
	assert_int_equal(order_of(room, 2), 4);
	assert_hint_holds(room);
	free(lab);
}

/* A give that completes nothing still disturbs what is being lowered. */
static void raise_disturbs_announcement(void **state)
{
	struct lab_room *room;
	struct labyrinth *lab = leafy(&room);
	uint32_t *hint;

	(void)state;
	assert_true(tree_take_at(&room->commons, 0));
	assert_true(tree_take_at(&room->commons, 1));
	assert_true(tree_take_at(&room->commons, 300));
	hint_lower(room, 0);
	hint = &room_note(room, 0)->hint;
	*hint = hint_announce(*hint);
	tree_give(&room->commons, 1);
	hint_raise(room, 1, 0);
	assert_int_equal(order_of(room, 0), LAB_LEAF_ORDER - 2);
	assert_false(*hint & HINT_ANNOUNCED);
	*hint = hint_announce(*hint);
	tree_give(&room->commons, 300);
	hint_raise(room, 300, 0);
	assert_false(*hint & HINT_ANNOUNCED);
	assert_hint_holds(room);
	/* What a stopped searcher announced is finished by the next. */
	assert_true(tree_take_at(&room->commons, 300));
	*hint = hint_announce(*hint);
	hint_lower(room, 0);
	assert_false(*hint & HINT_ANNOUNCED);
	assert_int_equal(order_of(room, 0), LAB_LEAF_ORDER - 2);
	assert_hint_holds(room);
	free(lab);
}

static void summary_climbs_and_falls(void **state)
{
	struct lab_room *room;
	struct labyrinth *lab = leafy(&room);
	uint32_t *top;
	lab_word leaf;

	(void)state;
	top = &room_summary(room, 1)[0].none[LAB_LEAF_ORDER - 1];
	for (leaf = LAB_FANOUT; leaf < LEAVES; leaf++) {
		assert_int_equal(*top, 0);
		assert_true(tree_take_at(&room->commons, leaf * LAB_LEAF_FRAMES + 9));
		hint_lower(room, leaf);
	}
	assert_int_equal(*top, 2); /* nothing of the largest order under the second node */
	assert_true(hint_search(room, LAB_LEAF_ORDER, LAB_HIGH_END) == LAB_FANOUT - 1);
	assert_true(hint_search(room, LAB_LEAF_ORDER - 1, LAB_HIGH_END) == LEAVES - 1);
	/* Said above by a stopped caller's omission: repaired by the search that finds it stale. */
	*top = 0;
	assert_true(hint_search(room, LAB_LEAF_ORDER, LAB_HIGH_END) == LAB_FANOUT - 1);
	assert_int_equal(*top, 2);
	tree_give(&room->commons, (LEAVES - 1) * LAB_LEAF_FRAMES + 9);
	hint_raise(room, (LEAVES - 1) * LAB_LEAF_FRAMES + 9, 0);
	assert_int_equal(*top, 0);
	assert_true(hint_search(room, LAB_LEAF_ORDER, LAB_HIGH_END) == LEAVES - 1);
	assert_hint_holds(room);
	free(lab);
}

static void none_anywhere(void **state)
{
	struct lab_room *room;
	struct labyrinth *lab = leafy(&room);
	lab_word leaf;

	(void)state;
	for (leaf = 0; leaf < LEAVES; leaf++) {
		assert_true(tree_take_at(&room->commons, leaf * LAB_LEAF_FRAMES + leaf));
		hint_lower(room, leaf);
	}
	assert_true(hint_search(room, LAB_LEAF_ORDER, LAB_LOW_END) == LAB_NO_BIT);
	assert_true(hint_search(room, LAB_LEAF_ORDER, LAB_HIGH_END) == LAB_NO_BIT);
	assert_true(hint_search(room, LAB_LEAF_ORDER - 1, LAB_LOW_END) == 0);
	assert_hint_holds(room);
	free(lab);
}

static void damage_is_found(void **state)
{
	struct lab_room *room;
	struct labyrinth *lab = leafy(&room);
	uint32_t *hint, *none;
	lab_word leaf;

	(void)state;
	hint = &room_note(room, 6)->hint;
	*hint = hint_with(*hint, LAB_LEAF_ORDER - 1);
	assert_false(hint_holds(room, &leaf));
	assert_true(leaf == 6);
	*hint = 0;
	none = &room_summary(room, 0)[1].none[3 - 1];
	*none = 1; /* the first leaf under the second node has no order 3, it says */
	assert_false(hint_holds(room, &leaf));
	assert_true(leaf == LAB_FANOUT);
	*none = 0;
	none = &room_summary(room, 1)[0].none[LAB_LEAF_ORDER - 1];
	*none = 2;
	assert_false(hint_holds(room, &leaf));
	assert_true(leaf == LAB_FANOUT);
	*none = 0;
	assert_hint_holds(room);
	buried(lab);
}

/* Random blocks of all orders: what is found is free, what is refused does not exist, hints hold. */
static void random_blocks_against_bits(void **state)
{
	struct lab_room *room;
	struct labyrinth *lab = leafy(&room);
	struct lab_page *held[3000];
	unsigned int orders[3000], count = 0, step, refusals = 0;
	uint64_t seed = 20240607;

	(void)state;
	for (step = 0; step < 8000; step++) {
		unsigned int order = (unsigned int)(next_random(&seed) % (LAB_LEAF_ORDER + 1)), i;
		struct lab_page *page;

		if (count == COUNT_OF(held) || (count && next_random(&seed) % 5 < 2)) {
			i = (unsigned int)(next_random(&seed) % count);
			assert_int_equal(lab_free_pages(lab, held[i], orders[i]), 0);
			held[i] = held[--count];
			orders[i] = orders[count];
			continue;
		}
		page = lab_alloc_pages(lab, next_random(&seed) % 2 ? LAB_GFP_ATOMIC : LAB_GFP_HIGHUSER_MOVABLE, order);
		if (lab_is_err(page)) {
			assert_false(naive_exists(room, order));
			refusals++;
			continue;
		}
		held[count] = page;
		orders[count++] = order;
		if (step % 64 == 0)
			assert_hint_holds(room);
	}
	assert_true(refusals > 100);
	assert_hint_holds(room);
	assert_whole(lab);
	while (count--)
		assert_int_equal(lab_free_pages(lab, held[count], orders[count]), 0);
	assert_int_equal(free_frames(lab, 0), LEAVES * LAB_LEAF_FRAMES);
	buried(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hint_words),
		cmocka_unit_test(runs_against_bits),
		cmocka_unit_test(lowering),
		cmocka_unit_test(raising),
		cmocka_unit_test(raising_a_run),
		cmocka_unit_test(raise_disturbs_announcement),
		cmocka_unit_test(summary_climbs_and_falls),
		cmocka_unit_test(none_anywhere),
		cmocka_unit_test(damage_is_found),
		cmocka_unit_test(random_blocks_against_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
