/* SPDX-License-Identifier: MIT */
/*
 * audio_stream.h - producer and device: samples through pages, by a ring between two threads.
 *
 * The ring has one writer and one reader.  `handed` and `freed` only grow; each is stored by its side alone, with
 * release, and loaded by the other with acquire, so that what a slot says, the page's contents and the page's
 * being free again travel with the index.  At most `depth` pages are on their way: as many as the contract
 * has frames, less the one that is being asked for.
 */
#ifndef TOOLS_AUDIO_STREAM_H
#define TOOLS_AUDIO_STREAM_H

#include "audio_count.h"
#include "audio_subject.h"

#define AUDIO_SLOTS 32768u /* at least the largest depth */
#define AUDIO_APART 128 /* two cache lines: the second one is prefetched with the first */

/* What a page carries; the samples follow. */
struct audio_content {
	uint64_t index;
	uint32_t channels, check;
	int32_t sample[];
};
#define AUDIO_CHANNELS_MAX ((AUDIO_PAGE - sizeof(struct audio_content)) / sizeof(int32_t))

void audio_write(struct audio_content *content, uint64_t index, const int32_t *samples, uint32_t channels);
/* Copies the samples out as they stand; false: it is not what was written for this block. */
bool audio_read(const struct audio_content *content, uint64_t index, int32_t *samples, uint32_t channels);

struct audio_slot {
	struct audio_block block;
	uint64_t index, until_ns; /* the device keeps it so long */
	bool late;
};

/* What one side has counted; its own until it is done. */
struct audio_side {
	struct audio_count count;
	uint64_t late, sleeps, damaged, misfreed; /* sleeps: system calls of its own during a pass */
	_Atomic unsigned int at_gate; /* how many gates it has come to */
};

struct audio_stream {
	struct audio_shared *shared;
	struct audio_subject *subject;
	struct audio_result *result; /* the producer's, while it runs */
	struct stopwatch watch;
	uint64_t play, depth;
	_Atomic unsigned int open_gates; /* the worker's: which passes may begin */
	_Alignas(AUDIO_APART) _Atomic uint64_t handed;
	uint64_t freed_seen; /* the producer's last look at `freed` */
	atomic_bool last; /* nothing more will be handed over in this pass */
	struct audio_side producer;
	_Alignas(AUDIO_APART) _Atomic uint64_t freed;
	struct audio_side device;
	_Alignas(AUDIO_APART) struct audio_slot slot[AUDIO_SLOTS];
};

/*
 * One turn of a wait for the other side.  Where two such streams run, both producers are on one CPU at one priority and
 * the devices on another: who waits long lets its equals run, or all four could wait for each other for ever.
 * True: it made a system call.
 */
bool audio_spin(uint64_t *turns);

/* Each side of one pass, in its own thread. */
void audio_produce(struct audio_stream *stream);
void audio_consume(struct audio_stream *stream);
/* Before a pass: everything at its start, with `play` blocks to come. */
void audio_stream_reset(struct audio_stream *stream, uint64_t play);

#endif
