/* SPDX-License-Identifier: MIT */
/*
 * frame.h - tags: what a frame is, as pure functions of one word.  The picture stands in layout.h.
 *
 * Last on the way.  A tag's order of events, with the frame's bit in the commons:
 *
 *     alloc   bit claimed -> tag OWNED (release)
 *     free    tag claimed by compare-and-swap: OWNED(order, owner, g) -> FREE(g + 1) -> bit cleared
 *     pooled  OWNED -> FREE(g + 1) -> POOLED(slot) -> slot published; drawn: POOLED -> OWNED
 *     kept    OWNED -> FREE(g + 1) -> KEPT(order, owner) -> slot published; drawn: KEPT -> OWNED
 *     offered OWNED -> KEPT (claimed by compare-and-swap) -> published; used: KEPT -> OWNED(g + 1)
 *     shred   OWNED(g) -> SHREDDING(g + 1, owner) -> overwritten -> FREE(g + 1), or in quarantine (SHREDDING, nobody's) -> FREE
 *     shared  OWNED -> SHARED(2) <-> SHARED(n) -> OWNED
 *
 * Never the bit before the tag: a clear bit has a FREE tag, always.
 */
#ifndef LAB_FRAME_H
#define LAB_FRAME_H

#include "layout.h"

static inline unsigned int tag_state(lab_word tag)
{
	return (unsigned int)(tag & LAB_TAG_STATE);
}

static inline unsigned int tag_order(lab_word tag)
{
	return (unsigned int)((tag & LAB_TAG_ORDER) >> LAB_TAG_ORDER_SHIFT);
}

static inline unsigned int tag_use(lab_word tag)
{
	return (unsigned int)((tag & LAB_TAG_USE) >> LAB_TAG_USE_SHIFT);
}

static inline unsigned int tag_owner(lab_word tag)
{
	return (unsigned int)((tag & LAB_TAG_OWNER) >> LAB_TAG_OWNER_SHIFT);
}

static inline uint32_t tag_generation(lab_word tag)
{
	return (uint32_t)(tag >> LAB_TAG_GENERATION_SHIFT);
}

static inline lab_word tag_slot(lab_word tag)
{
	return (tag & LAB_TAG_SLOT) >> LAB_TAG_SLOT_SHIFT;
}

/* What a request makes of a frame for this owner, without its generation. */
static inline lab_word tag_owned(const struct lab_request *request, unsigned int owner)
{
	return (lab_word)LAB_OWNED | (lab_word)request->order << LAB_TAG_ORDER_SHIFT |
	       (lab_word)request->use << LAB_TAG_USE_SHIFT | (lab_word)owner << LAB_TAG_OWNER_SHIFT;
}

/* The next generation of a frame, in a state that says nothing else. */
static inline lab_word tag_next(lab_word tag, enum lab_state state)
{
	return ((tag & LAB_TAG_GENERATION) + ((lab_word)1 << LAB_TAG_GENERATION_SHIFT)) | (lab_word)state;
}

/* Freed, and not yet overwritten: the next generation, its owner still. */
static inline lab_word tag_shredding(lab_word tag)
{
	return tag_next(tag, LAB_SHREDDING) | (tag & (LAB_TAG_OWNER | LAB_TAG_ORDER | LAB_TAG_POISONED));
}

/* How many have a page of a vault; in place of an order, which is 0 there. */
static inline unsigned int tag_sharers(lab_word tag)
{
	return tag_state(tag) == LAB_SHARED ? tag_order(tag) + 2 : 1;
}

/* The same page, of so many. */
static inline lab_word tag_shared(lab_word tag, unsigned int sharers)
{
	tag &= ~(LAB_TAG_STATE | LAB_TAG_ORDER);
	return sharers > 1 ? tag | LAB_SHARED | (lab_word)(sharers - 2) << LAB_TAG_ORDER_SHIFT : tag | LAB_OWNED;
}

/* The same generation, in a state that says nothing else. */
static inline lab_word tag_become(lab_word tag, enum lab_state state)
{
	return (tag & LAB_TAG_GENERATION) | (lab_word)state;
}

/* Kept for this owner: in its contract, or offered by it.  The same generation. */
static inline lab_word tag_kept(lab_word tag, unsigned int order, unsigned int owner)
{
	return tag_become(tag, LAB_KEPT) | (lab_word)order << LAB_TAG_ORDER_SHIFT | (lab_word)owner << LAB_TAG_OWNER_SHIFT;
}

static inline lab_word tag_pooled(lab_word tag, lab_word slot)
{
	return tag_become(tag, LAB_POOLED) | slot << LAB_TAG_SLOT_SHIFT;
}

/* May a tag look like this at all? */
static inline bool tag_holds(lab_word tag)
{
	switch (tag_state(tag)) {
	case LAB_OWNED:
		return tag_order(tag) <= LAB_ORDER_MAX;
	case LAB_SHREDDING:
		return tag_order(tag) <= LAB_ORDER_MAX;
	case LAB_SHARED:
		return true;
	case LAB_KEPT:
		return tag_order(tag) <= LAB_ORDER_MAX && !(tag & LAB_TAG_POISONED);
	case LAB_POOLED:
		return !(tag & (LAB_TAG_ORDER | LAB_TAG_POISONED));
	case LAB_OFFLINE:
		return tag == LAB_TAG_HOLE || !(tag & (LAB_TAG_ORDER | LAB_TAG_POISONED | LAB_TAG_SLOT));
	case LAB_FREE:
		return !(tag & (LAB_TAG_ORDER | LAB_TAG_POISONED | LAB_TAG_SLOT));
	default:
		return false;
	}
}

#endif
