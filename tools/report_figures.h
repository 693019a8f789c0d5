/* SPDX-License-Identifier: MIT */
/*
 * report_figures.h - the list of figures, shared by the JSON and the table (report.c, report_table.c).
 */
#ifndef TOOLS_REPORT_FIGURES_H
#define TOOLS_REPORT_FIGURES_H

#include "report.h"

enum figure_kind {
	FIGURE_SECTION,
	FIGURE_COUNT,
	FIGURE_BROKEN, /* a count that must be 0 */
	FIGURE_TIMES,
	FIGURE_MS,
	FIGURE_BYTES,
	FIGURE_FRAMES,
	FIGURE_BUDDY, /* a count; only where a buddy ran */
};

struct figure {
	enum figure_kind kind;
	const char *key; /* NULL: not in JSON */
	const char *label; /* NULL: not in the table */
	size_t at; /* where in a struct report */
	unsigned int when; /* enum figure_when */
};

/* Bits, but for ALWAYS.  One run has either one thread or several. */
enum figure_when {
	ALWAYS,
	IF_ANY, /* a row only where some trace has it not 0 */
	ONE = 2, /* one thread only: neither a row nor in JSON otherwise */
	MANY = 4, /* several threads only */
};

extern const struct figure report_figures[];
extern const size_t report_figure_count;

static inline bool figure_fits(const struct report *report, const struct figure *figure)
{
	return !(figure->when & (report->threads > 1 ? ONE : MANY));
}

static inline uint64_t count_at(const struct report *report, const struct figure *figure)
{
	return *(const uint64_t *)((const char *)report + figure->at);
}

static inline const struct run_times *times_at(const struct report *report, const struct figure *figure)
{
	return (const struct run_times *)((const char *)report + figure->at);
}

static inline double ms_at(const struct report *report, const struct figure *figure)
{
	return *(const double *)((const char *)report + figure->at);
}

#endif
