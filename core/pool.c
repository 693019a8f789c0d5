/* SPDX-License-Identifier: MIT */
/*
 * pool.c - drawing frames from a room's pools and filling them again.
 */
#include "pool.h"

/* How many pools are found empty under a root that listed them, before the caller is told so. */
#define POOL_TRIES_MAX 1024u

/* Let go of a slot: it is in this of its pool's trees now. */
static void pool_give(struct lab_room *room, const struct lab_pool *pool, const struct lab_tree *tree, lab_bit slot)
{
	slot_touch(room, pool->first_slot + slot);
	tree_give(tree, slot);
}

/* The outermost (`outward`) or innermost pool that this root lists. */
static unsigned int pool_pick(lab_word listed, bool outward)
{
	return outward ? word_highest(listed) : word_lowest(listed);
}

/* A slot of this pool was emptied, and its lack is listed: below low the keeper is told. */
static void pool_tell(struct lab_room *room, const struct lab_pool *pool)
{
	/* Release, after the listing; partner: the fetch-and of keeper_rest(), which looks at the list after it. */
	if (pool->floor < room->low)
		store_release(&room->keeper, 1);
}

lab_bit pool_draw(struct lab_room *room, uint32_t among, int *band, lab_word *proof)
{
	unsigned int tries;

	for (tries = 0; tries < POOL_TRIES_MAX; tries++) {
		lab_word root = load_seq(&room->have_root.word); /* the instant of a truthful none */
		lab_word listed = ~root & among & word_below(room->bands);
		struct lab_pool *pool;
		unsigned int from;
		lab_bit slot, frame;

		if (!listed) {
			*proof = root;
			return LAB_NO_BIT;
		}
		from = pool_pick(listed, true);
		pool = &room->pool[from];
		slot = tree_take_below(&pool->have);
		if (slot == LAB_NO_BIT)
			continue;
		frame = load_relaxed(pool_slot(pool, slot)); /* ours from the take above to the give below */
		pool_give(room, pool, &pool->lack, slot);
		pool_tell(room, pool);
		*band = (int)from;
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
		room_touch(room, frame, 0);
		pool_give(room, pool, &pool->have, slot);
		return true;
	}
	return false;
}

unsigned int pool_of(const struct lab_room *room, lab_word slot)
{
	unsigned int band = room->bands - 1u;

	while (band > 0 && room->pool[band].first_slot > slot)
		band--;
	return band;
}

/* The pool and, in it, the slot of a frame whose tag is POOLED. */
static struct lab_pool *frame_pool(struct lab_room *room, lab_word tag, lab_bit *slot)
{
	struct lab_pool *pool = &room->pool[pool_of(room, tag_slot(tag))];

	*slot = tag_slot(tag) - pool->first_slot;
	return pool;
}

bool pool_claim(struct lab_room *room, lab_bit frame)
{
	lab_word tag = load_acquire(&room_page(room, frame)->tag);
	struct lab_pool *pool;
	lab_bit slot;

	if (tag_state(tag) != LAB_POOLED || !room->bands)
		return false;
	pool = frame_pool(room, tag, &slot);
	if (slot >= pool->slots || !tree_take_at(&pool->have, slot))
		return false;
	if (load_relaxed(pool_slot(pool, slot)) == frame) /* ours now: stable */
		return true;
	pool_give(room, pool, &pool->have, slot); /* another frame's by now */
	return false;
}

void pool_unclaim(struct lab_room *room, lab_bit frame)
{
	lab_bit slot;
	struct lab_pool *pool = frame_pool(room, load_relaxed(&room_page(room, frame)->tag), &slot);

	pool_give(room, pool, &pool->have, slot);
}

void pool_release(struct lab_room *room, lab_bit frame)
{
	struct lab_page *page = room_page(room, frame);
	lab_word tag = load_relaxed(&page->tag);
	lab_bit slot;
	struct lab_pool *pool = frame_pool(room, tag, &slot);

	store_release(&page->tag, tag_next(tag, LAB_FREE)); /* before the slot is another's; audit.c needs the step */
	pool_give(room, pool, &pool->lack, slot);
	pool_tell(room, pool);
}

void pool_swap(struct lab_room *room, lab_bit frame, lab_bit payment)
{
	struct lab_page *page = room_page(room, frame), *paid = room_page(room, payment);
	lab_word tag = load_relaxed(&page->tag);
	lab_bit slot;
	struct lab_pool *pool = frame_pool(room, tag, &slot);

	store_relaxed(pool_slot(pool, slot), payment); /* ours; published by the give below */
	store_release(&paid->tag, tag_pooled(load_relaxed(&paid->tag), tag_slot(tag)));
	store_release(&page->tag, tag_next(tag, LAB_FREE));
	room_touch(room, payment, 0);
	pool_give(room, pool, &pool->have, slot);
}

bool pool_fill_zeroed(struct lab_room *room, lab_bit frame)
{
	struct lab_page *page = room_page(room, frame);
	struct lab_pool *pool;
	lab_bit slot;

	if (!room->zeroed)
		return false;
	pool = &room->pool[room->bands - 1u];
	slot = tree_take_below(&pool->lack);
	if (slot == LAB_NO_BIT)
		return false;
	store_relaxed(pool_slot(pool, slot), frame); /* ours; published by the give below */
	/* As in pool_fill(); the zeroes are before it, and published by it. */
	store_release(&page->tag, tag_pooled(load_relaxed(&page->tag), pool->first_slot + slot));
	pool_give(room, pool, &pool->have, slot);
	return true;
}

static lab_word count_slots(const struct lab_tree *tree)
{
	lab_word leaf, n = 0;
	unsigned int i;

	for (leaf = 0; leaf < tree->leaves; leaf++)
		for (i = 0; i < LAB_LEAF_WORDS; i++)
			n += word_count(word_free(load_relaxed(&tree_leaf(tree, leaf)[i])));
	return n;
}

lab_word pool_count(const struct lab_pool *pool)
{
	return count_slots(&pool->have);
}

lab_word pool_lacking(const struct lab_pool *pool)
{
	return count_slots(&pool->lack);
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
