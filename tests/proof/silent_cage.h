/* SPDX-License-Identifier: MIT */
/*
 * silent_cage.h - a child process that can make no system call, and whose page faults are counted by its parent.
 *
 * Inside, a seccomp filter answers every system call by SIGSYS; the handler writes down which it was and where,
 * and stays there, until the parent kills the child.  The two take turns by words in shared memory, so the
 * child needs no system call to say that it is done.  Faults are read from /proc/PID/stat, from outside.
 *
 * Before the cage is shut the child locks and touches all that is the *program's* (code, data, stack).  A
 * labyrinth is opened after that, so whatever of it is present and locked, its home has seen to.
 */
#ifndef SILENT_CAGE_H
#define SILENT_CAGE_H

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "machine.h"

#define TURNS_MOST 64u
#define CANNOT 77 /* exit status of a child that could not be caged, or of the program */
#define STACK_BYTES ((size_t)64 << 10)

static struct cage {
	_Atomic bool ready;	   /* the cage is shut */
	_Atomic unsigned int turn; /* odd: the child's; even: the parent's */
	_Atomic int trapped;	   /* number of the system call + 1 */
	void *_Atomic trapped_at;
	uint64_t calls;		   /* of the turn just done */
	char wrong[160];	   /* an answer that was not right; why there is no cage */
} *cage;

struct faults {
	unsigned long minor, major;
};

/* ---- inside ---- */

static void cage_trapped(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	atomic_store(&cage->trapped_at, info->si_call_addr);
	atomic_store(&cage->trapped, info->si_syscall + 1);
	for (;;) /* returning would be a system call too */
		;
}

static __attribute__((noinline)) void touch_stack(void)
{
	volatile char bytes[STACK_BYTES];
	size_t i;

	for (i = 0; i < sizeof(bytes); i += 4096)
		bytes[i] = 1;
}

static _Noreturn void cage_cannot(const char *why)
{
	snprintf(cage->wrong, sizeof(cage->wrong), "%s: %s", why, strerror(errno));
	_exit(CANNOT);
}

/* All that is the program's own: present, and it stays so. */
static void cage_settle(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0); /* no pages are put together behind its back */
	touch_stack();
	if (mlockall(MCL_CURRENT))
		cage_cannot("mlockall");
}

/* Every thread of this process; no way out but SIGKILL. */
static void cage_shut(void)
{
	static struct sock_filter trap = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
	static struct sock_fprog program = { .len = 1, .filter = &trap };
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_sigaction = cage_trapped;
	action.sa_flags = SA_SIGINFO;
	if (sigaction(SIGSYS, &action, NULL) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		cage_cannot("before seccomp");
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program))
		cage_cannot("seccomp");
	atomic_store(&cage->ready, true);
}

/* The child's side of a turn: wait for it. */
static void cage_await(unsigned int number)
{
	while (atomic_load(&cage->turn) != 2 * number + 1)
		;
}

static void cage_done(unsigned int number, uint64_t calls)
{
	cage->calls = calls;
	atomic_store(&cage->turn, 2 * number + 2);
}

/* ---- outside ---- */

static bool cage_faults(pid_t child, struct faults *faults)
{
	char path[40], line[1024], *at;
	size_t n;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)child);
	file = fopen(path, "r");
	if (!file)
		return false;
	n = fread(line, 1, sizeof(line) - 1, file);
	fclose(file);
	line[n] = '\0';
	at = strrchr(line, ')'); /* fields 3 to 12: state .. flags, minflt, cminflt, majflt */
	return at && sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %lu %*u %lu", &faults->minor, &faults->major) == 2;
}

static void cage_make(void)
{
	cage = mmap(NULL, sizeof(*cage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (cage == MAP_FAILED)
		exit(2);
}

/* A child that runs this body; it ends by _exit() before the cage is shut, or by cage_kill(). */
static pid_t cage_open(void (*body)(void))
{
	pid_t child;

	memset(cage, 0, sizeof(*cage));
	fflush(stdout);
	child = fork();
	if (child == 0) {
		body();
		for (;;)
			;
	}
	if (child < 0)
		exit(2);
	return child;
}

enum outcome { DONE, TRAPPED, ENDED };

/* Wait until the child is caged (turn 0), or has had this turn; or until it makes a system call, or ends. */
static enum outcome cage_wait(pid_t child, unsigned int turn, int *status)
{
	const struct timespec pause = { .tv_nsec = 200000 };

	for (;;) {
		if (atomic_load(&cage->trapped))
			return TRAPPED;
		if (turn ? atomic_load(&cage->turn) == turn : atomic_load(&cage->ready))
			return DONE;
		if (waitpid(child, status, WNOHANG) == child)
			return ENDED;
		nanosleep(&pause, NULL);
	}
}

/* Let the child have its turn. */
static enum outcome cage_turn(pid_t child, unsigned int number, int *status)
{
	atomic_store(&cage->turn, 2 * number + 1);
	return cage_wait(child, 2 * number + 2, status);
}

static void cage_kill(pid_t child)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

#endif
