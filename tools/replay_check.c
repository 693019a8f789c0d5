/* SPDX-License-Identifier: MIT */
/*
 * replay_check.c - the checked pass: every answer is seen by the oracle, none is timed.
 */
#include <stdio.h>
#include <stdlib.h>

#include "buddy.h"
#include "replay_oracle.h"
#include "replay_pass.h"

#define PROGRESS_OPS 8192u

struct check {
	struct run *run;
	struct pass pass;
	struct oracle *oracle;
	struct buddy *buddy;
	int64_t *buddy_frames; /* a slot each; -1: refused */
	struct run_counts *counts;
};

/* ---------------------------------------------------------------- the buddy beside it */

/* The same rules: at its own number where the machine has it, else anywhere. */
static void buddy_start(struct check *check)
{
	const struct plan *plan = check->run->plan;
	const struct plan_start *start;
	int64_t frame;
	size_t i;

	for (i = 0; i < plan->start_count; i++) {
		start = &plan->starts[i];
		frame = (int64_t)start->frame;
		if (!check->run->machine->full_size ||
		    buddy_alloc_at(check->buddy, start->frame, start->order))
			frame = buddy_alloc(check->buddy, start->order);
		check->buddy_frames[i] = frame;
	}
}

static void buddy_op(struct check *check, const struct plan_op *op)
{
	int64_t *frame = &check->buddy_frames[op->slot];

	if (op->kind == PLAN_ALLOC) {
		*frame = buddy_alloc(check->buddy, op->order);
		check->counts->buddy_refused += *frame < 0;
	} else if (op->kind != PLAN_SPLIT && *frame >= 0) {
		buddy_free(check->buddy, (uint64_t)*frame + op->offset, op->order);
	}
}

static bool buddy_open(struct check *check)
{
	check->buddy = buddy_new(check->run->machine->frames);
	check->buddy_frames = malloc(((size_t)check->run->plan->slots + 1) * sizeof(*check->buddy_frames));
	if (check->buddy && check->buddy_frames) {
		buddy_start(check);
		return true;
	}
	snprintf(check->run->error, sizeof(check->run->error), "--buddy: no memory for so many frames");
	return false;
}

/* ---------------------------------------------------------------- answers */

static void check_refusal(struct check *check, const struct lab_request *request, int error)
{
	count_refusal(check->counts, request, error);
	/* An unclear answer counts by itself; a request that contradicts itself has no frame that it might have had. */
	if (error != -LAB_EAGAIN && error != -LAB_EINVAL && oracle_was_free(check->oracle, request))
		check->counts->refused_while_free++;
}

static void take(struct check *check, const struct lab_page *page, unsigned int order)
{
	switch (oracle_take(check->oracle, lab_page_frame(check->pass.lab, page), order)) {
	case ORACLE_TWICE:
		check->counts->double_given++;
		break;
	case ORACLE_MISPLACED:
		check->counts->misplaced++;
		break;
	default:
		break;
	}
}

static void check_alloc(struct check *check, const struct plan_op *op)
{
	struct lab_request request = pass_request(op);
	struct lab_answer answer = { .band = -1 };
	struct lab_page *page = lab_alloc_request(check->pass.lab, &request, &answer);

	if (!page || lab_is_err(page)) {
		check_refusal(check, &request, lab_ptr_err(page));
		page = NULL;
	} else {
		take(check, page, op->order);
		count_answer(check->counts, &answer);
	}
	check->pass.pages[op->slot] = page;
}

static void check_release(struct check *check, const struct plan_op *op)
{
	struct lab_page *page = pass_page(&check->pass, op);

	if (!page) {
		check->counts->frees_of_refused += op->kind != PLAN_SPLIT;
		return;
	}
	if (pass_release(&check->pass, op, page))
		check->counts->free_errors++;
	else if (op->kind != PLAN_SPLIT)
		oracle_give(check->oracle, lab_page_frame(check->pass.lab, page), op->order);
}

/* ---------------------------------------------------------------- the pass */

static void check_ops(struct check *check)
{
	struct run *run = check->run;
	const struct plan *plan = run->plan;
	const struct plan_op *op;
	size_t i;

	for (i = 0; i < plan->op_count; i++) {
		op = &plan->ops[i];
		lab_user_cpu_override = (int)(op->cpu % run->machine->cpus);
		if (op->kind == PLAN_ALLOC)
			check_alloc(check, op);
		else
			check_release(check, op);
		if (check->buddy)
			buddy_op(check, op);
		if (i == plan->counts.peak_op) {
			run->result.huge.at_peak = pass_huge_free(&check->pass);
			run->result.buddy.at_peak =
				check->buddy ? buddy_huge_free(check->buddy, LAB_ORDER_MAX) : 0;
		}
		if (run->progress && i % PROGRESS_OPS == 0)
			run->progress((double)i / (double)plan->op_count / 3, run->data);
	}
}

static bool check_open(struct check *check)
{
	struct run *run = check->run;
	size_t i;

	check->oracle = oracle_new(run->machine, check->pass.lab);
	if (!check->oracle) {
		snprintf(run->error, sizeof(run->error), "out of memory");
		return false;
	}
	pass_start(&check->pass, check->counts);
	for (i = 0; i < run->plan->start_count; i++)
		if (check->pass.pages[i])
			take(check, check->pass.pages[i], run->plan->starts[i].order);
	return !run->buddy || buddy_open(check);
}

static bool check_close(struct check *check, uint64_t *frames)
{
	struct run *run = check->run;
	bool fine = true;
	uint32_t i;

	for (i = 0; i < run->plan->slots; i++)
		frames[i] = check->pass.pages[i] ? lab_page_frame(check->pass.lab, check->pass.pages[i])
						 : UINT64_MAX;
	run->result.huge.at_end = pass_huge_free(&check->pass);
	run->result.buddy.at_end = check->buddy ? buddy_huge_free(check->buddy, LAB_ORDER_MAX) : 0;
	pass_rooms(&check->pass, &run->result);
	check->counts->live_at_end = oracle_held(check->oracle);
	if (run->at_end)
		fine = run->at_end(check->pass.lab, run->data);
	return fine;
}

bool pass_checked(struct run *run, uint64_t *frames)
{
	struct check check = { .run = run, .counts = &run->result.counts };
	bool fine;

	if (!pass_open(&check.pass, run))
		return false;
	fine = check_open(&check);
	if (fine) {
		check_ops(&check);
		fine = check_close(&check, frames);
	}
	oracle_delete(check.oracle);
	if (check.buddy)
		buddy_delete(check.buddy);
	free(check.buddy_frames);
	pass_close(&check.pass);
	return fine;
}
