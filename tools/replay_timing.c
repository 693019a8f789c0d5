/* SPDX-License-Identifier: MIT */
/*
 * replay_timing.c - the timed and the plain passes: what a call costs, and what all of them cost.
 *
 * Nothing is checked here and nothing is printed: the oracle's memory traffic would be measured with the
 * calls.  That the answers are those that the oracle saw is compared afterwards, slot by slot.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay_pass.h"
#include "replay_time.h"

#define ROUNDS 3u

struct timing {
	struct run *run;
	struct stopwatch watch;
	uint32_t *least; /* a call each: ticks, the least of all rounds */
	uint64_t most[2]; /* largest single reading: frees, allocations */
	uint64_t plain_least; /* ns, of the plain passes */
	struct histogram histogram[2];
};

/* Did each slot get the frame that it got in the checked pass? */
static bool pass_agrees(const struct pass *pass, const uint64_t *frames)
{
	uint64_t frame;
	uint32_t i;

	for (i = 0; i < pass->plan->slots; i++) {
		frame = pass->pages[i] ? lab_page_frame(pass->lab, pass->pages[i]) : UINT64_MAX;
		if (frame != frames[i])
			return false;
	}
	return true;
}

static void note(struct timing *timing, size_t i, uint64_t ticks)
{
	bool alloc = timing->run->plan->ops[i].kind == PLAN_ALLOC;

	if (ticks > timing->most[alloc])
		timing->most[alloc] = ticks;
	if (ticks < timing->least[i])
		timing->least[i] = (uint32_t)ticks;
}

static void timed_ops(struct timing *timing, struct pass *pass)
{
	const struct plan_op *op = pass->plan->ops, *end = op + pass->plan->op_count;
	int cpus = (int)pass->machine->cpus;
	struct lab_request request;
	struct lab_answer answer;
	struct lab_page *page;
	uint64_t start, ticks;

	for (; op < end; op++) {
		lab_user_cpu_override = op->cpu % cpus;
		if (op->kind == PLAN_ALLOC) {
			request = pass_request(op);
			start = stopwatch_start(&timing->watch);
			page = lab_alloc_request(pass->lab, &request, &answer);
			ticks = stopwatch_stop(&timing->watch, start);
			pass->pages[op->slot] = lab_is_err(page) ? NULL : page;
		} else {
			page = pass_page(pass, op);
			if (!page)
				continue;
			start = stopwatch_start(&timing->watch);
			pass_release(pass, op, page);
			ticks = stopwatch_stop(&timing->watch, start);
		}
		note(timing, (size_t)(op - pass->plan->ops), ticks);
	}
}

static void plain_ops(struct timing *timing, struct pass *pass)
{
	const struct plan_op *op = pass->plan->ops, *end = op + pass->plan->op_count;
	int cpus = (int)pass->machine->cpus;
	struct lab_request request;
	struct lab_answer answer;
	struct lab_page *page;
	uint64_t start = clock_ns(), ns;

	for (; op < end; op++) {
		lab_user_cpu_override = op->cpu % cpus;
		if (op->kind == PLAN_ALLOC) {
			request = pass_request(op);
			page = lab_alloc_request(pass->lab, &request, &answer);
			pass->pages[op->slot] = lab_is_err(page) ? NULL : page;
		} else {
			page = pass_page(pass, op);
			if (page)
				pass_release(pass, op, page);
		}
	}
	ns = clock_ns() - start;
	if (ns < timing->plain_least)
		timing->plain_least = ns;
}

/* One round on a fresh labyrinth. */
static bool timing_round(struct timing *timing, unsigned int round, const uint64_t *frames)
{
	struct run *run = timing->run;
	struct pass pass;

	if (!pass_open(&pass, run))
		return false;
	memset(pass.pages, 0, (size_t)run->plan->slots * sizeof(*pass.pages)); /* touched: no faults later */
	pass_start(&pass, NULL);
	if (round < ROUNDS)
		timed_ops(timing, &pass);
	else
		plain_ops(timing, &pass);
	run->result.passes_agree = run->result.passes_agree && pass_agrees(&pass, frames);
	pass_close(&pass);
	if (run->progress)
		run->progress((1 + (double)(round + 1) / ROUNDS) / 3, run->data);
	return true;
}

static void timing_times(const struct timing *timing, bool alloc, struct run_times *times)
{
	const struct histogram *histogram = &timing->histogram[alloc];
	const struct stopwatch *watch = &timing->watch;

	times->calls = histogram->count;
	times->p50 = stopwatch_ns(watch, histogram_at(histogram, 0.5));
	times->p99 = stopwatch_ns(watch, histogram_at(histogram, 0.99));
	times->p999 = stopwatch_ns(watch, histogram_at(histogram, 0.999));
	times->max = stopwatch_ns(watch, histogram->max);
	times->max_any = stopwatch_ns(watch, timing->most[alloc]);
}

static void timing_settle(struct timing *timing)
{
	const struct plan *plan = timing->run->plan;
	struct run_result *result = &timing->run->result;
	const struct plan_op *op;
	size_t i;

	for (i = 0; i < plan->op_count; i++) {
		op = &plan->ops[i];
		/* A split, or a run of single pages, is not one of the calls that are compared. */
		if (timing->least[i] == UINT32_MAX || op->kind == PLAN_SPLIT || op->kind == PLAN_FREE_SINGLES)
			continue;
		histogram_add(&timing->histogram[op->kind == PLAN_ALLOC], timing->least[i]);
	}
	timing_times(timing, true, &result->alloc);
	timing_times(timing, false, &result->free);
	result->allocator_ms = (double)timing->plain_least / 1e6;
}

bool pass_timed_all(struct run *run, const uint64_t *frames)
{
	struct timing *timing = calloc(1, sizeof(*timing));
	cpu_set_t before, here;
	unsigned int round;
	bool pinned = false, fine = false;

	if (timing)
		timing->least = malloc((run->plan->op_count + 1) * sizeof(*timing->least));
	if (!timing || !timing->least) {
		snprintf(run->error, sizeof(run->error), "out of memory");
		free(timing);
		return false;
	}
	memset(timing->least, 0xff, (run->plan->op_count + 1) * sizeof(*timing->least));
	timing->run = run;
	timing->plain_least = UINT64_MAX;
	if (!sched_getaffinity(0, sizeof(before), &before)) {
		CPU_ZERO(&here);
		CPU_SET((unsigned int)sched_getcpu(), &here);
		pinned = !sched_setaffinity(0, sizeof(here), &here);
	}
	stopwatch_init(&timing->watch);
	for (round = 0; round < 2 * ROUNDS; round++) {
		fine = timing_round(timing, round, frames);
		if (!fine)
			break;
	}
	if (fine)
		timing_settle(timing);
	if (pinned)
		sched_setaffinity(0, sizeof(before), &before);
	free(timing->least);
	free(timing);
	return fine;
}
