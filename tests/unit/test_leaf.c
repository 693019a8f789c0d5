/* SPDX-License-Identifier: MIT */
/*
 * test_leaf.c - claiming bits of a leaf's words, and what a leaf's words hold together.
 */
#include "../support/room.h"
#include "leaf.h"

static bool leaf_bit(const lab_word *leaf, unsigned int bit)
{
	return leaf[bit / LAB_WORD_BITS] >> bit % LAB_WORD_BITS & 1;
}

static int naive_order(const lab_word *leaf)
{
	int order;
	unsigned int first, i;

	for (order = LAB_LEAF_ORDER; order >= 0; order--)
		for (first = 0; first < LAB_LEAF_FRAMES; first += 1u << order) {
			for (i = 0; i < 1u << order && !leaf_bit(leaf, first + i); i++)
				;
			if (i == 1u << order)
				return order;
		}
	return -1;
}

static void full_only_if_every_word_is(void **state)
{
	lab_word leaf[LAB_LEAF_WORDS];
	unsigned int i;

	(void)state;
	memset(leaf, 0xff, sizeof(leaf));
	assert_true(leaf_full(leaf));
	for (i = 0; i < LAB_LEAF_FRAMES; i++) {
		leaf[i / LAB_WORD_BITS] ^= (lab_word)1 << i % LAB_WORD_BITS;
		assert_false(leaf_full(leaf));
		leaf[i / LAB_WORD_BITS] = LAB_ALL;
	}
}

static void claims_go_round(void **state)
{
	unsigned int from, i;

	(void)state;
	for (from = 0; from < LAB_WORD_BITS; from++) {
		lab_word word = 0;
		bool left = false;

		for (i = 0; i < LAB_WORD_BITS; i++) {
			unsigned int bit = leaf_claim(&word, from, &left);

			/* From `from` up to the top, then from the bottom. */
			assert_int_equal(bit, from + i < LAB_WORD_BITS ? from + i : from + i - LAB_WORD_BITS);
			assert_int_equal(word_count(word), i + 1);
			assert_int_equal(left, i + 1 < LAB_WORD_BITS);
		}
		assert_int_equal(leaf_claim(&word, from, &left), LAB_WORD_BITS);
		assert_true(word == LAB_ALL);
	}
}

static void claims_runs(void **state)
{
	unsigned int order, i;

	(void)state;
	for (order = 0; order <= LAB_WORD_ORDER; order++) {
		unsigned int runs = LAB_WORD_BITS >> order;
		lab_word word = 0;
		bool left = true;

		for (i = 0; i < runs; i++) {
			assert_int_equal(leaf_claim_run(&word, order, &left), i << order);
			assert_int_equal(word_count(word), (i + 1) << order);
			assert_int_equal(left, i + 1 < runs);
		}
		assert_int_equal(leaf_claim_run(&word, order, &left), LAB_WORD_BITS);
	}
}

static void runs_are_aligned(void **state)
{
	lab_word word = 2; /* bits 0, and 2 and up */
	bool left;

	(void)state;
	assert_int_equal(leaf_claim_run(&word, 1, &left), 2);
	assert_int_equal(leaf_claim_run(&word, 2, &left), 4);
	assert_int_equal(leaf_claim_run(&word, 0, &left), 0);
	assert_true(word == 0xff);
	word = LAB_ALL - 1; /* only bit 0 */
	assert_int_equal(leaf_claim_run(&word, 1, &left), LAB_WORD_BITS);
	assert_true(word == LAB_ALL - 1);
	assert_int_equal(leaf_claim_run(&word, 0, &left), 0);
	assert_false(left);
}

static void mask_all_or_none(void **state)
{
	lab_word word = 0x10;
	bool left = false;

	(void)state;
	assert_false(leaf_claim_mask(&word, 0x30, &left));
	assert_true(word == 0x10);
	assert_true(leaf_claim_mask(&word, 0x0f, &left));
	assert_true(left);
	assert_true(word == 0x1f);
	assert_true(leaf_claim_mask(&word, LAB_ALL << 5, &left));
	assert_false(left);
	assert_true(word == LAB_ALL);
	assert_false(leaf_claim_mask(&word, 1, &left));
}

/* Runs of several words: each alone, at each place. */
static void order_of_one_run(void **state)
{
	unsigned int order, first;

	(void)state;
	for (order = 0; order <= LAB_LEAF_ORDER; order++)
		for (first = 0; first < LAB_LEAF_FRAMES; first += 1u << order) {
			lab_word leaf[LAB_LEAF_WORDS];
			unsigned int i;

			memset(leaf, 0xff, sizeof(leaf));
			for (i = first; i < first + (1u << order); i++)
				leaf[i / LAB_WORD_BITS] &= ~((lab_word)1 << i % LAB_WORD_BITS);
			assert_int_equal(leaf_order(leaf), order);
		}
}

/* Words free in a row but not aligned make no larger block. */
static void order_wants_alignment(void **state)
{
	lab_word leaf[LAB_LEAF_WORDS];

	(void)state;
	memset(leaf, 0xff, sizeof(leaf));
	assert_int_equal(leaf_order(leaf), -1);
	leaf[1] = leaf[2] = 0;
	assert_int_equal(leaf_order(leaf), LAB_WORD_ORDER);
	leaf[3] = leaf[4] = leaf[5] = leaf[6] = 0; /* words 1..6: pairs at 2 and 4 */
	assert_int_equal(leaf_order(leaf), LAB_WORD_ORDER + 1);
	leaf[7] = 0; /* 4..7 */
	assert_int_equal(leaf_order(leaf), LAB_WORD_ORDER + 2);
}

static void order_of_random_leaves(void **state)
{
	uint64_t seed = 4711;
	unsigned int round, i;

	(void)state;
	for (round = 0; round < 3000; round++) {
		lab_word leaf[LAB_LEAF_WORDS];

		for (i = 0; i < LAB_LEAF_WORDS; i++)
			switch (next_random(&seed) % (2 + round % 4)) {
			case 0:
				leaf[i] = (lab_word)next_random(&seed) | (lab_word)next_random(&seed);
				break;
			case 1:
				leaf[i] = LAB_ALL;
				break;
			default:
				leaf[i] = 0;
			}
		assert_int_equal(leaf_order(leaf), naive_order(leaf));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_only_if_every_word_is),
		cmocka_unit_test(claims_go_round),
		cmocka_unit_test(claims_runs),
		cmocka_unit_test(runs_are_aligned),
		cmocka_unit_test(mask_all_or_none),
		cmocka_unit_test(order_of_one_run),
		cmocka_unit_test(order_wants_alignment),
		cmocka_unit_test(order_of_random_leaves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
