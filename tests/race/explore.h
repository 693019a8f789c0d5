/* SPDX-License-Identifier: MIT */
/*
 * explore.h - which fiber goes on at each step: all schedules up to a number of preemptions, or random ones.
 *
 * Left alone, a fiber runs until it ends; then the first of the others.  A *deviation* is another fiber at a step
 * (a preemption), or, under weak memory, an older value for that step's load.  The deviations are the schedule:
 * they are printed at a failure, and --replay plays them again.
 */
#ifndef EXPLORE_H
#define EXPLORE_H

#include <stdio.h>
#include <stdlib.h>

#include "weak.h"

#define DEVIATIONS_MAX 96u
#define DEVIATION_STALE 16 /* + how old */

struct deviation {
	unsigned int at;
	int to;
};

static struct {
	struct deviation deviation[DEVIATIONS_MAX];
	unsigned int count, next;
	bool random, verbose;
	void (*watch)(void); /* after each step; NULL: nothing to be seen */
	uint64_t state; /* of the random numbers */
	unsigned int only; /* where preemptions are tried: a bit a fiber; 0: in all */
	unsigned char enabled[STEPS_MAX]; /* who could have run at each step, and (<< 4) who would have by itself */
	unsigned char options[STEPS_MAX]; /* how many values the step's load could have returned */
	unsigned char ran[STEPS_MAX];	  /* who did */
} explore;

static uint64_t rnd(uint64_t below)
{
	explore.state ^= explore.state << 13;
	explore.state ^= explore.state >> 7;
	explore.state ^= explore.state << 17;
	return explore.state % below;
}

/* Who goes on where nothing is said. */
static int explore_default(unsigned int enabled)
{
	int last = fibers.last;

	if (last >= 0 && enabled >> last & 1 && fibers.fiber[last].next.access != ACCESS_YIELD)
		return last;
	if (last > 0 && enabled & 1) /* a yield goes to fiber 0, and so does an end */
		return 0;
	if (last >= 0 && enabled & ~(1u << last))
		enabled &= ~(1u << last);
	return __builtin_ctz(enabled);
}

static const struct deviation *explore_deviation(bool stale)
{
	unsigned int i;

	for (i = explore.next; i < explore.count && explore.deviation[i].at <= fibers.step; i++)
		if (explore.deviation[i].at == fibers.step && (explore.deviation[i].to >= DEVIATION_STALE) == stale)
			return &explore.deviation[i];
	return NULL;
}

static void explore_deviate(int to)
{
	if (explore.count < DEVIATIONS_MAX)
		explore.deviation[explore.count++] = (struct deviation){ fibers.step, to };
}

static int explore_pick(unsigned int enabled)
{
	int to = explore_default(enabled), self = to;
	const struct deviation *deviation;

	explore.enabled[fibers.step] = (unsigned char)(enabled | (unsigned int)self << 4);
	explore.options[fibers.step] = 1;
	if (explore.random && explore.count < DEVIATIONS_MAX) {
		if (rnd(6) == 0)
			to = (int)rnd(FIBERS_MAX);
		if (!(enabled >> to & 1))
			to = self;
		if (to != self)
			explore_deviate(to);
	} else if (!explore.random) {
		while (explore.next < explore.count && explore.deviation[explore.next].at < fibers.step)
			explore.next++;
		deviation = explore_deviation(false);
		if (deviation && enabled >> deviation->to & 1)
			to = deviation->to;
	}
	return to;
}

static unsigned int explore_choose(unsigned int options)
{
	const struct deviation *deviation;
	unsigned int age;

	explore.options[fibers.step] = (unsigned char)(options < 8 ? options : 8);
	if (explore.random) {
		age = rnd(3) == 0 && explore.count < DEVIATIONS_MAX ? (unsigned int)rnd(options) : 0;
		if (age)
			explore_deviate(DEVIATION_STALE + (int)age);
		return age;
	}
	deviation = explore_deviation(true);
	age = deviation ? (unsigned int)(deviation->to - DEVIATION_STALE) : 0;
	return age < options ? age : options - 1;
}

static void explore_step(void)
{
	if (explore.verbose && fibers.done.access < ACCESS_BEGIN)
		printf("  step %u: fiber %d, %s %p at %s\n", fibers.step, fibers.last,
		       (const char *[]){ "loads", "writes", "adds to", "ands", "ors" }[fibers.done.access],
		       (const void *)(uintptr_t)fibers.done.at, fibers.done.where);
}

/* Runs the scene once by `pick`; false: it gave up in the middle. */
static bool explore_run(unsigned int there, void (*body)(int), int (*pick)(unsigned int))
{
	unsigned int enabled;

	explore.next = 0;
	fibers.wrong = NULL;
	weak.choose = explore_choose;
	if (weak.on)
		weak_begin();
	fibers_begin(there, body);
	while ((enabled = fibers_enabled()) != 0) {
		int to = pick(enabled);

		if (to < 0)
			return false;
		explore.ran[fibers.step] = (unsigned char)to;
		fiber_resume(to);
		explore_step();
		if (explore.watch)
			explore.watch();
		if (++fibers.step == STEPS_MAX) {
			fibers.wrong = "it does not end";
			return true;
		}
	}
	return true;
}

/*
 * All schedules with up to `left` more deviations, the first of them at `from` or later, each given to play().
 * False: play() wants no more.
 */
static bool explore_bounded(unsigned int left, unsigned int from, bool (*play)(void))
{
	unsigned char *enabled, *options;
	unsigned int steps, at;
	bool more = play();
	int to;

	if (!more || !left)
		return more;
	steps = fibers.step;
	enabled = malloc(2 * steps);
	options = enabled + steps;
	memcpy(enabled, explore.enabled, steps);
	memcpy(options, explore.options, steps);
	for (at = from; at < steps; at++) {
		int self = enabled[at] >> 4;

		for (to = 0; more && to < DEVIATION_STALE + options[at]; to++) {
			bool runs = to < FIBERS_MAX && enabled[at] >> to & 1 && to != self;

			if (to <= DEVIATION_STALE && (!runs || (explore.only && !(explore.only >> self & 1))))
				continue;
			explore.deviation[explore.count++] = (struct deviation){ at, to };
			more = explore_bounded(left - 1, at + 1, play);
			explore.count--;
		}
	}
	free(enabled);
	return more;
}

/* The schedule that was just played, as --replay takes it. */
static inline void explore_print(void)
{
	unsigned int i;

	for (i = 0; i < explore.count; i++)
		printf("%s%u:%d", i ? "," : "", explore.deviation[i].at, explore.deviation[i].to);
	printf(explore.count ? "\n" : "-\n");
}

/* "12:1,40:17", or "-": no deviation.  False: it is not a schedule. */
static inline bool explore_parse(const char *text)
{
	unsigned int at, last = 0, to;
	int used;

	explore.count = 0;
	if (!strcmp(text, "-"))
		return true;
	for (; explore.count < DEVIATIONS_MAX; text += used + 1) {
		used = 0;
		if (sscanf(text, "%4u:%2u%n", &at, &to, &used) != 2 || !used || at < last || at >= STEPS_MAX ||
		    (to >= FIBERS_MAX && to <= DEVIATION_STALE))
			return false;
		explore.deviation[explore.count++] = (struct deviation){ at, (int)to };
		last = at;
		if (text[used] != ',')
			return !text[used];
	}
	return false;
}

#endif
