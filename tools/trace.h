/* SPDX-License-Identifier: MIT */
/*
 * trace.h - recorded page requests, event by event.
 *
 * Reads what users record: the text of `perf script`, of ftrace's `trace` file and of `trace-cmd report`,
 * plain or .xz, from a file or standard input.  The three differ in what stands before the event's name;
 * one reader takes all of them line by line, so nothing has to be declared.
 *
 * Only what can be used comes out as an event; everything else is counted, and nothing in the input is
 * fatal unless `strict` was asked for: hostile input costs counted lines, not memory and not time.
 */
#ifndef TOOLS_TRACE_H
#define TOOLS_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <labyrinth.h>

#define TRACE_ERROR_TEXT 512u
#define TRACE_FRAME_MAX (((uint64_t)1 << 40) - 1) /* 52 bits of physical address: no machine has more */
#define TRACE_ORDER_MAX 20u /* no kernel's buddy goes further */
#define TRACE_CPU_MAX 65535u

enum trace_kind {
	TRACE_ALLOC,
	TRACE_FREE,
};

struct trace_event {
	uint64_t frame; /* a multiple of 2^order, 1 .. TRACE_FRAME_MAX */
	uint64_t time_ns; /* 0 where the line has none */
	lab_gfp_t gfp; /* of an allocation */
	uint16_t cpu; /* 0 where the line has none */
	uint8_t kind; /* enum trace_kind */
	uint8_t order; /* 0 .. TRACE_ORDER_MAX */
	uint8_t migratetype; /* as the kernel numbers them; 0 where the line has none */
};

struct trace_counts {
	uint64_t lines;
	uint64_t allocs, frees; /* lines that came out as events */
	uint64_t comments; /* '#', empty lines, headers, stack lines below an event */
	uint64_t duplicates; /* mm_page_free_batched, mm_page_pcpu_drain, mm_page_alloc_zone_locked */
	uint64_t others; /* events that are no page requests */
	uint64_t lost; /* events that the recording says it lost */
	uint64_t lost_marks; /* the places where it says so */
	uint64_t failed_requests; /* allocations that the kernel refused: no frame */
	uint64_t unknown_flags; /* flag names without meaning here; the rest of the event is used */
	uint64_t unparsed; /* lines not understood */
	uint64_t first_unparsed; /* number of the first of them, from 1; 0: none */
};

struct trace;

/* NULL: `error` (TRACE_ERROR_TEXT bytes) holds one sentence that names the file. */
struct trace *trace_open(const char *path, bool strict, char *error);

/*
 * The next event: 1, 0 at the end, -1 on an error (trace_error() has the sentence).  Input without one
 * page event is an error: it is empty, or not a trace.
 */
int trace_next(struct trace *trace, struct trace_event *event);

const char *trace_error(const struct trace *trace);
const struct trace_counts *trace_counts(const struct trace *trace);

/* "perf script", "ftrace", "trace-cmd report", or "" before the first event. */
const char *trace_format(const struct trace *trace);

/* How much of the file was read: 0 .. 1, or negative where its size is not known. */
double trace_progress(const struct trace *trace);

void trace_close(struct trace *trace);

#endif
