/* SPDX-License-Identifier: MIT */
/*
 * exchange.c - claiming the frames of a block wherever they are kept, and paying for them.
 *
 * A claimed frame's tag says what is still to do: POOLED, its slot is in our hand; FREE, it is ours.
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

static bool pooled(const struct lab_room *room, lab_bit bit)
{
	return tag_state(load_relaxed(&room_page(room, bit)->tag)) == LAB_POOLED; /* ours: stable */
}

static void unclaim(struct lab_room *room, lab_bit bit)
{
	if (pooled(room, bit))
		pool_unclaim(room, bit);
	else
		room_put(room, bit, 0);
}

/* Claim every frame of the block, or none. */
static bool claim(struct lab_room *room, lab_bit first, unsigned int order)
{
	lab_bit end = first + ((lab_bit)1 << order), bit;

	for (bit = first; bit < end; bit++)
		if (!pool_claim(room, bit) && !tree_take_at(&room->commons, bit))
			break;
	if (bit == end)
		return true;
	while (bit-- > first)
		unclaim(room, bit);
	return false;
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

/*
 * Make a claimed frame the payer's: for a frame from further out, or, where there is none, as a draw from
 * its own pool if the payer has that right.  So pools empty from the outside, as by single draws.
 */
static bool pay(struct lab_room *room, struct lab_payer *payer, lab_bit bit)
{
	lab_word tag = load_relaxed(&room_page(room, bit)->tag);
	unsigned int band;
	lab_bit paid;

	if (!pooled(room, bit))
		return true;
	band = pool_of(room, tag_slot(tag));
	paid = payment(room, payer, band);
	if (paid != LAB_NO_BIT) {
		pool_swap(room, bit, paid);
		return true;
	}
	if (!(payer->among >> band & 1))
		return false;
	pool_release(room, bit);
	payer_draws(payer, (int)band);
	return true;
}

static bool claim_and_pay(struct lab_room *room, struct lab_payer *payer, lab_bit first, unsigned int order)
{
	lab_bit end = first + ((lab_bit)1 << order), bit;

	if (!claim(room, first, order))
		return false;
	for (bit = first; bit < end; bit++)
		if (!pay(room, payer, bit))
			break;
	if (bit == end)
		return true;
	for (bit = first; bit < end; bit++)
		unclaim(room, bit);
	return false;
}

bool exchange_at(struct lab_room *room, struct lab_payer *payer, lab_bit bit, unsigned int order)
{
	bool got;

	if (!room->bands || !exchange_unused(room, bit, order))
		return false;
	room_raise(room);
	got = claim_and_pay(room, payer, bit, order);
	room_lower(room);
	return got;
}

lab_bit exchange_block(struct lab_room *room, struct lab_payer *payer, unsigned int order, bool *complete)
{
	lab_bit last = LAB_NO_BIT, slot;
	unsigned int looks = 0, i;

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
