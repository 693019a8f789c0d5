/* SPDX-License-Identifier: MIT */
/*
 * signal_handler.c - a page from inside a signal handler.
 *
 * A timer interrupts the program a thousand times; each time the handler takes a page, writes down what
 * it saw and hands it on.  The program allocates all the while from the same labyrinth: whatever
 * instruction of it is interrupted, the handler gets its page.
 *
 *     cc signal_handler.c -o signal_handler $(pkg-config --cflags --libs labyrinth)
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include <labyrinth.h>
#include <labyrinth/user.h>

#define ALARMS 1000u

struct note {
	struct note *before;
	unsigned int number;
	struct timespec at;
};

static struct labyrinth *lab;
static struct note *volatile last; /* only the handler writes it */
static volatile sig_atomic_t alarms, refused;

static void on_alarm(int signal)
{
	struct note *note = lab_alloc(lab, LAB_GFP_ATOMIC, 0);

	(void)signal;
	if (!note) {
		refused++;
		return;
	}
	note->before = last;
	note->number = (unsigned int)alarms++;
	clock_gettime(CLOCK_MONOTONIC, &note->at);
	last = note;
}

static void start_alarms(void)
{
	struct sigaction action;
	struct itimerval often = { { 0, 200 }, { 0, 200 } };

	memset(&action, 0, sizeof(action));
	action.sa_handler = on_alarm;
	action.sa_flags = SA_RESTART;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
}

static void stop_alarms(void)
{
	struct itimerval never = { { 0, 0 }, { 0, 0 } };

	setitimer(ITIMER_REAL, &never, NULL);
	signal(SIGALRM, SIG_IGN);
}

int main(void)
{
	struct lab_user_room room = { .name = "all",
				      .kind = LAB_ROOM_ANONYMOUS,
				      .zone = LAB_ZONE_NORMAL,
				      .size = 16 << 20,
				      .prefaulted = true,
				      .watermarks = true };
	struct lab_user_spec spec = { .birth = LAB_LAZY, .rooms = &room, .room_count = 1 };
	char error[LAB_ERROR_TEXT];
	unsigned long pairs = 0;
	struct lab_audit audit;

	/* LAB_ARMED would lock the memory too, where RLIMIT_MEMLOCK allows it. */
	if (lab_user_open(&spec, &lab, error)) {
		fprintf(stderr, "%s\n", error);
		return 1;
	}
	start_alarms();
	while (alarms + refused < (int)ALARMS) {
		void *page = lab_alloc(lab, LAB_GFP_KERNEL, 0);

		if (!page || lab_free(lab, page, 0))
			return 1;
		pairs++;
	}
	stop_alarms();
	printf("%d pages taken in a signal handler, %d refused; %lu pairs of calls interrupted by it\n",
	       (int)alarms, (int)refused, pairs);
	printf("the last note: number %u, at %lld.%09ld\n", last->number, (long long)last->at.tv_sec,
	       last->at.tv_nsec);
	while (last) {
		struct note *note = last;

		last = note->before;
		if (lab_free(lab, note, 0))
			return 1;
	}
	if (lab_audit(lab, true, &audit) || audit.owned || refused)
		return 1;
	printf("all given back; the audit finds every rule kept\n");
	lab_user_close(lab);
	return 0;
}
