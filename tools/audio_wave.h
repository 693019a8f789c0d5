/* SPDX-License-Identifier: MIT */
/*
 * audio_wave.h - WAV files of 24 bits at 192 kHz, by libsndfile; and a made signal.
 *
 * Samples are in memory as libsndfile has them: 32 bits, the 24 in the upper ones.
 */
#ifndef TOOLS_AUDIO_WAVE_H
#define TOOLS_AUDIO_WAVE_H

#include <stdio.h>
#include <sndfile.h>

#include "audio.h"

#define WAVE_MADE_CHANNELS 2u

struct wave {
	SNDFILE *file; /* while it is read; NULL: the signal is made */
	const char *path;
	SF_INFO info;
	bool cut; /* its header tells of more samples than it has */
};

/* False: `error` (AUDIO_ERROR_TEXT bytes) says what is wrong with it. */
bool wave_open(struct wave *wave, const char *path, char *error);
/* A signal of so many seconds. */
void wave_make(struct wave *wave, uint64_t seconds);
/* All its samples, to where there is room for them. */
bool wave_read(struct wave *wave, int32_t *samples, char *error);
void wave_close(struct wave *wave);

/* The same format with these samples, as the bytes of a file, to `to`; false: out of memory. */
bool wave_write(const struct wave *wave, const int32_t *samples, FILE *to);
/* Is what stands in these bytes the same: format, rate, channels, length and every sample? */
bool wave_same(const struct wave *wave, const int32_t *samples, const void *bytes, size_t size);

#endif
