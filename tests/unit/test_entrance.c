/* SPDX-License-Identifier: MIT */
/*
 * test_entrance.c - allocation: what is refused and by which code, what is given and from where.
 *
 * The reserves' depths stand in test_room.c.
 */
#include "../support/room.h"
#include "layout.h"

#define FRAMES 2048u

static struct lab_request asked(lab_gfp_t gfp, unsigned int order)
{
	return (struct lab_request)LAB_REQUEST(gfp, order);
}

static int refusal(struct labyrinth *lab, const struct lab_request *request)
{
	struct lab_answer answer = { .room = 77, .band = 77 }; /* whatever stood there */
	struct lab_page *page = lab_alloc_request(lab, request, &answer);

	assert_true(lab_is_err(page));
	assert_int_equal(answer.room, -1);
	assert_int_equal(answer.band, -1);
	return lab_ptr_err(page);
}

/* ---- refusals ---- */

static void contradictions(void **state)
{
	struct labyrinth *lab = born_plain(FRAMES);
	struct lab_request request[10];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(request); i++)
		request[i] = asked(LAB_GFP_KERNEL, 0);
	request[0].gfp |= (lab_gfp_t)1 << 24;
	request[1].gfp |= (lab_gfp_t)1 << 31;
	request[2].order = LAB_ORDER_MAX + 1;
	request[3].order = 255;
	request[4].gfp |= LAB_MOVABLE | LAB_RECLAIMABLE;
	request[5].node = 1;
	request[6].node = -2;
	request[7].room = -2;
	request[8].node = INT16_MAX;
	request[9].room = INT16_MIN;
	for (i = 0; i < COUNT_OF(request); i++) {
		assert_int_equal(refusal(lab, &request[i]), -LAB_EINVAL);
		assert_int_equal(lab_ptr_err(lab_alloc_at(lab, 0, &request[i])), -LAB_EINVAL);
	}
	assert_int_equal(counted(lab, LAB_COUNT_INVALID), COUNT_OF(request));
	/* The short way in says the same. */
	assert_int_equal(lab_ptr_err(lab_alloc_pages(lab, (lab_gfp_t)1 << 24, 0)), -LAB_EINVAL);
	assert_int_equal(lab_ptr_err(lab_alloc_pages(lab, LAB_MOVABLE | LAB_RECLAIMABLE, 0)), -LAB_EINVAL);
	assert_int_equal(lab_ptr_err(lab_alloc_pages(lab, LAB_GFP_KERNEL, 10)), -LAB_EINVAL);
	assert_int_equal(lab_ptr_err(lab_alloc_pages(lab, LAB_GFP_KERNEL, 256)), -LAB_EINVAL);
	assert_null(lab_alloc(lab, LAB_GFP_KERNEL, 512));
	assert_int_equal(free_frames(lab, 0), FRAMES);
	buried(lab);
}

/* Where a word is narrow, so are a tag's fields. */
static void owner_and_use_fit(void **state)
{
	struct labyrinth *lab = born_plain(FRAMES);
	struct lab_request request = asked(LAB_GFP_KERNEL, 0);
	struct lab_page *page;

	(void)state;
	request.owner = LAB_OWNER_MAX;
	request.use = LAB_USE_MAX;
	page = lab_alloc_request(lab, &request, NULL);
	assert_false(lab_is_err(page));
	assert_int_equal(lab_free_as(lab, page, 0, LAB_OWNER_MAX, LAB_USE_MAX), 0);
	if (!IS_64_BIT) {
		request.owner++;
		assert_int_equal(refusal(lab, &request), -LAB_EINVAL);
		request.owner--;
		request.use++;
		assert_int_equal(refusal(lab, &request), -LAB_EINVAL);
	}
	buried(lab);
}

static void no_such_room(void **state)
{
	struct labyrinth *lab = born_plain(FRAMES);
	struct lab_request request = asked(LAB_GFP_KERNEL, 0);
	void *unborn = zeroed(lab_metadata_bytes(&(struct lab_spec){
		.page_shift = 12, .cpus = 1, .room_count = 1,
		.rooms = &(struct lab_room_spec){ .frames = 512 } }));

	(void)state;
	request.room = 1;
	assert_int_equal(refusal(lab, &request), -LAB_ENXIO);
	request.room = INT16_MAX;
	assert_int_equal(refusal(lab, &request), -LAB_ENXIO);
	request = asked(LAB_GFP_KERNEL | LAB_DMA, 0); /* no room of such a zone */
	assert_int_equal(refusal(lab, &request), -LAB_ENXIO);
	assert_int_equal(lab_ptr_err(lab_alloc_pages(lab, LAB_GFP_ATOMIC | LAB_DMA, 0)), -LAB_ENXIO);
	/* Not born yet. */
	request = asked(LAB_GFP_KERNEL, 0);
	assert_int_equal(refusal(unborn, &request), -LAB_ENXIO);
	assert_int_equal(lab_ptr_err(lab_alloc_pages(unborn, LAB_GFP_ATOMIC, 0)), -LAB_ENXIO);
	assert_int_equal(lab_ptr_err(lab_alloc_pages(unborn, LAB_GFP_ATOMIC, 99)), -LAB_ENXIO);
	assert_int_equal(lab_ptr_err(lab_alloc_at(unborn, 0, &request)), -LAB_ENXIO);
	free(unborn);
	buried(lab);
}

/* The word that says who may call is gone: another process. */
static void not_this_process(void **state)
{
	struct lab_room_spec room = { .name = "mine", .zone = LAB_ZONE_NORMAL, .frames = FRAMES };
	struct lab_spec spec = spec_of(&room, 1);
	struct lab_request request = asked(LAB_GFP_KERNEL, 0);
	struct labyrinth *lab;
	uint32_t identity = LAB_IDENTITY;

	(void)state;
	spec.identity = &identity;
	lab = born(&spec);
	assert_false(lab_is_err(lab_alloc_pages(lab, LAB_GFP_ATOMIC, 0)));
	identity = 0;
	assert_int_equal(lab_ptr_err(lab_alloc_pages(lab, LAB_GFP_ATOMIC, 0)), -LAB_ECHILD);
	assert_int_equal(lab_ptr_err(lab_alloc_pages(lab, LAB_GFP_ATOMIC, 99)), -LAB_ECHILD);
	assert_int_equal(refusal(lab, &request), -LAB_ECHILD);
	assert_null(lab_alloc(lab, LAB_GFP_ATOMIC, 0));
	identity = LAB_IDENTITY;
	assert_int_equal(free_frames(lab, 0), FRAMES - 1);
	buried(lab);
}

static void proven_none(void **state)
{
	struct labyrinth *lab = born_plain(FRAMES);
	struct lab_request request = asked(LAB_GFP_ATOMIC, 0);
	int error;

	(void)state;
	assert_int_equal(drain(lab, LAB_GFP_ATOMIC, &error), FRAMES);
	assert_int_equal(error, -LAB_ENOMEM);
	assert_int_equal(counted(lab, LAB_COUNT_NOMEM), 1);
	for (request.order = 0; request.order <= LAB_ORDER_MAX; request.order++)
		assert_int_equal(refusal(lab, &request), -LAB_ENOMEM);
	assert_int_equal(counted(lab, LAB_COUNT_NOMEM), 2 + LAB_ORDER_MAX);
	assert_int_equal(counted(lab, LAB_COUNT_AGAIN), 0);
	assert_int_equal(lab_free_pages(lab, lab_frame_page(lab, 77), 0), 0);
	assert_int_equal(lab_page_frame(lab, alloc_ok(lab, LAB_GFP_ATOMIC, 0)), 77);
	buried(lab);
}

/* Frames are free, but no block: each has a neighbour that is taken. */
static void no_such_block(void **state)
{
	struct labyrinth *lab = born_plain(FRAMES);
	struct lab_request request = asked(LAB_GFP_ATOMIC, 0);
	uint64_t frame;

	(void)state;
	for (frame = 0; frame < FRAMES; frame += 2)
		assert_false(lab_is_err(lab_alloc_at(lab, frame, &request)));
	for (request.order = 1; request.order <= LAB_ORDER_MAX; request.order++)
		assert_int_equal(refusal(lab, &request), -LAB_ENOSPC);
	assert_int_equal(counted(lab, LAB_COUNT_NOSPC), LAB_ORDER_MAX);
	request.order = 0;
	assert_false(lab_is_err(lab_alloc_request(lab, &request, NULL)));
	buried(lab);
}

/* Somebody has frames in hand that may come back: nothing is proven. */
static void not_proven(void **state)
{
	struct labyrinth *lab = born_plain(FRAMES);
	struct lab_room *room = labyrinth_room(lab, 0);
	struct lab_request request = asked(LAB_GFP_ATOMIC, 0);
	int error;

	(void)state;
	drain(lab, LAB_GFP_ATOMIC, &error);
	room->tentative += ((lab_word)1 << 2 * LAB_TENTATIVE_SHIFT) + 1;
	assert_int_equal(refusal(lab, &request), -LAB_EAGAIN);
	request.order = 3;
	assert_int_equal(refusal(lab, &request), -LAB_EAGAIN);
	assert_int_equal(counted(lab, LAB_COUNT_AGAIN), 2);
	room->tentative -= 1;
	assert_int_equal(refusal(lab, &request), -LAB_ENOMEM);
	assert_int_equal(lab_free_pages(lab, lab_frame_page(lab, 5), 0), 0);
	room->tentative += ((lab_word)1 << 2 * LAB_TENTATIVE_SHIFT) + 1;
	assert_int_equal(refusal(lab, &request), -LAB_EAGAIN);
	/* A success needs no proof. */
	assert_false(lab_is_err(lab_alloc_pages(lab, LAB_GFP_ATOMIC, 0)));
	room->tentative -= 1;
	buried(lab);
}

/* ---- what is given ---- */

/* Every order: aligned, of its size, apart from all others; nothing is lost. */
static void every_order(void **state)
{
	struct labyrinth *lab = born_plain(64 * 512);
	static unsigned char taken[64 * 512];
	struct lab_page *pages[10 * 8];
	uint64_t frame, i;
	unsigned int order, n = 0, k;

	(void)state;
	memset(taken, 0, sizeof(taken));
	for (k = 0; k < 8; k++)
		for (order = 0; order <= LAB_ORDER_MAX; order++) {
			pages[n] = alloc_ok(lab, k % 2 ? LAB_GFP_ATOMIC : LAB_GFP_HIGHUSER_MOVABLE, order);
			frame = lab_page_frame(lab, pages[n++]);
			assert_int_equal(frame % ((uint64_t)1 << order), 0);
			for (i = frame; i < frame + ((uint64_t)1 << order); i++)
				assert_int_equal(taken[i]++, 0);
		}
	assert_int_equal(free_frames(lab, 0), 64 * 512 - 8 * 1023);
	assert_whole(lab);
	for (k = 0; k < n; k++)
		assert_int_equal(lab_free_pages(lab, pages[k], k % (LAB_ORDER_MAX + 1)), 0);
	assert_int_equal(free_frames(lab, 0), 64 * 512);
	buried(lab);
}

static void all_blocks_of_an_order(void **state)
{
	unsigned int order;

	(void)state;
	for (order = 0; order <= LAB_ORDER_MAX; order++) {
		struct labyrinth *lab = born_plain(FRAMES);
		struct lab_request request = asked(LAB_GFP_ATOMIC, order);
		unsigned int n = 0;

		while (n < FRAMES && !lab_is_err(lab_alloc_request(lab, &request, NULL)))
			n++;
		assert_int_equal(n, FRAMES >> order);
		assert_int_equal(refusal(lab, &request), -LAB_ENOMEM);
		buried(lab);
	}
}

static void answer_says_where_from(void **state)
{
	struct lab_room_spec rooms[2] = {
		{ .name = "first", .zone = LAB_ZONE_NORMAL, .frames = 512 },
		{ .name = "second", .zone = LAB_ZONE_DMA, .first_frame = 512, .frames = 512, .min = 64, .low = 80, .high = 96 },
	};
	struct lab_spec spec = spec_of(rooms, 2);
	struct labyrinth *lab = born(&spec);
	struct lab_request request = asked(LAB_GFP_ATOMIC, 0);
	struct lab_answer answer;
	unsigned int n;

	(void)state;
	for (n = 0; n < 1024 - 24; n++) { /* ATOMIC reaches 64 - 32 - 8 = 24 */
		uint64_t left = 1024 - n; /* free before this request */

		assert_false(lab_is_err(lab_alloc_request(lab, &request, &answer)));
		assert_int_equal(answer.room, left > 512 ? 0 : 1);
		assert_int_equal(answer.fallback, answer.room);
		assert_int_equal(answer.rounds, 1);
		assert_int_equal(answer.band >= 0, left <= 96);
		assert_int_equal(answer.right, left > 80 ? LAB_RIGHT_LOW : left > 64 ? LAB_RIGHT_MIN :
					       left > 32 ? LAB_RIGHT_HIGH : LAB_RIGHT_ATOMIC);
	}
	assert_int_equal(refusal(lab, &request), -LAB_ENOMEM);
	assert_int_equal(counted(lab, LAB_COUNT_FALLBACK), 512 - 24);
	assert_int_equal(counted(lab, LAB_COUNT_BAND), 32);
	assert_int_equal(counted(lab, LAB_COUNT_RESERVE), 40);
	buried(lab);
}

static void zeroed_pages(void **state)
{
	char *memory = zeroed(FRAMES * 4096);
	struct lab_room_spec room = { .name = "memory", .zone = LAB_ZONE_NORMAL, .frames = FRAMES, .memory = memory };
	struct lab_spec spec = spec_of(&room, 1);
	struct labyrinth *lab = born(&spec);
	struct lab_request request = asked(LAB_GFP_ATOMIC | LAB_ZERO, 2);
	size_t zeroes = 0, i, expected = 0;
	unsigned int order;
	char *page;

	(void)state;
	memset(memory, 0x5a, FRAMES * 4096);
	for (order = 0; order <= 4; order++) {
		page = lab_alloc(lab, LAB_GFP_ATOMIC | LAB_ZERO, order);
		assert_non_null(page);
		for (i = 0; i < (size_t)4096 << order; i++)
			assert_int_equal(page[i], 0);
		expected += (size_t)4096 << order;
	}
	page = lab_page_address(lab, lab_alloc_at(lab, 1000, &request));
	assert_ptr_equal(page, memory + 1000 * 4096);
	expected += 4 * 4096;
	for (i = 0; i < FRAMES * 4096; i++)
		zeroes += memory[i] == 0;
	assert_int_equal(zeroes, expected); /* and not a byte beside them */
	assert_non_null(lab_alloc(lab, LAB_GFP_ATOMIC, 0));
	buried(lab);
	free(memory);
}

/* A room of numbers: pages, no addresses, nothing to zero, and no frame lost by trying. */
static void without_memory(void **state)
{
	struct labyrinth *lab = born_plain(FRAMES);
	struct lab_request request = asked(LAB_GFP_ATOMIC | LAB_ZERO, 0);

	(void)state;
	assert_null(lab_alloc(lab, LAB_GFP_ATOMIC, 0));
	assert_null(lab_alloc(lab, LAB_GFP_ATOMIC, 4));
	assert_int_equal(refusal(lab, &request), -LAB_ENOTSUP);
	assert_int_equal(lab_ptr_err(lab_alloc_pages(lab, LAB_GFP_ATOMIC | LAB_ZERO, 0)), -LAB_ENOTSUP);
	assert_int_equal(lab_ptr_err(lab_alloc_at(lab, 0, &request)), -LAB_ENOTSUP);
	assert_int_equal(free_frames(lab, 0), FRAMES);
	assert_null(lab_page_address(lab, alloc_ok(lab, LAB_GFP_ATOMIC, 0)));
	buried(lab);
}

/* Zeroing looks for a room that can, and passes the others by. */
static void zero_where_possible(void **state)
{
	char *memory = zeroed(16 * 4096);
	struct lab_room_spec rooms[2] = {
		{ .name = "numbers", .zone = LAB_ZONE_NORMAL, .frames = 512 },
		{ .name = "memory", .zone = LAB_ZONE_DMA, .first_frame = 512, .frames = 16, .memory = memory },
	};
	struct lab_spec spec = spec_of(rooms, 2);
	struct labyrinth *lab = born(&spec);
	unsigned int n;

	(void)state;
	memset(memory, 1, 16 * 4096);
	for (n = 0; n < 16; n++)
		assert_int_equal(*(char *)lab_page_address(lab, alloc_ok(lab, LAB_GFP_ATOMIC | LAB_ZERO, 0)), 0);
	assert_int_equal(lab_ptr_err(lab_alloc_pages(lab, LAB_GFP_ATOMIC | LAB_ZERO, 0)), -LAB_ENOMEM);
	assert_int_equal(free_frames(lab, 0), 512);
	buried(lab);
	free(memory);
}

/* The frame last freed is the next one given, but not to a device. */
static void hot_and_cold(void **state)
{
	struct labyrinth *lab = born_plain(16 * 512);
	struct lab_page *page[10], *cold;
	unsigned int i;

	(void)state;
	for (i = 0; i < COUNT_OF(page); i++)
		page[i] = alloc_ok(lab, LAB_GFP_ATOMIC, 0);
	for (i = 0; i < COUNT_OF(page); i += 3) {
		assert_int_equal(lab_free_pages(lab, page[i], 0), 0);
		assert_ptr_equal(alloc_ok(lab, LAB_GFP_ATOMIC, 0), page[i]);
		assert_int_equal(lab_free_pages(lab, page[i], 0), 0);
		cold = alloc_ok(lab, LAB_GFP_ATOMIC | LAB_COLD, 0);
		assert_ptr_not_equal(cold, page[i]);
		assert_ptr_equal(alloc_ok(lab, LAB_GFP_ATOMIC, 0), page[i]);
	}
	buried(lab);
}

/* Unmovable frames gather at the low end, movable ones at the high end. */
static void mobilities_keep_apart(void **state)
{
	struct labyrinth *lab = born_plain(16 * 512);
	unsigned int i;

	(void)state;
	for (i = 0; i < 512; i++) {
		assert_true(lab_page_frame(lab, alloc_ok(lab, LAB_GFP_KERNEL, 0)) < 4 * 512);
		assert_true(lab_page_frame(lab, alloc_ok(lab, LAB_GFP_KERNEL | LAB_RECLAIMABLE, 0)) < 4 * 512);
		assert_true(lab_page_frame(lab, alloc_ok(lab, LAB_GFP_HIGHUSER_MOVABLE, 0)) >= 14 * 512);
	}
	buried(lab);
}

static void exclusive_is_stamped(void **state)
{
	struct labyrinth *lab = born_plain(FRAMES);
	struct lab_request request = asked(LAB_GFP_ATOMIC | LAB_EXCLUSIVE, 0);
	struct lab_page_info info;
	struct lab_page *page = alloc_ok(lab, LAB_GFP_ATOMIC | LAB_EXCLUSIVE, 0);

	(void)state;
	assert_int_equal(lab_page_info(lab, page, &info), 0);
	assert_int_equal(info.owner, LAB_OWNER_EXCLUSIVE);
	assert_int_equal(lab_free_pages(lab, page, 0), -LAB_EPERM);
	assert_int_equal(lab_free_as(lab, page, 0, LAB_OWNER_EXCLUSIVE, 0), 0);
	request.owner = 44; /* who names an owner is that owner */
	page = lab_alloc_request(lab, &request, NULL);
	assert_int_equal(lab_free_as(lab, page, 0, LAB_OWNER_EXCLUSIVE, 0), -LAB_EPERM);
	assert_int_equal(lab_free_as(lab, page, 0, 44, 0), 0);
	page = lab_alloc_at(lab, 100, &request);
	assert_int_equal(lab_free_as(lab, page, 0, 44, 0), 0);
	buried(lab);
}

/* Flags that change nothing here are accepted. */
static void accepted_flags(void **state)
{
	struct labyrinth *lab = born_plain(FRAMES);

	(void)state;
	assert_false(lab_is_err(lab_alloc_pages(lab, LAB_FLAGS_ALL & ~(LAB_RECLAIMABLE | LAB_ZERO | LAB_DMA | LAB_DMA32 | LAB_EXTRA_QUALITY | LAB_RAW), 1)));
	assert_false(lab_is_err(lab_alloc_pages(lab, 0, 0)));
	assert_false(lab_is_err(lab_alloc_pages(lab, LAB_NOFAIL | LAB_NORETRY | LAB_RETRY_MAYFAIL, 0)));
	buried(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contradictions),
		cmocka_unit_test(owner_and_use_fit),
		cmocka_unit_test(no_such_room),
		cmocka_unit_test(not_this_process),
		cmocka_unit_test(proven_none),
		cmocka_unit_test(no_such_block),
		cmocka_unit_test(not_proven),
		cmocka_unit_test(every_order),
		cmocka_unit_test(all_blocks_of_an_order),
		cmocka_unit_test(answer_says_where_from),
		cmocka_unit_test(zeroed_pages),
		cmocka_unit_test(without_memory),
		cmocka_unit_test(zero_where_possible),
		cmocka_unit_test(hot_and_cold),
		cmocka_unit_test(mobilities_keep_apart),
		cmocka_unit_test(exclusive_is_stamped),
		cmocka_unit_test(accepted_flags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
