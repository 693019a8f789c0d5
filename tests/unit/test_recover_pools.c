/* SPDX-License-Identifier: MIT */
/*
 * test_recover_pools.c - a process that died between a slot and its frame: both come back, at each instant.
 */
#include "../support/recover.h"

/* ---- pools ---- */

enum instant {
	DRAW_TAKEN,	/* the slot is taken, its frame not yet out */
	DRAW_OUT,	/* the slot lacks a frame; it is not yet stamped */
	FILL_TAKEN,	/* an empty slot is taken */
	FILL_WRITTEN,	/* and names the frame */
	FILL_TAGGED,	/* and the frame names it */
	SWAP_CLAIMED,
	SWAP_WRITTEN,	/* the slot names the payment */
	SWAP_PAID,	/* which names it */
	SWAP_OUT,	/* the frame is out, the slot still in hand */
	SWAP_PAID_POOLED, /* SWAP_WRITTEN, where the payment was drawn from another pool */
	RELEASED,	/* claimed, out, the slot not yet lacking */
	INSTANTS,
};

/* The innermost pool's first frame, its slot in our hand. */
static lab_bit claim_first(struct lab_pool *pool)
{
	lab_bit frame = *pool_slot(pool, 0);

	assert_true(pool_claim(world.room, frame));
	return frame;
}

static void fill_until(struct lab_pool *pool, enum instant instant)
{
	lab_bit frame = take(), slot;
	struct lab_page *page = room_page(world.room, frame);

	slot = tree_take_below(&pool->lack);
	assert_true(slot != LAB_NO_BIT);
	if (instant >= FILL_WRITTEN)
		*pool_slot(pool, slot) = frame;
	if (instant >= FILL_TAGGED)
		page->tag = tag_pooled(page->tag, pool->first_slot + slot);
}

static void swap_until(struct lab_pool *pool, enum instant instant)
{
	lab_bit frame = claim_first(pool), paid;
	struct lab_page *page = room_page(world.room, frame);
	lab_word slot = tag_slot(page->tag);
	lab_word proof;
	int band;

	if (instant == SWAP_CLAIMED)
		return;
	paid = instant == SWAP_PAID_POOLED ? pool_draw(world.room, UINT32_MAX, &band, &proof) : take();
	*pool_slot(pool, slot - pool->first_slot) = paid;
	if (instant == SWAP_PAID || instant == SWAP_OUT)
		room_page(world.room, paid)->tag = tag_pooled(room_page(world.room, paid)->tag, slot);
	if (instant == SWAP_OUT)
		page->tag = tag_next(page->tag, LAB_FREE);
}

static void die_at(enum instant instant)
{
	struct lab_pool *pool = &world.room->pool[0];
	lab_bit frame, slot;
	lab_word proof;
	int band;

	switch (instant) {
	case DRAW_TAKEN:
		assert_true(tree_take_below(&pool->have) != LAB_NO_BIT);
		break;
	case DRAW_OUT:
		assert_true(pool_draw(world.room, 1, &band, &proof) != LAB_NO_BIT);
		break;
	case FILL_TAKEN:
	case FILL_WRITTEN:
	case FILL_TAGGED:
		fill_until(pool, instant);
		break;
	case RELEASED:
		frame = claim_first(pool);
		slot = tag_slot(room_page(world.room, frame)->tag);
		assert_int_equal(slot, 0);
		room_page(world.room, frame)->tag = tag_next(room_page(world.room, frame)->tag, LAB_FREE);
		break;
	default:
		swap_until(pool, instant);
	}
}

/* At each instant of a pool's operations: nothing is lost, and with everything back every pool is full again. */
static void pools(void **state)
{
	enum instant instant;
	unsigned int i;

	(void)state;
	for (instant = DRAW_TAKEN; instant < INSTANTS; instant++) {
		struct lab_page *out;

		begin();
		be(1);
		out = NULL;
		if (instant >= FILL_TAKEN && instant <= FILL_TAGGED) {
			lab_word proof;
			int band;
			lab_bit bit = pool_draw(world.room, 1, &band, &proof);

			out = room_page(world.room, bit);
		}
		dies_inside(0);
		die_at(instant);
		if (out) {
			be(1);
			out->tag = (out->tag & LAB_TAG_GENERATION) | LAB_OWNED;
		}
		assert_int_equal(recover(), 0);
		assert_int_equal(world.found.doubtful, 0);
		if (out)
			assert_int_equal(lab_free_pages(world.lab, out, 0), 0);
		assert_int_equal(free_frames(world.lab, 0), world.frames);
		assert_whole(world.lab);
		for (i = 0; i < world.room->bands; i++)
			assert_int_equal(pool_count(&world.room->pool[i]), world.room->pool[i].slots);
		end();
	}
}

/* A slot's last frame is still unstamped in one dead hand, the slot, to be filled again, in another. */
static void pool_between_two(void **state)
{
	struct lab_pool *pool;
	lab_word proof;
	int band;

	(void)state;
	begin();
	pool = &world.room->pool[0];
	dies_inside(0);
	assert_true(pool_draw(world.room, 1, &band, &proof) != LAB_NO_BIT);
	dies_inside(1);
	fill_until(pool, FILL_TAKEN);
	assert_returned();
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pools),
		cmocka_unit_test(pool_between_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
