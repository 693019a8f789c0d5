/* SPDX-License-Identifier: MIT */
/*
 * labyrinth/keeper.h - reclaim: a keeper beside the callers that cannot sleep, and waiting for those who may.
 *
 * Code that cannot sleep never waits for reclaim: what it draws below a room's low mark sets a flag, and that is all.
 * The keeper is a thread that looks at the flags once in a period (it is never woken by a call).  Where a room has
 * fallen to low it asks the registered shrinkers for frames, by priority, the lowest first, until the room is at high
 * again.  Beside that it repairs stale hints, and holds zeroed frames ready where a room has a pool for them.
 *
 * All of this is of the user-space home, for any labyrinth of this process (LAB_DEFINE's too).  Nothing here is for
 * signal handlers: it locks, waits and makes system calls.  In a forked child there is no keeper and there are no
 * shrinkers: the calls on what the parent made answer -ECHILD.
 */
#ifndef LABYRINTH_KEEPER_H
#define LABYRINTH_KEEPER_H

#include <labyrinth.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------- shrinkers */

#define LAB_SHRINKERS_MAX 64u

/*
 * Gives frames back: by lab_free_pages() and its like, of whatever it can do without.  One shrinker runs at a time.  It may
 * wait and allocate; a request of its own with LAB_DIRECT_RECLAIM is tried once and gets no reclaim.
 */
struct lab_shrinker {
	const char *name;
	/* Free about `frames` frames (> 0), or what there is; returns how many it freed, 0: none. */
	long (*shrink)(void *arg, long frames);
	void *arg;
	int priority; /* the lowest is asked first; of equals, who came first */
};

/*
 * The shrinker is read where it lies until it is unregistered; after that it does not run and will not.
 * 0; -EINVAL: no function; -EALREADY: registered already, or not registered; -ENOBUFS: LAB_SHRINKERS_MAX are;
 * -EBUSY: asked for by a shrinker or an out-of-memory callback; -ENOMEM; -ENXIO, -ECHILD as for every call.
 */
LAB_API int lab_shrinker_register(struct labyrinth *lab, const struct lab_shrinker *shrinker);
LAB_API int lab_shrinker_unregister(struct labyrinth *lab, const struct lab_shrinker *shrinker);

/*
 * Called when lab_user_alloc_wait() is about to give up: true, something has been done, try again.  One at a time.  NULL takes
 * it away.  The codes of lab_shrinker_register().
 */
typedef bool lab_oom_t(void *arg, const struct lab_request *request);
LAB_API int lab_oom_register(struct labyrinth *lab, lab_oom_t *oom, void *arg);

/* ---------------------------------------------------------------- the keeper */

struct lab_keeper; /* one a labyrinth */

struct lab_keeper_spec {
	uint64_t period_ns;	  /* 0: 1 ms; at least 10 us */
	unsigned int tidy_leaves; /* leaves looked at for stale hints, a room and period; 0: 16 */
	unsigned int zero_frames; /* frames zeroed, and pages of a vault laundered, at most, a room and period; 0: 64 */
	bool no_tidying;
	bool by_hand;		  /* no thread: the program calls lab_keeper_pass() */
};

/*
 * `spec` may be NULL.  The thread has all signals blocked.  0; -EALREADY: it has a keeper; -EINVAL: a period that
 * is too short; -ENOMEM or -EAGAIN: no thread to be had; -EBUSY, -ENXIO, -ECHILD as above.
 */
LAB_API int lab_keeper_start(struct labyrinth *lab, const struct lab_keeper_spec *spec, struct lab_keeper **keeper);
/*
 * Ends the thread at once, or when the shrinker that it is in returns, and waits for it.  Shrinkers stay registered.  lab_user_close()
 * does it too.  0; -EBUSY: from a shrinker; -ECHILD.
 */
LAB_API int lab_keeper_stop(struct lab_keeper *keeper);

/*
 * One pass over all rooms, as the thread makes them: so much time after the last one.  Whoever calls it from threads of its own
 * waits for a pass or a reclaim in progress.  How many frames the shrinkers say they freed; -EBUSY, -ECHILD.
 */
LAB_API long lab_keeper_pass(struct lab_keeper *keeper, uint64_t elapsed_ns);

struct lab_keeper_room {
	bool reclaiming;   /* below high, and not there yet */
	bool stuck;	   /* no shrinker had anything: asked again only after a pause, each longer than the last */
	uint64_t pause_ns; /* the present one, at most LAB_KEEPER_PAUSE_MAX */
	uint64_t boost;	   /* frames wanted beyond high, from the demand seen */
};
#define LAB_KEEPER_PAUSE_MAX ((uint64_t)1 << 30)

struct lab_keeper_stats {
	uint64_t passes;
	uint64_t falls;	    /* times that a room was found fallen to low */
	uint64_t recovered; /* times that it was brought to high again */
	uint64_t shrinks;   /* calls of shrinkers, direct reclaim included */
	uint64_t freed;	    /* frames, by their word */
	uint64_t stuck;	    /* rounds of all shrinkers without any */
	uint64_t mended;    /* leaves with stale hints */
	uint64_t zeroed;    /* frames made ready */
	uint64_t laundered; /* pages of vaults overwritten */
	struct lab_keeper_room room[LAB_ROOMS_MAX];
};
/* From anywhere but a signal handler; a moment's figures.  0, -ECHILD. */
LAB_API int lab_keeper_stats(const struct lab_keeper *keeper, struct lab_keeper_stats *stats);

/* ---------------------------------------------------------------- for those who may sleep */

#define LAB_FOREVER UINT64_MAX

/*
 * As lab_alloc_request(), but where that is refused for want of frames (-ENOMEM, -ENOSPC, -EAGAIN): ask the
 * shrinkers, try again, sleep a little (never a busy loop), and so on until the time is out; then the out-of-memory
 * callback, once, and, if it says so, once more.  The answer is then the last refusal.
 *
 *   LAB_DIRECT_RECLAIM	 is needed: -EINVAL without
 *   LAB_NORETRY	 one round of shrinkers and one more try; no waiting, no callback
 *   LAB_RETRY_MAYFAIL	 until the time is out; no callback
 *   LAB_NOFAIL		 changes nothing: the time is the promise.  With LAB_FOREVER it does not fail
 *
 * With LAB_FOREVER the callback is called at the first round in which no shrinker freed anything.  From within a
 * shrinker or a callback: one try.  What a slow shrinker or callback takes comes on top of the time.
 */
LAB_API struct lab_page *lab_user_alloc_wait(struct labyrinth *lab, const struct lab_request *request,
					     uint64_t timeout_ns, struct lab_answer *answer);

#ifdef __cplusplus
}
#endif

#endif
