/* SPDX-License-Identifier: MIT */
/*
 * trace_plan.h - a replay plan played on nothing but sets of frames: each call must find what it needs, and the
 * plan's counts must come out.
 */
#ifndef FUZZ_TRACE_PLAN_H
#define FUZZ_TRACE_PLAN_H

#include "bytes.h"
#include "replay_plan.h"

#define BLOCK_FRAMES (1u << LAB_ORDER_MAX)

struct played_slot {
	bool used, singles;
	uint8_t order;
	uint16_t left; /* frames held still */
	uint8_t held[BLOCK_FRAMES / 8];
};

struct played {
	struct played_slot *slot;
	uint64_t live, peak, peak_op, allocs;
};

static inline void played_fill(struct played *played, struct played_slot *slot, unsigned int order)
{
	unsigned int i;

	CHECK(!slot->used && order <= LAB_ORDER_MAX, "a slot filled twice, or with order %u", order);
	slot->used = true;
	slot->order = (uint8_t)order;
	slot->left = (uint16_t)(1u << order);
	for (i = 0; i < 1u << order; i++)
		slot->held[i / 8] |= (uint8_t)(1u << i % 8);
	played->live += slot->left;
}

static inline void played_empty(struct played *played, struct played_slot *slot, const struct plan_op *op)
{
	unsigned int n = 1u << op->order, i;

	CHECK(slot->used && op->offset + n <= 1u << slot->order, "a free of what was never there");
	for (i = op->offset; i < op->offset + n; i++) {
		CHECK(slot->held[i / 8] >> i % 8 & 1, "frame %u of a slot is freed twice", i);
		slot->held[i / 8] &= (uint8_t)~(1u << i % 8);
	}
	slot->left = (uint16_t)(slot->left - n);
	played->live -= n;
}

static inline void play_op(struct played *played, const struct plan_op *op)
{
	struct played_slot *slot = &played->slot[op->slot];

	CHECK(op->order <= LAB_ORDER_MAX && !(op->gfp & ~LAB_FLAGS_ALL), "order %u, flags %x", op->order, op->gfp);
	switch (op->kind) {
	case PLAN_ALLOC:
		played_fill(played, slot, op->order);
		played->allocs++;
		break;
	case PLAN_SPLIT:
		CHECK(slot->used && !slot->singles && slot->order == op->order && slot->left == 1u << op->order,
		      "a split of no whole block");
		slot->singles = true;
		break;
	case PLAN_FREE: /* the block as it was allocated, or one of its single pages */
		CHECK(slot->singles ? !op->order : op->order == slot->order && !op->offset, "a free of another order");
		played_empty(played, slot, op);
		break;
	default:
		CHECK(op->kind == PLAN_FREE_SINGLES && slot->singles, "single pages of a block");
		played_empty(played, slot, op);
	}
}

static inline void check_starts(const struct plan *plan, uint64_t *frames)
{
	size_t i, k;

	for (i = 0; i < plan->start_count; i++) {
		const struct plan_start *start = &plan->starts[i];
		uint64_t n = (uint64_t)1 << start->order;

		CHECK(start->order <= LAB_ORDER_MAX && start->frame && !(start->frame & (n - 1)), "start %zu", i);
		*frames += n;
		for (k = 0; k < i && i < 300; k++)
			CHECK(plan->starts[k].frame >= start->frame + n ||
				      start->frame >= plan->starts[k].frame + ((uint64_t)1 << plan->starts[k].order),
			      "starts %zu and %zu overlap", k, i);
	}
}

/* `events`: how many it was made of. */
static inline void check_plan(const struct plan *plan, uint64_t events)
{
	struct played played = { .slot = calloc((size_t)plan->slots + 1, sizeof(struct played_slot)) };
	const struct plan_counts *counts = &plan->counts;
	uint64_t starts = 0;
	size_t i;

	CHECK(played.slot, "no memory");
	check_starts(plan, &starts);
	for (i = 0; i < plan->start_count; i++)
		played_fill(&played, &played.slot[i], plan->starts[i].order);
	played.peak = played.live;
	for (i = 0; i < plan->op_count; i++) {
		CHECK(plan->ops[i].slot < plan->slots, "slot %u of %u", plan->ops[i].slot, plan->slots);
		play_op(&played, &plan->ops[i]);
		if (played.live > played.peak) {
			played.peak = played.live;
			played.peak_op = i;
		}
	}
	CHECK(played.live == counts->end_frames, "%" PRIu64 " frames at the end, not %" PRIu64, played.live, counts->end_frames);
	CHECK(starts == counts->start_frames, "%" PRIu64 " frames at the start, not %" PRIu64, starts, counts->start_frames);
	CHECK(played.peak == counts->peak_frames, "the peak is %" PRIu64 ", not %" PRIu64, played.peak, counts->peak_frames);
	CHECK(played.peak_op == counts->peak_op, "the peak is at %" PRIu64 ", not %" PRIu64, played.peak_op, counts->peak_op);
	CHECK(plan->slots == plan->start_count + played.allocs && played.allocs == counts->allocs, "%u slots", plan->slots);
	CHECK(counts->allocs + counts->frees + counts->too_large == events, "%" PRIu64 " events used", counts->allocs + counts->frees);
	CHECK(counts->frees_lost <= counts->frees_unmatched && counts->frees_unmatched <= counts->frees, "frees unmatched");
	CHECK(counts->pieces + counts->merged <= counts->frees && counts->atomic_allocs <= counts->allocs, "frees in pieces");
	free(played.slot);
}

#endif
