/* SPDX-License-Identifier: MIT */
/*
 * replay_time.c - see replay_time.h.
 */
#define _POSIX_C_SOURCE 200809L
#include "replay_time.h"

#include <stdlib.h>
#include <time.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#define CALIBRATION_NS 20000000u
#define OVERHEAD_ROUNDS 2001u

/* Does the cycle counter tick at one speed, through every sleep and change of frequency? */
static bool counter_is_invariant(void)
{
#if defined(__x86_64__)
	unsigned int a, b, c, d;

	return __get_cpuid(0x80000007, &a, &b, &c, &d) && (d >> 8 & 1) &&
	       __get_cpuid(0x80000001, &a, &b, &c, &d) && (d >> 27 & 1); /* rdtscp */
#else
	return false;
#endif
}

uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;

	return (first > second) - (first < second);
}

void stopwatch_init(struct stopwatch *watch)
{
	uint64_t rounds[OVERHEAD_ROUNDS], start, began;
	unsigned int i;

	*watch = (struct stopwatch){ .cycles = counter_is_invariant(), .ns_per_tick = 1 };
	if (watch->cycles) {
		began = clock_ns();
		start = stopwatch_start(watch);
		while (clock_ns() - began < CALIBRATION_NS)
			;
		watch->ns_per_tick = (double)(clock_ns() - began) / (double)stopwatch_stop(watch, start);
	}
	for (i = 0; i < OVERHEAD_ROUNDS; i++) {
		start = stopwatch_start(watch);
		rounds[i] = stopwatch_stop(watch, start);
	}
	qsort(rounds, OVERHEAD_ROUNDS, sizeof(*rounds), compare);
	watch->overhead = rounds[OVERHEAD_ROUNDS / 2];
}

static unsigned int bucket_of(uint64_t value)
{
	unsigned int octave;

	if (value < 2 * HISTOGRAM_STEPS)
		return (unsigned int)value;
	octave = 63u - (unsigned int)__builtin_clzll(value) - 5;
	return octave * HISTOGRAM_STEPS + (unsigned int)(value >> octave);
}

/* The largest value of a bucket. */
static uint64_t bucket_value(unsigned int bucket)
{
	unsigned int octave;

	if (bucket < 2 * HISTOGRAM_STEPS)
		return bucket;
	octave = bucket / HISTOGRAM_STEPS - 1;
	return (((uint64_t)(bucket % HISTOGRAM_STEPS + HISTOGRAM_STEPS) + 1) << octave) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
	histogram->bucket[bucket_of(value)]++;
	histogram->count++;
	if (value > histogram->max)
		histogram->max = value;
}

uint64_t histogram_at(const struct histogram *histogram, double part)
{
	uint64_t want = (uint64_t)(part * (double)histogram->count), seen = 0;
	unsigned int i;

	if ((double)want < part * (double)histogram->count)
		want++;
	if (!histogram->count)
		return 0;
	if (!want)
		want = 1;
	for (i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += histogram->bucket[i];
		if (seen >= want)
			break;
	}
	return i < HISTOGRAM_BUCKETS && bucket_value(i) < histogram->max ? bucket_value(i) : histogram->max;
}
