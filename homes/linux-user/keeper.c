/* SPDX-License-Identifier: MIT */
/*
 * keeper.c - the keeper: a thread that makes a pass over a labyrinth's rooms once in a period.
 *
 * What a pass does in a room is core/keeper.h's; here it meets the shrinkers, and pauses where they have nothing.  A pass
 * holds the lock of the shrinkers, so that it and direct reclaim do not ask them twice at once.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reclaim.h"

#define PERIOD_USUAL ((uint64_t)1000000)
#define PERIOD_LEAST ((uint64_t)10000)
#define TIDY_USUAL 16u
#define ZERO_USUAL 64u
/* How often a pass asks all shrinkers for one room. */
#define ROUNDS_MAX 8u

struct room_care {
	struct lab_room *room;
	struct keeper_watch watch;
	bool reclaiming;
	uint64_t pause, left; /* left of the pause */
};

struct lab_keeper {
	struct care *care;
	pid_t process;
	struct lab_keeper_spec spec;
	unsigned int arrivals; /* of shrinkers, as of the last pass */
	struct room_care room[LAB_ROOMS_MAX];
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t end;
	bool stopping; /* under it */
};

/* ---- a pass ---- */

static lab_word room_missing(void *arg)
{
	const struct room_care *of = arg;

	return keeper_missing(of->room, &of->watch);
}

/* Nobody had anything: asking again at once would be in vain. */
static void room_pause(struct lab_keeper *keeper, struct room_care *of)
{
	uint64_t next = of->pause ? 2 * of->pause : 2 * keeper->spec.period_ns;

	of->pause = of->left = next < LAB_KEEPER_PAUSE_MAX ? next : LAB_KEEPER_PAUSE_MAX;
	care_count(keeper->care, &keeper->care->stats.stuck, 1);
}

/* Ask for frames until nothing is missing, nobody has any, or it is enough for this pass. */
static long room_shrink(struct lab_keeper *keeper, struct room_care *of)
{
	long all = 0;
	unsigned int round;

	for (round = 0; round < ROUNDS_MAX && room_missing(of); round++) {
		long freed = care_shrink(keeper->care, room_missing, of);

		if (!freed) {
			room_pause(keeper, of);
			break;
		}
		of->pause = of->left = 0;
		all += freed;
	}
	return all;
}

static long room_reclaim(struct lab_keeper *keeper, struct room_care *of, uint64_t elapsed)
{
	struct lab_keeper_stats *stats = &keeper->care->stats;
	long freed = 0;

	if (!of->reclaiming)
		care_count(keeper->care, &stats->falls, 1);
	of->reclaiming = true;
	of->left = of->left > elapsed ? of->left - elapsed : 0;
	if (!of->left)
		freed = room_shrink(keeper, of);
	if (room_missing(of) || !keeper_rest(of->room, &of->watch))
		return freed;
	care_count(keeper->care, &stats->recovered, 1);
	of->reclaiming = false;
	of->pause = of->left = 0;
	return freed;
}

static long room_pass(struct lab_keeper *keeper, struct room_care *of, uint64_t elapsed)
{
	struct lab_keeper_stats *stats = &keeper->care->stats;
	long freed = 0;

	if (keeper_look(of->room, &of->watch, elapsed))
		freed = room_reclaim(keeper, of, elapsed);
	if (!keeper->spec.no_tidying)
		care_count(keeper->care, &stats->mended, keeper_tidy(of->room, &of->watch, keeper->spec.tidy_leaves));
	care_count(keeper->care, &stats->zeroed,
		   keeper_zero(keeper->care->lab, of->room, keeper_boost(&of->watch) + KEEPER_SPARE, keeper->spec.zero_frames));
	care_count(keeper->care, &stats->laundered,
		   lab_launder(keeper->care->lab, (unsigned int)(of - keeper->room), keeper->spec.zero_frames));
	return freed;
}

static void publish(struct lab_keeper *keeper)
{
	struct lab_keeper_stats *stats = &keeper->care->stats;
	unsigned int i;

	pthread_mutex_lock(&keeper->care->figures);
	stats->passes++;
	for (i = 0; i < keeper->care->lab->rooms; i++)
		stats->room[i] = (struct lab_keeper_room){ .reclaiming = keeper->room[i].reclaiming,
							   .stuck = keeper->room[i].pause != 0,
							   .pause_ns = keeper->room[i].pause,
							   .boost = keeper_boost(&keeper->room[i].watch) };
	pthread_mutex_unlock(&keeper->care->figures);
}

static int keeper_refusal(const struct lab_keeper *keeper)
{
	if (keeper->process != getpid())
		return -LAB_ECHILD;
	return care_inside() ? -LAB_EBUSY : 0;
}

long lab_keeper_pass(struct lab_keeper *keeper, uint64_t elapsed_ns)
{
	int error = keeper_refusal(keeper);
	unsigned int i;
	long freed = 0;

	if (error)
		return error;
	pthread_mutex_lock(&keeper->care->lock);
	for (i = 0; i < keeper->care->lab->rooms; i++) {
		if (keeper->arrivals != keeper->care->arrivals)
			keeper->room[i].left = 0; /* a new one may have something */
		freed += room_pass(keeper, &keeper->room[i], elapsed_ns);
	}
	keeper->arrivals = keeper->care->arrivals;
	publish(keeper);
	pthread_mutex_unlock(&keeper->care->lock);
	return freed;
}

/* ---- the thread ---- */

static void *keeper_run(void *arg)
{
	struct lab_keeper *keeper = arg;
	uint64_t last = care_now(), began;

	pthread_mutex_lock(&keeper->lock);
	while (!keeper->stopping) {
		struct timespec until = care_time(care_now() + keeper->spec.period_ns);

		while (!keeper->stopping && pthread_cond_timedwait(&keeper->end, &keeper->lock, &until) != ETIMEDOUT)
			;
		if (keeper->stopping)
			break;
		pthread_mutex_unlock(&keeper->lock);
		began = care_now();
		lab_keeper_pass(keeper, began - last);
		last = began;
		pthread_mutex_lock(&keeper->lock);
	}
	pthread_mutex_unlock(&keeper->lock);
	return NULL;
}

/* The program's signals are not for this thread. */
static int keeper_spawn(struct lab_keeper *keeper)
{
	sigset_t none, before;
	int error;

	if (keeper->spec.by_hand)
		return 0;
	sigfillset(&none);
	pthread_sigmask(SIG_SETMASK, &none, &before);
	error = pthread_create(&keeper->thread, NULL, keeper_run, keeper);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!error)
		pthread_setname_np(keeper->thread, "lab-keeper");
	return -error;
}

static void keeper_describe(struct lab_keeper *keeper, const struct lab_keeper_spec *spec)
{
	pthread_condattr_t monotonic;
	unsigned int i;

	if (spec)
		keeper->spec = *spec;
	if (!keeper->spec.period_ns)
		keeper->spec.period_ns = PERIOD_USUAL;
	if (!keeper->spec.tidy_leaves)
		keeper->spec.tidy_leaves = TIDY_USUAL;
	if (!keeper->spec.zero_frames)
		keeper->spec.zero_frames = ZERO_USUAL;
	keeper->process = getpid();
	for (i = 0; i < keeper->care->lab->rooms; i++)
		keeper->room[i].room = labyrinth_room(keeper->care->lab, i);
	pthread_mutex_init(&keeper->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&keeper->end, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

/* Beside a labyrinth that has none; its lock is held. */
static int keeper_enter(struct care *care, const struct lab_keeper_spec *spec)
{
	struct lab_keeper *keeper;
	int error;

	if (care->keeper)
		return -LAB_EALREADY;
	keeper = calloc(1, sizeof(*keeper));
	if (!keeper)
		return -LAB_ENOMEM;
	keeper->care = care;
	keeper_describe(keeper, spec);
	memset(&care->stats, 0, sizeof(care->stats));
	error = keeper_spawn(keeper); /* its first pass waits for the lock */
	if (error)
		free(keeper);
	else
		care->keeper = keeper;
	return error;
}

int lab_keeper_start(struct labyrinth *lab, const struct lab_keeper_spec *spec, struct lab_keeper **keeper)
{
	struct care *care;
	int error;

	*keeper = NULL;
	if (spec && spec->period_ns && spec->period_ns < PERIOD_LEAST)
		return -LAB_EINVAL;
	if (care_inside())
		return -LAB_EBUSY;
	if (!labyrinth_alive(lab))
		return labyrinth_refusal(lab);
	care = care_get(lab, true);
	if (!care)
		return -LAB_ENOMEM;
	pthread_mutex_lock(&care->lock);
	error = keeper_enter(care, spec);
	if (!error)
		*keeper = care->keeper;
	pthread_mutex_unlock(&care->lock);
	if (error)
		care_put(care); /* else the keeper's, until it ends */
	return error;
}

int lab_keeper_stop(struct lab_keeper *keeper)
{
	int error = keeper_refusal(keeper);
	struct care *care = keeper->care;

	if (error)
		return error;
	pthread_mutex_lock(&keeper->lock);
	keeper->stopping = true;
	pthread_cond_signal(&keeper->end);
	pthread_mutex_unlock(&keeper->lock);
	if (!keeper->spec.by_hand)
		pthread_join(keeper->thread, NULL);
	pthread_mutex_lock(&care->lock);
	care->keeper = NULL;
	pthread_mutex_unlock(&care->lock);
	pthread_cond_destroy(&keeper->end);
	pthread_mutex_destroy(&keeper->lock);
	free(keeper);
	care_put(care);
	return 0;
}

int lab_keeper_stats(const struct lab_keeper *keeper, struct lab_keeper_stats *stats)
{
	if (keeper->process != getpid())
		return -LAB_ECHILD;
	pthread_mutex_lock(&keeper->care->figures);
	*stats = keeper->care->stats;
	pthread_mutex_unlock(&keeper->care->figures);
	return 0;
}
