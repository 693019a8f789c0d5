/* SPDX-License-Identifier: MIT */
/*
 * test_frame.c - tags as pure functions of one word.
 */
#include "../support/room.h"
#include "frame.h"

static void fields_do_not_overlap(void **state)
{
	const lab_word fields[] = { LAB_TAG_STATE, LAB_TAG_POISONED, LAB_TAG_ORDER,
				    LAB_TAG_USE,   LAB_TAG_OWNER,    LAB_TAG_GENERATION };
	lab_word all = 0;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(fields); i++) {
		assert_true((all & fields[i]) == 0);
		all |= fields[i];
	}
	assert_true(all == LAB_ALL);
	assert_true(LAB_TAG_SLOT == (LAB_TAG_USE | LAB_TAG_OWNER));
	assert_true(LAB_OWNER_MAX == LAB_TAG_OWNER >> LAB_TAG_OWNER_SHIFT);
	assert_true(LAB_USE_MAX == LAB_TAG_USE >> LAB_TAG_USE_SHIFT);
}

static void owned_says_what_was_asked(void **state)
{
	unsigned int order, i;

	(void)state;
	for (order = 0; order <= LAB_ORDER_MAX; order++)
		for (i = 0; i < 3; i++) {
			struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC, order);
			lab_word tag;

			request.owner = (uint16_t)(i == 0 ? 0 : i == 1 ? 5 : LAB_OWNER_MAX);
			request.use = (uint8_t)(i == 0 ? LAB_USE_MAX : i == 1 ? 0 : 9);
			tag = tag_owned(&request, request.owner);
			assert_int_equal(tag_state(tag), LAB_OWNED);
			assert_int_equal(tag_order(tag), order);
			assert_int_equal(tag_owner(tag), request.owner);
			assert_int_equal(tag_use(tag), request.use);
			assert_int_equal(tag_generation(tag), 0);
			assert_true(tag_holds(tag));
		}
}

static void every_free_is_a_generation(void **state)
{
	struct lab_request request = LAB_REQUEST(0, 3);
	lab_word tag;

	(void)state;
	request.owner = 17;
	request.use = 4;
	tag = tag_owned(&request, request.owner) | (lab_word)41 << LAB_TAG_GENERATION_SHIFT;
	assert_int_equal(tag_generation(tag_next(tag, LAB_FREE)), 42);
	/* And says nothing else: a free frame's tag is its generation. */
	assert_true((tag_next(tag, LAB_FREE) & ~LAB_TAG_GENERATION) == LAB_FREE);
	assert_true((tag_next(tag, LAB_OFFLINE) & ~LAB_TAG_GENERATION) == LAB_OFFLINE);
	assert_true((tag_next(tag | LAB_TAG_POISONED, LAB_OFFLINE) & ~LAB_TAG_GENERATION) == LAB_OFFLINE);
	assert_int_equal(tag_generation(tag_become(tag, LAB_OFFLINE)), 41);
	assert_true((tag_become(tag, LAB_OFFLINE) & ~LAB_TAG_GENERATION) == LAB_OFFLINE);
	/* The last generation is followed by the first, and nothing spills into the owner. */
	tag |= LAB_TAG_GENERATION;
	assert_true(tag_next(tag, LAB_FREE) == LAB_FREE);
}

static void pooled_knows_its_slot(void **state)
{
	const lab_word slots[] = { 0, 1, 255, 256, 4000, LAB_SLOTS_MAX - 1 };
	lab_word tag = (lab_word)7 << LAB_TAG_GENERATION_SHIFT;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(slots); i++) {
		lab_word pooled = tag_pooled(tag, slots[i]);

		assert_int_equal(tag_state(pooled), LAB_POOLED);
		assert_true(tag_slot(pooled) == slots[i]);
		assert_int_equal(tag_generation(pooled), 7);
		assert_true(tag_holds(pooled));
		/* Pooled again in another slot: nothing of the first one stays. */
		assert_true(tag_slot(tag_pooled(pooled, 3)) == 3);
	}
}

static void impossible_tags(void **state)
{
	unsigned int state_number, order;

	(void)state;
	assert_true(tag_holds(LAB_FREE));
	assert_true(tag_holds(LAB_OFFLINE));
	assert_true(tag_holds(LAB_OWNED | LAB_TAG_POISONED));
	for (order = LAB_ORDER_MAX + 1; order < 16; order++)
		assert_false(tag_holds(LAB_OWNED | (lab_word)order << LAB_TAG_ORDER_SHIFT));
	for (state_number = LAB_SHARED + 1; state_number < 8; state_number++)
		assert_false(tag_holds(state_number));
	assert_false(tag_holds(LAB_FREE | LAB_TAG_POISONED));
	assert_false(tag_holds(LAB_FREE | (lab_word)1 << LAB_TAG_ORDER_SHIFT));
	assert_false(tag_holds(LAB_FREE | (lab_word)1 << LAB_TAG_OWNER_SHIFT));
	assert_false(tag_holds(LAB_OFFLINE | (lab_word)1 << LAB_TAG_USE_SHIFT));
	assert_false(tag_holds(LAB_POOLED | LAB_TAG_POISONED));
	assert_false(tag_holds(LAB_KEPT | LAB_TAG_POISONED));
	assert_false(tag_holds(LAB_POOLED | (lab_word)2 << LAB_TAG_ORDER_SHIFT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_do_not_overlap),
		cmocka_unit_test(owned_says_what_was_asked),
		cmocka_unit_test(every_free_is_a_generation),
		cmocka_unit_test(pooled_knows_its_slot),
		cmocka_unit_test(impossible_tags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
