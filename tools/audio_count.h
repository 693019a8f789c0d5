/* SPDX-License-Identifier: MIT */
/*
 * audio_count.h - system calls and page faults of one thread: in all, and whether a given call made any.
 *
 * Best by perf events, which the kernel counts and no allocator sees: page faults, and system calls by the
 * tracepoint raw_syscalls:sys_enter where this process may use it.  Each is opened twice, once to count and
 * once to write a record of each into a ring that the thread looks at before and after a call: a load, no more.
 * Where the tracepoint is not to be had, system calls inside the windows are trapped instead (syscall user
 * dispatch): then calls that made any are counted.  Where perf is not to be had, faults are told by getrusage().
 */
#ifndef TOOLS_AUDIO_COUNT_H
#define TOOLS_AUDIO_COUNT_H

#include <sys/types.h>

#include "audio.h"

enum audio_counted {
	AUDIO_FAULTS,
	AUDIO_SYSCALLS,
	AUDIO_COUNTED,
};

struct audio_count {
	enum audio_method by[AUDIO_COUNTED];
	int total[AUDIO_COUNTED], record[AUDIO_COUNTED]; /* perf events; -1: none */
	void *ring[AUDIO_COUNTED];
	const volatile uint64_t *head[AUDIO_COUNTED]; /* moves with each; never NULL */
	uint64_t counted[AUDIO_COUNTED]; /* of `total`: between begin and end */
	volatile uint64_t dispatched; /* calls in which system calls were trapped */
	uint64_t usage; /* faults by getrusage(): the same */
};

/* 0: how it can be counted is decided once, before threads are there. */
void audio_count_methods(enum audio_method by[AUDIO_COUNTED]);
/* From any thread: count for thread `tid`.  What cannot be counted is AUDIO_NOT_COUNTED in by[]. */
void audio_count_open(struct audio_count *count, const enum audio_method by[AUDIO_COUNTED], pid_t tid);
void audio_count_close(struct audio_count *count);
/* By the thread itself, before its first window. */
void audio_count_enter(struct audio_count *count);
/* By the thread itself, around all that is to be counted; once before, so that their code is there. */
void audio_count_begin(struct audio_count *count);
void audio_count_end(struct audio_count *count);
/* Between the two; -1: not known. */
int64_t audio_count_total(const struct audio_count *count, enum audio_counted what);

extern __thread volatile char audio_gate; /* 1: a system call of this thread is trapped */

/* What moves when something was counted. */
static inline uint64_t audio_count_moves(const struct audio_count *count)
{
	return *count->head[AUDIO_FAULTS] + *count->head[AUDIO_SYSCALLS];
}

/* A window is what is counted call by call. */
static inline uint64_t audio_window_open(const struct audio_count *count)
{
	audio_gate = count->by[AUDIO_SYSCALLS] == AUDIO_DISPATCH;
	return audio_count_moves(count);
}

/* True: something was counted. */
static inline bool audio_window_shut(const struct audio_count *count, uint64_t moves)
{
	audio_gate = 0;
	return audio_count_moves(count) != moves;
}

#endif
