/* SPDX-License-Identifier: MIT */
/*
 * silent_kinds.h - every public call that may be made in any context, so many times, with the answers that it
 * must give.  Nothing here makes a system call of its own; whatever is not right is written down by wrong().
 */
#ifndef SILENT_KINDS_H
#define SILENT_KINDS_H

#include <labyrinth/linux.h>
#include <labyrinth/user.h>

#include "silent_cage.h"

#define HELD 16384u

/* The ones in the cage: one node and three rooms; two nodes; the default one. */
static struct labyrinth *lab, *nodes, *usual, *guarded; /* (guarded: with clients) */
static struct lab_page *held[HELD];

enum { MEMORY, OWN, NUMBERS, ROOMS }; /* its rooms, the one with the most tags last */
#define MEMORY_FRAMES 1024u
#define OWN_FRAMES 64u
#define NUMBERS_FIRST 1536u
#define NUMBERS_FRAMES 8192u

/* ---- small things ---- */

/* The first wrong answer, without a library. */
static void wrong(const char *what, long answer)
{
	char digits[24], *to = cage->wrong, *end = cage->wrong + sizeof(cage->wrong) - sizeof(digits) - 2;
	unsigned long n = answer < 0 ? 0ul - (unsigned long)answer : (unsigned long)answer;
	unsigned int i = 0;

	if (*to)
		return;
	while (*what && to < end)
		*to++ = *what++;
	*to++ = ' ';
	if (answer < 0)
		*to++ = '-';
	do
		digits[i++] = (char)('0' + n % 10);
	while (n /= 10);
	while (i)
		*to++ = digits[--i];
}

static void expect(const char *what, long answer, long right)
{
	if (answer != right)
		wrong(what, answer);
}

static uint64_t random_state = 88172645463325252u;

static uint64_t rnd(uint64_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state >> 11) % below;
}

/* Flags of any kind that do not contradict themselves; memory where that is asked for. */
static lab_gfp_t some_flags(void)
{
	lab_gfp_t gfp = (lab_gfp_t)rnd(LAB_FLAGS_ALL + 1) & ~(LAB_ZERO | LAB_EXCLUSIVE | LAB_DMA | LAB_HIGHMEM | LAB_EXTRA_QUALITY | LAB_RAW);

	return gfp & LAB_MOVABLE ? gfp & ~LAB_RECLAIMABLE : gfp;
}

static bool got(const char *what, struct lab_page *page)
{
	if (lab_is_err(page))
		wrong(what, lab_ptr_err(page));
	return !lab_is_err(page);
}

static void touch(void *address, unsigned int order)
{
	size_t i;

	for (i = 0; i < (size_t)4096 << order; i += 4096)
		((volatile char *)address)[i + 5] = 1;
}

/* ---- the kinds: how many calls were made ---- */

typedef uint64_t kind_run(uint64_t n);

static uint64_t kind_single(uint64_t n)
{
	uint64_t i;

	for (i = 0; i < n; i += 2) {
		struct lab_page *page = lab_alloc_pages(lab, some_flags(), 0);

		if (got("alloc_pages", page))
			expect("free_pages", lab_free_pages(lab, page, 0), 0);
	}
	return i;
}

static uint64_t kind_address(uint64_t n)
{
	uint64_t i;

	for (i = 0; i < n; i += 2) {
		void *address = lab_alloc(lab, some_flags(), 0);

		if (!address)
			wrong("alloc", 0);
		else
			touch(address, 0);
		if (address)
			expect("free", lab_free(lab, address, 0), 0);
	}
	return i;
}

/* Blocks: small ones mostly, for large ones are exchanged for. */
static unsigned int some_order(void)
{
	return rnd(64) ? 1 + (unsigned int)rnd(6) : 7 + (unsigned int)rnd(3);
}

static uint64_t kind_blocks(uint64_t n)
{
	uint64_t i;

	for (i = 0; i < n; i += 2) {
		unsigned int order = some_order();
		struct lab_page *page = lab_alloc_pages(lab, some_flags(), order);

		if (got("alloc_pages of a block", page))
			expect("free_pages of a block", lab_free_pages(lab, page, order), 0);
	}
	return i;
}

static uint64_t kind_block_addresses(uint64_t n)
{
	uint64_t i;

	for (i = 0; i < n; i += 2) {
		unsigned int order = some_order();
		void *address = lab_alloc(lab, some_flags() | LAB_MEMALLOC, order);

		if (!address) { /* of order 9 there is one, and what is in use is in it */
			if (order < 9)
				wrong("alloc of a block", order);
			continue;
		}
		touch(address, order);
		expect("free of a block", lab_free(lab, address, order), 0);
	}
	return i;
}

static uint64_t kind_request(uint64_t n)
{
	struct lab_request request = { 0 };
	struct lab_answer answer;
	uint64_t i;

	for (i = 0; i < n; i += 2) {
		struct lab_page *page;

		request.gfp = some_flags();
		request.owner = (uint16_t)rnd(LAB_OWNER_MAX + 1);
		request.use = (uint8_t)rnd(LAB_USE_MAX + 1);
		request.order = (uint8_t)rnd(4);
		request.node = LAB_NODE_LOCAL;
		request.room = (int16_t)((int)rnd(ROOMS + 1) - 1);
		page = lab_alloc_request(lab, &request, &answer);
		if (got("alloc_request", page))
			expect("free_as", lab_free_as(lab, page, request.order, request.owner, request.use), 0);
	}
	return i;
}

static uint64_t kind_zero(uint64_t n)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_KERNEL | LAB_ZERO, 0);
	uint64_t i;

	for (i = 0; i < n; i += 3) {
		struct lab_page *page;
		char *address;

		request.room = MEMORY;
		request.order = (uint8_t)rnd(2);
		page = lab_alloc_request(lab, &request, NULL);
		if (!got("alloc_request of zeroes", page))
			continue;
		address = lab_page_address(lab, page);
		if (!address || address[5] || address[4095])
			wrong("not zero", 0);
		else
			touch(address, request.order);
		expect("free_pages", lab_free_pages(lab, page, request.order), 0);
		request.room = NUMBERS;
		if (rnd(2))
			expect("zeroes without memory", lab_ptr_err(lab_alloc_request(lab, &request, NULL)), -LAB_ENOTSUP);
	}
	return i;
}

static uint64_t kind_exclusive(uint64_t n)
{
	uint64_t i;

	for (i = 0; i < n; i += 2) {
		struct lab_page *page = lab_alloc_pages(lab, LAB_GFP_ATOMIC | LAB_EXCLUSIVE, 0);

		if (got("alloc_pages, exclusive", page))
			expect("free_as", lab_free_as(lab, page, 0, LAB_OWNER_EXCLUSIVE, 0), 0);
	}
	return i;
}

static uint64_t kind_refs(uint64_t n)
{
	struct lab_ref ref;
	uint64_t i;

	for (i = 0; i < n; i += 5) {
		struct lab_page *page = lab_alloc_pages(lab, LAB_GFP_KERNEL, 0);

		if (!got("alloc_pages", page))
			continue;
		expect("page_ref", lab_page_ref(lab, page, &ref), 0);
		expect("free_ref", lab_free_ref(lab, ref, 0, 0), 0);
		expect("free_ref, stale", lab_free_ref(lab, ref, 0, 0), -LAB_ESTALE);
		expect("page_ref of a free page", lab_page_ref(lab, page, &ref), -LAB_EALREADY);
	}
	return i;
}

static uint64_t kind_bulk(uint64_t n)
{
	uint64_t i = 0;

	while (i < n) {
		size_t wanted = 1 + (size_t)rnd(100);
		long count = lab_alloc_bulk(lab, some_flags(), wanted, held);

		if (count != (long)wanted)
			wrong("alloc_bulk", count);
		if (count > 0)
			expect("free_bulk", (long)lab_free_bulk(lab, (size_t)count, held), count);
		i += 2 * wanted; /* pages, out and back */
	}
	return i;
}

static uint64_t kind_at(uint64_t n)
{
	struct lab_request request = LAB_REQUEST(LAB_MEMALLOC, 0);
	uint64_t i;

	for (i = 0; i < n; i += 5) {
		uint64_t frame;
		struct lab_page *page;

		request.order = rnd(16) ? (uint8_t)rnd(4) : (uint8_t)(4 + rnd(6));
		frame = (NUMBERS_FIRST + rnd(NUMBERS_FRAMES)) & ~(((uint64_t)1 << request.order) - 1);
		page = lab_alloc_at(lab, frame, &request);
		if (!got("alloc_at", page))
			continue;
		expect("alloc_at, in use", lab_ptr_err(lab_alloc_at(lab, frame, &request)), -LAB_EBUSY);
		expect("free_pages", lab_free_pages(lab, page, request.order), 0);
		expect("alloc_at, nowhere", lab_ptr_err(lab_alloc_at(lab, (uint64_t)1 << 40, &request)), -LAB_ERANGE);
		request.order = 2;
		expect("alloc_at, askew", lab_ptr_err(lab_alloc_at(lab, NUMBERS_FIRST + 1, &request)), -LAB_EINVAL);
	}
	return i;
}

static uint64_t kind_split(uint64_t n)
{
	uint64_t i = 0;

	while (i < n) {
		unsigned int order = (unsigned int)rnd(7), j;
		struct lab_page *page = lab_alloc_pages(lab, LAB_GFP_KERNEL, order);
		uint64_t frame = lab_page_frame(lab, page);

		i += 4 + ((uint64_t)2 << order);
		if (!got("alloc_pages", page))
			continue;
		expect("split, another order", lab_split(lab, page, order + 1), -LAB_EMSGSIZE);
		expect("split", lab_split(lab, page, order), 0);
		for (j = 0; j < 1u << order; j++)
			expect("the free of a piece", lab_free_pages(lab, lab_frame_page(lab, frame + j), 0), 0);
	}
	return i;
}

/* Free ones, pooled ones, and ones in use. */
static uint64_t kind_service(uint64_t n)
{
	uint64_t i;

	for (i = 0; i < n; i += 7) {
		uint64_t frame = rnd(2) ? rnd(MEMORY_FRAMES) : NUMBERS_FIRST + rnd(NUMBERS_FRAMES);
		struct lab_page *page;

		expect("frame_offline", lab_frame_offline(lab, frame), 0);
		expect("frame_offline again", lab_frame_offline(lab, frame), -LAB_EALREADY);
		expect("frame_online", lab_frame_online(lab, frame), 0);
		page = lab_alloc_pages(lab, LAB_GFP_KERNEL, 0);
		frame = lab_page_frame(lab, page);
		expect("frame_offline, in use", lab_frame_offline(lab, frame), -LAB_EBUSY);
		expect("free_pages", lab_free_pages(lab, page, 0), 0);
		expect("frame_online", lab_frame_online(lab, frame), 0);
	}
	return i;
}

static uint64_t kind_rooms(uint64_t n)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_KERNEL, 0);
	uint64_t i;

	request.room = OWN;
	for (i = 0; i < n; i += 4) {
		expect("room_offline", lab_room_offline(lab, OWN), 0);
		expect("a closed room", lab_ptr_err(lab_alloc_request(lab, &request, NULL)), -LAB_ENOMEM);
		expect("room_online", lab_room_online(lab, OWN), 0);
		expect("no such room", lab_room_offline(lab, ROOMS), -LAB_ENXIO);
	}
	return i;
}

#endif
