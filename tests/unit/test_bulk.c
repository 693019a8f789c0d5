/* SPDX-License-Identifier: MIT */
/*
 * test_bulk.c - many single pages at once; each of them stands alone.
 */
#include "../support/room.h"

#define MANY 5000u

static struct lab_page *pages[MANY];

/* Pages n, all different, all order 0 and owned. */
static void assert_apart(struct labyrinth *lab, long n)
{
	static unsigned char seen[65536];
	struct lab_page_info info;
	long i;

	memset(seen, 0, sizeof(seen));
	for (i = 0; i < n; i++) {
		assert_int_equal(lab_page_info(lab, pages[i], &info), 0);
		assert_int_equal(info.state, LAB_OWNED);
		assert_int_equal(info.order, 0);
		assert_int_equal(seen[info.frame]++, 0);
	}
}

static void as_many_as_wanted(void **state)
{
	static const size_t counts[] = { 1, 2, 31, 32, 33, 63, 64, 65, 511, 512, 513, 2000 };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(counts); i++) {
		struct labyrinth *lab = born_plain(4096);
		long n;

		assert_int_equal(lab_alloc_bulk(lab, LAB_GFP_ATOMIC, 0, pages), 0);
		n = lab_alloc_bulk(lab, LAB_GFP_ATOMIC, counts[i], pages);
		assert_int_equal(n, counts[i]);
		assert_apart(lab, n);
		assert_int_equal(free_frames(lab, 0), 4096 - counts[i]);
		assert_whole(lab);
		/* Each alone. */
		while (n--)
			assert_int_equal(lab_free_pages(lab, pages[n], 0), 0);
		assert_int_equal(free_frames(lab, 0), 4096);
		buried(lab);
	}
}

static void as_many_as_there_are(void **state)
{
	struct labyrinth *lab = born_plain(1000);

	(void)state;
	assert_int_equal(lab_alloc_bulk(lab, LAB_GFP_ATOMIC, MANY, pages), 1000);
	assert_apart(lab, 1000);
	assert_int_equal(lab_alloc_bulk(lab, LAB_GFP_ATOMIC, 10, pages + 1000), -LAB_ENOMEM);
	assert_int_equal(lab_alloc_bulk(lab, LAB_GFP_ATOMIC, 0, pages), 0);
	assert_int_equal(lab_free_bulk(lab, 1000, pages), 1000);
	assert_int_equal(free_frames(lab, 0), 1000);
	buried(lab);
}

/* Through broken words, where free frames lie scattered. */
static void scattered(void **state)
{
	struct labyrinth *lab = born_plain(2048);
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC, 0);
	uint64_t frame, taken = 0;
	long n;

	(void)state;
	for (frame = 0; frame < 2048; frame += 1 + frame % 5, taken++)
		assert_false(lab_is_err(lab_alloc_at(lab, frame, &request)));
	n = lab_alloc_bulk(lab, LAB_GFP_ATOMIC, MANY, pages);
	assert_int_equal(n, 2048 - taken);
	assert_apart(lab, n);
	assert_whole(lab);
	assert_int_equal(lab_free_bulk(lab, (size_t)n, pages), n);
	buried(lab);
}

/* Watermarks bind as they do page by page. */
static void down_to_the_floor(void **state)
{
	struct labyrinth *lab = born_marked();
	long n;

	(void)state;
	n = lab_alloc_bulk(lab, LAB_GFP_KERNEL, MANY, pages);
	assert_int_equal(n, MARKED_FRAMES - 100);
	assert_int_equal(lab_alloc_bulk(lab, LAB_GFP_KERNEL, 5, pages + n), -LAB_ENOMEM);
	assert_int_equal(lab_alloc_bulk(lab, LAB_GFP_ATOMIC, 500, pages + n), 62);
	n += 62;
	assert_apart(lab, n);
	/* Freed at once they fill what lacks. */
	assert_int_equal(lab_free_bulk(lab, (size_t)n, pages), n);
	assert_int_equal(free_frames(lab, 0), MARKED_FRAMES);
	buried(lab);
}

static void over_several_rooms(void **state)
{
	struct lab_room_spec rooms[2] = { { .name = "a", .zone = LAB_ZONE_NORMAL, .frames = 100 },
					  { .name = "b", .zone = LAB_ZONE_DMA, .first_frame = 1000, .frames = 100 } };
	struct lab_spec spec = spec_of(rooms, 2);
	struct labyrinth *lab = born(&spec);
	struct lab_page *mixed[200];
	size_t i;

	(void)state;
	assert_int_equal(lab_alloc_bulk(lab, LAB_GFP_ATOMIC, 150, pages), 150);
	assert_int_equal(free_frames(lab, 0), 0);
	assert_int_equal(free_frames(lab, 1), 50);
	assert_apart(lab, 150);
	for (i = 0; i < 150; i++) /* a word's frames are gathered only while they are one word's */
		mixed[i] = pages[i * 7 % 150];
	assert_int_equal(lab_free_bulk(lab, 150, mixed), 150);
	assert_int_equal(free_frames(lab, 0) + free_frames(lab, 1), 200);
	assert_int_equal(lab_room_offline(lab, 0), 0);
	assert_int_equal(lab_alloc_bulk(lab, LAB_GFP_ATOMIC, 150, pages), 100);
	assert_int_equal(free_frames(lab, 0), 100);
	buried(lab);
}

static void refusals(void **state)
{
	struct labyrinth *lab = born_plain(1000);
	uint32_t identity = LAB_IDENTITY;
	struct lab_room_spec room = { .name = "child", .zone = LAB_ZONE_NORMAL, .frames = 512 };
	struct lab_spec spec = spec_of(&room, 1);

	(void)state;
	assert_int_equal(lab_alloc_bulk(lab, (lab_gfp_t)1 << 30, 10, pages), -LAB_EINVAL);
	assert_int_equal(lab_alloc_bulk(lab, LAB_MOVABLE | LAB_RECLAIMABLE, 10, pages), -LAB_EINVAL);
	assert_int_equal(lab_alloc_bulk(lab, LAB_DMA, 10, pages), -LAB_ENXIO);
	assert_int_equal(lab_alloc_bulk(lab, LAB_ZERO, 10, pages), -LAB_ENOTSUP);
	assert_int_equal(free_frames(lab, 0), 1000);
	buried(lab);
	spec.identity = &identity;
	lab = born(&spec);
	assert_int_equal(lab_alloc_bulk(lab, LAB_GFP_ATOMIC, 10, pages), 10);
	identity = 0;
	assert_int_equal(lab_alloc_bulk(lab, LAB_GFP_ATOMIC, 10, pages + 10), -LAB_ECHILD);
	assert_int_equal(lab_free_bulk(lab, 10, pages), 0);
	identity = LAB_IDENTITY;
	assert_int_equal(free_frames(lab, 0), 502);
	buried(lab);
}

static void zeroed_and_exclusive(void **state)
{
	char *memory = zeroed(64 * 4096);
	struct lab_room_spec room = { .name = "memory", .zone = LAB_ZONE_NORMAL, .frames = 64, .memory = memory };
	struct lab_spec spec = spec_of(&room, 1);
	struct labyrinth *lab = born(&spec);
	struct lab_page_info info;
	size_t i;

	(void)state;
	memset(memory, 7, 64 * 4096);
	assert_int_equal(lab_alloc_bulk(lab, LAB_GFP_ATOMIC | LAB_ZERO | LAB_EXCLUSIVE, 40, pages), 40);
	for (i = 0; i < 40 * 4096; i++)
		assert_int_equal(((char *)lab_page_address(lab, pages[i / 4096]))[i % 4096], 0);
	for (i = 0; i < 40; i++) {
		assert_int_equal(lab_page_info(lab, pages[i], &info), 0);
		assert_int_equal(info.owner, LAB_OWNER_EXCLUSIVE);
	}
	/* Somebody's pages are not freed by nobody. */
	assert_int_equal(lab_free_bulk(lab, 40, pages), 0);
	assert_int_equal(counted(lab, LAB_COUNT_FOREIGN), 40);
	buried(lab);
	free(memory);
}

/* What is refused is left and counted; what stands around it is freed. */
static void wrong_ones_among_them(void **state)
{
	struct labyrinth *lab = born_plain(1000);
	struct lab_page *block = alloc_ok(lab, LAB_GFP_ATOMIC, 2);
	uint64_t head = lab_page_frame(lab, block);

	(void)state;
	assert_int_equal(lab_alloc_bulk(lab, LAB_GFP_ATOMIC, 20, pages), 20);
	pages[20] = pages[3];		   /* twice */
	pages[21] = block;		   /* another order */
	pages[22] = lab_frame_page(lab, head + 1); /* inside a block */
	pages[23] = NULL;
	pages[24] = pages[20];
	assert_int_equal(lab_free_bulk(lab, 25, pages), 20);
	assert_int_equal(counted(lab, LAB_COUNT_DOUBLE), 2);
	assert_int_equal(counted(lab, LAB_COUNT_ORDER), 1);
	assert_int_equal(counted(lab, LAB_COUNT_BODY), 1);
	assert_int_equal(counted(lab, LAB_COUNT_RANGE), 1);
	assert_int_equal(free_frames(lab, 0), 996);
	assert_int_equal(lab_free_pages(lab, block, 2), 0);
	buried(lab);
}

/* A marked frame stays out although its neighbours are freed by one operation. */
static void a_marked_one_among_them(void **state)
{
	struct labyrinth *lab = born_plain(1000);

	(void)state;
	assert_int_equal(lab_alloc_bulk(lab, LAB_GFP_ATOMIC, 64, pages), 64);
	assert_int_equal(lab_frame_offline(lab, lab_page_frame(lab, pages[9])), -LAB_EBUSY);
	assert_int_equal(lab_free_bulk(lab, 64, pages), 64);
	assert_int_equal(free_frames(lab, 0), 999);
	assert_int_equal(counted(lab, LAB_COUNT_OFFLINED), 1);
	assert_int_equal(lab_alloc_bulk(lab, LAB_GFP_ATOMIC, 1000, pages), 999);
	buried(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_many_as_wanted),
		cmocka_unit_test(as_many_as_there_are),
		cmocka_unit_test(scattered),
		cmocka_unit_test(down_to_the_floor),
		cmocka_unit_test(over_several_rooms),
		cmocka_unit_test(refusals),
		cmocka_unit_test(zeroed_and_exclusive),
		cmocka_unit_test(wrong_ones_among_them),
		cmocka_unit_test(a_marked_one_among_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
