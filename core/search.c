/* SPDX-License-Identifier: MIT */
/*
 * search.c - the walk over rooms and rights, and the proof of a refusal.
 */
#include "exchange.h"
#include "search.h"

/* Try one room at one right, by what is cheap: the commons, and for one frame the pools. */
static bool try_plainly(struct lab_room *room, const struct lab_way *way, enum lab_right right, struct lab_find *find)
{
	unsigned int order = way->request->order;
	bool complete = true;
	lab_word proof;
	int band = -1;

	find->bit = LAB_NO_BIT;
	if (right == LAB_RIGHT_LOW && !order && way->request->gfp & LAB_ZERO && room->zeroed)
		find->bit = pool_draw(room, room->zeroed, &band, &proof);
	if (right == LAB_RIGHT_LOW && find->bit == LAB_NO_BIT)
		find->bit = order ? room_take_block(room, &way->asker, order, &complete) :
				    room_take(room, &way->asker, &proof);
	if (find->bit == LAB_NO_BIT && !order && route_bands(room, way, right))
		find->bit = pool_draw(room, route_bands(room, way, right), &band, &proof);
	find->answer.band = (int16_t)band;
	find->complete &= complete;
	if (find->bit == LAB_NO_BIT)
		return false;
	find->zeroed = band >= 0 && room->zeroed >> band & 1;
	return true;
}

/* Try one room at one right for a block out of frames that pools keep. */
static bool try_exchange(struct lab_room *room, const struct lab_way *way, enum lab_right right, struct lab_find *find)
{
	struct lab_payer payer = { .asker = &way->asker, .among = route_bands(room, way, right), .drawn = -1 };

	if (!room->bands)
		return false;
	find->bit = exchange_block(room, &payer, way->request->order, &find->complete);
	find->tentative[find->at] += payer.raised * ROOM_RAISED;
	find->answer.band = (int16_t)payer.drawn;
	return find->bit != LAB_NO_BIT;
}

/* All rooms of the way at one right, plainly or by exchange. */
static bool walk_rooms(struct labyrinth *lab, const struct lab_way *way, enum lab_right right, struct lab_find *find)
{
	unsigned int i;

	for (i = 0; i < way->rooms; i++) {
		struct lab_room *room = labyrinth_room(lab, way->room[i]);

		if (load_relaxed(&room->offline))
			continue;
		find->at = i;
		if (!(find->exchange ? try_exchange(room, way, right, find) : try_plainly(room, way, right, find)))
			continue;
		find->room = room;
		find->answer.right = (uint8_t)right;
		find->answer.room = way->room[i];
		find->answer.fallback = (uint8_t)i;
		return true;
	}
	return false;
}

/* Right by right; a block is exchanged for only where no room at that right has one whole. */
static bool walk(struct labyrinth *lab, const struct lab_way *way, struct lab_find *find)
{
	bool block = way->request->order != 0;
	unsigned int right;

	find->complete = true;
	for (right = LAB_RIGHT_LOW; right <= (unsigned int)way->right; right = route_next_right(way, right)) {
		find->exchange = false;
		if ((!block || right == LAB_RIGHT_LOW) && walk_rooms(lab, way, (enum lab_right)right, find))
			return true;
		find->exchange = block;
		if (block && walk_rooms(lab, way, (enum lab_right)right, find))
			return true;
	}
	return false;
}

/*
 * Was there an instant at which no eligible frame was free?  All roots empty, nobody tentative, and the
 * same words on a second look: then all were empty together in between.  (A listing changes full bits;
 * to undo it takes an announcement, which moves the sequence.)
 */
static bool proven_none(struct labyrinth *lab, const struct lab_way *way)
{
	struct lab_proof seen[LAB_ROOMS_MAX], again;
	unsigned int i;

	for (i = 0; i < way->rooms; i++) {
		struct lab_room *room = labyrinth_room(lab, way->room[i]);

		seen[i] = (struct lab_proof){ 0 };
		if (!load_relaxed(&room->offline) && !room_empty(room, route_bands(room, way, way->right), &seen[i]))
			return false;
	}
	for (i = 0; i < way->rooms; i++) {
		struct lab_room *room = labyrinth_room(lab, way->room[i]);

		if (load_relaxed(&room->offline))
			continue;
		if (!room_empty(room, route_bands(room, way, way->right), &again) ||
		    again.commons != seen[i].commons || again.have != seen[i].have ||
		    again.tentative != seen[i].tentative)
			return false;
	}
	return true;
}

/* The rooms' `tentative` words, before a walk; and whether after it nobody was, or is, in such a call. */
static void tentative_before(struct labyrinth *lab, const struct lab_way *way, struct lab_find *find)
{
	unsigned int i;

	for (i = 0; i < way->rooms; i++)
		find->tentative[i] = load_seq(&labyrinth_room(lab, way->room[i])->tentative); /* partner: room_raise() */
}

static bool nobody_tentative(struct labyrinth *lab, const struct lab_way *way, const struct lab_find *find)
{
	unsigned int i;

	for (i = 0; i < way->rooms; i++) {
		const struct lab_room *room = labyrinth_room(lab, way->room[i]);

		if (!load_relaxed(&room->offline) &&
		    (find->tentative[i] & LAB_TENTATIVE_COUNTS || load_seq(&room->tentative) != find->tentative[i]))
			return false;
	}
	return true;
}

int search(struct labyrinth *lab, const struct lab_way *way, struct lab_find *find)
{
	unsigned int rounds = way->request->order ? LAB_BLOCK_ROUNDS_MAX : LAB_ROUNDS_MAX, round;

	for (round = 1; round <= rounds; round++) {
		find->answer.rounds = (uint16_t)round;
		if (way->request->order)
			tentative_before(lab, way, find);
		if (walk(lab, way, find))
			return 0;
		if (proven_none(lab, way))
			return -LAB_ENOMEM;
		/* A block: the look was complete, and nobody had one in hand meanwhile that may come back. */
		if (way->request->order && find->complete && nobody_tentative(lab, way, find))
			return -LAB_ENOSPC;
	}
	return -LAB_EAGAIN;
}
