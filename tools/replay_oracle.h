/* SPDX-License-Identifier: MIT */
/*
 * replay_oracle.h - the independent witness of a replay.
 *
 * It knows every frame that the replay holds, from the answers alone, and says when a frame is given
 * twice and when a request is refused though a frame that it was entitled to is free.  Of the labyrinth
 * it asks only what it cannot know: the rooms and rights of a request (lab_route_show), how full the
 * pools are (lab_room_stats), which free frames lie in one (lab_page_info).
 */
#ifndef TOOLS_REPLAY_ORACLE_H
#define TOOLS_REPLAY_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

#include "replay_machine.h"

struct oracle;

/* For a labyrinth in which nothing is allocated yet; `machine` stays.  NULL: out of memory. */
struct oracle *oracle_new(const struct machine *machine, const struct labyrinth *lab);
void oracle_delete(struct oracle *oracle);

enum oracle_verdict {
	ORACLE_FINE,
	ORACLE_TWICE, /* some frame of it was held already */
	ORACLE_MISPLACED, /* no such frame, not a multiple of its order, or out of a room's end */
};
enum oracle_verdict oracle_take(struct oracle *oracle, uint64_t frame, unsigned int order);
void oracle_give(struct oracle *oracle, uint64_t frame, unsigned int order);

/* This request was refused just now: was a frame, or a block, that it might have had free? */
bool oracle_was_free(struct oracle *oracle, const struct lab_request *request);

/* Frames held. */
uint64_t oracle_held(const struct oracle *oracle);

#endif
