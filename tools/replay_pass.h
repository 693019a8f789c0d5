/* SPDX-License-Identifier: MIT */
/*
 * replay_pass.h - what the passes of replay_run.h share: a labyrinth, and what lies in the plan's slots.
 */
#ifndef TOOLS_REPLAY_PASS_H
#define TOOLS_REPLAY_PASS_H

#include "replay_run.h"

/* The home's hook: the CPU whose hints the next call uses; -1: the real one. */
extern _Thread_local int lab_user_cpu_override;

struct pass {
	const struct plan *plan;
	const struct machine *machine;
	struct labyrinth *lab;
	struct lab_page **pages; /* a slot each: the first page of its block; NULL: refused */
};

/* A fresh labyrinth, empty slots.  False: run->error. */
bool pass_open(struct pass *pass, struct run *run);
void pass_close(struct pass *pass);

static inline struct lab_request pass_request(const struct plan_op *op)
{
	/* Metadata only: there is nothing to be zeroed. */
	struct lab_request request = LAB_REQUEST(op->gfp & ~LAB_ZERO, op->order);

	return request;
}

static inline struct lab_page *pass_page(const struct pass *pass, const struct plan_op *op)
{
	struct lab_page *page = pass->pages[op->slot];

	if (!page || !op->offset)
		return page;
	return lab_frame_page(pass->lab, lab_page_frame(pass->lab, page) + op->offset);
}

/* Take what was live from the start, slot by slot.  `counts` may be NULL. */
void pass_start(struct pass *pass, struct run_counts *counts);

/* A call other than an allocation, on a page that is not NULL.  0, or the first error. */
int pass_release(struct pass *pass, const struct plan_op *op, struct lab_page *page);

/* What an answer, or a refusal, adds to the counts, but for whether it was true. */
void count_answer(struct run_counts *counts, const struct lab_answer *answer);
void count_refusal(struct run_counts *counts, const struct lab_request *request, int error);

/* Huge pages with no frame in use. */
uint64_t pass_huge_free(const struct pass *pass);

/* The rooms and the size of the metadata. */
void pass_rooms(const struct pass *pass, struct run_result *result);

/* replay_check.c: the first pass.  Leaves the frames of all slots in `frames` (~0: refused). */
bool pass_checked(struct run *run, uint64_t *frames);

/* replay_timing.c: the others. */
bool pass_timed_all(struct run *run, const uint64_t *frames);

/* replay_threads.c: instead of all of them, run->threads at once. */
bool pass_threads(struct run *run);

#endif
