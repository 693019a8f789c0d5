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

/* ---------------------------------------------------------------- what answers count for */

void count_answer(struct run_counts *counts, const struct lab_answer *answer)
{
	if (answer->band >= 0) {
		counts->reserve_allocs++;
		if (answer->right >= LAB_RIGHT_HIGH)
			counts->reserve_only_allocs++;
		else
			counts->band_allocs++;
	}
	if (answer->fallback)
		counts->fallbacks++;
}

void count_refusal(struct run_counts *counts, const struct lab_request *request, int error)
{
	if (error == -LAB_EAGAIN) {
		counts->again++;
		return;
	}
	counts->refused++;
	if (error == -LAB_ENOMEM)
		counts->refused_nomem++;
	else if (error == -LAB_ENOSPC)
		counts->refused_nospc++;
	else if (error == -LAB_EINVAL)
		counts->refused_invalid++;
	else
		counts->refused_other++;
	if (request->gfp & LAB_DIRECT_RECLAIM)
		counts->refused_sleeping++;
	else
		counts->refused_nonsleeping++;
	if (!request->order && request->gfp & LAB_HIGH &&
	    !(request->gfp & (LAB_DIRECT_RECLAIM | LAB_NOMEMALLOC)))
		counts->refused_atomic_order0++;
}

uint64_t pass_huge_free(const struct pass *pass)
{
	struct lab_room_stats stats;
	uint64_t whole = 0;
	unsigned int i;

	for (i = 0; i < pass->machine->rooms; i++)
		if (!lab_room_stats(pass->lab, i, &stats))
			whole += stats.leaves_unused; /* nothing in them is in use */
	return whole;
}

void pass_rooms(const struct pass *pass, struct run_result *result)
{
	struct lab_room_stats stats;
	struct run_room *room;

	result->metadata_bytes = lab_user_metadata_bytes(pass->lab);
	for (; result->rooms < pass->machine->rooms; result->rooms++) {
		if (lab_room_stats(pass->lab, result->rooms, &stats))
			break;
		room = &result->room[result->rooms];
		*room = (struct run_room){
			.frames = stats.frames, .min = stats.min, .low = stats.low, .high = stats.high
		};
		snprintf(room->name, sizeof(room->name), "%s", stats.name);
	}
}

/* ---------------------------------------------------------------- all passes */

bool run_all(struct run *run)
{
	uint64_t *frames;
	bool done;

	memset(&run->result, 0, sizeof(run->result));
	run->result.passes_agree = true;
	if (run->threads > 1)
		return pass_threads(run);
	frames = malloc(((size_t)run->plan->slots + 1) * sizeof(*frames));
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

	/* "Other": neither that there is none nor that flags contradict each other; no trace asks for that. */
	/* Beside other calls -EAGAIN may be right: not while a frame was surely free. */
	return counts->double_given || counts->refused_while_free || counts->again_while_free ||
	       (!result->threads.count && counts->again) || counts->misplaced || counts->free_errors ||
	       counts->refused_other ||
	       result->threads.audit_broken || result->threads.lost || result->threads.unsettled;
}
