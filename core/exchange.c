/* SPDX-License-Identifier: MIT */
/*
 * exchange.c - the frames of a block, one after the other, from wherever they are kept.
 */
#include "exchange.h"

bool exchange_unused(const struct lab_room *room, lab_bit bit, unsigned int order)
{
	lab_bit end = bit + ((lab_bit)1 << order);

	if (bit < room->lead || end > room->lead + room->frames)
		return false;
	for (; bit < end; bit++) {
		bool taken = load_relaxed(tree_word(&room->commons, bit)) >> bit % LAB_WORD_BITS & 1;

		if (taken && tag_state(load_relaxed(&room_page(room, bit)->tag)) != LAB_POOLED)
			return false;
	}
	return true;
}

static void payer_draws(struct lab_payer *payer, int band)
{
	if (payer->drawn < 0 || band < payer->drawn)
		payer->drawn = band;
}

/* A frame from further out than this pool that the payer could have had by itself: the outermost first. */
static lab_bit payment(struct lab_room *room, struct lab_payer *payer, unsigned int band)
{
	uint32_t outer = payer->among & ~(((uint32_t)2 << band) - 1);
	lab_word proof;
	int from;
	lab_bit bit = room_take(room, payer->asker, &proof);

	if (bit != LAB_NO_BIT || !outer)
		return bit;
	bit = pool_draw(room, outer, &from, &proof);
	if (bit != LAB_NO_BIT)
		payer_draws(payer, from);
	return bit;
}

/* A frame in our hand goes where a free would put it. */
static void put_back(struct lab_room *room, lab_bit bit)
{
	struct lab_page *page = room_page(room, bit);
	lab_word tag = load_relaxed(&page->tag);

	if (tag_state(tag) == LAB_POOLED) /* drawn as a payment; before it is anybody's */
		store_release(&page->tag, tag_next(tag, LAB_FREE));
	room_touch(room, bit, 0);
	room_put(room, bit, 0);
}

/*
 * Make a pooled frame the payer's: for a frame from further out, or, where there is none, as a draw from its
 * own pool if the payer has that right; so pools empty from the outside, as by single draws.  Paid first, so
 * that at no time more than one slot is in our hand, and no pool lacks what we have no right to.
 */
static bool buy(struct lab_room *room, struct lab_payer *payer, lab_bit bit, unsigned int band)
{
	/* The zeroed pool takes no payment, which would not be zero; nor need it be paid: all may draw from it. */
	lab_bit paid = room->zeroed >> band & 1 ? LAB_NO_BIT : payment(room, payer, band);
	bool mine = false;

	if (paid == LAB_NO_BIT && !(payer->among >> band & 1))
		return false;
	if (pool_claim(room, bit)) {
		mine = pool_of(room, tag_slot(load_relaxed(&room_page(room, bit)->tag))) == band;
		if (!mine)
			pool_unclaim(room, bit); /* in another pool by now */
	}
	if (mine && paid != LAB_NO_BIT)
		pool_swap(room, bit, paid);
	if (mine && paid == LAB_NO_BIT) {
		pool_release(room, bit);
		payer_draws(payer, (int)band);
	}
	if (!mine && paid != LAB_NO_BIT)
		put_back(room, paid);
	return mine;
}

/* One frame of the block, wherever it is kept. */
static bool obtain(struct lab_room *room, struct lab_payer *payer, lab_bit bit)
{
	lab_word tag = load_acquire(&room_page(room, bit)->tag);

	if (tag_state(tag) == LAB_POOLED)
		return buy(room, payer, bit, pool_of(room, tag_slot(tag)));
	return tree_take_at(&room->commons, bit);
}

/* Every frame of the block, or none: what was obtained is put back. */
static bool obtain_all(struct lab_room *room, struct lab_payer *payer, lab_bit first, unsigned int order)
{
	lab_bit end = first + ((lab_bit)1 << order), bit;

	for (bit = first; bit < end; bit++)
		if (!obtain(room, payer, bit))
			break;
	if (bit == end)
		return true;
	while (bit-- > first)
		put_back(room, bit);
	return false;
}

bool exchange_at(struct lab_room *room, struct lab_payer *payer, lab_bit bit, unsigned int order)
{
	unsigned int raised;
	bool got;

	if (!room->bands || !exchange_unused(room, bit, order))
		return false;
	raised = room_raise(room);
	payer->raised++;
	got = obtain_all(room, payer, bit, order);
	room_lower(room, raised);
	return got;
}

lab_bit exchange_block(struct lab_room *room, struct lab_payer *payer, unsigned int order, bool *complete)
{
	lab_bit last = LAB_NO_BIT, slot;
	unsigned int looks = 0, i;

	/* Nothing to pay with, and nothing to draw by right: no block either. */
	if (root_empty(load_seq(&room->commons_root.word), tree_children(&room->commons)) &&
	    root_empty(load_seq(&room->have_root.word), payer->among & word_below(room->bands)))
		return LAB_NO_BIT;
	for (i = 0; i < room->bands; i++) {
		const struct lab_pool *pool = &room->pool[i];

		for (slot = 0; slot < pool->slots; slot++) {
			/* Only a place to look at: the slot may be anybody's. */
			lab_bit first = load_relaxed(pool_slot(pool, slot)) & ~(((lab_bit)1 << order) - 1);

			if (first == last)
				continue;
			last = first;
			if (looks++ == LAB_EXCHANGE_LOOKS) {
				*complete = false;
				return LAB_NO_BIT;
			}
			if (exchange_at(room, payer, first, order))
				return first;
		}
	}
	return LAB_NO_BIT;
}
