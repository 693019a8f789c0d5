/* SPDX-License-Identifier: MIT */
/*
 * replay_run.c - see replay_run.h; the parts that all passes share (replay_pass.h).
 */
#include "replay_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay_pass.h"

bool pass_open(struct pass *pass, struct run *run)
{
	*pass = (struct pass){ .plan = run->plan, .machine = run->machine };
	pass->pages = calloc((size_t)run->plan->slots + 1, sizeof(*pass->pages));
	if (!pass->pages) {
		snprintf(run->error, sizeof(run->error), "out of memory");
		return false;
	}
	pass->lab = machine_open(run->machine, run->error);
	if (pass->lab)
		return true;
	free(pass->pages);
	return false;
}

void pass_close(struct pass *pass)
{
	lab_user_cpu_override = -1;
	lab_user_close(pass->lab);
	free(pass->pages);
}

/*
 * At full size a frame that was live from the start is taken at its own number, so that the machine
 * begins as broken up as the recorded one was.  One that lies in a reserve is in use elsewhere.
 */
void pass_start(struct pass *pass, struct run_counts *counts)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_KERNEL | LAB_MEMALLOC, 0);
	const struct plan_start *start;
	struct lab_page *page;
	size_t i;

	lab_user_cpu_override = 0;
	for (i = 0; i < pass->plan->start_count; i++) {
		start = &pass->plan->starts[i];
		request.order = start->order;
		page = NULL;
		if (pass->machine->full_size)
			page = lab_alloc_at(pass->lab, start->frame, &request);
		if (!page || lab_is_err(page)) {
			if (counts && pass->machine->full_size)
				counts->start_moved++;
			page = lab_alloc_request(pass->lab, &request, NULL);
		}
		if (lab_is_err(page)) {
			page = NULL;
			if (counts)
				counts->start_refused++;
		}
		pass->pages[i] = page;
	}
}

int pass_release(struct pass *pass, const struct plan_op *op, struct lab_page *page)
{
	uint64_t frame, end;
	int ret = 0, one;

	if (op->kind == PLAN_SPLIT)
		return lab_split(pass->lab, page, op->order);
	if (op->kind == PLAN_FREE)
		return lab_free_pages(pass->lab, page, op->order);
	frame = lab_page_frame(pass->lab, page);
	for (end = frame + ((uint64_t)1 << op->order); frame < end; frame++) {
		one = lab_free_pages(pass->lab, lab_frame_page(pass->lab, frame), 0);
		ret = ret ? ret : one;
	}
	return ret;
}

bool run_all(struct run *run)
{
	uint64_t *frames = malloc(((size_t)run->plan->slots + 1) * sizeof(*frames));
	bool done;

	memset(&run->result, 0, sizeof(run->result));
	run->result.passes_agree = true;
	if (!frames) {
		snprintf(run->error, sizeof(run->error), "out of memory");
		return false;
	}
	done = pass_checked(run, frames) && pass_timed_all(run, frames);
	free(frames);
	return done;
}

bool run_broken(const struct run_result *result)
{
	const struct run_counts *counts = &result->counts;

	return counts->double_given || counts->refused_while_free || counts->again || counts->misplaced ||
	       counts->free_errors;
}
