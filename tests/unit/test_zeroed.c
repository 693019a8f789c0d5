/* SPDX-License-Identifier: MIT */
/*
 * test_zeroed.c - the pool of zeroed frames: made ready by a keeper, had by everybody, always zero.
 *
 * The rooms of born_zeroed(100): pools as born_marked() has them, and one of ZEROED slots outside them.
 */
#include "../support/keeper.h"

#define ZERO_FRAMES 2048u
#define ZEROED 40u

static char *memory;

static struct labyrinth *born_zeroed(uint64_t min)
{
	struct lab_room_spec spec_room = { .name = "zeroed", .zone = LAB_ZONE_NORMAL, .frames = ZERO_FRAMES, .min = min,
					   .low = min + min / 2, .high = 2 * min, .zeroed = ZEROED };
	struct lab_spec spec = spec_of(&spec_room, 1);

	memory = zeroed((size_t)ZERO_FRAMES << 12);
	memset(memory, 0x5a, (size_t)ZERO_FRAMES << 12); /* whoever does not write zeroes is seen */
	spec_room.memory = memory;
	return born(&spec);
}

static int setup_zeroed(void **state)
{
	(void)state;
	lab = born_zeroed(100);
	room = labyrinth_room(lab, 0);
	watch = (struct keeper_watch){ 0 };
	holding = 0;
	return 0;
}

static int teardown_zeroed(void **state)
{
	(void)state;
	buried(lab);
	free(memory);
	return 0;
}

static bool is_zero(const struct lab_page *page)
{
	const char *byte = lab_page_address(lab, page);
	unsigned int i;

	for (i = 0; i < 4096; i++)
		if (byte[i])
			return false;
	return true;
}

static uint64_t ready(void)
{
	struct lab_room_stats stats;

	assert_int_equal(lab_room_stats(lab, 0, &stats), 0);
	assert_int_equal(stats.zeroed, ZEROED);
	assert_int_equal(stats.band_free[stats.bands - 1], stats.zeroed_free);
	return stats.zeroed_free;
}

static struct lab_page *take_zeroed(struct lab_answer *answer)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC | LAB_ZERO, 0);
	struct lab_page *page = lab_alloc_request(lab, &request, answer);

	assert_false(lab_is_err(page));
	assert_true(is_zero(page));
	memset(lab_page_address(lab, page), 0x77, 4096);
	return page;
}

/* Born empty; made ready; delivered as they are; all others leave them until the commons is empty. */
static void zeroed_frames(void **state)
{
	struct lab_answer answer;
	struct lab_page *page[ZEROED + 2], *plain;
	unsigned int i;

	(void)state;
	assert_int_equal(ready(), 0);
	assert_int_equal(room->bands, 6);
	page[ZEROED] = take_zeroed(&answer); /* none is ready */
	assert_int_equal(answer.band, -1);
	assert_int_equal(keeper_zero(lab, room, KEEPER_SPARE, 16), 16);
	assert_int_equal(keeper_zero(lab, room, KEEPER_SPARE, 1000), ZEROED - 16);
	assert_false(keeper_give(room, keeper_take(room))); /* it is full */
	assert_int_equal(keeper_zero(lab, room, KEEPER_SPARE, 1000), 0);
	assert_int_equal(ready(), ZEROED);
	assert_whole(lab);
	plain = alloc_ok(lab, LAB_GFP_KERNEL, 0);
	assert_int_equal(ready(), ZEROED);
	assert_int_equal(lab_free_pages(lab, plain, 0), 0);
	for (i = 0; i < ZEROED; i++) {
		page[i] = take_zeroed(&answer);
		assert_int_equal(answer.band, 5);
		assert_int_equal(answer.right, LAB_RIGHT_LOW);
	}
	assert_int_equal(ready(), 0);
	assert_int_equal(counted(lab, LAB_COUNT_BAND), 0); /* nobody's reserve */
	page[ZEROED + 1] = take_zeroed(&answer);
	assert_int_equal(answer.band, -1);
	for (i = 0; i < ZEROED + 2; i++) /* what comes back is not zero, and does not go there */
		assert_int_equal(lab_free_pages(lab, page[i], 0), 0);
	assert_int_equal(ready(), 0);
	keeper_zero(lab, room, KEEPER_SPARE, 1000);
	take_zeroed(NULL);
}

/* Free frames for everybody: no request is refused while there are any, and no reserve is drawn before them. */
static void zeroed_frames_are_nobodys(void **state)
{
	struct lab_room_stats stats;
	int error;

	(void)state;
	keeper_zero(lab, room, KEEPER_SPARE, 1000);
	assert_int_equal(drain(lab, LAB_GFP_KERNEL, &error), ZERO_FRAMES - 100);
	assert_int_equal(error, -LAB_ENOMEM);
	assert_int_equal(ready(), 0);
	lab_room_stats(lab, 0, &stats);
	assert_int_equal(stats.free_pooled, 100);
	assert_int_equal(counted(lab, LAB_COUNT_BAND), 100); /* high..min, and not one of the zeroed */
	assert_int_equal(keeper_zero(lab, room, KEEPER_SPARE, 1000), 0);
	assert_int_equal(drain(lab, LAB_MEMALLOC, &error), 100);
}

/* What pools lack goes first; then a reserve of the commons; only then frames are zeroed. */
static void zeroed_last_of_all(void **state)
{
	lab_bit frame;

	(void)state;
	leave_free(199);
	assert_int_equal(keeper_zero(lab, room, KEEPER_SPARE, 1000), 0);
	leave_free(200 + KEEPER_SPARE);
	assert_int_equal(keeper_zero(lab, room, KEEPER_SPARE, 1000), 0);
	leave_free(200 + KEEPER_SPARE + 2);
	assert_int_equal(keeper_zero(lab, room, KEEPER_SPARE, 1000), 2);
	leave_free(202);
	leave_free(200 + 70 + 3); /* two are ready already */
	assert_int_equal(keeper_zero(lab, room, 70, 1000), 1);
	lab_room_offline(lab, 0);
	assert_int_equal(keeper_zero(lab, room, 0, 1000), 0);
	lab_room_online(lab, 0);
	/* A draw while a frame is being zeroed: the reserve gets it. */
	frame = keeper_take(room);
	leave_free(198);
	assert_false(keeper_give(room, frame));
	assert_int_equal(tag_state(room_page(room, frame)->tag), LAB_POOLED);
	assert_int_equal(pool_of(room, tag_slot(room_page(room, frame)->tag)), 4);
}

/* A frame in the keeper's hand is refused to a free that comes too late. */
static void stale_free_beside_the_keeper(void **state)
{
	lab_bit frame;

	(void)state;
	frame = keeper_take(room);
	assert_int_equal(lab_free_pages(lab, room_page(room, frame), 0), -LAB_EALREADY);
	assert_true(keeper_give(room, frame));
	assert_int_equal(lab_free_pages(lab, room_page(room, frame), 0), -LAB_EALREADY);
}

/* Blocks, given frames and frames that go offline are had out of it; nothing that is not zero gets in for them. */
static void zeroed_frames_by_other_ways(void **state)
{
	struct lab_request one = LAB_REQUEST(LAB_GFP_KERNEL, 0), block = LAB_REQUEST(LAB_GFP_KERNEL, LAB_ORDER_MAX);
	struct lab_page *pages[4];
	uint64_t first;
	unsigned int i;

	(void)state;
	keeper_zero(lab, room, KEEPER_SPARE, 1000);
	first = room->first_frame + *pool_slot(&room->pool[5], 0);
	assert_false(lab_is_err(lab_alloc_at(lab, first, &one)));
	assert_int_equal(ready(), ZEROED - 1);
	assert_int_equal(lab_frame_offline(lab, room->first_frame + *pool_slot(&room->pool[5], 1)), 0);
	assert_int_equal(ready(), ZEROED - 2);
	one.gfp |= LAB_ZERO; /* a reserve's frame, paid for with one of the zeroed, is not zero itself */
	leave_free(200 + ZEROED - 2);
	first = room->first_frame + *pool_slot(&room->pool[0], 0);
	pages[0] = lab_alloc_at(lab, first, &one);
	assert_false(lab_is_err(pages[0]));
	assert_true(is_zero(pages[0]));
	leave_free(ZERO_FRAMES - 3);
	while (ready() < ZEROED)
		assert_true(keeper_zero(lab, room, KEEPER_SPARE, 1000) > 0);
	for (i = 0; i < 3; i++) { /* whole leaves, out of all pools */
		pages[i] = lab_alloc_request(lab, &block, NULL);
		assert_false(lab_is_err(pages[i]));
		memset(lab_page_address(lab, pages[i]), 0x66, 4096u << LAB_ORDER_MAX);
	}
	for (i = 0; i < 3; i++)
		assert_int_equal(lab_free_pages(lab, pages[i], LAB_ORDER_MAX), 0);
	for (i = (unsigned int)ready(); i; i--)
		take_zeroed(NULL);
	assert_int_equal(ready(), 0);
}

/* No watermarks: the zeroed pool alone. */
static void zeroed_without_watermarks(void **state)
{
	int error;

	(void)state;
	buried(lab);
	free(memory);
	lab = born_zeroed(0);
	room = labyrinth_room(lab, 0);
	assert_int_equal(room->bands, 1);
	assert_false(keeper_look(room, &watch, 0));
	assert_int_equal(keeper_zero(lab, room, KEEPER_SPARE, 1000), ZEROED);
	assert_int_equal(lab_free_pages(lab, take_zeroed(NULL), 0), 0);
	assert_int_equal(drain(lab, LAB_GFP_KERNEL, &error), ZERO_FRAMES);
	assert_int_equal(error, -LAB_ENOMEM);
	assert_int_equal(room->keeper, 0);
}

/* Requests that a lowmem reserve keeps out of all pools may have what the commons could have given them. */
static void zeroed_beside_lowmem_reserve(void **state)
{
	struct lab_room_spec spec_room = { .name = "dma", .zone = LAB_ZONE_DMA, .frames = 1024, .min = 20, .low = 30, .high = 40,
					   .lowmem_reserve = { [LAB_ZONE_NORMAL] = 600 }, .zeroed = 8 };
	struct lab_spec spec = spec_of(&spec_room, 1);
	struct labyrinth *dma;
	int error;

	(void)state;
	spec_room.memory = memory;
	dma = born(&spec);
	room = labyrinth_room(dma, 0);
	assert_int_equal(keeper_zero(dma, room, 0, 1000), 8);
	/* (With 32 bits such requests stop at low.) */
	assert_int_equal(drain(dma, LAB_GFP_KERNEL, &error), 1024 - (IS_64_BIT ? 620 : 630));
	assert_int_equal(error, -LAB_ENOMEM);
	assert_int_equal(pool_count(&room->pool[room->bands - 1]), 0);
	buried(dma);
}

static void refused_at_birth(void **state)
{
	struct lab_room_spec spec_room = { .name = "r", .zone = LAB_ZONE_NORMAL, .frames = 1024, .min = 100, .low = 150,
					   .high = 200, .zeroed = 825 };
	struct lab_spec spec = spec_of(&spec_room, 1);
	struct labyrinth *none = NULL;
	const char *why = "";
	void *metadata = zeroed(1 << 20);
	int which = -1;

	(void)state;
	assert_int_equal(lab_metadata_bytes(&spec), 0);
	spec_room.zeroed = UINT64_MAX - 100;
	assert_int_equal(lab_metadata_bytes(&spec), 0);
	spec_room.zeroed = 824;
	assert_true(lab_metadata_bytes(&spec) > 0);
	spec_room.frames = 2 * (uint64_t)LAB_SLOTS_MAX; /* more slots than can be numbered */
	spec_room.zeroed = LAB_SLOTS_MAX - 200;
	assert_int_equal(lab_metadata_bytes(&spec), 0);
	spec_room.zeroed--;
	assert_true(lab_metadata_bytes(&spec) > 0);
	spec_room.frames = 1024;
	spec_room.zeroed = 824;
	assert_int_equal(lab_birth(&spec, metadata, 1 << 20, &none, &which, &why), -LAB_EINVAL);
	assert_int_equal(which, 0);
	assert_non_null(strstr(why, "without memory"));
	free(metadata);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(zeroed_frames, setup_zeroed, teardown_zeroed),
		cmocka_unit_test_setup_teardown(zeroed_frames_are_nobodys, setup_zeroed, teardown_zeroed),
		cmocka_unit_test_setup_teardown(zeroed_last_of_all, setup_zeroed, teardown_zeroed),
		cmocka_unit_test_setup_teardown(stale_free_beside_the_keeper, setup_zeroed, teardown_zeroed),
		cmocka_unit_test_setup_teardown(zeroed_frames_by_other_ways, setup_zeroed, teardown_zeroed),
		cmocka_unit_test_setup_teardown(zeroed_without_watermarks, setup_zeroed, teardown_zeroed),
		cmocka_unit_test_setup_teardown(zeroed_beside_lowmem_reserve, setup_zeroed, teardown_zeroed),
		cmocka_unit_test(refused_at_birth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
