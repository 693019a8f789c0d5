/* SPDX-License-Identifier: MIT */
/*
 * contract.h - what a client is guaranteed: frames and blocks kept in pools of its own.
 *
 * On the way: entrance -> client -> contract -> pool's trees.  As the pools of a room, but nobody else draws, fills or exchanges.
 * A slot is absent (its word 0), in `have`, in `lack`, or in a hand.  Modelled in models/contract.pml, where the proof stands:
 * whoever finds `have` empty does so at an instant at which the charge is above the guarantee.
 *
 *              | draw                         | fill                          | enlarge, shrink (one at a time)
 *    ----------+------------------------------+-------------------------------+-----------------------------------
 *    draw      | each takes another slot; a   | a slot is given to `have`     | the guarantee is raised after a slot
 *    fill      | try in vain is another's     | only when its word and its    | is there, and lowered before
 *              | step: no cap on tries        | frame's tag are written       | one goes
 */
#ifndef LAB_CONTRACT_H
#define LAB_CONTRACT_H

#include "room.h"

/* Which of a client's pools serves this order; LAB_CONTRACT_POOLS: none. */
static inline unsigned int contract_pool(const struct lab_client *client, unsigned int order)
{
	return !order ? 0 : order == client->block_order ? 1 : LAB_CONTRACT_POOLS;
}

/*
 * Draw a page's first bit in the client's room, its tag KEPT still; *tries: how many it took.  LAB_NO_BIT: none; *proof is
 * the root word that says so, and while contract_root() is that word there is none still.
 */
lab_bit contract_draw(struct lab_client *client, unsigned int which, unsigned int *tries, lab_word *proof);

static inline lab_word contract_root(const struct lab_client *client, unsigned int which)
{
	return load_seq(&client->root[which][0].word); /* partner: a fill that lists its slot */
}

/* Fill: the page is the caller's, its tags FREE.  False: nothing lacks; it is the caller's still. */
bool contract_fill(struct labyrinth *lab, struct lab_client *client, unsigned int which, lab_bit bit);

/* A slot that lacks a page gets one of the room's commons, if there are both. */
bool contract_refill(struct labyrinth *lab, struct lab_client *client, unsigned int which);

/*
 * So many more from the room's commons, or none; returns how many there were.  The caller resizes alone.  While it runs, "none" of
 * others in the room is "try again" (room_raise()).
 */
uint32_t contract_enlarge(struct labyrinth *lab, struct lab_client *client, unsigned int which, uint32_t more);
/* So many fewer: empty slots first; what the others held goes back.  Returns how many: fewer where slots are in hands. */
uint32_t contract_shrink(struct labyrinth *lab, struct lab_client *client, unsigned int which, uint32_t fewer);

/* Pages in it now: counted. */
uint32_t contract_count(const struct lab_client *client, unsigned int which);

/* Is its bookkeeping consistent, with nobody in a call?  *bit: where not. */
bool contract_holds(const struct labyrinth *lab, unsigned int owner, unsigned int which, lab_bit *bit);

#endif
