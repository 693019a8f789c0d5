/* SPDX-License-Identifier: MIT */
/*
 * stranded_paths.h - every way by which a frame, or a block, comes back; and what the hints may say then.
 */
#ifndef STRANDED_PATHS_H
#define STRANDED_PATHS_H

#include <labyrinth/linux.h>

#include "stranded_takers.h"

/*
 * `prepare`, with the 2^order frames at `frame` in use singly (by order 3 for a piece: its whole block of
 * eight): makes them ready for this way.  `put`: lets them go; returns how many are loose then, from
 * frame + *first on.
 */
struct path {
	const char *name;
	unsigned int least, most; /* orders */
	bool memory, one_room;	  /* needs memory; needs its room to be room 0 */
	void (*prepare)(uint64_t frame, unsigned int order);
	uint64_t (*put)(uint64_t frame, unsigned int order, uint64_t *first);
};

static char case_name[96]; /* for complaints */

static inline void must(int error, const char *what)
{
	if (error)
		machine_fail(case_name, "%s: %d", what, error);
}

/* Give these frames up singly and take them again in another shape. */
static inline void reshape(uint64_t frame, unsigned int order, unsigned int owner, unsigned int use)
{
	struct lab_request request = LAB_REQUEST(LAB_MEMALLOC, order);
	uint64_t i;

	request.owner = (uint16_t)owner;
	request.use = (uint8_t)use;
	for (i = 0; i < (uint64_t)1 << order; i++)
		must(lab_free_pages(stage.lab, page_at(frame + i), 0), "a free before");
	must(lab_ptr_err(lab_alloc_at(stage.lab, frame, &request)), "alloc_at before");
}

static inline uint64_t all_of(unsigned int order)
{
	return (uint64_t)1 << order;
}

static void as_it_is(uint64_t frame, unsigned int order)
{
	(void)frame;
	(void)order;
}

static void as_block(uint64_t frame, unsigned int order)
{
	reshape(frame, order, 0, 0);
}

static void as_owned(uint64_t frame, unsigned int order)
{
	reshape(frame, order, 7, 3);
}

static uint64_t put_pages(uint64_t frame, unsigned int order, uint64_t *first)
{
	(void)first;
	must(lab_free_pages(stage.lab, page_at(frame), order), "free_pages");
	return all_of(order);
}

static uint64_t put_address(uint64_t frame, unsigned int order, uint64_t *first)
{
	(void)first;
	must(lab_free(stage.lab, lab_page_address(stage.lab, page_at(frame)), order), "free");
	return all_of(order);
}

static uint64_t put_as(uint64_t frame, unsigned int order, uint64_t *first)
{
	(void)first;
	must(lab_free_as(stage.lab, page_at(frame), order, 7, 3), "free_as");
	return all_of(order);
}

static uint64_t put_ref(uint64_t frame, unsigned int order, uint64_t *first)
{
	struct lab_ref ref;

	(void)first;
	must(lab_page_ref(stage.lab, page_at(frame), &ref), "page_ref");
	must(lab_free_ref(stage.lab, ref, order, 7), "free_ref");
	return all_of(order);
}

/* Among pages that are refused. */
static uint64_t put_bulk(uint64_t frame, unsigned int order, uint64_t *first)
{
	struct lab_page *page[LEAF + 3];
	uint64_t n = 0, i;

	(void)first;
	page[n++] = NULL;
	for (i = 0; i < all_of(order); i++)
		page[n++] = page_at(frame + i);
	page[n++] = page_at(frame); /* a double free by now, or soon */
	page[n++] = (struct lab_page *)stage.lab;
	if (lab_free_bulk(stage.lab, n, page) != all_of(order))
		machine_fail(case_name, "free_bulk freed another number than that of its pages");
	return all_of(order);
}

/* One piece of a split block of eight. */
static void as_piece(uint64_t frame, unsigned int order)
{
	(void)order;
	reshape(frame & ~(uint64_t)7, 3, 0, 0);
	must(lab_split(stage.lab, page_at(frame & ~(uint64_t)7), 3), "split");
}

static uint64_t put_split(uint64_t frame, unsigned int order, uint64_t *first)
{
	uint64_t i;

	(void)first;
	must(lab_split(stage.lab, page_at(frame), order), "split");
	for (i = all_of(order); i-- > 0;)
		must(lab_free_pages(stage.lab, page_at(frame + i), 0), "the free of a piece");
	return all_of(order);
}

static uint64_t put_split_bulk(uint64_t frame, unsigned int order, uint64_t *first)
{
	must(lab_split(stage.lab, page_at(frame), order), "split");
	return put_bulk(frame, order, first);
}

/* Out of service while it was free, or when it was freed; then back. */
static void as_offline(uint64_t frame, unsigned int order)
{
	(void)order;
	must(lab_free_pages(stage.lab, page_at(frame), 0), "a free before");
	must(lab_frame_offline(stage.lab, frame), "offline");
}

static void as_poisoned(uint64_t frame, unsigned int order)
{
	(void)order;
	must(lab_frame_offline(stage.lab, frame) + LAB_EBUSY, "offline of a frame in use");
	must(lab_free_pages(stage.lab, page_at(frame), 0), "a free before");
}

static uint64_t put_online(uint64_t frame, unsigned int order, uint64_t *first)
{
	(void)first;
	must(lab_frame_online(stage.lab, frame), "online");
	return all_of(order);
}

/* A block whose head is marked bad: the rest goes back. */
static void as_bad_block(uint64_t frame, unsigned int order)
{
	reshape(frame, order, 0, 0);
	must(lab_frame_offline(stage.lab, frame) + LAB_EBUSY, "offline of a block's head");
}

static uint64_t put_bad_block(uint64_t frame, unsigned int order, uint64_t *first)
{
	*first = 1;
	put_pages(frame, order, first);
	return all_of(order) - 1;
}

/* Freed while its room was closed. */
static void as_closed(uint64_t frame, unsigned int order)
{
	if (lab_room_offline(stage.lab, room_at(frame)) < 0)
		machine_fail(case_name, "the room did not close");
	stage.closed[room_at(frame)] = true;
	must(lab_free_pages(stage.lab, page_at(frame), order), "a free before");
}

static uint64_t put_opened(uint64_t frame, unsigned int order, uint64_t *first)
{
	(void)first;
	must(lab_room_online(stage.lab, room_at(frame)), "room_online");
	stage.closed[room_at(frame)] = false;
	return all_of(order);
}

static void as_exclusive(uint64_t frame, unsigned int order)
{
	reshape(frame, order, LAB_OWNER_EXCLUSIVE, 0);
}

static uint64_t put_exclusive(uint64_t frame, unsigned int order, uint64_t *first)
{
	(void)first;
	lab_set_default(stage.lab);
	must(labyrinth_void_free_page_exclusive(lab_page_address(stage.lab, page_at(frame))), "free_page_exclusive");
	return all_of(order);
}

/* The names that Linux has. */
static uint64_t put_linux(uint64_t frame, unsigned int order, uint64_t *first)
{
	(void)first;
	lab_set_default(stage.lab);
	__free_pages(pfn_to_page(frame), order);
	return all_of(order);
}

static uint64_t put_linux_exact(uint64_t frame, unsigned int order, uint64_t *first)
{
	(void)first;
	lab_set_default(stage.lab);
	split_page(pfn_to_page(frame), order);
	free_pages_exact(page_address(pfn_to_page(frame)), (size_t)4096 << order);
	return all_of(order);
}

static const struct path paths[] = {
	{ "free_pages", 0, 0, false, false, as_it_is, put_pages },
	{ "free", 0, 0, true, true, as_it_is, put_address },
	{ "free_as", 0, 0, false, false, as_owned, put_as },
	{ "free_ref", 0, 0, false, false, as_owned, put_ref },
	{ "free_bulk", 0, 0, false, false, as_it_is, put_bulk },
	{ "piece", 0, 0, false, false, as_piece, put_pages },
	{ "piece-bulk", 0, 0, false, false, as_piece, put_bulk },
	{ "frame_online", 0, 0, false, false, as_offline, put_online },
	{ "frame_online-marked", 0, 0, false, false, as_poisoned, put_online },
	{ "room_online", 0, 0, false, false, as_closed, put_opened },
	{ "exclusive", 0, 0, true, true, as_exclusive, put_exclusive },
	{ "linux", 0, 0, false, false, as_it_is, put_linux },
	{ "block", 1, 9, false, false, as_block, put_pages },
	{ "block-address", 1, 9, true, true, as_block, put_address },
	{ "block-as", 1, 9, false, false, as_owned, put_as },
	{ "block-ref", 1, 9, false, false, as_owned, put_ref },
	{ "block-split", 1, 9, false, false, as_block, put_split },
	{ "block-split-bulk", 1, 9, false, false, as_block, put_split_bulk },
	{ "block-marked", 1, 9, false, false, as_bad_block, put_bad_block },
	{ "block-linux-exact", 1, 9, true, true, as_block, put_linux_exact },
	{ "singles", 1, 9, false, false, as_it_is, put_bulk },
};
#define PATHS (sizeof(paths) / sizeof(*paths))

/* ---- hints: what the metadata may also say at that moment ---- */

enum poke { POKE_HISTORY, POKE_NONE, POKE_THERE, POKE_SAME_LEAF, POKE_NEXT_LEAF, POKE_FIRST_LEAF, POKE_LAST_LEAF,
	    POKE_LEFT, POKE_FOREIGN, POKE_STALE, POKES };

static const char *const poke_name[POKES] = {
	"hints as they came", "no hints", "all hints at its word", "all hints at its leaf", "all hints at the next leaf",
	"all hints at the first leaf", "all hints at the last leaf", "its leaf the asker's, another CPU freeing there",
	"its leaf another CPU's", "all order hints and summaries too high",
};

static inline void poke_hints(struct lab_room *room, lab_word near)
{
	unsigned int cpu, slot;

	for (cpu = 0; cpu <= room->cpu_mask; cpu++)
		for (slot = 0; slot < LAB_HINTS; slot++)
			room_cpu(room, cpu)->near[slot] = near;
}

/* Order hints are never too low at rest; too high they may be. */
static inline void poke_stale(struct lab_room *room)
{
	lab_word leaf, nodes = room->commons.leaves;
	unsigned int level;

	for (leaf = 0; leaf < nodes; leaf++)
		room_note(room, leaf)->hint &= ~(uint32_t)15;
	for (level = 0; level < room->commons.height; level++) {
		nodes = (nodes + LAB_FANOUT - 1) / LAB_FANOUT;
		memset(room_summary(room, level), 0, nodes * sizeof(struct lab_summary));
	}
}

static inline void poke(enum poke which, const struct taker *taker, uint64_t frame)
{
	struct lab_room *room = inside(room_at(frame));
	lab_bit bit = bit_of(frame);
	lab_word leaf = bit / LEAF, leaves = room->commons.leaves;
	const lab_word near[POKES] = {
		[POKE_THERE] = (bit & ~(lab_bit)(LAB_WORD_BITS - 1)) + 1,
		[POKE_SAME_LEAF] = leaf * LEAF + (bit + LAB_WORD_BITS) % LEAF + 1,
		[POKE_NEXT_LEAF] = (leaf + 1) % leaves * LEAF + 1,
		[POKE_FIRST_LEAF] = 1,
		[POKE_LAST_LEAF] = (leaves - 1) * LEAF + 1,
	};
	unsigned int self = taker->cpu & room->cpu_mask, other = (taker->cpu + 1) & room->cpu_mask;
	unsigned int slot = taker->gfp & LAB_COLD ? LAB_COLD_HINT : taker->gfp >> 3 & 3;
	struct lab_note *note = room_note(room, leaf);

	if (which == POKE_HISTORY)
		return;
	poke_hints(room, near[which]);
	if (which == POKE_STALE)
		poke_stale(room);
	if (which == POKE_LEFT) {
		note->tenant = (uint16_t)((self + 1) << 2 | slot);
		note->freer = (uint16_t)(other + 1);
	}
	if (which == POKE_FOREIGN) {
		unsigned int whose = other == self ? (slot + 1) & 3 : slot;

		note->tenant = (uint16_t)((other + 1) << 2 | whose);
		room_cpu(room, other)->near[whose] = bit + 1;
	}
}

#endif
