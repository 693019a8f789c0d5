/* SPDX-License-Identifier: MIT */
/*
 * entrance.h - where requests come in: the walk over rooms and rights, and the stamp on what is found.
 */
#ifndef LAB_ENTRANCE_H
#define LAB_ENTRANCE_H

#include "route.h"

/* An error as a page pointer. */
static inline struct lab_page *entrance_refuse(int error)
{
	return (struct lab_page *)(intptr_t)error;
}

static inline void labyrinth_count(struct labyrinth *lab, enum lab_counter counter, lab_word n)
{
	add_relaxed(&lab->counter[counter], n); /* off the fast path; orders nothing */
}

/* Make a claimed frame its taker's.  The tag is written after the bit is claimed. */
static inline struct lab_page *entrance_stamp(struct lab_page *page, lab_word owned)
{
	/* Ours since the claim.  Release; partner: the acquire load of a free. */
	store_release(&page->tag, (load_relaxed(&page->tag) & LAB_TAG_GENERATION) | owned);
	return page;
}

#endif
