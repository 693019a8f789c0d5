/* SPDX-License-Identifier: MIT */
/*
 * test_offline.c - frames and rooms out of service, and given frames.
 */
#include "../support/room.h"

#define FRAMES 1024u

static struct lab_page_info info_of(const struct labyrinth *lab, uint64_t frame)
{
	struct lab_page_info info;

	assert_int_equal(lab_page_info(lab, lab_frame_page(lab, frame), &info), 0);
	return info;
}

static void free_frame_leaves_at_once(void **state)
{
	struct labyrinth *lab = born_plain(FRAMES);
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC, 0);
	int error;

	(void)state;
	assert_int_equal(lab_frame_offline(lab, 70), 0);
	assert_int_equal(info_of(lab, 70).state, LAB_OFFLINE);
	assert_int_equal(lab_frame_offline(lab, 70), -LAB_EALREADY);
	assert_int_equal(counted(lab, LAB_COUNT_OFFLINED), 1);
	assert_int_equal(lab_ptr_err(lab_alloc_at(lab, 70, &request)), -LAB_EHWPOISON);
	assert_int_equal(drain(lab, LAB_GFP_ATOMIC, &error), FRAMES - 1);
	assert_int_equal(error, -LAB_ENOMEM);
	assert_int_equal(lab_frame_online(lab, 70), 0);
	assert_int_equal(lab_frame_online(lab, 70), -LAB_EALREADY);
	assert_int_equal(lab_page_frame(lab, alloc_ok(lab, LAB_GFP_ATOMIC, 0)), 70);
	assert_int_equal(lab_frame_online(lab, 70), -LAB_EALREADY); /* in use */
	buried(lab);
}

static void no_such_frame(void **state)
{
	struct labyrinth *lab = born_plain(FRAMES);

	(void)state;
	assert_int_equal(lab_frame_offline(lab, FRAMES), -LAB_ERANGE);
	assert_int_equal(lab_frame_online(lab, UINT64_MAX), -LAB_ERANGE);
	assert_int_equal(lab_room_offline(lab, 1), -LAB_ENXIO);
	assert_int_equal(lab_room_online(lab, 16), -LAB_ENXIO);
	buried(lab);
}

static void frame_in_use_leaves_when_freed(void **state)
{
	struct labyrinth *lab = born_plain(FRAMES);
	struct lab_page *page = alloc_ok(lab, LAB_GFP_ATOMIC, 0);
	uint64_t frame = lab_page_frame(lab, page);

	(void)state;
	assert_int_equal(lab_frame_offline(lab, frame), -LAB_EBUSY);
	assert_int_equal(lab_frame_offline(lab, frame), -LAB_EBUSY);
	assert_true(info_of(lab, frame).poisoned);
	assert_int_equal(info_of(lab, frame).state, LAB_OWNED);
	assert_int_equal(lab_free_pages(lab, page, 1), -LAB_EMSGSIZE); /* refused as ever */
	assert_int_equal(lab_free_pages(lab, page, 0), 0);
	assert_int_equal(info_of(lab, frame).state, LAB_OFFLINE);
	assert_int_equal(counted(lab, LAB_COUNT_OFFLINED), 1);
	assert_int_equal(free_frames(lab, 0), FRAMES - 1);
	assert_int_equal(lab_free_pages(lab, page, 0), -LAB_EALREADY);
	assert_int_equal(lab_frame_online(lab, frame), 0);
	assert_int_equal(free_frames(lab, 0), FRAMES);
	buried(lab);
}

/* Of a block only the marked frame stays out. */
static void head_of_a_block(void **state)
{
	unsigned int order;

	(void)state;
	for (order = 1; order <= LAB_ORDER_MAX; order++) {
		struct labyrinth *lab = born_plain(FRAMES);
		struct lab_page *page = alloc_ok(lab, LAB_GFP_ATOMIC, order);

		assert_int_equal(lab_frame_offline(lab, lab_page_frame(lab, page)), -LAB_EBUSY);
		assert_int_equal(lab_free_pages(lab, page, order), 0);
		assert_int_equal(free_frames(lab, 0), FRAMES - 1);
		buried(lab);
	}
}

static void pooled_frame_is_replaced(void **state)
{
	struct labyrinth *lab = born_marked();
	struct lab_room_stats stats;
	uint64_t frame, gone = 0;
	int error;

	(void)state;
	for (frame = 0; frame < MARKED_FRAMES && gone < 60; frame++)
		if (info_of(lab, frame).state == LAB_POOLED) {
			assert_int_equal(lab_frame_offline(lab, frame), 0);
			assert_int_equal(info_of(lab, frame).state, LAB_OFFLINE);
			gone++;
		}
	assert_int_equal(gone, 60);
	assert_int_equal(lab_room_stats(lab, 0, &stats), 0);
	assert_int_equal(stats.free_pooled, 200); /* from the commons */
	assert_int_equal(stats.free_commons, MARKED_FRAMES - 260);
	assert_whole(lab);
	assert_int_equal(drain(lab, LAB_MEMALLOC, &error), MARKED_FRAMES - 60);
	buried(lab);
}

/* A hole is no frame that was taken out: it cannot be brought in. */
static void holes_stay_holes(void **state)
{
	static const struct lab_hole hole = { 100, 50 };
	struct lab_room_spec room = { .name = "holed", .zone = LAB_ZONE_NORMAL, .frames = FRAMES, .holes = &hole,
				      .hole_count = 1 };
	struct lab_spec spec = spec_of(&room, 1);
	struct labyrinth *lab = born(&spec);
	int error;

	(void)state;
	assert_int_equal(lab_frame_offline(lab, 120), -LAB_EALREADY);
	assert_int_equal(free_frames(lab, 0), FRAMES - 50);
	assert_true(lab_frame_online(lab, 120) < 0);
	assert_int_equal(free_frames(lab, 0), FRAMES - 50);
	assert_int_equal(drain(lab, LAB_GFP_ATOMIC, &error), FRAMES - 50);
	buried(lab);
}

/* ---- rooms ---- */

static void closed_room(void **state)
{
	struct lab_room_spec rooms[2] = { { .name = "a", .zone = LAB_ZONE_NORMAL, .frames = 512 },
					  { .name = "b", .zone = LAB_ZONE_DMA, .first_frame = 512, .frames = 512 } };
	struct lab_spec spec = spec_of(rooms, 2);
	struct labyrinth *lab = born(&spec);
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC, 0);
	struct lab_page *page = alloc_ok(lab, LAB_GFP_ATOMIC, 0), *block = alloc_ok(lab, LAB_GFP_ATOMIC, 3);
	struct lab_room_stats stats;
	unsigned int order;

	(void)state;
	assert_int_equal(lab_room_offline(lab, 0), 9);
	assert_int_equal(lab_room_offline(lab, 0), 9);
	lab_room_stats(lab, 0, &stats);
	assert_false(stats.online);
	for (order = 0; order < LAB_ORDER_MAX; order++)
		assert_true(lab_page_frame(lab, alloc_ok(lab, LAB_GFP_ATOMIC, order)) >= 512);
	request.room = 0;
	assert_int_equal(lab_ptr_err(lab_alloc_request(lab, &request, NULL)), -LAB_ENOMEM);
	/* Frees into it still work. */
	assert_int_equal(lab_free_pages(lab, page, 0), 0);
	assert_int_equal(lab_room_offline(lab, 0), 8);
	assert_int_equal(lab_free_pages(lab, block, 3), 0);
	assert_int_equal(lab_room_offline(lab, 0), 0);
	assert_int_equal(lab_room_offline(lab, 1), 511);
	assert_int_equal(lab_ptr_err(lab_alloc_pages(lab, LAB_GFP_ATOMIC, 0)), -LAB_ENOMEM);
	assert_int_equal(lab_room_online(lab, 0), 0);
	assert_true(lab_page_frame(lab, alloc_ok(lab, LAB_GFP_ATOMIC, 0)) < 512);
	buried(lab);
}

/* Closed to requests: also to those for a frame by its number. */
static void closed_room_gives_no_given_frame(void **state)
{
	struct labyrinth *lab = born_plain(FRAMES);
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC, 0);

	(void)state;
	assert_int_equal(lab_room_offline(lab, 0), 0);
	assert_true(lab_is_err(lab_alloc_at(lab, 5, &request)));
	assert_int_equal(free_frames(lab, 0), FRAMES);
	buried(lab);
}

/* ---- given frames ---- */

static void given_frames(void **state)
{
	struct labyrinth *lab = born_plain(FRAMES + 100);
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC, 0);
	unsigned int order;

	(void)state;
	for (order = 0; order <= LAB_ORDER_MAX; order++) {
		uint64_t frame = 512 & ~(((uint64_t)1 << order) - 1);
		struct lab_page *page;

		request.order = (uint8_t)order;
		page = lab_alloc_at(lab, frame, &request);
		assert_int_equal(lab_page_frame(lab, page), frame);
		assert_int_equal(lab_ptr_err(lab_alloc_at(lab, frame, &request)), -LAB_EBUSY);
		assert_int_equal(free_frames(lab, 0), FRAMES + 100 - (1u << order));
		if (order) {
			assert_int_equal(lab_ptr_err(lab_alloc_at(lab, frame + 1, &request)), -LAB_EINVAL);
			request.order = 0; /* the last of the block */
			assert_int_equal(lab_ptr_err(lab_alloc_at(lab, frame + (1u << order) - 1, &request)), -LAB_EBUSY);
		}
		assert_int_equal(lab_free_pages(lab, page, order), 0);
	}
	request.order = 9; /* over the room's end */
	assert_int_equal(lab_ptr_err(lab_alloc_at(lab, FRAMES, &request)), -LAB_ERANGE);
	assert_int_equal(lab_ptr_err(lab_alloc_at(lab, 0 - (uint64_t)512, &request)), -LAB_ERANGE);
	request.order = 0;
	assert_int_equal(lab_ptr_err(lab_alloc_at(lab, FRAMES + 100, &request)), -LAB_ERANGE);
	/* Partly in use: nothing of it is taken, at the first word or at the last. */
	assert_false(lab_is_err(lab_alloc_at(lab, 511, &request)));
	for (request.order = 1; request.order <= LAB_ORDER_MAX; request.order++)
		assert_int_equal(lab_ptr_err(lab_alloc_at(lab, 512 - (1u << request.order), &request)), -LAB_EBUSY);
	assert_int_equal(free_frames(lab, 0), FRAMES + 99);
	buried(lab);
}

/* Pooled frames are not given to those who have no right to as many; the pools stay whole. */
static void given_frames_and_reserves(void **state)
{
	struct labyrinth *lab = born_marked();
	struct lab_request request = LAB_REQUEST(LAB_GFP_KERNEL, 0);
	struct lab_room_stats stats;
	struct lab_page *page;
	uint64_t frame = 0;
	int error;

	(void)state;
	drain(lab, LAB_GFP_KERNEL, &error);
	while (info_of(lab, frame).state != LAB_POOLED)
		frame++;
	assert_int_equal(lab_ptr_err(lab_alloc_at(lab, frame, &request)), -LAB_EBUSY);
	assert_int_equal(free_frames(lab, 0), 100);
	assert_whole(lab);
	request.gfp = LAB_MEMALLOC;
	page = lab_alloc_at(lab, frame, &request);
	if (!lab_is_err(page)) {
		assert_int_equal(lab_page_frame(lab, page), frame);
		assert_int_equal(free_frames(lab, 0), 99);
	}
	assert_int_equal(lab_room_stats(lab, 0, &stats), 0);
	assert_int_equal(stats.free_commons, 0);
	buried(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(free_frame_leaves_at_once),
		cmocka_unit_test(no_such_frame),
		cmocka_unit_test(frame_in_use_leaves_when_freed),
		cmocka_unit_test(head_of_a_block),
		cmocka_unit_test(pooled_frame_is_replaced),
		cmocka_unit_test(holes_stay_holes),
		cmocka_unit_test(closed_room),
		cmocka_unit_test(closed_room_gives_no_given_frame),
		cmocka_unit_test(given_frames),
		cmocka_unit_test(given_frames_and_reserves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
