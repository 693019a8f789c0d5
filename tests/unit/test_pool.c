/* SPDX-License-Identifier: MIT */
/*
 * test_pool.c - drawing from pools, filling them, claiming this very frame; damage.
 *
 * The pools of born_marked(): 0: 38 frames, 1: 12, 2: 50 (inside min), 3: 50 (low..min), 4: 50 (high..low).
 */
#include "../support/room.h"
#include "pool.h"

#define ALL_BANDS ((uint32_t)31)

static const lab_word sizes[5] = { 38, 12, 50, 50, 50 };
static const lab_word floors[5] = { 0, 38, 50, 100, 150 };

struct marked {
	struct labyrinth *lab;
	struct lab_room *room;
};

static int setup(void **state)
{
	static struct marked marked;

	marked.lab = born_marked();
	marked.room = labyrinth_room(marked.lab, 0);
	*state = &marked;
	return 0;
}

static int teardown(void **state)
{
	free(((struct marked *)*state)->lab);
	return 0;
}

static lab_bit draw(struct lab_room *room, uint32_t among, int *band)
{
	lab_word proof = 0;
	lab_bit frame = pool_draw(room, among, band, &proof);

	assert_true(frame != LAB_NO_BIT);
	assert_int_equal(tag_state(room_page(room, frame)->tag), LAB_POOLED);
	room_page(room, frame)->tag = LAB_FREE; /* in our hand */
	return frame;
}

static void assert_pools_hold(const struct lab_room *room)
{
	lab_bit frame;
	lab_word leaf;
	unsigned int i;

	for (i = 0; i < room->bands; i++) {
		assert_true(pool_holds(room, i, &frame));
		assert_int_equal(tree_holds(&room->pool[i].have, &leaf), LAB_RULE_NONE);
		assert_int_equal(tree_holds(&room->pool[i].lack, &leaf), LAB_RULE_NONE);
	}
}

static void born_full(void **state)
{
	struct lab_room *room = ((struct marked *)*state)->room;
	unsigned int i;

	assert_int_equal(room->bands, 5);
	for (i = 0; i < 5; i++) {
		assert_true(room->pool[i].slots == sizes[i]);
		assert_true(room->pool[i].floor == floors[i]);
		assert_true(pool_count(&room->pool[i]) == sizes[i]);
	}
	assert_false(pool_lacks(room));
	assert_false(pool_fill(room, 0)); /* nobody wants it */
	assert_pools_hold(room);
}

/* Outermost first; the pools named, no others; then a truthful none. */
static void draws_outermost_first(void **state)
{
	struct lab_room *room = ((struct marked *)*state)->room;
	lab_word proof = 0;
	unsigned int i, n;
	int band;

	for (i = 5; i-- > 0;)
		for (n = 0; n < sizes[i]; n++) {
			draw(room, ALL_BANDS, &band);
			assert_int_equal(band, i);
			assert_true(pool_count(&room->pool[i]) == sizes[i] - n - 1);
		}
	assert_true(pool_draw(room, ALL_BANDS, &band, &proof) == LAB_NO_BIT);
	assert_true(proof == room->have_root.word && proof);
	assert_pools_hold(room);
}

static void draws_only_where_entitled(void **state)
{
	struct lab_room *room = ((struct marked *)*state)->room;
	lab_word proof = 0, n;
	int band;

	for (n = 0; n < sizes[1]; n++) {
		draw(room, 3, &band);
		assert_int_equal(band, 1);
	}
	assert_true(pool_draw(room, 2, &band, &proof) == LAB_NO_BIT);
	assert_true(root_empty(proof, 2));
	assert_true(pool_draw(room, 0, &band, &proof) == LAB_NO_BIT);
	draw(room, 3, &band);
	assert_int_equal(band, 0);
	assert_true(pool_count(&room->pool[4]) == sizes[4]);
}

static void fills_innermost_first(void **state)
{
	struct lab_room *room = ((struct marked *)*state)->room;
	lab_bit frames[200];
	unsigned int i, n = 0;
	lab_word slot;
	int band;

	for (i = 0; i < 200; i++)
		frames[i] = draw(room, ALL_BANDS, &band);
	for (i = 0; i < 5; i++)
		for (slot = 0; slot < sizes[i]; slot++) {
			assert_true(pool_lacks(room));
			assert_true(pool_fill(room, frames[n]));
			assert_int_equal(tag_state(room_page(room, frames[n])->tag), LAB_POOLED);
			assert_true(tag_slot(room_page(room, frames[n])->tag) >= floors[i]);
			assert_true(tag_slot(room_page(room, frames[n])->tag) < floors[i] + sizes[i]);
			assert_true(pool_count(&room->pool[i]) == slot + 1);
			n++;
		}
	assert_false(pool_lacks(room));
	assert_false(pool_fill(room, frames[0]));
	assert_pools_hold(room);
}

/* The generation of a frame survives its stay in a pool. */
static void generation_survives(void **state)
{
	struct lab_room *room = ((struct marked *)*state)->room;
	lab_bit frame;
	int band;

	frame = draw(room, 1, &band);
	room_page(room, frame)->tag = (lab_word)1234 << LAB_TAG_GENERATION_SHIFT | LAB_FREE;
	assert_true(pool_fill(room, frame));
	assert_int_equal(tag_generation(room_page(room, frame)->tag), 1234);
	assert_pools_hold(room);
}

/* Drawing below low tells the keeper; fills are for it to see. */
static void keeper(void **state)
{
	struct lab_room *room = ((struct marked *)*state)->room;
	lab_bit outer, inner;
	int band;

	outer = draw(room, 16, &band);
	assert_int_equal(room->keeper, 0);
	inner = draw(room, 8, &band);
	assert_int_equal(room->keeper, 1);
	assert_true(pool_fill(room, inner));
	assert_int_equal(room->keeper, 1);
	assert_true(pool_fill(room, outer));
	assert_int_equal(room->keeper, 1);
}

/* A frame is found where it is pooled; claimed, it is nobody else's. */
static void claims_one(void **state)
{
	struct lab_room *room = ((struct marked *)*state)->room;
	uint32_t generation;
	unsigned int i;

	for (i = 0; i < 5; i++) {
		lab_bit frame = *pool_slot(&room->pool[i], sizes[i] - 1);

		assert_true(tag_slot(room_page(room, frame)->tag) == floors[i] + sizes[i] - 1);
		assert_int_equal(pool_of(room, floors[i]), i);
		assert_int_equal(pool_of(room, floors[i] + sizes[i] - 1), i);
		assert_true(pool_claim(room, frame));
		assert_int_equal(tag_state(room_page(room, frame)->tag), LAB_POOLED);
		assert_false(pool_claim(room, frame)); /* in a hand already */
		assert_true(pool_count(&room->pool[i]) == sizes[i] - 1);
		pool_unclaim(room, frame);
		assert_true(pool_count(&room->pool[i]) == sizes[i]);
		assert_pools_hold(room);
		/* Out of it for good: its slot lacks a frame. */
		assert_true(pool_claim(room, frame));
		generation = tag_generation(room_page(room, frame)->tag);
		pool_release(room, frame);
		assert_int_equal(tag_state(room_page(room, frame)->tag), LAB_FREE);
		assert_int_equal(tag_generation(room_page(room, frame)->tag), generation + 1);
		assert_true(pool_count(&room->pool[i]) == sizes[i] - 1);
		assert_true(parent_lists(room->lack_root.word, i));
		assert_false(pool_claim(room, frame));
		assert_pools_hold(room);
	}
}

/* A tag that a caller read before the frame moved on names a slot with another frame: nothing happens. */
static void claims_no_other(void **state)
{
	struct lab_room *room = ((struct marked *)*state)->room;
	lab_bit frame = *pool_slot(&room->pool[2], 7), other = *pool_slot(&room->pool[2], 8);
	lab_word tag = room_page(room, frame)->tag;

	room_page(room, frame)->tag = tag_pooled(tag, floors[2] + 8);
	assert_false(pool_claim(room, frame));
	assert_int_equal(tag_state(room_page(room, other)->tag), LAB_POOLED);
	room_page(room, frame)->tag = tag_pooled(tag, 300); /* no such slot */
	assert_false(pool_claim(room, frame));
	room_page(room, frame)->tag = tag;
	assert_pools_hold(room);
	assert_true(pool_claim(room, other));
	pool_unclaim(room, other);
}

/* Paid for: another frame stands in its place, and the pool is none the poorer. */
static void swaps_one(void **state)
{
	struct lab_room *room = ((struct marked *)*state)->room;
	lab_bit frame = *pool_slot(&room->pool[1], 3), payment = room->commons.bits - 1;
	uint32_t generation;

	assert_true(tree_take_at(&room->commons, payment));
	room_page(room, payment)->tag = (lab_word)5 << LAB_TAG_GENERATION_SHIFT | LAB_FREE;
	assert_true(pool_claim(room, frame));
	generation = tag_generation(room_page(room, frame)->tag);
	pool_swap(room, frame, payment);
	assert_int_equal(tag_state(room_page(room, frame)->tag), LAB_FREE);
	assert_int_equal(tag_generation(room_page(room, frame)->tag), generation + 1); /* it has left its pool */
	assert_int_equal(tag_state(room_page(room, payment)->tag), LAB_POOLED);
	assert_int_equal(tag_generation(room_page(room, payment)->tag), 5);
	assert_true(*pool_slot(&room->pool[1], 3) == payment);
	assert_true(pool_count(&room->pool[1]) == sizes[1]);
	assert_false(pool_lacks(room));
	assert_pools_hold(room);
}

/* No pools: nothing to draw, nothing wanted. */
static void room_without_pools(void **state)
{
	struct labyrinth *lab = born_plain(1024);
	struct lab_room *room = labyrinth_room(lab, 0);
	lab_word proof = 7;
	int band;

	(void)state;
	assert_int_equal(room->bands, 0);
	assert_false(pool_lacks(room));
	assert_false(pool_fill(room, 0));
	assert_false(pool_claim(room, 0));
	assert_true(pool_draw(room, 0, &band, &proof) == LAB_NO_BIT);
	room_page(room, 0)->tag = tag_pooled(0, 0); /* damage */
	assert_false(pool_claim(room, 0));
	room_page(room, 0)->tag = LAB_FREE;
	buried(lab);
}

static void damage_is_found(void **state)
{
	struct lab_room *room = ((struct marked *)*state)->room;
	struct lab_pool *pool = &room->pool[2];
	lab_word *slot = pool_slot(pool, 7), good = *slot, tag = room_page(room, good)->tag;
	lab_word *have = tree_word(&pool->have, 7), *lack = tree_word(&pool->lack, 7);
	lab_bit frame;

	*have |= 1 << 7; /* in neither tree */
	assert_false(pool_holds(room, 2, &frame));
	assert_true(frame == good);
	*have &= ~((lab_word)1 << 7);
	*lack &= ~((lab_word)1 << 7); /* in both */
	assert_false(pool_holds(room, 2, &frame));
	*lack |= 1 << 7;
	*slot = room->commons.bits; /* no frame of the room */
	assert_false(pool_holds(room, 2, &frame));
	*slot = *pool_slot(pool, 8); /* another slot's frame */
	assert_false(pool_holds(room, 2, &frame));
	*slot = good;
	*tree_word(&room->commons, good) ^= (lab_word)1 << good % LAB_WORD_BITS; /* free and pooled */
	assert_false(pool_holds(room, 2, &frame));
	*tree_word(&room->commons, good) ^= (lab_word)1 << good % LAB_WORD_BITS;
	room_page(room, good)->tag = tag_become(tag, LAB_FREE);
	assert_false(pool_holds(room, 2, &frame));
	room_page(room, good)->tag = tag_pooled(tag, 3);
	assert_false(pool_holds(room, 2, &frame));
	room_page(room, good)->tag = tag;
	assert_pools_hold(room);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(born_full, setup, teardown),
		cmocka_unit_test_setup_teardown(draws_outermost_first, setup, teardown),
		cmocka_unit_test_setup_teardown(draws_only_where_entitled, setup, teardown),
		cmocka_unit_test_setup_teardown(fills_innermost_first, setup, teardown),
		cmocka_unit_test_setup_teardown(generation_survives, setup, teardown),
		cmocka_unit_test_setup_teardown(keeper, setup, teardown),
		cmocka_unit_test_setup_teardown(claims_one, setup, teardown),
		cmocka_unit_test_setup_teardown(claims_no_other, setup, teardown),
		cmocka_unit_test_setup_teardown(swaps_one, setup, teardown),
		cmocka_unit_test(room_without_pools),
		cmocka_unit_test_setup_teardown(damage_is_found, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
