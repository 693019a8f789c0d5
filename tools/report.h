/* SPDX-License-Identifier: MIT */
/*
 * report.h - what `labyrinth replay` found, as JSON for programs and as a table for people.
 */
#ifndef TOOLS_REPORT_H
#define TOOLS_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "replay_run.h"
#include "trace.h"

struct report {
	const char *trace; /* as the user named it */
	const char *format;
	const char *map; /* the picture's path; NULL: none */
	bool buddy; /* a buddy allocator ran beside */
	struct trace_counts lines;
	struct plan_counts plan;
	struct machine machine;
	struct run_result run;
	uint64_t threads; /* that played it */
	/* Derived by report_derive(). */
	uint64_t events, memory_frames, huge_possible, huge_possible_at_peak, events_idle;
};

void report_derive(struct report *report);

/* An object for one trace, an array for several.  False: it could not be written. */
bool report_json(FILE *file, const struct report *reports, size_t count);

void report_table(FILE *file, const struct report *reports, size_t count);

#endif
