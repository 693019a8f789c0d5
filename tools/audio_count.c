/* SPDX-License-Identifier: MIT */
/*
 * audio_count.c - see audio_count.h.
 */
#define _GNU_SOURCE
#include "audio_count.h"

#include <linux/perf_event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_OFF 0
#define PR_SYS_DISPATCH_ON 1
#endif

#define RING_BYTES ((size_t)9 * 4096) /* the head's page and eight of records, which nobody reads */

const char *const audio_method_names[] = {
	[AUDIO_NOT_COUNTED] = "not counted",
	[AUDIO_PERF] = "perf",
	[AUDIO_DISPATCH] = "dispatch",
	[AUDIO_USAGE] = "rusage",
};

__thread volatile char audio_gate;
static __thread struct audio_count *counting;
static const volatile uint64_t never;

/* ---------------------------------------------------------------- perf */

/* The number of raw_syscalls:sys_enter; 0: not to be read. */
static unsigned long long tracepoint_number(void)
{
	static const char *const paths[] = { "/sys/kernel/tracing/events/raw_syscalls/sys_enter/id",
					     "/sys/kernel/debug/tracing/events/raw_syscalls/sys_enter/id" };
	unsigned long long number = 0;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]) && !number; i++) {
		FILE *file = fopen(paths[i], "re");

		if (!file)
			continue;
		if (fscanf(file, "%llu", &number) != 1)
			number = 0;
		fclose(file);
	}
	return number;
}

/* An event of a thread; with `records`, each leaves one in a ring.  -1: not permitted, or not there. */
static int open_event(enum audio_counted what, pid_t tid, bool records)
{
	struct perf_event_attr attributes;
	unsigned long long number = what == AUDIO_SYSCALLS ? tracepoint_number() : 0;
	int event;

	memset(&attributes, 0, sizeof(attributes));
	attributes.size = sizeof(attributes);
	attributes.type = what == AUDIO_FAULTS ? PERF_TYPE_SOFTWARE : PERF_TYPE_TRACEPOINT;
	attributes.config = what == AUDIO_FAULTS ? PERF_COUNT_SW_PAGE_FAULTS : number;
	attributes.sample_period = records ? 1 : 0;
	attributes.sample_type = records ? PERF_SAMPLE_IP : 0;
	attributes.exclude_hv = 1;
	if (what == AUDIO_SYSCALLS && !number)
		return -1;
	event = (int)syscall(SYS_perf_event_open, &attributes, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (event >= 0 || what == AUDIO_SYSCALLS)
		return event;
	attributes.exclude_kernel = 1; /* all that an ordinary user may see: faults of the program itself */
	return (int)syscall(SYS_perf_event_open, &attributes, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

/* False: this one cannot be counted so. */
static bool open_both(struct audio_count *count, enum audio_counted what, pid_t tid)
{
	struct perf_event_mmap_page *ring;

	count->total[what] = open_event(what, tid, false);
	count->record[what] = open_event(what, tid, true);
	if (count->total[what] < 0 || count->record[what] < 0)
		return false;
	/* Not writable: the kernel then goes on over what nobody has read, and the head always moves. */
	ring = mmap(NULL, RING_BYTES, PROT_READ, MAP_SHARED | MAP_POPULATE, count->record[what], 0);
	if (ring == MAP_FAILED)
		return false;
	count->ring[what] = ring;
	count->head[what] = (const volatile uint64_t *)&ring->data_head;
	return true;
}

static void close_event(struct audio_count *count, enum audio_counted what)
{
	if (count->ring[what])
		munmap(count->ring[what], RING_BYTES);
	if (count->total[what] >= 0)
		close(count->total[what]);
	if (count->record[what] >= 0)
		close(count->record[what]);
	count->ring[what] = NULL;
	count->total[what] = count->record[what] = -1;
	count->head[what] = &never;
}

/* ---------------------------------------------------------------- syscall user dispatch */

#if defined(__x86_64__)
/* The system call that was trapped, made now: the program goes on as if nothing had been. */
static long pass_on(const greg_t *registers)
{
	register long r10 __asm__("r10") = (long)registers[REG_R10];
	register long r8 __asm__("r8") = (long)registers[REG_R8];
	register long r9 __asm__("r9") = (long)registers[REG_R9];
	long answer = (long)registers[REG_RAX];

	__asm__ volatile("syscall"
			 : "+a"(answer)
			 : "D"((long)registers[REG_RDI]), "S"((long)registers[REG_RSI]),
			   "d"((long)registers[REG_RDX]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return answer;
}

static void trapped(int signal, siginfo_t *info, void *context)
{
	ucontext_t *at = context;

	(void)signal;
	(void)info;
	audio_gate = 0; /* for the rest of this call: the return from here is a system call too */
	if (counting)
		counting->dispatched++;
	at->uc_mcontext.gregs[REG_RAX] = pass_on(at->uc_mcontext.gregs);
}

static bool dispatch(bool on)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_sigaction = trapped;
	action.sa_flags = SA_SIGINFO;
	if (on && sigaction(SIGSYS, &action, NULL))
		return false;
	return !prctl(PR_SET_SYSCALL_USER_DISPATCH, on ? PR_SYS_DISPATCH_ON : PR_SYS_DISPATCH_OFF, 0, 0,
		      on ? &audio_gate : NULL);
}
#else
static bool dispatch(bool on)
{
	(void)on;
	return false;
}
#endif

/* ---------------------------------------------------------------- both */

void audio_count_methods(enum audio_method by[AUDIO_COUNTED])
{
	struct audio_count trial;

	audio_count_open(&trial, (enum audio_method[]){ AUDIO_PERF, AUDIO_PERF }, gettid());
	by[AUDIO_FAULTS] = trial.by[AUDIO_FAULTS] ? trial.by[AUDIO_FAULTS] : AUDIO_USAGE;
	by[AUDIO_SYSCALLS] = trial.by[AUDIO_SYSCALLS];
	audio_count_close(&trial);
	if (by[AUDIO_SYSCALLS] == AUDIO_NOT_COUNTED && dispatch(true)) {
		by[AUDIO_SYSCALLS] = AUDIO_DISPATCH;
		dispatch(false);
	}
}

void audio_count_open(struct audio_count *count, const enum audio_method by[AUDIO_COUNTED], pid_t tid)
{
	memset(count, 0, sizeof(*count));
	for (int what = 0; what < AUDIO_COUNTED; what++) {
		count->by[what] = by[what];
		count->head[what] = &never;
		count->total[what] = count->record[what] = -1;
		if (by[what] != AUDIO_PERF || open_both(count, (enum audio_counted)what, tid))
			continue;
		close_event(count, (enum audio_counted)what);
		count->by[what] = AUDIO_NOT_COUNTED;
	}
	if (count->by[AUDIO_SYSCALLS] == AUDIO_DISPATCH)
		count->head[AUDIO_SYSCALLS] = &count->dispatched;
}

void audio_count_close(struct audio_count *count)
{
	for (int what = 0; what < AUDIO_COUNTED; what++)
		close_event(count, (enum audio_counted)what);
}

void audio_count_enter(struct audio_count *count)
{
	counting = count;
	if (count->by[AUDIO_SYSCALLS] == AUDIO_DISPATCH && !dispatch(true))
		count->by[AUDIO_SYSCALLS] = AUDIO_NOT_COUNTED;
}

/* False: it cannot be counted any more. */
static bool read_total(struct audio_count *count, enum audio_counted what, uint64_t *value)
{
	if (count->by[what] != AUDIO_PERF)
		return false;
	if (read(count->total[what], value, sizeof(*value)) == (ssize_t)sizeof(*value))
		return true;
	count->by[what] = AUDIO_NOT_COUNTED;
	return false;
}

static bool read_usage(const struct audio_count *count, uint64_t *faults)
{
	struct rusage usage;

	if (count->by[AUDIO_FAULTS] != AUDIO_USAGE || getrusage(RUSAGE_THREAD, &usage))
		return false;
	*faults = (uint64_t)(usage.ru_minflt + usage.ru_majflt);
	return true;
}

/* System calls last here and first at the end: the faults' readings are not between. */
void audio_count_begin(struct audio_count *count)
{
	count->dispatched = 0;
	read_usage(count, &count->usage);
	read_total(count, AUDIO_FAULTS, &count->counted[AUDIO_FAULTS]);
	read_total(count, AUDIO_SYSCALLS, &count->counted[AUDIO_SYSCALLS]);
}

void audio_count_end(struct audio_count *count)
{
	uint64_t now;

	if (read_total(count, AUDIO_SYSCALLS, &now)) /* which is one itself */
		count->counted[AUDIO_SYSCALLS] = now - 1 - count->counted[AUDIO_SYSCALLS];
	if (read_total(count, AUDIO_FAULTS, &now))
		count->counted[AUDIO_FAULTS] = now - count->counted[AUDIO_FAULTS];
	if (read_usage(count, &now))
		count->usage = now - count->usage;
}

int64_t audio_count_total(const struct audio_count *count, enum audio_counted what)
{
	switch (count->by[what]) {
	case AUDIO_PERF:
		return (int64_t)count->counted[what];
	case AUDIO_DISPATCH:
		return (int64_t)count->dispatched;
	case AUDIO_USAGE:
		return (int64_t)count->usage;
	default:
		return -1;
	}
}
