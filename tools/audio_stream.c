/* SPDX-License-Identifier: MIT */
/*
 * audio_stream.c - see audio_stream.h.
 *
 * Time.  Each block has a due time by the clock on the wall; the producer spins until it has come, as an
 * interrupt comes or does not.  Held up (another thread has its CPU), it catches up as fast as it can: no block
 * is left out.  The device sleeps until what it holds longest is due and frees all that is due then, as a
 * device's interrupts are put together.
 */
#define _GNU_SOURCE
#include "audio_stream.h"

#include <sched.h>
#include <string.h>
#include <time.h>

#define DEVICE_NAP_NS 250000u /* what is due within this long is freed together */
#define PROGRESS_BLOCKS 8192u
#define YIELD_TURNS 65536u /* some milliseconds */

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#endif
}

bool audio_spin(uint64_t *turns)
{
	relax();
	if (++*turns % YIELD_TURNS)
		return false;
	sched_yield();
	return true;
}

/* ---------------------------------------------------------------- a page's contents */

static uint32_t check_of(uint64_t index, const int32_t *samples, uint32_t channels)
{
	uint64_t check = index * UINT64_C(0x9e3779b97f4a7c15) + channels;

	for (uint32_t i = 0; i < channels; i++)
		check = (check ^ (uint32_t)samples[i]) * UINT64_C(0x100000001b3);
	return (uint32_t)(check >> 32 ^ check);
}

void audio_write(struct audio_content *content, uint64_t index, const int32_t *samples, uint32_t channels)
{
	content->index = index;
	content->channels = channels;
	content->check = check_of(index, samples, channels);
	memcpy(content->sample, samples, channels * sizeof(*samples));
}

bool audio_read(const struct audio_content *content, uint64_t index, int32_t *samples, uint32_t channels)
{
	memcpy(samples, content->sample, channels * sizeof(*samples));
	return content->index == index && content->channels == channels &&
	       content->check == check_of(index, samples, channels);
}

/* ---------------------------------------------------------------- the producer */

/* Until the block is due and one more may be on its way; returns the time then. */
static uint64_t await_turn(struct audio_stream *stream, uint64_t due, uint64_t handed)
{
	uint64_t now = clock_ns(), away, turns = 0;

	while (now < due) { /* a sample time at most: no equal need run meanwhile */
		relax();
		now = clock_ns();
	}
	for (;;) {
		stream->freed_seen = atomic_load_explicit(&stream->freed, memory_order_acquire);
		away = handed - stream->freed_seen;
		if (away < stream->depth)
			break;
		stream->producer.sleeps += audio_spin(&turns);
	}
	stream->result->waits += turns > 0;
	if (away + 1 > stream->result->held_most)
		stream->result->held_most = away + 1;
	return turns ? clock_ns() : now;
}

/* A contract's tries beyond the first are each charged to a call of the device: those that ended since, and one that runs. */
static bool too_many_tries(const struct audio_stream *stream, unsigned int tries)
{
	uint64_t bound = stream->subject->tries_bound;

	if (!bound || tries <= bound)
		return false;
	if (stream->subject->owner)
		bound += atomic_load_explicit(&stream->freed, memory_order_acquire) - stream->freed_seen;
	return tries > bound;
}

/* Take a page for this block and fill it: what is counted, and what is timed.  False: there was none. */
static bool fill_page(struct audio_stream *stream, uint64_t index, struct audio_slot *slot)
{
	const struct audio_shared *shared = stream->shared;
	struct audio_result *result = stream->result;
	unsigned int tries;
	uint64_t moves, start, ns;
	bool got;

	moves = audio_window_open(&stream->producer.count);
	start = stopwatch_start(&stream->watch);
	got = audio_take(stream->subject, &slot->block, &tries);
	ns = (uint64_t)stopwatch_ns(&stream->watch, stopwatch_stop(&stream->watch, start));
	if (got)
		audio_write(slot->block.address, index, audio_in(stream->shared) + index * shared->channels,
			    shared->channels);
	slot->late = audio_window_shut(&stream->producer.count, moves);
	histogram_add(&result->alloc_ns, ns);
	result->misses += ns > AUDIO_PERIOD_NS;
	if (tries > result->tries_max)
		result->tries_max = tries;
	if (too_many_tries(stream, tries)) {
		result->late_by_tries++;
		slot->late = true;
	}
	return got;
}

void audio_produce(struct audio_stream *stream)
{
	struct audio_result *result = stream->result;
	uint64_t start = clock_ns(), handed = 0, now, due;
	struct audio_slot *slot, none;

	for (uint64_t index = 0; index < stream->play; index++) {
		due = start + audio_due_ns(index);
		now = await_turn(stream, due, handed);
		slot = &stream->slot[handed % AUDIO_SLOTS];
		if (fill_page(stream, index, slot)) {
			slot->index = index;
			slot->until_ns = now + stream->shared->hold_ns;
			atomic_store_explicit(&stream->handed, ++handed, memory_order_release);
		} else {
			none = *slot;
			result->failed++;
			stream->producer.late += none.late;
		}
		result->behind += clock_ns() > due + AUDIO_PERIOD_NS;
		result->blocks++;
		if (index % PROGRESS_BLOCKS == 0)
			atomic_store_explicit(&stream->shared->played, index, memory_order_relaxed);
	}
	result->seconds = (double)(clock_ns() - start) * 1e-9;
	atomic_store_explicit(&stream->last, true, memory_order_release);
}

/* ---------------------------------------------------------------- the device */

static void nap(struct audio_stream *stream, uint64_t until)
{
	const struct timespec at = { .tv_sec = (time_t)(until / 1000000000),
				     .tv_nsec = (long)(until % 1000000000) };

	stream->device.sleeps++; /* a system call of ours, none of the allocator's */
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

/* The hold time of this slot is over: its samples go on, its page goes back. */
static void let_go(struct audio_stream *stream, const struct audio_slot *slot)
{
	struct audio_side *device = &stream->device;
	uint32_t channels = stream->shared->channels;
	uint64_t moves;
	bool late;

	if (!audio_read(slot->block.address, slot->index, audio_out(stream->shared) + slot->index * channels,
			channels))
		device->damaged++;
	moves = audio_window_open(&device->count);
	if (!audio_give(stream->subject, &slot->block))
		device->misfreed++;
	late = audio_window_shut(&device->count, moves);
	device->late += late || slot->late;
}

void audio_consume(struct audio_stream *stream)
{
	uint64_t freed = 0, handed, until;
	bool last;

	for (;;) {
		last = atomic_load_explicit(&stream->last, memory_order_acquire);
		handed = atomic_load_explicit(&stream->handed, memory_order_acquire);
		if (freed == handed && last)
			return;
		if (freed == handed) {
			nap(stream, clock_ns() + DEVICE_NAP_NS);
			continue;
		}
		until = stream->slot[freed % AUDIO_SLOTS].until_ns;
		if (until > clock_ns()) {
			nap(stream, until + DEVICE_NAP_NS);
			continue;
		}
		let_go(stream, &stream->slot[freed % AUDIO_SLOTS]);
		atomic_store_explicit(&stream->freed, ++freed, memory_order_release);
	}
}

/* ---------------------------------------------------------------- passes */

static void side_reset(struct audio_side *side)
{
	side->late = side->sleeps = side->damaged = side->misfreed = 0;
}

void audio_stream_reset(struct audio_stream *stream, uint64_t play)
{
	struct audio_result *result = stream->result;

	stream->play = play;
	atomic_store(&stream->handed, 0);
	atomic_store(&stream->freed, 0);
	atomic_store(&stream->last, false);
	side_reset(&stream->producer);
	side_reset(&stream->device);
	result->blocks = result->failed = result->late_by_tries = result->misses = 0;
	result->behind = result->waits = result->held_most = 0;
	result->tries_max = 0;
	memset(&result->alloc_ns, 0, sizeof(result->alloc_ns));
}
