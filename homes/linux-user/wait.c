/* SPDX-License-Identifier: MIT */
/*
 * wait.c - allocation for those who may sleep: ask the shrinkers, try again, nap, until the time is out.
 *
 * Nobody is woken by a free, which may come from anywhere and must not do such a thing: the naps are short, and grow.
 */
#define _GNU_SOURCE
#include <time.h>

#include "reclaim.h"

#define NAP_LEAST ((uint64_t)50000)
#define NAP_MOST ((uint64_t)10000000)

struct wait {
	struct labyrinth *lab;
	const struct lab_request *request;
	struct lab_answer *answer;
	struct lab_page *page;
	uint64_t deadline;
};

/* Try.  True: served, or refused for another reason than want of frames. */
static bool wait_try(struct wait *wait)
{
	int error;

	wait->page = lab_alloc_request(wait->lab, wait->request, wait->answer);
	error = lab_ptr_err(wait->page);
	return error != -LAB_ENOMEM && error != -LAB_ENOSPC && error != -LAB_EAGAIN;
}

/* For care_shrink(): the first try that ends it is the last one. */
static lab_word wait_missing(void *arg)
{
	struct wait *wait = arg;
	lab_word needs = keeper_needs(wait->lab, wait->request);

	if (wait_try(wait))
		return 0;
	return needs ? needs : 1;
}

/* A round of shrinkers, or none where others keep the lock until the time is out.  How many frames they say they freed. */
static long wait_round(struct wait *wait)
{
	struct care *care = care_get(wait->lab, false);
	struct timespec until = care_time(wait->deadline);
	long freed = 0;
	int error;

	if (!care)
		return 0;
	error = wait->deadline == LAB_FOREVER ? pthread_mutex_lock(&care->lock) :
						pthread_mutex_clocklock(&care->lock, CLOCK_MONOTONIC, &until);
	if (!error) {
		freed = care_shrink(care, wait_missing, wait);
		pthread_mutex_unlock(&care->lock);
	}
	care_put(care);
	return freed;
}

static void wait_nap(const struct wait *wait, uint64_t ns)
{
	uint64_t now = care_now();
	struct timespec nap;

	if (wait->deadline - now < ns)
		ns = now < wait->deadline ? wait->deadline - now : 0;
	nap = care_time(ns);
	clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL); /* a signal ends it: then the next try is early */
}

/* A round, and a try.  True: that is the answer. */
static bool wait_again(struct wait *wait, long *freed)
{
	*freed = wait_round(wait);
	return !lab_is_err(wait->page) || wait_try(wait); /* (served within the round: no other try) */
}

/* Refused once: until it is served, or given up. */
static void wait_reclaim(struct wait *wait)
{
	bool for_ever = wait->deadline == LAB_FOREVER, once = wait->request->gfp & LAB_NORETRY;
	bool may_ask = !once && !(wait->request->gfp & LAB_RETRY_MAYFAIL);
	uint64_t nap = NAP_LEAST;
	long freed;

	while (!wait_again(wait, &freed) && !once) {
		bool out = !for_ever && care_now() >= wait->deadline;

		if (may_ask && (out || (for_ever && !freed))) {
			may_ask = false;
			if (care_oom(wait->lab, wait->request) && (wait_try(wait) || wait_again(wait, &freed)))
				return;
		}
		if (out)
			return;
		wait_nap(wait, nap);
		nap = freed ? NAP_LEAST : nap < NAP_MOST / 2 ? 2 * nap : NAP_MOST;
	}
}

struct lab_page *lab_user_alloc_wait(struct labyrinth *lab, const struct lab_request *request, uint64_t timeout_ns,
				     struct lab_answer *answer)
{
	struct wait wait = { .lab = lab, .request = request, .answer = answer };
	uint64_t now;

	if (!(request->gfp & LAB_DIRECT_RECLAIM)) {
		if (answer)
			*answer = (struct lab_answer){ .room = -1, .band = -1 };
		return (struct lab_page *)(intptr_t)-LAB_EINVAL;
	}
	if (wait_try(&wait) || care_inside())
		return wait.page;
	now = care_now();
	wait.deadline = timeout_ns > LAB_FOREVER - now ? LAB_FOREVER : now + timeout_ns;
	wait_reclaim(&wait);
	return wait.page;
}
