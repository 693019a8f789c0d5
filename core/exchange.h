/* SPDX-License-Identifier: MIT */
/*
 * exchange.h - blocks out of frames that pools keep: pay, then swap.
 *
 * On the way: entrance -> exchange -> pool, room; for orders above 0 only, when the commons has no such
 * block.  A pool is a quantity, not a place: a pooled frame may be exchanged for any other.  So a block
 * may consist of commons frames and pooled ones, if each frame that comes from a pool which the request
 * has no right to is paid for with a frame that it could have had.  Then admission is as exact as that of
 * order 0: the request ends with 2^order frames fewer in what it may draw from, and no other pool has lost
 * one.  `tentative` is raised all the while, for what is claimed may be given back.
 */
#ifndef LAB_EXCHANGE_H
#define LAB_EXCHANGE_H

#include "room.h"

#define LAB_EXCHANGE_LOOKS 4096u

/* Who pays, and from which pools it may (a bit a pool) besides the commons. */
struct lab_payer {
	const struct lab_asker *asker;
	uint32_t among;
	int drawn; /* the innermost pool that was drawn from; -1: none */
	unsigned int raised; /* how often `tentative` was, for this payer */
};

/*
 * Take a block, with the right to draw from these pools.  LAB_NO_BIT; then *complete is false if more
 * pooled frames were there than are looked at (bounded by LAB_EXCHANGE_LOOKS).
 */
lab_bit exchange_block(struct lab_room *room, struct lab_payer *payer, unsigned int order, bool *complete);

/* The same for the block at this bit.  False: some of it is in use, or it could not be paid for. */
bool exchange_at(struct lab_room *room, struct lab_payer *payer, lab_bit bit, unsigned int order);

/* Is every frame of this block free or pooled?  A look, not a claim. */
bool exchange_unused(const struct lab_room *room, lab_bit bit, unsigned int order);

#endif
