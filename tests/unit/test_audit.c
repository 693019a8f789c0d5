/* SPDX-License-Identifier: MIT */
/*
 * test_audit.c - each rule broken on purpose in the metadata is the one reported, at its place; a whole
 * labyrinth reports none.
 */
#include "../support/room.h"
#include "frame.h"
#include "hint.h"
#include "pool.h"

#define FRAMES 4096u

static void assert_broken(const struct labyrinth *lab, enum lab_rule rule, uint64_t frame)
{
	struct lab_audit audit;

	assert_int_equal(lab_audit(lab, true, &audit), -LAB_EINVAL);
	assert_int_equal(audit.broken, rule);
	assert_int_equal(audit.room, 0);
	assert_int_equal(audit.frame, frame);
	assert_non_null(audit.text);
	assert_true(strlen(audit.text) > 10);
}

/* Beside running callers it might be about to be right: nothing is said of it. */
static void assert_silent_beside_callers(const struct labyrinth *lab)
{
	struct lab_audit audit;

	assert_int_equal(lab_audit(lab, false, &audit), 0);
}

static void assert_told_beside_callers(const struct labyrinth *lab, enum lab_rule rule)
{
	struct lab_audit audit;

	assert_int_equal(lab_audit(lab, false, &audit), -LAB_EINVAL);
	assert_int_equal(audit.broken, rule);
}

static void flip(struct labyrinth *lab, uint64_t frame)
{
	*tree_word(&labyrinth_room(lab, 0)->commons, (lab_bit)frame) ^= (lab_word)1 << frame % LAB_WORD_BITS;
}

static void whole_ones(void **state)
{
	struct labyrinth *lab = born_plain(FRAMES);
	struct lab_audit audit;
	struct lab_page *block;

	(void)state;
	alloc_ok(lab, LAB_GFP_ATOMIC, 0);
	block = alloc_ok(lab, LAB_GFP_ATOMIC, 9);
	assert_int_equal(lab_frame_offline(lab, FRAMES - 1), 0);
	assert_int_equal(lab_audit(lab, true, &audit), 0);
	assert_int_equal(audit.broken, LAB_RULE_NONE);
	assert_int_equal(audit.owned, 513);
	assert_int_equal(audit.offline, 1);
	assert_int_equal(audit.free, FRAMES - 514);
	assert_int_equal(audit.pooled + audit.in_hand, 0);
	assert_int_equal(lab_free_pages(lab, block, 9), 0);
	buried(lab);
	lab = born_marked();
	assert_int_equal(lab_audit(lab, true, &audit), 0);
	assert_int_equal(audit.pooled, 200);
	assert_int_equal(audit.free, MARKED_FRAMES - 200);
	buried(lab);
}

static void rule_tag(void **state)
{
	struct labyrinth *lab = born_plain(FRAMES);
	struct lab_page *page = alloc_ok(lab, LAB_GFP_ATOMIC, 0);
	uint64_t frame = lab_page_frame(lab, page);
	lab_word tag = page->tag;

	(void)state;
	flip(lab, frame); /* owned, and free for the next one */
	assert_broken(lab, LAB_RULE_TAG, frame);
	assert_told_beside_callers(lab, LAB_RULE_TAG);
	flip(lab, frame);
	page->tag |= (lab_word)12 << LAB_TAG_ORDER_SHIFT;
	assert_broken(lab, LAB_RULE_TAG, frame);
	page->tag = tag_become(tag, LAB_SHREDDING); /* nothing is shredded here, and nobody shares */
	assert_broken(lab, LAB_RULE_TAG, frame);
	page->tag = tag_become(tag, LAB_SHARED);
	assert_broken(lab, LAB_RULE_TAG, frame);
	page->tag = tag_become(tag, LAB_SHARED) + 1; /* no such state */
	assert_broken(lab, LAB_RULE_TAG, frame);
	page->tag = tag;
	lab_frame_page(lab, 99)->tag = LAB_FREE | LAB_TAG_POISONED;
	assert_broken(lab, LAB_RULE_TAG, 99);
	lab_frame_page(lab, 99)->tag = LAB_FREE;
	/* Out of service, and of an order: there is no such thing. */
	page->tag = tag_become(tag, LAB_OFFLINE) | (lab_word)2 << LAB_TAG_ORDER_SHIFT;
	assert_broken(lab, LAB_RULE_TAG, frame);
	page->tag = tag;
	buried(lab);
}

static void rule_lost(void **state)
{
	struct labyrinth *lab = born_plain(FRAMES);
	struct lab_audit audit;

	(void)state;
	flip(lab, 123);
	assert_broken(lab, LAB_RULE_LOST, 123);
	assert_silent_beside_callers(lab); /* in somebody's hand, perhaps */
	assert_int_equal(lab_audit(lab, false, &audit), 0);
	assert_int_equal(audit.in_hand, 1);
	flip(lab, 123);
	buried(lab);
}

static void rule_overlap(void **state)
{
	struct labyrinth *lab = born_plain(FRAMES);
	uint64_t head = lab_page_frame(lab, alloc_ok(lab, LAB_GFP_ATOMIC, 4));
	lab_word *body = &lab_frame_page(lab, head + 5)->tag, tag = *body;

	(void)state;
	*body = LAB_OWNED;
	assert_broken(lab, LAB_RULE_OVERLAP, head + 5);
	assert_told_beside_callers(lab, LAB_RULE_OVERLAP);
	*body = tag;
	buried(lab);
}

/* A frame inside a block is free for the next one: as bad as it gets, and nothing of it in its own tag. */
static void free_bit_inside_a_block(void **state)
{
	struct labyrinth *lab = born_plain(FRAMES);
	uint64_t head = lab_page_frame(lab, alloc_ok(lab, LAB_GFP_ATOMIC, 4));
	struct lab_audit audit;

	(void)state;
	flip(lab, head + 5);
	assert_int_equal(lab_audit(lab, true, &audit), -LAB_EINVAL);
	assert_int_equal(audit.frame, head + 5);
	free(lab);
}

static void rule_listed(void **state)
{
	struct labyrinth *lab = born_plain(FRAMES);
	struct lab_room *room = labyrinth_room(lab, 0);

	(void)state;
	*tree_parent(&room->commons, 0, 0) ^= 4;
	assert_broken(lab, LAB_RULE_LISTED, 2 * 512);
	assert_silent_beside_callers(lab);
	*tree_parent(&room->commons, 0, 0) ^= 4;
	buried(lab);
}

static void rule_stale(void **state)
{
	struct labyrinth *lab = born_plain(FRAMES);
	struct lab_room *room = labyrinth_room(lab, 0);
	uint64_t leaf = lab_page_frame(lab, alloc_ok(lab, LAB_GFP_ATOMIC, 9)) / 512;
	lab_word *parent = tree_parent(&room->commons, 0, leaf / LAB_FANOUT);

	(void)state;
	*parent ^= (lab_word)1 << leaf % LAB_FANOUT;
	assert_broken(lab, LAB_RULE_STALE, leaf * 512);
	assert_silent_beside_callers(lab);
	*parent ^= (lab_word)1 << leaf % LAB_FANOUT;
	buried(lab);
}

static void rule_hint(void **state)
{
	struct labyrinth *lab = born_plain(FRAMES);
	struct lab_room *room = labyrinth_room(lab, 0);
	uint32_t *hint = &room_note(room, 3)->hint, good = *hint;

	(void)state;
	*hint = hint_with(good, 4);
	assert_broken(lab, LAB_RULE_HINT, 3 * 512);
	assert_silent_beside_callers(lab);
	*hint = good;
	room_summary(room, 0)[0].none[5] = 16; /* leaf 4: nothing of order 6, it says */
	assert_broken(lab, LAB_RULE_HINT, 4 * 512);
	room_summary(room, 0)[0].none[5] = 0;
	buried(lab);
}

static void rule_pool(void **state)
{
	struct labyrinth *lab = born_marked();
	struct lab_room *room = labyrinth_room(lab, 0);
	lab_word *slot = pool_slot(&room->pool[3], 10), good = *slot;
	struct lab_audit audit;

	(void)state;
	*slot = *pool_slot(&room->pool[3], 11);
	assert_broken(lab, LAB_RULE_POOL, good);
	*slot = good;
	*tree_word(&room->pool[3].have, 10) ^= 1 << 10;
	assert_broken(lab, LAB_RULE_POOL, good);
	*tree_word(&room->pool[3].have, 10) ^= 1 << 10;
	/* A pool's own trees are trees. */
	room->have_root.word ^= 8;
	assert_int_equal(lab_audit(lab, true, &audit), -LAB_EINVAL);
	assert_int_equal(audit.broken, LAB_RULE_LISTED);
	room->have_root.word ^= 8;
	buried(lab);
}

/* Its tag says that a pool keeps it, but no slot does: nobody will ever have it again. */
static void pooled_without_a_slot(void **state)
{
	struct labyrinth *lab = born_marked();
	struct lab_page *page = alloc_ok(lab, LAB_GFP_ATOMIC, 0);
	struct lab_audit audit;

	(void)state;
	page->tag = tag_pooled(page->tag, 20);
	assert_int_equal(lab_audit(lab, true, &audit), -LAB_EINVAL);
	assert_true(audit.broken == LAB_RULE_POOL || audit.broken == LAB_RULE_LOST);
	/* A slot beyond all; and a room that has no pools at all. */
	page->tag = tag_pooled(page->tag, labyrinth_room(lab, 0)->slots);
	assert_int_equal(lab_audit(lab, true, &audit), -LAB_EINVAL);
	assert_int_equal(audit.broken, LAB_RULE_POOL);
	free(lab);
	lab = born_plain(FRAMES);
	page = alloc_ok(lab, LAB_GFP_ATOMIC, 0);
	page->tag = tag_pooled(page->tag, 0);
	assert_broken(lab, LAB_RULE_POOL, lab_page_frame(lab, page));
	free(lab);
}

static void rule_header(void **state)
{
	struct labyrinth *lab = born_marked();
	struct lab_room *room = labyrinth_room(lab, 0);
	uint8_t rooms = lab->rooms, bands = room->bands, nodes = lab->nodes, height = room->commons.height;
	struct lab_audit audit;

	(void)state;
	lab->rooms = 0;
	assert_int_equal(lab_audit(lab, true, &audit), -LAB_EINVAL);
	assert_int_equal(audit.broken, LAB_RULE_HEADER);
	lab->rooms = LAB_ROOMS_MAX + 1;
	assert_told_beside_callers(lab, LAB_RULE_HEADER);
	lab->rooms = rooms;
	lab->nodes = LAB_NODES_MAX + 1;
	assert_told_beside_callers(lab, LAB_RULE_HEADER);
	lab->nodes = nodes;
	room->bands = LAB_BANDS_MAX + 1;
	assert_told_beside_callers(lab, LAB_RULE_HEADER);
	room->bands = bands;
	room->commons.height = LAB_LEVELS_MAX + 1;
	assert_told_beside_callers(lab, LAB_RULE_HEADER);
	room->commons.height = height;
	room->managed += room->frames;
	assert_told_beside_callers(lab, LAB_RULE_HEADER);
	room->managed -= room->frames;
	room->commons.height = 0;
	assert_told_beside_callers(lab, LAB_RULE_HEADER);
	room->commons.height = height;
	lab->nodes = 0;
	assert_told_beside_callers(lab, LAB_RULE_HEADER);
	lab->nodes = nodes;
	room->frames++;
	assert_told_beside_callers(lab, LAB_RULE_HEADER);
	room->frames--;
	lab->magic = 0; /* not born at all */
	assert_int_equal(lab_audit(lab, true, &audit), -LAB_ENXIO);
	lab->magic = LAB_MAGIC;
	buried(lab);
}

/* Distances that lead out of the metadata. */
static void rule_header_distances(void **state)
{
	struct labyrinth *lab = born_plain(FRAMES);
	ptrdiff_t at = lab->span[0].room_at, tags = lab->span[0].tags_at;
	static uint32_t identity = LAB_IDENTITY;
	struct lab_audit audit;

	(void)state;
	lab->span[0].room_at = 0;
	assert_told_beside_callers(lab, LAB_RULE_HEADER);
	lab->span[0].room_at = (ptrdiff_t)lab->bytes;
	assert_told_beside_callers(lab, LAB_RULE_HEADER);
	lab->span[0].room_at = at;
	lab->span[0].tags_at = (ptrdiff_t)lab->bytes;
	assert_told_beside_callers(lab, LAB_RULE_HEADER);
	lab->span[0].tags_at = tags;
	/* Its identity elsewhere says that it may be called, but it was never born. */
	lab->identity_at = (char *)&identity - (char *)lab;
	lab->magic = 0;
	assert_int_equal(lab_audit(lab, true, &audit), -LAB_EINVAL);
	assert_int_equal(audit.broken, LAB_RULE_HEADER);
	lab->magic = LAB_MAGIC;
	buried(lab);
}

/* The second of two rooms, and frames that do not begin at a leaf. */
static void room_and_frame_are_named(void **state)
{
	struct lab_room_spec rooms[2] = { { .name = "a", .zone = LAB_ZONE_NORMAL, .frames = 100 },
					  { .name = "b", .zone = LAB_ZONE_DMA, .first_frame = 1000, .frames = 700 } };
	struct lab_spec spec = spec_of(rooms, 2);
	struct labyrinth *lab = born(&spec);
	struct lab_audit audit;

	(void)state;
	lab_frame_page(lab, 1111)->tag = LAB_OWNED; /* and its bit is clear */
	assert_int_equal(lab_audit(lab, true, &audit), -LAB_EINVAL);
	assert_int_equal(audit.broken, LAB_RULE_TAG);
	assert_int_equal(audit.room, 1);
	assert_int_equal(audit.frame, 1111);
	lab_frame_page(lab, 1111)->tag = LAB_FREE;
	buried(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_ones),
		cmocka_unit_test(rule_tag),
		cmocka_unit_test(rule_lost),
		cmocka_unit_test(rule_overlap),
		cmocka_unit_test(free_bit_inside_a_block),
		cmocka_unit_test(rule_listed),
		cmocka_unit_test(rule_stale),
		cmocka_unit_test(rule_hint),
		cmocka_unit_test(rule_pool),
		cmocka_unit_test(pooled_without_a_slot),
		cmocka_unit_test(rule_header),
		cmocka_unit_test(rule_header_distances),
		cmocka_unit_test(room_and_frame_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
