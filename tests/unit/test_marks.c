/* SPDX-License-Identifier: MIT */
/*
 * test_marks.c - Linux's watermarks for some machines, worked out by hand; floors, and pools between them.
 *
 * The rules: min_free_kbytes = sqrt(lowmem in kB x 16) within 128 .. 262144; a zone's min is its share by
 * managed frames (highmem, movable: managed / 1024 within 32 .. 128); gap = max(share / 4, managed / 1000);
 * low = min + gap, high = low + gap; lowmem_reserve[j] of zone i = managed(i + 1 .. j) / ratio of i.
 */
#include "../support/room.h"
#include "marks.h"

#define MIB(n) ((uint64_t)(n) << 8) /* in frames of 4 KiB */
#define GIB(n) MIB((uint64_t)(n) << 10)

static struct lab_room_spec zone_room(enum lab_zone zone, uint64_t first_frame, uint64_t frames)
{
	return (struct lab_room_spec){ .name = "zone", .zone = zone, .first_frame = first_frame, .frames = frames,
				       .min = LAB_MARK_LINUX };
}

static void assert_marks(const struct lab_spec *spec, unsigned int room, const uint64_t expected[3])
{
	struct lab_room_spec marks;

	lab_linux_marks(spec, room, &marks);
	assert_int_equal(marks.min, expected[0]);
	assert_int_equal(marks.low, expected[1]);
	assert_int_equal(marks.high, expected[2]);
}

static void assert_reserve(const struct lab_spec *spec, unsigned int room, const uint64_t expected[LAB_ZONES])
{
	struct lab_room_spec marks;
	unsigned int zone;

	lab_linux_marks(spec, room, &marks);
	for (zone = 0; zone < LAB_ZONES; zone++)
		assert_int_equal(marks.lowmem_reserve[zone], expected[zone]);
}

/* 65536 kB x 16 = 1024 squared: 1024 kB = 256 frames; gap 64 (a quarter; a thousandth would be 16). */
static void machine_of_64_mib(void **state)
{
	struct lab_room_spec rooms[] = { zone_room(LAB_ZONE_NORMAL, 0, MIB(64)) };
	struct lab_spec spec = spec_of(rooms, 1);
	static const uint64_t marks[] = { 256, 320, 384 }, none[LAB_ZONES] = { 0 };

	(void)state;
	assert_marks(&spec, 0, marks);
	assert_reserve(&spec, 0, none);
}

/* 1048576 kB x 16 = 4096 squared: 4096 kB = 1024 frames, of which DMA has 4096 / 262144. */
static void machine_of_1_gib(void **state)
{
	struct lab_room_spec rooms[] = { zone_room(LAB_ZONE_DMA, 0, MIB(16)),
					 zone_room(LAB_ZONE_DMA32, MIB(16), GIB(1) - MIB(16)) };
	struct lab_spec spec = spec_of(rooms, 2);
	static const uint64_t dma[] = { 16, 20, 24 }, dma32[] = { 1008, 1266, 1524 };
	static const uint64_t dma_keeps[] = { 0, 1008, 1008, 1008, 1008 }, none[LAB_ZONES] = { 0 };

	(void)state;
	assert_marks(&spec, 0, dma);
	assert_marks(&spec, 1, dma32);
	assert_reserve(&spec, 0, dma_keeps); /* 258048 / 256 */
	assert_reserve(&spec, 1, none);
}

/* 16777216 kB x 16 = 16384 squared: 16384 kB = 4096 frames. */
static void machine_of_16_gib(void **state)
{
	struct lab_room_spec rooms[] = { zone_room(LAB_ZONE_DMA, 0, MIB(16)),
					 zone_room(LAB_ZONE_DMA32, MIB(16), GIB(4) - MIB(16)),
					 zone_room(LAB_ZONE_NORMAL, GIB(4), GIB(12)) };
	struct lab_spec spec = spec_of(rooms, 3);
	static const uint64_t dma[] = { 4, 8, 12 };
	static const uint64_t dma32[] = { 1020, 2064, 3108 };  /* gap: 1044480 / 1000 */
	static const uint64_t normal[] = { 3072, 6217, 9362 }; /* gap: 3145728 / 1000 */
	static const uint64_t dma_keeps[] = { 0, 4080, 16368, 16368, 16368 };
	static const uint64_t dma32_keeps[] = { 0, 0, 12288, 12288, 12288 };
	static const uint64_t none[LAB_ZONES] = { 0 };

	(void)state;
	assert_marks(&spec, 0, dma);
	assert_marks(&spec, 1, dma32);
	assert_marks(&spec, 2, normal);
	assert_reserve(&spec, 0, dma_keeps);
	assert_reserve(&spec, 1, dma32_keeps);
	assert_reserve(&spec, 2, none);
}

/* 1 GiB of NORMAL and 512 MiB of MOVABLE, which does not count as lowmem but has a gap by its share. */
static void machine_with_movable(void **state)
{
	struct lab_room_spec rooms[] = { zone_room(LAB_ZONE_NORMAL, 0, GIB(1)),
					 zone_room(LAB_ZONE_MOVABLE, GIB(1), MIB(512)) };
	struct lab_spec spec = spec_of(rooms, 2);
	static const uint64_t normal[] = { 1024, 1286, 1548 }; /* gap: 262144 / 1000 */
	static const uint64_t movable[] = { 128, 259, 390 };   /* 131072 / 1024; share 512, gap 131 */
	static const uint64_t normal_keeps[] = { 0, 0, 0, 0, 4096 }, none[LAB_ZONES] = { 0 };

	(void)state;
	assert_marks(&spec, 0, normal);
	assert_marks(&spec, 1, movable);
	assert_reserve(&spec, 0, normal_keeps);
	assert_reserve(&spec, 1, none);
}

/* Highmem's min stays within 32 .. 128. */
static void highmem_is_clamped(void **state)
{
	struct lab_room_spec rooms[] = { zone_room(LAB_ZONE_NORMAL, 0, MIB(64)),
					 zone_room(LAB_ZONE_HIGHMEM, MIB(64), 20000) };
	struct lab_spec spec = spec_of(rooms, 2);
	static const uint64_t small[] = { 32, 110, 188 };     /* share 256 x 20000 / 16384 = 312: gap 78 */
	static const uint64_t large[] = { 128, 16512, 32896 }; /* share 65536: gap 16384 */
	static const uint64_t keeps[] = { 0, 0, 0, 625, 625 };

	(void)state;
	assert_marks(&spec, 1, small);
	assert_reserve(&spec, 0, keeps); /* 20000 / 32 */
	rooms[1].frames = MIB(64) * 256;
	assert_marks(&spec, 1, large);
}

static void min_free_is_clamped(void **state)
{
	struct lab_room_spec rooms[] = { zone_room(LAB_ZONE_NORMAL, 0, 128) };
	struct lab_spec spec = spec_of(rooms, 1);
	static const uint64_t least[] = { 32, 40, 48 };
	static const uint64_t most[] = { 65536, 2213019, 4360502 }; /* gap: 2^31 / 1000 */
	static const uint64_t given[] = { 500, 625, 750 };

	(void)state;
	assert_marks(&spec, 0, least); /* sqrt(8192) = 90 kB: 128 */
	rooms[0].frames = (uint64_t)1 << 31;
	assert_marks(&spec, 0, most); /* sqrt(2^37) = 370727 kB: 262144 */
	rooms[0].frames = MIB(64);
	spec.min_free_kbytes = 2000;
	assert_marks(&spec, 0, given);
}

static void settings(void **state)
{
	struct lab_room_spec rooms[] = { zone_room(LAB_ZONE_DMA, 0, MIB(16)), zone_room(LAB_ZONE_NORMAL, MIB(16), MIB(48)) };
	struct lab_spec spec = spec_of(rooms, 2);
	static const uint64_t scaled[] = { 192, 192 + 1228, 192 + 2 * 1228 }; /* 12288 x 1000 / 10000 */
	static const uint64_t usual[] = { 0, 0, 48, 48, 48 }, other[] = { 0, 0, 1228, 1228, 1228 };

	(void)state;
	assert_reserve(&spec, 0, usual);
	spec.watermark_scale = 1000;
	assert_marks(&spec, 1, scaled);
	spec.lowmem_ratio[LAB_ZONE_DMA] = 10;
	assert_reserve(&spec, 0, other);
}

/* Pages of 64 KiB: 1 GiB is 16384 frames; 4096 kB are 64 of them. */
static void larger_pages(void **state)
{
	struct lab_room_spec rooms[] = { zone_room(LAB_ZONE_NORMAL, 0, 16384) };
	struct lab_spec spec = spec_of(rooms, 1);
	static const uint64_t of_64_kib[] = { 64, 80, 96 }, of_16_kib[] = { 128, 160, 192 };

	(void)state;
	spec.page_shift = 16;
	assert_marks(&spec, 0, of_64_kib);
	spec.page_shift = 14; /* 256 MiB: 2048 kB */
	assert_marks(&spec, 0, of_16_kib);
}

/* Holes are not managed. */
static void holes_do_not_count(void **state)
{
	static const struct lab_hole holes[] = { { 100, 1000 }, { 5000, MIB(64) - 1000 } };
	struct lab_room_spec rooms[] = { zone_room(LAB_ZONE_NORMAL, 0, MIB(128)) };
	struct lab_spec spec = spec_of(rooms, 1);
	static const uint64_t as_64_mib[] = { 256, 320, 384 };

	(void)state;
	rooms[0].holes = holes;
	rooms[0].hole_count = 2;
	assert_int_equal(marks_managed(&rooms[0]), MIB(64));
	assert_marks(&spec, 0, as_64_mib);
}

/* Several rooms of one zone share its reserve by size; other nodes have nothing to do with it. */
static void reserve_by_node_and_room(void **state)
{
	struct lab_room_spec rooms[] = { zone_room(LAB_ZONE_DMA, 0, 1024), zone_room(LAB_ZONE_DMA, 1024, 3072),
					 zone_room(LAB_ZONE_NORMAL, 4096, 258048),
					 zone_room(LAB_ZONE_NORMAL, GIB(1), GIB(1)) };
	struct lab_spec spec = spec_of(rooms, 4);
	static const uint64_t quarter[] = { 0, 0, 252, 252, 252 }, rest[] = { 0, 0, 756, 756, 756 };

	(void)state;
	spec.nodes = 2;
	rooms[3].node = 1;
	assert_reserve(&spec, 0, quarter); /* of 258048 / 256 = 1008 */
	assert_reserve(&spec, 1, rest);
}

static void given_marks_are_completed(void **state)
{
	struct lab_room_spec rooms[] = { { .name = "given", .zone = LAB_ZONE_NORMAL, .frames = 100000, .min = 200 } };
	struct lab_spec spec = spec_of(rooms, 1);
	struct lab_room_spec marks;

	(void)state;
	marks_resolve(&spec, 0, &marks);
	assert_int_equal(marks.low, 300); /* a thousandth of 100000 is more than a quarter of 200 */
	assert_int_equal(marks.high, 400);
	rooms[0].min = 1000;
	rooms[0].low = 1100;
	marks_resolve(&spec, 0, &marks);
	assert_int_equal(marks.low, 1100);
	assert_int_equal(marks.high, 1200);
	rooms[0].high = 5000;
	marks_resolve(&spec, 0, &marks);
	assert_int_equal(marks.high, 5000);
	rooms[0].min = rooms[0].low = rooms[0].high = 0;
	marks_resolve(&spec, 0, &marks);
	assert_int_equal(marks.min + marks.low + marks.high, 0);
	rooms[0].min = LAB_MARK_LINUX;
	rooms[0].zone = LAB_ZONE_OWN; /* not a zone of Linux's */
	marks_resolve(&spec, 0, &marks);
	assert_int_equal(marks.min + marks.low + marks.high, 0);
}

static void floors_of_rights(void **state)
{
	struct lab_room_spec marks = { .min = 101, .low = 150, .high = 200 };

	(void)state;
	marks.lowmem_reserve[LAB_ZONE_NORMAL] = 1000;
	assert_int_equal(marks_floor(&marks, LAB_RIGHT_LOW, LAB_ZONE_DMA), 150);
	assert_int_equal(marks_floor(&marks, LAB_RIGHT_MIN, LAB_ZONE_DMA), 101);
	assert_int_equal(marks_floor(&marks, LAB_RIGHT_HIGH, LAB_ZONE_DMA), 51);   /* 101 - 101 / 2 */
	assert_int_equal(marks_floor(&marks, LAB_RIGHT_ATOMIC, LAB_ZONE_DMA), 39); /* 51 - 51 / 4 */
	assert_int_equal(marks_floor(&marks, LAB_RIGHT_ALL, LAB_ZONE_DMA), 0);
	assert_int_equal(marks_floor(&marks, LAB_RIGHT_LOW, LAB_ZONE_NORMAL), 1150);
	assert_int_equal(marks_floor(&marks, LAB_RIGHT_ATOMIC, LAB_ZONE_NORMAL), 1039);
	assert_int_equal(marks_floor(&marks, LAB_RIGHT_ALL, LAB_ZONE_NORMAL), 0);
}

static void assert_floors(const struct lab_room_spec *marks, uint64_t managed, const uint64_t *expected, unsigned int n)
{
	uint64_t floor[LAB_BANDS_MAX + 1];
	unsigned int i;

	assert_int_equal(marks_floors(marks, managed, floor), n - 1);
	for (i = 0; i < n; i++)
		assert_int_equal(floor[i], expected[i]);
}

static void pools_between_floors(void **state)
{
	static const uint64_t plain[] = { 0, 38, 50, 100, 150, 200 }, none[] = { 0 };
	static const uint64_t kept[] = { 0, 38, 50, 100, 150, 200, 1038, 1050, 1100, 1150 };
	static const uint64_t kept_32[] = { 0, 38, 50, 100, 150, 200, 1150 }; /* a floor a zone */
	static const uint64_t cut[] = { 0, 38, 50, 100, 120 };
	struct lab_room_spec marks = { .min = 100, .low = 150, .high = 200 }, unmarked = { 0 };

	(void)state;
	assert_floors(&unmarked, 4096, none, 1);
	assert_floors(&marks, 4096, plain, 6);
	assert_floors(&marks, 120, cut, 5); /* no more frames than there are */
	marks.lowmem_reserve[LAB_ZONE_NORMAL] = 1000;
	if (IS_64_BIT)
		assert_floors(&marks, 4096, kept, COUNT_OF(kept));
	else
		assert_floors(&marks, 4096, kept_32, COUNT_OF(kept_32));
	/* The same reserve for several zones makes no more pools. */
	marks.lowmem_reserve[LAB_ZONE_HIGHMEM] = 1000;
	assert_floors(&marks, 4096, IS_64_BIT ? kept : kept_32, IS_64_BIT ? COUNT_OF(kept) : COUNT_OF(kept_32));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(machine_of_64_mib),
		cmocka_unit_test(machine_of_1_gib),
		cmocka_unit_test(machine_of_16_gib),
		cmocka_unit_test(machine_with_movable),
		cmocka_unit_test(highmem_is_clamped),
		cmocka_unit_test(min_free_is_clamped),
		cmocka_unit_test(settings),
		cmocka_unit_test(larger_pages),
		cmocka_unit_test(holes_do_not_count),
		cmocka_unit_test(reserve_by_node_and_room),
		cmocka_unit_test(given_marks_are_completed),
		cmocka_unit_test(floors_of_rights),
		cmocka_unit_test(pools_between_floors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
