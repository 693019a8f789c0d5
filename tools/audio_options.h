/* SPDX-License-Identifier: MIT */
/*
 * audio_options.h - the command line of `labyrinth audio`.
 */
#ifndef TOOLS_AUDIO_OPTIONS_H
#define TOOLS_AUDIO_OPTIONS_H

#include "audio.h"
#include "progress.h"

struct audio_options {
	const char *in, *out, *json, *svg; /* NULL: none */
	uint64_t seconds, hold_ms;
	unsigned int noise;
	bool exclusive;
	uint32_t whos; /* who plays, a bit each; the contract always */
	enum progress_wish progress;
};

enum audio_parsed {
	AUDIO_FINE,
	AUDIO_HELP, /* it was printed */
	AUDIO_BAD, /* `error` (AUDIO_ERROR_TEXT bytes) says why */
};

enum audio_parsed audio_options_parse(struct audio_options *options, int argc, char **argv, char *error);

/* Would writing to both write to the same file?  Either may not be there yet. */
bool audio_same_file(const char *one, const char *other);

#endif
