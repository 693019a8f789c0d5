/* SPDX-License-Identifier: MIT */
/*
 * test_replay_threads.c - threads that play one plan on one labyrinth at the edge of full: every call is made,
 * every answer is right, nothing is lost.  (A core that says "none" while a frame is surely free, gives one
 * twice or loses one is noticed here: tests/mutants.)  And the futures that pass pages from thread to thread.
 */
#include "../support/room.h"

#include <pthread.h>

#include "replay_future.h"
#include "replay_run.h"

/* ---------------------------------------------------------------- futures */

static struct future future;
static atomic_int told;

static void *waiter(void *data)
{
	struct lab_page *page = NULL;

	return future_wait(&future, data != NULL, &told, &page) ? (void *)page : (void *)&told;
}

static void *waited(bool split)
{
	pthread_t thread;
	void *page;

	assert_int_equal(pthread_create(&thread, NULL, waiter, split ? &future : NULL), 0);
	sched_yield();
	future_allocated(&future, (struct lab_page *)0x1000);
	if (split)
		future_split(&future);
	pthread_join(thread, &page);
	return page;
}

static void futures_pass_pages(void **state)
{
	struct lab_page *page = (struct lab_page *)0x8;
	unsigned int i;

	(void)state;
	for (i = 0; i < 200; i++) {
		atomic_store(&future.value, 0);
		assert_false(future_look(&future, false, &page));
		assert_ptr_equal(waited(i % 2), (void *)0x1000);
	}
	atomic_store(&future.value, 0);
	future_allocated(&future, NULL);
	assert_true(future_look(&future, false, &page));
	assert_null(page);
	page = (struct lab_page *)0x8;
	assert_false(future_look(&future, true, &page));
	future_split(&future);
	assert_true(future_look(&future, true, &page));
	assert_null(page);
}

/* Told to stop, nobody waits for what does not come. */
static void waits_end_when_told(void **state)
{
	pthread_t thread;
	void *page;

	(void)state;
	atomic_store(&future.value, 0);
	assert_int_equal(pthread_create(&thread, NULL, waiter, NULL), 0);
	atomic_store(&told, 1);
	pthread_join(thread, &page);
	assert_ptr_equal(page, &told);
	atomic_store(&told, 0);
}

/* ---------------------------------------------------------------- plans */

struct traffic {
	const char *name, *zones;
	uint64_t frames; /* of the machine */
	unsigned int live; /* frames that the trace holds at most, in 1/100 of the machine's */
	unsigned int blocks; /* 1/100 of the allocations are of order 1 and above */
	unsigned int order_max;
	lab_gfp_t gfp[3];
};

static const struct traffic traffics[] = {
	{ .name = "one page, everything", .zones = "normal=REST", .frames = 576, .live = 100,
	  .gfp = { LAB_MEMALLOC, LAB_MEMALLOC, LAB_MEMALLOC } },
	{ .name = "one page, all rights", .zones = "normal=REST", .frames = 1024, .live = 97,
	  .gfp = { LAB_GFP_KERNEL, LAB_GFP_ATOMIC, LAB_MEMALLOC } },
	{ .name = "one page, three rooms", .zones = NULL, .frames = 4096, .live = 100,
	  .gfp = { LAB_MEMALLOC, LAB_MEMALLOC | LAB_DMA32, LAB_MEMALLOC | LAB_MOVABLE } },
	{ .name = "small blocks", .zones = "normal=REST", .frames = 4096, .live = 97, .blocks = 20, .order_max = 4,
	  .gfp = { LAB_GFP_KERNEL, LAB_GFP_ATOMIC, LAB_GFP_HIGHUSER_MOVABLE } },
	{ .name = "all blocks, three rooms", .zones = NULL, .frames = 20000, .live = 90, .blocks = 5, .order_max = 9,
	  .gfp = { LAB_GFP_KERNEL, LAB_GFP_ATOMIC, LAB_GFP_KERNEL } },
};

enum { EVENTS = 200000, CPUS = 4, HELD_MAX = 20000 };

/* Allocations and frees in waves up to the most that may be live; some blocks are freed in pieces. */
static struct plan *traffic_plan(const struct traffic *traffic)
{
	static struct trace_event held[HELD_MAX];
	struct plan_maker *maker = plan_maker_new();
	uint64_t random = 5, frame = 0x10000, live = 0, most = traffic->frames * traffic->live / 100;
	unsigned int count = 0, i, at, rising = 90;
	struct trace_event event;

	for (i = 0; i < EVENTS; i++) {
		event = (struct trace_event){ .kind = TRACE_ALLOC, .cpu = (uint16_t)(next_random(&random) % CPUS) };
		if (i % 512 == 0)
			rising = 40 + (unsigned int)(next_random(&random) % 3) * 25;
		if (next_random(&random) % 100 < traffic->blocks)
			event.order = (uint8_t)(1 + next_random(&random) % traffic->order_max);
		if (live + (1u << event.order) <= most && count < HELD_MAX &&
		    (!count || next_random(&random) % 100 < rising)) {
			frame = (frame + (1u << event.order) - 1) >> event.order << event.order;
			event.frame = frame;
			event.gfp = traffic->gfp[next_random(&random) % 3];
			frame += 1u << event.order;
			live += 1u << event.order;
			held[count++] = event;
		} else {
			at = (unsigned int)(next_random(&random) % count);
			event.kind = TRACE_FREE;
			event.frame = held[at].frame;
			event.order = held[at].order;
			if (event.order && next_random(&random) % 4 == 0) { /* its upper half only, for now */
				held[at].order = --event.order;
				event.frame += 1u << event.order;
			} else {
				held[at] = held[--count];
			}
			live -= 1u << event.order;
		}
		assert_int_equal(plan_maker_feed(maker, &event), 0);
	}
	return plan_maker_finish(maker);
}

static void traffic_machine(const struct traffic *traffic, const struct plan *plan, struct machine *machine)
{
	struct machine_need need = { .highest_frame = ((uint64_t)12 << 18) - 1, .peak_frames = plan->counts.peak_frames,
				     .cpus = CPUS };
	char error[MACHINE_ERROR_TEXT];
	struct machine_wish wish;

	machine_wish_default(&wish);
	if (traffic->zones)
		assert_true(machine_parse_zones(&wish, traffic->zones, error));
	wish.memory_frames = traffic->frames;
	assert_true(machine_plan(machine, &wish, &need, error));
}

/* ---------------------------------------------------------------- runs */

static void assert_right(const struct run *run, const struct traffic *traffic)
{
	const struct run_result *result = &run->result;
	const struct run_counts *counts = &result->counts;
	uint64_t calls = 0;
	unsigned int i;

	if (run_broken(result))
		print_error("%s, %u threads: refused while free %llu, again while free %llu, given twice %llu, misplaced "
			    "%llu, free errors %llu, lost %llu, unsettled %llu, audit: %s\n", traffic->name, run->threads,
			    (unsigned long long)counts->refused_while_free, (unsigned long long)counts->again_while_free,
			    (unsigned long long)counts->double_given, (unsigned long long)counts->misplaced,
			    (unsigned long long)counts->free_errors, (unsigned long long)result->threads.lost,
			    (unsigned long long)result->threads.unsettled, result->threads.audit);
	assert_false(run_broken(result));
	assert_int_equal(result->threads.count, run->threads);
	for (i = 0; i < run->threads; i++)
		calls += result->threads.thread[i].calls;
	assert_int_equal(calls, run->plan->op_count);
	assert_int_equal(result->threads.calls, calls);
	assert_int_equal(result->threads.events, EVENTS);
	assert_true(counts->claimed > 0);
	if (!counts->refused && !counts->again)
		assert_int_equal(counts->live_at_end, run->plan->counts.end_frames);
}

static void threads_at_the_edge(void **state)
{
	static const unsigned int threads[] = { 2, 3, 4, 8 };
	unsigned int i, k;

	(void)state;
	for (i = 0; i < COUNT_OF(traffics); i++) {
		struct plan *plan = traffic_plan(&traffics[i]);
		struct machine machine;

		for (k = 0; k < COUNT_OF(threads); k++) {
			struct run run = { .plan = plan, .machine = &machine, .threads = threads[k] };

			traffic_machine(&traffics[i], plan, &machine);
			if (!run_all(&run))
				print_error("%s\n", run.error);
			assert_int_equal(*run.error, '\0');
			assert_right(&run, &traffics[i]);
			print_message("%s, %u threads: %llu waits, %llu claims, %llu refused (%llu of one page), %llu again, "
				      "%.0f ms\n", traffics[i].name, threads[k],
				      (unsigned long long)run.result.threads.waits,
				      (unsigned long long)run.result.counts.claimed,
				      (unsigned long long)run.result.counts.refused,
				      (unsigned long long)run.result.counts.refused_unproven,
				      (unsigned long long)run.result.counts.again, run.result.threads.elapsed_ms);
		}
		plan_delete(plan);
	}
}

/* One thread's passes are as they were, and say nothing of threads. */
static void one_thread_stays_as_it_was(void **state)
{
	struct plan *plan = traffic_plan(&traffics[1]);
	unsigned int threads;
	struct machine machine;

	(void)state;
	for (threads = 0; threads < 2; threads++) {
		struct run run = { .plan = plan, .machine = &machine, .threads = threads };

		traffic_machine(&traffics[1], plan, &machine);
		assert_true(run_all(&run));
		assert_false(run_broken(&run.result));
		assert_true(run.result.passes_agree);
		assert_true(run.result.alloc.calls > 0);
		assert_int_equal(run.result.threads.count, 0);
		assert_int_equal(run.result.threads.calls, 0);
		run.result.counts.again = 1; /* with nobody beside it, that is a broken promise */
		assert_true(run_broken(&run.result));
	}
	plan_delete(plan);
}

/* What makes the command fail, one by one. */
static void each_broken_promise_counts(void **state)
{
	struct run_result result = { .threads = { .count = 2 } };

	(void)state;
	result.counts.again = result.counts.refused = result.counts.refused_unproven = 7;
	assert_false(run_broken(&result));
#define BREAKS(member)                                                                              \
	do {                                                                                         \
		result.member = 1;                                                                   \
		assert_true(run_broken(&result));                                                    \
		result.member = 0;                                                                   \
	} while (0)
	BREAKS(counts.refused_while_free);
	BREAKS(counts.again_while_free);
	BREAKS(counts.double_given);
	BREAKS(counts.misplaced);
	BREAKS(counts.free_errors);
	BREAKS(threads.audit_broken);
	BREAKS(threads.lost);
	BREAKS(threads.unsettled);
	assert_false(run_broken(&result));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(futures_pass_pages),
		cmocka_unit_test(waits_end_when_told),
		cmocka_unit_test(threads_at_the_edge),
		cmocka_unit_test(one_thread_stays_as_it_was),
		cmocka_unit_test(each_broken_promise_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
