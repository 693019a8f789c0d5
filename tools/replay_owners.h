/* SPDX-License-Identifier: MIT */
/*
 * replay_owners.h - who holds each frame, written by several threads at once.
 *
 * Each frame has a word: the mark of who holds it, 0 = nobody.  It is exchanged by whoever was given the frame,
 * after the answer, and by whoever frees it, before the call.  So two that hold a frame at once leave two
 * marks one over the other, and the second one sees the first.
 */
#ifndef TOOLS_REPLAY_OWNERS_H
#define TOOLS_REPLAY_OWNERS_H

#include <stdbool.h>
#include <stdint.h>

#include "replay_machine.h"

#define OWNERS_NO_ROOM UINT32_MAX

struct owners;

/* NULL: out of memory. */
struct owners *owners_new(const struct machine *machine);
void owners_delete(struct owners *owners);

enum owners_verdict {
	OWNERS_FINE,
	OWNERS_TWICE, /* some frame of it was held already */
	OWNERS_MISPLACED, /* no such frame, not a multiple of its order, or out of a room's end: no mark was made */
};
/* *room: the block's, OWNERS_NO_ROOM if it is misplaced.  `mark`: not 0. */
enum owners_verdict owners_take(struct owners *owners, uint64_t frame, unsigned int order, uint32_t mark,
				unsigned int *room);
/* The room of the block, which lies in one; OWNERS_NO_ROOM: it does not. */
unsigned int owners_give(struct owners *owners, uint64_t frame, unsigned int order);

/* Frames of a room that are held; exact while nobody is in a call. */
uint64_t owners_held(const struct owners *owners, unsigned int room);

#endif
