/* SPDX-License-Identifier: MIT */
/*
 * keeper.h - what a keeper does in a room: it looks whether frames must be reclaimed, repairs what searches would
 * stumble over, and holds zeroed frames ready.  One pass is these calls, one after the other; a home makes them
 * from time to time and runs its shrinkers in between (homes/linux-user/keeper.c).
 *
 * Beside the way, above room.  Who may call: whoever need not hurry; each `struct keeper_watch` is one caller's at a
 * time.  Nothing here waits, and every call is bounded, by the numbers given or by the room's pools.  All of it may overlap
 * everything: it takes, gives and repairs as any caller does.  No figure admits or refuses a request.
 *
 * The flag (`keeper` of struct lab_room) has one rule: whoever empties a slot below low lists it as lacking and then
 * sets the flag; only keeper_rest() clears it, and looks after that.  Modelled in models/keeper.pml.
 */
#ifndef LAB_KEEPER_H
#define LAB_KEEPER_H

#include "route.h"

/* A time of the decay: 2^30 ns, about a second, in which a demand that has passed loses an eighth. */
#define KEEPER_DECAY_SHIFT 3u
/* What zeroing leaves in the commons beside the boost, so that no request finds the last ones in a keeper's hand. */
#define KEEPER_SPARE 32u

/* What a keeper remembers of a room. */
struct keeper_watch {
	uint64_t demand; /* frames drawn below high within a period, in 2^-16 frames: the most, decaying */
	lab_word lacked; /* frames that the pools below high lacked at the last look */
	bool fallen;	 /* the flag was seen, and this fall has been counted */
	lab_word leaf;	 /* where the next tidying begins */
};

/* Learn what has been drawn since the last look, `elapsed` nanoseconds ago.  True: frames must be reclaimed. */
bool keeper_look(const struct lab_room *room, struct keeper_watch *watch, uint64_t elapsed);

/* How many frames beyond high the keeper wants when it reclaims. */
static inline lab_word keeper_boost(const struct keeper_watch *watch)
{
	return (lab_word)(watch->demand >> 16);
}

/* So many frames, freed, would lift the room to high and the boost beyond it.  0: it is there. */
lab_word keeper_missing(const struct lab_room *room, const struct keeper_watch *watch);

/* Nothing is missing: the flag may go down.  False: a pool below high lacks a frame again; the flag is up. */
bool keeper_rest(struct lab_room *room, struct keeper_watch *watch);

/* Repair stale hints and listings over the next `leaves` leaves; how many had any. */
unsigned int keeper_tidy(struct lab_room *room, struct keeper_watch *watch, unsigned int leaves);

/* Make at most `most` frames of the commons ready zeroed frames, but leave it `keep`; how many were. */
unsigned int keeper_zero(struct labyrinth *lab, struct lab_room *room, lab_word keep, unsigned int most);
/* Its two halves: a frame of the commons, LAB_NO_BIT; and this frame, zeroed by now, where it belongs.  False: not there. */
lab_bit keeper_take(struct lab_room *room);
bool keeper_give(struct lab_room *room, lab_bit frame);

/*
 * How many frames must be freed, at least, before a request that was just refused can be served; more than it asks
 * for where pools that it may not draw from take what is freed first.  0: no way for it.
 */
lab_word keeper_needs(const struct labyrinth *lab, const struct lab_request *request);

#endif
