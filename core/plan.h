/* SPDX-License-Identifier: MIT */
/*
 * plan.h - where everything stands in the metadata.  Birth only.
 *
 * One plan serves both questions, how much is needed and where it is: with `base` NULL it only counts.
 */
#ifndef LAB_PLAN_H
#define LAB_PLAN_H

#include "room.h"

struct plan {
	char *base; /* NULL: only count */
	size_t at;
};

/* The next `bytes` bytes, on a cache line of their own. */
size_t plan_take(struct plan *plan, size_t bytes);

/* Plan one room whose marks are resolved; returns where it is. */
size_t plan_room(struct plan *plan, const struct lab_spec *spec, const struct lab_room_spec *marks);

/* Plan the clients; `lab` is NULL while only counting. */
void plan_clients(struct plan *plan, const struct lab_spec *spec, struct labyrinth *lab);

#endif
