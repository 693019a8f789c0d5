/* SPDX-License-Identifier: MIT */
/*
 * replay_schedule.c - see replay_schedule.h.
 */
#include "replay_schedule.h"

#include <stdlib.h>

/* Deals events, in the plan's order. */
struct dealer {
	unsigned int threads, cpus;
	unsigned int turn[SCHEDULE_THREADS_MAX]; /* a CPU each, where there are fewer than threads */
};

/* The thread for the next event, of this CPU. */
static unsigned int deal(struct dealer *dealer, unsigned int cpu)
{
	unsigned int thread;

	if (dealer->cpus >= dealer->threads)
		return cpu % dealer->threads;
	cpu %= dealer->cpus;
	thread = cpu + dealer->turn[cpu] * dealer->cpus;
	dealer->turn[cpu] = thread + dealer->cpus < dealer->threads ? dealer->turn[cpu] + 1 : 0;
	return thread;
}

/* Whose each call is; counts the calls of thread t in first[t + 1]. */
static void deal_all(const struct plan *plan, struct schedule *schedule, uint8_t *whose)
{
	struct dealer dealer = { .threads = schedule->threads,
				 .cpus = plan->counts.cpus ? plan->counts.cpus : 1 };
	unsigned int thread = 0;
	size_t i;

	for (i = 0; i < plan->op_count; i++) {
		if (plan->ops[i].event) {
			thread = deal(&dealer, plan->ops[i].cpu);
			schedule->events[thread]++;
		}
		whose[i] = (uint8_t)thread;
		schedule->first[thread + 1]++;
		if (plan->ops[i].kind == PLAN_SPLIT)
			schedule->split[plan->ops[i].slot] = 1;
	}
}

static void sort_calls(const struct plan *plan, struct schedule *schedule, const uint8_t *whose)
{
	size_t next[SCHEDULE_THREADS_MAX], i;
	unsigned int t;

	for (t = 0; t < schedule->threads; t++) {
		next[t] = schedule->first[t];
		schedule->first[t + 1] += schedule->first[t];
	}
	for (i = 0; i < plan->op_count; i++)
		schedule->calls[next[whose[i]]++] = (uint32_t)i;
}

struct schedule *schedule_new(const struct plan *plan, unsigned int threads)
{
	struct schedule *schedule = calloc(1, sizeof(*schedule));
	uint8_t *whose = malloc(plan->op_count + 1);

	if (schedule) {
		schedule->threads = threads;
		schedule->calls = malloc((plan->op_count + 1) * sizeof(*schedule->calls));
		schedule->split = calloc((size_t)plan->slots + 1, 1);
	}
	if (!schedule || !whose || !schedule->calls || !schedule->split) {
		free(whose);
		schedule_delete(schedule);
		return NULL;
	}
	deal_all(plan, schedule, whose);
	sort_calls(plan, schedule, whose);
	free(whose);
	return schedule;
}

void schedule_delete(struct schedule *schedule)
{
	if (!schedule)
		return;
	free(schedule->calls);
	free(schedule->split);
	free(schedule);
}
