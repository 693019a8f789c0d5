/* SPDX-License-Identifier: MIT */
/*
 * retag.h - claiming an allocated page by its exact tag, for it to be another's or kept.
 */
#ifndef LAB_RETAG_H
#define LAB_RETAG_H

#include "frame.h"

struct retag {
	unsigned int order, owner; /* as it must be now: OWNED, of this order and owner */
	enum lab_state state;	   /* what it becomes: LAB_OWNED or LAB_KEPT ... */
	unsigned int to;	   /* ... of this owner */
	bool next;		   /* a new generation, so that old handles are stale */
};

/*
 * Change a page's tag by compare-and-swap; its use and its mark of poison stay (a poisoned page cannot be KEPT: -LAB_EHWPOISON).
 * 0, or the code with which a free of it would be refused; counted as one.
 */
int retag(struct labyrinth *lab, struct lab_page *page, const struct retag *change);

/* With what a free of it would be refused just now; counted as one.  0: it would not. */
int retag_refused(struct labyrinth *lab, const struct lab_page *page, unsigned int order, unsigned int owner);

#endif
