/* SPDX-License-Identifier: MIT */
/*
 * recover.c - returning what dead processes had (DESIGN.md, "Several processes"; models/recover.pml).
 *
 * Beside the way; one recoverer at a time, which the home sees to.  It may itself die anywhere: the next one finds what it had in
 * hand as it finds everybody's.
 *
 * A frame is in a hand while its bit is set and nothing says whose it is.  Two looks, with a grace period before each: what is in a
 * hand on both, and was not marked by anybody since, was in one hand all the time, and no living process has had a call as long
 * as that.  The same of a pool's slots, which are in a hand while neither tree has them.
 */
#include "estate.h"
#include "hint.h"
#include "page.h"
#include "room.h"

/* Rounds, until nothing moves that is in doubt, and nobody has died since the last one began. */
#define RECOVER_ROUNDS_MAX 8u

void *memset(void *, int, size_t);

struct recovery {
	struct labyrinth *lab;
	const struct lab_survey *survey;
	struct lab_recovered *found;
	bool gone[LAB_PROCESSES_MAX]; /* dead when the round began */
	bool fresh;		      /* somebody died after it */
};

unsigned int lab_process_owner(const struct labyrinth *lab)
{
	return labyrinth_alive(lab) && !labyrinth_alone(lab) ? lab->owner_first + process_self(lab) : 0;
}

uint32_t lab_process_at(const struct labyrinth *lab, unsigned int place)
{
	return place < lab->processes ? load_acquire(&labyrinth_process(lab, place)->here) : 0;
}

void lab_process_arrive(struct labyrinth *lab, unsigned int place, uint32_t number)
{
	store_release(&labyrinth_process(lab, place)->here, number); /* partner: find_gone() */
}

/* ---- grace ---- */

/* Every living process's counts of this parity are seen at 0. */
static int run_out(struct recovery *recovery, unsigned int parity)
{
	struct labyrinth *lab = recovery->lab;
	unsigned int process, line;

	for (process = 0; process < lab->processes; process++)
		for (line = 0; !recovery->gone[process] && line < lab->presences; line++) {
			lab_word *count = &process_presence(lab, process, line)->count[parity];

			while (load_seq(count)) { /* partner: process_enter(), process_leave() */
				if (recovery->survey->dead(recovery->survey->home, process)) {
					recovery->fresh = true;
					break;
				}
				if (!recovery->survey->wait(recovery->survey->home)) {
					recovery->found->waiting = (int)process;
					return -LAB_EAGAIN;
				}
			}
		}
	return 0;
}

/*
 * Every call is over that had begun before.  New ones enter by the epoch's parity, so the other runs out first; then the epoch
 * moves, and the first does.
 */
static int grace(struct recovery *recovery)
{
	unsigned int parity = (unsigned int)load_seq(&recovery->lab->epoch) & 1;
	int error = run_out(recovery, !parity);

	if (error)
		return error;
	add_seq(&recovery->lab->epoch, (lab_word)1);
	return run_out(recovery, parity);
}

/* A grace period in which a count of each room's `tentative` runs out as well: what is left of it, nobody living has raised. */
static int grace_and_lower(struct recovery *recovery)
{
	struct labyrinth *lab = recovery->lab;
	unsigned int i;
	int error;

	for (i = 0; i < lab->rooms; i++) {
		uint32_t *raising = &labyrinth_room(lab, i)->raising;

		/* The other one from now on; partner: room_raise(). */
		add_seq(raising, LAB_TENTATIVE_SHIFT - 2 * load_relaxed(raising));
	}
	error = grace(recovery);
	for (i = 0; !error && i < lab->rooms; i++) {
		struct lab_room *room = labyrinth_room(lab, i);
		unsigned int left = LAB_TENTATIVE_SHIFT - load_relaxed(&room->raising);
		lab_word count = load_seq(&room->tentative) >> left & LAB_TENTATIVE_COUNT;

		if (count)
			add_seq(&room->tentative, -(count << left));
		recovery->found->raised += count;
	}
	return error;
}

/* ---- looks ---- */

static bool bit_set(const struct lab_tree *tree, lab_bit bit)
{
	return load_seq(tree_word(tree, bit)) >> bit % LAB_WORD_BITS & 1;
}

/* Inside a block that is somebody's, or kept for somebody? */
static bool covered(const struct lab_room *room, lab_bit bit)
{
	unsigned int order;

	for (order = 1; order <= LAB_ORDER_MAX; order++) {
		lab_bit head = bit & ~(((lab_bit)1 << order) - 1);
		lab_word tag = load_acquire(&room_page(room, head)->tag); /* partner: the stamp, the claim of a free */

		if (head != bit && (tag_state(tag) == LAB_OWNED || tag_state(tag) == LAB_KEPT) && tag_order(tag) >= order)
			return true;
	}
	return false;
}

enum where {
	SOMEWHERE, /* free, or somebody's by its tag */
	WITH_SLOT, /* wherever its slot is: in a hand */
	IN_HAND,
};

/* A frame whose tag says POOLED: its slot holds it, or is in a hand with it, or has let it go. */
static enum where pooled_where(const struct lab_room *room, lab_bit bit, lab_word tag)
{
	const struct lab_pool *pool;
	bool has, lacks;
	lab_bit slot;

	if (tag_slot(tag) >= room->slots)
		return SOMEWHERE; /* damaged: audit's */
	pool = &room->pool[pool_of(room, tag_slot(tag))];
	slot = tag_slot(tag) - pool->first_slot;
	lacks = !bit_set(&pool->lack, slot);
	has = !bit_set(&pool->have, slot);
	/* Last: who fills the slot writes it before it is in `have`, so what it held before is not taken for what it holds. */
	if (load_acquire(pool_slot(pool, slot)) != bit || lacks)
		return IN_HAND;
	return has ? SOMEWHERE : WITH_SLOT;
}

static enum where frame_where(const struct lab_room *room, lab_bit bit, lab_word *tag)
{
	if (!bit_set(&room->commons, bit))
		return SOMEWHERE;
	*tag = load_acquire(&room_page(room, bit)->tag); /* partner: the stamp */
	switch (tag_state(*tag)) {
	case LAB_FREE:
		return covered(room, bit) ? SOMEWHERE : IN_HAND;
	case LAB_POOLED:
		return pooled_where(room, bit, *tag);
	default:
		return SOMEWHERE;
	}
}

static bool slot_in_hand(const struct lab_pool *pool, lab_bit slot)
{
	return bit_set(&pool->have, slot) && bit_set(&pool->lack, slot);
}

/* ---- marks ---- */

static bool mark_read(const lab_word *marks, lab_bit mark)
{
	/* After the look that it is about; partner: mark_touched() before the frame was let go. */
	return load_seq(&marks[mark / LAB_MACHINE_BITS]) >> mark % LAB_MACHINE_BITS & 1;
}

static void doubt(const struct lab_room *room, lab_bit mark)
{
	lab_word *word = &room_doubted(room)[mark / LAB_MACHINE_BITS];

	store_relaxed(word, load_relaxed(word) | (lab_word)1 << mark % LAB_MACHINE_BITS); /* the recoverer's own */
}

static void wipe(const struct lab_room *room)
{
	lab_word words = marks_words(room->commons.bits) + marks_words(room->slots), i;

	for (i = 0; i < words; i++) {
		if (load_relaxed(&room_doubted(room)[i])) /* (what is 0 stays untouched) */
			store_relaxed(&room_doubted(room)[i], (lab_word)0);
		/* Who marks meanwhile began before the grace period that comes now. */
		if (load_relaxed(&room_touched(room)[i]))
			and_seq(&room_touched(room)[i], (lab_word)0);
	}
}

/* The first look: what is in hands. */
static void look(const struct lab_room *room)
{
	unsigned int band;
	lab_bit bit, slot;
	lab_word tag;

	for (bit = room->lead; bit < room->lead + room->frames; bit++)
		if (frame_where(room, bit, &tag) == IN_HAND) /* (what is with a slot leaves with it, and only the slot is marked) */
			doubt(room, bit);
	for (band = 0; band < room->bands; band++)
		for (slot = 0; slot < room->pool[band].slots; slot++)
			if (slot_in_hand(&room->pool[band], slot))
				doubt(room, slot_mark(room, room->pool[band].first_slot + slot));
}

/* ---- what is found ---- */

/*
 * A slot out of a dead hand.  Its word and the tag of the frame that it names tell how far the dead one was: before a draw took
 * the frame out, or after a fill or swap had put one in, the tag names the slot; in between it does not.  (A frame that a living
 * drawer has from this slot has been stamped or put back since the first look.)
 */
static void collect_slot(struct recovery *recovery, struct lab_room *room, struct lab_pool *pool, lab_bit slot)
{
	lab_bit frame = load_acquire(pool_slot(pool, slot));
	lab_word tag = 0;

	if (frame < room->commons.bits)
		tag = load_acquire(&room_page(room, frame)->tag);
	if (tag_state(tag) == LAB_POOLED && tag_slot(tag) == pool->first_slot + slot) {
		room_touch(room, frame, 0); /* it may be doubted by itself, and is anybody's from now on */
		tree_give(&pool->have, slot);
	} else {
		tree_give(&pool->lack, slot);
	}
	recovery->found->slots++;
}

static void collect_slots(struct recovery *recovery, struct lab_room *room)
{
	unsigned int band;
	lab_bit slot;

	for (band = 0; band < room->bands; band++) {
		struct lab_pool *pool = &room->pool[band];

		for (slot = 0; slot < pool->slots; slot++) {
			lab_bit mark = slot_mark(room, pool->first_slot + slot);

			if (!mark_read(room_doubted(room), mark) || !slot_in_hand(pool, slot))
				continue;
			if (mark_read(room_touched(room), mark))
				recovery->found->doubtful++;
			else
				collect_slot(recovery, room, pool, slot);
		}
	}
}

/* Slots first: then a frame that is pooled is with its slot, or out. */
static void collect_frames(struct recovery *recovery, struct lab_room *room)
{
	lab_word tag = 0;
	lab_bit bit;

	for (bit = room->lead; bit < room->lead + room->frames; bit++) {
		enum where where;

		where = frame_where(room, bit, &tag);
		if (where == SOMEWHERE)
			continue;
		if (!mark_read(room_doubted(room), bit)) { /* with a slot at the first look, out of it now: another round tells */
			recovery->found->doubtful += tag_state(tag) == LAB_POOLED;
			continue;
		}
		if (where == WITH_SLOT || mark_read(room_touched(room), bit)) {
			recovery->found->doubtful++;
			continue;
		}
		/* Ours, and not by accident another's. */
		if (cas_acq_rel(&room_page(room, bit)->tag, &tag, tag_next(tag, LAB_FREE))) {
			room_put(room, bit, 0);
			recovery->found->frames++;
		}
	}
}

/* ---- what was not said ---- */

/* Lists, hints and the summary, as who died had no time to say. */
static void mend(struct lab_room *room)
{
	lab_word leaf;
	unsigned int i;

	tree_mend(&room->commons);
	for (leaf = 0; leaf < room->commons.leaves; leaf++)
		hint_mend(room, leaf);
	for (i = 0; i < room->bands; i++) {
		tree_mend(&room->pool[i].have);
		tree_mend(&room->pool[i].lack);
	}
}

/* ---- processes ---- */

static bool find_gone(struct recovery *recovery)
{
	struct labyrinth *lab = recovery->lab;
	unsigned int i;
	bool any = false;

	for (i = 0; i < lab->processes; i++) {
		recovery->gone[i] = load_acquire(&labyrinth_process(lab, i)->here) &&
				    recovery->survey->dead(recovery->survey->home, i);
		any |= recovery->gone[i];
	}
	return any;
}

/* Nothing of it is left: its place is free. */
static void bury(struct labyrinth *lab, unsigned int number)
{
	unsigned int line;

	for (line = 0; line < lab->presences; line++) {
		store_relaxed(&process_presence(lab, number, line)->count[0], (lab_word)0);
		store_relaxed(&process_presence(lab, number, line)->count[1], (lab_word)0);
	}
	store_release(&labyrinth_process(lab, number)->here, 0); /* partner: who takes the place */
}

static int round_of(struct recovery *recovery)
{
	struct labyrinth *lab = recovery->lab;
	unsigned int i;
	int error;

	recovery->fresh = false;
	recovery->found->doubtful = 0;
	for (i = 0; i < lab->rooms; i++)
		wipe(labyrinth_room(lab, i));
	error = grace_and_lower(recovery);
	if (!error) /* what calls stamped that had begun before */
		recovery->found->owned += estate_return(lab, recovery->gone);
	for (i = 0; !error && i < lab->rooms; i++)
		look(labyrinth_room(lab, i));
	if (!error)
		error = grace_and_lower(recovery);
	if (error)
		return error;
	for (i = 0; i < lab->rooms; i++) {
		collect_slots(recovery, labyrinth_room(lab, i));
		collect_frames(recovery, labyrinth_room(lab, i));
		mend(labyrinth_room(lab, i));
	}
	recovery->found->clients += estate_close(lab, recovery->gone);
	for (i = 0; i < lab->processes; i++)
		if (recovery->gone[i]) {
			bury(lab, i);
			recovery->found->processes++;
		}
	return 0;
}

int lab_recover(struct labyrinth *lab, const struct lab_survey *survey, struct lab_recovered *found)
{
	struct recovery recovery = { .lab = lab, .survey = survey, .found = found };
	unsigned int i, rounds = 0;
	int error = 0;
	bool more;

	memset(found, 0, sizeof(*found));
	found->waiting = -1;
	if (!labyrinth_alive(lab))
		return labyrinth_refusal(lab);
	if (labyrinth_alone(lab))
		return -LAB_ENOTSUP;
	more = find_gone(&recovery) || load_relaxed(&lab->unsettled);
	if (!more)
		return 0;
	store_relaxed(&lab->unsettled, 1);
	for (i = 0; i < lab->rooms; i++)
		or_seq(&labyrinth_room(lab, i)->recovering, 1u); /* before the grace periods; partner: room_touch() */
	while (!error && more && rounds++ < RECOVER_ROUNDS_MAX) {
		estate_abandon(lab, recovery.gone);
		found->owned += estate_return(lab, recovery.gone);
		error = round_of(&recovery);
		more = recovery.fresh || found->doubtful;
		find_gone(&recovery);
	}
	for (i = 0; i < lab->rooms; i++)
		and_seq(&labyrinth_room(lab, i)->recovering, 0u);
	store_relaxed(&lab->unsettled, error || more);
	return error;
}

int lab_process_leave(struct labyrinth *lab)
{
	bool gone[LAB_PROCESSES_MAX] = { false };
	unsigned int self;

	if (!labyrinth_alive(lab))
		return labyrinth_refusal(lab);
	if (labyrinth_alone(lab))
		return -LAB_ENOTSUP;
	self = process_self(lab);
	gone[self] = true;
	estate_abandon(lab, gone);
	estate_return(lab, gone);
	if (!estate_release(lab, gone))
		return -LAB_EAGAIN;
	bury(lab, self);
	return 0;
}
