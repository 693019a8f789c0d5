/* SPDX-License-Identifier: MIT */
/*
 * test_page.c - one page by its four names, and what its tag says.
 */
#include "../support/room.h"

/*
 * Three rooms: one that begins inside a leaf, with memory; one of numbers only, with a hole; one whose
 * frame numbers are physical.
 */
#define FIRST 700u
#define FRAMES 600u

struct trio {
	struct labyrinth *lab;
	char *memory, *physical;
};

static int setup(void **state)
{
	static const struct lab_hole hole = { 4100, 10 };
	static struct trio trio;
	struct lab_room_spec rooms[3] = {
		{ .name = "lead", .zone = LAB_ZONE_DMA, .first_frame = FIRST, .frames = FRAMES },
		{ .name = "numbers", .zone = LAB_ZONE_NORMAL, .first_frame = 4096, .frames = 512, .holes = &hole,
		  .hole_count = 1 },
		{ .name = "physical", .zone = LAB_ZONE_MOVABLE, .first_frame = 0x123456, .frames = 8,
		  .physical_known = true },
	};
	struct lab_spec spec = spec_of(rooms, 3);

	trio.memory = zeroed(FRAMES * 4096);
	trio.physical = zeroed(8 * 4096);
	rooms[0].memory = trio.memory;
	rooms[2].memory = trio.physical;
	trio.lab = born(&spec);
	*state = &trio;
	return 0;
}

static int teardown(void **state)
{
	struct trio *trio = *state;

	buried(trio->lab);
	free(trio->memory);
	free(trio->physical);
	return 0;
}

static void frames_and_pages(void **state)
{
	static const uint64_t none[] = { 0, FIRST - 1, FIRST + FRAMES, 4095, 4096 + 512, 0x123455, 0x12345e, UINT64_MAX };
	struct trio *trio = *state;
	uint64_t frame;
	size_t i;

	for (frame = FIRST; frame < FIRST + FRAMES; frame++) {
		struct lab_page *page = lab_frame_page(trio->lab, frame);

		assert_non_null(page);
		assert_int_equal(lab_page_frame(trio->lab, page), frame);
		assert_ptr_equal(lab_page_address(trio->lab, page), trio->memory + (frame - FIRST) * 4096);
	}
	for (frame = 4096; frame < 4096 + 512; frame++) {
		assert_int_equal(lab_page_frame(trio->lab, lab_frame_page(trio->lab, frame)), frame);
		assert_null(lab_page_address(trio->lab, lab_frame_page(trio->lab, frame)));
	}
	for (i = 0; i < COUNT_OF(none); i++)
		assert_null(lab_frame_page(trio->lab, none[i]));
}

static void addresses_and_pages(void **state)
{
	struct trio *trio = *state;
	size_t i;
	int local;

	for (i = 0; i < FRAMES; i++) {
		struct lab_page *page = lab_address_page(trio->lab, trio->memory + i * 4096);

		assert_int_equal(lab_page_frame(trio->lab, page), FIRST + i);
		/* Any byte of it. */
		assert_ptr_equal(lab_address_page(trio->lab, trio->memory + i * 4096 + 1), page);
		assert_ptr_equal(lab_address_page(trio->lab, trio->memory + i * 4096 + 4095), page);
	}
	assert_null(lab_address_page(trio->lab, trio->memory - 1));
	assert_null(lab_address_page(trio->lab, trio->memory + FRAMES * 4096));
	assert_null(lab_address_page(trio->lab, NULL));
	assert_null(lab_address_page(trio->lab, (void *)4096));
	assert_null(lab_address_page(trio->lab, &local));
	assert_null(lab_address_page(trio->lab, (void *)UINTPTR_MAX));
}

/* Not a page: not of this labyrinth, before a room's first frame, or in the middle of a descriptor. */
static void no_pages(void **state)
{
	struct trio *trio = *state;
	struct lab_page *first = lab_frame_page(trio->lab, FIRST);
	struct lab_page_info info;
	struct lab_ref ref;
	uint64_t physical, i;
	char *const wrong[] = { NULL, (char *)trio->lab, (char *)trio->memory, (char *)first + 1, (char *)first + 3,
				(char *)first - sizeof(uintptr_t), (char *)UINTPTR_MAX };

	for (i = 0; i < COUNT_OF(wrong); i++) {
		struct lab_page *page = (struct lab_page *)(void *)wrong[i];

		assert_true(lab_page_frame(trio->lab, page) == UINT64_MAX);
		assert_null(lab_page_address(trio->lab, page));
		assert_int_equal(lab_page_physical(trio->lab, page, &physical), -LAB_ERANGE);
		assert_int_equal(lab_page_info(trio->lab, page, &info), -LAB_ERANGE);
		assert_int_equal(lab_page_ref(trio->lab, page, &ref), -LAB_ERANGE);
	}
}

static void physical_addresses(void **state)
{
	struct trio *trio = *state;
	uint64_t physical = 0, i;

	assert_int_equal(lab_page_physical(trio->lab, lab_frame_page(trio->lab, FIRST), &physical), -LAB_ENOTSUP);
	assert_int_equal(physical, 0);
	for (i = 0; i < 8; i++) {
		assert_int_equal(lab_page_physical(trio->lab, lab_frame_page(trio->lab, 0x123456 + i), &physical), 0);
		assert_int_equal(physical, (0x123456 + i) * 4096);
	}
}

static void info_and_refs(void **state)
{
	struct trio *trio = *state;
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC, 3);
	struct lab_page_info info;
	struct lab_page *page;
	struct lab_ref ref;
	uint32_t generation;

	request.owner = 33;
	request.use = 7;
	request.room = 1;
	page = lab_alloc_request(trio->lab, &request, NULL);
	assert_int_equal(lab_page_info(trio->lab, page, &info), 0);
	assert_int_equal(info.frame, lab_page_frame(trio->lab, page));
	assert_int_equal(info.room, 1);
	assert_int_equal(info.state, LAB_OWNED);
	assert_int_equal(info.owner, 33);
	assert_int_equal(info.use, 7);
	assert_int_equal(info.order, 3);
	assert_false(info.poisoned);
	generation = info.generation;
	assert_int_equal(lab_page_ref(trio->lab, page, &ref), 0);
	assert_int_equal(ref.frame, info.frame);
	assert_int_equal(ref.generation, generation);
	/* A frame inside the block says nothing. */
	assert_int_equal(lab_page_info(trio->lab, lab_frame_page(trio->lab, info.frame + 1), &info), 0);
	assert_int_equal(info.state, LAB_FREE);
	assert_int_equal(lab_page_ref(trio->lab, lab_frame_page(trio->lab, ref.frame + 1), &ref), -LAB_EALREADY);
	assert_int_equal(lab_free_as(trio->lab, page, 3, 33, 7), 0);
	assert_int_equal(lab_page_info(trio->lab, page, &info), 0);
	assert_int_equal(info.state, LAB_FREE);
	assert_int_equal(info.generation, generation + 1);
	assert_int_equal(info.owner + info.use + info.order, 0);
	assert_int_equal(lab_page_ref(trio->lab, page, &ref), -LAB_EALREADY);
	/* A hole is out of service. */
	assert_int_equal(lab_page_info(trio->lab, lab_frame_page(trio->lab, 4100), &info), 0);
	assert_int_equal(info.state, LAB_OFFLINE);
}

/* Addresses of larger pages. */
static void page_sizes(void **state)
{
	static const unsigned int shifts[] = { 12, 14, 16 };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(shifts); i++) {
		unsigned int shift = shifts[i];
		char *memory = zeroed((size_t)16 << shift);
		struct lab_room_spec room = { .name = "sized", .zone = LAB_ZONE_NORMAL, .frames = 16, .memory = memory,
					      .first_frame = 1024, .physical_known = true };
		struct lab_spec spec = spec_of(&room, 1);
		struct labyrinth *lab;
		struct lab_page *page;
		uint64_t physical;
		char *address;

		spec.page_shift = shift;
		lab = born(&spec);
		address = lab_alloc(lab, LAB_GFP_ATOMIC | LAB_ZERO, 2);
		assert_non_null(address);
		assert_int_equal((size_t)(address - memory) % ((size_t)4 << shift), 0);
		page = lab_address_page(lab, address + ((size_t)1 << shift) - 1);
		assert_ptr_equal(lab_page_address(lab, page), address);
		assert_int_equal(lab_page_physical(lab, page, &physical), 0);
		assert_int_equal(physical, ((uint64_t)1024 << shift) + (uint64_t)(address - memory));
		assert_int_equal(lab_free(lab, address, 2), 0);
		buried(lab);
		free(memory);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(frames_and_pages, setup, teardown),
		cmocka_unit_test_setup_teardown(addresses_and_pages, setup, teardown),
		cmocka_unit_test_setup_teardown(no_pages, setup, teardown),
		cmocka_unit_test_setup_teardown(physical_addresses, setup, teardown),
		cmocka_unit_test_setup_teardown(info_and_refs, setup, teardown),
		cmocka_unit_test(page_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
