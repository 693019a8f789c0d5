/* SPDX-License-Identifier: MIT */
/*
 * vault_times.c - what a vault of 16,384 pages costs to make, and what a fork costs a process that has it.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vault_look.h"

#define FRAMES 16384u
#define ROUNDS 9u

static double now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static int by_size(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

/* The median of several forks, each as long as it keeps the parent; -1: there was none. */
static double fork_ms(void)
{
	double times[ROUNDS];
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		double before = now_ms();
		pid_t child = fork();

		if (child == 0)
			_exit(0);
		times[i] = now_ms() - before;
		if (child < 0)
			return -1;
		waitpid(child, NULL, 0);
	}
	qsort(times, ROUNDS, sizeof(times[0]), by_size);
	return times[ROUNDS / 2];
}

static void time_one(enum lab_vault_memory memory, uint32_t guarantees, struct look_time *time)
{
	struct vault_want want = { .frames = FRAMES, .page = 4096, .guarantees = guarantees, .memory = memory };
	struct lab_complaint to = { .text = time->why };
	struct vault_memory made;
	double before = now_ms();

	*time = (struct look_time){ .memory = memory, .guarantees = guarantees, .frames = FRAMES };
	if (memory != LAB_VAULT_ANY && vault_map(&want, &made, &to)) {
		look_plain(time->why);
		return;
	}
	time->made_ms = memory == LAB_VAULT_ANY ? 0 : now_ms() - before;
	time->fork_ms = fork_ms();
	if (memory != LAB_VAULT_ANY)
		vault_unmap(&made, true);
}

void look_time(struct look *look)
{
	const uint32_t all = LAB_LOCKED | LAB_PINNED | LAB_NODUMP | LAB_NOFORK | LAB_GUARDED;
	static const enum lab_vault_memory kinds[] = { LAB_VAULT_ANONYMOUS, LAB_VAULT_ANONYMOUS, LAB_VAULT_ANONYMOUS,
						       LAB_VAULT_SECRET,    LAB_VAULT_SECRET };
	const uint32_t sets[] = { LAB_LOCKED, LAB_LOCKED | LAB_GUARDED, all, LAB_LOCKED | LAB_GUARDED, all };
	unsigned int i;

	time_one(LAB_VAULT_ANY, 0, &look->time[look->times++]); /* without a vault */
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		time_one(kinds[i], sets[i], &look->time[look->times++]);
}
