/* SPDX-License-Identifier: MIT */
/*
 * pool.c - drawing frames from a room's pools and filling them again.
 */
#include "pool.h"

/* How many pools are found empty under a root that listed them, before the caller is told so. */
#define POOL_TRIES_MAX 1024u

/* The outermost (`outward`) or innermost pool that this root lists. */
static unsigned int pool_pick(lab_word listed, bool outward)
{
	return outward ? word_highest(listed) : word_lowest(listed);
}

lab_bit pool_draw(struct lab_room *room, uint32_t among, int *band, lab_word *proof)
{
	unsigned int tries;

	for (tries = 0; tries < POOL_TRIES_MAX; tries++) {
		lab_word root = load_seq(&room->have_root.word); /* the instant of a truthful none */
		lab_word listed = ~root & among;
		struct lab_pool *pool;
		lab_bit slot, frame;

		if (!listed) {
			*proof = root;
			return LAB_NO_BIT;
		}
		*band = (int)pool_pick(listed, true);
		pool = &room->pool[*band];
		slot = tree_take_below(&pool->have);
		if (slot == LAB_NO_BIT)
			continue;
		frame = load_relaxed(pool_slot(pool, slot)); /* ours from the take above to the give below */
		if (pool->floor < room->low)
			store_relaxed(&room->keeper, 1); /* polled; order does not matter */
		tree_give(&pool->lack, slot);
		return frame;
	}
	*proof = 0;
	return LAB_NO_BIT;
}

bool pool_fill(struct lab_room *room, lab_bit frame)
{
	unsigned int tries;

	for (tries = 0; tries < POOL_TRIES_MAX; tries++) {
		lab_word root = load_seq(&room->lack_root.word); /* partner: a draw that lists its slot */
		lab_word listed = ~root & word_below(room->bands);
		struct lab_page *page = room_page(room, frame);
		struct lab_pool *pool;
		lab_bit slot;

		if (!listed)
			return false;
		pool = &room->pool[pool_pick(listed, false)];
		slot = tree_take_below(&pool->lack);
		if (slot == LAB_NO_BIT)
			continue;
		store_relaxed(pool_slot(pool, slot), frame); /* ours; published by the give below */
		/* Before the give; partner: whoever draws the frame and stamps it. */
		store_release(&page->tag, tag_pooled(load_relaxed(&page->tag), pool->first_slot + slot));
		if (pool->floor >= room->low)
			store_relaxed(&room->keeper, 0);
		tree_give(&pool->have, slot);
		return true;
	}
	return false;
}

bool pool_remove(struct lab_room *room, lab_bit frame, lab_word slot)
{
	unsigned int band = room->bands;
	struct lab_pool *pool;

	while (band > 0 && room->pool[band - 1].first_slot > slot)
		band--;
	if (band == 0)
		return false;
	pool = &room->pool[band - 1];
	slot -= pool->first_slot;
	if (slot >= pool->slots || !tree_take_at(&pool->have, slot))
		return false;
	if (load_relaxed(pool_slot(pool, slot)) != frame) {
		tree_give(&pool->have, slot); /* another frame's by now */
		return false;
	}
	store_release(&room_page(room, frame)->tag,
		      tag_become(load_relaxed(&room_page(room, frame)->tag), LAB_OFFLINE));
	tree_give(&pool->lack, slot);
	return true;
}

lab_word pool_count(const struct lab_pool *pool)
{
	lab_word leaf, n = 0;
	unsigned int i;

	for (leaf = 0; leaf < pool->have.leaves; leaf++)
		for (i = 0; i < LAB_LEAF_WORDS; i++)
			n += word_count(~load_relaxed(&tree_leaf(&pool->have, leaf)[i]));
	return n;
}

static bool bit_clear(const struct lab_tree *tree, lab_bit bit)
{
	return !(load_relaxed(tree_word(tree, bit)) >> bit % LAB_WORD_BITS & 1);
}

bool pool_holds(const struct lab_room *room, unsigned int band, lab_bit *frame)
{
	const struct lab_pool *pool = &room->pool[band];
	lab_bit slot;

	for (slot = 0; slot < pool->slots; slot++) {
		bool has = bit_clear(&pool->have, slot), lacks = bit_clear(&pool->lack, slot);
		lab_word tag;

		*frame = load_relaxed(pool_slot(pool, slot));
		if (has == lacks)
			return false;
		if (!has)
			continue;
		if (*frame >= room->commons.bits || bit_clear(&room->commons, *frame))
			return false;
		tag = load_relaxed(&room_page(room, *frame)->tag);
		if (tag_state(tag) != LAB_POOLED || tag_slot(tag) != pool->first_slot + slot)
			return false;
	}
	return true;
}
