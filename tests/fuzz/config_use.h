/* SPDX-License-Identifier: MIT */
/*
 * config_use.h - a labyrinth out of a strange specification, used a little: everything in it is there, can be had
 * once, comes back, and the audit is quiet.  Its memory is never touched: any address will do.
 */
#ifndef FUZZ_CONFIG_USE_H
#define FUZZ_CONFIG_USE_H

#include "bytes.h"
#include "config_spec.h"

#define TAKE_MAX 100u /* frames of a room */
#define GOT_MAX (LAB_ROOMS_MAX * (TAKE_MAX + 80u))

struct got {
	struct lab_page *page;
	uint64_t frame;
	unsigned int order, room;
};

static struct {
	const struct lab_spec *spec;
	struct labyrinth *lab;
	struct got got[GOT_MAX];
	unsigned int count;
	uint64_t out[LAB_ROOMS_MAX]; /* frames, of each room */
	bool addresses; /* the rooms' memory is possible: no wrap, no overlap */
} use;

static inline void use_audit(void)
{
	struct lab_audit audit;

	CHECK(!lab_audit(use.lab, true, &audit), "audit: %s, room %d, frame %" PRIu64, audit.text, audit.room, audit.frame);
	CHECK(!lab_audit(use.lab, false, &audit) && !audit.in_hand, "an audit beside callers");
}

static inline bool is_hole(const struct lab_room_spec *room, uint64_t frame)
{
	size_t i;

	for (i = 0; i < room->hole_count; i++)
		if (frame - room->holes[i].first_frame < room->holes[i].frames)
			return true;
	return false;
}

static inline int use_room_of(uint64_t frame)
{
	unsigned int i;

	for (i = 0; i < use.spec->room_count; i++)
		if (frame - use.spec->rooms[i].first_frame < use.spec->rooms[i].frames)
			return (int)i;
	return -1;
}

/* Memory that could be: within the address space, and each room's its own. */
static inline bool memory_possible(const struct lab_spec *spec)
{
	unsigned int i, k;

	for (i = 0; i < spec->room_count; i++) {
		rule_wide begin = (uintptr_t)spec->rooms[i].memory, end = begin + ((rule_wide)spec->rooms[i].frames << spec->page_shift);

		if (begin && end > (rule_wide)UINTPTR_MAX - 65535)
			return false;
		for (k = 0; begin && k < i; k++) {
			rule_wide first = (uintptr_t)spec->rooms[k].memory;

			if (first && begin < first + ((rule_wide)spec->rooms[k].frames << spec->page_shift) && first < end)
				return false;
		}
	}
	return true;
}

/* ---- all names of a page ---- */

static inline void use_names(const struct got *got)
{
	const struct lab_room_spec *room = &use.spec->rooms[got->room];
	uint64_t distance = (got->frame - room->first_frame) << use.spec->page_shift, physical;
	char *address = room->memory ? (char *)((uintptr_t)room->memory + distance) : NULL;

	CHECK(lab_frame_page(use.lab, got->frame) == got->page, "the page of frame %" PRIu64, got->frame);
	CHECK(lab_page_physical(use.lab, got->page, &physical) == (room->physical_known ? 0 : -LAB_ENOTSUP), "physical");
	CHECK(lab_page_address(use.lab, got->page) == address, "the address of frame %" PRIu64, got->frame);
	if (use.addresses && address)
		CHECK(lab_address_page(use.lab, address) == got->page, "the page of %p", (void *)address);
}

static inline void use_edges(unsigned int number)
{
	const struct lab_room_spec *room = &use.spec->rooms[number];
	uint64_t frames[3] = { room->first_frame - 1, room->first_frame + room->frames, room->first_frame };
	struct lab_page_info info;
	size_t i;

	for (i = 0; i < 3; i++)
		CHECK(!lab_frame_page(use.lab, frames[i]) == (use_room_of(frames[i]) < 0), "frame %" PRIu64 " at an edge", frames[i]);
	for (i = 0; i < room->hole_count; i++) {
		const struct lab_page *page = lab_frame_page(use.lab, room->holes[i].first_frame);

		CHECK(!lab_page_info(use.lab, page, &info) && info.state == LAB_OFFLINE, "hole %zu is none", i);
		CHECK(lab_frame_online(use.lab, room->holes[i].first_frame) == -LAB_ERANGE, "a hole brought online");
	}
}

/* ---- taking ---- */

static inline void use_got(struct lab_page *page, unsigned int order, int room)
{
	struct got *got = &use.got[use.count];
	uint64_t i;

	CHECK(use.count < GOT_MAX, "more than there are");
	*got = (struct got){ .page = page, .frame = lab_page_frame(use.lab, page), .order = order };
	CHECK(got->frame != UINT64_MAX && use_room_of(got->frame) >= 0, "a page that is none");
	got->room = (unsigned int)use_room_of(got->frame);
	CHECK(room < 0 || (int)got->room == room, "a page of room %u, not %d", got->room, room);
	CHECK(!(got->frame & (((uint64_t)1 << order) - 1)), "frame %" PRIu64 " is not aligned", got->frame);
	for (i = 0; i < (uint64_t)1 << order; i++)
		CHECK(!is_hole(&use.spec->rooms[got->room], got->frame + i), "frame %" PRIu64 " is a hole", got->frame + i);
	for (i = 0; i < use.count; i++)
		CHECK(use.got[i].frame >= got->frame + ((uint64_t)1 << order) ||
			      got->frame >= use.got[i].frame + ((uint64_t)1 << use.got[i].order),
		      "frame %" PRIu64 " is given twice", got->frame);
	use_names(got);
	use.out[got->room] += (uint64_t)1 << order;
	use.count++;
}

/* All of a small room, much of a large one; then some blocks. */
static inline void use_room(unsigned int number)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_KERNEL | LAB_MEMALLOC, 0);
	uint64_t managed = rule_managed(&use.spec->rooms[number]), want = managed < TAKE_MAX ? managed : TAKE_MAX, n = 0;
	struct lab_page *page = NULL;

	request.room = (int16_t)number;
	for (request.order = LAB_ORDER_MAX; request.order; request.order--) {
		page = lab_alloc_request(use.lab, &request, NULL);
		if (!lab_is_err(page))
			use_got(page, request.order, (int)number);
		else
			CHECK(lab_ptr_err(page) == (use.out[number] == managed ? -LAB_ENOMEM : -LAB_ENOSPC), "%d", lab_ptr_err(page));
	}
	want -= use.out[number] < want ? use.out[number] : want;
	while (n < want && !lab_is_err(page = lab_alloc_request(use.lab, &request, NULL))) {
		use_got(page, 0, (int)number);
		n++;
	}
	CHECK(n == want, "%" PRIu64 " frames more of %" PRIu64 ", then %d", n, managed, lab_ptr_err(page));
	if (use.out[number] == managed) {
		page = lab_alloc_request(use.lab, &request, NULL);
		CHECK(lab_ptr_err(page) == -LAB_ENOMEM, "a frame beyond all of them, or %d", lab_ptr_err(page));
	}
}

/* As a program does: by flags, in bulk, by address. */
static inline void use_flags(struct bytes *in)
{
	static const lab_gfp_t kinds[] = { LAB_GFP_ATOMIC, LAB_GFP_KERNEL, LAB_GFP_HIGHUSER_MOVABLE, LAB_DMA, LAB_DMA32,
					   LAB_GFP_KERNEL | LAB_COLD, LAB_MEMALLOC | LAB_THISNODE, LAB_GFP_NOWAIT | LAB_EXCLUSIVE };
	lab_gfp_t gfp = kinds[pick(in, 8)];
	struct lab_page *pages[32], *page;
	long n = lab_alloc_bulk(use.lab, gfp & ~LAB_EXCLUSIVE, 32, pages), i;
	void *address;

	for (i = 0; i < n; i++)
		use_got(pages[i], 0, -1);
	address = lab_alloc(use.lab, gfp & ~LAB_EXCLUSIVE, 0);
	if (!address || !use.addresses) /* what cannot be looked up stays out: all of it goes with the metadata */
		return;
	page = lab_address_page(use.lab, address);
	CHECK(page, "no page at %p", address);
	CHECK(lab_free(use.lab, (char *)address + 1, 0) == -LAB_ERANGE, "freed by an address inside");
	CHECK(lab_free(use.lab, address, 0) == 0, "%p cannot be freed", address);
	CHECK(lab_free(use.lab, address, 0) == -LAB_EALREADY, "freed twice");
}

static inline void use_all(struct bytes *in)
{
	struct lab_room_stats stats;
	unsigned int i;

	use.count = 0;
	memset(use.out, 0, sizeof(use.out));
	use.addresses = memory_possible(use.spec);
	use_audit();
	for (i = 0; i < use.spec->room_count; i++)
		use_edges(i);
	if (use.addresses)
		use_flags(in);
	for (i = 0; i < use.spec->room_count; i++)
		use_room(i);
	use_audit();
	while (use.count) {
		const struct got *got = &use.got[--use.count];

		CHECK(!lab_free_as(use.lab, got->page, got->order, 0, 0), "frame %" PRIu64 " does not go back", got->frame);
		CHECK(lab_free_as(use.lab, got->page, got->order, 0, 0) == -LAB_EALREADY, "and goes back twice");
	}
	use_audit();
	for (i = 0; i < use.spec->room_count; i++) {
		CHECK(!lab_room_stats(use.lab, i, &stats), "no statistics");
		CHECK(stats.free_commons + stats.free_pooled == rule_managed(&use.spec->rooms[i]),
		      "room %u has %" PRIu64 " + %" PRIu64 " free in the end", i, stats.free_commons, stats.free_pooled);
	}
}

#endif
