/* SPDX-License-Identifier: MIT */
/*
 * test_birth.c - what is refused at birth, with a sentence and the room; what is born; that a labyrinth
 * is the same wherever its metadata lies.
 */
#include "../support/room.h"

#include <sys/resource.h>

#define FRAMES 2048u

static struct lab_room_spec good_rooms[2];
static struct lab_spec good;

static int setup(void **state)
{
	(void)state;
	good_rooms[0] = (struct lab_room_spec){ .name = "first", .zone = LAB_ZONE_NORMAL, .frames = FRAMES };
	good_rooms[1] = (struct lab_room_spec){ .name = "second", .zone = LAB_ZONE_DMA, .first_frame = FRAMES,
						.frames = FRAMES };
	good = spec_of(good_rooms, 2);
	return 0;
}

/* Refused by both calls, with a sentence about this room (-1: none). */
static void assert_refused(int room)
{
	static char place[64] __attribute__((aligned(64)));
	struct labyrinth *lab = NULL;
	const char *why = NULL;
	int which = -7;

	assert_int_equal(lab_metadata_bytes(&good), 0);
	assert_int_equal(lab_birth(&good, place, sizeof(place), &lab, &which, &why), -LAB_EINVAL);
	assert_int_equal(which, room);
	assert_non_null(why);
	assert_true(strlen(why) > 10);
	assert_null(lab);
	assert_int_equal(lab_birth(&good, place, sizeof(place), &lab, NULL, NULL), -LAB_EINVAL);
	setup(NULL);
}

static void bad_labyrinths(void **state)
{
	static const unsigned int shifts[] = { 0, 11, 13, 15, 17, 64 };
	size_t i;

	(void)state;
	assert_true(lab_metadata_bytes(&good) > 0);
	for (i = 0; i < COUNT_OF(shifts); i++) {
		good.page_shift = shifts[i];
		assert_refused(-1);
	}
	good.rooms = NULL;
	assert_refused(-1);
	good.room_count = 0;
	assert_refused(-1);
	good.room_count = LAB_ROOMS_MAX + 1;
	assert_refused(-1);
	good.cpus = 0;
	assert_refused(-1);
	good.cpus = 4097;
	assert_refused(-1);
	good.nodes = LAB_NODES_MAX + 1;
	assert_refused(-1);
}

static void bad_rooms(void **state)
{
	(void)state;
	good_rooms[1].frames = 0;
	assert_refused(1);
	good_rooms[1].frames = ((uint64_t)1 << 40) + 1;
	assert_refused(1);
	good_rooms[1].first_frame = ((uint64_t)1 << 52) + 1;
	assert_refused(1);
	good_rooms[0].zone = (enum lab_zone)(LAB_ZONE_OWN + 1);
	assert_refused(0);
	good_rooms[1].zone = (enum lab_zone)-1;
	assert_refused(1);
	good_rooms[1].node = 1;
	assert_refused(1);
	good.nodes = 2;
	good_rooms[1].node = 2;
	assert_refused(1);
	good_rooms[0].memory = (void *)0x1001;
	assert_refused(0);
	good.page_shift = 16;
	good_rooms[0].memory = (void *)0x11000;
	assert_refused(0);
	good_rooms[1].first_frame = FRAMES - 1;
	assert_refused(1);
	good_rooms[0].first_frame = 2 * FRAMES - 1; /* found with the later one */
	assert_refused(1);
	good_rooms[1].first_frame = 10;
	good_rooms[1].frames = 10;
	assert_refused(1);
}

static void bad_holes(void **state)
{
	static const struct lab_hole bad[][2] = {
		{ { FRAMES, 0 }, { FRAMES + 10, 1 } },		/* empty */
		{ { FRAMES - 1, 2 }, { FRAMES + 10, 1 } },	/* begins before the room */
		{ { FRAMES + 5, 6 }, { FRAMES + 10, 1 } },	/* overlap */
		{ { FRAMES + 10, 1 }, { FRAMES + 5, 1 } },	/* not ascending */
		{ { FRAMES, 1 }, { 2 * FRAMES - 1, 2 } },	/* ends behind the room */
		{ { FRAMES, 1 }, { 2 * FRAMES, 1 } },
		{ { FRAMES, 1 }, { 0 - (uint64_t)5, 10 } },	/* so far behind that its end is a small number */
		{ { FRAMES, 1 }, { FRAMES + 2, UINT64_MAX } },
		{ { FRAMES, FRAMES / 2 }, { FRAMES + FRAMES / 2, FRAMES / 2 } }, /* nothing but holes */
	};
	size_t i;

	(void)state;
	good_rooms[1].hole_count = 1;
	assert_refused(1);
	for (i = 0; i < COUNT_OF(bad); i++) {
		good_rooms[1].holes = bad[i];
		good_rooms[1].hole_count = 2;
		if (lab_metadata_bytes(&good))
			print_error("holes %u are accepted\n", (unsigned int)i);
		assert_refused(1);
	}
}

static void bad_marks(void **state)
{
	static const uint64_t bad[][3] = { { 100, 90, 200 }, { 100, 200, 150 }, { 100, 200, FRAMES },
					   { FRAMES, 0, 0 }, { 10, 20, UINT64_MAX } };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(bad); i++) {
		good_rooms[0].min = bad[i][0];
		good_rooms[0].low = bad[i][1];
		good_rooms[0].high = bad[i][2];
		assert_refused(0);
	}
}

/* Frames kept from a zone: not more than there can be. */
static void bad_reserves(void **state)
{
	(void)state;
	good_rooms[1].lowmem_reserve[LAB_ZONE_NORMAL] = ((uint64_t)1 << 52) + 1;
	assert_refused(1);
	good_rooms[1].lowmem_reserve[LAB_ZONE_NORMAL] = (uint64_t)1 << 52;
	assert_true(lab_metadata_bytes(&good) > 0);
}

/* Rooms in any order of their frames. */
static void downwards(void **state)
{
	struct labyrinth *lab;

	(void)state;
	good_rooms[0].first_frame = FRAMES;
	good_rooms[1].first_frame = 0;
	lab = born(&good);
	assert_int_equal(lab_page_frame(lab, alloc_ok(lab, LAB_GFP_ATOMIC, 0)) / FRAMES, 1);
	assert_int_equal(lab_page_frame(lab, alloc_ok(lab, LAB_DMA, 0)) / FRAMES, 0);
	buried(lab);
	good_rooms[1].first_frame = 1;
	assert_refused(1);
}

/* None was set, and the home cannot make one. */
static void no_default(void **state)
{
	struct rlimit before, none = { 0, 0 };

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
	none.rlim_max = before.rlim_max;
	lab_set_default(NULL);
	assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
	assert_null(lab_default());
	assert_null(labyrinth_void_alloc_page_gfp_atomic_exclusive());
	assert_int_equal(labyrinth_void_free_page_exclusive(&before), -LAB_ENXIO);
	assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
}

static void bad_metadata(void **state)
{
	size_t bytes = lab_metadata_bytes(&good);
	char *place = zeroed(bytes + 64);
	struct labyrinth *lab = NULL;
	const char *why = NULL;
	int which = 3;

	(void)state;
	assert_int_equal(lab_birth(&good, NULL, bytes, &lab, &which, &why), -LAB_EINVAL);
	assert_int_equal(which, -1);
	assert_non_null(why);
	assert_int_equal(lab_birth(&good, place + 8, bytes, &lab, &which, &why), -LAB_EINVAL);
	assert_int_equal(lab_birth(&good, place, bytes - 1, &lab, &which, &why), -LAB_EINVAL);
	assert_int_equal(lab_birth(&good, place, bytes, &lab, &which, &why), 0);
	assert_null(why);
	/* Once. */
	assert_int_equal(lab_birth(&good, place, bytes, &lab, &which, &why), -LAB_EINVAL);
	assert_non_null(why);
	buried(lab);
}

static void every_size_of_page(void **state)
{
	static const unsigned int shifts[] = { 12, 14, 16 };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(shifts); i++) {
		char *memory = zeroed((size_t)512 << shifts[i]);
		struct lab_stats stats;
		struct labyrinth *lab;
		char *block;

		good_rooms[0].memory = memory;
		good_rooms[0].frames = 512;
		good.page_shift = shifts[i];
		lab = born(&good);
		assert_int_equal(lab_stats(lab, &stats), 0);
		assert_int_equal(stats.page_shift, shifts[i]);
		block = lab_alloc(lab, LAB_GFP_ATOMIC, 9);
		assert_ptr_equal(block, memory);
		assert_int_equal(lab_free(lab, block, 9), 0);
		block = lab_alloc(lab, LAB_GFP_ATOMIC, 0);
		assert_int_equal((size_t)(block - memory) & (((size_t)1 << shifts[i]) - 1), 0);
		memset(block, 1, (size_t)1 << shifts[i]);
		assert_int_equal(lab_free(lab, block + ((size_t)1 << (shifts[i] - 1)), 0), -LAB_ERANGE);
		assert_int_equal(lab_free(lab, block, 0), 0);
		buried(lab);
		free(memory);
		setup(NULL);
	}
}

/* Everything at its limit: rooms, nodes, CPUs, the narrowest and a wide room, holes at both ends. */
static void extremes(void **state)
{
	static const struct lab_hole holes[] = { { 15000, 1 }, { 15002, 3 }, { 15999, 1 } };
	struct lab_room_spec rooms[LAB_ROOMS_MAX] = { { 0 } };
	struct lab_spec spec = spec_of(rooms, LAB_ROOMS_MAX);
	struct labyrinth *lab;
	unsigned int i;
	int error;

	(void)state;
	for (i = 0; i < LAB_ROOMS_MAX; i++)
		rooms[i] = (struct lab_room_spec){ .name = "limit", .zone = (enum lab_zone)(i % (LAB_ZONES + 1)), .node = i,
						   .first_frame = 1000 * i, .frames = i ? 1000 : 1 };
	rooms[15].holes = holes;
	rooms[15].hole_count = 3;
	spec.nodes = LAB_NODES_MAX;
	spec.cpus = 4096;
	lab = born(&spec);
	assert_whole(lab);
	assert_int_equal(free_frames(lab, 0), 1);
	assert_int_equal(free_frames(lab, 15), 995);
	/* Zones DMA, DMA32, NORMAL: rooms 0..2, 6..8, 12..14. */
	assert_int_equal(drain(lab, LAB_GFP_KERNEL, &error), 8 * 1000 + 1);
	buried(lab);
}

/* Holes and the room's own ends are never given, nor kept in pools. */
static void holes_are_never_given(void **state)
{
	static const struct lab_hole holes[] = { { 1000, 100 }, { 1500, 37 }, { 2700, 300 } };
	struct lab_room_spec room = { .name = "holed", .zone = LAB_ZONE_NORMAL, .first_frame = 1000, .frames = 2000,
				      .holes = holes, .hole_count = 3, .min = 400, .low = 500, .high = 600 };
	struct lab_spec spec = spec_of(&room, 1);
	struct labyrinth *lab = born(&spec);
	struct lab_page *page;
	unsigned int n = 0;

	(void)state;
	while (!lab_is_err(page = lab_alloc_pages(lab, LAB_MEMALLOC, 0))) {
		uint64_t frame = lab_page_frame(lab, page);

		assert_true(frame >= 1100 && frame < 2700);
		assert_true(frame < 1500 || frame >= 1537);
		n++;
	}
	assert_int_equal(n, 2000 - 437);
	buried(lab);
}

/* Copied elsewhere, its first place overwritten: it goes on as if nothing had happened. */
static void at_another_address(void **state)
{
	struct lab_page *pages[500];
	struct labyrinth *lab, *copy;
	uint64_t frames[500], seed = 12;
	unsigned int orders[500], i;
	char *memory = zeroed(FRAMES * 4096);
	size_t bytes;

	(void)state;
	good_rooms[0].memory = memory;
	good_rooms[0].min = 100;
	bytes = lab_metadata_bytes(&good);
	lab = born(&good);
	for (i = 0; i < 500; i++) {
		orders[i] = (unsigned int)(next_random(&seed) % 3);
		pages[i] = alloc_ok(lab, LAB_GFP_ATOMIC, orders[i]);
		frames[i] = lab_page_frame(lab, pages[i]);
	}
	copy = zeroed(bytes);
	memcpy(copy, lab, bytes);
	memset(lab, 0xa5, bytes);
	assert_whole(copy);
	for (i = 0; i < 500; i += 2) {
		struct lab_page *page = lab_frame_page(copy, frames[i]);

		assert_int_equal((char *)page - (char *)copy, (char *)pages[i] - (char *)lab);
		assert_int_equal(lab_free_pages(copy, page, orders[i]), 0);
		pages[i] = alloc_ok(copy, LAB_GFP_HIGHUSER_MOVABLE, orders[i]);
		assert_true((char *)pages[i] > (char *)copy && (char *)pages[i] < (char *)copy + bytes);
	}
	assert_whole(copy);
	for (i = 0; i < 500; i++)
		assert_int_equal(lab_free_pages(copy, i % 2 ? lab_frame_page(copy, frames[i]) : pages[i], orders[i]), 0);
	assert_int_equal(free_frames(copy, 0) + free_frames(copy, 1), 2 * FRAMES);
	assert_int_equal(((unsigned char *)lab)[bytes - 1], 0xa5);
	for (i = 0; i < bytes; i++)
		assert_int_equal(((unsigned char *)lab)[i], 0xa5); /* not touched again */
	buried(copy);
	free(lab);
	free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bad_labyrinths, setup, NULL),
		cmocka_unit_test_setup_teardown(bad_rooms, setup, NULL),
		cmocka_unit_test_setup_teardown(bad_holes, setup, NULL),
		cmocka_unit_test_setup_teardown(bad_marks, setup, NULL),
		cmocka_unit_test_setup_teardown(bad_reserves, setup, NULL),
		cmocka_unit_test_setup_teardown(downwards, setup, NULL),
		cmocka_unit_test(no_default),
		cmocka_unit_test_setup_teardown(bad_metadata, setup, NULL),
		cmocka_unit_test_setup_teardown(every_size_of_page, setup, NULL),
		cmocka_unit_test_setup_teardown(extremes, setup, NULL),
		cmocka_unit_test_setup_teardown(holes_are_never_given, setup, NULL),
		cmocka_unit_test_setup_teardown(at_another_address, setup, NULL),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
