/* SPDX-License-Identifier: MIT */
/*
 * clients.c - clients against each other, by threads: the greedy takes what it can, the modest one loses nothing.
 *
 *     greedy      spams all rights and orders, and holds all it gets; the modest client, by a contract and a share of the reserves, is
 *                 never refused what it is due
 *     contract    several callers of one client, together within its contract, while others drain everything there is
 *     resized     the same, while the contract grows and shrinks above what they need
 *     maximum     several callers beyond what they may: never more out than the maximum
 *     handed      pages handed over between two clients in both directions; neither's contract suffers
 *     opened      clients opened, exhausted and closed in random order by several threads
 *     remembered  refusals by several threads, and a reader: no record is a mixture of two
 */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include <labyrinth.h>

#include "../proof/machine.h"
#include "../support/thread_port.h"

#define THREADS 4u
#define FRAMES 4096u
#define MIN 256u
#define DUE 16u /* what each of the modest client's callers may hold */
#define MAXIMUM 2u /* so few that its callers meet there all the time */

static struct labyrinth *lab;
static const char *scene;
static atomic_bool over;
static uint64_t operations; /* of each modest caller */
static unsigned int client[2];
static _Atomic int64_t out;
static _Atomic uint64_t answered, refused;
static _Atomic unsigned char holder[FRAMES];

static uint64_t roll(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static struct lab_page *ask(unsigned int owner, lab_gfp_t gfp, unsigned int order)
{
	struct lab_request request = LAB_REQUEST(gfp, order);
	struct lab_page *page;
	uint64_t i;

	request.owner = (uint16_t)owner;
	page = lab_alloc_request(lab, &request, NULL);
	for (i = 0; !lab_is_err(page) && i < (uint64_t)1 << order; i++)
		if (atomic_exchange(&holder[lab_page_frame(lab, page) + i], 1))
			machine_fail(scene, "frame %" PRIu64 " is given twice", lab_page_frame(lab, page) + i);
	return page;
}

static void unhold(struct lab_page *page, unsigned int order)
{
	uint64_t i;

	for (i = 0; i < (uint64_t)1 << order; i++)
		atomic_store(&holder[lab_page_frame(lab, page) + i], 0);
}

static void give(unsigned int owner, struct lab_page *page, unsigned int order)
{
	int error;

	unhold(page, order);
	error = lab_free_as(lab, page, order, owner, 0);
	if (error)
		machine_fail(scene, "a free was refused with %d", error);
}

/* ---- who asks ---- */

/* Takes all it gets, of all orders and rights, and now and then lets some of it go. */
static void *be_greedy(void *number)
{
	static const lab_gfp_t gfp[] = { LAB_GFP_ATOMIC | LAB_NOWARN, LAB_GFP_NOWAIT, LAB_MEMALLOC | LAB_NOWARN };
	static _Thread_local struct { struct lab_page *page; unsigned int order; } held[FRAMES + 1];
	uint64_t state = machine.seed * 77 + (uintptr_t)number;
	unsigned int n = 0, owner = client[1], order;

	self = (unsigned int)(uintptr_t)number;
	while (!atomic_load(&over)) {
		order = roll(&state) % 8 ? 0 : (unsigned int)(roll(&state) % 10);
		held[n].page = n < FRAMES ? ask(owner, gfp[roll(&state) % 3] | (owner ? LAB_EXTRA_QUALITY : 0), order) : NULL;
		if (held[n].page && !lab_is_err(held[n].page)) {
			held[n++].order = order;
			continue;
		}
		atomic_fetch_add(&refused, 1);
		for (order = (unsigned int)(roll(&state) % 4); order-- && n;) {
			n--;
			give(owner, held[n].page, held[n].order);
		}
	}
	while (n--)
		give(owner, held[n].page, held[n].order);
	return NULL;
}

/* Up to DUE pages in hand, each asked for and given back again and again: none may be refused. */
static void *be_modest(void *number)
{
	struct lab_page *page[DUE] = { NULL };
	uint64_t state = machine.seed * 99 + (uintptr_t)number, i;

	self = (unsigned int)(uintptr_t)number;
	while (!atomic_load(&refused)) /* until the others have all there is */
		usleep(100);
	for (i = 0; i < operations; i++) {
		unsigned int which = (unsigned int)(roll(&state) % DUE);

		if (page[which]) {
			give(client[0], page[which], 0);
			page[which] = NULL;
			continue;
		}
		page[which] = ask(client[0], LAB_GFP_ATOMIC, 0);
		if (lab_is_err(page[which])) {
			machine_fail(scene, "refused with %d within the contract, in operation %" PRIu64, lab_ptr_err(page[which]), i);
			page[which] = NULL;
		} else {
			atomic_fetch_add(&answered, 1);
		}
	}
	for (i = 0; i < DUE; i++)
		if (page[i])
			give(client[0], page[i], 0);
	return NULL;
}

/* More than the maximum allows, counted beside it. */
static void *be_many(void *number)
{
	struct lab_page *page[DUE];
	uint64_t state = machine.seed * 55 + (uintptr_t)number, i;
	unsigned int n = 0;

	self = (unsigned int)(uintptr_t)number;
	for (i = 0; i < operations; i++) {
		if (n && (n == DUE || roll(&state) % 2)) {
			atomic_fetch_sub(&out, 1);
			give(client[0], page[--n], 0);
			continue;
		}
		page[n] = ask(client[0], LAB_GFP_NOWAIT, 0);
		if (lab_is_err(page[n])) {
			if (lab_ptr_err(page[n]) != -LAB_EDQUOT)
				machine_fail(scene, "refused with %d", lab_ptr_err(page[n]));
			atomic_fetch_add(&refused, 1);
			continue;
		}
		n++;
		atomic_fetch_add(&answered, 1);
		if (atomic_fetch_add(&out, 1) >= MAXIMUM)
			machine_fail(scene, "more out than the maximum");
	}
	while (n) {
		atomic_fetch_sub(&out, 1);
		give(client[0], page[--n], 0);
	}
	return NULL;
}

/* Each thread takes of one client, hands over to the other, and frees as that one. */
static void *hand_over(void *number)
{
	unsigned int from = client[(uintptr_t)number % 2], to = client[1 - (uintptr_t)number % 2];
	uint64_t i;

	self = (unsigned int)(uintptr_t)number;
	for (i = 0; i < operations; i++) {
		struct lab_page *page = ask(from, LAB_GFP_ATOMIC, 0);
		int error;

		if (lab_is_err(page)) {
			machine_fail(scene, "refused with %d within the contract", lab_ptr_err(page));
			continue;
		}
		atomic_fetch_add(&answered, 1);
		error = lab_page_hand_over(lab, page, 0, from, to);
		if (error && error != -LAB_ENOMEM && error != -LAB_EDQUOT)
			machine_fail(scene, "not handed over: %d", error);
		atomic_fetch_add(&refused, error != 0);
		give(error ? from : to, page, 0);
	}
	return NULL;
}

static void *resize(void *number)
{
	uint64_t state = machine.seed * 33;

	self = (unsigned int)(uintptr_t)number;
	while (!atomic_load(&over)) {
		int error = lab_client_resize(lab, client[0], (uint32_t)(2 * DUE + roll(&state) % (4 * DUE)), NULL);

		if (error && error != -LAB_ENOSPC && error != -LAB_EAGAIN)
			machine_fail(scene, "not resized: %d", error);
	}
	return NULL;
}

/* Opens, exhausts, closes. */
static void *open_and_close(void *number)
{
	uint64_t state = machine.seed * 11 + (uintptr_t)number, i;
	struct lab_page *page[DUE];

	self = (unsigned int)(uintptr_t)number;
	for (i = 0; i < operations / 64; i++) {
		struct lab_client_spec spec = { .node = LAB_NODE_LOCAL, .room = LAB_ROOM_ROUTE, .frames = (uint32_t)(roll(&state) % (DUE + 1)) };
		unsigned int owner, n, left;
		int error = lab_client_open(lab, &spec, &owner, NULL);

		if (error) {
			if (error != -LAB_ENOSPC && error != -LAB_EUSERS)
				machine_fail(scene, "not opened: %d", error);
			atomic_fetch_add(&refused, 1);
			continue;
		}
		for (n = 0; n < spec.frames; n++) {
			page[n] = ask(owner, LAB_GFP_NOWAIT, 0);
			if (lab_is_err(page[n]))
				machine_fail(scene, "page %u of %u refused with %d", n, spec.frames, lab_ptr_err(page[n]));
			atomic_fetch_add(&answered, 1);
		}
		if (lab_ptr_err(ask(owner, LAB_GFP_NOWAIT, 0)) != -LAB_EDQUOT)
			machine_fail(scene, "more than its contract");
		if (n && lab_client_close(lab, owner, NULL) != -LAB_EBUSY)
			machine_fail(scene, "closed with pages out");
		for (left = n; left; left--) {
			unsigned int which = (unsigned int)(roll(&state) % left);

			give(owner, page[which], 0);
			page[which] = page[left - 1];
		}
		if (lab_client_close(lab, owner, NULL))
			machine_fail(scene, "not closed: %d", lab_client_close(lab, owner, NULL));
	}
	return NULL;
}

/* Refused requests that say in each of their fields who made them. */
static void *be_refused(void *number)
{
	uint64_t i;

	self = (unsigned int)(uintptr_t)number;
	for (i = 0; i < operations; i++) {
		struct lab_request request = LAB_REQUEST(LAB_MEMALLOC | (lab_gfp_t)self << 16, self);

		request.owner = (uint16_t)(self + 1);
		if (!lab_is_err(lab_alloc_request(lab, &request, NULL)))
			machine_fail(scene, "an empty room gave a frame");
		atomic_fetch_add(&answered, 1);
	}
	return NULL;
}

static void *read_refusals(void *number)
{
	struct lab_refusal list[LAB_REFUSALS_KEPT];
	unsigned int n, i;

	(void)number;
	while (!atomic_load(&over)) {
		n = lab_refusals(lab, list, LAB_REFUSALS_KEPT);
		for (i = 0; i < n; i++) {
			unsigned int who = list[i].owner - 1u;

			if (list[i].order != who || list[i].gfp != (LAB_MEMALLOC | (lab_gfp_t)who << 16) || list[i].error != -LAB_ENOMEM)
				machine_fail(scene, "a record of %u has order %u, flags %x", who, list[i].order, list[i].gfp);
			if (i && list[i].sequence >= list[i - 1].sequence)
				machine_fail(scene, "the newest is not first");
		}
	}
	return NULL;
}

/* ---- scenes ---- */

struct part {
	void *(*does)(void *);
	unsigned int threads;
	bool until_over; /* of the others */
};

static unsigned int opened(uint32_t frames, uint32_t maximum, uint32_t share)
{
	struct lab_client_spec spec = { .node = LAB_NODE_LOCAL, .room = LAB_ROOM_ROUTE, .frames = frames, .maximum = maximum,
					.reserve_share = share, .callers = THREADS };
	unsigned int owner = 0;
	int error = lab_client_open(lab, &spec, &owner, NULL);

	if (error)
		machine_fail(scene, "not opened: %d", error);
	return owner;
}

static void run(const struct part *part, unsigned int parts)
{
	pthread_t thread[3 * THREADS];
	bool waits[3 * THREADS];
	unsigned int n = 0, i, k;

	atomic_store(&over, false);
	for (i = 0; i < parts; i++)
		for (k = 0; k < part[i].threads; k++, n++) {
			waits[n] = part[i].until_over;
			pthread_create(&thread[n], NULL, part[i].does, (void *)(uintptr_t)n);
		}
	for (i = 0; i < n; i++)
		if (!waits[i])
			pthread_join(thread[i], NULL);
	atomic_store(&over, true);
	for (i = 0; i < n; i++)
		if (waits[i])
			pthread_join(thread[i], NULL);
}

static void close_all(void)
{
	struct lab_client_out left;
	struct lab_audit audit;
	unsigned int owner;

	if (lab_audit(lab, true, &audit))
		machine_fail(scene, "%s (frame %" PRIu64 ")", audit.text, audit.frame);
	while ((owner = lab_client_next(lab, 0)) != 0)
		if (lab_client_close(lab, owner, &left)) {
			machine_fail(scene, "client %u has %" PRIu64 " frames out", owner, left.frames);
			return;
		}
	if (lab_audit(lab, true, &audit))
		machine_fail(scene, "%s (frame %" PRIu64 ")", audit.text, audit.frame);
	if (audit.free + audit.pooled != FRAMES)
		machine_fail(scene, "%" PRIu64 " of %u frames are free at the end", audit.free + audit.pooled, FRAMES);
}

static void play(const char *name, const struct part *part, unsigned int parts, void (*prepare)(void))
{
	struct lab_room_spec room = { .name = "r", .zone = LAB_ZONE_NORMAL, .frames = FRAMES, .min = MIN, .low = MIN + 64, .high = MIN + 128 };
	struct lab_spec spec = { .page_shift = 12, .cpus = THREADS, .rooms = &room, .room_count = 1, .clients = 24,
				 .contract_frames = THREADS * DUE + 64, .contract_blocks = 1 };
	size_t bytes = (lab_metadata_bytes(&spec) + 63) & ~(size_t)63;
	void *metadata;

	if (!machine_wants(name))
		return;
	scene = name;
	metadata = aligned_alloc(64, bytes);
	memset(metadata, 0, bytes);
	memset((void *)holder, 0, sizeof(holder));
	atomic_store(&answered, 0);
	atomic_store(&refused, 0);
	if (lab_birth(&spec, metadata, bytes, &lab, NULL, NULL))
		exit(3);
	prepare();
	run(part, parts);
	close_all();
	printf("  %s: %" PRIu64 " answered, %" PRIu64 " refused (others, or beyond)\n", name, atomic_load(&answered), atomic_load(&refused));
	machine.cases += operations;
	free(metadata);
}

static void a_contract_and_a_greedy(void)
{
	client[0] = opened(2 * DUE, 0, 0);
	client[1] = opened(0, LAB_UNLIMITED, MIN / 2);
}

static void a_contract_and_nobodies(void)
{
	client[0] = opened(THREADS * DUE, 0, 0);
	client[1] = 0;
}

static void a_contract_to_resize(void)
{
	client[0] = opened(2 * DUE, LAB_UNLIMITED, 0);
	client[1] = 0;
}

static void a_maximum(void)
{
	client[0] = opened(1, MAXIMUM, 0);
}

static void two_contracts(void)
{
	client[0] = opened(THREADS, LAB_UNLIMITED, 0);
	client[1] = opened(THREADS, LAB_UNLIMITED, 0);
}

static void nothing(void)
{
}

static void nothing_is_free(void)
{
	while (!lab_is_err(lab_alloc_pages(lab, LAB_MEMALLOC | LAB_NOWARN, 0)))
		;
}

/* Everything is taken there: it is given back before the look at the end. */
static void *free_all_at_the_end(void *number)
{
	uint64_t frame;

	(void)number;
	while (!atomic_load(&over))
		usleep(1000);
	for (frame = 0; frame < FRAMES; frame++)
		lab_free_pages(lab, lab_frame_page(lab, frame), 0);
	return NULL;
}

int main(int argc, char **argv)
{
	static const struct part greedy[] = { { be_modest, 2, false }, { be_greedy, 2, true } };
	static const struct part contract[] = { { be_modest, THREADS, false }, { be_greedy, 2, true } };
	static const struct part resized[] = { { be_modest, 2, false }, { be_greedy, 1, true }, { resize, 1, true } };
	static const struct part maximum[] = { { be_many, THREADS, false } };
	static const struct part handed[] = { { hand_over, THREADS, false } };
	static const struct part openers[] = { { open_and_close, THREADS, false } };
	static const struct part remembered[] = { { be_refused, THREADS, false }, { read_refusals, 1, true }, { free_all_at_the_end, 1, true } };

	machine_begin(argc, argv);
	operations = machine.long_form ? 50000000 : 400000; /* two modest callers: 10^8 */
	play("greedy", greedy, 2, a_contract_and_a_greedy);
	operations = machine.long_form ? 10000000 : 100000;
	play("contract", contract, 2, a_contract_and_nobodies);
	play("resized", resized, 3, a_contract_to_resize);
	play("maximum", maximum, 1, a_maximum);
	play("handed", handed, 1, two_contracts);
	play("opened", openers, 1, nothing);
	play("remembered", remembered, 3, nothing_is_free);
	return machine_end("P2 P5", "clients against each other");
}
