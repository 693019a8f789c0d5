/* SPDX-License-Identifier: MIT */
/*
 * reclaim.c - shrinkers and out-of-memory callbacks of this process, labyrinth by labyrinth, and a round of them.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <stdlib.h>
#include <time.h>

#include "reclaim.h"

static pthread_mutex_t registry = PTHREAD_MUTEX_INITIALIZER;
static struct care *all; /* under it */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local bool inside;

bool care_inside(void)
{
	return inside;
}

uint64_t care_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

struct timespec care_time(uint64_t ns)
{
	return (struct timespec){ .tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u) };
}

/* ---- the registry ---- */

/* A child has none of it: threads are gone, locks may be held by them.  What its parent made stays, unused. */
static void in_child(void)
{
	pthread_mutex_init(&registry, NULL);
	all = NULL;
	inside = false;
}

static void register_fork(void)
{
	pthread_atfork(NULL, NULL, in_child);
}

static struct care *care_make(struct labyrinth *lab)
{
	struct care *care = calloc(1, sizeof(*care));

	if (!care)
		return NULL;
	care->lab = lab;
	pthread_mutex_init(&care->lock, NULL);
	pthread_mutex_init(&care->oom_lock, NULL);
	pthread_mutex_init(&care->figures, NULL);
	care->next = all;
	all = care;
	return care;
}

struct care *care_get(struct labyrinth *lab, bool make)
{
	struct care *care;

	pthread_once(&once, register_fork);
	pthread_mutex_lock(&registry);
	for (care = all; care && care->lab != lab; care = care->next)
		;
	if (!care && make)
		care = care_make(lab);
	if (care)
		care->users++;
	pthread_mutex_unlock(&registry);
	return care;
}

/* The registry is locked. */
static void care_end(struct care *care)
{
	struct care **at = &all;

	while (*at != care)
		at = &(*at)->next;
	*at = care->next;
	pthread_mutex_destroy(&care->lock);
	pthread_mutex_destroy(&care->oom_lock);
	pthread_mutex_destroy(&care->figures);
	free(care);
}

void care_put(struct care *care)
{
	pthread_mutex_lock(&registry);
	/* Nobody else has it: what is under its own locks can be read without. */
	if (!--care->users && !care->shrinkers && !care->oom && !care->keeper)
		care_end(care);
	pthread_mutex_unlock(&registry);
}

void care_forget(struct labyrinth *lab)
{
	struct care *care = care_get(lab, false);

	if (!care)
		return;
	if (care->keeper)
		lab_keeper_stop(care->keeper);
	care->shrinkers = 0; /* nobody is in a call */
	care->oom = NULL;
	care_put(care);
}

/* Before any change: 0, or why there can be none. */
static int care_refusal(const struct labyrinth *lab)
{
	if (inside)
		return -LAB_EBUSY;
	return labyrinth_alive(lab) ? 0 : labyrinth_refusal(lab);
}

/* ---- shrinkers ---- */

/* Where it stands in the list; `shrinkers`: nowhere. */
static unsigned int shrinker_at(const struct care *care, const struct lab_shrinker *shrinker)
{
	unsigned int at = 0;

	while (at < care->shrinkers && care->shrinker[at] != shrinker)
		at++;
	return at;
}

static int shrinker_enter(struct care *care, const struct lab_shrinker *shrinker)
{
	unsigned int at = care->shrinkers;

	if (shrinker_at(care, shrinker) < care->shrinkers)
		return -LAB_EALREADY;
	if (care->shrinkers == LAB_SHRINKERS_MAX)
		return -LAB_ENOBUFS;
	for (; at > 0 && care->shrinker[at - 1]->priority > shrinker->priority; at--)
		care->shrinker[at] = care->shrinker[at - 1];
	care->shrinker[at] = shrinker;
	care->shrinkers++;
	care->arrivals++;
	return 0;
}

static int shrinker_leave(struct care *care, const struct lab_shrinker *shrinker)
{
	unsigned int at = shrinker_at(care, shrinker);

	if (at == care->shrinkers)
		return -LAB_EALREADY;
	care->shrinkers--;
	for (; at < care->shrinkers; at++)
		care->shrinker[at] = care->shrinker[at + 1];
	return 0;
}

static int shrinker_change(struct labyrinth *lab, const struct lab_shrinker *shrinker,
			   int (*change)(struct care *, const struct lab_shrinker *))
{
	int error = care_refusal(lab);
	struct care *care;

	if (error)
		return error;
	care = care_get(lab, true);
	if (!care)
		return -LAB_ENOMEM;
	pthread_mutex_lock(&care->lock); /* until no round runs */
	error = change(care, shrinker);
	pthread_mutex_unlock(&care->lock);
	care_put(care);
	return error;
}

int lab_shrinker_register(struct labyrinth *lab, const struct lab_shrinker *shrinker)
{
	return shrinker->shrink ? shrinker_change(lab, shrinker, shrinker_enter) : -LAB_EINVAL;
}

int lab_shrinker_unregister(struct labyrinth *lab, const struct lab_shrinker *shrinker)
{
	return shrinker_change(lab, shrinker, shrinker_leave);
}

void care_count(struct care *care, uint64_t *figure, uint64_t n)
{
	pthread_mutex_lock(&care->figures);
	*figure += n;
	pthread_mutex_unlock(&care->figures);
}

long care_shrink(struct care *care, lab_word (*missing)(void *arg), void *arg)
{
	long freed = 0;
	unsigned int i;

	for (i = 0; i < care->shrinkers; i++) {
		lab_word frames = missing(arg);
		long n;

		if (!frames)
			break;
		inside = true;
		n = care->shrinker[i]->shrink(care->shrinker[i]->arg, frames > LONG_MAX ? LONG_MAX : (long)frames);
		inside = false;
		care_count(care, &care->stats.shrinks, 1);
		if (n <= 0)
			continue;
		freed = freed > LONG_MAX - n ? LONG_MAX : freed + n;
		care_count(care, &care->stats.freed, (uint64_t)n);
	}
	return freed;
}

/* ---- out of memory ---- */

int lab_oom_register(struct labyrinth *lab, lab_oom_t *oom, void *arg)
{
	int error = care_refusal(lab);
	struct care *care;

	if (error)
		return error;
	care = care_get(lab, true);
	if (!care)
		return -LAB_ENOMEM;
	pthread_mutex_lock(&care->oom_lock);
	care->oom = oom;
	care->oom_arg = arg;
	pthread_mutex_unlock(&care->oom_lock);
	care_put(care);
	return 0;
}

bool care_oom(struct labyrinth *lab, const struct lab_request *request)
{
	struct care *care = care_get(lab, false);
	bool done;

	if (!care)
		return false;
	pthread_mutex_lock(&care->oom_lock);
	inside = true;
	done = care->oom && care->oom(care->oom_arg, request);
	inside = false;
	pthread_mutex_unlock(&care->oom_lock);
	care_put(care);
	return done;
}
