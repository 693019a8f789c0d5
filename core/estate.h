/* SPDX-License-Identifier: MIT */
/*
 * estate.h - what dead processes owned: pages with their owner numbers, clients that they had opened.
 *
 * Below recover.c, which sees to the order: abandon, so that no request of such a client is answered any more; return, at once
 * and again after a grace period; close, after another, when nobody living has anything to do with the client.
 */
#ifndef LAB_ESTATE_H
#define LAB_ESTATE_H

#include "client.h"

/* `gone`: of each process, is it dead? */
void estate_abandon(struct labyrinth *lab, const bool *gone);

/* Free every page that is theirs, or their clients'; how many.  Each is claimed by its tag, as any free. */
uint64_t estate_return(struct labyrinth *lab, const bool *gone);

/* Their clients, whatever state they were left in: what is kept for them goes back, their numbers are free.  How many. */
unsigned int estate_close(struct labyrinth *lab, const bool *gone);

/* The same by the ordinary way, without a grace period.  False: somebody is in a call about one. */
bool estate_release(struct labyrinth *lab, const bool *gone);

#endif
