/* SPDX-License-Identifier: MIT */
/*
 * test_buddy.c - the buddy reference of bench/ against an oracle that knows every frame.
 *
 * The oracle is a byte a frame.  After each random operation the answer must be one that the oracle
 * finds possible: a block given was wholly free, a refusal means that no aligned block was, and the
 * count of huge blocks is the count that a look at all frames gives.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../bench/buddy.h"

#define STEPS 20000u
#define CHECK_EVERY 64u

struct block {
	uint64_t frame;
	unsigned int order;
};

struct play {
	struct buddy *buddy;
	uint64_t frames;
	bool *taken;
	struct block *held; /* the blocks given and not freed */
	size_t held_count;
	uint64_t seed;
};

static uint64_t next_random(struct play *play)
{
	play->seed ^= play->seed << 13;
	play->seed ^= play->seed >> 7;
	play->seed ^= play->seed << 17;
	return play->seed;
}

static bool wholly_free(const struct play *play, uint64_t frame, unsigned int order)
{
	uint64_t size = UINT64_C(1) << order;

	if (frame & (size - 1) || frame + size > play->frames)
		return false;
	for (uint64_t i = 0; i < size; i++) {
		if (play->taken[frame + i])
			return false;
	}
	return true;
}

static uint64_t count_free(const struct play *play, unsigned int order)
{
	uint64_t count = 0;

	for (uint64_t frame = 0; frame < play->frames; frame += UINT64_C(1) << order)
		count += wholly_free(play, frame, order);
	return count;
}

static void mark(struct play *play, struct block block, bool taken)
{
	for (uint64_t i = 0; i < UINT64_C(1) << block.order; i++) {
		assert_int_equal(play->taken[block.frame + i], !taken);
		play->taken[block.frame + i] = taken;
	}
}

static void hold(struct play *play, struct block block)
{
	assert_true(wholly_free(play, block.frame, block.order));
	mark(play, block, true);
	play->held[play->held_count++] = block;
}

static void random_alloc(struct play *play)
{
	unsigned int order = (unsigned int)(next_random(play) % (BUDDY_ORDER_MAX + 1));
	int64_t frame = buddy_alloc(play->buddy, order);

	if (frame < 0)
		assert_int_equal(count_free(play, order), 0);
	else
		hold(play, (struct block){ (uint64_t)frame, order });
}

static void random_alloc_at(struct play *play)
{
	unsigned int order = (unsigned int)(next_random(play) % 6);
	uint64_t frame = next_random(play) % (play->frames + 2);
	bool possible;

	if (next_random(play) % 8)
		frame &= ~((UINT64_C(1) << order) - 1);
	possible = wholly_free(play, frame, order);
	assert_int_equal(buddy_alloc_at(play->buddy, frame, order), possible ? 0 : -1);
	if (possible)
		hold(play, (struct block){ frame, order });
}

/* Whole, or in two pieces with the upper one first. */
static void random_free(struct play *play)
{
	size_t which;
	struct block block;

	if (!play->held_count)
		return;
	which = next_random(play) % play->held_count;
	block = play->held[which];
	play->held[which] = play->held[--play->held_count];
	mark(play, block, false);
	if (block.order && next_random(play) % 4 == 0) {
		block.order--;
		buddy_free(play->buddy, block.frame + (UINT64_C(1) << block.order), block.order);
	}
	buddy_free(play->buddy, block.frame, block.order);
}

static void check_counts(const struct play *play)
{
	for (unsigned int order = 0; order <= BUDDY_ORDER_MAX; order++)
		assert_int_equal(buddy_huge_free(play->buddy, order), count_free(play, order));
}

static void play_random(uint64_t frames, uint64_t seed)
{
	struct play play = { .frames = frames, .seed = seed };

	play.buddy = buddy_new(frames);
	play.taken = calloc(frames, sizeof(*play.taken));
	play.held = calloc(frames, sizeof(*play.held));
	assert_non_null(play.buddy);
	assert_non_null(play.taken);
	assert_non_null(play.held);
	check_counts(&play);
	for (unsigned int step = 0; step < STEPS; step++) {
		/* Phases of growing and of shrinking, so that both full and empty are visited. */
		bool grow = next_random(&play) % 8 < (step / 2000 % 2 ? 3u : 5u);

		if (!grow)
			random_free(&play);
		else if (next_random(&play) % 4)
			random_alloc(&play);
		else
			random_alloc_at(&play);
		if (step % CHECK_EVERY == 0)
			check_counts(&play);
	}
	while (play.held_count)
		random_free(&play);
	check_counts(&play);
	buddy_delete(play.buddy);
	free(play.taken);
	free(play.held);
}

static void test_random(void **state)
{
	static const uint64_t sizes[] = { 1, 2, 7, 1000, 1024, 2048, 4099 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (uint64_t seed = 1; seed <= 3; seed++) {
			print_message("frames %u, seed %u\n", (unsigned int)sizes[i], (unsigned int)seed);
			play_random(sizes[i], seed * UINT64_C(0x9e3779b97f4a7c15));
		}
	}
}

static void test_lowest_first_and_lifo(void **state)
{
	struct buddy *buddy = buddy_new(4096);

	(void)state;
	assert_non_null(buddy);
	assert_int_equal(buddy_alloc(buddy, 0), 0);
	assert_int_equal(buddy_alloc(buddy, 0), 1);
	assert_int_equal(buddy_alloc(buddy, 0), 2);
	assert_int_equal(buddy_alloc(buddy, 9), 512);
	buddy_free(buddy, 0, 0); /* its buddy is taken: it stays a single page, last freed */
	assert_int_equal(buddy_alloc(buddy, 0), 0);
	buddy_delete(buddy);
}

static void test_refusals(void **state)
{
	struct buddy *buddy = buddy_new(1000);

	(void)state;
	assert_null(buddy_new(0));
	assert_null(buddy_new(UINT32_MAX));
	assert_non_null(buddy);
	assert_int_equal(buddy_alloc(buddy, BUDDY_ORDER_MAX), -1);
	assert_int_equal(buddy_alloc(buddy, BUDDY_ORDER_MAX + 1), -1);
	assert_int_equal(buddy_alloc_at(buddy, 0, BUDDY_ORDER_MAX + 1), -1);
	assert_int_equal(buddy_alloc_at(buddy, 1000, 0), -1);
	assert_int_equal(buddy_alloc_at(buddy, 996, 3), -1);
	assert_int_equal(buddy_alloc_at(buddy, 513, 1), -1);
	assert_int_equal(buddy_huge_free(buddy, 9), 1);
	assert_int_equal(buddy_huge_free(buddy, 11), 0);
	buddy_delete(buddy);
	buddy_delete(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lowest_first_and_lifo),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
