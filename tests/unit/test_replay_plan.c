/* SPDX-License-Identifier: MIT */
/*
 * test_replay_plan.c - what `labyrinth replay` makes of a trace's events, oddities and all; and the
 * histogram in which it counts times.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "replay_plan.h"
#include "replay_time.h"

static void feed(struct plan_maker *maker, enum trace_kind kind, uint64_t frame, unsigned int order)
{
	struct trace_event event = {
		.kind = (uint8_t)kind, .frame = frame, .order = (uint8_t)order, .gfp = LAB_GFP_KERNEL
	};

	assert_int_equal(plan_maker_feed(maker, &event), 0);
}

static void test_plan_starts_and_peak(void **state)
{
	struct plan_maker *maker = plan_maker_new();
	struct plan *plan;

	(void)state;
	feed(maker, TRACE_ALLOC, 0x100, 2);
	feed(maker, TRACE_FREE, 0x200, 3); /* live from the start */
	feed(maker, TRACE_FREE, 0x100, 2);
	feed(maker, TRACE_FREE, 0x100, 2); /* its allocation was lost */
	feed(maker, TRACE_ALLOC, 0x200, 0);
	plan = plan_maker_finish(maker);
	assert_int_equal(plan->counts.frees_unmatched, 2);
	assert_int_equal(plan->counts.frees_lost, 1);
	assert_int_equal(plan->counts.start_frames, 8);
	assert_int_equal(plan->counts.peak_frames, 12);
	assert_int_equal(plan->counts.peak_op, 0);
	assert_int_equal(plan->counts.end_frames, 1);
	assert_int_equal(plan->counts.highest_frame, 0x207);
	assert_int_equal(plan->start_count, 1);
	assert_int_equal(plan->slots, 3);
	assert_int_equal(plan->op_count, 4);
	assert_int_equal(plan->ops[1].slot, 0);
	assert_int_equal(plan->ops[1].order, 3);
	plan_delete(plan);
}

/* A block of 8 freed as 1, 4, 1 and the rest, of 2, when that is allocated again. */
static void test_plan_pieces(void **state)
{
	struct plan_maker *maker = plan_maker_new();
	struct plan *plan;

	(void)state;
	feed(maker, TRACE_ALLOC, 0x108, 3);
	feed(maker, TRACE_FREE, 0x10a, 0);
	feed(maker, TRACE_FREE, 0x10c, 2);
	feed(maker, TRACE_FREE, 0x10b, 0);
	feed(maker, TRACE_ALLOC, 0x109, 0);
	plan = plan_maker_finish(maker);
	assert_int_equal(plan->counts.pieces, 3);
	assert_int_equal(plan->counts.realloc_while_held, 1);
	assert_int_equal(plan->op_count, 7);
	assert_int_equal(plan->ops[1].kind, PLAN_SPLIT);
	assert_int_equal(plan->ops[1].order, 3);
	assert_int_equal(plan->ops[2].kind, PLAN_FREE);
	assert_int_equal(plan->ops[2].offset, 2);
	assert_int_equal(plan->ops[3].kind, PLAN_FREE_SINGLES);
	assert_int_equal(plan->ops[3].offset, 4);
	assert_int_equal(plan->ops[3].order, 2);
	assert_int_equal(plan->ops[4].offset, 3);
	assert_int_equal(plan->ops[5].kind, PLAN_FREE_SINGLES); /* 0x108, 0x109 */
	assert_int_equal(plan->ops[5].offset, 0);
	assert_int_equal(plan->ops[6].kind, PLAN_ALLOC);
	assert_int_equal(plan->counts.end_frames, 1);
	plan_delete(plan);
}

static void test_plan_merged_and_large(void **state)
{
	struct plan_maker *maker = plan_maker_new();
	struct plan *plan;

	(void)state;
	feed(maker, TRACE_ALLOC, 0x40, 0);
	feed(maker, TRACE_ALLOC, 0x41, 0);
	feed(maker, TRACE_FREE, 0x40, 2); /* both, and two that were live from the start */
	feed(maker, TRACE_ALLOC, 0x400, 10);
	feed(maker, TRACE_FREE, 0x400, 10);
	feed(maker, TRACE_ALLOC, 0x800, 10);
	feed(maker, TRACE_FREE, 0x800, 9); /* in two pieces */
	feed(maker, TRACE_FREE, 0xa00, 9);
	feed(maker, TRACE_ALLOC, 0x800, 0); /* no longer held */
	plan = plan_maker_finish(maker);
	assert_int_equal(plan->counts.merged, 1);
	assert_int_equal(plan->counts.start_frames, 2);
	assert_int_equal(plan->counts.too_large, 5);
	assert_int_equal(plan->counts.realloc_while_held, 0);
	assert_int_equal(plan->counts.end_frames, 1);
	plan_delete(plan);
}

/* Random events against a table of who holds each frame: every op must fit what the slots hold. */
static void test_plan_random(void **state)
{
	enum { FRAMES = 2048, EVENTS = 200000 };
	static uint32_t holder[EVENTS * 2][2]; /* slot: frames held of it; split? */
	struct plan_maker *maker = plan_maker_new();
	struct plan *plan;
	const struct plan_op *op;
	uint64_t live = 0;
	size_t i;

	(void)state;
	srandom(11);
	for (i = 0; i < EVENTS; i++) {
		unsigned int order = (unsigned int)(random() % 100 ? random() % 4 : random() % 10);
		uint64_t frame = (uint64_t)(random() % FRAMES) >> order << order;

		feed(maker, random() % 2 ? TRACE_ALLOC : TRACE_FREE, frame + FRAMES, order);
	}
	plan = plan_maker_finish(maker);
	assert_true(plan->slots < EVENTS * 2);
	for (i = 0; i < plan->start_count; i++)
		holder[i][0] = 1u << plan->starts[i].order;
	for (op = plan->ops; op < plan->ops + plan->op_count; op++) {
		if (op->kind == PLAN_ALLOC) {
			assert_int_equal(holder[op->slot][0], 0);
			holder[op->slot][0] = 1u << op->order;
		} else if (op->kind == PLAN_SPLIT) {
			assert_int_equal(holder[op->slot][0], 1u << op->order);
			assert_int_equal(holder[op->slot][1]++, 0);
		} else {
			assert_true(holder[op->slot][0] >= 1u << op->order);
			holder[op->slot][0] -= 1u << op->order;
			/* Without a split, only the whole goes. */
			assert_true(holder[op->slot][1] || !holder[op->slot][0]);
		}
	}
	for (i = 0; i < plan->slots; i++)
		live += holder[i][0];
	assert_int_equal(live, plan->counts.end_frames);
	assert_true(live <= FRAMES && plan->counts.peak_frames <= FRAMES);
	assert_true(plan->counts.pieces && plan->counts.merged && plan->counts.realloc_while_held);
	plan_delete(plan);
}

/* ---------------------------------------------------------------- the histogram */

static void test_histogram(void **state)
{
	static struct histogram histogram;
	uint64_t i;

	(void)state;
	assert_int_equal(histogram_at(&histogram, 0.5), 0);
	for (i = 1; i <= 100000; i++)
		histogram_add(&histogram, i);
	assert_in_range(histogram_at(&histogram, 0.5), 50000, 52000);
	assert_in_range(histogram_at(&histogram, 0.99), 99000, 100000);
	assert_int_equal(histogram_at(&histogram, 1), 100000);
	assert_int_equal(histogram_at(&histogram, 0.0001), 10);
	histogram_add(&histogram, UINT64_MAX);
	assert_true(histogram.max == UINT64_MAX && histogram_at(&histogram, 1) == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plan_starts_and_peak),
		cmocka_unit_test(test_plan_pieces),
		cmocka_unit_test(test_plan_merged_and_large),
		cmocka_unit_test(test_plan_random),
		cmocka_unit_test(test_histogram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
