/* SPDX-License-Identifier: MIT */
/*
 * record.c - who was refused, where, by which floor, and what would have served it.
 */
#include "record.h"

_Static_assert(sizeof(struct lab_refusal) % sizeof(uint32_t) == 0, "copied word by word");

/* The pools of a room that have frames at this instant. */
static uint32_t bands_with_frames(const struct lab_room *room)
{
	return (uint32_t)(~load_seq(&room->have_root.word) & word_below(room->bands));
}

static bool commons_with_frames(const struct lab_room *room)
{
	return !root_empty(load_seq(&room->commons_root.word), tree_children(&room->commons));
}

/* The least right beyond its own with which this way would have found a frame; LAB_RIGHTS: none. */
static unsigned int deeper_right(const struct labyrinth *lab, const struct lab_way *way)
{
	unsigned int right, i;

	for (right = way->right + 1u; right < LAB_RIGHTS; right++)
		for (i = 0; i < way->rooms; i++) {
			const struct lab_room *room = labyrinth_room(lab, way->room[i]);

			if (bands_with_frames(room) & route_bands(room, way, (enum lab_right)right))
				return right;
		}
	return LAB_RIGHTS;
}

/* A room beside the way whose commons has frames; -1: none. */
static int other_room(const struct labyrinth *lab, const struct lab_way *way)
{
	unsigned int room, i;

	for (room = 0; room < lab->rooms; room++) {
		for (i = 0; i < way->rooms && way->room[i] != room; i++)
			;
		if (i == way->rooms && commons_with_frames(labyrinth_room(lab, room)))
			return (int)room;
	}
	return -1;
}

static void find_remedy(const struct labyrinth *lab, const struct lab_way *way, struct lab_refusal *refusal, bool maximum)
{
	refusal->remedy_room = -1;
	if (refusal->error == -LAB_EDQUOT) {
		refusal->remedy = maximum ? LAB_REMEDY_QUOTA : LAB_REMEDY_SHARE;
		/* The way is at everybody's right again: a larger share helps where there is something beyond. */
		if (!maximum && deeper_right(lab, way) == LAB_RIGHTS)
			refusal->remedy = LAB_REMEDY_NONE;
		return;
	}
	if (refusal->error == -LAB_EAGAIN || refusal->error == -LAB_ENOSPC) {
		refusal->remedy = refusal->error == -LAB_EAGAIN ? LAB_REMEDY_AGAIN : LAB_REMEDY_COMPACTION;
		return;
	}
	refusal->remedy_right = (uint8_t)deeper_right(lab, way);
	if (refusal->remedy_right < LAB_RIGHTS) {
		refusal->remedy = LAB_REMEDY_RIGHT;
		return;
	}
	refusal->remedy_room = (int16_t)other_room(lab, way);
	refusal->remedy = refusal->remedy_room < 0 ? LAB_REMEDY_NONE : LAB_REMEDY_ZONE;
}

/* Down to where this right may go in a room. */
static uint32_t right_floor(const struct lab_room *room, uint32_t bands)
{
	return (uint32_t)(bands ? room->pool[word_lowest(bands)].floor : room->slots);
}

/* `refusal` is all 0, between its members too: its copies are words. */
static void describe(const struct labyrinth *lab, const struct lab_way *way, struct lab_refusal *refusal, bool maximum)
{
	const struct lab_request *request = way->request;
	const struct lab_room *room = labyrinth_room(lab, way->room[0]); /* a way has a room */

	refusal->gfp = request->gfp;
	refusal->order = request->order;
	refusal->right = (uint8_t)way->right;
	refusal->owner = request->owner;
	refusal->node = request->node;
	refusal->room = way->room[0];
	refusal->floor = right_floor(room, route_bands(room, way, way->right));
	find_remedy(lab, way, refusal, maximum);
}

/* Word by word, so that a torn copy is one of whole words, each ordered after or before the `turn` beside it. */
static void copy_out(uint32_t *to, const uint32_t *from)
{
	size_t i;

	for (i = 0; i < sizeof(struct lab_refusal) / sizeof(uint32_t); i++)
		store_release(&to[i], load_acquire(&from[i])); /* partner: the same of whoever reads, or writes */
}

static void keep_first(struct labyrinth *lab, const struct lab_refusal *refusal)
{
	lab_word none = 0;
	unsigned int i;

	if (load_relaxed(&lab->first_state) || !cas_acq_rel(&lab->first_state, &none, (lab_word)1)) /* one writes it, once */
		return;
	copy_out((uint32_t *)&lab->first.refusal, (const uint32_t *)refusal);
	lab->first.rooms = lab->rooms;
	for (i = 0; i < lab->rooms; i++) {
		lab->first.room[i].commons = commons_with_frames(labyrinth_room(lab, i));
		lab->first.room[i].bands = bands_with_frames(labyrinth_room(lab, i));
	}
	store_release(&lab->first_state, (lab_word)2); /* partner: lab_first_refusal() */
}

void record_refusal(struct labyrinth *lab, const struct lab_way *way, int error, bool maximum)
{
	union { /* by its words, so that there is nothing of the stack between its members */
		uint32_t word[sizeof(struct lab_refusal) / sizeof(uint32_t)];
		struct lab_refusal refusal;
	} to = { .word = { 0 } };
	lab_word sequence = add_relaxed(&lab->refusals, 1) + 1; /* a place of one's own, until it comes round again */
	struct lab_memory *memory = &lab->memory[sequence % LAB_REFUSALS_KEPT];
	lab_word turn = load_relaxed(&memory->turn);

	to.refusal.sequence = (uint32_t)sequence;
	to.refusal.error = (int16_t)error;
	describe(lab, way, &to.refusal, maximum);
	if (error != -LAB_EDQUOT)
		keep_first(lab, &to.refusal);
	/* The claim: odd while it is written.  Lost, or odd already: another writes here, and keeps the place; or a later one has it. */
	if (turn & 1 || turn > 2 * sequence || !cas_seq(&memory->turn, &turn, 2 * sequence - 1))
		return;
	copy_out((uint32_t *)&memory->refusal, to.word);
	store_release(&memory->turn, 2 * sequence); /* partner: the loads around a reader's copy */
}

unsigned int lab_refusals(const struct labyrinth *lab, struct lab_refusal *list, unsigned int max)
{
	lab_word last = load_seq(&lab->refusals), sequence;
	unsigned int n = 0;

	if (!labyrinth_alive(lab))
		return 0;
	for (sequence = last; sequence && last - sequence < LAB_REFUSALS_KEPT && n < max; sequence--) {
		const struct lab_memory *memory = &lab->memory[sequence % LAB_REFUSALS_KEPT];
		lab_word turn = load_acquire(&memory->turn);

		if (turn != 2 * sequence)
			continue;
		copy_out((uint32_t *)&list[n], (const uint32_t *)&memory->refusal);
		if (load_seq(&memory->turn) == turn) /* partner: the claim of who overwrites it */
			n++;
	}
	return n;
}

int lab_first_refusal(const struct labyrinth *lab, struct lab_first_refusal *first)
{
	if (!labyrinth_alive(lab))
		return labyrinth_refusal(lab);
	if (load_acquire(&lab->first_state) != 2) /* partner: its writer */
		return -LAB_ENODATA;
	*first = lab->first;
	return 0;
}
