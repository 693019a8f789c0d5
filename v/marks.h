/* SPDX-License-Identifier: MIT */
/*
 * marks.h - watermarks and what follows from them: floors, and the pools between floors.  Birth only.
 */
#ifndef LAB_MARKS_H
#define LAB_MARKS_H

#include "layout.h"

/* Frames of a room that are not holes. */
uint64_t marks_managed(const struct lab_room_spec *room);

/* Fill in min, low, high and lowmem_reserve as the specification wants them. */
void marks_resolve(const struct lab_spec *spec, unsigned int room, struct lab_room_spec *marks);

/*
 * The floors between which a room's pools lie, ascending, the first 0: pool i holds the frames from
 * floor[i] to floor[i + 1], the commons what is above the last.  Returns how many pools.
 */
unsigned int marks_floors(const struct lab_room_spec *marks, uint64_t managed, uint64_t *floor);

/* The floor of a right for requests of a highest zone: what must be left when it has been served. */
uint64_t marks_floor(const struct lab_room_spec *marks, enum lab_right right, unsigned int zone);

#endif
