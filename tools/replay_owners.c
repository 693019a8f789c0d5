/* SPDX-License-Identifier: MIT */
/*
 * replay_owners.c - see replay_owners.h.
 */
#include "replay_owners.h"

#include <stdatomic.h>
#include <stdlib.h>

struct owners_room {
	uint64_t first_frame, frames;
	_Atomic uint32_t *mark; /* a frame each */
};

struct owners {
	struct owners_room room[LAB_ZONES];
	unsigned int rooms;
};

struct owners *owners_new(const struct machine *machine)
{
	struct owners *owners = calloc(1, sizeof(*owners));
	struct owners_room *room;

	for (; owners && owners->rooms < machine->rooms; owners->rooms++) {
		room = &owners->room[owners->rooms];
		room->first_frame = machine->room[owners->rooms].first_frame;
		room->frames = room_frames(&machine->room[owners->rooms]);
		room->mark = calloc(room->frames, sizeof(*room->mark)); /* zero bits: nobody's */
		if (room->mark)
			continue;
		owners_delete(owners);
		return NULL;
	}
	return owners;
}

void owners_delete(struct owners *owners)
{
	unsigned int i;

	if (!owners)
		return;
	for (i = 0; i < owners->rooms; i++)
		free(owners->room[i].mark);
	free(owners);
}

static unsigned int room_of(const struct owners *owners, uint64_t frame, unsigned int order)
{
	const struct owners_room *room;
	unsigned int i;

	if (frame & (((uint64_t)1 << order) - 1))
		return OWNERS_NO_ROOM;
	for (i = 0; i < owners->rooms; i++) {
		room = &owners->room[i];
		if (frame >= room->first_frame && frame - room->first_frame < room->frames)
			return room->frames - (frame - room->first_frame) < (uint64_t)1 << order
				       ? OWNERS_NO_ROOM
				       : i;
	}
	return OWNERS_NO_ROOM;
}

/* Exchange the marks of a block.  True: some frame of it had one. */
static bool exchange_marks(struct owners_room *room, uint64_t frame, unsigned int order, uint32_t mark)
{
	_Atomic uint32_t *at = room->mark + (frame - room->first_frame), *end = at + ((size_t)1 << order);
	uint32_t before = 0;

	for (; at < end; at++)
		before |= atomic_exchange(at, mark);
	return before != 0;
}

enum owners_verdict owners_take(struct owners *owners, uint64_t frame, unsigned int order, uint32_t mark,
				unsigned int *room)
{
	*room = room_of(owners, frame, order);
	if (*room == OWNERS_NO_ROOM)
		return OWNERS_MISPLACED;
	return exchange_marks(&owners->room[*room], frame, order, mark) ? OWNERS_TWICE : OWNERS_FINE;
}

unsigned int owners_give(struct owners *owners, uint64_t frame, unsigned int order)
{
	unsigned int room = room_of(owners, frame, order);

	if (room != OWNERS_NO_ROOM)
		exchange_marks(&owners->room[room], frame, order, 0);
	return room;
}

uint64_t owners_held(const struct owners *owners, unsigned int room)
{
	const struct owners_room *at = &owners->room[room];
	uint64_t held = 0, i;

	for (i = 0; i < at->frames; i++)
		held += atomic_load_explicit(&at->mark[i], memory_order_relaxed) != 0;
	return held;
}
