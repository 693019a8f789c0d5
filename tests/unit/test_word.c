/* SPDX-License-Identifier: MIT */
/*
 * test_word.c - the pure functions of word.h against loops over single bits.
 */
#include "../support/room.h"
#include "word.h"

#define SAMPLES 4000u

/* Empty, full, single bits and holes, their neighbourhoods, then random words, dense and sparse. */
static lab_word sample(unsigned int i)
{
	static uint64_t state = 88172645463325252u;
	lab_word w;

	if (i == 0)
		state = 88172645463325252u;
	if (i < 2)
		return i ? LAB_ALL : 0;
	if (i < 2 + LAB_WORD_BITS)
		return (lab_word)1 << (i - 2);
	if (i < 2 + 2 * LAB_WORD_BITS)
		return ~((lab_word)1 << (i - 2 - LAB_WORD_BITS));
	w = (lab_word)next_random(&state);
	if (i % 3 == 1)
		w |= (lab_word)next_random(&state) | (lab_word)next_random(&state);
	if (i % 3 == 2)
		w &= (lab_word)next_random(&state) & (lab_word)next_random(&state) & (lab_word)next_random(&state);
	return w;
}

static bool bit_of(lab_word w, unsigned int bit)
{
	return w >> bit & 1;
}

static bool run_free(lab_word w, unsigned int first, unsigned int order)
{
	unsigned int i;

	for (i = 0; i < 1u << order; i++)
		if (bit_of(w, first + i))
			return false;
	return true;
}

static void geometry(void **state)
{
	(void)state;
	assert_int_equal(LAB_WORD_BITS, 8 * sizeof(lab_word));
	assert_int_equal(1u << LAB_WORD_ORDER, LAB_WORD_BITS);
	assert_int_equal(LAB_LEAF_FRAMES, 512);
	assert_int_equal(LAB_LEAF_WORDS * sizeof(lab_word), 64);
	/* The three fields of a parent word share it without gap or overlap. */
	assert_true((LAB_FULL & LAB_CLEARING) == 0);
	assert_true((LAB_FULL | LAB_CLEARING) == LAB_SEQUENCE_ONE - 1);
	assert_int_equal(word_count(LAB_FULL), LAB_FANOUT);
}

static void counting(void **state)
{
	unsigned int i, bit;

	(void)state;
	for (i = 0; i < SAMPLES; i++) {
		lab_word w = sample(i);
		unsigned int n = 0, lowest = LAB_WORD_BITS, highest = LAB_WORD_BITS;

		for (bit = 0; bit < LAB_WORD_BITS; bit++) {
			if (!bit_of(w, bit))
				continue;
			n++;
			highest = bit;
			if (lowest == LAB_WORD_BITS)
				lowest = bit;
		}
		assert_int_equal(word_count(w), n);
		if (w) {
			assert_int_equal(word_lowest(w), lowest);
			assert_int_equal(word_highest(w), highest);
		}
	}
}

static void masks(void **state)
{
	unsigned int n, order, bit;

	(void)state;
	for (n = 0; n <= LAB_WORD_BITS; n++)
		for (bit = 0; bit < LAB_WORD_BITS; bit++)
			assert_int_equal(bit_of(word_below(n), bit), bit < n);
	for (order = 0; order <= LAB_WORD_ORDER; order++) {
		assert_true(word_ones(order) == word_below(1u << order));
		for (bit = 0; bit < LAB_WORD_BITS; bit++)
			assert_int_equal(bit_of(word_heads(order), bit), bit % (1u << order) == 0);
	}
}

static void runs(void **state)
{
	unsigned int i, order, bit;

	(void)state;
	for (i = 0; i < SAMPLES; i++) {
		lab_word w = sample(i);
		int largest = -1;

		for (order = 0; order <= LAB_WORD_ORDER; order++) {
			lab_word found = word_runs(w, order);

			for (bit = 0; bit < LAB_WORD_BITS; bit++) {
				bool expected = bit % (1u << order) == 0 && run_free(w, bit, order);

				assert_int_equal(bit_of(found, bit), expected);
				if (expected)
					largest = (int)order;
			}
		}
		assert_int_equal(word_order(w), largest);
	}
}

static void first_free_going_round(void **state)
{
	unsigned int i, from, bit;

	(void)state;
	for (i = 0; i < SAMPLES; i += 3) {
		lab_word w = sample(i);

		if (w == LAB_ALL)
			continue;
		for (from = 0; from < LAB_WORD_BITS; from++) {
			for (bit = from; bit_of(w, bit % LAB_WORD_BITS); bit++)
				;
			/* Round means: from the bottom again. */
			assert_int_equal(word_free_from(w, from), bit % LAB_WORD_BITS);
		}
	}
}

/* ---- parent words ---- */

static lab_word sequence_of(lab_word w)
{
	return w / LAB_SEQUENCE_ONE;
}

static void parent_reads(void **state)
{
	unsigned int child;

	(void)state;
	assert_int_equal(parent_announced(0), -1);
	assert_int_equal(parent_announced(LAB_FULL), -1);
	for (child = 0; child < LAB_FANOUT; child++) {
		lab_word w = parent_announce(0, child);

		assert_true(parent_lists(w, child));
		assert_int_equal(parent_announced(w), child);
		assert_false(parent_lists((lab_word)1 << child, child));
		assert_int_equal(word_count(parent_commit(w, child) & LAB_FULL), 1);
	}
}

/* Every transition from every state of a child, on words whose other fields are arbitrary. */
static void parent_transitions(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < SAMPLES; i++) {
		unsigned int child = i % LAB_FANOUT, other = (i / LAB_FANOUT + child + 1) % LAB_FANOUT;
		lab_word w = parent_withdraw(sample(i)), announced = parent_announce(w, child), committed;

		assert_true(sequence_of(announced) == ((sequence_of(w) + 1) & sequence_of(LAB_ALL)));
		assert_true((announced & LAB_FULL) == (w & LAB_FULL));
		assert_int_equal(parent_announced(announced), child);
		/* Only one is announced: the next takes its place. */
		assert_int_equal(parent_announced(parent_announce(announced, other)), other);
		assert_true((parent_announce(announced, other) & LAB_FULL) == (w & LAB_FULL));

		committed = parent_commit(announced, child);
		assert_int_equal(parent_announced(committed), -1);
		assert_true((committed & LAB_FULL) == ((w & LAB_FULL) | (lab_word)1 << child));
		assert_true(sequence_of(committed) == sequence_of(announced));

		assert_true(parent_withdraw(announced) == (announced & ~LAB_CLEARING));
		/* A listing of any child lists it, and withdraws whatever was announced. */
		assert_true((announced & parent_list_mask(other)) ==
			    (parent_withdraw(announced) & ~((lab_word)1 << other)));
		assert_true(parent_lists(committed & parent_list_mask(child), child));
	}
}

static void parent_sequence_wraps(void **state)
{
	lab_word last = LAB_ALL - LAB_SEQUENCE_ONE + 1; /* all of the sequence, nothing else */
	lab_word next = parent_announce(last | 5, 2);

	(void)state;
	assert_true(sequence_of(next) == 0);
	assert_true((next & LAB_FULL) == 5);
	assert_int_equal(parent_announced(next), 2);
	/* Each announcement moves it by one, and nothing else does. */
	assert_true(sequence_of(parent_announce(parent_announce(0, 1), 1)) == 2);
	assert_true(sequence_of(parent_withdraw(parent_announce(0, 1))) == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(geometry),
		cmocka_unit_test(counting),
		cmocka_unit_test(masks),
		cmocka_unit_test(runs),
		cmocka_unit_test(first_free_going_round),
		cmocka_unit_test(parent_reads),
		cmocka_unit_test(parent_transitions),
		cmocka_unit_test(parent_sequence_wraps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
