/* SPDX-License-Identifier: MIT */
/*
 * replay_time.h - nanoseconds of single calls: a clock fine enough, and a histogram of what it read.
 */
#ifndef TOOLS_REPLAY_TIME_H
#define TOOLS_REPLAY_TIME_H

#include <stdbool.h>
#include <stdint.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

/*
 * Ticks of the cycle counter where the machine has one that never changes its speed, else nanoseconds
 * of CLOCK_MONOTONIC.  Calls are tens of nanoseconds; a clock_gettime() costs as much.
 */
struct stopwatch {
	bool cycles;
	double ns_per_tick;
	uint64_t overhead; /* ticks between a start and a stop with nothing in between: the median */
};

/* Takes some 20 ms: the counter is held against CLOCK_MONOTONIC. */
void stopwatch_init(struct stopwatch *watch);

/* CLOCK_MONOTONIC. */
uint64_t clock_ns(void);

/* Nothing of the timed call begins before the start is read ... */
static inline uint64_t stopwatch_start(const struct stopwatch *watch)
{
#if defined(__x86_64__)
	uint64_t tick;

	if (watch->cycles) {
		_mm_lfence();
		tick = __rdtsc();
		_mm_lfence();
		return tick;
	}
#endif
	(void)watch;
	return clock_ns();
}

/* ... and all of it is over when the stop is read.  Returns ticks since the start, less the overhead. */
static inline uint64_t stopwatch_stop(const struct stopwatch *watch, uint64_t start)
{
	uint64_t stop;
#if defined(__x86_64__)
	unsigned int unused;

	if (watch->cycles) {
		stop = __rdtscp(&unused);
		_mm_lfence();
	} else {
		stop = clock_ns();
	}
#else
	stop = clock_ns();
#endif
	return stop - start > watch->overhead ? stop - start - watch->overhead : 0;
}

static inline double stopwatch_ns(const struct stopwatch *watch, uint64_t ticks)
{
	return (double)ticks * watch->ns_per_tick;
}

/*
 * Log-linear: values below 64 exactly, above in 32 steps an octave, so that a percentile is right to
 * 1/32; the maximum is kept exactly.
 */
#define HISTOGRAM_STEPS 32u
#define HISTOGRAM_BUCKETS (HISTOGRAM_STEPS * 61u)

struct histogram {
	uint64_t bucket[HISTOGRAM_BUCKETS];
	uint64_t count, max;
};

void histogram_add(struct histogram *histogram, uint64_t value);

/* The smallest value that `part` (0 .. 1) of all do not exceed; 0 where there are none. */
uint64_t histogram_at(const struct histogram *histogram, double part);

#endif
