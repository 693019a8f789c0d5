/* SPDX-License-Identifier: MIT */
/*
 * vault_threads.h - what the threads of vault_threads.c work on: the rooms, who has which page, and what must stand in one that is given.
 */
#ifndef VAULT_THREADS_H
#define VAULT_THREADS_H

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <labyrinth/client.h>
#include <labyrinth/vault.h>

#include "../support/thread_port.h"

#define THREADS_MAX 16u
#define HELD_MAX 1024u
#define RING 16u
#define FRAMES 640u /* of each room: a leaf and a part */
#define WORDS 512u
#define MARKER UINT64_C(0x5ec2e75ec2e75ec2)
#define PLAIN UINT64_C(0x1111111111111111)
#define OUT_MOST 32u /* frames out of service at once */
#define CLIENTS 2u
#define OWNER 100u /* and the next ones: nobody's client */

enum { VAULT, LAUNDRY, ORDINARY, ROOMS };

struct scene {
	const char *name;
	struct lab_vault vault;
	bool clients, offline;
};

static const struct scene scenes[] = {
	{ .name = "noticing" },
	{ .name = "a quarantine of one", .vault = { .quarantine = 1 } },
	{ .name = "a quarantine of 64", .vault = { .quarantine = 64 } },
	{ .name = "past the caches", .vault = { .ram = true, .stride = 2 } },
	{ .name = "zeros", .vault = { .shred = LAB_SHRED_ZERO } },
	{ .name = "unnoticed", .vault = { .unnoticed = true } },
	{ .name = "clients", .vault = { .quarantine = 5 }, .clients = true },
	{ .name = "frames on and off", .vault = { .quarantine = 3 }, .offline = true },
};

struct thread {
	pthread_t id;
	unsigned int number, n;
	uint64_t random, operations, given, overwritten;
	unsigned int held[ROOMS];
	struct hold {
		struct lab_page *page;
		unsigned int owner;
	} hold[HELD_MAX];
};

static struct labyrinth *lab;
static const struct scene *scene;
static struct thread threads[THREADS_MAX + 1];
static unsigned int thread_count = 4, cap, client[CLIENTS];
static _Atomic unsigned char holder[ROOMS * FRAMES];
static _Atomic uint64_t ring[RING]; /* owner << 32 | frame + 1, for somebody else to free */
static atomic_bool over;
static pthread_barrier_t start;
static _Atomic uint64_t failures;
static uint64_t seed = 1;
static void *mapped[ROOMS + 2]; /* the rooms' memory, keys, metadata */

static void fail(const char *what, uint64_t frame, long answer)
{
	if (atomic_fetch_add(&failures, 1) < 10)
		printf("FAIL %s: %s (frame %" PRIu64 ", answer %ld); rerun: vault_threads - %u %" PRIu64 "\n", scene->name, what, frame, answer,
		       thread_count, seed);
}

static uint64_t rnd(struct thread *t, uint64_t below)
{
	t->random ^= t->random << 13;
	t->random ^= t->random >> 7;
	t->random ^= t->random << 17;
	return t->random % below;
}

static unsigned int room_of(uint64_t frame)
{
	return (unsigned int)(frame / FRAMES);
}

/* ---- contents ---- */

static void look(const struct lab_page *page, uint64_t frame)
{
	const uint64_t *word = lab_page_address(lab, page);
	unsigned int i;

	for (i = 0; i < WORDS; i++)
		if (word[i] == MARKER) {
			fail("another's marker stands in it", frame, (long)i);
			return;
		}
}

static void write_all(const struct lab_page *page, uint64_t value)
{
	uint64_t *word = lab_page_address(lab, page);
	unsigned int i;

	for (i = 0; i < WORDS; i++)
		word[i] = value;
}

/* ---- given ---- */

static void given(struct thread *t, unsigned int room, struct lab_page *page, unsigned int owner)
{
	uint64_t frame = lab_page_frame(lab, page);

	if (room_of(frame) != room)
		fail("a frame of another room", frame, (long)room);
	if (atomic_exchange_explicit(&holder[frame], 1, memory_order_relaxed))
		fail("a frame given twice", frame, 0);
	look(page, frame);
	write_all(page, room == ORDINARY && owner != LAB_OWNER_EXCLUSIVE ? PLAIN : MARKER);
	t->hold[t->n++] = (struct hold){ page, owner };
	t->held[room]++;
	t->given++;
}

/* May this request be refused so? */
static bool refusable(unsigned int room, unsigned int owner, long error)
{
	if (room == LAUNDRY) { /* all of it may wait for the launderer */
		lab_launder(lab, LAUNDRY, 8);
		return error == -LAB_ENOMEM || error == -LAB_EAGAIN;
	}
	return owner >= OWNER + THREADS_MAX && error == -LAB_EDQUOT; /* a client's */
}

static void allocate(struct thread *t)
{
	unsigned int room = (unsigned int)rnd(t, ROOMS), owner = OWNER + t->number;
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC, 0);
	struct lab_page *page;

	if (t->held[room] >= cap)
		return;
	if (room == ORDINARY) {
		owner = rnd(t, 2) ? LAB_OWNER_EXCLUSIVE : 0;
		page = lab_alloc_pages(lab, owner ? LAB_GFP_ATOMIC | LAB_EXCLUSIVE : LAB_GFP_KERNEL | (rnd(t, 8) ? 0 : LAB_ZERO), 0);
	} else {
		if (scene->clients && room == VAULT && rnd(t, 2))
			owner = client[t->number % CLIENTS];
		request.room = (int16_t)room;
		request.owner = (uint16_t)owner;
		page = lab_alloc_request(lab, &request, NULL);
	}
	if (!lab_is_err(page))
		given(t, room, page, owner);
	else if (!refusable(room, owner, lab_ptr_err(page)))
		fail("refused with frames free", room, lab_ptr_err(page));
}

#endif
