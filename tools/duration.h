/* SPDX-License-Identifier: MIT */
/*
 * duration.h - times as people write them (5.208us, 20ms), exact to the last digit.
 */
#ifndef TOOLS_DURATION_H
#define TOOLS_DURATION_H

#include <stdbool.h>
#include <stdint.h>

enum duration_round { DURATION_DOWN, DURATION_UP };

/* Digits, perhaps a point and digits, and ns, us, ms or s, to whole nanoseconds.  False: it is none, or too long. */
bool duration_parse(const char *text, enum duration_round round, uint64_t *ns);

#endif
