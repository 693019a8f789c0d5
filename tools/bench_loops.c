/* SPDX-License-Identifier: MIT */
/*
 * bench_loops.c - pair_hot, burst32 and fill_1m: the loops of one thread.
 *
 * Runs in workers only.  A loop is written once, as an inline function of the shape of the call; the
 * switch in in_shape() makes one machine loop of it for each shape.  No loop touches the memory that it
 * was given: what a peer writes into a page by itself is part of its price.
 */
#include "bench_call.h"

#define PAIRS 2000000u
#define BURST 32u

typedef double bench_loop(enum bench_shape shape, const struct bench_subject *subject, uint64_t count);

/* Nanoseconds for each of `count`, or a negative number: a request was refused. */
BENCH_INLINE double in_shape(bench_loop *loop, const struct bench_subject *subject, uint64_t count)
{
	switch (subject->shape) {
	case BENCH_SHAPE_VOID:
		return loop(BENCH_SHAPE_VOID, subject, count);
	case BENCH_SHAPE_PAGE:
		return loop(BENCH_SHAPE_PAGE, subject, count);
	default:
		return loop(BENCH_SHAPE_MALLOC, subject, count);
	}
}

BENCH_INLINE double loop_pairs(enum bench_shape shape, const struct bench_subject *subject, uint64_t count)
{
	double start = bench_cpu_ns();

	for (uint64_t i = 0; i < count; i++) {
		void *page = bench_take(shape, subject);

		if (!page)
			return -1;
		bench_give(shape, subject, page);
	}
	return (bench_cpu_ns() - start) / (double)count;
}

BENCH_INLINE double loop_take(enum bench_shape shape, const struct bench_subject *subject, uint64_t count)
{
	double start = bench_cpu_ns();

	for (uint64_t i = 0; i < count; i++) {
		subject->pages[i] = bench_take(shape, subject);
		if (!subject->pages[i])
			return -1;
	}
	return (bench_cpu_ns() - start) / (double)count;
}

BENCH_INLINE double loop_give(enum bench_shape shape, const struct bench_subject *subject, uint64_t count)
{
	double start = bench_cpu_ns();

	for (uint64_t i = 0; i < count; i++)
		bench_give(shape, subject, subject->pages[i]);
	return (bench_cpu_ns() - start) / (double)count;
}

BENCH_INLINE double loop_bursts(enum bench_shape shape, const struct bench_subject *subject, uint64_t count)
{
	double start = bench_cpu_ns();
	void *pages[BURST];

	for (uint64_t done = 0; done < count; done += BURST) {
		for (unsigned int i = 0; i < BURST; i++) {
			pages[i] = bench_take(shape, subject);
			if (!pages[i])
				return -1;
		}
		for (unsigned int i = 0; i < BURST; i++)
			bench_give(shape, subject, pages[i]);
	}
	return (bench_cpu_ns() - start) / (double)count;
}

static double run_pairs(const struct bench_subject *subject, uint64_t count)
{
	return in_shape(loop_pairs, subject, count);
}

static double run_bursts(const struct bench_subject *subject, uint64_t count)
{
	return in_shape(loop_bursts, subject, count);
}

static double run_take(const struct bench_subject *subject, uint64_t count)
{
	return in_shape(loop_take, subject, count);
}

static double run_give(const struct bench_subject *subject, uint64_t count)
{
	return in_shape(loop_give, subject, count);
}

/* Peers have no such call: this is Labyrinth's alone. */
static double run_bulk(const struct bench_subject *subject, uint64_t count)
{
	struct lab_page *pages[BURST];
	double start = bench_cpu_ns();

	for (uint64_t done = 0; done < count; done += BURST) {
		if (lab_alloc_bulk(subject->lab, subject->gfp, BURST, pages) != BURST)
			return -1;
		if (lab_free_bulk(subject->lab, BURST, pages) != BURST)
			return -1;
	}
	return (bench_cpu_ns() - start) / (double)count;
}

/* A quarter unmeasured first: caches, predictors, the allocator's own lists. */
static void measure(double (*run)(const struct bench_subject *subject, uint64_t count),
		    const struct bench_subject *subject, const char *mode, struct bench_figures *figures)
{
	double ns = run(subject, PAIRS / 4);

	if (ns >= 0)
		ns = run(subject, PAIRS);
	if (ns < 0)
		bench_fail(figures, "%s: a request was refused although pages were free", mode);
	else
		bench_figure_add(figures, mode, ns);
}

/*
 * The floor on this machine: what an exact pair cannot do without.  "cas" is one load and one
 * compare-and-swap; "locked3" the three atomic operations of a pair - a bit claimed, a tag claimed, the
 * bit cleared - on two cache lines, with nothing around them.  On some machines a malloc without any
 * atomic operation is below it.
 */
static double run_floor_cas(const struct bench_subject *subject, uint64_t count)
{
	uint64_t *word = (uint64_t *)subject->pages;
	double start = bench_cpu_ns();

	for (uint64_t i = 0; i < count; i++) {
		uint64_t old = __atomic_load_n(word, __ATOMIC_RELAXED);

		if (!__atomic_compare_exchange_n(word, &old, old ^ 1, false, __ATOMIC_SEQ_CST,
						 __ATOMIC_RELAXED))
			return -1;
	}
	return (bench_cpu_ns() - start) / (double)count;
}

static double run_floor_locked3(const struct bench_subject *subject, uint64_t count)
{
	uint64_t *word = (uint64_t *)subject->pages, *tag = word + 64;
	double start = bench_cpu_ns();

	for (uint64_t i = 0; i < count; i++) {
		uint64_t old = __atomic_load_n(word, __ATOMIC_RELAXED), seen;

		if (!__atomic_compare_exchange_n(word, &old, old | 1, false, __ATOMIC_SEQ_CST,
						 __ATOMIC_RELAXED))
			return -1;
		seen = __atomic_load_n(tag, __ATOMIC_ACQUIRE);
		if (!__atomic_compare_exchange_n(tag, &seen, seen + 2, false, __ATOMIC_ACQ_REL,
						 __ATOMIC_RELAXED))
			return -1;
		__atomic_fetch_and(word, ~UINT64_C(1), __ATOMIC_SEQ_CST);
	}
	return (bench_cpu_ns() - start) / (double)count;
}

static const struct bench_land hot_land = {
	.bytes = 64 * BENCH_MIB,
	.kind = LAB_ROOM_ANONYMOUS,
	.birth = LAB_ARMED,
	.watermarks = true,
};

void bench_pair_hot(const struct bench_job *job, struct bench_figures *figures)
{
	struct bench_subject subject;

	if (!bench_subject_open(job, &hot_land, &subject, figures))
		return;
	if (job->who == BENCH_FLOOR) {
		measure(run_floor_cas, &subject, "cas", figures);
		measure(run_floor_locked3, &subject, "locked3", figures);
	} else if (!subject.lab) {
		measure(run_pairs, &subject, "malloc", figures);
	} else {
		measure(run_pairs, &subject, "exact", figures);
		subject.shape = BENCH_SHAPE_PAGE;
		measure(run_pairs, &subject, "page", figures);
		subject.shape = BENCH_SHAPE_VOID;
		subject.gfp = LAB_GFP_ATOMIC;
		measure(run_pairs, &subject, "atomic", figures);
	}
	bench_subject_close(&subject, figures);
}

void bench_burst32(const struct bench_job *job, struct bench_figures *figures)
{
	struct bench_subject subject;

	if (!bench_subject_open(job, &hot_land, &subject, figures))
		return;
	if (!subject.lab) {
		measure(run_bursts, &subject, "malloc", figures);
	} else {
		measure(run_bursts, &subject, "exact", figures);
		subject.shape = BENCH_SHAPE_PAGE;
		measure(run_bursts, &subject, "page", figures);
		measure(run_bulk, &subject, "bulk", figures);
	}
	bench_subject_close(&subject, figures);
}

/*
 * One unmeasured fill first, so that what is measured is neither Labyrinth's metadata nor a peer's heap
 * being touched for the first time.  (glibc gives the memory back to the kernel at the end of each fill
 * and faults it in again: that is its own way, and is measured.)
 */
void bench_fill_1m(const struct bench_job *job, struct bench_figures *figures)
{
	static const struct bench_land land = {
		.bytes = 5 * BENCH_GIB,
		.kind = LAB_ROOM_ANONYMOUS,
		.birth = LAB_LAZY,
		.watermarks = true,
	};
	struct bench_subject subject;
	double take = -1, give = -1;

	if (!bench_subject_open(job, &land, &subject, figures))
		return;
	for (int pass = 0; pass < 2; pass++) {
		take = run_take(&subject, BENCH_PAGES_MAX);
		if (take < 0)
			break;
		give = run_give(&subject, BENCH_PAGES_MAX);
	}
	if (take < 0) {
		bench_fail(figures, "a request was refused although pages were free");
	} else {
		bench_figure_add(figures, "alloc", take);
		bench_figure_add(figures, "free", give);
	}
	bench_subject_close(&subject, figures);
}
