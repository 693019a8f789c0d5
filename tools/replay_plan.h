/* SPDX-License-Identifier: MIT */
/*
 * replay_plan.h - what a trace asks for, as a list of calls that can be played again and again.
 *
 * A trace speaks of the frames that a kernel gave; a replay gives its own.  So the events are turned,
 * once, into calls on *slots*: a slot holds whatever block the allocator under test answered with.  All
 * oddities of a recording are settled here - frees of what was live from the start, lost events, blocks
 * freed in pieces - so that every pass, and every allocator, does exactly the same calls.
 */
#ifndef TOOLS_REPLAY_PLAN_H
#define TOOLS_REPLAY_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace.h"

enum plan_kind {
	PLAN_ALLOC, /* slot = a block of `order` */
	PLAN_FREE, /* free the block of `order` that begins `offset` frames into the slot's */
	PLAN_SPLIT, /* make the slot's block of `order` into single pages */
	PLAN_FREE_SINGLES, /* free 2^order single pages from `offset` on */
};

struct plan_op {
	uint32_t slot;
	lab_gfp_t gfp;
	uint16_t offset;
	uint16_t cpu;
	uint8_t kind; /* enum plan_kind */
	uint8_t order;
	bool event; /* the first call of an event: those behind it, up to the next, belong to it too */
};

/* A block that was live when the recording began; it fills slot number `its index`. */
struct plan_start {
	uint64_t frame;
	uint8_t order;
};

struct plan_counts {
	uint64_t allocs, frees; /* events used: without too_large */
	uint64_t frees_unmatched; /* frees of what the trace never allocated */
	uint64_t frees_lost; /* of these: of frames freed before already; their allocation was lost */
	uint64_t realloc_while_held; /* a frame allocated again while held: freed first */
	uint64_t pieces; /* frees of a part of a block */
	uint64_t merged; /* frees that took several held blocks at once */
	uint64_t too_large; /* allocations and frees above LAB_ORDER_MAX: left out */
	uint64_t atomic_allocs; /* allocations that must not sleep */
	uint64_t start_frames; /* live from the start */
	uint64_t end_frames; /* live at the end */
	uint64_t peak_frames; /* most frames live at once, those from the start included */
	uint64_t peak_op; /* after this call they were */
	uint64_t highest_frame;
	unsigned int cpus; /* highest CPU number + 1 */
};

struct plan {
	struct plan_op *ops;
	struct plan_start *starts;
	size_t op_count, start_count;
	uint32_t slots; /* starts come first; a trace's allocations follow */
	struct plan_counts counts;
};

/* A recording longer than this is refused: cut it (16 bytes of memory an event, and the tables). */
#define PLAN_EVENTS_MAX ((size_t)1 << 25)

struct plan_maker;

struct plan_maker *plan_maker_new(void);
/* 0, -1: out of memory or more than PLAN_EVENTS_MAX events (plan_maker_error()). */
int plan_maker_feed(struct plan_maker *maker, const struct trace_event *event);
const char *plan_maker_error(const struct plan_maker *maker);
/* Hands the plan over; the maker is gone.  NULL: out of memory. */
struct plan *plan_maker_finish(struct plan_maker *maker);
void plan_maker_delete(struct plan_maker *maker);

void plan_delete(struct plan *plan);

#endif
