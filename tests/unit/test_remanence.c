/* SPDX-License-Identifier: MIT */
/*
 * test_remanence.c - the remanence rig's search (tests/remanence/search.h): what was planted is found, and nothing else.
 */
#include "../support/room.h"
#include "../remanence/search.h"

#define KEY 0x1234567890abcdefu
#define PAGES 40u

static uint64_t memory[PAGES * WORDS_A_PAGE];
static struct search found;

static void look(uint64_t key, uint64_t count)
{
	assert_true(search_begin(&found, key, PAGES));
	search_through(&found, memory, count);
	search_end(&found);
}

static void assert_found(uint64_t copies, uint64_t markers, uint64_t pages)
{
	assert_int_equal(found.copies, copies);
	assert_int_equal(found.markers, markers);
	assert_int_equal(found.pages, pages);
}

static void fill(void)
{
	uint64_t i;

	for (i = 0; i < PAGES; i++)
		marker_write(memory + i * WORDS_A_PAGE, KEY, i);
}

static void unmixed(void **state)
{
	uint64_t word = 1;
	unsigned int i;

	(void)state;
	assert_int_equal(MARKER_FACTOR * marker_inverse(), 1);
	for (i = 0; i < 100000; i++) {
		assert_int_equal(marker_unmix(marker_mix(word), marker_inverse()), word);
		word = word * 6364136223846793005u + 1442695040888963407u;
	}
}

/* The first, the last and every other page; nothing under another key, or of a case that came before. */
static void planted(void **state)
{
	(void)state;
	fill();
	assert_true(marker_stands(memory + 7 * WORDS_A_PAGE, KEY, 7));
	look(KEY, PAGES * WORDS_A_PAGE);
	assert_found(PAGES * MARKERS_A_PAGE, PAGES * MARKERS_A_PAGE, PAGES);
	assert_int_equal(found.stray, 0);
	look(marker_key(KEY, 3), PAGES * WORDS_A_PAGE);
	assert_found(0, 0, 0);
	assert_int_equal(found.stray, 0);
}

/* Whichever of its bytes is changed: that marker is not whole, the others are, and what is left of it is told. */
static void torn(void **state)
{
	uint8_t *bytes = (uint8_t *)(memory + 3 * WORDS_A_PAGE);
	unsigned int i;

	(void)state;
	fill();
	for (i = 0; i < MARKER_PAGE; i++) {
		bytes[i] ^= (uint8_t)(1u << i % 8);
		look(KEY, PAGES * WORDS_A_PAGE);
		assert_found(PAGES * MARKERS_A_PAGE - 1, PAGES * MARKERS_A_PAGE - 1, PAGES);
		assert_int_equal(found.stray, MARKER_WORDS - 1);
		bytes[i] ^= (uint8_t)(1u << i % 8);
	}
}

/* Words in another order, or of two markers, are none. */
static void shuffled(void **state)
{
	uint64_t word;

	(void)state;
	memset(memory, 0, sizeof(memory));
	marker_write(memory, KEY, 5);
	word = memory[8];
	memory[8] = memory[9];
	memory[9] = word;
	memory[17] = memory[25];
	look(KEY, WORDS_A_PAGE);
	assert_found(MARKERS_A_PAGE - 2, MARKERS_A_PAGE - 2, 1);
	assert_int_equal(found.stray, 2 * MARKER_WORDS);
}

/* Two copies of a page are one page; a single marker, at a place that is no multiple of its size, is one. */
static void copies(void **state)
{
	(void)state;
	memset(memory, 0, sizeof(memory));
	marker_write(memory, KEY, 9);
	marker_write(memory + 2 * WORDS_A_PAGE, KEY, 9);
	look(KEY, PAGES * WORDS_A_PAGE);
	assert_found(2 * MARKERS_A_PAGE, MARKERS_A_PAGE, 1);

	memmove(memory + 11, memory + 8, MARKER_WORDS * 8);
	memset(memory, 0, 11 * 8);
	memset(memory + 19, 0, sizeof(memory) - 19 * 8);
	look(KEY, PAGES * WORDS_A_PAGE);
	assert_found(1, 1, 1);
	assert_int_equal(found.stray, 0);
	look(KEY, 18); /* the memory ends within it */
	assert_found(0, 0, 0);
	assert_int_equal(found.stray, 7);
	look(KEY, 19); /* right behind it */
	assert_found(1, 1, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unmixed), cmocka_unit_test(planted), cmocka_unit_test(torn),
		cmocka_unit_test(shuffled), cmocka_unit_test(copies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
