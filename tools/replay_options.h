/* SPDX-License-Identifier: MIT */
/*
 * replay_options.h - the command line of `labyrinth replay`.
 */
#ifndef TOOLS_REPLAY_OPTIONS_H
#define TOOLS_REPLAY_OPTIONS_H

#include <stdbool.h>

#include "progress.h"
#include "replay_machine.h"

#define OPTIONS_ERROR_TEXT (MACHINE_ERROR_TEXT + 64)

struct replay_options {
	struct machine_wish machine;
	const char *json, *map; /* NULL: not wanted */
	bool strict, buddy;
	unsigned int threads; /* 1 .. SCHEDULE_THREADS_MAX */
	enum progress_wish progress;
	char **traces;
	int trace_count;
};

enum options_result {
	OPTIONS_FINE,
	OPTIONS_HELP, /* it was printed */
	OPTIONS_BAD, /* `error` (OPTIONS_ERROR_TEXT bytes) says why */
};

enum options_result replay_options_parse(struct replay_options *options, int argc, char **argv, char *error);

#endif
