/* SPDX-License-Identifier: MIT */
/*
 * churn.c - threads at the edge of full.
 *
 *     churn [THOUSANDS-OF-OPERATIONS-A-THREAD [THREADS [SEED]]]
 *
 * Each thread is capped so that frames are always free for its requests: then not one order-0 request may
 * be refused, and -EAGAIN counts as a refusal.  Every frame that is given is marked with its holder by an
 * atomic exchange, so that a frame given twice is seen at once.  Half of what a thread allocates is freed
 * by another one.  At the end everything is freed and audited.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <labyrinth.h>

#include "../support/thread_port.h"

#define THREADS_MAX 16
#define HELD_MAX 65536
#define RING 1024

struct scene {
	const char *name;
	uint64_t frames, min;	  /* of the room; min 0: no watermarks */
	lab_gfp_t gfp;		  /* of the capped order-0 requests */
	unsigned int order_max;	  /* requests above order 0 besides: may be refused */
	bool offline, audit, bulk; /* a thread that does this besides */
	uint64_t slack;		  /* frames that stay free of what the requests may have */
};

static const struct scene scenes[] = {
	{ .name = "order 0, one leaf", .frames = 512, .gfp = LAB_GFP_KERNEL, .slack = 1 },
	{ .name = "order 0, one root", .frames = 16384, .gfp = LAB_GFP_KERNEL, .slack = 1 },
	{ .name = "order 0, two levels", .frames = 40000, .gfp = LAB_GFP_NOWAIT, .slack = 1 },
	{ .name = "reserves, atomic", .frames = 2048, .min = 256, .gfp = LAB_GFP_ATOMIC, .slack = 1 },
	{ .name = "reserves, everything", .frames = 1024, .min = 128, .gfp = LAB_MEMALLOC, .slack = 1 },
	{ .name = "reserves, two levels", .frames = 20000, .min = 900, .gfp = LAB_GFP_ATOMIC, .slack = 1, .audit = true },
	{ .name = "small blocks", .frames = 8192, .gfp = LAB_GFP_KERNEL, .order_max = 6, .slack = 1 },
	{ .name = "large blocks", .frames = 16384, .gfp = LAB_GFP_KERNEL, .order_max = 9, .slack = 513, .audit = true },
	{ .name = "blocks and reserves", .frames = 16384, .min = 512, .gfp = LAB_GFP_ATOMIC, .order_max = 9, .slack = 513 },
	{ .name = "frames on and off", .frames = 4096, .min = 64, .gfp = LAB_GFP_ATOMIC, .offline = true, .slack = 65 },
	{ .name = "bulk", .frames = 16384, .gfp = LAB_GFP_KERNEL, .bulk = true, .slack = 1, .audit = true },
};

struct thread {
	pthread_t id;
	unsigned int number;
	uint64_t random, operations, cap, held;
	uint64_t blocks_refused, order0;
	struct lab_page *page[HELD_MAX];
	unsigned char order[HELD_MAX];
};

static struct labyrinth *lab;
static const struct scene *scene;
static struct thread threads[THREADS_MAX];
static unsigned int thread_count = 4, ring_size;
static _Atomic unsigned char holder[65536];
static _Atomic(struct lab_page *) ring[RING]; /* order-0 pages for somebody else to free */
static atomic_bool over;
static _Atomic uint64_t failures;
static uint64_t seed = 1;

static void fail(const char *what, uint64_t frame, int error)
{
	if (atomic_fetch_add(&failures, 1) < 10)
		printf("FAIL %s: %s (frame %" PRIu64 ", code %d); rerun: churn - %u %" PRIu64 "\n", scene->name, what,
		       frame, error, thread_count, seed);
}

static uint64_t rnd(struct thread *t, uint64_t below)
{
	t->random ^= t->random << 13;
	t->random ^= t->random >> 7;
	t->random ^= t->random << 17;
	return t->random % below;
}

static void mark(struct thread *t, struct lab_page *page, unsigned int order)
{
	uint64_t frame = lab_page_frame(lab, page), i;

	for (i = 0; i < (uint64_t)1 << order; i++)
		if (atomic_exchange(&holder[frame + i], (unsigned char)(t->number + 1)))
			fail("a frame given twice", frame + i, 0);
	t->held += (uint64_t)1 << order;
}

static void unmark_and_free(struct lab_page *page, unsigned int order)
{
	uint64_t frame = lab_page_frame(lab, page), i;
	int error;

	for (i = 0; i < (uint64_t)1 << order; i++)
		if (!atomic_exchange(&holder[frame + i], 0))
			fail("a frame freed that nobody held", frame + i, 0);
	error = lab_free_pages(lab, page, order);
	if (error)
		fail("a free was refused", frame, error);
}

/* Pass a page on; what stood in that place of the ring is freed here, so it counts as ours till then. */
static void pass_on(struct thread *t, struct lab_page *page)
{
	struct lab_page *old = atomic_exchange(&ring[rnd(t, ring_size)], page);

	if (old)
		unmark_and_free(old, 0);
}

static void free_one(struct thread *t, unsigned int *n, unsigned int i)
{
	struct lab_page *page = t->page[i];
	unsigned int order = t->order[i];

	t->held -= (uint64_t)1 << order;
	if (!order && rnd(t, 2))
		pass_on(t, page);
	else
		unmark_and_free(page, order);
	--*n;
	t->page[i] = t->page[*n];
	t->order[i] = t->order[*n];
}

static void keep(struct thread *t, unsigned int *n, struct lab_page *page, unsigned int order)
{
	mark(t, page, order);
	t->page[*n] = page;
	t->order[(*n)++] = (unsigned char)order;
}

static void allocate(struct thread *t, unsigned int *n)
{
	struct lab_page *pages[40], *page;
	unsigned int order = scene->order_max && rnd(t, 4) == 0 ? (unsigned int)rnd(t, scene->order_max + 1) : 0;
	long got, i;

	if (t->held + ((uint64_t)1 << order) > t->cap)
		return;
	if (scene->bulk && t->held + 40 <= t->cap && rnd(t, 8) == 0) {
		got = lab_alloc_bulk(lab, scene->gfp, 40, pages);
		if (got != 40)
			fail("bulk was cut short", 0, (int)got);
		for (i = 0; i < got; i++)
			keep(t, n, pages[i], 0);
		return;
	}
	t->order0 += !order;
	page = lab_alloc_pages(lab, scene->gfp, order);
	if (!lab_is_err(page))
		keep(t, n, page, order);
	else if (order)
		t->blocks_refused++;
	else
		fail("an order-0 request was refused with frames free", 0, lab_ptr_err(page));
}

static void *churn(void *arg)
{
	struct thread *t = arg;
	unsigned int n = 0, wave = 50;
	uint64_t i;

	self = t->number;
	for (i = 0; i < t->operations; i++) {
		if (i % 1024 == 0)
			wave = 30 + (unsigned int)rnd(t, 3) * 30; /* at 90: up to the cap and along it */
		if (rnd(t, 100) < wave)
			allocate(t, &n);
		else if (n)
			free_one(t, &n, (unsigned int)rnd(t, n));
	}
	while (n)
		free_one(t, &n, n - 1);
	return NULL;
}

/* Frames in and out of service, at most 64 out at a time; audits beside everything. */
static void *disturb(void *arg)
{
	struct thread *t = arg;
	uint64_t out[64] = { 0 };
	struct lab_audit audit;
	unsigned int i;

	self = t->number;
	while (!atomic_load(&over)) {
		if (scene->audit && lab_audit(lab, false, &audit))
			fail(audit.text, audit.frame, 0);
		for (i = 0; scene->offline && i < 64; i++) {
			if (out[i]) {
				if (lab_frame_online(lab, out[i] - 1) == 0) /* else: in use, it leaves when it is freed */
					out[i] = 0;
			} else {
				out[i] = rnd(t, scene->frames) + 1;
				if (lab_frame_offline(lab, out[i] - 1) == -LAB_EALREADY)
					out[i] = 0;
			}
		}
	}
	for (i = 0; i < scene->frames; i++) /* those that were marked in use come back too */
		lab_frame_online(lab, i);
	return NULL;
}

static void *make(void)
{
	struct lab_room_spec room = { .name = "room", .zone = LAB_ZONE_NORMAL, .frames = scene->frames, .min = scene->min };
	struct lab_spec spec = { .page_shift = 12, .cpus = THREADS_MAX + 1, .rooms = &room, .room_count = 1 };
	size_t bytes = lab_metadata_bytes(&spec);
	void *metadata = bytes ? aligned_alloc(64, bytes) : NULL;

	if (!metadata)
		exit(1);
	memset(metadata, 0, bytes);
	if (lab_birth(&spec, metadata, bytes, &lab, NULL, NULL))
		exit(1);
	return metadata;
}

/* How many frames the scene's requests can have in all. */
static uint64_t reach(void)
{
	uint64_t floor = scene->min - scene->min / 2;

	if (scene->gfp & LAB_MEMALLOC)
		floor = 0;
	else if (scene->gfp & LAB_HIGH)
		floor -= floor / 4;
	else
		floor = scene->min;
	return scene->frames - floor;
}

static void finish(uint64_t operations)
{
	uint64_t refused = 0, order0 = 0;
	struct lab_audit audit;
	unsigned int i;

	for (i = 0; i < RING; i++) {
		struct lab_page *page = atomic_exchange(&ring[i], NULL);

		if (page)
			unmark_and_free(page, 0);
	}
	for (i = 0; i < scene->frames; i++)
		lab_frame_online(lab, i);
	if (lab_audit(lab, true, &audit))
		fail(audit.text, audit.frame, 0);
	if (audit.free + audit.pooled != scene->frames)
		fail("frames were lost", audit.free + audit.pooled, 0);
	for (i = 0; i < thread_count; i++) {
		refused += threads[i].blocks_refused;
		order0 += threads[i].order0;
	}
	printf("%s churn/%s: %" PRIu64 " operations a thread, %u threads, %" PRIu64 " order-0 requests, "
	       "%" PRIu64 " blocks refused\n", atomic_load(&failures) ? "FAIL" : "ok", scene->name, operations, thread_count,
	       order0, refused);
	fflush(stdout);
}

static void play(uint64_t operations)
{
	static struct thread other;
	void *metadata = make();
	uint64_t share;
	unsigned int i;

	/* In each thread's hand, besides what it holds: one frame, and one on its way through the ring. */
	ring_size = scene->frames / 16 < RING ? (unsigned int)scene->frames / 16 : RING;
	share = (reach() - scene->slack * thread_count - ring_size - 2 * thread_count) / thread_count;
	atomic_store(&over, false);
	for (i = 0; i < thread_count; i++) {
		threads[i] = (struct thread){ .number = i, .random = (seed + i) * 0x9e3779b97f4a7c15u | 1,
					      .operations = operations, .cap = share };
		pthread_create(&threads[i].id, NULL, churn, &threads[i]);
	}
	other.number = THREADS_MAX;
	other.random = seed | 1;
	pthread_create(&other.id, NULL, disturb, &other);
	for (i = 0; i < thread_count; i++)
		pthread_join(threads[i].id, NULL);
	atomic_store(&over, true);
	pthread_join(other.id, NULL);
	finish(operations);
	free(metadata);
}

int main(int argc, char **argv)
{
	uint64_t operations = argc > 1 ? strtoull(argv[1], NULL, 0) * 1000 : 400000, all = 0;
	unsigned int i;

	if (argc > 2)
		thread_count = (unsigned int)strtoul(argv[2], NULL, 0);
	if (!operations || !thread_count || thread_count > THREADS_MAX || argc > 4) {
		fprintf(stderr, "usage: %s [THOUSANDS-OF-OPERATIONS [THREADS (1..%u) [SEED]]]\n", argv[0], THREADS_MAX);
		return 2;
	}
	if (argc > 3)
		seed = strtoull(argv[3], NULL, 0);
	for (i = 0; i < sizeof(scenes) / sizeof(*scenes); i++) {
		scene = &scenes[i];
		play(operations);
		all += operations * thread_count;
	}
	printf("machine: P2 P4 P6 | threads at the edge of full | %" PRIu64 "\n", all);
	return atomic_load(&failures) ? 1 : 0;
}
