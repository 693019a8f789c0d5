/* SPDX-License-Identifier: MIT */
/*
 * test_exit.c - free and split: what is refused changes nothing and is counted by its cause; what comes
 * back goes where it is lacking most.
 */
#include "../support/room.h"
#include "layout.h"

#define FRAMES 2048u
#define LEAD 8u /* the first frame's number: inside a leaf */

static struct labyrinth *lab;
static char *memory;

static int setup(void **state)
{
	struct lab_room_spec room = { .name = "exit", .zone = LAB_ZONE_NORMAL, .first_frame = LEAD, .frames = FRAMES };
	struct lab_spec spec = spec_of(&room, 1);

	(void)state;
	room.memory = memory = zeroed(FRAMES * 4096);
	lab = born(&spec);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buried(lab);
	free(memory);
	return 0;
}

static void *copied(void)
{
	struct labyrinth *copy = zeroed(lab->bytes);

	memcpy(copy, lab, lab->bytes);
	return copy;
}

/* A call returned `error`: it must be `expected`, counted once, and nothing else have changed. */
static void assert_refused(struct labyrinth *before, int error, int expected, enum lab_counter counter)
{
	before->counter[counter]++;
	assert_int_equal(error, expected);
	assert_memory_equal(before, lab, lab->bytes);
	free(before);
}

#define REFUSED(call, code, counter)                                                                \
	do {                                                                                        \
		struct labyrinth *before = copied();                                                \
                                                                                                    \
		assert_refused(before, call, -(code), LAB_COUNT_##counter);                         \
	} while (0)

static struct lab_page *owned(unsigned int order, uint16_t owner, uint8_t use)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC, order);
	struct lab_page *page;

	request.owner = owner;
	request.use = use;
	page = lab_alloc_request(lab, &request, NULL);
	assert_false(lab_is_err(page));
	return page;
}

static void twice(void **state)
{
	struct lab_page *page = alloc_ok(lab, LAB_GFP_ATOMIC, 0), *block = alloc_ok(lab, LAB_GFP_ATOMIC, 4);

	(void)state;
	assert_int_equal(lab_free_pages(lab, page, 0), 0);
	REFUSED(lab_free_pages(lab, page, 0), LAB_EALREADY, DOUBLE);
	REFUSED(lab_free(lab, lab_page_address(lab, page), 0), LAB_EALREADY, DOUBLE);
	REFUSED(lab_free_as(lab, page, 0, 3, 0), LAB_EALREADY, DOUBLE);
	assert_int_equal(lab_free_pages(lab, block, 4), 0);
	REFUSED(lab_free_pages(lab, block, 4), LAB_EALREADY, DOUBLE);
	/* Never allocated at all. */
	REFUSED(lab_free_pages(lab, lab_frame_page(lab, 2000), 0), LAB_EALREADY, DOUBLE);
	assert_int_equal(lab_frame_offline(lab, 2001), 0);
	REFUSED(lab_free_pages(lab, lab_frame_page(lab, 2001), 0), LAB_EALREADY, DOUBLE);
}

static void another_order(void **state)
{
	unsigned int order, wrong;

	(void)state;
	for (order = 0; order <= LAB_ORDER_MAX; order++) {
		struct lab_page *page = alloc_ok(lab, LAB_GFP_ATOMIC, order);

		for (wrong = 0; wrong <= LAB_ORDER_MAX + 2; wrong++)
			if (wrong != order)
				REFUSED(lab_free_pages(lab, page, wrong), LAB_EMSGSIZE, ORDER);
		/* Not even where only the lowest bits are looked at. */
		REFUSED(lab_free_pages(lab, page, order + 16), LAB_EMSGSIZE, ORDER);
		REFUSED(lab_free_pages(lab, page, order + 256), LAB_EMSGSIZE, ORDER);
		REFUSED(lab_free_as(lab, page, order + 16, 0, 0), LAB_EMSGSIZE, ORDER);
		assert_int_equal(lab_free_pages(lab, page, order), 0);
	}
}

static void inside_a_block(void **state)
{
	unsigned int order;

	(void)state;
	for (order = 1; order <= LAB_ORDER_MAX; order++) {
		struct lab_page *page = alloc_ok(lab, LAB_GFP_ATOMIC, order);
		uint64_t head = lab_page_frame(lab, page), at[3] = { 1, (uint64_t)1 << (order - 1), ((uint64_t)1 << order) - 1 };
		size_t i;

		for (i = 0; i < COUNT_OF(at); i++) {
			struct lab_page *body = lab_frame_page(lab, head + at[i]);

			REFUSED(lab_free_pages(lab, body, 0), LAB_ENOTBLK, BODY);
			REFUSED(lab_free_pages(lab, body, order), LAB_ENOTBLK, BODY);
			REFUSED(lab_split(lab, body, order), LAB_ENOTBLK, BODY);
		}
		assert_int_equal(lab_free_pages(lab, page, order), 0);
	}
}

static void another_owner_or_use(void **state)
{
	struct lab_page *page = owned(2, 7, 5), *nobodys = owned(0, 0, 0);

	(void)state;
	REFUSED(lab_free_pages(lab, page, 2), LAB_EPERM, FOREIGN);
	REFUSED(lab_free(lab, lab_page_address(lab, page), 2), LAB_EPERM, FOREIGN);
	REFUSED(lab_free_as(lab, page, 2, 8, 5), LAB_EPERM, FOREIGN);
	REFUSED(lab_free_as(lab, page, 2, 0, 5), LAB_EPERM, FOREIGN);
	REFUSED(lab_free_as(lab, page, 2, LAB_OWNER_MAX + 8, 5), LAB_EPERM, FOREIGN);
	REFUSED(lab_free_as(lab, page, 2, 7, 4), LAB_EPROTOTYPE, USE);
	REFUSED(lab_free_as(lab, nobodys, 0, 0, 1), LAB_EPROTOTYPE, USE);
	REFUSED(lab_free_as(lab, nobodys, 0, 7, 0), LAB_EPERM, FOREIGN);
	assert_int_equal(lab_free_as(lab, page, 2, 7, 5), 0);
	page = owned(0, 7, 5);
	assert_int_equal(lab_free_as(lab, page, 0, 7, 0), 0); /* 0: whatever it was */
	assert_int_equal(lab_free_as(lab, nobodys, 0, 0, 0), 0);
}

static void stale_handles(void **state)
{
	struct lab_page *page = owned(0, 9, 0);
	struct lab_ref ref, old;

	(void)state;
	assert_int_equal(lab_page_ref(lab, page, &ref), 0);
	old = ref;
	old.generation--;
	REFUSED(lab_free_ref(lab, old, 0, 9), LAB_ESTALE, STALE);
	REFUSED(lab_free_ref(lab, ref, 0, 8), LAB_EPERM, FOREIGN);
	REFUSED(lab_free_ref(lab, ref, 1, 9), LAB_EMSGSIZE, ORDER);
	REFUSED(lab_free_ref(lab, ref, 16, 9), LAB_EMSGSIZE, ORDER);
	REFUSED(lab_free_ref(lab, ref, 0, LAB_OWNER_MAX + 1 + 9), LAB_EPERM, FOREIGN);
	assert_int_equal(lab_free_ref(lab, ref, 0, 9), 0);
	REFUSED(lab_free_ref(lab, ref, 0, 9), LAB_ESTALE, STALE);
	assert_ptr_equal(owned(0, 9, 0), page); /* the same frame, the same owner, another life */
	REFUSED(lab_free_ref(lab, ref, 0, 9), LAB_ESTALE, STALE);
	/* A handle of this very life of a frame that nobody has. */
	ref.frame = LEAD + FRAMES - 1;
	ref.generation = 0;
	REFUSED(lab_free_ref(lab, ref, 0, 9), LAB_EALREADY, DOUBLE);
	ref.frame = LEAD + FRAMES;
	REFUSED(lab_free_ref(lab, ref, 0, 9), LAB_ERANGE, RANGE);
	assert_int_equal(lab_free_as(lab, page, 0, 9, 0), 0);
}

static void not_a_page(void **state)
{
	struct lab_page *first = lab_frame_page(lab, LEAD), *page = alloc_ok(lab, LAB_GFP_ATOMIC, 0);
	char *address = lab_page_address(lab, page);
	static char elsewhere[8192];

	(void)state;
	REFUSED(lab_free_pages(lab, NULL, 0), LAB_ERANGE, RANGE);
	REFUSED(lab_free_pages(lab, (struct lab_page *)(void *)elsewhere, 0), LAB_ERANGE, RANGE);
	REFUSED(lab_free_pages(lab, (struct lab_page *)(void *)((char *)page + 1), 0), LAB_ERANGE, RANGE);
	/* A descriptor, but of no frame: before the room's first one. */
	REFUSED(lab_free_pages(lab, (struct lab_page *)(void *)((char *)first - sizeof(lab_word)), 0), LAB_ERANGE, RANGE);
	REFUSED(lab_free(lab, NULL, 0), LAB_ERANGE, RANGE);
	REFUSED(lab_free(lab, elsewhere, 0), LAB_ERANGE, RANGE);
	REFUSED(lab_free(lab, memory + FRAMES * 4096, 0), LAB_ERANGE, RANGE);
	REFUSED(lab_free(lab, address + 1, 0), LAB_ERANGE, RANGE);
	REFUSED(lab_free(lab, address + 2048, 0), LAB_ERANGE, RANGE);
	REFUSED(lab_free(lab, address, LAB_ORDER_MAX + 1), LAB_EMSGSIZE, ORDER);
	REFUSED(lab_free_as(lab, page, 0, 0, LAB_USE_MAX + 1), LAB_EPERM, FOREIGN);
	REFUSED(lab_split(lab, NULL, 0), LAB_ERANGE, RANGE);
	REFUSED(lab_split(lab, (struct lab_page *)(void *)((char *)page + 2), 0), LAB_ERANGE, RANGE);
	assert_int_equal(lab_free(lab, address, 0), 0);
}

/* Addresses mean nothing where there is no memory; a labyrinth that is not born refuses everything. */
static void neither_memory_nor_birth(void **state)
{
	struct labyrinth *numbers = born_plain(512);
	struct lab_page *page = alloc_ok(numbers, LAB_GFP_ATOMIC, 0);

	(void)state;
	assert_int_equal(lab_free(numbers, memory, 0), -LAB_ERANGE);
	assert_int_equal(counted(numbers, LAB_COUNT_RANGE), 1);
	numbers->magic = 0;
	assert_int_equal(lab_free_as(numbers, page, 0, LAB_OWNER_MAX + 1, 0), -LAB_ENXIO);
	assert_int_equal(lab_free_as(numbers, page, 0, 0, 0), -LAB_ENXIO);
	numbers->magic = LAB_MAGIC;
	assert_int_equal(lab_free_as(numbers, page, 0, 0, 0), 0);
	buried(numbers);
}

/* A page in a pool is nobody's to free. */
static void pooled_pages(void **state)
{
	struct labyrinth *plain = lab;
	struct lab_page_info info;
	uint64_t frame = 0;

	(void)state;
	lab = born_marked();
	do
		assert_int_equal(lab_page_info(lab, lab_frame_page(lab, frame++), &info), 0);
	while (info.state != LAB_POOLED);
	REFUSED(lab_free_pages(lab, lab_frame_page(lab, info.frame), 0), LAB_EALREADY, DOUBLE);
	REFUSED(lab_split(lab, lab_frame_page(lab, info.frame), 0), LAB_EALREADY, DOUBLE);
	buried(lab);
	lab = plain;
}

/* ---- split ---- */

static void split_blocks(void **state)
{
	unsigned int order;
	uint64_t head, i;

	(void)state;
	for (order = 0; order <= LAB_ORDER_MAX; order++) {
		struct lab_page *page = owned(order, 12, 3);
		struct lab_page_info info;

		head = lab_page_frame(lab, page);
		assert_int_equal(lab_split(lab, page, order), 0);
		for (i = 0; i < (uint64_t)1 << order; i++) {
			assert_int_equal(lab_page_info(lab, lab_frame_page(lab, head + i), &info), 0);
			assert_int_equal(info.state, LAB_OWNED);
			assert_int_equal(info.order, 0);
			assert_int_equal(info.owner, 12);
			assert_int_equal(info.use, 3);
		}
		assert_whole(lab);
		if (order)
			REFUSED(lab_free_as(lab, page, order, 12, 3), LAB_EMSGSIZE, ORDER);
		for (i = (uint64_t)1 << order; i-- > 0;)
			assert_int_equal(lab_free_as(lab, lab_frame_page(lab, head + i), 0, 12, 3), 0);
		REFUSED(lab_split(lab, page, order), LAB_EALREADY, DOUBLE);
	}
	assert_int_equal(free_frames(lab, 0), FRAMES);
}

static void split_refusals(void **state)
{
	struct lab_page *page = alloc_ok(lab, LAB_GFP_ATOMIC, 3);

	(void)state;
	REFUSED(lab_split(lab, page, 2), LAB_EMSGSIZE, ORDER);
	REFUSED(lab_split(lab, page, 4), LAB_EMSGSIZE, ORDER);
	REFUSED(lab_split(lab, page, 19), LAB_EMSGSIZE, ORDER);
	assert_int_equal(lab_free_pages(lab, page, 3), 0);
}

/* A mark for the block is a mark for its first frame, before and after. */
static void split_of_a_marked_block(void **state)
{
	struct lab_page *page = alloc_ok(lab, LAB_GFP_ATOMIC, 2);
	uint64_t head = lab_page_frame(lab, page), i;
	struct lab_page_info info;

	(void)state;
	assert_int_equal(lab_frame_offline(lab, head), -LAB_EBUSY);
	assert_int_equal(lab_split(lab, page, 2), 0);
	for (i = 0; i < 4; i++)
		assert_int_equal(lab_free_pages(lab, lab_frame_page(lab, head + i), 0), 0);
	for (i = 0; i < 4; i++) {
		assert_int_equal(lab_page_info(lab, lab_frame_page(lab, head + i), &info), 0);
		assert_int_equal(info.state, i ? LAB_FREE : LAB_OFFLINE);
	}
	assert_int_equal(free_frames(lab, 0), FRAMES - 1);
}

/* ---- where it goes ---- */

static void assert_fill(const struct labyrinth *of, const uint64_t *expected)
{
	struct lab_room_stats stats;
	unsigned int i;

	assert_int_equal(lab_room_stats(of, 0, &stats), 0);
	for (i = 0; i < 5; i++)
		assert_int_equal(stats.band_free[i], expected[i]);
}

static void refill_innermost_first(void **state)
{
	static const uint64_t size[5] = { 38, 12, 50, 50, 50 };
	struct labyrinth *marked = born_marked();
	struct lab_page *single[300], *block = alloc_ok(marked, LAB_GFP_KERNEL, 3);
	uint64_t fill[5] = { 8, 0, 0, 0, 0 };
	unsigned int n = 0, band = 0, i = 0;
	struct lab_page *page;

	(void)state;
	while (!lab_is_err(page = lab_alloc_pages(marked, LAB_MEMALLOC, 0)))
		single[n++ % COUNT_OF(single)] = page;
	assert_int_equal(n, MARKED_FRAMES - 8);
	assert_int_equal(lab_free_pages(marked, block, 3), 0); /* a block fills as its frames would */
	assert_fill(marked, fill);
	while (band < 5) {
		assert_int_equal(lab_free_pages(marked, single[i++], 0), 0);
		fill[band]++;
		assert_fill(marked, fill);
		band += fill[band] == size[band];
	}
	assert_int_equal(i, 192);
	assert_int_equal(lab_free_pages(marked, single[i], 0), 0); /* nobody lacks: to its leaf */
	assert_fill(marked, size);
	assert_int_equal(free_frames(marked, 0), 201);
	buried(marked);
}

/* Whatever was broken for a block is one again. */
static void freed_blocks_are_whole_again(void **state)
{
	struct lab_room_stats stats;
	unsigned int order;

	(void)state;
	for (order = 0; order <= LAB_ORDER_MAX; order++) {
		struct lab_page *page = alloc_ok(lab, LAB_GFP_ATOMIC, order);

		assert_int_equal(lab_free_pages(lab, page, order), 0);
		assert_int_equal(lab_room_stats(lab, 0, &stats), 0);
		assert_int_equal(stats.leaves_whole, FRAMES / 512 - 1); /* 8 are missing at the first, 504 at the last */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(twice, setup, teardown),
		cmocka_unit_test_setup_teardown(another_order, setup, teardown),
		cmocka_unit_test_setup_teardown(inside_a_block, setup, teardown),
		cmocka_unit_test_setup_teardown(another_owner_or_use, setup, teardown),
		cmocka_unit_test_setup_teardown(stale_handles, setup, teardown),
		cmocka_unit_test_setup_teardown(not_a_page, setup, teardown),
		cmocka_unit_test_setup_teardown(neither_memory_nor_birth, setup, teardown),
		cmocka_unit_test_setup_teardown(pooled_pages, setup, teardown),
		cmocka_unit_test_setup_teardown(split_blocks, setup, teardown),
		cmocka_unit_test_setup_teardown(split_refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(split_of_a_marked_block, setup, teardown),
		cmocka_unit_test_setup_teardown(refill_innermost_first, setup, teardown),
		cmocka_unit_test_setup_teardown(freed_blocks_are_whole_again, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
