/* SPDX-License-Identifier: MIT */
/*
 * test_replay_schedule.c - which thread plays which call, and that whatever order the threads run in, somebody
 * can always go on.
 */
#include "../support/room.h"

#include "replay_schedule.h"

static void feed(struct plan_maker *maker, enum trace_kind kind, uint64_t frame, unsigned int order, unsigned int cpu)
{
	struct trace_event event = { .kind = (uint8_t)kind, .frame = frame, .order = (uint8_t)order,
				     .gfp = LAB_GFP_KERNEL, .cpu = (uint16_t)cpu };

	assert_int_equal(plan_maker_feed(maker, &event), 0);
}

/* Events at random, with every oddity; `cpus` of 0: none is named. */
static struct plan *random_plan(unsigned int events, unsigned int cpus)
{
	struct plan_maker *maker = plan_maker_new();
	uint64_t random = 7 + cpus;
	unsigned int i;

	for (i = 0; i < events; i++) {
		unsigned int order = (unsigned int)(next_random(&random) % 100 ? next_random(&random) % 4 :
									       next_random(&random) % 10);
		uint64_t frame = next_random(&random) % 2048 >> order << order;

		feed(maker, next_random(&random) % 2 ? TRACE_ALLOC : TRACE_FREE, frame + 2048, order,
		     cpus ? (unsigned int)(next_random(&random) % cpus) : 0);
	}
	return plan_maker_finish(maker);
}

/* Whose a call is. */
static unsigned int *whose(const struct plan *plan, const struct schedule *schedule)
{
	unsigned int *thread = calloc(plan->op_count, sizeof(*thread)), t;
	size_t i;

	for (i = 0; i < plan->op_count; i++)
		thread[i] = UINT32_MAX;
	assert_int_equal(schedule->first[0], 0);
	assert_int_equal(schedule->first[schedule->threads], plan->op_count);
	for (t = 0; t < schedule->threads; t++)
		for (i = schedule->first[t]; i < schedule->first[t + 1]; i++) {
			assert_true(i == schedule->first[t] || schedule->calls[i] > schedule->calls[i - 1]);
			assert_int_equal(thread[schedule->calls[i]], UINT32_MAX);
			thread[schedule->calls[i]] = t;
		}
	return thread;
}

/* Each call is one thread's, in the trace's order; an event stays whole; a CPU's events go to its threads. */
static void check(const struct plan *plan, unsigned int threads)
{
	struct schedule *schedule = schedule_new(plan, threads);
	unsigned int *thread = whose(plan, schedule), cpus = plan->counts.cpus, t;
	uint64_t events[SCHEDULE_THREADS_MAX] = { 0 };
	unsigned int least = cpus < threads ? cpus : threads;
	size_t i;

	for (i = 0; i < plan->op_count; i++) {
		assert_true(plan->ops[i].event || (i && thread[i] == thread[i - 1]));
		assert_int_equal(thread[i] % least, plan->ops[i].cpu % least);
		events[thread[i]] += plan->ops[i].event;
	}
	for (t = 0; t < threads; t++)
		assert_int_equal(events[t], schedule->events[t]);
	/* In turn: threads of one CPU differ by one event at most. */
	for (t = 0; cpus < threads && t + cpus < threads; t++)
		assert_in_range(events[t], events[t + cpus], events[t + cpus] + 1);
	free(thread);
	schedule_delete(schedule);
}

static void every_call_has_one_thread(void **state)
{
	static const unsigned int cpus[] = { 0, 1, 2, 3, 5, 64, 300 }, threads[] = { 1, 2, 3, 8, 63, 64 };
	unsigned int i, k;

	(void)state;
	for (i = 0; i < COUNT_OF(cpus); i++) {
		struct plan *plan = random_plan(5000, cpus[i]);

		assert_true(plan->counts.pieces && plan->counts.merged && plan->counts.realloc_while_held);
		for (k = 0; k < COUNT_OF(threads); k++)
			check(plan, threads[k]);
		plan_delete(plan);
	}
}

static void by_cpu_or_in_turn(void **state)
{
	struct plan_maker *maker = plan_maker_new();
	struct schedule *schedule;
	struct plan *plan;
	unsigned int *thread, i;

	(void)state;
	for (i = 0; i < 12; i++)
		feed(maker, TRACE_ALLOC, 0x100 + i, 0, i % 6);
	plan = plan_maker_finish(maker);
	schedule = schedule_new(plan, 4);
	thread = whose(plan, schedule);
	for (i = 0; i < 12; i++)
		assert_int_equal(thread[i], i % 6 % 4);
	free(thread);
	schedule_delete(schedule);
	plan_delete(plan);

	maker = plan_maker_new(); /* no CPU is named */
	for (i = 0; i < 12; i++)
		feed(maker, TRACE_ALLOC, 0x100 + i, 0, 0);
	plan = plan_maker_finish(maker);
	schedule = schedule_new(plan, 5);
	thread = whose(plan, schedule);
	for (i = 0; i < 12; i++)
		assert_int_equal(thread[i], i % 5);
	free(thread);
	schedule_delete(schedule);
	plan_delete(plan);
}

/* Nothing to do, and more threads than calls. */
static void few_calls(void **state)
{
	struct plan_maker *maker = plan_maker_new();
	struct schedule *schedule;
	struct plan *plan;

	(void)state;
	plan = plan_maker_finish(maker);
	schedule = schedule_new(plan, 64);
	assert_int_equal(schedule->first[64], 0);
	schedule_delete(schedule);
	plan_delete(plan);
	maker = plan_maker_new();
	feed(maker, TRACE_FREE, 0x100, 2, 3);
	feed(maker, TRACE_FREE, 0x100, 2, 3); /* asks for nothing: its allocation was lost */
	plan = plan_maker_finish(maker);
	schedule = schedule_new(plan, 64);
	assert_int_equal(schedule->first[64], 1);
	assert_int_equal(schedule->events[3], 1);
	schedule_delete(schedule);
	plan_delete(plan);
}

/* ---------------------------------------------------------------- any order of the threads */

struct play {
	const struct plan *plan;
	struct schedule *schedule;
	uint8_t *stage; /* a slot each: 1: allocated; 2: split */
	size_t next[SCHEDULE_THREADS_MAX];
	uint64_t done, waits;
};

/* One call of this thread.  False: it has none left, or has to wait. */
static bool step(struct play *play, unsigned int thread)
{
	const struct plan_op *op;
	bool split;

	if (play->next[thread] == play->schedule->first[thread + 1])
		return false;
	op = &play->plan->ops[play->schedule->calls[play->next[thread]]];
	split = op->kind != PLAN_SPLIT && play->schedule->split[op->slot];
	if (op->kind != PLAN_ALLOC && play->stage[op->slot] < 1 + split) {
		play->waits++;
		return false;
	}
	/* When it goes on, what it is of is there, and not more than that. */
	if (op->kind == PLAN_ALLOC || op->kind == PLAN_SPLIT)
		assert_int_equal(play->stage[op->slot]++, op->kind == PLAN_SPLIT);
	play->next[thread]++;
	play->done++;
	return true;
}

static void play_out(const struct plan *plan, unsigned int threads)
{
	struct play play = { .plan = plan, .schedule = schedule_new(plan, threads) };
	unsigned int stuck = 0, t = 0;
	uint64_t random = threads;

	play.stage = calloc(plan->slots + 1, 1);
	memset(play.stage, 1, plan->start_count);
	memcpy(play.next, play.schedule->first, sizeof(play.next));
	while (play.done < plan->op_count && stuck < threads) {
		if (!step(&play, t)) {
			stuck++; /* as many in a row as there are threads: for good */
			t = (t + 1) % threads;
			continue;
		}
		stuck = 0;
		if (next_random(&random) % 50 == 0)
			t = (unsigned int)(next_random(&random) % threads);
	}
	assert_int_equal(play.done, plan->op_count);
	assert_true(play.waits > 0);
	free(play.stage);
	schedule_delete(play.schedule);
}

static void nobody_waits_for_ever(void **state)
{
	static const unsigned int cpus[] = { 0, 2, 7 }, threads[] = { 2, 8, 64 };
	unsigned int i, k;

	(void)state;
	for (i = 0; i < COUNT_OF(cpus); i++) {
		struct plan *plan = random_plan(20000, cpus[i]);

		for (k = 0; k < COUNT_OF(threads); k++)
			play_out(plan, threads[k]);
		plan_delete(plan);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_call_has_one_thread),
		cmocka_unit_test(by_cpu_or_in_turn),
		cmocka_unit_test(few_calls),
		cmocka_unit_test(nobody_waits_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
