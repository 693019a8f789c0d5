/* SPDX-License-Identifier: MIT */
/*
 * vault_threads.c - threads on vaults and on an ordinary room beside them, at once.
 *
 *     vault_threads [THOUSANDS-OF-OPERATIONS-A-THREAD [THREADS [SEED]]]
 *
 * Whoever has an exclusive page fills it with a marker; whoever is given a page, exclusive or not, finds no marker in it.  A vault's
 * request gets a frame of that vault, any other request never one: the two sets stay apart, whatever caches, pools and contracts there are.
 * No frame is given twice; nothing free is taken for written to; no request is refused while frames are free for it.  Beside them
 * another thread launders, shares and unshares what it finds, takes frames out of service and back, and audits.  At the end all is freed
 * and audited, and then all threads overwrite everything together.
 *
 * What a thread knows of a page's holder is kept without any ordering of its own, so that a race detector sees the core's alone.
 */
#include "vault_threads.h"

/* ---- freed ---- */

static void free_page(struct lab_page *page, unsigned int owner)
{
	uint64_t frame = lab_page_frame(lab, page), turns = atomic_load(&failures) ? 10 : 1000000;
	int error;

	if (!atomic_exchange_explicit(&holder[frame], 0, memory_order_relaxed))
		fail("a frame freed that nobody held", frame, 0);
	while ((error = lab_free_as(lab, page, 0, owner, 0)) == -LAB_EBUSY && room_of(frame) != ORDINARY && turns--)
		sched_yield(); /* the sharer has it, for an instant */
	if (error)
		fail("a free was refused", frame, error);
}

static void free_coded(uint64_t coded)
{
	if (coded)
		free_page(lab_frame_page(lab, (coded & UINT32_MAX) - 1), (unsigned int)(coded >> 32));
}

static void free_one(struct thread *t)
{
	unsigned int i = (unsigned int)rnd(t, t->n), room;
	struct hold hold = t->hold[i];
	uint64_t frame = lab_page_frame(lab, hold.page);

	room = room_of(frame);
	if (room != ORDINARY && rnd(t, 8) == 0) {
		int error = lab_shred_now(lab, hold.page, hold.owner);

		if (error && error != -LAB_EBUSY) /* shared just now */
			fail("shred_now was refused", frame, error);
		if (!error)
			look(hold.page, frame);
	}
	t->held[room]--;
	t->hold[i] = t->hold[--t->n];
	if (rnd(t, 3) == 0) /* passed on: another frees what stood there before */
		free_coded(atomic_exchange(&ring[rnd(t, RING)], (uint64_t)hold.owner << 32 | (frame + 1)));
	else
		free_page(hold.page, hold.owner);
}

static void *churn(void *arg)
{
	struct thread *t = arg;
	uint64_t i, wave = 50;

	self = t->number;
	pthread_barrier_wait(&start);
	for (i = 0; i < t->operations; i++) {
		if (i % 512 == 0)
			wave = 30 + rnd(t, 3) * 30; /* at 90: up to the cap, and along it */
		if (rnd(t, 100) < wave)
			allocate(t);
		else if (t->n)
			free_one(t);
	}
	while (t->n)
		free_one(t);
	return NULL;
}

/* ---- beside them ---- */

/* Some page of a vault, if it is somebody's just now: shared, and not any more. */
static void share_some(struct thread *t)
{
	struct lab_page *page = lab_frame_page(lab, rnd(t, (uint64_t)2 * FRAMES));
	struct lab_ref ref;
	long count;

	if (lab_page_ref(lab, page, &ref))
		return;
	count = lab_page_share(lab, ref);
	if (count == -LAB_ESTALE || count == -LAB_EALREADY) /* freed meanwhile */
		return;
	if (count != 2)
		fail("a count that is not two", ref.frame, count);
	count = lab_page_unshare(lab, ref);
	if (count != 1)
		fail("a count that is not one again", ref.frame, count);
}

static void turn_frame(struct thread *t, uint64_t *out)
{
	uint64_t *one = &out[rnd(t, OUT_MOST)];

	if (*one) {
		if (lab_frame_online(lab, *one - 1) == 0) /* else: in use, it leaves when it is freed */
			*one = 0;
		return;
	}
	*one = rnd(t, FRAMES) + 1;
	if (lab_frame_offline(lab, *one - 1) == -LAB_EALREADY)
		*one = 0;
}

static void *disturb(void *arg)
{
	struct thread *t = arg;
	uint64_t out[OUT_MOST] = { 0 }, turn;
	struct lab_audit audit;

	self = t->number;
	for (turn = 0; !atomic_load(&over); turn++) {
		lab_launder(lab, LAUNDRY, 1 + (unsigned int)rnd(t, 20));
		share_some(t);
		if (scene->offline)
			turn_frame(t, out);
		if (turn % 64 == 0 && lab_audit(lab, false, &audit))
			fail(audit.text, audit.frame, 0);
	}
	return NULL;
}

/* ---- birth and end ---- */

static void *zeroed(unsigned int number, size_t bytes)
{
	void *at = aligned_alloc(4096, (bytes + 4095) & ~(size_t)4095);

	if (!at)
		exit(1);
	memset(at, 0, bytes);
	mapped[number] = at;
	return at;
}

static void make(void)
{
	static uint8_t random[32];
	struct lab_vault vault = scene->vault, laundry = { .deferred = true };
	struct lab_room_spec room[ROOMS] = {
		{ .name = "vault", .zone = LAB_ZONE_OWN, .frames = FRAMES, .vault = &vault },
		{ .name = "laundry", .zone = LAB_ZONE_OWN, .first_frame = FRAMES, .frames = FRAMES, .vault = &laundry },
		{ .name = "ordinary", .zone = LAB_ZONE_NORMAL, .first_frame = 2 * FRAMES, .frames = FRAMES, .min = 40, .low = 50, .high = 60 },
	};
	struct lab_spec spec = { .page_shift = 12, .cpus = THREADS_MAX + 1, .rooms = room, .room_count = ROOMS, .seed = random,
				 .clients = CLIENTS, .contract_frames = 32 };
	struct lab_client_spec theirs = { .name = "theirs", .node = LAB_NODE_LOCAL, .room = VAULT, .frames = 20, .maximum = 40 };
	const char *why = "";
	size_t bytes;
	unsigned int i;

	memset(random, (int)seed, sizeof(random));
	for (i = 0; i < ROOMS; i++)
		room[i].memory = zeroed(i, (size_t)FRAMES * 2 << 12);
	spec.keys = zeroed(ROOMS, LAB_KEYS_BYTES);
	bytes = lab_metadata_bytes(&spec);
	if (!bytes || lab_birth(&spec, zeroed(ROOMS + 1, bytes), bytes, &lab, NULL, &why)) {
		printf("FAIL %s: not born: %s\n", scene->name, why);
		exit(1);
	}
	for (i = 0; scene->clients && i < CLIENTS; i++)
		if (lab_client_open(lab, &theirs, &client[i], NULL))
			fail("no client", i, 0);
}

static struct lab_page *contended;

/* Shared, and not any more, as fast as can be. */
static void *share_one(void *arg)
{
	struct thread *t = arg;
	struct lab_ref ref;

	self = t->number;
	while (!atomic_load(&over))
		if (!lab_page_ref(lab, contended, &ref) && lab_page_share(lab, ref) > 1)
			lab_page_unshare(lab, ref);
	return NULL;
}

/* One page that others share again and again: its owner is told that, or gets through; never that it is not the owner's. */
static void contend(uint64_t turns)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC, 0);
	unsigned int i, owner = OWNER;
	int error;

	request.room = VAULT;
	request.owner = OWNER;
	contended = lab_alloc_request(lab, &request, NULL);
	atomic_store(&over, false);
	for (i = 0; i < 2; i++)
		pthread_create(&threads[i].id, NULL, share_one, &threads[i]);
	for (self = THREADS_MAX; turns--;) {
		error = lab_page_hand_over(lab, contended, 0, owner, owner ^ 1);
		if (!error)
			owner ^= 1;
		else if (error != -LAB_EBUSY)
			fail("a hand-over was refused", turns, error);
	}
	atomic_store(&over, true);
	for (i = 0; i < 2; i++)
		pthread_join(threads[i].id, NULL);
	error = lab_free_as(lab, contended, 0, owner, 0);
	if (error)
		fail("a free of what was shared was refused", 0, error);
}

static void *panic(void *arg)
{
	struct thread *t = arg;

	self = t->number;
	t->overwritten = lab_panic_shred(lab);
	return NULL;
}

/* All that can be had is taken and marked; then they overwrite it together, and nothing is left. */
static void panic_together(void)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC, 0);
	uint64_t done = 0, frame;
	struct lab_page *page;
	unsigned int i;

	for (i = 0; i < 2 * FRAMES; i++) {
		request.room = (int16_t)(i % 2);
		request.owner = OWNER;
		page = lab_alloc_request(lab, &request, NULL);
		if (!lab_is_err(page))
			write_all(page, MARKER);
	}
	for (i = 0; i < thread_count; i++)
		pthread_create(&threads[i].id, NULL, panic, &threads[i]);
	for (i = 0; i < thread_count; i++) {
		pthread_join(threads[i].id, NULL);
		done += threads[i].overwritten;
	}
	if (done != 2 * FRAMES)
		fail("a panic that did not share the work", 0, (long)done);
	for (frame = 0; frame < 2 * FRAMES; frame++)
		look(lab_frame_page(lab, frame), frame);
	if (!lab_is_err(lab_alloc_request(lab, &request, NULL)))
		fail("a page after a panic", 0, 0);
}

static void settle(void)
{
	uint64_t free, frame;
	struct lab_audit audit;
	struct lab_stats stats;
	unsigned int i;

	for (i = 0; i < RING; i++)
		free_coded(atomic_exchange(&ring[i], 0));
	lab_launder(lab, LAUNDRY, UINT32_MAX);
	for (frame = 0; frame < FRAMES; frame++)
		lab_frame_online(lab, frame);
	for (i = 0; scene->clients && i < CLIENTS; i++)
		if (lab_client_close(lab, client[i], NULL))
			fail("a client that cannot be closed", i, 0);
	if (lab_audit(lab, true, &audit))
		fail(audit.text, audit.frame, 0);
	free = audit.free + audit.pooled + audit.shredding;
	if (free != ROOMS * FRAMES || audit.shredding != scene->vault.quarantine)
		fail("frames were lost", free, (long)audit.shredding);
	lab_stats(lab, &stats);
	if (stats.counter[LAB_COUNT_CORRUPT])
		fail("taken for written to", 0, (long)stats.counter[LAB_COUNT_CORRUPT]);
}

static void play(uint64_t operations)
{
	struct thread *other = &threads[THREADS_MAX];
	uint64_t pages = 0, before = atomic_load(&failures);
	unsigned int i;

	make();
	/* What pools keep from the ordinary requests, what is in quarantine, out of service, in hands, in the ring, or guaranteed. */
	cap = (FRAMES - 64 - OUT_MOST - 4 * (thread_count + 1) - RING - 40) / thread_count;
	cap = cap < HELD_MAX / ROOMS ? cap : HELD_MAX / ROOMS;
	atomic_store(&over, false);
	pthread_barrier_init(&start, NULL, thread_count);
	for (i = 0; i <= thread_count; i++) {
		struct thread *t = i < thread_count ? &threads[i] : other;

		*t = (struct thread){ .number = (unsigned int)(t - threads), .random = (seed + i) * 0x9e3779b97f4a7c15u | 1,
				      .operations = operations };
		pthread_create(&t->id, NULL, t == other ? disturb : churn, t);
	}
	for (i = 0; i < thread_count; i++) {
		pthread_join(threads[i].id, NULL);
		pages += threads[i].given;
	}
	atomic_store(&over, true);
	pthread_join(other->id, NULL);
	pthread_barrier_destroy(&start);
	contend(operations);
	settle();
	panic_together();
	printf("%s vaults/%s: %" PRIu64 " operations a thread, %u threads, %" PRIu64 " pages given\n",
	       atomic_load(&failures) > before ? "FAIL" : "ok", scene->name, operations, thread_count, pages);
	fflush(stdout);
	for (i = 0; i < sizeof(mapped) / sizeof(*mapped); i++)
		free(mapped[i]);
}

int main(int argc, char **argv)
{
	uint64_t operations = argc > 1 ? strtoull(argv[1], NULL, 0) * 1000 : 100000, all = 0;
	unsigned int i;

	if (sizeof(void *) < 8) {
		puts("skipped: a vault needs tags of 64 bits");
		return 77;
	}
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
	printf("machine: P2 P4 P6 | threads on vaults | %" PRIu64 "\n", all);
	return atomic_load(&failures) ? 1 : 0;
}
