/* SPDX-License-Identifier: MIT */
/*
 * replay_schedule.h - which thread plays which call of a plan.
 *
 * Events are dealt by their CPU: CPU modulo threads.  Where there are more threads than CPUs (a trace that
 * names no CPU has one), each CPU has the threads whose number modulo the CPUs is its own, and deals its
 * events to them in turn.  All calls of one event go to one thread, and each thread plays its calls in the
 * trace's order.
 *
 * No deadlock: a free, or a split, waits for one thing only: the allocation, or the split, of its own slot,
 * which stands before it in the plan.  An allocation waits for nothing: where memory is short it is refused,
 * which is an answer too.  Of the calls that are not done take the first one in the plan's order: its thread
 * has done all its earlier calls, and what it waits for is earlier and done.  So somebody can always go on.
 */
#ifndef TOOLS_REPLAY_SCHEDULE_H
#define TOOLS_REPLAY_SCHEDULE_H

#include "replay_plan.h"

#define SCHEDULE_THREADS_MAX 64u

struct schedule {
	unsigned int threads;
	uint32_t *calls; /* numbers of the plan's ops, thread after thread, each ascending */
	size_t first[SCHEDULE_THREADS_MAX + 1]; /* where each thread's begin; the last: how many there are */
	uint64_t events[SCHEDULE_THREADS_MAX]; /* events whose calls a thread has */
	uint8_t *split; /* a slot each: it is split some time, so its frees wait for that */
};

/* `threads`: 1 .. SCHEDULE_THREADS_MAX.  NULL: out of memory. */
struct schedule *schedule_new(const struct plan *plan, unsigned int threads);
void schedule_delete(struct schedule *schedule);

#endif
