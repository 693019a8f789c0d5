/* SPDX-License-Identifier: MIT */
/*
 * exit.h - what a page's tag must be for it to be freed, or to change hands.
 */
#ifndef LAB_EXIT_H
#define LAB_EXIT_H

#include "frame.h"

/* What a free must match. */
struct exit_claim {
	lab_word match; /* OWNED, order, owner */
	lab_word use;	/* in place, 0: any */
	bool by_ref;
	bool any_owner; /* a split: a tag that has changed since may name another */
	uint32_t generation;
};

#define EXIT_MATCH (LAB_TAG_STATE | LAB_TAG_ORDER | LAB_TAG_OWNER)

static inline lab_word exit_match(unsigned int order, unsigned int owner)
{
	return (lab_word)LAB_OWNED | (lab_word)order << LAB_TAG_ORDER_SHIFT |
	       (lab_word)owner << LAB_TAG_OWNER_SHIFT;
}

static inline bool exit_fits(const struct exit_claim *claim, lab_word tag)
{
	if ((tag & EXIT_MATCH) != claim->match)
		return false;
	if (claim->use && (tag & LAB_TAG_USE) != claim->use)
		return false;
	return !claim->by_ref || tag_generation(tag) == claim->generation;
}

/*
 * Others had it when it did not fit.  Asked of the tag that was seen: on another look it may fit, and -EALREADY would not be true.
 */
static inline bool exit_shared(const struct exit_claim *claim, lab_word tag)
{
	return tag_state(tag) == LAB_SHARED && !((tag ^ claim->match) & LAB_TAG_OWNER) &&
	       (!claim->by_ref || tag_generation(tag) == claim->generation);
}

/* Why this page's tag does not match: counted, and its code. */
int exit_refusal(struct labyrinth *lab, const struct lab_room *room, lab_bit bit, const struct exit_claim *claim);
int exit_count(struct labyrinth *lab, enum lab_counter counter, int error);

#endif
