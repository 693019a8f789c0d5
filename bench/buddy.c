/* SPDX-License-Identifier: MIT */
/*
 * buddy.c - the textbook binary buddy allocator of buddy.h.
 *
 * Invariants, at rest:
 *   - free_order[f] is the order of the free block that begins at frame f, NOT_A_HEAD everywhere else;
 *   - each free block stands on exactly the list of its order, and is aligned to its size;
 *   - no two free buddies of an order below BUDDY_ORDER_MAX stand side by side: they have coalesced.
 * The last one is why buddy_alloc_at() need only look for one free block around the frame.
 */
#include "buddy.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX
#define NOT_A_HEAD UINT8_MAX

struct buddy {
	uint64_t frames;
	uint32_t first[BUDDY_ORDER_MAX + 1]; /* the lists of free blocks, last freed first */
	uint64_t blocks[BUDDY_ORDER_MAX + 1]; /* how many are on each */
	uint32_t *next, *prev; /* of a free block's first frame; NONE at the ends */
	uint8_t *free_order;
};

static void list_push(struct buddy *buddy, uint32_t frame, unsigned int order)
{
	uint32_t old = buddy->first[order];

	buddy->next[frame] = old;
	buddy->prev[frame] = NONE;
	if (old != NONE)
		buddy->prev[old] = frame;
	buddy->first[order] = frame;
	buddy->free_order[frame] = (uint8_t)order;
	buddy->blocks[order]++;
}

static void list_remove(struct buddy *buddy, uint32_t frame, unsigned int order)
{
	uint32_t next = buddy->next[frame], prev = buddy->prev[frame];

	if (next != NONE)
		buddy->prev[next] = prev;
	if (prev != NONE)
		buddy->next[prev] = next;
	else
		buddy->first[order] = next;
	buddy->free_order[frame] = NOT_A_HEAD;
	buddy->blocks[order]--;
}

/* Everything onto the lists, the highest frames first, so that the lowest are handed out first. */
static void seed(struct buddy *buddy)
{
	uint64_t end = buddy->frames;

	while (end) {
		/* The lowest set bit of its end is the largest size that a block's alignment allows. */
		unsigned int order = (unsigned int)__builtin_ctzll(end);

		if (order > BUDDY_ORDER_MAX)
			order = BUDDY_ORDER_MAX;
		end -= UINT64_C(1) << order;
		list_push(buddy, (uint32_t)end, order);
	}
}

struct buddy *buddy_new(uint64_t frames)
{
	struct buddy *buddy;

	if (!frames || frames >= NONE)
		return NULL;
	buddy = calloc(1, sizeof(*buddy));
	if (!buddy)
		return NULL;
	buddy->frames = frames;
	buddy->next = malloc(frames * sizeof(*buddy->next));
	buddy->prev = malloc(frames * sizeof(*buddy->prev));
	buddy->free_order = malloc(frames);
	if (!buddy->next || !buddy->prev || !buddy->free_order) {
		buddy_delete(buddy);
		return NULL;
	}
	memset(buddy->free_order, NOT_A_HEAD, frames);
	for (unsigned int order = 0; order <= BUDDY_ORDER_MAX; order++)
		buddy->first[order] = NONE;
	seed(buddy);
	return buddy;
}

void buddy_delete(struct buddy *buddy)
{
	if (!buddy)
		return;
	free(buddy->next);
	free(buddy->prev);
	free(buddy->free_order);
	free(buddy);
}

/*
 * Cut the block of `order` at `head`, which is on no list, down to the block of `wanted` that holds
 * `frame`; the halves not taken go onto their lists.
 *
 *     head             frame
 *     |-------- order --------|   ->   |  half, listed  |wanted|listed|
 */
static void cut(struct buddy *buddy, uint32_t head, uint32_t frame, unsigned int order, unsigned int wanted)
{
	while (order > wanted) {
		uint32_t half = UINT32_C(1) << --order;

		if (frame & half) {
			list_push(buddy, head, order);
			head += half;
		} else {
			list_push(buddy, head + half, order);
		}
	}
}

int64_t buddy_alloc(struct buddy *buddy, unsigned int order)
{
	for (unsigned int from = order; from <= BUDDY_ORDER_MAX; from++) {
		uint32_t head = buddy->first[from];

		if (head == NONE)
			continue;
		list_remove(buddy, head, from);
		cut(buddy, head, head, from, order);
		return head;
	}
	return -1;
}

int buddy_alloc_at(struct buddy *buddy, uint64_t frame, unsigned int order)
{
	if (order > BUDDY_ORDER_MAX || frame >= buddy->frames || frame & ((UINT64_C(1) << order) - 1))
		return -1;
	for (unsigned int from = order; from <= BUDDY_ORDER_MAX; from++) {
		uint32_t head = (uint32_t)frame & ~((UINT32_C(1) << from) - 1);

		if (buddy->free_order[head] != from)
			continue;
		list_remove(buddy, head, from);
		cut(buddy, head, (uint32_t)frame, from, order);
		return 0;
	}
	return -1;
}

void buddy_free(struct buddy *buddy, uint64_t frame, unsigned int order)
{
	uint32_t head = (uint32_t)frame;

	assert(order <= BUDDY_ORDER_MAX && !(frame & ((UINT64_C(1) << order) - 1)));
	assert(frame + (UINT64_C(1) << order) <= buddy->frames);
	assert(buddy->free_order[head] == NOT_A_HEAD);
	for (; order < BUDDY_ORDER_MAX; order++) {
		uint32_t other = head ^ (UINT32_C(1) << order);

		if (other >= buddy->frames || buddy->free_order[other] != order)
			break;
		list_remove(buddy, other, order);
		head &= ~(UINT32_C(1) << order);
	}
	list_push(buddy, head, order);
}

uint64_t buddy_huge_free(const struct buddy *buddy, unsigned int order)
{
	uint64_t count = 0;

	for (unsigned int from = order; from <= BUDDY_ORDER_MAX; from++)
		count += buddy->blocks[from] << (from - order);
	return count;
}
