/* SPDX-License-Identifier: MIT */
/*
 * clients.h - what the tests of clients share: a labyrinth with some, requests by them, and what they have.
 */
#ifndef LAB_TEST_CLIENTS_H
#define LAB_TEST_CLIENTS_H

#include "room.h"

#include "client.h"

#define FRAMES 4096u

static struct labyrinth *lab;

static inline struct labyrinth *born_with(unsigned int clients, uint64_t frames, uint64_t min)
{
	struct lab_room_spec rooms[2] = {
		{ .name = "dma", .zone = LAB_ZONE_DMA, .frames = 1024 },
		{ .name = "normal", .zone = LAB_ZONE_NORMAL, .first_frame = 4096, .frames = frames, .min = min, .low = min + min / 2, .high = min * 2 },
	};
	struct lab_spec spec = spec_of(rooms, 2);

	spec.clients = clients;
	spec.contract_frames = 600; /* more than a leaf of slots */
	spec.contract_blocks = 8;
	return born(&spec);
}

static inline int setup(void **state)
{
	(void)state;
	lab = born_with(8, FRAMES, 100);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	free(lab);
	return 0;
}

static inline struct lab_client_spec client_spec(uint32_t frames, uint32_t maximum)
{
	return (struct lab_client_spec){ .name = "tester", .node = LAB_NODE_LOCAL, .room = LAB_ROOM_ROUTE, .frames = frames, .maximum = maximum };
}

static inline unsigned int opened(const struct lab_client_spec *spec)
{
	unsigned int owner = 0;

	assert_int_equal(lab_client_open(lab, spec, &owner, NULL), 0);
	return owner;
}

static inline struct lab_page *ask(unsigned int owner, lab_gfp_t gfp, unsigned int order, struct lab_answer *answer)
{
	struct lab_request request = LAB_REQUEST(gfp, order);

	request.owner = (uint16_t)owner;
	return lab_alloc_request(lab, &request, answer);
}

static inline struct lab_page *asked(unsigned int owner, lab_gfp_t gfp, unsigned int order, enum lab_source from)
{
	struct lab_answer answer;
	struct lab_page *page = ask(owner, gfp, order, &answer);

	assert_int_equal(lab_ptr_err(page), 0);
	assert_int_equal(answer.source, from);
	return page;
}

static inline void refused(unsigned int owner, lab_gfp_t gfp, unsigned int order, int error)
{
	assert_int_equal(lab_ptr_err(ask(owner, gfp, order, NULL)), error);
}

static inline struct lab_client_stats stats_of(unsigned int owner)
{
	struct lab_client_stats stats;

	assert_int_equal(lab_client_stats(lab, owner, &stats), 0);
	return stats;
}

/* Everything that anybody may have. */
static inline unsigned int drain_all(struct lab_page **pages)
{
	unsigned int n = 0;

	while (!lab_is_err(pages[n] = lab_alloc_pages(lab, LAB_MEMALLOC, 0)))
		n++;
	return n;
}

#endif
