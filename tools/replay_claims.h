/* SPDX-License-Identifier: MIT */
/*
 * replay_claims.h - was a frame free for this request all the while?  Asked by several threads at once.
 *
 * Rooms are counted in *groups*: each room by itself, and the rooms of each route together.  A group's count
 * says how many of its frames are *surely* free: a free adds its frames after it has returned, and a call that
 * allocates takes off, before it begins, all that it may ever have in its hands, from every group with a room
 * that it may try; when it has returned, what it did not keep is added again.  So at any instant at least so
 * many frames are free and in everybody's reach, and one more for each call that has not taken what it took off.
 *
 * In each room a request keeps its hands off some pools.  All their slots in a group are the request's *keep*
 * there.  More than `keep` free frames cannot all lie in those slots, wherever overlapping calls have put them.
 * So, for a group all of whose rooms the request may try:
 *
 *     A call of order 0 that takes its one off and leaves no less than `keep` has a claim: one of the free
 *     frames is within its right.  It keeps the claim until a call begins that leaves less than `keep`.
 *
 * Whoever leaves less says so, before it goes on, by a mark on every keep that it undercuts; a claim is held
 * if its keep has got no mark since.  A refusal of a call that held its claim to the end is false: at every
 * instant of it an eligible frame was free.  Without a claim nothing is known: the frame may have been taken
 * by a call which had none either.
 *
 *              | claims_begin                     | claims_end, claims_freed
 *    ----------+----------------------------------+------------------------------------------
 *    any call  | takes off, then marks, both      | add after the labyrinth's call returned,
 *              | before the labyrinth's call      | so the counts err downwards only
 */
#ifndef TOOLS_REPLAY_CLAIMS_H
#define TOOLS_REPLAY_CLAIMS_H

#include <stdbool.h>
#include <stdint.h>

#include "replay_machine.h"

#define CLAIMS_GROUPS_MAX (2u * LAB_ZONES) /* a room each, and a route each */

struct claims;

/* A call's; on its stack. */
struct claim {
	uint64_t marks[CLAIMS_GROUPS_MAX]; /* on its keep in each group, when it began */
	uint32_t frames; /* taken off */
	uint16_t kind; /* of its request */
	uint16_t held; /* a bit a group in which it began with a claim */
};

/* For a labyrinth of this machine, in which nobody is in a call.  All counts are 0.  NULL: out of memory. */
struct claims *claims_new(const struct machine *machine, const struct labyrinth *lab);
void claims_delete(struct claims *claims);

/* Before the call.  True: it has a claim (order 0 only). */
bool claims_begin(struct claims *claims, const struct lab_request *request, struct claim *claim);

/* After the call, before claims_end(): was there a group in which the claim was held to the end? */
bool claims_held(const struct claims *claims, const struct claim *claim);

/* After the call, which got `frames` from this room (any number that is no room's: it was refused). */
void claims_end(struct claims *claims, const struct claim *claim, unsigned int room, uint32_t frames);

/* After a free has returned, and for what is free when the replay begins. */
void claims_freed(struct claims *claims, unsigned int room, uint64_t frames);

/* Surely free frames of a room; exact when nobody is in a call. */
int64_t claims_sure(const struct claims *claims, unsigned int room);

/* How many free frames such a request may have to leave in this room; -1: it does not come there. */
int64_t claims_keep(const struct claims *claims, const struct lab_request *request, unsigned int room);

/* The most frames that a call of this order has in its hands at any time. */
static inline uint32_t claims_reach(unsigned int order)
{
	/* A block by exchange: all but one of it, the payment for the last, and that one. */
	return order ? ((uint32_t)1 << order) + 1 : 1;
}

#endif
