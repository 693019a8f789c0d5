/* SPDX-License-Identifier: MIT */
/*
 * replay_machine.h - the simulated machine: its zones, and labyrinths made for it.
 *
 * Only metadata is real: the rooms' frames are numbers.  At full size a room's frames carry the numbers
 * that the recorded machine gave them; a smaller machine has the same shape (each zone its share) and
 * numbers of its own.
 */
#ifndef TOOLS_REPLAY_MACHINE_H
#define TOOLS_REPLAY_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <labyrinth/user.h>

#define MACHINE_PAGE_SHIFT 12u
#define MACHINE_LEAF 512u
#define MACHINE_ERROR_TEXT 384u

/* What the user asked for: zones by where they end, memory by size or by factor of the peak. */
struct machine_wish {
	uint64_t zone_end[LAB_ZONES]; /* first frame behind the zone; 0: no such zone; UINT64_MAX: the rest */
	uint64_t memory_frames; /* 0: full size, or by factor */
	double memory_factor; /* of the peak; 0: not so */
	unsigned int cpus; /* 0: as many as the trace has */
	uint64_t min_free_kbytes; /* 0: as Linux computes it */
};

void machine_wish_default(struct machine_wish *wish);

/* "dma=16M,dma32=4G,normal=REST", "2G" or "1.05x".  False: `error` (MACHINE_ERROR_TEXT) says why. */
bool machine_parse_zones(struct machine_wish *wish, const char *text, char *error);
bool machine_parse_memory(struct machine_wish *wish, const char *text, char *error);

/* What the trace needs. */
struct machine_need {
	uint64_t highest_frame, peak_frames;
	unsigned int cpus;
};

struct machine {
	struct lab_user_room room[LAB_ZONES];
	unsigned int rooms;
	uint64_t frames; /* of all rooms */
	bool full_size; /* frames carry the recorded machine's numbers */
	bool lazy; /* its metadata could not be locked: touched, but not locked */
	char why_lazy[LAB_ERROR_TEXT];
	unsigned int cpus;
	uint64_t min_free_kbytes;
};

bool machine_plan(struct machine *machine, const struct machine_wish *wish, const struct machine_need *need,
		  char *error);

/* A labyrinth for this machine, all of it touched.  NULL: `error` says why. */
struct labyrinth *machine_open(struct machine *machine, char *error);

static inline uint64_t room_frames(const struct lab_user_room *room)
{
	return room->size >> MACHINE_PAGE_SHIFT;
}

#endif
