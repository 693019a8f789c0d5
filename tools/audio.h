/* SPDX-License-Identifier: MIT */
/*
 * audio.h - what the files of `labyrinth audio` share.
 *
 * A stream of 24-bit samples at 192 kHz passes through fresh pages, one a sample time: a *producer* takes a page,
 * writes the block (a frame of samples, one a channel) and hands it to the *device*, another thread, which
 * after the hold time copies the samples out of the page and frees it.  *Noise* threads meanwhile take all
 * that they can get of the same allocator.  This is done once for each *contestant*, one after another, each in a
 * process of its own: with a peer's library preloaded, malloc there is really the peer's.
 *
 *     audio.c          the command: contestants in turn, outputs, exit status
 *     audio_options.c  the command line                  audio_worker.c   a contestant's process, its threads
 *     audio_wave.c     WAV files, the made signal        audio_stream.c   producer and device
 *     audio_start.c    starting a worker                 audio_noise.c    the noise
 *     audio_report.c   JSON, table                       audio_subject.c  the allocators, ready to be called
 *     audio_svg.c      the picture                       audio_count.c    system calls and page faults
 *
 * Command and worker share a memory file: struct audio_shared, then the samples, then the room for those
 * that come out.
 */
#ifndef TOOLS_AUDIO_H
#define TOOLS_AUDIO_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "replay_time.h"

#define AUDIO_RATE 192000u
#define AUDIO_PAGE 4096u
#define AUDIO_ERROR_TEXT 512u
#define AUDIO_NOISE_MAX 16u
#define AUDIO_NS_PER_MS UINT64_C(1000000)

/* When block `index` is due, counted from the first: 1e9 / 192000 = 15625 / 3. */
static inline uint64_t audio_due_ns(uint64_t index)
{
	return index * 15625 / 3;
}
#define AUDIO_PERIOD_NS 5208u /* one sample time, rounded down */

/* What the contract is sized with, beside period and hold. */
#define AUDIO_REFILL_NS (10 * AUDIO_NS_PER_MS) /* how much later than it should the device may free */
#define AUDIO_CALLERS 2u /* the producer asks while the device frees */
#define AUDIO_BURST 512u /* blocks at once, where the producer was held up */

/* The contestants, in the order of a run. */
enum audio_who {
	AUDIO_CONTRACT, /* a labyrinth, a client with a contract */
	AUDIO_ATOMIC, /* a labyrinth, GFP_ATOMIC and nobody's */
	AUDIO_GLIBC,
	AUDIO_JEMALLOC,
	AUDIO_MIMALLOC,
	AUDIO_TCMALLOC,
	AUDIO_CONTROL, /* allocates nothing, but is as long about it: what the machine itself does to such a stream */
	AUDIO_WHOS,
};
extern const char *const audio_names[AUDIO_WHOS];

static inline bool audio_is_labyrinth(enum audio_who who)
{
	return who == AUDIO_CONTRACT || who == AUDIO_ATOMIC;
}

static inline bool audio_is_malloc(enum audio_who who)
{
	return who >= AUDIO_GLIBC && who <= AUDIO_TCMALLOC;
}

/* How system calls and page faults were counted. */
enum audio_method {
	AUDIO_NOT_COUNTED,
	AUDIO_PERF, /* perf events of the thread; system calls by their tracepoint */
	AUDIO_DISPATCH, /* system calls trapped (syscall user dispatch): calls that made one or more */
	AUDIO_USAGE, /* page faults by getrusage() of the thread, between start and end */
};
extern const char *const audio_method_names[];

struct audio_noise_counts {
	uint64_t allocs, refused, frees;
	uint64_t drains; /* how often nothing at all was left for it */
	uint64_t damaged; /* blocks that somebody else had written into */
	uint64_t misfreed; /* frees that were refused */
};

struct audio_result {
	bool done; /* all below holds */
	char error[AUDIO_ERROR_TEXT];
	uint64_t blocks, failed;
	uint64_t misfreed; /* frees that were refused */
	uint64_t late_by_alloc; /* blocks that took too many tries, made a system call, or faulted */
	uint64_t late_by_tries; /* of them */
	unsigned int tries_bound, tries_max; /* 0: none published */
	int64_t syscalls, faults; /* -1: not known */
	enum audio_method syscalls_by, faults_by;
	uint64_t damaged; /* pages whose contents had changed while the device held them */
	uint64_t misses; /* allocations of more than a sample time, by the clock on the wall */
	uint64_t behind; /* blocks handed over after the end of their sample time */
	uint64_t waits; /* blocks before which the device had not yet freed enough */
	uint64_t held_most;
	bool fifo, pinned, locked;
	char birth[16]; /* of the labyrinth */
	/* Of a stream with exclusive pages (audio_subject.c). */
	uint32_t guarantees; /* of the room that they came from, LAB_*; 0: an ordinary one */
	uint64_t elsewhere; /* pages that came from another room */
	uint64_t left; /* pages in which the stream's mark still stood after all had been freed */
	uint64_t contract_frames, contract_answers, commons_answers;
	struct histogram alloc_ns;
	struct audio_noise_counts noise;
	double seconds; /* that it took */
};

struct audio_shared {
	/* The command's. */
	uint32_t channels, noise;
	uint64_t blocks; /* of the samples; */
	uint64_t play; /* of them, how many this worker is to play */
	uint64_t hold_ns;
	bool exclusive; /* the contract's pages come from a vault */
	unsigned int cpu, other_cpu; /* producer's, everybody else's; the same where there is only one */
	size_t bytes, in, out; /* of the whole file; where the samples begin, and those that come out */
	/* The worker's. */
	_Atomic uint64_t played;
	struct audio_result result[AUDIO_WHOS];
};

static inline int32_t *audio_in(struct audio_shared *shared)
{
	return (int32_t *)((char *)shared + shared->in);
}

static inline int32_t *audio_out(struct audio_shared *shared)
{
	return (int32_t *)((char *)shared + shared->out);
}

/* Frames that the contract has, of which all but the callers' may be on their way; 0: too many. */
uint32_t audio_contract_frames(uint64_t hold_ns);

/* audio_start.c: a memory file for this many samples; NULL: `error`. */
struct audio_shared *audio_share(uint64_t blocks, uint32_t channels, int *fd, char *error);
/* Run one contestant to its end; `library` to be preloaded, or NULL.  What went wrong is in its result. */
void audio_run(struct audio_shared *shared, int fd, enum audio_who who, const char *library,
	       void (*progress)(double part, void *data), void *data);
/* audio_worker.c */
int audio_worker_main(int argc, char **argv);

#endif
