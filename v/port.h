/* SPDX-License-Identifier: MIT */
/*
 * port.h - all that the core asks of a home.  A linked core has no other undefined symbols than these
 * and memset/memcpy; a test checks it.
 */
#ifndef LAB_PORT_H
#define LAB_PORT_H

#include <labyrinth.h>

/*
 * The number of the CPU that runs the caller.  Any context.  A hint, never an exclusion: it may be
 * stale when it returns, and wrong numbers cost speed, not correctness.
 */
unsigned int lab_port_cpu(void);

/* The NUMA node of that CPU, below the specification's `nodes`.  Any context.  A hint too. */
unsigned int lab_port_node(void);

/*
 * The labyrinth behind lab_default() when none was set; NULL if the home makes none.  May make system
 * calls the first time; a caller that must not should set one at start-up.
 */
struct labyrinth *lab_port_default(void);

#endif
