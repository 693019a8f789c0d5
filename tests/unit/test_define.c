/* SPDX-License-Identifier: MIT */
/*
 * test_define.c - LAB_DEFINE: the bound on its metadata against what the core wants, for many sizes; and
 * what it makes, before birth and after.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <labyrinth.h>

LAB_DECLARE(plain);
LAB_DEFINE(plain, 4 << 20);
LAB_DEFINE(odd, 37 * 4096);
static LAB_DEFINE(own, 64 << 10);
static LAB_DEFINE(one, 4096);
LAB_DEFINE(device, 1 << 20, .zone = LAB_ZONE_DMA, .min = 32);
LAB_DEFINE(linux_marks, 1 << 20, .name = "another name", .min = LAB_MARK_LINUX);
LAB_DEFINE(physical, 64 << 10, .physical_known = true);
LAB_DEFINE(numbered, 64 << 10, .first_frame = 1000);
static const struct lab_hole holes[] = { { 1003, 2 } };
LAB_DEFINE(holed, 64 << 10, .first_frame = 1000, .holes = holes, .hole_count = 1);
LAB_DEFINE_SLOTS(exact, 16 << 20, 96, .min = 32, .low = 64, .high = 96);
LAB_DEFINE(wrong, 1 << 20, .min = 255, .low = 20);
LAB_DEFINE_SLOTS(poor, 64 << 20, 0, .min = 2048);

/* As where there are no constructors. */
#undef LAB_DEFINE_BORN
#define LAB_DEFINE_BORN(name)
LAB_DEFINE(unborn, 64 << 10);

static void *before_main;

__attribute__((constructor)) static void a_constructor_of_the_program(void)
{
	before_main = lab_alloc(plain, LAB_GFP_ATOMIC, 0);
}

/* ---- the bound ---- */

struct waste {
	size_t most; /* bytes beyond the truth */
	uint64_t frames;
};

static uint64_t seed = 88172645463325252u;

static uint64_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static size_t wanted(struct lab_room_spec *room, uint64_t frames)
{
	struct lab_spec spec = { .page_shift = 12, .rooms = room, .room_count = 1 };
	size_t bytes;

	room->frames = frames;
	spec.cpus = LAB_DEFINE_CPUS_OF(frames);
	bytes = lab_metadata_bytes(&spec);
	assert_true(bytes > 0);
	return bytes;
}

static void within(struct waste *waste, size_t bytes, size_t bound, uint64_t frames)
{
	if (bytes > bound)
		printf("%llu frames want %zu bytes, the bound is %zu\n", (unsigned long long)frames, bytes,
		       bound);
	assert_true(bytes <= bound);
	if (bound - bytes > waste->most)
		*waste = (struct waste){ bound - bytes, frames };
}

static void plain_holds(struct waste *waste, uint64_t frames)
{
	struct lab_room_spec room = { .zone = LAB_ZONE_NORMAL };
	size_t bound = LAB_METADATA_MAX(frames);

	within(waste, wanted(&room, frames), bound, frames);
	room.first_frame = frames < 512 ? frames - 1 : 511; /* the most that it allows for */
	within(waste, wanted(&room, frames), bound, frames);
}

static uint64_t most_frames(void)
{
	return UINTPTR_MAX > 0xffffffffu ? (uint64_t)1 << 32 : (uint64_t)1 << 20;
}

static void test_bound_plain(void **state)
{
	struct waste waste = { 0 };
	uint64_t frames;
	unsigned int i;

	(void)state;
	for (frames = 1; frames <= 20000; frames++)
		plain_holds(&waste, frames);
	for (; frames <= 262144; frames += 97) /* 1 GiB */
		plain_holds(&waste, frames);
	for (frames = 262144; frames <= most_frames(); frames *= 2) {
		plain_holds(&waste, frames - 1);
		plain_holds(&waste, frames);
		if (frames < most_frames())
			plain_holds(&waste, frames + 1);
	}
	for (i = 0; i < 20000; i++)
		plain_holds(&waste, 1 + next_random() % (most_frames() >> next_random() % 20));
	printf("beyond the truth: at most %zu bytes (%llu frames)\n", waste.most,
	       (unsigned long long)waste.frames);
	assert_true(waste.most <= 7 * 1024);
}

/* Marks of any kind; how many slots they make is at most what is returned. */
static uint64_t any_marks(struct lab_room_spec *room, uint64_t frames)
{
	uint64_t largest = 0;
	unsigned int i;

	*room = (struct lab_room_spec){ .zone = (enum lab_zone)(next_random() % LAB_ZONES) };
	room->first_frame = next_random() % 512;
	room->frames = frames;
	if (next_random() % 8 == 0 || frames < 4) {
		room->min = LAB_MARK_LINUX;
		return frames;
	}
	room->high = next_random() % (frames - 1) >> next_random() % 12;
	room->low = room->high ? next_random() % (room->high + 1) : 0;
	room->min = room->low ? next_random() % (room->low + 1) : 0;
	for (i = 0; i < LAB_ZONES && next_random() % 4; i++) {
		room->lowmem_reserve[i] = next_random() % frames >> next_random() % 12;
		if (room->lowmem_reserve[i] > largest)
			largest = room->lowmem_reserve[i];
	}
	/* Where low or high is 0 and min is not, they are computed. */
	if (!room->low || !room->high)
		return frames;
	return room->high > room->low + largest ? room->high : room->low + largest;
}

static void test_bound_watermarks(void **state)
{
	struct waste waste = { 0 }, tight = { 0 }, five = { 0 };
	unsigned int i;

	(void)state;
	for (i = 0; i < 60000; i++) {
		uint64_t frames = 1 + next_random() % (262144 >> next_random() % 18), slots;
		struct lab_room_spec room;
		struct lab_spec spec = { .page_shift = 12, .rooms = &room, .room_count = 1 };

		slots = any_marks(&room, frames);
		spec.cpus = LAB_DEFINE_CPUS_OF(frames);
		if (!lab_metadata_bytes(&spec))
			continue; /* computed marks that do not fit in so little */
		within(&waste, wanted(&room, frames), LAB_METADATA_MAX_SLOTS(frames, frames), frames);
		within(slots < frames ? &tight : &waste, wanted(&room, frames),
		       LAB_METADATA_MAX_SLOTS(frames, slots), frames);
	}
	for (i = 0; i < 16; i++) {
		uint64_t frames = (uint64_t)8 << i;
		struct lab_room_spec room = {
			.zone = LAB_ZONE_NORMAL, .min = frames / 2, .low = frames * 3 / 4, .high = frames - 1
		};

		within(&five, wanted(&room, frames), LAB_METADATA_MAX_SLOTS(frames, frames), frames);
	}
	printf("all frames in the pools of Linux's marks: at most %zu bytes (%llu frames)\n", five.most,
	       (unsigned long long)five.frames);
	assert_true(five.most <= 24 * 1024 && tight.most <= 24 * 1024);
	printf("slots said: at most %zu bytes beyond the truth (%llu frames); not said: %zu (%llu)\n",
	       tight.most, (unsigned long long)tight.frames, waste.most, (unsigned long long)waste.frames);
}

static void test_bound_is_constant(void **state)
{
	static unsigned char array[LAB_METADATA_MAX(100)], more[LAB_METADATA_MAX_SLOTS(262144, 1000)];
	enum { BYTES = LAB_METADATA_MAX(262144) };

	(void)state;
	assert_true(sizeof(array) == LAB_METADATA_MAX(100));
	assert_true(sizeof(more) > BYTES);
	assert_true(LAB_METADATA_MAX((uint64_t)262144) == BYTES);
}

/* ---- what is made ---- */

static struct lab_room_stats room_of(const struct labyrinth *lab)
{
	struct lab_room_stats room;

	assert_int_equal(lab_room_stats(lab, 0, &room), 0);
	return room;
}

/* Take all, find each page different and ours, give all back. */
static void all_frames(struct labyrinth *lab, lab_gfp_t gfp, size_t frames)
{
	static void *taken[4096];
	struct lab_audit audit;
	size_t n = 0, i;

	while (n < 4096 && (taken[n] = lab_alloc(lab, gfp, 0)) != NULL) {
		memset(taken[n], (int)n, 4096);
		n++;
	}
	assert_int_equal(n, frames);
	for (i = 0; i < n; i++) {
		assert_int_equal(*(unsigned char *)taken[i], (unsigned char)i);
		assert_int_equal(((unsigned char *)taken[i])[4095], (unsigned char)i);
		assert_int_equal(lab_free(lab, taken[i], 0), 0);
	}
	assert_int_equal(lab_audit(lab, true, &audit), 0);
	assert_int_equal(audit.owned, 0);
}

static void test_born_before_main(void **state)
{
	(void)state;
	assert_non_null(before_main);
	assert_int_equal(lab_free(plain, before_main, 0), 0);
	assert_int_equal(LAB_BIRTH(plain), 0); /* again: nothing */
	all_frames(plain, LAB_GFP_ATOMIC, 1024);
	assert_string_equal(room_of(plain).name, "plain");
	assert_int_equal(room_of(plain).zone, LAB_ZONE_NORMAL);
	assert_ptr_equal(lab_alloc(plain, LAB_GFP_KERNEL | LAB_DMA, 0), NULL);
}

static void test_sizes(void **state)
{
	(void)state;
	all_frames(odd, LAB_GFP_KERNEL, 37);
	all_frames(own, LAB_GFP_KERNEL, 16);
	all_frames(one, LAB_GFP_KERNEL, 1);
}

static void test_blocks_are_aligned(void **state)
{
	unsigned int order;

	(void)state;
	for (order = 0; order <= LAB_ORDER_MAX; order++) {
		void *block = lab_alloc(plain, LAB_GFP_KERNEL, order);

		assert_non_null(block);
		assert_true((uintptr_t)block % ((uintptr_t)4096 << order) == 0);
		assert_int_equal(lab_free(plain, block, order), 0);
	}
	assert_non_null(lab_alloc(own, LAB_GFP_KERNEL, 4)); /* the whole of it */
	assert_null(lab_alloc(own, LAB_GFP_KERNEL, 0));
	assert_int_equal(lab_free_pages(own, lab_frame_page(own, room_of(own).first_frame), 4), 0);
}

static void test_options(void **state)
{
	struct lab_page *page;
	uint64_t at = 0;

	(void)state;
	assert_int_equal(room_of(device).zone, LAB_ZONE_DMA);
	assert_int_equal(room_of(device).min, 32);
	all_frames(device, LAB_GFP_KERNEL | LAB_DMA, 256 - 32);
	all_frames(device, LAB_MEMALLOC, 256);
	assert_string_equal(room_of(linux_marks).name, "another name");
	assert_true(room_of(linux_marks).min > 0);
	all_frames(linux_marks, LAB_MEMALLOC, 256);
	page = lab_alloc_pages(physical, LAB_GFP_KERNEL, 0);
	assert_int_equal(lab_page_physical(physical, page, &at), 0);
	assert_true(at == (uintptr_t)lab_page_address(physical, page));
	assert_int_equal(lab_free_pages(physical, page, 0), 0);
	assert_int_equal(room_of(numbered).first_frame, 1000);
	all_frames(numbered, LAB_GFP_KERNEL, 16);
	assert_int_equal(room_of(holed).managed, 14);
	all_frames(holed, LAB_GFP_KERNEL, 14);
	assert_int_equal(room_of(exact).high, 96);
	all_frames(exact, LAB_MEMALLOC, 4096);
	all_frames(exact, LAB_GFP_KERNEL, 4096 - 32);
}

static void test_before_birth(void **state)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC, 0);
	struct lab_page *page = NULL;
	struct lab_ref ref = { 0, 0 };
	struct lab_page_info info;
	struct lab_step step;
	struct lab_stats stats;
	struct lab_room_stats room;

	(void)state;
	assert_int_equal(lab_ptr_err(lab_alloc_pages(unborn, LAB_GFP_ATOMIC, 0)), -LAB_ENXIO);
	assert_int_equal(lab_ptr_err(lab_alloc_pages(unborn, LAB_GFP_ATOMIC, 9)), -LAB_ENXIO);
	assert_int_equal(lab_ptr_err(lab_alloc_request(unborn, &request, NULL)), -LAB_ENXIO);
	assert_int_equal(lab_ptr_err(lab_alloc_at(unborn, 0, &request)), -LAB_ENXIO);
	assert_int_equal(lab_alloc_bulk(unborn, LAB_GFP_ATOMIC, 1, &page), -LAB_ENXIO);
	assert_null(lab_alloc(unborn, LAB_GFP_ATOMIC, 0));
	assert_int_equal(lab_free_pages(unborn, page, 0), -LAB_ENXIO);
	assert_int_equal(lab_free(unborn, &room, 0), -LAB_ENXIO);
	assert_int_equal(lab_free_as(unborn, page, 0, 1, 0), -LAB_ENXIO);
	assert_int_equal(lab_free_bulk(unborn, 1, &page), 0);
	assert_int_equal(lab_split(unborn, page, 1), -LAB_ENXIO);
	assert_null(lab_frame_page(unborn, 0));
	assert_null(lab_address_page(unborn, &room));
	assert_true(lab_page_frame(unborn, page) == UINT64_MAX);
	assert_int_equal(lab_route_show(unborn, &request, &step, 1), -LAB_ENXIO);
	assert_int_equal(lab_stats(unborn, &stats), -LAB_ENXIO);
	assert_int_equal(lab_room_stats(unborn, 0, &room), -LAB_ENXIO);
	assert_int_equal(lab_frame_offline(unborn, 0), -LAB_ENXIO);
	assert_int_equal(lab_frame_online(unborn, 0), -LAB_ENXIO);
	assert_int_equal(lab_room_offline(unborn, 0), -LAB_ENXIO);
	assert_int_equal(lab_room_online(unborn, 0), -LAB_ENXIO);
	assert_true(lab_leaf_free(unborn, 0, 0) < 0);
	assert_int_equal(lab_page_info(unborn, page, &info), -LAB_ERANGE);
	assert_int_equal(lab_page_ref(unborn, page, &ref), -LAB_ERANGE);
	assert_int_equal(lab_free_ref(unborn, ref, 0, 0), -LAB_ENXIO);
	assert_null(lab_page_address(unborn, page));
	assert_int_equal(LAB_BIRTH(unborn), 0);
	assert_int_equal(LAB_BIRTH(unborn), 0);
	all_frames(unborn, LAB_GFP_ATOMIC, 16);
}

static void test_refused(void **state)
{
	const char *why = NULL;

	(void)state;
	assert_int_equal(lab_ptr_err(lab_alloc_pages(wrong, LAB_GFP_ATOMIC, 0)), -LAB_ENXIO);
	assert_int_equal(LAB_BIRTH_WHY(wrong, &why), -LAB_EINVAL);
	assert_non_null(strstr(why, "watermarks"));
	assert_int_equal(lab_ptr_err(lab_alloc_pages(poor, LAB_GFP_ATOMIC, 0)), -LAB_ENXIO);
	assert_int_equal(LAB_BIRTH_WHY(poor, &why), -LAB_EINVAL);
	assert_non_null(strstr(why, "too small"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bound_plain),
		cmocka_unit_test(test_bound_watermarks),
		cmocka_unit_test(test_bound_is_constant),
		cmocka_unit_test(test_born_before_main),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_blocks_are_aligned),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_before_birth),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
