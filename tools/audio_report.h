/* SPDX-License-Identifier: MIT */
/*
 * audio_report.h - what `labyrinth audio` found: JSON, a table, a picture.
 */
#ifndef TOOLS_AUDIO_REPORT_H
#define TOOLS_AUDIO_REPORT_H

#include <stdio.h>

#include "audio.h"

struct audio_report {
	const struct audio_shared *shared; /* its results */
	const char *in, *out; /* NULL: made; not written */
	bool identical;
	unsigned int cpus;
	char absent[AUDIO_WHOS][AUDIO_ERROR_TEXT]; /* why one did not play; "": it did, or was not wanted */
};

/* Did this one play to its end? */
static inline const struct audio_result *audio_played(const struct audio_report *report, int who)
{
	const struct audio_result *result = &report->shared->result[who];

	return result->done ? result : NULL;
}

/* Did the contract keep what it promises? */
bool audio_kept(const struct audio_report *report);
/* False: out of memory. */
bool audio_json(FILE *file, const struct audio_report *report);
void audio_table(FILE *file, const struct audio_report *report);
/* audio_svg.c */
void audio_svg(FILE *file, const struct audio_report *report);

#endif
