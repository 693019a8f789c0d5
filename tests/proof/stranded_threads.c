/* SPDX-License-Identifier: MIT */
/*
 * stranded_threads.c - more threads than CPUs at the edge of full: not one order-0 request is refused, and none
 * is told -EAGAIN, while a frame is surely free (promises P4 and P2).
 *
 * How that is known, and the scenes: stranded_threads.h.  Every frame is marked with its holder by an atomic
 * exchange, so that a frame given twice is seen at once.  At the end everything is freed and audited.
 */
#define _GNU_SOURCE
#include "../support/thread_port.h"
#include "stranded_threads.h"

struct thread {
	pthread_t id;
	unsigned int number, held;
	uint64_t random, inner_random, target;
	volatile uint64_t singles; /* order-0 requests; a signal handler adds too */
	uint64_t last, rounds; /* requests when no token was left to others; the most that one walked */
	uint64_t blocks, blocks_refused;
	struct lab_page *page[HELD_MAX];
	unsigned char order[HELD_MAX];
};

static struct labyrinth *lab;
static const struct scene *scene;
static struct thread threads[THREADS];
static _Atomic unsigned char holder[FRAMES_MOST];
static bool aside[FRAMES_MOST]; /* frames that are not in play */
static _Atomic unsigned int finished;
static atomic_bool failed, quiet;

static _Thread_local struct thread *me;

/* ---- one request ---- */

static void fail(const struct thread *t, const char *what, long code)
{
	if (!atomic_exchange(&failed, true))
		machine_fail(scene->name, "%s (%ld); thread %u, its request %" PRIu64 ", tokens left %ld", what, code,
			     t->number, t->singles, atomic_load(&tokens));
}

static uint64_t rnd(uint64_t *state, uint64_t below)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (*state >> 11) % below;
}

static void mark(struct thread *t, struct lab_page *page, unsigned int order)
{
	uint64_t frame = lab_page_frame(lab, page), i;

	for (i = frame; i < frame + ((uint64_t)1 << order); i++)
		if (i >= FRAMES_MOST || atomic_exchange(&holder[i], (unsigned char)(t->number + 1)))
			fail(t, "a frame was given twice", (long)i);
}

static void unmark(struct thread *t, struct lab_page *page, unsigned int order)
{
	uint64_t frame = lab_page_frame(lab, page), i;

	for (i = frame; i < frame + ((uint64_t)1 << order); i++)
		if (atomic_exchange(&holder[i], 0) != (unsigned char)(t->number + 1))
			fail(t, "a frame was another's", (long)i);
}

/* Ask for one page; a token is claimed.  `room`: LAB_ROOM_ROUTE, or the one that is asked. */
static struct lab_page *ask(struct thread *t, uint64_t *random, lab_gfp_t gfp, int room)
{
	struct lab_request request = LAB_REQUEST(gfp, 0);
	struct lab_answer answer = { 0 };
	struct lab_page *page;

	t->singles++;
	if (room == LAB_ROOM_ROUTE && rnd(random, 4))
		return lab_alloc_pages(lab, gfp, 0);
	request.room = (int16_t)room;
	page = lab_alloc_request(lab, &request, &answer);
	if (answer.rounds > t->rounds)
		t->rounds = answer.rounds;
	return page;
}

static void keep(struct thread *t, struct lab_page *page, unsigned int order)
{
	mark(t, page, order);
	t->page[t->held] = page;
	t->order[t->held++] = (unsigned char)order;
}

/* One page by some right, if there are tokens for it; true: it was tried. */
static bool take_single(struct thread *t)
{
	unsigned int right = scene->rights > 1 ? (unsigned int)rnd(&t->random, scene->rights) : 0;
	long reserve = floor_of(scene, right);
	struct lab_page *page;
	long left = claim(1 + reserve);

	if (left < 0)
		return false;
	t->last += !left;
	page = ask(t, &t->random, rights[right] | manners[rnd(&t->random, 8)], LAB_ROOM_ROUTE);
	if (lab_is_err(page))
		fail(t, "refused with a frame free", lab_ptr_err(page));
	else
		keep(t, page, 0);
	unclaim(reserve);
	return true;
}

static bool take_bulk(struct thread *t)
{
	struct lab_page *page[80];
	long n = 2 + (long)rnd(&t->random, 78), got, i;

	if (claim(n) < 0)
		return false;
	got = lab_alloc_bulk(lab, rights[0] | manners[rnd(&t->random, 8)], (size_t)n, page);
	if (got != n)
		fail(t, "bulk was cut short with frames free", got);
	for (i = 0; i < got; i++)
		keep(t, page[i], 0);
	t->singles += (uint64_t)n;
	return true;
}

/* A block may be refused, but not by "there is none". */
static bool take_block(struct thread *t)
{
	unsigned int order = 1 + (unsigned int)rnd(&t->random, scene->order_max);
	struct lab_page *page;

	if (claim(1L << order) < 0)
		return false;
	t->blocks++;
	page = lab_alloc_pages(lab, rights[0] | manners[rnd(&t->random, 8)], order);
	if (!lab_is_err(page)) {
		keep(t, page, order);
		return true;
	}
	t->blocks_refused++;
	if (lab_ptr_err(page) != -LAB_ENOSPC && lab_ptr_err(page) != -LAB_EAGAIN)
		fail(t, "a block was refused by a wrong code", lab_ptr_err(page));
	unclaim(1L << order);
	return true;
}

/* ---- and back ---- */

static void forget(struct thread *t, unsigned int i)
{
	t->held--;
	t->page[i] = t->page[t->held];
	t->order[i] = t->order[t->held];
}

/* A block in pieces, the pieces one by one. */
static int free_in_pieces(struct lab_page *page, unsigned int order)
{
	uint64_t frame = lab_page_frame(lab, page), i;
	int error = lab_split(lab, page, order);

	for (i = 0; !error && i < (uint64_t)1 << order; i++)
		error = lab_free_pages(lab, lab_frame_page(lab, frame + i), 0);
	return error;
}

/* Out of service when freed, and then back. */
static int free_through_service(struct lab_page *page)
{
	uint64_t frame = lab_page_frame(lab, page);
	int error = lab_frame_offline(lab, frame);

	if (error != -LAB_EBUSY)
		return error ? error : 1;
	error = lab_free_pages(lab, page, 0);
	return error ? error : lab_frame_online(lab, frame);
}

static void free_one(struct thread *t)
{
	unsigned int i = (unsigned int)rnd(&t->random, t->held), order = t->order[i];
	struct lab_page *page = t->page[i];
	struct lab_ref ref;
	int error;

	forget(t, i);
	unmark(t, page, order);
	if (order && rnd(&t->random, 2))
		error = free_in_pieces(page, order);
	else if (scene->service && !order && rnd(&t->random, 4) == 0)
		error = free_through_service(page);
	else if (rnd(&t->random, 8) == 0)
		error = lab_page_ref(lab, page, &ref) || lab_free_ref(lab, ref, order, 0);
	else
		error = lab_free_pages(lab, page, order);
	if (error)
		fail(t, "a free was refused", error);
	unclaim(1L << order);
}

static void free_bulk(struct thread *t)
{
	struct lab_page *page[64];
	unsigned int n = 0;

	while (n < 64 && t->held && !t->order[t->held - 1]) {
		page[n] = t->page[--t->held];
		unmark(t, page[n++], 0);
	}
	if (lab_free_bulk(lab, n, page) != n)
		fail(t, "a bulk free left pages", n);
	unclaim(n);
}

/* ---- threads ---- */

/* Free a page into its room, take one from another: what is free wanders.  That room may have none. */
static void wander(struct thread *t)
{
	int room = (int)rnd(&t->random, scene->rooms), tries;
	struct lab_page *page = NULL;

	if (t->held)
		free_one(t);
	if (claim(1) < 0)
		return;
	for (tries = 0; tries < 4; tries++) {
		page = ask(t, &t->random, rights[0], (room + tries) % (int)scene->rooms);
		if (!lab_is_err(page))
			break;
		if (lab_ptr_err(page) != -LAB_ENOMEM)
			fail(t, "a room refused by another code than none", lab_ptr_err(page));
	}
	if (!lab_is_err(page))
		keep(t, page, 0);
	else
		unclaim(1);
}

/* A page and back, inside whatever this thread was doing, and the CPU to somebody else. */
static void interrupt(int signal)
{
	struct thread *t = me;
	struct lab_page *page;
	int saved = errno;

	(void)signal;
	if (t && claim(1 + floor_of(scene, 1)) >= 0) {
		page = ask(t, &t->inner_random, scene->rights > 1 ? rights[1] : rights[0], LAB_ROOM_ROUTE);
		if (lab_is_err(page)) {
			fail(t, "refused in a signal handler with a frame free", lab_ptr_err(page));
		} else {
			mark(t, page, 0);
			unmark(t, page, 0);
			if (lab_free_pages(lab, page, 0))
				fail(t, "a free was refused in a signal handler", 0);
		}
		unclaim(1 + floor_of(scene, 1));
	}
	sched_yield();
	errno = saved;
}

static void step(struct thread *t, unsigned int wave)
{
	bool blocks = scene->order_max && t->number & 1 && rnd(&t->random, 3) == 0;

	if (scene->wander && t->number & 1) {
		wander(t);
	} else if (t->held && (rnd(&t->random, 8) < wave || t->held + 80 > HELD_MAX)) {
		if (scene->bulk && rnd(&t->random, 16) == 0)
			free_bulk(t);
		else
			free_one(t);
	} else if (blocks ? take_block(t) : scene->bulk && rnd(&t->random, 32) == 0 ? take_bulk(t) : take_single(t)) {
		return;
	} else if (t->held) {
		free_one(t);
	} else {
		sched_yield();
	}
}

static void *churn(void *argument)
{
	struct thread *t = argument;
	unsigned int wave = 3;
	uint64_t i;

	self = t->number;
	me = t;
	for (i = 0; t->singles < t->target && !atomic_load_explicit(&failed, memory_order_relaxed); i++) {
		if (i % 1024 == 0) {
			wave = (unsigned int)rnd(&t->random, 6);
			self = rnd(&t->random, 4) ? t->number : (unsigned int)rnd(&t->random, 2 * THREADS);
		}
		step(t, wave);
	}
	while (t->held)
		free_one(t);
	atomic_fetch_add(&finished, 1);
	while (!atomic_load(&quiet)) /* signals still come */
		sched_yield();
	return NULL;
}

/* ---- a scene ---- */

static void *make(void)
{
	struct lab_spec spec = { .page_shift = 12, .cpus = scene->cpus, .rooms = scene->room, .room_count = scene->rooms };
	size_t bytes = lab_metadata_bytes(&spec);
	void *metadata = bytes ? aligned_alloc(64, bytes) : NULL;

	if (!metadata)
		exit(2);
	memset(metadata, 0, bytes);
	if (lab_birth(&spec, metadata, bytes, &lab, NULL, NULL))
		exit(2);
	return metadata;
}

/* The frames in play: in runs of 16 where there are blocks, the runs (or the frames) evenly spread. */
static uint64_t in_play(const struct lab_room_spec *room, unsigned int i)
{
	unsigned int run = scene->order_max ? 16 : 1;
	uint64_t runs = room->frames / run;

	return room->first_frame + runs * (i / run * run) / scene->keep * run + i % run;
}

/* Take all frames, and let those go that are in play. */
static void set_aside(unsigned int room)
{
	struct lab_request request = LAB_REQUEST(LAB_MEMALLOC, 0);
	struct lab_page *page;
	unsigned int i;

	request.room = (int16_t)room;
	while (!lab_is_err(page = lab_alloc_request(lab, &request, NULL)))
		aside[lab_page_frame(lab, page)] = true;
	for (i = 0; i < scene->keep; i++) {
		uint64_t frame = in_play(&scene->room[room], i);

		aside[frame] = false;
		if (lab_free_pages(lab, lab_frame_page(lab, frame), 0))
			exit(2);
	}
}

static void set_up(void)
{
	unsigned int i;

	memset(holder, 0, sizeof(holder));
	memset(aside, 0, sizeof(aside));
	atomic_store(&tokens, 0);
	for (i = 0; i < scene->rooms; i++) {
		unclaim(scene->keep ? (long)scene->keep : (long)scene->room[i].frames);
		if (scene->keep)
			set_aside(i);
	}
	atomic_store(&finished, 0);
	atomic_store(&quiet, false);
	atomic_store(&failed, false);
}

static void finish(void)
{
	uint64_t singles = 0, last = 0, blocks = 0, refused = 0, rounds = 0, frames = 0;
	struct lab_audit audit;
	unsigned int i;

	for (i = 0; i < FRAMES_MOST; i++)
		if (aside[i] && lab_free_pages(lab, lab_frame_page(lab, i), 0))
			fail(&threads[0], "a frame set aside was not there", (long)i);
	for (i = 0; i < scene->rooms; i++)
		frames += scene->room[i].frames;
	if (lab_audit(lab, true, &audit))
		machine_fail(scene->name, "room %d, frame %" PRIu64 ": %s", audit.room, audit.frame, audit.text);
	else if (audit.free + audit.pooled != frames)
		machine_fail(scene->name, "%" PRIu64 " frames of %" PRIu64 " at the end", audit.free + audit.pooled, frames);
	for (i = 0; i < THREADS; i++) {
		singles += threads[i].singles;
		last += threads[i].last;
		blocks += threads[i].blocks;
		refused += threads[i].blocks_refused;
		rounds = threads[i].rounds > rounds ? threads[i].rounds : rounds;
	}
	machine.cases += singles;
	printf("%-24s %9" PRIu64 " order-0 requests, %9" PRIu64 " for the last frame, at most %" PRIu64 " rounds; %" PRIu64
	       " blocks, %" PRIu64 " refused%s\n", scene->name, singles, last, rounds, blocks, refused,
	       atomic_load(&failed) ? "; FAILED" : "");
}

/* Send signals to everybody until all have finished. */
static void disturb(void)
{
	const struct timespec pause = { .tv_nsec = 20000 };
	unsigned int i = 0;

	while (atomic_load(&finished) < THREADS) {
		if (scene->interrupts)
			pthread_kill(threads[i++ % THREADS].id, SIGUSR1);
		nanosleep(&pause, NULL);
	}
	atomic_store(&quiet, true);
}

static void play(uint64_t requests)
{
	void *metadata = make();
	unsigned int i;

	set_up();
	for (i = 0; i < THREADS; i++) {
		memset(&threads[i], 0, sizeof(threads[i]));
		threads[i].number = i;
		threads[i].random = (machine.seed * 64 + i) * 0x9e3779b97f4a7c15u | 1;
		threads[i].inner_random = ~threads[i].random | 1;
		threads[i].target = requests / THREADS;
		if (pthread_create(&threads[i].id, NULL, churn, &threads[i]))
			exit(2);
	}
	disturb();
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i].id, NULL);
	finish();
	free(metadata);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = interrupt, .sa_flags = SA_RESTART };
	unsigned int i;

	machine_begin(argc, argv);
	sigaction(SIGUSR1, &action, NULL);
	for (i = 0; i < SCENES; i++) {
		scene = &scenes[i];
		if (machine_wants(scene->name))
			play((machine.long_form ? 78000000u : 3900000u) / 100 * scene->share);
	}
	return machine_end("P4 P2", "stranded-threads");
}
