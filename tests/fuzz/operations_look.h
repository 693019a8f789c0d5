/* SPDX-License-Identifier: MIT */
/*
 * operations_look.h - calls that only look: routes, conversions of anything, calls before birth and in a forked
 * child.  A part of operations.c.
 */
#ifndef FUZZ_OPERATIONS_LOOK_H
#define FUZZ_OPERATIONS_LOOK_H

static uint64_t unborn[1024] __attribute__((aligned(64))); /* zero-filled */

static struct labyrinth *not_born(void)
{
	return (struct labyrinth *)(void *)unborn;
}

/* The pools that a request may draw from, a bit each. */
static uint32_t bands_above(const struct rule_marks *marks, uint64_t floor)
{
	uint32_t bands = 0;
	unsigned int i;

	for (i = 0; i < marks->bands; i++)
		bands |= marks->floor[i] >= floor ? (uint32_t)1 << i : 0;
	return bands;
}

/* The way, as it is shown.  (With a room closed the text and the code differ; not asked here.) */
static void op_route(struct bytes *in)
{
	struct lab_request request = take_request(in);
	unsigned int deepest = rule_right(request.gfp), max = pick(in, 20), right, i, at = 0;
	struct lab_step steps[20], *step = steps;
	struct guess guess = { .error = 0 };
	struct way way;
	int n;

	for (i = 0; i < model.spec.room_count; i++)
		if (model.room[i].closed)
			return;
	memset(steps, 0xff, sizeof(steps));
	n = lab_route_show(model.lab, &request, steps, max);
	if (guess_way(&request, false, &way, &guess)) {
		CHECK(n == guess.error || n == guess.also, "a route for what is refused by %d: %d", guess.error, n);
		return;
	}
	for (right = LAB_RIGHT_LOW; right <= deepest; right++) {
		if (deepest == LAB_RIGHT_ALL && right > LAB_RIGHT_MIN)
			right = LAB_RIGHT_ALL;
		for (i = 0; i < way.rooms; i++, at++, step++) {
			const struct rule_marks *marks = &model.room[way.room[i]].marks;

			if (at >= max)
				continue;
			CHECK(step->room == way.room[i] && step->right == right, "step %u: room %d", at, step->room);
			CHECK(step->bands == bands_above(marks, rule_floor(marks, right, way.zone)), "step %u: pools %x", at,
			      step->bands);
		}
	}
	CHECK(n == (int)at, "%d steps, should be %u", n, at);
	for (; at < 20 && at >= max; at++)
		CHECK(steps[at].room == -1, "written behind the end");
}

/* Names of nothing. */
static void look_at_page(const void *at)
{
	const struct lab_page *page = at;
	struct lab_page_info info;
	uint64_t frame = UINT64_MAX, physical;
	bool real = locate(page, &frame);
	struct lab_ref ref = { 0, 0 };
	int error = lab_page_ref(model.lab, page, &ref);

	CHECK(lab_page_frame(model.lab, page) == frame, "the number of a page");
	CHECK(lab_page_info(model.lab, page, &info) == (real ? 0 : -LAB_ERANGE), "info");
	if (!real) {
		CHECK(error == -LAB_ERANGE, "a handle to nothing");
		CHECK(!lab_page_address(model.lab, page), "an address of nothing");
		CHECK(lab_page_physical(model.lab, page, &physical) == -LAB_ERANGE, "a physical address of nothing");
		return;
	}
	CHECK(error == (frame_at(frame)->state == HEAD ? 0 : -LAB_EALREADY), "a handle: %d", error);
	CHECK(error || (ref.frame == frame && ref.generation == frame_at(frame)->generation), "another handle");
}

static void op_look(struct bytes *in)
{
	uint64_t number = take_number(in);
	char *address = arena + take16(in) * (size_t)64;
	struct lab_room_stats stats;
	unsigned int room = take8(in);
	uintptr_t in_page = (uintptr_t)address & (((uintptr_t)1 << model.spec.page_shift) - 1);

	look_at_page(any_page(in));
	CHECK(lab_frame_page(model.lab, number) == (room_at(number) < 0 ? NULL : page_at(number)), "the page of a number");
	CHECK(lab_address_page(model.lab, address) == page_of_address(address - in_page), "the page of an address");
	CHECK(!lab_address_page(model.lab, (void *)(uintptr_t)(number >> 1)) ||
		      (number >> 1) - (uintptr_t)arena < sizeof(arena),
	      "the page of any address");
	if (room >= model.spec.room_count) {
		CHECK(lab_room_stats(model.lab, room, &stats) == -LAB_ENXIO, "statistics of no room");
		CHECK(lab_leaf_free(model.lab, room, 0) == -LAB_ENXIO, "a leaf of no room");
		CHECK(!lab_counter_name((enum lab_counter)(LAB_COUNTERS + room)), "the name of no counter");
	}
	if (big_operations++ < BIG_OPERATIONS)
		check_everything();
}

/* Every call that may be refused as a whole says this. */
static void all_refused(struct labyrinth *lab, struct lab_page *page, int error)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC, 0);
	struct lab_room_stats room;
	struct lab_answer answer;
	struct lab_step steps[2];
	struct lab_stats stats;
	struct lab_audit audit;
	struct lab_page *pages[2] = { page, page };

	CHECK(lab_ptr_err(lab_alloc_pages(lab, LAB_GFP_ATOMIC, 0)) == error, "alloc_pages");
	CHECK(lab_ptr_err(lab_alloc_pages(lab, LAB_GFP_KERNEL, 3)) == error, "alloc_pages, a block");
	CHECK(lab_ptr_err(lab_alloc_request(lab, &request, &answer)) == error && answer.room == -1, "alloc_request");
	CHECK(!lab_alloc(lab, LAB_GFP_ATOMIC, 0), "alloc");
	CHECK(lab_ptr_err(lab_alloc_at(lab, 0, &request)) == error, "alloc_at");
	CHECK(lab_alloc_bulk(lab, LAB_GFP_ATOMIC, 2, pages) == error, "alloc_bulk");
	CHECK(lab_free_pages(lab, page, 0) == error && lab_free(lab, page, 0) == error, "frees");
	CHECK(lab_free_as(lab, page, 0, 70000, 0) == error && lab_free_as(lab, page, 0, 1, 0) == error, "free_as");
	CHECK(lab_free_ref(lab, (struct lab_ref){ 0, 0 }, 99, 0) == error, "free_ref");
	CHECK(lab_free_bulk(lab, 2, pages) == 0, "free_bulk");
	CHECK(lab_split(lab, page, 1) == error, "split");
	CHECK(lab_route_show(lab, &request, steps, 2) == error, "route_show");
	CHECK(lab_frame_offline(lab, 0) == error && lab_frame_online(lab, 0) == error, "frames out of service");
	CHECK(lab_room_offline(lab, 0) == error && lab_room_online(lab, 0) == error, "rooms out of service");
	CHECK(lab_stats(lab, &stats) == error && lab_room_stats(lab, 0, &room) == error, "statistics");
	CHECK(lab_leaf_free(lab, 0, 0) == error && lab_audit(lab, true, &audit) == error, "leaves, audit");
}

static void op_forked(struct bytes *in)
{
	struct lab_page *page = (struct lab_page *)(uintptr_t)any_page(in);
	size_t i;

	all_refused(not_born(), page, -LAB_ENXIO);
	for (i = 0; i < sizeof(unborn) / sizeof(unborn[0]); i++)
		CHECK(!unborn[i], "written to before birth");
	CHECK(!lab_frame_page(not_born(), 0) && !lab_address_page(not_born(), arena), "found before birth");
	CHECK(lab_page_frame(not_born(), page) == UINT64_MAX, "numbered before birth");
	if (!model.spec.identity)
		return;
	model.identity = 0; /* as the kernel wipes it in a child */
	all_refused(model.lab, page, -LAB_ECHILD);
	look_at_page(page); /* conversions still answer */
	model.identity = LAB_IDENTITY;
}

static void make_stranger(void)
{
	static struct lab_room_spec room = { .name = "strange", .zone = LAB_ZONE_NORMAL, .frames = 16 };
	static const struct lab_spec spec = { .page_shift = 12, .cpus = 1, .rooms = &room, .room_count = 1 };
	static void *metadata;
	struct labyrinth *lab;

	if (metadata)
		return;
	CHECK(!posix_memalign(&metadata, 64, lab_metadata_bytes(&spec)), "no metadata");
	memset(metadata, 0, lab_metadata_bytes(&spec));
	CHECK(!lab_birth(&spec, metadata, lab_metadata_bytes(&spec), &lab, NULL, NULL), "birth");
	stranger = lab_alloc_pages(lab, LAB_GFP_KERNEL, 0);
}

#endif
