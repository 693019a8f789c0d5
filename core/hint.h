/* SPDX-License-Identifier: MIT */
/*
 * hint.h - where blocks may be: the largest order that may be free in each leaf, and a summary of it.
 *
 * On the way: room -> hint -> leaf, for orders above 0.  The bitmap alone is the truth; nothing is split
 * or merged.  A hint may be too high (a searcher lowers it), never too low at rest.  Modelled in
 * models/hint.pml.
 *
 * The summary over the hints is plainer still: a bit a child and order, "none there".  Whoever sets such
 * a bit looks at the child again afterwards, so it is right at rest; a caller stopped in between hides
 * one child from searches of that order until it goes on (they answer -EAGAIN or look elsewhere).
 */
#ifndef LAB_HINT_H
#define LAB_HINT_H

#include "tree.h"

#define HINT_LOW ((uint32_t)15)
#define HINT_ANNOUNCED ((uint32_t)1 << 7)
#define HINT_SEQUENCE_ONE ((uint32_t)1 << 8)

/* The largest order that may be free, -1: none.  Zero-filled: everything may. */
static inline int hint_order(uint32_t hint)
{
	return (int)LAB_LEAF_ORDER - (int)(hint & HINT_LOW);
}

static inline uint32_t hint_with(uint32_t hint, int order)
{
	return (hint & ~(HINT_LOW | HINT_ANNOUNCED)) | (uint32_t)((int)LAB_LEAF_ORDER - order);
}

static inline uint32_t hint_announce(uint32_t hint)
{
	return (hint | HINT_ANNOUNCED) + HINT_SEQUENCE_ONE;
}

/*
 * After an aligned run of 2^known frames at `bit` was cleared: raise its leaf's hint to that, and to what it
 * completes.  (The run is not looked at again: if one of its frames is taken already, the rest must still be
 * found.)
 */
void hint_raise(struct lab_room *room, lab_bit bit, unsigned int known);

/* After a give that was not said: the hint, and the summary over it, are raised to what may be there. */
void hint_mend(struct lab_room *room, lab_word leaf);

/* A leaf's hint was found too high: lower it to the truth. */
void hint_lower(struct lab_room *room, lab_word leaf);

/*
 * The next leaf, from that end, that may hold a free block of this order (> 0); LAB_NO_BIT: none.
 * Bounded by h, and by the stale summary bits that it repairs.
 */
lab_word hint_search(struct lab_room *room, unsigned int order, enum lab_end end);

/*
 * What a searcher would do who came by: lower this leaf's hint to the truth, and say in the summary above it
 * what hint and summary below say already (one that was stopped has not).  Returns whether anything was stale.
 */
bool hint_tidy(struct lab_room *room, lab_word leaf);

/* Does any leaf's hint or summary bit stand below the truth?  Quiet audits only.  *leaf: which. */
bool hint_holds(const struct lab_room *room, lab_word *leaf);

/* Is the aligned run of this order around `bit` free on a fresh read? */
bool hint_run_free(const struct lab_room *room, lab_bit bit, unsigned int order);

/* A leaf's hint at this instant. */
static inline uint32_t hint_now(const struct lab_room *room, lab_word leaf)
{
	return load_seq(&room_note(room, leaf)->hint); /* partner: whoever raises or lowers it */
}

#endif
