/* SPDX-License-Identifier: MIT */
/*
 * record.h - refusals, remembered: the last ones, and the first with the rooms as they stood.
 *
 * Progress: wait-free.  A place that another is writing to is left to that one: its refusal is counted and not remembered.
 */
#ifndef LAB_RECORD_H
#define LAB_RECORD_H

#include "route.h"

/* Remember that this request was refused; -LAB_EDQUOT: for want of its share of the reserves, or (`maximum`) for its maximum. */
void record_refusal(struct labyrinth *lab, const struct lab_way *way, int error, bool maximum);

#endif
