/* SPDX-License-Identifier: MIT */
/*
 * replay_future.h - what becomes of a slot: written once by the thread that allocates, once more by the one
 * that splits, waited for by those that free.
 *
 *     value: 0 = not yet;  FUTURE_REFUSED, or a page's address;  | FUTURE_SPLIT once it is split
 *
 * Each step is a release by its one writer; partner: the acquire of the wait.
 */
#ifndef TOOLS_REPLAY_FUTURE_H
#define TOOLS_REPLAY_FUTURE_H

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <labyrinth.h>

#define FUTURE_SPLIT ((uintptr_t)1)
#define FUTURE_REFUSED ((uintptr_t)2)
#define FUTURE_SPINS 200u /* looks before the CPU is given away */

struct future {
	_Atomic uintptr_t value;
};

static inline void future_allocated(struct future *future, struct lab_page *page)
{
	atomic_store_explicit(&future->value, page ? (uintptr_t)page : FUTURE_REFUSED, memory_order_release);
}

/* By whoever has waited for the allocation. */
static inline void future_split(struct future *future)
{
	atomic_fetch_or_explicit(&future->value, FUTURE_SPLIT, memory_order_release);
}

/* Is it there?  (`split`: and split.)  *page: NULL where it was refused. */
static inline bool future_look(const struct future *future, bool split, struct lab_page **page)
{
	uintptr_t value = atomic_load_explicit(&future->value, memory_order_acquire);

	if (!value || (split && !(value & FUTURE_SPLIT)))
		return false;
	value &= ~FUTURE_SPLIT;
	*page = value == FUTURE_REFUSED ? NULL : (struct lab_page *)value;
	return true;
}

/* Wait until it is there.  False: `stop` was set before it was. */
static inline bool future_wait(const struct future *future, bool split, const atomic_int *stop,
			       struct lab_page **page)
{
	unsigned int spins;

	for (spins = 0; !future_look(future, split, page); spins++) {
		if (atomic_load_explicit(stop, memory_order_relaxed))
			return false;
		if (spins < FUTURE_SPINS)
			continue;
		sched_yield();
	}
	return true;
}

#endif
