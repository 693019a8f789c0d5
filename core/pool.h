/* SPDX-License-Identifier: MIT */
/*
 * pool.h - the pools of a room: its bands high..low and low..min and the reserves inside min.
 *
 * On the way: room -> pool -> tree.  A pool is a quantity, not a place: a frame that its taker keeps is
 * replaced by the next one freed.  The pools of a room are numbered from the innermost (the last
 * reserve, 0) outwards; their `have` trees hang on one root word and their `lack` trees on another, so
 * that one load says which pools have something, and one which lack something.  Modelled in
 * models/pool.pml.
 *
 * The outermost pool may be that of the zeroed frames (`zeroed`): whoever asks may draw from it, after the commons;
 * requests for zeroed memory do so first.  Its `lack` tree has a root of its own, so that what is freed, and is
 * not zero, never gets there: it is a keeper who fills it (keeper.h).
 *
 *              | draw                          | fill
 *    ----------+-------------------------------+----------------------------------------
 *    draw      | each takes another slot       | a slot is given to `have` only when its
 *    fill      |                               | frame is written and its tag says POOLED
 *
 * Progress: lock-free; a slot in the hand of a stopped caller is missing to nobody else.
 */
#ifndef LAB_POOL_H
#define LAB_POOL_H

#include "frame.h"
#include "process.h"
#include "tree.h"

/*
 * Draw a frame from the outermost of these pools (`among`: a bit a pool) that has one.  Returns its bit
 * in the room, its tag POOLED still, with *band set; or LAB_NO_BIT, *band untouched, with *proof = the root word that says
 * that none of them has one, or 0 (not proven).
 */
lab_bit pool_draw(struct lab_room *room, uint32_t among, int *band, lab_word *proof);

/*
 * Fill the innermost pool that lacks a frame with this one, which the caller holds and whose
 * tag is FREE.  False: none lacks one; the frame is the caller's still.
 */
bool pool_fill(struct lab_room *room, lab_bit frame);

/* Does any pool lack a frame?  One load of a read-mostly word. */
static inline bool pool_lacks(const struct lab_room *room)
{
	/* Partner: the fetch-and with which a draw lists its empty slot. */
	return room->bands && !root_empty(load_seq(&room->lack_root.word), word_below(room->bands));
}

/*
 * Claim this very frame where it is pooled: its slot is in the caller's hand then, and its tag POOLED
 * still.  False: it has left its pool meanwhile.  The claim ends in one of the three calls below it.
 */
bool pool_claim(struct lab_room *room, lab_bit frame);
/* It stays where it was. */
void pool_unclaim(struct lab_room *room, lab_bit frame);
/* It is the caller's, and its slot lacks a frame. */
void pool_release(struct lab_room *room, lab_bit frame);
/* It is the caller's, and `payment`, which was, is pooled in its place. */
void pool_swap(struct lab_room *room, lab_bit frame, lab_bit payment);

/*
 * Put a frame that the caller holds, whose tag is FREE and whose memory is zero, into the pool of the zeroed
 * frames.  False: there is none, or it is full; the frame is the caller's still.
 */
bool pool_fill_zeroed(struct lab_room *room, lab_bit frame);

/* Does the pool of the zeroed frames lack one? */
static inline bool pool_lacks_zeroed(const struct lab_room *room)
{
	/* A preference only: pool_fill_zeroed() decides. */
	return room->zeroed && !root_empty(load_relaxed(&room->zero_lack), room->zeroed);
}

/* The pool that a slot number belongs to. */
unsigned int pool_of(const struct lab_room *room, lab_word slot);

/* Slots of a pool that hold a frame, or that lack one: counted, a moment's figure. */
lab_word pool_count(const struct lab_pool *pool);
lab_word pool_lacking(const struct lab_pool *pool);

/* Is a pool's bookkeeping consistent, with nobody in a call?  *frame: where not. */
bool pool_holds(const struct lab_room *room, unsigned int band, lab_bit *frame);

#endif
