/* SPDX-License-Identifier: MIT */
/*
 * room.h - one memory zone: its commons, and nested in it the pools of its watermarks.
 *
 * On the way: route -> room -> pool, tree.  Knows bits, not requests: rights come as sets of pools, CPUs
 * as hints.
 */
#ifndef LAB_ROOM_H
#define LAB_ROOM_H

#include "hint.h"
#include "pool.h"

/* Who asks, as far as the place of a frame depends on it. */
struct lab_asker {
	unsigned int cpu;
	unsigned int slot; /* which of the CPU's hints: a mobility, or LAB_COLD_HINT */
	enum lab_end end;  /* unmovable frames gather at the low end, movable ones at the high end */
};

/* Take a frame of the commons.  LAB_NO_BIT with *proof as tree_find() sets it. */
lab_bit room_take(struct lab_room *room, const struct lab_asker *asker, lab_word *proof);

/*
 * Take an aligned run of 2^order frames, order > 0.  LAB_NO_BIT; then *complete tells that the summary
 * was seen to hold none (no snapshot), else the tries ran out.
 */
lab_bit room_take_block(struct lab_room *room, const struct lab_asker *asker, unsigned int order,
			bool *complete);

/* Take these 2^order frames.  False: some are taken. */
bool room_take_at(struct lab_room *room, lab_bit bit, unsigned int order);

/*
 * Put 2^order frames that the caller holds back: each into the innermost pool that lacks one, the rest
 * into the commons.  Their tags are FREE.
 */
void room_put(struct lab_room *room, lab_bit bit, unsigned int order);

/*
 * Clear bits of one word in the commons, whose tags are FREE: the ordinary give.  `word` holds `first`, or
 * a bit of the same word.  For frees that nothing lacks.
 */
void room_clear(struct lab_room *room, lab_word *word, lab_bit first, lab_word mask);

/*
 * After a give by this CPU: if the frame lies in a leaf that the CPU takes from now, its next request of
 * that kind begins there.  (Into another leaf a hint does not follow a give: those fill from the end.)
 */
static inline void cpu_warm(struct lab_cpu *cpu, lab_bit bit)
{
	unsigned int i;

	for (i = 0; i < LAB_MOBILITIES; i++)
		if ((load_relaxed(&cpu->near[i]) - 1) / LAB_LEAF_FRAMES == bit / LAB_LEAF_FRAMES)
			store_relaxed(&cpu->near[i], bit + 1);
}

/* Remember who frees into a leaf (room.c, "leaf_unattractive").  Written when it changes only. */
static inline void room_freed_by(struct lab_room *room, unsigned int cpu, lab_bit bit)
{
	uint16_t *freer = &room_note(room, bit / LAB_LEAF_FRAMES)->freer;
	uint16_t self = (uint16_t)((cpu & room->cpu_mask) + 1u);

	if (unlikely(load_relaxed(freer) != self))
		store_relaxed(freer, self);
}

/* The fast half of room_take(): a free bit in the word that this hint names; `leaves`: the room's. */
static inline lab_bit room_take_near(const struct lab_tree *tree, lab_word *leaves, lab_word near)
{
	lab_bit bit = near - 1;
	unsigned int i;
	bool left;

	if (unlikely(!near))
		return LAB_NO_BIT;
	i = leaf_claim(leaves + bit / LAB_WORD_BITS, (unsigned int)(bit % LAB_WORD_BITS), &left);
	if (unlikely(i == LAB_WORD_BITS))
		return LAB_NO_BIT;
	if (unlikely(!left))
		tree_took(tree, bit / LAB_LEAF_FRAMES);
	return (bit & ~(lab_bit)(LAB_WORD_BITS - 1)) + i;
}

/*
 * What a refusal rests on: the root words of a room, all empty for these pools, and nobody in it who
 * may give back what it took.  True with *seen set; compare two of them (DESIGN.md, "truthful none").
 */
struct lab_proof {
	lab_word commons, have, tentative;
};
bool room_empty(const struct lab_room *room, uint32_t among, struct lab_proof *seen);

/* Before the first take that may be given back, and after the last; what both together add to the word. */
#define ROOM_RAISED ((lab_word)1 << 2 * LAB_TENTATIVE_SHIFT)
unsigned int room_raise(struct lab_room *room); /* what to lower by */
void room_lower(struct lab_room *room, unsigned int raised);

#endif
