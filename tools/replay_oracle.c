/* SPDX-License-Identifier: MIT */
/*
 * replay_oracle.c - see replay_oracle.h.
 *
 * A bitmap of the frames held, and a leaf's largest block that is not held (found when it is asked for),
 * so that the question "is there a block?" reads a byte a leaf.  A "no" is remembered until the next
 * free: without one, the commons of a room only shrink.
 */
#include "replay_oracle.h"

#include <stdlib.h>
#include <string.h>

#define LEAF_WORDS (MACHINE_LEAF / 64)
#define LEAF_NONE 0xfe /* no free frame */
#define LEAF_DIRTY 0xff /* changed since it was looked at */
#define STEPS_MAX (LAB_ROOMS_MAX * LAB_RIGHTS)

struct oracle_room {
	uint64_t first_frame, frames, leaves;
	uint64_t held;
	uint64_t *word; /* a bit a frame: 1 = held, or behind the room's end */
	uint8_t *largest; /* a byte a leaf: order of its largest block not held */
	uint64_t none_at[LAB_ORDER_MAX + 1]; /* when no such block was in the commons: gives + 1 then */
};

struct oracle {
	const struct labyrinth *lab;
	unsigned int rooms;
	uint64_t gives;
	struct oracle_room room[LAB_ZONES];
};

static bool room_new(struct oracle_room *room, const struct lab_user_room *from)
{
	uint64_t i;

	room->first_frame = from->first_frame;
	room->frames = room_frames(from);
	room->leaves = (room->frames + MACHINE_LEAF - 1) / MACHINE_LEAF;
	room->word = calloc(room->leaves, LEAF_WORDS * sizeof(*room->word));
	room->largest = malloc(room->leaves);
	if (!room->word || !room->largest)
		return false;
	memset(room->largest, LEAF_DIRTY, room->leaves);
	for (i = room->frames; i < room->leaves * MACHINE_LEAF; i++)
		room->word[i / 64] |= (uint64_t)1 << i % 64;
	return true;
}

struct oracle *oracle_new(const struct machine *machine, const struct labyrinth *lab)
{
	struct oracle *oracle = calloc(1, sizeof(*oracle));

	if (!oracle)
		return NULL;
	oracle->lab = lab;
	for (oracle->rooms = 0; oracle->rooms < machine->rooms; oracle->rooms++) {
		if (room_new(&oracle->room[oracle->rooms], &machine->room[oracle->rooms]))
			continue;
		oracle->rooms++;
		oracle_delete(oracle);
		return NULL;
	}
	return oracle;
}

void oracle_delete(struct oracle *oracle)
{
	unsigned int i;

	if (!oracle)
		return;
	for (i = 0; i < oracle->rooms; i++) {
		free(oracle->room[i].word);
		free(oracle->room[i].largest);
	}
	free(oracle);
}

static struct oracle_room *room_of(struct oracle *oracle, uint64_t frame, unsigned int order)
{
	struct oracle_room *room;
	unsigned int i;

	for (i = 0; i < oracle->rooms; i++) {
		room = &oracle->room[i];
		if (frame >= room->first_frame && frame - room->first_frame < room->frames)
			return frame - room->first_frame + ((uint64_t)1 << order) <= room->frames ? room
												  : NULL;
	}
	return NULL;
}

/* The bits of a block of up to 64 frames in its word; larger blocks are whole words. */
static uint64_t block_bits(uint64_t index, unsigned int order)
{
	return order >= 6 ? UINT64_MAX : (((uint64_t)1 << (1u << order)) - 1) << index % 64;
}

enum oracle_verdict oracle_take(struct oracle *oracle, uint64_t frame, unsigned int order)
{
	struct oracle_room *room = room_of(oracle, frame, order);
	uint64_t index, bits, i, overlap = 0, words = order > 6 ? (uint64_t)1 << (order - 6) : 1;

	if (!room || frame & (((uint64_t)1 << order) - 1))
		return ORACLE_MISPLACED;
	index = frame - room->first_frame;
	bits = block_bits(index, order);
	for (i = index / 64; i < index / 64 + words; i++) {
		overlap |= room->word[i] & bits;
		room->held += (uint64_t)__builtin_popcountll(bits & ~room->word[i]);
		room->word[i] |= bits;
	}
	room->largest[index / MACHINE_LEAF] = LEAF_DIRTY;
	return overlap ? ORACLE_TWICE : ORACLE_FINE;
}

void oracle_give(struct oracle *oracle, uint64_t frame, unsigned int order)
{
	struct oracle_room *room = room_of(oracle, frame, order);
	uint64_t index, bits, i, words = order > 6 ? (uint64_t)1 << (order - 6) : 1;

	oracle->gives++;
	if (!room)
		return;
	index = frame - room->first_frame;
	bits = block_bits(index, order);
	for (i = index / 64; i < index / 64 + words; i++) {
		room->held -= (uint64_t)__builtin_popcountll(bits & room->word[i]);
		room->word[i] &= ~bits;
	}
	room->largest[index / MACHINE_LEAF] = LEAF_DIRTY;
}

/* ---------------------------------------------------------------- was one free? */

static bool block_unheld(const uint64_t *leaf, unsigned int first, unsigned int order)
{
	uint64_t bits = block_bits(first, order);
	unsigned int i, words = order > 6 ? 1u << (order - 6) : 1;

	for (i = first / 64; i < first / 64 + words; i++)
		if (leaf[i] & bits)
			return false;
	return true;
}

/* The order of the largest block of this leaf that is not held. */
static uint8_t leaf_largest(struct oracle_room *room, uint64_t leaf)
{
	const uint64_t *word = room->word + leaf * LEAF_WORDS;
	unsigned int first;
	int order;

	if (room->largest[leaf] != LEAF_DIRTY)
		return room->largest[leaf];
	room->largest[leaf] = LEAF_NONE;
	for (order = LAB_ORDER_MAX; order >= 0; order--) {
		for (first = 0; first < MACHINE_LEAF; first += 1u << order) {
			if (!block_unheld(word, first, (unsigned int)order))
				continue;
			room->largest[leaf] = (uint8_t)order;
			return room->largest[leaf];
		}
	}
	return room->largest[leaf];
}

/* Are these frames, none of them held, all in the commons? */
static bool block_common(const struct oracle *oracle, uint64_t frame, unsigned int order)
{
	uint64_t end = frame + ((uint64_t)1 << order);
	struct lab_page_info info;

	for (; frame < end; frame++)
		if (lab_page_info(oracle->lab, lab_frame_page(oracle->lab, frame), &info) ||
		    info.state == LAB_POOLED || info.state == LAB_OFFLINE)
			return false;
	return true;
}

static bool leaf_has_block(const struct oracle *oracle, const struct oracle_room *room, uint64_t leaf,
			   unsigned int order)
{
	unsigned int first;

	for (first = 0; first < MACHINE_LEAF; first += 1u << order)
		if (block_unheld(room->word + leaf * LEAF_WORDS, first, order) &&
		    block_common(oracle, room->first_frame + leaf * MACHINE_LEAF + first, order))
			return true;
	return false;
}

/* Has this room's commons a block of `order`? */
static bool room_has_block(struct oracle *oracle, struct oracle_room *room, unsigned int order)
{
	uint64_t leaf;
	uint8_t largest;

	if (room->frames - room->held < (uint64_t)1 << order || room->none_at[order] == oracle->gives + 1)
		return false;
	for (leaf = 0; leaf < room->leaves; leaf++) {
		largest = leaf_largest(room, leaf);
		if (largest != LEAF_NONE && largest >= order && leaf_has_block(oracle, room, leaf, order))
			return true;
	}
	room->none_at[order] = oracle->gives + 1;
	return false;
}

/* Has this room a frame in its commons, or in one of these pools? */
static bool room_has_frame(struct oracle *oracle, unsigned int room, uint32_t bands)
{
	const struct oracle_room *own = &oracle->room[room];
	struct lab_room_stats stats;
	uint64_t pooled = 0, entitled = 0;
	unsigned int i;

	if (own->held == own->frames || lab_room_stats(oracle->lab, room, &stats))
		return false;
	for (i = 0; i < stats.bands; i++) {
		pooled += stats.band_free[i];
		if (bands >> i & 1)
			entitled += stats.band_free[i];
	}
	return entitled || own->frames - own->held > pooled;
}

bool oracle_was_free(struct oracle *oracle, const struct lab_request *request)
{
	struct lab_step steps[STEPS_MAX];
	uint32_t bands[LAB_ZONES] = { 0 }, asked = 0;
	int count = lab_route_show(oracle->lab, request, steps, STEPS_MAX), i;
	unsigned int room;

	for (i = 0; i < count && i < (int)STEPS_MAX; i++) {
		room = (unsigned int)steps[i].room;
		if (room >= oracle->rooms)
			continue;
		asked |= 1u << room;
		bands[room] |= steps[i].bands;
	}
	for (room = 0; room < oracle->rooms; room++) {
		if (!(asked >> room & 1))
			continue;
		if (request->order ? room_has_block(oracle, &oracle->room[room], request->order)
				   : room_has_frame(oracle, room, bands[room]))
			return true;
	}
	return false;
}

uint64_t oracle_held(const struct oracle *oracle)
{
	uint64_t held = 0;
	unsigned int i;

	for (i = 0; i < oracle->rooms; i++)
		held += oracle->room[i].held;
	return held;
}
