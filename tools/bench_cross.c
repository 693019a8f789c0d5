/* SPDX-License-Identifier: MIT */
/*
 * bench_cross.c - cross_cpu: pages allocated on one CPU and freed on another.
 *
 * Runs in workers only.  The worker's own thread allocates and puts the pages into a ring; a second
 * thread, on another CPU, takes them out and frees them.  The ring alone, without an allocator, is the
 * floor.
 *
 * The ring has one writer and one reader.  `written` and `read` only grow; each is stored by its side
 * alone, with release, and loaded by the other with acquire, so that a slot's contents travel with the
 * index.  To keep the ring's own price low, pages are passed on by the batch, as a network card's are:
 * an index is stored once a batch, and a side looks again at the other's only when the last value that
 * it saw says full (or empty).
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "bench_call.h"

#define SLOTS 1024u
#define PAGES 512000u
#define BATCH 32u /* divides SLOTS and the counts */
#define SPINS 4096u
#define APART 128 /* two cache lines: the second one is prefetched with the first */

struct ring {
	_Alignas(APART) atomic_uint_fast64_t written;
	uint64_t read_seen; /* the writer's */
	_Alignas(APART) atomic_uint_fast64_t read;
	uint64_t written_seen; /* the reader's */
	_Alignas(APART) void *slot[SLOTS];
};

struct crossing {
	struct ring ring;
	const struct bench_subject *subject;
	uint64_t count;
	unsigned int reader_cpu;
	atomic_int reader_state; /* 0 starting, 1 ready, -1 cannot run there */
	atomic_bool stop; /* the writer has failed */
	double end; /* the reader's, when the last page was freed */
};

/* Both sides have a CPU of their own; on a machine that is shared with others it may be away. */
BENCH_INLINE void wait_a_little(unsigned int *spins)
{
	if (++*spins % SPINS == 0)
		sched_yield();
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#endif
}

BENCH_INLINE void ring_write(struct ring *ring, uint64_t at, void *page)
{
	unsigned int spins = 0;

	while (at - ring->read_seen == SLOTS) {
		ring->read_seen = atomic_load_explicit(&ring->read, memory_order_acquire);
		if (at - ring->read_seen == SLOTS)
			wait_a_little(&spins);
	}
	ring->slot[at % SLOTS] = page;
	if ((at + 1) % BATCH == 0)
		atomic_store_explicit(&ring->written, at + 1, memory_order_release);
}

/* NULL: the writer has stopped. */
BENCH_INLINE void *ring_read(struct crossing *crossing, uint64_t at)
{
	struct ring *ring = &crossing->ring;
	unsigned int spins = 0;
	void *page;

	while (at == ring->written_seen) {
		ring->written_seen = atomic_load_explicit(&ring->written, memory_order_acquire);
		if (at != ring->written_seen)
			break;
		if (atomic_load_explicit(&crossing->stop, memory_order_relaxed))
			return NULL;
		wait_a_little(&spins);
	}
	page = ring->slot[at % SLOTS];
	if ((at + 1) % BATCH == 0)
		atomic_store_explicit(&ring->read, at + 1, memory_order_release);
	return page;
}

BENCH_INLINE void read_all(enum bench_shape shape, struct crossing *crossing)
{
	for (uint64_t at = 0; at < crossing->count; at++) {
		void *page = ring_read(crossing, at);

		if (!page)
			return;
		bench_give(shape, crossing->subject, page);
	}
}

static void *reader_thread(void *argument)
{
	struct crossing *crossing = argument;

	if (!bench_pin(crossing->reader_cpu)) {
		atomic_store(&crossing->reader_state, -1);
		return NULL;
	}
	atomic_store(&crossing->reader_state, 1);
	switch (crossing->subject->shape) {
	case BENCH_SHAPE_MALLOC:
		read_all(BENCH_SHAPE_MALLOC, crossing);
		break;
	case BENCH_SHAPE_NONE:
		read_all(BENCH_SHAPE_NONE, crossing);
		break;
	default:
		read_all(BENCH_SHAPE_VOID, crossing);
	}
	crossing->end = bench_wall_ns();
	return NULL;
}

/* False: the allocator refused. */
BENCH_INLINE bool write_all(enum bench_shape shape, struct crossing *crossing)
{
	for (uint64_t at = 0; at < crossing->count; at++) {
		void *page = bench_take(shape, crossing->subject);

		if (!page)
			return false;
		ring_write(&crossing->ring, at, page);
	}
	return true;
}

static bool writer(struct crossing *crossing)
{
	switch (crossing->subject->shape) {
	case BENCH_SHAPE_MALLOC:
		return write_all(BENCH_SHAPE_MALLOC, crossing);
	case BENCH_SHAPE_NONE:
		return write_all(BENCH_SHAPE_NONE, crossing);
	default:
		return write_all(BENCH_SHAPE_VOID, crossing);
	}
}

/* Nanoseconds a page from the first allocation to the last free, or -1 with figures->error. */
static double cross(struct crossing *crossing, struct bench_figures *figures)
{
	bool done = false;
	pthread_t reader;
	double start;

	memset(&crossing->ring, 0, sizeof(crossing->ring));
	atomic_store(&crossing->reader_state, 0);
	if (pthread_create(&reader, NULL, reader_thread, crossing)) {
		bench_fail(figures, "no second thread");
		return -1;
	}
	while (!atomic_load(&crossing->reader_state))
		sched_yield();
	start = bench_wall_ns();
	if (atomic_load(&crossing->reader_state) < 0) {
		bench_fail(figures, "the second thread cannot run on CPU %u", crossing->reader_cpu);
	} else {
		done = writer(crossing);
		if (!done)
			bench_fail(figures, "a request was refused although pages were free");
	}
	atomic_store(&crossing->stop, !done);
	pthread_join(reader, NULL);
	return done ? (crossing->end - start) / (double)crossing->count : -1;
}

void bench_cross_cpu(const struct bench_job *job, struct bench_figures *figures)
{
	static const struct bench_land land = {
		.bytes = 64 * BENCH_MIB,
		.kind = LAB_ROOM_ANONYMOUS,
		.birth = LAB_ARMED,
		.watermarks = true,
	};
	static struct crossing crossing;
	struct bench_subject subject;
	const char *mode = "malloc";
	double ns;

	if (!bench_subject_open(job, &land, &subject, figures))
		return;
	if (subject.shape == BENCH_SHAPE_VOID)
		mode = "exact";
	else if (subject.shape == BENCH_SHAPE_NONE)
		mode = "ring";
	crossing.subject = &subject;
	crossing.reader_cpu = job->other_cpu;
	crossing.count = PAGES / 4; /* unmeasured */
	ns = cross(&crossing, figures);
	crossing.count = PAGES;
	if (ns >= 0)
		ns = cross(&crossing, figures);
	if (ns >= 0)
		bench_figure_add(figures, mode, ns);
	bench_subject_close(&subject, figures);
}
