/* SPDX-License-Identifier: MIT */
/*
 * audio_noise.h - threads that take all that they can get of the allocator that the stream uses.
 *
 * In turns, each for itself: *churn*, requests of every order and right, given back at random; and *drain*, single pages
 * with the deepest right until there is nothing, asked for again and again while what others give back
 * comes in; then half of all goes back.  Each writes a mark into what it has got and looks for it before it gives it back.
 */
#ifndef TOOLS_AUDIO_NOISE_H
#define TOOLS_AUDIO_NOISE_H

#include <pthread.h>

#include "audio_subject.h"

struct audio_holding {
	void *address;
	struct lab_page *page;
	uint64_t mark;
	uint8_t order;
	bool owned;
};

struct audio_noise {
	const struct audio_subject *subject;
	unsigned int number;
	uint64_t random, frames_most; /* so many frames at most are held by this thread */
	atomic_bool *stop;
	struct audio_noise_counts counts;
	_Atomic uint64_t pressure; /* refusals so far; malloc: as soon as it has drained once */
	struct audio_holding *held;
	uint64_t held_count, held_most, frames;
	pthread_t thread;
};

/* One thread's noise until *stop; everything that it has goes back. */
void *audio_noise_thread(void *noise);

#endif
