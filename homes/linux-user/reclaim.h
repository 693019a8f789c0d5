/* SPDX-License-Identifier: MIT */
/*
 * reclaim.h - what this process has beside a labyrinth for reclaim: its shrinkers, its out-of-memory callback,
 * its keeper.
 *
 *     lock      one round of shrinkers at a time, and one pass of the keeper; the list of shrinkers
 *     oom_lock  the callback, and that one call of it runs
 *     figures   the numbers, for moments only; taken last
 *
 * Who holds `lock` or `oom_lock` while a function of the program runs says so in care_inside(): that thread asks for
 * neither again.
 */
#ifndef LAB_RECLAIM_H
#define LAB_RECLAIM_H

#include <pthread.h>
#include <time.h>

#include <labyrinth/keeper.h>

#include "../../core/keeper.h"

struct care {
	struct care *next;
	struct labyrinth *lab;
	unsigned int users; /* under the registry's lock, as `next` */
	pthread_mutex_t lock, oom_lock, figures;
	const struct lab_shrinker *shrinker[LAB_SHRINKERS_MAX]; /* in the order in which they are asked */
	unsigned int shrinkers;
	unsigned int arrivals; /* shrinkers that ever came: a keeper that pauses need not */
	lab_oom_t *oom;
	void *oom_arg;
	struct lab_keeper *keeper;
	struct lab_keeper_stats stats;
};

/* Of this labyrinth, made where there is none yet and `make` says so; else NULL.  Each ends in a care_put(). */
struct care *care_get(struct labyrinth *lab, bool make);
/* The last one of an entry without shrinkers, callback and keeper ends it. */
void care_put(struct care *care);
/* A labyrinth that is about to end: its keeper ends first. */
void care_forget(struct labyrinth *lab);

/* Is this thread in a shrinker or a callback? */
bool care_inside(void);

/*
 * A round: each shrinker once, by priority, while missing(arg) says that frames are.  `lock` is held.  How many they
 * say they freed.
 */
long care_shrink(struct care *care, lab_word (*missing)(void *arg), void *arg);

/* Has the out-of-memory callback done something about this? */
bool care_oom(struct labyrinth *lab, const struct lab_request *request);

void care_count(struct care *care, uint64_t *figure, uint64_t n);

/* CLOCK_MONOTONIC, in nanoseconds; and as the calls that wait want it. */
uint64_t care_now(void);
struct timespec care_time(uint64_t ns);

#endif
