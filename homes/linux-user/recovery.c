/* SPDX-License-Identifier: MIT */
/*
 * recovery.c - what recovery asks of this home: which processes are dead, by their leases, and how long to wait for the living.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "home.h"

#define WAIT_NS 200000 /* between two looks at a count that is to run out */

struct survey {
	int own; /* a file description of its own: it holds the places of the dead till the end */
	unsigned int place;
	struct timespec end;
};

static bool is_dead(void *context, unsigned int process)
{
	const struct survey *survey = context;

	return process != survey->place && lease_take(survey->own, process);
}

static bool wait_a_while(void *context)
{
	const struct survey *survey = context;
	struct timespec now, pause = { .tv_nsec = WAIT_NS };

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec > survey->end.tv_sec || (now.tv_sec == survey->end.tv_sec && now.tv_nsec >= survey->end.tv_nsec))
		return false;
	nanosleep(&pause, NULL);
	return true;
}

static int recover(struct labyrinth *lab, struct survey *survey, struct lab_recovered *found, struct lab_complaint *to)
{
	const struct lab_survey asked = { .dead = is_dead, .wait = wait_a_while, .home = survey };
	int error;

	if (!lease_take(survey->own, LEASE_RECOVERY)) {
		complain_plainly(to, "another process is recovering");
		return -EBUSY;
	}
	error = lab_recover(lab, &asked, found);
	if (error == -EAGAIN && to->text)
		snprintf(to->text, LAB_ERROR_TEXT, "process %u, at place %d, stays in a call: what it may have was left",
			 lab_process_at(lab, (unsigned int)found->waiting), found->waiting);
	return error;
}

int lab_user_recover(struct labyrinth *lab, unsigned int wait_ms, struct lab_recovered *found, char *error_text)
{
	struct lab_complaint to = { .text = error_text, .file = true };
	struct lab_home *home = share_home(lab);
	struct survey survey;
	int error;

	memset(found, 0, sizeof(*found));
	if (!home || *home->identity != LAB_IDENTITY_SHARED)
		return complain_plainly(&to, "not a shared labyrinth of this process");
	survey.own = share_same_file(home) ? -EBADF : lease_open(home->share.fd);
	if (survey.own < 0) {
		errno = -survey.own;
		return complain(&to, "opening the memory file anew by /proc/self/fd", 0);
	}
	survey.place = home->share.place;
	clock_gettime(CLOCK_MONOTONIC, &survey.end);
	survey.end.tv_sec += wait_ms / 1000;
	survey.end.tv_nsec += (long)(wait_ms % 1000) * 1000000;
	if (survey.end.tv_nsec >= 1000000000) {
		survey.end.tv_sec++;
		survey.end.tv_nsec -= 1000000000;
	}
	error = recover(lab, &survey, found, &to);
	close(survey.own);
	return error;
}
