/* SPDX-License-Identifier: MIT */
/*
 * search.h - a frame or a block along a way: right by right, in each room what is cheap first; on failure the proof that there was
 * none, or the word that it could not be had.
 */
#ifndef LAB_SEARCH_H
#define LAB_SEARCH_H

#include "route.h"

struct lab_find {
	struct lab_room *room;
	lab_bit bit;
	bool exchange; /* trying for a block out of pooled frames now */
	bool complete; /* every look for a block saw the end of what there was to see */
	bool zeroed;   /* it comes out of the pool of zeroed frames, as it is */
	unsigned int at; /* which room of the way */
	struct lab_answer answer;
	bool maximum; /* -LAB_EDQUOT: a client's maximum, not its share */
	lab_word contract; /* the root that said that it was empty */
	/* Last: for a block, and written before the walk.  The rooms' words then, our own changes to them included. */
	lab_word tentative[LAB_ROOMS_MAX];
};

/* Nothing yet. */
static inline void find_begin(struct lab_find *find)
{
	__builtin_memset(find, 0, offsetof(struct lab_find, tentative));
	find->answer.room = -1;
	find->answer.band = -1;
}

/* Walk until something is found or the absence is proven: 0, -LAB_ENOMEM, -LAB_ENOSPC, -LAB_EAGAIN. */
int search(struct labyrinth *lab, const struct lab_way *way, struct lab_find *find);

#endif
